package seal

import (
	"errors"
	"fmt"
	"io"

	"github.com/hawser-go/hawser/sturdyref"
)

// Opener opens files and records, which may come from anybody. It may be used by several goroutines; it is not to be changed
// meanwhile.
type Opener struct {
	// Key is the reader's.
	Key Key
	// From is whom it is to be from, both keys: whatever is not, or is anonymous, is refused. Nil takes what is by anybody, and
	// by nobody; then who it is from must be looked at before it is believed. What does not say whom it is from needs From.
	From *sturdyref.Public
	// Context is what the file is to be about, see Sealer.Context.
	Context []byte
}

// Open returns what is in a record, and by whom it is: zeros for nobody. Both keys of the author count. That the Signing key's
// owner wrote it is certain; that the Static key is the same one's is not, if the reader's own key was stolen: whom only the static
// key is known of is not known.
func (o *Opener) Open(record []byte) (plaintext []byte, from sturdyref.Public, err error) {
	b, from, rest, err := o.begin(record)
	if err != nil {
		return nil, sturdyref.Public{}, err
	}
	size := ChunkSize + b.overhead()
	plaintext = make([]byte, 0, len(rest)) // has room for the last chunk's overhead
	for last := false; !last; {
		chunk := rest[:min(len(rest), size)]
		rest = rest[len(chunk):]
		last = len(rest) == 0
		if plaintext, err = b.open(plaintext, chunk, last); err != nil {
			return nil, sturdyref.Public{}, err
		}
	}
	return plaintext, from, nil
}

func (o *Opener) begin(record []byte) (b *body, from sturdyref.Public, rest []byte, err error) {
	if len(record) < fixedSize {
		return nil, from, nil, ErrMalformed
	}
	n, err := headerSize(record[:fixedSize])
	if err != nil {
		return nil, from, nil, err
	}
	if len(record) < n {
		return nil, from, nil, fmt.Errorf("%w: the header is cut off", ErrDamaged)
	}
	b, from, err = o.unlock(record[:n])
	return b, from, record[n:], err
}

// NewReader reads the header and the first chunk of a file from r, and returns what reads the rest. So by whom the file is has been
// verified when NewReader has returned. An error of r is returned as it is.
func (o *Opener) NewReader(r io.Reader) (*Reader, error) {
	h := make([]byte, fixedSize)
	if err := readHeader(r, h, ErrMalformed); err != nil {
		return nil, err
	}
	n, err := headerSize(h)
	if err != nil {
		return nil, err
	}
	h = append(h, make([]byte, n-fixedSize)...)
	if err := readHeader(r, h[fixedSize:], ErrDamaged); err != nil {
		return nil, err
	}
	b, from, err := o.unlock(h)
	if err != nil {
		return nil, err
	}
	f := &Reader{from: from, body: b, chunks: cutter{from: r}, buf: make([]byte, ChunkSize+b.overhead()+1)}
	if err := f.fill(); err != nil {
		return nil, err
	}
	return f, nil
}

// readHeader fills b; a stream that ends too early is short.
func readHeader(r io.Reader, b []byte, short error) error {
	_, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the header is cut off", short)
	}
	return err
}

// Reader reads what is in a file. It has one user at a time, and the memory of one chunk. What it has returned is what the
// author has written there, in order, from the beginning; whether that is all is known when it has returned io.EOF.
type Reader struct {
	from   sturdyref.Public
	body   *body
	chunks cutter
	buf    []byte
	data   []byte // of buf, decrypted and not yet read
	last   bool
	err    error
}

// From returns by whom the file is, zeros for nobody: see Open.
func (r *Reader) From() sturdyref.Public { return r.from }

// Read returns what comes next, and io.EOF when the file has ended as its author ended it. After another error, which matches
// ErrDamaged or ErrAuthor or comes from what is read from, no more is returned.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.data) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if r.last {
			return 0, io.EOF
		}
		if len(p) == 0 {
			return 0, nil
		}
		r.err = r.fill()
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	return n, nil
}

// fill decrypts the next chunk.
func (r *Reader) fill() error {
	n, last, err := r.chunks.next(r.buf)
	if err != nil {
		return err
	}
	data, err := r.body.open(r.buf[:0], r.buf[:n], last)
	if err != nil {
		return err
	}
	r.data, r.last = data, last
	return nil
}
