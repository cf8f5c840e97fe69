package link

import (
	"bytes"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/store"
)

// lasting is a link that can be had to outlive its process.
type lasting struct{ *link }

var _ netlayer.Lasting = lasting{}

// shelf is what a link that lasts has besides: guarded by mu, and all zero before Last.
type shelf struct {
	id        [16]byte // what it is stored under
	frames    string   // the bucket of its frames
	lasts     bool
	forgotten bool
	asleep    bool // it is from an earlier process, and nobody has called Read
	late      bool // the secret came after Last

	base  uint64 // frames that there were when the store was opened
	taken uint64 // frames that are to be stored, in one transaction or another
	put   uint64 // bytes of them, each counted with frameCost
	disk  uint64 // frames of them that are on the disk; state.end are those that may go out
	saved uint64 // frames of the peer's of which it is on the disk that they were consumed
	mark  uint64
	marks []recorded // that are not on the disk yet

	deleted uint64 // frames before this one are not stored any more
	freed   uint64 // bytes of those
	acks    int    // since
	dirty   bool   // what noteRecord says has changed
	urgent  bool   // and much
	noting  bool   // somebody is writing it
	timer   *time.Timer
	contact time.Time
	touch   *time.Timer
}

// recorded is what is on the disk with a mark.
type recorded struct{ mark, frames, consumed uint64 }

// outward is what a link is to its user.
func (l *link) outward() netlayer.Conn {
	if l.n.cfg.Store == nil || l.info.Anonymous && l.info.Outbound {
		return l // the key it dialled with ends with the process
	}
	return lasting{l}
}

// Name is what the link is stored under.
func (l lasting) Name() [16]byte { return l.lk.id }

// Last has the link outlive its process.
func (l lasting) Last(tx *store.Batch) (taken, mark uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lk := &l.lk
	if err := l.unwritable(); err != nil || lk.lasts {
		return lk.taken, lk.mark, err
	}
	if err := l.n.admitLasting(l.link); err != nil {
		return 0, 0, err
	}
	lk.lasts, lk.frames = true, framesOf(lk.id)
	if lk.contact = time.Now(); lk.conn == nil {
		lk.contact = lk.suspended
	}
	l.lasting.Store(true)
	lk.taken, lk.deleted = lk.acked, lk.acked
	l.out.each(lk.acked, func(_ uint64, frame []byte) { l.shelve(tx, frame) })
	tx.Put(bucketLinks, bytes.Clone(lk.id[:]), stored(l.fixed()))
	tx.Put(bucketNotes, bytes.Clone(lk.id[:]), stored(l.note()))
	if l.opening != nil {
		tx.Put(bucketBegun, bytes.Clone(lk.id[:]), l.opening.stored())
		if also := l.opening.also; also != nil {
			also(tx)
		}
	}
	mark = l.marked(tx)
	lk.saved = lk.marks[0].consumed
	if lk.conn != nil {
		l.touched()
	} else {
		l.await()
	}
	l.crowd(func(c *crowd) { c.leave(l.link) })
	l.changed.Broadcast()
	return lk.taken, mark, nil
}

// shelve adds the next frame to a transaction. Called with mu held, as everything below that does not say otherwise.
func (l *link) shelve(tx *store.Batch, frame []byte) {
	lk := &l.lk
	tx.Put(lk.frames, frameKey(lk.taken), bytes.Clone(frame))
	lk.taken++
	lk.put += uint64(len(frame)) + frameCost
}

// marked adds to a transaction how far the link is, and returns the mark that stands for it.
func (l *link) marked(tx *store.Batch) uint64 {
	lk := &l.lk
	p := l.place()
	tx.Put(bucketPlaces, bytes.Clone(lk.id[:]), stored(p))
	lk.mark++
	lk.marks = append(lk.marks, recorded{lk.mark, p.Frames, p.Consumed})
	return lk.mark
}

// Record adds frames to a transaction.
func (l lasting) Record(tx *store.Batch, frames [][]byte) (mark uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lk := &l.lk
	if !lk.lasts || lk.forgotten || lk.ended != nil && lk.ended != error(errClosedHere) {
		return lk.mark
	}
	for _, f := range frames {
		if len(f) > netlayer.MaxFrame {
			why := because(netlayer.ErrFrameTooLarge, fmt.Sprintf("%d bytes were to be recorded", len(f)))
			l.n.spawn(func() { l.end(why) })
			return lk.mark
		}
	}
	for _, f := range frames {
		if l.out.begin(lk.taken); lk.conn != nil && l.out.end == lk.taken && l.out.bytes() < hot {
			l.out.put(f)
		}
		l.shelve(tx, f)
	}
	return l.marked(tx)
}

// Recorded says what is on the disk.
func (l lasting) Recorded(mark uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lk := &l.lk
	for len(lk.marks) > 0 && lk.marks[0].mark <= mark {
		r := lk.marks[0]
		lk.marks = lk.marks[1:]
		lk.disk, lk.end, lk.saved = r.frames, r.frames, r.consumed
	}
	if len(lk.marks) == 0 {
		lk.marks = nil
	}
	l.trim()
	if lk.saved > l.said.Load() {
		l.tell()
	}
	if lk.dirty {
		l.noteSoon(false) // what was held up while the link itself was not on the disk
	}
	l.look()
	l.stir()
}

// Held returns how many bytes the frames take.
func (l lasting) Held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lk.lasts {
		return int(l.lk.put - l.lk.freed)
	}
	return l.out.bytes()
}

// Flush writes what may go out.
func (l lasting) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush(everything)
	return l.unwritable()
}

// Forget takes the link out of the store.
func (l lasting) Forget(tx *store.Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lk := &l.lk
	if !lk.lasts || lk.forgotten {
		return
	}
	lk.forgotten = true
	for _, bucket := range []string{bucketLinks, bucketPlaces, bucketNotes, bucketBegun} {
		tx.Delete(bucket, bytes.Clone(lk.id[:]))
	}
	tx.Drop(lk.frames)
	l.n.dismissLasting(l.link, lk.ended != nil)
	if lk.closing && !isKnownThere(lk.ended) && l.canTell() {
		l.n.spawn(l.tellOver) // Close has not
	}
	l.stir()
}

// fetch reads frames that are to go out from the store, letting go of mu meanwhile. It returns false if that cannot be done.
func (l *link) fetch() bool {
	lk := &l.lk
	from, to := lk.next, lk.end
	if l.out.head != nil && l.out.head.first > from {
		to = min(to, l.out.head.first)
	}
	bucket := lk.frames
	l.mu.Unlock()
	l.back.free()
	l.back.begin(from)
	err := l.n.cfg.Store.View(func(r store.Reader) error {
		r.Scan(bucket, frameKey(from), func(key, frame []byte) bool {
			if n := l.back.end; n == to || !bytes.Equal(key, frameKey(n)) || len(frame) > netlayer.MaxFrame {
				return false
			}
			l.back.put(frame)
			return l.back.end-from < writeFrames && l.back.bytes() < writeBytes
		})
		return nil
	})
	l.mu.Lock()
	switch {
	case l.back.end > from:
		return true
	case lk.forgotten:
		lk.next = max(lk.next, lk.end) // there is only the farewell left to be said
		return true
	case lk.next != from:
		return true // another connection has come meanwhile
	case err == nil:
		err = fmt.Errorf("%w: frame %d of session %x is not there", ErrDamaged, from, lk.id)
	}
	lk.writable = false
	why := because(err, "")
	l.n.spawn(func() { l.end(why) })
	return false
}
