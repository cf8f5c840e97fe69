package caps_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/caps"
)

// echo answers with its arguments, and notes them.
type echo struct {
	mu  sync.Mutex
	got [][]any
}

func (e *echo) handle(_ context.Context, args []any) (any, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.got = append(e.got, args)
	return args, nil
}

func (e *echo) spawn(t *testing.T, v *vat.Vat) vat.Ref {
	t.Helper()
	return do(t, v, func(ctx context.Context) (vat.Ref, error) { return vat.SpawnFunc(ctx, e.handle), nil })
}

func (e *echo) last() []any {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.got[len(e.got)-1]
}

// three returns a membrane in a vat of its own around an echo in another, and a vat for the outside.
func three(t *testing.T) (m *caps.Membrane, in *echo, inner, outer vat.Ref, outside *vat.Vat) {
	in = &echo{}
	inner = in.spawn(t, newVat(t))
	m, outer = caps.NewMembrane(newVat(t), inner)
	return m, in, inner, outer, newVat(t)
}

// Each side sees its own objects as they are and proxies, always the same, for the other's.
func TestMembraneIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, in, inner, outer, v := three(t)
		if outer == inner || m.Wrap(inner) != outer || !m.Wrap(vat.Ref{}).IsNull() {
			t.Error("wrapped wrongly")
		}
		mine := (&echo{}).spawn(t, v)
		back := mustApply[[]any](t, outer, mine, mine, outer, nil, "x", []any{mine}, map[string]any{"k": mine}, passable.Tagged{Tag: "t", Value: mine})
		arrived := in.last()
		proxy := arrived[0].(vat.Ref)
		if proxy == mine || arrived[1] != any(proxy) || arrived[2] != any(inner) || arrived[3] != nil || arrived[4] != "x" {
			t.Errorf("the inside got %v", arrived)
		}
		deep := []any{arrived[5].([]any)[0], arrived[6].(passable.Struct)[0].Value, arrived[7].(passable.Tagged).Value}
		for _, x := range deep {
			if x != any(proxy) {
				t.Errorf("deep in data the inside got %v", x)
			}
		}
		want := []any{mine, mine, outer, nil, "x"}
		for i, x := range want {
			if back[i] != x {
				t.Errorf("argument %d came back as %v, want %v", i, back[i], x)
			}
		}
		if back[5].([]any)[0] != any(mine) {
			t.Error("deep in data it came back as another")
		}
		// The proxy works the other way, too.
		if got := mustApply[[]vat.Ref](t, proxy, inner, proxy); got[0] != inner || got[1] != proxy {
			t.Errorf("from the inside: %v", got)
		}
		// And from another place it is the same.
		if mustApply[any](t, outer, mine); in.last()[0] != any(proxy) {
			t.Error("another proxy for the same object")
		}
	})
}

// Promises stay promises: what is sent on them goes on before they settle, and what they bring is wrapped.
func TestMembranePromises(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, in, inner, outer, v := three(t)
		mine := (&echo{}).spawn(t, v)

		// A promise of the outside as an argument, with messages on it from the inside.
		p, r := promise.New[vat.Ref](bg)
		_ = outer.ApplyOnly(bg, p)
		synctest.Wait()
		face := in.last()[0].(vat.Ref)
		early := vat.Result[[]vat.Ref](face.Apply(bg, inner))
		synctest.Wait()
		if vat.Result[any](face).Settled() {
			t.Error("settled before its time")
		}
		r.Fulfill(bg, mine)
		if got, err := early.Await(bg); err != nil || got[0] != inner {
			t.Errorf("%v, %v", got, err)
		}
		proxy, err := face.Await(bg)
		if err != nil || proxy == mine || mustApply[any](t, outer, mine) == nil || in.last()[0] != any(proxy) {
			t.Errorf("it brought %v, %v", proxy, err)
		}

		// A promise of the inside as an answer: pipelined calls, parts of data, and the settlement.
		q, s := promise.New[any](bg)
		giver := do(t, newVat(t), func(ctx context.Context) (vat.Ref, error) {
			return vat.SpawnFunc(ctx, func(context.Context, []any) (any, error) { return q, nil }), nil
		})
		ans := m.Wrap(giver).Apply(bg)
		part := vat.Result[string](ans.Field(bg, "list").Index(bg, 1))
		call := vat.Result[[]vat.Ref](ans.Field(bg, "ref").Apply(bg, mine))
		tag := vat.Result[int](ans.Field(bg, "tag").Untag(bg, "t"))
		synctest.Wait()
		s.Fulfill(bg, map[string]any{"list": []any{1, "two"}, "ref": inner, "tag": passable.Tagged{Tag: "t", Value: 7}})
		if x, err := part.Await(bg); x != "two" || err != nil {
			t.Errorf("%q, %v", x, err)
		}
		if x, err := call.Await(bg); err != nil || x[0] != mine {
			t.Errorf("%v, %v", x, err)
		}
		if x, err := tag.Await(bg); x != 7 || err != nil {
			t.Errorf("%v, %v", x, err)
		}
		if x, err := vat.Result[map[string]any](ans).Await(bg); err != nil || x["ref"] != any(outer) {
			t.Errorf("the whole: %v, %v", x, err)
		}
		// Parts of what has settled.
		if x, err := vat.Result[vat.Ref](ans.Field(bg, "ref")).Await(bg); x != outer || err != nil {
			t.Errorf("%v, %v", x, err)
		}
	})
}

