package vat

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// A Gate shuts references off: those of a caretaker, or of many filters at once. The zero Gate is open. It may be used
// from any goroutine, and must not be copied.
type Gate struct {
	err      atomic.Pointer[Error]
	mu       sync.Mutex
	watchers map[*severWatch]struct{}
	release  func() // lets go of what was behind it
}

// Shut shuts the gate for good: from then on messages that would go through break with ErrRevoked, also those that have
// gone through and still wait in this process for their turn, for a promise, or for a connection. cause, if not nil, says
// why: the text of an error with a code is told to peers, too; one without stays in this process, where the error
// unwraps to it. Inside a turn Shut takes effect when the turn commits. Shutting again changes nothing.
func (g *Gate) Shut(ctx context.Context, cause error) {
	err := revoked(cause)
	if t := turnIn(ctx); t != nil {
		t.OnCommit(func() { g.shut(err) }, nil)
		return
	}
	g.shut(err)
}

// revoked is ErrRevoked because of cause.
func revoked(cause error) *Error {
	if e, ok := errors.AsType[*Error](cause); ok && e.Code != "" {
		return ErrRevoked.because("%s", e.Message)
	} else if cause != nil {
		return ErrRevoked.due(cause)
	}
	return ErrRevoked
}

func (g *Gate) shut(err *Error) {
	g.mu.Lock()
	if !g.err.CompareAndSwap(nil, err) {
		g.mu.Unlock()
		return
	}
	watchers := g.watchers
	g.watchers = nil
	g.mu.Unlock()
	if g.release != nil {
		g.release()
	}
	for w := range watchers {
		w.fire(err)
	}
}

// Err returns why the gate is shut, nil while it is open.
func (g *Gate) Err() error {
	if err := g.err.Load(); err != nil {
		return err
	}
	return nil
}

// watch tells w of the shutting, at once if it has happened.
func (g *Gate) watch(w *severWatch) {
	g.mu.Lock()
	err := g.Err()
	if err == nil {
		if g.watchers == nil {
			g.watchers = make(map[*severWatch]struct{})
		}
		g.watchers[w] = struct{}{}
	}
	g.mu.Unlock()
	if err != nil {
		w.fire(err)
		return
	}
	w.hold(func() {
		g.mu.Lock()
		delete(g.watchers, w)
		g.mu.Unlock()
	})
}

// passage is the gates a message has come through.
type passage struct {
	gate  *Gate
	outer *passage
	slot  *slot // of the caretaker, in a durable vat
}

// shut returns why a message that came this way goes no further, or nil.
func (p *passage) shut() error {
	for ; p != nil; p = p.outer {
		if err := p.gate.Err(); err != nil {
			return err
		}
	}
	return nil
}

// through adds the gate of w, a passage of its own, to those a message came through before.
func (p *passage) through(w *passage) *passage {
	if p == nil {
		return w
	}
	for x := p; x != nil; x = x.outer {
		if x.gate == w.gate {
			return p
		}
	}
	return &passage{w.gate, p, w.slot}
}
