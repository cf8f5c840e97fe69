package store

import (
	"errors"
	"fmt"
)

// What can be wrong with a store. Errors of this module's backends match one of them, where it applies, and say in one
// line what to do.
var (
	// ErrFailed says that a write has failed, now or before: nothing is written any more until the store is opened anew.
	ErrFailed = errors.New("store: a write has failed")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("store: the store is closed")
	// ErrLocked says that another process has the store open.
	ErrLocked = errors.New("store: another process has this store open")
	// ErrForeign says that what is there is something else, or is damaged. It was not touched.
	ErrForeign = errors.New("store: this is no store of Hawser's, or it is damaged")
	// ErrNewer says that a later version of Hawser has written it. It was not touched.
	ErrNewer = errors.New("store: a later version of Hawser has written this store")
	// ErrBadBatch says that a batch has a key or a value that no store takes. The store goes on.
	ErrBadBatch = errors.New("store: the batch cannot be stored")
)

func badBucket(name string) error {
	return fmt.Errorf("%w: %q is no name of a bucket", ErrBadBatch, name)
}

func badKey(n int) error {
	return fmt.Errorf("%w: a key of %d bytes, expected from 1 to %d", ErrBadBatch, n, MaxKey)
}

func badValue(n int) error {
	return fmt.Errorf("%w: a value of %d bytes, at most %d are stored", ErrBadBatch, n, MaxValue)
}

// failed is ErrFailed because of err.
func failed(err error) error {
	return fmt.Errorf("%w, nothing is written any more: %w", ErrFailed, err)
}
