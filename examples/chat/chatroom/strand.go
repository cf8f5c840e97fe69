package chatroom

import (
	"context"

	"github.com/hawser-go/hawser/vat"
)

// A strand does jobs that wait for somebody, one after the other, while the turn that added them goes on. Strands do not
// wait for each other, so whoever keeps one waiting holds up nobody else.
type strand struct {
	jobs    vat.Cell[[]func(ctx context.Context)]
	running vat.Cell[bool]
	run     vat.Ref
}

func newStrand(ctx context.Context) *strand {
	s := &strand{}
	s.run = vat.Func(ctx, s.drain)
	return s
}

// add appends a job. It begins in a later turn, and may Await.
func (s *strand) add(ctx context.Context, job func(ctx context.Context)) {
	s.jobs.Set(ctx, append(s.jobs.Get(), job))
	if !s.running.Get() {
		s.running.Set(ctx, true)
		_ = s.run.ApplyOnly(ctx)
	}
}

// len returns how many jobs have not begun.
func (s *strand) len() int { return len(s.jobs.Get()) }

// idle reports whether every job is done.
func (s *strand) idle() bool { return !s.running.Get() }

func (s *strand) drain(ctx context.Context) {
	for s.len() > 0 {
		job := s.jobs.Get()[0]
		s.jobs.Set(ctx, s.jobs.Get()[1:])
		job(ctx)
	}
	s.running.Set(ctx, false)
}
