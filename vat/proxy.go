package vat

import "context"

// SpawnProxy makes an object that passes every message on, in order and with its answer, to the reference that to
// returns in the turn the message gets: a forwarder whose target can change. An error from to breaks the message. While
// to waits in Await later messages overtake the one it is asked about: better return a promise. SpawnProxy panics outside
// a turn.
func SpawnProxy(ctx context.Context, to func(ctx context.Context) (Ref, error)) Ref {
	t := mustTurn(ctx, "SpawnProxy")
	if to == nil {
		panic("vat: SpawnProxy of a nil function")
	}
	v := t.vat
	return SpawnFilter(v, nil, func(ctx context.Context, m *Message) (Ref, error) {
		r, err := to(ctx)
		m.told, m.via = v.told, nil // whoever chooses where it goes sends it
		return r, err
	})
}

// SpawnFilter makes an object of v that passes every message on, in order, to the reference that pass returns in the
// turn the message gets, while g, if not nil, is open. pass may replace the message's Args, with model values of the
// message's own, and its Answer; it then sees to it that the old Answer settles. An error from pass breaks the message.
// If pass waits in Await later messages overtake.
// It is for those who manage references rather than objects, and may be called outside turns.
func SpawnFilter(v *Vat, g *Gate, pass func(ctx context.Context, m *Message) (Ref, error)) Ref {
	f := &filter{pass: pass}
	f.way.gate = g
	return v.spawn(f)
}

type filter struct {
	way  passage // with no gate if there is none
	pass func(ctx context.Context, m *Message) (Ref, error)
}

func (p *filter) invoke(t *turn, m *Message) (any, error) {
	way := m.way
	if g := p.way.gate; g != nil {
		if err := g.Err(); err != nil {
			m.Taken()
			return nil, err
		}
		way = way.through(&p.way)
	}
	r, err := p.pass(t, m)
	if err != nil {
		m.Taken()
		return nil, err
	}
	return t.forward(m, r, way)
}

func (*filter) describe() string { return "proxy" }
