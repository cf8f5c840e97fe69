package vat_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/vat"
)

// Numbers are given out once, even if the first of a lease went to something that was not stored.
func TestLeaseOutlivesWhatFails(t *testing.T) {
	for name, waste := range map[string]func(w *world){
		"a vat that is refused": func(w *world) {
			if _, err := w.depot.Vat(strings.Repeat("x", 2000)); err == nil {
				t.Error("a name that no store takes was taken")
			}
		},
		"a turn that fails": func(w *world) {
			a := w.root("a", "a")
			if _, err := answer[any](a, "unstorable"); err == nil {
				t.Error("what cannot be stored was stored")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, tellerKind)
				if name == "a turn that fails" {
					w.root("a", "a")
				}
				w.crash() // a new lease begins with the next number
				waste(w)
				a := w.root("a", "a")
				mustAnswer[any](t, a, "link", mustAnswer[vat.Ref](t, a, "make"), "made")
				w.crash()
				a = w.root("a", "a")
				for range 20 {
					mustAnswer[any](t, a, "link", mustAnswer[vat.Ref](t, a, "make"), "more")
				}
				if n := mustAnswer[int](t, a, "add", 1); n != 1 {
					t.Errorf("%d, want 1", n)
				}
				if n := mustAnswer[int](t, mustAnswer[vat.Ref](t, a, "whois", "made"), "add", 1); n != 101 {
					t.Errorf("%d, want 101", n)
				}
				w.crash()
				if n := mustAnswer[int](t, w.root("a", "a"), "add", 1); n != 2 {
					t.Errorf("%d, want 2", n)
				}
			})
		})
	}
}

// What no store takes fails one turn, or is cut to what one takes. The depot goes on, and can be opened again.
func TestNoBadBatch(t *testing.T) {
	const edge = 16<<20 - 40 // a state of that length and what goes with it are too much
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		mustAnswer[any](t, a, "link", b, "b")
		if _, err := vat.Root(context.Background(), w.vat("a"), strings.Repeat("n", 1020), func(ctx context.Context) (TellerRef, error) {
			return vat.As[TellerRef](TellerFacet.Spawn(ctx, &teller{})), nil
		}); err == nil {
			t.Error("a root was stored under a name that no store takes")
		}
		for n := edge - 100; n < edge+40; n += 20 {
			_, _ = answer[any](a, "write", n)       // state
			_, _ = answer[any](a, "passText", n)    // a message
			_, _ = answer[any](a, "ask", "text", n) // an answer that is stored
		}
		for _, how := range []string{"long", "torn", "torn code"} {
			mustAnswer[any](t, a, "askError", how)
		}
		mustAnswer[any](t, a, "link", b.Send(context.Background(), "open"), "open")
		synctest.Wait()
		mustAnswer[any](t, a, "passSelector", []byte("\xff")) // which waits in the store for what b decides
		_, _ = answer[any](a, "passSelector", []byte(strings.Repeat("x", 15<<20)))
		synctest.Wait()
		if err := w.depot.Err(); err != nil {
			t.Fatal(err)
		}
		mustAnswer[int](t, a, "add", 1)
		lines := w.lines(a)
		synctest.Wait()
		if w.size("messages") == 0 {
			t.Error("no message waits in the store")
		}
		w.crash()
		synctest.Wait()
		if got := w.lines(w.root("a", "a")); got != lines {
			t.Errorf("%s, want %s", clip(got), clip(lines))
		}
	})
}

func clip(s string) string { return s[:min(len(s), 1000)] }

// prickly is an object whose parts panic when the runtime looks at them.
type prickly struct {
	N     int
	Err   error
	Thorn thorn
}

type Prickly interface {
	Set(ctx context.Context, how string, r vat.Ref) error
	Get() int
}

var (
	PricklyFacet = vat.FacetOf[Prickly]("test.Prickly")
	pricklyKind  = vat.KindOf("prickly", func() *prickly {
		if stung {
			panic("no new ones")
		}
		return new(prickly)
	}, PricklyFacet)
)

// badError is an error whose methods panic if it has no code.
type badError struct{ code string }

func (e *badError) Error() string     { return e.code }
func (e *badError) ErrorCode() string { return e.code[:4] }

