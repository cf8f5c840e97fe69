package conformance

import (
	"fmt"
	"slices"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
)

// The objects of the public suite, by swiss number.
const (
	carFactoryBuilder = "JadQ0++RzsD4M+40uLxTWVaVqM10DcBJ"
	echoObject        = "IO58l1laTyhcrgDKbEzFOO32MDd6zE5w"
	greeterObject     = "VMDDd1voKWarCe2GvgLbxbVFysNzRPzx"
	promiseResolver   = "IokCxYmMj04nos2JN1TDoY1bT8dXh6Lr"
	enlivenerObject   = "gi02I1qghIwPiKGKleCQAOhpy3ZtYRpB"
)

var bootstrap = msg.Desc{Kind: msg.Export}

func export(pos uint64) msg.Desc { return msg.Desc{Kind: msg.Export, Pos: pos} }
func answer(pos uint64) msg.Desc { return msg.Desc{Kind: msg.Answer, Pos: pos} }
func object(pos uint64) msg.Desc { return msg.Desc{Kind: msg.ImportObject, Pos: pos} }

// settled is what became of a promise.
type settled struct {
	broken bool
	value  any // or the reason
}

func (s settled) String() string {
	if s.broken {
		return "break with " + show(s.value)
	}
	return "fulfill with " + show(s.value)
}

// show describes a value of the peer's in a report.
func show(v any) string { return cut(fmt.Sprintf("%T %v", v, v)) }

// newObject returns the position of a new object of ours.
func (l *line) newObject() uint64 { l.lastImport++; return l.lastImport }

// newAnswer returns an answer position that was not used.
func (l *line) newAnswer() uint64 { l.lastAnswer++; return l.lastAnswer }

// tell sends arguments to something of the peer's and asks for nothing.
func (l *line) tell(to msg.Desc, args ...any) { l.send(&msg.Deliver{To: to, Args: args}) }

// call sends arguments and returns the position of the resolver that is to hear of
// the outcome.
func (l *line) call(to msg.Desc, args ...any) (resolver uint64) {
	resolver = l.newObject()
	l.send(&msg.Deliver{To: to, Args: args, Resolve: object(resolver), HasResolve: true})
	return resolver
}

// pipe sends arguments and returns the answer position at which the outcome can be
// used at once.
func (l *line) pipe(to msg.Desc, args ...any) msg.Desc {
	pos := l.newAnswer()
	l.send(&msg.Deliver{To: to, Args: args, Answer: pos, HasAnswer: true})
	return answer(pos)
}

// listen asks to be told what becomes of a promise.
func (l *line) listen(to msg.Desc) (resolver uint64) {
	resolver = l.newObject()
	l.send(&msg.Listen{To: to, Resolve: object(resolver)})
	return resolver
}

// message returns the next message to an object of ours.
func (l *line) message(to uint64, what string) *msg.Deliver {
	return l.await(what, toOurs(to)).(*msg.Deliver)
}

func toOurs(pos uint64) func(msg.Op) bool {
	return func(op msg.Op) bool {
		d, ok := op.(*msg.Deliver)
		return ok && d.To == export(pos)
	}
}

// arguments returns all arguments of a message, the selector among them.
func arguments(d *msg.Deliver) []any {
	if d.Selector == "" {
		return d.Args
	}
	return append([]any{d.Selector}, d.Args...)
}

// told returns what the resolver at a position is told first, promises included.
func (l *line) told(resolver uint64) settled {
	d := l.message(resolver, "outcome")
	if (d.Selector != "fulfill" && d.Selector != "break") || len(d.Args) != 1 {
		l.p.unmet("a resolver is sent %q with %d arguments", cut(string(d.Selector)), len(d.Args))
	}
	return settled{broken: d.Selector == "break", value: d.Args[0]}
}

