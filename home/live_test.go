package home_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// again publishes a diary under the swiss number of an earlier process.
func (p *party) again(s sturdyref.Ref, d *diary) {
	p.t.Helper()
	ref, err := vat.Do(context.Background(), p.vat, func(ctx context.Context) (vat.Ref, error) { return diaryFacet.Spawn(ctx, d), nil })
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err = p.PublishAs(context.Background(), "diary", s.Swiss, ref); err != nil {
		p.t.Fatal(err)
	}
}

// tells has the party's vat say something to a diary, in a turn.
func (p *party) tells(ref vat.Ref, n int) vat.Ref {
	p.t.Helper()
	a, err := vat.Do(context.Background(), p.vat, func(ctx context.Context) (vat.Ref, error) { return ref.Send(ctx, "tell", n), nil })
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

// outcome waits for the answer of a call.
func outcome(a vat.Ref) error {
	_, err := vat.Result[any](a).Await(context.Background())
	return err
}

// journal is what a vat has been told of a live reference.
type journal struct {
	mu      sync.Mutex
	entries []string
	last    error
}

func (p *party) watches(ref vat.Ref) *journal {
	p.t.Helper()
	j := &journal{}
	if _, err := vat.Do(context.Background(), p.vat, func(ctx context.Context) (int, error) {
		vat.OnSever(ctx, ref, func(_ context.Context, reason error) { j.add("severed", reason) })
		vat.OnRestore(ctx, ref, func(context.Context) { j.add("restored", nil) })
		return 0, nil
	}); err != nil {
		p.t.Fatal(err)
	}
	return j
}

func (j *journal) add(what string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, what)
	if err != nil {
		j.last = err
	}
}

func (j *journal) is(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Equal(j.entries, want) {
		t.Errorf("told of %v, want %v", j.entries, want)
	}
}

// TestLiveComesBack restarts the exporter: what was under way breaks, what is said meanwhile waits, and the object of the new
// process gets that, in order.
func TestLiveComesBack(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, id := join(t, n, "a", identity(t), nil), identity(t)
		defer a.leave()
		b := join(t, n, "b", id, nil)
		first, second := &diary{}, &diary{}
		s := b.keep(first)
		live := a.Live(s)
		if live != a.Live(s) {
			t.Error("one sturdyref, two live references")
		}
		j := a.watches(live)
		if err := outcome(a.tells(live, 1)); err != nil {
			t.Fatal(err)
		}
		ordinary := vat.Present(live)
		if ordinary == live {
			t.Error("a live reference is no ordinary one")
		}
		if fetched, err := a.Enliven(s).Await(t.Context()); fetched != ordinary || err != nil {
			t.Errorf("it leads to %v, the object is %v, %v", ordinary, fetched, err)
		}
		pending := a.tells(live.Send(t.Context(), "never"), 2)
		synctest.Wait()
		b.leave()
		time.Sleep(time.Second)
		if err := outcome(pending); !errors.Is(err, net.ErrClosed) {
			t.Errorf("what was under way: %v", err)
		}
		j.is(t, "severed")
		late := []vat.Ref{a.tells(live, 3), a.tells(live, 4), live.Send(t.Context(), "tell", 5)}
		time.Sleep(time.Minute)
		for _, p := range late {
			if p.PromiseCell().Settled() {
				t.Error("nobody is there to answer")
			}
		}
		b = join(t, n, "b", id, nil)
		defer b.leave()
		b.again(s, second)
		late = append(late, a.tells(live, 6))
		for i, p := range late {
			if err := outcome(p); err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if got := second.all(); !slices.Equal(got, []int{3, 4, 5, 6}) {
			t.Errorf("the new object got %v", got)
		}
		if got := first.all(); !slices.Equal(got, []int{1}) {
			t.Errorf("the old object got %v", got)
		}
		j.is(t, "severed", "restored")
		if err := outcome(ordinary.Send(t.Context(), "tell", 7)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the ordinary reference came back: %v", err)
		}
		if vat.Present(live) == ordinary {
			t.Error("it leads to what was lost")
		}
	})
}

