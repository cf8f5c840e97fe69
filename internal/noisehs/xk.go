package noisehs

import "github.com/flynn/noise"

// What the messages of Noise_XKpsk3_25519_ChaChaPoly_SHA256 hold beside their payloads, in bytes.
const (
	XKOverhead1 = keySize + tagSize           // e
	XKOverhead2 = keySize + tagSize           // e
	XKOverhead3 = keySize + tagSize + tagSize // encrypted s
)

// XKDialler is the initiator of one Noise_XKpsk3_25519_ChaChaPoly_SHA256 handshake. Its methods are called once each, in
// the order in which they stand here; after an error it is useless.
type XKDialler struct{ core *core }

// NewXKDialler begins a handshake with the acceptor that has the given static key.
func NewXKDialler(c Config, acceptor [32]byte) (*XKDialler, error) {
	co, err := newCore(c, noise.HandshakeXK, true, true, acceptor[:])
	if err != nil {
		return nil, err
	}
	return &XKDialler{co}, nil
}

// Message1 returns the first message. Its payload is encrypted to the acceptor's static key; it can be replayed, and
// read by who steals that key later.
func (d *XKDialler) Message1(payload []byte) ([]byte, error) {
	m, _, err := d.core.write(0, XKOverhead1, nil, payload)
	return m, err
}

// ReadMessage2 takes the acceptor's answer, which proves that the acceptor has its static key and saw this prologue, and
// returns its payload.
func (d *XKDialler) ReadMessage2(message []byte) (payload []byte, err error) {
	payload, _, err = d.core.read(1, XKOverhead2, nil, message)
	return payload, err
}

// Hash returns the handshake hash, to be asked for between the second message and the third.
func (d *XKDialler) Hash() [32]byte { return d.core.hash() }

// AcceptorEphemeral returns the acceptor's ephemeral public key, between the second message and the third.
func (d *XKDialler) AcceptorEphemeral() [32]byte { return d.core.peerEphemeral() }

// Message3 returns the last message, which shows the local static key to the acceptor alone and whose payload only an
// acceptor with the same pre-shared key can read, and the ciphers of what follows. The key is passed by its address, and
// not kept, because a stack trace shows the arguments of functions.
func (d *XKDialler) Message3(psk *[32]byte, payload []byte) ([]byte, *Transport, error) {
	return d.core.write(2, XKOverhead3, present(psk), payload)
}

// present makes of a key that is missing one that is refused: without any the handshake would go on without a secret.
func present(psk *[32]byte) *[32]byte {
	if psk == nil {
		return new([32]byte)
	}
	return psk
}

// XKAcceptor is the responder of one Noise_XKpsk3_25519_ChaChaPoly_SHA256 handshake. Its methods are called once each, in
// the order in which they stand here; after an error it is useless.
type XKAcceptor struct{ core *core }

// NewXKAcceptor begins a handshake with whoever dialled.
func NewXKAcceptor(c Config) (*XKAcceptor, error) {
	co, err := newCore(c, noise.HandshakeXK, true, false, nil)
	if err != nil {
		return nil, err
	}
	return &XKAcceptor{co}, nil
}

// ReadMessage1 takes the first message and returns its payload, sent by nobody knows whom.
func (a *XKAcceptor) ReadMessage1(message []byte) (payload []byte, err error) {
	payload, _, err = a.core.read(0, XKOverhead1, nil, message)
	return payload, err
}

// Message2 returns the answer. Its payload can be read by who sent the first message, whoever that is.
func (a *XKAcceptor) Message2(payload []byte) ([]byte, error) {
	m, _, err := a.core.write(1, XKOverhead2, nil, payload)
	return m, err
}

// Hash returns the handshake hash, to be asked for between the second message and the third.
func (a *XKAcceptor) Hash() [32]byte { return a.core.hash() }

// EphemeralECDH returns the X25519 shared secret of the local ephemeral key and public, between the second message and
// the third.
func (a *XKAcceptor) EphemeralECDH(public [32]byte) ([32]byte, error) {
	return a.core.ephemeralECDH(public)
}

// ReadMessage3 takes the last message, which proves that the dialler has the static key it shows and the pre-shared key,
// and returns its payload, that static key and the ciphers of what follows. For an unknown secret the caller gives a
// random pre-shared key, so that the refusal looks the same.
func (a *XKAcceptor) ReadMessage3(psk *[32]byte, message []byte) (payload []byte, dialler [32]byte, t *Transport, err error) {
	payload, t, err = a.core.read(2, XKOverhead3, present(psk), message)
	if err != nil {
		return nil, dialler, nil, err
	}
	return payload, a.core.peerStatic(), t, nil
}
