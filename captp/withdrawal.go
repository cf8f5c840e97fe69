package captp

import (
	"errors"
	"fmt"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// A Withdrawal is a certificate of a peer's and the promise for what it stands for. In a session that lasts it is stored with the frame that
// brought it, and redeemed when that has been recorded, and after a restart once more, unless the question about it is stored, too. Its methods may be called by any goroutine.
type Withdrawal struct {
	s        *Session
	serial   uint64 // in withdrawals, 0 if it is not there
	env      *msg.SigEnvelope
	vow      *vat.Vow
	redeemer Redeemer
	asked    vat.Ref // before a restart: the promise for the answer
	over     bool    // guarded by the session's mu: what it comes to is decided
	durable
}

// Session returns the session over which the certificate came: with whoever gives.
func (w *Withdrawal) Session() *Session { return w.s }

// Certificate returns the certificate, which holds a msg.HandoffGive.
func (w *Withdrawal) Certificate() *msg.SigEnvelope { return w.env }

// Ref returns the promise for what the certificate stands for.
func (w *Withdrawal) Ref() vat.Ref { return w.vow.Ref() }

// Lasts reports whether the certificate is stored.
func (w *Withdrawal) Lasts() (lasts bool) {
	w.s.withLock(func(l *locked) {
		end, ended := errors.AsType[*EndError](l.err)
		lasts = w.stored && !w.over && (!ended || end.Kind == Suspended)
	})
	return lasts
}

// A Redeemer fetches what a certificate stands for.
type Redeemer interface {
	// Redeem sets out for it, and sees to it that the withdrawal is settled sooner or later. It must not block.
	Redeem()
	// Failed is told that what was asked because of a stored certificate was not answered with a reference: it sees to it that the
	// withdrawal is settled in another way.
	Failed(err error)
}

// maxWithdrawals bounds the certificates that are stored. What is redeemed beyond that is lost with the process.
const maxWithdrawals = 1024

// withdrawing notes that a certificate is to be redeemed: at once, if its session cannot be stored, else behind its frame.
func (s *Session) withdrawing(w *Withdrawal, ref vat.Ref) {
	if s.lastable() == vat.LastsNot {
		w.redeemer.Redeem()
		return
	}
	s.withLock(func(l *locked) {
		if l.state != live {
			return
		}
		l.t.sequel.start = append(l.t.sequel.start, w)
		if ref == w.vow.Ref() && len(l.t.withdrawals) < maxWithdrawals {
			l.t.withdrawn++
			w.serial = l.t.withdrawn
			l.t.withdrawals[w.serial] = w
			l.t.touch(rowGiven, w.serial, false)
		}
	})
}

// start redeems what the frame has brought that was read last, unless that is to be recorded first.
func (s *Session) start() {
	if s.lastable() == vat.LastsNow {
		return
	}
	var starting []*Withdrawal
	s.withLock(func(l *locked) {
		if l.t != nil && l.t.journal == nil {
			starting, l.t.sequel.start = l.t.sequel.start, nil
		}
	})
	redeemAll(starting)
}

func redeemAll(all []*Withdrawal) {
	for _, w := range all {
		w.redeemer.Redeem()
	}
}

// decide reports whether what the promise comes to was not decided yet: it is now, and need not be redeemed any more.
func (w *Withdrawal) decide() (first bool) {
	w.s.withLock(func(l *locked) {
		first, w.over = !w.over, true
		if first && w.serial != 0 && l.state != closed && l.t.withdrawals[w.serial] == w {
			l.t.touch(rowGiven, w.serial, w.stored)
			delete(l.t.withdrawals, w.serial)
		}
	})
	return first
}

// Settle settles the promise, unless that is decided already, with a reference or else an error.
func (w *Withdrawal) Settle(ref vat.Ref, err error) {
	w.SettleIn(func(*vat.Tx) (vat.Ref, error) { return ref, err })
}

// SettleIn is Settle with what fn returns, which changes in the same transaction what it likes. If the certificate is not stored
// there is none, and fn is given nil.
func (w *Withdrawal) SettleIn(fn func(tx *vat.Tx) (vat.Ref, error)) {
	var ref vat.Ref
	var err error
	first := false
	if w.Lasts() {
		bad := w.s.cfg.Ledger.depot.Update(func(tx *vat.Tx) {
			if first = w.decide(); first {
				ref, err = fn(tx)
				tx.Settle(w.vow.Ref(), valueOf(ref), err)
				w.erase(tx)
			}
		}, nil)
		if bad != nil {
			first, err = w.decide(), bad
		}
	} else if first = w.decide(); first {
		ref, err = fn(nil)
	}
	if first {
		w.vow.Settle(valueOf(ref), err, true, nil)
	}
}

func valueOf(ref vat.Ref) any {
	if ref.IsNull() {
		return nil
	}
	return ref
}

func (w *Withdrawal) erase(tx *vat.Tx) { eraseRow(tx, w.s.name, entry{rowGiven, w.serial}) }

// Ask settles the promise with the answer to a message to the bootstrap object of another session's peer. If the certificate is stored the promise
// waits for the answer, and so does what is sent down it: should that session turn out not to last, at its other end, then nothing is lost with it, the
// Redeemer is told, and may go another way. That it was asked is in the transaction that records the message, if that session lasts at this end.
func (w *Withdrawal) Ask(at *Session, selector string, arg any) {
	k := &inquiry{w: w, answer: vat.NewVow(nil)}
	o := outgoing{to: at.boot, m: vat.Message{Selector: passable.Symbol(selector), Args: []any{arg}, Answer: k.answer}}
	if w.Lasts() {
		if err := w.s.cfg.Ledger.depot.Err(); err != nil { // what is asked now would be asked once more
			w.Settle(vat.Ref{}, err)
			return
		}
		o.asks = k
		k.answer.Cell().Subscribe(k)
		at.send(o)
		return
	}
	w.decide()
	at.send(o)
	w.vow.Resolve(k.answer.Ref())
}

// inquiry is a question about what a withdrawal comes to.
type inquiry struct {
	w      *Withdrawal
	answer *vat.Vow
}

// store notes that it was asked, in the transaction with the question.
func (k *inquiry) store(tx *vat.Tx) {
	if k.w.Lasts() {
		if err := tx.Pin(string(entry{rowAsked, k.w.serial}.key(k.w.s.name)), k.answer.Ref(), false); err != nil {
			k.w.s.log.Warn("a question cannot be stored: it will be asked again after a restart", "error", err)
		}
	}
}

// Settled implements promise.Waiter.
func (k *inquiry) Settled(c *promise.Cell) {
	v, err, _ := c.Outcome()
	switch ref, ok := v.(vat.Ref); {
	case err != nil:
		k.w.redeemer.Failed(err)
	case ok:
		k.w.Settle(ref, nil)
	default:
		k.w.Settle(vat.Ref{}, vat.ErrBadArgs)
	}
}

// givenRow holds a certificate, in an operation that delivers it.
type givenRow struct {
	_       struct{} `cbor:",toarray"`
	Deliver []byte
}

func (w *Withdrawal) row() *givenRow {
	b, err := wire.NewEncoder(wire.Hawser).Append(nil, &msg.Deliver{To: msg.Desc{Kind: msg.Export}, Args: []any{w.env}}, nil)
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
	if ok {
		_, ok = env.Signed.(*msg.HandoffGive)
	}
	if !ok {
		return fmt.Errorf("%w: a certificate", errDamaged)
	}
	w := &Withdrawal{s: r.s, serial: e.n, env: env, vow: r.vow(e), durable: durable{stored: true, pinned: true}}
	if asked, ok := r.pins[string(entry{rowAsked, e.n}.key(r.s.name))]; ok {
		w.asked = asked.Ref
	}
	r.t.withdrawals[e.n] = w
	r.t.withdrawn = max(r.t.withdrawn, e.n)
	r.withdrawals = append(r.withdrawals, w)
	return nil
}

// again redeems a restored withdrawal.
func (w *Withdrawal) again() {
	h := w.s.cfg.Handoffs
	switch {
	case w.vow.Cell().Settled():
		w.decide()
	case h == nil:
		w.Settle(vat.Ref{}, vat.ErrLost)
	default:
		var ref vat.Ref
		ref, w.redeemer = h.Receive(w)
		switch {
		case w.redeemer == nil:
			w.Settle(ref, nil)
		case ref != w.vow.Ref():
			w.Settle(ref, nil)
			w.redeemer.Redeem()
		case w.asked.IsNull():
			w.redeemer.Redeem()
		default:
			w.asked.PromiseCell().Subscribe(&inquiry{w: w})
		}
		w.asked = vat.Ref{}
	}
}
