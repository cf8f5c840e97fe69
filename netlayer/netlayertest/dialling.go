package netlayertest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/hawser-go/hawser/netlayer"
)

func firstFramesComeFirst(w *world) {
	a, b := w.hosts()
	var calls atomic.Int32
	var info netlayer.Info
	d := dial(b)
	d.Early = func(i netlayer.Info, limit int) [][]byte {
		calls.Add(1)
		info = i
		return [][]byte{[]byte("early 1"), {}, []byte("early 3")}
	}
	out, in := w.connect(a, b, d, []byte("first 1"), nil, []byte("first 3"))
	w.write(out, []byte("then out"))
	w.write(in, []byte("then in"))
	w.expect(out, "first 1", "", "first 3", "then in")
	if w.lacks.Early {
		if calls.Load() != 0 {
			w.Fatal("Early was called by a netlayer that cannot send early frames")
		}
		w.expect(in, "then out")
		return
	}
	w.expect(in, "early 1", "", "early 3", "then out")
	if calls.Load() != 1 {
		w.Fatalf("Early was called %d times", calls.Load())
	}
	got := out.Info()
	if info.Binding != got.Binding || info.Remote.ID() != got.Remote.ID() || info.Local.ID() != got.Local.ID() ||
		!info.Outbound || !slices.Equal(info.Features, got.Features) {
		w.Fatalf("Early was told %+v, the connection is %+v", info, got)
	}
}

func earlyFillsItsLimit(w *world) {
	if w.lacks.Early {
		w.Log("this netlayer sends no early frames; FirstFramesComeFirst has checked that it asks for none")
		return
	}
	a, b := w.hosts()
	var sent [][]byte
	d := dial(b)
	d.Early = func(_ netlayer.Info, limit int) [][]byte {
		if limit < 16<<10 {
			w.Errorf("the limit is %d bytes: too little for a hello and what is pipelined on it", limit)
		}
		for left := limit; left > 4; {
			n := min(left-4, 1+len(sent)*100)
			sent = append(sent, pattern(len(sent), n))
			left -= n + 4
		}
		return sent
	}
	_, in := w.connect(a, b, d)
	for i, want := range sent {
		if f := w.read(in); !bytes.Equal(f.Bytes, want) {
			w.Fatalf("early frame %d came as %s", i, show(f.Bytes))
		}
	}
}

func earlyBeyondItsLimit(w *world) {
	if w.lacks.Early {
		w.Log("this netlayer sends no early frames; FirstFramesComeFirst has checked that it asks for none")
		return
	}
	a, b := w.hosts()
	d := dial(b)
	d.Early = func(_ netlayer.Info, limit int) [][]byte { return [][]byte{make([]byte, limit-3)} }
	_, err := a.Connect(w.ctx, d)
	w.mustBe("Connect with early frames beyond the limit", err, netlayer.ErrFrameTooLarge)
	if !w.lacks.Verdict {
		w.nextIs(a, b, "the next dial")
		return
	}
	// The connection was there before the frames were, so somebody who says nothing may have come before the next.
	out, err := a.Connect(w.ctx, dial(b))
	if err != nil {
		w.Fatalf("Connect: %v", err)
	}
	w.write(out, []byte("the next dial"))
	for came := false; !came; {
		incoming, err := b.Accept(w.ctx)
		if err != nil {
			w.Fatalf("Accept: %v", err)
		}
		if in, err := incoming.Accept(nil); err == nil {
			f, err := in.Read()
			if came = err == nil; came && string(f.Bytes) != "the next dial" {
				w.Fatalf("what came first is %s", show(f.Bytes))
			}
		}
	}
}

// refused checks the outcome of a dial that was turned away: it is the error given to the function returned, or, without
// a verdict, the end of the connection.
func (w *world) refused(c netlayer.Conn, err error) func(want error) {
	return func(want error) {
		w.Helper()
		if w.lacks.Verdict && err == nil {
			w.ended(c)
			c.Close("")
			return
		}
		if c != nil {
			w.Error("Connect returned a connection although it was refused")
		}
		if w.lacks.Verdict {
			w.mustBe("Connect", err, netlayer.ErrLost) // it ended while early frames were written
			return
		}
		w.mustBe("Connect", err, want)
	}
}

// nextIs checks that the next dialler accepted is the one that connects now, and that its frames come first: that
// nothing is left of an earlier attempt.
func (w *world) nextIs(from, to netlayer.Netlayer, text string) {
	w.Helper()
	out, in := w.connect(from, to, dial(to))
	w.write(out, []byte(text))
	w.expect(in, text)
}

func earlyOnRefusal(w *world) {
	a, b := w.hosts()
	d := dial(b)
	d.Early = func(netlayer.Info, int) [][]byte { return [][]byte{[]byte("must not be executed")} }
	refused := make(chan func(error), 1)
	w.spawn(func() { refused <- w.refused(a.Connect(w.ctx, d)) })
	incoming, err := b.Accept(w.ctx)
	if err != nil {
		w.Fatalf("Accept: %v", err)
	}
	incoming.Refuse(netlayer.ErrRefused)
	(<-refused)(netlayer.ErrRefused)
	if c, err := incoming.Accept(nil); err == nil {
		f, err := c.Read()
		w.Fatalf("a refused dial was accepted afterwards, and read %s, %v", show(f.Bytes), err)
	}
	w.nextIs(a, b, "the next dial")
}

