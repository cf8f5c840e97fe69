package conformance_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/conformance"
)

var sample = conformance.Report{
	Peer: "ocapn://peer.tcp-testing-only", Dialect: "ocapn-1.0", Draft: conformance.Draft,
	Started: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), Took: 1500 * time.Millisecond,
	Results: []conformance.Result{
		{
			Clause: conformance.Clause{ID: "a-1", Section: "A", Level: conformance.Must, Text: "It is so."}, Verdict: conformance.Pass,
			Checks: []conformance.CheckResult{{Name: "so", Verdict: conformance.Pass, Took: time.Second}},
		},
		{
			Clause: conformance.Clause{ID: "a-2", Section: "A", Level: conformance.Should, Text: "It is not <so>."}, Verdict: conformance.Fail,
			Detail: "not-so: it is", Checks: []conformance.CheckResult{
				{Name: "not-so", Verdict: conformance.Fail, Detail: "it is"},
				{Name: "not-so-either", Verdict: conformance.NotReached, Detail: "no time"},
			},
		},
		{
			Clause:  conformance.Clause{ID: "b-1", Section: "B", Level: conformance.Must, Text: "Nobody knows.", Unseen: "it is dark"},
			Verdict: conformance.NotObservable, Detail: "it is dark",
		},
	},
}

func TestWriteText(t *testing.T) {
	var b bytes.Buffer
	if err := sample.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	const want = `OCapN conformance of ocapn://peer.tcp-testing-only
draft ` + conformance.Draft + `, first dialect ocapn-1.0

pass            a-1           must    It is so.
fail            a-2           should  It is not <so>.
                not-so: it is
not observable  b-1           must    Nobody knows.
                it is dark

1 pass, 1 fail, 0 unsupported, 0 not reached, 1 not observable, in 1.5s
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", &b, want)
	}
}

func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	if err := sample.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	clauses := got["clauses"].([]any)
	second := clauses[1].(map[string]any)
	if len(clauses) != 3 || second["id"] != "a-2" || second["verdict"] != "fail" || len(second["checks"].([]any)) != 2 ||
		got["draft"] != conformance.Draft || got["counts"].(map[string]any)["not observable"] != 1.0 || got["ms"] != 1500.0 {
		t.Errorf("%s", &b)
	}
}

func TestWriteJUnit(t *testing.T) {
	var b bytes.Buffer
	if err := sample.WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	dec := xml.NewDecoder(bytes.NewReader(b.Bytes()))
	cases := 0
	for {
		token, err := dec.Token()
		if err != nil {
			break
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "testcase" {
			cases++
		}
	}
	for _, want := range []string{`tests="4"`, `failures="1"`, `errors="0"`, `skipped="2"`, `<failure message="it is">`, `<skipped message="not reached: no time">`, `classname="a-2" name="not-so"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in:\n%s", want, &b)
		}
	}
	if cases != 4 {
		t.Errorf("%d test cases, want 4", cases)
	}
}

// TestNotConclusive: a run that has not met the peer, or not got far with it, is no good run.
func TestNotConclusive(t *testing.T) {
	if !sample.Conclusive() {
		t.Error("a clause failed, and that is not conclusive")
	}
	nothing := sample
	nothing.Results = []conformance.Result{
		{Clause: conformance.Clause{ID: "a-1"}, Verdict: conformance.NotReached, Checks: []conformance.CheckResult{{Name: "so", Verdict: conformance.NotReached}}},
		sample.Results[2],
	}
	var b bytes.Buffer
	if err := nothing.WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	if nothing.Conclusive() || !nothing.OK() || !strings.Contains(b.String(), `errors="1"`) || !strings.Contains(b.String(), `<error message=`) {
		t.Errorf("Conclusive is %v, OK %v:\n%s", nothing.Conclusive(), nothing.OK(), &b)
	}
	b.Reset()
	if err := nothing.WriteText(&b); err != nil || !strings.HasSuffix(b.String(), "not conclusive: no clause failed, but 1 of 2 were not reached\n") {
		t.Errorf("%v:\n%s", err, &b)
	}
}

// TestVerdictOfClause shows which check decides about a clause.
func TestVerdictOfClause(t *testing.T) {
	report := check(t, "fetch", mustDialect(t, "ocapn-1.0"), nil)
	for _, want := range []struct {
		id string
		v  conformance.Verdict
	}{{"session-2", conformance.Pass}, {"bootstrap-2", conformance.Fail}, {"deliver-1", conformance.NotReached}, {"abort-2", conformance.NotObservable}} {
		for _, result := range report.Results {
			if result.Clause.ID == want.id && (result.Verdict != want.v || (want.v != conformance.Pass) != (result.Detail != "")) {
				t.Errorf("%s: %s (%s), want %s", want.id, result.Verdict, result.Detail, want.v)
			}
		}
	}
}
