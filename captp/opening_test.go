package captp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/vat"
)

// What was sent before there was a connection goes with the handshake, and takes no round trip of its own.
func TestEarlyMessages(t *testing.T) {
	scene(t, &mem.Config{Delay: delay}, func(t *testing.T, w *world) {
		a, b := w.node("a").session(), w.node("b").session()
		b.node.echo("echo")
		ctx := t.Context()
		r := a.Bootstrap().Send(ctx, "fetch", "echo")
		for range 8 {
			r = r.Send(ctx, "self")
		}
		answer := r.Send(ctx, "echo", "hello")
		start := time.Now()
		go w.connect(a, b)
		want(t, answer, "hello")
		if d := time.Since(start); d != 4*delay {
			t.Errorf("took %v, want the dial's two round trips", d)
		}
		synctest.Wait()
	})
}

// opened is the traffic of a session that has no connection yet.
type opened struct {
	sink *sink
	refs []vat.Ref
	sent int
}

// talk sends n messages on a pipelined reference, some of them calls.
func (o *opened) talk(ctx context.Context, r vat.Ref, n int) {
	for range n {
		if o.sent%3 == 0 {
			o.refs = append(o.refs, r.Send(ctx, "add", o.sent))
		} else {
			_ = r.SendOnly(ctx, "add", o.sent)
		}
		o.sent++
	}
}

// check fails the test unless every message arrived once and in order.
func (o *opened) check(t testing.TB, what string) {
	t.Helper()
	for _, r := range o.refs {
		if _, err := result[any](r); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	synctest.Wait()
	o.sink.inOrder(t, what, o.sent)
}

// However much fits into the handshake, every message arrives once and in order, and positions agree at both ends.
func TestEarlyLimit(t *testing.T) {
	for limit := 0; limit < 2500; limit += 83 {
		scene(t, &mem.Config{Delay: delay}, func(t *testing.T, w *world) {
			na, nb := w.node("a"), w.node("b")
			o := &opened{sink: newSink()}
			nb.offer("sink", nb.do(o.sink.spawn))
			a, b := na.session(), nb.session()
			ctx := t.Context()
			r := a.Bootstrap().Send(ctx, "fetch", "sink").Send(ctx, "self")
			o.talk(ctx, r, 10)
			done := make(chan error, 1)
			go func() { done <- b.accept() }()
			frames := 0
			c, err := na.host.Connect(ctx, netlayer.Dial{Peer: nb.host.Location(), Early: func(info netlayer.Info, _ int) [][]byte {
				early := a.Early(info, limit)
				size := 0
				for _, f := range early {
					size += len(f) + 4
				}
				if size > limit {
					t.Errorf("%d bytes, at most %d fit", size, limit)
				}
				frames = len(early)
				w.audits(info).said(0, early)
				return early
			}})
			if err != nil {
				t.Fatal(err)
			}
			o.talk(ctx, r, 5) // after the handshake, before the session has its connection
			if err := errors.Join(a.Start(w.audit(c)), <-done); err != nil {
				t.Fatal(err)
			}
			o.talk(ctx, r, 5)
			o.check(t, fmt.Sprintf("limit %d, %d frames early", limit, frames))
		})
	}
}

// A handshake that comes to nothing never happened.
func TestEarlyOfAFailedDial(t *testing.T) {
	for _, attempts := range []int{1, 2, 5} {
		scene(t, &mem.Config{Delay: delay}, func(t *testing.T, w *world) {
			na, nb := w.node("a"), w.node("b")
			o := &opened{sink: newSink()}
			nb.offer("sink", nb.do(o.sink.spawn))
			a, b := na.session(), nb.session()
			ctx := t.Context()
			infos := 0
			r := a.Fetch(func(netlayer.Info) (any, error) { infos++; return "sink", nil })
			o.talk(ctx, r, 10)
			w.net.Refuse(nb.host, true)
			for range attempts {
				early := 0
				_, err := na.host.Connect(ctx, netlayer.Dial{Peer: nb.host.Location(), Early: func(info netlayer.Info, limit int) [][]byte {
					f := a.Early(info, limit)
					early = len(f)
					return f
				}})
				if !errors.Is(err, netlayer.ErrRefused) || early != 2+o.sent {
					t.Fatal(err, early)
				}
				o.talk(ctx, r, 5)
			}
			w.net.Refuse(nb.host, false)
			w.connect(a, b)
			o.talk(ctx, r, 5)
			o.check(t, fmt.Sprint(attempts, " attempts"))
			if infos != attempts+1 {
				t.Errorf("the argument was made %d times for %d connections", infos, attempts+1)
			}
		})
	}
}

// A connection other than the one that the handshake was for gets everything anew.
func TestStartWithAnotherConnection(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		na, nb := w.node("a"), w.node("b")
		o := &opened{sink: newSink()}
		nb.offer("sink", nb.do(o.sink.spawn))
		a, b := na.session(), nb.session()
		ctx := t.Context()
		r := a.Bootstrap().Send(ctx, "fetch", "sink")
		o.talk(ctx, r, 10)
		a.Early(netlayer.Info{Binding: [32]byte{1}}, 1<<20)
		w.connectLate(a, b)
		o.check(t, "another connection")
	})
}

