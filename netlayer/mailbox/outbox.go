package mailbox

import (
	"fmt"
	"slices"
	"time"

	"github.com/hawser-go/hawser/internal/detcbor"
)

// Outbox knows which frames of one direction of a link are on their way in letters, and so which have to go into one: those
// that were never sent, and those whose every letter has expired, or is sealed to a prekey that has gone, before an acknowledgement
// came. The frames themselves are the link's. It belongs to one goroutine; the zero Outbox has sent nothing.
type Outbox struct {
	acked, written uint64
	spans          []span // in order of first
}

// span is a letter that some box has taken.
type span struct {
	_           struct{} `cbor:",toarray"`
	First, Next uint64
	Until       uint64   // whole seconds
	Prekey      PrekeyID // zeros for a letter to the static key
}

// Written says that the link has frames up to, not including, the one with the number n. Fewer than before changes nothing.
func (o *Outbox) Written(n uint64) { o.written = max(o.written, n) }

// Acked says that the peer has taken the frames before n, by whatever way it has said so; the highest counts. An error, which
// matches ErrRolledBack, says that there are not that many: the link is over.
func (o *Outbox) Acked(n uint64) error {
	if n > o.written {
		return fmt.Errorf("%w: it has taken %d frames, there are %d", ErrRolledBack, n, o.written)
	}
	o.acked = max(o.acked, n)
	o.spans = slices.DeleteFunc(o.spans, func(s span) bool { return s.Next <= o.acked })
	return nil
}

// Sent says that a box has taken a letter with the frames from first up to, not including, next — for one in parts: all of them —
// which will be accepted until the time given, and is sealed to that prekey; zeros for none. Frames that the box has refused stay due.
func (o *Outbox) Sent(first, next uint64, until time.Time, prekey PrekeyID) {
	if next <= first || next <= o.acked {
		return
	}
	s := span{First: first, Next: next, Until: seconds(until), Prekey: prekey}
	i, _ := slices.BinarySearchFunc(o.spans, s, func(a, b span) int {
		if a.First <= b.First {
			return -1
		}
		return 1
	})
	o.spans = slices.Insert(o.spans, i, s)
}

// Renewed says that the peer now holds the prekeys of a bundle: what is sealed to others will not be opened any more.
func (o *Outbox) Renewed(b *Bundle) {
	o.spans = slices.DeleteFunc(o.spans, func(s span) bool {
		return s.Prekey != PrekeyID{} && !slices.Contains(b.Held, s.Prekey)
	})
}

// Due returns the first run of frames that are on their way in no letter, from first up to, not including, next. ok is false
// if there is none: all that was written is acknowledged or on its way.
func (o *Outbox) Due(now time.Time) (first, next uint64, ok bool) {
	o.spans = slices.DeleteFunc(o.spans, func(s span) bool { return !timeOf(s.Until).After(now) })
	first = o.acked
	for _, s := range o.spans {
		if s.First > first {
			break
		}
		first = max(first, s.Next)
	}
	next = o.written
	for _, s := range o.spans {
		if s.First > first {
			next = min(next, s.First)
			break
		}
	}
	return first, next, first < next
}

// Wake returns when a letter expires next, so that Due is to be asked again; ok is false if there is none.
func (o *Outbox) Wake() (at time.Time, ok bool) {
	for _, s := range o.spans {
		if t := timeOf(s.Until); !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	return at, ok
}

// Unacked returns how many frames the peer has not acknowledged.
func (o *Outbox) Unacked() uint64 { return o.written - o.acked }

// storedOutbox is the form of an Outbox in a store: what is acknowledged and written is the link's to keep.
type storedOutbox struct {
	_     struct{} `cbor:",toarray"`
	Spans []span
}

// Encode returns what is on its way, to be stored. Who does not store it sends all that is not acknowledged again after a start,
// which does no harm beyond that.
func (o *Outbox) Encode() ([]byte, error) { return outboxCodec.Marshal(storedOutbox{Spans: o.spans}) }

// OutboxOf returns an Outbox with what Encode wrote, of a link of which the peer has acknowledged the frames before acked and that
// has those before written. Its error matches ErrMalformed.
func OutboxOf(b []byte, acked, written uint64) (*Outbox, error) {
	o := &Outbox{acked: acked, written: written}
	var s storedOutbox
	if err := outboxCodec.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("%w: what is stored of letters on their way: %w", ErrMalformed, err)
	}
	for _, x := range s.Spans {
		if x.Next > written || x.Until > maxTime {
			return nil, fmt.Errorf("%w: what is stored of letters on their way is of another link", ErrMalformed)
		}
		o.Sent(x.First, x.Next, timeOf(x.Until), x.Prekey)
	}
	return o, nil
}

var outboxCodec = func() *detcbor.Codec {
	c, err := detcbor.New(detcbor.Limits{Bytes: 4 << 20, Elements: 1 << 16})
	if err != nil {
		panic(err)
	}
	return c
}()