// A promise that went in and comes out again is the one it was.
func TestMembranePromiseComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, in, _, outer, v := three(t)
		holder := &echo{}
		mine := holder.spawn(t, v)
		p, r := promise.New[int](bg)
		_ = mine.ApplyOnly(bg, p)
		synctest.Wait()
		self := holder.last()[0].(vat.Ref) // what p is as a reference
		_ = outer.ApplyOnly(bg, self, mine)
		synctest.Wait()
		there, proxy := in.last()[0].(vat.Ref), in.last()[1].(vat.Ref)
		if there == self {
			t.Error("not wrapped")
		}
		_ = proxy.ApplyOnly(bg, there)
		synctest.Wait()
		if holder.last()[0] != any(self) {
			t.Errorf("came back as %v, want %v", holder.last()[0], self)
		}
		why := vat.NewError("test.why", "why")
		r.Break(bg, why)
		if _, err := vat.Result[int](there).Await(bg); err != error(why) {
			t.Errorf("%v", err)
		}
	})
}

// What a peer broke a promise with may hold a reference, which is wrapped like any other.
func TestMembraneErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _, inner, outer, _ := three(t)
		plain := errors.New("plain")
		for _, err := range []error{plain, vat.NewError("test.code", "text"), vat.FromReason([]any{"why", inner}, true)} {
			fails := do(t, newVat(t), func(ctx context.Context) (vat.Ref, error) {
				return vat.SpawnFunc(ctx, func(context.Context, []any) (any, error) { return nil, err }), nil
			})
			_, got := apply[any](m.Wrap(fails))
			e, _ := errors.AsType[*vat.Error](got)
			switch {
			case e == nil || e.Reason == nil:
				if got != err {
					t.Errorf("%v became %v", err, got)
				}
			case !e.Remote || e.Reason.([]any)[1] != any(outer):
				t.Errorf("the reason became %v", e.Reason)
			}
		}
	})
}

// Messages on one reference arrive in order through the membrane, also when it is a promise that settles in between.
func TestMembraneOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, where := range []string{"to an object inside", "to an object outside", "by way of another promise"} {
			m, _, _, _, v := three(t)
			var got []int64
			note := func(_ context.Context, args []any) (any, error) { got = append(got, args[0].(int64)); return nil, nil }
			home := newVat(t)
			if where == "to an object outside" {
				home = v
			}
			target := do(t, home, func(ctx context.Context) (vat.Ref, error) { return vat.SpawnFunc(ctx, note), nil })
			p, r := promise.New[vat.Ref](bg)
			giver := do(t, newVat(t), func(ctx context.Context) (vat.Ref, error) {
				return vat.SpawnFunc(ctx, func(_ context.Context, args []any) (any, error) {
					if len(args) > 0 {
						r.Fulfill(bg, args[0].(vat.Ref))
					}
					return p, nil
				}), nil
			})
			face := m.Wrap(giver)
			ans := face.Apply(bg)
			for i := range 400 {
				if i == 100 {
					go func() {
						switch where {
						case "to an object inside":
							r.Fulfill(bg, target)
						case "to an object outside":
							_ = face.ApplyOnly(bg, target) // comes back, and is unwrapped
						default:
							q, s := promise.New[vat.Ref](bg)
							r.Follow(bg, q)
							s.Fulfill(bg, target)
						}
					}()
				}
				_ = ans.ApplyOnly(bg, i+1)
				if i%50 == 0 {
					runtime.Gosched()
				}
			}
			synctest.Wait()
			for i, n := range got {
				if n != int64(i+1) {
					t.Fatalf("%s: message %d arrived as number %d", where, n, i+1)
				}
			}
			if len(got) != 400 {
				t.Errorf("%s: %d of 400 arrived", where, len(got))
			}
		}
	})
}

