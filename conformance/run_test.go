package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/conformance"
	"github.com/hawser-go/hawser/conformance/wrongpeer"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
)

// check runs the checker against a peer with one wrongness, in a bubble.
func check(t *testing.T, wrong string, d wire.Dialect, cfg *conformance.Config) (report conformance.Report) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := mem.New(&mem.Config{Delay: time.Millisecond})
		defer network.Close()
		peer := wrongpeer.Start(network.Host(mem.HostConfig{Name: "peer"}), wrongpeer.Config{Wrong: wrong, Dialect: &d})
		defer peer.Close()
		parties := 0
		target := conformance.Target{
			Peer: peer.Location(),
			Open: func() (netlayer.Netlayer, error) {
				parties++
				return network.Host(mem.HostConfig{Name: fmt.Sprintf("checker-%d", parties)}), nil
			},
		}
		var err error
		report, err = conformance.Run(context.Background(), target, cfg)
		if err != nil {
			t.Error(err)
		}
	})
	return report
}

// names returns the names of all checks with a verdict.
func names(report conformance.Report, v conformance.Verdict) (all []string) {
	for _, result := range report.Results {
		for _, c := range result.Checks {
			if c.Verdict == v {
				all = append(all, c.Name)
			}
		}
	}
	return all
}

func TestRightPeer(t *testing.T) {
	for _, d := range []wire.Dialect{wire.Hawser, wire.OCapN10, wire.Suite202602, wire.SuiteBranch} {
		t.Run(d.Name, func(t *testing.T) {
			report := check(t, "", d, &conformance.Config{Dialect: &d})
			for _, result := range report.Results {
				for _, c := range result.Checks {
					want := conformance.Pass
					if slices.Contains([]string{"get", "index", "untag"}, result.Clause.ID[:len(result.Clause.ID)-2]) && d.NoSelection {
						want = conformance.Unsupported
					}
					if c.Verdict != want {
						t.Errorf("%s %s: %s, want %s: %s", result.Clause.ID, c.Name, c.Verdict, want, c.Detail)
					}
				}
			}
		})
	}
}

// TestWrongPeers shows that each check can fail, and that it fails alone. Under the
// race detector, which makes ten times as much of it, only the clause of the check
// is looked at.
func TestWrongPeers(t *testing.T) {
	right := check(t, "", wire.OCapN10, nil)
	all := names(right, conformance.Pass)
	clause := map[string]string{}
	for _, result := range right.Results {
		for _, c := range result.Checks {
			clause[c.Name] = result.Clause.ID
		}
	}
	if len(all) < 100 {
		t.Fatalf("%d checks pass, want all of them, more than 100", len(all))
	}
	for _, wrong := range all {
		t.Run(wrong, func(t *testing.T) {
			t.Parallel()
			cfg := &conformance.Config{}
			switch {
			case !underRace:
			case wrong == "messages-can-be-read": // which looks back on the others
				cfg.Only = []string{"deliver-6", clause[wrong]}
			default:
				cfg.Only = []string{clause[wrong]}
			}
			report := check(t, wrong, wire.OCapN10, cfg)
			if failed := names(report, conformance.Fail); !slices.Equal(failed, []string{wrong}) {
				t.Errorf("failed: %v, want that one only", failed)
			}
			if report.Count(conformance.Fail) != 1 || report.OK() {
				t.Errorf("%d clauses failed, OK is %v", report.Count(conformance.Fail), report.OK())
			}
		})
	}
}

// TestWrongOtherwise is of peers that break a rule in another way than the wrong peer
// of its check, one that is easily taken for right. Of such a peer other checks may
// fail as well.
func TestWrongOtherwise(t *testing.T) {
	for variant, clause := range map[string]string{
		"fetch/another-object":               "bootstrap-2",
		"fulfill-has-one-argument/listeners": "promise-1",
		"break-has-one-argument/listeners":   "promise-2",
		"answer-given-up/none":               "gc-3",
		"one-receipt/twice":                  "gc-1",
		"receipts-of-one-message/around":     "gc-1",
		"crossed-hellos-ours-wins/neither":   "start-7",
		"crossed-hellos-theirs-wins/neither": "start-7",
		"nothing-after-abort/open":           "abort-1",
		"garbage/later":                      "hostile-1",
		"many-values/later":                  "hostile-2",
	} {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			name, _, _ := strings.Cut(variant, "/")
			report := check(t, variant, wire.OCapN10, &conformance.Config{Only: []string{clause}})
			if failed := names(report, conformance.Fail); !slices.Contains(failed, name) {
				t.Errorf("failed: %v, want %s among them", failed, name)
			}
		})
	}
}

func TestClauses(t *testing.T) {
	checked := map[string]bool{}
	for _, result := range check(t, "", wire.OCapN10, nil).Results {
		checked[result.Clause.ID] = len(result.Checks) > 0
	}
	seen := map[string]bool{}
	for _, c := range conformance.Clauses() {
		switch {
		case c.ID == "" || c.Section == "" || c.Text == "" || c.Level == "" || seen[c.ID]:
			t.Errorf("clause %+v lacks something, or its ID is used twice", c)
		case checked[c.ID] != (c.Unseen == ""):
			t.Errorf("clause %s: has checks is %v, and it cannot be seen because of %q", c.ID, checked[c.ID], c.Unseen)
		}
		seen[c.ID] = true
	}
	if conformance.Clauses()[0].ID = "mine"; conformance.Clauses()[0].ID == "mine" {
		t.Error("Clauses hands out its own slice")
	}
}

func TestOnly(t *testing.T) {
	report := check(t, "", wire.OCapN10, &conformance.Config{Only: []string{"gc-1"}})
	if len(report.Results) != 1 || report.Results[0].Clause.ID != "gc-1" || report.Results[0].Verdict != conformance.Pass {
		t.Errorf("%+v, want a pass of gc-1 and nothing else", report.Results)
	}
}

func TestArguments(t *testing.T) {
	open := func() (netlayer.Netlayer, error) { return nil, errors.New("no network") }
	target := conformance.Target{Open: open}
	target.Peer.Transport, target.Peer.Designator = "mem", "peer"
	for name, f := range map[string]func() (conformance.Report, error){
		"no target": func() (conformance.Report, error) { return conformance.Run(t.Context(), conformance.Target{}, nil) },
		"negative": func() (conformance.Report, error) {
			return conformance.Run(t.Context(), target, &conformance.Config{Step: -1})
		},
		"no such clause": func() (conformance.Report, error) {
			return conformance.Run(t.Context(), target, &conformance.Config{Only: []string{"x-1"}})
		},
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	report, err := conformance.Run(t.Context(), target, nil)
	if err != nil || report.Count(conformance.Pass) != 0 || !report.OK() {
		t.Errorf("without a network: %v, %d passes, OK %v; want neither passes nor failures", err, report.Count(conformance.Pass), report.OK())
	}
}

func mustDialect(t *testing.T, name string) wire.Dialect {
	t.Helper()
	d, ok := wire.Named(name)
	if !ok {
		t.Fatalf("there is no dialect %s", name)
	}
	return d
}
