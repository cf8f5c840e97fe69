package home

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// A grant becomes a reference at the home of the object it is about, for whoever proves, in the session, to be its holder. At a
// closed door it admits by itself: the dialler shows it in the handshake.

const (
	selectorRedeem = passable.Symbol("redeem")
	selectorAnswer = passable.Symbol("answer")
)

// FeatureRedeem is announced by netlayers whose sessions take grants.
const FeatureRedeem = "redeem"

// Redeem returns a reference to what a grant stands for, at the node that issued it, found at the place given. It returns at
// once, and messages go out behind the grant, with the connection if there is none yet. signer is the holder's key; it is
// called with locks held, for each session in which the grant is shown, so one that is slow had better delegate the grant to a
// key that is not. The reference breaks with warden.ErrRefused, whatever the reason, if the grant is not good, or not for signer;
// it is over when the grant is. No message goes to a peer that is not the grant's subject; in the handshake, before the peer has shown
// which signing key goes with the key that it was dialled by, the grant itself is shown, so that a closed door opens.
func (h *Home) Redeem(g *grant.Grant, signer crypto.Signer, at sturdyref.Peer) vat.Ref {
	return h.useGrant(g, signer, at, selectorRedeem, func(o *warden.Office) vat.Ref { return o.Open(g) })
}

// Answer returns a promise for what the call of a message comes to that the holder of a grant has signed: signer is their key, which shows the
// grant as Redeem does. The message is heard if it was not before, and brought again if the peer's process
// ends meanwhile and the session goes on. The promise breaks with warden.ErrRefused as that of Deliver does, and as
// warden.Office.Answer says.
func (h *Home) Answer(g *grant.Grant, signer crypto.Signer, message []byte, at sturdyref.Peer) vat.Ref {
	w := vat.NewVow(nil)
	again(func() vat.Ref {
		return h.useGrant(g, signer, at, selectorAnswer, func(o *warden.Office) vat.Ref { return o.Answer(g, message) }, message)
	}, func(v any, err error) { w.Settle(v, err, true, nil) })
	return w.Ref()
}

// useGrant shows a grant to the node that has issued it and asks something of its bootstrap object, with further arguments; here is the same at
// this node.
func (h *Home) useGrant(
	g *grant.Grant, signer crypto.Signer, at sturdyref.Peer, selector passable.Symbol, here func(*warden.Office) vat.Ref, args ...any,
) vat.Ref {
	if key := grant.KeyOf(signer); key.IsZero() || key != g.Holder() {
		return vat.Broken(fmt.Errorf("home: the grant is for %s: give the signer of that key", g.Holder()))
	}
	if h.isOwn(at.ID()) {
		if h.cfg.Office == nil {
			return vat.Broken(warden.ErrRefused)
		}
		return here(h.cfg.Office)
	}
	show := func(info netlayer.Info) ([]any, error) {
		if !slices.Contains(info.Features, FeatureRedeem) {
			return nil, errNoGrants
		}
		if info.Identity == nil || grant.Key(info.Identity.Signing) != g.Subject() {
			return nil, errNotHost
		}
		shown, err := h.show(g, signer, info)
		return append(shown, args...), err
	}
	var long atomic.Bool
	return h.request(&request{
		peer: at.Clone(), name: nameOf(g.ID()),
		credential: func(info netlayer.Info) []byte {
			args, err := h.show(g, signer, info) // whose it is the peer proves later: a closed door must open first
			if err != nil {
				return nil // the fetch says so
			}
			b, err := wire.NewEncoder(wire.Hawser).Append(nil, &msg.Deliver{To: msg.Desc{Kind: msg.Export}, Selector: selectorRedeem, Args: args}, nil)
			if err != nil || len(b) > netlayer.MaxCredential {
				long.Store(err == nil)
				return nil
			}
			return b
		},
		unshown: func() error {
			if long.Load() {
				return errLongGrant
			}
			return nil
		},
		fetch: func(l *link) vat.Ref { return l.session.Ask(selector, show) },
	})
}

// errLongGrant says why a closed door has not opened.
var errLongGrant = fmt.Errorf("home: the grant was not shown at the door: with its presentation it has more than %d bytes: have one issued with fewer links or caveats, or have the door opened by something else", netlayer.MaxCredential)

// Deliver brings a peer a message by a grant about an object of its, which anybody may carry. The promise returned is fulfilled when it is certain
// that the call is made, and on the peer's disk; it breaks with warden.ErrRefused if the message is not good, or comes too late.
func (h *Home) Deliver(g *grant.Grant, message []byte, at sturdyref.Peer) promise.Promise[bool] {
	return vat.Result[bool](h.bring(at, "deliver", func(o *warden.Office) vat.Ref { return o.Deliver(g, message) }, g.Bytes(), message))
}

// bring sends a peer's bootstrap object what proves itself; here does the same at this node.
func (h *Home) bring(at sturdyref.Peer, selector passable.Symbol, here func(*warden.Office) vat.Ref, args ...any) vat.Ref {
	if h.isOwn(at.ID()) {
		if h.cfg.Office == nil {
			return vat.Broken(warden.ErrRefused)
		}
		return here(h.cfg.Office)
	}
	return h.tell(at, selector, args...)
}

// tell sends a peer's bootstrap object a message that has to do with grants.
func (h *Home) tell(at sturdyref.Peer, selector passable.Symbol, args ...any) vat.Ref {
	return h.request(&request{peer: at.Clone(), fetch: func(l *link) vat.Ref {
		return l.session.Ask(selector, func(info netlayer.Info) ([]any, error) {
			if !slices.Contains(info.Features, FeatureRedeem) {
				return nil, errNoGrants
			}
			return args, nil
		})
	}})
}

var (
	errNoBinding = errors.New("home: a grant is shown only in sessions that a proof can be bound to, which this network's are not")
	errNoGrants  = errors.New("home: the peer takes no grants: it runs an older version, or something else")
	errNotHost   = errors.New("home: the peer is not the one that the grant is about: it was not shown")
)

// show returns the arguments of redeem, for a session with what is known of its peer.
func (h *Home) show(g *grant.Grant, signer crypto.Signer, info netlayer.Info) ([]any, error) {
	if info.Binding == ([32]byte{}) {
		return nil, errNoBinding
	}
	p, err := grant.Present(signer, g, info.Binding, g.Subject(), h.presentation())
	if err != nil {
		return nil, err
	}
	return []any{g.Bytes(), p}, nil
}

// presentation numbers what this Home shows. After a restart, in a session that goes on, the numbers are higher still, whatever the
// clock says.
func (h *Home) presentation() uint64 {
	if g := h.cfg.Ledger; g != nil {
		return g.Epoch()<<32 + h.presented.Add(1)
	}
	return h.presented.Add(1) // no session of this Home outlives it
}