// A promise that turns out to lead back out: what was sent on it before is still on its way through the membrane, and
// what is sent on it afterwards must not overtake that.
func TestMembraneOrderOnTheWayBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &echo{}
		home := newVat(t)
		m, outer := caps.NewMembrane(home, in.spawn(t, newVat(t)))
		var got []int64
		mine := do(t, newVat(t), func(ctx context.Context) (vat.Ref, error) {
			return vat.SpawnFunc(ctx, func(_ context.Context, args []any) (any, error) {
				got = append(got, args[0].(int64))
				return nil, nil
			}), nil
		})
		mustApply[any](t, outer, mine)
		proxy := in.last()[0].(vat.Ref)
		p, r := promise.New[vat.Ref](bg)
		giver := do(t, newVat(t), func(ctx context.Context) (vat.Ref, error) {
			return vat.SpawnFunc(ctx, func(context.Context, []any) (any, error) { return p, nil }), nil
		})
		ans := m.Wrap(giver).Apply(bg)
		_ = ans.ApplyOnly(bg, 1)
		synctest.Wait()
		block, busy := make(chan struct{}), make(chan struct{})
		_ = fun(t, home, func() { close(busy); <-block }).ApplyOnly(bg)
		<-busy
		_ = ans.ApplyOnly(bg, 2) // waits in the membrane's vat
		r.Fulfill(bg, proxy)
		if back, err := ans.Await(bg); back != mine || err != nil {
			t.Errorf("%v, %v", back, err)
		}
		_ = ans.ApplyOnly(bg, 3)
		synctest.Wait()
		close(block)
		synctest.Wait()
		if fmt.Sprint(got) != "[1 2 3]" {
			t.Errorf("arrived in the order %v", got)
		}
	})
}

// A promise that was settled while messages are still under way by the route it had keeps to that route, and so does
// the other side's proxy of it, directly or by way of another promise.
func TestMembraneOrderOfAKeptPromise(t *testing.T) {
	for _, by := range []string{"itself", "another promise", "another promise, later"} {
		t.Run(by, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := &echo{}
				inner := in.spawn(t, newVat(t))
				m, _ := caps.NewMembrane(newVat(t), inner)
				far := &slow{}
				far.node.Init(far)
				kept := vat.NewVow(nil)
				kept.Route(far)
				p := kept
				if by != "itself" {
					p = vat.NewVow(nil)
				}
				face := m.Wrap(p.Ref())
				if by == "another promise" {
					p.Resolve(kept.Ref())
				}
				_ = kept.Ref().ApplyOnly(bg, 0)
				_ = face.ApplyOnly(bg, 1)
				synctest.Wait()
				kept.Settle(inner, nil, false, nil)
				if by == "another promise, later" {
					p.Resolve(kept.Ref())
				}
				_ = face.ApplyOnly(bg, 2)
				synctest.Wait()
				if got := fmt.Sprint(far.got); got != "[0 1 2]" || len(in.got) != 0 {
					t.Errorf("%v went the old way, %v the new one", got, in.got)
				}
				if r, err := face.Await(bg); r != m.Wrap(inner) || err != nil {
					t.Errorf("brought %v, %v", r, err)
				}
			})
		})
	}
}

