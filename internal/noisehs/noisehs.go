// Package noisehs runs Noise handshakes (Noise protocol framework, revision 34) so that they cannot be held wrongly.
// It is the only user of github.com/flynn/noise in this module.
//
// That library leaves to its caller what is easy to forget: a pre-shared key that was never set is mixed in as an empty
// one, some errors leave a state that goes on, lengths are not checked everywhere, nothing is locked. Here a pre-shared
// key is an argument of the step that needs it, a handshake is over after its first error, each step checks its turn and
// its lengths, and private keys are reached through a function, so that they may live elsewhere.
//
// There is one type for each interactive pattern and role ([XKDialler], [XKAcceptor], [IKDialler], [IKAcceptor]), and a pair of
// functions for each that has one message ([SealN], [SealK], [SealX], [SealXpsk1]); all rest on the same unexported core.
package noisehs

import (
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/flynn/noise"
)

// MaxMessage is the length of the longest Noise message, in bytes.
const MaxMessage = noise.MaxMsgLen

const (
	keySize = 32
	tagSize = 16
)

// ErrHandshake is matched by every error a peer can cause: a message that is too short, too long, forged, made with
// another key, or with a public key of low order. It says no more, since a peer would learn it.
var ErrHandshake = errors.New("noisehs: the handshake failed")

// ErrMisuse is matched by errors the caller causes: a step out of turn, a payload that is too long, no pre-shared key.
var ErrMisuse = errors.New("noisehs: misuse")

// Static is the private static key of one side.
type Static struct {
	// Public is the public half.
	Public [32]byte
	// ECDH returns the X25519 shared secret of the private key and peer, or an error for a peer of low order.
	ECDH func(peer [32]byte) ([32]byte, error)
}

// Config is what both roles of every pattern need.
type Config struct {
	// Static is the local static key.
	Static Static
	// Prologue is what both sides must agree on beforehand.
	Prologue []byte
	// Random makes the ephemeral key; nil means crypto/rand. Anything else is for test vectors.
	Random io.Reader
}

// core is one handshake. Its methods hold the lock; after an error of any kind it is dead.
type core struct {
	mu   sync.Mutex
	lk   *noise.HandshakeState // nil once dead
	keys *keys
	step int
	over *Transport // after the last message of the pattern
}

// noise returns what a handshake of the pattern is made of, but for pre-shared keys, and where its private keys are.
func (c *Config) noise(pattern noise.HandshakePattern, initiator bool, peer []byte) (*keys, noise.Config) {
	k := &keys{static: c.Static.ECDH}
	nc := noise.Config{
		CipherSuite: noise.NewCipherSuite(k, noise.CipherChaChaPoly, noise.HashSHA256),
		Random:      c.Random,
		Pattern:     pattern,
		Initiator:   initiator,
		Prologue:    c.Prologue,
		PeerStatic:  peer,
	}
	if nc.Random == nil {
		nc.Random = rand.Reader
	}
	if c.Static.ECDH != nil {
		nc.StaticKeypair = noise.DHKey{Private: []byte{useStatic}, Public: c.Static.Public[:]}
	}
	return k, nc
}

func newCore(c Config, pattern noise.HandshakePattern, psk3, initiator bool, peer []byte) (*core, error) {
	if err := c.present(); err != nil {
		return nil, err
	}
	k, nc := c.noise(pattern, initiator, peer)
	if psk3 {
		// A placement of 2 or more adds the token although the key itself comes later.
		nc.PresharedKeyPlacement = 3
	}
	hs, err := noise.NewHandshakeState(nc)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMisuse, err)
	}
	return &core{lk: hs, keys: k}, nil
}

// write makes message number step. overhead is what the message holds beside the payload. Transport is returned with
// the last message.
func (c *core) write(step, overhead int, psk *[32]byte, payload []byte) ([]byte, *Transport, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ready(step, psk); err != nil {
		return nil, nil, err
	}
	if len(payload) > MaxMessage-overhead {
		return nil, nil, c.dead(fmt.Errorf("%w: the payload of message %d has %d bytes, at most %d fit", ErrMisuse, step, len(payload), MaxMessage-overhead))
	}
	out, cs1, cs2, err := c.lk.WriteMessage(make([]byte, 0, overhead+len(payload)), payload)
	if err != nil {
		return nil, nil, c.dead(ErrHandshake)
	}
	if len(out) != overhead+len(payload) {
		return nil, nil, c.dead(fmt.Errorf("%w: message %d has %d bytes beside its payload, expected %d", ErrMisuse, step, len(out)-len(payload), overhead))
	}
	c.step++
	return out, c.finish(cs1, cs2, true), nil
}

