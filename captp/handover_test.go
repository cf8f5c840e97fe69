package captp_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/vat"
)

// during runs fn while a session is being handed over to another: when the first of its messages is encoded there, with
// others on their way behind it. It returns what the message fetches.
func during(lost *end, name string, fn func()) vat.Ref {
	return lost.Fetch(func(netlayer.Info) (any, error) {
		fn()
		return name, nil
	})
}

// A session that is being handed over takes no connection: half of its messages would go out on either.
func TestStartDuringHandover(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		na, nb := w.node("a"), w.node("b")
		o := &opened{sink: newSink()}
		nb.offer("sink", nb.do(o.sink.spawn))
		r, _ := w.raw(w.node("starter"))
		lost, winner := na.session(), na.session()
		w.connect(nb.session(), winner)
		ref := during(lost, "sink", func() {
			if lost.Early(netlayer.Info{}, 1<<16) != nil {
				t.Error("messages for a dial of its own")
			}
			if err := lost.Start(r.conn); err == nil {
				t.Error("started")
			}
			if lost.Handover(winner.Session) {
				t.Error("handed over twice")
			}
		})
		o.talk(t.Context(), ref, 10)
		if !lost.Handover(winner.Session) {
			t.Error("not handed over")
		}
		o.talk(t.Context(), ref, 10)
		o.check(t, "started meanwhile")
	})
}

// What was taken before a message that was refused goes out, also if that was refused while the others were on their way.
func TestRefusedDuringHandover(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		na, nb := w.node("a"), w.node("b")
		na.limits.MaxOpening = 4
		got := newSink()
		nb.offer("sink", nb.do(got.spawn))
		lost, winner := na.session(), na.session()
		w.connect(nb.session(), winner)
		var ref vat.Ref
		ref = during(lost, "sink", func() {
			for i := 3; i < 9; i++ {
				_ = ref.SendOnly(t.Context(), "add", i)
			}
		})
		for i := range 3 {
			_ = ref.SendOnly(t.Context(), "add", i)
		}
		lost.Handover(winner.Session)
		_ = ref.SendOnly(t.Context(), "add", 100)
		want(t, lost.Bootstrap().Send(t.Context(), "fetch", "sink").Send(t.Context(), "count"), 7)
		got.inOrder(t, "before the one that was refused", 7)
	})
}

// A session may be handed over to one that is handed over itself, meanwhile.
func TestHandoverToOneThatIsHandedOver(t *testing.T) {
	for round := range 20 {
		scene(t, &mem.Config{Seed: uint64(round)}, func(t *testing.T, w *world) {
			na, nb := w.node("a"), w.node("b")
			nb.echo("echo")
			lost, between, winner := na.session(), na.session(), na.session()
			ctx := t.Context()
			const streams = 6
			var os [streams]*opened
			var refs [streams]vat.Ref
			for i := range os {
				os[i] = &opened{sink: newSink()}
				name := fmt.Sprint("sink", i)
				nb.offer(name, nb.do(os[i].sink.spawn))
				refs[i] = []*end{lost, between}[i%2].Bootstrap().Send(ctx, "fetch", name).Send(ctx, "self")
				os[i].talk(ctx, refs[i], 50)
			}
			w.connect(nb.session(), winner)
			var wg sync.WaitGroup
			wg.Go(func() { lost.Handover(between.Session) })
			wg.Go(func() { between.Handover(winner.Session) })
			for i := range os {
				wg.Go(func() { os[i].talk(ctx, refs[i], 50) })
			}
			wg.Wait()
			for i := range os {
				os[i].talk(ctx, refs[i], 10)
				os[i].talk(ctx, await(t, refs[i]), 10)
				os[i].check(t, fmt.Sprint("stream ", i))
			}
			want(t, lost.Bootstrap().Send(ctx, "fetch", "echo").Send(ctx, "echo", 1), 1)
		})
	}
}

// A peer that greets us when the session has been handed over is not listened to: what it would mention there would be
// taken for something of the other connection's.
func TestGreetingAfterHandover(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n, b := w.node("n"), w.node("b")
		n.patient = true
		n.echo("echo")
		b.echo("echo")
		winner := n.session()
		w.connect(b.session(), winner)
		r, lost := w.raw(n)
		if !lost.Handover(winner.Session) {
			t.Fatal("not handed over")
		}
		r.send(r.hello())
		r.call(export(0), "fetch", 1, 20, "echo")
		expect[*msg.StartSession](r)
		if reason, aborted := r.abort(); !aborted {
			t.Errorf("the session has ended without a word: %q", reason)
		}
		synctest.Wait()
		if end, ok := errors.AsType[*captp.EndError](lost.Err()); !ok || end.Kind != captp.Closed {
			t.Errorf("the session handed over ended with %v", lost.Err())
		}
		want(t, lost.Bootstrap().Send(t.Context(), "fetch", "echo").Send(t.Context(), "echo", 1), 1)
	})
}
