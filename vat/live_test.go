package vat_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/hawser-go/hawser/vat"
)

// TestLiveForgetsSenders has one vat after the other, and one promise of a peer after the other, send on a live reference: it
// remembers none that is gone.
func TestLiveForgetsSenders(t *testing.T) {
	l, live := vat.NewLive(1<<10, nil)
	s := newSpell(0)
	l.Restore(s.node.Ref())
	peer := &vat.Caller{Transport: "test"}
	const many = 3000
	for i := range many {
		w := vat.NewVow(nil)
		w.Resolve(live)
		w.Ref().Post(vat.Message{Args: []any{"peer", "promise", int64(i), int64(0)}, From: peer})
		v := vat.New(nil)
		if _, err := vat.Do(t.Context(), v, func(ctx context.Context) (int, error) {
			return 0, live.ApplyOnly(ctx, "v", "direct", i, 0)
		}); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 { // the others are left to the collector
			_ = v.Close()
		}
		if i%100 == 0 {
			runtime.GC()
		}
	}
	if n := l.Senders(); n > many/2 {
		t.Errorf("%d senders are remembered", n)
	}
}

// TestPresent is what a live reference leads to before there is something, then, after it was lost, and at the end.
func TestPresent(t *testing.T) {
	l, live := vat.NewLive(1<<10, nil)
	if vat.Present(vat.Ref{}) != (vat.Ref{}) {
		t.Error("null leads somewhere")
	}
	first := vat.Present(live)
	s := newSpell(0)
	if vat.Present(s.node.Ref()) != s.node.Ref() {
		t.Error("an ordinary reference leads elsewhere")
	}
	l.Sever(errSpellOver) // nothing is there to lose
	l.Restore(s.node.Ref())
	l.Restore(newSpell(1).node.Ref()) // there is something
	if r, err := first.Await(t.Context()); r != s.node.Ref() || err != nil || vat.Present(live) != r {
		t.Errorf("it leads to %v, %v", r, err)
	}
	s.end()
	l.Sever(errSpellOver)
	next := vat.Present(live)
	if next == s.node.Ref() || next.PromiseCell().Settled() {
		t.Errorf("it leads to %v", next)
	}
	over := errors.New("over")
	l.End(over)
	l.End(errSpellOver)
	l.Restore(s.node.Ref())
	for _, r := range []vat.Ref{next, vat.Present(live)} {
		if _, err := r.Await(t.Context()); !errors.Is(err, over) {
			t.Errorf("at the end: %v", err)
		}
	}
	if _, err := live.Send(t.Context(), "m").Await(t.Context()); !errors.Is(err, over) {
		t.Errorf("sent at the end: %v", err)
	}
}
