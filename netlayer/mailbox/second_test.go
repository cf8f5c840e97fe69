package mailbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/hawser-go/hawser/internal/noisetest"
)

// symmetric is the state of one Noise handshake, and of what follows it in one direction, from the specification alone.
type symmetric struct {
	ck, h, k []byte
	n        uint64
	over     bool
}

func docHMAC(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(noisetest.Join(parts...))
	return m.Sum(nil)
}

func (s *symmetric) hkdf(ikm []byte) (a, b, c []byte) {
	temp := docHMAC(s.ck, ikm)
	a = docHMAC(temp, []byte{1})
	b = docHMAC(temp, a, []byte{2})
	return a, b, docHMAC(temp, b, []byte{3})
}

func (s *symmetric) mixHash(b []byte) { s.h = hashOf(s.h, b) }

func (s *symmetric) mixKey(b []byte) { s.ck, s.k, _ = s.hkdf(b); s.n = 0 }

func (s *symmetric) mixKeyAndHash(b []byte) {
	ck, h, k := s.hkdf(b)
	s.ck, s.k, s.n = ck, k, 0
	s.mixHash(h)
}

// seal encrypts with the hash so far, or with nothing once the handshake is over.
func (s *symmetric) seal(p []byte) []byte {
	a, err := chacha20poly1305.New(s.k)
	if err != nil {
		panic(err)
	}
	ad := s.h
	if s.over {
		ad = nil
	}
	c := a.Seal(nil, binary.LittleEndian.AppendUint64(make([]byte, 4), s.n), p, ad)
	s.n++
	if !s.over {
		s.mixHash(c)
	}
	return c
}

func (s *symmetric) split() {
	s.k, _, _ = s.hkdf(nil)
	s.n, s.over = 0, true
}
