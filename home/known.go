package home

import (
	"errors"
	"maps"
	"sync/atomic"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/vat"
)

// What certificates have come to is known again, so that one thing that is given several times is one reference.

const (
	// minRedeemed is how many certificates are remembered before those are looked for that nobody needs.
	minRedeemed = 64
	// maxRedeemed is how many are remembered; when there are more all are forgotten.
	maxRedeemed = 1 << 16
)

// remember keeps, weakly, what a certificate has come to.
func (r receiver) remember(key [32]byte, ref vat.Ref) {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	if r.from.redeemed == nil {
		r.from.redeemed = make(map[[32]byte]vat.WeakRef)
	}
	switch n := len(r.from.redeemed); {
	case n >= maxRedeemed:
		clear(r.from.redeemed)
	case n >= minRedeemed && n&(n-1) == 0:
		maps.DeleteFunc(r.from.redeemed, func(_ [32]byte, w vat.WeakRef) bool { _, held := w.Ref(); return !held })
	}
	r.from.redeemed[key] = ref.Weak()
}

// known returns what a certificate has come to before, the null reference if that was nothing or is forgotten. lost says
// that it can be had anew, perhaps: its session was lost. If the exporter has ended that it has left, as a rule, and what is
// still of use is to know who.
func (r receiver) known(key [32]byte) (ref vat.Ref, lost bool) {
	r.h.mu.Lock()
	ref, held := r.from.redeemed[key].Ref()
	r.h.mu.Unlock()
	if !held {
		return vat.Ref{}, false
	}
	if _, err, _ := ref.PromiseCell().Outcome(); err != nil {
		return vat.Ref{}, false
	}
	err := severed(ref)
	end, ok := errors.AsType[*captp.EndError](err)
	return ref, err != nil && !(ok && end.Kind == captp.Aborted)
}

// severed returns why a reference leads nowhere any more, nil if it leads somewhere.
func severed(ref vat.Ref) error {
	far, ok := ref.Target().(vat.Severable)
	if !ok {
		return nil
	}
	var why atomic.Pointer[error] // another goroutine may set it, if the session ends just now
	far.OnSever(func(err error) { why.Store(&err) })()
	if err := why.Load(); err != nil {
		return *err
	}
	return nil
}

// orElse returns a promise for what ref comes to or, if that breaks, for other: who it was can be told then, at least.
func orElse(ref, other vat.Ref) vat.Ref {
	v := vat.NewVow(nil)
	ref.PromiseCell().Subscribe(settled(func(to any, err error) {
		if err != nil {
			to = other
		}
		v.Resolve(to)
	}))
	return v.Ref()
}
