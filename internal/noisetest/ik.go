package noisetest

import (
	"crypto/ecdh"
	"encoding/binary"
)

// IK is one side of Noise_IK_25519_ChaChaPoly_SHA256, the handshake that resumes. After its two messages Ciphers are those
// of the confirmation and the verdict and of what follows.
type IK struct{ Noise }

// NewIK begins a handshake with the static key s and the ephemeral key e, of the dialler and of the acceptor alike, whose
// public static key is given too.
func NewIK(s, e *ecdh.PrivateKey, acceptor, prologue []byte) *IK {
	name := []byte("Noise_IK_25519_ChaChaPoly_SHA256") // of the length of a hash
	x := &IK{Noise{S: s, e: e, rs: acceptor, H: name, ck: name}}
	x.mixHash(prologue)
	x.mixHash(acceptor)
	return x
}

// Write1 and the methods like it make a message, Read1 and those like it take one and return its payload.
func (x *IK) Write1(payload []byte) []byte { return x.Write1As(x.S.PublicKey().Bytes(), payload) }

// Write1As makes a message that shows a static key which may be another's.
func (x *IK) Write1As(static, payload []byte) []byte {
	e := x.e.PublicKey().Bytes()
	x.mixHash(e)
	x.MixKey(DH(x.e, x.rs))
	s := x.Seal(static)
	x.MixKey(DH(x.S, x.rs))
	return Join(e, s, x.Seal(payload))
}

func (x *IK) Read1(m []byte) (static, payload []byte, err error) {
	x.RE = m[:32]
	x.mixHash(x.RE)
	x.MixKey(DH(x.S, x.RE))
	if static, err = x.Open(m[32:80]); err != nil {
		return nil, nil, err
	}
	x.rs = static
	x.MixKey(DH(x.S, static))
	payload, err = x.Open(m[80:])
	return static, payload, err
}

func (x *IK) Write2(payload []byte) []byte {
	e := x.e.PublicKey().Bytes()
	x.mixHash(e)
	x.MixKey(DH(x.e, x.RE))
	x.MixKey(DH(x.e, x.rs))
	return Join(e, x.Seal(payload))
}

func (x *IK) Read2(m []byte) ([]byte, error) {
	x.RE = m[:32]
	x.mixHash(x.RE)
	x.MixKey(DH(x.e, x.RE))
	x.MixKey(DH(x.S, x.RE))
	return x.Open(m[32:])
}

// Said is what one side says of what is resumed.
func Said(b []byte) []byte {
	return Join(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b, make([]byte, 256-len(b)))
}

// Confirm is the payload of a confirmation.
func Confirm(said []byte, features ...string) []byte { return Join(Said(said), Features(features...)) }

// Resumed is the verdict that admits who resumes.
func Resumed(said []byte) []byte { return Join([]byte{4}, Said(said)) }

// IsSaid reports whether b is what one side says of what is resumed, and nothing else.
func IsSaid(b []byte) bool {
	if len(b) != 258 {
		return false
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > 256 {
		return false
	}
	for _, pad := range b[2+n:] {
		if pad != 0 {
			return false
		}
	}
	return true
}

// IsConfirm reports whether b is the payload of a confirmation.
func IsConfirm(b []byte) bool { return len(b) > 258 && IsSaid(b[:258]) && IsFeatures(b[258:]) }
