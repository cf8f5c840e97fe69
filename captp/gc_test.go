package captp_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"
	"weak"

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
func gcWorld(w *world, features ...string) (n *node, r *raw, echo msg.Desc) {
	n = w.node("n")
	n.serve("echo", func(args ...any) {})
	n.serve("drop", func(any) {})
	n.serve("keep", func(v vat.Ref) { n.offer("kept", v) })
	n.serve("forget", func() { n.offer("kept", vat.Ref{}) })
	r, _ = w.peer(n, features...)
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
		// Refused messages mention it too, and are not all there is.
		r.call(export(0), "fetch", 7, 0, "nobody")
		r.call(answerAt(7), "x", 0, 907, importObject(5))
		r.call(answerAt(7), "x", 0, 908, importObject(5), importObject(5))
		if got, _ := r.releases(); len(got) != 0 {
			t.Fatalf("given back while in use: %v", got)
		}
		_ = n.object("kept").SendOnly(t.Context(), "still here")
		r.call(forget, "", 0, 904)
		if got, _ := r.releases(); got[5] != 7 {
			t.Fatalf("given back %v, want 7", got)
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

// An answer that is data is released as soon as it has come.
func TestAnswersReleased(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		_, r, _, far := gcFar(w, captp.FeatureMovesQueues)
		data := far.Send(t.Context(), "data")
		d := expect[*msg.Deliver](r)
		r.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: "fulfill", Args: []any{1}})
		want(t, data, 1)
		if _, answers := r.releases(); len(answers) != 1 || answers[0] != d.Answer {
			t.Errorf("released %v, want %d", answers, d.Answer)
		}
		r.bye()
	})
}

// gcFar is gcWorld, with a reference to an object of the scripted peer.
func gcFar(w *world, features ...string) (n *node, r *raw, drop msg.Desc, far vat.Ref) {
	n, r, drop = gcWorld(w, features...)
	keep := r.fetch("keep")
	r.call(keep, "", 0, 901, importObject(5))
	expect[*msg.Deliver](r)
	far = n.object("kept")
	n.offer("kept", vat.Ref{})
	return n, r, drop, far
}

// An answer that was used and turns out to be an object of this node's is released when what was sent down it has come
// through, which a message behind it there and back shows.
func TestUsedAnswerThatIsOurs(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n, r, _, far := gcFar(w, captp.FeatureMovesQueues)
		ctx := t.Context()
		got := newSink()
		own := n.do(got.spawn)
		n.offer("own", own)
		answer := far.Send(ctx, "give me mine")
		_ = answer.SendOnly(ctx, "add", 0)
		d := expect[*msg.Deliver](r)
		used := expect[*msg.Deliver](r)
		mine := r.fetch("own")
		r.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: "fulfill", Args: []any{mine}})
		l := expect[*msg.Listen](r)
		if used.To != answerAt(d.Answer) || l.To != export(0) {
			t.Fatalf("got %v, %v", used, l)
		}
		_ = answer.SendOnly(ctx, "add", 1) // waits here
		synctest.Wait()
		if vat.Result[any](answer).Settled() {
			t.Error("the answer has settled before what was sent to it has come through")
		}
		r.send(&msg.Deliver{To: mine, Selector: used.Selector, Args: used.Args}) // is sent back where it came from
		r.send(&msg.Deliver{To: export(l.Resolve.Pos), Selector: "fulfill", Args: []any{importObject(0)}})
		if await(t, answer) != own {
			t.Error("not the own object")
		}
		_ = answer.SendOnly(ctx, "add", 2)
		want(t, answer.Send(ctx, "count"), 3)
		got.inOrder(t, "by way of the peer, and directly", 3)
		if _, answers := r.releases(); len(answers) != 1 || answers[0] != d.Answer {
			t.Errorf("released %v, want %d", answers, d.Answer)
		}
		n.offer("own", vat.Ref{})
		r.bye()
	})
}

// If the session ends before that is known, the answer breaks: what was sent to it may be lost, and what is sent later
// must not arrive alone.
func TestUsedAnswerThatIsOursAndLost(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n, r, _, far := gcFar(w, captp.FeatureMovesQueues)
		ctx := t.Context()
		got := newSink()
		n.offer("own", n.do(got.spawn))
		answer := far.Send(ctx, "give me mine")
		_ = answer.SendOnly(ctx, "add", 0)
		d := expect[*msg.Deliver](r)
		expect[*msg.Deliver](r)
		r.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: "fulfill", Args: []any{r.fetch("own")}})
		synctest.Wait()
		later := answer.Send(ctx, "add", 1)
		r.bye()
		wantErr(t, answer, net.ErrClosed)
		wantErr(t, later, net.ErrClosed)
		if got.count() != 0 {
			t.Error("a later message arrived without the earlier")
		}
	})
}

// An answer that was used, of a peer that does not say that it moves queues, leads by way of the peer as long as it is
// held, and then is released.
func TestUsedAnswerOfOthers(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n, r, _, far := gcFar(w)
		ctx := t.Context()
		own := n.serve("own", func() {})
		for name, value := range map[string]msg.Desc{"ours": r.fetch("own"), "theirs": importObject(6)} {
			var d *msg.Deliver
			func() {
				answer := far.Send(ctx, "give")
				_ = answer.SendOnly(ctx, "used")
				d = expect[*msg.Deliver](r)
				expect[*msg.Deliver](r)
				r.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: "fulfill", Args: []any{value}})
				if got := await(t, answer); got != own && name == "ours" {
					t.Error("not the own object")
				}
				if _, answers := r.releases(); len(answers) != 0 {
					t.Errorf("%s: released %v while messages go that way", name, answers)
				}
				_ = answer.SendOnly(ctx, "still that way")
				if late := expect[*msg.Deliver](r); late.To != answerAt(d.Answer) {
					t.Errorf("%s: a used answer was shortened: %v", name, late)
				}
			}()
			if _, answers := r.releases(); len(answers) != 1 || answers[0] != d.Answer {
				t.Errorf("%s: released %v, want %d", name, answers, d.Answer)
			}
			// Not used before it settles, it is released at once.
			func() {
				answer := far.Send(ctx, "give")
				d = expect[*msg.Deliver](r)
				r.send(&msg.Deliver{To: export(d.Resolve.Pos), Selector: "fulfill", Args: []any{value}})
				await(t, answer)
				if _, answers := r.releases(); len(answers) != 1 || answers[0] != d.Answer {
					t.Errorf("%s, not used: released %v, want %d", name, answers, d.Answer)
				}
			}()
		}
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

// A node that is over is collected, though an object of its, reachable from its sessions, holds what peers gave it.
func TestEndedNodeIsCollected(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		ended := func() weak.Pointer[captp.Session] {
			a, b := w.pair()
			b.node.serve("x", func() {})
			a.node.offer("held", a.fetch("x"))
			a.Close("enough")
			<-b.Done()
			w.ends, w.nodes, w.auditors = nil, nil, nil
			return weak.Make(a.Session)
		}()
		collect()
		synctest.Wait()
		collect()
		if ended.Value() != nil {
			t.Error("the session is still there")
		}
	})
}
