package captp_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// A hostile peer has a session with a node that has another, honest one.
type hostile struct {
	*raw
	e     *end
	n     *node
	echo  msg.Desc // an object of the node's that the peer has fetched
	keep0 msg.Desc // another, that keeps what it gets
}

// An attack is something a peer must not do, or may do although it looks strange.
type attack struct {
	name   string
	silent bool // op:start-session has not been sent
	do     func(h *hostile)
	// want is a part of what the peer must be told in op:abort; empty if the session must live on.
	want string
	// kind is how the session ends if that is not by a violation.
	kind captp.EndKind
}

// anyReference stands for any reference in what a call is expected to bring.
var anyReference = new(int)

// keep returns an object that takes one argument and forgets it when the session ends.
func (h *hostile) keep() msg.Desc { return h.fetch("keep") }

// called has the node call an object of the peer's. It returns the call and a function that checks what came of it.
func (h *hostile) called() (*msg.Deliver, func(value any, broken string)) {
	h.t.Helper()
	h.send(&msg.Deliver{To: h.fetch("call"), Args: []any{importObject(50)}})
	d := expect[*msg.Deliver](h.raw)
	if d.To != export(50) || !d.HasResolve {
		h.t.Fatalf("got %v, want a call of export 50", d)
	}
	return d, h.outcome
}

// promised gives the node a promise. It returns how the node listens and a function that checks what came of it.
func (h *hostile) promised(pos uint64) (*msg.Listen, func(value any, broken string)) {
	h.t.Helper()
	h.send(&msg.Deliver{To: h.fetch("wait"), Args: []any{importPromise(pos)}})
	return expect[*msg.Listen](h.raw), h.outcome
}

// outcome checks what came of the promise that the node waits for.
func (h *hostile) outcome(value any, broken string) {
	h.t.Helper()
	synctest.Wait()
	select {
	case o := <-h.n.outcomes:
		switch _, isRef := o.value.(vat.Ref); {
		case broken != "":
			if o.err == nil || !strings.Contains(o.err.Error(), broken) {
				h.t.Errorf("the call brought %v, %v, want an error with %q", o.value, o.err, broken)
			}
			if e, ok := errors.AsType[*vat.Error](o.err); ok && e.Code == "" && !e.Remote {
				h.t.Errorf("what the peer said passes for local: %#v", o.err)
			}
		case value == any(anyReference) && isRef:
		case o.err != nil || !passable.Equal(o.value, value):
			h.t.Errorf("the call brought %v, %v, want %v", o.value, o.err, value)
		}
	default:
		h.t.Error("the promise has not settled")
	}
}

// fulfilled reads the fulfillment of a resolver of the peer's.
func (h *hostile) fulfilled(resolver uint64, value any) {
	h.t.Helper()
	d := expect[*msg.Deliver](h.raw)
	if d.To != export(resolver) || d.Selector != "fulfill" || len(d.Args) != 1 || !passable.Equal(d.Args[0], value) {
		h.t.Errorf("got %v %v, want export %d fulfilled with %v", d, d.Args, resolver, value)
	}
}

// brokenAt checks that answers break with an error of that code, and releases them.
func (h *hostile) brokenAt(code string, positions ...uint64) {
	h.t.Helper()
	for _, pos := range positions {
		h.send(&msg.Listen{To: answerAt(pos), Resolve: importObject(90)})
		d := expect[*msg.Deliver](h.raw)
		if e, ok := d.Args[0].(passable.Error); d.Selector != "break" || !ok || e.Code != code {
			h.t.Errorf("answer %d: got %v %v, want it broken with %s", pos, d, d.Args, code)
		}
	}
	h.send(&msg.GCAnswers{Positions: positions})
}

// skipTo reads until something is said to a resolver of the peer's.
func (h *hostile) skipTo(resolver uint64, selector passable.Symbol) {
	h.t.Helper()
	for {
		op, err := h.next()
		if err != nil {
			h.t.Fatal(err)
		}
		if d, ok := op.(*msg.Deliver); ok && d.To == export(resolver) {
			if d.Selector != selector {
				h.t.Errorf("got %v, want a %s", d, selector)
			}
			return
		}
	}
}

// givenBack reads release notices for a while and sums them up.
func (h *hostile) givenBack() map[uint64]uint64 {
	sum := make(map[uint64]uint64)
	time.Sleep(time.Second)
	h.call(h.echo, "", 0, 99, "notices follow this")
	for again := true; ; {
		op, err := h.next()
		if err != nil {
			h.t.Fatal(err)
		}
		switch op := op.(type) {
		case *msg.GCExports:
			for i, pos := range op.Positions {
				sum[pos] += op.Deltas[i]
			}
		case *msg.Deliver:
			switch {
			case op.To != export(99):
			case again:
				again = false
				h.call(h.echo, "", 0, 99, "and come before this")
			default:
				return sum
			}
		}
	}
}

