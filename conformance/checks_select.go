package conformance

import (
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
)

// selection is one of op:get, op:index and op:untag, with examples.
type selection struct {
	name  string
	op    func(to msg.Desc, at uint64) msg.Op
	from  func(inner any) any // a value in which the operation finds inner
	wrong []any               // values in which it finds nothing
}

var selections = []selection{
	{
		"get", func(to msg.Desc, at uint64) msg.Op { return &msg.Get{To: to, Field: "nick", Answer: at} },
		func(inner any) any {
			return passable.Struct{{Key: "name", Value: "Alice"}, {Key: "nick", Value: inner}}
		},
		[]any{passable.Struct{{Key: "name", Value: "Alice"}}, []any{"nick"}, "nick"},
	},
	{
		"index", func(to msg.Desc, at uint64) msg.Op { return &msg.Index{To: to, Index: 1, Answer: at} },
		func(inner any) any { return []any{"zero", inner, "two"} },
		[]any{[]any{"only"}, passable.Struct{{Key: "1", Value: "one"}}, int64(1)},
	},
	{
		"untag", func(to msg.Desc, at uint64) msg.Op { return &msg.Untag{To: to, Tag: "decimal", Answer: at} },
		func(inner any) any { return passable.Tagged{Tag: "decimal", Value: inner} },
		[]any{passable.Tagged{Tag: "hexadecimal", Value: "3.14"}, []any{"decimal", "3.14"}, "decimal"},
	},
}

var selectChecks = func() (all []check) {
	for _, sel := range selections {
		all = append(all,
			check{sel.name + "-1", sel.name + "-selects", sel.selects},
			check{sel.name + "-1", sel.name + "-selects-a-reference", sel.selectsReference},
			check{sel.name + "-2", sel.name + "-refuses", sel.refuses},
			check{sel.name + "-3", sel.name + "-breaks", sel.breaks},
		)
	}
	return all
}()

// selected asks for the selection from a promise.
func (sel selection) selected(l *line, promise msg.Desc) msg.Desc {
	at := l.newAnswer()
	l.send(sel.op(promise, at))
	return answer(at)
}

// known ends the check if the peer, asked for a selection, ends the session: it
// does not know the operation.
func (sel selection) known(l *line, listener uint64) settled {
	d := l.next(l.p.ctx, toOurs(listener))
	switch {
	case d != nil:
		l.kept = append([]msg.Op{d}, l.kept...)
	case l.broken:
		l.p.unmet("%s", l.ended)
	case l.ended != "":
		l.p.stop(Unsupported, "asked for op:%s, %s", sel.name, l.ended)
	default:
		l.p.fail("op:%s is not answered", sel.name)
	}
	return l.outcome(listener)
}

func (sel selection) selects(p *probe) {
	l := p.session()
	for _, late := range []bool{true, false} {
		promise, resolver := l.pair()
		if !late {
			settledFirst := l.listen(promise)
			l.tell(resolver, symFulfill, sel.from("the one"))
			l.outcome(settledFirst)
		}
		listener := l.listen(sel.selected(l, promise))
		if late {
			l.tell(resolver, symFulfill, sel.from("the one"))
		}
		if s := sel.known(l, listener); s.broken || s.value != "the one" {
			p.fail("op:%s: %s", sel.name, s)
		}
	}
}

func (sel selection) selectsReference(p *probe) {
	l := p.session()
	echo := l.fetch(echoObject)
	promise, resolver := l.pair()
	at := sel.selected(l, promise)
	listener := l.newObject()
	l.send(&msg.Deliver{To: at, Args: []any{"pipelined"}, Resolve: object(listener), HasResolve: true})
	l.tell(resolver, symFulfill, sel.from(echo))
	if s := sel.known(l, listener); s.broken || !passable.Equal(s.value, []any{"pipelined"}) {
		p.fail("a message to what op:%s selects: %s", sel.name, s)
	}
}

func (sel selection) refuses(p *probe) {
	l := p.session()
	for _, value := range sel.wrong {
		promise, resolver := l.pair()
		listener := l.listen(sel.selected(l, promise))
		l.tell(resolver, symFulfill, value)
		if s := sel.known(l, listener); !s.broken {
			p.fail("op:%s of %s: %s", sel.name, show(value), s)
		}
	}
}

func (sel selection) breaks(p *probe) {
	l := p.session()
	promise, resolver := l.pair()
	listener := l.listen(sel.selected(l, promise))
	l.tell(resolver, symBreak, passable.Symbol("oh-no"))
	if s := sel.known(l, listener); !s.broken || s.value != passable.Symbol("oh-no") {
		p.fail("op:%s of a promise broken with the symbol oh-no: %s", sel.name, s)
	}
}
