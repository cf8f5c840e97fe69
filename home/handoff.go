package home

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
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
func (r receiver) Receive(w *captp.Withdrawal) (ref vat.Ref, by captp.Redeemer) {
	h, s, env := r.h, w.Session(), w.Certificate()
	give := env.Signed.(*msg.HandoffGive)
	switch {
	case give.ReceiverKey != s.PublicKey():
		return vat.Broken(errNotOurs), nil
	case len(env.Encoded) > maxCertificate:
		return vat.Broken(errLongGive), nil
	}
	if h.isOwn(give.Exporter.ID()) {
		return r.own(w)
	}
	d := &redemption{h: h, from: r.from, give: give, w: w, since: time.Now()}
	id, ok := give.GiftID.([]byte)
	if !ok {
		return w.Ref(), d
	}
	key := sha256.Sum256(append([]byte(give.Exporter.ID().String()+"\x00"), id...))
	known, lost := r.known(key)
	switch {
	case known.IsNull() || lost:
	case s.Lasts():
		return known, &surplus{d, known}
	default:
		return known, nil
	}
	ref = w.Ref()
	if lost && !s.Lasts() {
		ref = orElse(ref, known)
	}
	r.remember(key, ref)
	// What it settles to is what programs keep, and so what is to be known again.
	ref.PromiseCell().Subscribe(settled(func(v any, err error) {
		if to, ok := v.(vat.Ref); ok && err == nil && !to.IsNull() {
			r.remember(key, to)
		}
	}))
	return ref, d
}

// own returns what a certificate stands for that comes back to its exporter.
func (r receiver) own(w *captp.Withdrawal) (vat.Ref, captp.Redeemer) {
	h := r.h
	k, _, err := h.gifted(w.Certificate())
	if err != nil {
		return vat.Broken(err), nil
	}
	h.mu.Lock()
	keeps := h.keeps(k.session)
	h.mu.Unlock()
	if keeps {
		return w.Ref(), &homeward{receiver: r, w: w, k: k}
	}
	ref, err := h.take(nil, k, r.from)
	if err != nil {
		return vat.Broken(err), nil
	}
	return ref, nil
}

// homeward is a certificate that has come back to its exporter, of a gift that is stored.
type homeward struct {
	receiver
	w *captp.Withdrawal
	k giftKey
}

// Redeem implements captp.Redeemer.
func (d *homeward) Redeem() {
	d.w.SettleIn(func(tx *vat.Tx) (ref vat.Ref, err error) {
		if tx != nil {
			return d.h.take(tx, d.k, d.from)
		}
		d.h.storing(func() bool { return true }, func(tx *vat.Tx) { ref, err = d.h.take(tx, d.k, d.from) })
		return ref, err
	})
}

// Failed implements captp.Redeemer: nobody was asked.
func (d *homeward) Failed(err error) { d.w.Settle(vat.Ref{}, err) }

// surplus is a certificate for what the receiver has: the gift that was deposited for it is withdrawn as soon as there is occasion, so that it
// need not wait until it expires.
type surplus struct {
	*redemption
	known vat.Ref
}

// Redeem implements captp.Redeemer.
func (d *surplus) Redeem() {
	d.known.PromiseCell().Subscribe(settled(func(_ any, err error) {
		l := d.h.usableSession(d.give.Exporter.ID())
		if err != nil || l == nil || !l.session.Lasts() {
			return
		}
		if env, err := d.receipt(l); err == nil {
			_ = l.session.Bootstrap().SendOnly(context.Background(), "withdraw-gift", env)
		}
	}))
}

// redemption is a certificate on its way to what it stands for. Messages wait in its promise until there is a session with
// the exporter, and then go with the withdrawal.
type redemption struct {
	h      *Home
	from   *link
	give   *msg.HandoffGive
	w      *captp.Withdrawal
	dials  *gifter // among whose it counts, nil if it does not
	tries  int     // dials that the exporter has aborted
	since  time.Time
	pauses tries // made between tries, of a certificate that is stored
}

// Redeem implements captp.Redeemer.
func (d *redemption) Redeem() {
	if d.h.named() {
		d.start()
	} else {
		// Another session would be another stranger's, whose references do not pass over this one.
		d.relay(errAnonymousGift, false)
	}
}

