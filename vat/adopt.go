package vat

import (
	"fmt"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
)

// refOfCell returns the reference for a promise, always the same one for the same promise.
func refOfCell(c *promise.Cell) Ref {
	if w := vowOf(c.Host()); w != nil {
		return w.Ref()
	}
	a := &adopted{NewVow(nil)}
	a.w.cell.Link(c)
	host, waits := c.Attach(a)
	if host != promise.Adopter(a) {
		return vowOf(host).Ref()
	}
	if !waits {
		v, err, _ := c.Outcome()
		a.Adopt(nil, v, err)
	} else if other := c.Following(); other != nil {
		a.Follow(other)
	}
	return a.w.Ref()
}

// cellFor returns a cell by which a promise can be settled that was made again with its reference: what waits on that goes
// where the promise leads then.
func cellFor(r Ref) *promise.Cell {
	w, ok := r.n.target.(*Vow)
	if !ok || w.cell.Settled() {
		return r.PromiseCell()
	}
	c := new(promise.Cell)
	w.cell.Link(c)
	c.Attach(&adopted{w})
	return c
}

func vowOf(host any) *Vow {
	switch h := host.(type) {
	case *Vow:
		return h
	case *adopted:
		return h.w
	}
	return nil
}

// adopted is the vow of a promise that was made without one, by promise.New say, and has been passed.
type adopted struct{ w *Vow }

// Adopt implements promise.Adopter.
func (a *adopted) Adopt(cs *promise.Cascade, v any, err error) {
	if err == nil {
		v, err = copyGuarded(v)
	}
	a.w.SettleIn(cs, v, err, true)
}

// Follow implements promise.Adopter: messages need not wait until other has settled.
func (a *adopted) Follow(other *promise.Cell) { a.w.Resolve(refOfCell(other)) }

// copyGuarded copies what a promise was fulfilled with where nobody could catch the panic of a type's own methods.
func copyGuarded(v any) (m any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errResult.due(fmt.Errorf("copying a %T panicked: %v", v, p))
		}
	}()
	m, err = passable.Copy(v, asRef)
	if err != nil {
		return nil, errResult.due(err)
	}
	return m, nil
}
