package conformance

import (
	"crypto/ed25519"
	"crypto/rand"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
)

// deposit is a handoff in which the peer is the exporter: gifter and receiver are
// ours. The session between those two exists on paper only: the receiver's key.
type deposit struct {
	p                *probe
	gifter, receiver *line
	gift             msg.Desc // the peer's echo object, in the gifter's session
	give             msg.HandoffGive
	key              ed25519.PrivateKey // the receiver's in its session with the gifter
}

func (p *probe) deposit() *deposit {
	d := &deposit{p: p, gifter: p.session(), receiver: p.session()}
	d.gift = d.gifter.fetch(echoObject)
	d.receiver.echoes()
	d.give.ReceiverKey, d.key = newKeyPair()
	d.give.Exporter, d.give.Session, d.give.GifterSide = p.target.Peer, d.gifter.id, d.gifter.ours
	d.give.GiftID = newGiftID()
	return d
}

func newGiftID() []byte {
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	return id
}

// put deposits the gift, and waits until the peer has answered a message sent
// behind that: the receiver's session is another, and may be ahead.
func (d *deposit) put() {
	d.gifter.tell(bootstrap, passable.Symbol("deposit-gift"), d.give.GiftID, d.gift)
	d.gifter.echoes()
}

// signed returns what key has signed.
func (d *deposit) signed(what any, key ed25519.PrivateKey) *msg.SigEnvelope {
	env, err := d.p.dialect().Sign(what, key)
	if err != nil {
		d.p.unmet("no certificate of our own: %s", cut(err.Error()))
	}
	return env
}

// receipt returns the receiver's certificate of that count, not yet signed.
func (d *deposit) receipt(count uint64) *msg.HandoffReceive {
	give := d.give // what follows in a check may change it
	return &msg.HandoffReceive{Session: d.receiver.id, Side: d.receiver.ours, Count: count, Give: d.signed(&give, d.gifter.key)}
}

// withdraw shows a certificate to the peer and returns the resolver of the gift.
func (d *deposit) withdraw(env *msg.SigEnvelope) uint64 {
	return d.receiver.call(bootstrap, passable.Symbol("withdraw-gift"), env)
}

// given ends the check unless the outcome is the gift, shown by talking to it.
func (d *deposit) given(resolver uint64) {
	s := d.receiver.outcome(resolver)
	gift, ok := s.value.(msg.Desc)
	if s.broken || !ok || gift.Kind != msg.ImportObject {
		d.p.trouble("withdraw-gift: %s", s)
	}
	if s := d.receiver.ask(export(gift.Pos), "for me?"); s.broken || !passable.Equal(s.value, []any{"for me?"}) {
		d.p.trouble("what was withdrawn is not the gift: told for me? it %s", s)
	}
}

// refused ends the check unless the outcome is a break.
func (d *deposit) refused(resolver uint64, why string) {
	if s := d.receiver.outcome(resolver); !s.broken {
		d.p.trouble("a gift is given %s", why)
	}
}

// working ends the check, as not reached, unless the peer gives a gift when all is
// as it should be: what refuses everything shows nothing by refusing.
func (d *deposit) working() *deposit {
	d.put()
	d.given(d.withdraw(d.signed(d.receipt(0), d.key)))
	d.give.GiftID = newGiftID()
	return d
}

// refusal is a check that one thing wrong with the certificates is noticed. The
// function spoils it: the give before it is signed, and what the receiver signs.
func refusal(clause, name, why string, spoil func(*deposit) *msg.SigEnvelope) check {
	return check{clause, name, func(p *probe) {
		d := p.deposit().working()
		p.now()
		d.put()
		d.refused(d.withdraw(spoil(d)), why)
	}}
}

