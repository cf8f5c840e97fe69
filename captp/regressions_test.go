package captp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/vat"
)

// A reference this process holds must survive the refusal of a message that mentions it.
func TestARefusedMessageOfOursGivesNothingBack(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		a, b := w.pair()
		b.node.serve("x", func() string { return "here" })
		x := a.fetch("x")
		gone, err := a.Bootstrap().Send(t.Context(), "fetch", "nobody"), error(nil)
		if _, err = gone.Await(t.Context()); !errors.Is(err, errNone) {
			t.Fatal(err)
		}
		for range 3 {
			wantErr(t, gone.Send(t.Context(), "take", x), errNone)
		}
		want(t, x.Apply(t.Context()), "here")
	})
}

// Nor may the refusal of one peer's message that mentions another peer's object take it away.
func TestARefusedMessageGivesBackOnlyItsPeers(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n, c := w.node("n"), w.node("c")
		nc, _ := w.meet(n, c)
		c.serve("x", func() string { return "here" })
		x := nc.fetch("x")
		n.offer("x", x)
		n.offer("gone", nc.Bootstrap().Send(t.Context(), "fetch", "nobody"))
		r, _ := w.peer(n)
		pos := r.fetch("x")
		r.call(export(0), "fetch", 1, 0, "gone")
		for i := range 3 {
			r.call(answerAt(1), "take", 0, uint64(10+i), pos)
			if d := expect[*msg.Deliver](r); d.Selector != "break" {
				t.Fatal(d, d.Args)
			}
		}
		want(t, x.Apply(t.Context()), "here")
		r.bye()
	})
}

// A second connection must not change who the first is with.
func TestStartTwice(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		b.node.serve("who", func() string { return "b" })
		b.node.serve("caller", func(ctx context.Context) string { return vat.CallerOf(ctx).Designator })
		r, _ := w.raw(w.node("other"))
		if err := b.Start(r.conn); err == nil {
			t.Error("a second Start succeeded")
		}
		want(t, a.fetch("caller").Apply(t.Context()), "a")
		want(t, a.fetch("who").Apply(t.Context()), "b")
	})
}

// What is sent to the answer of a message that cannot be sent breaks with it, and nothing else is disturbed.
func TestOpeningMessageThatCannotBeSent(t *testing.T) {
	for _, early := range []bool{true, false} {
		t.Run(fmt.Sprint("early=", early), func(t *testing.T) {
			scene(t, &mem.Config{Delay: delay}, func(t *testing.T, w *world) {
				a, b := w.node("a").session(), w.node("b").session()
				b.node.serve("x", func() string { return "here" })
				errNot := errors.New("cannot be said")
				bad := a.Fetch(func(netlayer.Info) (any, error) { return nil, errNot })
				child := bad.Send(t.Context(), "child")
				grandchild := child.Send(t.Context(), "child")
				good := a.Bootstrap().Send(t.Context(), "fetch", "x").Apply(t.Context())
				if early {
					w.connect(a, b)
				} else {
					w.connectLate(a, b)
				}
				want(t, good, "here")
				for _, r := range []vat.Ref{bad, child, grandchild} {
					wantErr(t, r, errNot)
				}
			})
		})
	}
}

// connectLate connects with nothing sent along with the handshake.
func (w *world) connectLate(a, b *end) {
	w.t.Helper()
	done := make(chan error, 1)
	go func() {
		in, err := b.node.host.Accept(context.Background())
		if err == nil {
			var c netlayer.Conn
			if c, err = in.Accept(nil); err == nil {
				err = b.Start(w.audit(c))
			}
		}
		done <- err
	}()
	c, err := a.node.host.Connect(context.Background(), netlayer.Dial{Peer: b.node.host.Location()})
	if err == nil {
		err = a.Start(w.audit(c))
	}
	if err := errors.Join(err, <-done); err != nil {
		w.t.Fatal(err)
	}
}

