package conformance

import (
	"maps"
	"slices"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
)

const (
	symFetch   = passable.Symbol("fetch")
	symFulfill = passable.Symbol("fulfill")
	symBreak   = passable.Symbol("break")
)

var bootstrapChecks = []check{
	{"bootstrap-1", "bootstrap-at-zero", func(p *probe) {
		l := p.session()
		p.now()
		l.told(l.call(bootstrap, symFetch, []byte(echoObject))) // any answer will do
	}},
	{"bootstrap-2", "fetch", func(p *probe) {
		l := p.session()
		s := l.ask(bootstrap, symFetch, []byte(echoObject))
		p.now()
		if d, ok := s.value.(msg.Desc); s.broken || !ok || d.Kind != msg.ImportObject {
			p.fail("fetching the echo object: %s", s)
		}
		if s := l.ask(export(s.value.(msg.Desc).Pos), "echo?"); s.broken || !passable.Equal(s.value, []any{"echo?"}) {
			p.fail("what is fetched as the echo object says: %s", s)
		}
	}},
	{"bootstrap-3", "fetch-unknown", func(p *probe) {
		l := p.session()
		l.fetch(echoObject)
		p.now()
		if s := l.ask(bootstrap, symFetch, []byte("there is no object of this name!")); !s.broken {
			p.fail("fetching what does not exist: %s", s)
		}
	}},
	{"bootstrap-3", "fetch-nothing", func(p *probe) {
		l := p.session()
		l.fetch(echoObject)
		p.now()
		if s := l.ask(bootstrap, symFetch); !s.broken {
			p.fail("fetching without a swiss number: %s", s)
		}
	}},
}

var promiseChecks = []check{
	{"promise-1", "fulfill-has-one-argument", func(p *probe) {
		l := p.session()
		resolver := l.call(bootstrap, symFetch, []byte(echoObject))
		d := l.message(resolver, "outcome")
		if d.Selector == "break" {
			p.unmet("the echo object cannot be fetched")
		}
		p.now()
		if d.Selector != "fulfill" || len(d.Args) != 1 {
			p.fail("a resolver is sent %q with %d arguments", cut(string(d.Selector)), len(d.Args))
		}
		l.listenerTold(symFulfill)
	}},
	{"promise-2", "break-has-one-argument", func(p *probe) {
		l := p.session()
		resolver := l.call(bootstrap, symFetch, []byte("no such object"))
		d := l.message(resolver, "outcome")
		if d.Selector == "fulfill" {
			p.unmet("what does not exist was fetched")
		}
		p.now()
		if d.Selector != "break" || len(d.Args) != 1 {
			p.fail("a resolver is sent %q with %d arguments", cut(string(d.Selector)), len(d.Args))
		}
		l.listenerTold(symBreak)
	}},
	{"promise-2", "reason-reaches-listeners", func(p *probe) {
		l := p.session()
		promise, resolver := l.pair()
		listener := l.listen(promise)
		l.tell(resolver, symBreak, passable.Symbol("oh-no"))
		s := l.outcome(listener)
		if !s.broken {
			p.unmet("the promise did not break: %s", s)
		}
		p.now()
		if s.value != passable.Symbol("oh-no") {
			p.fail("broken with the symbol oh-no, listeners are told: %s", s)
		}
	}},
	{"promise-3", "pipeline-breaks", func(p *probe) {
		l := p.session()
		builder := l.fetch(carFactoryBuilder)
		p.now()
		factory := l.pipe(builder)
		car := l.pipe(factory, []any{int64(1), int64(2), int64(3), int64(4), int64(5)}) // no car is like that
		if s := l.ask(car); !s.broken {
			p.fail("a message to a promise that broke: %s", s)
		}
	}},
	{"promise-3", "long-pipeline-breaks", func(p *probe) {
		l := p.session()
		promise, resolver := l.pair()
		p.now()
		to := promise
		for range 8 {
			to = l.pipe(to, "never delivered")
		}
		end := l.listen(to)
		l.tell(resolver, symBreak, passable.Symbol("oh-no"))
		if s := l.outcome(end); !s.broken {
			p.fail("the end of a pipeline that broke: %s", s)
		}
	}},
	{"promise-4", "values-take-no-messages", func(p *probe) {
		l := p.session()
		echo := l.fetch(echoObject)
		p.now()
		value := l.pipe(echo, "not a reference")
		if s := l.ask(value, "hello?"); !s.broken {
			p.fail("a message to a list: %s", s)
		}
	}},
}

