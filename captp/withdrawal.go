package captp

import (
	"fmt"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// withdrawal is a certificate that has come over a session which may last, until it is known what it stands for: after a restart it is
// redeemed again.
type withdrawal struct {
	s      *Session
	serial uint64
	env    *msg.SigEnvelope
	vow    *vat.Vow
	durable
}

// withdrawing notes that a certificate is being redeemed, if that takes a while.
func (s *Session) withdrawing(env *msg.SigEnvelope, ref vat.Ref) {
	w, ok := ref.Target().(*vat.Vow)
	if !ok || s.lastable() == vat.LastsNot || w.Cell().Settled() {
		return
	}
	g := &withdrawal{s: s, env: env, vow: w}
	s.withLock(func(l *locked) {
		if l.state != live || len(l.t.withdrawals) >= maxWithdrawals {
			return
		}
		l.t.withdrawn++
		g.serial = l.t.withdrawn
		l.t.withdrawals[g.serial] = g
		l.t.touch(rowGiven, g.serial, false)
	})
	if g.serial != 0 {
		w.Cell().Subscribe(g)
	}
}

// maxWithdrawals bounds the certificates that are stored. What is redeemed beyond that is lost with the process.
const maxWithdrawals = 1024

// Settled implements promise.Waiter.
func (g *withdrawal) Settled(*promise.Cell) {
	g.s.withLock(func(l *locked) {
		if l.state == live && l.t.withdrawals[g.serial] == g {
			l.t.touch(rowGiven, g.serial, g.stored)
			delete(l.t.withdrawals, g.serial)
		}
	})
}

// givenRow holds a certificate, in an operation that delivers it.
type givenRow struct {
	_       struct{} `cbor:",toarray"`
	Deliver []byte
}

func (g *withdrawal) row() *givenRow {
	b, err := wire.NewEncoder(wire.Hawser).Append(nil, &msg.Deliver{To: msg.Desc{Kind: msg.Export}, Args: []any{g.env}}, nil)
	if err != nil {
		panic(fmt.Sprintf("captp: a certificate that was read cannot be written: %v", err))
	}
	return &givenRow{Deliver: b}
}

// withdrawal makes a withdrawal again.
func (r *restoring) withdrawal(e entry, b []byte) error {
	if e.sort != rowGiven {
		return nil
	}
	var row givenRow
	if err := decode(b, &row); err != nil {
		return err
	}
	op, err := wire.NewDecoder(wire.Hawser, wire.Limits{Bytes: netlayer.MaxFrame}).Decode(row.Deliver, nil)
	if err != nil {
		return fmt.Errorf("%w: a certificate: %w", errDamaged, err)
	}
	d, ok := op.(*msg.Deliver)
	if !ok || len(d.Args) != 1 {
		return fmt.Errorf("%w: a certificate", errDamaged)
	}
	env, ok := d.Args[0].(*msg.SigEnvelope)
	if !ok {
		return fmt.Errorf("%w: a certificate", errDamaged)
	}
	g := &withdrawal{s: r.s, serial: e.n, env: env, vow: r.vow(e), durable: durable{stored: true, pinned: true}}
	r.t.withdrawals[e.n] = g
	r.t.withdrawn = max(r.t.withdrawn, e.n)
	r.withdrawals = append(r.withdrawals, g)
	return nil
}

// again redeems the certificate of a restored withdrawal.
func (g *withdrawal) again() {
	if h := g.s.cfg.Handoffs; h == nil {
		g.vow.Break(vat.ErrLost)
	} else if !g.vow.Cell().Settled() {
		g.vow.Resolve(h.Receive(g.s, g.env))
	}
	g.vow.Cell().Subscribe(g)
}