// A message that nobody waits for and that could not be kept breaks its reference: a later one must not arrive alone.
func TestOpeningOneWayOverflow(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		na := w.node("a")
		na.limits.MaxOpening = 3
		a, b := na.session(), w.node("b").session()
		var got []int
		b.node.serve("x", func(i int) { got = append(got, i) })
		x := a.Bootstrap().Send(t.Context(), "fetch", "x")
		for i := range 4 {
			if err := x.ApplyOnly(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		}
		w.connect(a, b)
		if err := x.ApplyOnly(t.Context(), 99); err != nil {
			t.Fatal(err)
		}
		wantErr(t, x.Apply(t.Context(), 100), vat.ErrOverloaded)
		synctest.Wait()
		if fmt.Sprint(got) != "[0 1]" {
			t.Errorf("got %v, want [0 1] and nothing after the gap", got)
		}
	})
}

// A promise that comes in when no resolver can be exported breaks; it does not stay for ever.
func TestPromiseThatCannotBeListenedTo(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n := w.node("n")
		n.limits.MaxExports = 4
		outcome := make(chan error, 10)
		n.serve("take", func(ctx context.Context, p vat.Ref) {
			vat.Go(ctx, func(context.Context) (int, error) {
				_, err := p.Await(context.Background())
				outcome <- err
				return 0, nil
			})
		})
		r, _ := w.peer(n)
		take := r.fetch("take")
		for i := range 3 {
			r.call(take, "", 0, 0, importPromise(uint64(i+1)))
		}
		synctest.Wait()
		select {
		case err := <-outcome:
			if !errors.Is(err, vat.ErrOverloaded) {
				t.Error(err)
			}
		default:
			t.Error("none of the promises broke")
		}
		r.bye()
	})
}

// Two ends with the same limits never exceed each other's: a call is one answer, whatever asks for it.
func TestLimitsOfTwoEndsFit(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		na, nb := w.node("a"), w.node("b")
		na.limits.MaxQuestions, na.limits.MaxAnswers = 100, 100
		nb.limits = na.limits
		a, b := w.meet(na, nb)
		release := make(chan struct{})
		b.node.serve("wait", func(ctx context.Context) any {
			return vat.Go(ctx, func(context.Context) (int, error) { <-release; return 1, nil })
		})
		x := a.fetch("wait")
		var calls []vat.Ref
		for range 120 {
			calls = append(calls, x.Apply(t.Context()))
		}
		synctest.Wait()
		if err := a.Err(); err != nil {
			t.Fatal(err)
		}
		close(release)
		fine, over := 0, 0
		for _, c := range calls {
			switch v, err := result[int](c); {
			case v == 1 && err == nil:
				fine++
			case errors.Is(err, vat.ErrOverloaded):
				over++
			default:
				t.Fatal(v, err)
			}
		}
		if fine < 99 || fine > 100 {
			t.Errorf("%d calls of 100 allowed went through, %d were refused", fine, over)
		}
	})
}

// Answers that stay in use count: a peer must not be made to exceed the other's limit by keeping them.
func TestKeptAnswersStayWithinLimits(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		w.features = nil // such a peer's answers keep their way
		na, nb := w.node("a"), w.node("b")
		na.limits.MaxQuestions, na.limits.MaxAnswers = 50, 50
		nb.limits = na.limits
		a, b := w.meet(na, nb)
		mine := a.node.do(func(ctx context.Context) vat.Ref { return vat.Func(ctx, func() int { return 1 }) })
		b.node.serve("back", func(r vat.Ref) vat.Ref { return r })
		x := a.fetch("back")
		refused := 0
		func() {
			var kept []vat.Ref
			for range 80 {
				r := x.Apply(t.Context(), mine)
				// Used before it settles to something that is not the peer's, it leads by way of the peer for ever.
				if v, err := result[int](r.Apply(t.Context())); errors.Is(err, vat.ErrOverloaded) {
					refused++
				} else if v != 1 || err != nil {
					t.Fatal(v, err)
				}
				kept = append(kept, r)
				w.sweepOnce()
			}
			if a.Err() != nil || refused == 0 {
				t.Errorf("%v; %d were refused", a.Err(), refused)
			}
			kept = []vat.Ref{kept[0]}
			w.sweep()
			want(t, kept[0].Apply(t.Context()), 1)
		}()
	})
}

// sweepOnce has notices sent without looking for garbage.
func (w *world) sweepOnce() {
	for _, e := range w.ends {
		e.Sweep()
	}
	synctest.Wait()
}

