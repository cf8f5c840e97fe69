package album

import (
	"fmt"
	"log/slog"

	"github.com/hawser-go/hawser/seal"
)

// A Key names a sealed photo and opens it: the text of a seal.Blob. It crosses to readers as text, and does not print.
type Key string

// KeyOf returns the key of a sealed photo.
func KeyOf(b seal.Blob) Key { return Key(b.Reveal()) }

// Blob returns the capability that the key is.
func (k Key) Blob() (seal.Blob, error) { return seal.ParseBlob(string(k)) }

// Name returns the name of the sealed photo, zero if k is no key.
func (k Key) Name() seal.Name {
	b, err := k.Blob()
	if err != nil {
		return seal.Name{}
	}
	return b.Name()
}

// String, GoString, Format, LogValue and MarshalText show the name only.
func (k Key) String() string               { return "photo " + k.Name().String() }
func (k Key) GoString() string             { return k.String() }
func (k Key) Format(f fmt.State, _ rune)   { fmt.Fprint(f, k.String()) }
func (k Key) LogValue() slog.Value         { return slog.StringValue(k.String()) }
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
