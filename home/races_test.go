package home_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// settles fails the test unless the call's outcome comes within a minute of the simulated time.
func settles(t *testing.T, what string, ref vat.Ref) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := vat.Result[int](ref.Send(context.Background(), "echo", 1)).Await(ctx)
	if ctx.Err() != nil {
		t.Errorf("%s: never settles", what)
	}
	return err
}

func TestCloseBeforeTheDialHasBegun(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer b.leave()
		r := a.Enliven(b.publish("x"))
		a.leave()
		if err := settles(t, "enlivened", r); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed at once: %v", err)
		}
	})
}

// TestAcceptFailsAfterOurDialDid lets an incoming connection take the place of a dial, which fails meanwhile, and then
// fail itself. What was to go out breaks, and the peer can be dialled again.
func TestAcceptFailsAfterOurDialDid(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		low, high := pair(t)
		a, b := join(t, n, "a", low, nil), join(t, n, "b", high, nil)
		defer a.leave()
		defer b.leave()
		atA, atB := a.publish("x"), b.publish("x")
		dialled, failed := make(chan struct{}), make(chan struct{})
		var once sync.Once
		a.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			first := false
			once.Do(func() { first = true })
			if !first {
				return next(ctx, d)
			}
			<-dialled
			defer close(failed)
			return nil, netlayer.ErrUnreachable
		}
		r := a.Enliven(atB)
		waits := a.Enliven(sturdyref.Ref{Peer: atB.Peer, Swiss: sturdyref.NewSwissNum()})
		a.layer.accept = func([][]byte, acceptor) (netlayer.Conn, error) {
			close(dialled)
			<-failed
			synctest.Wait() // our dial has given up
			a.layer.accept = nil
			return nil, fmt.Errorf("the peer is gone: %w", net.ErrClosed)
		}
		back := b.Enliven(atA)
		if err := settles(t, "what was dialled for", r); !errors.Is(err, net.ErrClosed) {
			t.Errorf("what was dialled for: %v", err)
		}
		refused(t, "what waited", waits)
		works(t, "enlivened again", a.Enliven(atB))
		_ = settles(t, "the peer's", back)
	})
}

// TestAcceptFailsWhileOurDialGoesOn is the same with a dial that succeeds in the end.
func TestAcceptFailsWhileOurDialGoesOn(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		low, high := pair(t)
		a, b := join(t, n, "a", low, nil), join(t, n, "b", high, nil)
		defer a.leave()
		defer b.leave()
		atA, atB := a.publish("x"), b.publish("x")
		accepted := make(chan struct{})
		a.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			<-accepted
			return next(ctx, d)
		}
		r := a.Enliven(atB)
		var during vat.Ref
		a.layer.accept = func(_ [][]byte, next acceptor) (netlayer.Conn, error) {
			during = a.Enliven(atB) // goes to the connection that is being accepted
			a.layer.accept = nil
			close(accepted)
			return nil, net.ErrClosed
		}
		back := b.Enliven(atA)
		works(t, "what was dialled for", r)
		works(t, "enlivened while the peer was let in", during)
		_ = settles(t, "the peer's", back)
	})
}

