package vat_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

func say(n int) vat.Message { return vat.Message{Selector: passable.Symbol(fmt.Sprint(n))} }

// What waits on a promise is moved before what comes later, and before anybody is told.
func TestVowMovesItsQueueFirst(t *testing.T) {
	s, ref := newSession(0)
	w := vat.NewVow(nil)
	w.Cell().Subscribe(told(func(*promise.Cell) {
		if got := s.methods(); got != "1 2" {
			t.Errorf("told when %q had been moved", got)
		}
		w.Deliver(say(3))
	}))
	w.Deliver(say(1))
	w.Deliver(say(2))
	if !w.Resolve(ref) {
		t.Error("Resolve did not settle")
	}
	w.Deliver(say(4))
	if got := s.methods(); got != "1 2 3 4" {
		t.Errorf("got %q", got)
	}
	if w.Resolve(ref) || w.Break(errNope) || w.Settle(1, nil, true, func() { t.Error("released") }) {
		t.Error("settled twice")
	}
}

type told func(*promise.Cell)

func (f told) Settled(c *promise.Cell) { f(c) }

// A route is taken once; a later settlement may replace it or, if that is unsafe, not.
func TestVowRoutes(t *testing.T) {
	for _, c := range []struct {
		name            string
		used, safe      bool
		old, new        string
		released, total int
	}{
		{"unused, safe", false, true, "", "9", 1, 0},
		{"unused, unsafe", false, false, "", "9", 1, 0},
		{"used, safe", true, true, "1", "9", 1, 0},
		{"used, unsafe", true, false, "1 9", "", 0, 0},
	} {
		a, _ := newSession(0)
		b, rb := newSession(0)
		w := vat.NewVow(nil)
		if c.used {
			w.Deliver(say(1))
		}
		w.Route(a)
		w.Route(b) // too late
		if got := vat.Ahead(w.Ref()); got != vat.Target(a) {
			t.Errorf("%s: ahead is %v", c.name, got)
		}
		released := 0
		w.Settle(rb, nil, c.safe, func() { released++ })
		w.Route(a) // too late
		w.Deliver(say(9))
		if a.methods() != c.old || b.methods() != c.new || released != c.released {
			t.Errorf("%s: old route got %q, new %q, released %d times", c.name, a.methods(), b.methods(), released)
		}
		if v, _, ok := w.Cell().Outcome(); !ok || v != any(rb) {
			t.Errorf("%s: outcome %v, %v", c.name, v, ok)
		}
	}
}

// released waits for a message that is on its way down the old route.
func TestVowReleasesBehindTheLastMessage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := &gatedTarget{enter: make(chan struct{}), leave: make(chan struct{})}
		g.node.Init(g)
		_, other := newSession(0)
		w := vat.NewVow(nil)
		w.Route(g)
		go w.Deliver(say(1))
		<-g.enter
		released := make(chan struct{})
		w.Settle(other, nil, true, func() { close(released) })
		synctest.Wait()
		select {
		case <-released:
			t.Error("the route was released with a message on its way down it")
		default:
		}
		if !w.Cell().Settled() {
			t.Error("the outcome waits for it, too")
		}
		close(g.leave)
		<-released
	})
}

// gatedTarget lets a test look while a message is being delivered. (A real target does not block.)
type gatedTarget struct {
	node         vat.Node
	enter, leave chan struct{}
}

func (g *gatedTarget) Deliver(vat.Message) {
	g.enter <- struct{}{}
	<-g.leave
}

// A settlement, and messages, that come while the queue is being moved to a route take effect behind it.
func TestVowSettledWhileRouting(t *testing.T) {
	for _, safe := range []bool{true, false} {
		b, rb := newSession(0)
		w := vat.NewVow(nil)
		var order []string
		released := 0
		first := &onDeliver{}
		first.fn = func() {
			order = append(order, "x")
			if len(order) == 1 {
				if !w.Settle(rb, nil, safe, func() { released++ }) || w.Break(errNope) {
					t.Error("settling while draining")
				}
				if w.Cell().Settled() {
					t.Error("announced before the queue was moved")
				}
				w.Deliver(say(3))
			}
		}
		first.node.Init(first)
		w.Deliver(say(1))
		w.Deliver(say(2))
		w.Route(first)
		w.Deliver(say(4))
		if safe && (len(order) != 3 || b.methods() != "4" || released != 1) {
			t.Errorf("safe: old route got %d, new %q, released %d", len(order), b.methods(), released)
		}
		if !safe && (len(order) != 4 || b.methods() != "" || released != 0) {
			t.Errorf("unsafe: old route got %d, new %q, released %d", len(order), b.methods(), released)
		}
		if !w.Cell().Settled() {
			t.Error("not announced")
		}
	}
}

