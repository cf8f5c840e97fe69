package grant

import (
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"
)

// Set holds the notices that a party has of what others revoked, each verified. It only grows, except by what has
// lapsed: whatever the order in which notices arrive, by whatever way, two sets that have the same ones refuse the same.
// It is safe for concurrent use.
type Set struct {
	bytes, share int
	skew         time.Duration
	wanted       func(Key) bool
	cache        Cache // of witnesses

	mu      sync.Mutex
	links   map[LinkID][]*record
	notices map[[32]byte]*record
	named   map[[32]byte]*record // by their names
	names   branch
	feeds   map[feedKey]*feed
	used    int
	held    int              // how much of that is by others than the subjects
	shares  map[shareKey]int // how much of used is theirs
}

// shareKey names those who share a share: who have their authority from one root link, over as many others. So nobody
// can fill the place of who stands above them and may revoke what they hold.
type shareKey struct {
	root  LinkID
	level int
}

// SetConfig bounds a Set. Nil is the default.
type SetConfig struct {
	// Bytes bounds what the notices take, 128 MiB by default: some 150000 of them. A Set that is full refuses what is new.
	Bytes int
	// Share bounds what those can fill together who have their authority from one and the same root link, over equally
	// many others; a sixteenth of Bytes by default. It does not bind the subject, who issued the root. So holders can use
	// up the place of their like, who are then to be revoked, and nobody's above them; and if there are so many that their shares
	// together are more than Bytes, that of each other. A sixteenth of Bytes is the subjects' in any case.
	Share int
	// Skew is that of the [Verifier] that asks the Set; 0 is DefaultSkew, less is none.
	Skew time.Duration
	// Wanted reports whether grants with the given subject matter here. Nil means that all do: then strangers can fill
	// the Set with notices about grants of their own.
	Wanted func(subject Key) bool
}

// Notice is a revocation or a head as a Set holds it, to be stored under its ID and to be sent to others.
type Notice struct {
	// ID is the same for what replaces each other: a head replaces the one before of the same feed.
	ID [32]byte
	// Bytes is what Revoke or Head wrote. It is not to be modified.
	Bytes []byte
}

// record is a notice and what is asked of it: a revocation, or a head.
type record struct {
	Notice
	id       [32]byte // its name: of the claims
	feed     feedKey
	until    time.Time
	share    *shareKey // nil for the subject's
	link     LinkID
	cut      map[LinkID]uint64
	seq      uint64
	previous [32]byte
	head     *head // nil for a revocation
}

// size is about what r takes in memory.
func (r *record) size() int { return len(r.Bytes) + 400 + 64*len(r.cut) }

// NewSet returns an empty Set. An error names the field that is out of range.
func NewSet(c *SetConfig) (*Set, error) {
	s := &Set{
		bytes: 128 << 20, skew: DefaultSkew,
		links: make(map[LinkID][]*record), notices: make(map[[32]byte]*record), named: make(map[[32]byte]*record), feeds: make(map[feedKey]*feed), shares: make(map[shareKey]int),
	}
	if c != nil {
		if c.Bytes < 0 || c.Share < 0 {
			return nil, errors.New("grant: SetConfig.Bytes and Share are positive, or 0 for the default")
		}
		if c.Bytes > 0 {
			s.bytes = c.Bytes
		}
		if c.Skew != 0 {
			s.skew = max(c.Skew, 0)
		}
		s.share, s.wanted = c.Share, c.Wanted
	}
	if s.share == 0 {
		s.share = s.bytes / 16
	}
	if s.share > s.bytes {
		return nil, fmt.Errorf("grant: SetConfig.Share (%d) is more than Bytes (%d)", s.share, s.bytes)
	}
	return s, nil
}

// Add verifies a notice and takes it in. It returns it if it was new, to be stored, and an empty Notice if it was known
// already or is no longer of use. A refusal matches ErrRefused and is a *Refusal. With the reason [Full] there is no room,
// for whatever good notice it may be: then the host does not know everything.
func (s *Set) Add(notice []byte, now time.Time) (Notice, error) {
	return s.add(notice, now, true)
}

// Load is Add for what comes from the host's own store: signatures are not checked again.
func (s *Set) Load(notice []byte, now time.Time) error {
	_, err := s.add(notice, now, false)
	return err
}

// Merge adds notices and returns those that were new. Bad ones are left out; the error joins what was wrong with the
// first few.
func (s *Set) Merge(notices iter.Seq[Notice], now time.Time) (added []Notice, err error) {
	var wrong []error
	for n := range notices {
		n, err := s.Add(n.Bytes, now)
		if err != nil && len(wrong) < 8 {
			wrong = append(wrong, err)
		} else if n.Bytes != nil {
			added = append(added, n)
		}
	}
	return added, errors.Join(wrong...)
}

func (s *Set) add(notice []byte, now time.Time, verify bool) (Notice, error) {
	opened, err := openNotice(notice)
	if err != nil {
		return Notice{}, err
	}
	if subject := opened.witness.Subject(); s.wanted != nil && !s.wanted(subject) {
		return Notice{}, refuse(Misdirected, 0, "grants of %s do not matter here", subject)
	}
	r, err := opened.record()
	if err != nil {
		return Notice{}, err
	}
	if r.head != nil && r.head.asOf.After(now.Add(s.skew)) {
		return Notice{}, refuse(NotYet, 0, "a head of %s, it is %s", stamp(r.head.asOf), stamp(now))
	}
	if fresh, err := s.room(r, now); !fresh {
		return Notice{}, err
	}
	if verify {
		if err := opened.verify(&s.cache); err != nil {
			return Notice{}, err
		}
	}
	return s.put(r, now)
}

// record reads a notice, of which nothing is verified yet.
func (s *signed) record() (*record, error) {
	r := &record{Notice: Notice{Bytes: s.bytes}, id: s.id(), until: s.until()}
	if s.kind == kindHead {
		h, err := s.head()
		if err != nil {
			return nil, err
		}
		r.ID, r.head = headID(s.by, s.witness.Subject()), h
	} else {
		v, err := s.revocation()
		if err != nil {
			return nil, err
		}
		r.ID = r.id
		r.link, r.cut, r.seq, r.previous = v.Link, v.Cut, v.Seq, v.Previous
	}
	r.feed = feedKey{s.by, s.witness.Subject()}
	if r.feed.by != r.feed.subject {
		r.share = &shareKey{s.witness.links[0].ID, s.witness.level(r.feed.by)}
	}
	return r, nil
}

// level returns how many links it took until key came in.
func (g *Grant) level(key Key) int {
	for i := range g.links {
		if g.links[i].Issuer == key {
			return i
		}
	}
	return len(g.links)
}
