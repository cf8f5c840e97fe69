package home_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// lasting opens a Home whose sessions survive their connections.
func lasting(t *testing.T, n *mem.Network, name string, id sturdyref.Identity, change func(*home.Config)) *party {
	t.Helper()
	return joinOver(t, n, name, id, change, func(h *mem.Host, log hclog.Logger) netlayer.Netlayer {
		l, err := link.New(h, &link.Config{Logger: log})
		if err != nil {
			t.Fatal(err)
		}
		return l
	})
}

// diary writes down what it is told, in its vat's turns.
type diary struct {
	mu   sync.Mutex
	told []int
}

// told is told of an outcome, as often as there is one.
type told func(v any, err error)

func (f told) Settled(c *promise.Cell) {
	v, err, _ := c.Outcome()
	f(v, err)
}

type diarist interface {
	Tell(ctx context.Context, n int) (int, error)
	Never(ctx context.Context) (vat.Ref, error)
}

var diaryFacet = vat.FacetOf[diarist]("test.Diary")

func (d *diary) Tell(_ context.Context, n int) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, n)
	return n, nil
}

func (d *diary) Never(context.Context) (vat.Ref, error) { return vat.NewVow(nil).Ref(), nil }

func (d *diary) all() []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.told)
}

// keep publishes a diary.
func (p *party) keep(d *diary) sturdyref.Ref {
	p.t.Helper()
	ref, err := vat.Do(context.Background(), p.vat, func(ctx context.Context) (vat.Ref, error) { return diaryFacet.Spawn(ctx, d), nil })
	if err != nil {
		p.t.Fatal(err)
	}
	s, err := p.Publish(context.Background(), "diary", ref)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// TestCallsSurviveFiftyDrops loses the connection fifty times, with calls of both sides under way. Each is executed once,
// in order, and answered.
func TestCallsSurviveFiftyDrops(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := lasting(t, n, "a", identity(t), nil), lasting(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		const calls = 3000
		diaries := [2]*diary{{}, {}}
		atA, atB := a.keep(diaries[0]), b.keep(diaries[1])
		toB := a.Enliven(atB)
		if _, err := vat.Result[int](toB.Send(context.Background(), "tell", -1)).Await(context.Background()); err != nil {
			t.Fatal(err)
		}
		toA := b.Enliven(atA)
		var all sync.WaitGroup
		for _, ref := range []vat.Ref{toA, toB} {
			all.Go(func() {
				var answers []vat.Ref
				for i := range calls {
					answers = append(answers, ref.Send(context.Background(), "tell", i))
					if i%3 == 0 {
						time.Sleep(10 * time.Millisecond)
					}
				}
				for i, r := range answers {
					if v, err := vat.Result[int](r).Await(context.Background()); v != i || err != nil {
						t.Errorf("call %d: %d, %v", i, v, err)
						return
					}
				}
			})
		}
		for i := range 50 {
			time.Sleep(rand.N(400 * time.Millisecond))
			if i%5 == 0 {
				n.LoseSilently(a.host(), b.host())
			} else {
				n.Lose(a.host(), b.host())
			}
		}
		all.Wait()
		for i, d := range diaries {
			told := d.all()
			if i == 1 {
				told = told[1:]
			}
			if len(told) != calls || !slices.IsSorted(told) {
				t.Errorf("%d calls were executed, in order: %v, want %d", len(told), slices.IsSorted(told), calls)
			}
		}
		if x, y := len(a.Sessions()), len(b.Sessions()); x != 1 || y != 1 {
			t.Errorf("there are %d and %d sessions", x, y)
		}
		if d := a.layer.dialled.Load() + b.layer.dialled.Load(); d != 1 {
			t.Errorf("%d sessions were dialled", d)
		}
	})
}

