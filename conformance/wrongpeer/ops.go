package wrongpeer

import (
	"bytes"
	"errors"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/passable"
)

// handle does what one message asks for. An error aborts the session.
func (c *conn) handle(op msg.Op) error {
	p := c.p
	switch op := op.(type) {
	case *msg.StartSession:
		return c.greeting(op)
	case *msg.Abort:
		switch {
		case c.greeted && p.is("nothing-after-abort"):
			c.breakAll()
			p.forgetGifts(c)
		case !c.greeted && p.is("no-session-after-abort"):
		case c.greeted && p.is("nothing-after-abort/open"):
			c.deaf = true
		default:
			c.drop()
		}
		return nil
	}
	if !c.greeted && !p.is("nothing-before-hello") && !c.heedless {
		return errors.New("op:start-session comes first")
	}
	switch op := op.(type) {
	case *msg.Deliver:
		return c.delivery(op)
	case *msg.Listen:
		return c.listening(op)
	case *msg.Get:
		return c.selection(op.To, op.Answer, "get", func(v any) (any, bool) {
			s, _ := v.(passable.Struct)
			return s.Get(op.Field)
		})
	case *msg.Index:
		return c.selection(op.To, op.Answer, "index", func(v any) (any, bool) {
			if list, ok := v.([]any); ok && op.Index >= 0 && op.Index < int64(len(list)) {
				return list[op.Index], true
			}
			return nil, false
		})
	case *msg.Untag:
		return c.selection(op.To, op.Answer, "untag", func(v any) (any, bool) {
			t, ok := v.(passable.Tagged)
			return t.Value, ok && t.Tag == op.Tag
		})
	case *msg.GCExports:
		for i, pos := range op.Positions {
			if p.is("gc-of-nothing") && c.counts[pos] == 0 || p.is("gc-of-too-much") && c.counts[pos] > 0 && op.Deltas[i] > c.counts[pos] {
				p.die()
			}
			switch n := c.counts[pos]; {
			case pos == 0 || n == 0 || op.Deltas[i] > n:
				return errors.New("op:gc-exports gives up more than there was")
			case op.Deltas[i] == n:
				delete(c.positions, c.exports[pos])
				delete(c.exports, pos)
				delete(c.counts, pos)
			default:
				c.counts[pos] -= op.Deltas[i]
			}
		}
	case *msg.GCAnswers:
		for _, pos := range op.Positions {
			if !p.is("answer-position-used-again") {
				delete(c.answers, pos)
			}
		}
	}
	return nil
}

// greeting takes the other side's hello.
func (c *conn) greeting(op *msg.StartSession) error {
	p := c.p
	if c.greeted {
		if p.is("second-hello") {
			return nil
		}
		return errors.New("op:start-session came twice")
	}
	if !p.dialect.Accepts(op.Version) && !p.is("version-refused") {
		return errors.New("another version")
	}
	if err := wire.VerifyHello(op); err != nil {
		switch {
		case p.is("nothing-after-bad-hello"):
			c.heedless = true
			c.send(&msg.Abort{Reason: "a bad hello"})
		case !p.is("location-signature-refused"):
			return err
		}
		return nil
	}
	c.theirKey, c.at = op.PublicKey, op.Location
	c.theirs = p.dialect.PublicID(op.PublicKey)
	c.id = wire.SessionID(c.ours, c.theirs)
	if d := p.dials[c.at.ID()]; d != nil && !c.dialled && d.conn != nil {
		inboundWins := bytes.Compare(c.theirs[:], d.conn.ours[:]) > 0
		switch {
		case inboundWins && p.is("crossed-hellos-ours-wins/neither"), !inboundWins && p.is("crossed-hellos-theirs-wins/neither"):
			loser := d.conn
			d.conn = nil
			loser.abort("crossed hellos")
			return errors.New("crossed hellos")
		case inboundWins && !p.is("crossed-hellos-ours-wins"):
			loser := d.conn
			d.conn = nil
			loser.abort("crossed hellos")
		case !inboundWins && !p.is("crossed-hellos-theirs-wins"):
			return errors.New("crossed hellos")
		}
	}
	for other := range p.conns {
		if !c.dialled && other != c && other.greeted && !other.over && other.at.ID() == c.at.ID() && !p.is("second-session-refused") {
			return errors.New("there is a session with this peer")
		}
	}
	c.greeted = true
	p.dialled(c.at.ID(), c)
	return nil
}

// target returns what a message or an op:listen is for.
func (c *conn) target(d msg.Desc) (passable.Reference, error) {
	if d == export(0) && c.p.is("bootstrap-at-zero") {
		return nil, errors.New("nothing is at 0")
	}
	return c.refer(d)
}