func (d *redemption) start() {
	h := d.h
	if allowed := h.cfg.Handoffs.Transports; allowed != nil && !slices.Contains(allowed, d.give.Exporter.Transport) {
		d.relay(fmt.Errorf("home: a certificate leads to transport %q, which Config.Handoffs does not allow", d.give.Exporter.Transport), false)
		return
	}
	if h.usableSession(d.give.Exporter.ID()) == nil {
		if d.queue() {
			return
		}
		if d.dials == nil {
			d.relay(errManyDials, true)
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
			d.relay(err, !errors.Is(err, netlayer.ErrRefused))
		}
		h.redeemQueued(waiting)
	}))
}

// over withdraws the gift in a session with the exporter, as soon as that has been greeted.
func (d *redemption) over(l *link) vat.Ref { return d.h.onceGreeted(l, d.withdraw) }

// receipt returns the certificate by which the gift is withdrawn in a session with the exporter, once.
func (d *redemption) receipt(l *link) (*msg.SigEnvelope, error) {
	d.h.mu.Lock()
	count := l.count
	l.count++
	d.h.mu.Unlock()
	return d.from.session.Accept(d.w.Certificate(), l.session, count)
}

func (d *redemption) withdraw(l *link) error {
	env, err := d.receipt(l)
	if err != nil {
		return err
	}
	d.w.Ask(l.session, "withdraw-gift", env)
	return nil
}

// relay has the gifter go on forwarding, if it is one that does, because of err. If it does not, the exporter is tried again later, provided
// that worth says that this may be of use.
func (d *redemption) relay(err error, worth bool) {
	l := d.from
	id, ok := d.give.GiftID.([]byte)
	if !ok || !slices.Contains(l.info().Features, captp.FeatureRelaysGifts) {
		d.end(err, worth)
		return
	}
	d.h.log.Debug("a gift comes by way of its gifter", "gifter", l.peer.String(), "exporter", d.give.Exporter.ID().String(), "because", err)
	if !d.w.Lasts() {
		d.w.Ask(l.session, "relay-gift", id)
		return
	}
	// What is stored is decided by what the gifter says, and not before: it may have forgotten.
	answer := l.session.Bootstrap().Send(context.Background(), "relay-gift", id)
	answer.PromiseCell().Subscribe(settled(func(v any, bad error) {
		if ref, ok := v.(vat.Ref); ok && bad == nil && !ref.IsNull() {
			d.w.Settle(ref, nil)
		} else {
			d.end(err, worth)
		}
	}))
}

// longestRetry is how long the longest pause is between tries to redeem a certificate that is stored. A session with the exporter ends each.
const longestRetry = 10 * time.Minute

// awaitPeer returns what is closed when there is a new session with a peer.
func (h *Home) awaitPeer(id sturdyref.PeerID) chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	up := make(chan struct{})
	if h.retries[id] == nil {
		h.retries[id] = make(map[chan struct{}]struct{})
	}
	h.retries[id][up] = struct{}{}
	return up
}

func (h *Home) awaitNoMore(id sturdyref.PeerID, up chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if delete(h.retries[id], up); len(h.retries[id]) == 0 {
		delete(h.retries, id)
	}
}

// Failed implements captp.Redeemer. What the exporter says of the gift is final; that it could not be asked, or was about to end, is not.
func (d *redemption) Failed(err error) {
	e, ok := errors.AsType[*vat.Error](err)
	d.end(err, !ok || !e.Remote || e.Code == errLeaving.Code || e.Code == errManyGifts.Code || e.Code == vat.ErrOverloaded.Code)
}

// end breaks the promise because of err or, if the certificate is stored and it may be of use, tries again after a while: the three may all
// be away for days, and never the same two there at the same time.
func (d *redemption) end(err error, again bool) {
	if !again || !d.w.Lasts() || time.Since(d.since) >= storedFor {
		d.w.Settle(vat.Ref{}, err)
		return
	}
	pause := d.pauses.pause(longestRetry)
	up := d.h.awaitPeer(d.give.Exporter.ID())
	d.h.goroutine(func() {
		moment := time.NewTimer(pause)
		defer moment.Stop()
		defer d.h.awaitNoMore(d.give.Exporter.ID(), up)
		select {
		case <-up:
			d.start()
		case <-moment.C:
			d.start()
		case <-d.from.session.Ending():
			d.w.Settle(vat.Ref{}, err)
		case <-d.h.ctx.Done():
			d.w.Settle(vat.Ref{}, err)
		}
	})
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
