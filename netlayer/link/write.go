package link

import (
	"fmt"
	"sync"

	"github.com/hawser-go/hawser/netlayer"
)

// Write keeps the frames until the peer has acknowledged them and writes them to the connection, if there is one. It waits
// while too much is kept.
func (l *link) Write(frames [][]byte) error {
	for _, f := range frames {
		if len(f) > netlayer.MaxFrame {
			return fmt.Errorf("link: a frame of %d bytes: %w", len(f), netlayer.ErrFrameTooLarge)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.out.bytes()
	for _, f := range frames {
		if err := l.room(len(f)); err != nil {
			return err
		}
		l.out.put(f)
		l.lk.end++
	}
	if l.lk.conn == nil && l.lk.ended == nil {
		l.grown(l.out.bytes() - before)
	}
	if len(frames) == 0 {
		return l.unwritable()
	}
	mine := l.lk.end
	if l.flush(mine); l.lk.next >= mine {
		return nil // whatever has become of the link meanwhile
	}
	return l.unwritable()
}

// unwritable says why nothing can be written any more, or nil. Called with mu held, as everything below that does not say
// otherwise.
func (l *link) unwritable() error {
	if l.lk.ended != nil {
		return l.lk.ended
	}
	if l.lk.closing {
		return errClosedHere
	}
	return nil
}

// writable is unwritable for Write.
func (l *link) writable() error {
	if err := l.unwritable(); err != nil || !l.lk.lasts {
		return err
	}
	return netlayer.ErrLasts
}

// room waits until a frame of that size can be kept.
func (l *link) room(size int) error {
	lk, cfg := &l.lk, &l.n.cfg
	full := func() bool {
		return lk.end-lk.acked >= uint64(cfg.BufferFrames) || lk.end > lk.acked && l.out.bytes()+header+size > cfg.Buffer
	}
	if err := l.writable(); err != nil || !full() {
		return err
	}
	l.flush(lk.end)
	lk.waiting++
	defer func() { lk.waiting-- }()
	for full() && l.writable() == nil {
		l.wait(lk.acked, lk.gen)
	}
	return l.writable()
}

// wait waits for something to change, and ends the link if a peer that is connected does not acknowledge anything.
func (l *link) wait(acked, gen uint64) {
	stalled := l.n.after(l.n.cfg.Stall, func() {
		l.mu.Lock()
		here := l.lk.gen == gen && l.lk.conn != nil && l.lk.acked == acked
		l.changed.Broadcast()
		l.mu.Unlock()
		if here {
			l.fail(gen, because(ErrUnacknowledged, ""))
		}
	})
	defer stalled.Stop()
	for l.lk.acked == acked && l.lk.gen == gen && l.writable() == nil {
		l.changed.Wait()
	}
}

// vectors holds what frames are gathered in, so that quiet links have none.
var vectors = sync.Pool{New: func() any { v := make([][]byte, 0, writeFrames+4); return &v }}

// everything is what flush is to write when there is nothing that the caller waits for.
const everything = ^uint64(0)

// flush writes to the connection until nothing waits, if nobody is doing that already. It lets go of mu meanwhile. It leaves
// to others what is left when the frames before a number are out.
func (l *link) flush(before uint64) {
	lk := &l.lk
	if lk.writing {
		return
	}
	lk.writing = true
	vec := vectors.Get().(*[][]byte)
	left := false
	for lk.conn != nil && lk.writable {
		if left = lk.next >= before; left {
			break
		}
		if lk.next < lk.end && !l.out.has(lk.next) && !l.back.has(lk.next) {
			if !l.fetch() {
				break
			}
			continue
		}
		lk.pin = lk.next
		out, last := l.gather((*vec)[:0])
		if len(out) == 0 {
			break
		}
		conn, gen := lk.conn, lk.gen
		l.mu.Unlock()
		err := conn.Write(out)
		clear(out)
		l.mu.Lock()
		lk.pin = everything
		l.trim()
		if lk.gen != gen {
			continue // written to a connection that is not there any more
		}
		if err != nil {
			// What has come can still be read, and then Read learns of it, too.
			lk.writable = false
			l.dispose(conn, "")
		} else if last {
			lk.byeSaid = true
		}
	}
	vectors.Put(vec)
	l.back.free()
	lk.writing = false
	if lk.ended != nil {
		l.out.free()
	}
	if lk.closing {
		l.changed.Broadcast() // Close waits for this
	} else if left && (lk.next < lk.end || lk.ackDue) {
		l.n.spawn(l.goOn)
	}
}

// gather collects what can be written: an acknowledgement that is due, or goes along, frames, and at the end the farewell.
func (l *link) gather(vec [][]byte) (out [][]byte, last bool) {
	lk := &l.lk
	consumed := l.tellable()
	if fresh := consumed - l.said.Load(); fresh > 0 && (lk.ackDue || lk.next < lk.end && fresh >= ackFrames/2) {
		vec = append(vec, appendAck(lk.ack[:0], consumed))
		l.said.Store(consumed)
	}
	lk.ackDue = false
	if lk.next < lk.end {
		from := l.out
		if !from.has(lk.next) {
			from = &l.back
		}
		vec, lk.next = from.gather(vec, lk.next, lk.end)
		lk.sent = max(lk.sent, lk.next)
		lk.passed = true
	}
	if lk.next == lk.end && lk.bye != nil && !lk.byeSaid {
		vec, last = append(vec, lk.bye), true
	}
	return vec, last
}

// acknowledged takes the peer's word that it has consumed the frames before position. It is called without mu.
func (l *link) acknowledged(gen, position uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	lk := &l.lk
	switch {
	case lk.gen != gen:
		return nil
	case position > max(lk.next, lk.mailed): // what it has read it did not ask for
		return because(ErrPosition, fmt.Sprintf("it acknowledges %d frames, %d were sent", position, lk.next))
	}
	lk.heard = true
	l.release(position)
	return nil
}

// release lets go of the frames before position.
func (l *link) release(position uint64) {
	lk := &l.lk
	if position <= lk.acked {
		return // said before the one that came first
	}
	lk.acked = position
	l.trim()
	if lk.lasts {
		lk.acks++
		l.noteSoon(lk.acks >= noteAcks)
		l.stir()
	}
	if lk.waiting > 0 && l.roomy() {
		l.changed.Broadcast()
	}
}

// useless returns the number before which no frame is needed any more: it was acknowledged, and is not one that the peer counts on
// getting by the connection there is, as it did not have it by mail when that began.
func (l *link) useless() uint64 {
	if l.lk.conn == nil {
		return l.lk.acked
	}
	return min(l.lk.acked, l.lk.next)
}

// trim frees the memory of frames that are of no use there, but for those that are being written: they were acknowledged, or are
// on the disk and have gone out, or cannot go out now.
func (l *link) trim() {
	lk := &l.lk
	before := l.useless()
	switch {
	case !lk.lasts:
	case lk.conn != nil:
		before = max(before, min(lk.next, lk.disk))
	default:
		before = max(before, lk.disk)
	}
	if lk.writing {
		before = min(before, lk.pin)
	}
	l.out.drop(before)
}

// roomy reports whether it is worth waking a Write that waits for room: one that is woken for every frame does little else.
func (l *link) roomy() bool {
	lk, cfg := &l.lk, &l.n.cfg
	return lk.acked == lk.sent || lk.end-lk.acked <= uint64(cfg.BufferFrames)/4*3 && l.out.bytes() <= cfg.Buffer/4*3
}
