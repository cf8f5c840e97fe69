package vat_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/vat"

	"github.com/hashicorp/go-hclog"
)

// disk is a store in memory whose process can be killed: nothing is written after that.
type disk struct {
	memory.Backend
	slow   atomic.Int64 // how long a write takes, a time.Duration
	writes atomic.Int64 // that were tried
	dieAt  atomic.Int64 // which of them is the first that fails; 0 for none
	viewed func()       // called when something has been looked through, if not nil
}

func (d *disk) View(fn func(store.Reader) error) error {
	err := d.Backend.View(fn)
	if viewed := d.viewed; viewed != nil {
		viewed()
	}
	return err
}

var errKilled = errors.New("killed")

// process is a disk as one process sees it.
type process struct {
	*disk
	killed *atomic.Bool
}

func (p process) Apply(bs []*store.Batch) error {
	time.Sleep(time.Duration(p.disk.slow.Load()))
	n := p.writes.Add(1)
	if at := p.dieAt.Load(); p.killed.Load() || at > 0 && n > at {
		return errKilled
	}
	return p.Backend.Apply(bs)
}

// world is a depot in a process that can be killed and started again.
type world struct {
	t     *testing.T
	disk  *disk
	cfg   vat.DepotConfig
	store *store.Store
	depot *vat.Depot
	dead  *atomic.Bool
	log   *bytes.Buffer
}

func newWorld(t *testing.T, kinds ...vat.Kind) *world {
	t.Helper()
	w := &world{t: t, disk: new(disk), cfg: vat.DepotConfig{Kinds: kinds}}
	w.open()
	t.Cleanup(func() { w.close() })
	return w
}

func (w *world) tryOpen() error {
	w.dead = new(atomic.Bool)
	w.log = new(bytes.Buffer)
	w.cfg.Vat.Logger = hclog.New(&hclog.LoggerOptions{Output: w.log, Level: hclog.Warn})
	s, err := store.Open(process{w.disk, w.dead})
	if err != nil {
		return err
	}
	d, err := vat.OpenDepot(s, w.cfg)
	if err != nil {
		_ = s.Close()
		return err
	}
	w.store, w.depot = s, d
	d.Start()
	return nil
}

func (w *world) open() {
	w.t.Helper()
	if err := w.tryOpen(); err != nil {
		w.t.Fatal(err)
	}
}

// close ends the process in order.
func (w *world) close() {
	w.t.Helper()
	if w.depot == nil {
		return
	}
	if err := w.depot.Close(); err != nil && !errors.Is(err, errKilled) {
		w.t.Error(err)
	}
	_ = w.store.Close()
	w.depot = nil
}

// kill ends the process: nothing is written from now on, and nobody hears of it any more.
func (w *world) kill() {
	w.t.Helper()
	w.dead.Store(true)
	w.close()
}

func (w *world) restart() {
	w.t.Helper()
	w.close()
	w.open()
}

func (w *world) crash() {
	w.t.Helper()
	w.kill()
	w.open()
}