// A ring of promises through the membrane breaks.
func TestMembraneRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, in, _, outer, v := three(t)
		keep := &echo{}
		mine := keep.spawn(t, v)
		p, r := promise.New[vat.Ref](bg)
		_ = outer.ApplyOnly(bg, p, mine)
		synctest.Wait()
		faceOfP, proxy := in.last()[0].(vat.Ref), in.last()[1].(vat.Ref)
		q, s := promise.New[vat.Ref](bg)
		_ = proxy.ApplyOnly(bg, q)
		synctest.Wait()
		faceOfQ := keep.last()[0].(vat.Ref)
		r.Follow(bg, vat.Result[vat.Ref](faceOfQ))
		s.Follow(bg, vat.Result[vat.Ref](faceOfP))
		ans := vat.Result[any](faceOfP.Apply(bg))
		synctest.Wait()
		for name, x := range map[string]promise.Promise[any]{
			"p": vat.Result[any](faceOfP), "q": vat.Result[any](faceOfQ), "a message": ans,
		} {
			if !x.Settled() {
				t.Errorf("%s has not settled", name)
			} else if _, err := x.Await(bg); !errors.Is(err, promise.ErrCycle) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Revoked, nothing crosses any more in either direction: new messages, those that wait, answers, promises.
func TestMembraneRevoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, in, inner, outer, v := three(t)
		mine := &echo{}
		mineRef := mine.spawn(t, v)
		mustApply[any](t, outer, mineRef)
		proxy := in.last()[0].(vat.Ref)

		never, settle := promise.New[int](bg)
		slow := do(t, newVat(t), func(ctx context.Context) (vat.Ref, error) {
			return vat.SpawnFunc(ctx, func(context.Context, []any) (any, error) { return never, nil }), nil
		})
		pending := vat.Result[any](m.Wrap(slow).Apply(bg))
		onPending := vat.Result[any](m.Wrap(slow).Apply(bg).Apply(bg, 1))
		pOut, rOut := promise.New[int](bg)
		_ = outer.ApplyOnly(bg, pOut)
		synctest.Wait()
		passedIn := in.last()[0].(vat.Ref)

		block, busy := make(chan struct{}), make(chan struct{})
		blocker := do(t, newVat(t), func(ctx context.Context) (vat.Ref, error) {
			return vat.SpawnFunc(ctx, func(_ context.Context, args []any) (any, error) {
				if len(args) == 0 {
					close(busy)
					<-block
				} else {
					t.Error("a message that waited got through")
				}
				return nil, nil
			}), nil
		})
		wrapped := m.Wrap(blocker)
		running := vat.Result[any](wrapped.Apply(bg))
		<-busy
		waiting := vat.Result[any](wrapped.Apply(bg, 1))
		var severed sync.Map
		for name, r := range map[string]vat.Ref{"proxy": outer, "promise": pending.Cell().Host().(*vat.Vow).Ref()} {
			do(t, v, func(ctx context.Context) (int, error) {
				vat.OnSever(ctx, r, func(_ context.Context, reason error) { severed.Store(name, reason) })
				return 0, nil
			})
		}
		synctest.Wait()

		// In a turn that fails it does not happen.
		_, err := vat.Do(bg, v, func(ctx context.Context) (int, error) { m.Revoke(ctx, nil); return 0, vat.ErrBadArgs })
		wantErr(t, err, vat.ErrBadArgs)
		if mustApply[any](t, outer) == nil || pending.Settled() {
			t.Error("revoked by a turn that failed")
		}
		calls := len(in.got) + len(mine.got)
		do(t, v, func(ctx context.Context) (int, error) {
			m.Revoke(ctx, vat.NewError("test.why", "the contract is over"))
			return 0, nil
		})
		close(block)
		synctest.Wait()
		data := vat.NewVow(nil)
		data.Resolve("secret")
		settledNow := map[string]promise.Promise[any]{
			"a promise for data that is wrapped afterwards": vat.Result[any](m.Wrap(data.Ref())),
			"an answer that is pending":                     pending, "a message on it": onPending, "a call that is running": running, "one that waits": waiting,
			"a promise passed in": vat.Result[any](passedIn), "a call from outside": vat.Result[any](outer.Apply(bg)),
			"a call from inside": vat.Result[any](proxy.Apply(bg)), "a new proxy": vat.Result[any](m.Wrap(slow).Apply(bg)),
		}
		synctest.Wait()
		for name, p := range settledNow {
			if !p.Settled() {
				t.Errorf("%s has not settled", name)
				continue
			}
			_, err := p.Await(bg)
			wantErr(t, err, vat.ErrRevoked)
			if !strings.HasSuffix(err.Error(), "the contract is over") {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, name := range []string{"proxy", "promise"} {
			if reason, ok := severed.Load(name); !ok || !errors.Is(reason.(error), vat.ErrRevoked) {
				t.Errorf("the watch of the %s was told %v", name, reason)
			}
		}
		settle.Fulfill(bg, 1)
		rOut.Fulfill(bg, 1)
		m.Revoke(bg, nil)
		if n := len(in.got) + len(mine.got); n != calls {
			t.Errorf("%d calls got through", n-calls)
		}
		// Each side's own is untouched.
		mustApply[any](t, inner)
		mustApply[any](t, mineRef)
	})
}

