package captp_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/vat"
)

// The same position is the same reference, and what comes home is what went out.
func TestReferencesKeepTheirIdentity(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		b.node.echo("echo")
		b.node.echo("other")
		e := a.fetch("echo")
		if a.fetch("echo") != e || a.fetch("other") == e {
			t.Error("the same object is not the same reference")
		}
		mine := a.node.echo("mine")
		p := a.node.promise("")
		ctx := t.Context()
		if got := await(t, e.Send(ctx, "echo", mine)); got != mine {
			t.Errorf("%v came home as %v", mine, got)
		}
		if got := await(t, e.Send(ctx, "echo", e)); got != e {
			t.Errorf("%v came back as %v", e, got)
		}
		both, err := result[[]vat.Ref](e.Send(ctx, "echo", []any{mine, e, mine, p.Ref(), a.Bootstrap()}))
		if err != nil || both[0] != mine || both[1] != e || both[2] != mine || both[3] != p.Ref() || both[4] != a.Bootstrap() {
			t.Errorf("%v, %v", both, err)
		}
		// An object that its own node holds by name is recognised there.
		near := b.node.do(func(ctx context.Context) vat.Ref {
			return vat.Func(ctx, func(ctx context.Context, r vat.Ref) bool {
				_, ok := vat.Near[echo](ctx, r)
				return ok
			})
		})
		b.node.offer("near", near)
		want(t, a.fetch("near").Apply(ctx, e), true)
		want(t, a.fetch("near").Apply(ctx, mine), false)
		settled := a.Bootstrap().Send(ctx, "fetch", "echo")
		await(t, settled)
		want(t, a.fetch("near").Apply(ctx, settled), true) // a settled promise is what it has settled to
	})
}

// Who the caller is stands with every message.
func TestCaller(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		_ = b
		got := make(chan vat.Caller, 1)
		b.node.serve("who", func(ctx context.Context) { got <- vat.CallerOf(ctx) })
		a.fetch("who").Apply(t.Context())
		c := <-got
		if c.Designator != "a" || c.Transport != "mem" || !c.Authenticated || c.Anonymous || c.Local() {
			t.Errorf("%+v", c)
		}
		b.node.object("who").Apply(t.Context())
		if c := <-got; !c.Local() {
			t.Errorf("%+v", c)
		}
		if a.ID() != b.ID() || a.ID() == ([32]byte{}) {
			t.Error("the ends do not agree on the session's id")
		}
	})
}

// An anonymous side states the key it dialled with.
func TestAnonymousDialler(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		b := w.node("b")
		b.serve("who", func(ctx context.Context) bool { return vat.CallerOf(ctx).Anonymous })
		n := w.node("x")
		if err := n.host.Close(); err != nil {
			t.Fatal(err)
		}
		n.host = w.net.Host(mem.HostConfig{Anonymous: true, Features: []string{captp.FeatureMovesQueues}})
		a, _ := w.meet(n, b)
		want(t, a.fetch("who").Apply(t.Context()), true)
	})
}

// A reference of one identity does not pass over a session of another, on any way.
func TestIdentitiesStayApart(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		c := w.node("c")
		c.echo("object")
		c.serve("number", func() int { return 42 })
		n := w.node("n")
		n.realm = "one"
		one, _ := w.meet(n, c)
		n.realm = "two"
		n.echo("echo")
		two, b := w.meet(n, w.node("b"))
		ctx := t.Context()
		far := one.fetch("object")
		b.node.echo("echo")
		e := two.fetch("echo")

		// As an argument, settled or not, deep inside, and to a promise.
		for name, arg := range map[string]any{
			"object": far, "inside": []any{[]any{far}}, "bootstrap": one.Bootstrap(),
			"answer":    one.Bootstrap().Send(ctx, "fetch", "object"),
			"fulfilled": func() vat.Ref { p := n.promise(""); p.Resolve(far); return p.Ref() }(),
			"two removes": func() vat.Ref {
				p, q := n.promise(""), n.promise("")
				p.Resolve(q.Ref())
				q.Resolve(far)
				return p.Ref()
			}(),
		} {
			if _, err := result[any](e.Send(ctx, "echo", arg)); !errors.Is(err, captp.ErrOtherIdentity) {
				t.Errorf("%s as argument: %v", name, err)
			}
		}
		// As a result, and by a promise that is somebody's only later. The peer is not told why.
		n.offer("far", far)
		if code := codeOf(b.Bootstrap().Send(ctx, "fetch", "far")); code != vat.ErrInternal.Code {
			t.Errorf("as a result: %q", code)
		}
		p := n.promise("p")
		got := b.Bootstrap().Send(ctx, "fetch", "p")
		queued := got.Send(ctx, "echo", 1)
		time.Sleep(time.Second)
		p.Resolve(far)
		for _, r := range []vat.Ref{got, queued, got.Send(ctx, "echo", 1)} {
			if code := codeOf(r); code != vat.ErrInternal.Code {
				t.Errorf("by a promise: %q", code)
			}
		}
		// Through a caretaker, which is not seen to be one until somebody uses it.
		caret, _ := vat.Guard(n.vat, far)
		n.offer("caret", caret)
		if code := codeOf(b.fetch("caret").Send(ctx, "echo", 1)); code != vat.ErrInternal.Code {
			t.Errorf("by a caretaker: %q", code)
		}
		// One-way, it breaks the reference: nothing later may arrive alone.
		if err := e.SendOnly(ctx, "echo", far); err != nil {
			t.Fatal(err)
		}
		wantErr(t, e.Send(ctx, "echo", 1), captp.ErrOtherIdentity)
		// Data passes, and each identity goes on.
		q := n.promise("q")
		number := b.Bootstrap().Send(ctx, "fetch", "q")
		time.Sleep(time.Second)
		q.Resolve(one.fetch("number").Apply(ctx))
		want(t, number, 42)
		want(t, far.Send(ctx, "echo", 7), 7)
		want(t, b.fetch("echo").Send(ctx, "echo", 7), 7)
	})
}