// thorn is a reference that cannot be read back while stung is set.
type thorn struct{ r vat.Ref }

var stung bool

func (s thorn) PassableReference() passable.Reference { return s.r.PassableReference() }

func (s *thorn) SetPassableReference(r passable.Reference) error {
	if stung {
		panic("stung")
	}
	s.r, _ = r.(vat.Ref)
	return nil
}

func (p *prickly) Get() int { return p.N }

func (p *prickly) Set(_ context.Context, how string, r vat.Ref) error {
	p.N++
	switch how {
	case "state":
		p.Err = &badError{}
	case "result":
		return &badError{}
	case "thorn":
		p.Thorn = thorn{r}
	case "restore":
		stung = true
		return errNo
	}
	return nil
}

// What panics of a user's own types when the runtime looks at state, or puts it back, fails a turn and not the process.
func TestPrickly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, pricklyKind, tellerKind)
		w.cfg.Amnesia = true
		w.restart()
		type PricklyRef struct{ vat.Ref }
		root := func() vat.Ref {
			r, err := vat.Root(context.Background(), w.vat("a"), "p", func(ctx context.Context) (PricklyRef, error) {
				return vat.As[PricklyRef](PricklyFacet.Spawn(ctx, &prickly{})), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return r.Ref
		}
		p, a := root(), w.root("a", "a")
		mustAnswer[any](t, p, "set", "thorn", a)
		mustAnswer[any](t, a, "link", p, "p")
		if _, err := answer[any](p, "set", "state", a); !errors.Is(err, vat.ErrInternal) {
			t.Error(err)
		}
		mustAnswer[any](t, a, "ask2", "set", "result", a)
		if n := mustAnswer[int](t, p, "get"); n != 1 {
			t.Errorf("%d, want 1", n)
		}
		if _, err := answer[any](p, "set", "restore", a); !errors.Is(err, errNo) {
			t.Error(err)
		}
		mustAnswer[int](t, a, "add", 1) // after which what can be forgotten is
		if _, err := answer[any](p, "get"); !errors.Is(err, vat.ErrInternal) {
			t.Error(err)
		}
		stung = false
		mustAnswer[int](t, a, "add", 1)
		if n := mustAnswer[int](t, p, "get"); n != 1 {
			t.Errorf("%d, want 1", n)
		}
		w.crash()
		if n := mustAnswer[int](t, root(), "get"); n != 1 {
			t.Errorf("%d, want 1", n)
		}
	})
}

// An object stays as long as somebody uses any facet of it, also one that nothing stored names, and goes when nobody does.
func TestLastFacet(t *testing.T) {
	for _, ring := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, tellerKind)
			w.cfg.Amnesia = true
			w.restart()
			r := w.root("a", "r")
			forget := func() {
				t.Helper()
				for range 3 {
					mustAnswer[int](t, r, "add", 0)
					sweep()
				}
				if _, err := w.depot.Sweep(); err != nil {
					t.Fatal(err)
				}
				mustAnswer[int](t, r, "add", 0)
				synctest.Wait()
			}
			forget()
			before := fmt.Sprint(w.size("slots"), w.size("state-1"))
			counter := func() vat.Ref {
				impl := &teller{N: 9}
				both, err := vat.Do(context.Background(), w.vat("a"), func(ctx context.Context) ([]vat.Ref, error) {
					return []vat.Ref{TellerFacet.Spawn(ctx, impl), CounterFacet.Spawn(ctx, impl)}, nil
				})
				if err != nil {
					t.Fatal(err)
				}
				mustAnswer[any](t, r, "link", both[0], "teller")
				if ring {
					mustAnswer[any](t, both[0], "link", both[0], "itself")
				}
				return both[1]
			}()
			forget()
			mustAnswer[any](t, r, "reset")
			forget()
			if n, err := answer[int](counter, "count"); n != 9 || err != nil {
				t.Errorf("ring %v: %d, %v through the facet that is left", ring, n, err)
			}
			runtime.KeepAlive(counter)
			forget()
			if after := fmt.Sprint(w.size("slots"), w.size("state-1")); after != before {
				t.Errorf("ring %v: %s slots and objects are left, want %s", ring, after, before)
			}
		})
	}
}

