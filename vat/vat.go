package vat

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/promise"
)

// Config configures a vat. A nil Config, and the zero value of each field, mean the defaults.
type Config struct {
	// Name is for logs and traces.
	Name string
	// Logger hears of panics, of failed messages nobody waits for and of broken promises nobody looked at: ten lines a
	// second of each level at the most, the next then says how many were omitted. Default: silent.
	Logger hclog.Logger
	// Tracer, if set, is told of every message sent and every turn.
	Tracer Tracer
	// MaxQueue bounds the messages waiting for their turn (default 1 048 576): beyond it turns that send more fail with
	// ErrOverloaded, and so do sends from outside turns. What a peer sends counts against the limits of its session.
	MaxQueue int
	// MaxParked bounds the turns parked in Await (default 10 000); in one more Await returns ErrOverloaded. So it does in a
	// turn that came from a peer when as many turns for that session are parked as there are places left.
	MaxParked int
	// Kinds are the kinds of objects whose state is put back when a turn fails, as that of a [Cell] is: pointers to their
	// structs, however they are spawned. Each turn that such an object gets copies its state first. The vats of a depot have
	// the depot's own.
	Kinds []Kind
	// CloseTimeout bounds how long Close waits for handlers that are still running (default 10 s).
	CloseTimeout time.Duration
}

// A Vat is a home of objects: it runs one turn at a time, so that an object never needs a lock. An idle vat has no
// goroutine. All methods may be called from any goroutine.
type Vat struct {
	name   string
	log    hclog.Logger
	tracer Tracer
	limits *limits
	start  func()                   // loop, bound once
	life   atomic.Pointer[lifetime] // what ends when the vat closes, made when first asked for

	mu      sync.Mutex
	in      queue
	working bool // a goroutine owns the vat
	closed  bool
	news    uint64 // how often there were any

	depot  *Depot       // of a durable vat
	number uint64       // its name there
	late   atomic.Int32 // turns of which something waits for the disk

	waiting    atomic.Int64 // how many are in in, for the owner to look at without the lock
	refusing   atomic.Bool
	messages   atomic.Uint64
	space      uint64 // this vat's name in message ids
	goroutines sync.WaitGroup

	// What follows belongs to the goroutine that owns the vat.
	cur       queue // what is being worked off
	pos       int   // in its first piece
	own       int   // how many it still holds
	turns     uint64
	parked    int
	parkedFor map[*Caller]int // those on behalf of peers, by session
	roots     map[string]Ref
	told      *notice // the latest news
	spare     *parked

	logged atomic.Pointer[meters] // made when first needed
	clock  clock

	identity atomic.Pointer[identity] // made when first asked for
	nothing  notice                   // that of a vat that has been told no news
}

// limits are the numbers of a Config.
type limits struct {
	queue, parked int
	close         time.Duration
	kinds         map[reflect.Type]*kind
}

var defaults = limits{queue: 1 << 20, parked: 10_000, close: 10 * time.Second}

// New returns a vat.
func New(cfg *Config) *Vat {
	v := &Vat{limits: &defaults}
	if cfg != nil {
		v.name, v.log, v.tracer = cfg.Name, cfg.Logger, cfg.Tracer
		l := defaults
		if cfg.MaxQueue > 0 {
			l.queue = cfg.MaxQueue
		}
		if cfg.MaxParked > 0 {
			l.parked = cfg.MaxParked
		}
		if cfg.CloseTimeout > 0 {
			l.close = cfg.CloseTimeout
		}
		if l.kinds = kindsOf(cfg.Kinds); l.kinds != nil || l.queue != defaults.queue || l.parked != defaults.parked || l.close != defaults.close {
			v.limits = &l
		}
	}
	if v.log == nil {
		v.log = hclog.NewNullLogger()
	}
	if v.tracer != nil {
		v.space = newSpace()
	}
	v.start = v.loop
	v.nothing.vat, v.told = v, &v.nothing
	return v
}

// Name returns the name the vat was given.
func (v *Vat) Name() string { return v.name }

// Durable reports whether what is done in the vat is kept: whether it is one of a depot.
func (v *Vat) Durable() bool { return v.depot != nil }

// Unobserved implements promise.Reporter: it logs err, which a promise of this vat broke with while nobody looked. A
// vat that has closed says nothing more: its logger may be gone.
func (v *Vat) Unobserved(err error) {
	if v.refusing.Load() {
		return
	}
	v.warn("a promise broke and nobody looked", "error", brief(err))
}

// lifetime is a context that is cancelled when the vat closes.
type lifetime struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func (v *Vat) lifetime() context.Context {
	if l := v.life.Load(); l != nil {
		return l.ctx
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if l := v.life.Load(); l != nil {
		return l.ctx
	}
	l := new(lifetime)
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	if v.closed {
		l.cancel(ErrVatClosed)
	}
	v.life.Store(l)
	return l.ctx
}

// Do runs fn as a turn of v and returns what it returns, values and error as they are. It is the way into a vat from
// ordinary Go: spawn objects in it, send messages from it. If ctx ends first, Do returns its cause and the turn still
// runs. If fn fails the turn's effects are undone. Called inside a turn, of whatever vat and with whatever ctx, Do panics:
// it would wait for what cannot begin.
func Do[T any](ctx context.Context, v *Vat, fn func(ctx context.Context) (T, error)) (T, error) {
	if ctx.Value(turnKey{}) != nil || onTurnStack() {
		panic("vat: Do called inside a turn: it would block this vat; send a message to an object there and await its answer")
	}
	d := &doing[T]{fn: fn, done: make(chan error, 1)}
	v.enqueue(d, MessageID{}, true)
	select {
	case err := <-d.done:
		return d.v, err
	case <-ctx.Done():
		var zero T
		return zero, context.Cause(ctx)
	}
}

type doing[T any] struct {
	fn   func(context.Context) (T, error)
	v    T
	done chan error
}

func (d *doing[T]) Run(ctx context.Context) (err error) {
	d.v, err = d.fn(ctx)
	return err
}

func (d *doing[T]) Done(err error) { d.done <- err }

// Enqueue implements promise.Home.
func (v *Vat) Enqueue(j promise.Job) { v.enqueue(j, MessageID{}, false) }

// Close ends the vat: no turn begins any more, what waits in the queue and what still arrives is refused with
// ErrVatClosed, turns parked in Await go on with that error, contexts given out by Go are cancelled. It returns when
// every goroutine of the vat has ended, or with an error when handlers still run after Config.CloseTimeout. It must not
// be called inside a turn of the same vat.
func (v *Vat) Close() error {
	v.refuse()
	done := make(chan struct{})
	go func() {
		v.goroutines.Wait()
		close(done)
	}()
	timer := time.NewTimer(v.limits.close)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
		return fmt.Errorf("vat: close %q: handlers still running after %v: %w", v.name, v.limits.close, errStillRunning)
	}
}

// refuse begins the end of the vat.
func (v *Vat) refuse() {
	v.mu.Lock()
	v.closed = true
	v.refusing.Store(true)
	v.mu.Unlock()
	v.clock.end()
	if l := v.life.Load(); l != nil {
		l.cancel(ErrVatClosed)
	}
}

var errStillRunning = errors.New("a handler, or a function given to vat.Go, does not return")
