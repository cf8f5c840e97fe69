package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/conformance/wrongpeer"
	"github.com/hawser-go/hawser/netlayer/tcptest"
)

// serve starts a peer on a real socket and returns its locator.
func serve(t *testing.T, wrong string) string {
	t.Helper()
	n, err := tcptest.Open(&tcptest.Config{Designator: "peer", Linger: linger})
	if err != nil {
		t.Fatal(err)
	}
	peer := wrongpeer.Start(n, wrongpeer.Config{Wrong: wrong})
	t.Cleanup(peer.Close)
	return peer.Location().URI()
}

func TestConformance(t *testing.T) {
	right, wrong := serve(t, ""), serve(t, "fetch-unknown")
	for _, c := range []struct {
		name   string
		args   []string
		status int
		want   string
	}{
		{"a peer that keeps the rules", []string{right, "--only", "deliver-1,handoff-10"}, 0, "2 pass, 0 fail"},
		{"framed", []string{"--framed", "--only", "deliver-1", right}, 0, "1 pass"},
		{"another dialect", []string{"--dialect", "hawser", right, "--only", "listen-1"}, 0, "1 pass"},
		{"a wrong peer", []string{"--only=bootstrap-3", wrong}, 1, "fail            bootstrap-3"},
		{"no peer", []string{"--step=1s", "--only=gc-1", "ocapn://nobody.tcp-testing-only?host=127.0.0.1&port=1"}, 0, "1 not reached"},
		{"no such clause", []string{right, "--only", "x-1"}, 2, `there is no clause "x-1"`},
		{"no such dialect", []string{right, "--dialect", "klingon"}, 2, `there is no dialect "klingon"`},
		{"no such format", []string{right, "--format", "pdf"}, 2, `there is no format "pdf"`},
		{"no such transport", []string{"ocapn://abc.onion"}, 2, `transport "onion"`},
		{"no locator", []string{"hello"}, 2, "hawser: "},
		{"two locators", []string{right, right}, 2, "more arguments"},
		{"nothing", nil, 2, "usage:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			status := run(append([]string{"conformance"}, c.args...), &out, &out)
			if status != c.status || !strings.Contains(out.String(), c.want) {
				t.Errorf("status %d, want %d, and %q in:\n%s", status, c.status, c.want, &out)
			}
		})
	}
	if status := run([]string{"dance"}, &bytes.Buffer{}, &bytes.Buffer{}); status != 2 {
		t.Errorf("an unknown command: status %d, want 2", status)
	}
}

// TestWholeRun is the whole check over real sockets.
func TestWholeRun(t *testing.T) {
	var out, errs bytes.Buffer
	if status := run([]string{"conformance", "--format=json", serve(t, "")}, &out, &errs); status != 0 {
		t.Errorf("status %d: %s", status, &errs)
	}
	var report struct {
		Draft   string         `json:"draft"`
		Counts  map[string]int `json:"counts"`
		Clauses []struct {
			ID, Verdict, Detail string
		} `json:"clauses"`
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Clauses {
		if c.Verdict != "pass" && c.Verdict != "not observable" {
			t.Errorf("%s: %s: %s", c.ID, c.Verdict, c.Detail)
		}
	}
	if report.Draft == "" || report.Counts["pass"] < 60 {
		t.Errorf("draft %q, %d passes, want a commit and more than 60", report.Draft, report.Counts["pass"])
	}
}

func TestJUnit(t *testing.T) {
	var out bytes.Buffer
	if status := run([]string{"conformance", "--format=junit", "--only=bootstrap-3,deliver-8", serve(t, "fetch-unknown")}, &out, &out); status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Cases    []struct {
			Name    string    `xml:"name,attr"`
			Failure *struct{} `xml:"failure"`
		} `xml:"testcase"`
	}
	if err := xml.Unmarshal(out.Bytes(), &suite); err != nil {
		t.Fatal(err)
	}
	if suite.Tests != 3 || suite.Failures != 1 || suite.Skipped != 1 || suite.Cases[0].Name != "fetch-unknown" || suite.Cases[0].Failure == nil {
		t.Errorf("%+v\n%s", suite, &out)
	}
}
