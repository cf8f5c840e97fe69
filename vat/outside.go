package vat

import (
	"cmp"
	"errors"
	"strings"

	"github.com/hawser-go/hawser/store"
)

// A Lasting target is one outside a depot that can be there again after a restart: something at the far end of a session
// that may be stored. What a durable vat sends there, when it is, stays stored until the session takes it over with [Tx.Take]. LastingKey and
// Lasts are called with locks held, and must neither block nor use the depot.
type Lasting interface {
	Target
	// Ref returns the reference to it.
	Ref() Ref
	// LastingKey returns what the target is stored as; empty if it cannot be: if it does not last, or is a promise that
	// its session has pinned.
	LastingKey() []byte
	// Lasts says whether it is there after a restart.
	Lasts() Lasts
	// Last has it last from now on, if it can; Lasts tells. It is called before a turn is stored that names it, with no lock
	// held, and may wait for a while, but for no turn.
	Last()
	// Want asks that Last be called soon, by whoever may wait. It does not block.
	Want()
}

// Lasts says whether a [Lasting] target is there after a restart.
type Lasts uint8

// What a Lasting target may be.
const (
	LastsNot Lasts = iota // it is not, nor will it be as far as can be told now
	LastsYet              // it can be had to be: with Last
	LastsNow              // it is
)

// Outside is where the references lead that a depot stores and that are not its own. Its methods are called with locks held,
// and must neither block nor use the depot.
type Outside interface {
	// Revive returns the reference to the Lasting target, or the live reference, with that key, null if it is there no more.
	Revive(key []byte) Ref
}

// A Tx is a transaction of a depot: what a session changes in it, and beside it in the same store. It is valid in the
// function that got it.
type Tx struct{ x *tx }

// Update calls fn with a transaction and has that written, in order with the turns of the depot's vats. fn must not block, nor
// settle promises, nor send. done, if not nil, is told once that the transaction is on the disk, or why it will not be, in
// order with others and with what turns had put off. An error says that the depot takes no more: fn was not called, and done
// will not be.
func (d *Depot) Update(fn func(t *Tx), done func(error)) error {
	d.mu.Lock()
	if err := d.failed; err != nil || d.closing.Load() {
		d.mu.Unlock()
		return cmp.Or(err, error(ErrVatClosed))
	}
	x := d.begin()
	fn(&Tx{x})
	err := x.submit(done)
	d.mu.Unlock()
	if err != nil {
		d.courier.hand(func() {
			d.fail(err)
			if done != nil {
				done(err)
			}
		})
	}
	x.close()
	return nil
}

// Batch returns the batch that will be written, for buckets that are not the depot's.
func (t *Tx) Batch() *store.Batch { return &t.x.batch }

// Pin has the reference be there under a key after a restart, for [Depot.Pinned], as long as it is not unpinned. For a promise,
// awaited says that whoever pins it settles it, also after a restart. It replaces what was pinned under the key.
func (t *Tx) Pin(key string, r Ref, awaited bool) error {
	if err := checkName(key); err != nil {
		return err
	}
	p := pen{x: t.x}
	if _, err := p.slot(r); err != nil {
		return err
	}
	s := t.x.d.slotOf(r)
	t.x.name(s)
	t.Unpin(key)
	t.x.d.pins[key] = pinRecord{Slot: s.id, Awaited: awaited}
	t.x.write(bucketPins, []byte(key), &pinRecord{Slot: s.id, Awaited: awaited})
	s.inside = s.inside || awaited && !s.rec.Settled
	return nil
}

// Settle stores how a pinned promise settles, with an error or else a model value, which the caller has it do once Update has returned:
// before, so that nothing that goes where it leads is stored before that. Nobody else may settle it.
func (t *Tx) Settle(p Ref, v any, err error) {
	if s := t.x.d.slotFor(p); !s.rec.Settled {
		s.rec.When = t.x.number()
		t.x.settle(s, v, err).carry(t.x)
	}
}