// Whoever waits for a promise that has settled to a reference already is told, in memory and after a restart.
func TestWhenSettledToReference(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		for _, next := range []vat.Ref{b, newObject(t)} {
			mustAnswer[any](t, a, "link", next, "next")
			mustAnswer[any](t, a, "askRef", next)
		}
		synctest.Wait()
		if got := w.lines(a); got != "[a reference a reference]" {
			t.Error(got)
		}
		w.crash()
		synctest.Wait()
		if n := w.size("messages"); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	})
}

// newObject returns an object of a vat that is not durable.
func newObject(t *testing.T) vat.Ref {
	t.Helper()
	return object(t, newVat(t, nil), func(context.Context, []any) (any, error) { return nil, nil })
}

// What is sent on a promise that only now has become one that the store settles does not overtake what was sent before, and
// waits for the disk.
func TestOrderOnPromiseThatIsStored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		p, r := promise.New[vat.Ref](context.Background())
		mustAnswer[any](t, a, "link", p, "p")
		w.disk.slow.Store(int64(time.Second))
		_ = a.SendOnly(context.Background(), "tell", "one")
		go func() {
			_, _ = vat.Do(context.Background(), w.vat("a"), func(ctx context.Context) (any, error) {
				impl, _ := vat.Near[*teller](ctx, a)
				impl.Choose = r
				return nil, nil
			})
		}()
		synctest.Wait()
		_ = a.SendOnly(context.Background(), "tell", "two")
		_ = a.SendOnly(context.Background(), "tell", "three")
		synctest.Wait()
		time.Sleep(time.Minute)
		w.disk.slow.Store(int64(0))
		r.Fulfill(context.Background(), b)
		synctest.Wait()
		if got := w.lines(b); got != "[one two three]" {
			t.Error(got)
		}
	})
}

// The same while messages from before the last start are being delivered.
func TestOrderOnPromiseDuringRecovery(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		mustAnswer[any](t, a, "link", b, "b")
		hold := make(chan struct{})
		dying = func() { <-hold }
		_ = a.SendOnly(context.Background(), "askDie") // b is at it for long
		time.Sleep(time.Second)
		w.dead.Store(true)
		close(hold)
		synctest.Wait()
		hold = make(chan struct{})
		w.crash()
		a = w.root("a", "a")
		b = mustAnswer[vat.Ref](t, a, "follow")
		p, r := promise.New[vat.Ref](context.Background())
		mustAnswer[any](t, a, "link", p, "p")
		w.disk.slow.Store(int64(time.Second))
		close(hold)
		synctest.Wait()
		_ = a.SendOnly(context.Background(), "tell", "one")
		synctest.Wait()
		r.Fulfill(context.Background(), b)
		synctest.Wait()
		_ = a.SendOnly(context.Background(), "tell", "two")
		time.Sleep(time.Minute)
		w.disk.slow.Store(int64(0))
		if got := w.lines(b); got != "[one two]" {
			t.Error(got)
		}
	})
}

// While a depot closes no vat of it goes on: it would hear from those that are closed already what is not so after the next
// start.
func TestCloseTogether(t *testing.T) {
	for range 8 {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, tellerKind)
			a, b := w.root("a", "a"), w.root("b", "b")
			mustAnswer[any](t, b, "link", a, "a")
			mustAnswer[any](t, a, "link", b, "b")
			hold := make(chan struct{})
			dying = func() { <-hold }
			_ = a.SendOnly(context.Background(), "die") // neither vat closes at once
			_ = b.SendOnly(context.Background(), "die")
			synctest.Wait()
			for range 3 {
				_ = b.SendOnly(context.Background(), "hopeThat", "add", 1)
				_ = b.SendOnly(context.Background(), "waitForIt")
			}
			closed := make(chan error, 1)
			go func() { closed <- w.depot.Close() }()
			synctest.Wait()
			hold <- struct{}{}
			synctest.Wait()
			close(hold)
			if err := <-closed; err != nil {
				t.Error(err)
			}
			w.store.Close()
			w.open()
			synctest.Wait()
			if got := w.lines(w.root("b", "b")); strings.Contains(got, "closed") {
				t.Errorf("b was told %s, a has %d", got, mustAnswer[int](t, w.root("a", "a"), "add", 0))
			}
		})
	}
}

