package vat

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Config configures a vat. A nil Config, and the zero value of each field, mean the defaults.
type Config struct {
	// Name is for logs and traces.
	Name string
	// Logger hears of panics, of failed messages nobody waits for and of broken promises nobody looked at. Default: silent.
	Logger hclog.Logger
	// Tracer, if set, is told of every message sent and every turn.
	Tracer Tracer
	// MaxQueue bounds the messages waiting for their turn (default 1 048 576); more are refused with ErrOverloaded.
	MaxQueue int
	// MaxParked bounds the turns parked in Await (default 10 000); in one more Await returns ErrOverloaded.
	MaxParked int
	// CloseTimeout bounds how long Close waits for handlers that are still running (default 10 s).
	CloseTimeout time.Duration
}

// A Vat is a home of objects: it runs one turn at a time, so that an object never needs a lock. An idle vat has no
// goroutine. All methods may be called from any goroutine.
type Vat struct {
	name         string
	log          hclog.Logger
	tracer       Tracer
	maxQueue     int
	maxParked    int
	closeTimeout time.Duration
	closing      chan struct{}

	mu      sync.Mutex
	in      []delivery
	working bool // a goroutine owns the vat
	closed  bool

	// What follows belongs to the goroutine that owns the vat.
	cur   []delivery
	pos   int
	out   []effect
	undo  []func()
	turns uint64

	refusing   atomic.Bool
	parked     atomic.Int64
	messages   atomic.Uint64
	space      uint64 // this vat's name in message ids
	goroutines sync.WaitGroup
}

// New returns a vat.
func New(cfg *Config) *Vat {
	var c Config
	if cfg != nil {
		c = *cfg
	}
	v := &Vat{
		name: c.Name, log: c.Logger, tracer: c.Tracer, maxQueue: c.MaxQueue, maxParked: c.MaxParked,
		closeTimeout: c.CloseTimeout, closing: make(chan struct{}),
	}
	if v.log == nil {
		v.log = hclog.NewNullLogger()
	}
	if v.maxQueue <= 0 {
		v.maxQueue = 1 << 20
	}
	if v.maxParked <= 0 {
		v.maxParked = 10_000
	}
	if v.closeTimeout <= 0 {
		v.closeTimeout = 10 * time.Second
	}
	if v.tracer != nil {
		v.space = newSpace()
	}
	return v
}

// Name returns the name the vat was given.
func (v *Vat) Name() string { return v.name }

func (v *Vat) open() bool {
	select {
	case <-v.closing:
		return false
	default:
		return true
	}
}

// Unobserved implements promise.Reporter.
func (v *Vat) Unobserved(err error) {
	v.log.Warn("a promise broke and nobody looked", "vat", v.name, "error", err)
}

// Do runs fn as a turn of v and returns what it returns, values and error as they are. It is the way into a vat from
// ordinary Go: spawn objects in it, send messages from it. If ctx ends first, Do returns its cause and the turn still
// runs. If fn fails the turn's effects are undone. Called inside a turn Do panics: it would wait for what cannot begin.
func Do[T any](ctx context.Context, v *Vat, fn func(ctx context.Context) (T, error)) (T, error) {
	if ctx.Value(turnKey{}) != nil {
		panic("vat: Do called inside a turn: it would block this vat; send a message to an object there and await its answer")
	}
	type outcome struct {
		v   T
		err error
	}
	done := make(chan outcome, 1)
	v.enqueue(delivery{job: &job{
		run: func(ctx context.Context) (any, error) {
			var o outcome
			return nil, turnIn(ctx).conclude(func() error {
				var err error
				o.v, err = fn(ctx)
				o.err, _ = kept(err)
				return err
			}, func() { done <- o }, func(err error) { done <- outcome{err: err} })
		},
		failed: func(err error) { done <- outcome{err: err} },
	}})
	select {
	case o := <-done:
		return o.v, o.err
	case <-ctx.Done():
		var zero T
		return zero, context.Cause(ctx)
	}
}

// Close ends the vat: no turn begins any more, what waits in the queue and what still arrives is refused with
// ErrVatClosed, turns parked in Await go on with that error, contexts given out by Go are cancelled. It returns when
// every goroutine of the vat has ended, or with an error when handlers still run after Config.CloseTimeout. It must not
// be called inside a turn of the same vat.
func (v *Vat) Close() error {
	v.mu.Lock()
	if !v.closed {
		v.closed = true
		v.refusing.Store(true)
		close(v.closing)
	}
	v.mu.Unlock()
	done := make(chan struct{})
	go func() {
		v.goroutines.Wait()
		close(done)
	}()
	timer := time.NewTimer(v.closeTimeout)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
		return fmt.Errorf("vat: close %q: handlers still running after %v: %w", v.name, v.closeTimeout, errStillRunning)
	}
}

var errStillRunning = errors.New("a handler, or a function given to vat.Go, does not return")
