package vat

import (
	"context"
	"time"

	"github.com/hawser-go/hawser/promise"
)

// WhenSettled has self get a message once p has settled, with how it has as the last argument: the way to go on in a durable
// vat, where nothing can wait. The message is what method sends, a method of self's stub as a rule:
//
//	vat.WhenSettled(ctx, item, self, ListRef.Checked)
//
// Its selector and its other arguments are found out by calling method once, at once, on a reference that only listens; the
// outcome it is called with is empty. In a durable vat, with a self that is a durable object of it, the waiting is stored
// with the turn and survives a restart; a promise that nothing stored would settle breaks then, with ErrLost. In other vats
// the message is sent as long as the vat lives. If the turn fails nothing is sent. WhenSettled panics outside a turn.
func WhenSettled[T any, S ~struct{ Ref }, R any](
	ctx context.Context, p promise.Promise[T], self S, method func(S, context.Context, promise.Outcome[T]) R,
) {
	t := mustTurn(ctx, "WhenSettled")
	m := record("WhenSettled", func(r Ref) { method(As[S](r), context.Background(), promise.Outcome[T]{}) })
	if len(m.Args) == 0 {
		panic("vat: WhenSettled: the method sends a message without arguments: the last one is to be the outcome")
	}
	m.Args = m.Args[:len(m.Args)-1]
	to, on := struct{ Ref }(self).Ref, refOfCell(p.Cell())
	if k := t.vat.depot.keptBy(to); k != nil {
		t.f.out = append(t.f.out, effect{note: func(x *tx) (func(), error) { return x.noteWatch(k, m, on) }})
		return
	}
	t.OnCommit(func() { on.PromiseCell().Subscribe(&awaiting{v: t.vat, to: to, m: m}) }, nil)
}

// awaiting sends a message when a promise has settled.
type awaiting struct {
	v  *Vat
	to Ref
	m  Message
}

// Settled implements promise.Waiter.
func (a *awaiting) Settled(c *promise.Cell) {
	v, err, _ := c.Outcome()
	a.m.Args = append(a.m.Args, outcomeModel(v, err))
	if !a.v.refusing.Load() && !a.to.IsNull() {
		a.to.Post(a.m)
	}
}

// record returns the message that send sends on the reference it is given.
func record(what string, send func(Ref)) Message {
	var l listener
	var n Node
	send(n.Init(&l))
	if l.n != 1 || l.m.Op != Deliver {
		panic("vat: " + what + ": the method does not send one message on its stub: give it a method of self's stub")
	}
	l.m.Answer = nil
	return l.m
}

// listener is a target that remembers what is sent to it.
type listener struct {
	m Message
	n int
}

// Deliver implements Target.
func (l *listener) Deliver(m Message) {
	l.m = m
	l.n++
}

// keptBy returns what r leads to if that is a durable object of the depot.
func (d *Depot) keptBy(r Ref) *durable {
	if d == nil {
		return nil
	}
	if o, ok := settledRef(r).Target().(*object); ok && o.vat.depot == d {
		k, _ := o.disp.(*durable)
		return k
	}
	return nil
}

// noteWatch stores that k waits for a promise.
func (x *tx) noteWatch(k *durable, m Message, on Ref) (func(), error) {
	p := pen{x: x}
	args, err := p.message(&m)
	if err != nil {
		return nil, err
	}
	if _, err := p.slot(on); err != nil {
		return nil, err
	}
	s := x.d.slotOf(on)
	names := p.sorted()
	return func() {
		x.keep(k.slot)
		for _, n := range names {
			x.keep(n)
		}
		r := messageRecord{To: k.slot.id, Selector: []byte(m.Selector), Args: args, Await: s.id}
		m.sent = true
		x.store(&m, r)
		m.letter.await = on
		x.watch(s, &watcher{to: &k.object, m: m})
	}, nil
}

// A Timer is a message that [After] will send. It may be kept in the state of a durable object, and compared. The zero Timer
// is none.
type Timer struct {
	// Number names the timer in its vat.
	Number uint64
}

// longest is how long a timer waits at the most: what is stored of it goes to the year 2262.
const longest = 100 * 365 * 24 * time.Hour

// After has self get a message once the time is over: what method sends, as for [WhenSettled]:
//
//	vat.After(ctx, time.Hour, self, RoomRef.Sweep)
//
// In a durable vat, with a self that is a durable object of it, it is stored with the turn: if the process does not run when
// it is due the message comes after the next start. If the turn fails nothing is sent. It waits for a hundred years at the
// most. After panics outside a turn.
func After[S ~struct{ Ref }, R any](ctx context.Context, wait time.Duration, self S, method func(S, context.Context) R) Timer {
	t := mustTurn(ctx, "After")
	m := record("After", func(r Ref) { method(As[S](r), context.Background()) })
	to, due := struct{ Ref }(self).Ref, time.Now().Add(min(wait, longest))
	if k := t.vat.depot.keptBy(to); k != nil {
		n := t.vat.depot.reserve()
		t.f.out = append(t.f.out, effect{note: func(x *tx) (func(), error) { return x.noteTimer(k, m, n, due) }})
		return Timer{n}
	}
	c, n := &t.vat.clock, uint64(0)
	if d := t.vat.depot; d != nil {
		c, n = &d.clock, d.reserve()
	} else {
		n = c.reserve()
	}
	t.OnCommit(func() { c.set(n, time.Until(due), func() { to.Post(m) }) }, nil)
	return Timer{n}
}

// Stop has the message not be sent, if its turn does not wait already, once the turn that ctx is has committed: one of the
// vat in which the timer was made. It panics outside a turn.
func (timer Timer) Stop(ctx context.Context) {
	t := mustTurn(ctx, "Timer.Stop")
	if d := t.vat.depot; d != nil {
		stop := func() { d.clock.stop(timer.Number) } // one that is not stored is set when the disk has the turn that made it
		t.f.out = append(t.f.out, effect{fn: stop, note: func(x *tx) (func(), error) {
			return func() {
				if d.clock.stop(timer.Number) {
					x.take(d.letters[timer.Number])
				}
			}, nil
		}})
		return
	}
	t.OnCommit(func() { t.vat.clock.stop(timer.Number) }, nil)
}

// noteTimer stores a timer.
func (x *tx) noteTimer(k *durable, m Message, n uint64, due time.Time) (func(), error) {
	p := pen{x: x}
	args, err := p.message(&m)
	if err != nil {
		return nil, err
	}
	names := p.sorted()
	return func() {
		x.keep(k.slot)
		for _, s := range names {
			x.keep(s)
		}
		m.sent = true
		x.d.letter(&m, n)
		x.put(bucketMessages, n, &messageRecord{To: k.slot.id, Selector: []byte(m.Selector), Args: args, Due: due.UnixNano()})
		x.d.remind(k, m, due)
	}, nil
}

// remind delivers a stored message when it is due.
func (d *Depot) remind(k *durable, m Message, due time.Time) {
	d.clock.set(m.letter.number, time.Until(due), func() { k.vat.deliver(&k.object, &m) })
}
