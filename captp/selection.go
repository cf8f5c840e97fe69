package captp

import (
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// selection answers a request for a part of a value here, once the value has come, because the peer's dialect has no
// operations for that.
type selection struct {
	of *vat.Vow
	m  vat.Message
}

// selectHere reports whether it has taken m over, which is for to.
func (s *Session) selectHere(to *far, m vat.Message) bool {
	if m.Op == vat.Deliver || !s.dialect.NoSelection || m.Answer == nil {
		return false
	}
	if to.vow == nil {
		m.Refuse(vat.ErrBadSelect)
		return true
	}
	to.vow.Cell().Subscribe(&selection{to.vow, m})
	return true
}

// Settled implements promise.Waiter.
func (x *selection) Settled(c *promise.Cell) {
	v, err, _ := c.Outcome()
	if _, ref := v.(vat.Ref); ref && err == nil {
		err = vat.ErrBadSelect
	}
	if err != nil {
		x.m.Refuse(err)
		return
	}
	x.of.Deliver(x.m)
}
