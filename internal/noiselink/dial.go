package noiselink

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// errForged is why nobody can tell what became of a dial on which something else came than the peer's answer.
var errForged = errors.New("what came in the place of an answer is not from the peer, or it does not have the secret")

// verdictTimeout is how long a dialler waits to be admitted: a little longer than an acceptor may take to decide.
const verdictTimeout = decisionTimeout + HandshakeTimeout

// A Way is how the links of one dial are made.
type Way struct {
	// Dial makes a link to an address, within HandshakeTimeout or until ctx ends. Its error is for people.
	Dial func(ctx context.Context, to netip.AddrPort) (Link, error)
	// Release frees what the way needs, when the connection made by it is over, or the dial has failed.
	Release func()
}

// Connect dials a peer at all its addresses and returns the connection once the peer has admitted us.
//
// A peer is only said to refuse if it has proven to be that peer; what anybody else does at one of its addresses makes it
// unreachable there. Once frames of Early have gone out, a failure that leaves open whether the peer has them matches
// netlayer.ErrLost. A dial that resumes has none.
func (n *Node) Connect(ctx context.Context, d netlayer.Dial, way func() (Way, error)) (netlayer.Conn, error) {
	if !n.Enter() {
		return nil, n.ErrClosed
	}
	defer n.Leave()
	if err := ctx.Err(); err != nil {
		return nil, n.cfg.errorf("dial: %w", err)
	}
	c, err := n.prepare(d)
	if err != nil {
		return nil, err
	}
	if c.way, err = way(); err != nil {
		return nil, err
	}
	conn, err := c.connect(ctx, d)
	if err != nil {
		c.way.Release()
		return nil, err
	}
	return conn, nil
}

// prepare checks what is asked for and, for an anonymous session, makes its key.
func (n *Node) prepare(d netlayer.Dial) (*call, error) {
	if d.Peer.Transport != sturdyref.Transport {
		return nil, n.cfg.errorf("cannot dial a peer of the transport %q, this is %q", d.Peer.Transport, sturdyref.Transport)
	}
	acceptor, err := sturdyref.DesignatorKey(d.Peer.Designator)
	if err != nil {
		return nil, n.cfg.errorf("cannot dial: %w", err)
	}
	if !n.Anonymous() && acceptor == n.self.static.Public {
		return nil, n.cfg.errorf("this is the local identity itself: its objects are reached without a connection")
	}
	c := &call{n: n, self: n.self, local: n.peer, acceptor: acceptor, remote: d.Peer.Clone()}
	if d.Resume != nil {
		return c, c.prepareResume(d)
	}
	if d.Key != nil {
		if c.secret, err = d.Key.ID(acceptor); err != nil {
			return nil, n.cfg.errorf("the key that is to be shown does not work: %w", err)
		}
		if c.secret == ([16]byte{}) {
			return nil, n.cfg.errorf("the key that is to be shown has a name of zeros")
		}
	}
	if !n.Anonymous() {
		return c, nil
	}
	if c.self, err = anonymousSelf(); err != nil {
		return nil, n.cfg.errorf("%w", err)
	}
	c.local = sturdyref.Public{Static: c.self.static.Public}.Peer()
	return c, nil
}

// anonymousSelf returns a party with a key that nobody has seen and nobody will see again.
func anonymousSelf() (self, error) {
	b := make([]byte, 32)
	rand.Read(b)
	key, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		return self{}, err
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

func (c *call) connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	hints := hintAddresses(c.n.cfg.Carrier.Hint, d.Peer)
	if len(hints) == 0 {
		return nil, fmt.Errorf("%w: its locator has no %s hint", netlayer.ErrUnreachable, c.n.cfg.Carrier.Hint)
	}
	// The time bounds the reaching of the peer; admission has its own.
	reaching, cancel := c.n.Within(ctx, dialTimeout)
	defer cancel()
	candidates, failed := resolve(reaching, hints, c.n.cfg.Lookup, d.Allow)
	a, failures := race(reaching, candidates, c.begin)
	if a == nil {
		if err := c.interrupted(ctx); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %s", netlayer.ErrUnreachable, strings.Join(append(failed, failures...), "; "))
	}
	waiting, cancel := c.n.Within(ctx, verdictTimeout)
	defer cancel()
	conn, err := c.finish(waiting, a, d)
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
		return c.n.cfg.errorf("dial: %w", err)
	}
	if c.n.Ctx.Err() != nil {
		return c.n.ErrClosed
	}
	return nil
}

// last is the last message of a dialler's handshake.
type last struct {
	message []byte
	ciphers *noisehs.Transport
	early   bool // frames are in it
}

