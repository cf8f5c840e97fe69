package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/conformance/wrongpeer"
	"github.com/hawser-go/hawser/sturdyref"
)

// serve starts a peer on a real socket and returns its locator.
func serve(t *testing.T, wrong string) string {
	t.Helper()
	return serveOn(t, networks[0], wrong)
}

func serveOn(t *testing.T, on network, wrong string) string {
	t.Helper()
	n, err := on.open("127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	peer := wrongpeer.Start(n, wrongpeer.Config{Wrong: wrong, Dialect: on.dialect})
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
		{"no peer", []string{"--step=1s", "--only=gc-1", "ocapn://nobody.tcp-testing-only?host=127.0.0.1&port=1"}, 1, "1 not reached"},
		{"no such clause", []string{right, "--only", "x-1"}, 2, `there is no clause "x-1"`},
		{"no such dialect", []string{right, "--dialect", "klingon"}, 2, `there is no dialect "klingon"`},
		{"no such format", []string{right, "--format", "pdf"}, 2, `there is no format "pdf"`},
		{"no such transport", []string{"ocapn://abc.onion"}, 2, `transport "onion"`},
		{"no such netlayer", []string{right, "--netlayer", "pigeon"}, 2, `there is no netlayer "pigeon"`},
		{"a netlayer of another transport", []string{right, "--netlayer", "noisetcp"}, 2, `noisetcp is not for the transport "tcp-testing-only"`},
		{"a locator without an address", []string{"ocapn://abc.hawser?door=x"}, 2, "want ocapn://KEY.hawser?addr=HOST:PORT or ocapn://KEY.hawser?tcp=HOST:PORT"},
		{"an address for another netlayer", []string{"ocapn://abc.hawser?addr=127.0.0.1:1", "--netlayer=noisetcp"}, 2, "want ocapn://KEY.hawser?tcp=HOST:PORT"},
		{"framed where nothing else is", []string{"--framed", "ocapn://abc.websocket?url=ws://127.0.0.1:1"}, 2, "--framed is about"},
		{"no locator", []string{"hello"}, 2, "hawser: "},
		{"two locators", []string{right, right}, 2, "more arguments"},
		{"nothing", nil, 2, "usage:"},
		{"help", []string{"--help"}, 0, "usage:"},
		{"no time", []string{right, "--step=-1s"}, 2, "--timeout and --step are times"},
		{"no such flag", []string{right, "--json"}, 2, "usage:"},
		{"no such place", []string{right, "--listen", "127.0.0.1:80"}, 2, "see --listen"},
		{"a place for whom nobody finds", []string{"--listen=0.0.0.0", "ocapn://abc.websocket?url=ws://127.0.0.1:1"}, 2, "see --listen"},
		{"the URL of a page", []string{"https://example.com"}, 2, "ocapn://"},
		{"an address alone", []string{"127.0.0.1:22045"}, 2, "ocapn://"},
		{"the locator of an object", []string{"ocapn://abc.tcp-testing-only/s/abc?host=127.0.0.1&port=1"}, 2, "not the locator of a peer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			status := run(append([]string{"conformance"}, c.args...), &out, &out)
			if status != c.status || !strings.Contains(out.String(), c.want) {
				t.Errorf("status %d, want %d, and %q in:\n%s", status, c.status, c.want, &out)
			}
		})
	}
	for args, want := range map[string]int{"dance": 2, "": 2, "help": 0, "--help": 0} {
		if status := run(strings.Fields(args), &bytes.Buffer{}, &bytes.Buffer{}); status != want {
			t.Errorf("%q: status %d, want %d", args, status, want)
		}
	}
	var errs bytes.Buffer
	if status := run([]string{"conformance", "--only=deliver-1", right}, full{}, &errs); status != 1 || !strings.Contains(errs.String(), "could not be written") {
		t.Errorf("where nothing can be written: status %d, %q", status, &errs)
	}
}

// full is a file that nothing fits into.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestNetworkOf: which of two netlayers of one transport it is stands in the hints.
func TestNetworkOf(t *testing.T) {
	for hints, want := range map[string]string{
		"addr=h:1": "noisequic", "tcp=h:1": "noisetcp", "tcp2=h:1": "noisetcp", "addr=h:1&tcp=h:1": "noisequic", "address=h:1": "", "": "",
	} {
		peer, err := sturdyref.ParsePeer("ocapn://" + sturdyref.Designator([32]byte{1}) + ".hawser" + strings.TrimSuffix("?"+hints, "?"))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := networkOf(peer, ""); n.name != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", hints, n.name, err, want)
		}
		n, err := networkOf(peer, "noisetcp")
		if has := strings.Contains(hints, "tcp"); (err == nil) != has || has && n.name != "noisetcp" {
			t.Errorf("%q over TCP: %q, %v", hints, n.name, err)
		}
	}
}

// outcome is a report as far as it is looked at here.
type outcome struct {
	Draft   string         `json:"draft"`
	Counts  map[string]int `json:"counts"`
	Clauses []struct {
		ID, Verdict, Detail string
	} `json:"clauses"`
}

func wholeRun(t *testing.T, args ...string) (report outcome, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(append([]string{"conformance", "--format=json"}, args...), &out, &errs)
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || errs.Len() > 0 {
		t.Fatalf("%v, %s", err, &errs)
	}
	return report, status
}

// TestWrongPeersOverWebSocket: what is seen to be wrong on tcptest is so on a network
// where a dialler is not believed, and nothing else.
func TestWrongPeersOverWebSocket(t *testing.T) {
	for wrong, clause := range map[string]string{
		"fetch-unknown": "bootstrap-3", "give-is-signed": "handoff-3", "receive-is-signed": "handoff-5",
		"end-breaks-promises": "abort-3", "location-sent": "locator-1",
	} {
		t.Run(wrong, func(t *testing.T) {
			t.Parallel()
			report, status := wholeRun(t, "--step=3s", serveOn(t, networks[1], wrong))
			if status != 1 || report.Counts["fail"] != 1 {
				t.Errorf("status %d, %v", status, report.Counts)
			}
			for _, c := range report.Clauses {
				if (c.Verdict == "fail") != (c.ID == clause) {
					t.Errorf("%s: %s: %s", c.ID, c.Verdict, c.Detail)
				}
			}
		})
	}
}

// TestWholeRun is the whole check over real sockets.
func TestWholeRun(t *testing.T) {
	report, status := wholeRun(t, serve(t, ""))
	if status != 0 {
		t.Errorf("status %d", status)
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
