package home

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/vat"
)

// HandoffPolicy says where a peer's certificates may send a Home. The zero value is the default.
type HandoffPolicy struct {
	// Transports are those that may be dialled. Nil is every one the Home has.
	Transports []string
	// Local lets every peer send the Home to loopback and link-local addresses, not only peers that it has dialled there:
	// what listens there may trust whoever comes from this machine.
	Local bool
	// MaxDials bounds the dials under way because of one peer, or of all from one source that have not said who they are
	// (default 16). Some more certificates wait for them; what is beyond that comes by way of the peer, if it forwards.
	MaxDials int
}

func (p HandoffPolicy) validated() (HandoffPolicy, error) {
	if p.MaxDials < 0 {
		return p, fmt.Errorf("home: HandoffPolicy.MaxDials is %d: give a positive number, or 0 for 16", p.MaxDials)
	}
	p.Transports, p.MaxDials = slices.Clone(p.Transports), cmp.Or(p.MaxDials, 16)
	return p, nil
}

// Allow says which addresses may be dialled that a peer has said, when the peer is not known any more, or not yet: nil for all,
// with Local, else none of this machine and of its neighbours.
func (p HandoffPolicy) Allow() func(netip.Addr) bool {
	if p.Local {
		return nil
	}
	return func(a netip.Addr) bool {
		a = a.Unmap()
		return !a.IsLoopback() && !a.IsUnspecified() && !a.IsLinkLocalUnicast() && !a.IsMulticast()
	}
}

// maxCertificate is how long a certificate may be, in bytes: some wait.
const maxCertificate = 8 << 10

var errNotOurs = vat.NewError("home.handoff", "home: the certificate is for somebody else")

var errLongGive = vat.NewError("home.handoff", "home: the certificate is too long")

var errAnonymousGift = vat.NewError("home.handoff", "home: an anonymous node is handed nothing of third parties: use one with an identity")

// receiver redeems what the peer of a session gives.
type receiver struct {
	h    *Home
	from *link
}

// Receive implements captp.Handoffs. The same gift is the same reference as long as somebody holds it: who gives one thing
// several times shows that it is one. When it was lost with its session, what is given once more is had anew.
func (r receiver) Receive(s *captp.Session, env *msg.SigEnvelope) vat.Ref {
	h, give := r.h, env.Signed.(*msg.HandoffGive)
	switch {
	case give.ReceiverKey != s.PublicKey():
		return broken(errNotOurs)
	case len(env.Encoded) > maxCertificate:
		return broken(errLongGive)
	}
	if h.isOwn(give.Exporter.ID()) {
		k, _, err := h.gifted(env)
		var ref vat.Ref
		if err == nil {
			ref, err = h.take(k, r.from)
		}
		if err != nil {
			return broken(err)
		}
		return ref
	}
	id, ok := give.GiftID.([]byte)
	if !ok {
		return r.redeem(env, give)
	}
	key := sha256.Sum256(append([]byte(give.Exporter.ID().String()+"\x00"), id...))
	known, lost := r.known(key)
	if !known.IsNull() && !lost {
		return known
	}
	ref := r.redeem(env, give)
	if lost {
		ref = orElse(ref, known)
	}
	r.remember(key, ref)
	// What it settles to is what programs keep, and so what is to be known again.
	ref.PromiseCell().Subscribe(settled(func(v any, err error) {
		if to, ok := v.(vat.Ref); ok && err == nil && !to.IsNull() {
			r.remember(key, to)
		}
	}))
	return ref
}

// redeem sets out for what a certificate stands for.
func (r receiver) redeem(env *msg.SigEnvelope, give *msg.HandoffGive) vat.Ref {
	d := &redemption{h: r.h, from: r.from, env: env, give: give, vow: vat.NewVow(nil)}
	if r.h.named() {
		d.start()
	} else {
		// Another session would be another stranger's, whose references do not pass over this one.
		d.relay(errAnonymousGift)
	}
	return d.vow.Ref()
}

// redemption is a certificate on its way to what it stands for. Messages wait in the vow until there is a session with
// the exporter, and then go with the withdrawal.
type redemption struct {
	h     *Home
	from  *link
	env   *msg.SigEnvelope
	give  *msg.HandoffGive
	vow   *vat.Vow
	dials *gifter // among whose it counts, nil if it does not
	tries int     // dials that the exporter has aborted
}

func (d *redemption) start() {
	h := d.h
	if allowed := h.cfg.Handoffs.Transports; allowed != nil && !slices.Contains(allowed, d.give.Exporter.Transport) {
		d.relay(fmt.Errorf("home: a certificate leads to transport %q, which Config.Handoffs does not allow", d.give.Exporter.Transport))
		return
	}
	if h.usableSession(d.give.Exporter.ID()) == nil {
		if d.queue() {
			return
		}
		if d.dials == nil {
			d.relay(errManyDials)
			return
		}
	}
	reached := h.request(&request{peer: d.give.Exporter.Clone(), gifter: d.from, allow: d.allowed(), credential: d.introduction, fetch: d.over})
	reached.PromiseCell().Subscribe(settled(func(_ any, err error) {
		waiting := d.dialled()
		switch {
		case errors.Is(err, errYielded):
			d.start()
		case err != nil && d.tries < maxDisplacing && h.displaces(d.give.Exporter.ID(), err):
			d.tries++
			h.goroutine(func() {
				h.displace(d.give.Exporter.ID())
				d.start()
			})
		case err != nil:
			d.relay(err)
		}
		h.redeemQueued(waiting)
	}))
}

// over withdraws the gift in a session with the exporter, as soon as that has been greeted.
func (d *redemption) over(l *link) vat.Ref { return d.h.onceGreeted(l, d.withdraw) }

func (d *redemption) withdraw(l *link) error {
	d.h.mu.Lock()
	count := l.count
	l.count++
	d.h.mu.Unlock()
	env, err := d.from.session.Accept(d.env, l.session, count)
	if err != nil {
		return err
	}
	d.vow.Resolve(l.session.Bootstrap().Send(context.Background(), "withdraw-gift", env))
	return nil
}

// relay has the gifter go on forwarding, if it is one that does, because of err.
func (d *redemption) relay(err error) {
	l := d.from
	id, ok := d.give.GiftID.([]byte)
	if !ok || !slices.Contains(l.info().Features, captp.FeatureRelaysGifts) {
		d.vow.Break(err)
		return
	}
	d.h.log.Debug("a gift comes by way of its gifter", "gifter", l.peer.String(), "exporter", d.give.Exporter.ID().String(), "because", err)
	d.vow.Resolve(l.session.Bootstrap().Send(context.Background(), "relay-gift", id))
}

// allowed says which addresses the exporter may be dialled at: a gifter that is elsewhere has no say in what this machine
// says to itself and to its neighbours. It is there if this node has found it there: who has dialled may have come by a
// proxy on this machine, from anywhere.
func (d *redemption) allowed() func(netip.Addr) bool {
	if d.h.cfg.Handoffs.Local {
		return nil
	}
	info := d.from.info()
	loopback, linkLocal := info.Near()
	return func(a netip.Addr) bool {
		a = a.Unmap()
		switch {
		case a.IsLoopback(), a.IsUnspecified():
			return info.Outbound && loopback
		case a.IsLinkLocalUnicast():
			return info.Outbound && linkLocal
		}
		return !a.IsMulticast()
	}
}