// TestLiveBacksOff counts the tries at a peer that is away, from one live reference and from thousands.
func TestLiveBacksOff(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, id := join(t, n, "a", identity(t), nil), identity(t)
		defer a.leave()
		var tries []time.Duration
		begin := time.Now()
		var mu sync.Mutex
		a.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
			mu.Lock()
			tries = append(tries, time.Since(begin))
			mu.Unlock()
			return next(ctx, d)
		}
		b := join(t, n, "b", id, nil)
		const many = 3000
		var at []sturdyref.Ref
		var lives []vat.Ref
		object := b.spawn()
		for i := range many {
			s, err := b.Publish(t.Context(), fmt.Sprint(i), object)
			if err != nil {
				t.Fatal(err)
			}
			at, lives = append(at, s), append(lives, a.Live(s))
		}
		work := func(what string) {
			t.Helper()
			var answers []vat.Ref
			for _, l := range lives {
				answers = append(answers, l.Send(t.Context(), "echo", 7))
			}
			for _, w := range answers {
				if err := outcome(w); err != nil {
					t.Fatal(what, err)
				}
			}
		}
		work("at first")
		if d := a.layer.dialled.Load(); d != 1 {
			t.Errorf("%d connections for %d live references", d, many)
		}
		time.Sleep(2 * time.Minute) // a session that has lasted
		mu.Lock()
		begin, tries = time.Now(), nil
		mu.Unlock()
		b.leave()
		time.Sleep(time.Hour)
		mu.Lock()
		made := slices.Clone(tries)
		mu.Unlock()
		if len(made) < 60 || len(made) > 140 {
			t.Errorf("%d tries in an hour", len(made))
		}
		if len(made) < 8 || made[0] > time.Second || made[4] > 20*time.Second {
			t.Fatalf("the first tries were made after %v", made[:min(8, len(made))])
		}
		for i := 9; i < len(made); i++ {
			if d := made[i] - made[i-1]; d < 30*time.Second || d > time.Minute+5*time.Second {
				t.Errorf("a pause of %v", d)
			}
		}
		b = join(t, n, "b", id, nil)
		defer b.leave()
		object = b.spawn()
		for i, s := range at {
			if _, err := b.PublishAs(t.Context(), fmt.Sprint(i), s.Swiss, object); err != nil {
				t.Fatal(err)
			}
		}
		dialled := a.layer.dialled.Load()
		a.NetworkUp(t.Context())
		work("after an hour")
		if d := a.layer.dialled.Load() - dialled; d != 1 {
			t.Errorf("%d connections for %d live references", d, many)
		}
		// A session that ends while all of them are asked for is one failure.
		time.Sleep(2 * time.Minute)
		n.Lose(a.host(), b.host())
		for _, away := a.Lives(); away == many || away == 0; _, away = a.Lives() {
			time.Sleep(time.Millisecond)
		}
		n.Lose(a.host(), b.host())
		synctest.Wait() // code outside turns may send before it is known
		cut := time.Now()
		work("after a session that came to nothing")
		if d := time.Since(cut); d > 5*time.Second {
			t.Errorf("they were back after %v", d)
		}
	})
}

// TestLiveComesBackWithThePeer has the peer dial: what is held of it comes back over its connection, at once.
func TestLiveComesBackWithThePeer(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, id := join(t, n, "a", identity(t), nil), identity(t)
		defer a.leave()
		b := join(t, n, "b", id, nil)
		s, own := b.keep(&diary{}), a.publish("x")
		live := a.Live(s)
		if err := outcome(a.tells(live, 1)); err != nil {
			t.Fatal(err)
		}
		b.leave()
		time.Sleep(time.Hour)
		d := &diary{}
		b = join(t, n, "b", id, nil)
		defer b.leave()
		b.again(s, d)
		dialled := a.layer.dialled.Load()
		works(t, "the other way", b.Enliven(own))
		time.Sleep(2 * time.Second)
		said := a.tells(live, 2)
		synctest.Wait()
		time.Sleep(200 * time.Millisecond)
		if !said.PromiseCell().Settled() || !slices.Equal(d.all(), []int{2}) {
			t.Errorf("it is not back: %v", d.all())
		}
		if a.layer.dialled.Load() != dialled {
			t.Error("there was no need to dial")
		}
	})
}