// finish sends the last message of the handshake and waits for the verdict.
func (c *call) finish(ctx context.Context, a *attempt, d netlayer.Dial) (netlayer.Conn, error) {
	say, hear := c.introduce, c.admitted
	if c.resume != nil {
		say, hear = c.confirm, c.resumed
	}
	m, err := say(a, d)
	if err != nil {
		return nil, err
	}
	verdict, err := c.verdict(ctx, a, m)
	if err != nil {
		return nil, err
	}
	frames, err := hear(a, verdict)
	switch {
	case errors.Is(err, netlayer.ErrCrossed):
		return nil, netlayer.ErrCrossed
	case err != nil:
		return nil, c.unclear(err, m.early)
	}
	a.link.SetDeadline(time.Time{})
	a.link.Secure(m.ciphers)
	conn := newConn(c.n, a.link, a.info, frames, c.way.Release)
	if c.n.Anonymous() {
		conn.anonymous = &c.self
	}
	if !c.n.Add(conn, conn.pump) {
		return nil, c.unclear(c.n.ErrClosed, m.early)
	}
	return conn, nil
}

// introduce makes the last message of a handshake that begins something.
func (c *call) introduce(a *attempt, d netlayer.Dial) (last, error) {
	psk, err := c.psk(a, d.Key)
	if err != nil {
		return last{}, err
	}
	head, err := c.credential(d, a.info)
	if err != nil {
		return last{}, err
	}
	var early, first []byte
	if d.Early != nil {
		limit := maxEarly - len(head)
		if early, first, err = c.n.cfg.gather(d.Early(a.info, limit), limit); err != nil {
			return last{}, err
		}
	}
	p, err := c.self.prove(a.info.Binding, sturdyref.Dialler, first)
	if err != nil {
		return last{}, err
	}
	m3, ciphers, err := a.xk.Message3(&psk, append(appendSelf(head, p), early...))
	return last{m3, ciphers, len(early) > 0}, err
}

// verdict sends the last message and returns what the verdict holds.
func (c *call) verdict(ctx context.Context, a *attempt, m last) ([]byte, error) {
	deadline, _ := ctx.Deadline()
	a.link.SetDeadline(deadline)
	stop := onDone(ctx, func() { a.link.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	err := writeMessage(a.link, nil, m.message)
	var verdict []byte
	if err == nil {
		verdict, err = readMessage(a.link, noisehs.MaxMessage)
	}
	stop()
	if err != nil {
		return nil, c.noVerdict(ctx, a.link, err, m.early)
	}
	if a.token != nil && subtle.ConstantTimeCompare(verdict, a.token) == 1 {
		return nil, netlayer.ErrRefused
	}
	payload, err := m.ciphers.Open(verdict)
	switch {
	case err == nil:
		return payload, nil
	case c.n.cfg.Carrier.Bound:
		// It is the peer, but it cannot read what it was sent: it does not have the secret.
		return nil, netlayer.ErrRefused
	}
	// Anybody on the way may have said this in the place of the peer, which may have admitted us.
	return nil, c.unclear(errForged, m.early)
}

// admitted reads the verdict about one that begins something, and returns the acceptor's first frames.
func (c *call) admitted(a *attempt, verdict []byte) (frames []byte, err error) {
	says, theirs, frames, err := parseSelf(verdict)
	switch {
	case err != nil:
		return nil, err
	case says == sayCrossed:
		return nil, netlayer.ErrCrossed
	case says != sayNamed:
		return nil, errMessage
	}
	a.info.Identity, err = c.n.verify(theirs, c.acceptor, a.info.Binding, sturdyref.Acceptor, firstFrame(frames))
	return frames, err
}

// credential returns the credential of a dial as it stands in the last message.
func (c *call) credential(d netlayer.Dial, info netlayer.Info) ([]byte, error) {
	if d.Credential == nil {
		return nil, nil
	}
	credential := d.Credential(info)
	if len(credential) > netlayer.MaxCredential {
		return nil, c.n.cfg.errorf("Dial.Credential returned %d bytes, at most %d can be carried", len(credential), netlayer.MaxCredential)
	}
	return appendCredential(nil, credential), nil
}

func (c *call) psk(a *attempt, key netlayer.Key) ([32]byte, error) {
	if key == nil {
		return c.n.cfg.Carrier.publicPSK(c.acceptor)
	}
	psk, err := key.PSK(c.acceptor, a.xk.AcceptorEphemeral())
	if err != nil {
		return psk, c.n.cfg.errorf("the key that is to be shown does not work: %w", err)
	}
	return psk, nil
}

// noVerdict says what it means that the connection failed between the last message and the verdict.
func (c *call) noVerdict(ctx context.Context, l Link, err error, early bool) error {
	if l.IsRefusal(err) {
		return netlayer.ErrRefused
	}
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return c.unclear(errors.New(l.Explain(err)), early)
	case cause == sockets.ErrSlow || early:
		return c.unclear(cause, early)
	default:
		return c.n.cfg.errorf("dial: %w", cause)
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
func (c *Config) gather(frames [][]byte, limit int) (encoded, first []byte, err error) {
	size := 0
	for _, f := range frames {
		if size += frameHeader + len(f); size > limit {
			return nil, nil, c.errorf("the frames that are to travel with the handshake take more than %d bytes: %w", limit, netlayer.ErrFrameTooLarge)
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