// settled is what a promise that a hostile peer gave the node has come to.
type settled struct {
	value any
	err   error
}

// TestHostile does everything a peer can do wrong, in every state: the answer is a typed error and op:abort, or it is
// tolerated where the draft says so; never a panic, a hang, or a trace in another session.
func TestHostile(t *testing.T) {
	for _, a := range attacks {
		t.Run(strings.ReplaceAll(a.name, " ", "_"), func(t *testing.T) {
			for _, cfg := range []mem.Config{{}, {Synchronous: true}} {
				scene(t, &cfg, func(t *testing.T, w *world) { a.run(t, w) })
			}
		})
	}
}

// victim is the node that hostile peers attack, with an honest peer that waits for an answer.
func (w *world) victim() (n *node, check func()) {
	n = w.node("victim")
	n.outcomes = make(chan settled, 16)
	await := func(ctx context.Context, p vat.Ref) {
		vat.Go(ctx, func(ctx context.Context) (int, error) {
			v, err := vat.Result[any](p).Await(ctx)
			n.outcomes <- settled{v, err}
			return 0, nil
		})
	}
	n.serve("echo", func(v any) any { return v })
	n.serve("call", func(ctx context.Context, f vat.Ref) { await(ctx, f.Apply(ctx)) })
	n.serve("wait", await)
	var kept []any
	n.serve("keep", func(v any) { kept = append(kept, v) })
	mine := n.echo("object")
	pending := n.promise("pending")
	honest, _ := w.meet(w.node("honest"), n)
	object, waiting := honest.fetch("object"), honest.Bootstrap().Send(context.Background(), "fetch", "pending")
	return n, func() {
		w.t.Helper()
		n.do(func(context.Context) vat.Ref { kept = nil; return vat.Ref{} })
		if err := honest.Err(); err != nil {
			w.t.Errorf("the honest session has ended: %v", err)
		}
		want(w.t, object.Send(context.Background(), "echo", "honest"), "honest")
		if vat.Result[any](waiting).Settled() {
			w.t.Error("the honest peer's promise has settled")
		}
		pending.Resolve(mine)
		if _, err := waiting.Await(context.Background()); err != nil {
			w.t.Errorf("the honest peer's promise: %v", err)
		}
	}
}

func (a *attack) run(t *testing.T, w *world) {
	n, honest := w.victim()
	h := &hostile{n: n}
	if a.silent {
		h.raw, h.e = w.raw(n)
	} else {
		h.raw, h.e = w.peer(n, captp.FeatureMovesQueues)
		h.echo = h.fetch("echo")
	}
	a.do(h)
	switch {
	case a.want != "":
		reason, aborted := h.abort()
		if !aborted || !strings.Contains(reason, a.want) || len(reason) > 300 {
			t.Errorf("aborted: %v, reason %q, want %q in it", aborted, reason, a.want)
		}
		end := violated(t, h.e)
		_, ours := errors.AsType[*captp.ProtocolError](end.Err)
		_, wires := errors.AsType[*wire.Error](end.Err)
		if !ours && !wires {
			t.Errorf("an untyped error: %v", end.Err)
		}
	case a.kind != captp.Closed:
		<-h.e.Done()
		end, ok := errors.AsType[*captp.EndError](h.e.Err())
		if !ok || end.Kind != a.kind || len(end.Reason) > 300 {
			t.Errorf("the session ended with %v, want kind %q", h.e.Err(), a.kind)
		}
		if _, aborted := h.abort(); aborted {
			t.Error("op:abort was answered with op:abort")
		}
	default:
		h.call(h.echo, "", 0, 98, "alive")
		h.skipTo(98, "fulfill")
		if err := h.e.Err(); err != nil {
			t.Errorf("the session has ended: %v", err)
		}
		h.leftovers()
		h.bye()
	}
	honest()
	_ = h.conn.Close("")
}

// leftovers checks what a tolerated peer has left in the session's tables, once all that is its to release is released.
func (h *hostile) leftovers() {
	synctest.Wait()
	c := h.e.Tables()
	if c.Answers != 0 || c.Waiting != 0 || c.Resolvers > 30 {
		h.t.Errorf("left behind: %s", c)
	}
}
