package captp

import (
	"sync/atomic"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/vat"
)

// far is where a reference into the session leads: an object or a promise of the peer's, or the answer to a question
// of ours.
type far struct {
	node vat.Node // of objects; a promise's node is its vow
	s    *Session
	vow  *vat.Vow // of promises and questions
	// serial tells it apart from everything else that was ever given away, 0 before it has been.
	serial atomic.Uint64

	// What follows is guarded by the session's mu.
	pos   msg.Pos
	res   msg.Pos // where the resolver of a promise or a question is exported
	asked *tables // in which a question has its position, nil before it is encoded
	dead  error   // a question that could not be asked
	// over is the last handover that its question was part of.
	over *handover
	// broken has those who sent a message nobody waits for that could not go out: none of their later ones may. The key
	// of this process is nil.
	broken map[*vat.Caller]error
	wait   *wait // of farFlush and farAgain: what they are for; else where the vow leads until that has come through

	of *far // what a question was asked, until it is answered: an object

	used      bool // something was sent there
	kind      farKind
	released  bool // the position has been given back: the vow leads elsewhere
	collected bool // the position is given back when the vow is collected
	settled   bool // the outcome has come
	orphan    bool // nobody is there any more who has asked
}

type farKind uint8

const (
	farObject farKind = iota
	farBootstrap
	farPromise  // a promise the peer exported
	farQuestion // the answer to a call of ours
	farFlush    // not a place: something there and back, behind what was sent
	farAgain    // not a place: the outcome of a promise, asked for once more
)

func newFar(s *Session, kind farKind, vow *vat.Vow) *far {
	return &far{kind: kind, s: s, vow: vow}
}

// session returns the session that carries f: the one it was made for, or where that was handed over to.
func (f *far) session() *Session { return f.s.current() }

// mention returns the descriptor that names f to the peer.
func (f *far) mention() msg.Desc {
	if f.kind == farQuestion {
		return msg.Desc{Kind: msg.Answer, Pos: f.pos}
	}
	return msg.Desc{Kind: msg.Export, Pos: f.pos}
}

// refusal says why nothing more from a sender can be sent to f, nil if it can.
func (f *far) refusal(from *vat.Caller) error {
	switch {
	case f.dead != nil:
		return f.dead
	case f.released:
		return errReleased // a vow leads elsewhere before its position is given back: nobody should get here
	}
	return f.broken[from]
}

// String describes f for logs.
func (f *far) String() string { return "far " + f.session().peer() }

// Deliver implements vat.Target: the message goes into the session's write buffer.
func (f *far) Deliver(m vat.Message) { f.session().send(outgoing{to: f, m: m}) }

// Budget implements vat.Budgeted.
func (f *far) Budget() vat.Budget { return &f.session().budget }

// Unseen implements vat.Counted: when no user code has seen any mention of an object it is given back at once.
func (f *far) Unseen(from *vat.Caller) {
	s := f.session()
	if f.kind != farObject || from != s.caller.Load() {
		return
	}
	s.withLock(func(l *locked) {
		if l.state != live || f.released {
			return
		}
		e := l.t.imports[f.pos]
		if e == nil {
			return
		}
		if r, ok := e.weak.Ref(); !ok || r != f.node.Ref() {
			return
		}
		if e.refused++; e.refused == e.count {
			f.released = true
			l.t.bury(f.pos, e)
			l.releaseSoon()
		}
	})
}

// Drop implements vat.Counted.
func (f *far) Drop() {
	if s := f.session(); !s.dormant.Load() && s.cfg.Nudge != nil {
		s.cfg.Nudge()
	}
}

// OnSever implements vat.Severable.
func (f *far) OnSever(fire func(error)) (cancel func()) {
	w := &watch{fire, f}
	for {
		s := f.session()
		moved, err := s.watch(w)
		switch {
		case moved:
			continue
		case err != nil:
			fire(err)
			return func() {}
		}
		return func() { f.session().withLock(func(l *locked) { delete(l.watches, w) }) }
	}
}

// A watch is told of the end of a session, or of the loss of what it is of.
type watch struct {
	fire func(error)
	of   *far
}

// watch adds w to those told of the session's end, unless it has ended, and why, or was handed over.
func (s *Session) watch(w *watch) (gone bool, err error) {
	s.withLock(func(l *locked) {
		switch l.state {
		case moved:
			gone = true
		case closed:
			err = l.ending()
		default:
			if err = w.of.dead; err == nil {
				l.addWatch(w)
			}
		}
	})
	return gone, err
}

func (l *locked) addWatch(w *watch) {
	if l.watches == nil {
		l.watches = make(map[*watch]struct{})
	}
	l.watches[w] = struct{}{}
}

// resolver is what a resolver of ours is, should the peer name it as if it were any object.
type resolver struct {
	node vat.Node
	q    *far
}

// Deliver implements vat.Target.
func (r *resolver) Deliver(m vat.Message) {
	if m.Op == vat.Deliver {
		r.q.session().settle(r.q, m.Selector, m.Args, m.From, false, nil)
	}
	m.Taken()
	if m.Answer != nil {
		m.Answer.Resolve(nil)
	}
}
