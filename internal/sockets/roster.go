// Package sockets holds what the netlayers on sockets have in common: who is connected and what Close waits for, where
// others are, how many come from one place, and where messages wait for their reader.
package sockets

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A Roster knows the connections of a netlayer, and the goroutines and calls that its Close waits for. Its methods may be
// called by any goroutine.
type Roster[C comparable] struct {
	// Ctx ends when Close begins, and ErrClosed is what everything in progress ends with then.
	Ctx       context.Context
	ErrClosed error

	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	closing bool
	conns   map[C]struct{}

	over    chan struct{} // closed when Close is through
	failure error         // of Close; valid then
}

// NewRoster returns an empty roster.
func NewRoster[C comparable](errClosed error) *Roster[C] {
	r := &Roster[C]{ErrClosed: errClosed, conns: make(map[C]struct{}), over: make(chan struct{})}
	r.Ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Enter counts a goroutine or a call that Close waits for, until Leave. It fails once Close has begun.
func (r *Roster[C]) Enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return false
	}
	r.running.Add(1)
	return true
}

// Leave ends what Enter began.
func (r *Roster[C]) Leave() { r.running.Done() }

// Go runs f in a goroutine that Close waits for. It is for use before anything can close the roster.
func (r *Roster[C]) Go(f func()) { r.running.Go(f) }

// Add begins to keep track of a connection and runs its pump in a goroutine that Close waits for. It fails once Close has
// begun.
func (r *Roster[C]) Add(c C, pump func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return false
	}
	r.conns[c] = struct{}{}
	r.running.Go(pump)
	return true
}

// Remove forgets a connection.
func (r *Roster[C]) Remove(c C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

// Conns returns the connections there are.
func (r *Roster[C]) Conns() []C {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list()
}

// list is called with mu held.
func (r *Roster[C]) list() []C {
	conns := make([]C, 0, len(r.conns))
	for c := range r.conns {
		conns = append(conns, c)
	}
	return conns
}

// Close ends Ctx, hangs up every connection, and meanwhile has stop end the listening; when every goroutine is gone
// release frees what is left. Both may be nil; it returns their errors. Later calls wait for the first and return what
// it returned.
func (r *Roster[C]) Close(hangUp func(C), stop, release func() error) error {
	r.mu.Lock()
	if r.closing {
		r.mu.Unlock()
		<-r.over
		return r.failure
	}
	r.closing = true
	conns := r.list()
	r.mu.Unlock()
	defer close(r.over)
	r.cancel()
	var ending sync.WaitGroup
	for _, c := range conns {
		ending.Go(func() { hangUp(c) })
	}
	if stop != nil {
		r.failure = stop()
	}
	ending.Wait()
	r.running.Wait()
	if release != nil {
		r.failure = errors.Join(r.failure, release())
	}
	return r.failure
}

// ErrSlow is the cause when the time of Within is over.
var ErrSlow = errors.New("there was no answer in time")

// Within returns a context that ends with ctx or with the roster, whichever is first, and after d.
func (r *Roster[C]) Within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeoutCause(ctx, d, ErrSlow)
	ctx, cancelCause := context.WithCancelCause(ctx)
	stop := context.AfterFunc(r.Ctx, func() { cancelCause(r.ErrClosed) })
	return ctx, func() {
		stop()
		cancelCause(nil)
		cancel()
	}
}
