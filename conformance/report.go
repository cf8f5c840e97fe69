package conformance

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// Verdict is what became of a check or a clause.
type Verdict string

// The verdicts; see the package comment.
const (
	Pass          Verdict = "pass"
	Fail          Verdict = "fail"
	Unsupported   Verdict = "unsupported"
	NotReached    Verdict = "not reached"
	NotObservable Verdict = "not observable"
)

var verdicts = []Verdict{Pass, Fail, Unsupported, NotReached, NotObservable}

// CheckResult is the outcome of one check.
type CheckResult struct {
	Name    string
	Verdict Verdict
	Detail  string // what was seen, one line; "" for a pass
	Took    time.Duration
}

// Result is the outcome of one clause: a failure if one of its checks failed;
// otherwise not reached, or unsupported, if one of them was that; otherwise a pass
// if one of them passed. If none did, or there is none, it is not observable.
type Result struct {
	Clause  Clause
	Verdict Verdict
	Detail  string // of the check that decided, or of one that is not observable
	Checks  []CheckResult
}

// Report is the outcome of a run.
type Report struct {
	Peer    string // its locator, without what is secret in its hints
	Dialect string // in which the checker started
	Draft   string // the commit of the draft
	Started time.Time
	Took    time.Duration
	Results []Result // by clause, in the order of Clauses
}

func summarize(clause Clause, results []CheckResult) Result {
	r := Result{Clause: clause, Verdict: NotObservable, Detail: clause.Unseen, Checks: results}
	rank := map[Verdict]int{NotObservable: 0, Pass: 1, Unsupported: 2, NotReached: 3, Fail: 4}
	for _, c := range results {
		if rank[c.Verdict] > rank[r.Verdict] {
			r.Verdict, r.Detail = c.Verdict, ""
		}
		if c.Detail != "" && r.Detail == "" && (c.Verdict == r.Verdict || r.Verdict == Pass) {
			r.Detail = c.Name + ": " + c.Detail
		}
	}
	return r
}

// Count returns how many clauses have a verdict.
func (r Report) Count(v Verdict) int {
	n := 0
	for _, result := range r.Results {
		if result.Verdict == v {
			n++
		}
	}
	return n
}

// OK reports whether no clause failed.
func (r Report) OK() bool { return r.Count(Fail) == 0 }

// Conclusive reports whether the run has shown what is to be said of the peer: a
// clause failed, or each that was asked for was reached. A run that is not OK and
// Conclusive is none to rely on.
func (r Report) Conclusive() bool { return !r.OK() || r.Count(NotReached) == 0 }

// WriteText writes a table of one line for each clause, and a summary.
func (r Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "OCapN conformance of %s\ndraft %s, first dialect %s\n\n", r.Peer, r.Draft, r.Dialect)
	for _, result := range r.Results {
		fmt.Fprintf(&b, "%-14s  %-12s  %-6s  %s\n", result.Verdict, result.Clause.ID, result.Clause.Level, result.Clause.Text)
		if result.Detail != "" {
			fmt.Fprintf(&b, "%16s%s\n", "", result.Detail)
		}
	}
	b.WriteString("\n")
	for i, v := range verdicts {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d %s", r.Count(v), v)
	}
	fmt.Fprintf(&b, ", in %s\n", r.Took.Round(time.Millisecond))
	if !r.Conclusive() {
		fmt.Fprintf(&b, "not conclusive: %s\n", r.missed())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

type jsonCheck struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail,omitempty"`
	Millis  int64   `json:"ms"`
}

type jsonResult struct {
	ID      string      `json:"id"`
	Section string      `json:"section"`
	Level   Level       `json:"level"`
	Text    string      `json:"text"`
	Verdict Verdict     `json:"verdict"`
	Detail  string      `json:"detail,omitempty"`
	Checks  []jsonCheck `json:"checks"`
}

// WriteJSON writes the report as one JSON object: peer, dialect, draft, started,
// ms, counts by verdict, and clauses.
func (r Report) WriteJSON(w io.Writer) error {
	out := struct {
		Peer    string          `json:"peer"`
		Dialect string          `json:"dialect"`
		Draft   string          `json:"draft"`
		Started time.Time       `json:"started"`
		Millis  int64           `json:"ms"`
		Counts  map[Verdict]int `json:"counts"`
		Clauses []jsonResult    `json:"clauses"`
	}{r.Peer, r.Dialect, r.Draft, r.Started.UTC(), r.Took.Milliseconds(), map[Verdict]int{}, []jsonResult{}}
	for _, v := range verdicts {
		out.Counts[v] = r.Count(v)
	}
	for _, result := range r.Results {
		c := result.Clause
		j := jsonResult{c.ID, c.Section, c.Level, c.Text, result.Verdict, result.Detail, []jsonCheck{}}
		for _, chk := range result.Checks {
			j.Checks = append(j.Checks, jsonCheck{chk.Name, chk.Verdict, chk.Detail, chk.Took.Milliseconds()})
		}
		out.Clauses = append(out.Clauses, j)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

type junitNote struct {
	Message string `xml:"message,attr"`
}

type junitCase struct {
	Class   string     `xml:"classname,attr"`
	Name    string     `xml:"name,attr"`
	Time    string     `xml:"time,attr"`
	Error   *junitNote `xml:"error,omitempty"`
	Failure *junitNote `xml:"failure,omitempty"`
	Skipped *junitNote `xml:"skipped,omitempty"`
}

// WriteJUnit writes the report as one JUnit test suite: a test case for each
// check, named after it and classed by its clause. Every verdict that is neither
// pass nor fail is a skipped case. In a report that is not Conclusive one case more is
// in error, since readers take a suite without failures for a good one.
func (r Report) WriteJUnit(w io.Writer) error {
	suite := struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Stamp    string      `xml:"timestamp,attr"`
		Cases    []junitCase `xml:"testcase"`
	}{Name: "OCapN " + Draft[:7] + " " + r.Peer, Time: seconds(r.Took), Stamp: r.Started.UTC().Format("2006-01-02T15:04:05")}
	add := func(class, name string, v Verdict, detail string, took time.Duration) {
		c := junitCase{Class: class, Name: name, Time: seconds(took)}
		switch v {
		case Pass:
		case Fail:
			c.Failure = &junitNote{detail}
			suite.Failures++
		default:
			c.Skipped = &junitNote{string(v) + ": " + detail}
			suite.Skipped++
		}
		suite.Tests++
		suite.Cases = append(suite.Cases, c)
	}
	for _, result := range r.Results {
		if len(result.Checks) == 0 {
			add(result.Clause.ID, result.Clause.ID, result.Verdict, result.Detail, 0)
		}
		for _, chk := range result.Checks {
			add(result.Clause.ID, chk.Name, chk.Verdict, chk.Detail, chk.Took)
		}
	}
	if !r.Conclusive() {
		suite.Tests++
		suite.Errors++
		suite.Cases = append(suite.Cases, junitCase{Class: "conformance", Name: "conclusive", Time: seconds(0), Error: &junitNote{r.missed()}})
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// missed says in what a report is not conclusive.
func (r Report) missed() string {
	return fmt.Sprintf("no clause failed, but %d of %d were not reached", r.Count(NotReached), len(r.Results))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