// TestOneComesWhileAnotherIsLetIn has two connections of one peer come at once, as of a peer that is restarted twice. The
// first is let in when the second has taken its place, and then the second fails. What waited is served by the first.
func TestOneComesWhileAnotherIsLetIn(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		low, high := pair(t)
		a, b1, b2 := join(t, n, "a", low, nil), join(t, n, "b1", high, nil), join(t, n, "b2", high, nil)
		defer a.leave()
		defer b1.leave()
		defer b2.leave()
		atA := a.publish("x")
		a.layer.connect = func(ctx context.Context, _ netlayer.Dial, _ connector) (netlayer.Conn, error) {
			<-ctx.Done()
			return nil, netlayer.ErrUnreachable
		}
		dialled := a.Enliven(sturdyref.Ref{Peer: b1.Location(), Swiss: sturdyref.NewSwissNum()})
		waits := a.Enliven(b1.publish("y"))
		first, second := make(chan struct{}), make(chan struct{})
		var come atomic.Int32
		a.layer.accept = func(frames [][]byte, next acceptor) (netlayer.Conn, error) {
			if come.Add(1) == 1 {
				close(first)
				<-second
				return next(frames)
			}
			close(second)
			time.Sleep(time.Second)
			return nil, net.ErrClosed
		}
		r1 := b1.Enliven(atA)
		<-first
		r2 := b2.Enliven(atA)
		works(t, "the first one's", r1)
		if err := settles(t, "the second one's", r2); err == nil {
			t.Error("the second one was let in")
		}
		refused(t, "what was dialled for", dialled)
		if err := settles(t, "what waited", waits); err != nil {
			t.Errorf("what waited: %v", err)
		}
	})
}

// TestASessionBeforeTheLast ends also when the connection that replaced it has failed after another one replaced that.
func TestASessionBeforeTheLast(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		id := identity(t)
		a := join(t, n, "a", identity(t), nil)
		defer a.leave()
		atA := a.publish("x")
		var runs []*party
		for i := range 3 {
			p := join(t, n, fmt.Sprint("run ", i), id, nil)
			defer p.leave()
			runs = append(runs, p)
		}
		works(t, "the first", runs[0].Enliven(atA))
		second, third := make(chan struct{}), make(chan struct{})
		var come atomic.Int32
		a.layer.accept = func(frames [][]byte, next acceptor) (netlayer.Conn, error) {
			if come.Add(1) == 1 {
				close(second)
				<-third
				return nil, net.ErrClosed
			}
			return next(frames)
		}
		lost := runs[1].Enliven(atA)
		<-second
		works(t, "the third", runs[2].Enliven(atA))
		close(third)
		_ = settles(t, "the second", lost)
		time.Sleep(time.Second)
		if s := a.Sessions(); len(s) != 1 {
			t.Errorf("%d sessions with one peer", len(s))
		}
		works(t, "the third, still", runs[2].Enliven(atA))
	})
}

// TestASessionThatEndsAtOnce loses the connection as soon as it is there, while another enlivening waits for it.
func TestASessionThatEndsAtOnce(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		x, y := b.publish("x"), b.publish("y")
		times := 0
		a.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			conn, err := next(ctx, d)
			if times++; times == 1 && err == nil {
				_ = conn.Close("")
			}
			return conn, err
		}
		rx, ry := a.Enliven(x), a.Enliven(y)
		for name, r := range map[string]vat.Ref{"x": rx, "y": ry} {
			// What had arrived before the end counts.
			if err := settles(t, name, r); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		works(t, "again", a.Enliven(y))
	})
}

// slowGoodbye is a connection whose Close takes its time, as one to a peer that does not answer does.
type slowGoodbye struct{ netlayer.Conn }

func (c slowGoodbye) Close(reason string) error {
	time.Sleep(3 * time.Second)
	return c.Conn.Close(reason)
}

func TestADyingSessionIsInNobodysWay(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		s := b.publish("x")
		a.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			conn, err := next(ctx, d)
			if err == nil {
				conn = slowGoodbye{conn}
			}
			return conn, err
		}
		works(t, "before", a.Enliven(s))
		n.Lose(a.host(), b.host())
		time.Sleep(time.Millisecond)
		start := time.Now()
		works(t, "while the lost session still says goodbye", a.Enliven(s))
		if d := time.Since(start); d > time.Second {
			t.Errorf("took %v", d)
		}
	})
}

