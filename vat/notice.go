package vat

import (
	"context"
	"weak"

	"github.com/hawser-go/hawser/promise"
)

// A notice is the latest news that a vat has been told, in a turn. Messages carry that of the vat whose turn sent them, so
// that what was sent before some news can be told from what was sent after it, however long it has been on its way.
type notice struct {
	vat *Vat
	n   uint64
}

// sender is who sent a message, as far as order is concerned: a vat of this process; or a peer, by way of one thing that it
// was given. It is zero for code outside turns.
type sender struct {
	vat  *identity
	from *Caller
	via  weak.Pointer[node]
}

// identity tells a vat from others, and keeps it from no collector.
type identity struct{ vat weak.Pointer[Vat] }

func senderOf(m *Message) sender {
	switch {
	case m.told != nil:
		return sender{vat: m.told.vat.known()}
	case m.From != nil:
		return sender{from: m.From, via: weak.Make(m.via)}
	}
	return sender{}
}

// gone reports whether nothing more will come from a sender.
func (s sender) gone() bool {
	if s.vat != nil {
		v := s.vat.vat.Value()
		return v == nil || v.refusing.Load()
	}
	return s.via.Value() == nil
}

// known returns the vat's identity, always the same one.
func (v *Vat) known() *identity {
	if id := v.identity.Load(); id != nil {
		return id
	}
	v.identity.CompareAndSwap(nil, &identity{weak.Make(v)})
	return v.identity.Load()
}

// told is a job that brings news.
type told struct {
	job   promise.Job // nil for the news alone
	n     uint64
	cause MessageID
}

// tell queues jobs that bring news, one right behind the other, or the news alone if there are none. It returns the number
// that notices have from the first of these turns on, and reports false if the vat has closed.
func (v *Vat) tell(jobs []told) (n uint64, ok bool) {
	if len(jobs) == 0 {
		jobs = make([]told, 1)
	}
	v.mu.Lock()
	if v.closed {
		v.mu.Unlock()
		for i := range jobs {
			jobs[i].Done(ErrVatClosed)
		}
		return 0, false
	}
	v.news++
	n = v.news
	for i := range jobs {
		jobs[i].n = n
		d := v.in.add()
		d.work, d.msg.Cause = &jobs[i], jobs[i].cause
	}
	v.waiting.Add(int64(len(jobs) - 1))
	v.wake()
	return n, true
}

// Run implements promise.Job.
func (j *told) Run(ctx context.Context) error {
	v := turnIn(ctx).vat
	if j.n > v.told.n {
		v.told = &notice{v, j.n}
	}
	if j.job == nil {
		return nil
	}
	return j.job.Run(ctx)
}

// Done implements promise.Job.
func (j *told) Done(err error) {
	if j.job != nil {
		j.job.Done(err)
	}
}
