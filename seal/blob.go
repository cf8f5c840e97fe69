package seal

import (
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/hawser-go/hawser/internal/conceal"
)

// Name names a sealed blob: it is a hash of the ciphertext. It is no secret; who has it alone can keep and serve the blob.
type Name [32]byte

// String spells a name: 52 characters of lower-case base32, without padding.
func (n Name) String() string { return blobEncoding.EncodeToString(n[:]) }

// ParseName reads what String wrote, and nothing else.
func ParseName(s string) (n Name, err error) {
	if !decode(&n, s) {
		return Name{}, errors.New("seal: the name of a blob is 52 characters of lower-case base32 (a-z, 2-7) without padding")
	}
	return n, nil
}

// Blob is the capability to read one sealed blob: its name and its key. To have it is to be able to read the blob wherever it
// lies; nobody can change what it reads. The zero value is none.
type Blob struct {
	p func() *blob // nil for the zero value, see package conceal
}

type blob struct {
	name Name
	key  [keySize]byte
}

// blobScheme is what a capability begins with when it is written.
const blobScheme = "hawser-blob:"

var blobEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// ParseBlob reads what Reveal wrote, and nothing else. Its error does not show what it was given.
func ParseBlob(s string) (Blob, error) {
	b := new(blob)
	rest, ok := strings.CutPrefix(s, blobScheme)
	name, key, dot := strings.Cut(rest, ".")
	if !ok || !dot || !decode(&b.name, name) || !decode((*Name)(&b.key), key) {
		return Blob{}, errors.New("seal: the capability to read a blob is " + blobScheme + "NAME.KEY, each of 52 characters of lower-case base32")
	}
	return Blob{conceal.Secret(b)}, nil
}

func decode(out *Name, s string) bool {
	if len(s) != 52 || strings.ContainsAny(s, "\r\n") {
		return false
	}
	b, err := blobEncoding.DecodeString(s)
	if err != nil || len(b) != len(out) {
		return false
	}
	copy(out[:], b)
	return out.String() == s // unused bits are zeros
}

// IsZero reports whether b is no capability.
func (b Blob) IsZero() bool { return b.p == nil }

// Name returns the name, under which the blob is kept.
func (b Blob) Name() Name {
	if b.p == nil {
		return Name{}
	}
	return b.p().name
}

// Reveal returns the capability as text, which whoever shall read the blob is given: "hawser-blob:", the name, ".", the key.
func (b Blob) Reveal() string {
	if b.p == nil {
		return ""
	}
	return blobScheme + b.p().name.String() + "." + blobEncoding.EncodeToString(b.p().key[:])
}

// String, GoString, Format, LogValue and MarshalText show the name only.
func (b Blob) String() string {
	if b.p == nil {
		return "no blob"
	}
	return "blob " + b.p().name.String()
}
func (b Blob) GoString() string             { return b.String() }
func (b Blob) Format(f fmt.State, _ rune)   { fmt.Fprint(f, b.String()) }
func (b Blob) LogValue() slog.Value         { return slog.StringValue(b.String()) }
func (b Blob) MarshalText() ([]byte, error) { return []byte(b.String()), nil }
