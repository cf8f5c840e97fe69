package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hawser-go/hawser/vat"
)

// What is said around an error with a code is not lost.
func TestWords(t *testing.T) {
	t.Parallel()
	coded := vat.NewError("x.silent", "there is\x1b no answer")
	for want, err := range map[string]error{
		"no file":                             errors.New("no file"),
		"no\ufffd file":                       errors.New("no\x1b file"),
		"there is\ufffd no answer (x.silent)": coded,
		"taken back, but not known: there is\ufffd no answer (x.silent)": fmt.Errorf("taken back, but not known: %w", coded),
		"first there is\ufffd no answer (x.silent)":                      errors.Join(errors.New("first"), coded),
	} {
		if got := words(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
