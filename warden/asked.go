package warden

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// Over a session that lasts a grant is redeemed once, and the answer is owed to the peer whatever becomes of the process: that it was asked for is
// stored with the frame that asks, and it is opened when the object is on offer again.

const (
	pinsOfAsked = "asked/"
	bucketAsked = "grant-asked" // grants, by the keys of the pins
)

// asked is a promise that is owed.
type asked struct {
	key   string
	grant *grant.Grant
	vow   *vat.Vow
}

// maxOwed bounds the answers that are owed by one grant, while the object is not on offer; Config.MaxOpen those that are by way of one link.
const maxOwed = 8

// Owes reports whether an answer can be owed to whoever shows a grant: if it is good, and what it opens is kept here. If the object is not on
// offer the program may not have come to that yet, after a start.
func (o *Office) Owes(g *grant.Grant) bool {
	if o.depot == nil || g.Subject() != o.host || o.verifier.Verify(g) != nil {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if of := o.offers[g.Object()]; of != nil {
		_, ok := of.roles[g.Role()]
		return ok && of.vat.Durable()
	}
	if o.owing[g.ID()] >= maxOwed {
		return false
	}
	_, crowded := o.crowded(idsOf(g), func(id grant.LinkID) int { return o.owing[id] })
	return !crowded
}

// owe notes that an answer is owed, until what it is about is on offer. It is called with mu held.
func (o *Office) owe(a asked) {
	o.owed = append(o.owed, a)
	o.count(a.grant, 1)
}

// count counts what waits for the object that a grant is about. It is called with mu held.
func (o *Office) count(g *grant.Grant, n int) {
	for _, id := range idsOf(g) {
		if o.owing[id] += n; o.owing[id] == 0 {
			delete(o.owing, id)
		}
	}
}

// Owe is Open in a transaction: the promise returned is there after a restart, and settles then. The function returned is called when the
// transaction was submitted.
func (o *Office) Owe(tx *vat.Tx, g *grant.Grant) (r vat.Ref, then func(), err error) {
	var n [16]byte
	rand.Read(n[:])
	a := asked{pinsOfAsked + hex.EncodeToString(n[:]), g, vat.NewVow(nil)}
	if err := tx.Pin(a.key, a.vow.Ref(), true); err != nil {
		return vat.Ref{}, nil, err
	}
	tx.Batch().Put(bucketAsked, []byte(a.key), g.Bytes())
	return a.vow.Ref(), func() { o.paySoon(a) }, nil
}

// paySoon pays at once, or when the object is offered.
func (o *Office) paySoon(a asked) {
	o.mu.Lock()
	waits := o.offers[a.grant.Object()] == nil
	if waits {
		o.owe(a)
	}
	o.mu.Unlock()
	if waits {
		o.windBy(a.grant.Expires())
	} else {
		o.pay(a)
	}
}

// pay opens the grant and settles the promise.
func (o *Office) pay(a asked) {
	o.Open(a.grant).PromiseCell().Subscribe(payment{o, a})
}

type payment struct {
	office *Office
	asked
}

// Settled implements promise.Waiter.
func (p payment) Settled(c *promise.Cell) {
	v, err, _ := c.Outcome()
	if errors.Is(err, vat.ErrVatClosed) {
		return // it is still owed
	}
	if p.office.depot.Update(func(tx *vat.Tx) {
		tx.Settle(p.vow.Ref(), v, err)
		tx.Unpin(p.key)
		tx.Batch().Delete(bucketAsked, []byte(p.key))
	}, nil) == nil {
		p.vow.Settle(v, err, true, nil)
	}
}

// recall finds what was owed before.
func (o *Office) recall(view View, d *vat.Depot) error {
	pins, err := d.Pinned(pinsOfAsked)
	if err != nil || view == nil {
		return err
	}
	return view(func(r store.Reader) error {
		for key, pin := range pins {
			w, isVow := pin.Ref.Target().(*vat.Vow)
			g, err := grant.Parse(r.Get(bucketAsked, []byte(key)))
			if err == nil && isVow {
				o.owe(asked{key, g, w})
			}
		}
		return nil
	})
}

// unheard is a message about an object that the program has not offered yet, since it was started.
type unheard struct {
	grant    *grant.Grant
	message  []byte
	selector string
	vow      *vat.Vow
}

const (
	// maxUnheard bounds the messages by one grant that wait for the object to be on offer; Config.MaxOpen those that are by way of one link,
	maxUnheard = 64
	// and maxUnheardBytes what all take.
	maxUnheardBytes = 16 << 20
)

// wait has a message that is good wait for its object, if that may come to be on offer: the program may be starting, and whoever brings the
// message would take a refusal for the last word. What waits is not stored; it is brought again.
func (o *Office) wait(g *grant.Grant, message []byte, selector string) (vat.Ref, bool) {
	o.mu.Lock()
	if of := o.offers[g.Object()]; of != nil {
		_, ok := of.roles[g.Role()]
		o.mu.Unlock()
		if ok { // by now
			return o.hand(g, message, selector), true
		}
		return vat.Ref{}, false
	}
	_, gone := o.withdrawn[g.Object()]
	_, crowded := o.crowded(idsOf(g), func(id grant.LinkID) int { return o.owing[id] })
	if o.depot == nil || o.closed || gone || crowded || o.owing[g.ID()] >= maxUnheard || o.unheardBytes+len(message) > maxUnheardBytes {
		o.mu.Unlock()
		return vat.Ref{}, false
	}
	u := unheard{g, message, selector, vat.NewVow(nil)}
	o.unheard = append(o.unheard, u)
	o.unheardBytes += len(message)
	o.count(g, 1)
	o.mu.Unlock()
	o.windBy(g.Accept())
	return u.vow.Ref(), true
}

// hear has messages heard that have waited, or refused.
func (o *Office) hear(due []unheard) {
	for _, u := range due {
		u.vow.Resolve(o.hand(u.grant, u.message, u.selector))
	}
}

// audible returns the messages that wait for an object no more. It is called with mu held.
func (o *Office) audible(now time.Time) (due []unheard) {
	o.unheard = slices.DeleteFunc(o.unheard, func(u unheard) bool {
		if o.offers[u.grant.Object()] == nil && !o.closed && now.Before(u.grant.Accept().Add(o.cfg.Skew)) {
			return false
		}
		o.unheardBytes -= len(u.message)
		o.count(u.grant, -1)
		due = append(due, u)
		return true
	})
	return due
}

// due returns what is owed, and can be paid: about an object that has come to be on offer, or by a grant that is over. It is called with mu held.
func (o *Office) due(now time.Time) (due []asked) {
	var left []asked
	for _, a := range o.owed {
		if o.offers[a.grant.Object()] != nil || !now.Before(a.grant.Expires().Add(o.cfg.Skew)) {
			due = append(due, a)
			o.count(a.grant, -1)
		} else {
			left = append(left, a)
		}
	}
	o.owed = left
	return due
}