// An object that only this process holds keeps what only it leads to when the depot is swept, also what means nothing to the
// store.
func TestSweepKeepsWhatIsHeld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		r := w.root("a", "r")
		x := mustAnswer[vat.Ref](t, r, "make")
		mustAnswer[any](t, r, "link", x, "x")
		v := newVat(t, nil)
		mustAnswer[any](t, x, "link", object(t, v, func(context.Context, []any) (any, error) { return 7, nil }), "far")
		mustAnswer[any](t, x, "link", x, "itself")
		mustAnswer[any](t, x, "link", mustAnswer[vat.Ref](t, x, "whois", "far"), "far")
		mustAnswer[any](t, r, "reset")
		for range 3 {
			sweep()
			mustAnswer[int](t, r, "add", 1)
			if _, err := w.depot.Sweep(); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := answer[int](mustAnswer[vat.Ref](t, x, "follow"), "get"); n != 7 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		runtime.KeepAlive(x)
	})
}

// What a depot knows of what nobody uses any more it forgets, however things went.
func TestForgets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		w.cfg.MaxLoaded = 1
		w.restart()
		a, b := w.root("a", "a"), w.root("b", "b")
		v := newVat(t, nil)
		far := object(t, v, func(context.Context, []any) (any, error) { return 7, nil })
		mustAnswer[any](t, a, "link", b, "b")
		mustAnswer[any](t, b, "link", a, "a")
		round := func() {
			mustAnswer[any](t, a, "ask", "add", 1)
			mustAnswer[any](t, a, "ask", "through", 1)
			mustAnswer[any](t, a, "ask", "fail", 1)
			mustAnswer[any](t, a, "askFar", far)
			mustAnswer[any](t, a, "hopeFor")
			mustAnswer[any](t, a, "want", b.Send(context.Background(), "open"))
			synctest.Wait()
			mustAnswer[any](t, b, "shut", 1)
			mustAnswer[any](t, a, "link", mustAnswer[vat.Ref](t, a, "make"), "made")
			mustAnswer[vat.Ref](t, a, "make")
			mustAnswer[any](t, a, "link", far, "far")
			_, _ = answer[any](a, "makeAndFail")
			synctest.Wait()
			runtime.GC() // the references are gone, and perhaps the depot has not heard of it yet
			mustAnswer[any](t, a, "reset")
			mustAnswer[any](t, a, "link", b, "b")
			mustAnswer[any](t, b, "reset")
			mustAnswer[any](t, b, "link", a, "a")
		}
		state := func() (n [5]int) {
			for range 3 {
				sweep()
				mustAnswer[int](t, a, "add", 1)
				mustAnswer[int](t, b, "add", 1)
				synctest.Wait()
			}
			n[0], n[1], n[2] = w.depot.InMemory()
			n[3], n[4] = w.size("slots"), w.size("state-1")
			return n
		}
		for range 3 {
			round()
		}
		before := state()
		for range 20 {
			round()
		}
		after := state()
		runtime.KeepAlive([]vat.Ref{a, b})
		for i, n := range after {
			if n > before[i] {
				t.Errorf("%d %s, before %d", n, []string{"slots in memory", "references", "objects in memory", "slots", "objects"}[i], before[i])
			}
		}
	})
}

// What a turn lets go of while it runs is still there if the turn fails, and what it made is forgotten afterwards.
func TestForgetsNothingInATurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		x := mustAnswer[vat.Ref](t, a, "make") // which nothing stored names, nor what it leads to
		mustAnswer[any](t, x, "link", mustAnswer[vat.Ref](t, x, "make"), "y")
		slots := func() string {
			for range 3 {
				sweep()
				mustAnswer[int](t, b, "add", 1)
			}
			slots, refs, objects := w.depot.InMemory()
			return fmt.Sprint(slots, refs, objects)
		}
		before := slots()
		for range 3 {
			goOn := make(chan struct{})
			dying = func() { <-goOn }
			_ = x.SendOnly(context.Background(), "letGo")
			synctest.Wait()
			slots()
			close(goOn)
			synctest.Wait()
			if n, err := answer[int](mustAnswer[vat.Ref](t, x, "follow"), "add", 0); n != 100 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
			goOn = make(chan struct{})
			_ = a.SendOnly(context.Background(), "makeAndDrop")
			synctest.Wait()
			slots()
			close(goOn)
			synctest.Wait()
		}
		if after := slots(); after != before {
			t.Errorf("%s slots, references and objects in memory, before %s", after, before)
		}
		if strings.Contains(w.log.String(), "restoring") {
			t.Error(w.log)
		}
		runtime.KeepAlive([]vat.Ref{x, a})
	})
}

