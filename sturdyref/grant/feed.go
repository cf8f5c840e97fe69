package grant

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// feedKey names a feed: what one issuer says about the grants of one subject.
type feedKey struct{ by, subject Key }

// feed is what a Set holds of a feed.
type feed struct {
	last    Feed // as far as it was seen
	records []*record
	head    *record // nil if there is none
	// settled says that whole is up to date: whether what the head counts is here.
	settled, whole bool
}

// digest is over the revocations up to the given number that had not lapsed at asOf.
func (f *feed) digest(seq uint64, asOf time.Time) [32]byte {
	var ids [][32]byte
	if f != nil {
		for _, r := range f.records {
			if r.seq <= seq && r.until.After(asOf) {
				ids = append(ids, r.id)
			}
		}
	}
	slices.SortFunc(ids, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	return digestOf(ids)
}

// asOf returns up to when everything is known, or the zero time.
func (f *feed) asOf() time.Time {
	if f == nil || f.head == nil {
		return time.Time{}
	}
	h := f.head.head
	if !f.settled {
		f.settled, f.whole = true, f.digest(h.feed.Seq, h.asOf) == h.digest
	}
	if !f.whole {
		return time.Time{}
	}
	return h.asOf
}

// gapless reports whether the revocations held follow from each other.
func (f *feed) gapless() bool {
	if f == nil {
		return true
	}
	sorted := slices.Clone(f.records)
	slices.SortFunc(sorted, func(a, b *record) int { return cmp.Compare(a.seq, b.seq) })
	if len(sorted) == 0 {
		return f.last.Seq == 0
	}
	for i := 1; i < len(sorted); i++ {
		if sorted[i].previous != sorted[i-1].id {
			return false
		}
	}
	return sorted[len(sorted)-1].id == f.last.Last
}