// A promise that leads to itself breaks, wherever the ring is closed, and so do its messages.
func TestVowRings(t *testing.T) {
	check := func(ws ...*vat.Vow) {
		t.Helper()
		for i, w := range ws {
			if _, err, ok := w.Cell().Outcome(); !ok || !errors.Is(err, promise.ErrCycle) {
				t.Errorf("vow %d of %d: %v, %v", i, len(ws), err, ok)
			}
			m := vat.Message{Answer: vat.NewVow(nil)}
			w.Deliver(m)
			if _, err, _ := m.Answer.Cell().Outcome(); !errors.Is(err, promise.ErrCycle) {
				t.Errorf("a message to it: %v", err)
			}
		}
	}
	for n := 1; n <= 9; n++ {
		ws := make([]*vat.Vow, n)
		for i := range ws {
			ws[i] = vat.NewVow(nil)
		}
		for i := range ws {
			if !ws[i].Resolve(ws[(i+1)%n].Ref()) {
				t.Error("not settled")
			}
		}
		check(ws...)
	}
	// An answer that its own message waits for.
	w := vat.NewVow(nil)
	w.Deliver(vat.Message{Answer: w})
	check(w)
	// A promise without a vat that is passed and made to follow what it was passed as.
	p, r := promise.New[int](context.Background())
	ref := refOf(t, p)
	r.Follow(context.Background(), vat.Result[int](ref))
	if _, err, ok := p.Cell().Outcome(); !ok || !errors.Is(err, promise.ErrCycle) {
		t.Errorf("by way of being passed: %v, %v", err, ok)
	}
	if _, err, ok := ref.PromiseCell().Outcome(); !ok || !errors.Is(err, promise.ErrCycle) {
		t.Errorf("the reference it was passed as: %v, %v", err, ok)
	}
}

// refOf returns what p is passed as.
func refOf(t *testing.T, p any) vat.Ref {
	t.Helper()
	s, ref := newSession(1)
	if err := ref.SendOnly(context.Background(), "x", p); err != nil {
		t.Fatal(err)
	}
	got, _ := s.message(0).Args[0].(vat.Ref)
	return got
}

// Rings closed from several goroutines at once: everybody on them is told.
func TestVowRingsConcurrently(t *testing.T) {
	for range 300 {
		bubble(t, func(t *testing.T) {
			const n = 4
			var ws [n]*vat.Vow
			for i := range ws {
				ws[i] = vat.NewVow(nil)
			}
			tail := vat.NewVow(nil) // leads into the ring
			var wg sync.WaitGroup
			for i := range ws {
				wg.Go(func() { ws[i].Resolve(ws[(i+1)%n].Ref()) })
			}
			wg.Go(func() { tail.Resolve(ws[0].Ref()) })
			wg.Wait()
			for _, w := range append(ws[:], tail) {
				if _, err, ok := w.Cell().Outcome(); !ok || !errors.Is(err, promise.ErrCycle) {
					t.Fatalf("%v, %v", err, ok)
				}
			}
		})
	}
}

