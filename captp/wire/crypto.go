package wire

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/syrup"
)

// The gcrypt s-expressions of keys and signatures, as lists, up to the bytes
// (CapTP Specification, "Cryptography").
const (
	keyHead = "[10'public-key[3'ecc[5'curve7'Ed25519][5'flags5'eddsa][1'q32:"
	keyTail = "]]]"
	sigHead = "[7'sig-val[5'eddsa[1'r32:"
	sigMid  = "][1's32:"
	sigTail = "]]]"
)

func (d Dialect) appendKey(dst []byte, key [32]byte) []byte {
	if d.PlainKeys {
		return syrup.AppendBytes(dst, key[:])
	}
	return append(append(append(dst, keyHead...), key[:]...), keyTail...)
}

func (d Dialect) appendSignature(dst []byte, sig [64]byte) []byte {
	if d.PlainKeys {
		return syrup.AppendBytes(dst, sig[:])
	}
	dst = append(append(dst, sigHead...), sig[:32]...)
	return append(append(append(dst, sigMid...), sig[32:]...), sigTail...)
}

// PublicID returns the public identifier of a session key: SHA-256 twice over
// the encoding of the key.
func (d Dialect) PublicID(key [32]byte) [32]byte {
	return sha256d(d.appendKey(nil, key))
}

// SessionID returns the id of the session between the owners of two public
// identifiers, in either order.
func SessionID(a, b [32]byte) [32]byte {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return sha256d(append(append([]byte("prot0"), a[:]...), b[:]...))
}

func sha256d(b []byte) [32]byte {
	once := sha256.Sum256(b)
	return sha256.Sum256(once[:])
}

// locationToSign returns <my-location location> of an encoded location. The
// record around it keeps the signature from meaning anything elsewhere.
func locationToSign(location []byte) []byte {
	b := append(syrup.AppendLabel(nil, labelMine), location...)
	return append(b, syrup.CloseRecord)
}

// SignHello fills in PublicKey, LocationBytes and Signature of op with key.
func (d Dialect) SignHello(op *msg.StartSession, key ed25519.PrivateKey) error {
	location, err := d.AppendPeer(nil, op.Location)
	if err != nil {
		return err
	}
	op.LocationBytes = location
	op.PublicKey = [32]byte(key.Public().(ed25519.PublicKey))
	op.Signature = [64]byte(ed25519.Sign(key, locationToSign(location)))
	return nil
}

// VerifyHello checks the signature of a peer's op, over <my-location location>
// or, as the draft's text has it, over the location alone. Its error matches
// ErrSignature.
func VerifyHello(op *msg.StartSession) error {
	if verify(op.PublicKey, locationToSign(op.LocationBytes), op.Signature) || verify(op.PublicKey, op.LocationBytes, op.Signature) {
		return nil
	}
	return in("op:start-session", "acceptable-location-sig", ErrSignature)
}

// verify is strict about the key: one of small order would have signed anything.
func verify(key [32]byte, message []byte, sig [64]byte) bool {
	return len(message) > 0 && sturdyref.StrictEd25519(key) && ed25519.Verify(key[:], message, sig[:])
}

// Sign returns an envelope around signed, a *msg.HandoffGive or a
// *msg.HandoffReceive, that key has signed.
func (d Dialect) Sign(signed any, key ed25519.PrivateKey) (*msg.SigEnvelope, error) {
	encoded, err := d.appendSigned(nil, signed)
	if err != nil {
		return nil, err
	}
	return &msg.SigEnvelope{Signed: signed, Encoded: encoded, Signature: [64]byte(ed25519.Sign(key, encoded))}, nil
}

// Verify checks that key has signed what is in the envelope, as it came. Its
// error matches ErrSignature.
func Verify(env *msg.SigEnvelope, key [32]byte) error {
	if env == nil || !verify(key, env.Encoded, env.Signature) {
		return in(labelEnvelope, "signature", ErrSignature)
	}
	return nil
}

