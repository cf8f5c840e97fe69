package noisequic

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// verdictTimeout is how long a dialler waits to be admitted: a little longer than an acceptor may take to decide.
const verdictTimeout = decisionTimeout + handshakeTimeout

// Connect dials a peer at all its addresses and returns the connection once the peer has admitted us.
//
// A peer is only said to refuse if it has proven to be that peer; what anybody else does at one of its addresses makes it
// unreachable there. Once frames of Early have gone out, a failure that leaves open whether the peer has them matches
// netlayer.ErrLost.
func (n *Netlayer) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	if !n.enter() {
		return nil, errClosed
	}
	defer n.running.Done()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("noisequic: dial: %w", err)
	}
	c, release, err := n.prepare(d)
	if err != nil {
		return nil, err
	}
	conn, err := c.connect(ctx, d, release)
	if err != nil {
		release()
		return nil, err
	}
	return conn, nil
}

// prepare checks what is asked for and, for an anonymous session, makes its key and its socket. release frees these.
func (n *Netlayer) prepare(d netlayer.Dial) (c *call, release func(), err error) {
	if d.Peer.Transport != sturdyref.Transport {
		return nil, nil, fmt.Errorf("noisequic: cannot dial a peer of the transport %q, this is %q", d.Peer.Transport, sturdyref.Transport)
	}
	acceptor, err := sturdyref.DesignatorKey(d.Peer.Designator)
	if err != nil {
		return nil, nil, fmt.Errorf("noisequic: cannot dial: %w", err)
	}
	c = &call{n: n, self: n.self, local: n.peer, acceptor: acceptor, remote: d.Peer.Clone(), transport: n.transport}
	if d.Key != nil {
		if c.secret, err = d.Key.ID(acceptor); err != nil {
			return nil, nil, fmt.Errorf("noisequic: the key that is to be shown does not work: %w", err)
		}
		if c.secret == ([16]byte{}) {
			return nil, nil, errors.New("noisequic: the key that is to be shown has a name of zeros")
		}
	}
	if n.self.id != nil {
		if acceptor == n.self.static.Public {
			return nil, nil, errors.New("noisequic: this is the local identity itself: its objects are reached without a connection")
		}
		return c, func() {}, nil
	}
	if c.self, err = anonymousSelf(); err != nil {
		return nil, nil, err
	}
	c.local = sturdyref.Public{Static: c.self.static.Public}.Peer()
	socket, err := n.cfg.packets("")
	if err != nil {
		return nil, nil, err
	}
	c.transport = &quic.Transport{Conn: socket, ConnectionIDLength: 8}
	return c, func() {
		c.transport.Close()
		socket.Close()
	}, nil
}

// anonymousSelf returns a party with a key that nobody has seen and nobody will see again.
func anonymousSelf() (self, error) {
	b := make([]byte, 32)
	rand.Read(b)
	key, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		return self{}, fmt.Errorf("noisequic: %w", err)
	}
	return self{static: noisehs.Static{
		Public: [32]byte(key.PublicKey().Bytes()),
		ECDH: func(peer [32]byte) (out [32]byte, err error) {
			p, err := ecdh.X25519().NewPublicKey(peer[:])
			if err != nil {
				return out, err
			}
			secret, err := key.ECDH(p)
			if err != nil {
				return out, err
			}
			return [32]byte(secret), nil
		},
	}}, nil
}

func (c *call) connect(ctx context.Context, d netlayer.Dial, release func()) (netlayer.Conn, error) {
	hints := hintAddresses(d.Peer)
	if len(hints) == 0 {
		return nil, fmt.Errorf("%w: its locator has no addr hint", netlayer.ErrUnreachable)
	}
	// The time bounds the reaching of the peer; admission has its own.
	reaching, cancel := c.n.within(ctx, dialTimeout)
	defer cancel()
	candidates, failed := resolve(reaching, hints, c.n.cfg.lookup, d.Allow)
	a, failures := race(reaching, candidates, c.begin)
	if a == nil {
		if err := c.interrupted(ctx); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %s", netlayer.ErrUnreachable, strings.Join(append(failed, failures...), "; "))
	}
	waiting, cancel := c.n.within(ctx, verdictTimeout)
	defer cancel()
	conn, err := c.finish(waiting, a, d, release)
	if err != nil {
		a.abandon()
	}
	return conn, err
}

// dialTimeout bounds the tries at all addresses together.
const dialTimeout = 20 * time.Second

