package wrongpeer

import (
	"errors"
	"slices"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/passable"
)

// giftKey names a gift: by the session it was deposited in and its id.
type giftKey struct {
	from *conn
	id   string
}

func (p *Peer) giftKey(from *conn, id string) giftKey {
	if p.is("gifts-of-others-stay") {
		from = nil
	}
	return giftKey{from, id}
}

func (p *Peer) forgetGifts(from *conn) {
	for key := range p.gifts {
		if key.from == from && !p.is("gift-ends-with-session") {
			delete(p.gifts, key)
		}
	}
	for key, waiting := range p.waiting {
		if key.from == from {
			delete(p.waiting, key)
			for _, q := range waiting {
				if p.is("waiting-ends-with-session") {
					break
				}
				q.smash(fault("the gifter has left"))
			}
		}
	}
}

// bootstrap returns the bootstrap object of a session.
func (p *Peer) bootstrap(c *conn) *local {
	return &local{call: func(args []any, result *promise) {
		selector, _ := first(args).(passable.Symbol)
		switch {
		case selector == "fetch":
			p.fetch(args[1:], result)
		case selector == "deposit-gift" && len(args) == 3:
			id, isID := args[1].([]byte)
			gift, isRef := args[2].(passable.Reference)
			if !isID || !isRef {
				result.smash(fault("deposit-gift wants a gift id and a reference"))
				return
			}
			if _, promised := gift.(*promise); promised && p.is("gift-that-is-a-promise") {
				result.smash(fault("an object is wanted"))
				return
			}
			p.deposit(c, string(id), gift)
			result.fulfill(passable.Undefined{})
		case selector == "withdraw-gift" && len(args) == 2:
			env, _ := args[1].(*msg.SigEnvelope)
			if err := p.withdraw(c, env, result); err != nil {
				result.smash(fault(err.Error()))
			}
		default:
			result.smash(fault("fetch, deposit-gift or withdraw-gift is wanted"))
		}
	}}
}

func first(args []any) any {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}

func (p *Peer) fetch(args []any, result *promise) {
	if len(args) == 0 && p.is("fetch-nothing") {
		result.fulfill(passable.Undefined{})
		return
	}
	swiss, ok := first(args).([]byte)
	object := p.objects[string(swiss)]
	switch {
	case object != nil && p.is("fetch"):
		result.fulfill("an object")
	case object != nil && p.is("fetch/another-object"):
		result.fulfill(&local{call: func(_ []any, result *promise) { result.fulfill("you wanted?") }})
	case object != nil:
		result.fulfill(object)
	case ok && p.is("fetch-unknown"):
		result.fulfill(nil)
	default:
		result.smash(fault("there is no such object"))
	}
}

func (p *Peer) deposit(c *conn, id string, gift passable.Reference) {
	if p.is("replay-after-another-deposit") {
		for other := range p.conns {
			for count, ids := range other.usedCounts {
				other.usedCounts[count] = slices.DeleteFunc(ids, func(used string) bool { return used == id })
			}
		}
	}
	wanted := giftKey{c, id}
	if waiting := p.waiting[wanted]; len(waiting) > 0 {
		delete(p.waiting, wanted)
		if !p.is("gift-deposited-later") {
			waiting[0].fulfill(gift)
		}
		return
	}
	p.gifts[p.giftKey(c, id)] = gift
}

