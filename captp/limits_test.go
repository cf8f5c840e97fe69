package captp_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/vat"
)

// TestLimitsOfPeers has a hostile peer grow everything a peer can grow. It is told why and its session ends; the honest
// one beside it goes on.
func TestLimitsOfPeers(t *testing.T) {
	for name, c := range map[string]struct {
		limits captp.Limits
		grow   func(h *hostile, i uint64)
		want   string
	}{
		"answers": {captp.Limits{MaxAnswers: 50}, func(h *hostile, i uint64) { h.call(h.echo, "", i+1, 0, 1) }, "answers not released"},
		"parts of answers": {captp.Limits{MaxAnswers: 50}, func(h *hostile, i uint64) {
			h.send(&msg.Get{To: export(0), Field: "x", Answer: i})
		}, "answers not released"},
		"outcomes": {captp.Limits{MaxAnswers: 50}, func(h *hostile, i uint64) {
			if i == 0 {
				h.call(export(0), "fetch", 7, 0, "pending")
			}
			h.call(answerAt(7), "x", 0, 100+i)
		}, "outcomes waited for"},
		"listeners": {captp.Limits{MaxAnswers: 50}, func(h *hostile, i uint64) {
			if i == 0 {
				h.call(export(0), "fetch", 7, 0, "pending")
			}
			h.send(&msg.Listen{To: answerAt(7), Resolve: importObject(i + 100)})
		}, "outcomes waited for"},
		"imports": {captp.Limits{MaxImports: 50}, func(h *hostile, i uint64) { h.call(h.keep0, "", 0, 0, importObject(i+1)) }, "positions imported"},
		"imports in one message": {captp.Limits{MaxImports: 50}, func(h *hostile, i uint64) {
			var refs []any
			for k := range uint64(200) {
				refs = append(refs, importObject(k+1))
			}
			h.call(h.echo, "", 0, 0, refs)
		}, "positions imported"},
		"promises": {captp.Limits{MaxPromises: 50}, func(h *hostile, i uint64) { h.call(h.echo, "", 0, 0, importPromise(i+1)) }, "promises imported"},
		"messages waiting on a promise": {captp.Limits{MaxWaiting: 50}, func(h *hostile, i uint64) {
			if i == 0 {
				h.call(export(0), "fetch", 7, 0, "pending")
			}
			h.call(answerAt(7), "x", 0, 0)
		}, "wait for their turn"},
		"messages waiting for a vat": {captp.Limits{MaxWaiting: 50}, func(h *hostile, i uint64) {
			if i == 0 {
				h.call(h.fetch("block"), "", 0, 0)
				synctest.Wait()
			}
			h.call(h.echo, "", 0, 0)
		}, "wait for their turn"},
		"bytes waiting": {captp.Limits{MaxWaitingBytes: 1 << 16}, func(h *hostile, i uint64) {
			if i == 0 {
				h.call(export(0), "fetch", 7, 0, "pending")
			}
			h.call(answerAt(7), "x", 0, 0, make([]byte, 1<<10))
		}, "wait for their turn"},
		"results": {captp.Limits{MaxAnswerBytes: 1 << 16}, func(h *hostile, i uint64) { h.call(h.echo, "", i+1, 0, make([]byte, 1<<10)) }, "results"},
		"answers nobody reads": {captp.Limits{MaxUnsent: 1 << 16}, func(h *hostile, i uint64) {
			h.call(h.echo, "", 0, 100+i, make([]byte, 1<<12))
		}, "not being read"},
		"release notices nobody reads": {captp.Limits{MaxUnsent: 1 << 14}, func(h *hostile, i uint64) {
			if i == 0 {
				h.call(export(0), "fetch", 7, 0, "nothing")
				synctest.Wait()
			}
			var refs []any
			for k := range uint64(100) {
				refs = append(refs, importObject(1000+100*i+k))
			}
			h.send(&msg.Deliver{To: answerAt(7), Selector: "x", Args: refs})
		}, "not being read"},
		"promises asked about nobody reads": {captp.Limits{MaxUnsent: 1 << 16}, func(h *hostile, i uint64) {
			// The position of our resolver is easily guessed: the first that is free.
			const resolver = 3
			h.send(&msg.Deliver{To: h.echo, Selector: "no such method", Args: []any{importPromise(1000 + i)}},
				&msg.GCExports{Positions: []uint64{resolver}, Deltas: []uint64{1}})
		}, "not being read"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			scene(t, &mem.Config{Buffer: 1 << 16}, func(t *testing.T, w *world) {
				n, honest := w.victim()
				release := make(chan struct{})
				block := doIn(t, n.another("blocked"), func(ctx context.Context) vat.Ref { return vat.Func(ctx, func() { <-release }) })
				n.offer("block", block)
				n.limits = c.limits
				h := &hostile{n: n}
				h.raw, h.e = w.peer(n)
				h.echo, h.keep0 = h.fetch("echo"), h.fetch("keep")
				if name == "messages waiting for a vat" {
					h.echo = h.fetch("block")
				}
				i := uint64(0)
				for ; h.e.Err() == nil; i++ {
					if i == 5000 {
						t.Fatal("there is no limit")
					}
					c.grow(h, i)
					if i%16 == 0 {
						synctest.Wait()
					}
				}
				close(release)
				reason, aborted := h.abort()
				if !aborted && !strings.HasSuffix(name, "nobody reads") || aborted && !strings.Contains(reason, c.want) {
					t.Errorf("aborted: %v, %q, want %q in it", aborted, reason, c.want)
				}
				if end := violated(t, h.e); !strings.Contains(end.Reason, c.want) {
					t.Errorf("the session ended with %v", end)
				}
				honest()
				_ = h.conn.Close("")
			})
		})
	}
}

