package mailroom_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/hawser-go/hawser/mailroom"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/vat"
)

// opened is a box with one drop in a store of its own, and nobody who takes letters out.
func opened(tb testing.TB) (*store.Store, mailroom.BoxRef, mailroom.DropRef) {
	tb.Helper()
	s, err := store.Open(new(memory.Backend))
	if err != nil {
		tb.Fatal(err)
	}
	d, err := vat.OpenDepot(s, vat.DepotConfig{Kinds: mailroom.Kinds()})
	if err != nil {
		tb.Fatal(err)
	}
	outside := vat.New(nil)
	tb.Cleanup(func() { _, _, _ = outside.Close(), d.Close(), s.Close() })
	d.Start()
	v, err := d.Vat("mail")
	if err != nil {
		tb.Fatal(err)
	}
	ctx := context.Background()
	host, err := mailroom.Open(ctx, v)
	if err != nil {
		tb.Fatal(err)
	}
	dir := &directory{refs: make(map[string]vat.Ref)}
	must(tb, host.Attach(ctx, vat.As[mailroom.PublisherRef](mailroom.PublisherFacet.SpawnIn(outside, dir))))
	all := mailroom.Terms{Letters: 1 << 30, Bytes: 1 << 40}
	b := vat.As[mailroom.BoxRef](dir.at(must(tb, host.Office(ctx).NewBox(ctx, "bob", all))))
	return s, b, vat.As[mailroom.DropRef](dir.at(must(tb, b.NewDrop(ctx, "a", all))))
}

// objects returns how many objects of a kind there are, and how many slots in all.
func objects(t *testing.T, s *store.Store, kind string) (n int) {
	t.Helper()
	if err := s.View(func(r store.Reader) error {
		c, err := vat.CheckDepot(r)
		for _, k := range c.Kinds {
			if k.Name == kind {
				n += k.Objects
			}
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	return n
}

// keeper takes letters and does nothing about them.
type keeper struct{ done chan mailroom.LetterRef }

func (k *keeper) Letter(_ context.Context, _ []byte, done mailroom.LetterRef) error {
	k.done <- done
	return nil
}
func (k *keeper) Replaced(context.Context) {}

// TestNothingLeft: letters that are done leave nothing in the store.
func TestNothingLeft(t *testing.T) {
	s, b, drop := opened(t)
	ctx := t.Context()
	const n = 100
	for range n {
		must(t, drop.Drop(ctx, letterOf(1), 1))
	}
	for _, kind := range []string{"mailroom.letter", "mailroom.content"} {
		if got := objects(t, s, kind); got != n {
			t.Errorf("%d objects of the kind %s, want %d", got, kind, n)
		}
	}
	k := &keeper{make(chan mailroom.LetterRef, n)}
	v := vat.New(nil)
	defer func() { _ = v.Close() }()
	round := must(t, b.Subscribe(ctx, vat.As[mailroom.SubscriberRef](mailroom.SubscriberFacet.SpawnIn(v, k))))
	for range n {
		b.Got(ctx, round, 1, mailbox.MinLetter)
		if _, err := vat.Result[any]((<-k.done).Send(ctx, "done")).Await(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if u := must(t, b.Usage(ctx)); u.Letters != 0 {
		t.Errorf("%+v", u)
	}
	left := func() int { return objects(t, s, "mailroom.letter") + objects(t, s, "mailroom.content") }
	for range 1000 { // the references above are for the collector to find
		if left() == 0 {
			return
		}
		runtime.GC()
		must(t, b.Usage(ctx))
	}
	t.Errorf("%d objects are left", left())
}

// BenchmarkDrop: what a letter costs the server does not depend on how many there are. Without a disk.
func BenchmarkDrop(b *testing.B) {
	for _, n := range []int{0, 1000, 10_000, 50_000} {
		for _, size := range []int{mailbox.MinLetter, 16 << 10} {
			if n > 10_000 && size > mailbox.MinLetter {
				continue
			}
			b.Run(fmt.Sprintf("%d letters of %d bytes", n, size), func(b *testing.B) {
				_, _, drop := opened(b)
				ctx := context.Background()
				letter := make([]byte, size)
				for range n {
					must(b, drop.Drop(ctx, letter, 31))
				}
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					must(b, drop.Drop(ctx, letter, 31))
				}
			})
		}
	}
}
