package seal

import (
	"crypto/rand"
	"errors"
	"io"

	"github.com/hawser-go/hawser/sturdyref"
)

// Sealer seals files and records. It may be used by several goroutines; it is not to be changed meanwhile.
type Sealer struct {
	// Readers are the static keys of those who shall be able to read, from 1 to MaxReaders. They are not named in what is
	// sealed; how many they are can be seen.
	Readers [][32]byte
	// From is the author, who signs every chunk. Nil is nobody: then each reader, and who steals a reader's key, can make
	// another file that nothing tells from this one.
	From sturdyref.Identity
	// Known says that readers know beforehand whom a file is from. It does not say then, and is shorter.
	Known bool
	// Context is what the file is about, such as the place of a record in a database. It is not in the file; who opens it must
	// say the same, so what is sealed for one place does not pass in another.
	Context []byte
	// Random makes keys; nil means crypto/rand. Anything else is for test vectors.
	Random io.Reader
}

// Seal returns a record with a plaintext, which it does not change. It has the same form as a file.
func (s *Sealer) Seal(plaintext []byte) ([]byte, error) {
	h, b, err := s.begin()
	if err != nil {
		return nil, err
	}
	chunks := max(1, (len(plaintext)+ChunkSize-1)/ChunkSize)
	out := make([]byte, 0, len(h)+len(plaintext)+chunks*b.overhead())
	out = append(out, h...)
	for last := false; !last; {
		data := plaintext[:min(len(plaintext), ChunkSize)]
		plaintext = plaintext[len(data):]
		last = len(plaintext) == 0
		chunk, err := b.seal(append(out[len(out):], data...), last)
		if err != nil {
			return nil, err
		}
		out = out[:len(out)+len(chunk)]
	}
	return out, nil
}

// NewWriter writes the header of a file to w and returns what seals the rest. It is not finished before Close.
func (s *Sealer) NewWriter(w io.Writer) (*Writer, error) {
	h, b, err := s.begin()
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(h); err != nil {
		return nil, err
	}
	return &Writer{to: w, body: b, buf: make([]byte, 0, ChunkSize+b.overhead())}, nil
}

func (s *Sealer) begin() ([]byte, *body, error) {
	random := s.Random
	if random == nil {
		random = rand.Reader
	}
	var key [keySize]byte
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return nil, nil, err
	}
	return s.header(&key)
}

// Writer seals a file. It has one user at a time, and the memory of one chunk.
type Writer struct {
	to   io.Writer
	body *body
	buf  []byte
	err  error
}

var errClosed = errors.New("seal: the file is closed")

// Write seals p as what comes next. After an error the file is lost, and the error is returned again.
func (w *Writer) Write(p []byte) (n int, err error) {
	for len(p) > 0 && w.err == nil {
		if len(w.buf) == ChunkSize {
			w.flush(false) // there is more, so this is not the last one
			continue
		}
		took := min(len(p), ChunkSize-len(w.buf))
		w.buf = append(w.buf, p[:took]...)
		p, n = p[took:], n+took
	}
	return n, w.err
}

// Close seals what is left and marks it as the end, without which nobody takes the file for whole. It does not close what
// is written to. Closing again returns the error of the first time.
func (w *Writer) Close() error {
	if errors.Is(w.err, errClosed) {
		return nil
	}
	if w.err != nil {
		return w.err
	}
	w.flush(true)
	if w.err != nil {
		return w.err
	}
	w.err = errClosed
	return nil
}

func (w *Writer) flush(last bool) {
	chunk, err := w.body.seal(w.buf, last)
	if err == nil {
		_, err = w.to.Write(chunk)
	}
	w.buf, w.err = w.buf[:0], err
}