// outcome returns what a promise settles to: it goes on listening while it is told
// of further promises of the peer.
func (l *line) outcome(resolver uint64) settled {
	for range 16 {
		s := l.told(resolver)
		d, ok := s.value.(msg.Desc)
		if s.broken || !ok || d.Kind != msg.ImportPromise {
			return s
		}
		resolver = l.listen(export(d.Pos))
	}
	l.p.trouble("a promise resolves to promises for ever")
	return settled{}
}

// ask calls and returns the outcome.
func (l *line) ask(to msg.Desc, args ...any) settled { return l.outcome(l.call(to, args...)) }

// fetch returns an object of the public suite. If there is none the check ends.
func (l *line) fetch(swiss string) msg.Desc {
	s := l.ask(bootstrap, passable.Symbol("fetch"), []byte(swiss))
	if s.broken {
		l.p.stop(Unsupported, "the peer does not offer %s: %s", nameOf(swiss), s)
	}
	d, ok := s.value.(msg.Desc)
	if !ok || d.Kind != msg.ImportObject {
		l.p.unmet("fetching %s gives no object: %s", nameOf(swiss), s)
	}
	return export(d.Pos)
}

func nameOf(swiss string) string {
	switch swiss {
	case carFactoryBuilder:
		return "the car factory builder"
	case echoObject:
		return "the echo object"
	case greeterObject:
		return "the greeter"
	case promiseResolver:
		return "the promise resolver"
	}
	return "the sturdyref enlivener"
}

// pair returns a promise of the peer's and its resolver, which no other pair has.
func (l *line) pair() (promise, resolver msg.Desc) {
	promise, resolver = l.anyPair()
	if promise == resolver || slices.Contains(l.pairs, promise) || slices.Contains(l.pairs, resolver) {
		l.p.unmet("two promises or resolvers have one position")
	}
	l.pairs = append(l.pairs, promise, resolver)
	return promise, resolver
}

// anyPair returns whatever promise and resolver the peer makes.
func (l *line) anyPair() (promise, resolver msg.Desc) {
	s := l.ask(l.fetch(promiseResolver))
	both, ok := s.value.([]any)
	if !s.broken && ok && len(both) == 2 {
		p, isP := both[0].(msg.Desc)
		r, isR := both[1].(msg.Desc)
		if isP && isR && p.Kind == msg.ImportPromise && r.Kind == msg.ImportObject {
			return export(p.Pos), export(r.Pos)
		}
	}
	l.p.unmet("the promise resolver gives no promise and resolver: %s", s)
	return promise, resolver
}

// echoes reports whether the peer's echo object answers on a line.
func (l *line) echoes() bool {
	s := l.ask(l.fetch(echoObject), "still there")
	list, ok := s.value.([]any)
	return !s.broken && ok && len(list) == 1 && list[0] == "still there"
}

// sturdyRef returns a sturdyref of an object of party n's.
func sturdyRef(at sturdyref.Peer, swiss string) msg.SturdyRef {
	return msg.SturdyRef{Ref: sturdyref.Ref{Peer: at, Swiss: sturdyref.SwissNumOf([]byte(swiss))}}
}

// asked waits until the peer fetches a swiss number from our bootstrap object.
func (l *line) asked(swiss string) *msg.Deliver {
	d := l.await("fetch of our object", func(op msg.Op) bool {
		d, ok := op.(*msg.Deliver)
		return ok && d.To == bootstrap && d.Selector != "deposit-gift" // which may come at any time
	}).(*msg.Deliver)
	if b, ok := first(d.Args).([]byte); d.Selector != "fetch" || !ok || string(b) != swiss {
		l.p.trouble("our bootstrap object is sent %q with %d arguments, not the fetch of what the sturdyref names", cut(string(d.Selector)), len(d.Args))
	}
	return d
}

// reply answers a message of the peer's that wants an answer.
func (l *line) reply(d *msg.Deliver, value any) {
	if d.HasResolve {
		l.tell(export(d.Resolve.Pos), passable.Symbol("fulfill"), value)
	}
}

func first(args []any) any {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}
