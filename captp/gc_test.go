package captp_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// releases reads what the node says for a while and sums up what it gives back.
func (r *raw) releases() (exports map[uint64]uint64, answers []uint64) {
	r.t.Helper()
	exports = make(map[uint64]uint64)
	for i := range 2 {
		r.w.sweep()
		r.call(export(0), "fetch", 0, 990+uint64(i), "nobody")
		for {
			op, err := r.next()
			if err != nil {
				r.t.Fatal(err)
			}
			switch op := op.(type) {
			case *msg.GCExports:
				for i, pos := range op.Positions {
					exports[pos] += op.Deltas[i]
				}
			case *msg.GCAnswers:
				answers = append(answers, op.Positions...)
			case *msg.Deliver:
				if op.To == export(990+uint64(i)) {
					goto next
				}
			}
		}
	next:
	}
	for pos := range exports {
		if pos >= 900 {
			delete(exports, pos) // resolvers of this test's own calls
		}
	}
	return exports, answers
}

// gcWorld is a node with an echo object, and a scripted peer.
func gcWorld(w *world) (n *node, r *raw, echo msg.Desc) {
	n = w.node("n")
	n.serve("echo", func(args ...any) {})
	n.serve("drop", func(any) {})
	n.serve("keep", func(v vat.Ref) { n.offer("kept", v) })
	n.serve("forget", func() { n.offer("kept", vat.Ref{}) })
	r, _ = w.peer(n, captp.FeatureMovesQueues)
	return n, r, r.fetch("drop")
}

// The wire deltas are exactly the mentions, however they come.
func TestExactDeltas(t *testing.T) {
	x := importObject(5)
	for name, send := range map[string]func(r *raw, drop msg.Desc){
		"once":                 func(r *raw, drop msg.Desc) { r.call(drop, "", 0, 901, x) },
		"four times in a list": func(r *raw, drop msg.Desc) { r.call(drop, "", 0, 901, []any{x, x, x, x}) },
		"four times, all over": func(r *raw, drop msg.Desc) {
			r.call(drop, "", 0, 901, passable.Struct{{Key: "a", Value: []any{x, passable.Tagged{Tag: "t", Value: x}}}, {Key: "b", Value: []any{x, x}}})
		},
		"in four messages": func(r *raw, drop msg.Desc) {
			for i := range uint64(4) {
				r.call(drop, "", 0, 901+i, x)
			}
		},
		"in a call nobody reads": func(r *raw, drop msg.Desc) { r.call(drop, "", 0, 0, x); r.call(drop, "", 0, 901, x) },
		"to a missing method":    func(r *raw, drop msg.Desc) { r.call(export(0), "no such method", 0, 901, x, x) },
		"with bad arguments":     func(r *raw, drop msg.Desc) { r.call(drop, "", 0, 901, x, x, x) },
	} {
		t.Run(name, func(t *testing.T) {
			scene(t, nil, func(t *testing.T, w *world) {
				_, r, drop := gcWorld(w)
				for round := range 3 {
					send(r, drop)
					got, _ := r.releases()
					want := map[string]uint64{
						"once": 1, "four times in a list": 4, "four times, all over": 4, "in four messages": 4, "in a call nobody reads": 2,
						"to a missing method": 2, "with bad arguments": 3,
					}[name]
					if len(got) != 1 || got[5] != want {
						t.Fatalf("round %d: given back %v, want %d mentions of 5", round, got, want)
					}
				}
				r.bye()
			})
		})
	}
}

// What is in use is not given back; what was mentioned meanwhile is counted when it is.
func TestKeptReference(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n, r, drop := gcWorld(w)
		keep, forget := r.fetch("keep"), r.fetch("forget")
		r.call(keep, "", 0, 901, importObject(5))
		r.call(drop, "", 0, 902, importObject(5))
		if got, _ := r.releases(); len(got) != 0 {
			t.Fatalf("given back while in use: %v", got)
		}
		_ = n.object("kept").SendOnly(t.Context(), "hello")
		r.call(drop, "", 0, 903, []any{importObject(5), importObject(5)})
		r.call(forget, "", 0, 904)
		if got, _ := r.releases(); got[5] != 4 {
			t.Fatalf("given back %v, want 4", got)
		}
		// The position is used again, for a new reference.
		r.call(keep, "", 0, 905, importObject(5))
		r.call(forget, "", 0, 906)
		if got, _ := r.releases(); got[5] != 1 {
			t.Fatalf("given back %v, want 1", got)
		}
		r.bye()
	})
}