// A membrane in a membrane: shutting one shuts what crossed both.
func TestMembraneNested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, which := range []string{"inner", "outer"} {
			a, in, inner, outer, v := three(t)
			b, outermost := caps.NewMembrane(v, outer)
			mine := (&echo{}).spawn(t, v)
			if got := mustApply[[]any](t, outermost, mine, outermost); got[0] != any(mine) || got[1] != any(outermost) {
				t.Errorf("%v", got)
			}
			if arrived := in.last(); arrived[1] != any(inner) || arrived[0] == any(mine) {
				t.Errorf("%v", arrived)
			}
			if which == "inner" {
				a.Revoke(bg, nil)
			} else {
				b.Revoke(bg, nil)
			}
			_, err := apply[any](outermost)
			wantErr(t, err, vat.ErrRevoked)
			_, err = apply[any](outer)
			if (which == "inner") != errors.Is(err, vat.ErrRevoked) {
				t.Errorf("revoked %s, the middle says %v", which, err)
			}
		}
	})
}

// However things are handed about, neither side ever holds the other's own: agents on both sides pass on, call and
// return what they have.
func TestMembraneContains(t *testing.T) {
	crossed := 0
	for seed := range 12 {
		synctest.Test(t, func(t *testing.T) {
			var sides [2]struct {
				mu   sync.Mutex
				own  map[vat.Ref]bool
				held []vat.Ref
			}
			vats := []*vat.Vat{newVat(t), newVat(t)}
			steps := 0
			var agents [2][]vat.Ref
			next := uint64(seed)*2654435761 + 1
			pick := func(n int) int { next = next*6364136223846793005 + 1442695040888963407; return int(next>>33) % n }
			var mu sync.Mutex // of next and steps
			for s := range sides {
				sides[s].own = map[vat.Ref]bool{}
				for range 3 {
					ref := do(t, vats[s], func(ctx context.Context) (vat.Ref, error) {
						return vat.SpawnFunc(ctx, func(ctx context.Context, args []any) (any, error) {
							me := &sides[s]
							me.mu.Lock()
							defer me.mu.Unlock()
							for _, a := range args {
								if r, ok := a.(vat.Ref); ok {
									me.held = append(me.held, r)
								}
							}
							mu.Lock()
							defer mu.Unlock()
							if steps++; steps > 300 {
								return me.held[pick(len(me.held))], nil
							}
							to := me.held[pick(len(me.held))]
							ans := to.Apply(ctx, me.held[pick(len(me.held))], me.held[pick(len(me.held))])
							me.held = append(me.held, ans)
							if pick(3) == 0 {
								_ = ans.ApplyOnly(ctx, vat.Self(ctx))
							}
							return []any{ans, me.held[pick(len(me.held))]}[pick(2)], nil
						}), nil
					})
					agents[s] = append(agents[s], ref)
					sides[s].own[ref] = true
					sides[s].held = append(sides[s].held, ref)
				}
			}
			m, first := caps.NewMembrane(newVat(t), agents[0][0])
			sides[1].held = append(sides[1].held, first)
			for range 5 {
				_ = agents[1][0].ApplyOnly(bg, agents[1][1])
			}
			synctest.Wait()
			for s := range sides {
				for _, r := range sides[s].held {
					final := r
					if v, _, ok := r.PromiseCell().Outcome(); ok {
						final, _ = v.(vat.Ref)
					}
					for _, x := range []vat.Ref{r, final} {
						if sides[1-s].own[x] {
							t.Fatalf("side %d holds an object of the other side", s)
						}
					}
					if !final.IsNull() && !sides[s].own[final] {
						crossed++
					}
				}
			}
			m.Revoke(bg, nil)
			synctest.Wait()
			before := steps
			for s := range sides {
				for _, r := range sides[s].held {
					if !sides[s].own[r] {
						if _, promised := r.Target().(*vat.Vow); !promised {
							if _, err := apply[any](r); !errors.Is(err, vat.ErrRevoked) {
								t.Fatalf("after the revocation: %v", err)
							}
						}
					}
				}
			}
			if steps != before {
				t.Error("something got through after the revocation")
			}
		})
	}
	if crossed < 100 {
		t.Errorf("only %d references crossed: the test shows nothing", crossed)
	}
}

