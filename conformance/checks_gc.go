package conformance

import (
	"slices"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
)

var gcChecks = []check{
	{"gc-1", "one-receipt", func(p *probe) { receipts(p, 1, 1) }},
	{"gc-1", "receipts-of-one-message", func(p *probe) { receipts(p, 1, 4) }},
	{"gc-1", "receipts-of-many-messages", func(p *probe) { receipts(p, 4, 1) }},
	{"gc-2", "sent-twice-counts-twice", func(p *probe) {
		l := p.session()
		echo := l.fetch(echoObject)
		if again := l.fetch(echoObject); again != echo {
			p.unmet("an object has two positions")
		}
		p.now()
		l.send(&msg.GCExports{Positions: []uint64{echo.Pos}, Deltas: []uint64{1}})
		if s := l.ask(echo, "once more"); s.broken || !passable.Equal(s.value, []any{"once more"}) {
			p.fail("an object received twice and given up once: %s", s)
		}
	}},
	{"gc-3", "answer-given-up", func(p *probe) {
		l := p.session()
		greeter := l.fetch(greeterObject)
		pos := l.newObject()
		l.tell(greeter, object(pos))
		d := l.message(pos, "greeting")
		if !d.HasAnswer {
			p.stop(Unsupported, "the greeter asks for no answer position")
		}
		l.reply(d, "Hello to you too")
		p.now()
		op := l.await("op:gc-answers", func(op msg.Op) bool {
			given, ok := op.(*msg.GCAnswers)
			return ok && len(given.Positions) > 0
		}).(*msg.GCAnswers)
		for _, given := range op.Positions {
			if given != d.Answer {
				p.fail("op:gc-answers gives up %d, and %d is the only answer position in use", given, d.Answer)
			}
		}
	}},
	{"gc-4", "answer-position-used-again", func(p *probe) {
		l := p.session()
		echo := l.fetch(echoObject)
		before := l.pipe(echo, "before")
		if s := l.outcome(l.listen(before)); s.broken || !passable.Equal(s.value, []any{"before"}) {
			p.unmet("listening to an answer: %s", s)
		}
		p.now()
		l.send(&msg.GCAnswers{Positions: []uint64{before.Pos}})
		l.send(&msg.Deliver{To: echo, Args: []any{"after"}, Answer: before.Pos, HasAnswer: true})
		if s := l.outcome(l.listen(before)); s.broken || !passable.Equal(s.value, []any{"after"}) {
			p.fail("an answer position used again: %s", s)
		}
	}},
}

// receipts sends one object of ours to the echo object, in some messages and some
// times in each, and adds up what is given up.
func receipts(p *probe, messages, times int) {
	l := p.session()
	echo := l.fetch(echoObject)
	p.now()
	pos := l.newObject()
	args := make([]any, times)
	for i := range args {
		args[i] = object(pos)
	}
	for range messages {
		l.tell(echo, args...)
	}
	ofIt := func(op msg.Op) bool {
		given, ok := op.(*msg.GCExports)
		return ok && slices.Contains(given.Positions, pos)
	}
	for given, all := uint64(0), uint64(messages*times); given < all; {
		op := l.await("op:gc-exports of an object the echo object has received", ofIt).(*msg.GCExports)
		for i, at := range op.Positions {
			if at != pos {
				continue
			}
			if op.Deltas[i] > all-given {
				p.fail("more receipts are given up than the %d there were", all)
			}
			given += op.Deltas[i]
		}
	}
	l.silence("receipts are given up that there were not", ofIt)
}

var descChecks = []check{
	{"desc-1", "objects-differ", func(p *probe) {
		l := p.session()
		echo, greeter := l.fetch(echoObject), l.fetch(greeterObject)
		p.now()
		if echo == greeter {
			p.fail("the echo object and the greeter are both at %d", echo.Pos)
		}
	}},
	{"desc-1", "promises-differ", func(p *probe) {
		l := p.session()
		a, resolveA := l.anyPair()
		b, resolveB := l.anyPair()
		p.now()
		used := map[msg.Desc]bool{a: true, b: true, resolveA: true, resolveB: true}
		if len(used) != 4 {
			p.fail("two promises and their resolvers are at %d and %d, %d and %d", a.Pos, b.Pos, resolveA.Pos, resolveB.Pos)
		}
	}},
	{"desc-2", "object-stays-the-same", func(p *probe) {
		l := p.session()
		first, second := l.fetch(echoObject), l.fetch(echoObject)
		p.now()
		if first != second {
			p.fail("fetched twice the echo object is at %d and at %d", first.Pos, second.Pos)
		}
	}},
	{"desc-2", "own-object-comes-back", func(p *probe) {
		l := p.session()
		echo, greeter := l.fetch(echoObject), l.fetch(greeterObject)
		if l.fetch(greeterObject) != greeter {
			p.unmet("an object has two positions")
		}
		p.now()
		s := l.ask(echo, greeter)
		if list, ok := s.value.([]any); s.broken || !ok || len(list) != 1 || list[0] != object(greeter.Pos) {
			p.fail("the peer's greeter, at %d, comes back from its echo object: %s", greeter.Pos, s)
		}
	}},
	{"desc-3", "our-object-comes-back", func(p *probe) {
		l := p.session()
		echo := l.fetch(echoObject)
		p.now()
		pos := l.newObject()
		s := l.ask(echo, object(pos), object(pos))
		if list, ok := s.value.([]any); s.broken || !ok || len(list) != 2 || list[0] != export(pos) || list[1] != export(pos) {
			p.fail("an object of ours, at %d, comes back from the echo object: %s", pos, s)
		}
	}},
}