// Results that need more positions than a peer may have break; its session goes on.
func TestExportLimit(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n := w.node("n")
		n.limits.MaxExports = 20
		n.serve("make", func(ctx context.Context) vat.Ref { return vat.Func(ctx, func() {}) })
		r, e := w.peer(n)
		mk := r.fetch("make")
		made, refused := 0, 0
		for i := range uint64(40) {
			r.call(mk, "", 0, 100+i)
			switch d := expect[*msg.Deliver](r); d.Selector {
			case "fulfill":
				made++
			default:
				refused++
			}
		}
		if made < 15 || made > 20 || refused == 0 || e.Err() != nil {
			t.Errorf("made %d, refused %d, %v", made, refused, e.Err())
		}
		r.bye()
	})
}

// This side's own limits refuse; what was refused is said at once, and room comes back.
func TestOwnLimits(t *testing.T) {
	scene(t, &mem.Config{Buffer: 1 << 10}, func(t *testing.T, w *world) {
		n := w.node("n")
		n.limits = captp.Limits{MaxUnsent: 1 << 14, MaxQuestions: 1000, MaxExports: 500}
		n.serve("keep", func(v vat.Ref) { n.offer("kept", v) })
		r, e := w.peer(n)
		keep := r.fetch("keep")
		r.call(keep, "", 0, 901, importObject(5))
		expect[*msg.Deliver](r)
		far := n.object("kept")
		ctx := t.Context()
		big := make([]byte, 1<<10)
		over := 0
		for range 100 {
			synctest.Wait()
			if vat.Result[any](far.Send(ctx, "x", big)).Settled() {
				over++
			}
		}
		if over < 50 || over == 100 {
			t.Errorf("%d of 100 calls were refused while nobody reads", over)
		}
		go func() {
			for {
				op, err := r.next()
				if err != nil {
					return
				}
				if d, ok := op.(*msg.Deliver); ok && d.HasResolve {
					r.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: "fulfill"}, &msg.GCExports{Positions: []uint64{d.Resolve.Pos}, Deltas: []uint64{1}})
				}
			}
		}()
		synctest.Wait()
		if _, err := result[any](far.Send(ctx, "x", big)); err != nil {
			t.Errorf("there is no room again: %v", err)
		}
		if err := e.Err(); err != nil {
			t.Error(err)
		}
		n.offer("kept", vat.Ref{})
		r.bye()
	})
}

