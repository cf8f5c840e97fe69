package vat

// letter is a stored message, while it is in memory. The depot has it until the message has been taken, so that what its
// record names stays in use, whatever becomes of the message: it may wait where nobody can reach it.
type letter struct {
	d         *Depot
	number    uint64
	to, await Ref
	ways      []Ref
	args      []any
	answer    *Vow
	due       bool // it leaves the depot and is from before, or has waited for those: see keepBack
}

// letter gives a message its letter, when it is stored under a number.
func (d *Depot) letter(m *Message, number uint64) *letter {
	m.letter = &letter{d: d, number: number, args: m.Args, answer: m.Answer}
	d.letters[number] = m.letter
	return m.letter
}

// leaves reports whether the message leaves its depot on the way to an object.
func (l *letter) leaves(to *object) bool { return l != nil && (to == nil || to.vat.depot != l.d) }

// leave has a message that was to stay in the depot, and whose promise leads elsewhere, be delivered to t: once only, when
// what sent it is on the disk and it is no longer there.
func (l *letter) leave(t Target, m Message) {
	d := l.d
	m.letter = nil
	d.mu.Lock()
	x := d.begin()
	x.take(l)
	x.post(&parting{effects: []effect{{to: t, msg: m}}})
	d.mu.Unlock()
	x.close()
}

// finish stores that a message was taken by what is no turn, and what its answer is.
func (l *letter) finish(answer *Vow, v any, err error) {
	l.d.unlessOver(func(x *tx) bool { // else it is there for the next time
		x.take(l)
		if s := x.d.owed(answer); s != nil {
			x.settle(s, v, err).carry(x)
		}
		return true
	})
}

// take notes that a stored message has been taken.
func (x *tx) take(l *letter) {
	if l == nil {
		return
	}
	x.batch.Delete(bucketMessages, numberKey(l.number))
	delete(x.d.letters, l.number)
	if past := &x.d.past; past.alone == l.number {
		x.batch.Delete(bucketDepot, keyPoison)
		x.after = x.d.redeliver
		past.alone = 0
	}
}
