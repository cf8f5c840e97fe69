package sturdyref

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"strings"
)

// Transport is the transport name of the netlayers whose designators are Noise keys (noisequic, noisetcp).
const Transport = "hawser"

// ErrDesignator is matched by errors about designators of the transport "hawser".
var ErrDesignator = errors.New("sturdyref: a hawser designator is an X25519 public key as 52 characters of lower-case base32 (a-z, 2-7) without padding")

var designatorEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Designator spells an X25519 public key, as the transport "hawser" does: base32, lower-case, no padding.
func Designator(static [32]byte) string { return designatorEncoding.EncodeToString(static[:]) }

// DesignatorKey returns the key that a designator of the transport "hawser" spells. It accepts what Designator
// writes and nothing else, and only keys that are written in the one canonical way. Its error matches ErrDesignator.
func DesignatorKey(designator string) (static [32]byte, err error) {
	if len(designator) != 52 || strings.ContainsAny(designator, "\r\n") {
		return static, ErrDesignator
	}
	b, err := designatorEncoding.DecodeString(designator)
	if err != nil || len(b) != 32 || designatorEncoding.EncodeToString(b) != designator {
		return static, ErrDesignator
	}
	if !CanonicalX25519([32]byte(b)) {
		return static, ErrDesignator
	}
	return [32]byte(b), nil
}

// CanonicalX25519 reports whether a public key is written in the one canonical way, as a number below 2^255-19. Other
// spellings of the same key work in X25519 but would be another name for the same party.
func CanonicalX25519(public [32]byte) bool {
	w := func(i int) uint64 { return binary.LittleEndian.Uint64(public[8*i:]) }
	const ones = ^uint64(0)
	if w(3) != ones>>1 {
		return w(3) < ones>>1
	}
	return w(2) != ones || w(1) != ones || w(0) < ones-18
}
