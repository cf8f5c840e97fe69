package captp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/vat"
)

// endOf returns why a session ended.
func endOf(t testing.TB, e *end) *captp.EndError {
	t.Helper()
	<-e.Done()
	end, ok := errors.AsType[*captp.EndError](e.Err())
	if !ok || !errors.Is(end, net.ErrClosed) {
		t.Fatalf("the session ended with %v", e.Err())
	}
	return end
}

func TestCloseTellsThePeerWhy(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		b.node.promise("never")
		p := a.Bootstrap().Send(t.Context(), "fetch", "never")
		q := b.Bootstrap().Send(t.Context(), "fetch", "nobody")
		wantErr(t, q, errNone)
		a.Close("off to lunch")
		if end := endOf(t, a); end.Kind != captp.Closed || end.Reason != "off to lunch" || end.Peer != "b.mem" {
			t.Errorf("%+v", end)
		}
		if end := endOf(t, b); end.Kind != captp.Aborted || end.Reason != "off to lunch" || end.Peer != "a.mem" {
			t.Errorf("%+v", end)
		}
		for _, r := range []vat.Ref{p, p.Send(t.Context(), "x"), a.Bootstrap().Send(t.Context(), "fetch", "x"), b.Bootstrap().Send(t.Context(), "fetch", "x")} {
			wantErr(t, r, net.ErrClosed)
		}
		a.Close("again")
		b.Close("and there")
		if end := endOf(t, a); end.Reason != "off to lunch" {
			t.Errorf("%+v", end)
		}
	})
}

func TestCloseWithoutAConnection(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		for name, over := range map[string]func(e *end){
			"Close": func(e *end) { e.Close("no") },
			"Fail":  func(e *end) { e.Fail("somebody.mem", errUser) },
		} {
			a, b := w.node("a"+name), w.node("b"+name)
			e := a.session()
			p := e.Bootstrap().Send(t.Context(), "fetch", "x")
			q := p.Send(t.Context(), "y")
			var severed atomic.Int32
			if _, err := vat.Do(t.Context(), a.vat, func(ctx context.Context) (int, error) {
				vat.OnSever(ctx, e.Bootstrap(), func(context.Context, error) { severed.Add(1) })
				return 0, nil
			}); err != nil {
				t.Fatal(err)
			}
			over(e)
			<-e.Done()
			synctest.Wait()
			for _, r := range []vat.Ref{p, q, p.Send(t.Context(), "late")} {
				wantErr(t, r, net.ErrClosed)
				if name == "Fail" {
					wantErr(t, r, errUser)
				}
			}
			if severed.Load() != 1 {
				t.Errorf("%s: severed %d times", name, severed.Load())
			}
			other := b.session()
			w.refusesToStart(t, e, b)
			other.Close("")
		}
	})
}

// refusesToStart checks that a session that has ended closes a connection it is given.
func (w *world) refusesToStart(t *testing.T, e *end, peer *node) {
	t.Helper()
	n := w.node("starter of " + e.node.name)
	r, _ := w.raw(n)
	if err := e.Start(r.conn); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Start after the end: %v", err)
	}
	if err := r.conn.Write([][]byte{[]byte("x")}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection was left open: %v", err)
	}
}

// Close may be called by anybody at any time; everything breaks once, and all who call it return.
func TestCloseFromEverywhere(t *testing.T) {
	for seed := range 12 {
		for _, cfg := range []mem.Config{{}, {Synchronous: true}, {Jitter: time.Millisecond, Seed: uint64(seed)}} {
			scene(t, &cfg, func(t *testing.T, w *world) {
				na, nb := w.node("a"), w.node("b")
				nb.echo("echo")
				nb.promise("never")
				a, b := na.session(), nb.session()
				ctx := t.Context()
				var settled atomic.Int32
				const calls = 20
				var wg sync.WaitGroup
				for i := range calls {
					wg.Go(func() {
						name := "never"
						if i%2 == 0 {
							name = "echo"
						}
						_, err := a.Bootstrap().Send(ctx, "fetch", name).Send(ctx, "echo", i).Await(ctx)
						if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, vat.ErrNotReference) {
							t.Error(err)
						}
						settled.Add(1)
					})
				}
				closers := func(e *end) {
					for range 3 {
						wg.Go(func() {
							time.Sleep(time.Duration(seed) * 200 * time.Microsecond)
							e.Close("enough")
						})
					}
				}
				closers(a)
				if seed%2 == 0 {
					closers(b)
				}
				done := make(chan error, 1)
				ctxAccept, cancel := context.WithCancel(ctx)
				go func() {
					in, err := nb.host.Accept(ctxAccept)
					if err == nil {
						err = b.admit(in)
					}
					done <- err
				}()
				if err := a.dial(nb); err != nil && !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				wg.Wait()
				cancel()
				if err := <-done; err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				if settled.Load() != calls {
					t.Errorf("%d of %d calls settled", settled.Load(), calls)
				}
			})
		}
	}
}

// A peer that has stopped reading delays Close by some seconds, no more.
func TestCloseWithAPeerThatDoesNotRead(t *testing.T) {
	for _, synchronous := range []bool{false, true} {
		scene(t, &mem.Config{Buffer: 100, Synchronous: synchronous}, func(t *testing.T, w *world) {
			n := w.node("n")
			n.serve("big", func() []byte { return make([]byte, 10_000) })
			r, e := w.peer(n)
			big := r.fetch("big")
			for i := range uint64(20) {
				r.call(big, "", 0, 10+i)
			}
			synctest.Wait()
			start := time.Now()
			e.Close("too slow")
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("Close took %v", d)
			}
			r.bye()
		})
	}
}

