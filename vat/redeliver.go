package vat

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/store"
)

// maxTries is how often the process may die at one message.
const maxTries = 3

// recovery is what was found in the store when it was opened, and what comes until that has been delivered.
type recovery struct {
	letters []recovered // for objects, or not for them yet
	away    []recovered // for who is outside, or for nobody
	lost    []*Vow      // promises that nothing will settle
	clean   bool
	poison  poisonRecord
	alone   uint64 // the message that runs alone now, in whose transaction the mark goes
	first   uint64 // the number of the first message that is not from before

	// line are the messages that are stored and have come to their object, in order: those from before, and behind them what
	// comes until all of them have been delivered, which may be from whom they are from. Then it is over.
	line []ready
	over atomic.Bool
	// abroad are those that left while away had not been handed over.
	abroad []effect
	handed atomic.Bool
}

// recovered is a message that was stored before.
type recovered struct {
	to    Ref
	m     Message
	await *slot
	due   time.Time
	since uint64 // when it came to where it is to be delivered: a number like those of messages
}

// await has what waited on promises before wait there again, before anything else can come, and so behind nothing that is sent later.
func (d *Depot) await() {
	kept := d.past.letters[:0]
	for _, l := range d.past.letters {
		last, _ := end(l.to.Target())
		if _, ok := last.(*Vow); ok && l.await == nil && l.due.IsZero() {
			hand(nil, last, &l.m)
		} else {
			kept = append(kept, l)
		}
	}
	clear(d.past.letters[len(kept):])
	d.past.letters = kept
}

// Start delivers the messages that the depot holds from before, in order, with those of timers that are due and of promises
// that have settled among them. If it was not closed in order they get their turns
// one after the other, each marked in the store: one at which the process has died three times breaks with ErrPoison.
func (d *Depot) Start() {
	d.mu.Lock()
	letters := d.past.letters
	d.past.letters = nil
	x := d.begin()
	var direct []recovered
	for _, l := range letters {
		k := d.keptBy(l.to)
		switch {
		case l.await != nil && k != nil:
			x.watch(l.await, &watcher{to: &k.object, m: l.m})
		case time.Until(l.due) > 0 && k != nil:
			d.remind(k, l.m, l.due)
		default:
			direct = append(direct, l)
		}
	}
	for i := range x.ready { // those whose promise has settled
		r := &x.ready[i]
		direct = append(direct, recovered{to: r.m.letter.to, m: r.m})
	}
	for i := range direct {
		direct[i].since = d.arrived(direct[i].to, direct[i].m.letter.number)
	}
	slices.SortFunc(direct, func(a, b recovered) int {
		return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.m.letter.number, b.m.letter.number))
	})
	var line []ready
	for _, l := range direct {
		last, _ := end(l.to.Target())
		if o, ok := last.(*object); ok && o.vat.depot == d {
			line = append(line, ready{o, l.m})
		} else {
			l.m.letter.due = true
			d.past.away = append(d.past.away, l)
		}
	}
	d.past.line = append(line, d.past.line...)
	d.mu.Unlock()
	d.courier.hand(func() {
		d.depart()
		d.redeliver()
	})
}

// arrived returns when a message of that number to r had come to where it is to be delivered: not before sessions had settled the
// promises that it was sent by. What was sent to the object itself meanwhile comes first, as they have seen to.
func (d *Depot) arrived(r Ref, number uint64) uint64 {
	for range 64 {
		s := d.refs[r.Weak()]
		if s == nil || s.rec.Sort != slotVow || !s.rec.Settled {
			break
		}
		number = max(number, s.rec.When)
		v, _, _ := d.outcome(s) // as it was stored: the next promise, not where that leads in the end
		next, ok := v.(Ref)
		if !ok || next.IsNull() {
			break
		}
		r = next
	}
	return number
}

// putBehind has a stored message that has come to its object wait behind those that are there. It reports false if there are none.
func (d *Depot) putBehind(o *object, m *Message) bool {
	if d.past.over.Load() {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	over := d.past.over.Load()
	if !over {
		d.past.line = append(d.past.line, ready{o, *m})
	}
	return !over
}

// keepBack has a stored message that leaves the depot wait until those from before have left, unless it is one of them. It reports false if they have.
func (d *Depot) keepBack(t Target, m *Message) bool {
	if m.letter.due || d.past.handed.Load() {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	handed := d.past.handed.Load()
	if !handed {
		d.past.abroad = append(d.past.abroad, effect{to: t, msg: *m})
	}
	return !handed
}

// depart hands over the messages from before that leave the depot, and those that have come behind them. It is called by the courier.
func (d *Depot) depart() {
	d.mu.Lock()
	away := d.past.away
	d.past.away = nil
	d.mu.Unlock()
	for i := range away {
		hand(nil, away[i].to.Target(), &away[i].m)
	}
	for !d.past.handed.Load() {
		d.mu.Lock()
		abroad := d.past.abroad
		d.past.abroad = nil
		d.past.handed.Store(len(abroad) == 0)
		d.mu.Unlock()
		for i := range abroad {
			abroad[i].msg.letter.due = true
			hand(nil, abroad[i].to, &abroad[i].msg)
		}
	}
}

// abandon refuses what has not been delivered when the vats are closed. It stays in the store.
func (d *Depot) abandon() {
	d.mu.Lock()
	past := &d.past
	letters, line, abroad := append(past.letters, past.away...), past.line, past.abroad
	past.letters, past.away, past.line, past.abroad = nil, nil, nil, nil
	past.over.Store(true)
	past.handed.Store(true)
	d.mu.Unlock()
	for i := range letters {
		letters[i].m.Refuse(ErrVatClosed)
	}
	for i := range line {
		line[i].m.Refuse(ErrVatClosed)
	}
	for i := range abroad {
		abroad[i].msg.Refuse(ErrVatClosed)
	}
}

// redeliver delivers the messages in the line: all of them or, if the depot was not closed in order, the first that is from before and what is
// ahead of it, and the others when its turn is on the disk. It is called by the courier.
func (d *Depot) redeliver() {
	for !d.closing.Load() {
		d.mu.Lock()
		line := d.past.line
		if len(line) == 0 {
			d.past.line = nil
			d.past.over.Store(true)
			d.mu.Unlock()
			return
		}
		r := line[0]
		line[0] = ready{} // what it holds is not to be kept
		d.past.line = line[1:]
		d.mu.Unlock()
		if d.past.clean || r.m.letter.number >= d.past.first {
			r.to.vat.deliver(r.to, &r.m)
		} else if !d.alone(&r) {
			return
		}
	}
}

// alone delivers a message from before that is to run alone, with a mark in the store. It reports whether the next one may be delivered already.
func (d *Depot) alone(r *ready) bool {
	p, number := &d.past.poison, r.m.letter.number
	if p.Message != number {
		*p = poisonRecord{Message: number}
	}
	if p.Tries >= maxTries {
		d.cfg.Vat.Logger.Error("a message is given up: the process has died each time it came to it", "method", clip(string(r.m.Selector), maxName))
		r.m.Refuse(ErrPoison)
		return true
	}
	p.Tries++
	var b store.Batch
	mark, err := encodeRecord(p)
	if err == nil {
		b.Put(bucketDepot, keyPoison, mark)
		err = d.store.Write(&b)
	}
	if err != nil {
		d.fail(err)
		r.m.Refuse(ErrVatClosed)
		return true
	}
	d.mu.Lock()
	d.past.alone = number
	d.mu.Unlock()
	r.to.vat.deliver(r.to, &r.m)
	return false
}