const (
	labelEnvelope = "desc:sig-envelope"
	labelGive     = "desc:handoff-give"
	labelReceive  = "desc:handoff-receive"
)

func (d Dialect) appendSigned(dst []byte, signed any) ([]byte, error) {
	switch s := signed.(type) {
	case *msg.HandoffGive:
		dst = d.appendKey(syrup.AppendLabel(dst, labelGive), s.ReceiverKey)
		dst, err := d.AppendPeer(dst, s.Exporter)
		if err != nil {
			return dst, in(labelGive, "exporter-location", err)
		}
		dst = syrup.AppendBytes(syrup.AppendBytes(dst, s.Session[:]), s.GifterSide[:])
		if !isGiftID(s.GiftID) {
			return dst, in(labelGive, "gift-id", fmt.Errorf("%T: want []byte", s.GiftID))
		}
		if dst, err = (&syrup.Encoder{}).Append(dst, s.GiftID); err != nil {
			return dst, in(labelGive, "gift-id", err)
		}
		return append(dst, syrup.CloseRecord), nil
	case *msg.HandoffReceive:
		dst = syrup.AppendBytes(syrup.AppendLabel(dst, labelReceive), s.Session[:])
		dst = syrup.AppendUint(syrup.AppendBytes(dst, s.Side[:]), s.Count)
		if s.Give == nil {
			return dst, in(labelReceive, "signed-give", errors.New("there is none"))
		}
		if _, ok := s.Give.Signed.(*msg.HandoffGive); !ok {
			return dst, in(labelReceive, "signed-give", fmt.Errorf("%T: want *msg.HandoffGive", s.Give.Signed))
		}
		dst, err := d.appendEnvelope(dst, s.Give)
		return append(dst, syrup.CloseRecord), err
	}
	return dst, in(labelEnvelope, "signed", fmt.Errorf("%T: want *msg.HandoffGive or *msg.HandoffReceive", signed))
}

// isGiftID reports whether v can be one: bytes, or what older peers send.
func isGiftID(v any) bool {
	switch v.(type) {
	case []byte, string, int64:
		return true
	}
	return false
}

// appendEnvelope writes what was signed exactly as it was.
func (d Dialect) appendEnvelope(dst []byte, env *msg.SigEnvelope) ([]byte, error) {
	if env == nil || len(env.Encoded) == 0 {
		return dst, in(labelEnvelope, "signed", errors.New("it holds no bytes: make it with Dialect.Sign"))
	}
	dst = append(syrup.AppendLabel(dst, labelEnvelope), env.Encoded...)
	return append(d.appendSignature(dst, env.Signature), syrup.CloseRecord), nil
}

// opaque is what package syrup calls for a protocol value in arguments.
func (e *Encoder) opaque(dst []byte, o passable.Opaque) ([]byte, error) {
	switch o := o.(type) {
	case *msg.SigEnvelope:
		return e.dialect.appendEnvelope(dst, o)
	case msg.SturdyRef:
		return e.dialect.appendSturdyRef(dst, o.Ref)
	case msg.Locator:
		return e.dialect.AppendPeer(dst, o.Peer)
	}
	return dst, fmt.Errorf("a value of type %T has no place on the wire", o)
}

func (e *Encoder) startSession(dst []byte, op *msg.StartSession) ([]byte, error) {
	const label = "op:start-session"
	dst = syrup.AppendString(syrup.AppendLabel(dst, label), validText(op.Version))
	dst = e.dialect.appendKey(dst, op.PublicKey)
	if op.LocationBytes != nil {
		dst = append(dst, op.LocationBytes...)
	} else {
		var err error
		if dst, err = e.dialect.AppendPeer(dst, op.Location); err != nil {
			return dst, in(label, "acceptable-location", err)
		}
	}
	return append(e.dialect.appendSignature(dst, op.Signature), syrup.CloseRecord), nil
}
