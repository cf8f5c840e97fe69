package seal

import (
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/hawser-go/hawser/internal/conceal"
	"github.com/hawser-go/hawser/sturdyref"
)

// ChunkSize is how many bytes of a file, or of a blob, are encrypted, signed and verified together; the last chunk has what
// is left.
const ChunkSize = 64 << 10

const tagSize = chacha20poly1305.Overhead

// domainSealed is the domain of what authors sign: one chunk of a file.
const domainSealed sturdyref.Domain = "hawser/sealed/1"

// aead encrypts and decrypts the chunks of one file or blob. It is behind a function because it holds the key, see conceal.
type aead func() *cipher.AEAD

func newCipher(key *[keySize]byte) aead {
	c, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic("seal: ChaCha20-Poly1305: " + err.Error()) // the length is fixed
	}
	return conceal.Secret(&c)
}

// seal encrypts chunk number n in place; chunk has room for the tag behind it.
func (a aead) seal(chunk []byte, n uint64, last bool) []byte {
	nonce := nonceOf(n, last)
	return (*a()).Seal(chunk[:0], nonce[:], chunk, nil)
}

// open appends to dst what was encrypted as chunk number n; dst may be the beginning of chunk.
func (a aead) open(dst, chunk []byte, n uint64, last bool) ([]byte, error) {
	nonce := nonceOf(n, last)
	return (*a()).Open(dst, nonce[:], chunk, nil)
}

func nonceOf(n uint64, last bool) (nonce [chacha20poly1305.NonceSize]byte) {
	binary.BigEndian.PutUint64(nonce[3:], n)
	if last {
		nonce[11] = 1
	}
	return nonce
}

// body makes, or takes, the chunks of one file, in order.
type body struct {
	digest [32]byte
	cipher aead
	sign   func(message []byte) ([64]byte, error) // nil when opening, and if the author is anonymous
	author *[32]byte                              // whose signatures are wanted when opening; nil if the author is anonymous
	next   uint64
}

// overhead is what a chunk has beside the data.
func (b *body) overhead() int {
	if b.sign == nil && b.author == nil {
		return tagSize
	}
	return ed25519.SignatureSize + tagSize
}

// seal returns the next chunk of the file, in the memory of data, behind which there is room for the overhead.
func (b *body) seal(data []byte, last bool) ([]byte, error) {
	if b.sign != nil {
		signature, err := b.sign(b.message(data, last))
		if err != nil {
			return nil, err
		}
		data = append(data, signature[:]...)
	}
	chunk := b.cipher.seal(data, b.next, last)
	b.next++
	return chunk, nil
}

// open appends to dst the data of the next chunk. dst may be the beginning of chunk.
func (b *body) open(dst, chunk []byte, last bool) ([]byte, error) {
	n, before := b.next, len(dst)
	out, err := b.cipher.open(dst, chunk, n, last)
	if err != nil || len(out)-before+tagSize < b.overhead() {
		return nil, fmt.Errorf("%w: chunk %d", ErrDamaged, n)
	}
	if b.author != nil {
		end := len(out) - ed25519.SignatureSize
		if !sturdyref.Verify(*b.author, domainSealed, b.message(out[before:end], last), out[end:]) {
			return nil, fmt.Errorf("%w: chunk %d", ErrAuthor, n)
		}
		out = out[:end]
	}
	if last && n > 0 && len(out) == before {
		return nil, fmt.Errorf("%w: chunk %d is empty", ErrDamaged, n) // one content has one form
	}
	b.next++
	return out, nil
}

// message is what the author signs of the next chunk: of which file it is, and so for whom, where in it, and what it says.
func (b *body) message(data []byte, last bool) []byte {
	m := make([]byte, 0, len(b.digest)+8+1+sha256.Size)
	m = append(m, b.digest[:]...)
	m = binary.BigEndian.AppendUint64(m, b.next)
	m = append(m, 0)
	if last {
		m[len(m)-1] = 1
	}
	sum := sha256.Sum256(data)
	return append(m, sum[:]...)
}

// cutter divides a stream into pieces and says which is the last, for which it looks one byte ahead.
type cutter struct {
	from  io.Reader
	ahead byte
	begun bool // ahead is the first byte of the next piece
}

// next reads the next piece, of len(b)-1 bytes but for the last, into b and returns its length.
func (c *cutter) next(b []byte) (n int, last bool, err error) {
	if c.begun {
		b[0] = c.ahead
		n = 1
	}
	m, err := io.ReadFull(c.from, b[n:])
	n += m
	switch {
	case err == nil:
		c.ahead, c.begun = b[n-1], true
		return n - 1, false, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return n, true, nil
	}
	return 0, false, err
}
