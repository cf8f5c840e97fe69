package warden

import (
	"context"
	"time"

	"github.com/hawser-go/hawser/vat"
)

// longestWait is how long the office sleeps at the most before it looks at the clock again, which may have been set.
const longestWait = time.Hour

// wind has the office look again when the next of what it has given is over.
func (o *Office) wind() {
	now := o.clock.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.alarm != nil {
		o.alarm.Stop()
		o.alarm = nil
	}
	var next time.Time
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, e := range o.given {
		sooner(e.until)
	}
	for _, t := range o.tallies {
		sooner(t.until)
	}
	for _, e := range o.heard {
		sooner(e.until)
	}
	for _, a := range o.owed {
		sooner(a.grant.Expires())
	}
	for _, u := range o.unheard {
		sooner(u.grant.Accept())
	}
	if o.remembers() {
		sooner(now.Add(longestWait))
	}
	if !next.IsZero() && o.started && !o.closed {
		o.next = next
		o.alarm = time.AfterFunc(min(max(next.Sub(now)+o.cfg.Skew, 0), longestWait), o.rung)
	}
}

// windBy is wind when something is over at t.
func (o *Office) windBy(t time.Time) {
	o.mu.Lock()
	waits := o.alarm != nil && !t.Before(o.next)
	o.mu.Unlock()
	if !waits {
		o.wind()
	}
}

// rung is what the alarm does.
func (o *Office) rung() {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return
	}
	o.running.Add(1)
	o.mu.Unlock()
	defer o.running.Done()
	o.expire()
}

// expire ends what is over by now.
func (o *Office) expire() {
	now := o.clock.Now()
	o.mu.Lock()
	var over []*given
	var silent []*heard
	for _, e := range o.given {
		if !now.Before(e.until.Add(o.cfg.Skew)) {
			over = append(over, e)
		}
	}
	var keys []string
	for id, t := range o.tallies {
		if !now.Before(t.until.Add(o.cfg.Skew)) {
			delete(o.tallies, id)
			keys = append(keys, pinKey(pinsOfTallies, t.until, id))
		}
	}
	for _, e := range o.heard {
		if !now.Before(e.until.Add(o.cfg.Skew)) {
			o.deafen(e)
			silent = append(silent, e)
		}
	}
	due, audible := o.due(now), o.audible(now)
	o.mu.Unlock()
	for _, a := range due {
		o.pay(a)
	}
	o.hear(audible)
	for _, e := range silent {
		o.silence(e)
	}
	o.unpin(keys)
	o.mu.Lock()
	remembers := o.remembers()
	o.mu.Unlock()
	if remembers || len(over)+len(keys) > 0 {
		o.lapse(now)
	}
	for _, e := range over {
		o.sever(e, func(error) {})
	}
	o.wind()
}

// sever ends what a grant has come to; done is called when that is so, and on the disk.
func (o *Office) sever(e *given, done func(error)) {
	o.mu.Lock()
	waits, ending := o.endings[e]
	o.endings[e] = append(waits, done)
	o.mu.Unlock()
	if ending {
		return
	}
	o.forget(e)
	if _, v := e.mandate(); v != nil {
		v.Enqueue(&severing{e})
		return
	}
	o.severed(e, nil)
}

// severed tells those who wait for it that what a grant has come to has ended.
func (o *Office) severed(e *given, err error) {
	o.mu.Lock()
	waits := o.endings[e]
	delete(o.endings, e)
	o.mu.Unlock()
	for _, done := range waits {
		done(err)
	}
}

// severing is the turn in which a mandate ends. It comes behind the one in which it is made, if that has not been yet.
type severing struct{ *given }

// Run implements promise.Job.
func (s *severing) Run(ctx context.Context) error {
	self, _ := s.mandate()
	if m, ok := vat.Near[*mandate](ctx, self); ok {
		m.end(ctx)
	}
	return nil
}

// Done implements promise.Job.
func (s *severing) Done(err error) {
	s.office.unpin([]string{pinKey(pinsOfMandates, s.until, s.links...)})
	s.office.severed(s.given, err)
}

// unpin lets go of what is pinned, if it is.
func (o *Office) unpin(keys []string) {
	if o.depot == nil || len(keys) == 0 {
		return
	}
	_ = o.depot.Update(func(tx *vat.Tx) {
		for _, key := range keys {
			tx.Unpin(key)
		}
	}, nil)
}

// Close ends what the office does by itself. What it has given stays; what has waited for an object breaks.
func (o *Office) Close() {
	o.mu.Lock()
	o.closed = true
	if o.alarm != nil {
		o.alarm.Stop()
	}
	audible := o.audible(o.clock.Now())
	o.mu.Unlock()
	for _, u := range audible {
		u.vow.Break(vat.ErrVatClosed)
	}
	o.running.Wait()
}