// TestHandover moves a session that is still being dialled into one that the peer has dialled: its messages, before,
// during and after, arrive once and in order, along with what hangs on their answers.
func TestHandover(t *testing.T) {
	for _, early := range []bool{false, true} {
		for _, cfg := range networks {
			t.Run(fmt.Sprintf("%s/early=%v", cfg.name, early), func(t *testing.T) {
				for round := range 5 {
					scene(t, &cfg.cfg, func(t *testing.T, w *world) {
						na, nb := w.node("a"), w.node("b")
						nb.echo("echo")
						lost := na.session()
						ctx := t.Context()
						const streams = 6
						var os [streams]*opened
						var refs [streams]vat.Ref
						for i := range os {
							os[i] = &opened{sink: newSink()}
							name := fmt.Sprint("sink", i)
							nb.offer(name, nb.do(os[i].sink.spawn))
							switch i % 3 {
							case 0:
								refs[i] = lost.Bootstrap().Send(ctx, "fetch", name)
							case 1:
								refs[i] = lost.Fetch(func(info netlayer.Info) (any, error) {
									if info.Outbound {
										return "the wrong connection", nil
									}
									return name, nil
								}).Send(ctx, "self")
							case 2:
								refs[i] = lost.Bootstrap().Send(ctx, "fetch", "echo").Send(ctx, "echo", lost.Bootstrap().Send(ctx, "fetch", name))
							}
							os[i].talk(ctx, refs[i], 20)
						}
						if early {
							lost.Early(netlayer.Info{Binding: [32]byte{byte(round)}, Outbound: true}, 1<<16)
						}
						b, winner := nb.session(), na.session()
						w.connect(b, winner)
						var wg sync.WaitGroup
						for i := range os {
							wg.Go(func() { os[i].talk(ctx, refs[i], 20*round) })
						}
						if !lost.Handover(winner.Session) {
							t.Error("not handed over")
						}
						if lost.Handover(winner.Session) {
							t.Error("handed over twice")
						}
						<-lost.Done()
						wg.Wait()
						for i := range os {
							os[i].talk(ctx, refs[i], 10)
							settled := await(t, refs[i])
							os[i].talk(ctx, settled, 10)
							os[i].check(t, fmt.Sprint("stream ", i))
						}
						want(t, lost.Bootstrap().Send(ctx, "fetch", "echo").Send(ctx, "echo", 1), 1)
						// The session handed over takes no connection any more, and closing it closes nothing.
						w.refusesMoved(t, lost)
						lost.Close("nothing to close")
						want(t, lost.Bootstrap().Send(ctx, "fetch", "echo").Send(ctx, "echo", 2), 2)
						if lost.Tables().Calls != 0 {
							t.Errorf("left in the session handed over: %s", lost.Tables())
						}
					})
				}
			})
		}
	}
}

