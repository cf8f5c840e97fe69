package seal

import (
	"crypto/sha256"
	"fmt"

	"github.com/hawser-go/hawser/internal/detcbor"
)

const (
	// MaxBlob is how long what is in a blob may be, in bytes.
	MaxBlob = maxChunks * ChunkSize
	// MaxPiece is the length of the longest piece of a blob, in bytes.
	MaxPiece = ChunkSize + 64

	maxChunks = 2048
)

// list is piece 0 of a blob: what its chunks, which are the pieces from 1, are. Its hash is the name of the blob.
type list struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Length  uint64 // of what is in the blob
	Hashes  []byte // of the chunks, 32 bytes each
}

var listCodec = func() *detcbor.Codec {
	c, err := detcbor.New(detcbor.Limits{Bytes: MaxPiece})
	if err != nil {
		panic(err)
	}
	return c
}()

func (l *list) encode() (Name, []byte, error) {
	b, err := listCodec.Marshal(l)
	return sha256.Sum256(b), b, err
}

// readList takes what somebody says is piece 0 of the blob with that name.
func readList(name Name, b []byte) (*list, error) {
	if len(b) > MaxPiece || sha256.Sum256(b) != name {
		return nil, bad(name, 0)
	}
	var l list
	if err := listCodec.Unmarshal(b, &l); err != nil {
		return nil, fmt.Errorf("%w: blob %v: %w", ErrMalformed, name, err)
	}
	if l.Version != 1 || l.Length > MaxBlob || len(l.Hashes) != chunksOf(l.Length)*sha256.Size {
		return nil, fmt.Errorf("%w: blob %v has version %d and %d bytes in chunks with %d bytes of hashes", ErrMalformed, name, l.Version, l.Length, len(l.Hashes))
	}
	return &l, nil
}

func bad(name Name, n int) error {
	return fmt.Errorf("%w: what came as piece %d of blob %v is not that", ErrDamaged, n, name)
}

// chunksOf returns how many chunks so many bytes have. Nothing has one, so that a wrong key is noticed there too.
func chunksOf(length uint64) int { return int(max(1, (length+ChunkSize-1)/ChunkSize)) }

// chunks returns how many there are.
func (l *list) chunks() int { return len(l.Hashes) / sha256.Size }

// is reports whether b is chunk i, from 0.
func (l *list) is(i int, b []byte) bool {
	want := ChunkSize
	if i == l.chunks()-1 {
		want = int(l.Length) - i*ChunkSize
	}
	return len(b) == want+tagSize && sha256.Sum256(b) == [sha256.Size]byte(l.Hashes[i*sha256.Size:])
}
