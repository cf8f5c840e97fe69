package vat

import (
	"sync"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
)

// maxQueue bounds the messages waiting on one unresolved promise.
const maxQueue = 1 << 16

// A Vow is the promise behind a reference: it has a route, where messages sent to it go, and an outcome, what those who
// wait for it are told. Messages queue while there is no route. Programs hold vows as [Ref] and promise.Promise; those
// who implement a [Target] route and settle them. All methods may be called from any goroutine and never block.
//
// Order: messages delivered by one goroutine arrive where the vow's route leads in the order delivered. The outcome is
// announced only after every message that was queued has been moved to the new route, so that nothing sent by one who
// was told overtakes them (architecture rule "order").
type Vow struct {
	node
	cell promise.Cell

	mu    sync.Mutex
	phase phase
	used  bool // a message has gone down route since it was set
	queue []Message
	route Target
	full  bool // a message was refused: so is every later one
	next  *resolution
}

type phase uint8

const (
	queueing phase = iota // no route yet
	draining              // one goroutine moves the queue to route
	routed                // messages go straight down route
)

// resolution is the last thing that happens to a vow.
type resolution struct {
	route  Target // nil keeps the route there is
	value  any
	err    error
	follow *Vow
	done   func()
}

// NewVow returns a pending vow. report, if not nil, hears of a break that nobody looks at.
func NewVow(report promise.Reporter) *Vow {
	w := new(Vow)
	w.Init(report)
	return w
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
	w.mu.Lock()
	if w.phase == routed && !w.full {
		w.used = true
		t := w.route
		w.mu.Unlock()
		t.Deliver(m)
		return
	}
	if w.full || len(w.queue) >= maxQueue {
		w.full = true
		w.mu.Unlock()
		m.Refuse(ErrOverloaded)
		return
	}
	w.queue = append(w.queue, m)
	w.mu.Unlock()
}

// Route sends the messages queued so far, and all that come, to t: the vow's answer is being worked out there. It has
// no effect on a vow that has a route or has been resolved.
func (w *Vow) Route(t Target) {
	w.mu.Lock()
	if w.phase == queueing && w.next == nil {
		w.move(t)
		if w.next != nil {
			w.finish()
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
// any more. Settle reports whether this call settled the vow.
func (w *Vow) Settle(v any, err error, safe bool, released func()) bool {
	res := &resolution{value: v, err: err, done: released}
	if err != nil {
		res.route = brokenTarget{err}
	} else if r, ok := v.(Ref); ok && r.n != nil {
		res.route = r.n.target
		res.follow, _ = r.n.target.(*Vow)
	} else {
		if ok {
			res.value = nil // the null reference
		}
		res.route = valueTarget{res.value}
	}
	w.mu.Lock()
	if w.next != nil {
		w.mu.Unlock()
		return false
	}
	if !safe && (w.used || w.phase == draining) {
		res.route, res.done = nil, nil
	}
	w.next = res
	if w.phase == draining {
		w.mu.Unlock() // the goroutine that moves the queue finishes
		return true
	}
	w.finish()
	return true
}

// move moves the queue to t in order, then lets messages through. It is called and returns with mu held, and lets go
// of it in between.
func (w *Vow) move(t Target) {
	w.phase, w.route, w.used = draining, t, false
	for len(w.queue) > 0 {
		q := w.queue
		w.queue, w.used = nil, true
		w.mu.Unlock()
		for i := range q {
			t.Deliver(q[i])
		}
		w.mu.Lock()
	}
	w.phase = routed
}

// finish carries out the resolution. It is called with mu held, once, and returns with mu released.
func (w *Vow) finish() {
	res := w.next
	if res.follow != nil && !w.cell.Link(&res.follow.cell) {
		res.follow, res.err = nil, promise.ErrCycle
		res.route = brokenTarget{promise.ErrCycle}
	}
	if res.route != nil {
		w.move(res.route)
	}
	w.next = settled
	w.mu.Unlock()
	switch {
	case res.follow != nil:
		res.follow.cell.Subscribe(outcomeOf{w})
	case res.err != nil:
		w.cell.Break(res.err)
	default:
		w.cell.Fulfill(res.value, true)
	}
	if res.done != nil {
		res.done()
	}
}

// settled stands for a resolution that has been carried out.
var settled = new(resolution)

// outcomeOf passes the outcome of the vow that w follows on to w.
type outcomeOf struct{ w *Vow }

func (o outcomeOf) Settled(c *promise.Cell) {
	v, err, _ := c.Outcome()
	if err != nil {
		o.w.cell.Break(err)
		return
	}
	o.w.cell.Fulfill(v, true)
}

// Ahead returns the target that a message delivered now would go to, nil if it would wait.
func (w *Vow) Ahead() Target {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.phase == routed {
		return w.route
	}
	return nil
}

// brokenTarget is the route of a broken promise.
type brokenTarget struct{ err error }

func (b brokenTarget) Deliver(m Message) { m.Refuse(b.err) }

// valueTarget is the route of a promise for data.
type valueTarget struct{ v any }

func (t valueTarget) Deliver(m Message) {
	v, err := selectFrom(t.v, &m)
	if err != nil {
		m.Refuse(err)
		return
	}
	m.Taken()
	if m.Answer != nil {
		m.Answer.Resolve(v)
	}
}

// selectFrom answers Get, Index and Untag from a value, as the draft says of each.
func selectFrom(v any, m *Message) (any, error) {
	switch m.Op {
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
