package hawser_test

import (
	"os"
	"strings"
	"testing"
)

// TestReadmeCodeIsRun holds the README to its word: every Go block in it stands in an example that is a test.
func TestReadmeCodeIsRun(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(readme), "```go\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("the README shows no code")
	}
	for _, block := range blocks {
		code, _, ok := strings.Cut(block, "```")
		if !ok {
			t.Fatal("a code block does not end")
		}
		if !strings.Contains(string(example), code) {
			t.Errorf("not in example_test.go, letter for letter:\n%s", code)
		}
	}
}
