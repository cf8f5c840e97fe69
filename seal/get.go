package seal

import (
	"context"
	"fmt"
	"io"
	"sync"
)

// A Source serves sealed blobs: a [Shelf], or a peer that has one. It need not be trusted.
type Source interface {
	// Piece returns a piece of a blob, or an error that matches ErrAbsent if the source has not got it. Piece 0 is the list of
	// the others, which are numbered from 1; none is longer than MaxPiece. The piece is the caller's. It
	// returns soon when ctx is done. Several goroutines may call it.
	Piece(ctx context.Context, blob Name, n int) ([]byte, error)
}

// window is how many pieces are asked for at a time.
const window = 8

// Get writes what is in a blob to w and returns how many bytes that were. Each piece is verified before a byte of it is written, so
// at the first bad one it ends, with an error that matches ErrDamaged; then what was written is how the blob begins. An error that
// matches ErrKey says that the blob is the one named, but its key is another.
func Get(ctx context.Context, from Source, b Blob, w io.Writer) (written int64, err error) {
	if b.IsZero() {
		return 0, fmt.Errorf("%w: it is the zero value", ErrKey)
	}
	name, cipher := b.Name(), newCipher(&b.p().key)
	l, _, err := fetchList(ctx, from, name)
	if err != nil {
		return 0, err
	}
	all := make([]int, l.chunks())
	for i := range all {
		all[i] = i
	}
	err = l.fetch(ctx, from, name, all, func(i int, chunk []byte) error {
		data, err := cipher.open(chunk[:0], chunk, uint64(i), i == len(all)-1)
		if err != nil {
			return fmt.Errorf("%w: blob %v", ErrKey, name)
		}
		n, err := w.Write(data)
		written += int64(n)
		return err
	})
	return written, err
}

// Size returns how long what is in a blob is, in bytes, as its name says: at most MaxBlob.
func Size(ctx context.Context, from Source, blob Name) (int64, error) {
	l, _, err := fetchList(ctx, from, blob)
	if err != nil {
		return 0, err
	}
	return int64(l.Length), nil
}

// fetchList returns the list of a blob, and its encoding.
func fetchList(ctx context.Context, from Source, name Name) (*list, []byte, error) {
	b, err := from.Piece(ctx, name, 0)
	if err != nil {
		return nil, nil, err
	}
	l, err := readList(name, b)
	return l, b, err
}

// fetch gets chunks from a source, several at a time, verifies them, and calls use with each in order, until that returns an
// error. No call of the source goes on when it has returned.
func (l *list) fetch(ctx context.Context, from Source, name Name, chunks []int, use func(i int, chunk []byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var calls sync.WaitGroup
	defer calls.Wait()
	defer cancel()
	type result struct {
		chunk []byte
		err   error
	}
	var results [window]chan result
	ask := func(k int) {
		if k >= len(chunks) {
			return
		}
		c := make(chan result, 1)
		results[k%window] = c
		calls.Go(func() {
			i := chunks[k]
			b, err := from.Piece(ctx, name, i+1)
			if err == nil && !l.is(i, b) {
				err = bad(name, i+1)
			}
			c <- result{b, err}
		})
	}
	for k := range window {
		ask(k)
	}
	for k, i := range chunks {
		var r result
		select {
		case r = <-results[k%window]:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if r.err != nil {
			return r.err
		}
		if err := use(i, r.chunk); err != nil {
			return err
		}
		ask(k + window)
	}
	return nil
}