func (w *world) vat(name string) *vat.Vat {
	w.t.Helper()
	v, err := w.depot.Vat(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// teller is a durable object that counts, notes what it hears, and knows others.
type teller struct {
	N      int
	Next   vat.Ref
	Known  map[vat.Ref]string
	Log    []string
	Hope   promise.Promise[int]
	Decide promise.Resolver[int]
	Choose promise.Resolver[vat.Ref]
	loads  int `ocapn:"-"`
}

type Teller interface {
	Add(n int) (int, error)
	Fail(n int) error
	Link(next vat.Ref, name string) error
	Follow() vat.Ref
	Whois(name string) vat.Ref
	Pass(ctx context.Context, n int) error
	Through(ctx context.Context, n int) vat.Ref
	Ask(ctx context.Context, selector string, n int) error
	AskDie(ctx context.Context) error
	HopeFor(ctx context.Context) error
	AskFar(ctx context.Context, far vat.Ref) error
	Told(o promise.Outcome[int]) error
	Lines() []string
	Later(ctx context.Context, wait time.Duration) (vat.Timer, error)
	Stop(ctx context.Context, timer vat.Timer) error
	Ring(ctx context.Context) error
	Make(ctx context.Context) vat.Ref
	Await(ctx context.Context) (int, error)
	Want(p promise.Promise[int])
	Wanted() promise.Promise[int]
	Put(ctx context.Context, p promise.Promise[int])
	PutFor(ctx context.Context, other vat.Ref, p promise.Promise[int])
	Open(ctx context.Context) promise.Promise[int]
	Shut(ctx context.Context, n int)
	Protect(ctx context.Context, r vat.Ref)
	Send(ctx context.Context, selector, arg string) error
	Large(n int) string
	WantDead(ctx context.Context)
	Hoped() []promise.Promise[int]
	Panic()
	Die() int
	Reset()
	Unstorable(ctx context.Context) error
	Write(n int)
	Text(n int) string
	Error(how string) (int, error)
	PassText(ctx context.Context, n int) error
	PassSelector(ctx context.Context, selector []byte) error
	AskError(ctx context.Context, how string) error
	Hear(s string)
	Chain(ctx context.Context, n int)
	Watch(ctx context.Context, r vat.Ref)
	DieLater(ctx context.Context)
	DieOf(ctx context.Context)
	Dying(o promise.Outcome[int])
	Who(ctx context.Context)
	LetGo() error
	MakeAndDrop(ctx context.Context)
	MakeAndFail(ctx context.Context) error
	HopeThat(ctx context.Context, selector string, n int)
	WaitForIt(ctx context.Context) error
	Tell(ctx context.Context, s string) error
	Say(s string)
	AskRef(ctx context.Context, r vat.Ref)
	ToldRef(o promise.Outcome[vat.Ref])
	Ask2(ctx context.Context, selector, how string, r vat.Ref) error
}

var TellerFacet = vat.FacetOf[Teller]("test.Teller")

type Counter interface{ Count() int }

var CounterFacet = vat.FacetOf[Counter]("test.Counter")

type TellerRef struct{ vat.Ref }

func (r TellerRef) Told(ctx context.Context, o promise.Outcome[int]) vat.Ref {
	return r.Send(ctx, "told", o)
}
func (r TellerRef) Ring(ctx context.Context) vat.Ref { return r.Send(ctx, "ring") }

var tellerKind = vat.KindOf("teller", func() *teller { return &teller{loads: 1} }, TellerFacet, CounterFacet)

func (t *teller) Add(n int) (int, error) { t.N += n; return t.N, nil }
func (t *teller) Count() int             { return t.N }
func (t *teller) Lines() []string        { return t.Log }
func (t *teller) note(format string, args ...any) {
	t.Log = append(t.Log, fmt.Sprintf(format, args...))
}

func (t *teller) Fail(n int) error {
	t.N += n
	t.note("failing")
	return errNo
}

var errNo = vat.NewError("test.no", "no")

func (t *teller) Put(ctx context.Context, p promise.Promise[int]) {
	promise.Then(ctx, p, func(_ context.Context, n int) (any, error) {
		t.N += n
		if n < 0 {
			return nil, errNo
		}
		return nil, nil
	})
}

func (t *teller) Open(ctx context.Context) promise.Promise[int] {
	if t.Decide == (promise.Resolver[int]{}) {
		t.Hope, t.Decide = promise.New[int](ctx)
	}
	return t.Hope
}

func (t *teller) Shut(ctx context.Context, n int) {
	if n < 0 {
		t.Decide.Break(ctx, errNo)
	} else {
		t.Decide.Fulfill(ctx, n)
	}
	t.Decide = promise.Resolver[int]{}
}

// Protect puts a caretaker before r, and keeps it and what revokes it.
func (t *teller) Protect(ctx context.Context, r vat.Ref) {
	caret, _ := vat.Revocable(ctx, r)
	t.Known = map[vat.Ref]string{caret: "caret", vat.Revoker(ctx, caret): "revoker"}
}

func (t *teller) Send(ctx context.Context, selector, arg string) error {
	return t.Next.SendOnly(ctx, selector, arg)
}
func (t *teller) Large(n int) string            { return strings.Repeat("x", n) }
func (t *teller) WantDead(ctx context.Context)  { t.Hope = vat.Result[int](t.Next.Send(ctx, "die")) }
func (t *teller) Hoped() []promise.Promise[int] { return []promise.Promise[int]{t.Hope} }

// PutFor is Put for another object of the vat, which is looked for after the function was put off.
func (t *teller) PutFor(ctx context.Context, other vat.Ref, p promise.Promise[int]) {
	var o *teller
	promise.Then(ctx, p, func(_ context.Context, n int) (any, error) {
		o.N += n
		return nil, nil
	})
	c, _ := vat.Near[Teller](ctx, other)
	o = c.(*teller)
}

// dying ends the process in the middle of a turn.
var dying func()

// Unstorable leaves the state what no store takes, and names something new.
func (t *teller) Unstorable(ctx context.Context) error {
	t.Next = TellerFacet.Spawn(ctx, &teller{})
	t.Log = []string{strings.Repeat("x", 9<<20), strings.Repeat("y", 9<<20)}
	return nil
}

// Write has the state be about n bytes long.
func (t *teller) Write(n int)       { t.Log = []string{strings.Repeat("x", n)} }
func (t *teller) Text(n int) string { return strings.Repeat("x", n) }
func (t *teller) Hear(string)       {}

// Error returns an error that is hard to store.
func (t *teller) Error(how string) (int, error) {
	switch how {
	case "long":
		return 0, vat.NewError("test.long", strings.Repeat("x", 17<<20))
	case "torn":
		return 0, vat.NewError("test.torn", "\xff\xfe")
	}
	return 0, vat.NewError("\xff", "no")
}

func (t *teller) PassText(ctx context.Context, n int) error {
	return t.Next.SendOnly(ctx, "hear", strings.Repeat("x", n))
}

func (t *teller) PassSelector(ctx context.Context, selector []byte) error {
	return t.Next.SendOnly(ctx, string(selector))
}

func (t *teller) AskError(ctx context.Context, how string) error {
	return t.wait(ctx, vat.Result[int](t.Next.Send(ctx, "error", how)))
}

func (t *teller) Die() int { dying(); return 0 }
func (t *teller) Reset()   { t.Next, t.Known, t.Log = vat.Ref{}, nil, nil }
func (t *teller) Panic()   { t.N = -1; panic("oh") }
func (t *teller) Link(next vat.Ref, name string) error {
	t.Next = next
	if t.Known == nil {
		t.Known = make(map[vat.Ref]string)
	}
	t.Known[next] = name
	return nil
}
func (t *teller) Follow() vat.Ref { return t.Next }
func (t *teller) Whois(name string) vat.Ref {
	for r, n := range t.Known {
		if n == name {
			return r
		}
	}
	return vat.Ref{}
}

func (t *teller) Pass(ctx context.Context, n int) error {
	t.N -= n
	return t.Next.SendOnly(ctx, "add", n)
}
func (t *teller) Through(ctx context.Context, n int) vat.Ref { return t.Next.Send(ctx, "add", n) }
func (t *teller) Ask(ctx context.Context, selector string, n int) error {
	return t.wait(ctx, vat.Result[int](t.Next.Send(ctx, selector, n)))
}

func (t *teller) Ask2(ctx context.Context, selector, how string, r vat.Ref) error {
	return t.wait(ctx, vat.Result[int](t.Next.Send(ctx, selector, how, r)))
}

// AskRef waits for a promise that has settled to a reference.
func (t *teller) AskRef(ctx context.Context, r vat.Ref) {
	vat.WhenSettled(ctx, promise.Fulfilled(r), vat.As[TellerRef](vat.Self(ctx)), TellerRef.ToldRef)
}

func (r TellerRef) ToldRef(ctx context.Context, o promise.Outcome[vat.Ref]) vat.Ref {
	return r.Send(ctx, "toldRef", o)
}

func (t *teller) ToldRef(o promise.Outcome[vat.Ref]) {
	if r, err := o.Get(); err != nil || r != t.Next && t.Known[r] == "" {
		t.note("%v, %v", r, err)
		return
	}
	t.note("a reference")
}

func (t *teller) Say(s string) { t.note("%s", s) }
func (t *teller) Tell(ctx context.Context, s string) error {
	return t.Next.SendOnly(ctx, "say", s)
}

func (t *teller) HopeThat(ctx context.Context, selector string, n int) {
	t.Hope = vat.Result[int](t.Next.Send(ctx, selector, n))
}
func (t *teller) WaitForIt(ctx context.Context) error { return t.wait(ctx, t.Hope) }

func (t *teller) MakeAndFail(ctx context.Context) error {
	t.Next = TellerFacet.Spawn(ctx, &teller{})
	return errNo
}

func (t *teller) LetGo() error {
	t.Next, t.Known = vat.Ref{}, nil
	dying()
	return errNo
}

func (t *teller) MakeAndDrop(ctx context.Context) {
	TellerFacet.Spawn(ctx, &teller{})
	dying()
}

func (t *teller) Who(ctx context.Context) {
	type caller vat.Caller
	t.note("%v", caller(vat.CallerOf(ctx)))
}

func (r TellerRef) Die(ctx context.Context) vat.Ref { return r.Send(ctx, "die") }
func (r TellerRef) Dying(ctx context.Context, o promise.Outcome[int]) vat.Ref {
	return r.Send(ctx, "dying", o)
}

func (t *teller) DieLater(ctx context.Context) {
	vat.After(ctx, time.Second, vat.As[TellerRef](vat.Self(ctx)), TellerRef.Die)
}

func (t *teller) DieOf(ctx context.Context) {
	vat.WhenSettled(ctx, vat.Result[int](t.Next.Send(ctx, "add", 1)), vat.As[TellerRef](vat.Self(ctx)), TellerRef.Dying)
}
func (t *teller) Dying(promise.Outcome[int]) { dying() }

func (t *teller) Watch(ctx context.Context, r vat.Ref) {
	vat.OnSever(ctx, r, func(_ context.Context, reason error) { t.note("severed: %v", reason) })
}

// Chain makes promises of which each follows the one before.
func (t *teller) Chain(ctx context.Context, n int) {
	t.Hope, t.Decide = promise.New[int](ctx)
	for range n {
		p, r := promise.New[int](ctx)
		r.Follow(ctx, t.Hope)
		t.Hope = p
	}
}

func (t *teller) AskDie(ctx context.Context) error {
	return t.wait(ctx, vat.Result[int](t.Next.Send(ctx, "die")))
}

func (t *teller) HopeFor(ctx context.Context) error {
	return t.wait(ctx, vat.Result[int](t.Next.Send(ctx, "open")))
}

func (t *teller) AskFar(ctx context.Context, far vat.Ref) error {
	return t.wait(ctx, vat.Result[int](far.Send(ctx, "get")))
}

func (t *teller) wait(ctx context.Context, p promise.Promise[int]) error {
	vat.WhenSettled(ctx, p, vat.As[TellerRef](vat.Self(ctx)), TellerRef.Told)
	return nil
}

func (t *teller) Told(o promise.Outcome[int]) error {
	n, err := o.Get()
	if err != nil {
		t.note("broken: %v, lost %v %v", err, errors.Is(err, vat.ErrLost), errors.Is(err, net.ErrClosed))
		return nil
	}
	t.note("%d", n)
	return nil
}

func (t *teller) Later(ctx context.Context, wait time.Duration) (vat.Timer, error) {
	return vat.After(ctx, wait, vat.As[TellerRef](vat.Self(ctx)), TellerRef.Ring), nil
}

func (t *teller) Stop(ctx context.Context, timer vat.Timer) error {
	timer.Stop(ctx)
	return nil
}
func (t *teller) Ring(context.Context) error { t.note("ring"); return nil }
func (t *teller) Make(ctx context.Context) vat.Ref {
	return TellerFacet.Spawn(ctx, &teller{N: 100})
}

func (t *teller) Await(ctx context.Context) (int, error) {
	return promise.Fulfilled(1).Await(ctx)
}
func (t *teller) Want(p promise.Promise[int])  { t.Hope = p }
func (t *teller) Wanted() promise.Promise[int] { return t.Hope }

// root returns the teller of that name in a vat.
func (w *world) root(vatName, name string) vat.Ref {
	w.t.Helper()
	r, err := vat.Root(context.Background(), w.vat(vatName), name, func(ctx context.Context) (TellerRef, error) {
		return vat.As[TellerRef](TellerFacet.Spawn(ctx, &teller{})), nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Ref
}

// What is done is there after a restart, in order or not.
func TestDurable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		r := w.root("a", "r")
		if n := mustAnswer[int](t, r, "add", 3); n != 3 {
			t.Errorf("%d, want 3", n)
		}
		w.restart()
		r = w.root("a", "r")
		if n := mustAnswer[int](t, r, "add", 4); n != 7 {
			t.Errorf("%d, want 7", n)
		}
		w.crash()
		r = w.root("a", "r")
		if n := mustAnswer[int](t, r, "add", 1); n != 8 {
			t.Errorf("%d, want 8", n)
		}
		if _, err := answer[int](r, "fail", 5); !errors.Is(err, errNo) {
			t.Error(err)
		}
		if _, err := answer[any](r, "panic"); !errors.Is(err, vat.ErrInternal) {
			t.Error(err)
		}
		if n := mustAnswer[int](t, r, "add", 0); n != 8 {
			t.Errorf("after a failed turn there is %d, want 8", n)
		}
		if lines := mustAnswer[[]string](t, r, "lines"); len(lines) != 0 {
			t.Errorf("a failed turn has left %q", lines)
		}
	})
}

// slots counts what the store holds in a bucket.
func (w *world) size(bucket string) (n int) {
	w.t.Helper()
	if err := w.store.View(func(r store.Reader) error {
		r.Scan(bucket, nil, func(_, _ []byte) bool { n++; return true })
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) lines(r vat.Ref) string {
	w.t.Helper()
	return fmt.Sprint(mustAnswer[[]string](w.t, r, "lines"))
}

// Messages between durable objects of two vats take effect once, whenever the process dies.
func TestEveryCrash(t *testing.T) {
	for at := range 40 {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, tellerKind)
			a, b := w.root("a", "a"), w.root("b", "b")
			mustAnswer[any](t, a, "link", b, "b")
			mustAnswer[any](t, b, "link", a, "a")
			w.disk.dieAt.Store(w.disk.writes.Load() + int64(at))
			for i := range 10 {
				_ = a.SendOnly(context.Background(), "ask", "add", 1)
				_ = b.SendOnly(context.Background(), "pass", 1)
				if i%3 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
			synctest.Wait()
			w.disk.dieAt.Store(0)
			w.crash()
			synctest.Wait()
			a, b = w.root("a", "a"), w.root("b", "b")
			// Of each "ask" that took effect one is added to b, and a is told; of each "pass" one goes from b to a.
			n, m := mustAnswer[int](t, a, "add", 0), mustAnswer[int](t, b, "add", 0)
			told := len(mustAnswer[[]string](t, a, "lines"))
			if n+m != told {
				t.Errorf("dead at %d: a has %d, b has %d, a was told %d times", at, n, m, told)
			}
			if left := w.size("messages"); left != 0 {
				t.Errorf("dead at %d: %d messages are left", at, left)
			}
		})
	}
}

// What waits for a promise in a durable vat goes on after a restart, once, whether it settled before or after.
func TestWhenSettled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		mustAnswer[any](t, a, "link", b, "b")
		mustAnswer[any](t, a, "ask", "add", 7)
		mustAnswer[any](t, a, "ask", "fail", 7)
		mustAnswer[any](t, a, "ask", "lines", 7)
		synctest.Wait()
		if got, want := w.lines(a), "[7 broken: no, lost false false broken: vat: the arguments do not fit the method: got 1, want 0, lost false false]"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		w.crash()
		if got, want := w.lines(w.root("a", "a")), "[7 broken: no, lost false false broken: vat: the arguments do not fit the method: got 1, want 0, lost false false]"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// A question that only this process could answer breaks when it has ended.
func TestLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a := w.root("a", "a")
		v := newVat(t, nil)
		var resolve promise.Resolver[int]
		far := object(t, v, func(ctx context.Context, _ []any) (any, error) {
			var p promise.Promise[int]
			p, resolve = promise.New[int](ctx)
			return p, nil
		})
		mustAnswer[any](t, a, "askFar", far)
		synctest.Wait()
		resolve.Fulfill(context.Background(), 3)
		synctest.Wait()
		if got := w.lines(a); got != "[3]" {
			t.Errorf("%s, want [3]", got)
		}
		mustAnswer[any](t, a, "askFar", far)
		mustAnswer[any](t, a, "link", far, "far")
		synctest.Wait()
		w.crash()
		synctest.Wait()
		a = w.root("a", "a")
		if got, want := w.lines(a), "[3 broken: vat: lost when its process ended, lost true true]"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if _, err := answer[any](a.Send(context.Background(), "follow"), "get"); !errors.Is(err, vat.ErrLost) {
			t.Errorf("a reference into the dead process: %v", err)
		}
	})
}