// A reference that was collected here and is mentioned again before that was noticed lives on, and nothing is lost.
func TestResurrectedImport(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n, r, drop := gcWorld(w)
		keep, forget := r.fetch("keep"), r.fetch("forget")
		for round := range 20 {
			r.call(drop, "", 0, 901, importObject(5), importObject(5))
			r.call(drop, "", 0, 902, importObject(5))
			synctest.Wait()
			collect() // found, and not yet told: that takes a sweep
			r.call(keep, "", 0, 903, importObject(5))
			synctest.Wait()
			got, _ := r.releases()
			if sum := got[5]; sum > 3 {
				t.Fatalf("round %d: given back %d of which one is in use", round, sum)
			}
			if err := n.object("kept").SendOnly(t.Context(), "alive"); err != nil {
				t.Fatal(err)
			}
			early := got[5]
			r.call(forget, "", 0, 904)
			got, _ = r.releases()
			if got[5]+early != 4 {
				t.Fatalf("round %d: given back %d and %d, want 4", round, early, got[5])
			}
		}
		r.bye()
	})
}

// What no user code has seen is given back at once, without waiting for the collector.
func TestRefusedMessageGivesBackAtOnce(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		_, r, _ := gcWorld(w)
		r.call(export(0), "fetch", 7, 0, "nobody") // breaks
		r.call(answerAt(7), "x", 0, 901, []any{importObject(5), []any{importObject(5)}}, passable.Struct{{Key: "k", Value: importObject(6)}})
		r.call(answerAt(7), "x", 0, 902, importObject(5))
		got := make(map[uint64]uint64)
		for got[5] < 3 || got[6] < 1 {
			op, err := r.next() // the collector does not run
			if err != nil {
				t.Fatal(err)
			}
			if gc, ok := op.(*msg.GCExports); ok {
				for i, pos := range gc.Positions {
					got[pos] += gc.Deltas[i]
				}
			}
		}
		if got[5] != 3 || got[6] != 1 {
			t.Errorf("given back %v", got)
		}
		r.bye()
	})
}

// An answer that is data is released as soon as it has come; one that leads somewhere, when nobody uses it any more.
func TestAnswersReleased(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n, r, _ := gcWorld(w)
		r.call(r.fetch("keep"), "", 0, 901, importObject(5))
		expect[*msg.Deliver](r)
		far := n.object("kept")
		ctx := t.Context()

		data := far.Send(ctx, "data")
		d := expect[*msg.Deliver](r)
		r.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: "fulfill", Args: []any{1}})
		want(t, data, 1)
		if _, answers := r.releases(); len(answers) != 1 || answers[0] != d.Answer {
			t.Errorf("released %v, want %d", answers, d.Answer)
		}

		own := n.serve("own", func() {})
		func() {
			answer := far.Send(ctx, "give me mine")
			_ = answer.SendOnly(ctx, "used")
			d = expect[*msg.Deliver](r)
			expect[*msg.Deliver](r)
			mine := r.fetch("own")
			r.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: "fulfill", Args: []any{mine}})
			if got := await(t, answer); got != own {
				t.Error("not the own object")
			}
			if _, answers := r.releases(); len(answers) != 0 {
				t.Errorf("released %v while messages go that way", answers)
			}
			_ = answer.SendOnly(ctx, "still that way")
			if late := expect[*msg.Deliver](r); late.To != answerAt(d.Answer) {
				t.Errorf("a used answer was shortened: %v", late)
			}
		}()
		if _, answers := r.releases(); len(answers) != 1 || answers[0] != d.Answer {
			t.Errorf("released %v, want %d", answers, d.Answer)
		}
		n.offer("kept", vat.Ref{})
		r.bye()
	})
}

// A message that cannot be encoded mentions nothing.
func TestFailedMessageMentionsNothing(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		b.node.serve("take", func(...any) {})
		x := a.fetch("take")
		mine := a.node.do(newEcho)
		huge := make([]byte, 1<<20)
		if _, err := result[any](x.Apply(t.Context(), mine, a.node.do(newEcho), huge)); err == nil {
			t.Error("a message beyond the frame's limit was sent")
		}
		if _, err := result[any](x.Apply(t.Context(), mine, "\xff")); err == nil {
			t.Error("a text that is not UTF-8 was sent")
		}
		time.Sleep(time.Second)
		if c := a.Tables(); c.Exports != 0 || c.Resolvers != 0 || c.Questions != 0 || c.Calls != 0 {
			t.Errorf("left by messages that were not sent: %s", c)
		}
		b.node.serve("huge", func(ctx context.Context) any { return []any{vat.Func(ctx, func() {}), make([]byte, 1<<20)} })
		if code := codeOf(a.fetch("huge").Apply(t.Context())); code != "hawser.too-large" {
			t.Errorf("a result beyond the limit broke with %q", code)
		}
		time.Sleep(time.Second)
		if c := b.Tables(); c.Exports > 2 {
			t.Errorf("left by a result that was not sent: %s", c)
		}
	})
}
