package captp

import (
	"fmt"

	"github.com/hawser-go/hawser/vat"
)

// Who gives a certificate owes the exporter the deposit. In a session that lasts what is owed is stored with the frame that has the certificate, and the
// deposit follows when that has been recorded: the transaction that records the deposit, in the session with the exporter, takes the debt
// away. So whenever the process ends, there is a deposit for each certificate, and one only.

// owed is a gift whose certificate is recorded, or about to be, and that is not deposited.
type owed struct {
	gift
	durable
}

// debt is a row of owed of another session.
type debt struct {
	of     *Session
	serial uint64
}

// owedRow is what is stored of a gift that is owed; it is pinned.
type owedRow struct {
	_        struct{} `cbor:",toarray"`
	ID       []byte
	Exporter []byte // the name of the session with it
}

func (o *owed) row() *owedRow {
	name := o.to
	if o.at != nil {
		name = o.at.current().name
	}
	return &owedRow{ID: o.id[:], Exporter: name[:]}
}

// owe has gifts be deposited behind the frames with their certificates, and returns those that need not wait.
func (l *locked) owe(due []gift) (now []gift) {
	lasts := l.t.journal != nil || l.s.lastable() == vat.LastsYet && l.s.wanted.Load() // and is stored before anything goes out
	if !lasts {
		return due
	}
	for _, g := range due {
		if g.at.current().lastable() == vat.LastsNot {
			now = append(now, g)
			continue
		}
		l.t.owes++
		g.debt = debt{l.s, l.t.owes}
		l.t.owed[l.t.owes] = &owed{gift: g}
		l.t.touch(rowOwed, l.t.owes, false)
		l.t.sequel.owed = append(l.t.sequel.owed, g)
	}
	return now
}

// owe makes a gift that is owed again.
func (r *restoring) owe(e entry, b []byte) error {
	if e.sort != rowOwed {
		return nil
	}
	var row owedRow
	if err := decode(b, &row); err != nil {
		return err
	}
	if len(row.ID) != 32 || len(row.Exporter) != 16 {
		return fmt.Errorf("%w: a gift", errDamaged)
	}
	o := &owed{durable: durable{stored: true, pinned: true}}
	o.id, o.ref, o.to, o.debt = [32]byte(row.ID), r.pinned(e).Ref, [16]byte(row.Exporter), debt{r.s, e.n}
	r.t.owed[e.n] = o
	r.t.owes = max(r.t.owes, e.n)
	r.owed = append(r.owed, o)
	return nil
}

// owes deposits what was owed before a restart, with exporters that go on, now or when they do.
func (s *Session) owes(all []*owed) {
	for _, o := range all {
		o.at = s.cfg.Ledger.revivedAs(o.to)
		switch {
		case o.at == nil:
			o.debt.forgive()
		case o.at.resuming != nil:
			o.at.resuming.deposits = append(o.at.resuming.deposits, o.gift)
		default:
			s.deposit([]gift{o.gift})
		}
	}
}

// store takes a debt away together with what pays it.
func (d debt) store(tx *vat.Tx) {
	d.forgive()
	eraseRow(tx, d.of.name, entry{rowOwed, d.serial})
}

// forgive takes a debt away: it is paid, or cannot be.
func (d debt) forgive() {
	if d.of == nil {
		return
	}
	d.of.withLock(func(l *locked) {
		if l.state == closed {
			return
		}
		if o := l.t.owed[d.serial]; o != nil {
			l.t.touch(rowOwed, d.serial, o.stored)
			delete(l.t.owed, d.serial)
		}
	})
}

// sequel is what belongs into the transaction with the frames that wait, and what is done when that has been submitted.
type sequel struct {
	asked []*inquiry
	start []*Withdrawal
	paid  []debt
	owed  []gift
}

// follows takes what is to follow.
func (l *locked) follows() (then sequel) {
	if l.t != nil {
		then, l.t.sequel = l.t.sequel, sequel{}
	}
	return then
}

func (then *sequel) store(tx *vat.Tx) {
	for _, k := range then.asked {
		k.store(tx)
	}
	for _, d := range then.paid {
		d.store(tx)
	}
}

func (s *Session) follow(then sequel) {
	redeemAll(then.start)
	s.deposit(then.owed)
}
