package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/sturdyref"
)

// label is what a sealed file begins with, the version of the format at its end.
const label = "hawser/seal/1"

// Noise patterns, as a file names them.
const (
	anonymous = 'N'
	known     = 'K'
	shown     = 'X'
)

// MaxReaders is how many readers one file may have. Where there are more they are given a [ReadKey] to have together.
const MaxReaders = 64

const (
	keySize    = 32
	fixedSize  = len(label) + 2 // the label, the pattern, and how many boxes there are
	commitSize = 32
)

// boxSize is the length of the key of the body as it is sealed to one reader.
func boxSize(pattern byte) int {
	switch pattern {
	case known:
		return noisehs.KOverhead + keySize
	case shown:
		return noisehs.XOverhead + keySize + keySize // with the author's signing key
	}
	return noisehs.NOverhead + keySize
}

// headerSize returns the length of the header that begins with the given bytes, of which there are fixedSize.
func headerSize(begins []byte) (int, error) {
	pattern, count := begins[len(label)], int(begins[len(label)+1])
	switch {
	case string(begins[:len(label)]) != label:
		return 0, ErrMalformed
	case pattern != anonymous && pattern != known && pattern != shown:
		return 0, fmt.Errorf("%w: there is no way of sealing named %q", ErrMalformed, pattern)
	case count == 0 || count > MaxReaders:
		return 0, fmt.Errorf("%w: it has %d readers, expected from 1 to %d", ErrMalformed, count, MaxReaders)
	}
	return fixedSize + count*boxSize(pattern) + commitSize, nil
}

// prologue is that of the boxes of files with this pattern.
func prologue(pattern byte) []byte { return append([]byte(label), 0, pattern) }

// static is a key as Noise wants it.
func static(k Key) noisehs.Static {
	return noisehs.Static{Public: k.Public().Static, ECDH: k.ECDH}
}

// header makes the header of a file whose key is given, and returns it with what makes the chunks.
func (s *Sealer) header(key *[keySize]byte) ([]byte, *body, error) {
	if len(s.Readers) == 0 || len(s.Readers) > MaxReaders {
		return nil, nil, fmt.Errorf("seal: there are %d readers, expected from 1 to %d", len(s.Readers), MaxReaders)
	}
	pattern, payload, c := byte(anonymous), key[:], noisehs.Config{Random: s.Random}
	switch {
	case s.From != nil && s.Known:
		pattern = known
	case s.From != nil:
		signing := s.From.Public().Signing
		pattern, payload = shown, slices.Concat(key[:], signing[:])
	case s.Known:
		return nil, nil, errors.New("seal: nobody is known as the author: set Sealer.From")
	}
	if s.From != nil {
		c.Static = static(s.From)
	}
	c.Prologue = prologue(pattern)
	h := make([]byte, 0, fixedSize+len(s.Readers)*boxSize(pattern)+commitSize)
	h = append(append(h, label...), pattern, byte(len(s.Readers)))
	for _, reader := range s.Readers {
		if !sturdyref.CanonicalX25519(reader) {
			return nil, nil, fmt.Errorf("seal: %x is no static key as its owner writes it", reader)
		}
		var box []byte
		var err error
		switch pattern {
		case anonymous:
			box, err = noisehs.SealN(c.Random, c.Prologue, reader, payload)
		case known:
			box, err = noisehs.SealK(c, reader, payload)
		case shown:
			box, _, err = noisehs.SealX(c, reader, payload)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("seal: the key of reader %x, or the author's, is not usable: %w", reader[:4], err)
		}
		h = append(h, box...)
	}
	commitment, b := newBody(key, h, s.Context)
	if pattern != anonymous {
		b.sign = func(message []byte) ([64]byte, error) { return sturdyref.Sign(s.From, domainSealed, message) }
	}
	return append(h, commitment[:]...), b, nil
}

// unlock finds the box for the reader in a whole header, and returns who claims to be the author, which the signature of the
// first chunk will show, and what opens the chunks.
func (o *Opener) unlock(h []byte) (*body, sturdyref.Public, error) {
	var nobody sturdyref.Public
	pattern := h[len(label)]
	switch {
	case o.Key == nil:
		return nil, nobody, fmt.Errorf("%w: there is none, set Opener.Key", ErrKey)
	case o.From != nil && pattern == anonymous:
		return nil, nobody, fmt.Errorf("%w: it is anonymous", ErrAuthor)
	case o.From == nil && pattern == known:
		return nil, nobody, fmt.Errorf("%w: it does not say whom it is from, and opens for those alone who know: set Opener.From", ErrAuthor)
	}
	h, commitment := h[:len(h)-commitSize], h[len(h)-commitSize:]
	payload, from, err := o.search(pattern, h[fixedSize:])
	if err != nil {
		return nil, nobody, err
	}
	key := (*[keySize]byte)(payload)
	if pattern == shown {
		from.Signing = [32]byte(payload[keySize:])
		if !sturdyref.CanonicalX25519(from.Static) || o.From != nil && from != *o.From {
			return nil, nobody, ErrAuthor
		}
	}
	want, b := newBody(key, h, o.Context)
	if [commitSize]byte(commitment) != want {
		return nil, nobody, fmt.Errorf("%w, or it is about something else", ErrDamaged)
	}
	if pattern != anonymous {
		b.author = &from.Signing
	}
	return b, from, nil
}

// search opens the first box that the key opens.
func (o *Opener) search(pattern byte, boxes []byte) (payload []byte, from sturdyref.Public, err error) {
	c := noisehs.Config{Static: static(o.Key), Prologue: prologue(pattern)}
	for box := range slices.Chunk(boxes, boxSize(pattern)) {
		switch pattern {
		case anonymous:
			payload, err = noisehs.OpenN(c, box)
		case known:
			from = *o.From
			payload, err = noisehs.OpenK(c, from.Static, box)
		case shown:
			payload, from.Static, _, err = noisehs.OpenX(c, box)
		}
		if err == nil {
			return payload, from, nil
		}
	}
	return nil, sturdyref.Public{}, ErrKey
}

// newBody derives what a file's chunks are sealed with from its key, its header but for the commitment, and its context.
// Everything goes into both, so that neither a header nor a context can be exchanged, and two readers of one file have one
// key.
func newBody(key *[keySize]byte, header, context []byte) (commitment [commitSize]byte, b *body) {
	b = &body{digest: digest(header, context)}
	okm, err := hkdf.Key(sha256.New, key[:], b.digest[:], label, commitSize+chacha20poly1305.KeySize)
	if err != nil {
		panic("seal: HKDF: " + err.Error()) // the lengths are fixed
	}
	b.cipher = newCipher((*[keySize]byte)(okm[commitSize:]))
	return [commitSize]byte(okm), b
}

// digest stands for a file in what its author signs. The header says how long it is itself.
func digest(header, context []byte) (out [32]byte) {
	d := sha256.New()
	d.Write(header)
	d.Write(context)
	d.Sum(out[:0])
	return out
}
