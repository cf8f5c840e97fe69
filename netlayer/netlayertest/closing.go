package netlayertest

import (
	"bytes"
	"context"
	"errors"
	"net"

	"github.com/hawser-go/hawser/netlayer"
)

func closeDrains(w *world) {
	const frames = 2000
	for i, swap := range []bool{false, true} {
		from, to := w.pair()
		if swap {
			from, to = to, from
		}
		w.spawn(func() {
			for j := range frames {
				if err := from.Write([][]byte{pattern(j, j)}); err != nil {
					w.Errorf("Write: %v", err)
					return
				}
			}
			if err := from.Close("done"); err != nil {
				w.Errorf("Close: %v", err)
			}
			if err := from.Write([][]byte{nil}); !errors.Is(err, net.ErrClosed) {
				w.Errorf("Write after Close: %v, want net.ErrClosed", err)
			}
		})
		for j := range frames {
			f, err := to.Read()
			if err != nil {
				w.Fatalf("round %d: frame %d of %d was written before Close and lost: %v", i, j, frames, err)
			}
			if !bytes.Equal(f.Bytes, pattern(j, j)) {
				w.Fatalf("round %d: frame %d came as %s", i, j, show(f.Bytes))
			}
			f.Done()
		}
		w.ended(to)
		w.group.Wait()
		w.ended(from)
		to.Close("")
	}
}

func closeKeepsArrived(w *world) {
	out, in := w.pair()
	w.spawn(func() { // in a synchronous netlayer the last frame is never taken, and Write fails
		if err := out.Write([][]byte{[]byte("a"), []byte("b")}); err != nil && !errors.Is(err, net.ErrClosed) {
			w.Errorf("Write: %v", err)
		}
	})
	w.expect(in, "a")
	w.eventually("the second frame arrives", in.More)
	if err := in.Close(""); err != nil {
		w.Errorf("Close: %v", err)
	}
	w.expect(in, "b")
	w.ended(in)
	if _, err := out.Read(); !errors.Is(err, net.ErrClosed) {
		w.Fatalf("the peer's Read: %v, want net.ErrClosed", err)
	}
}

func closeEndsReadAndWrite(w *world) {
	for _, swap := range []bool{false, true} {
		c, other := w.pair()
		if swap {
			c, other = other, c
		}
		begun := make(chan struct{})
		read, written := make(chan error, 1), make(chan error, 1)
		w.spawn(func() {
			_, err := c.Read()
			read <- err
		})
		w.spawn(func() { // nobody reads, so it stands still sooner or later
			frame := make([]byte, 64<<10)
			var err error
			for n := 0; err == nil; n++ {
				if n == 1 {
					close(begun)
				}
				err = c.Write([][]byte{frame})
			}
			written <- err
		})
		w.write(other, []byte("go"))
		if err := <-read; err != nil { // from now on the next Read waits
			w.Fatalf("Read: %v", err)
		}
		w.spawn(func() {
			_, err := c.Read()
			read <- err
		})
		if f, err := other.Read(); err != nil || len(f.Bytes) != 64<<10 {
			w.Fatalf("Read: %s, %v", show(f.Bytes), err)
		}
		<-begun
		if err := c.Close("enough"); err != nil {
			w.Fatalf("Close: %v", err)
		}
		w.mustBe("Read in progress at Close", <-read, net.ErrClosed)
		w.mustBe("Write in progress at Close", <-written, net.ErrClosed)
		other.Close("")
		w.group.Wait()
	}
}

func closeIsIdempotent(w *world) {
	out, in := w.pair()
	for range 8 {
		for _, c := range []netlayer.Conn{out, in} {
			w.spawn(func() {
				if err := c.Close("again"); err != nil {
					w.Errorf("Close: %v", err)
				}
			})
		}
	}
	w.group.Wait()
	w.ended(out)
	w.ended(in)
}

func closeOfBoth(w *world) {
	a, b := w.hosts()
	for range 20 {
		out, in := w.connect(a, b, dial(b))
		for _, c := range []netlayer.Conn{out, in} {
			w.spawn(func() {
				if err := c.Write([][]byte{[]byte("bye")}); err != nil && !errors.Is(err, net.ErrClosed) {
					w.Errorf("Write: %v", err)
				}
			})
			w.spawn(func() { c.Close("") })
			w.spawn(func() {
				for {
					if _, err := c.Read(); err != nil {
						if !errors.Is(err, net.ErrClosed) {
							w.Errorf("Read: %v", err)
						}
						return
					}
				}
			})
		}
		w.group.Wait()
	}
}

