package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/examples/festival/album"
)

// Why an album is shown as it was read before is said as it is.
func TestAsItWasRead(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"! you are not a reader of this album": hawser.ErrGrantRefused,
		"! you are not a reader of this":       hawser.ErrGrantOver,
		"! its owner is away: ":                album.ErrSilent,
		"! what came as the album's list":      album.ErrList,
	} {
		if got := asBefore(album.AsReader, err); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, ": this is what you have read before") {
			t.Errorf("%v: %q", err, got)
		}
	}
}

// A photo's number may be typed as it is shown.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1 2 x.png": "[1 2] x.png", "1.2 x.png": "[1 2] x.png", " 1  2  a b.png": "[1 2] a b.png", "1 2": "[1 2] ", "1 2.png": "", "1": "", "1.": "", "a.b x": "", "-1 2": "", "1.2.3": "",
	} {
		all, rest, err := numbers(text, 2)
		if got := fmt.Sprint(all, " ", rest); (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if all, rest, err := numbers("1 ./x.png", 1); err != nil || all[0] != 1 || rest != "./x.png" {
		t.Error(all, rest, err)
	}
}
