package conformance

import (
	"bytes"
	"strings"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/passable"
)

// survives is a check that the peer goes on, with an old session and a new one,
// after something that was done to it.
func survives(clause, name string, attack func(p *probe, l *line)) check {
	return check{clause, name, func(p *probe) {
		witness := p.session()
		witness.echoes()
		l := p.session()
		l.echoes()
		p.now()
		attack(p, l)
		l.digested()
		if !witness.echoes() || !p.session().echoes() {
			p.fail("the peer does not serve others any more")
		}
	}}
}

// digested waits until the peer has taken in what it was sent: it ends the session,
// or answers, or does neither in the time that silence has, as it may if it waits for
// the rest of a message.
func (l *line) digested() {
	resolver := l.call(bootstrap, symFetch, []byte(echoObject))
	ctx, cancel := l.p.quietly()
	defer cancel()
	l.next(ctx, toOurs(resolver))
}

// bytesOf is a check that the peer survives bytes that are no message.
func bytesOf(clause, name string, frames ...string) check {
	return survives(clause, name, func(p *probe, l *line) {
		for i, frame := range frames {
			if i > 0 { // the one before may have ended its session
				l.digested()
				l = p.session()
			}
			l.raw([]byte(frame))
		}
	})
}

// ops is a check that the peer survives messages that are well-formed and wrong.
func ops(clause, name string, wrong ...msg.Op) check {
	return survives(clause, name, func(p *probe, l *line) {
		for i, op := range wrong {
			if i > 0 {
				l.digested()
				l = p.session()
			}
			l.send(op)
		}
	})
}

func echoOf(value string) string {
	return "<10'op:deliver<11'desc:export0+>[" + value + "]ff>"
}

const nobody = 987_654

var hostileChecks = []check{
	bytesOf("hostile-1", "garbage", "hello, is this the web?\r\n\r\n", "\x16\x03\x01\x02\x00\x01", "<10'op:deliver"),
	bytesOf("hostile-1", "not-utf-8", echoOf("2\"\xff\xfe"), echoOf("3\"\xed\xa0\x80")),
	bytesOf("hostile-1", "duplicate-keys", echoOf(`{1"a1+1"a2+}`)),
	bytesOf("hostile-2", "depth", echoOf(strings.Repeat("[", 100_000))),
	bytesOf("hostile-2", "announced-length", echoOf("999999999999:"), echoOf("99999999999999999999999999:")),
	bytesOf("hostile-2", "digits", echoOf(strings.Repeat("9", 200_000)+"+")),
	bytesOf("hostile-2", "many-values", echoOf("["+strings.Repeat("[]", netlayer.MaxFrame/4)+"]")),
	bytesOf("hostile-3", "unknown-operation", "<17'op:make-me-coffee5\"black>"),
	bytesOf("hostile-3", "wrong-descriptors",
		"<10'op:deliver<18'desc:import-object1+>[]ff>",
		"<10'op:deliver<11'desc:export0+>[]f<11'desc:export0+>>",
		"<9'op:listen<18'desc:import-object1+><18'desc:import-object1+>f>"),
	bytesOf("hostile-3", "wrong-fields",
		"<10'op:deliver>", "<10'op:deliver5\"hello[]ff>", "<10'op:deliver<11'desc:export1->[]ff>",
		"<10'op:deliver<11'desc:export0+>{}ff>", "<10'op:deliver<11'desc:export0+>[]1-f>"),
	ops("hostile-4", "unknown-export",
		&msg.Deliver{To: export(nobody), Args: []any{"hello"}},
		&msg.Listen{To: export(nobody), Resolve: object(7)},
		&msg.Deliver{To: bootstrap, Args: []any{symFetch, export(nobody)}}),
	ops("hostile-4", "unknown-answer",
		&msg.Deliver{To: answer(nobody), Args: []any{"hello"}},
		&msg.Listen{To: answer(nobody), Resolve: object(7)}),
	ops("hostile-5", "gc-of-nothing",
		&msg.GCExports{Positions: []uint64{nobody}, Deltas: []uint64{1}},
		&msg.GCAnswers{Positions: []uint64{nobody}},
		&msg.GCExports{Positions: []uint64{0}, Deltas: []uint64{1}}),
	survives("hostile-5", "gc-of-too-much", func(_ *probe, l *line) {
		echo := l.fetch(echoObject)
		l.send(&msg.GCExports{Positions: []uint64{echo.Pos}, Deltas: []uint64{1 << 62}})
		l.send(&msg.GCExports{Positions: []uint64{echo.Pos, echo.Pos}, Deltas: []uint64{1, 1}})
	}),
	survives("hostile-6", "answer-position-twice", func(_ *probe, l *line) {
		l.send(
			&msg.Deliver{To: bootstrap, Args: []any{symFetch, []byte(echoObject)}, Answer: 1 << 20, HasAnswer: true},
			&msg.Deliver{To: bootstrap, Args: []any{symFetch, []byte(greeterObject)}, Answer: 1 << 20, HasAnswer: true},
		)
	}),
	survives("hostile-7", "promise-of-itself", func(_ *probe, l *line) {
		promise, resolver := l.pair()
		listener := l.listen(promise)
		l.tell(promise, "hello?")
		l.tell(resolver, symFulfill, promise)
		l.silence("a promise that was fulfilled with itself is fulfilled", fulfilled(listener))
	}),
	survives("hostile-7", "promises-in-a-circle", func(_ *probe, l *line) {
		a, resolveA := l.pair()
		b, resolveB := l.pair()
		listener := l.listen(a)
		l.tell(a, "hello?")
		l.tell(resolveA, symFulfill, b)
		l.tell(resolveB, symFulfill, a)
		l.silence("one of two promises that were fulfilled with each other is fulfilled", fulfilled(listener))
	}),
	survives("hostile-8", "silent-connections", func(p *probe, _ *line) {
		n := p.party()
		p.dial(n)
		for range 7 {
			p.dial(p.party())
		}
	}),
	survives("hostile-8", "many-answers", func(_ *probe, l *line) {
		frame := bytes.Repeat([]byte("y"), 1000)
		for range 500 {
			l.pipe(bootstrap, symFetch, frame)
		}
	}),
}

// fulfilled takes the news, to a resolver of ours, of a value that is no promise.
func fulfilled(resolver uint64) func(msg.Op) bool {
	return func(op msg.Op) bool {
		if !toOurs(resolver)(op) {
			return false
		}
		d := op.(*msg.Deliver)
		desc, promise := first(d.Args).(msg.Desc)
		return d.Selector == passable.Symbol("fulfill") && !(promise && (desc.Kind == msg.ImportPromise || desc.Kind == msg.Export))
	}
}
