package captp_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/vat"
)

// events is a tracer that remembers.
type events struct {
	mu  sync.Mutex
	all []vat.Event
}

func (e *events) Trace(ev vat.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

// of returns what was traced on the wire: ids with methods, sorted.
func (e *events) of(kind string) (list []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range e.all {
		if ev.Kind == kind {
			list = append(list, fmt.Sprintf("%s %s", ev.ID, ev.Method))
		}
	}
	slices.Sort(list)
	return list
}

// Both ends give every message the same id, with nothing added to the wire: also those sent before the connection, and
// by way of one that came to nothing.
func TestTraceIDsAgree(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		na, nb := w.node("a"), w.node("b")
		var ta, tb events
		na.tracer, nb.tracer = &ta, &tb
		nb.echo("echo")
		na.echo("echo")
		a, b := na.session(), nb.session()
		ctx := t.Context()
		e := a.Bootstrap().Send(ctx, "fetch", "echo")
		before := e.Send(ctx, "echo", 1)
		bad := a.Fetch(func(netlayer.Info) (any, error) { return nil, errUser })
		a.Early(netlayer.Info{Binding: [32]byte{1}}, 1<<16)
		w.connect(a, b)
		want(t, before, 1)
		wantErr(t, bad, errUser)
		for i := range 5 {
			_ = e.SendOnly(ctx, "echo", i)
			e.Send(ctx, "echo", []any{i}).Index(ctx, 0)
			b.fetch("echo").Send(ctx, "echo", i)
		}
		want(t, e.Send(ctx, "echo", 1), 1)
		time.Sleep(time.Second)
		synctest.Wait()
		for name, ends := range map[string][2]*events{"a to b": {&ta, &tb}, "b to a": {&tb, &ta}} {
			sent, received := ends[0].of("wire-send"), ends[1].of("wire-receive")
			if len(sent) < 10 || !slices.Equal(sent, received) {
				t.Errorf("%s: sent\n%v\nreceived\n%v", name, sent, received)
			}
		}
		if slices.Equal(ta.of("wire-send"), ta.of("wire-receive")) {
			t.Error("the two directions are one")
		}
	})
}

// aliveConn counts what it is told by KeepAlive.
type aliveConn struct {
	netlayer.Conn
	mu    sync.Mutex
	told  []bool
	alive bool
}

func (c *aliveConn) KeepAlive(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told, c.alive = append(c.told, on), on
}

// The connection is kept alive while there is anything to keep it for, and told so once.
func TestKeepAlive(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		w.unaudited = true
		na, nb := w.node("a"), w.node("b")
		nb.echo("echo")
		a, b := na.session(), nb.session()
		conns := make(chan *aliveConn, 1)
		go func() {
			in, err := nb.host.Accept(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			c, err := in.Accept(b.Hello(in.Info))
			if err != nil {
				t.Error(err)
				return
			}
			conns <- &aliveConn{Conn: c}
		}()
		c, err := na.host.Connect(t.Context(), netlayer.Dial{Peer: nb.host.Location(), Early: a.Early})
		if err != nil {
			t.Fatal(err)
		}
		ca, cb := &aliveConn{Conn: c}, <-conns
		if err := a.Start(ca); err != nil {
			t.Fatal(err)
		}
		if err := b.Start(cb); err != nil {
			t.Fatal(err)
		}
		check := func(what string, on bool, times int) {
			t.Helper()
			synctest.Wait()
			for _, c := range []*aliveConn{ca, cb} {
				c.mu.Lock()
				if c.alive != on || len(c.told) > times {
					t.Errorf("%s: told %v", what, c.told)
				}
				c.mu.Unlock()
			}
		}
		check("before anything", false, 0)
		func() {
			e := a.fetch("echo")
			for i := range 50 {
				want(t, e.Send(t.Context(), "echo", i), i)
			}
			check("a reference is held", true, 1)
		}()
		w.sweep()
		w.sweep()
		check("it was dropped", false, 2)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 50 {
					a.Bootstrap().Send(t.Context(), "fetch", "nobody")
					a.Sweep()
				}
			})
		}
		wg.Wait()
		w.sweep()
		w.sweep()
		check("after much ado", false, 1000)
	})
}
