package vat

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
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

// found is what a first reading of the store brings.
type found struct {
	vats, kinds map[string][]byte
	pending     []uint64
	pins        map[string]pinRecord
	zero, far   []uint64
	messages    []foundMessage
	bad         error
}

type foundMessage struct {
	number uint64
	record messageRecord
}

// recover reads what the depot was when it was last open.
func (d *Depot) recover() error {
	var f found
	if err := d.store.View(func(r store.Reader) error { return d.find(r, &f) }); err != nil {
		return err
	}
	kinds, err := d.openKinds(f.kinds)
	if err != nil {
		return err
	}
	x, err := d.build(&f, kinds)
	if err != nil {
		kinds.discard()
		return err
	}
	if err := d.store.Write(&x.batch); err != nil {
		return err
	}
	for _, w := range d.past.lost {
		w.Break(ErrLost)
	}
	d.past.lost = nil
	return nil
}

// build makes what was found in the store again, and the transaction that begins the depot's new life.
func (d *Depot) build(f *found, kinds *opening) (*tx, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, number := range f.vats {
		d.vat(name, keyNumber(number))
	}
	x := d.begin()
	if err := kinds.finish(x); err != nil {
		return nil, err
	}
	if err := x.revive(f); err != nil {
		return nil, err
	}
	x.batch.Delete(bucketDepot, keyClean)
	x.seal()
	return x, nil
}

// find reads the store from end to end, but for the state of objects.
func (d *Depot) find(r store.Reader, f *found) error {
	d.leased = max(keyNumber(r.Get(bucketDepot, keyNext)), 1)
	d.next, d.told = d.leased, d.leased
	d.past.clean = r.Get(bucketDepot, keyClean) != nil
	if b := r.Get(bucketDepot, keyPoison); b != nil {
		if err := decodeRecord(b, &d.past.poison); err != nil {
			return err
		}
	}
	f.vats, f.kinds = all(r, bucketVats), all(r, bucketKinds)
	r.Scan(bucketSlots, nil, func(key, value []byte) bool {
		var s slotRecord
		if f.bad = decodeRecord(value, &s); f.bad != nil {
			return false
		}
		if s.Count == 0 {
			f.zero = append(f.zero, keyNumber(key))
		}
		if s.Sort == slotVow && !s.Settled && s.Resolver == 0 {
			f.pending = append(f.pending, keyNumber(key))
		}
		if s.Sort == slotFar && s.Count > 0 {
			f.far = append(f.far, keyNumber(key))
		}
		return true
	})
	f.pins = make(map[string]pinRecord)
	if f.bad == nil {
		r.Scan(bucketPins, nil, func(key, value []byte) bool {
			var p pinRecord
			f.bad = decodeRecord(value, &p)
			f.pins[string(key)] = p
			return f.bad == nil
		})
	}
	if f.bad == nil {
		r.Scan(bucketMessages, nil, func(key, value []byte) bool {
			m := foundMessage{number: keyNumber(key)}
			f.bad = decodeRecord(value, &m.record)
			f.messages = append(f.messages, m)
			return f.bad == nil
		})
	}
	return f.bad
}

func all(r store.Reader, bucket string) map[string][]byte {
	m := make(map[string][]byte)
	r.Scan(bucket, nil, func(key, value []byte) bool {
		m[string(key)] = bytes.Clone(value)
		return true
	})
	return m
}

// revive makes the stored messages again, breaks the promises that nothing will settle, and removes what nothing leads to.
func (x *tx) revive(f *found) error {
	d := x.d
	for i := range f.messages {
		if err := d.reviveMessage(&f.messages[i]); err != nil {
			return fmt.Errorf("message %d: %w", f.messages[i].number, err)
		}
	}
	for _, id := range f.far { // all of them, so that a session knows what must not be given back
		if _, err := d.refAt(id); err != nil {
			return err
		}
	}
	d.pins = f.pins
	for _, p := range f.pins {
		s, err := d.slotAt(p.Slot)
		if err != nil {
			return err
		}
		s.inside = s.inside || p.Awaited && s.rec.Sort == slotVow && !s.rec.Settled
	}
	for _, id := range f.pending {
		s, err := d.slotAt(id)
		if err != nil {
			return err
		}
		if !s.inside {
			x.broken(s, ErrLost).carry(x)
			if r, ok := s.alive(); ok {
				d.past.lost = append(d.past.lost, r.Target().(*Vow))
			}
		}
	}
	for _, id := range f.zero {
		s, err := d.slotAt(id)
		if err != nil {
			return err
		}
		x.zero = append(x.zero, s)
	}
	return nil
}

func (d *Depot) reviveMessage(f *foundMessage) error {
	r := &f.record
	to, err := d.refAt(r.To)
	if err != nil {
		return err
	}
	args, err := modelcbor.Decode(r.Args, d.refAt)
	if err != nil {
		return err
	}
	list, ok := args.([]any)
	if !ok {
		return fmt.Errorf("%w: the arguments are no list", errDamaged)
	}
	l := recovered{to: to.(Ref), m: Message{
		Op: Op(r.Op), Selector: passable.Symbol(r.Selector), Pos: r.Pos, Args: list, sent: true,
		From: reviveCaller(r.From),
	}}
	way, ways, err := d.passageOf(r.Ways)
	if err != nil {
		return err
	}
	l.m.way = way
	if r.Answer != 0 {
		s, err := d.slotAt(r.Answer)
		if err != nil {
			return err
		}
		w, ok := d.refOf(s).Target().(*Vow)
		if !ok {
			return fmt.Errorf("%w: the answer is no promise", errDamaged)
		}
		l.m.Answer, s.inside = w, true
	}
	kept := d.letter(&l.m, f.number)
	kept.to, kept.ways = l.to, ways
	if r.Await != 0 {
		if l.await, err = d.slotAt(r.Await); err != nil {
			return err
		}
		kept.await = d.refOf(l.await)
	}
	if r.Due != 0 {
		l.due = time.Unix(0, r.Due)
	}
	d.past.letters = append(d.past.letters, l)
	return nil
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
