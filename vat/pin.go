package vat

import (
	"context"
	"runtime"
	"slices"

	"github.com/hawser-go/hawser/promise"
)

// pin has the objects that the turn was about stay in memory for those who have been given the vat to run something later.
func (f *frame) pin() {
	for _, o := range f.origins {
		if len(f.touched) > 0 {
			o.pins = pin(o, f.touched)
		}
	}
}

// pin has objects stay in memory for as long as o is in use: a function that waits for its turn may hold pointers to them.
func pin(o *origin, touched []*body) []*body {
	pins := slices.Clone(touched)
	for _, b := range pins {
		b.pins.Add(1)
	}
	runtime.AddCleanup(o, unpin, pins)
	return pins
}

func unpin(pins []*body) {
	for _, b := range pins {
		b.pins.Add(-1)
	}
}

// pinned is a job after which objects may have changed that the turn was about which asked for it.
type pinned struct {
	promise.Job
	o *origin
}

// Run implements promise.Job.
func (p *pinned) Run(ctx context.Context) error {
	if t := turnIn(ctx); t != nil {
		for _, b := range p.o.pins {
			t.touched(b)
		}
	}
	return p.Job.Run(ctx)
}

// touched has the turn look at its end whether an object has changed that is in memory.
func (t *turn) touched(b *body) {
	d := t.vat.depot
	d.mu.Lock()
	defer d.mu.Unlock()
	b.turn = t
	t.f.touched = append(t.f.touched, b)
}