// Nothing leaves a durable vat before it is on the disk.
func TestStateBeforeSends(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		j := new(journal)
		v := newVat(t, nil)
		out := object(t, v, func(_ context.Context, args []any) (any, error) {
			j.add("%v", args)
			return nil, nil
		})
		mustAnswer[any](t, b, "link", a, "a")
		mustAnswer[any](t, a, "link", out, "out")
		w.disk.slow.Store(int64(time.Second))
		start := time.Now()
		_ = b.SendOnly(context.Background(), "pass", 1)  // to a, within the depot: at once
		_ = a.SendOnly(context.Background(), "pass", 2)  // out of it
		answer := a.Send(context.Background(), "add", 5) // and back to here
		through := a.Send(context.Background(), "count") // not of this facet
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if s := j.String(); s != "" {
			t.Errorf("%s left before the disk had it", s)
		}
		if n, err := vat.Result[int](answer).Await(context.Background()); err != nil || n < 3 || n > 4 {
			t.Errorf("%d, %v, want 3 or 4, for b's message may come later", n, err)
		}
		if _, err := through.Await(context.Background()); !errors.Is(err, vat.ErrNoSuchMethod) {
			t.Error(err)
		}
		if took := time.Since(start); took < time.Second || took > 3*time.Second {
			t.Errorf("the answer took %v", took)
		}
		synctest.Wait()
		if s := j.String(); s != "[add 2]" {
			t.Errorf("%q, want [add 2]", s)
		}
		w.disk.slow.Store(int64(0))
	})
}

