package noisequic

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// attempt is one dial to one address. After begin the other side is known to hold the acceptor's static key and to be at
// the other end of this very QUIC connection; it knows nothing of us yet.
type attempt struct {
	quic   *quic.Conn
	stream *quic.Stream
	hs     *noisehs.XKDialler
	info   netlayer.Info
}

// Why an attempt did not reach the peer, for people.
var (
	errNobody    = errors.New("nobody answered")
	errStranger  = errors.New("somebody else answers there")
	errTurnsAway = errors.New("whoever is there turned the connection away")
)

// A call is what stays the same in all attempts of one dial.
type call struct {
	n         *Netlayer
	self      self
	local     sturdyref.Peer
	acceptor  [32]byte
	remote    sturdyref.Peer
	secret    [16]byte
	transport *quic.Transport
}

// begin dials an address and goes as far as the second message of the handshake. It returns within the time of a
// handshake or when ctx ends.
func (c *call) begin(ctx context.Context, to candidate) (*attempt, error) {
	q, err := c.transport.Dial(ctx, to.addr, clientTLS(), quicConfig(false))
	if err != nil {
		return nil, dialFailure(err)
	}
	a, err := c.greet(ctx, q)
	if err != nil {
		q.CloseWithError(codeDone, "")
		return nil, err
	}
	return a, nil
}

func (c *call) greet(ctx context.Context, q *quic.Conn) (*attempt, error) {
	exported, err := exporter(q)
	if err != nil {
		return nil, dialFailure(err)
	}
	s, err := q.OpenStreamSync(ctx)
	if err != nil {
		return nil, dialFailure(err)
	}
	s.SetDeadline(time.Now().Add(handshakeTimeout))
	stop := onDone(ctx, func() { s.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	hs, err := noisehs.NewXKDialler(noisehs.Config{
		Static: c.self.static, Prologue: prologue(clearFresh, exported), Random: c.n.cfg.random,
	}, c.acceptor)
	if err != nil {
		return nil, err
	}
	m1, err := hs.Message1(hello{c.secret, c.n.cfg.Features}.encode())
	if err != nil {
		return nil, err
	}
	if err := writeMessage(s, []byte{clearFresh}, m1); err != nil {
		return nil, dialFailure(err)
	}
	m2, err := readMessage(s, maxMessage2)
	if err != nil {
		return nil, dialFailure(err)
	}
	payload, err := hs.ReadMessage2(m2)
	if err != nil {
		return nil, errStranger
	}
	theirs, err := parseFeatures(payload)
	if err != nil {
		return nil, errStranger
	}
	stop()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &attempt{
		quic: q, stream: s, hs: hs,
		info: netlayer.Info{
			Local:         c.local,
			Remote:        c.remote,
			Authenticated: true,
			Anonymous:     c.self.id == nil,
			Outbound:      true,
			Source:        sourceName(q.RemoteAddr()),
			Binding:       sessionBinding(hs.Hash(), c.self.static.Public, c.acceptor),
			Features:      intersect(c.n.cfg.Features, theirs),
			AdmittedBy:    c.secret,
		},
	}, nil
}

func (a *attempt) abandon() { a.quic.CloseWithError(codeDone, "") }

// dialFailure says for people why an attempt has failed before the peer was known.
func dialFailure(err error) error {
	var (
		app       *quic.ApplicationError
		transport *quic.TransportError
		timeout   interface{ Timeout() bool }
	)
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &app) && app.Remote, errors.As(err, &transport) && transport.Remote && transport.ErrorCode == quic.ConnectionRefused:
		return errTurnsAway
	case errors.As(err, &timeout) && timeout.Timeout():
		return errNobody
	case errors.Is(err, errTooLong):
		return errStranger
	}
	return fmt.Errorf("%s", oneLine(err.Error()))
}