func netlayerClose(w *world) {
	a, b := w.hosts()
	out, in := w.connect(a, b, dial(b))
	accepting, reading := make(chan error, 1), make(chan error, 1)
	w.spawn(func() {
		_, err := b.Accept(w.ctx)
		accepting <- err
	})
	w.spawn(func() {
		_, err := in.Read()
		reading <- err
	})
	for range 4 {
		w.spawn(func() {
			if err := b.Close(); err != nil {
				w.Errorf("Close: %v", err)
			}
		})
	}
	w.mustBe("Accept in progress at Close", <-accepting, net.ErrClosed)
	w.mustBe("Read in progress at Close", <-reading, net.ErrClosed)
	w.ended(out)
	w.group.Wait()
	w.ended(in)
	_, err := b.Accept(w.ctx)
	w.mustBe("Accept after Close", err, net.ErrClosed)
	_, err = b.Connect(w.ctx, dial(a))
	w.mustBe("Connect after Close", err, net.ErrClosed)
}

// netlayerCloseEndsDials closes the dialling and then the dialled side while the dial waits to be accepted.
func netlayerCloseEndsDials(w *world) {
	for _, dialler := range []bool{true, false} {
		a, b := w.hosts()
		connected := make(chan error, 1)
		w.spawn(func() {
			c, err := a.Connect(w.ctx, dial(b))
			if w.lacks.Verdict && err == nil {
				_, err = c.Read()
			}
			connected <- err
		})
		incoming, err := b.Accept(w.ctx)
		if err != nil {
			w.Fatalf("Accept: %v", err)
		}
		if dialler {
			a.Close()
			w.mustBe("Connect whose netlayer closes", <-connected, net.ErrClosed)
		} else {
			b.Close()
			want := []error{netlayer.ErrUnreachable, netlayer.ErrRefused}
			if w.lacks.Verdict {
				want = []error{net.ErrClosed}
			}
			w.mustBe("Connect to a netlayer that closes", <-connected, want...)
		}
		if c, err := incoming.Accept(nil); err == nil {
			if _, err := c.Read(); !errors.Is(err, net.ErrClosed) {
				w.Fatalf("Read on a connection whose dialler is gone: %v, want net.ErrClosed", err)
			}
		}
	}
}

func connectContext(w *world) {
	a, b := w.hosts()
	ended, cancel := context.WithCancel(w.ctx)
	cancel()
	_, err := a.Connect(ended, dial(b))
	w.mustBe("Connect with an ended context", err, context.Canceled)

	if !w.lacks.Verdict {
		w.connectContextWaiting(a, b)
	}
	out, in := w.connect(a, b, dial(b))
	w.write(out, []byte("the next one"))
	w.expect(in, "the next one")
}

// connectContextWaiting ends the context of a dial that waits to be accepted.
func (w *world) connectContextWaiting(a, b netlayer.Netlayer) {
	waiting, cancel := context.WithCancel(w.ctx)
	defer cancel()
	connected := make(chan error, 1)
	w.spawn(func() {
		c, err := a.Connect(waiting, dial(b))
		if c != nil && err != nil {
			w.Error("Connect returned a connection and an error")
		}
		connected <- err
	})
	incoming, err := b.Accept(w.ctx)
	if err != nil {
		w.Fatalf("Accept: %v", err)
	}
	cancel()
	w.mustBe("Connect whose context ends", <-connected, context.Canceled)
	if c, err := incoming.Accept(nil); err == nil {
		w.ended(c)
	} else {
		w.mustBe("Incoming.Accept after the dialler gave up", err, net.ErrClosed)
	}
}

func acceptContext(w *world) {
	a, b := w.hosts()
	ctx, cancel := context.WithCancel(w.ctx)
	accepting := make(chan error, 1)
	w.spawn(func() {
		_, err := b.Accept(ctx)
		accepting <- err
	})
	cancel()
	w.mustBe("Accept whose context ends", <-accepting, context.Canceled)
	out, in := w.connect(a, b, dial(b))
	w.write(in, []byte("after"))
	w.expect(out, "after")
}