// TestAnOutageIsNotSeen leaves the network away for minutes, with a call under way each way.
func TestAnOutageIsNotSeen(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := lasting(t, n, "a", identity(t), nil), lasting(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		r := a.Enliven(b.publish("x"))
		works(t, "before", r)
		back := b.Enliven(a.publish("x"))
		works(t, "and back", back)
		severed := make(chan error, 1)
		if _, err := vat.Do(context.Background(), a.vat, func(ctx context.Context) (int, error) {
			vat.OnSever(ctx, r, func(_ context.Context, reason error) { severed <- reason })
			return 0, nil
		}); err != nil {
			t.Fatal(err)
		}
		n.Partition(a.host(), b.host())
		begin := time.Now()
		pending, pendingBack := r.Send(context.Background(), "echo", 7), back.Send(context.Background(), "echo", 8)
		time.Sleep(9 * time.Minute)
		if len(a.Sessions()) != 1 || len(b.Sessions()) != 1 {
			t.Error("a suspended session is none")
		}
		n.Heal(a.host(), b.host())
		for i, p := range []vat.Ref{pending, pendingBack} {
			if v, err := vat.Result[int](p).Await(context.Background()); v != 7+i || err != nil {
				t.Errorf("%d, %v", v, err)
			}
		}
		if took := time.Since(begin); took > 9*time.Minute+40*time.Second {
			t.Errorf("the answers took %v", took)
		}
		select {
		case err := <-severed:
			t.Errorf("severed: %v", err)
		default:
		}
	})
}

// TestALongOutageBreaksOnce waits until the grace is over on both sides: what waits breaks, once, and the next Enliven
// works when the network is back.
func TestALongOutageBreaksOnce(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := lasting(t, n, "a", identity(t), nil), lasting(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		d := &diary{}
		at := b.keep(d)
		r := a.Enliven(at)
		var broken [20]int
		var pending []vat.Ref
		for i := range broken {
			what := r.Send(context.Background(), "never")
			if i%2 == 0 {
				what = what.Send(context.Background(), "tell", i) // pipelined on what never settles
			}
			pending = append(pending, what)
		}
		works := func() error {
			_, err := vat.Result[int](r.Send(context.Background(), "tell", 1)).Await(context.Background())
			return err
		}
		if err := works(); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		for i, p := range pending {
			p.PromiseCell().Subscribe(told(func(_ any, err error) {
				mu.Lock()
				defer mu.Unlock()
				if broken[i]++; !errors.Is(err, net.ErrClosed) {
					t.Errorf("call %d: %v", i, err)
				}
			}))
		}
		n.Partition(a.host(), b.host())
		time.Sleep(9 * time.Minute)
		mu.Lock()
		if broken != [20]int{} {
			t.Errorf("within the grace: %v", broken)
		}
		mu.Unlock()
		time.Sleep(2 * time.Minute)
		mu.Lock()
		for i, times := range broken {
			if times != 1 {
				t.Errorf("call %d was settled %d times", i, times)
			}
		}
		mu.Unlock()
		if err := works(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a reference whose session is over: %v", err)
		}
		if len(a.Sessions())+len(b.Sessions()) != 0 {
			t.Error("there is a session left")
		}
		n.Heal(a.host(), b.host())
		r = a.Enliven(at)
		if err := works(); err != nil {
			t.Error(err)
		}
	})
}

// TestARestartEndsWhatIsSuspended restarts the side that dials, and then the other.
func TestARestartEndsWhatIsSuspended(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		ida, idb := identity(t), identity(t)
		a, b := lasting(t, n, "a", ida, nil), lasting(t, n, "b", idb, nil)
		s := b.publish("x")
		works(t, "before", a.Enliven(s))
		back := b.Enliven(a.publish("x"))
		works(t, "and back", back)
		n.Partition(a.host(), b.host())
		time.Sleep(20 * time.Second)
		pending := back.Send(context.Background(), "echo", 1)
		a.leave() // it cannot say so
		n.Heal(a.host(), b.host())
		a = lasting(t, n, "a2", ida, nil)
		works(t, "a after its restart", a.Enliven(s))
		if _, err := vat.Result[int](pending).Await(context.Background()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("what waited for the process that is gone: %v", err)
		}
		synctest.Wait()
		if len(b.Sessions()) != 1 {
			t.Errorf("b has %d sessions", len(b.Sessions()))
		}
		r := a.Enliven(s)
		begin := time.Now()
		_ = b.host().Close() // as if killed
		b2 := lasting(t, n, "b", idb, nil)
		if _, err := call(r, 1); !errors.Is(err, net.ErrClosed) || time.Since(begin) > 5*time.Second {
			t.Errorf("after b's restart: %v, after %v", err, time.Since(begin))
		}
		b.leave()
		a.leave()
		b2.leave()
	})
}

