package sturdyref

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"filippo.io/edwards25519"

	"github.com/hawser-go/hawser/internal/detcbor"
)

// ErrRecord is matched by every error about an identity record that came from a peer.
var ErrRecord = errors.New("sturdyref: not a valid identity record")

// Record is an identity as its owner states it, signed: which Noise key and which signing key belong together, from
// when. A Record at hand has been verified. It is not to be modified.
type Record struct {
	Public
	// NotBefore is when this pair came into use, whole seconds. Of two records for one static key the later counts.
	NotBefore time.Time

	encoded []byte
}

// recordClaim is what is signed: deterministic CBOR, integer keys.
type recordClaim struct {
	Version   uint64   `cbor:"1,keyasint"`
	Static    [32]byte `cbor:"2,keyasint"`
	Signing   [32]byte `cbor:"3,keyasint"`
	NotBefore uint64   `cbor:"4,keyasint"`
}

type signedRecord struct {
	_         struct{} `cbor:",toarray"`
	Claim     []byte
	Signature [64]byte
}

// MaxRecord is the length of the longest encoded record, in bytes.
const MaxRecord = 256

// maxNotBefore is the end of the year 9999, beyond which times cannot be written.
const maxNotBefore = 253402300799

// NewRecord states that the keys of id belong together from notBefore on (cut to whole seconds, no earlier than 1970),
// and signs it. It fails if the identity does not sign as it should.
func NewRecord(id Identity, notBefore time.Time) (*Record, error) {
	pub := id.Public()
	claim, err := detcbor.Marshal(recordClaim{1, pub.Static, pub.Signing, uint64(max(notBefore.Unix(), 0))})
	if err != nil {
		return nil, err
	}
	sig, err := Sign(id, DomainRecord, claim)
	if err != nil {
		return nil, err
	}
	b, err := detcbor.Marshal(signedRecord{Claim: claim, Signature: sig})
	if err != nil {
		return nil, err
	}
	r, err := VerifyRecord(b, pub.Static)
	if err != nil {
		return nil, fmt.Errorf("sturdyref: the identity made a record that does not verify: %w", err)
	}
	return r, nil
}

// VerifyRecord reads and verifies a record that came from the party that has proven, in a handshake, to hold the given
// static key. Both halves are needed: the record says that the signing key claims the static key, the handshake it
// travels in that the static key claims the record. Its error matches ErrRecord.
func VerifyRecord(encoded []byte, proven [32]byte) (*Record, error) {
	bad := func(what string) (*Record, error) { return nil, fmt.Errorf("%w: %s", ErrRecord, what) }
	if len(encoded) > MaxRecord {
		return bad(fmt.Sprintf("%d bytes, at most %d are accepted", len(encoded), MaxRecord))
	}
	var s signedRecord
	if err := detcbor.Unmarshal(encoded, &s); err != nil {
		return bad(err.Error())
	}
	var c recordClaim
	if err := detcbor.Unmarshal(s.Claim, &c); err != nil {
		return bad(err.Error())
	}
	switch {
	case c.Version != 1:
		return bad(fmt.Sprintf("version %d, this program knows version 1", c.Version))
	case c.Static != proven:
		return bad("it is about another static key than the one proven")
	case !CanonicalX25519(c.Static):
		return bad("the static key is not written in the canonical way")
	case c.NotBefore > maxNotBefore:
		return bad("not-before is beyond the year 9999")
	case sameKey(c.Static, c.Signing):
		return bad("one key serves for both agreement and signatures")
	case !Verify(c.Signing, DomainRecord, s.Claim, s.Signature[:]):
		return bad("the signature does not verify")
	}
	return &Record{
		Public:    Public{c.Static, c.Signing},
		NotBefore: time.Unix(int64(c.NotBefore), 0).UTC(),
		encoded:   bytes.Clone(encoded),
	}, nil
}

// Encoded returns the bytes VerifyRecord reads: deterministic CBOR, an array of the claim and its signature.
func (r *Record) Encoded() []byte { return bytes.Clone(r.encoded) }

// sameKey reports whether the X25519 key is the birational image of the Ed25519 key, that is, one key used for both.
func sameKey(static, signing [32]byte) bool {
	p, err := new(edwards25519.Point).SetBytes(signing[:])
	return err == nil && bytes.Equal(p.BytesMontgomery(), static[:])
}
