package vat_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

type guarded struct {
	caret  vat.Ref
	revoke func(ctx context.Context, cause error)
}

func guard(t *testing.T, v *vat.Vat, r vat.Ref) guarded {
	t.Helper()
	return do(t, v, func(ctx context.Context) (guarded, error) {
		c, revoke := vat.Revocable(ctx, r)
		return guarded{c, revoke}, nil
	})
}

// A caretaker passes on messages, in order, and answers; once revoked it refuses, saying why.
func TestCaretaker(t *testing.T) {
	for _, where := range []string{"own vat", "other vat", "far", "promise", "caretaker"} {
		t.Run(where, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				v := newVat(t, nil)
				j := &journal{}
				ctx := context.Background()
				var inner vat.Ref
				s, far := newSession(10)
				switch where {
				case "own vat":
					inner = j.spawn(t, v)
				case "other vat":
					inner = j.spawn(t, newVat(t, nil))
				case "far":
					inner = far
				case "promise":
					w := vat.NewVow(nil)
					w.Resolve(j.spawn(t, v))
					inner = w.Ref()
				case "caretaker":
					inner = guard(t, v, guard(t, newVat(t, nil), j.spawn(t, v)).caret).caret
				}
				g := guard(t, v, inner)
				first, second := vat.Result[int](g.caret.Send(ctx, "a")), vat.Result[int](g.caret.Send(ctx, "b"))
				if where == "far" {
					synctest.Wait()
					s.message(0).Answer.Resolve(int64(1))
					s.message(1).Answer.Resolve(int64(2))
				}
				for i, p := range []promise.Promise[int]{first, second} {
					if n, err := p.Await(ctx); n != i+1 || err != nil {
						t.Errorf("answer %d: %d, %v", i, n, err)
					}
				}
				g.revoke(ctx, vat.NewError("test.why", "no longer a member"))
				_, err := answer[int](g.caret, "c")
				wantErr(t, err, vat.ErrRevoked)
				if !strings.HasSuffix(err.Error(), "no longer a member") {
					t.Errorf("got %q", err)
				}
				g.revoke(ctx, errors.New("again"))
				if _, again := answer[int](g.caret, "d"); again.Error() != err.Error() {
					t.Errorf("revoked again: %v", again)
				}
				if where == "far" {
					if s.methods() != "a b" {
						t.Errorf("got %q", s.methods())
					}
				} else {
					wantJournal(t, j, "a b")
				}
			})
		})
	}
}

// The text of a cause without a code stays in this process.
func TestRevokedForAPrivateReason(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		g := guard(t, v, (&journal{}).spawn(t, v))
		why := errors.New("she found out")
		g.revoke(context.Background(), why)
		_, err := answer[int](g.caret, "x")
		wantErr(t, err, vat.ErrRevoked)
		wantErr(t, err, why)
		if e, _ := errors.AsType[*vat.Error](err); strings.Contains(e.ErrorMessage(), "found") {
			t.Errorf("what crosses is %q", e.ErrorMessage())
		}
	})
}

