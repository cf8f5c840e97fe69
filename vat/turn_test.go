package vat_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

var errNope = vat.NewError("test.nope", "nope")

// ledger is an object whose whole state is part of its turns.
type Ledger interface {
	Put(ctx context.Context, k string, n int) (int, error)
	Fail(ctx context.Context, how string) error
	Total() int
}

var LedgerFacet = vat.FacetOf[Ledger]("test.Ledger")

type ledger struct {
	t       *testing.T
	total   vat.Cell[int]
	entries vat.Map[string, int]
	out     vat.Ref // told of everything
	before  func(ctx context.Context)
}

func (l *ledger) Put(ctx context.Context, k string, n int) (int, error) {
	l.total.Set(ctx, l.total.Get()+n)
	l.entries.Set(ctx, k, n)
	return l.total.Get(), l.out.SendOnly(ctx, "put", k)
}

func (l *ledger) Fail(ctx context.Context, how string) error {
	l.total.Set(ctx, 1000)
	l.total.Set(ctx, 2000)
	l.entries.Set(ctx, "a", -1)
	l.entries.Set(ctx, "new", -1)
	l.entries.Set(ctx, "new", -2)
	l.entries.Delete(ctx, "a")
	l.entries.Delete(ctx, "b")
	l.entries.Delete(ctx, "none")
	_ = l.out.SendOnly(ctx, "never")
	lost := l.out.Send(ctx, "never")
	if l.before != nil {
		l.before(ctx)
	}
	_ = lost
	switch how {
	case "error":
		return errNope
	case "panic":
		panic("oops")
	case "goexit":
		runtime.Goexit()
	case "keep":
		return vat.Keep(errNope)
	case "wrapped keep":
		return errors.Join(errors.New("wrapped"), vat.Keep(errNope))
	}
	return nil
}

func (l *ledger) Total() int { return l.total.Get() }

func newLedger(t *testing.T, v *vat.Vat) (*ledger, *journal, vat.Ref) {
	j := &journal{}
	l := &ledger{t: t, out: j.spawn(t, v)}
	r := do(t, v, func(ctx context.Context) (vat.Ref, error) { return LedgerFacet.Spawn(ctx, l), nil })
	mustAnswer[int](t, r, "put", "a", 1)
	mustAnswer[int](t, r, "put", "b", 2)
	return l, j, r
}

// A turn that fails, in whatever way, leaves no trace but one broken answer.
func TestFailedTurnIsUndone(t *testing.T) {
	for how, want := range map[string]error{"error": errNope, "panic": vat.ErrInternal, "goexit": vat.ErrInternal} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				v := newVat(t, nil)
				l, j, r := newLedger(t, v)
				_, err := answer[promise.None](r, "fail", how)
				wantErr(t, err, want)
				if strings.Contains(err.Error(), "oops") {
					t.Errorf("the caller sees the panic: %v", err)
				}
				wantJournal(t, j, "put a put b")
				if n := mustAnswer[int](t, r, "total"); n != 3 {
					t.Errorf("total is %d after a failed turn, want 3", n)
				}
				entries := do(t, v, func(context.Context) (map[string]int, error) {
					m := map[string]int{}
					for k, n := range l.entries.All() {
						m[k] = n
					}
					return m, nil
				})
				if len(entries) != 2 || entries["a"] != 1 || entries["b"] != 2 {
					t.Errorf("entries are %v after a failed turn", entries)
				}
			})
		})
	}
}

// Keep lets the effects stand and breaks the answer with the error inside.
func TestKeep(t *testing.T) {
	for _, how := range []string{"keep", "wrapped keep"} {
		bubble(t, func(t *testing.T) {
			_, j, r := newLedger(t, newVat(t, nil))
			_, err := answer[promise.None](r, "fail", how)
			if err != error(errNope) {
				t.Errorf("got %v, want the error inside Keep itself", err)
			}
			wantJournal(t, j, "put a put b never never")
			if n := mustAnswer[int](t, r, "total"); n != 2000 {
				t.Errorf("total is %d after Keep, want 2000", n)
			}
		})
	}
	if vat.Keep(nil) != nil {
		t.Error("Keep(nil) is an error")
	}
}

