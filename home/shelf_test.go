package home_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/vat"
)

// TestShelf has live references of an earlier process brought back, some of them before there is a Home. They count as having
// led somewhere: the peer may be starting, too.
func TestShelf(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		b := join(t, n, "b", identity(t), nil)
		defer b.leave()
		s := b.keep(&diary{})
		if err := b.Unpublish(t.Context(), "diary"); err != nil {
			t.Fatal(err)
		}
		shelf := home.NewShelf(captp.Limits{})
		key := shelf.Key(s)
		for _, other := range [][]byte{nil, make([]byte, 25), []byte("live\x00"), append([]byte("live\x00"), make([]byte, 20)...), append([]byte("dead\x00"), key...)} {
			if _, ok := shelf.Revive(other); ok {
				t.Errorf("%q is taken for a live reference", other)
			}
		}
		if r, ok := shelf.Revive(append([]byte("live\x00"), slices.Repeat([]byte("x"), 100)...)); !ok || !r.IsNull() {
			t.Errorf("a key that is damaged leads to %v", r)
		}
		early, ok := shelf.Revive(key)
		if !ok {
			t.Fatal("the key is none")
		}
		waits := early.Send(t.Context(), "tell", 1)
		a := join(t, n, "a", identity(t), func(c *home.Config) { c.Shelf = shelf })
		time.Sleep(30 * time.Second)
		late, ok := shelf.Revive(key)
		if !ok {
			t.Fatal("the key is none any more")
		}
		waitsToo := late.Send(t.Context(), "tell", 2)
		time.Sleep(30 * time.Second)
		d := &diary{}
		b.again(s, d)
		for _, w := range []vat.Ref{waits, waitsToo, late.Send(t.Context(), "tell", 3)} {
			if err := outcome(w); err != nil {
				t.Error(err)
			}
		}
		if got := d.all(); len(got) != 3 {
			t.Errorf("the object got %v", got)
		}
		if vat.Present(early) != vat.Present(late) {
			t.Error("they lead to two objects")
		}
		a.leave()
		after, ok := shelf.Revive(key)
		if !ok {
			t.Fatal("the key is none after Close")
		}
		if err := outcome(after.Send(t.Context(), "tell", 4)); err == nil || errors.Is(err, vat.ErrOverloaded) {
			t.Errorf("after Close: %v", err)
		}
	})
}