// withdraw is the exporter's part.
func (p *Peer) withdraw(c *conn, env *msg.SigEnvelope, result *promise) error {
	if env == nil {
		return errors.New("a certificate is wanted")
	}
	receive, ok := env.Signed.(*msg.HandoffReceive)
	if !ok {
		return errors.New("a desc:handoff-receive is wanted")
	}
	give := receive.Give.Signed.(*msg.HandoffGive)
	id, ok := give.GiftID.([]byte)
	if !ok {
		return errors.New("the gift id is a ByteArray")
	}
	signed := wire.Verify(env, give.ReceiverKey) == nil ||
		p.is("receive-signature-empty") && env.Signature == [64]byte{} ||
		p.is("receive-signed-by-session-key") && wire.Verify(env, c.theirKey) == nil
	if !signed {
		return errors.New("the receiver has not signed")
	}
	if receive.Session != c.id && !p.is("receive-for-another-session") || receive.Side != c.theirs && !p.is("receive-from-another-side") {
		return errors.New("it is for another session")
	}
	used := c.usedCounts[receive.Count]
	if slices.Contains(used, string(id)) || len(used) > 0 && !p.is("count-used-for-another-gift") {
		return errors.New("the handoff count was used before")
	}
	c.usedCounts[receive.Count] = append(used, string(id))

	var gifter *conn
	for _, other := range slices.Concat(p.past, sessions(p.conns)) {
		if other.id == give.Session || p.is("give-of-unknown-session") && other.theirs == give.GifterSide {
			gifter = other
		}
	}
	if gifter == nil || gifter.theirs != give.GifterSide && !p.is("give-from-another-side") {
		return errors.New("there is no such session")
	}
	if wire.Verify(receive.Give, gifter.theirKey) != nil && !p.is("give-signature-wrong") {
		return errors.New("the gifter has not signed")
	}
	key := p.giftKey(gifter, string(id))
	gift := p.gifts[key]
	delete(p.gifts, key)
	switch {
	case gift == nil:
		wanted := giftKey{gifter, string(id)}
		p.waiting[wanted] = append(p.waiting[wanted], result)
	case p.is("gift-deposited-before"):
		return errors.New("the gift came too early")
	default:
		result.fulfill(gift)
	}
	return nil
}

func sessions(conns map[*conn]bool) (live []*conn) {
	for c := range conns {
		if c.greeted && !c.over {
			live = append(live, c)
		}
	}
	return live
}

// give hands an object of one session to the other side of another.
func (p *Peer) give(to *conn, gift *remote) any {
	if p.is("gift-is-given") {
		return nil
	}
	from := gift.c
	random := p.random32()
	id := random[:]
	if p.is("give-names-gift") {
		id = id[:16]
	}
	give := &msg.HandoffGive{ReceiverKey: to.theirKey, Exporter: from.at, Session: from.id, GifterSide: from.ours, GiftID: id}
	if !p.is("gift-is-deposited") {
		from.send(&msg.Deliver{To: export(0), Args: []any{passable.Symbol("deposit-gift"), id, gift}})
	} else {
		from.send(&msg.Deliver{To: export(0), Args: []any{passable.Symbol("deposit-gift"), id, p.objects[echoSwiss]}})
	}
	switch {
	case p.is("give-names-receiver"):
		give.ReceiverKey = from.theirKey
	case p.is("give-names-exporter"):
		give.Exporter = p.net.Location()
	case p.is("give-names-session"):
		give.Session = to.id
	case p.is("give-names-side"):
		give.GifterSide = from.theirs
	}
	key := from.key
	if p.is("give-is-signed") {
		key = to.key
	}
	env, err := p.dialect.Sign(give, key)
	if err != nil {
		return nil
	}
	return env
}

// certificate takes a certificate met in arguments: a give stands for a reference,
// which is fetched from its exporter: the receiver's part.
func (c *conn) certificate(env *msg.SigEnvelope) (any, error) {
	give, ok := env.Signed.(*msg.HandoffGive)
	if !ok {
		return env, nil
	}
	p := c.p
	gift := &promise{}
	if give.ReceiverKey != [32]byte(c.key[32:]) && !p.is("gifts-to-others-are-left") {
		gift.smash(fault("the gift is for somebody else"))
		return gift, nil
	}
	p.reach(give.Exporter, true, func(e *conn) {
		if e == nil {
			gift.smash(fault("the exporter cannot be reached"))
			return
		}
		receive := &msg.HandoffReceive{Session: e.id, Side: e.ours, Count: e.lastCount, Give: env}
		e.lastCount++
		switch {
		case p.is("counts-differ"):
			receive.Count = 0
		case p.is("receive-names-session"):
			receive.Session = c.id
		case p.is("receive-names-side"):
			receive.Side = e.theirs
		case p.is("receive-holds-give"):
			other := *env
			other.Signature[5] ^= 1
			receive.Give = &other
		}
		key := c.key
		if p.is("receive-is-signed") {
			key = e.key
		}
		signed, err := p.dialect.Sign(receive, key)
		if err != nil {
			gift.smash(fault("no certificate"))
			return
		}
		method := passable.Symbol("withdraw-gift")
		if p.is("gift-is-withdrawn") {
			method = "withdraw"
		}
		result := gift
		if p.is("messages-reach-the-gift") {
			result = &promise{}
			gift.fulfill(nil)
		}
		e.deliver(&remote{c: e}, []any{method, signed}, result)
	})
	return gift, nil
}
