package vat

import (
	"runtime"
	"sync"

	"github.com/hawser-go/hawser/promise"
)

// maxQueue bounds the messages waiting on one unresolved promise.
const maxQueue = 1 << 16

// crowd is how many messages wait on a promise before it is looked at who sent them.
const crowd = 256

// A Vow is the promise behind a reference: it has a route, where messages sent to it go, and an outcome, what those who
// wait for it are told. Messages queue while there is no route. Programs hold vows as [Ref] and promise.Promise; those
// who implement a [Target] route and settle them. All methods may be called from any goroutine and never block.
//
// Order: messages delivered by one goroutine arrive where the vow's route leads in the order delivered. The outcome is
// announced only after every message that was queued has been moved to the new route, so that nothing sent by one who
// was told overtakes them (architecture rule "order").
//
//	            Route                Settle
//	queueing ──────────▶ routed ───────────────▶ routed, settled
//	    └──────────────────── Settle ───────────────────▲
//
// Each arrow passes through draining, while one goroutine moves the queue and everybody else adds to it.
type Vow struct {
	node
	cell promise.Cell

	mu      sync.Mutex
	phase   phase
	settled bool // how it ends is decided
	kept    bool // settled, but messages stay on the route they had
	used    bool // a message has gone down route since it was set
	full    bool // a message was refused: so is every later one
	broken  bool // value is an error
	flying  int32
	queue   []Message
	route   Target
	value   any         // what a message to the settled vow gets: an error, or data
	later   *resolution // the settlement, while another goroutine drains
	landed  func()      // called when nothing is on its way down the old route any more
}

type phase uint8

const (
	queueing phase = iota // no route yet
	draining              // one goroutine moves the queue to route
	routed                // messages go straight down route
)

// resolution is the last thing that happens to a vow.
type resolution struct {
	value    any
	err      error
	released func()
}

// NewVow returns a pending vow. report, if not nil, hears of a break that nobody looks at.
func NewVow(report promise.Reporter) *Vow {
	w := new(Vow)
	w.Init(report)
	return w
}

// Broken returns a reference that has broken with err, which is not nil: a promise on which every message breaks with the same. It is
// for those who have to return a reference at once, and can tell that there will be none.
func Broken(err error) Ref {
	w := NewVow(nil)
	w.Break(err)
	return w.Ref()
}

// Init prepares a vow that is part of something larger, before anybody shares it.
func (w *Vow) Init(report promise.Reporter) {
	w.target = w
	w.cell.Init(w, report)
}

// Ref returns the vow as a reference.
func (w *Vow) Ref() Ref { return Ref{&w.node} }

// Cell returns the vow's outcome.
func (w *Vow) Cell() *promise.Cell { return &w.cell }

// Deliver sends m down the route, or queues it until there is one.
func (w *Vow) Deliver(m Message) {
	hand(nil, w, &m)
	runtime.KeepAlive(w) // a session gives the position back when the vow is collected, which must not be before
}

// Route sends the messages queued so far, and all that come, to t: the vow's answer is being worked out there. t is no
// Vow. Route has no effect on a vow that has a route or has been resolved.
func (w *Vow) Route(t Target) {
	w.mu.Lock()
	if w.phase == queueing && !w.settled {
		w.route = t
		w.drain(nil)
		if res := w.later; res != nil {
			w.later = nil
			w.finish(nil, res.value, res.err, res.released)
			return
		}
	}
	w.mu.Unlock()
}

// Resolve settles the vow with a model value: a reference, in which case messages go there, or anything else, in which
// case the operations Get, Index and Untag are answered from it. It reports whether this call settled the vow.
func (w *Vow) Resolve(v any) bool { return w.Settle(v, nil, true, nil) }

// Break settles the vow with an error: messages on it break with the same one.
func (w *Vow) Break(err error) bool { return w.Settle(nil, err, true, nil) }

