package link

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/store"
)

// Mail carries frames of links that last while there is no connection. Its methods are called without any lock, by one goroutine
// at a time for each link, in order; they return soon. They may use the link.
type Mail interface {
	// Enter says that there is a link that lasts: it is on the disk, or was kept and is read from.
	Enter(l Mailed)
	// Stir says that something has changed since: a connection was lost or is there again, frames are on the disk, the peer has
	// acknowledged some, or it is on the disk that frames of the peer's were consumed. Many changes may be one call.
	Stir(l Mailed)
	// Leave says that a link is over or forgotten, or that the netlayer closes. It is the last call for it.
	Leave(l Mailed)
}

// Mailed is a link as mail sees it. Its methods may be called by any goroutine, at any time, and wait for no network.
type Mailed interface {
	// Name is what the link is stored under.
	Name() [16]byte
	// ID is what both ends call it: in requests, or, if a letter has begun it, in letters.
	ID() [32]byte
	// Begun returns when the link was begun by a letter, and Beginning.Note; ok is false if a handshake has begun it.
	Begun() (at time.Time, note []byte, ok bool)
	// Info is that of the connection.
	Info() netlayer.Info
	// Dialled reports whether this side dialled at the beginning.
	Dialled() bool
	// Mail returns where the link is.
	Mail() MailState
	// Frames returns frames from number first on and before number next, at least one if there is one, perhaps not all. Whoever
	// asks sends them.
	Frames(first, next uint64) ([][]byte, error)
	// Acked says that the peer has consumed all frames before position, for good. One that is beyond all that were written ends
	// the link with ErrRolledBack, which is returned.
	Acked(position uint64) error
	// Take has frames read that have come, in order, the first with that number; it copies them. It returns how many of them need not
	// be brought again: those that are known are skipped, and after a gap, or when too many wait to be read, none is taken. Then the
	// rest can be brought when there is a Stir.
	Take(first uint64, frames [][]byte) (taken int)
	// End says that the peer has ended the link.
	End(reason string)
	// Expire ends the link because the peer was not heard in time, and Part because the two ends do not agree on what was said.
	Expire(reason string)
	Part(reason string)
	// Untold reports, of a link that has left, whether it is over and the peer has not been told.
	Untold() bool
}

// A MailState is where a link is.
type MailState struct {
	Connected bool
	Since     time.Time // when the connection was lost, if it was
	Acked     uint64    // frames that the peer has consumed
	Written   uint64    // frames that are on the disk
	Base      uint64    // of those, how many there were when the store was opened
	Received  uint64    // frames of the peer's that have come: the number of the next
	Consumed  uint64    // of those, how many were consumed, on the disk
	Epoch     uint64    // the last opening of the peer's store that a connection was resumed with, 0 if none was
}

// post is what a link has to do with mail: guarded by mu.
type post struct {
	letters []letter // frames that have come and were not read
	size    int      // bytes of those
	mailed  uint64   // frames before this one may have gone out by mail
	parted  bool     // it ends because of what a letter has said
	entered bool
	left    bool
	stirred bool
	telling bool // somebody tells Config.Mail
}

// A letter is a frame that came by mail.
type letter struct {
	n     uint64
	frame []byte
}

// maxLetters is how many bytes of frames that came by mail may wait to be read.
const maxLetters = 4 << 20

// mailed is a link for mail.
type mailed struct{ *link }

var _ Mailed = mailed{}

// stir tells Config.Mail that something has changed. Called with mu held.
func (l *link) stir() {
	lk := &l.lk
	if l.n.cfg.Mail == nil || !lk.lasts || lk.secret == nil || !l.onDisk() || lk.asleep {
		return
	}
	lk.stirred = true
	if !lk.telling {
		lk.telling = l.n.spawn(l.tellMail)
	}
}

// tellMail tells it until there is nothing to tell.
func (l *link) tellMail() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for lk, mail := &l.lk, l.n.cfg.Mail; ; {
		over := lk.ended != nil || lk.closing || lk.forgotten
		var tell func(Mailed)
		switch {
		case lk.left || over && !lk.entered:
		case over:
			tell, lk.left = mail.Leave, true
		case lk.stirred && !lk.entered:
			tell, lk.entered, lk.stirred = mail.Enter, true, false
		case lk.stirred:
			tell, lk.stirred = mail.Stir, false
		}
		if tell == nil {
			lk.telling = false
			return
		}
		l.mu.Unlock()
		tell(mailed{l})
		l.mu.Lock()
	}
}

// leave tells Config.Mail that the link is over, also when the netlayer closes. Called without mu.
func (l *link) leave() {
	l.mu.Lock()
	idle := l.lk.entered && !l.lk.left && !l.lk.telling
	if idle {
		l.lk.telling = true
	}
	l.mu.Unlock()
	if idle {
		l.tellMail()
	}
}

func (m mailed) Name() [16]byte { return m.lk.id }

func (m mailed) ID() [32]byte {
	if m.opening != nil {
		return m.opening.id
	}
	return m.lk.secret.id()
}

func (m mailed) Begun() (at time.Time, note []byte, ok bool) {
	if m.opening == nil {
		return time.Time{}, nil, false
	}
	return m.opening.at, m.opening.note, true
}

func (m mailed) Dialled() bool { return m.info.Outbound }