// A message from a peer is one after a restart.
func TestCallerSurvives(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		w.root("a", "a")
		b := w.root("b", "b")
		proxy, err := vat.Do(context.Background(), w.vat("a"), func(ctx context.Context) (vat.Ref, error) {
			return vat.SpawnProxy(ctx, func(context.Context) (vat.Ref, error) { return b, nil }), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		hold := make(chan struct{})
		dying = func() { <-hold }
		_ = b.SendOnly(context.Background(), "die")
		synctest.Wait()
		for _, from := range []*vat.Caller{nil, {Transport: "test", Designator: "peer", Authenticated: true}, {Transport: "test", Designator: "who", Anonymous: true}} {
			proxy.Post(vat.Message{Selector: "who", From: from})
		}
		time.Sleep(time.Second)
		w.dead.Store(true)
		close(hold)
		w.crash()
		synctest.Wait()
		if got, want := w.lines(w.root("b", "b")), "[{  false false} {test peer true false} {test who false true}]"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// A timer that is due, or the outcome of a promise, at which the process dies each time is given up as other messages are.
func TestPoisonPutOff(t *testing.T) {
	for _, how := range []string{"dieLater", "dieOf"} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, tellerKind)
			w.restart() // in order, which the next end of the process is not
			a, b := w.root("a", "a"), w.root("b", "b")
			mustAnswer[any](t, a, "link", b, "b")
			dying = func() {
				time.Sleep(time.Millisecond) // until what led to it is on the disk
				w.dead.Store(true)
			}
			mustAnswer[any](t, a, how)
			time.Sleep(time.Minute)
			for i := range 3 {
				if !w.dead.Load() {
					t.Fatalf("%s: alive after crash %d", how, i)
				}
				w.crash()
				time.Sleep(time.Minute)
			}
			w.crash()
			time.Sleep(time.Minute)
			if w.dead.Load() {
				t.Fatalf("%s: it has died once more", how)
			}
			if n := mustAnswer[int](t, w.root("a", "a"), "add", 1); n != 1 {
				t.Error(n)
			}
			if n := w.size("messages"); n != 0 {
				t.Errorf("%d messages are left", n)
			}
		})
	}
}

// What a session brings while messages from before are being delivered takes effect once, behind them.
func TestReceiveDuringRecovery(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		mustAnswer[any](t, a, "link", b, "b")
		hold := make(chan struct{})
		dying = func() { <-hold }
		_ = a.SendOnly(context.Background(), "askDie")
		_ = a.SendOnly(context.Background(), "tell", "one")
		time.Sleep(time.Second)
		w.dead.Store(true)
		close(hold)
		synctest.Wait()
		hold = make(chan struct{})
		w.crash()
		b = mustAnswer[vat.Ref](t, w.root("a", "a"), "follow")
		for _, s := range []string{"two", "three"} {
			m := vat.Message{Selector: "say", Args: []any{s}}
			if err := w.depot.Update(func(tx *vat.Tx) {
				if stored, err := tx.Receive(b, &m); err != nil || !stored {
					t.Errorf("%v, %v", stored, err)
				}
			}, nil); err != nil {
				t.Fatal(err)
			}
			b.Post(m)
		}
		close(hold)
		synctest.Wait()
		if got := w.lines(b); got != "[one two three]" {
			t.Error(got)
		}
		if n := w.size("messages"); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	})
}