// Settle settles a vow that may have been routed to a session. safe says that messages sent down another route than the
// present one cannot overtake those that went down it; if it is false, and the route has been used, messages keep to it
// and only the outcome is announced. released, if not nil, is called once if and when nothing goes down the old route
// any more, nor is on its way there. Settle reports whether this call settled the vow.
func (w *Vow) Settle(v any, err error, safe bool, released func()) bool {
	return w.settle(nil, v, err, safe, released)
}

// SettleIn is Settle by a [promise.Relay]: what it sets off goes into cs, unless that is nil.
func (w *Vow) SettleIn(cs *promise.Cascade, v any, err error, safe bool) bool {
	return w.settle(cs, v, err, safe, nil)
}

func (w *Vow) settle(cs *promise.Cascade, v any, err error, safe bool, released func()) bool {
	if v == any(Ref{}) {
		v = nil
	}
	w.mu.Lock()
	if w.settled {
		w.mu.Unlock()
		return false
	}
	w.settled = true
	w.kept = !safe && w.used // as it is while others see the queue being moved
	if w.phase == draining {
		w.later = &resolution{v, err, released} // the goroutine that moves the queue finishes
		w.mu.Unlock()
		return true
	}
	w.finish(cs, v, err, released)
	return true
}

// finish carries out the resolution. It is called with mu held, once, and returns with mu released.
func (w *Vow) finish(cs *promise.Cascade, v any, err error, released func()) {
	var follow *Vow
	r, leads := v.(Ref)
	if leads && err == nil {
		if follow, _ = r.n.target.(*Vow); follow != nil && !w.cell.Link(&follow.cell) {
			follow, err, w.kept = nil, promise.ErrCycle, false
		}
	}
	own := cs == nil && len(w.queue) > 0
	if own {
		cs = new(promise.Cascade)
	}
	switch {
	case w.kept:
		released = nil
	case err != nil:
		w.route, w.value, w.broken = (*endpoint)(w), err, true
	case leads:
		w.route = r.n.target
	default:
		w.route, w.value = (*endpoint)(w), v
	}
	if !w.kept {
		w.drain(cs)
		if w.flying > 0 {
			w.landed, released = released, nil
		}
	}
	w.mu.Unlock()
	if cs == nil {
		w.announce(nil, follow, v, err)
	} else {
		cs.Later(func(cs *promise.Cascade) { w.announce(cs, follow, v, err) })
	}
	if released != nil {
		released()
	}
	if own {
		cs.Run()
	}
}

// announce settles the outcome, when everything that waited on the vow is where it leads.
func (w *Vow) announce(cs *promise.Cascade, follow *Vow, v any, err error) {
	if follow != nil {
		w.cell.Join(cs, &follow.cell)
		return
	}
	w.cell.Settle(cs, v, err)
}

// drain moves the queue down the route in order, then lets messages through. It is called and returns with mu held, and
// lets go of it in between.
func (w *Vow) drain(cs *promise.Cascade) {
	w.phase, w.used = draining, false
	t := w.route
	for len(w.queue) > 0 {
		q := w.queue
		w.queue, w.used = nil, true
		w.mu.Unlock()
		for i := range q {
			hand(cs, t, &q[i])
		}
		w.mu.Lock()
	}
	w.phase = routed
}

// hand gives m to t. It walks along promises in a loop, since a peer decides how long a chain of them is.
func hand(cs *promise.Cascade, t Target, m *Message) {
	for {
		switch x := t.(type) {
		case *Vow:
			next, landing := x.pass(m)
			if next == nil {
				return
			}
			if landing {
				hand(cs, next, m)
				x.land()
				return
			}
			if y, ok := next.(*Vow); ok {
				if z := y.beyond(); z != nil {
					x.shorten(y, z)
					next = z
				}
			}
			t = next
		case *endpoint:
			x.answer(cs, m)
			return
		case *object:
			if m.letter.leaves(x) {
				m.letter.leave(x, *m)
				return
			}
			if l := m.letter; l != nil && l.d.putBehind(x, m) {
				return
			}
			x.vat.deliver(x, m)
			return
		default:
			if l := m.letter; l != nil && l.d.keepBack(t, m) {
				return
			}
			if m.letter.leaves(nil) && !takesOver(t) {
				m.letter.leave(t, *m)
				return
			}
			if err := m.way.shut(); err != nil {
				m.refuse(cs, err)
				return
			}
			t.Deliver(*m)
			return
		}
	}
}

