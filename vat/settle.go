package vat

import (
	"errors"
	"net"
	"strings"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
)

// settlement is how a stored promise settles, encoded.
type settlement struct {
	s       *slot
	value   any
	err     error
	encoded []byte
	names   []uint64
	broken  []errorRecord
}

// watcher waits for a stored promise: a message that lacks its last argument.
type watcher struct {
	to *object
	m  Message
}

// awaited reports whether something stored will settle a promise.
func (s *slot) awaited() bool { return !s.rec.Settled && (s.inside || s.rec.Resolver != 0) }

// settlement encodes how s settles: with an error, or else with a model value.
func (x *tx) settlement(s *slot, v any, err error) (*settlement, error) {
	if err != nil {
		return x.broken(s, err), nil
	}
	set := &settlement{s: s, value: v}
	if r, ok := v.(Ref); ok && !r.IsNull() {
		r = lastRef(r)
		set.value = r
		if _, ok := r.Target().(*Vow); ok && x.d.slotOf(r) == s {
			return x.broken(s, promise.ErrCycle), nil
		}
	}
	p := pen{x: x}
	if set.encoded, err = p.encode(set.value); err != nil {
		return nil, errResult.due(err)
	}
	if set.names = p.ids(); len(set.encoded)+9*len(set.names) > maxStored {
		return nil, errResult.due(errTooLarge)
	}
	return set, nil
}

// settle is settlement of what may be a value that cannot be stored: the promise breaks then.
func (x *tx) settle(s *slot, v any, err error) *settlement {
	set, bad := x.settlement(s, v, err)
	if bad != nil {
		return x.broken(s, bad)
	}
	return set
}

// broken is settlement with an error, which always can be stored.
func (x *tx) broken(s *slot, err error) *settlement {
	return &settlement{s: s, err: err, broken: []errorRecord{errorOf(err)}}
}

// carry settles the promise in the store, and has those told that are stored and wait for it.
func (set *settlement) carry(x *tx) {
	s := set.s
	s.rec.Settled, s.rec.Value, s.rec.Err, s.rec.Names = true, set.encoded, set.broken, set.names
	if s.stored {
		x.nameAll(set.names)
		x.change(s)
	}
	s.inside, s.hold = false, Ref{}
	watchers := s.watchers
	s.watchers = nil
	for i := range watchers {
		x.watch(s, &watchers[i])
	}
}

// watch has a watcher told how a promise has settled, now or when it has.
func (x *tx) watch(s *slot, w *watcher) {
	for range 1 << 20 {
		v, err, settled := x.d.settled(s)
		if !settled {
			s.watchers = append(s.watchers, *w)
			return
		}
		if r, ok := v.(Ref); ok && err == nil {
			if _, ok := settledRef(r).Target().(*Vow); ok {
				s = x.d.slotOf(r)
				continue
			}
		}
		w.m.Args = append(w.m.Args, outcomeModel(v, err))
		x.ready = append(x.ready, ready{w.to, w.m})
		return
	}
	w.m.Args = append(w.m.Args, outcomeModel(nil, promise.ErrCycle))
	x.ready = append(x.ready, ready{w.to, w.m})
}

// settled returns how a promise has settled, in the store or in memory. A slot of something else is what a promise has settled
// to.
func (d *Depot) settled(s *slot) (v any, err error, ok bool) { //nolint:revive // ok last, as in a map lookup
	if s.rec.Settled {
		v, err, bad := d.outcome(s)
		if bad != nil {
			err = ErrInternal.due(bad)
		}
		return v, err, true
	}
	if r, alive := s.alive(); alive {
		w, isVow := r.Target().(*Vow)
		if !isVow {
			return r, nil, true
		}
		return w.cell.Outcome()
	}
	return nil, nil, false
}

// look encodes how a promise that nothing stored names yet has settled, if it has.
func (x *tx) look(s *slot) error {
	if s.rec.Sort != slotVow || s.rec.Settled || s.stored {
		return nil
	}
	v, broken, ok := x.d.settled(s)
	if !ok {
		return nil
	}
	s.rec.Settled = true // what it holds may name it again
	set, err := x.settlement(s, v, broken)
	if err != nil {
		s.rec.Settled = false
		return err
	}
	s.rec.Value, s.rec.Err, s.rec.Names = set.encoded, set.broken, set.names
	return nil
}

