package conformance

import (
	"crypto/ed25519"
	"errors"
	"strings"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/passable"
)

var sessionChecks = []check{
	{"session-2", "hello", checkHello},
	{"session-2", "hello-comes-first", func(p *probe) {
		l := p.dial(p.party())
		l.send(l.greeting())
		p.now()
		op := l.await("op:start-session", func(msg.Op) bool { return true })
		if _, ok := op.(*msg.StartSession); !ok {
			p.fail("the first message of the peer is %T", op)
		}
	}},
	{"session-1", "session-key-is-fresh", func(p *probe) {
		a, b := p.session(), p.session()
		p.now()
		if a.hello.PublicKey == b.hello.PublicKey {
			p.fail("two sessions have the same key")
		}
	}},
	{"session-3", "nothing-before-hello", func(p *probe) {
		p.session() // the peer can do it
		l := p.dial(p.party())
		p.now()
		resolver := l.call(bootstrap, passable.Symbol("fetch"), []byte(echoObject))
		l.silence("a message that came before op:start-session is answered", toOurs(resolver))
	}},
	{"session-3", "nothing-after-bad-hello", func(p *probe) {
		p.session()
		l := p.dial(p.party())
		p.now()
		bad := l.greeting()
		bad.Signature[40] ^= 1
		l.send(bad)
		resolver := l.call(bootstrap, passable.Symbol("fetch"), []byte(echoObject))
		l.silence("a message behind an op:start-session that does not verify is answered", toOurs(resolver))
	}},
	{"start-1", "version-sent", func(p *probe) {
		l := p.session()
		p.now()
		if l.hello.Version != "1.0" {
			p.fail("the version sent is %q", cut(l.hello.Version))
		}
	}},
	{"start-2", "version-refused", func(p *probe) {
		l := p.dial(p.party())
		op := l.greeting()
		op.Version = "no-such-version"
		p.now()
		l.send(op)
		l.over("although the version differs")
	}},
	{"start-3", "location-signed", func(p *probe) {
		l := p.dial(p.party())
		l.send(l.greeting())
		l.heard()
		p.now()
		if err := wire.VerifyHello(l.hello); err != nil {
			p.fail("%s", cut(err.Error()))
		}
	}},
	{"start-4", "location-signature-refused", func(p *probe) {
		l := p.dial(p.party())
		op := l.greeting()
		op.Signature = [64]byte(ed25519.Sign(l.key, []byte("something else")))
		p.now()
		l.send(op)
		l.over("although the signature does not verify")
	}},
	{"start-5", "second-hello", func(p *probe) {
		l := p.session()
		p.now()
		l.send(l.greeting())
		l.over("although op:start-session came twice")
	}},
	{"start-6", "own-session-reused", func(p *probe) {
		l, n, enliven := enlivening(p)
		resolver := l.call(enliven, sturdyRef(n.Location(), "first object"))
		b := p.accept(n).greet()
		b.reply(b.asked("first object"), object(b.newObject()))
		l.told(resolver)
		p.now()
		l.call(enliven, sturdyRef(n.Location(), "second object"))
		b.asked("second object")
	}},
	{"start-6", "inbound-session-reused", func(p *probe) {
		if p.target.Proof == ProvesAcceptor {
			p.stop(NotObservable, "a peer on this network need not believe a dialler who it is, and may dial it")
		}
		l, n, enliven := enlivening(p)
		b := p.dial(n).greet()
		b.echoes()
		p.now()
		l.call(enliven, sturdyRef(n.Location(), "an object"))
		b.asked("an object")
	}},
	{"start-7", "crossed-hellos-ours-wins", func(p *probe) {
		in, out := crossing(p, true)
		p.now()
		in.over("although the other one's opener has the higher public identifier")
		if !out.echoes() {
			p.fail("the session whose opener has the higher public identifier does not stay")
		}
	}},
	{"start-7", "crossed-hellos-theirs-wins", func(p *probe) {
		in, out := crossing(p, false)
		p.now()
		out.over("although the other one's opener has the higher public identifier")
		in.send(in.greeting())
		in.asked("an object") // it stays, and is used
	}},
	{"start-8", "second-session-refused", func(p *probe) {
		switch p.target.Proof {
		case ProvesNobody:
		case ProvesAcceptor:
			p.stop(NotObservable, "a peer on this network need not believe a dialler who it is, and may have sessions with several")
		case ProvesBoth:
			p.stop(NotObservable, "this network shows who it is that comes again: a peer may know the session before to be over")
		}
		n := p.party()
		first := p.dial(n).greet()
		first.echoes()
		second := p.dial(n)
		p.now()
		second.send(second.greeting())
		second.over("although there is one with the same peer")
		if !first.echoes() {
			p.fail("the session that was there before is not served any more")
		}
	}},
	{"abort-1", "nothing-after-abort", func(p *probe) {
		l := p.session()
		echo := l.fetch(echoObject)
		p.now()
		l.send(&msg.Abort{Reason: "conformance: the session ends here"})
		resolver := l.call(echo, "anybody there?")
		l.silence("a message behind op:abort is answered", toOurs(resolver))
		l.over("after op:abort")
	}},
	{"abort-1", "no-session-after-abort", func(p *probe) {
		p.session()
		l := p.dial(p.party())
		p.now()
		l.send(&msg.Abort{Reason: "conformance: no session"})
		l.send(l.greeting())
		resolver := l.call(bootstrap, passable.Symbol("fetch"), []byte(echoObject))
		l.silence("a session opens behind op:abort", toOurs(resolver))
	}},
	{"abort-3", "end-breaks-promises", func(p *probe) {
		l, n, enliven := enlivening(p)
		b := l.introduce(n, enliven)
		resolver := l.call(enliven, sturdyRef(n.Location(), "an object"))
		b.asked("an object")
		p.now()
		b.send(&msg.Abort{Reason: "conformance: the session ends here"})
		if s := l.outcome(resolver); !s.broken {
			p.fail("the promise for an object of the ended session: %s", s)
		}
	}},
	{"locator-1", "location-sent", func(p *probe) {
		l := p.session()
		p.now()
		got := l.hello.Location
		if strings.Contains(got.Transport, ".") || got.Designator == "" || !sameLocation(got, p.target.Peer) {
			p.fail("op:start-session names %s, and %s was dialled", cut(got.String()), cut(p.target.Peer.String()))
		}
	}},
	{"locator-2", "hints-do-not-tell-apart", func(p *probe) {
		l, n, enliven := enlivening(p)
		b := l.introduce(n, enliven)
		resolver := l.call(enliven, sturdyRef(n.Location(), "first object"))
		b.reply(b.asked("first object"), object(b.newObject()))
		l.told(resolver)
		at := n.Location().Clone()
		if at.Hints == nil {
			at.Hints = map[string]string{}
		}
		at.Hints["conformance"] = "a hint that means nothing"
		p.now()
		l.call(enliven, sturdyRef(at, "an object"))
		b.asked("an object")
	}},
}

