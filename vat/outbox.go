package vat

// effect is something that happens when a turn commits: a message leaves, or fn is called. In a durable vat note, if not
// nil, is called when the turn is stored, under the depot's mutex: it encodes something, which may fail, and returns what
// then writes it.
type effect struct {
	to        Target
	msg       Message
	fn        func()
	abandoned func(error)
	note      func(x *tx) (carry func(), err error)
}

func (t *turn) send(to Target, m *Message) {
	m.sent = true
	t.f.out = append(t.f.out, effect{to: to, msg: *m})
}

// commit lets the turn's effects happen, all of them or, if there is no room for its messages, none.
func (f *frame) commit() error {
	if len(f.out) > 0 {
		if err := f.reserve(); err != nil {
			return err
		}
		for i := range f.out {
			e := &f.out[i]
			if f.vat.tracer != nil && e.to != nil {
				f.vat.traceSend(f, &e.msg)
			}
			if o, ok := e.to.(*object); ok && o.vat == f.vat {
				f.vat.deliverOwn(o, &e.msg)
			} else if e.to != nil {
				hand(nil, e.to, &e.msg)
			} else if e.fn != nil {
				e.fn()
			}
		}
	}
	f.clear()
	return nil
}

// rollback undoes what the turn did: state first, in reverse, then the messages that will never be sent.
func (f *frame) rollback(err error) {
	for i := len(f.undo) - 1; i >= 0; i-- {
		f.undo[i]()
	}
	if len(f.out) > 0 {
		never := ErrTurnFailed.due(err)
		for i := range f.out {
			e := &f.out[i]
			switch {
			case e.to == nil:
				if e.abandoned != nil {
					e.abandoned(never)
				}
			case e.msg.Answer != nil && e.msg.Answer == f.msg.Answer:
				// Passed on by a caretaker: the answer is the turn's own, which breaks with err itself.
				e.msg.Answer = nil
				e.msg.Refuse(never)
			default:
				e.msg.Refuse(never)
			}
		}
	}
	f.clear()
}

func (f *frame) clear() {
	clear(f.out)
	clear(f.undo)
	clear(f.touched)
	clear(f.saved)
	clear(f.holds)
	clear(f.origins)
	f.out, f.undo, f.touched, f.saved, f.holds, f.origins = f.out[:0], f.undo[:0], f.touched[:0], f.saved[:0], f.holds[:0], f.origins[:0]
}

// reserve takes room for every message of the turn, where room is limited.
func (f *frame) reserve() (err error) {
	var last need // most turns have no other
	for i := range f.out {
		e := &f.out[i]
		b, held := roomFor(f.vat, e.to)
		if b == nil {
			continue
		}
		if held {
			e.msg.Reserved = b
		}
		if b != last.of {
			f.needs.add(last)
			last = need{of: b}
		}
		last.n++
	}
	switch {
	case last.of == nil:
	case len(f.needs.list) == 0:
		err = last.of.Reserve(last.n)
	default:
		f.needs.add(last)
		err = f.needs.reserve()
	}
	if err != nil {
		for i := range f.out {
			f.out[i].msg.Reserved = nil
		}
	}
	return err
}

// need is how much room a turn's messages take up in one place.
type need struct {
	of Budget
	n  int
}

// needs is what a turn needs in several places, in order of first use. Turns rarely speak to more than a few; one that
// does, to everybody in a crowded room, looks them up.
type needs struct {
	list []need
	at   map[Budget]int
}

func (n *needs) add(x need) {
	switch {
	case x.of == nil:
		return
	case n.at != nil:
		if i, ok := n.at[x.of]; ok {
			n.list[i].n += x.n
			return
		}
		n.at[x.of] = len(n.list)
	default:
		for i := range n.list {
			if n.list[i].of == x.of {
				n.list[i].n += x.n
				return
			}
		}
		if len(n.list) == 16 {
			n.at = map[Budget]int{x.of: 16}
			for i := range n.list {
				n.at[n.list[i].of] = i
			}
		}
	}
	n.list = append(n.list, x)
}

// reserve takes the room, all of it or none, and forgets what was needed.
func (n *needs) reserve() (err error) {
	for k, x := range n.list {
		if err = x.of.Reserve(x.n); err != nil {
			for _, y := range n.list[:k] {
				y.of.Release(y.n)
			}
			break
		}
	}
	clear(n.list)
	n.list, n.at = n.list[:0], nil
	return err
}

// roomFor returns the budget that a message to this target counts against, as far as can be told now: that of a
// session, where the message holds its room until it is taken over, or that of a queue of this process, which is looked
// at once. own is the vat whose turn it is, nil outside turns.
func roomFor(own *Vat, to Target) (b Budget, held bool) {
	for range 16 {
		switch x := to.(type) {
		case *object:
			if x.vat == own {
				return (*ownRoom)(x.vat), false
			}
			return (*vatRoom)(x.vat), false
		case *Vow:
			next := x.ahead()
			if next == nil {
				return (*vowRoom)(x), false
			}
			to = next
		case nil, *endpoint:
			return nil, false
		case Budgeted:
			return x.Budget(), true
		default:
			return nil, false
		}
	}
	return nil, false
}

// vatRoom is the room in another vat's queue.
type vatRoom Vat

func (r *vatRoom) Reserve(n int) error {
	if have := int(r.waiting.Load()); have+n > r.limits.queue {
		return ErrOverloaded.because("%d messages wait in the vat", have)
	}
	return nil
}

func (*vatRoom) Release(int) {}

// ownRoom is the room in the queue of the vat whose turn it is.
type ownRoom Vat

func (r *ownRoom) Reserve(n int) error {
	have := int(r.waiting.Load()) + r.own
	if have+n > r.limits.queue {
		return ErrOverloaded.because("%d messages wait in the vat", have)
	}
	return nil
}

func (*ownRoom) Release(int) {}

// vowRoom is the room in the queue of a promise.
type vowRoom Vow

func (r *vowRoom) Reserve(n int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if have := len(r.queue); r.phase != routed && have+n > maxQueue {
		return ErrOverloaded.because("%d messages wait on one promise", have)
	}
	return nil
}

func (*vowRoom) Release(int) {}