// TestLiveRefused has the peer turn a live reference away: at once if it never led anywhere, else when it has had time to
// publish the object again.
func TestLiveRefused(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, id := join(t, n, "a", identity(t), nil), identity(t)
		defer a.leave()
		b := join(t, n, "b", id, nil)
		s := b.keep(&diary{})
		never := a.Live(sturdyref.Ref{Peer: s.Peer, Swiss: sturdyref.NewSwissNum()})
		begin := time.Now()
		refused(t, "a secret that is none", never)
		if d := time.Since(begin); d > time.Second {
			t.Errorf("that took %v", d)
		}
		live, other := a.Live(s), a.Live(b.publish("other"))
		works(t, "what is not revoked", other)
		if err := outcome(a.tells(live, 1)); err != nil {
			t.Fatal(err)
		}
		j := a.watches(live)
		again := func(after time.Duration) time.Duration {
			b.leave()
			time.Sleep(time.Second)
			b = join(t, n, "b", id, nil)
			waits := a.tells(live, 2)
			time.Sleep(after)
			b.again(s, &diary{})
			begin := time.Now()
			if err := outcome(waits); err != nil {
				t.Errorf("it was there again after %v: %v", after, err)
			}
			return time.Since(begin)
		}
		if d := again(90 * time.Second); d > time.Minute+time.Second {
			t.Errorf("it was tried again only after %v", d)
		}
		j.is(t, "severed", "restored")
		b.leave()
		time.Sleep(time.Second)
		b = join(t, n, "b", id, nil)
		defer b.leave()
		begin = time.Now()
		waits := a.tells(live, 3)
		if err := outcome(waits); !errors.Is(err, home.ErrRefused) {
			t.Errorf("what has waited broke with %v", err)
		}
		if d := time.Since(begin); d < 2*time.Minute || d > 4*time.Minute {
			t.Errorf("it was given up after %v", d)
		}
		j.is(t, "severed", "restored", "severed", "severed")
		if !errors.Is(j.last, home.ErrRefused) {
			t.Errorf("severed for good because of %v", j.last)
		}
		dials := a.layer.dialled.Load()
		time.Sleep(time.Hour)
		refused(t, "a live reference that is dead", live)
		if a.layer.dialled.Load() != dials {
			t.Error("a dead reference is tried again")
		}
		b.again(s, &diary{})
		if err := outcome(a.tells(a.Live(s), 4)); err != nil {
			t.Errorf("enlivened anew: %v", err)
		}
	})
}

// TestLiveQueueIsBounded sends more than may wait.
func TestLiveQueueIsBounded(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		const room = 8
		a := join(t, n, "a", identity(t), func(c *home.Config) { c.Limits.MaxOpening = room })
		defer a.leave()
		id := identity(t)
		b := join(t, n, "b", id, nil)
		s := b.keep(&diary{})
		b.leave()
		live := a.Live(s)
		var waits []vat.Ref
		for i := range room - 1 {
			waits = append(waits, a.tells(live, i))
		}
		if _, err := vat.Do(t.Context(), a.vat, func(ctx context.Context) (int, error) {
			waits = append(waits, live.Send(ctx, "tell", 100), live.Send(ctx, "tell", 101))
			return 0, nil
		}); !errors.Is(err, vat.ErrOverloaded) {
			t.Errorf("a turn that sends more than there is room for: %v", err)
		}
		for _, w := range waits[room-1:] {
			if err := outcome(w); !errors.Is(err, vat.ErrTurnFailed) {
				t.Errorf("a message of the turn: %v", err)
			}
		}
		waits = append(waits[:room-1], live.Send(t.Context(), "tell", room-1))
		if err := live.SendOnly(t.Context(), "tell", 102); !errors.Is(err, vat.ErrOverloaded) {
			t.Errorf("from no turn, one way: %v", err)
		}
		if err := outcome(live.Send(t.Context(), "tell", 103)); !errors.Is(err, vat.ErrOverloaded) {
			t.Errorf("from no turn: %v", err)
		}
		b = join(t, n, "b", id, nil)
		defer b.leave()
		d := &diary{}
		b.again(s, d)
		for _, w := range waits {
			if err := outcome(w); err != nil {
				t.Error(err)
			}
		}
		if got := d.all(); !slices.Equal(got, []int{0, 1, 2, 3, 4, 5, 6, 7}) {
			t.Errorf("got %v", got)
		}
		for i := range 10 * room {
			waits = append(waits, a.tells(live, i))
		}
		for _, w := range waits {
			if err := outcome(w); err != nil {
				t.Errorf("with a session there is more room: %v", err)
			}
		}
	})
}

