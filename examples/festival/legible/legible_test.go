package legible_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/examples/festival/legible"
	"github.com/hawser-go/hawser/vat"
)

func TestTexts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Foghorn Choir":                   "",
		"Café — naïve 日本語 עברית":          "",
		"می\u200cخواهم":                   "", // Persian
		"👩\u200d🎤":                        "",
		"one\ntwo":                        "one line",
		"a\tb":                            "one line",
		" blank":                          "blanks",
		"":                                "missing",
		strings.Repeat("x", 21):           "longer than 20 bytes",
		"a\x00b":                          "U+0000",
		"a\x1b[2J":                        "U+001B",
		"a\u202eb":                        "U+202E",
		"a\u200bb":                        "U+200B",
		"\xff":                            "UTF-8",
		"z" + strings.Repeat("\u0301", 5): "marks",
	} {
		max := 20
		if want == "" {
			max = 100
		}
		err := legible.Line(text, 1, max)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if err := legible.Text("one\n\ttwo", 20); err != nil {
		t.Error(err)
	}
}

// What others give as a reason is shown if it can be.
func TestReason(t *testing.T) {
	t.Parallel()
	const not = "refused, for a reason that cannot be shown"
	for err, want := range map[error]string{
		errors.New("it is full"):                                          "it is full",
		vat.NewError("x", "it is full"):                                   "it is full",
		fmt.Errorf("asked: %w", vat.NewError("x", "it is full")):          "it is full",
		errors.New(""):                                                    not,
		errors.New("a\nb"):                                                not,
		vat.NewError("x", "\x1b[2J"):                                      not,
		vat.NewError("x", "it is a reason that is longer than it may be"): not,
	} {
		if got := legible.Reason(err, 20); got != want {
			t.Errorf("%q: %q", err, got)
		}
	}
}
