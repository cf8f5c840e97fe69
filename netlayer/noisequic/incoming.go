package noisequic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// errTooLate is what Incoming.Accept says when there is nothing left to accept.
var errTooLate = fmt.Errorf("noisequic: the dialler is gone, was refused or has been accepted already: %w", net.ErrClosed)

// decision is made about a guest once: by the application, or by time.
type decision struct {
	mu   sync.Mutex
	made bool
	done chan struct{}
	err  error // nil if accepted; valid once done is closed
}

// make reports whether it was the first to decide. The one who accepts calls over when the guest is in.
func (d *decision) make() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := !d.made
	d.made = true
	return first
}

func (d *decision) over(err error) {
	d.err = err
	close(d.done)
}

// announce hands a guest to Netlayer.Accept and waits for the decision. It returns nil if the guest is in, or why not.
func (n *Netlayer) announce(ctx context.Context, g *guest) error {
	d := &decision{done: make(chan struct{})}
	in := &netlayer.Incoming{
		Info: g.info,
		Accept: func(first [][]byte) (netlayer.Conn, error) {
			if !d.make() {
				return nil, errTooLate
			}
			c, err := g.admit(first)
			d.over(err)
			if err != nil {
				return nil, err
			}
			return c, nil
		},
		Refuse: func(err error) {
			if !d.make() {
				return
			}
			if !errors.Is(err, netlayer.ErrCrossed) {
				err = netlayer.ErrRefused
			}
			d.over(err)
		},
	}
	select {
	case n.incoming <- in:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-d.done:
	case <-ctx.Done():
		if d.make() {
			return context.Cause(ctx)
		}
		<-d.done
	}
	return d.err
}

// admit sends the verdict, with as many of the first frames as it holds, and then the others.
func (g *guest) admit(first [][]byte) (*conn, error) {
	for _, f := range first {
		if len(f) > netlayer.MaxFrame {
			return nil, fmt.Errorf("noisequic: a frame of %d bytes: %w", len(f), netlayer.ErrFrameTooLarge)
		}
	}
	fit, size := 0, 0
	for _, f := range first {
		if size += frameHeader + len(f); size > maxFirst {
			break
		}
		fit++
	}
	frames, signed, err := gather(first[:fit], maxFirst)
	if err != nil {
		return nil, err
	}
	p, err := g.n.self.prove(g.info.Binding, sturdyref.Acceptor, signed)
	if err != nil {
		return nil, err
	}
	if err := g.say(append(appendSelf(nil, p), frames...)); err != nil {
		return nil, err
	}
	c := newConn(g.n, g.quic, g.stream, g.info, g.frames, nil)
	if !g.n.add(c) {
		return nil, errClosed
	}
	if fit < len(first) {
		if err := c.Write(first[fit:]); err != nil {
			c.Close("")
			return nil, err
		}
	}
	return c, nil
}

// say sends the one Noise transport message there is.
func (g *guest) say(payload []byte) error {
	m, err := g.ciphers.Seal(payload)
	if err != nil {
		return err
	}
	g.stream.SetDeadline(time.Now().Add(handshakeTimeout))
	stop := onDone(g.n.ctx, func() { g.stream.SetDeadline(time.Unix(1, 0)) })
	err = writeMessage(g.stream, nil, m)
	stop()
	if err != nil {
		return fmt.Errorf("noisequic: the dialler is gone: %s: %w", explain(err), net.ErrClosed)
	}
	g.stream.SetDeadline(time.Time{})
	return nil
}

// sayCrossed tells the dialler, and only it, that the connection we dialled stays, and waits until it has heard.
func (g *guest) sayCrossed() {
	if g.say([]byte{sayCrossed}) != nil {
		return
	}
	g.stream.Close()
	g.stream.SetReadDeadline(time.Now().Add(handshakeTimeout))
	stop := onDone(g.n.ctx, func() { g.stream.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for b := make([]byte, 512); ; {
		if _, err := g.stream.Read(b); err != nil {
			return
		}
	}
}
