// Package vattest is for tests of programs with durable objects: a machine whose process can be restarted, killed and started
// again, and whose disk can be slow and fail, all in memory.
//
//	func TestCart(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			m := vattest.New(t, shop.CartKind)
//			cart := open(t, m.Vat("shop")) // vat.Root, say
//			cart.Add(t.Context(), "bread")
//			synctest.Wait() // until nothing is left to do
//			m.Crash()
//			cart = open(t, m.Vat("shop"))
//			...
//		})
//	}
//
// In a bubble of testing/synctest nothing depends on how fast the machine is, timers and a slow disk take no time, and
// synctest.Wait returns when all messages have had their turns. A Machine works outside one too.
//
// By default every object leaves memory after each turn ([vat.DepotConfig] Amnesia), so that a test fails that relies on
// what was kept in a field that is not state. Whenever the process ends the machine checks that the store is sound.
package vattest

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/vat"
)

// A Machine is a disk and a process that keeps durable vats there. Its methods are for the goroutine of the test.
type Machine struct {
	// Config is that of the depot from the next start on: change it to start another version of the program. Its Kinds are
	// those given to New, and Amnesia is true.
	Config vat.DepotConfig

	t     testing.TB
	disk  disk
	run   *process // nil while there is none
	depot *vat.Depot
	store *store.Store
}

// New returns a machine whose process runs, with durable objects of these kinds. It is stopped when the test ends. Whatever
// goes wrong with the machine itself fails t. In an example t may be nil: then it panics, and Stop is to be called.
func New(t testing.TB, kinds ...vat.Kind) *Machine {
	m := &Machine{Config: vat.DepotConfig{Kinds: kinds, Amnesia: true}, t: t}
	if t != nil {
		t.Helper()
		t.Cleanup(m.Stop)
	}
	m.mustStart()
	return m
}

// Vat returns the durable vat of that name. It, and references into it, are those of the process that runs: after a start
// they are to be had anew, as in a program.
func (m *Machine) Vat(name string) *vat.Vat {
	if m.t != nil {
		m.t.Helper()
	}
	if m.run == nil {
		m.fatal(errNoProcess)
	}
	v, err := m.depot.Vat(name)
	if err != nil {
		m.fatal(err)
	}
	return v
}

// Store returns the store of the process that runs or has run last, which the depot shares with whatever else a program keeps there.
func (m *Machine) Store() *store.Store { return m.store }

// Depot returns the depot of the process that runs or has run last. Its Err says whether a write has failed.
func (m *Machine) Depot() *vat.Depot { return m.depot }

var errNoProcess = errors.New("vattest: no process runs: call Start")

// Start starts the process, which must not run, with what the disk holds and with Config. The error is that of
// [vat.OpenDepot]: nothing runs then.
func (m *Machine) Start() error {
	if m.run != nil {
		return errors.New("vattest: the process runs: call Stop or Kill before Start")
	}
	p := &process{disk: &m.disk}
	s, err := store.Open(p)
	if err != nil {
		return err
	}
	d, err := vat.OpenDepot(s, m.Config)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	m.run, m.store, m.depot = p, s, d
	d.Start()
	return nil
}

// Stop ends the process in order: what it has done is written, what waits is there for the next. It does nothing if none
// runs.
func (m *Machine) Stop() {
	if m.t != nil {
		m.t.Helper()
	}
	if m.run == nil {
		return
	}
	err := errors.Join(m.depot.Close(), m.store.Close())
	if err != nil && !m.run.dead.Load() && !errors.Is(err, ErrDisk) {
		m.fail(err)
	}
	m.run = nil
	m.disk.failAt.Store(0)
	if err := m.disk.View(func(r store.Reader) error { _, err := vat.CheckDepot(r); return err }); err != nil {
		m.fail(err)
	}
}

// Kill ends the process at this instant: what the disk has not written is lost. Turns in progress end as in [Machine.Stop],
// and nothing of them is written or leaves the vats. It does nothing if no process runs.
func (m *Machine) Kill() {
	if m.t != nil {
		m.t.Helper()
	}
	if m.run != nil {
		m.run.dead.Store(true)
		m.Stop()
	}
}

// Restart is Stop and Start.
func (m *Machine) Restart() {
	if m.t != nil {
		m.t.Helper()
	}
	m.Stop()
	m.mustStart()
}

// Crash is Kill and Start.
func (m *Machine) Crash() {
	if m.t != nil {
		m.t.Helper()
	}
	m.Kill()
	m.mustStart()
}

// SlowDisk has each write take that long, or as little as it can if d is 0. What is done meanwhile is one more write.
func (m *Machine) SlowDisk(d time.Duration) { m.disk.slow.Store(int64(d)) }

// Writes returns how many writes the disk was asked for: one has all turns that had ended when the one before was done.
func (m *Machine) Writes() int { return int(m.disk.writes.Load()) }

// FailWrite has the n-th write from now fail with [ErrDisk], the next one if n is 1, and all that follow until the process
// has ended: the durable vats stop at the first.
func (m *Machine) FailWrite(n int) { m.disk.failAt.Store(m.disk.writes.Load() + int64(n)) }

// ErrDisk is what writes fail with that were to fail.
var ErrDisk = errors.New("vattest: the disk has failed")

var errKilled = errors.New("vattest: the process was killed")

func (m *Machine) mustStart() {
	if m.t != nil {
		m.t.Helper()
	}
	if err := m.Start(); err != nil {
		m.fatal(err)
	}
}

func (m *Machine) fail(err error) {
	if m.t == nil {
		panic(err)
	}
	m.t.Helper()
	m.t.Error(err)
}

func (m *Machine) fatal(err error) {
	if m.t == nil {
		panic(err)
	}
	m.t.Helper()
	m.t.Fatal(err)
}

// disk is what outlives the process.
type disk struct {
	memory.Backend
	slow   atomic.Int64
	writes atomic.Int64 // that were tried
	failAt atomic.Int64 // the first of them that fails; 0 for none
}

// process is the disk as one process has it.
type process struct {
	*disk
	dead atomic.Bool
}

// Apply implements store.Backend.
func (p *process) Apply(batches []*store.Batch) error {
	n := p.writes.Add(1)
	if d := time.Duration(p.slow.Load()); d > 0 {
		time.Sleep(d)
	}
	switch at := p.failAt.Load(); {
	case p.dead.Load():
		return errKilled
	case at > 0 && n >= at:
		return ErrDisk
	}
	return p.Backend.Apply(batches)
}
