package mailbox

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/hawser-go/hawser/store"
)

// bucketOpened holds links that letters have opened: the name of each, until when it is remembered, in seconds, and the public name of the
// secret.
const bucketOpened = "mail.opened"

// Opened remembers in a store which links letters have opened here, for as long as a letter may come that would open one of them again:
// it must not, when the link is over. It may be used by several goroutines.
type Opened struct{ s *store.Store }

// NewOpened returns the table in a store.
func NewOpened(s *store.Store) *Opened { return &Opened{s} }

// Add adds to tx that a letter sealed with the secret of a public name has opened a link at the time given. No letter that opens it is
// accepted after what this remembers it for: its sender gives it up FirstContact after it has begun it ([ErrUnheard]).
func (o *Opened) Add(tx *store.Batch, link [32]byte, secret [16]byte, at time.Time) {
	until := at.Add(FirstContact + 2*Skew + time.Second)
	tx.Put(bucketOpened, link[:], append(binary.BigEndian.AppendUint64(nil, seconds(until)), secret[:]...))
}

// Has reports whether a letter has opened a link, as far as is remembered.
func (o *Opened) Has(link [32]byte) (bool, error) {
	b, err := o.s.Get(bucketOpened, link[:])
	return b != nil, err
}

// Count returns how many links are remembered at the time now that letters with a secret have opened.
func (o *Opened) Count(secret [16]byte, now time.Time) (n int, err error) {
	err = o.s.View(func(r store.Reader) error {
		r.Scan(bucketOpened, nil, func(_, value []byte) bool {
			if !forgotten(value, now) && bytes.Equal(value[8:], secret[:]) {
				n++
			}
			return true
		})
		return nil
	})
	return n, err
}

// Sweep adds to tx that links which no letter can open again are forgotten.
func (o *Opened) Sweep(tx *store.Batch, now time.Time) error {
	return o.s.View(func(r store.Reader) error {
		r.Scan(bucketOpened, nil, func(key, value []byte) bool {
			if forgotten(value, now) {
				tx.Delete(bucketOpened, bytes.Clone(key))
			}
			return true
		})
		return nil
	})
}

// forgotten reports whether an entry is of no use any more.
func forgotten(value []byte, now time.Time) bool {
	return len(value) < 8 || binary.BigEndian.Uint64(value) < seconds(now)
}
