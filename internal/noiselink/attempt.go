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
	xk    *noisehs.XKDialler // nil if it resumes
	ik    *noisehs.IKDialler // nil if it does not
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
	resume   []byte // nil if it begins something
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

	a := &attempt{link: l}
	clear, m1, read, err := c.open(a)
	if err != nil {
		return nil, err
	}
	if err := writeMessage(l, []byte{clear}, m1); err != nil {
		return nil, greetFailure(l, err)
	}
	carrier := c.n.cfg.Carrier
	m2, err := readMessage(l, carrier.maxMessage2())
	if err != nil {
		return nil, greetFailure(l, err)
	}
	payload, err := read(m2)
	if err != nil {
		return nil, errStranger
	}
	if !carrier.Bound {
		if len(payload) < tokenSize {
			return nil, errStranger
		}
		a.token, payload = payload[:tokenSize], payload[tokenSize:]
	}
	theirs, err := parseFeatures(payload)
	if err != nil {
		return nil, errStranger
	}
	stop()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a.info = netlayer.Info{
		Local:         c.local,
		Remote:        c.remote,
		Authenticated: true,
		Anonymous:     c.self.id == nil,
		Outbound:      true,
		Source:        sockets.SourceName(l.RemoteAddr()),
		Features:      intersect(c.n.cfg.Features, theirs),
		AdmittedBy:    c.secret,
	}
	if a.xk != nil {
		a.info.Binding = sessionBinding(a.xk.Hash(), c.self.static.Public, c.acceptor)
	}
	return a, nil
}

// open begins the handshake there is to be: it returns what goes out first and what takes the answer.
func (c *call) open(a *attempt) (clear byte, m1 []byte, read func(m2 []byte) (payload []byte, err error), err error) {
	if c.resume != nil {
		if a.ik, err = noisehs.NewIKDialler(c.n.handshake(c.self.static, clearResume, a.link), c.acceptor); err != nil {
			return 0, nil, nil, err
		}
		m1, err = a.ik.Message1([]byte{protocolVersion})
		return clearResume, m1, a.ik.ReadMessage2, err
	}
	if a.xk, err = noisehs.NewXKDialler(c.n.handshake(c.self.static, clearFresh, a.link), c.acceptor); err != nil {
		return 0, nil, nil, err
	}
	m1, err = a.xk.Message1(hello{c.secret, c.n.cfg.Features}.encode())
	return clearFresh, m1, a.xk.ReadMessage2, err
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
