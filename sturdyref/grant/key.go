package grant

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/hawser-go/hawser/sturdyref"
)

// Key is an Ed25519 public key, such as the Signing half of a sturdyref.Public.
type Key [32]byte

var keyEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// String spells the key as 52 characters of lower-case base32.
func (k Key) String() string { return keyEncoding.EncodeToString(k[:]) }

// IsZero reports whether k is no key.
func (k Key) IsZero() bool { return k == Key{} }

// MarshalText returns what String returns.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is ParseKey.
func (k *Key) UnmarshalText(text []byte) (err error) {
	*k, err = ParseKey(string(text))
	return err
}

// ParseKey returns the key that String spelled. It accepts no other spelling, and no key that strict verification
// would refuse (see sturdyref.StrictEd25519).
func ParseKey(text string) (Key, error) {
	b, err := keyEncoding.DecodeString(text)
	if err != nil || len(b) != 32 || keyEncoding.EncodeToString(b) != text {
		return Key{}, errors.New("grant: a key is 52 characters of lower-case base32 (a-z, 2-7) without padding")
	}
	if !sturdyref.StrictEd25519([32]byte(b)) {
		return Key{}, errors.New("grant: this is not the canonical encoding of an Ed25519 key of large order: ask its owner for it again")
	}
	return Key(b), nil
}

// LinkID names one link of a grant, and with it the chain up to there: it is the SHA-256 of "hawser/link/v1" and the
// signed claims, which hold the id of the link before. It does not depend on signatures or envelopes.
type LinkID [32]byte

// String spells the id in hexadecimal.
func (id LinkID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns what String returns.
func (id LinkID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is ParseLinkID.
func (id *LinkID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseLinkID(string(text))
	return err
}

// ParseLinkID returns the id that String spelled.
func ParseLinkID(text string) (id LinkID, err error) {
	err = parseHex(id[:], text, "link id")
	return id, err
}

// ObjectID is the public name of an object towards its home. It tells nobody how to reach it and gives no right to it:
// it is never a swiss number.
type ObjectID [16]byte

// NewObjectID returns a fresh random id.
func NewObjectID() (id ObjectID) {
	rand.Read(id[:]) // never fails: crypto/rand ends the program instead
	return id
}

// String spells the id in hexadecimal.
func (id ObjectID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns what String returns.
func (id ObjectID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is ParseObjectID.
func (id *ObjectID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseObjectID(string(text))
	return err
}

// ParseObjectID returns the id that String spelled.
func ParseObjectID(text string) (id ObjectID, err error) {
	err = parseHex(id[:], text, "object id")
	return id, err
}

// parseHex fills id from text, or leaves it as it is.
func parseHex(id []byte, text, what string) error {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(id) || hex.EncodeToString(b) != text {
		return fmt.Errorf("grant: %s: expected %d lower-case hexadecimal digits", what, 2*len(id))
	}
	copy(id, b)
	return nil
}