// TestLiveCloses closes the home of live references that lead somewhere, and nowhere.
func TestLiveCloses(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b, c := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil), join(t, n, "c", identity(t), nil)
		defer b.leave()
		there, away := a.Live(b.publish("x")), a.Live(c.publish("x"))
		c.leave()
		works(t, "b", there)
		waits := away.Send(t.Context(), "echo", 1)
		j := a.watches(there)
		time.Sleep(time.Minute)
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		for _, r := range []vat.Ref{waits, there.Send(t.Context(), "echo", 1), away.Send(t.Context(), "echo", 2), a.Live(b.publish("y"))} {
			if err := outcome(r); !errors.Is(err, net.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		}
		j.is(t, "severed")
		a.leave()
	})
}

// TestLiveHostile has an exporter end the session as soon as it is had.
func TestLiveHostile(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
		defer a.leave()
		defer b.leave()
		live := a.Live(b.publish("x"))
		works(t, "at first", live)
		j := a.watches(live)
		before := a.layer.dialled.Load()
		for end := time.Now().Add(time.Hour); time.Now().Before(end); {
			n.Lose(a.host(), b.host())
			time.Sleep(10 * time.Millisecond)
		}
		if d := a.layer.dialled.Load() - before; d > 140 {
			t.Errorf("%d connections in an hour", d)
		}
		time.Sleep(2 * time.Minute)
		works(t, "at last", live)
		j.mu.Lock()
		defer j.mu.Unlock()
		for i, e := range j.entries {
			if (e == "severed") != (i%2 == 0) {
				t.Fatalf("told of %v", j.entries)
			}
		}
	})
}

// TestLiveOfOneself is a live reference to what this party publishes itself, and one of an anonymous party.
func TestLiveOfOneself(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, c, id := join(t, n, "a", identity(t), nil), join(t, n, "", nil, nil), identity(t)
		defer a.leave()
		defer c.leave()
		works(t, "one's own", a.Live(a.publish("x")))
		b := join(t, n, "b", id, nil)
		s := b.keep(&diary{})
		live := c.Live(s)
		if err := outcome(c.tells(live, 1)); err != nil {
			t.Error(err)
		}
		b.leave()
		b = join(t, n, "b", id, nil)
		defer b.leave()
		b.again(s, &diary{})
		time.Sleep(time.Second)
		if err := outcome(c.tells(live, 2)); err != nil {
			t.Error(err)
		}
		if err := outcome(a.Live(sturdyref.Ref{})); err == nil {
			t.Error("an empty sturdyref leads somewhere")
		}
	})
}