// What waits when the caretaker is revoked is refused, wherever it waits: in the queue of its vat, in that of the
// target's vat, on a promise it stands before, behind a second caretaker or a proxy, in its own vat or another.
func TestRevokedWhileWaiting(t *testing.T) {
	for _, where := range []string{
		"own queue", "target's queue", "promise", "routed promise", "outer", "inner", "outer in one vat", "inner in one vat", "proxy",
	} {
		t.Run(where, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				ctx := context.Background()
				v, other := newVat(t, nil), newVat(t, nil)
				j := &journal{}
				target := j.spawn(t, other)
				hold := func(v *vat.Vat) func() {
					release, held := make(chan struct{}), make(chan struct{})
					_ = object(t, v, func(context.Context, []any) (any, error) {
						close(held)
						<-release
						return nil, nil
					}).ApplyOnly(ctx)
					<-held
					return func() { close(release) }
				}
				var g guarded
				release := func() {}
				var ans promise.Promise[int]
				switch where {
				case "own queue":
					g = guard(t, v, target)
					release = hold(v)
					ans = vat.Result[int](g.caret.Send(ctx, "x"))
				case "target's queue":
					g = guard(t, v, target)
					release = hold(other)
					ans = vat.Result[int](g.caret.Send(ctx, "x"))
					synctest.Wait()
				case "promise", "routed promise":
					w := vat.NewVow(nil)
					g = guard(t, v, w.Ref())
					ans = vat.Result[int](g.caret.Send(ctx, "x"))
					release = func() {
						if where == "promise" {
							w.Resolve(target)
							return
						}
						s, _ := newSession(1)
						w.Route(s)
						if s.methods() != "" {
							t.Errorf("%q left this process", s.methods())
						}
					}
					synctest.Wait()
				case "proxy":
					w := vat.NewVow(nil)
					g = guard(t, v, vat.SpawnFilter(v, nil, func(context.Context, *vat.Message) (vat.Ref, error) { return w.Ref(), nil }))
					ans = vat.Result[int](g.caret.Send(ctx, "x"))
					release = func() { w.Resolve(target) }
					synctest.Wait()
				case "outer", "inner", "outer in one vat", "inner in one vat":
					w := vat.NewVow(nil)
					inner := guard(t, v, w.Ref())
					home := other
					if strings.HasSuffix(where, "in one vat") {
						home = v
					}
					outer := guard(t, home, inner.caret)
					g = inner
					if strings.HasPrefix(where, "outer") {
						g = outer
					}
					ans = vat.Result[int](outer.caret.Send(ctx, "x"))
					release = func() { w.Resolve(target) }
					synctest.Wait()
				}
				g.revoke(ctx, nil)
				release()
				_, err := ans.Await(ctx)
				wantErr(t, err, vat.ErrRevoked)
				wantJournal(t, j, "")
			})
		})
	}
}

// What a promise brings is not given out to a question that came through a caretaker revoked in the meantime.
func TestRevokedBeforeThePartIsThere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx := context.Background()
		for name, settle := range map[string]func(w *vat.Vow){
			"data":  func(w *vat.Vow) { w.Resolve(passable.Struct{{Key: "secret", Value: "s"}}) },
			"error": func(w *vat.Vow) { w.Break(errNope) },
		} {
			w := vat.NewVow(nil)
			g := guard(t, newVat(t, nil), w.Ref())
			ans := vat.Result[string](g.caret.Field(ctx, "secret"))
			synctest.Wait()
			g.revoke(ctx, nil)
			settle(w)
			if s, err := ans.Await(ctx); !errors.Is(err, vat.ErrRevoked) {
				t.Errorf("%s: got %q, %v", name, s, err)
			}
		}
	})
}

// A session that keeps a message asks again.
func TestRevokedWhileASessionKeepsIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, far := newSession(2)
		g := guard(t, newVat(t, nil), far)
		_ = g.caret.SendOnly(context.Background(), "x")
		_ = far.SendOnly(context.Background(), "y")
		synctest.Wait()
		m, direct := s.message(1), s.message(0)
		if m.Selector == "y" {
			m, direct = direct, m
		}
		if err := m.Revoked(); err != nil {
			t.Errorf("revoked already: %v", err)
		}
		g.revoke(context.Background(), nil)
		wantErr(t, m.Revoked(), vat.ErrRevoked)
		if err := direct.Revoked(); err != nil {
			t.Errorf("one that came another way: %v", err)
		}
	})
}