// Promises that have settled to one object are keys of a map each.
func TestPromisesAsKeys(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		p, r := promise.New[vat.Ref](context.Background())
		q, s := promise.New[vat.Ref](context.Background())
		mustAnswer[any](t, a, "link", p, "p")
		mustAnswer[any](t, a, "link", q, "q")
		mustAnswer[any](t, a, "link", b, "b")
		r.Fulfill(context.Background(), b)
		s.Fulfill(context.Background(), b)
		for range 3 {
			synctest.Wait()
			mustAnswer[any](t, a, "say", "more")
			w.crash()
			a = w.root("a", "a")
		}
		if got := w.lines(a); got != "[more more more]" {
			t.Error(got)
		}
		for _, name := range []string{"p", "q", "b"} {
			mustAnswer[any](t, mustAnswer[vat.Ref](t, a, "whois", name), "say", name)
		}
		if got := w.lines(w.root("b", "b")); got != "[p q b]" {
			t.Error(got)
		}
	})
}

// A caretaker that is stored by way of a promise leads to what it stands before after a restart.
func TestCaretakerByPromise(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		caret, err := vat.Do(context.Background(), w.vat("a"), func(ctx context.Context) (vat.Ref, error) {
			r, _ := vat.Revocable(ctx, b)
			return r, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		mustAnswer[any](t, a, "link", promise.Fulfilled(caret), "caret")
		w.crash()
		mustAnswer[any](t, mustAnswer[vat.Ref](t, w.root("a", "a"), "follow"), "say", "hello")
		if got := w.lines(w.root("b", "b")); got != "[hello]" {
			t.Error(got)
		}
	})
}

// nothing is an object without state.
type nothing struct{}

func (*nothing) Count() int { return 7 }

var (
	nothingKind = vat.KindOf("nothing", func() *nothing { return new(nothing) }, CounterFacet)
	sharedOne   teller
	sharedKind  = vat.KindOf("teller", func() *teller { return &sharedOne }, TellerFacet, CounterFacet)
)

// Objects without state are objects each, in whatever vat.
func TestNoState(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind, nothingKind)
		a := w.root("a", "a")
		for _, name := range []string{"a", "b", "a"} {
			r, err := vat.Do(context.Background(), w.vat(name), func(ctx context.Context) (vat.Ref, error) {
				return CounterFacet.Spawn(ctx, new(nothing)), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			mustAnswer[any](t, a, "link", r, fmt.Sprintf("%s%p", name, new(int)))
		}
		w.crash()
		a = w.root("a", "a")
		if n := mustAnswer[int](t, mustAnswer[vat.Ref](t, a, "follow"), "count"); n != 7 {
			t.Error(n)
		}
		if n := w.size("state-2"); n != 3 {
			t.Errorf("%d objects, want 3", n)
		}
	})
}

// A constructor that returns the same struct again is noticed.
func TestSharedStruct(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		mustAnswer[int](t, a, "add", 1)
		mustAnswer[int](t, b, "add", 2)
		w.cfg.Kinds = []vat.Kind{sharedKind}
		w.restart()
		a, b = w.root("a", "a"), w.root("b", "b")
		if n := mustAnswer[int](t, a, "add", 0); n != 1 {
			t.Error(n)
		}
		if n, err := answer[int](b, "add", 0); !errors.Is(err, vat.ErrInternal) {
			t.Errorf("%d, %v", n, err)
		}
		if n := mustAnswer[int](t, a, "add", 0); n != 1 {
			t.Errorf("%d: one object was put into another", n)
		}
	})
}

// A timer that is to wait for centuries does.
func TestTimerForLong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		mustAnswer[vat.Timer](t, w.root("a", "a"), "later", time.Duration(math.MaxInt64))
		w.crash()
		synctest.Wait()
		if got := w.lines(w.root("a", "a")); got != "[]" {
			t.Error(got)
		}
		if n := w.size("messages"); n != 1 {
			t.Errorf("%d timers are stored, want 1", n)
		}
	})
}

// A function that is called when a reference is severed may change the durable object it belongs to.
func TestSeverInDurableVat(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		w.cfg.Amnesia = true
		w.restart()
		a := w.root("a", "a")
		p, r := promise.New[vat.Ref](context.Background())
		mustAnswer[any](t, a, "watch", p)
		for range 3 {
			mustAnswer[int](t, a, "add", 1)
			sweep()
		}
		r.Break(context.Background(), errNo)
		synctest.Wait()
		if got := w.lines(a); got != "[severed: no]" {
			t.Error(got)
		}
		w.crash()
		if got := w.lines(w.root("a", "a")); got != "[severed: no]" {
			t.Error(got)
		}
	})
}

