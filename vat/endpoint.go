package vat

import (
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
)

// endpoint is a vow as the route of its own messages once it has settled with an error or with data.
type endpoint Vow

// Deliver implements Target.
func (e *endpoint) Deliver(m Message) { e.answer(nil, &m) }

// answer breaks the message's answer with the vow's error, or brings the part of the vow's value that it asks for. Of a
// message that came through a caretaker revoked since it does neither.
func (e *endpoint) answer(cs *promise.Cascade, m *Message) {
	v, err := e.outcome(m)
	if e.broken && m.Answer != nil && m.way.shut() == nil {
		e.cell.Look() // whoever waits for the answer hears of it
	}
	answer := m.Answer
	if l := m.letter; l != nil {
		m.letter = nil
		l.finish(answer, v, err)
	}
	m.Answer = nil
	if err != nil {
		m.refuse(cs, err)
	} else {
		m.Taken()
	}
	switch {
	case answer == nil:
	case cs == nil:
		answer.SettleIn(nil, v, err, true)
	default:
		cs.Later(func(cs *promise.Cascade) { answer.SettleIn(cs, v, err, true) })
	}
}

// outcome returns what answers a message.
func (e *endpoint) outcome(m *Message) (v any, err error) {
	if err := m.way.shut(); err != nil {
		return nil, err
	}
	if e.broken {
		return nil, e.value.(error)
	}
	return selectFrom(e.value, m)
}

// selectFrom answers Get, Index and Untag from a value, as the draft says of each.
func selectFrom(v any, m *Message) (any, error) {
	switch m.Op {
	case Deliver:
	case Get:
		s, ok := v.(passable.Struct)
		if !ok {
			return nil, ErrBadSelect
		}
		f, ok := s.Get(string(m.Selector))
		if !ok {
			return nil, ErrBadSelect
		}
		return f, nil
	case Index:
		l, ok := v.([]any)
		if !ok || m.Pos < 0 || m.Pos >= int64(len(l)) {
			return nil, ErrBadSelect
		}
		return l[m.Pos], nil
	case Untag:
		t, ok := v.(passable.Tagged)
		if !ok || t.Tag != string(m.Selector) {
			return nil, ErrBadSelect
		}
		return t.Value, nil
	}
	return nil, ErrNotReference
}