// Revoked in a turn it takes effect when the turn commits, and not at all if the turn fails.
func TestRevokedInATurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		j := &journal{}
		g := guard(t, v, j.spawn(t, v))
		ctx := context.Background()
		_, err := vat.Do(ctx, v, func(ctx context.Context) (int, error) { g.revoke(ctx, nil); return 0, errNope })
		wantErr(t, err, errNope)
		if n := mustAnswer[int](t, g.caret, "a"); n != 1 {
			t.Errorf("got %d", n)
		}
		do(t, newVat(t, nil), func(ctx context.Context) (int, error) { // in another vat, too
			g.revoke(ctx, nil)
			return 0, nil
		})
		_, err = answer[int](g.caret, "b")
		wantErr(t, err, vat.ErrRevoked)
		wantJournal(t, j, "a")
	})
}

// A caretaker before nothing.
func TestCaretakerOfNull(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := guard(t, newVat(t, nil), vat.Ref{})
		_, err := answer[int](g.caret, "x")
		wantErr(t, err, vat.ErrNull)
	})
}

// A message that a caretaker has no room to pass on breaks with the reason itself, once; what a peer has waiting
// behind a caretaker goes on counting against the peer until it is through.
func TestCaretakerAccounts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		ctx := context.Background()
		_, far := newSession(0)
		g := guard(t, v, far)
		_, err := answer[int](g.caret, "x")
		if e, _ := errors.AsType[*vat.Error](err); e == nil || e.Code != vat.ErrOverloaded.Code {
			t.Errorf("got %v", err)
		}

		count := &held{}
		peer := &vat.Caller{Designator: "peer"}
		post := func(r vat.Ref) { r.Post(vat.Message{From: peer, Held: count, Size: 10}) }
		count.n, count.size = 3, 30
		post(g.caret) // no room
		synctest.Wait()
		if count.n != 2 || count.size != 20 {
			t.Errorf("%d messages of %d bytes held, want 2 of 20", count.n, count.size)
		}
		w := vat.NewVow(nil)
		gw := guard(t, v, w.Ref())
		post(gw.caret)
		post(gw.caret)
		synctest.Wait()
		if count.n != 2 {
			t.Errorf("%d held while they wait on the promise, want 2", count.n)
		}
		gw.revoke(ctx, nil)
		w.Resolve((&journal{}).spawn(t, v))
		synctest.Wait()
		if count.n != 0 || count.size != 0 {
			t.Errorf("%d messages of %d bytes held at the end", count.n, count.size)
		}
	})
}

type held struct{ n, size int }

func (h *held) Unhold(size int) { h.n--; h.size -= size }
func (h *held) Gone() error     { return nil }

// Near and Same see through caretakers, and settled promises, of the same vat; not once revoked, nor from elsewhere.
func TestNearAndSame(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v, other := newVat(t, nil), newVat(t, nil)
		impl := &ledger{}
		r := do(t, v, func(ctx context.Context) (vat.Ref, error) { return LedgerFacet.Spawn(ctx, impl), nil })
		g := guard(t, v, r)
		gg := guard(t, v, g.caret)
		w := vat.NewVow(nil)
		pending := vat.NewVow(nil)
		w.Resolve(gg.caret)
		_, far := newSession(0)
		twin := do(t, v, func(ctx context.Context) (vat.Ref, error) { return LedgerFacet.Spawn(ctx, impl), nil })
		do(t, v, func(ctx context.Context) (int, error) {
			for _, x := range []vat.Ref{r, g.caret, gg.caret, w.Ref()} {
				if l, ok := vat.Near[*ledger](ctx, x); !ok || l != impl {
					t.Errorf("Near(%v) is %v, %v", x, l, ok)
				}
				if _, ok := vat.Near[Ledger](ctx, x); !ok {
					t.Errorf("Near(%v) is no Ledger", x)
				}
				if _, ok := vat.Near[*journal](ctx, x); ok {
					t.Errorf("Near(%v) is a journal", x)
				}
				if !vat.Same(ctx, x, r) || !vat.Same(ctx, r, x) || vat.Same(ctx, x, twin) || vat.Same(ctx, x, far) {
					t.Errorf("Same(%v)", x)
				}
			}
			for _, x := range []vat.Ref{{}, far, pending.Ref()} {
				if _, ok := vat.Near[Ledger](ctx, x); ok || vat.Same(ctx, x, r) || !vat.Same(ctx, x, x) {
					t.Errorf("Near or Same of %v", x)
				}
			}
			return 0, nil
		})
		do(t, other, func(ctx context.Context) (int, error) {
			if _, ok := vat.Near[Ledger](ctx, r); ok {
				t.Error("near from another vat")
			}
			settled := vat.NewVow(nil)
			settled.Resolve(r)
			if !vat.Same(ctx, settled.Ref(), r) || vat.Same(ctx, g.caret, r) {
				t.Error("Same from another vat: only settled promises are seen through")
			}
			return 0, nil
		})
		g.revoke(context.Background(), nil)
		do(t, v, func(ctx context.Context) (int, error) {
			if _, ok := vat.Near[Ledger](ctx, gg.caret); ok || vat.Same(ctx, gg.caret, r) {
				t.Error("a revoked caretaker is seen through")
			}
			return 0, nil
		})
	})
}

