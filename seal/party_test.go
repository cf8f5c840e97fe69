package seal_test

import (
	"bytes"
	"crypto/ecdh"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/sturdyref"
)

func identity(t testing.TB) sturdyref.KeyPair {
	t.Helper()
	k, err := sturdyref.GenerateIdentity(time.Unix(1_800_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func readKey(t testing.TB) seal.ReadKey {
	t.Helper()
	k, err := seal.NewReadKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// private is the private half of a ReadKey, for the second implementation.
func private(k seal.ReadKey) *ecdh.PrivateKey { return noisetest.Key(k.Reveal()) }

// publics are what is sealed to.
func publics(keys ...seal.Key) (all [][32]byte) {
	for _, k := range keys {
		all = append(all, k.Public().Static)
	}
	return all
}

// content is bytes that differ everywhere, the same each time.
func content(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	r.Read(b)
	return b
}

// sealing is one of the three ways, with the Opener that suits it.
type sealing struct {
	pattern byte
	sealer  seal.Sealer
	opener  seal.Opener
	from    sturdyref.Public
}

// ways are all ways of sealing from one author to readers, to be opened by the first.
func ways(author sturdyref.KeyPair, readers ...seal.Key) []sealing {
	p := author.Public()
	to := publics(readers...)
	return []sealing{
		{'N', seal.Sealer{Readers: to}, seal.Opener{Key: readers[0]}, sturdyref.Public{}},
		{'X', seal.Sealer{Readers: to, From: author}, seal.Opener{Key: readers[0]}, p},
		{'X', seal.Sealer{Readers: to, From: author}, seal.Opener{Key: readers[0], From: &p}, p},
		{'K', seal.Sealer{Readers: to, From: author, Known: true}, seal.Opener{Key: readers[0], From: &p}, p},
	}
}

func mustSeal(t testing.TB, s *seal.Sealer, plaintext []byte) []byte {
	t.Helper()
	b, err := s.Seal(plaintext)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// refusals are all that opening what came from anybody may answer.
var refusals = []error{seal.ErrMalformed, seal.ErrKey, seal.ErrDamaged, seal.ErrAuthor}

// typed fails unless err is one of refusals.
func typed(t testing.TB, err error) {
	t.Helper()
	for _, r := range refusals {
		if errors.Is(err, r) {
			return
		}
	}
	t.Fatalf("an error without a type: %v", err)
}

// refused opens a record in both ways and fails unless that is refused as wanted.
func refused(t testing.TB, what string, o *seal.Opener, record []byte, want error) {
	t.Helper()
	plaintext, from, err := o.Open(record)
	if !errors.Is(err, want) || plaintext != nil || from != (sturdyref.Public{}) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
	if _, _, err := read(o, record); !errors.Is(err, want) {
		t.Errorf("%s, as a stream: got error %v, want %v", what, err, want)
	}
}

// read opens a record as a stream, and returns what it read before an error.
func read(o *seal.Opener, record []byte) (got []byte, from sturdyref.Public, err error) {
	r, err := o.NewReader(bytes.NewReader(record))
	if err != nil {
		return nil, from, err
	}
	var b bytes.Buffer
	_, err = b.ReadFrom(r)
	return b.Bytes(), r.From(), err
}