// Answers of messages that a failed turn would have sent break, saying why; the text of an error without a code is for
// this process only.
func TestAnswersOfDroppedMessagesBreak(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		j := &journal{}
		to := j.spawn(t, v)
		secret := errors.New("the password is 1234")
		var kept promise.Promise[int]
		fail := object(t, v, func(ctx context.Context, _ []any) (any, error) {
			kept = vat.Result[int](to.Send(ctx, "x"))
			return nil, secret
		})
		_, err := answer[int](fail, "go")
		wantErr(t, err, secret)
		_, err = kept.Await(context.Background())
		wantErr(t, err, vat.ErrTurnFailed)
		wantErr(t, err, secret)
		coded, ok := errors.AsType[*vat.Error](err)
		if !ok || strings.Contains(coded.ErrorMessage(), "1234") || strings.Contains(coded.Message, "1234") {
			t.Errorf("what crosses is %q", coded.ErrorMessage())
		}
		wantJournal(t, j, "")
	})
}

// What a turn did before Await stands, what it did after is undone if it fails.
func TestAwaitCommits(t *testing.T) {
	for _, settled := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			v := newVat(t, nil)
			j := &journal{}
			to := j.spawn(t, v)
			var cell vat.Cell[int]
			var m vat.Map[string, int]
			fail := object(t, v, func(ctx context.Context, _ []any) (any, error) {
				cell.Set(ctx, 1)
				m.Set(ctx, "k", 1)
				_ = to.SendOnly(ctx, "before")
				p := promise.Fulfilled(0)
				if !settled {
					p = vat.Result[int](to.Send(ctx, "asked"))
				}
				if _, err := p.Await(ctx); err != nil {
					return nil, err
				}
				cell.Set(ctx, 2)
				m.Set(ctx, "k", 2)
				m.Set(ctx, "l", 2)
				_ = to.SendOnly(ctx, "after")
				return nil, errNope
			})
			_, err := answer[int](fail, "go")
			wantErr(t, err, errNope)
			if settled {
				wantJournal(t, j, "before")
			} else {
				wantJournal(t, j, "before asked")
			}
			do(t, v, func(context.Context) (int, error) {
				k, _ := m.Get("k")
				if _, ok := m.Get("l"); ok || cell.Get() != 1 || k != 1 || m.Len() != 1 {
					t.Errorf("settled %v: cell %d, map %d with %d entries: want what stood at Await", settled, cell.Get(), k, m.Len())
				}
				return 0, nil
			})
		})
	}
}

// A commit for which there is no room fails the turn whole, and takes no room.
func TestNoRoomFailsTheTurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		near := &journal{}
		to := near.spawn(t, v)
		a, ra := newSession(5)
		b, rb := newSession(1)
		var cell vat.Cell[int]
		send := func(n int) error {
			_, err := vat.Do(context.Background(), v, func(ctx context.Context) (int, error) {
				cell.Set(ctx, n)
				_ = to.SendOnly(ctx, "near")
				for range n {
					_ = ra.SendOnly(ctx, "a")
					_ = rb.SendOnly(ctx, "b")
				}
				return 0, nil
			})
			return err
		}
		wantErr(t, send(2), vat.ErrOverloaded)
		if a.left() != 5 || b.left() != 1 || a.methods()+b.methods() != "" || cell.Get() != 0 {
			t.Errorf("after a refused turn: room %d and %d, sent %q and %q, cell %d", a.left(), b.left(), a.methods(), b.methods(), cell.Get())
		}
		wantJournal(t, near, "")
		if err := send(1); err != nil {
			t.Fatal(err)
		}
		wantJournal(t, near, "near")
		if a.methods() != "a" || b.methods() != "b" || a.left() != 5 || b.left() != 1 {
			t.Errorf("after a turn that fits: room %d and %d, sent %q and %q", a.left(), b.left(), a.methods(), b.methods())
		}
	})
}