// More notices than fit into a frame take several.
func TestManyNotices(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("very many references")
	}
	scene(t, nil, func(t *testing.T, w *world) {
		w.unaudited = true
		a, b := w.pair()
		b.node.serve("many", func(ctx context.Context, n int) []vat.Ref {
			refs := make([]vat.Ref, n)
			for i := range refs {
				refs[i] = vat.Func(ctx, func() {})
			}
			return refs
		})
		x := a.fetch("many")
		const each, times = 20_000, 12
		func() {
			var all [][]vat.Ref
			for range times {
				refs, err := result[[]vat.Ref](x.Apply(t.Context(), each))
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, refs)
			}
			if n := a.Tables().Imports; n < len(all)*each {
				t.Errorf("%d imports, want %d", n, len(all)*each)
			}
		}()
		for range 5 {
			collect() // all of it is found before any of it is told
		}
	})
}

// A promise shown to a peer before it was anybody's must not become a way into a session of another identity.
func TestPromiseThatLeadsToAnotherIdentityLater(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		n, c := w.node("n"), w.node("c")
		calls := 0
		c.serve("x", func() { calls++ })
		n.realm = "another identity"
		nc, _ := w.meet(n, c)
		x := nc.fetch("x")
		n.realm = "one identity"
		nb, b := w.meet(n, w.node("b"))
		_ = nb
		w0 := n.promise("p")
		p := b.Bootstrap().Send(t.Context(), "fetch", "p")
		early := p.Apply(t.Context())
		if err := p.ApplyOnly(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		w0.Resolve(x)
		for _, r := range []vat.Ref{early, p} {
			// The peer is not told why: that there is another identity is what it must not learn.
			_, err := r.Await(t.Context())
			if e, ok := errors.AsType[*vat.Error](err); !ok || e.Code != vat.ErrInternal.Code || strings.Contains(e.Message, "identity") {
				t.Error(err)
			}
		}
		if _, err := p.Apply(t.Context()).Await(t.Context()); err == nil {
			t.Error("the promise leads to the other identity's peer")
		}
		time.Sleep(time.Second)
		if calls != 0 {
			t.Errorf("%d messages crossed from one identity to the other", calls)
		}
	})
}

// Room is given back in every way a session can end.
func TestBudgetAfterTheEnd(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		a, b := w.pair()
		b.node.promise("never")
		p := a.Bootstrap().Send(t.Context(), "fetch", "never")
		q := p.Apply(t.Context())
		synctest.Wait()
		a.Close("enough")
		wantErr(t, p, net.ErrClosed)
		wantErr(t, q, net.ErrClosed)
		if n := a.Tables().Calls; n != 0 {
			t.Errorf("%d calls take room in a session that has ended", n)
		}
	})
}

// Room for fewer calls than messages waiting must not be overdrawn when the connection comes.
func TestOpeningWithinTheBudget(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		na := w.node("a")
		na.limits.MaxQuestions = 3
		a, b := na.session(), w.node("b").session()
		b.node.serve("x", func(i int) int { return i })
		x := a.Bootstrap().Send(t.Context(), "fetch", "x")
		var calls []vat.Ref
		for i := range 5 {
			calls = append(calls, x.Apply(t.Context(), i))
		}
		w.connect(a, b)
		want(t, calls[0], 0)
		want(t, calls[1], 1)
		for _, c := range calls[2:] {
			wantErr(t, c, vat.ErrOverloaded)
		}
		time.Sleep(time.Second)
		if n := a.Tables().Calls; n != 0 {
			t.Errorf("%d calls take room", n)
		}
	})
}

// Who watches a reference of a session that is handed over hears of the end of the one it was handed to.
func TestOnSeverAfterHandover(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		a, b := w.pair()
		_ = b
		lost := a.node.session()
		var heard atomic.Int32
		ref := lost.Bootstrap()
		_, err := vat.Do(t.Context(), a.node.vat, func(ctx context.Context) (int, error) {
			vat.OnSever(ctx, ref, func(context.Context, error) { heard.Add(1) })
			return 0, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !lost.Handover(a.Session) {
			t.Fatal("not handed over")
		}
		synctest.Wait()
		if heard.Load() != 0 {
			t.Error("severed by being handed over")
		}
		a.Close("over")
		synctest.Wait()
		if n := heard.Load(); n != 1 {
			t.Errorf("heard %d times of the end", n)
		}
	})
}