// Proxies nobody holds are forgotten, also when the sides know each other in a circle.
func TestMembraneForgets(t *testing.T) {
	v, in, out := newVat(t), newVat(t), newVat(t)
	drop := do(t, in, func(ctx context.Context) (vat.Ref, error) {
		return vat.Func(ctx, func(vat.Ref) vat.Ref { return vat.Ref{} }), nil
	})
	m, outer := caps.NewMembrane(v, drop)
	base := m.Known()
	for range 200 {
		mustApply[any](t, outer, fun(t, out, func() {}))
	}
	// Circles: objects inside that keep a proxy of one outside that keeps a proxy of them.
	for range 20 {
		func() {
			var kept, back vat.Ref
			keep := fun(t, in, func(r vat.Ref) { kept = r })
			back = m.Wrap(keep)
			mustApply[any](t, back, fun(t, out, func() vat.Ref { return back }))
			if kept.IsNull() {
				t.Error("no circle")
			}
		}()
	}
	for end := time.Now().Add(10 * time.Second); m.Known() > base+4 && time.Now().Before(end); {
		do(t, in, func(context.Context) (int, error) { return 0, nil }) // frames lent to vats forget their last
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	if n := m.Known(); n > base+4 {
		t.Errorf("%d proxies remembered, %d at first", n, base)
	}
	if mustApply[any](t, outer, nil); m.Wrap(drop) != outer {
		t.Error("the one that is held was forgotten")
	}
}

// A promise that crossed two membranes to and fro many times, as hostile peers might arrange, settles.
func TestMembraneLongChain(t *testing.T) {
	n := 20_000
	if testing.Short() {
		n = 1000
	}
	v := newVat(t)
	a, _ := caps.NewMembrane(v, vat.Ref{})
	b, _ := caps.NewMembrane(v, vat.Ref{})
	first := vat.NewVow(nil)
	face := first.Ref()
	for i := range n {
		if i%2 == 0 {
			face = a.Wrap(face)
		} else {
			face = b.Wrap(face)
		}
	}
	first.Resolve(int64(5))
	if x, err := vat.Result[int](face).Await(bg); x != 5 || err != nil {
		t.Errorf("%v, %v", x, err)
	}
	// Data that holds a settled promise for data that holds one, and so on.
	deep := any(int64(1))
	for range n {
		w := vat.NewVow(nil)
		w.Resolve(deep)
		deep = []any{w.Ref()}
	}
	last := vat.NewVow(nil)
	last.Resolve(deep)
	if _, err := vat.Result[[]vat.Ref](a.Wrap(last.Ref())).Await(bg); err != nil {
		t.Error(err)
	}
}

func ExampleNewMembrane() {
	ctx := context.Background()
	v := vat.New(nil)
	defer v.Close()

	// A shop that hands out carts; everything a guest gets is reached through the membrane.
	shop, _ := vat.Do(ctx, v, func(ctx context.Context) (vat.Ref, error) {
		return vat.Func(ctx, func(ctx context.Context) vat.Ref {
			items := 0
			return vat.Func(ctx, func(what string) int { items++; return items })
		}), nil
	})
	m, door := caps.NewMembrane(v, shop)
	cart, _ := door.Apply(ctx).Await(ctx)
	fmt.Println(vat.Result[int](cart.Apply(ctx, "rope")).Await(ctx))

	m.Revoke(ctx, nil) // closing time
	_, err := vat.Result[int](cart.Apply(ctx, "tar")).Await(ctx)
	fmt.Println(err)
	// Output:
	// 1 <nil>
	// vat: the reference was revoked
}