// The same of a turn that sends to many sessions: each is asked once, for all that is for it, and all get their room back
// if one has none.
func TestNoRoomAmongMany(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		var members [100]*session
		var refs [len(members)]vat.Ref
		for i := range members {
			members[i], refs[i] = newSession(2)
		}
		send := func() error {
			_, err := vat.Do(context.Background(), v, func(ctx context.Context) (int, error) {
				for range 2 {
					for _, r := range refs {
						_ = r.SendOnly(ctx, "x")
					}
				}
				return 0, nil
			})
			return err
		}
		check := func(when, sent string) {
			t.Helper()
			for i, s := range members {
				if s.methods() != sent || s.left() != 2 {
					t.Errorf("%s: member %d got %q, has room for %d", when, i, s.methods(), s.left())
				}
			}
		}
		for _, full := range []int{0, 15, 16, 17, 99} {
			members[full].room = 1
			wantErr(t, send(), vat.ErrOverloaded)
			members[full].room++
			check("refused", "")
		}
		if err := send(); err != nil {
			t.Fatal(err)
		}
		check("sent", "x x")
	})
}

// As the package comment advises: members who get turns of their own do not suffer from one that is full.
func TestTurnsOfTheirOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		var members [3]*session
		var doors [len(members)]vat.Ref
		for i := range members {
			s, ref := newSession(1)
			members[i] = s
			doors[i] = do(t, v, func(ctx context.Context) (vat.Ref, error) {
				return vat.SpawnProxy(ctx, func(context.Context) (vat.Ref, error) { return ref, nil }), nil
			})
		}
		members[1].room = 0
		do(t, v, func(ctx context.Context) (int, error) {
			for _, d := range doors {
				_ = d.SendOnly(ctx, "news")
			}
			return 0, nil
		})
		synctest.Wait()
		for i, want := range []string{"news", "", "news"} {
			if got := members[i].methods(); got != want {
				t.Errorf("member %d got %q, want %q", i, got, want)
			}
		}
	})
}

// A turn whose commit fails in the middle, at Await, has failed: it does not commit what it does afterwards.
func TestNoRoomAtAwaitFailsTheRest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		near := &journal{}
		to := near.spawn(t, v)
		_, full := newSession(0)
		obj := object(t, v, func(ctx context.Context, _ []any) (any, error) {
			_ = full.SendOnly(ctx, "x")
			_, err := promise.Fulfilled(1).Await(ctx)
			wantErr(t, err, vat.ErrOverloaded)
			_ = to.SendOnly(ctx, "after") // a handler that goes on regardless
			_, err = promise.Fulfilled(1).Await(ctx)
			wantErr(t, err, vat.ErrOverloaded)
			return 1, nil
		})
		_, err := answer[int](obj, "go")
		wantErr(t, err, vat.ErrOverloaded)
		wantJournal(t, near, "")
	})
}

// Room that was reserved for where a promise led is given back when it leads elsewhere by the time the message leaves.
func TestReservedRoomFollowsTheMessage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		near := &journal{}
		to := near.spawn(t, v)
		s, _ := newSession(10)
		w := vat.NewVow(nil)
		w.Route(s)
		do(t, v, func(ctx context.Context) (int, error) {
			p, r := promise.New[int](ctx)
			_ = p
			r.Fulfill(ctx, 1) // effects of one turn happen in order: this one first
			_ = w.Ref().SendOnly(ctx, "far")
			return 0, nil
		})
		if s.left() != 10 || s.methods() != "far" {
			t.Errorf("room %d, sent %q", s.left(), s.methods())
		}
		// A settlement between the reservation and the sending: the turn's own effect makes it so.
		w2 := vat.NewVow(nil)
		w2.Route(s)
		settle := &onDeliver{fn: func() { w2.Settle(to, nil, true, nil) }}
		do(t, v, func(ctx context.Context) (int, error) {
			_ = settle.node.Init(settle).SendOnly(ctx, "now")
			_ = w2.Ref().SendOnly(ctx, "moved")
			return 0, nil
		})
		wantJournal(t, near, "moved")
		if s.left() != 10 {
			t.Errorf("room %d after the message went elsewhere, want 10", s.left())
		}
	})
}

// onDeliver is a target that does something when it gets a message.
type onDeliver struct {
	node vat.Node
	fn   func()
}

func (o *onDeliver) Deliver(m vat.Message) {
	m.Taken()
	o.fn()
}

