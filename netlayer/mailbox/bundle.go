package mailbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/sturdyref"
)

// MaxBundle is the length of the longest encoded bundle, in bytes.
const MaxBundle = 320

// maxHeld is how many prekeys a node holds at once.
const maxHeld = 8

// domainPrekey is that of the signature under a bundle.
const domainPrekey sturdyref.Domain = "hawser/prekey/1"

// PrekeyID names a prekey: the first 8 bytes of a hash of its public half.
type PrekeyID [8]byte

// String returns the id in hexadecimal.
func (id PrekeyID) String() string { return hex.EncodeToString(id[:]) }

func prekeyID(public [32]byte) PrekeyID {
	h := sha256.Sum256(append([]byte(domainPrekey+"\x00"), public[:]...))
	return PrekeyID(h[:8])
}

// Bundle is a prekey as its owner states it, signed: to what letters may be sealed, and until when. A Bundle at hand has been
// verified. It is not to be modified.
type Bundle struct {
	// Owner is the static key of whose prekey it is.
	Owner [32]byte
	// Prekey is the X25519 public key.
	Prekey [32]byte
	// NotBefore is when it came into use; of two bundles of one owner the later counts.
	NotBefore time.Time
	// Retires is when the private half is destroyed: a letter must have come by then.
	Retires time.Time
	// Held are the prekeys whose private halves the owner has, this one among them. What is sealed to another one is lost.
	Held []PrekeyID

	encoded []byte
}

type bundleClaim struct {
	Version   uint64     `cbor:"1,keyasint"`
	Owner     [32]byte   `cbor:"2,keyasint"`
	Prekey    [32]byte   `cbor:"3,keyasint"`
	NotBefore uint64     `cbor:"4,keyasint"`
	Retires   uint64     `cbor:"5,keyasint"`
	Held      []PrekeyID `cbor:"6,keyasint"`
}

type signedClaim struct {
	_         struct{} `cbor:",toarray"`
	Claim     []byte
	Signature [64]byte
}

// newBundle signs a bundle.
func newBundle(id sturdyref.Identity, prekey [32]byte, notBefore, retires time.Time, held []PrekeyID) (*Bundle, error) {
	pub := id.Public()
	claim, err := detcbor.Marshal(bundleClaim{1, pub.Static, prekey, seconds(notBefore), seconds(retires), held})
	if err != nil {
		return nil, err
	}
	sig, err := sturdyref.Sign(id, domainPrekey, claim)
	if err != nil {
		return nil, err
	}
	b, err := detcbor.Marshal(signedClaim{Claim: claim, Signature: sig})
	if err != nil {
		return nil, err
	}
	return VerifyBundle(b, pub)
}

// VerifyBundle reads a bundle that says it is of owner and verifies it. Its error matches ErrMalformed.
func VerifyBundle(encoded []byte, owner sturdyref.Public) (*Bundle, error) {
	bad := func(what string) (*Bundle, error) {
		return nil, fmt.Errorf("%w: a bundle of prekeys: %s", ErrMalformed, what)
	}
	if len(encoded) > MaxBundle {
		return bad(fmt.Sprintf("%d bytes, at most %d are accepted", len(encoded), MaxBundle))
	}
	var s signedClaim
	if err := detcbor.Unmarshal(encoded, &s); err != nil {
		return bad(err.Error())
	}
	var c bundleClaim
	if err := detcbor.Unmarshal(s.Claim, &c); err != nil {
		return bad(err.Error())
	}
	switch {
	case c.Version != 1:
		return bad(fmt.Sprintf("version %d, this program knows version 1", c.Version))
	case c.Owner != owner.Static:
		return bad("it is of somebody else")
	case c.NotBefore > maxTime || c.Retires > maxTime || c.Retires <= c.NotBefore:
		return bad("its times are beyond the year 9999, or it retires before it begins")
	case !sturdyref.CanonicalX25519(c.Prekey):
		return bad("the prekey is not written in the canonical way")
	case len(c.Held) > maxHeld || !slices.Contains(c.Held, prekeyID(c.Prekey)):
		return bad("the prekey is not among those held, or these are too many")
	case !sturdyref.Verify(owner.Signing, domainPrekey, s.Claim, s.Signature[:]):
		return bad("the signature does not verify")
	}
	return &Bundle{
		Owner: c.Owner, Prekey: c.Prekey, NotBefore: timeOf(c.NotBefore), Retires: timeOf(c.Retires), Held: c.Held,
		encoded: bytes.Clone(encoded),
	}, nil
}

// ID returns the name of the prekey.
func (b *Bundle) ID() PrekeyID { return prekeyID(b.Prekey) }

// Encoded returns the bytes VerifyBundle reads.
func (b *Bundle) Encoded() []byte { return bytes.Clone(b.encoded) }

// maxTime is the end of the year 9999, beyond which times cannot be written.
const maxTime = 253402300799

// seconds is a time as it is written: whole seconds since 1970, none before.
func seconds(t time.Time) uint64 { return uint64(max(t.Unix(), 0)) }

func timeOf(s uint64) time.Time { return time.Unix(int64(s), 0).UTC() }
