package link

import (
	"fmt"

	"github.com/hawser-go/hawser/netlayer"
)

// Read returns the next frame of the link, over however many connections that takes.
func (l *link) Read() (netlayer.Frame, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	for in := &l.in; ; {
		than := everything
		if in.isSet {
			than = in.n
		}
		if f, ok := l.letter(than); ok {
			return f, nil
		}
		if in.isSet {
			f := in.ahead
			in.ahead, in.isSet = netlayer.Frame{}, false
			return f, nil
		}
		if in.conn == nil {
			again, err := l.connected()
			if err != nil {
				return netlayer.Frame{}, err
			}
			if again {
				continue
			}
		}
		// Letters that have come meanwhile are before it.
		if in.ahead, in.isSet = l.read(); in.isSet {
			in.n = in.last
		}
	}
}

// More reports whether a frame is there, looking past what is only for the link. While the frame read last has not been
// handed back it cannot look, which would overwrite that, and takes whatever is there for a frame.
func (l *link) More() bool {
	if !l.reading.TryLock() {
		return false
	}
	defer l.reading.Unlock()
	for {
		if l.in.isSet {
			return true
		}
		l.mu.Lock()
		letters := len(l.lk.letters) > 0
		ended := l.lk.conn == nil && l.lk.ended != nil
		conn, gen, handedBack := l.lk.conn, l.lk.gen, l.consumed.Load() == l.lk.received
		l.mu.Unlock()
		switch {
		case ended || letters:
			return true
		case conn == nil || !conn.More():
			return false
		case !handedBack:
			return true
		}
		if l.in.conn != conn {
			l.in = inflow{conn: conn, gen: gen}
		}
		if l.in.ahead, l.in.isSet = l.read(); l.in.isSet {
			l.in.n = l.in.last
		}
	}
}

// connected waits for a connection to read from, or returns why there will be none; or again if a letter has come first.
func (l *link) connected() (again bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lk.asleep {
		l.lk.asleep = false
		if l.lk.conn == nil && l.lk.ended == nil {
			l.await()
			l.look()
		}
		l.stir()
	}
	for l.lk.conn == nil && l.lk.ended == nil && len(l.lk.letters) == 0 {
		l.changed.Wait()
	}
	switch {
	case l.lk.conn != nil:
		l.in = inflow{conn: l.lk.conn, gen: l.lk.gen}
		return false, nil
	case l.lk.ended != nil:
		return false, l.lk.ended
	}
	return true, nil
}

// read takes a frame off the connection; ok is false if it was none of the link's, or the connection is over.
func (l *link) read() (f netlayer.Frame, ok bool) {
	f, err := l.in.conn.Read()
	if err != nil {
		l.lost(l.in.gen, err)
		l.in.conn = nil
		return netlayer.Frame{}, false
	}
	if l.in.raw > 0 {
		l.in.raw--
		return l.take(f, false)
	}
	if len(f.Bytes) == 0 {
		err = because(ErrProtocol, "an empty frame")
	} else {
		kind := f.Bytes[0]
		f.Bytes = f.Bytes[1:]
		if kind == kindData {
			return l.take(f, true)
		}
		err = l.control(kind, f.Bytes)
	}
	f.Done()
	if err != nil {
		l.fail(l.in.gen, err)
		l.in.conn = nil
	}
	return netlayer.Frame{}, false
}

// take counts a frame of the link, unless the connection it came by was taken away meanwhile. If it did not come with the
// handshake the peer knows that it was admitted.
func (l *link) take(f netlayer.Frame, heard bool) (netlayer.Frame, bool) {
	l.mu.Lock()
	lk := &l.lk
	fenced, known := lk.gen != l.in.gen, false
	if !fenced {
		known = lk.counted < lk.received // it has come by mail meanwhile
		l.in.last = lk.counted
		lk.counted++
		if !known {
			lk.received++
		}
		lk.passed, lk.heard = true, lk.heard || heard
		if lk.weight += len(f.Bytes); lk.weight >= ackBytes {
			lk.weight = 0
			l.heavy.Store(true)
		}
	}
	l.mu.Unlock()
	if fenced || known {
		f.Done()
		if fenced {
			l.in.conn = nil
		}
		return netlayer.Frame{}, false
	}
	if also := f.OnDone; also != nil {
		f.OnDone = func() {
			also()
			l.handedBack()
		}
	} else {
		f.OnDone = l.done
	}
	return f, true
}

// control does what a frame says that is for the link.
func (l *link) control(kind byte, b []byte) error {
	var err error
	switch kind {
	case kindRaw:
		l.in.raw, err = readRaw(b)
		return err // this may have come with the handshake: nothing is heard yet
	case kindAck:
		var position uint64
		if position, err = readAck(b); err == nil {
			err = l.acknowledged(l.in.gen, position)
		}
	case kindBegin:
		err = l.begun(b)
	case kindFault:
		err = l.faulted(b)
	case kindClose:
		err = closedThere(oneLine(string(b)))
	default:
		err = because(ErrProtocol, fmt.Sprintf("a frame of kind %d", kind))
	}
	return err
}

// begun takes the secret of the link, which is said once, by the side that was dialled.
func (l *link) begun(b []byte) error {
	s := new(secret)
	if copy(s[:], b) != len(s) || len(b) != len(s) {
		return because(ErrProtocol, fmt.Sprintf("a secret of %d bytes", len(b)))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lk.secret != nil {
		return because(ErrProtocol, "a secret where none is expected")
	}
	l.lk.secret = s
	l.n.baptize(l, s.id())
	l.lk.late, l.lk.urgent = l.lk.lasts, true
	l.noteSoon(true)
	l.stir()
	return nil
}

// faulted takes the peer's word that the link cannot go on.
func (l *link) faulted(b []byte) error {
	say, err := readFault(b)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fault(say)
}

// handedBack counts a frame that was consumed, and sees to it that the peer learns.
func (l *link) handedBack() {
	consumed := l.consumed.Add(1)
	if l.lasting.Load() {
		return // the peer learns when what that has brought about is on the disk
	}
	if consumed-l.said.Load() >= ackFrames || l.heavy.Load() || !l.armed.Load() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.tell()
	}
}

// tellable returns how many frames the peer may be told have been consumed. Called with mu held.
func (l *link) tellable() uint64 {
	if l.lk.lasts {
		return l.lk.saved
	}
	return l.consumed.Load()
}

// tell sees to it that the peer learns how many frames have been consumed: in a while, or now if they are many. Called with mu held.
func (l *link) tell() {
	lk := &l.lk
	due := l.tellable()-l.said.Load() >= ackFrames || l.heavy.Load()
	switch {
	case lk.ended != nil || lk.conn == nil:
	case !due:
		if !l.armed.Swap(true) {
			l.armAck()
		}
	case !lk.ackDue:
		l.heavy.Store(false)
		lk.ackDue = true
		if !lk.writing { // nobody waits for the writing
			l.n.spawn(l.acknowledge)
		}
	}
}

// armAck sets the timer of acknowledgements. Called with mu held.
func (l *link) armAck() {
	if l.lk.ackTimer == nil {
		l.lk.ackTimer = l.n.after(ackInterval, func() {
			l.armed.Store(false)
			l.acknowledge()
		})
		return
	}
	l.lk.ackTimer.Reset(ackInterval)
}

// acknowledge tells the peer how many frames have been consumed.
func (l *link) acknowledge() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lk.ackDue = l.tellable() > l.said.Load()
	l.flush(everything)
}