// listenerTold fails if a listener is told that a promise has settled by anything but
// fulfill or break with one argument.
func (l *line) listenerTold(how passable.Symbol) {
	l.p.checking = false
	promise, resolver := l.pair()
	listener := l.listen(promise)
	l.tell(resolver, how, passable.Symbol("so-it-is"))
	d := l.message(listener, "outcome")
	if d.Selector != symFulfill && d.Selector != symBreak || len(d.Args) != 1 {
		l.p.fail("a listener to a promise settled by %s is sent %q with %d arguments", how, cut(string(d.Selector)), len(d.Args))
	}
}

var deliverChecks = []check{
	{"deliver-1", "arguments-and-result", func(p *probe) {
		l := p.session()
		echo := l.fetch(echoObject)
		p.now()
		sent := []any{"foo", int64(1), false, []byte("bar"), []any{"baz"}}
		if s := l.ask(echo, sent...); s.broken || !passable.Equal(s.value, any(sent)) {
			p.fail("echo of five arguments: %s", s)
		}
	}},
	{"deliver-2", "answer-promise", func(p *probe) {
		l := p.session()
		echo := l.fetch(echoObject)
		p.now()
		s := l.outcome(l.listen(l.pipe(echo, "through an answer")))
		if s.broken || !passable.Equal(s.value, []any{"through an answer"}) {
			p.fail("listening to an answer: %s", s)
		}
	}},
	{"deliver-3", "pipelining", func(p *probe) {
		l := p.session()
		l.fetch(carFactoryBuilder)
		p.now()
		builder := l.pipe(bootstrap, symFetch, []byte(carFactoryBuilder))
		factory := l.pipe(builder)
		car := l.pipe(factory, []any{passable.Symbol("red"), passable.Symbol("zoomracer")})
		if s := l.ask(car); s.broken || s.value != "Vroom! I am a red zoomracer car!" {
			p.fail("driving a car that was made by pipelining: %s", s)
		}
	}},
	{"deliver-4", "answers-stay", func(p *probe) {
		l := p.session()
		l.fetch(echoObject)
		echo := l.pipe(bootstrap, symFetch, []byte(echoObject))
		if s := l.outcome(l.listen(echo)); s.broken {
			p.unmet("the answer promise of a fetch: %s", s)
		}
		p.now()
		if s := l.ask(echo, "later"); s.broken || !passable.Equal(s.value, []any{"later"}) {
			p.fail("a message to an answer that settled before: %s", s)
		}
	}},
	{"deliver-5", "order", func(p *probe) {
		l := p.session()
		promise, resolver := l.pair()
		listener := l.listen(promise)
		p.now()
		for i := range int64(16) {
			l.tell(resolver, symFulfill, i)
		}
		if s := l.outcome(listener); s.broken || s.value != int64(0) {
			p.fail("of 16 messages to a resolver the first counts, but: %s", s)
		}
	}},
	{"deliver-5", "order-through-a-promise", func(p *probe) {
		l := p.session()
		promise, resolver := l.pair()
		through, fulfil := l.pair()
		listener := l.listen(promise)
		p.now()
		for i := range int64(8) {
			l.tell(through, symFulfill, 100+i)
		}
		l.tell(fulfil, symFulfill, resolver)
		for i := range int64(8) {
			l.tell(through, symFulfill, 200+i)
		}
		if s := l.outcome(listener); s.broken || s.value != int64(100) {
			p.fail("of 16 messages through a promise to a resolver the first counts, but: %s", s)
		}
	}},
	{"deliver-6", "to-what-we-exported", func(p *probe) {
		l := p.session()
		greeter := l.fetch(greeterObject)
		p.now()
		pos := l.newObject()
		l.tell(greeter, object(pos))
		d := l.message(pos, "greeting")
		if args := arguments(d); len(args) != 1 || args[0] != "Hello" {
			p.fail("the greeter says %s", show(args))
		}
	}},
	{"deliver-7", "answer-positions-differ", func(p *probe) {
		l := p.session()
		greeter := l.fetch(greeterObject)
		var greetings []*msg.Deliver
		for range 4 {
			pos := l.newObject()
			l.tell(greeter, object(pos))
			greetings = append(greetings, l.message(pos, "greeting"))
		}
		p.now()
		used := map[uint64]bool{}
		for _, d := range greetings { // none of which has been answered
			if d.HasAnswer && used[d.Answer] {
				p.fail("the answer position %d is used for two messages at a time", d.Answer)
			}
			used[d.Answer] = used[d.Answer] || d.HasAnswer
		}
		if !slices.Contains(slices.Collect(maps.Values(used)), true) {
			p.stop(Unsupported, "the greeter asks for no answer position")
		}
	}},
}