var exporterChecks = []check{
	{"handoff-10", "gift-deposited-before", func(p *probe) {
		d := p.deposit()
		p.now()
		d.put()
		d.given(d.withdraw(d.signed(d.receipt(0), d.key)))
	}},
	{"handoff-10", "gift-deposited-later", func(p *probe) {
		d := p.deposit()
		p.now()
		resolver := d.withdraw(d.signed(d.receipt(0), d.key))
		d.receiver.echoes() // the withdrawal has been handled
		d.put()
		d.given(resolver)
	}},
	{"handoff-10", "gift-that-is-a-promise", func(p *probe) {
		d := p.deposit().working()
		promise, resolver := d.gifter.pair()
		d.gift = promise
		p.now()
		d.put()
		gift := d.withdraw(d.signed(d.receipt(1), d.key))
		d.receiver.echoes() // the withdrawal has been handled
		d.gifter.tell(resolver, symFulfill, "what it became")
		if s := d.receiver.outcome(gift); s.broken || s.value != "what it became" {
			p.fail("a promise as a gift, once it is fulfilled: %s", s)
		}
	}},
	refusal("handoff-11", "receive-signature-empty", "although the receiver has not signed", func(d *deposit) *msg.SigEnvelope {
		env := d.signed(d.receipt(1), d.key)
		env.Signature = [64]byte{}
		return env
	}),
	refusal("handoff-11", "receive-signed-by-session-key", "although the receiver has signed with its key of another session", func(d *deposit) *msg.SigEnvelope {
		return d.signed(d.receipt(1), d.receiver.key)
	}),
	refusal("handoff-12", "give-signature-wrong", "although the gifter has not signed", func(d *deposit) *msg.SigEnvelope {
		give := d.give
		_, other := newKeyPair()
		receipt := d.receipt(1)
		receipt.Give = d.signed(&give, other)
		return d.signed(receipt, d.key)
	}),
	{"handoff-13", "count-used-for-another-gift", func(p *probe) {
		d := p.deposit().working()
		p.now()
		d.put()
		d.refused(d.withdraw(d.signed(d.receipt(0), d.key)), "although its handoff count was used for another")
	}},
	{"handoff-13", "replay-after-another-deposit", func(p *probe) {
		d := p.deposit()
		d.put()
		env := d.signed(d.receipt(0), d.key)
		d.given(d.withdraw(env))
		p.now()
		d.put()
		d.refused(d.withdraw(env), "although its certificate was used before")
	}},
	refusal("handoff-14", "receive-for-another-session", "for another session", func(d *deposit) *msg.SigEnvelope {
		r := d.receipt(1)
		_, _ = rand.Read(r.Session[:])
		return d.signed(r, d.key)
	}),
	refusal("handoff-14", "receive-from-another-side", "to another side", func(d *deposit) *msg.SigEnvelope {
		r := d.receipt(1)
		_, _ = rand.Read(r.Side[:])
		return d.signed(r, d.key)
	}),
	refusal("handoff-15", "give-of-unknown-session", "although it was deposited in no session", func(d *deposit) *msg.SigEnvelope {
		_, _ = rand.Read(d.give.Session[:])
		return d.signed(d.receipt(1), d.key)
	}),
	refusal("handoff-15", "give-from-another-side", "although its gifter is another", func(d *deposit) *msg.SigEnvelope {
		_, _ = rand.Read(d.give.GifterSide[:])
		return d.signed(d.receipt(1), d.key)
	}),
	{"handoff-16", "gifts-of-others-stay", func(p *probe) {
		d := p.deposit().working()
		d.put()
		// Another party with a session of its own makes a certificate for the same gift id.
		thief := p.session()
		thief.echoes()
		p.now()
		give := d.give
		give.Session, give.GifterSide = thief.id, thief.ours
		receipt := d.receipt(1)
		receipt.Give = d.signed(&give, thief.key)
		resolver := d.withdraw(d.signed(receipt, d.key))
		ctx, cancel := p.quietly()
		defer cancel()
		op := d.receiver.next(ctx, toOurs(resolver))
		if told, ok := op.(*msg.Deliver); ok && told.Selector == "fulfill" {
			// A promise may be told that never settles; an object may not.
			if desc, ok := first(told.Args).(msg.Desc); !ok || desc.Kind != msg.ImportPromise {
				p.fail("a gift that one party has deposited is given for the certificate of another")
			}
			resolver = d.receiver.listen(export(first(told.Args).(msg.Desc).Pos))
			ctx, cancel := p.quietly()
			defer cancel()
			if told, ok := d.receiver.next(ctx, toOurs(resolver)).(*msg.Deliver); ok && told.Selector == "fulfill" {
				p.fail("a gift that one party has deposited is given for the certificate of another")
			}
		}
	}},
	{"handoff-17", "waiting-ends-with-session", func(p *probe) {
		d := p.deposit().working()
		resolver := d.withdraw(d.signed(d.receipt(1), d.key))
		d.receiver.echoes() // the withdrawal has been handled
		p.now()
		d.gifter.leave()
		d.refused(resolver, "although the session in which it was to be deposited has ended")
	}},
	{"handoff-17", "gift-ends-with-session", func(p *probe) {
		d := p.deposit().working()
		d.put()
		d.gifter.leave()
		p.now()
		d.refused(d.withdraw(d.signed(d.receipt(1), d.key)), "although the session in which it was deposited has ended")
	}},
}
