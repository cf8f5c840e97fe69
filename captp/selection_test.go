package captp_test

import (
	"testing"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// A peer that has no op:get and the like is not asked for parts: they are taken out of the value when it has come.
func TestNoSelection(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n := w.node("n")
		d := wire.SuiteBranch
		n.dialect = &d
		n.serve("keep", func(v vat.Ref) { n.offer("kept", v) })
		r, e := w.peer(n)
		r.call(r.fetch("keep"), "", 0, 901, importObject(5))
		expect[*msg.Deliver](r)
		far := n.object("kept")
		ctx := t.Context()
		answer := far.Send(ctx, "x")
		field := answer.Field(ctx, "a")
		second := answer.Field(ctx, "b").Index(ctx, 1)
		absent := answer.Field(ctx, "c")
		ofObject := far.Field(ctx, "a")
		tail := answer.Field(ctx, "a").Send(ctx, "to data")
		call := expect[*msg.Deliver](r)
		if call.Selector != "x" {
			t.Fatal(call)
		}
		r.send(&msg.Deliver{To: export(call.Resolve.Pos), Selector: "fulfill", Args: []any{
			passable.Struct{{Key: "a", Value: "first"}, {Key: "b", Value: []any{1, 2}}},
		}})
		want(t, field, "first")
		want(t, second, int64(2))
		wantErr(t, absent, vat.ErrBadSelect)
		wantErr(t, ofObject, vat.ErrBadSelect)
		if _, err := result[any](tail); err == nil {
			t.Error("data takes messages")
		}
		// An answer that is an object has no parts either, and one that breaks has none to give.
		object, broken := far.Send(ctx, "y"), far.Send(ctx, "z")
		part, none := object.Index(ctx, 0), broken.Untag(ctx, "t")
		for _, reply := range []*msg.Deliver{{Selector: "fulfill", Args: []any{importObject(6)}}, {Selector: "break", Args: []any{"no"}}} {
			var d *msg.Deliver
			for d == nil || !d.HasResolve {
				d = expect[*msg.Deliver](r)
			}
			reply.To = export(d.Resolve.Pos)
			r.send(reply)
		}
		wantErr(t, part, vat.ErrBadSelect)
		if _, err := result[any](none); err == nil || e.Err() != nil {
			t.Error(err, e.Err())
		}
		n.offer("kept", vat.Ref{})
		r.bye()
	})
}

// A session begins in its dialect and writes each feature as the peer is seen to understand it, and no other.
func TestDialectIsFollowed(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n := w.node("n")
		n.serve("keep", func(v vat.Ref) { n.offer("kept", v) })
		r, _ := w.peer(n)
		r.call(r.fetch("keep"), "", 0, 901, importObject(5))
		expect[*msg.Deliver](r)
		far := n.object("kept")
		if err := far.SendOnly(t.Context(), "before"); err != nil {
			t.Fatal(err)
		}
		if d := expect[*msg.Deliver](r); d.Selector != "before" || r.dec.Seen() != 0 {
			t.Fatalf("%v, seen %b", d, r.dec.Seen())
		}
		old := wire.Hawser
		old.DeliverOnly, old.SingularGC = true, true
		r.enc = wire.NewEncoder(old)
		r.send(&msg.Deliver{To: export(0), Selector: "fetch", Args: []any{"nothing"}}, &msg.GCExports{})
		r.call(export(0), "fetch", 0, 902, "keep") // answered behind the two
		expect[*msg.Deliver](r)
		r.send(&msg.GCExports{Positions: []uint64{1}, Deltas: []uint64{1}})
		if err := far.SendOnly(t.Context(), "after"); err != nil {
			t.Fatal(err)
		}
		if d := expect[*msg.Deliver](r); d.Selector != "after" {
			t.Fatal(d)
		}
		if seen := r.dec.Seen(); seen != wire.SeenDeliverOnly && seen != wire.SeenDeliverOnly|wire.SeenSingularGC {
			t.Errorf("the session writes %b now", seen)
		}
		n.offer("kept", vat.Ref{})
		r.bye()
	})
}
