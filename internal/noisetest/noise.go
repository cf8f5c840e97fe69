// Package noisetest is a second implementation of docs/noise-quic.md and docs/noise-tcp.md, for tests, written from those
// pages and the Noise specification with nothing of the packages under test. It checks nothing unless told to, so it also
// plays the peers that break the rules.
package noisetest

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"
)

// Noise is one side of Noise_XKpsk3_25519_ChaChaPoly_SHA256.
type Noise struct {
	H     []byte // the handshake hash
	S     *ecdh.PrivateKey
	RE    []byte // the other side's ephemeral key
	ck, k []byte
	n     uint64
	e     *ecdh.PrivateKey
	rs    []byte
}

// New begins a handshake with the static key s and the ephemeral key e, of the dialler and of the acceptor alike, whose
// public static key is given too.
func New(s, e *ecdh.PrivateKey, acceptor, prologue []byte) *Noise {
	x := &Noise{S: s, e: e, rs: acceptor}
	x.H = sum([]byte("Noise_XKpsk3_25519_ChaChaPoly_SHA256"))
	x.ck = x.H
	x.mixHash(prologue)
	x.mixHash(acceptor)
	return x
}

// Write1 and the methods like it make a message, Read1 and those like it take one and return its payload.
func (x *Noise) Write1(payload []byte) []byte {
	m := x.sendE()
	x.MixKey(DH(x.e, x.rs))
	return append(m, x.Seal(payload)...)
}

func (x *Noise) Read1(m []byte) ([]byte, error) {
	x.receiveE(m)
	x.MixKey(DH(x.S, x.RE))
	return x.Open(m[32:])
}

func (x *Noise) Write2(payload []byte) []byte {
	m := x.sendE()
	x.MixKey(DH(x.e, x.RE))
	return append(m, x.Seal(payload)...)
}

func (x *Noise) Read2(m []byte) ([]byte, error) {
	x.receiveE(m)
	x.MixKey(DH(x.e, x.RE))
	return x.Open(m[32:])
}

func (x *Noise) Write3(psk, payload []byte) []byte {
	m := x.Seal(x.S.PublicKey().Bytes())
	x.MixKey(DH(x.S, x.RE))
	x.MixKeyAndHash(psk)
	return append(m, x.Seal(payload)...)
}

func (x *Noise) Read3(psk, m []byte) (static, payload []byte, err error) {
	if static, err = x.Open(m[:48]); err != nil {
		return nil, nil, err
	}
	x.MixKey(DH(x.e, static))
	x.MixKeyAndHash(psk)
	payload, err = x.Open(m[48:])
	return static, payload, err
}

// SealVerdict makes the first message that the acceptor sends after the handshake, OpenVerdict takes it.
func (x *Noise) SealVerdict(payload []byte) []byte {
	return aead(expand(x.ck, nil, 2)[1]).Seal(nil, nonce(0), payload, nil)
}

func (x *Noise) OpenVerdict(m []byte) ([]byte, error) {
	return aead(expand(x.ck, nil, 2)[1]).Open(nil, nonce(0), m, nil)
}

func (x *Noise) sendE() []byte {
	e := x.e.PublicKey().Bytes()
	x.mixHash(e)
	x.MixKey(e)
	return e
}

func (x *Noise) receiveE(m []byte) {
	x.RE = m[:32]
	x.mixHash(x.RE)
	x.MixKey(x.RE)
}

func (x *Noise) mixHash(b []byte) { x.H = sum(x.H, b) }

// MixKey, MixKeyAndHash, Seal and Open are those of the Noise specification, for messages that are not as they should be.
func (x *Noise) MixKey(b []byte) {
	o := expand(x.ck, b, 2)
	x.ck, x.k, x.n = o[0], o[1], 0
}

func (x *Noise) MixKeyAndHash(b []byte) {
	o := expand(x.ck, b, 3)
	x.ck, x.k, x.n = o[0], o[2], 0
	x.mixHash(o[1])
}

func (x *Noise) Seal(p []byte) []byte {
	c := aead(x.k).Seal(nil, nonce(x.n), p, x.H)
	x.n++
	x.mixHash(c)
	return c
}

func (x *Noise) Open(c []byte) ([]byte, error) {
	p, err := aead(x.k).Open(nil, nonce(x.n), c, x.H)
	x.n++
	x.mixHash(c)
	return p, err
}

type sealer interface {
	Seal(dst, nonce, plaintext, ad []byte) []byte
	Open(dst, nonce, ciphertext, ad []byte) ([]byte, error)
}

func aead(k []byte) sealer {
	a, err := chacha20poly1305.New(k)
	if err != nil {
		panic(err)
	}
	return a
}

func nonce(n uint64) []byte { return binary.LittleEndian.AppendUint64(make([]byte, 4), n) }

func sum(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func expand(ck, ikm []byte, n int) (out [][]byte) {
	mac := func(key []byte, parts ...[]byte) []byte {
		h := hmac.New(sha256.New, key)
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	temp := mac(ck, ikm)
	var last []byte
	for i := range n {
		last = mac(temp, last, []byte{byte(i + 1)})
		out = append(out, last)
	}
	return out
}

// DH is X25519; zeros for a key of low order.
func DH(private *ecdh.PrivateKey, public []byte) []byte {
	p, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		panic(err)
	}
	out, err := private.ECDH(p)
	if err != nil {
		return make([]byte, 32) // of low order: go on, as an attacker would
	}
	return out
}

// Key is the private key of 32 bytes.
func Key(b []byte) *ecdh.PrivateKey {
	k, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		panic(err)
	}
	return k
}

// FreshKey is one of random bytes.
func FreshKey() *ecdh.PrivateKey {
	b := make([]byte, 32)
	rand.Read(b)
	return Key(b)
}

// HKDF is 32 bytes of HKDF with SHA-256.
func HKDF(secret []byte, salt, info string) []byte {
	k, err := hkdf.Key(sha256.New, secret, []byte(salt), info, 32)
	if err != nil {
		panic(err)
	}
	return k
}

// Join puts byte strings one after another.
func Join(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// A Cipher seals or opens what one side sends after the handshake.
type Cipher struct {
	k []byte
	n uint64
}

// Ciphers returns those of the dialler and of the acceptor, none of them used.
func (x *Noise) Ciphers() (dialler, acceptor *Cipher) {
	k := expand(x.ck, nil, 2)
	return &Cipher{k: k[0]}, &Cipher{k: k[1]}
}

// Seal makes the next message.
func (c *Cipher) Seal(p []byte) []byte {
	defer c.next()
	return aead(c.k).Seal(nil, nonce(c.n), p, nil)
}

// Open takes the next message.
func (c *Cipher) Open(m []byte) ([]byte, error) {
	defer c.next()
	return aead(c.k).Open(nil, nonce(c.n), m, nil)
}

// next counts a message, and replaces the key after 65536 of them.
func (c *Cipher) next() {
	if c.n++; c.n%65536 == 0 {
		c.k = aead(c.k).Seal(nil, nonce(1<<64-1), make([]byte, 32), nil)[:32]
	}
}
