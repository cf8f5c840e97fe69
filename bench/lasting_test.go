package main

import (
	"fmt"
	"testing"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/vat"
)

// A noted is a node as hawser.Open makes it of a directory, of whose store it is known what was written.
type noted struct {
	*home.Home
	*scribe
	depot *vat.Depot
}

func (n *noted) DurableVat(name string) (*vat.Vat, error) { return n.depot.Vat(name) }

func openNoted(t *testing.T, net *mem.Network, kinds ...vat.Kind) *noted {
	t.Helper()
	n := &noted{scribe: new(scribe)}
	own := vat.New(nil)
	s, err := store.Open(n.scribe)
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := captp.OpenLedger(s, captp.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if n.depot, err = vat.OpenDepot(s, vat.DepotConfig{Kinds: kinds, Outside: ledger}); err != nil {
		t.Fatal(err)
	}
	ledger.Use(n.depot)
	id, err := newIdentity()
	if err != nil {
		t.Fatal(err)
	}
	n.Home, err = home.New(home.Config{Identity: id, Vat: own, Ledger: ledger}, func(door netlayer.Doorkeeper) ([]home.Layer, error) {
		host := net.Host(mem.HostConfig{Static: id.Public().Static, Doorkeeper: door, Features: []string{
			home.FeatureFetchProof, captp.FeatureMovesQueues, captp.FeatureRelaysGifts, netlayer.FeatureResume, captp.FeatureLasts,
		}})
		linked, err := link.New(host, &link.Config{Store: s})
		return []home.Layer{{Netlayer: linked}}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	n.depot.Start()
	t.Cleanup(func() {
		for _, err := range []error{n.depot.Close(), n.Home.Close(), own.Close(), s.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return n
}

// The floor's batches are what nodes write, but for a few bytes that counters take, what says where something came from, and slots.
func TestLastingFloor(t *testing.T) {
	net := mem.New(nil)
	defer net.Close()
	a, b := openNoted(t, net, travelKind), openNoted(t, net, travelKind)
	outside := vat.New(nil)
	defer outside.Close()
	refs, end, err := abroad(outside, [2]place{a, b})
	if err != nil {
		t.Fatal(err)
	}
	const times = 2000
	for _, c := range []struct {
		name string
		run  func() error
		want [2][]*store.Batch
	}{
		{"chain", func() error { return chaining(refs[0], end, 1)(2*times, nil) }, [2][]*store.Batch{new(diary).hop(), new(diary).hop()}},
		{"call", func() error {
			for range times {
				if err := askOne(refs[0]); err != nil {
					return err
				}
			}
			return nil
		}, [2][]*store.Batch{append(new(diary).ask(), new(diary).told()), new(diary).reply()}},
	} {
		for _, n := range []*noted{a, b} {
			n.forget()
		}
		if err := c.run(); err != nil {
			t.Fatal(err)
		}
		for i, n := range []*noted{a, b} {
			n.check(t, fmt.Sprintf("%s, node %d", c.name, i), c.want[i], times)
		}
	}
}

func (n *noted) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.batches = nil
}

// check looks for each batch among those that were written, at least half of so many times, and for at most half as many again: what
// the peer releases is noted with one of them, with another, or by itself, as it comes.
func (n *noted) check(t *testing.T, name string, want []*store.Batch, times int) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	others, found := make(map[string]int), make([]int, len(want))
next:
	for _, b := range n.batches {
		where, size := shape(b)
		for i, w := range want {
			if at, n := shape(w); at == where && max(n-size, size-n) <= 8 {
				found[i]++
				continue next
			}
		}
		others[fmt.Sprintf("%d bytes to %q", size, where)]++
	}
	for i, w := range want {
		if where, size := shape(w); found[i] < times/2 {
			t.Errorf("%s: %d of %d batches write %d bytes to %q as the floor does", name, found[i], times, size, where)
		}
	}
	if len(n.batches) > times*len(want)*3/2 {
		t.Errorf("%s: there are %d batches, the floor makes %d", name, len(n.batches), times*len(want))
	}
	for where, often := range others {
		if t.Failed() && often > times/10 {
			t.Logf("%s: %d batches that the floor does not make write %s", name, often, where)
		}
	}
}