// takesOver reports whether a target takes stored messages over.
func takesOver(t Target) bool {
	l, ok := t.(Lasting)
	return ok && l.Lasts() != LastsNot
}

// pass returns where m goes on, or nil if it was queued or refused. landing says that the vow may yet be routed
// elsewhere, and so is to be told, with land, when m has arrived.
func (w *Vow) pass(m *Message) (next Target, landing bool) {
	w.mu.Lock()
	switch {
	case w.full || w.phase != routed && len(w.queue) >= maxQueue && !m.counted():
		w.full = true
		w.mu.Unlock()
		m.Refuse(ErrOverloaded)
		return nil, false
	case w.phase != routed && m.Answer == w:
		w.mu.Unlock()
		m.Refuse(promise.ErrCycle) // it waits for itself
		return nil, false
	case w.phase != routed:
		var gone []Message
		if n := len(w.queue); n >= crowd && n == cap(w.queue) {
			gone = w.thin()
		}
		w.queue = append(w.queue, *m)
		crowded := w.phase == draining && len(w.queue) > crowd
		w.mu.Unlock()
		refuseGone(gone)
		if crowded {
			runtime.Gosched() // many who send must not keep the one who drains from ever coming to the end
		}
		return nil, false
	case !w.settled:
		w.used, landing = true, true
		w.flying++
	}
	next = w.route
	w.mu.Unlock()
	return next, landing
}

// Thin refuses the messages whose senders are gone, as [Held] tells, that wait on w or on the promise that w leads to.
func (w *Vow) Thin() {
	for range 64 {
		w.mu.Lock()
		gone := w.thin()
		w.mu.Unlock()
		refuseGone(gone)
		next, ok := w.ahead().(*Vow)
		if !ok {
			return
		}
		w = next
	}
}

// thin takes the messages of the gone out of the queue. It is called with mu held.
func (w *Vow) thin() (gone []Message) {
	kept := w.queue[:0]
	for i := range w.queue {
		if h := w.queue[i].Held; h != nil && h.Gone() != nil {
			gone = append(gone, w.queue[i])
		} else {
			kept = append(kept, w.queue[i])
		}
	}
	clear(w.queue[len(kept):])
	w.queue = kept
	return gone
}

func refuseGone(gone []Message) {
	for i := range gone {
		gone[i].Refuse(gone[i].Held.Gone())
	}
}

func (w *Vow) land() {
	var landed func()
	w.mu.Lock()
	if w.flying--; w.flying == 0 {
		landed, w.landed = w.landed, nil
	}
	w.mu.Unlock()
	if landed != nil {
		landed()
	}
}

// beyond returns the route of a vow that will never have another, nil if it may. A route that was kept does not count:
// its session releases it when the vow is no longer used.
func (w *Vow) beyond() Target {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.settled || w.phase != routed || w.kept || w.full {
		return nil
	}
	return w.route
}

// shorten has messages that go by way of y, through which everything has passed, go to z directly.
func (w *Vow) shorten(y *Vow, z Target) {
	w.mu.Lock()
	if w.phase == routed && w.route == Target(y) {
		w.route = z
	}
	w.mu.Unlock()
}

// ahead returns the target that a message delivered now would go to, another promise perhaps; nil if it would wait.
func (w *Vow) ahead() Target {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.phase == routed {
		return w.route
	}
	return nil
}