// Unpin forgets what is pinned under a key.
func (t *Tx) Unpin(key string) {
	p, ok := t.x.d.pins[key]
	if !ok {
		return
	}
	delete(t.x.d.pins, key)
	t.x.batch.Delete(bucketPins, []byte(key))
	if s, err := t.x.d.slotAt(p.Slot); err == nil {
		t.x.unname(s)
	}
}

// A Pin is what is pinned under a key.
type Pin struct {
	Ref Ref
	// Shared says that more than the pin leads there: something stored, or something in memory.
	Shared bool
}

// Pinned returns what is pinned under the keys that begin with prefix.
func (d *Depot) Pinned(prefix string) (map[string]Pin, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	pins := make(map[string]Pin)
	for key, p := range d.pins {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		s, err := d.slotAt(p.Slot)
		if err != nil {
			return nil, err
		}
		shared := s.rec.Count > 1 || s.used()
		r, err := d.refAt(p.Slot)
		if err != nil {
			return nil, err
		}
		pins[key] = Pin{r.(Ref), shared}
	}
	return pins, nil
}

// IsDurable reports whether a reference leads, as far as can be told now, to an object of a durable vat.
func IsDurable(r Ref) bool {
	if r.IsNull() {
		return false
	}
	last, _ := end(r.Target())
	o, ok := last.(*object)
	return ok && o.vat.depot != nil
}

// want notes what is to last before the transaction is written that names it.
func (x *tx) want(t Target) {
	if l, ok := t.(Lasting); ok && l.Lasts() == LastsYet {
		x.wants = append(x.wants, l)
	}
}

// wantRef is want for where a reference leads by now.
func (x *tx) wantRef(r Ref) {
	if !r.IsNull() {
		last, _ := end(r.Target())
		x.want(last)
	}
}

// errWants says that a transaction names what does not last yet: it is made again when that does.
var errWants = errors.New("vat: the transaction names what does not last yet")

// demand has what a transaction wants last from now on, once it has been given up because of errWants.
func (x *tx) demand() {
	for _, l := range x.wants {
		l.Last()
	}
}

// Lasts notes that the target of a reference, which could not be stored before, can be from now on.
func (t *Tx) Lasts(r Lasting) {
	s, key := t.x.d.refs[r.Ref().Weak()], r.LastingKey()
	if s == nil || s.rec.Sort != slotLost || len(key) == 0 {
		return // nothing has named it yet
	}
	s.rec.Sort, s.rec.Key = slotFar, key
	if s.stored {
		t.x.change(s)
	}
}

// Receive stores a message that a session has brought and that is about to be sent on to, which the caller does with
// Ref.Post once Update has returned. It reports whether to is in the depot: else the message is not stored. An answer that the
// peer may ask for again is pinned before.
func (t *Tx) Receive(to Ref, m *Message) (stored bool, err error) {
	x := t.x
	o := outgoing{e: &effect{to: to.Target(), msg: *m}}
	x.direct(&o, false, nil)
	if !o.stored {
		t.answered(to, m)
		return false, nil
	}
	o.atOnce = false // Ref.Post puts it behind messages from before, if there are any
	if err := x.encodeArgs(&o); err != nil {
		return false, err
	}
	x.send([]outgoing{o})
	*m = o.e.msg
	return true, nil
}

// answered stores what answers a message that leads to data, or to an error, which the message gets as soon as it is sent on: the peer will not
// bring it again.
func (t *Tx) answered(to Ref, m *Message) {
	last, _ := end(to.Target())
	e, ok := last.(*endpoint)
	if ok && t.x.d.owed(m.Answer) != nil {
		v, err := e.outcome(m)
		t.Settle(m.Answer.Ref(), v, err)
	}
}

// Take takes over a message that a durable vat has sent to a Lasting target: it is not stored by the depot any more.
func (t *Tx) Take(m *Message) {
	t.x.take(m.letter)
	m.letter = nil
}

// Stored reports whether the depot stores the message until it is taken.
func (m *Message) Stored() bool { return m.letter != nil }
