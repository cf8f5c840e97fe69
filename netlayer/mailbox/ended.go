package mailbox

import (
	"encoding/binary"
	"time"

	"github.com/hawser-go/hawser/store"
)

// bucketEnded holds links that are over: the name of each, and until when it is remembered, in seconds.
const bucketEnded = "mail.ended"

// Ended remembers in a store which links are over, for as long as a letter may come that would open one of them again. It may be
// used by several goroutines.
type Ended struct{ s *store.Store }

// NewEnded returns the table in a store.
func NewEnded(s *store.Store) *Ended { return &Ended{s} }

// Add adds to tx that a link is over, to be remembered until the time given: the later of Prekeys.Latest and, if it was opened by
// a letter, FirstContact and Skew after it was opened here. No letter that opens it is accepted after that: its sender gives it up
// FirstContact after it has begun it ([ErrUnheard]).
func (e *Ended) Add(tx *store.Batch, link [32]byte, until time.Time) {
	tx.Put(bucketEnded, link[:], binary.BigEndian.AppendUint64(nil, seconds(until.Add(time.Second))))
}

// Has reports whether a link is over, as far as is remembered.
func (e *Ended) Has(link [32]byte) (bool, error) {
	b, err := e.s.Get(bucketEnded, link[:])
	return b != nil, err
}

// Sweep adds to tx that links of which no letter can come any more are forgotten.
func (e *Ended) Sweep(tx *store.Batch, now time.Time) error {
	return e.s.View(func(r store.Reader) error {
		r.Scan(bucketEnded, nil, func(key, value []byte) bool {
			if len(value) != 8 || binary.BigEndian.Uint64(value) < seconds(now) {
				tx.Delete(bucketEnded, append([]byte(nil), key...))
			}
			return true
		})
		return nil
	})
}