// Chains of promises, however a peer builds them, settle without using the stack up, and quickly.
func TestLongChains(t *testing.T) {
	n := 200_000
	if raceEnabled {
		n = 10_000
	}
	_, target := newSession(0)
	build := map[string]func(ws []*vat.Vow){
		"head first": func(ws []*vat.Vow) {
			for i := range n - 1 {
				ws[i].Resolve(ws[i+1].Ref())
			}
			ws[n-1].Resolve(target)
		},
		"tail first, end open": func(ws []*vat.Vow) {
			for i := n - 2; i >= 0; i-- {
				ws[i].Resolve(ws[i+1].Ref())
			}
			ws[n-1].Resolve(target)
		},
		"end first": func(ws []*vat.Vow) {
			for i := n - 1; i > 0; i-- {
				ws[i-1].Resolve(ws[i].Ref())
				if i == n-1 {
					ws[n-1].Resolve(target)
				}
			}
		},
	}
	for name, fn := range build {
		t.Run(name, func(t *testing.T) {
			ws := make([]*vat.Vow, n)
			for i := range ws {
				ws[i] = vat.NewVow(nil)
			}
			fn(ws)
			for range 20 {
				ws[0].Deliver(say(1)) // the first walks the chain, later ones less and less of it
			}
			if v, err, ok := ws[0].Cell().Outcome(); v != any(target) || err != nil || !ok {
				t.Errorf("%v, %v, %v", v, err, ok)
			}
		})
	}
	t.Run("calls on answers of broken calls", func(t *testing.T) {
		head := vat.NewVow(nil)
		last := head
		for range n {
			next := vat.NewVow(nil)
			last.Deliver(vat.Message{Answer: next})
			last = next
		}
		head.Break(errNope)
		if _, err, _ := last.Cell().Outcome(); err != error(errNope) {
			t.Errorf("%v", err)
		}
	})
	t.Run("fields of fields", func(t *testing.T) {
		// A promise for a struct whose field is a promise for a struct, and so on, and the fields asked for in advance.
		ws := make([]*vat.Vow, n)
		for i := range ws {
			ws[i] = vat.NewVow(nil)
		}
		last := ws[0]
		for range n - 1 {
			next := vat.NewVow(nil)
			last.Deliver(vat.Message{Op: vat.Get, Selector: "a", Answer: next})
			last = next
		}
		for i := n - 2; i >= 0; i-- {
			ws[i].Resolve(passable.Struct{{Key: "a", Value: ws[i+1].Ref()}})
		}
		ws[n-1].Resolve(target)
		if v, err, _ := last.Cell().Outcome(); v != any(target) {
			t.Errorf("%v, %v", v, err)
		}
	})
	t.Run("promises that follow promises that were passed", func(t *testing.T) {
		ctx := context.Background()
		p, first := promise.New[int](ctx)
		for range n {
			ref := refOf(t, p)
			q, r := promise.New[int](ctx)
			r.Follow(ctx, vat.Result[int](ref))
			p = q
		}
		first.Fulfill(ctx, 5)
		if v, err := p.Await(ctx); v != 5 || err != nil {
			t.Errorf("%d, %v", v, err)
		}
	})
	t.Run("combinations of combinations", func(t *testing.T) {
		ctx := context.Background()
		p, first := promise.New[int](ctx)
		for range n {
			p = promise.Race(p)
		}
		first.Break(ctx, errNope)
		if _, err := p.Await(ctx); err != error(errNope) {
			t.Errorf("%v", err)
		}
	})
}

// Field, Index and Untag of a promise for data, asked for before and after it settles; and everything they refuse.
func TestPartsOfData(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx := context.Background()
		v := newVat(t, nil)
		j := &journal{}
		inner := j.spawn(t, v)
		type data struct {
			List []any
			Tag  passable.Tagged
			Ref  vat.Ref
			None *int
		}
		block, open := promise.New[int](ctx)
		obj := object(t, v, func(ctx context.Context, _ []any) (any, error) {
			if _, err := block.Await(ctx); err != nil {
				return nil, err
			}
			return data{List: []any{1, "two"}, Tag: passable.Tagged{Tag: "t", Value: "inside"}, Ref: inner}, nil
		})
		for _, when := range []string{"before", "after"} {
			r := obj.Apply(ctx)
			if when == "after" {
				if _, err := vat.Result[data](r).Await(ctx); err != nil {
					t.Fatal(err)
				}
			}
			two := vat.Result[string](r.Field(ctx, "list").Index(ctx, 1))
			inside := vat.Result[string](r.Field(ctx, "tag").Untag(ctx, "t"))
			called := vat.Result[any](r.Field(ctx, "ref").Send(ctx, when))
			bad := map[string]vat.Ref{
				"no such field":     r.Field(ctx, "nope"),
				"field of a list":   r.Field(ctx, "list").Field(ctx, "x"),
				"index of a struct": r.Index(ctx, 0),
				"index too large":   r.Field(ctx, "list").Index(ctx, 2),
				"negative index":    r.Field(ctx, "list").Index(ctx, -1),
				"another tag":       r.Field(ctx, "tag").Untag(ctx, "u"),
				"untag of a list":   r.Field(ctx, "list").Untag(ctx, "t"),
				"field of a target": r.Field(ctx, "ref").Field(ctx, "x"),
			}
			call := r.Send(ctx, "call")
			null := r.Field(ctx, "none").Send(ctx, "call")
			if when == "before" {
				synctest.Wait()
				open.Fulfill(ctx, 1)
			}
			if s, err := two.Await(ctx); s != "two" || err != nil {
				t.Errorf("%s: %q, %v", when, s, err)
			}
			if s, err := inside.Await(ctx); s != "inside" || err != nil {
				t.Errorf("%s: %q, %v", when, s, err)
			}
			if _, err := called.Await(ctx); err != nil {
				t.Errorf("%s: %v", when, err)
			}
			for name, b := range bad {
				if _, err := vat.Result[any](b).Await(ctx); !errors.Is(err, vat.ErrBadSelect) {
					t.Errorf("%s, %s: %v", when, name, err)
				}
			}
			for _, b := range []vat.Ref{call, null} {
				if _, err := vat.Result[any](b).Await(ctx); !errors.Is(err, vat.ErrNotReference) {
					t.Errorf("%s: a call on data: %v", when, err)
				}
			}
		}
		wantJournal(t, j, "before after")
	})
}

