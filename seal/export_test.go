package seal

import (
	"context"
	"io"
)

// PutWith is Put with a key that is given, for vectors.
func (s *Shelf) PutWith(ctx context.Context, r io.Reader, key *[32]byte) (Blob, error) {
	return s.put(ctx, r, key)
}