// A depot that is closed at any moment, twice at once, with turns that run, leaves nobody waiting.
func TestCloseWhileBusy(t *testing.T) {
	for at := range 30 {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, tellerKind)
			w.cfg.Vat.CloseTimeout = time.Second
			w.restart()
			a, b := w.root("a", "a"), w.root("b", "b")
			mustAnswer[any](t, a, "link", b, "b")
			mustAnswer[any](t, b, "link", a, "a")
			w.disk.slow.Store(int64(time.Millisecond))
			hold := make(chan struct{})
			if at%2 == 0 {
				dying = func() { <-hold }
				_ = a.SendOnly(context.Background(), "die")
			}
			done := make(chan error, 100)
			for i := range 10 {
				go func() {
					_, err := vat.Do(context.Background(), w.vat("a"), func(ctx context.Context) (any, error) {
						return nil, b.SendOnly(ctx, "pass", 1)
					})
					done <- err
				}()
				go func() {
					_, err := answer[any](b, "ask", "add", i)
					done <- err
				}()
			}
			time.Sleep(time.Duration(at) * 300 * time.Microsecond)
			d, closed := w.depot, make(chan error, 3)
			go func() {
				_, err := d.Sweep()
				closed <- err
			}()
			for range 2 {
				go func() { closed <- d.Close() }()
			}
			for range 3 {
				<-closed
			}
			close(hold)
			for range 20 {
				select {
				case <-done:
				case <-time.After(time.Hour):
					t.Fatalf("closed at %d: somebody waits for ever", at)
				}
			}
			w.dead.Store(true)
			_ = w.store.Close()
			w.open()
			time.Sleep(time.Minute)
			if n := mustAnswer[int](t, w.root("a", "a"), "add", 0) + mustAnswer[int](t, w.root("b", "b"), "add", 0); n < 0 {
				t.Error(n)
			}
			if n := w.size("messages"); n != 0 {
				t.Errorf("closed at %d: %d messages are left", at, n)
			}
		})
	}
}

// A promise is settled once, also by a turn that comes too late and stores it.
func TestSettledBefore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a := w.root("a", "a")
		p, r := promise.New[int](context.Background())
		r.Fulfill(context.Background(), 1)
		if _, err := vat.Do(context.Background(), w.vat("a"), func(ctx context.Context) (any, error) {
			impl, _ := vat.Near[*teller](ctx, a)
			r.Fulfill(ctx, 2)
			impl.Hope = p
			return nil, nil
		}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if n := mustAnswer[int](t, a, "wanted"); n != 1 {
				t.Errorf("%d, want 1", n)
			}
			w.crash()
			a = w.root("a", "a")
		}
	})
}

// A long chain of promises that follow each other, all but the last one of which only promises lead to, is read again.
func TestLongChain(t *testing.T) {
	w := newWorld(t, tellerKind)
	a := w.root("a", "a")
	const links = 3000
	mustAnswer[any](t, a, "chain", links)
	for range 2 {
		w.crash()
		a = w.root("a", "a")
		mustAnswer[int](t, a, "add", 1)
	}
	mustAnswer[any](t, a, "shut", 7)
	if n := mustAnswer[int](t, a, "wanted"); n != 7 {
		t.Errorf("%d, want 7", n)
	}
	w.crash()
	if n := mustAnswer[int](t, w.root("a", "a"), "wanted"); n != 7 {
		t.Errorf("%d, want 7", n)
	}
}

