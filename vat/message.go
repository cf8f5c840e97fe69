package vat

import (
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
)

// Op is what a message asks of the reference it is sent to.
type Op uint8

// The operations of OCapN that bring an answer from where a reference leads.
const (
	Deliver Op = iota // deliver the arguments to a target (op:deliver)
	Get               // the field named Selector of a struct (op:get)
	Index             // the element at position Pos of a list (op:index)
	Untag             // the value tagged with Selector (op:untag)
)

// A Message is one message on its way. Programs send with [Ref.Send]; a Message is for those who implement a [Target].
type Message struct {
	Op Op
	// sent says that the limits were looked at when the turn that sent the message committed: it is not refused by them.
	sent bool
	// hops is how often the message has been passed on by caretakers and proxies.
	hops uint16
	// Size is what Held is told, the message's weight in bytes.
	Size int32
	// Selector is the method's name for Deliver, "" for a message without one; a field's name for Get, a tag for Untag.
	Selector passable.Symbol
	// Pos is the position asked for by Index.
	Pos int64
	// Args are model values of package passable that belong to the message alone; the references in them are [Ref]s.
	Args []any
	// Answer is settled with the outcome; nil if nobody waits for it.
	Answer *Vow
	// From is who sent the message; nil for this process.
	From *Caller
	// ID names the message in traces, and Cause the message whose turn sent it; zero when nothing is traced.
	ID, Cause MessageID
	// Held is told once that the message is no longer waiting: its turn begins, or it was refused. Nil if nobody counts.
	// A message that somebody counts is not refused for the length of a queue in this process.
	Held Held
	// Reserved is the budget at which the turn that sent the message reserved room for it; nil if none was. Who takes the
	// message over gives the room back, or keeps it and sets this to nil.
	Reserved Budget

	way    *passage // the gates it came through
	letter *letter  // if it is stored
	told   *notice  // of the vat whose turn sent it, nil if none did
	via    *node    // the peer's end of the way that it came by, nil if no peer sent it
}

// Held counts messages that were let in and still wait somewhere, so that a session can bound what a peer piles up.
type Held interface {
	Unhold(size int)
	// Gone returns why the sender will never hear of the message, nil while it may. What the gone have sent is refused
	// where very much waits on one promise: it may wait for ever, and more would come with each session.
	Gone() error
}

// counted reports whether the message counts against a limit already, so that none of this process may refuse it: a gap
// in the order nobody hears of would be worse.
func (m *Message) counted() bool { return m.sent || m.Held != nil }

// Taken ends the message's waiting: its turn begins, or it has been passed on. Room reserved for it is given back.
func (m *Message) Taken() {
	if m.Held != nil {
		m.Held.Unhold(int(m.Size))
		m.Held = nil
	}
	if m.Reserved != nil {
		m.Reserved.Release(1)
		m.Reserved = nil
	}
}

// Revoked returns why a message that came through a caretaker goes no further, or nil. Those who keep messages ask again
// before they let one go.
func (m *Message) Revoked() error { return m.way.shut() }

// Refuse ends a message that will not be delivered: its answer breaks with err, and references in it that came from a
// peer and that no handler has seen are released at once.
func (m *Message) Refuse(err error) { m.refuse(nil, err) }

func (m *Message) refuse(cs *promise.Cascade, err error) {
	m.Taken()
	if l := m.letter; l != nil {
		m.letter = nil
		l.finish(m.Answer, nil, err)
	}
	if m.From != nil {
		releaseUnseen(m.Args, m.From)
	}
	if m.Answer != nil {
		m.Answer.SettleIn(cs, nil, err, true)
	}
}

// releaseUnseen lets go of the far references in values that no user code will ever see.
func releaseUnseen(args []any, from *Caller) {
	for _, a := range args {
		switch a := a.(type) {
		case Ref:
			if c, ok := a.Target().(Counted); ok {
				c.Unseen(from)
			}
		case []any:
			releaseUnseen(a, from)
		case passable.Struct:
			for _, f := range a {
				releaseUnseen([]any{f.Value}, from)
			}
		case passable.Tagged:
			releaseUnseen([]any{a.Value}, from)
		}
	}
}