// Two facets are one object, also after a restart; what a turn makes is stored with it; references are keys.
func TestFacets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		impl := &teller{}
		both, err := vat.Do(context.Background(), w.vat("a"), func(ctx context.Context) ([]vat.Ref, error) {
			return []vat.Ref{TellerFacet.Spawn(ctx, impl), CounterFacet.Spawn(ctx, impl)}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		r := w.root("a", "r")
		mustAnswer[any](t, r, "link", both[0], "teller")
		mustAnswer[any](t, r, "link", both[1], "counter")
		mustAnswer[any](t, both[0], "add", 9)
		made := mustAnswer[vat.Ref](t, r, "make")
		mustAnswer[any](t, r, "link", made, "made")
		w.crash()
		r = w.root("a", "r")
		if n := mustAnswer[int](t, mustAnswer[vat.Ref](t, r, "whois", "counter"), "count"); n != 9 {
			t.Errorf("%d through the other facet, want 9", n)
		}
		mustAnswer[any](t, mustAnswer[vat.Ref](t, r, "whois", "teller"), "add", 1)
		if n := mustAnswer[int](t, mustAnswer[vat.Ref](t, r, "whois", "counter"), "count"); n != 10 {
			t.Errorf("%d through the other facet, want 10", n)
		}
		if n := mustAnswer[int](t, mustAnswer[vat.Ref](t, r, "follow"), "add", 1); n != 101 {
			t.Errorf("what was made has %d, want 101", n)
		}
	})
}

