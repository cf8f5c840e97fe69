package grant

import (
	"crypto/sha256"
	"iter"
	"slices"
	"time"
)

func headID(by, subject Key) [32]byte {
	return sha256.Sum256(slices.Concat([]byte("hawser/head/of/v1"), by[:], subject[:]))
}

// room reports whether r is new and of use, before its signatures are looked at, and whether there is a place for it.
func (s *Set) room(r *record, now time.Time) (fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.roomLocked(r, now)
}

func (s *Set) roomLocked(r *record, now time.Time) (fresh bool, err error) {
	if s.lapsed(r, now) {
		return false, nil
	}
	size, share := r.size(), r.size()
	if old := s.notices[r.ID]; old != nil {
		if r.head == nil || !r.head.asOf.After(old.head.asOf) {
			return false, nil
		}
		if r.head.feed.Seq < old.head.feed.Seq {
			return false, refuse(Broken, 0, "a head of %s that goes back from revocation %d to %d", r.feed.by, old.head.feed.Seq, r.head.feed.Seq)
		}
		size -= old.size()
		if r.share != nil && old.share != nil && *r.share == *old.share {
			share -= old.size()
		}
	}
	if s.used+size > s.bytes {
		return false, refuse(Full, 0, "the set holds %d bytes and may hold %d", s.used, s.bytes)
	}
	if r.share != nil && s.held+size > s.bytes-s.bytes/16 {
		return false, refuse(Full, 0, "the notices by holders take %d bytes and may take %d, the rest is the subjects'", s.held, s.bytes-s.bytes/16)
	}
	if r.share != nil && s.shares[*r.share]+share > s.share {
		return false, refuse(Full, 0, "the notices by holders %d links down from %s fill their share of %d bytes", r.share.level, r.share.root, s.share)
	}
	return true, nil
}

// lapsed reports whether r says nothing that matters any more.
func (s *Set) lapsed(r *record, now time.Time) bool {
	if now.Before(r.until.Add(s.skew)) {
		return false
	}
	// A head that is still held may count it.
	f := s.feeds[r.feed]
	return r.head != nil || f == nil || f.head == nil || !r.until.After(f.head.head.asOf) || s.lapsed(f.head, now)
}

// put takes in what was verified, unless somebody else has meanwhile.
func (s *Set) put(r *record, now time.Time) (Notice, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fresh, err := s.roomLocked(r, now); !fresh {
		return Notice{}, err
	}
	if old := s.notices[r.ID]; old != nil {
		s.count(old, -old.size())
		s.unname(old)
	}
	s.notices[r.ID], s.named[r.id] = r, r
	s.names.add(r.id, 0)
	s.count(r, r.size())
	f := s.feeds[r.feed]
	if f == nil {
		f = new(feed)
		s.feeds[r.feed] = f
	}
	// What a head does not count changes nothing.
	if r.head != nil || f.head != nil && r.seq <= f.head.head.feed.Seq {
		f.settled = false
	}
	if r.head != nil {
		f.head = r
		f.last = later(f.last, r.head.feed)
	} else {
		f.records = append(f.records, r)
		f.last = later(f.last, Feed{r.seq, r.id})
		s.links[r.link] = append(s.links[r.link], r)
	}
	return r.Notice, nil
}

func later(a, b Feed) Feed {
	if b.Seq > a.Seq {
		return b
	}
	return a
}

func (s *Set) unname(r *record) {
	delete(s.named, r.id)
	s.names.remove(r.id, 0)
}

func (s *Set) count(r *record, size int) {
	s.used += size
	if r.share == nil {
		return
	}
	s.held += size
	if s.shares[*r.share] += size; s.shares[*r.share] == 0 {
		delete(s.shares, *r.share)
	}
}

// Evict drops what has lapsed: revocations of links that nobody could use any more, and heads whose witness is such a
// link. It returns the IDs of what it dropped, to be deleted where they are stored. now is from the clock of the
// [Verifier] that asks the Set.
func (s *Set) Evict(now time.Time) [][32]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lapsed []*record
	for _, r := range s.notices {
		if s.lapsed(r, now) {
			lapsed = append(lapsed, r)
		}
	}
	ids := make([][32]byte, len(lapsed))
	feeds, links := make(map[feedKey]bool), make(map[LinkID]bool)
	for i, r := range lapsed {
		ids[i] = r.ID
		delete(s.notices, r.ID)
		s.unname(r)
		s.count(r, -r.size())
		feeds[r.feed] = true
		if r.head != nil {
			s.feeds[r.feed].head = nil
		} else {
			links[r.link] = true
		}
	}
	gone := func(r *record) bool { return s.notices[r.ID] != r }
	for link := range links {
		if s.links[link] = slices.DeleteFunc(s.links[link], gone); len(s.links[link]) == 0 {
			delete(s.links, link)
		}
	}
	for key := range feeds {
		f := s.feeds[key]
		if f.records = slices.DeleteFunc(f.records, gone); f.head == nil && len(f.records) == 0 {
			delete(s.feeds, key)
		}
	}
	return ids
}

// Has reports whether the link itself was revoked; a [Verifier] asks it for each link of a grant.
func (s *Set) Has(link LinkID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.links[link]) > 0
}

// Holds reports whether s has a notice with that ID.
func (s *Set) Holds(id [32]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notices[id] != nil
}

// Cut returns up to which of its messages the holder of leaf is still heard although link was revoked: the least that
// any revocation of the link says, or false if one of them makes no exception for leaf, or if link was not revoked.
func (s *Set) Cut(link, leaf LinkID) (seq uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.links[link] {
		cut, excepted := r.cut[leaf]
		if !excepted {
			return 0, false
		}
		if i == 0 || cut < seq {
			seq = cut
		}
	}
	return seq, len(s.links[link]) > 0
}

// AsOf returns up to which moment all revocations by issuer of grants with the given subject are known here, because
// there is a head that counts exactly those, or the zero time. It is half of a [State].
func (s *Set) AsOf(issuer, subject Key) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.feeds[feedKey{issuer, subject}].asOf()
}

// Feed returns how far was seen what issuer says of grants with the given subject. When all of it has lapsed, it begins
// again.
func (s *Set) Feed(issuer, subject Key) Feed {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.feeds[feedKey{issuer, subject}]; f != nil {
		return f.last
	}
	return Feed{}
}

// Gapless reports whether the revocations by issuer of grants with the given subject follow from each other, from the
// first that is here to the last one heard of. If not, one has lapsed, or did not arrive, and others are to be asked.
func (s *Set) Gapless(issuer, subject Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.feeds[feedKey{issuer, subject}].gapless()
}

// Len returns how many notices there are, and how many bytes they take.
func (s *Set) Len() (notices, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.notices), s.used
}

// All returns the notices that s holds at this moment, for others or for a store: heads first, because what they count is
// taken in even when it has lapsed.
func (s *Set) All() iter.Seq[Notice] {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Notice, 0, len(s.notices))
	for _, f := range s.feeds {
		if f.head != nil {
			all = append(all, f.head.Notice)
		}
	}
	for _, r := range s.notices {
		if r.head == nil {
			all = append(all, r.Notice)
		}
	}
	return slices.Values(all)
}