// Sessions of one identity pass each other's references on.
func TestThirdParty(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		// a holds c's object by way of b, in both directions, with pipelining, and everything is given back.
		na, nb, nc := w.node("a"), w.node("b"), w.node("c")
		a, ba := w.meet(na, nb)
		bc, c := w.meet(nb, nc)
		nc.echo("object")
		got := newSink()
		nc.offer("sink", nc.do(got.spawn))
		ctx := t.Context()
		nb.offer("object", bc.fetch("object"))
		nb.offer("promise", bc.Bootstrap().Send(ctx, "fetch", "object"))
		nb.offer("sink", bc.Bootstrap().Send(ctx, "fetch", "sink"))
		o := a.fetch("object")
		want(t, o.Send(ctx, "echo", "hello"), "hello")
		want(t, o.Send(ctx, "self").Send(ctx, "self").Send(ctx, "echo", 1), 1)
		want(t, a.Bootstrap().Send(ctx, "fetch", "promise").Send(ctx, "self").Send(ctx, "echo", 2), 2)
		wantErr(t, o.Send(ctx, "fail"), errNone)
		if r := await(t, o.Send(ctx, "self")); r != o {
			t.Error("the third's object is another reference when it names itself")
		}
		mine := na.serve("mine", func(n int) int { return n + 1 })
		want(t, o.Send(ctx, "call", mine, 41), 42)
		if r := await(t, o.Send(ctx, "echo", mine)); r != mine {
			t.Error("an own object went round by a third and came home as another")
		}
		s := a.Bootstrap().Send(ctx, "fetch", "sink")
		for i := range 50 {
			_ = s.SendOnly(ctx, "add", i)
		}
		want(t, s.Send(ctx, "count"), 50)
		got.inOrder(t, "by a third", 50)
		_, _ = ba, c
	})
}

// The third's session, or the second's, may be lost: what went over it breaks, the other goes on.
func TestThirdPartyLoss(t *testing.T) {
	for _, which := range []string{"the second's", "the third's"} {
		t.Run(which, func(t *testing.T) {
			scenes(t, func(t *testing.T, w *world) {
				na, nb, nc := w.node("a"), w.node("b"), w.node("c")
				a, ba := w.meet(na, nb)
				bc, _ := w.meet(nb, nc)
				nc.echo("object")
				nb.echo("local")
				ctx := t.Context()
				nb.offer("object", bc.fetch("object"))
				nc.promise("never")
				nb.offer("never", bc.Bootstrap().Send(ctx, "fetch", "never"))
				o, never := a.fetch("object"), a.Bootstrap().Send(ctx, "fetch", "never")
				waiting := never.Send(ctx, "x")
				local, kept := a.fetch("local"), bc.fetch("object")
				time.Sleep(time.Second)
				synctest.Wait()
				if which == "the third's" {
					w.net.Lose(nb.host, nc.host)
					time.Sleep(time.Second)
					for _, r := range []vat.Ref{never, waiting, o.Send(ctx, "echo", 1)} {
						if _, err := result[any](r); !isRemote(err, "hawser.session-ended") || errors.Is(err, net.ErrClosed) {
							t.Errorf("%v", err)
						}
					}
					want(t, local.Send(ctx, "echo", 1), 1)
				} else {
					w.net.Lose(na.host, nb.host)
					time.Sleep(time.Second)
					for _, r := range []vat.Ref{never, waiting, o.Send(ctx, "echo", 1), local.Send(ctx, "echo", 1)} {
						wantErr(t, r, net.ErrClosed)
					}
					want(t, kept.Send(ctx, "echo", 1), 1)
				}
				_ = ba
			})
		})
	}
}
