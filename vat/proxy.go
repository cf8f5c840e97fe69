package vat

import "context"

// SpawnProxy makes an object that passes every message on, in order and with its answer, to the reference that to
// returns in the turn the message gets: a forwarder whose target can change. An error from to breaks the message. It
// panics outside a turn.
func SpawnProxy(ctx context.Context, to func(ctx context.Context) (Ref, error)) Ref {
	t := mustTurn(ctx, "SpawnProxy")
	if to == nil {
		panic("vat: SpawnProxy of a nil function")
	}
	return t.vat.spawn(proxy(to))
}

type proxy func(ctx context.Context) (Ref, error)

func (p proxy) invoke(t *turn, m *Message) (any, error) {
	r, err := p(t)
	if err != nil {
		m.Taken()
		return nil, err
	}
	return t.forward(m, r, m.gate)
}

func (proxy) describe() string { return "proxy" }