var listenChecks = []check{
	{"listen-1", "told-when-fulfilled", func(p *probe) {
		l := p.session()
		promise, resolver := l.pair()
		p.now()
		listener := l.listen(promise)
		l.tell(resolver, symFulfill, passable.Symbol("ok"))
		if s := l.outcome(listener); s.broken || s.value != passable.Symbol("ok") {
			p.fail("a promise fulfilled with the symbol ok: %s", s)
		}
	}},
	{"listen-1", "told-when-broken", func(p *probe) {
		l := p.session()
		promise, resolver := l.pair()
		p.now()
		listener := l.listen(promise)
		l.tell(resolver, symBreak, passable.Symbol("oh-no"))
		if s := l.outcome(listener); !s.broken {
			p.fail("a promise broken: %s", s)
		}
	}},
	{"listen-1", "all-listeners-told", func(p *probe) {
		l := p.session()
		promise, resolver := l.pair()
		p.now()
		a, b := l.listen(promise), l.listen(promise)
		l.tell(resolver, symFulfill, int64(1))
		for _, listener := range []uint64{a, b} {
			if s := l.outcome(listener); s.broken || s.value != int64(1) {
				p.fail("one of two listeners is told: %s", s)
			}
		}
	}},
	{"listen-2", "told-afterwards", func(p *probe) {
		l := p.session()
		promise, resolver := l.pair()
		early := l.listen(promise)
		l.tell(resolver, symFulfill, "done")
		l.outcome(early)
		p.now()
		if s := l.outcome(l.listen(promise)); s.broken || s.value != "done" {
			p.fail("listening to a promise that is settled: %s", s)
		}
	}},
	{"listen-3", "not-told-of-promises", func(p *probe) {
		l := p.session()
		first, resolveFirst := l.pair()
		second, resolveSecond := l.pair()
		listener := l.listen(first)
		p.now()
		l.tell(resolveFirst, symFulfill, second)
		l.silence("a listener is told of a promise of the same peer before that is settled", toOurs(listener))
		l.tell(resolveSecond, symFulfill, int64(42))
		if s := l.told(listener); s.broken || s.value != int64(42) {
			p.fail("what a chain of two promises settles to: %s", s)
		}
	}},
	{"listen-4", "listens-to-our-promises", func(p *probe) {
		l := p.session()
		promise, resolver := l.pair()
		listener := l.listen(promise)
		ours := l.newObject()
		l.tell(resolver, symFulfill, msg.Desc{Kind: msg.ImportPromise, Pos: ours})
		p.now()
		// A peer may tell at once of our promise, or listen to it first.
		op := l.await("word of our promise", func(op msg.Op) bool {
			_, listens := op.(*msg.Listen)
			return listens || toOurs(listener)(op)
		})
		switch op := op.(type) {
		case *msg.Listen:
			if op.To != export(ours) {
				p.fail("the peer listens to %s, and %d is the promise it was given", op.To, ours)
			}
			l.tell(export(op.Resolve.Pos), symFulfill, int64(7))
			s := l.told(listener)
			if d, ok := s.value.(msg.Desc); s.broken || (s.value != int64(7) && (!ok || d != export(ours))) {
				p.fail("what our promise settled to: %s", s)
			}
		case *msg.Deliver:
			if len(op.Args) != 1 || op.Args[0] != export(ours) {
				p.fail("told of a promise of ours the listener is sent %s", show(op.Args))
			}
		}
	}},
}