// An answer that comes while the messages behind it are still being handed over waits until they have been: who is told
// of it must not overtake them.
func TestAnswerDuringHandover(t *testing.T) {
	for range 3 {
		scene(t, nil, func(t *testing.T, w *world) {
			const n = 20_000
			na, nb := w.node("a"), w.node("b")
			na.limits.MaxOpening = n + 10
			w.unaudited = true
			got := newSink()
			nb.offer("sink", nb.do(got.spawn))
			lost := na.session()
			ctx := t.Context()
			r := lost.Bootstrap().Send(ctx, "fetch", "sink")
			for i := range n {
				_ = r.SendOnly(ctx, "add", i)
			}
			b, winner := nb.session(), na.session()
			w.connect(b, winner)
			told := make(chan error, 1)
			go func() {
				direct, err := r.Await(ctx)
				if err == nil {
					err = direct.SendOnly(ctx, "add", n)
				}
				told <- err
			}()
			lost.Handover(winner.Session)
			if err := <-told; err != nil {
				t.Fatal(err)
			}
			want(t, r.Send(ctx, "count"), n+1)
			got.inOrder(t, "during the handover", n+1)
		})
	}
}

func (w *world) refusesMoved(t *testing.T, e *end) {
	t.Helper()
	r, _ := w.raw(w.node("starter"))
	if err := e.Start(r.conn); err == nil {
		t.Error("a session handed over was started")
	}
}

// A session that has its connection, or has ended, is not handed over.
func TestHandoverTooLate(t *testing.T) {
	scenes(t, func(t *testing.T, w *world) {
		a, b := w.pair()
		b.node.echo("echo")
		other := a.node.session()
		if a.Handover(other.Session) {
			t.Error("a session with a connection was handed over")
		}
		want(t, a.fetch("echo").Send(t.Context(), "echo", 1), 1)
		other.Close("never used")
		if other.Handover(a.Session) {
			t.Error("a session that has ended was handed over")
		}
	})
}

// If the winner has ended, what was to be handed over breaks like everything else.
func TestHandoverToAnEndedSession(t *testing.T) {
	for _, when := range []string{"before", "during", "after"} {
		scene(t, nil, func(t *testing.T, w *world) {
			winner, b := w.pair()
			b.node.echo("echo")
			lost := winner.node.session()
			ctx := t.Context()
			r := lost.Bootstrap().Send(ctx, "fetch", "echo")
			var refs []vat.Ref
			for i := range 200 {
				refs = append(refs, r.Send(ctx, "self").Send(ctx, "echo", i))
			}
			switch when {
			case "before":
				winner.Close("over")
				lost.Handover(winner.Session)
			case "during":
				go winner.Close("over")
				lost.Handover(winner.Session)
			case "after":
				lost.Handover(winner.Session)
				winner.Close("over")
			}
			for _, x := range append(refs, r, r.Send(ctx, "x"), lost.Bootstrap().Send(ctx, "fetch", "echo")) {
				if _, err := result[any](x); err != nil && !errors.Is(err, net.ErrClosed) {
					t.Errorf("%s: %v", when, err)
				}
			}
		})
	}
}

// A caretaker that is revoked while its messages wait for the connection keeps them here.
func TestRevokedWhileOpening(t *testing.T) {
	for _, handover := range []bool{false, true} {
		scene(t, nil, func(t *testing.T, w *world) {
			na, nb := w.node("a"), w.node("b")
			got := newSink()
			nb.offer("sink", nb.do(got.spawn))
			a, b := na.session(), nb.session()
			ctx := t.Context()
			r := a.Bootstrap().Send(ctx, "fetch", "sink")
			caret, revoke := vat.Guard(na.vat, r)
			_ = r.SendOnly(ctx, "add", 0)
			_ = caret.SendOnly(ctx, "add", 77)
			refused := caret.Send(ctx, "add", 78)
			child := refused.Send(ctx, "x")
			synctest.Wait()
			_ = r.SendOnly(ctx, "add", 1)
			revoke(ctx, nil)
			if handover {
				winner := na.session()
				w.connect(b, winner)
				a.Handover(winner.Session)
			} else {
				w.connect(a, b)
			}
			_ = r.SendOnly(ctx, "add", 2)
			wantErr(t, refused, vat.ErrRevoked)
			wantErr(t, child, vat.ErrRevoked)
			want(t, r.Send(ctx, "count"), 3)
			got.inOrder(t, "beside the revoked", 3)
		})
	}
}
