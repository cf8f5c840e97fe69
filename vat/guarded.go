package vat

// Caretakers of durable vats, and what revokes them, as they are stored.

// track returns a new slot for an object of a durable vat that has no state of a kind.
func (d *Depot) track(r Ref, rec slotRecord) *slot {
	s := &slot{depot: d, rec: rec, weak: r.Weak()}
	OnCollect(r, gravestone.raise, gravestone{&d.gone, s})
	return s
}

// lookAt encodes what an object is that is not stored yet.
func (x *tx) lookAt(s *slot, r Ref) error {
	o, ok := r.Target().(*object)
	if !ok || s.stored {
		return nil
	}
	switch k := o.disp.(type) {
	case *durable:
		return x.lookAtState(s.body)
	case *caretaker:
		inner, err := k.state()
		if err != nil {
			s.rec.Err, s.rec.Names = []errorRecord{errorOf(err)}, nil
			return nil
		}
		p := pen{x: x}
		if !inner.IsNull() {
			if _, err := p.slot(inner); err != nil {
				return err
			}
		}
		s.rec.Names = p.ids()
	case *revoker:
		p := pen{x: x}
		if _, err := p.slot(k.caret); err != nil {
			return err
		}
		s.rec.Names = p.ids()
	}
	return nil
}

// lookAtState encodes the state of an object that no turn has made, or one that has failed. What a turn has made is encoded
// at its end.
func (x *tx) lookAtState(b *body) error {
	if b.slot.stored || b.saved != nil || b.impl == nil || b.turn != nil && b.turn.state.Load() != ended {
		return nil
	}
	b.saved = []byte{} // it may lead to itself
	model, err := storableState(b)
	if err == nil {
		var w written
		if w, err = x.encode(model); err == nil {
			b.saved, b.names = w.record, w.names
			return nil
		}
	}
	b.saved = nil
	return err
}

// revoke stores that a caretaker was revoked.
func (x *tx) revoke(s *slot, err *Error) {
	if len(s.rec.Err) > 0 || !s.stored {
		return
	}
	x.unnameAll(s.rec.Names)
	s.rec.Names, s.rec.Err = nil, []errorRecord{errorOf(err)}
	x.change(s)
}

// caretakerOf makes a stored caretaker again; it is null if the slot is damaged.
func (d *Depot) caretakerOf(s *slot) Ref {
	v := d.names[s.rec.Vat]
	if v == nil {
		return Ref{}
	}
	c := newCaretaker(Ref{})
	c.tracked(s)
	caret := d.adopt(s, v.spawn(c)) // what it stands before may lead to it
	switch {
	case len(s.rec.Err) > 0:
		err, _ := revive(s.rec.Err[0]).(*Error)
		c.gate.err.Store(err)
	case len(s.rec.Names) > 0:
		r, err := d.refAt(s.rec.Names[0])
		if err != nil {
			return Ref{}
		}
		c.inner = r.(Ref)
	}
	return caret
}

// revokerOf makes what revokes a stored caretaker again; it is null if the slot is damaged.
func (d *Depot) revokerOf(s *slot) Ref {
	if len(s.rec.Names) == 0 {
		return Ref{}
	}
	r, err := d.refAt(s.rec.Names[0])
	if err != nil {
		return Ref{}
	}
	o, ok := r.(Ref).Target().(*object)
	if !ok {
		return Ref{}
	}
	c, ok := o.disp.(*caretaker)
	if !ok {
		return Ref{}
	}
	if r, ok := s.alive(); ok {
		return r // the caretaker leads to it
	}
	return d.adopt(s, o.vat.spawn(&revoker{c, r.(Ref), s}))
}

// slotIn returns the slot of an object that is stored in this depot: of a durable object, a caretaker or a revoker.
func (o *object) slotIn(d *Depot) *slot {
	if o.vat.depot != d {
		return nil
	}
	switch k := o.disp.(type) {
	case *durable:
		return k.slot
	case *caretaker:
		return k.slot
	case *revoker:
		return k.slot
	}
	return nil
}

// ways returns the slots of the caretakers that a message came through.
func (x *tx) ways(m *Message) (slots []*slot) {
	for p := m.way; p != nil; p = p.outer {
		if s := p.slot; s != nil && s.depot == x.d {
			slots = append(slots, s)
		}
	}
	return slots
}

// passageOf returns the way through caretakers, the last one first.
func (d *Depot) passageOf(ids []uint64) (way *passage, held []Ref, err error) {
	for i := len(ids) - 1; i >= 0; i-- {
		r, err := d.refAt(ids[i])
		if err != nil {
			return nil, nil, err
		}
		held = append(held, r.(Ref))
		if o, ok := r.(Ref).Target().(*object); ok {
			if c, ok := o.disp.(*caretaker); ok {
				way = way.through(&c.way)
			}
		}
	}
	return way, held, nil
}
