package hawser_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The 34 pitfalls of docs/pitfalls.md: each has a test whose comment begins with its number, or several, as in "T2, T30: ..." or "T24, between nodes: ...".
const pitfalls = 34

var (
	pitfallsOfComment = regexp.MustCompile(`^((?:T[1-9][0-9]?, )*T[1-9][0-9]?)(?:, [a-z][^:]*)?: `)
	pitfallsOfName    = regexp.MustCompile(`T([0-9]{2})`)
	pitfallRow        = regexp.MustCompile(`(?m)^\| T([0-9]+) \|.*\| ([^|]*) \|$`)
	testOfRow         = regexp.MustCompile("`([^`]+)`")
)

// numbersOf returns the numbers that a test names in its comment.
func numbersOf(comment string) (all []int) {
	m := pitfallsOfComment.FindStringSubmatch(comment)
	if m == nil {
		return nil
	}
	for n := range strings.SplitSeq(m[1], ", ") {
		if i, err := strconv.Atoi(n[1:]); err == nil {
			all = append(all, i)
		}
	}
	return all
}

// testsOf returns the tests of this module, by package and name, with the numbers that they name.
func testsOf(t *testing.T) map[string][]int {
	t.Helper()
	all := make(map[string][]int)
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), s.path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		pkg := s.pkg
		if pkg == "." {
			pkg = s.name
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
				continue
			}
			all[pkg+"."+f.Name.Name] = numbersOf(f.Doc.Text())
		}
	}
	return all
}

// pitfallFaults says what is wrong with tests, and with the page about them.
func pitfallFaults(tests map[string][]int, page string) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	named := make(map[int]bool)
	for test, numbers := range tests {
		for _, n := range numbers {
			named[n] = true
			if n > pitfalls {
				fault("%s: there is no pitfall T%d", test, n)
			}
		}
		for _, m := range pitfallsOfName.FindAllStringSubmatch(test, -1) {
			if n, _ := strconv.Atoi(m[1]); !slices.Contains(numbers, n) {
				fault("%s has T%d in its name, and its comment does not begin with that: write // T%d: ...", test, n, n)
			}
		}
	}
	rows := make(map[int]bool)
	for _, row := range pitfallRow.FindAllStringSubmatch(page, -1) {
		n, _ := strconv.Atoi(row[1])
		rows[n] = true
		listed := testOfRow.FindAllStringSubmatch(row[2], -1)
		if len(listed) == 0 {
			fault("docs/pitfalls.md names no test for T%d", n)
		}
		for _, m := range listed {
			switch numbers, ok := tests[m[1]]; {
			case !ok:
				fault("docs/pitfalls.md names %s for T%d: there is no such test", m[1], n)
			case !slices.Contains(numbers, n):
				fault("docs/pitfalls.md names %s for T%d, and its comment does not begin with that: write // T%d: ...", m[1], n, n)
			}
		}
	}
	for n := 1; n <= pitfalls; n++ {
		if !named[n] {
			fault("no test is about T%d: begin the comment of the one that is with // T%d: ...", n, n)
		}
		if !rows[n] {
			fault("docs/pitfalls.md has no row for T%d", n)
		}
	}
	return faults
}

// TestHousePitfalls asks for a test of each pitfall, and that docs/pitfalls.md names tests that are there and are about it.
func TestHousePitfalls(t *testing.T) {
	tests, page := testsOf(t), read(t, "docs/pitfalls.md")
	for _, f := range pitfallFaults(tests, page) {
		t.Error(f)
	}
	// The check can fail.
	const victim = "warden.TestT19Turn"
	for what, c := range map[string]struct {
		change func(map[string][]int)
		page   string
	}{
		"a number without a test":  {func(m map[string][]int) { m["internal/noisehs.TestNoRetry"] = nil }, page},
		"a test that is not there": {func(m map[string][]int) { delete(m, victim) }, page},
		"one about something else": {func(m map[string][]int) { m[victim] = []int{20} }, page},
		"a number too many":        {func(m map[string][]int) { m["x.TestY"] = []int{35} }, page},
		"a name without a comment": {func(m map[string][]int) { m["x.TestT07Y"] = nil }, page},
		"a row that is missing":    {func(map[string][]int) {}, strings.Replace(page, "| T31 |", "| X |", 1)},
		"a row without a test":     {func(map[string][]int) {}, strings.Replace(page, "`internal/noisehs.TestNoRetry`", "none", 1)},
	} {
		changed := make(map[string][]int, len(tests))
		for name, numbers := range tests {
			changed[name] = numbers
		}
		c.change(changed)
		if len(pitfallFaults(changed, c.page)) == 0 {
			t.Errorf("%s is not noticed", what)
		}
	}
}
