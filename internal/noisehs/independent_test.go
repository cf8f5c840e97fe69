package noisehs_test

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"
)

// xkpsk3 is a second implementation of Noise_XKpsk3_25519_ChaChaPoly_SHA256, written from the specification alone, with
// no check of anything: it is the oracle for the real one, and the attacker that breaks its rules.
type xkpsk3 struct {
	ck, h, k  []byte
	n         uint64
	s, e      *ecdh.PrivateKey
	rs, re    []byte
	initiator bool
}

func newXKpsk3(initiator bool, s, e *ecdh.PrivateKey, responder, prologue []byte) *xkpsk3 {
	x := &xkpsk3{s: s, e: e, initiator: initiator}
	x.h = sum([]byte("Noise_XKpsk3_25519_ChaChaPoly_SHA256")) // longer than a hash
	x.ck = x.h
	x.mixHash(prologue)
	x.mixHash(responder)
	if initiator {
		x.rs = responder
	}
	return x
}

func (x *xkpsk3) writeE() []byte {
	e := x.e.PublicKey().Bytes()
	x.mixHash(e)
	x.mixKey(e) // in patterns with a pre-shared key
	return e
}

func (x *xkpsk3) readE(m []byte) []byte {
	x.re = m[:32]
	x.mixHash(x.re)
	x.mixKey(x.re)
	return m[32:]
}

func (x *xkpsk3) message1(payload []byte) []byte {
	e := x.writeE()
	x.mixKey(dh(x.e, x.rs)) // es
	return append(e, x.encrypt(payload)...)
}

func (x *xkpsk3) read1(m []byte) ([]byte, error) {
	m = x.readE(m)
	x.mixKey(dh(x.s, x.re)) // es
	return x.decrypt(m)
}

func (x *xkpsk3) message2(payload []byte) []byte {
	e := x.writeE()
	x.mixKey(dh(x.e, x.re)) // ee
	return append(e, x.encrypt(payload)...)
}

func (x *xkpsk3) read2(m []byte) ([]byte, error) {
	m = x.readE(m)
	x.mixKey(dh(x.e, x.re)) // ee
	return x.decrypt(m)
}

func (x *xkpsk3) message3(psk, payload []byte) []byte {
	m := x.encrypt(x.s.PublicKey().Bytes())
	x.mixKey(dh(x.s, x.re)) // se
	x.mixKeyAndHash(psk)
	return append(m, x.encrypt(payload)...)
}

func (x *xkpsk3) read3(psk, m []byte) ([]byte, error) {
	rs, err := x.decrypt(m[:48])
	if err != nil {
		return nil, err
	}
	x.rs = rs
	x.mixKey(dh(x.e, x.rs)) // se
	x.mixKeyAndHash(psk)
	return x.decrypt(m[48:])
}

// split returns the keys of what the initiator and what the responder sends.
func (x *xkpsk3) split() (fromInitiator, fromResponder []byte) {
	o := hkdf(x.ck, nil, 2)
	return o[0], o[1]
}

// ik is Noise_IK_25519_ChaChaPoly_SHA256 in the same way; the key of what follows is had by split.
type ik struct{ xkpsk3 }

func newIK(initiator bool, s, e *ecdh.PrivateKey, responder, prologue []byte) *ik {
	name := make([]byte, 32)
	copy(name, "Noise_IK_25519_ChaChaPoly_SHA256") // as long as a hash: taken as it is
	x := &ik{xkpsk3{s: s, e: e, initiator: initiator, h: name, ck: name}}
	x.mixHash(prologue)
	x.mixHash(responder)
	if initiator {
		x.rs = responder
	}
	return x
}

func (x *ik) message1(payload []byte) []byte {
	e := x.e.PublicKey().Bytes()
	x.mixHash(e)
	x.mixKey(dh(x.e, x.rs)) // es
	s := x.encrypt(x.s.PublicKey().Bytes())
	x.mixKey(dh(x.s, x.rs)) // ss
	return append(append(e, s...), x.encrypt(payload)...)
}

func (x *ik) read1(m []byte) (payload []byte, err error) {
	x.re = m[:32]
	x.mixHash(x.re)
	x.mixKey(dh(x.s, x.re)) // es
	if x.rs, err = x.decrypt(m[32:80]); err != nil {
		return nil, err
	}
	x.mixKey(dh(x.s, x.rs)) // ss
	return x.decrypt(m[80:])
}

func (x *ik) message2(payload []byte) []byte {
	e := x.e.PublicKey().Bytes()
	x.mixHash(e)
	x.mixKey(dh(x.e, x.re)) // ee
	x.mixKey(dh(x.e, x.rs)) // se
	return append(e, x.encrypt(payload)...)
}

func (x *ik) read2(m []byte) ([]byte, error) {
	x.re = m[:32]
	x.mixHash(x.re)
	x.mixKey(dh(x.e, x.re)) // ee
	x.mixKey(dh(x.s, x.re)) // se
	return x.decrypt(m[32:])
}

func (x *xkpsk3) mixHash(data []byte) { x.h = sum(append(append([]byte(nil), x.h...), data...)) }

func (x *xkpsk3) mixKey(ikm []byte) {
	o := hkdf(x.ck, ikm, 2)
	x.ck, x.k, x.n = o[0], o[1], 0
}

func (x *xkpsk3) mixKeyAndHash(ikm []byte) {
	o := hkdf(x.ck, ikm, 3)
	x.ck = o[0]
	x.mixHash(o[1])
	x.k, x.n = o[2], 0
}

func (x *xkpsk3) encrypt(p []byte) []byte {
	c := seal(x.k, x.n, x.h, p)
	x.n++
	x.mixHash(c)
	return c
}

func (x *xkpsk3) decrypt(c []byte) ([]byte, error) {
	p, err := open(x.k, x.n, x.h, c)
	x.n++
	x.mixHash(c)
	return p, err
}

func nonce(n uint64) []byte {
	return binary.LittleEndian.AppendUint64(make([]byte, 4), n)
}

func seal(k []byte, n uint64, ad, p []byte) []byte {
	a, err := chacha20poly1305.New(k)
	if err != nil {
		panic(err)
	}
	return a.Seal(nil, nonce(n), p, ad)
}

func open(k []byte, n uint64, ad, c []byte) ([]byte, error) {
	a, err := chacha20poly1305.New(k)
	if err != nil {
		panic(err)
	}
	if len(c) < 16 {
		return nil, errors.New("short")
	}
	return a.Open(nil, nonce(n), c, ad)
}

func sum(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func hkdf(ck, ikm []byte, n int) (out [][]byte) {
	temp := mac(ck, ikm)
	var last []byte
	for i := range n {
		last = mac(temp, last, []byte{byte(i + 1)})
		out = append(out, last)
	}
	return out
}

func dh(private *ecdh.PrivateKey, public []byte) []byte {
	p, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		panic(err)
	}
	out, err := private.ECDH(p)
	if err != nil {
		return make([]byte, 32) // low order: go on, as an attacker would
	}
	return out
}