// A promise that a turn brings, or that state holds, settles after a restart; messages sent on it arrive.
func TestPromises(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b, c := w.root("a", "a"), w.root("b", "b"), w.root("c", "c")
		mustAnswer[any](t, a, "link", b, "b")
		mustAnswer[any](t, b, "link", c, "c")
		mustAnswer[any](t, a, "ask", "through", 5) // which is what c answers to b
		synctest.Wait()
		if got := w.lines(a); got != "[5]" {
			t.Errorf("%s, want [5]", got)
		}
		if n := mustAnswer[int](t, a.Send(context.Background(), "follow").Send(context.Background(), "follow"), "add", 1); n != 6 {
			t.Errorf("%d, want 6", n)
		}
		mustAnswer[any](t, a, "want", a.Send(context.Background(), "through", 4))
		synctest.Wait()
		w.crash()
		a = w.root("a", "a")
		if n := mustAnswer[int](t, a, "wanted"); n != 4 {
			t.Errorf("%d, want 4", n)
		}
	})
}

func TestTimers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a := w.root("a", "a")
		mustAnswer[vat.Timer](t, a, "later", time.Minute)
		second := mustAnswer[vat.Timer](t, a, "later", time.Minute)
		mustAnswer[vat.Timer](t, a, "later", time.Hour)
		mustAnswer[any](t, a, "stop", second)
		time.Sleep(30 * time.Second)
		w.crash()
		a = w.root("a", "a")
		time.Sleep(29 * time.Second)
		if got := w.lines(a); got != "[]" {
			t.Errorf("%s too early", got)
		}
		time.Sleep(2 * time.Second)
		if got := w.lines(a); got != "[ring]" {
			t.Errorf("%s, want [ring]", got)
		}
		w.close()
		time.Sleep(2 * time.Hour)
		w.open()
		synctest.Wait()
		if got := w.lines(w.root("a", "a")); got != "[ring ring]" {
			t.Errorf("%s, want [ring ring]", got)
		}
		if n := w.size("messages"); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	})
}

