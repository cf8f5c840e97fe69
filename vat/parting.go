package vat

import "github.com/hawser-go/hawser/promise"

// parting is what of a turn waits until the turn is on the disk.
type parting struct {
	vat     *Vat
	effects []effect
	late    bool // one of them is a message by way of a promise, or one that had to wait for such
	job     promise.Job
	answer  *Vow
	result  any
	err     error
}

// pack takes what waits out of the frame.
func (p *parting) pack(f *frame, out []outgoing, err error) {
	p.job, p.err = f.job, err
	if err != nil || f.result != forwarded {
		p.answer, p.result = f.msg.Answer, f.result
	}
	n := 0
	for i := range f.out {
		e := &f.out[i]
		if e.to == nil {
			if e.fn != nil {
				p.effects = append(p.effects, *e)
			}
			continue
		}
		if n < len(out) && !out[n].atOnce && !out[n].behind {
			p.effects = append(p.effects, *e)
			_, via := e.to.(*Vow)
			p.late = p.late || via || out[n].stored
		}
		n++
	}
}

func (p *parting) empty() bool { return len(p.effects) == 0 && p.job == nil && p.answer == nil }

// done is told that the turn is on the disk, or never will be.
func (p *parting) done(err error) {
	for i := range p.effects {
		e := &p.effects[i]
		switch {
		case err == nil && e.to != nil:
			hand(nil, e.to, &e.msg)
		case err == nil:
			e.fn()
		case e.to != nil:
			e.msg.letter = nil
			e.msg.Refuse(ErrTurnFailed.due(err))
		case e.abandoned != nil:
			e.abandoned(ErrTurnFailed.due(err))
		}
	}
	if p.late {
		p.vat.late.Add(-1)
	}
	if err == nil {
		err = p.err
	}
	switch {
	case p.job != nil:
		p.job.Done(err)
	case p.answer == nil:
	case err != nil:
		p.answer.Break(err)
	default:
		p.answer.Resolve(p.result)
	}
}
