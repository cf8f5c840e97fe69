package home

import (
	"context"
	"errors"
	"slices"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// A session that was not opened with the secret of a sturdyref may be with somebody who stole the peer's static key and
// does not know the secret. Nothing that belongs to the sturdyref goes out on it, neither a weak swiss number nor a
// call, before the other side has proven that it has the secret.

// fetch sends r's fetch over the session there is; what is sent to its answer follows.
func (h *Home) fetch(r *request, l *link) vat.Ref {
	if h.hasProven(l, r) {
		return r.fetch(l)
	}
	w := vat.NewVow(nil)
	h.prove(r, l, func(err error) {
		if err != nil {
			w.Break(err)
			return
		}
		w.Resolve(r.fetch(l))
	})
	return w.Ref()
}

// hasProven reports whether the peer is known to have r's secret, or nothing can be proven: r has only a number that
// could be guessed, or the netlayer has nothing to bind a proof to.
func (h *Home) hasProven(l *link, r *request) bool {
	if r.check == nil || l.info().Binding == ([32]byte{}) {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := l.proven[r.name]
	return ok
}

// maxProven bounds the secrets remembered to have been proven in a session. When there are more all are forgotten, which
// costs a round trip for each that is used again.
const maxProven = 4096

var errNoKey = errors.New("home: the peer's challenge is no key")

// prove has the peer prove that it has r's secret and calls then with the outcome, at once or from another goroutine.
// For a capability key it first gets the challenge that our own proof will be bound to.
func (h *Home) prove(r *request, l *link, then func(error)) {
	if !slices.Contains(l.info().Features, FeatureFetchProof) {
		then(errNoProofs)
		return
	}
	if r.bound && l.challenge.Load() == nil {
		ask(l, func(key []byte, err error) {
			if err == nil && len(key) != 32 {
				err = errNoKey
			}
			if err != nil {
				then(err)
				return
			}
			at := l.current()
			at.challenge.CompareAndSwap(nil, (*[32]byte)(key))
			h.prove(r, at, then)
		}, "challenge")
		return
	}
	ask(l, func(mac []byte, err error) {
		at := l.current()
		if err == nil && !r.check(mac, at.info()) {
			err = ErrRefused
		}
		if err == nil {
			h.mu.Lock()
			if len(at.proven) >= maxProven {
				clear(at.proven)
			}
			at.proven[r.name] = struct{}{}
			h.mu.Unlock()
		}
		then(err)
	}, "prove", r.name[:])
}

// asking is how often a peer is asked that was restarted meanwhile.
const asking = 4

// ask sends a message to the peer's bootstrap object and hands on the bytes it answers. The message changes nothing there, and is sent again
// if it went with an earlier process of the peer's, which the session has outlived.
func ask(l *link, then func([]byte, error), selector string, args ...any) {
	again(func() vat.Ref { return l.session.Bootstrap().Send(context.Background(), selector, args...) }, func(v any, err error) {
		b, _ := v.([]byte)
		then(b, err)
	})
}

// again asks what may be asked again, once more for each process of the peer's with which it went that the session has outlived.
func again(ask func() vat.Ref, then func(v any, err error)) {
	var try func(left int)
	try = func(left int) {
		ask().PromiseCell().Subscribe(settled(func(v any, err error) {
			if e, ok := errors.AsType[*vat.Error](err); ok && e.Code == vat.ErrLost.Code && left > 0 {
				try(left - 1)
				return
			}
			then(v, err)
		}))
	}
	try(asking)
}

// settled is a promise.Waiter.
type settled func(v any, err error)

func (f settled) Settled(c *promise.Cell) {
	v, err, _ := c.Outcome()
	f(v, err)
}
