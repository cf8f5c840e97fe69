package captp

import (
	"sync/atomic"

	"github.com/hawser-go/hawser/vat"
)

// Limits bounds what a session holds. A peer that goes beyond one that is its to keep gets op:abort; this side beyond
// its own gets vat.ErrOverloaded. Of two ends with the same limits neither can make the other exceed the number of
// anything, but for messages that want no answer: nothing tells a sender how many of these still wait. Zero means the
// default.
type Limits struct {
	// MaxExports bounds the positions exported to the peer, counting resolvers of calls under way (default 1 048 576).
	MaxExports int
	// MaxImports bounds the positions imported from the peer (default 1 048 576).
	MaxImports int
	// MaxPromises bounds the promises among the imports, and among the exports (default 65 536). They are held until they
	// settle, whether or not anybody here still waits for them.
	MaxPromises int
	// MaxPromisedBytes bounds the memory of what promises of the peer's have come to that something here holds: a message
	// that waits, a result that is not released, or an object (default 64 MiB). For a moment twice as much may be held.
	MaxPromisedBytes int
	// MaxAnswers bounds the peer's calls whose answers it has not released (default 65 536). It may wait for as many
	// outcomes, and one more for each reference it was given.
	MaxAnswers int
	// MaxAnswerBytes bounds the memory of the results it has not released (default 64 MiB).
	MaxAnswerBytes int
	// MaxQuestions bounds this side's calls under way and those whose answers are still in use (default 65 536). Half of
	// them are for messages that are passed on from other peers.
	MaxQuestions int
	// MaxWaiting and MaxWaitingBytes bound the peer's messages whose turn has not begun, and their memory (default 65 536
	// and 64 MiB). They count wherever they wait: for a vat, or on a promise.
	MaxWaiting, MaxWaitingBytes int
	// MaxUnsent bounds the bytes that wait for the network (default 64 MiB); beyond half of it nothing is passed on from
	// other peers. A peer that has more to be answered, or release notices made for it, does not read what it asks for.
	MaxUnsent int
	// MaxOpening bounds the messages that wait for the connection (default 4 096). Half of them are for messages that are
	// passed on from other peers.
	MaxOpening int
}

func (l Limits) withDefaults() Limits {
	set := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	set(&l.MaxExports, 1<<20)
	set(&l.MaxImports, 1<<20)
	set(&l.MaxPromises, 1<<16)
	set(&l.MaxPromisedBytes, 64<<20)
	set(&l.MaxAnswers, 1<<16)
	set(&l.MaxAnswerBytes, 64<<20)
	set(&l.MaxQuestions, 1<<16)
	set(&l.MaxWaiting, 1<<16)
	set(&l.MaxWaitingBytes, 64<<20)
	set(&l.MaxUnsent, 64<<20)
	set(&l.MaxOpening, 1<<12)
	return l
}

// unread is how a peer is told that it makes us speak and does not listen.
func (s *Session) unread() error {
	return violation("limit", "more than %d bytes are not being read", s.cfg.Limits.MaxUnsent)
}

// budget counts the room of this side's calls: from the turn that reserved it, or from Deliver, until the answer's
// position at the peer may be used again. A message nobody waits for takes room until it is written down.
type budget struct {
	max  int64
	used atomic.Int64
	full atomic.Bool // too much waits for the network
	// exhausted has answers given back that nobody uses any more.
	exhausted func()
}

// Reserve implements vat.Budget.
func (b *budget) Reserve(n int) error {
	if b.used.Add(int64(n)) > b.max || b.full.Load() {
		b.used.Add(-int64(n))
		b.exhausted()
		return vat.ErrOverloaded
	}
	return nil
}

// Release implements vat.Budget.
func (b *budget) Release(n int) { b.used.Add(-int64(n)) }

// inflow counts the peer's messages that wait for their turn. It implements vat.Held, and so tells, of a message that
// another session is to pass on, whose it was.
type inflow struct {
	limits      *Limits
	realm       any
	count, size atomic.Int64
	ended       atomic.Pointer[EndError]
}

// hold counts one more message and reports whether that is within the limits.
func (f *inflow) hold(size int) bool {
	n, b := f.count.Add(1), f.size.Add(int64(size))
	return n <= int64(f.limits.MaxWaiting) && b <= int64(f.limits.MaxWaitingBytes)
}

// Gone implements vat.Held.
func (f *inflow) Gone() error {
	if end := f.ended.Load(); end != nil {
		return end
	}
	return nil
}

// Unhold implements vat.Held.
func (f *inflow) Unhold(size int) {
	f.count.Add(-1)
	f.size.Add(-int64(size))
}
