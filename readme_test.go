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
	var examples string
	for _, name := range []string{"example_test.go", "example_durable_test.go", "example_lasting_test.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		examples += string(b)
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
		if !strings.Contains(examples, code) {
			t.Errorf("not in an example, letter for letter:\n%s", code)
		}
	}
}