func (c *conn) delivery(op *msg.Deliver) error {
	p := c.p
	args := op.Args
	if op.Selector != "" {
		args = append([]any{op.Selector}, args...)
	}
	if c.held == nil && len(args) == 2 && args[1] == int64(0) && p.is("order") && op.To.Kind == msg.Export && op.To.Pos != 0 {
		held := *op // its arguments are an int64 0 only
		held.Args = []any{op.Selector, int64(0) + 1000}
		held.Selector = ""
		c.held = &held
		return nil
	}
	to, err := c.target(op.To)
	if err != nil {
		return err
	}
	result := &promise{}
	if q, ok := to.(*promise); ok && op.To.Kind == msg.Answer {
		result.depth = q.depth + 1
	}
	if op.HasAnswer {
		if err := c.answer(op.Answer, result); err != nil {
			return err
		}
	}
	if op.HasResolve {
		r := c.received(op.Resolve)
		result.when(func() { c.tell(r, result.broken, result.value) })
	}
	p.deliver(to, args, result)
	if object, ok := to.(*local); ok && object.forgets {
		for _, arg := range args {
			if r, ok := arg.(*remote); ok && r.c == c {
				c.release(r)
			}
		}
	}
	return nil
}

// answer keeps a promise at an answer position.
func (c *conn) answer(pos uint64, q *promise) error {
	if c.answers[pos] != nil {
		if c.p.is("answer-position-twice") {
			c.p.die()
		}
		return errors.New("the answer position is in use")
	}
	c.answers[pos] = q
	if c.p.is("many-answers") && len(c.answers) > 400 {
		c.p.die()
	}
	return nil
}

// tell sends an outcome to a resolver and gives that up.
func (c *conn) tell(resolver *remote, broken bool, value any) {
	args := []any{passable.Symbol("fulfill"), value}
	if broken {
		args[0] = passable.Symbol("break")
	}
	if !broken && c.p.is("fulfill-has-one-argument") || broken && c.p.is("break-has-one-argument") {
		args = append(args, value)
	}
	c.send(&msg.Deliver{To: export(resolver.pos), Args: args})
	if !c.over && c.imports[resolver.pos] == resolver {
		c.send(&msg.GCExports{Positions: []uint64{resolver.pos}, Deltas: []uint64{resolver.received}})
		delete(c.imports, resolver.pos)
	}
}

func (c *conn) listening(op *msg.Listen) error {
	p := c.p
	to, err := c.target(op.To)
	if err != nil {
		return err
	}
	q, ok := to.(*promise)
	if !ok {
		return errors.New("op:listen to what is no promise")
	}
	r := c.received(op.Resolve)
	exported := op.To.Kind == msg.Export
	if exported && q.settled && p.is("told-afterwards") || exported && q.listened && !q.settled && p.is("all-listeners-told") {
		return nil
	}
	q.listened = true
	told := false
	tell := func(broken bool, value any) {
		if told {
			return
		}
		told = true
		if exported && broken && p.is("told-when-broken") {
			broken = false
		}
		if exported && broken && p.is("reason-reaches-listeners") {
			value = fault("something went wrong")
		}
		if symbol, ok := value.(passable.Symbol); ok && exported && !broken && p.is("told-when-fulfilled") {
			value = string(symbol)
		}
		if list, ok := value.([]any); ok && !exported && len(list) == 1 && p.is("answer-promise") {
			value = list[0]
		}
		switch {
		case !exported || !broken && !p.is("fulfill-has-one-argument/listeners") || broken && !p.is("break-has-one-argument/listeners"):
			c.tell(r, broken, value)
		default:
			c.send(&msg.Deliver{To: export(r.pos), Args: []any{passable.Symbol("settled"), broken, value}})
		}
		if !exported && p.is("answers-stay") {
			delete(c.answers, op.To.Pos)
		}
	}
	if exported && !q.settled && p.is("not-told-of-promises") {
		q.waiting = append(q.waiting, func() { tell(q.broken, q.value) })
		c.eager(q, tell)
		return nil
	}
	q.when(func() { tell(q.broken, q.value) })
	return nil
}

// eager makes a listener hear of promises: a wrongness.
func (c *conn) eager(q *promise, tell func(bool, any)) {
	for _, ref := range c.exports {
		if l, ok := ref.(*local); ok && c.p.pairs[l] == q {
			before := l.call
			l.call = func(args []any, result *promise) {
				if len(args) == 2 {
					if next, ok := args[1].(*promise); ok {
						tell(false, next)
					}
				}
				before(args, result)
			}
		}
	}
}

// selection is op:get, op:index and op:untag.
func (c *conn) selection(to msg.Desc, at uint64, name string, find func(any) (any, bool)) error {
	from, err := c.target(to)
	if err != nil {
		return err
	}
	q, ok := from.(*promise)
	if !ok {
		return errors.New("a selection from what is no promise")
	}
	result := &promise{}
	if err := c.answer(at, result); err != nil {
		return err
	}
	p := c.p
	q.when(func() {
		found, ok := find(q.value)
		_, isRef := found.(passable.Reference)
		switch {
		case q.broken && p.is(name+"-breaks"):
			result.smash(fault("something went wrong"))
		case q.broken:
			result.smash(q.value)
		case !ok && p.is(name+"-refuses"):
			result.fulfill(passable.Undefined{})
		case !ok:
			result.smash(fault("nothing to select"))
		case isRef && p.is(name+"-selects-a-reference"):
			result.smash(fault("no references"))
		case !isRef && p.is(name+"-selects"):
			result.fulfill(passable.Undefined{})
		default:
			result.fulfill(found)
		}
	})
	return nil
}
