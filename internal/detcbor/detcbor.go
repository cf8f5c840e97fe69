// Package detcbor is the one place where CBOR is configured: core deterministic encoding (RFC 8949, 4.2.1) out, and
// in only what that encoding would have produced.
//
// Whatever is stored or signed goes through it. A decoder that accepts two encodings of one value lets an attacker
// change bytes without changing meaning, so every input is decoded, encoded again and compared.
package detcbor

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

// ErrInvalid is matched by every error about input: not CBOR, not deterministic, or over a limit.
var ErrInvalid = errors.New("detcbor: not deterministic CBOR of the expected form")

// Limits bound what a Codec decodes. Zero means the default.
type Limits struct {
	// Bytes is the length of the longest input accepted; 64 KiB by default.
	Bytes int
	// Depth is how deep arrays and maps may nest, at least 4; 8 by default.
	Depth int
	// Elements is how many elements an array, or pairs a map, may have, at least 16; 1024 by default.
	Elements int
	// Tags are the only tags known: values of a type are always written with its tag and never read without it. Nil
	// forbids all.
	Tags map[uint64]reflect.Type
}

// Codec encodes and decodes under fixed limits. It is immutable and safe for concurrent use.
type Codec struct {
	enc   cbor.EncMode
	dec   cbor.DecMode
	bytes int
	tags  map[uint64]reflect.Type
}

// New returns a Codec with the given limits, or an error that names the limit out of range.
func New(l Limits) (*Codec, error) {
	if l.Bytes == 0 {
		l.Bytes = 64 << 10
	}
	if l.Depth == 0 {
		l.Depth = 8
	}
	if l.Elements == 0 {
		l.Elements = 1024
	}
	if l.Bytes < 0 {
		return nil, fmt.Errorf("detcbor: Limits.Bytes is %d, expected a positive number or 0 for the default", l.Bytes)
	}
	eo := cbor.CoreDetEncOptions()
	// A nil and an empty slice are one value, so null and an empty array cannot both stand for it.
	eo.NilContainers = cbor.NilContainerAsEmpty
	do := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		MaxNestedLevels:   l.Depth,
		MaxArrayElements:  l.Elements,
		MaxMapPairs:       l.Elements,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		UTF8:              cbor.UTF8RejectInvalid,
	}
	c := &Codec{bytes: l.Bytes, tags: maps.Clone(l.Tags)}
	var err error
	if l.Tags == nil {
		eo.TagsMd, do.TagsMd = cbor.TagsForbidden, cbor.TagsForbidden
		if c.enc, err = eo.EncMode(); err != nil {
			return nil, fmt.Errorf("detcbor: %w", err)
		}
		if c.dec, err = do.DecMode(); err != nil {
			return nil, fmt.Errorf("detcbor: %w", err)
		}
		return c, nil
	}
	tags := cbor.NewTagSet()
	required := cbor.TagOptions{EncTag: cbor.EncTagRequired, DecTag: cbor.DecTagRequired}
	for number, typ := range l.Tags {
		if err := tags.Add(required, typ, number); err != nil {
			return nil, fmt.Errorf("detcbor: Limits.Tags: %w", err)
		}
	}
	if c.enc, err = eo.EncModeWithTags(tags); err != nil {
		return nil, fmt.Errorf("detcbor: %w", err)
	}
	if c.dec, err = do.DecModeWithTags(tags); err != nil {
		return nil, fmt.Errorf("detcbor: %w", err)
	}
	return c, nil
}

// standard has the default limits, which New accepts.
var standard = func() *Codec {
	c, err := New(Limits{})
	if err != nil {
		panic(err)
	}
	return c
}()

// Marshal encodes v with the default limits; see [Codec.Marshal].
func Marshal(v any) ([]byte, error) { return standard.Marshal(v) }

// Unmarshal decodes b into v with the default limits; see [Codec.Unmarshal].
func Unmarshal(b []byte, v any) error { return standard.Unmarshal(b, v) }

// Marshal returns the one encoding of v. Struct fields follow the tags of github.com/fxamacker/cbor; maps are sorted,
// numbers are as short as they can be, nil slices and maps are empty ones. It does not check the limits.
func (c *Codec) Marshal(v any) ([]byte, error) {
	b, err := c.enc.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("detcbor: encode %T: %w", v, err)
	}
	return b, nil
}

// Unmarshal decodes b into v, a pointer to a fresh value. It refuses, with an error that matches ErrInvalid, whatever
// Marshal would not have written for the value decoded: duplicate and unknown fields, unsorted maps, long forms of
// numbers, indefinite lengths, tags that are not asked for, bytes after the end; and input over a limit. After an
// error v is not to be used.
func (c *Codec) Unmarshal(b []byte, v any) error {
	if len(b) > c.bytes {
		return fmt.Errorf("%w: %d bytes, at most %d are accepted", ErrInvalid, len(b), c.bytes)
	}
	if err := c.dec.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	again, err := c.enc.Marshal(v)
	if err != nil {
		return fmt.Errorf("%w: what was decoded cannot be encoded: %w", ErrInvalid, err)
	}
	if !bytes.Equal(again, b) {
		return fmt.Errorf("%w: the same value has another, canonical encoding", ErrInvalid)
	}
	if c.tags != nil {
		return c.checkTags(b)
	}
	return nil
}

// checkTags refuses tags that are not in the set: decoding into an interface lets them pass. It walks the heads of b,
// which is known to be well formed and of definite lengths.
func (c *Codec) checkTags(b []byte) error {
	for len(b) > 0 {
		major, arg, size := b[0]>>5, uint64(b[0]&31), 1
		if arg >= 24 {
			size = 1 + 1<<(arg-24)
			arg = 0
			for _, x := range b[1:size] {
				arg = arg<<8 | uint64(x)
			}
		}
		b = b[size:]
		switch major {
		case 2, 3: // byte and text strings
			b = b[arg:]
		case 6:
			if _, ok := c.tags[arg]; !ok {
				return fmt.Errorf("%w: tag %d is not expected", ErrInvalid, arg)
			}
		}
	}
	return nil
}