// What a peer sends to a third that does not read breaks the reference for that peer, not for this process.
func TestFloodToAThirdBreaksItForTheSenderOnly(t *testing.T) {
	scene(t, &mem.Config{Buffer: 1 << 10}, func(t *testing.T, w *world) {
		n := w.node("n")
		n.limits.MaxUnsent = 1 << 16
		slow, slowEnd := w.peer(n)
		// The slow peer gives away an object and then reads no more.
		n.serve("give", func(r vat.Ref) { n.offer("slow", r) })
		slow.call(slow.fetch("give"), "", 0, 0, importObject(5))
		synctest.Wait()
		r, e := w.peer(n)
		pos := r.fetch("slow")
		big := make([]byte, 1<<12)
		for range 40 {
			r.send(&msg.Deliver{To: pos, Selector: "x", Args: []any{big}})
		}
		r.call(pos, "x", 0, 7)
		if d := expect[*msg.Deliver](r); d.To != export(7) || d.Selector != "break" {
			t.Errorf("after the flood the peer's reference still works: %v %v", d, d.Args)
		}
		if e.Err() != nil || slowEnd.Err() != nil {
			t.Error(e.Err(), slowEnd.Err())
		}
		// This process may still send, and there is room left for it.
		mine := n.object("slow")
		answer := mine.Send(t.Context(), "mine")
		go func() {
			for {
				if _, err := slow.next(); err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		if s := vat.Result[any](answer); s.Settled() {
			_, err := s.Await(t.Context())
			t.Errorf("a message of this process was refused because of the peer's: %v", err)
		}
		r.bye()
		slow.bye()
	})
}

// The memory of what waits counts, not its size on the wire.
func TestWaitingMemory(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n := w.node("n")
		n.limits.MaxWaitingBytes = 1 << 20
		n.promise("never")
		r, e := w.peer(n)
		r.call(export(0), "fetch", 1, 0, "never")
		list := make([]any, 100_000)
		for i := range list {
			list[i] = false
		}
		r.send(&msg.Deliver{To: answerAt(1), Args: []any{list}}) // 100 kB on the wire, 1.6 MB in memory
		if reason, ok := r.abort(); !ok {
			t.Error("not aborted", reason)
		}
		violated(t, e)
	})
}

// The memory of results that a peer does not release counts.
func TestKeptResultsMemory(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n := w.node("n")
		n.limits.MaxAnswerBytes = 1 << 20
		n.serve("big", func() []byte { return make([]byte, 100_000) })
		r, e := w.peer(n)
		big := r.fetch("big")
		for i := range 30 {
			r.call(big, "", uint64(i+1), 0)
		}
		if _, ok := r.abort(); !ok {
			t.Error("not aborted")
		}
		violated(t, e)
	})
}

// When Close returns everything has broken, whoever ended the session.
func TestCloseReturnsAfterEverythingBroke(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n := w.node("n")
		n.promise("never")
		a, b := w.meet(w.node("a"), n)
		_ = b
		p := a.Bootstrap().Send(t.Context(), "fetch", "never")
		var qs []vat.Ref
		for range 1000 {
			qs = append(qs, p.Apply(t.Context()))
		}
		synctest.Wait()
		closed := make(chan int, 4)
		for range 4 {
			go func() {
				a.Close("enough")
				unsettled := 0
				for _, q := range qs {
					if !vat.Result[any](q).Settled() {
						unsettled++
					}
				}
				closed <- unsettled
			}()
		}
		for range 4 {
			if n := <-closed; n != 0 {
				t.Errorf("Close returned with %d promises unsettled", n)
			}
		}
	})
}

// A peer that connects and says nothing does not stay for ever.
func TestSilentPeer(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		r, e := w.raw(w.node("n"))
		start := time.Now()
		if reason, ok := r.abort(); !ok {
			t.Error("no op:abort", reason)
		}
		if d := time.Since(start); d < 30*time.Second || d > 2*time.Minute {
			t.Errorf("ended after %v", d)
		}
		violated(t, e)
	})
}