// TestWhoWasDialledDials restarts, or has lost, a peer that has dialled this node and does not do so again. Who wants something
// of it is not left waiting for that.
func TestWhoWasDialledDials(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		ida := identity(t)
		a, b := lasting(t, n, "a", ida, nil), lasting(t, n, "b", identity(t), nil)
		works(t, "a dials", a.Enliven(b.publish("x")))
		atA := a.publish("x")
		works(t, "and is used", b.Enliven(atA))
		n.LoseSilently(b.host(), a.host()) // a does not know
		time.Sleep(time.Second)
		begin := time.Now()
		works(t, "a is reached", b.Enliven(atA))
		if took := time.Since(begin); took > time.Second {
			t.Errorf("it took %v", took)
		}
		if x, y := len(a.Sessions()), len(b.Sessions()); x != 1 || y != 1 || b.layer.dialled.Load() != 0 {
			t.Errorf("there are %d and %d sessions, b has dialled %d", x, y, b.layer.dialled.Load())
		}

		_ = a.host().Close() // as if killed
		again := lasting(t, n, "a", ida, nil)
		if _, err := again.Publish(context.Background(), "x", again.spawn()); err != nil {
			t.Fatal(err)
		}
		atA = again.publish("y")
		begin = time.Now()
		if _, err := call(b.Enliven(atA), 1); !errors.Is(err, net.ErrClosed) || time.Since(begin) > 4*time.Second {
			t.Errorf("of the process that was killed: %v, after %v", err, time.Since(begin))
		}
		works(t, "the new one", b.Enliven(atA))
		a.leave()
		again.leave()
		b.leave()
	})
}

// TestRevocationEndsWhatIsSuspended revokes, at a closed door, what admitted a guest whose connection is lost.
func TestRevocationEndsWhatIsSuspended(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a := lasting(t, n, "a", identity(t), nil)
		b := lasting(t, n, "b", identity(t), func(c *home.Config) { c.Door.Closed = true })
		defer a.leave()
		defer b.leave()
		r := a.Enliven(b.publish("x"))
		works(t, "before", r)
		n.Partition(a.host(), b.host())
		time.Sleep(20 * time.Second)
		if err := b.Revoke(context.Background(), "x"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(b.Sessions()) != 0 {
			t.Error("a guest who is not admitted any more has a session")
		}
		n.Heal(a.host(), b.host())
		if _, err := call(r, 1); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after the revocation: %v", err)
		}
		time.Sleep(time.Second)
		if len(a.Sessions()) != 0 {
			t.Error("the guest believes that it has a session")
		}
	})
}

// TestAnonymousSessionsSurvive has guests without an identity.
func TestAnonymousSessionsSurvive(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		b := lasting(t, n, "b", identity(t), nil)
		defer b.leave()
		guest := lasting(t, n, "guest", nil, nil)
		defer guest.leave()
		r := guest.Enliven(b.publish("x"))
		works(t, "before", r)
		who := func() string {
			s, err := vat.Result[string](r.Send(context.Background(), "caller")).Await(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		first := who()
		for i := range 5 {
			n.Lose(guest.host(), b.host())
			if got := who(); got != first {
				t.Errorf("drop %d: the caller is %s, was %s", i, got, first)
			}
		}
		n.Partition(guest.host(), b.host())
		time.Sleep(3 * time.Minute)
		if _, err := call(r, 1); !errors.Is(err, net.ErrClosed) {
			t.Errorf("beyond an anonymous session's grace: %v", err)
		}
		n.Heal(guest.host(), b.host())
	})
}

// TestClosingWhileSuspended closes a Home whose peer cannot be reached.
func TestClosingWhileSuspended(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := lasting(t, n, "a", identity(t), nil), lasting(t, n, "b", identity(t), nil)
		r := a.Enliven(b.publish("x"))
		works(t, "before", r)
		n.Partition(a.host(), b.host())
		time.Sleep(20 * time.Second)
		pending := r.Send(context.Background(), "echo", 1)
		begin := time.Now()
		a.leave()
		b.leave()
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("closing took %v", took)
		}
		if _, err := vat.Result[int](pending).Await(context.Background()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("what waited: %v", err)
		}
		n.Heal(a.host(), b.host())
	})
}
