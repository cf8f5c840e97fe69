package photos_test

import (
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/hawser-go/hawser/examples/festival/photos"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

// FuzzInvitation reads lines that anybody may have written: what is taken reads as itself, and the rest is refused.
func FuzzInvitation(f *testing.F) {
	signer := ed25519.NewKeyFromSeed(make([]byte, 32))
	g, err := grant.Issue(signer, grant.Root{Object: grant.ObjectID{1}, Role: "reader"}, grant.Terms{Audience: grant.KeyOf(signer), Expires: time.Unix(1<<31, 0)})
	if err != nil {
		f.Fatal(err)
	}
	line := photos.Invitation{Grant: g, At: sturdyref.Peer{Transport: "hawser", Designator: "abc", Hints: map[string]string{"addr": "127.0.0.1:1"}}}.String()
	if _, err := photos.ParseInvitation(line); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{line, line[11:], line + " ", line[:len(line)/2], "invitation", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		i, err := photos.ParseInvitation(line)
		if err != nil {
			if !errors.Is(err, photos.ErrInvitation) {
				t.Error(err)
			}
			return
		}
		again, err := photos.ParseInvitation(i.String())
		if err != nil || again.String() != i.String() {
			t.Errorf("%q reads as %q, %v", line, i, err)
		}
	})
}
