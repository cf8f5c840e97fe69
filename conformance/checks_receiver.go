package conformance

import (
	"bytes"
	"crypto/rand"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
)

// giving is a handoff in which the peer is the receiver. The session between the
// gifter and the exporter, both ours, exists on paper only: its id and keys.
type giving struct {
	p        *probe
	gifter   *line
	greeter  msg.Desc
	exporter netlayer.Netlayer
}

func (p *probe) giving() giving {
	gifter := p.session()
	return giving{p, gifter, gifter.fetch(greeterObject), p.party()}
}

// give has the peer's greeter greet a gift at the exporter, meant for whoever has
// the key receiver.
func (g giving) give(receiver [32]byte) *msg.SigEnvelope {
	_, key := newKeyPair()
	give := &msg.HandoffGive{ReceiverKey: receiver, Exporter: g.exporter.Location(), GiftID: make([]byte, 32)}
	_, _ = rand.Read(give.GiftID.([]byte))
	_, _ = rand.Read(give.Session[:])
	_, _ = rand.Read(give.GifterSide[:])
	env, err := g.p.dialect().Sign(give, key)
	if err != nil {
		g.p.unmet("no desc:handoff-give of our own: %s", cut(err.Error()))
	}
	g.gifter.tell(g.greeter, env)
	return env
}

// withdrawn waits for the peer's withdraw-gift, at the exporter.
func (l *line) withdrawn() (*msg.Deliver, *msg.SigEnvelope, *msg.HandoffReceive) {
	d := l.message(0, "withdraw-gift")
	env, _ := first(d.Args).(*msg.SigEnvelope)
	if d.Selector != "withdraw-gift" || len(d.Args) != 1 || env == nil {
		l.p.trouble("the exporter's bootstrap object is sent %q with %d arguments", cut(string(d.Selector)), len(d.Args))
	}
	receive, ok := env.Signed.(*msg.HandoffReceive)
	if !ok {
		l.p.trouble("withdraw-gift is sent a signed %T", env.Signed)
	}
	return d, env, receive
}

// withdrawal is a check of one thing about the peer's certificate.
func withdrawal(clause, name string, wrong func(*msg.SigEnvelope, *msg.HandoffReceive, *line, *msg.SigEnvelope, giving) bool, what string) check {
	return check{clause, name, func(p *probe) {
		g := p.giving()
		give := g.give(g.gifter.hello.PublicKey)
		exporter := p.accept(g.exporter).greet()
		_, env, receive := exporter.withdrawn()
		p.now()
		if wrong(env, receive, exporter, give, g) {
			p.fail("%s", what)
		}
	}}
}

var receiverChecks = []check{
	{"handoff-4", "gift-is-withdrawn", func(p *probe) {
		g := p.giving()
		p.now()
		g.give(g.gifter.hello.PublicKey)
		p.accept(g.exporter).greet().withdrawn()
	}},
	withdrawal("handoff-5", "receive-is-signed",
		func(env *msg.SigEnvelope, _ *msg.HandoffReceive, _ *line, _ *msg.SigEnvelope, g giving) bool {
			return wire.Verify(env, g.gifter.hello.PublicKey) != nil
		}, "the signature is not made with the receiver's key of its session with the gifter"),
	withdrawal("handoff-6", "receive-names-session",
		func(_ *msg.SigEnvelope, r *msg.HandoffReceive, l *line, _ *msg.SigEnvelope, _ giving) bool {
			return r.Session != l.id
		}, "the receiving session is not the one between receiver and exporter"),
	withdrawal("handoff-6", "receive-names-side",
		func(_ *msg.SigEnvelope, r *msg.HandoffReceive, l *line, _ *msg.SigEnvelope, _ giving) bool {
			return r.Side != l.theirs
		}, "the receiving side is not the receiver's public identifier in its session with the exporter"),
	withdrawal("handoff-6", "receive-holds-give",
		func(_ *msg.SigEnvelope, r *msg.HandoffReceive, _ *line, give *msg.SigEnvelope, _ giving) bool {
			return r.Give == nil || !bytes.Equal(r.Give.Encoded, give.Encoded) || r.Give.Signature != give.Signature
		}, "the signed desc:handoff-give is not the one that the gifter sent"),
	{"handoff-7", "counts-differ", func(p *probe) {
		g := p.giving()
		g.give(g.gifter.hello.PublicKey)
		exporter := p.accept(g.exporter).greet()
		_, _, before := exporter.withdrawn()
		g.give(g.gifter.hello.PublicKey)
		_, _, after := exporter.withdrawn()
		p.now()
		if before.Count == after.Count {
			p.fail("the handoff count %d is used twice in a session", after.Count)
		}
	}},
	{"start-6", "handoffs-share-a-session", func(p *probe) {
		g := p.giving()
		g.give(g.gifter.hello.PublicKey)
		exporter := p.accept(g.exporter).greet()
		exporter.withdrawn()
		p.now()
		g.give(g.gifter.hello.PublicKey)
		p.noDial(g.exporter, "although it has a session with the exporter")
	}},
	{"handoff-8", "gifts-to-others-are-left", func(p *probe) {
		g := p.giving()
		p.now()
		other, _ := newKeyPair()
		g.give(other)
		p.noDial(g.exporter, "for a gift to somebody else")
	}},
	{"handoff-9", "messages-reach-the-gift", func(p *probe) {
		g := p.giving()
		g.give(g.gifter.hello.PublicKey)
		exporter := p.accept(g.exporter).greet()
		d, _, _ := exporter.withdrawn()
		gift := exporter.newObject()
		p.now()
		exporter.reply(d, object(gift))
		// A peer may have pipelined the message to the answer of withdraw-gift.
		hello := exporter.await("greeting of the gift", func(op msg.Op) bool {
			m, ok := op.(*msg.Deliver)
			return ok && (m.To == export(gift) || d.HasAnswer && m.To == answer(d.Answer))
		}).(*msg.Deliver)
		if args := arguments(hello); len(args) != 1 || args[0] != "Hello" {
			p.fail("the gift is told %s", show(args))
		}
	}},
}
