package storetest

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
)

// A Disk is in memory, and outlives the processes that have it open, for tests in which these die. The zero value is empty.
type Disk struct {
	memory.Backend
	Writes atomic.Int64 // batches that were to be written, by any process
	DieAt  atomic.Int64 // the first of them that fails, as all do after it; 0 for none
	Slow   atomic.Int64 // how long a write takes, a time.Duration
}

// A Process is a Disk as one process sees it: the backend that it gives to store.Open.
type Process struct {
	*Disk
	Dead atomic.Bool // nothing is written from now on
}

// Process returns the disk for a process that begins, which dies at no write unless DieAt is set after this.
func (d *Disk) Process() *Process {
	d.DieAt.Store(0)
	return &Process{Disk: d}
}

// ErrKilled is what writes of a process that has died fail with.
var ErrKilled = errors.New("storetest: killed")

// Apply implements store.Backend.
func (p *Process) Apply(bs []*store.Batch) error {
	time.Sleep(time.Duration(p.Slow.Load()))
	for i := range bs { // each counts, and might have been written alone
		n := p.Writes.Add(1)
		if at := p.DieAt.Load(); p.Dead.Load() || at > 0 && n >= at {
			return errors.Join(p.Backend.Apply(bs[:i]), ErrKilled)
		}
	}
	return p.Backend.Apply(bs)
}