// A timer of an object that is not stored can be stopped before the disk has the turn that made it.
func TestStopSoon(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		w.disk.slow.Store(int64(time.Second))
		var rung atomic.Int64
		for i := range 2 {
			if _, err := vat.Do(context.Background(), w.vat("a"), func(ctx context.Context) (any, error) {
				self := vat.SpawnFunc(ctx, func(context.Context, []any) (any, error) { rung.Add(1); return nil, nil })
				timer := vat.After(ctx, time.Second, vat.As[TellerRef](self), TellerRef.Ring)
				if i == 0 {
					timer.Stop(ctx)
				}
				return nil, nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		if n := rung.Load(); n != 1 {
			t.Errorf("%d have rung, want 1", n)
		}
		w.disk.slow.Store(0)
	})
}

// What is named while the depot is being swept stays, also if nobody uses it any more when the sweep ends.
func TestNamedWhileSwept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		w.cfg.Amnesia = true
		w.restart()
		a, b := w.root("a", "a"), w.root("b", "b")
		x := mustAnswer[vat.Ref](t, a, "make")
		mustAnswer[any](t, x, "link", x, "itself")
		mustAnswer[any](t, a, "link", x, "x")
		mustAnswer[any](t, a, "reset")
		w.disk.viewed = func() {
			w.disk.viewed = nil
			mustAnswer[any](t, a, "link", x, "x")
			x = vat.Ref{}
			for range 3 {
				mustAnswer[int](t, b, "add", 1)
				sweep()
			}
		}
		if _, err := w.depot.Sweep(); err != nil {
			t.Fatal(err)
		}
		if n, err := answer[int](mustAnswer[vat.Ref](t, a, "follow"), "add", 0); n != 100 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// What was stored with a promise of the depot, and leaves it when that has settled, is stored no more.
func TestLeaves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a := w.root("a", "a")
		j := new(journal)
		far := object(t, newVat(t, nil), func(_ context.Context, args []any) (any, error) {
			j.add("%v", args)
			return nil, nil
		})
		p, r := promise.New[vat.Ref](context.Background())
		mustAnswer[any](t, a, "link", p, "p")
		near := func(fn func(ctx context.Context, t *teller)) {
			if _, err := vat.Do(context.Background(), w.vat("a"), func(ctx context.Context) (any, error) {
				impl, _ := vat.Near[*teller](ctx, a)
				fn(ctx, impl)
				return nil, nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		near(func(_ context.Context, t *teller) { t.Choose = r })
		mustAnswer[any](t, a, "tell", "one")
		mustAnswer[any](t, a, "tell", "two")
		if n := w.size("messages"); n != 2 {
			t.Errorf("%d messages wait in the store, want 2", n)
		}
		near(func(ctx context.Context, t *teller) { t.Choose.Fulfill(ctx, far) })
		synctest.Wait()
		if got := j.String(); got != "[say one] [say two]" {
			t.Error(got)
		}
		if n := w.size("messages"); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	})
}

// With Amnesia what a turn leaves in memory alone is gone in the next one, also if that is about the same object.
func TestAmnesia(t *testing.T) {
	bubble(t, func(t *testing.T) {
		made := 0
		w := newWorld(t, vat.KindOf("teller", func() *teller { made++; return new(teller) }, TellerFacet, CounterFacet))
		w.cfg.Amnesia = true
		w.restart()
		a := w.root("a", "a")
		before := made
		for range 3 {
			mustAnswer[int](t, a, "add", 1)
		}
		if n := made - before; n != 3 {
			t.Errorf("made %d times in 3 turns", n)
		}
	})
}

// An upgrade that lets go of a reference leaves the counts right.
func TestUpgradeDropsReference(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind, kindV1)
		a := w.root("a", "a")
		note, err := vat.Do(context.Background(), w.vat("a"), func(ctx context.Context) (vat.Ref, error) {
			return NoteFacet.Spawn(ctx, &noteV1{"abc", TellerFacet.Spawn(ctx, &teller{})}), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		mustAnswer[any](t, a, "link", note, "note")
		w.close()
		w.cfg.Kinds = []vat.Kind{tellerKind, vat.KindOf("note", func() *noteV1 { return new(noteV1) }, NoteFacet).Upgraded(
			func(s passable.Struct) (passable.Struct, error) { return s.With("author", nil), nil })}
		w.open()
		if n := w.size("state-1"); n != 1 {
			t.Errorf("%d tellers, want 1: nothing leads to the author any more", n)
		}
		if err := w.store.View(func(r store.Reader) error {
			_, err := vat.CheckDepot(r)
			return err
		}); err != nil {
			t.Error(err)
		}
	})
}
