package conformance_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/conformance"
)

var update = flag.Bool("update", false, "write the table of docs/conformance.md")

// TestClauseTable holds the table of docs/conformance.md to Clauses.
func TestClauseTable(t *testing.T) {
	const file, begin, end = "../docs/conformance.md", "<!-- clauses -->\n", "<!-- end -->"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	table, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		t.Fatalf("%s has no place for the table between %q and %q", file, begin, end)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nOf the draft at commit `%s`.\n\n| clause | level | section | what it says |\n|---|---|---|---|\n", conformance.Draft)
	for _, c := range conformance.Clauses() {
		said := c.Text
		if c.Unseen != "" {
			said += " *Not observable: " + c.Unseen + ".*"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.ID, c.Level, c.Section, said)
	}
	b.WriteString("\n")
	if table == b.String() {
		return
	}
	if !*update {
		t.Fatalf("the table of %s is not that of Clauses: go test ./conformance -run TestClauseTable -update", file)
	}
	if err := os.WriteFile(file, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
