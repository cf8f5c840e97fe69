package vat_test

import (
	"sync"
	"testing"
)

// minivat is the floor that vats are measured against: a queue swapped in batches, messages by value, a goroutine only
// while the queue is not empty; no errors, no copies, no transactions.
type minivat struct {
	mu      sync.Mutex
	in      []minimsg
	working bool
	start   func()
	cur     []minimsg
}

type minimsg struct {
	to  *miniobj
	n   int
	ans *minipromise
}

type miniobj struct {
	vat    *minivat
	handle func(m minimsg) int
}

// minipromise is used for one call after the other.
type minipromise struct {
	v  int
	ch chan struct{} // one slot
}

func newMinivat() *minivat {
	v := &minivat{}
	v.start = v.loop
	return v
}

func (v *minivat) send(m minimsg) {
	v.mu.Lock()
	v.in = append(v.in, m)
	if v.working {
		v.mu.Unlock()
		return
	}
	v.working = true
	v.mu.Unlock()
	go v.start()
}

func (v *minivat) loop() {
	for {
		v.mu.Lock()
		if len(v.in) == 0 {
			v.working = false
			v.mu.Unlock()
			return
		}
		v.cur, v.in = v.in, v.cur[:0]
		v.mu.Unlock()
		for i := 0; i < len(v.cur); i++ {
			m := v.cur[i]
			n := m.to.handle(m)
			if m.ans != nil {
				m.ans.settle(n)
			}
		}
	}
}

// sendOwn is for turns of the vat itself.
func (v *minivat) sendOwn(m minimsg) { v.cur = append(v.cur, m) }

func (p *minipromise) settle(n int) {
	p.v = n
	p.ch <- struct{}{}
}

func (p *minipromise) wait() int {
	<-p.ch
	return p.v
}

// BenchmarkFloor is the same work as the benchmarks of package vat, done by the least that could do it.
func BenchmarkFloor(b *testing.B) {
	b.Run("OneWay", func(b *testing.B) {
		done := make(chan struct{})
		n, want := 0, b.N
		o := &miniobj{newMinivat(), func(minimsg) int {
			if n++; n == want {
				close(done)
			}
			return n
		}}
		b.ReportAllocs()
		for range b.N {
			o.vat.send(minimsg{to: o, n: 1})
		}
		<-done
	})
	b.Run("Call", func(b *testing.B) {
		o := &miniobj{newMinivat(), func(m minimsg) int { return m.n }}
		p := &minipromise{ch: make(chan struct{}, 1)} // pooled
		b.ReportAllocs()
		for b.Loop() {
			o.vat.send(minimsg{to: o, n: 1, ans: p})
			p.wait()
		}
	})
	b.Run("Turns/same", func(b *testing.B) {
		left, done := b.N, make(chan struct{})
		o := &miniobj{vat: newMinivat()}
		o.handle = func(minimsg) int {
			if left--; left == 0 {
				close(done)
			} else if left > 0 {
				if len(o.vat.cur) == cap(o.vat.cur) {
					o.vat.send(minimsg{to: o, n: 1})
				} else {
					o.vat.sendOwn(minimsg{to: o, n: 1})
				}
			}
			return 0
		}
		b.ReportAllocs()
		o.vat.in, o.vat.cur = make([]minimsg, 0, 64), make([]minimsg, 0, 64)
		o.vat.send(minimsg{to: o, n: 1})
		<-done
	})
	b.Run("Turns/other", func(b *testing.B) {
		left, done := b.N, make(chan struct{})
		x, y := &miniobj{vat: newMinivat()}, &miniobj{vat: newMinivat()}
		hop := func(to *miniobj) func(minimsg) int {
			return func(minimsg) int {
				if left--; left == 0 {
					close(done)
				} else if left > 0 {
					to.vat.send(minimsg{to: to, n: 1})
				}
				return 0
			}
		}
		x.handle, y.handle = hop(y), hop(x)
		b.ReportAllocs()
		x.vat.send(minimsg{to: x, n: 1})
		<-done
	})
}