func TestNoAwait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		if _, err := answer[int](w.root("a", "a"), "await"); !errors.Is(err, vat.ErrDurableTurn) {
			t.Error(err)
		}
	})
}

// What a function does to an object that was put off until a promise settles is stored, and undone if it fails, even if the
// object had no reason to stay in memory.
func TestPutOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		w.cfg.Amnesia = true
		w.restart()
		a := w.root("a", "a")
		p, r := promise.New[int](context.Background())
		mustAnswer[any](t, a, "put", p)
		for range 3 {
			mustAnswer[int](t, a, "add", 1)
			sweep()
		}
		r.Fulfill(context.Background(), 10)
		synctest.Wait()
		if n := mustAnswer[int](t, a, "add", 0); n != 13 {
			t.Errorf("%d, want 13", n)
		}
		other := w.root("a", "other")
		p, r = promise.New[int](context.Background())
		mustAnswer[any](t, a, "putFor", other, p)
		mustAnswer[int](t, other, "add", 1)
		sweep()
		r.Fulfill(context.Background(), 20)
		synctest.Wait()
		if n := mustAnswer[int](t, other, "add", 0); n != 21 {
			t.Errorf("another object has %d, want 21", n)
		}
		p, r = promise.New[int](context.Background())
		mustAnswer[any](t, a, "put", p)
		r.Fulfill(context.Background(), -1)
		synctest.Wait()
		if n := mustAnswer[int](t, a, "add", 0); n != 13 {
			t.Errorf("after a function that failed %d, want 13", n)
		}
		w.crash()
		if n := mustAnswer[int](t, w.root("a", "a"), "add", 0); n != 13 {
			t.Errorf("after a crash %d, want 13", n)
		}
	})
}

