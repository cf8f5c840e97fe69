package noisehs

import "github.com/flynn/noise"

// What the messages of Noise_IK_25519_ChaChaPoly_SHA256 hold beside their payloads, in bytes.
const (
	IKOverhead1 = keySize + keySize + tagSize + tagSize // e, encrypted s
	IKOverhead2 = keySize + tagSize                     // e
)

// IKDialler is the initiator of one Noise_IK_25519_ChaChaPoly_SHA256 handshake with a confirmation. Its methods are called
// once each, in the order in which they stand here; after an error it is useless.
type IKDialler struct{ core *core }

// NewIKDialler begins a handshake with the acceptor that has the given static key.
func NewIKDialler(c Config, acceptor [32]byte) (*IKDialler, error) {
	co, err := newCore(c, noise.HandshakeIK, false, true, acceptor[:])
	if err != nil {
		return nil, err
	}
	return &IKDialler{co}, nil
}

// Message1 returns the first message. It shows the local static key, and its payload, to the acceptor, and to who steals
// the acceptor's key later; it can be replayed.
func (d *IKDialler) Message1(payload []byte) ([]byte, error) {
	m, _, err := d.core.write(0, IKOverhead1, nil, payload)
	return m, err
}

// ReadMessage2 takes the acceptor's answer, which proves that the acceptor has its static key and saw this prologue, and
// returns its payload.
func (d *IKDialler) ReadMessage2(message []byte) (payload []byte, err error) {
	payload, _, err = d.core.read(1, IKOverhead2, nil, message)
	return payload, err
}

// Confirm returns the confirmation, a transport message, and the ciphers of what follows it. Only the acceptor can read
// its payload, and now only; it proves to the acceptor that the local static key takes part.
func (d *IKDialler) Confirm(payload []byte) ([]byte, *Transport, error) {
	return d.core.confirm(2, func(t *Transport) ([]byte, error) { return t.Seal(payload) })
}

// IKAcceptor is the responder of one Noise_IK_25519_ChaChaPoly_SHA256 handshake with a confirmation. Its methods are called
// once each, in the order in which they stand here; after an error it is useless.
//
// The first message may be one that was recorded, or be made by who has stolen the acceptor's own static key. So who dials,
// and the ciphers, are had from ReadConfirm only.
type IKAcceptor struct{ core *core }

// NewIKAcceptor begins a handshake with whoever dialled.
func NewIKAcceptor(c Config) (*IKAcceptor, error) {
	co, err := newCore(c, noise.HandshakeIK, false, false, nil)
	if err != nil {
		return nil, err
	}
	return &IKAcceptor{co}, nil
}

// ReadMessage1 takes the first message and returns its payload, sent by nobody knows whom, nor when.
func (a *IKAcceptor) ReadMessage1(message []byte) (payload []byte, err error) {
	payload, _, err = a.core.read(0, IKOverhead1, nil, message)
	return payload, err
}

// Message2 returns the answer. Only who has made the first message, and has the static key shown there, can read its
// payload.
func (a *IKAcceptor) Message2(payload []byte) ([]byte, error) {
	m, _, err := a.core.write(1, IKOverhead2, nil, payload)
	return m, err
}

// ReadConfirm takes the confirmation, which proves that the dialler has the static key it has shown and takes part now, and
// returns its payload, that static key and the ciphers of what follows.
func (a *IKAcceptor) ReadConfirm(message []byte) (payload []byte, dialler [32]byte, t *Transport, err error) {
	payload, t, err = a.core.confirm(2, func(t *Transport) ([]byte, error) { return t.Open(message) })
	if err != nil {
		return nil, dialler, nil, err
	}
	return payload, a.core.peerStatic(), t, nil
}