func (m mailed) Mail() MailState {
	m.mu.Lock()
	defer m.mu.Unlock()
	lk := &m.lk
	s := MailState{Connected: lk.conn != nil, Acked: lk.acked, Written: lk.end, Base: lk.base, Received: lk.received, Consumed: lk.saved, Epoch: lk.peer.epoch}
	if !s.Connected {
		s.Since = lk.suspended
	}
	return s
}

func (m mailed) Frames(first, next uint64) (frames [][]byte, err error) {
	m.mu.Lock()
	lk := &m.lk
	next = min(next, lk.disk)
	over, bucket := lk.forgotten, lk.frames
	if !over && first < next {
		lk.mailed = max(lk.mailed, next)
		lk.sent = max(lk.sent, next)
	}
	m.mu.Unlock()
	if over || first >= next {
		return nil, nil
	}
	size := 0
	err = m.n.cfg.Store.View(func(r store.Reader) error {
		r.Scan(bucket, frameKey(first), func(key, frame []byte) bool {
			if n := first + uint64(len(frames)); n == next || !bytes.Equal(key, frameKey(n)) {
				return false
			}
			frames = append(frames, bytes.Clone(frame))
			size += len(frame)
			return len(frames) < writeFrames && size < writeBytes
		})
		return nil
	})
	if err == nil && len(frames) == 0 {
		err = fmt.Errorf("%w: frame %d of session %x is not there, or was acknowledged", ErrDamaged, first, m.lk.id)
	}
	return frames, err
}

func (m mailed) Acked(position uint64) error {
	m.mu.Lock()
	lk := &m.lk
	if position > lk.end {
		why := m.apart(fmt.Sprintf("the peer has acknowledged frame %d in a letter, of %d that there are", position, lk.end))
		m.mu.Unlock()
		m.end(why)
		return why
	}
	defer m.mu.Unlock()
	if position > lk.acked && lk.ended == nil {
		lk.sent, lk.mailed = max(lk.sent, position), max(lk.mailed, position)
		m.heardFrom()
		m.release(position)
	}
	return nil
}

func (m mailed) Take(first uint64, frames [][]byte) (taken int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lk := &m.lk
	if lk.ended != nil || lk.closing || lk.forgotten || first > lk.received {
		return 0
	}
	before := lk.received
	for _, f := range frames {
		if n := first + uint64(taken); n == lk.received {
			if lk.size > maxLetters || len(f) > netlayer.MaxFrame {
				break
			}
			lk.letters = append(lk.letters, letter{n, bytes.Clone(f)})
			lk.size += len(f) + frameCost
			lk.received++
		}
		taken++
	}
	if lk.received > before {
		m.lettered.Store(true)
		m.heardFrom()
		m.changed.Broadcast()
		if lk.conn != nil {
			m.doubt(before)
		}
	}
	return taken
}

// letterWait is how long letters may wait for a connection that brings nothing.
const letterWait = time.Second

// doubt gives the connection up as dead if, a moment from now, it has brought nothing and whoever reads from it still waits there, past the
// letter with frame n: what is said over a connection that works comes before the letter that says it, too. Called with mu held.
func (l *link) doubt(n uint64) {
	gen, brought := l.lk.gen, l.lk.counted
	l.n.after(letterWait, func() {
		if l.reading.TryLock() { // nobody waits there: the letters are for whoever reads next
			l.reading.Unlock()
			return
		}
		l.mu.Lock()
		waits := len(l.lk.letters) > 0 && l.lk.letters[0].n <= n && l.lk.counted == brought
		l.mu.Unlock()
		if waits {
			l.lost(gen, errOvertaken)
		}
	})
}

var errOvertaken = errors.New("link: letters bring what it does not")

func (m mailed) End(reason string) { m.end(closedThere(oneLine(reason))) }

func (m mailed) Expire(reason string) { m.end(because(ErrExpired, oneLine(reason))) }

func (m mailed) Part(reason string) {
	m.mu.Lock()
	m.lk.parted = true
	m.mu.Unlock()
	m.end(because(ErrRolledBack, oneLine(reason)))
}

func (m mailed) Untold() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	lk := &m.lk
	over := lk.forgotten || lk.ended != nil && lk.ended != error(errClosedHere)
	return over && lk.conn == nil && !lk.byeSaid && (lk.parted || !isKnownThere(lk.ended))
}

// heardFrom is touched by mail: the lease begins anew. Called with mu held.
func (l *link) heardFrom() {
	l.touched()
	if l.lk.conn == nil && l.lk.expiry != nil {
		l.await()
	}
}

// letter returns the next frame that came by mail, if it is before the one with number than, and those that have come by a
// connection.
func (l *link) letter(than uint64) (f netlayer.Frame, ok bool) {
	if !l.lettered.Load() {
		return f, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	lk := &l.lk
	if len(lk.letters) == 0 || lk.letters[0].n >= than || lk.ended != nil && lk.ended != error(errClosedHere) {
		return f, false
	}
	f.Bytes, f.OnDone = lk.letters[0].frame, l.done
	if lk.size -= len(f.Bytes) + frameCost; lk.size <= maxLetters && lk.size+len(f.Bytes)+frameCost > maxLetters {
		l.stir() // there is room again
	}
	lk.letters[0] = letter{}
	if lk.letters = lk.letters[1:]; len(lk.letters) == 0 {
		lk.letters = nil
		l.lettered.Store(false)
	}
	return f, true
}