// A promise whose resolver an object holds is settled by it whenever that is, also after a restart, and with the turn.
func TestResolvers(t *testing.T) {
	for _, n := range []int{7, -1} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, tellerKind)
			a, b := w.root("a", "a"), w.root("b", "b")
			mustAnswer[any](t, a, "link", b, "b")
			mustAnswer[any](t, a, "hopeFor")
			synctest.Wait()
			for range 2 {
				w.crash()
				sweep()
				b = w.root("b", "b")
				mustAnswer[int](t, b, "add", 1)
			}
			a = w.root("a", "a")
			if got := w.lines(a); got != "[]" {
				t.Errorf("%s before it was settled", got)
			}
			mustAnswer[any](t, b, "shut", n)
			w.crash()
			synctest.Wait()
			want := "[7]"
			if n < 0 {
				want = "[broken: no, lost false false]"
			}
			if got := w.lines(w.root("a", "a")); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			v, err := answer[int](w.root("b", "b"), "wanted")
			if n < 0 && !errors.Is(err, errNo) || n > 0 && v != n {
				t.Errorf("%d, %v", v, err)
			}
		})
	}
}

func TestResolversDoNotPass(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		_, r := promise.New[int](context.Background())
		if _, err := answer[any](w.root("a", "a"), "link", r, "r"); err == nil || !strings.Contains(err.Error(), "a resolver goes into no message") {
			t.Error(err)
		}
	})
}