func refusals(w *world) {
	a, b := w.hosts()
	for _, want := range []error{netlayer.ErrRefused, netlayer.ErrCrossed} {
		refused := make(chan func(error), 1)
		w.spawn(func() { refused <- w.refused(a.Connect(w.ctx, dial(b))) })
		incoming, err := b.Accept(w.ctx)
		if err != nil {
			w.Fatalf("Accept: %v", err)
		}
		incoming.Refuse(want)
		(<-refused)(want)
	}
	w.nextIs(a, b, "the next dial")
}

func dialToNobody(w *world) {
	a, b := w.hosts()
	d := dial(b)
	d.Early = func(netlayer.Info, int) [][]byte {
		w.Error("Early was called for a dial to nobody")
		return nil
	}
	if err := b.Close(); err != nil {
		w.Fatalf("Close: %v", err)
	}
	c, err := a.Connect(w.ctx, d)
	w.mustBe("Connect to a netlayer that was closed", err, netlayer.ErrUnreachable)
	if c != nil {
		w.Error("Connect returned a connection and an error")
	}
	d.Peer.Hints = nil
	_, err = a.Connect(w.ctx, d)
	w.mustBe("Connect without a hint", err, netlayer.ErrUnreachable)
	d = dial(w.host(Host{}))
	d.Peer.Transport = "no-such-transport"
	if _, err = a.Connect(w.ctx, d); err == nil {
		w.Error("Connect to a peer on another transport succeeded")
	}
}

// dialToSomebodyElse dials the address of one peer and wants another: hints never decide who it is.
func dialToSomebodyElse(w *world) {
	a, b := w.hosts()
	c := w.host(Host{})
	d := dial(b)
	d.Peer.Designator = c.Location().Designator
	d.Early = func(netlayer.Info, int) [][]byte { return [][]byte{[]byte("for another")} }
	if w.lacks.Authentication {
		w.Log("this netlayer cannot tell; InfoIsSymmetric has checked that it says so")
		return
	}
	ctx, cancel := context.WithCancel(w.ctx)
	for _, n := range []netlayer.Netlayer{b, c} {
		w.spawn(func() {
			incoming, err := n.Accept(ctx)
			switch {
			case err != nil:
			case w.lacks.DiallerAuthentication: // whom the dialler wants it finds out itself
				if c, err := incoming.Accept([][]byte{[]byte("from another")}); err == nil {
					if f, err := c.Read(); err == nil {
						w.Errorf("a dial for somebody else went on and says %s", show(f.Bytes))
					}
				}
			default:
				w.Errorf("a dial for %v came to %v", incoming.Info.Local.ID(), n.Location().ID())
				incoming.Refuse(netlayer.ErrRefused)
			}
		})
	}
	conn, err := a.Connect(w.ctx, d)
	w.mustBe("Connect to an address where somebody else is", err, netlayer.ErrUnreachable)
	if conn != nil {
		w.Error("Connect returned a connection and an error")
	}
	cancel()
	w.group.Wait()
	w.nextIs(a, b, "to b")
	w.nextIs(a, c, "to c")
}

// dialsCross has two netlayers dial each other at the same moment. The netlayer lets both through; that one of them
// must go is for those above to say, with ErrCrossed.
func dialsCross(w *world) {
	a, b := w.hosts()
	for round := range 10 {
		type result struct {
			from string
			wins bool
			conn netlayer.Conn
			err  error
		}
		dialled, accepted := make(chan result, 2), make(chan netlayer.Conn, 1)
		for _, side := range []struct {
			name     string
			from, to netlayer.Netlayer
			loses    bool
		}{{"a", a, b, round%2 == 0}, {"b", b, a, round%2 == 1}} {
			w.spawn(func() {
				d := dial(side.to)
				d.Early = func(netlayer.Info, int) [][]byte { return [][]byte{[]byte("early " + side.name)} }
				c, err := side.from.Connect(w.ctx, d)
				dialled <- result{side.name, !side.loses, c, err}
			})
			w.spawn(func() {
				incoming, err := side.to.Accept(w.ctx)
				if err != nil {
					w.Errorf("Accept: %v", err)
					return
				}
				if side.loses {
					incoming.Refuse(netlayer.ErrCrossed)
					return
				}
				c, err := incoming.Accept([][]byte{[]byte("first")})
				if err != nil {
					w.Errorf("Incoming.Accept: %v", err)
				}
				accepted <- c
			})
		}
		var winner result
		for range 2 {
			switch r := <-dialled; {
			case !r.wins:
				w.refused(r.conn, r.err)(netlayer.ErrCrossed)
			case r.err != nil:
				w.Fatalf("Connect: %v", r.err)
			default:
				winner = r
			}
		}
		in := <-accepted
		if !w.lacks.Early {
			w.expect(in, fmt.Sprintf("early %s", winner.from))
		}
		w.expect(winner.conn, "first")
		w.write(winner.conn, []byte("ping"))
		w.expect(in, "ping")
		w.spawn(func() { winner.conn.Close("") })
		w.ended(in)
		in.Close("")
		w.group.Wait()
	}
}