// interrupted says whether the caller or the netlayer has given up.
func (c *call) interrupted(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("noisequic: dial: %w", err)
	}
	if c.n.ctx.Err() != nil {
		return errClosed
	}
	return nil
}

// finish sends the last message of the handshake and waits for the verdict.
func (c *call) finish(ctx context.Context, a *attempt, d netlayer.Dial, release func()) (netlayer.Conn, error) {
	psk, err := c.psk(a, d.Key)
	if err != nil {
		return nil, err
	}
	head, err := credentialOf(d, a.info)
	if err != nil {
		return nil, err
	}
	var early, first []byte
	if d.Early != nil {
		limit := maxEarly - len(head)
		if early, first, err = gather(d.Early(a.info, limit), limit); err != nil {
			return nil, err
		}
	}
	p, err := c.self.prove(a.info.Binding, sturdyref.Dialler, first)
	if err != nil {
		return nil, err
	}
	m3, ciphers, err := a.hs.Message3(&psk, append(appendSelf(head, p), early...))
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	a.stream.SetDeadline(deadline)
	stop := onDone(ctx, func() { a.stream.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	err = writeMessage(a.stream, nil, m3)
	var verdict []byte
	if err == nil {
		verdict, err = readMessage(a.stream, noisehs.MaxMessage)
	}
	stop()
	if err != nil {
		return nil, c.noVerdict(ctx, err, len(early) > 0)
	}
	payload, err := ciphers.Open(verdict)
	if err != nil {
		// It is the peer, but it cannot read what it was sent: it does not have the secret.
		return nil, netlayer.ErrRefused
	}
	says, theirs, frames, err := parseSelf(payload)
	switch {
	case err != nil || says == sayAnonymous:
		return nil, c.unclear(errMessage, len(early) > 0)
	case says == sayCrossed:
		return nil, netlayer.ErrCrossed
	}
	if a.info.Identity, err = c.n.verify(theirs, c.acceptor, a.info.Binding, sturdyref.Acceptor, firstFrame(frames)); err != nil {
		return nil, c.unclear(err, len(early) > 0)
	}
	a.stream.SetDeadline(time.Time{})
	conn := newConn(c.n, a.quic, a.stream, a.info, frames, release)
	conn.transport = c.transport
	if !c.n.add(conn) {
		return nil, c.unclear(errClosed, len(early) > 0)
	}
	return conn, nil
}

// credentialOf returns the credential of a dial as it stands in the last message.
func credentialOf(d netlayer.Dial, info netlayer.Info) ([]byte, error) {
	if d.Credential == nil {
		return nil, nil
	}
	credential := d.Credential(info)
	if len(credential) > netlayer.MaxCredential {
		return nil, fmt.Errorf("noisequic: Dial.Credential returned %d bytes, at most %d can be carried", len(credential), netlayer.MaxCredential)
	}
	return appendCredential(nil, credential), nil
}

func (c *call) psk(a *attempt, key netlayer.Key) ([32]byte, error) {
	if key == nil {
		return publicPSK(c.acceptor)
	}
	psk, err := key.PSK(c.acceptor, a.hs.AcceptorEphemeral())
	if err != nil {
		return psk, fmt.Errorf("noisequic: the key that is to be shown does not work: %w", err)
	}
	return psk, nil
}

// noVerdict says what it means that the connection failed between the last message and the verdict.
func (c *call) noVerdict(ctx context.Context, err error, early bool) error {
	var app *quic.ApplicationError
	if errors.As(err, &app) && app.Remote && app.ErrorCode == codeRefused {
		return netlayer.ErrRefused
	}
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return c.unclear(errors.New(explain(err)), early)
	case cause == errSlow || early:
		return c.unclear(cause, early)
	default:
		return fmt.Errorf("noisequic: dial: %w", cause)
	}
}

// unclear reports a failure after which nobody can tell whether the peer has what was sent.
func (c *call) unclear(err error, early bool) error {
	kind := netlayer.ErrUnreachable
	if early {
		kind = netlayer.ErrLost
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// gather encodes frames and returns them with the first of them.
func gather(frames [][]byte, limit int) (encoded, first []byte, err error) {
	size := 0
	for _, f := range frames {
		if size += frameHeader + len(f); size > limit {
			return nil, nil, fmt.Errorf("noisequic: the frames that are to travel with the handshake take more than %d bytes: %w", limit, netlayer.ErrFrameTooLarge)
		}
	}
	encoded = make([]byte, 0, size)
	for _, f := range frames {
		encoded = appendFrame(encoded, f)
	}
	if len(frames) > 0 {
		first = frames[0]
	}
	return encoded, first, nil
}