// TestTheHigherOneCannotDial lets the peer whose dial would win be unable to reach the other, and try all the time.
func TestTheHigherOneCannotDial(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		low, high := pair(t)
		a, b := join(t, n, "a", low, nil), join(t, n, "b", high, nil)
		defer a.leave()
		defer b.leave()
		atA, atB := a.publish("x"), b.publish("x")
		b.layer.connect = func(ctx context.Context, _ netlayer.Dial, _ connector) (netlayer.Conn, error) {
			<-ctx.Done()
			return nil, netlayer.ErrUnreachable
		}
		over := make(chan struct{})
		go func() {
			defer close(over)
			if v, err := call(b.Enliven(atA), 1); v != 1 || err != nil {
				t.Errorf("the higher one, by the other's connection: %v, %v", v, err)
			}
		}()
		time.Sleep(time.Second)
		start := time.Now()
		works(t, "the lower one", a.Enliven(atB))
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("took %v", d)
		}
		<-over
	})
}

// TestTheHigherOneGetsThroughAfterAll lets the dial of the higher one come through at last, just when that of the lower one,
// which had waited for it, has been let in. One of the two connections stays.
func TestTheHigherOneGetsThroughAfterAll(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		low, high := pair(t)
		a, b := join(t, n, "a", low, nil), join(t, n, "b", high, nil)
		defer a.leave()
		defer b.leave()
		atA, atB := a.publish("x"), b.publish("x")
		letIn, answered := make(chan struct{}), make(chan struct{})
		b.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			<-letIn
			defer close(answered)
			return next(context.WithoutCancel(ctx), d) // too late to be called off
		}
		tries := 0
		a.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			conn, err := next(ctx, d)
			if tries++; tries == 2 {
				close(letIn)
				<-answered
			}
			return conn, err
		}
		ra, rb := a.Enliven(atB), b.Enliven(atA)
		works(t, "the lower one", ra)
		works(t, "the higher one", rb)
		for _, p := range []*party{a, b} {
			if s := p.Sessions(); len(s) != 1 {
				t.Errorf("%s has sessions %v", p.name, s)
			}
		}
	})
}

func TestAPeerThatSaysItDialsAndDoesNot(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		s := b.publish("x")
		a.layer.connect = func(context.Context, netlayer.Dial, connector) (netlayer.Conn, error) {
			return nil, fmt.Errorf("test: %w", netlayer.ErrCrossed)
		}
		start := time.Now()
		if err := settles(t, "crossed for ever", a.Enliven(s)); !errors.Is(err, netlayer.ErrCrossed) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("crossed for ever: %v", err)
		}
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("took %v, longer than a dial may", d)
		}
	})
}

// TestWhoWaitsForAnUnreachablePeer breaks together what would be tried in vain one after the other, and tries what has
// other addresses.
func TestWhoWaitsForAnUnreachablePeer(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		good := b.publish("x")
		stale := good
		stale.Peer.Hints = map[string]string{"addr": "nowhere"}
		dials := 0
		a.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			dials++
			time.Sleep(5 * time.Second)
			return next(ctx, d)
		}
		first := a.Enliven(stale)
		var rest []vat.Ref
		for range 50 {
			rest = append(rest, a.Enliven(sturdyref.Ref{Peer: stale.Peer, Swiss: sturdyref.NewSwissNum()}))
		}
		same := a.Enliven(good)
		for _, r := range append(rest, first) {
			if err := settles(t, "at the stale address", r); !errors.Is(err, netlayer.ErrUnreachable) || !errors.Is(err, net.ErrClosed) {
				t.Fatal(err)
			}
		}
		works(t, "the same secret with another address", same)
		if dials != 2 {
			t.Errorf("%d dials, want 2", dials)
		}
	})
}

// TestTheHomesVatIsClosed closes the vat of one side's own objects under its feet.
func TestTheHomesVatIsClosed(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		atA, atB := a.publish("x"), b.publish("x")
		if err := b.own.Close(); err != nil {
			t.Fatal(err)
		}
		if err := settles(t, "an object of the closed one", a.Enliven(atB)); err == nil {
			t.Error("the closed one answers")
		}
		works(t, "an object the closed one has at another", b.Enliven(atA))
	})
}