// TestLiveHandedOn passes a live reference to peers: they get what it leads to, from the one who has it.
func TestLiveHandedOn(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, c, id := join(t, n, "a", identity(t), nil), join(t, n, "c", identity(t), nil), identity(t)
		defer a.leave()
		defer c.leave()
		b := join(t, n, "b", id, nil)
		d := &diary{}
		s := b.keep(d)
		live := a.Live(s)
		if err := outcome(a.tells(live, 1)); err != nil {
			t.Fatal(err)
		}
		atB, atC := a.Enliven(b.publish("echo")), a.Enliven(c.publish("echo"))
		for _, r := range []vat.Ref{atB, atC} {
			works(t, "before", r)
		}
		mine, err := vat.Result[vat.Ref](atC.Send(t.Context(), "echo", live)).Await(t.Context())
		if err != nil || mine != vat.Present(live) {
			t.Errorf("it came back as %v, %v", mine, err)
		}
		own, err := vat.Result[vat.Ref](atB.Send(t.Context(), "echo", live)).Await(t.Context())
		if err != nil || own != vat.Present(live) {
			t.Errorf("it came back from its host as %v, %v", own, err)
		}
		keeper := &cubby{}
		atShelf := a.Enliven(c.shelve(keeper))
		if err := outcome(atShelf.Send(t.Context(), "put", live)); err != nil {
			t.Fatal(err)
		}
		theirs := keeper.thing()
		if err := outcome(c.tells(theirs, 2)); err != nil {
			t.Error(err)
		}
		if x := c.Sessions(); len(x) != 2 {
			t.Errorf("it was not handed off: %d sessions", len(x))
		}
		if got := d.all(); !slices.Equal(got, []int{1, 2}) {
			t.Errorf("the object got %v", got)
		}
		// What the peer holds is lost with its session, and stays so.
		b.leave()
		b = join(t, n, "b", id, nil)
		defer b.leave()
		again := &diary{}
		b.again(s, again)
		time.Sleep(time.Second)
		if err := outcome(a.tells(live, 3)); err != nil {
			t.Error(err)
		}
		if err := outcome(c.tells(theirs, 4)); err == nil {
			t.Error("a peer's ordinary reference came back")
		}
		if err := outcome(atShelf.Send(t.Context(), "put", live)); err != nil {
			t.Fatal(err)
		}
		if err := outcome(c.tells(keeper.thing(), 5)); err != nil {
			t.Error(err)
		}
		if got := again.all(); !slices.Equal(got, []int{3, 5}) {
			t.Errorf("the new object got %v", got)
		}
	})
}

// cubby keeps what it was given last.
type cubby struct {
	mu   sync.Mutex
	last vat.Ref
}

type cubbyhole interface {
	Put(ctx context.Context, r vat.Ref)
	Get(ctx context.Context) vat.Ref
}

var cubbyFacet = vat.FacetOf[cubbyhole]("test.Cubby")

func (s *cubby) Put(_ context.Context, r vat.Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = r
}

func (s *cubby) Get(context.Context) vat.Ref { return s.thing() }

func (s *cubby) thing() vat.Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (p *party) shelve(s *cubby) sturdyref.Ref {
	p.t.Helper()
	ref, err := vat.Do(context.Background(), p.vat, func(ctx context.Context) (vat.Ref, error) { return cubbyFacet.Spawn(ctx, s), nil })
	if err != nil {
		p.t.Fatal(err)
	}
	at, err := p.Publish(context.Background(), "shelf", ref)
	if err != nil {
		p.t.Fatal(err)
	}
	return at
}

// TestLiveBehindPromises has a peer send down the promise for an answer that turns out to be a live reference, and by way of
// what is published in front of one: what was lost stays so on each of these ways.
func TestLiveBehindPromises(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, c, id := join(t, n, "a", identity(t), nil), join(t, n, "c", identity(t), nil), identity(t)
		defer a.leave()
		defer c.leave()
		b := join(t, n, "b", id, nil)
		s := b.keep(&diary{})
		live := a.Live(s)
		shelf := &cubby{last: live}
		atShelf := c.Enliven(a.shelve(shelf))
		front, err := a.Publish(t.Context(), "front", live)
		if err != nil {
			t.Fatal(err)
		}
		passing, err := vat.Do(t.Context(), a.vat, func(ctx context.Context) (vat.Ref, error) {
			return vat.SpawnProxy(ctx, func(context.Context) (vat.Ref, error) { return live, nil }), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		proxy, err := a.Publish(t.Context(), "proxy", passing)
		if err != nil {
			t.Fatal(err)
		}
		atFront, atProxy := c.Enliven(front), c.Enliven(proxy)
		answer := atShelf.Send(t.Context(), "get")
		for i, r := range []vat.Ref{answer, atFront, atProxy} {
			if err := outcome(c.tells(r, i)); err != nil {
				t.Fatal(i, err)
			}
		}
		b.leave()
		b = join(t, n, "b", id, nil)
		defer b.leave()
		d := &diary{}
		b.again(s, d)
		time.Sleep(2 * time.Second)
		if err := outcome(c.tells(answer, 10)); err == nil {
			t.Error("the peer's promise leads somewhere again")
		}
		if err := outcome(c.tells(atFront, 11)); err == nil {
			t.Error("what the peer has fetched leads somewhere again")
		}
		if err := outcome(c.tells(atProxy, 12)); err != nil {
			t.Error("by way of an object of ours that sends on:", err)
		}
		if err := outcome(c.tells(atShelf.Send(t.Context(), "get"), 13)); err != nil {
			t.Error("got anew:", err)
		}
		if got := d.all(); !slices.Equal(got, []int{12, 13}) {
			t.Errorf("the new object got %v", got)
		}
	})
}

