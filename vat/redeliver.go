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

// recovery is what was found in the store when it was opened.
type recovery struct {
	letters []recovered
	lost    []*Vow // promises that nothing will settle
	clean   bool
	poison  poisonRecord
	alone   uint64 // the message that runs alone now, in whose transaction the mark goes

	// over says that all of them have been delivered. Until then what is sent anew waits behind them: it may come from whom
	// they come from.
	over   atomic.Bool
	behind []effect
}

// recovered is a message that was stored before.
type recovered struct {
	to    Ref
	m     Message
	await *slot
	due   time.Time
	since uint64 // when it came to where it is to be delivered: a number like those of messages
}

func isObject(t Target) bool {
	_, ok := t.(*object)
	return ok
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
	d.past.letters = direct
	d.mu.Unlock()
	d.courier.hand(d.redeliver)
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

// next takes the next of the messages from before.
func (p *recovery) next() (l recovered, ok bool) {
	if len(p.letters) == 0 {
		return l, false
	}
	l, p.letters[0] = p.letters[0], recovered{} // what it holds is not to be kept
	p.letters = p.letters[1:]
	return l, true
}

// putBehind has a message that is stored, and had to wait for the disk or came from a session, wait behind those from before. It reports false if
// they have been delivered.
func (d *Depot) putBehind(e *effect) bool {
	if d.past.over.Load() {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	over := d.past.over.Load()
	if !over {
		d.past.behind = append(d.past.behind, *e)
	}
	return !over
}

// deliver hands a message over whose turn to be delivered has come. If it goes no further than to a promise now, it comes behind what
// has come meanwhile when that settles.
func (d *Depot) deliver(to Target, m *Message) {
	if last, _ := end(to); isObject(last) {
		m.letter.due = true
	}
	hand(nil, to, m)
}

// abandon refuses what has not been delivered when the vats are closed. It stays in the store.
func (d *Depot) abandon() {
	d.mu.Lock()
	letters, behind := d.past.letters, d.past.behind
	d.past.letters, d.past.behind = nil, nil
	d.past.over.Store(true)
	d.mu.Unlock()
	for i := range letters {
		letters[i].m.Refuse(ErrVatClosed)
	}
	for i := range behind {
		behind[i].msg.Refuse(ErrVatClosed)
	}
}

// redeliver delivers messages from before: all of them or, if the depot was not closed in order, the first, and the others
// when its turn is on the disk. It is called by the courier.
func (d *Depot) redeliver() {
	for !d.closing.Load() {
		d.mu.Lock()
		l, ok := d.past.next()
		behind := d.past.behind
		if !ok {
			d.past.behind = nil
			d.past.over.Store(len(behind) == 0)
		}
		over := d.past.over.Load()
		d.mu.Unlock()
		switch {
		case over:
			return
		case !ok:
			for i := range behind {
				d.deliver(behind[i].to, &behind[i].msg)
			}
		case d.past.clean:
			d.deliver(l.to.Target(), &l.m)
		case !d.alone(&l):
			return
		}
	}
}

// alone delivers a message from before that is to run alone, if its turn comes now, with a mark in the store. It reports
// whether the next one may be delivered already.
func (d *Depot) alone(l *recovered) bool {
	p := &d.past.poison
	if p.Message != l.m.letter.number {
		*p = poisonRecord{Message: l.m.letter.number}
	}
	if p.Tries >= maxTries {
		d.cfg.Vat.Logger.Error("a message is given up: the process has died each time it came to it", "method", clip(string(l.m.Selector), maxName))
		l.m.Refuse(ErrPoison)
		return true
	}
	if last, _ := end(l.to.Target()); !isObject(last) {
		hand(nil, l.to.Target(), &l.m) // its turn comes later
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
		l.m.Refuse(ErrVatClosed)
		return true
	}
	d.mu.Lock()
	d.past.alone = l.m.letter.number
	d.mu.Unlock()
	d.deliver(l.to.Target(), &l.m)
	return false
}