// TestAnything lets three parties enliven each other's sturdyrefs, good and bad, lose connections, be cut off, revoke
// and close in an order that a seed decides. Whatever happens, every promise settles, what is whole in the end works,
// and nobody is left behind: the bubble would not end.
func TestAnything(t *testing.T) {
	rounds := uint64(60)
	if testing.Short() {
		rounds = 10
	}
	for seed := range rounds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			scene(t, func(t *testing.T, n *mem.Network) { anything(t, n, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func anything(t *testing.T, n *mem.Network, rng *rand.Rand) {
	var all [3]*party
	var refs [3]sturdyref.Ref
	for i := range all {
		all[i] = join(t, n, fmt.Sprint("p", i), identity(t), nil)
		refs[i] = all[i].publish("x")
	}
	// Until the end everything that has to do with connections may take its time, and fail.
	rough := atomic.Bool{}
	rough.Store(rng.IntN(2) == 0)
	var dice sync.Mutex
	roll := func(most time.Duration) (fails bool) {
		if !rough.Load() {
			return false
		}
		dice.Lock()
		d, fails := time.Duration(rng.Int64N(int64(most))), rng.IntN(4) == 0
		dice.Unlock()
		time.Sleep(d)
		return fails
	}
	for _, p := range all {
		p.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			if roll(4 * time.Second) {
				return nil, netlayer.ErrUnreachable
			}
			conn, err := next(ctx, d)
			roll(time.Second)
			return conn, err
		}
		p.layer.accept = func(first [][]byte, next acceptor) (netlayer.Conn, error) {
			if roll(2 * time.Second) {
				return nil, net.ErrClosed
			}
			return next(first)
		}
	}
	anon := join(t, n, "anon", nil, nil)
	var calls sync.WaitGroup
	enliven := func(by *party, s sturdyref.Ref) {
		r := by.Enliven(s)
		for i := range 3 {
			calls.Go(func() { _ = settles(t, fmt.Sprintf("%s, call %d", by.name, i), r) })
		}
	}
	closed := rng.IntN(6) // one of the three closes in half of the runs
	for range 60 {
		dice.Lock()
		pause, i, j, what := time.Duration(rng.IntN(150))*time.Millisecond, rng.IntN(3), rng.IntN(3), rng.IntN(12)
		dice.Unlock()
		time.Sleep(pause)
		switch what {
		case 0:
			n.Lose(all[i].host(), all[j].host())
		case 1:
			n.Partition(all[i].host(), all[j].host())
		case 2, 3:
			n.Heal(all[i].host(), all[j].host())
		case 4:
			enliven(all[i], sturdyref.Ref{Peer: refs[j].Peer, Swiss: sturdyref.NewSwissNum()})
		case 5:
			_ = all[i].Revoke(context.Background(), "x")
			if s, err := all[i].Publish(context.Background(), "x", all[i].spawn()); err == nil {
				refs[i] = s
			} else if !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		case 6:
			enliven(anon, refs[j])
		case 7:
			if i == closed {
				_ = all[i].Close()
			}
		default:
			enliven(all[i], refs[j])
		}
	}
	for i := range all {
		for j := range i {
			n.Heal(all[i].host(), all[j].host())
		}
	}
	rough.Store(false)
	calls.Wait()
	time.Sleep(30 * time.Second)
	for i := range all {
		for j := range all {
			if i == closed || j == closed {
				continue
			}
			works(t, fmt.Sprintf("in the end, %d to %d", i, j), all[i].Enliven(refs[j]))
		}
	}
	time.Sleep(30 * time.Second)
	for _, p := range all {
		seen := make(map[sturdyref.PeerID]bool)
		for _, id := range p.Sessions() {
			if seen[id] {
				t.Errorf("%s has two sessions with one peer", p.name)
			}
			seen[id] = true
		}
	}
	for _, p := range all {
		p.leave()
	}
	anon.leave()
	for _, p := range all {
		if s := p.Sessions(); len(s) > 0 {
			t.Errorf("%s has sessions after Close: %v", p.name, s)
		}
	}
}