// An Error as data is a value, not a failure.
func TestVowForAnErrorValue(t *testing.T) {
	ctx := context.Background()
	w := vat.NewVow(nil)
	w.Resolve(passable.Error{Code: "c", Message: "m"})
	if e, err := vat.Result[passable.Error](w.Ref()).Await(ctx); e.Code != "c" || err != nil {
		t.Errorf("%v, %v", e, err)
	}
	_, err := vat.Result[any](w.Ref().Send(ctx, "x")).Await(ctx)
	wantErr(t, err, vat.ErrNotReference)
}

// What will never be there breaks, and so does what is sent to it, however deep the chain.
func TestBroken(t *testing.T) {
	r := vat.Broken(errNope)
	if r.IsNull() {
		t.Fatal("null")
	}
	_, err := r.Await(context.Background())
	wantErr(t, err, errNope)
	_, err = vat.Result[any](r.Send(context.Background(), "open").Send(context.Background(), "read")).Await(context.Background())
	wantErr(t, err, errNope)
}

// One message too many from outside turns breaks the reference: later ones are refused, even when there is room again.
func TestVowOverflow(t *testing.T) {
	s, ref := newSession(0)
	w := vat.NewVow(nil)
	for range 1 << 16 {
		w.Deliver(vat.Message{})
	}
	over, late := vat.NewVow(nil), vat.NewVow(nil)
	w.Deliver(vat.Message{Answer: over})
	w.Resolve(ref)
	w.Deliver(vat.Message{Answer: late})
	for _, a := range []*vat.Vow{over, late} {
		_, err, _ := a.Cell().Outcome()
		wantErr(t, err, vat.ErrOverloaded)
	}
	if len(s.got) != 1<<16 {
		t.Errorf("%d messages arrived", len(s.got))
	}
}

// A turn that sends too much to an unresolved promise fails whole, and the reference goes on.
func TestVowOverflowInTurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		s, ref := newSession(10)
		w := vat.NewVow(nil)
		for range 1<<16 - 1 {
			w.Deliver(vat.Message{})
		}
		send := func(n int) error {
			_, err := vat.Do(context.Background(), v, func(ctx context.Context) (int, error) {
				for range n {
					_ = w.Ref().SendOnly(ctx, "x")
				}
				return 0, nil
			})
			return err
		}
		wantErr(t, send(2), vat.ErrOverloaded)
		if err := send(1); err != nil {
			t.Error(err)
		}
		w.Resolve(ref)
		if len(s.got) != 1<<16 {
			t.Errorf("%d messages arrived", len(s.got))
		}
		if err := send(3); err != nil {
			t.Error(err)
		}
	})
}

// References in a refused message are given back only if they came from a peer: this process still holds its own.
func TestRefusedReferences(t *testing.T) {
	far, ref := newSession(0)
	nested := []any{[]any{ref}, passable.Struct{{Key: "k", Value: ref}}, passable.Tagged{Tag: "t", Value: ref}, ref}
	m := vat.Message{Args: nested}
	m.Refuse(errNope)
	if far.unseen != 0 {
		t.Errorf("a refused message of this process gave a reference back %d times", far.unseen)
	}
	m = vat.Message{Args: nested, From: &vat.Caller{Designator: "x"}}
	m.Refuse(errNope)
	if far.unseen != 4 {
		t.Errorf("given back %d times, want 4", far.unseen)
	}
}
