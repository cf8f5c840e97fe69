package captp

import (
	"encoding/binary"
	"time"

	"github.com/hawser-go/hawser/vat"
)

// maxUntraced is how many events wait for the peer's op:start-session, without which messages have no ids.
const maxUntraced = 1 << 12

// traceSent counts a message that has been encoded, and remembers to tell the tracer. Both ends of a session count the
// same: what is sent to a resolver is part of the message that it answers.
func (l *locked) traceSent(m *vat.Message, asks bool) {
	if m.Op != vat.Deliver && !asks {
		return // nothing was written
	}
	l.t.ordinal++
	if l.s.cfg.Tracer == nil || len(l.events) >= maxUntraced {
		return
	}
	l.events = append(l.events, vat.Event{
		Time: time.Now(), Kind: "wire-send", Where: l.s.peer(), ID: vat.MessageID{N: l.t.ordinal}, Cause: m.ID, Method: string(m.Selector),
	})
}

// trace tells the tracer what has been sent. It is called without mu.
func (s *Session) trace() {
	if s.cfg.Tracer == nil {
		return
	}
	var events []vat.Event
	var space uint64
	s.withLock(func(l *locked) {
		if l.started || l.state == closed {
			events, l.events, space = l.events, nil, l.space[0]
		}
	})
	for i := range events {
		events[i].ID.Space = space
		s.cfg.Tracer.Trace(events[i])
	}
}

// trace tells the tracer of a message that has come, and names it.
func (r *reader) trace(m *vat.Message) {
	r.ordinal++
	if r.s.cfg.Tracer == nil {
		return
	}
	m.ID = vat.MessageID{Space: r.space, N: r.ordinal}
	r.s.cfg.Tracer.Trace(vat.Event{Time: time.Now(), Kind: "wire-receive", Where: r.s.peer(), ID: m.ID, Method: string(m.Selector)})
}

// messageSpaces derives the two trace spaces of a session, ours first, from its id.
func messageSpaces(id [32]byte, outbound bool) (out [2]uint64) {
	a := binary.BigEndian.Uint64(id[:8])
	if outbound {
		return [2]uint64{a, a ^ 1}
	}
	return [2]uint64{a ^ 1, a}
}
