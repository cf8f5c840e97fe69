package main

import (
	"fmt"
	"sync/atomic"

	"github.com/hawser-go/hawser/bench/floor/minivat"
)

// Messages that are sent one way are counted by the receiver; the work is done when it has seen all.

// window is how far a sender may be ahead of a receiver that does not push back.
const window = 1 << 14

// A counter counts down the messages it receives.
type counter struct {
	left atomic.Int64
	done chan struct{}
}

func (c *counter) Receive(_ *minivat.Vat, m minivat.Message) {
	if c.left.Add(-m.Value) == 0 {
		c.done <- struct{}{}
	}
}

// A relay sends itself one message less.
type relay struct{ done chan struct{} }

func (r *relay) Receive(v *minivat.Vat, m minivat.Message) {
	if m.Value == 0 {
		r.done <- struct{}{}
		return
	}
	v.SendLocal(minivat.Message{To: r, Value: m.Value - 1})
}

func sameVat() (work, error) {
	v, r := new(minivat.Vat), &relay{make(chan struct{}, 1)}
	return work{func(n int, _ *times) error {
		v.Send(minivat.Message{To: r, Value: int64(n)})
		<-r.done
		return nil
	}, nothing}, nil
}

func otherVat() (work, error) {
	v, c := new(minivat.Vat), &counter{done: make(chan struct{}, 1)}
	return work{func(n int, _ *times) error {
		for n > 0 {
			burst := min(n, window)
			n -= burst
			c.left.Store(int64(burst))
			for range burst {
				v.Send(minivat.Message{To: c, Value: 1})
			}
			<-c.done
		}
		return nil
	}, nothing}, nil
}

func channelOneWay() (work, error) {
	ch, done := make(chan minivat.Message, 1024), make(chan struct{}, 1)
	c := &counter{done: make(chan struct{}, 1)}
	go func() {
		defer close(done)
		for m := range ch {
			m.To.Receive(nil, m)
		}
	}()
	return work{func(n int, _ *times) error {
		for n > 0 {
			burst := min(n, window)
			n -= burst
			c.left.Store(int64(burst))
			for range burst {
				ch <- minivat.Message{To: c, Value: 1}
			}
			<-c.done
		}
		return nil
	}, func() error { close(ch); <-done; return nil }}, nil
}

// An adder answers with one more than it got.
type adder struct{}

func (*adder) Receive(v *minivat.Vat, m minivat.Message) {
	answer := minivat.Message{To: m.Reply, Value: m.Value + 1}
	if m.From != nil {
		m.From.Send(answer)
		return
	}
	m.Reply.Receive(v, answer)
}

// A mouth hands an answer to a goroutine that waits for it outside.
type mouth chan int64

func (c mouth) Receive(_ *minivat.Vat, m minivat.Message) { c <- m.Value }

func hostCall() (work, error) {
	v, target, answer := new(minivat.Vat), new(adder), make(mouth, 1)
	return work{func(n int, _ *times) error {
		for i := range int64(n) {
			v.Send(minivat.Message{To: target, Reply: answer, Value: i})
			if got := <-answer; got != i+1 {
				return fmt.Errorf("the answer to %d is %d", i, got)
			}
		}
		return nil
	}, nothing}, nil
}

func channelCall() (work, error) {
	ask, answer, done := make(chan int64, 1), make(chan int64, 1), make(chan struct{})
	go func() {
		defer close(done)
		for i := range ask {
			answer <- i + 1
		}
	}()
	return work{func(n int, _ *times) error {
		for i := range int64(n) {
			ask <- i
			if got := <-answer; got != i+1 {
				return fmt.Errorf("the answer to %d is %d", i, got)
			}
		}
		return nil
	}, func() error { close(ask); <-done; return nil }}, nil
}

// An asker calls an object of another vat and, for each answer, calls again.
type asker struct {
	target   *adder
	there    *minivat.Vat
	left     int // calls to be made
	awaiting int // answers to come
	sum      int64
	done     chan int64
}

func (a *asker) Receive(v *minivat.Vat, m minivat.Message) {
	if m.From != nil { // not an answer: begin with so many
		a.sum, a.awaiting = 0, 0
		for range min(int(m.Value), a.left) {
			a.ask(v)
		}
		return
	}
	a.awaiting--
	a.sum += m.Value
	switch {
	case a.left > 0:
		a.ask(v)
	case a.awaiting == 0:
		a.done <- a.sum
	}
}

func (a *asker) ask(v *minivat.Vat) {
	a.left--
	a.awaiting++
	a.there.Send(minivat.Message{To: a.target, From: v, Reply: a, Value: 1})
}

func vatCalls(outstanding int) opener {
	return func() (work, error) {
		here := new(minivat.Vat)
		a := &asker{target: new(adder), there: new(minivat.Vat), done: make(chan int64, 1)}
		return work{func(n int, _ *times) error {
			a.left = n
			here.Send(minivat.Message{To: a, From: here, Value: int64(outstanding)})
			if sum := <-a.done; sum != 2*int64(n) {
				return fmt.Errorf("%d answers add up to %d, want %d", n, sum, 2*n)
			}
			return nil
		}, nothing}, nil
	}
}

func nothing() error { return nil }