// Guard puts the caretaker into the object's own vat.
func TestGuard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v, other := newVat(t, nil), newVat(t, nil)
		impl := &ledger{}
		r := do(t, v, func(ctx context.Context) (vat.Ref, error) { return LedgerFacet.Spawn(ctx, impl), nil })
		caret, revoke := vat.Guard(other, r)
		do(t, v, func(ctx context.Context) (int, error) {
			if l, ok := vat.Near[*ledger](ctx, caret); !ok || l != impl {
				t.Error("not near")
			}
			return 0, nil
		})
		revoke(context.Background(), nil)
		_, err := answer[int](caret, "total")
		wantErr(t, err, vat.ErrRevoked)
		s, far := newSession(1)
		caret, _ = vat.Guard(other, far)
		_ = caret.SendOnly(context.Background(), "x")
		synctest.Wait()
		if s.methods() != "x" {
			t.Errorf("got %q", s.methods())
		}
	})
}

// A proxy passes messages on to where it points in the turn they get.
func TestSpawnProxy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, nil)
		a, b := &journal{}, &journal{}
		ra, rb := a.spawn(t, v), b.spawn(t, newVat(t, nil))
		to := vat.NewCell(ra)
		p := do(t, v, func(ctx context.Context) (vat.Ref, error) {
			return vat.SpawnProxy(ctx, func(context.Context) (vat.Ref, error) {
				if to.Get().IsNull() {
					return vat.Ref{}, errNope
				}
				return to.Get(), nil
			}), nil
		})
		point := func(r vat.Ref) {
			do(t, v, func(ctx context.Context) (int, error) { to.Set(ctx, r); return 0, nil })
		}
		if n := mustAnswer[int](t, p, "one"); n != 1 {
			t.Errorf("got %d", n)
		}
		point(rb)
		mustAnswer[int](t, p, "two", 2)
		wantJournal(t, a, "one")
		wantJournal(t, b, "two 2")
		point(vat.Ref{})
		_, err := answer[int](p, "three")
		wantErr(t, err, errNope)
	})
}

// Proxies that lead to each other in a ring do not keep a message going for ever.
func TestProxiesInARing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v, other := newVat(t, nil), newVat(t, nil)
		var refs [2]vat.Ref
		for i, home := range []*vat.Vat{v, other} {
			refs[i] = do(t, home, func(ctx context.Context) (vat.Ref, error) {
				return vat.SpawnProxy(ctx, func(context.Context) (vat.Ref, error) { return refs[1-i], nil }), nil
			})
		}
		count := &held{n: 1, size: 10}
		refs[0].Post(vat.Message{From: &vat.Caller{Designator: "p"}, Held: count, Size: 10})
		_, err := answer[int](refs[0], "x")
		wantErr(t, err, vat.ErrLoop)
		synctest.Wait()
		if count.n != 0 || count.size != 0 {
			t.Errorf("%d messages of %d bytes held", count.n, count.size)
		}
	})
}
