package conformance

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/passable"
)

// gifted is a handoff in which the peer was the gifter: the receiver and the
// exporter are parties of ours.
type gifted struct {
	receiver, exporter *line
	gift               uint64 // the position of the gift, at the exporter
	envelope           *msg.SigEnvelope
	give               *msg.HandoffGive
}

// gifted makes the peer hand an object of one party of ours to another.
func (p *probe) gifted() gifted { return p.handOff(func() {}) }

// handOff is gifted, with a step to be made when all is ready for the handoff.
func (p *probe) handOff(ready func()) gifted {
	receiver, n, enliven := enlivening(p)
	exporter := receiver.introduce(n, enliven)
	g := gifted{receiver: receiver, exporter: exporter, gift: exporter.newObject()}
	resolver := receiver.call(enliven, sturdyRef(n.Location(), "a gift"))
	d := exporter.asked("a gift")
	ready()
	exporter.reply(d, object(g.gift))
	s := receiver.outcome(resolver)
	env, ok := s.value.(*msg.SigEnvelope)
	if ok && !s.broken {
		g.give, ok = env.Signed.(*msg.HandoffGive)
	}
	if !ok || s.broken {
		p.trouble("for an object of a third party the receiver is sent: %s", s)
	}
	g.envelope = env
	return g
}

// deposited waits for the deposit of the gift with the exporter.
func (g gifted) deposited() (id any, gift any) {
	d := g.exporter.message(0, "deposit-gift")
	if d.Selector != "deposit-gift" || len(d.Args) != 2 {
		g.exporter.p.trouble("the exporter's bootstrap object is sent %q with %d arguments", cut(string(d.Selector)), len(d.Args))
	}
	return d.Args[0], d.Args[1]
}

// field is a check of one field of the give.
func field(name string, wrong func(gifted) bool, what string) check {
	return check{"handoff-2", name, func(p *probe) {
		g := p.gifted()
		p.now()
		if wrong(g) {
			p.fail("the desc:handoff-give does not hold %s", what)
		}
	}}
}

var gifterChecks = []check{
	{"handoff-1", "gift-is-given", func(p *probe) {
		p.handOff(p.now)
	}},
	{"handoff-1", "gift-is-deposited", func(p *probe) {
		g := p.gifted()
		p.now()
		if _, gift := g.deposited(); gift != export(g.gift) {
			p.fail("deposited is %s, and the gift was exported at %d", show(gift), g.gift)
		}
	}},
	field("give-names-receiver", func(g gifted) bool {
		return !bytes.Equal(g.give.ReceiverKey[:], g.receiver.key.Public().(ed25519.PublicKey))
	}, "the receiver's key of its session with the gifter"),
	field("give-names-exporter", func(g gifted) bool {
		return !sameLocation(g.give.Exporter, g.exporter.net.Location())
	}, "the location of the exporter"),
	field("give-names-session", func(g gifted) bool { return g.give.Session != g.exporter.id },
		"the id of the session between gifter and exporter"),
	field("give-names-side", func(g gifted) bool { return g.give.GifterSide != g.exporter.theirs },
		"the gifter's public identifier in its session with the exporter"),
	{"handoff-2", "give-names-gift", func(p *probe) {
		g := p.gifted()
		id, _ := g.deposited()
		p.now()
		if !passable.Equal(id, g.give.GiftID) {
			p.fail("the gift that was deposited has another id than the one that was given")
		}
		if b, ok := id.([]byte); !ok || len(b) != 32 {
			p.fail("the gift id is no ByteArray of 32 bytes: %s", show(id))
		}
	}},
	{"handoff-3", "give-is-signed", func(p *probe) {
		g := p.gifted()
		p.now()
		if err := wire.Verify(g.envelope, g.exporter.hello.PublicKey); err != nil {
			p.fail("the gifter's key of its session with the exporter: %s", cut(err.Error()))
		}
	}},
}

// newKeyPair returns a key as a session would have one.
func newKeyPair() (public [32]byte, key ed25519.PrivateKey) {
	pub, key, _ := ed25519.GenerateKey(rand.Reader)
	return [32]byte(pub), key
}
