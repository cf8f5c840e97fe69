package promise

import "time"

// Timeout returns a promise that settles as p does, or breaks with [ErrTimeout] if p has not settled after d. p itself
// goes on. A promise that has settled already is returned as it is, and costs no timer.
//
// It is for promises that are passed on or combined: to wait a bounded time, give Await a context with a deadline.
func Timeout[T any](p Promise[T], d time.Duration) Promise[T] {
	src := p.Cell()
	if src.Settled() {
		return Promise[T]{src}
	}
	t := &timeout{src: src}
	t.out.report = src.report
	t.timer = time.AfterFunc(max(d, 0), t.expire)
	src.Subscribe(t)
	if t.out.Settled() { // the time was over before that
		forget([]*Cell{src}, t)
	}
	return Promise[T]{&t.out}
}

type timeout struct {
	out   Cell
	src   *Cell
	timer *time.Timer
}

func (t *timeout) expire() {
	forget([]*Cell{t.src}, t)
	t.out.Break(ErrTimeout)
}

func (t *timeout) Settled(c *Cell) { t.Relay(c, nil) }

func (t *timeout) Relay(c *Cell, cs *Cascade) {
	t.timer.Stop()
	t.out.settleAs(cs, pending, c)
}