// A caretaker survives, and so does what revokes it; what came through it and waits is refused once it is revoked.
func TestCaretakersSurvive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		mustAnswer[any](t, a, "protect", b)
		w.crash()
		sweep()
		a, c := w.root("a", "a"), w.root("c", "c")
		caret := mustAnswer[vat.Ref](t, a, "whois", "caret")
		if n := mustAnswer[int](t, caret, "add", 5); n != 5 {
			t.Errorf("%d through the caretaker, want 5", n)
		}
		mustAnswer[any](t, c, "link", caret, "caret")
		w.crash()
		a, c = w.root("a", "a"), w.root("c", "c")
		mustAnswer[any](t, c, "ask", "add", 1)
		synctest.Wait()
		mustAnswer[any](t, mustAnswer[vat.Ref](t, a, "whois", "revoker"), "now")
		mustAnswer[any](t, c, "ask", "add", 1)
		w.crash()
		synctest.Wait()
		a, b, c = w.root("a", "a"), w.root("b", "b"), w.root("c", "c")
		mustAnswer[any](t, c, "ask", "add", 1)
		synctest.Wait()
		revoked := "broken: vat: the reference was revoked, lost false false"
		if got, want := w.lines(c), fmt.Sprintf("[6 %s %s]", revoked, revoked); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if n := mustAnswer[int](t, b, "add", 0); n != 6 {
			t.Errorf("%d, want 6", n)
		}
		if _, err := answer[int](mustAnswer[vat.Ref](t, a, "whois", "caret"), "add", 1); !errors.Is(err, vat.ErrRevoked) {
			t.Error(err)
		}
		mustAnswer[any](t, a, "reset")
		mustAnswer[any](t, c, "reset")
		for i := 0; i < 20 && w.size("slots") > 6; i++ { // the collector takes its time with what was in registers
			sweep()
			mustAnswer[any](t, c, "add", 0)
			synctest.Wait()
		}
		if n := w.size("slots"); n != 6 {
			t.Errorf("%d slots are left, want those of three objects and their facets", n)
		}
	})
}