// What was said before op:abort is heard before it.
func TestLastWords(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		got := newSink()
		b.node.offer("sink", b.node.do(got.spawn))
		s := a.fetch("sink")
		for i := range 100 {
			_ = s.SendOnly(t.Context(), "add", i)
		}
		a.Close("that was all")
		<-b.Done()
		synctest.Wait()
		got.inOrder(t, "before the end", 100)
	})
}

// OnEnd is called once, before Done is closed, however often a session is ended, and not if it never began.
func TestOnEnd(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n := w.node("n")
		var called atomic.Int32
		var e *captp.Session
		make1 := func() *captp.Session {
			boot := n.do(newEcho)
			s, err := captp.New(captp.Config{Bootstrap: boot, Location: n.host.Location(), LazyRelease: true, OnEnd: func() {
				called.Add(1)
				select {
				case <-e.Done():
					t.Error("Done was closed before OnEnd")
				default:
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		e = make1()
		e.Close("never began")
		if called.Load() != 0 {
			t.Error("called for a session that never began")
		}
		e = make1()
		r, _ := w.raw(w.node("other"))
		if err := e.Start(r.conn); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			go e.Close("enough")
		}
		<-e.Done()
		synctest.Wait()
		if called.Load() != 1 {
			t.Errorf("called %d times", called.Load())
		}
	})
}

func TestNewRefusesNonsense(t *testing.T) {
	if _, err := captp.New(captp.Config{}); err == nil {
		t.Error("a session without a bootstrap object")
	}
	scene(t, nil, func(t *testing.T, w *world) {
		n := w.node("n")
		loc := n.host.Location()
		loc.Designator = "\xff"
		if _, err := captp.New(captp.Config{Bootstrap: n.do(newEcho), Location: loc}); err == nil {
			t.Error("a location that cannot be stated")
		}
	})
}

// TestLossAtEveryPoint loses the connection after every few milliseconds of a busy conversation. Whatever was said
// ran once or not at all and in order, every promise settles, and settles once.
func TestLossAtEveryPoint(t *testing.T) {
	for at := time.Duration(0); at <= 400*time.Millisecond; at += 7 * time.Millisecond {
		scene(t, &mem.Config{Seed: uint64(at), Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond}, func(t *testing.T, w *world) {
			na, nb := w.node("a"), w.node("b")
			got := newSink()
			nb.offer("sink", nb.do(got.spawn))
			nb.echo("echo")
			p := nb.promise("p")
			a, b := w.meet(na, nb)
			ctx := t.Context()
			time.AfterFunc(at, func() { w.net.Lose(na.host, nb.host) })
			time.AfterFunc(150*time.Millisecond, func() { p.Resolve(nb.object("sink")) })
			var refs []vat.Ref
			sink, later := a.Bootstrap().Send(ctx, "fetch", "sink"), a.Bootstrap().Send(ctx, "fetch", "p")
			e := a.Bootstrap().Send(ctx, "fetch", "echo")
			mine := na.do(newEcho)
			for i := range 30 {
				refs = append(refs,
					sink.Send(ctx, "add", i), later.Send(ctx, "count"), e.Send(ctx, "echo", mine), e.Send(ctx, "self").Send(ctx, "echo", later),
					e.Send(ctx, "call", mine, i).Field(ctx, "x"), e.Send(ctx, "echo", []any{na.promise("").Ref()}),
				)
				time.Sleep(5 * time.Millisecond)
			}
			time.Sleep(time.Minute)
			if a.Err() == nil || b.Err() == nil {
				t.Fatal("the connection was not lost")
			}
			for i, r := range refs {
				p := vat.Result[any](r)
				if !p.Settled() {
					t.Errorf("lost at %v: promise %d has not settled", at, i)
					continue
				}
				if _, err := p.Await(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
					if _, ours := errors.AsType[*vat.Error](err); !ours {
						t.Errorf("lost at %v: promise %d: %v", at, i, err)
					}
				}
			}
			got.inOrder(t, fmt.Sprint("lost at ", at), got.count())
		})
	}
}

// TestAbortRacesWithEverything has the peer abort while calls go both ways.
func TestAbortRacesWithEverything(t *testing.T) {
	for i := range 20 {
		scene(t, &mem.Config{Seed: uint64(i), Jitter: time.Millisecond}, func(t *testing.T, w *world) {
			n := w.node("n")
			n.serve("call back", func(ctx context.Context, f vat.Ref) vat.Ref { return f.Apply(ctx).Apply(ctx) })
			r, e := w.peer(n)
			f := r.fetch("call back")
			for k := range uint64(i) {
				r.call(f, "", 100+k, 200+k, importObject(50), importPromise(60+k))
			}
			r.send(&msg.Abort{Reason: strings.Repeat("x", i)})
			r.call(f, "", 0, 300)
			if end := endOf(t, e); end.Kind != captp.Aborted {
				t.Errorf("%+v", end)
			}
			_ = r.conn.Close("")
		})
	}
}
