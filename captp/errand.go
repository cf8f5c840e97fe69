package captp

import (
	"github.com/hawser-go/hawser/vat"
)

// An Errand is what a message to the bootstrap object asks for, done in the transaction that records the message: its effect is there after
// a crash if and only if the message need not come again. It must not block, settle promises, or send; what it returns is the answer. then,
// if not nil, is called when the transaction has been submitted.
type Errand func(tx *vat.Tx) (answer any, then func(), err error)

// run does an errand.
func (r *reader) run(e Errand, m *vat.Message, a *answer) {
	var v any
	var then func()
	err := error(vat.ErrLost)
	m.From = r.s.caller.Load()
	r.trace(m)
	r.received()
	r.s.update(nil, func(tx *vat.Tx) {
		v, then, err = e(tx)
		if a != nil {
			tx.Settle(a.vow.Ref(), v, err)
		}
	})
	if then != nil {
		then()
	}
	if a != nil {
		a.vow.Settle(v, err, true, nil)
	}
}