// checkHello is the check that all others rest on.
func checkHello(p *probe) {
	l := p.dial(p.party())
	p.now()
	l.send(l.greeting())
	l.heard()
}

// enlivening returns a session with the peer, the peer's sturdyref enlivener there,
// and another party, with which the peer has no session.
func enlivening(p *probe) (l *line, n netlayer.Netlayer, enliven msg.Desc) {
	l = p.session()
	return l, p.party(), l.fetch(enlivenerObject)
}

// introduce opens a session of the peer's with party n, to be known to the peer as
// that with n from then on: n dials, or, where that would prove nothing, the peer is
// asked on l for something of n's.
func (l *line) introduce(n netlayer.Netlayer, enliven msg.Desc) *line {
	if l.p.target.Proof != ProvesAcceptor {
		b := l.p.dial(n).greet()
		b.echoes()
		return b
	}
	resolver := l.call(enliven, sturdyRef(n.Location(), "a reason to dial"))
	b := l.p.accept(n).greet()
	// There is no such object: one would be handed off to l.
	if d := b.asked("a reason to dial"); d.HasResolve {
		b.tell(export(d.Resolve.Pos), symBreak, passable.Error{Message: "conformance: there is nothing here"})
	}
	l.told(resolver)
	return b
}

// crossing makes the peer dial a party and has that party dial the peer before the
// hello of the first is answered. The key of the second is such that it wins, or
// loses. Where the location in op:start-session is not what tells peers apart, or
// the netlayer settles who wins by itself, nothing is left to check.
func crossing(p *probe, win bool) (in, out *line) {
	switch p.target.Proof {
	case ProvesNobody:
	case ProvesAcceptor:
		p.stop(NotObservable, "a peer on this network need not believe a dialler who it is, and has not dialled it for all it knows")
	case ProvesBoth:
		p.stop(NotObservable, "this network settles which of two dials stays, before op:start-session")
	}
	l, n, enliven := enlivening(p)
	l.call(enliven, sturdyRef(n.Location(), "an object"))
	in = p.accept(n)
	in.heard()
	conn, err := n.Connect(p.ctx, netlayer.Dial{Peer: p.target.Peer})
	if errors.Is(err, netlayer.ErrCrossed) || errors.Is(err, netlayer.ErrRefused) {
		p.stop(NotObservable, "the netlayer settles crossed hellos itself: %s", cut(err.Error()))
	}
	if err != nil {
		p.unmet("the second connection: %s", cut(err.Error()))
	}
	out = p.line(n, conn)
	for above(out.ours, in.theirs) != win {
		out.newKey()
	}
	out.send(out.greeting())
	if win {
		// The session that stays is used; the peer's hello shows that ours has been handled.
		out.heard()
	}
	return in, out
}

// leave ends a session and gives the peer time to take note: what other sessions
// do is not ordered behind it.
func (l *line) leave() {
	l.send(&msg.Abort{Reason: "conformance: the session ends here"})
	ctx, cancel := l.p.quietly()
	defer cancel()
	l.next(ctx, func(msg.Op) bool { return false }) // the peer hangs up, as a rule
	_ = l.conn.Close("")
	<-ctx.Done()
}
