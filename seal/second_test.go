package seal_test

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/hawser-go/hawser/internal/noisetest"
)

// A second implementation of docs/seal.md, made from that page and the Noise specification with nothing of the package under
// test. It checks nothing, so it also plays those who break the rules.

// symmetric is the state of one Noise handshake.
type symmetric struct {
	ck, h, k []byte
}

func docHMAC(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(noisetest.Join(parts...))
	return m.Sum(nil)
}

func docHash(parts ...[]byte) []byte {
	h := sha256.Sum256(noisetest.Join(parts...))
	return h[:]
}

func docAEAD(key []byte, nonce, plaintext, ad []byte) []byte {
	a, err := chacha20poly1305.New(key)
	if err != nil {
		panic(err)
	}
	return a.Seal(nil, nonce, plaintext, ad)
}

func (s *symmetric) mixHash(b []byte) { s.h = docHash(s.h, b) }

func (s *symmetric) mixKey(b []byte) {
	temp := docHMAC(s.ck, b)
	s.ck = docHMAC(temp, []byte{1})
	s.k = docHMAC(temp, s.ck, []byte{2})
}

// seal encrypts the first thing after a key was mixed in: nothing here is the second.
func (s *symmetric) seal(p []byte) []byte {
	c := docAEAD(s.k, make([]byte, 12), p, s.h)
	s.mixHash(c)
	return c
}

// docBox is a Noise message to one reader. sender is the static public key that goes into it, and ss what its private half and the
// reader's agree on, which the reader's private half and it agree on, too.
func docBox(pattern byte, e *ecdh.PrivateKey, reader, sender, ss, payload []byte) []byte {
	name := make([]byte, 32)
	copy(name, "Noise_"+string(pattern)+"_25519_ChaChaPoly_SHA256")
	s := &symmetric{ck: name, h: name}
	s.mixHash(noisetest.Join([]byte("hawser/seal/1"), []byte{0, pattern}))
	if pattern == 'K' {
		s.mixHash(sender)
	}
	s.mixHash(reader)
	m := e.PublicKey().Bytes()
	s.mixHash(m)
	s.mixKey(noisetest.DH(e, reader))
	if pattern == 'X' {
		m = append(m, s.seal(sender)...)
	}
	if pattern != 'N' {
		s.mixKey(ss)
	}
	return append(m, s.seal(payload)...)
}

// docHeader is a header without its commitment.
func docHeader(pattern byte, boxes ...[]byte) []byte {
	return noisetest.Join([]byte("hawser/seal/1"), []byte{pattern, byte(len(boxes))}, noisetest.Join(boxes...))
}

// docKeys derives the commitment, the key of the body and the digest of the file.
func docKeys(key, header, context []byte) (commitment, body, digest []byte) {
	digest = docHash(header, context)
	okm, err := hkdf.Key(sha256.New, key, digest, "hawser/seal/1", 64)
	if err != nil {
		panic(err)
	}
	return okm[:32], okm[32:], digest
}

func docNonce(n uint64, last bool) []byte {
	b := append(binary.BigEndian.AppendUint64(make([]byte, 3), n), 0)
	if last {
		b[11] = 1
	}
	return b
}

// docSigned is data with the author's signature behind it.
func docSigned(author ed25519.PrivateKey, digest []byte, n uint64, last bool, data []byte) []byte {
	place := docNonce(n, last)[3:]
	m := noisetest.Join([]byte("hawser/sealed/1\x00"), digest, place, docHash(data))
	return noisetest.Join(data, ed25519.Sign(author, m))
}

// docChunks divides what is in a file, or a blob.
func docChunks(plaintext []byte) (chunks [][]byte) {
	for len(plaintext) > 65536 {
		chunks, plaintext = append(chunks, plaintext[:65536]), plaintext[65536:]
	}
	return append(chunks, plaintext)
}

// docFile is a file with one ephemeral key for each reader. author is nil for pattern N.
func docFile(pattern byte, author *noisetest.Secrets, key []byte, ephemerals []*ecdh.PrivateKey, readers [][]byte, context, plaintext []byte) []byte {
	var boxes [][]byte
	for i, reader := range readers {
		payload := key
		var sender, ss []byte
		if author != nil {
			sender, ss = author.Static.PublicKey().Bytes(), noisetest.DH(author.Static, reader)
			if pattern == 'X' {
				payload = noisetest.Join(key, author.Signing.Public().(ed25519.PublicKey))
			}
		}
		boxes = append(boxes, docBox(pattern, ephemerals[i], reader, sender, ss, payload))
	}
	header := docHeader(pattern, boxes...)
	var sign ed25519.PrivateKey
	if author != nil {
		sign = author.Signing
	}
	return docSealed(header, key, context, sign, plaintext)
}

// docSealed is what follows from a header without its commitment.
func docSealed(header, key, context []byte, author ed25519.PrivateKey, plaintext []byte) []byte {
	commitment, body, digest := docKeys(key, header, context)
	file := noisetest.Join(header, commitment)
	chunks := docChunks(plaintext)
	for i, data := range chunks {
		n, last := uint64(i), i == len(chunks)-1
		if author != nil {
			data = docSigned(author, digest, n, last, data)
		}
		file = append(file, docAEAD(body, docNonce(n, last), data, nil)...)
	}
	return file
}

// docBlob returns the pieces of a blob.
func docBlob(key, plaintext []byte) (pieces [][]byte) {
	pieces = [][]byte{nil}
	var hashes []byte
	chunks := docChunks(plaintext)
	for i, data := range chunks {
		c := docAEAD(key, docNonce(uint64(i), i == len(chunks)-1), data, nil)
		pieces, hashes = append(pieces, c), append(hashes, docHash(c)...)
	}
	pieces[0] = noisetest.Join([]byte{0x83, 1}, cborHead(0, len(plaintext)), cborHead(2, len(hashes)), hashes)
	return pieces
}

// cborHead is the beginning of a CBOR item.
func cborHead(major byte, n int) []byte {
	switch {
	case n < 24:
		return []byte{major<<5 | byte(n)}
	case n < 1<<8:
		return []byte{major<<5 | 24, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{major<<5 | 25}, uint16(n))
	}
	return binary.BigEndian.AppendUint32([]byte{major<<5 | 26}, uint32(n))
}
