package link

import (
	"bytes"
	"time"

	"github.com/hawser-go/hawser/store"
)

// noteSoon has what noteRecord says written, and what the peer has acknowledged deleted: in a while, or at once. Called with mu
// held. Before the link itself is on the disk nothing is written, as that would be overwritten.
func (l *link) noteSoon(now bool) {
	lk := &l.lk
	if !lk.lasts || lk.forgotten {
		return
	}
	lk.dirty = true
	switch {
	case lk.noting || !l.onDisk():
	case now || lk.urgent:
		lk.noting = l.n.spawn(l.writeNotes)
	case lk.timer == nil:
		lk.timer = l.n.after(noteInterval, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			lk.timer = nil
			if lk.dirty {
				l.noteSoon(true)
			}
		})
	}
}

// onDisk reports whether what Last has added to a transaction is on the disk.
func (l *link) onDisk() bool {
	return l.lk.mark > 0 && (len(l.lk.marks) == 0 || l.lk.marks[0].mark > 1)
}

// writeNotes writes until there is nothing to write.
func (l *link) writeNotes() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for lk := &l.lk; lk.dirty && !lk.forgotten; {
		if l.writeNote() != nil {
			break // the store takes nothing any more, as everybody learns who has something to store
		}
	}
	l.lk.noting = false
}

// writeNote writes it once. Called with mu held, which it lets go of; one goroutine at a time does.
func (l *link) writeNote() error {
	lk := &l.lk
	from, to := lk.deleted, min(l.useless(), lk.disk, lk.deleted+noteFrames)
	lk.dirty = to < min(l.useless(), lk.disk)
	lk.urgent = false
	if !lk.dirty {
		lk.acks = 0
	}
	bucket := lk.frames
	l.mu.Unlock()
	freed, err := uint64(0), error(nil)
	if from < to {
		freed, err = l.n.weigh(bucket, from, to)
	}
	tx := new(store.Batch)
	for n := from; n < to; n++ {
		tx.Delete(bucket, frameKey(n))
	}
	l.mu.Lock()
	lk.deleted, lk.freed = max(to, from), lk.freed+freed
	if lk.forgotten || err != nil {
		return err
	}
	tx.Put(bucketNotes, bytes.Clone(lk.id[:]), stored(l.note()))
	l.mu.Unlock()
	err = l.n.cfg.Store.Submit(tx, nil)
	l.mu.Lock()
	return err
}

// weigh returns how many bytes frames in the store take, each counted with frameCost.
func (n *Netlayer) weigh(bucket string, from, to uint64) (size uint64, err error) {
	err = n.cfg.Store.View(func(r store.Reader) error {
		end := frameKey(to)
		r.Scan(bucket, frameKey(from), func(key, frame []byte) bool {
			if bytes.Compare(key, end) >= 0 {
				return false
			}
			size += uint64(len(frame)) + frameCost
			return true
		})
		return nil
	})
	return size, err
}

// touched says that the peer was connected until now, and says so again while it is. Called with mu held.
func (l *link) touched() {
	lk := &l.lk
	if !lk.lasts {
		return
	}
	lk.contact = time.Now()
	l.noteSoon(false)
	if lk.touch != nil {
		lk.touch.Stop()
		lk.touch = nil
	}
	if gen := lk.gen; lk.conn != nil {
		lk.touch = l.n.after(min(contactInterval, l.n.cfg.Lease/8), func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if lk.gen == gen {
				l.touched()
			}
		})
	}
}
