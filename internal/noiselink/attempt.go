package noiselink

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// attempt is one dial to one address. After begin the other side is known to hold the acceptor's static key, and nobody to
// be between; it knows nothing of us yet.
type attempt struct {
	link  Link
	hs    *noisehs.XKDialler
	info  netlayer.Info
	token []byte // what a refusal must show, on carriers that need that
}

// Why an attempt did not reach the peer, for people.
var (
	errNobody   = errors.New("nobody answered")
	errStranger = errors.New("somebody else answers there")
	// ErrTurnsAway is for a Way.Dial that is turned away before there is a link, too.
	ErrTurnsAway = errors.New("whoever is there turned the connection away")
)

// A call is what stays the same in all attempts of one dial.
type call struct {
	n        *Node
	self     self
	local    sturdyref.Peer
	acceptor [32]byte
	remote   sturdyref.Peer
	secret   [16]byte
	way      Way
}

// begin dials an address and goes as far as the second message of the handshake. It returns within the time of a
// handshake or when ctx ends.
func (c *call) begin(ctx context.Context, to candidate) (*attempt, error) {
	l, err := c.way.Dial(ctx, to.addr)
	if err != nil {
		return nil, err
	}
	a, err := c.greet(ctx, l)
	if err != nil {
		l.End(Done)
		return nil, err
	}
	return a, nil
}

func (c *call) greet(ctx context.Context, l Link) (*attempt, error) {
	l.SetDeadline(time.Now().Add(HandshakeTimeout))
	stop := onDone(ctx, func() { l.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	carrier := c.n.cfg.Carrier
	hs, err := noisehs.NewXKDialler(noisehs.Config{
		Static: c.self.static, Prologue: carrier.prologue(clearFresh, l.Exporter()), Random: c.n.cfg.Random,
	}, c.acceptor)
	if err != nil {
		return nil, err
	}
	m1, err := hs.Message1(hello{c.secret, c.n.cfg.Features}.encode())
	if err != nil {
		return nil, err
	}
	if err := writeMessage(l, []byte{clearFresh}, m1); err != nil {
		return nil, greetFailure(l, err)
	}
	m2, err := readMessage(l, carrier.maxMessage2())
	if err != nil {
		return nil, greetFailure(l, err)
	}
	payload, err := hs.ReadMessage2(m2)
	if err != nil {
		return nil, errStranger
	}
	var token []byte
	if !carrier.Bound {
		if len(payload) < tokenSize {
			return nil, errStranger
		}
		token, payload = payload[:tokenSize], payload[tokenSize:]
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
		link: l, hs: hs, token: token,
		info: netlayer.Info{
			Local:         c.local,
			Remote:        c.remote,
			Authenticated: true,
			Anonymous:     c.self.id == nil,
			Outbound:      true,
			Source:        sockets.SourceName(l.RemoteAddr()),
			Binding:       sessionBinding(hs.Hash(), c.self.static.Public, c.acceptor),
			Features:      intersect(c.n.cfg.Features, theirs),
			AdmittedBy:    c.secret,
		},
	}, nil
}

func (a *attempt) abandon() { a.link.End(Done) }

// greetFailure says for people why an attempt has failed before the peer was known.
func greetFailure(l Link, err error) error {
	if l.IsRefusal(err) || errors.Is(err, io.EOF) {
		return ErrTurnsAway
	}
	return DialFailure(err, l.Explain)
}

// DialFailure says for people why there is no link to an address. What is not among the usual reasons is left to explain.
func DialFailure(err error, explain func(error) string) error {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &timeout) && timeout.Timeout():
		return errNobody
	case errors.Is(err, errTooLong):
		return errStranger
	}
	return errors.New(explain(err))
}
