package noiselink

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// tooLate is what Incoming.Accept says when there is nothing left to accept.
func (n *Node) tooLate() error {
	return n.cfg.errorf("the dialler is gone, was refused or has been accepted already: %w", net.ErrClosed)
}

var errGone = errors.New("the dialler is gone, or did not wait for its turn")

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
func (n *Node) announce(g *guest) error {
	ctx, cancel := n.Within(context.Background(), decisionTimeout)
	defer cancel()
	ctx, leave := context.WithCancelCause(ctx)
	stop := g.link.Watch(func() { leave(errGone) })
	defer stop()
	d := &decision{done: make(chan struct{})}
	in := &netlayer.Incoming{
		Info: g.info,
		Accept: func(first [][]byte) (netlayer.Conn, error) {
			if !d.make() {
				return nil, n.tooLate()
			}
			if stop(); ctx.Err() != nil {
				d.over(context.Cause(ctx))
				return nil, n.tooLate()
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
	if g.info.Resume != nil {
		return g.goOn(first)
	}
	for _, f := range first {
		if len(f) > netlayer.MaxFrame {
			return nil, g.n.cfg.errorf("a frame of %d bytes: %w", len(f), netlayer.ErrFrameTooLarge)
		}
	}
	fit, size := 0, 0
	for _, f := range first {
		if size += frameHeader + len(f); size > maxFirst {
			break
		}
		fit++
	}
	frames, signed, err := g.n.cfg.gather(first[:fit], maxFirst)
	if err != nil {
		return nil, err
	}
	p, err := g.n.self.prove(g.info.Binding, sturdyref.Acceptor, signed)
	if err != nil {
		return nil, err
	}
	c, err := g.enter(append(appendSelf(nil, p), frames...))
	if err != nil {
		return nil, err
	}
	if fit < len(first) {
		if err := c.Write(first[fit:]); err != nil {
			c.Close("")
			return nil, err
		}
	}
	return c, nil
}

// enter sends the verdict that admits, and makes a connection of the link.
func (g *guest) enter(verdict []byte) (*conn, error) {
	if err := g.say(verdict); err != nil {
		return nil, err
	}
	g.link.Secure(g.ciphers)
	c := newConn(g.n, g.link, g.info, g.frames, nil)
	if !g.n.Add(c, c.pump) {
		return nil, g.n.ErrClosed
	}
	return c, nil
}

// say sends the verdict, a Noise transport message.
func (g *guest) say(payload []byte) error {
	g.token = nil // whatever comes of this, it cannot be taken back
	m, err := g.ciphers.Seal(payload)
	if err != nil {
		return err
	}
	g.link.SetDeadline(time.Now().Add(HandshakeTimeout))
	stop := onDone(g.n.Ctx, func() { g.link.SetDeadline(time.Unix(1, 0)) })
	err = writeMessage(g.link, nil, m)
	stop()
	if err != nil {
		return g.n.cfg.errorf("the dialler is gone: %s: %w", g.link.Explain(err), net.ErrClosed)
	}
	g.link.SetDeadline(time.Time{})
	return nil
}

// sayCrossed tells the dialler, and only it, that the connection we dialled stays, and waits until it has heard.
func (g *guest) sayCrossed() {
	if g.say([]byte{sayCrossed}) != nil {
		return
	}
	g.link.Finish()
	g.link.SetReadDeadline(time.Now().Add(HandshakeTimeout))
	stop := onDone(g.n.Ctx, func() { g.link.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for b := make([]byte, 512); ; {
		if _, err := g.link.Read(b); err != nil {
			return
		}
	}
}

// refuse ends the link in the one way there is, so that from outside nothing tells why. A dialler that was sent the token
// with the second message is shown it again: nobody else could.
func (g *guest) refuse() {
	if g.token != nil {
		g.link.SetDeadline(time.Now().Add(refusalTimeout))
		_ = writeMessage(g.link, nil, g.token) // if it fails there is nobody to be told
		g.link.Finish()
	}
	g.link.End(Refused)
}

// refusalTimeout is how long the few bytes of a refusal may take to reach the system's buffer.
const refusalTimeout = time.Second