// read takes message number step.
func (c *core) read(step, overhead int, psk *[32]byte, message []byte) ([]byte, *Transport, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ready(step, psk); err != nil {
		return nil, nil, err
	}
	if len(message) < overhead || len(message) > MaxMessage {
		return nil, nil, c.dead(ErrHandshake)
	}
	payload, cs1, cs2, err := c.lk.ReadMessage(make([]byte, 0, len(message)-overhead), message)
	if err != nil {
		return nil, nil, c.dead(ErrHandshake)
	}
	c.step++
	return payload, c.finish(cs1, cs2, false), nil
}

func (c *core) ready(step int, psk *[32]byte) error {
	if c.lk == nil {
		return fmt.Errorf("%w: the handshake is over, each attempt needs a new one", ErrMisuse)
	}
	if c.step != step {
		return c.dead(fmt.Errorf("%w: message %d is out of turn, it is the turn of message %d", ErrMisuse, step, c.step))
	}
	if psk == nil {
		return nil
	}
	if *psk == ([32]byte{}) {
		return c.dead(fmt.Errorf("%w: the pre-shared key is all zeros, as one that was never set is", ErrMisuse))
	}
	if err := c.lk.SetPresharedKey(psk[:]); err != nil {
		return c.dead(fmt.Errorf("%w: %w", ErrMisuse, err))
	}
	return nil
}

// dead ends the handshake: no error leaves a state that could be tried again.
func (c *core) dead(err error) error {
	c.lk, c.over = nil, nil
	return err
}

// finish returns the transport after the last message. cs1 is the cipher of what the initiator sends; the last message
// of a pattern with an odd number of messages is written by the initiator.
func (c *core) finish(cs1, cs2 *noise.CipherState, wroteLast bool) *Transport {
	if cs1 == nil {
		return nil
	}
	if initiator := wroteLast == (c.step%2 == 1); !initiator {
		cs1, cs2 = cs2, cs1
	}
	c.over = &Transport{seal: cs1, open: cs2}
	return c.over
}

// confirm makes or takes, by use, message number step: the first transport message, when the pattern is through.
func (c *core) confirm(step int, use func(*Transport) ([]byte, error)) ([]byte, *Transport, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ready(step, nil); err != nil {
		return nil, nil, err
	}
	b, err := use(c.over)
	if err != nil {
		return nil, nil, c.dead(err)
	}
	c.step++
	return b, c.over, nil
}

// hash returns the handshake hash after the messages so far.
func (c *core) hash() (h [32]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lk != nil {
		copy(h[:], c.lk.ChannelBinding())
	}
	return h
}

func (c *core) peerStatic() (out [32]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lk != nil {
		copy(out[:], c.lk.PeerStatic())
	}
	return out
}

func (c *core) peerEphemeral() (out [32]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lk != nil {
		copy(out[:], c.lk.PeerEphemeral())
	}
	return out
}

// ephemeralECDH does a Diffie-Hellman with the local ephemeral key.
func (c *core) ephemeralECDH(public [32]byte) (out [32]byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lk == nil || c.keys.ephemeral == nil {
		return out, fmt.Errorf("%w: there is no ephemeral key", ErrMisuse)
	}
	return x25519(c.keys.ephemeral, public[:])
}

// Which private key a noise.DHKey stands for.
const (
	useStatic    byte = 's'
	useEphemeral byte = 'e'
)

// keys does the Diffie-Hellman of one handshake through crypto/ecdh, on keys that are parsed once: half the cost of the
// library's own, which computes the public key again each time.
type keys struct {
	static    func([32]byte) ([32]byte, error)
	ephemeral *ecdh.PrivateKey
}

func (k *keys) GenerateKeypair(random io.Reader) (noise.DHKey, error) {
	var b [keySize]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return noise.DHKey{}, err
	}
	e, err := ecdh.X25519().NewPrivateKey(b[:])
	if err != nil {
		return noise.DHKey{}, err
	}
	k.ephemeral = e
	return noise.DHKey{Private: []byte{useEphemeral}, Public: e.PublicKey().Bytes()}, nil
}

func (k *keys) DH(private, public []byte) ([]byte, error) {
	var out [32]byte
	var err error
	switch private[0] {
	case useStatic:
		out, err = k.static([32]byte(public))
	case useEphemeral:
		out, err = x25519(k.ephemeral, public)
	}
	if err != nil {
		return nil, err
	}
	if out == ([32]byte{}) {
		return nil, ErrHandshake // a static key elsewhere that does not check for points of low order
	}
	return out[:], nil
}

func (k *keys) DHLen() int     { return keySize }
func (k *keys) DHName() string { return "25519" }

func x25519(private *ecdh.PrivateKey, public []byte) (out [32]byte, err error) {
	p, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return out, err
	}
	secret, err := private.ECDH(p)
	if err != nil {
		return out, err
	}
	return [32]byte(secret), nil
}