// TestMemoryOfReferences measures what a reference that is held costs at each end.
func TestMemoryOfReferences(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("measures memory")
	}
	scene(t, nil, func(t *testing.T, w *world) {
		w.unaudited = true
		a, b := w.pair()
		const n = 50_000
		b.node.serve("many", func(ctx context.Context, n int) []vat.Ref {
			refs := make([]vat.Ref, n)
			for i := range refs {
				refs[i] = newEcho(ctx)
			}
			return refs
		})
		many := a.fetch("many")
		heap := func() int {
			collect()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int(m.HeapAlloc)
		}
		before := heap()
		refs, err := result[[]vat.Ref](many.Apply(t.Context(), n/2))
		if err != nil {
			t.Fatal(err)
		}
		more, err := result[[]vat.Ref](many.Apply(t.Context(), n/2))
		if err != nil {
			t.Fatal(err)
		}
		each := (heap() - before) / n
		t.Logf("%d bytes for an object, its export and its import", each)
		if each > 900 {
			t.Errorf("%d bytes for an object, its export and its import: want at most 900", each)
		}
		runtime.KeepAlive(refs)
		runtime.KeepAlive(more)
	})
}

// A hostile peer cannot make calls of this process count for more than it may pass on itself.
func TestForwardedCallsLeaveRoom(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n, c := w.node("n"), w.node("c")
		n.limits.MaxQuestions = 40
		c.promise("never")
		nc, _ := w.meet(n, c)
		never := nc.Bootstrap().Send(t.Context(), "fetch", "never")
		n.offer("far", never)
		n.limits = captp.Limits{}
		r, e := w.peer(n)
		r.call(export(0), "fetch", 7, 0, "far")
		for i := range uint64(60) {
			r.call(answerAt(7), "x", 0, 100+i)
		}
		broken := 0
		for range 60 - 19 {
			if d := expect[*msg.Deliver](r); d.Selector == "break" {
				broken++
			}
		}
		if broken < 40 || e.Err() != nil {
			t.Errorf("%d of 60 calls were refused; %v", broken, e.Err())
		}
		var mine []vat.Ref
		for range 10 {
			mine = append(mine, never.Send(t.Context(), "mine"))
		}
		synctest.Wait()
		for _, m := range mine {
			if p := vat.Result[any](m); p.Settled() {
				_, err := p.Await(t.Context())
				t.Errorf("this process has no room left: %v", err)
			}
		}
		r.bye()
	})
}

// Promises that a peer is given stay within what it takes.
func TestPromisesOfTwoEndsFit(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		na, nb := w.node("a"), w.node("b")
		na.limits.MaxPromises = 10
		nb.limits.MaxPromises = 10
		a, b := w.meet(na, nb)
		b.node.serve("take", func(any) {})
		take := a.fetch("take")
		over := 0
		for range 20 {
			if _, err := result[any](take.Apply(t.Context(), na.promise("").Ref())); errors.Is(err, vat.ErrOverloaded) {
				over++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if over != 10 || b.Err() != nil {
			t.Errorf("%d of 20 promises were refused, want 10; %v", over, b.Err())
		}
		for _, v := range na.vows {
			v.Resolve(nil)
		}
		w.sweep()
		if _, err := result[any](take.Apply(t.Context(), na.promise("").Ref())); err != nil {
			t.Errorf("there is no room again: %v", err)
		}
	})
}

// Nor can it fill the queue of a session that has no connection yet.
func TestForwardedMessagesLeaveRoomInOpening(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n, c := w.node("n"), w.node("c")
		c.serve("sink", func(any) {})
		n.limits.MaxOpening = 20
		nc, cn := n.session(), c.session()
		sink := nc.Bootstrap().Send(t.Context(), "fetch", "sink")
		n.offer("far", sink)
		n.limits = captp.Limits{}
		r, e := w.peer(n)
		r.call(export(0), "fetch", 7, 0, "far")
		for i := range uint64(40) {
			r.call(answerAt(7), "", 0, 100+i, 1)
		}
		for range 31 { // the fetch has taken a place, too
			if d := expect[*msg.Deliver](r); d.Selector != "break" {
				t.Errorf("%v while there is no connection", d.Selector)
			}
		}
		var mine []vat.Ref
		for range 10 {
			mine = append(mine, sink.Apply(t.Context(), 2))
		}
		w.connect(nc, cn)
		for _, m := range mine {
			if _, err := result[any](m); err != nil {
				t.Errorf("this process had no room left: %v", err)
			}
		}
		for range 9 {
			if d := expect[*msg.Deliver](r); d.Selector != "fulfill" {
				t.Errorf("what waited for the connection came to %v", d.Selector)
			}
		}
		if e.Err() != nil {
			t.Error(e.Err())
		}
		r.bye()
	})
}
