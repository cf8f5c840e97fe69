package websocket

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// decisionTime is how long a dialler waits for Incoming.Accept or Refuse.
const decisionTime = 10 * time.Second

// errTooLate is what Incoming.Accept says when there is nothing left to accept.
var errTooLate = fmt.Errorf("websocket: the dialler is gone, was refused or has been accepted already: %w", net.ErrClosed)

// serve takes a request as far as the decision about it.
func (n *Netlayer) serve(w http.ResponseWriter, r *http.Request) {
	wire, ok := r.Context().Value(wireKey{}).(*wire)
	if !ok || !n.roster.Enter() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer n.roster.Leave()
	source := sockets.SourceName(wire.RemoteAddr())
	// Pages of the host that is asked for are let in. The request's own word for it is not to be had: a page's host can
	// have its name lead here, and a proxy can have a name of its own for us.
	r = r.WithContext(r.Context())
	r.Host = n.host
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		OriginPatterns: n.cfg.Origins, InsecureSkipVerify: slices.Contains(n.cfg.Origins, "*"),
		OnPingReceived: wire.answers, OnPongReceived: wire.answered,
	})
	if err != nil {
		n.cfg.Logger.Debug("request turned away", "source", source, "why", sockets.OneLine(err.Error(), sockets.MaxLine))
		return
	}
	// From here on it is no longer the server's, and has no deadlines of its own.
	g := &guest{n: n, ws: ws, wire: wire, info: netlayer.Info{
		Local: n.Location(), Remote: sturdyref.Peer{Transport: Transport}, Source: source,
	}}
	err = g.greet()
	if err == nil {
		err = g.announce()
	}
	if err != nil {
		n.cfg.Logger.Debug("dialler turned away", "source", source, "why", sockets.OneLine(err.Error(), sockets.MaxLine))
		g.refuse(err)
		return
	}
	wire.release()
}

// guest is a dialler that has not been admitted.
type guest struct {
	n     *Netlayer
	ws    *websocket.Conn
	wire  *wire
	info  netlayer.Info
	asks  []byte // what it wants signed
	nonce []byte // the one in it, nil if it is a challenge of old
}

// greet reads what the dialler wants signed, and asks the Doorkeeper.
func (g *guest) greet() error {
	ctx, cancel := g.n.roster.Within(context.Background(), g.n.cfg.handshake)
	defer cancel()
	g.ws.SetReadLimit(maxHello)
	kind, b, err := g.ws.Read(ctx)
	if err != nil {
		return err
	}
	if kind != websocket.MessageBinary {
		return errText
	}
	if g.asks = b; len(b) != oldChallenge || !g.n.cfg.AllowGoblins017 {
		if g.nonce, err = parseHello(b); err != nil {
			return err
		}
	}
	if d := g.n.cfg.Doorkeeper; d != nil {
		return d.Admit(g.info)
	}
	return nil
}

// announce hands a guest to Netlayer.Accept and waits for the decision. It returns nil if the guest is in, or why not.
func (g *guest) announce() error {
	ctx, cancel := g.n.roster.Within(context.Background(), decisionTime)
	defer cancel()
	var once sync.Once
	decided := make(chan error, 1)
	in := &netlayer.Incoming{
		Info: g.info,
		Accept: func(first [][]byte) (c netlayer.Conn, err error) {
			err = errTooLate
			once.Do(func() {
				c, err = g.admit(first)
				decided <- err
			})
			if err != nil {
				return nil, err
			}
			return c, nil
		},
		Refuse: func(err error) {
			if !errors.Is(err, netlayer.ErrCrossed) {
				err = netlayer.ErrRefused
			}
			once.Do(func() { decided <- err })
		},
	}
	select {
	case g.n.incoming <- in:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-decided:
		return err
	case <-ctx.Done():
		once.Do(func() { decided <- context.Cause(ctx) }) // waits for a decision that is being carried out
		return <-decided
	}
}

// proof is the answer to what the dialler asks.
func (g *guest) proof() []byte {
	sig := ed25519.Sign(g.n.cfg.Key, g.asks)
	if g.nonce == nil {
		return appendSignature(nil, sig)
	}
	return envelope(g.asks, sig)
}

// admit answers the dialler and sends the first frames behind it.
func (g *guest) admit(first [][]byte) (netlayer.Conn, error) {
	c := newConn(g.n, g.ws, g.wire, g.info)
	if !g.n.roster.Add(c, c.pump) {
		return nil, errClosed
	}
	if err := c.Write(append([][]byte{g.proof()}, first...)); err != nil {
		c.Close("")
		return nil, err
	}
	return c, nil
}

// refuse says goodbye to a guest.
func (g *guest) refuse(err error) {
	code, reason := websocket.StatusPolicyViolation, ""
	for _, v := range verdicts {
		if g.nonce != nil && errors.Is(err, v.err) {
			code, reason = websocket.StatusCode(v.code), v.reason(g.nonce, g.n.cfg.Key)
		}
	}
	patience := g.n.cfg.Linger
	if g.n.roster.Ctx.Err() != nil {
		patience = min(patience, time.Second)
	}
	goodbye(g.ws, g.wire, patience, code, reason)
	g.wire.Close()
}