// outcomeModel is a promise.Outcome as a model value.
func outcomeModel(v any, err error) any {
	if err == nil {
		if v, err = copyGuarded(v); err == nil {
			return passable.Struct{{Key: "value", Value: v}}
		}
	}
	r := errorOf(err)
	var s passable.Struct
	if r.Closed {
		s = append(s, passable.Field{Key: "closed", Value: true})
	}
	s = append(s, passable.Field{Key: "err", Value: passable.Error{Code: r.Code, Message: r.Message}})
	if !r.Remote {
		s = append(s, passable.Field{Key: "local", Value: true})
	}
	return s
}

// noteSettled stores that a turn has settled a promise, with a model value or an error; if nothing stored names it, it is noted
// for what does, perhaps in the same turn.
func (x *tx) noteSettled(r Ref, v any, err error) (func(), error) {
	s := x.d.slotFor(r)
	if _, _, settled := x.d.settled(s); settled {
		return func() {}, nil // it is too late
	}
	set := x.settle(s, v, err)
	return func() {
		if !s.rec.Settled {
			set.carry(x)
		}
	}, nil
}

// keeper stores how a promise settles that is settled by what is not stored, and that it follows another.
type keeper struct {
	d *Depot
	s *slot
}

// keepUp has the promise of a slot kept.
func (d *Depot) keepUp(s *slot, r Ref) {
	k, c := keeper{d, s}, &r.Target().(*Vow).cell
	c.Subscribe(k)
	if c.Following() != nil {
		k.Follows(c)
	}
}

// Follows implements promise.Tracker. What is stored has the promise settled: to the one it follows, which may be one that something stored settles.
func (k keeper) Follows(c *promise.Cell) {
	w, ok := c.Host().(*Vow)
	if !ok {
		return
	}
	last := lastRef(w.Ref())
	if last == w.Ref() {
		return
	}
	k.d.unlessOver(func(x *tx) bool {
		if k.s.rec.Settled {
			return false
		}
		x.settle(k.s, last, nil).carry(x)
		return true
	})
}

// Settled implements promise.Waiter.
func (k keeper) Settled(c *promise.Cell) {
	k.d.unlessOver(func(x *tx) bool {
		if k.s.rec.Settled {
			return false
		}
		v, err, _ := c.Outcome()
		x.settle(k.s, v, err).carry(x)
		return true
	})
}

// errorOf is an error as it is stored. The methods of a program's own error may panic.
func errorOf(err error) (r errorRecord) {
	defer func() {
		if recover() != nil {
			r = errorRecord{Code: ErrInternal.Code, Message: ErrInternal.Message}
		}
	}()
	if coded, ok := errors.AsType[coded](err); ok {
		r.Code = coded.ErrorCode()
		if m, ok := coded.(interface{ ErrorMessage() string }); ok {
			r.Message = m.ErrorMessage()
		} else {
			r.Message = coded.Error()
		}
	} else {
		r.Code, r.Message = ErrInternal.Code, ErrInternal.Message
	}
	if e, ok := errors.AsType[*Error](err); ok {
		r.Remote = e.Remote
	}
	r.Closed = errors.Is(err, net.ErrClosed)
	r.Code, r.Message = text(r.Code), text(r.Message)
	return r
}

// maxErrorText is how much of an error's code and of its message is stored, in bytes.
const maxErrorText = 1 << 14

// text makes what a program has put into an error something that can be stored.
func text(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxErrorText)], "\uFFFD") }

// known are the errors that are recognised by themselves, not by their code.
var known = []coded{promise.ErrCycle.(coded), promise.ErrNone.(coded), promise.ErrTimeout.(coded)}

type coded interface {
	error
	ErrorCode() string
}

// revive returns a stored error.
func revive(r errorRecord) error {
	if !r.Remote {
		for _, e := range known {
			if e.ErrorCode() == r.Code {
				return e
			}
		}
	}
	e := &Error{Code: r.Code, Message: r.Message, Remote: r.Remote}
	if r.Closed {
		e.cause = net.ErrClosed
	}
	return e
}