// Undoing runs from the last change to the first.
func TestRollbackOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		var m vat.Map[string, int]
		do(t, v, func(ctx context.Context) (int, error) { m.Set(ctx, "k", 1); return 0, nil })
		_, err := vat.Do(context.Background(), v, func(ctx context.Context) (int, error) {
			m.Set(ctx, "k", 2)
			m.Delete(ctx, "k")
			m.Set(ctx, "k", 3)
			return 0, errNope
		})
		wantErr(t, err, errNope)
		do(t, v, func(context.Context) (int, error) {
			if k, _ := m.Get("k"); k != 1 {
				t.Errorf("k is %d, want 1", k)
			}
			return 0, nil
		})
	})
}

// A promise settled in a turn that fails is not settled; Go does not start; Then does not run.
func TestFailedTurnSettlesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		var settled, broken promise.Promise[int]
		var work promise.Promise[int]
		var then promise.Promise[int]
		_, err := vat.Do(context.Background(), v, func(ctx context.Context) (int, error) {
			p, r := promise.New[int](ctx)
			q, s := promise.New[int](ctx)
			r.Fulfill(ctx, 1)
			s.Break(ctx, errNope)
			settled, broken = p, q
			work = vat.Go(ctx, func(context.Context) (int, error) { t.Error("Go started"); return 0, nil })
			then = promise.Then(ctx, promise.Fulfilled(1), func(context.Context, int) (int, error) { t.Error("Then ran"); return 0, nil })
			return 0, errNope
		})
		wantErr(t, err, errNope)
		synctest.Wait()
		if settled.Settled() || broken.Settled() {
			t.Error("a failed turn settled a promise")
		}
		for _, p := range []promise.Promise[int]{work, then} {
			_, err := p.Await(context.Background())
			wantErr(t, err, vat.ErrTurnFailed)
			wantErr(t, err, errNope)
		}
	})
}

// Do returns what fn returns, and undoes what a failing fn did.
func TestDo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		plain := errors.New("plain")
		n, err := vat.Do(context.Background(), v, func(context.Context) (int, error) { return 7, plain })
		if n != 7 || err != plain {
			t.Errorf("got %d, %v", n, err)
		}
		n, err = vat.Do(context.Background(), v, func(context.Context) (int, error) { return 8, vat.Keep(plain) })
		if n != 8 || err != plain {
			t.Errorf("got %d, %v", n, err)
		}
		_, err = vat.Do(context.Background(), v, func(context.Context) (int, error) { panic("oops") })
		wantErr(t, err, vat.ErrInternal)
		_, err = vat.Do(context.Background(), v, func(context.Context) (int, error) { runtime.Goexit(); return 0, nil })
		wantErr(t, err, vat.ErrInternal)

		ctx, cancel := context.WithCancelCause(context.Background())
		p, r := promise.New[int](context.Background())
		ran := make(chan struct{})
		go func() {
			synctest.Wait()
			cancel(plain)
		}()
		_, err = vat.Do(ctx, v, func(ctx context.Context) (int, error) {
			defer close(ran)
			_, err := p.Await(ctx)
			return 0, err
		})
		if err != plain {
			t.Errorf("got %v, want the cause of ctx", err)
		}
		r.Fulfill(context.Background(), 1)
		<-ran // the turn still ran
	})
}

// A handler's error whose methods panic is the handler's failure, not the vat's.
func TestErrorsThatPanic(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := &logs{}
		tr := &collector{}
		v := newVat(t, &vat.Config{Logger: l.logger(), Tracer: tr})
		for _, bad := range []error{(*nilError)(nil), unwrapPanics{}} {
			obj := object(t, v, func(context.Context, []any) (any, error) { return nil, bad })
			if err := obj.SendOnly(context.Background(), "x"); err != nil {
				t.Fatal(err)
			}
			p := obj.Send(context.Background(), "x")
			synctest.Wait()
			if !vat.Result[int](p).Settled() {
				t.Error("the answer has not settled")
			}
		}
		do(t, v, func(context.Context) (int, error) { return 0, nil }) // the vat lives
	})
}

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

type unwrapPanics struct{}

func (unwrapPanics) Error() string { return "x" }
func (unwrapPanics) Unwrap() error { panic("unwrap") }