// TestLiveBehindASecondAnswer has a peer ask once more for an answer that it has sent down, when what it has sent was lost.
func TestLiveBehindASecondAnswer(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b, c := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil), join(t, n, "c", identity(t), nil)
		defer a.leave()
		defer b.leave()
		defer c.leave()
		d := &diary{}
		live := a.Live(b.keep(d))
		atCubby := c.Enliven(a.shelve(&cubby{last: live}))
		works(t, "c can reach b", c.Enliven(b.publish("x")))
		for i, told := range []vat.Ref{a.tells(live, -1), atCubby.Send(t.Context(), "get")} {
			if err := outcome(told); err != nil {
				t.Fatal(i, err)
			}
		}
		time.Sleep(2 * time.Minute)
		n.SetDelay(a.host(), c.host(), 2*time.Second, 0)
		n.SetDelay(c.host(), a.host(), 2*time.Second, 0)
		answer := atCubby.Send(t.Context(), "get")
		first := c.tells(answer, 0)
		time.Sleep(2*time.Second + 10*time.Millisecond)
		n.LoseSilently(a.host(), b.host())
		if err := outcome(a.tells(live, 1)); err == nil {
			t.Log("the loss was not noticed yet")
		}
		time.Sleep(time.Minute)
		if err := outcome(first); err == nil {
			t.Error("what was lost was answered")
		}
		if err := outcome(c.tells(answer, 2)); err == nil {
			t.Error("the promise leads somewhere again")
		}
		if got := d.all(); slices.Contains(got, 0) || slices.Contains(got, 2) {
			t.Errorf("the object got %v", got)
		}
	})
}

// TestLiveWatched lets go of a live reference that is watched: the watch keeps it.
func TestLiveWatched(t *testing.T) {
	n := mem.New(nil) // not in a bubble, which the collector may not enter
	defer n.Close()
	a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
	defer a.leave()
	defer b.leave()
	s := b.publish("x")
	works(t, "there", a.Live(s))
	j := a.watches(a.Live(s))
	for range 10 {
		runtime.GC()
	}
	n.Lose(a.host(), b.host())
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		j.mu.Lock()
		told := len(j.entries)
		j.mu.Unlock()
		if told == 2 {
			return
		}
	}
	t.Error("the watch was forgotten")
}

// TestLiveUnused lets go of live references: nothing is held over the session, nor tried, but as long as something waits.
func TestLiveUnused(t *testing.T) {
	n := mem.New(nil) // not in a bubble, which the collector may not enter
	defer n.Close()
	a, b := join(t, n, "a", identity(t), nil), join(t, n, "b", identity(t), nil)
	defer a.leave()
	c := join(t, n, "c", identity(t), nil)
	s, there := b.publish("x"), c.publish("x")
	works(t, "there", a.Live(there))
	b.leave()
	waits := a.Live(s).Send(context.Background(), "echo", 1)
	a.Live(sturdyref.Ref{Peer: s.Peer, Swiss: sturdyref.NewSwissNum()})
	left := a.LivesLeft()
	deadline := time.Now().Add(20 * time.Second)
	for {
		runtime.GC()
		lives, away := a.Lives()
		if lives == 1 && away <= 1 && left() == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d live references, %d of them away, %d are in memory", lives, away, left())
		}
		time.Sleep(10 * time.Millisecond)
	}
	runtime.GC()
	if waits.PromiseCell().Settled() {
		t.Error("what waited was given up")
	}
	c.leave()
	_ = waits
}
