package home

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// At a closed door a session is there for what its peer has shown. Where it may outlive the process that is stored, so that what is revoked, or
// expires, ends the same sessions after a restart as before it. It is written soon, not at once: what a crash loses the peer shows again.

// bucketCredits has, behind a session's id, the public names of what its peer has shown, and whether these are of secrets or of grants; and the
// id alone if the peer has something of this node's. That the secret shown at the door is over is stored, too: the door's handshake is there still.
const bucketCredits = "credits"

// bucketPresented has the highest number of the presentations of grants that have come in a session, behind its id.
const bucketPresented = "presented"

var (
	bySecret = []byte{0}
	byGrant  = []byte{1}
	spent    = []byte{2}
)

func creditKey(l *link, name []byte) []byte {
	id := l.session.ID()
	return slices.Concat(id[:], name)
}

// mayLast reports whether a session may outlive the process.
func (h *Home) mayLast(l *link) bool {
	return h.cfg.Ledger != nil && slices.Contains(l.info().Features, captp.FeatureLasts)
}

// notes reports whether it is stored what the peer of a session has shown.
func (h *Home) notes(l *link) bool { return h.cfg.Door.Closed && !l.info().Outbound && h.mayLast(l) }

// notePresented stores the number of a presentation, so that none is good twice in a session, after a restart either.
func notePresented(tx *vat.Tx, l *link, n uint64) {
	tx.Batch().Put(bucketPresented, creditKey(l, nil), binary.BigEndian.AppendUint64(nil, n))
}

// noting calls fn with a transaction, if it is stored what the peer of a session has shown: the one given, unless that is nil.
func (h *Home) noting(tx *vat.Tx, l *link, fn func(tx *vat.Tx)) {
	switch {
	case !h.notes(l):
	case tx != nil:
		fn(tx)
	default:
		_ = h.cfg.Ledger.Depot().Update(fn, nil)
	}
}

// credit records that the peer of l has shown the secret or the grant with the public name id, which may have been revoked meanwhile.
func (h *Home) credit(l *link, id [16]byte, kind []byte) {
	h.mu.Lock()
	_, before := l.shown[id]
	l.shown[id] = struct{}{}
	h.mu.Unlock()
	if !before {
		h.noting(nil, l, func(tx *vat.Tx) { tx.Batch().Put(bucketCredits, creditKey(l, id[:]), kind) })
	}
	if !h.registry.admits(id) && !h.cfg.Office.Holds(id) {
		h.evict(id)
	}
}

// stays has the peer of a session, which has withdrawn a gift, stay whatever becomes of what has let it in, and reports whether that is to be
// noted. Called with mu held.
func (l *link) stays() bool {
	before := l.withdrew
	l.withdrew = true
	return !before
}

// noteStay stores that. l may be nil.
func (h *Home) noteStay(tx *vat.Tx, l *link) {
	if l != nil {
		h.noting(tx, l, func(tx *vat.Tx) { tx.Batch().Put(bucketCredits, creditKey(l, nil), []byte{}) })
	}
}

// evict forgets who has shown the secret or the grant with the public name id, and ends the sessions that a closed door admitted for
// its sake alone.
func (h *Home) evict(id [16]byte) {
	if id == ([16]byte{}) {
		return
	}
	var had, over []*link
	h.mu.Lock()
	for l := range h.links {
		if _, ok := l.shown[id]; !ok {
			continue
		}
		delete(l.shown, id)
		had = append(had, l)
		if !l.info().Outbound && h.unwelcome(l) {
			over = append(over, l)
		}
	}
	h.mu.Unlock()
	for _, l := range had {
		h.noting(nil, l, func(tx *vat.Tx) {
			if id == l.info().AdmittedBy {
				tx.Batch().Put(bucketCredits, creditKey(l, id[:]), spent)
			} else {
				tx.Batch().Delete(bucketCredits, creditKey(l, id[:]))
			}
		})
	}
	for _, l := range over {
		h.showOut(l)
	}
}

// unwelcome reports whether a closed door would not admit the peer of a session that it has dialled. Called with mu held.
func (h *Home) unwelcome(l *link) bool {
	return h.cfg.Door.Closed && len(l.shown) == 0 && !l.withdrew && !(identified(l.info()) && h.known(l.peer))
}

// showOut ends a session whose peer is no longer admitted, once it has been answered what it has asked, if that is soon: it may be that it has
// renounced its own grant.
func (h *Home) showOut(l *link) {
	h.goroutine(func() {
		pause := time.NewTicker(displacing)
		defer pause.Stop()
		for patience := owing / displacing; patience > 0 && l.session.Err() == nil && l.session.Tables().Replies > 0; patience-- {
			select {
			case <-pause.C:
			case <-h.ctx.Done():
				patience = 0
			}
		}
		l.session.Close("no longer admitted")
	})
}

// eraseCredits forgets what the peer of a session has shown that is over for good.
func (h *Home) eraseCredits(l *link) {
	if suspended(l) || !h.mayLast(l) {
		return
	}
	var old []row
	h.mu.Lock()
	if l.presented > 0 {
		old = append(old, row{bucketPresented, creditKey(l, nil)})
	}
	if h.notes(l) {
		if l.withdrew {
			old = append(old, row{bucketCredits, creditKey(l, nil)})
		}
		for id := range l.shown {
			old = append(old, row{bucketCredits, creditKey(l, id[:])})
		}
		if id := l.info().AdmittedBy; id != ([16]byte{}) {
			old = append(old, row{bucketCredits, creditKey(l, id[:])})
		}
	}
	h.mu.Unlock()
	h.erase(old)
}

// row is where something is stored.
type row struct {
	bucket string
	key    []byte
}

func (h *Home) erase(rows []row) {
	if len(rows) == 0 {
		return
	}
	_ = h.cfg.Ledger.Depot().Update(func(tx *vat.Tx) {
		for _, r := range rows {
			tx.Batch().Delete(r.bucket, r.key)
		}
	}, nil)
}

var errDamagedCredit = errors.New("home: the store is damaged: what a peer has shown: restore it from a backup, or use a new directory")

// restoreCredits reads what the peers of the sessions from before have shown, and removes what belongs to none.
func (h *Home) restoreCredits(restored []*link) error {
	of := make(map[[32]byte]*link, len(restored))
	for _, l := range restored {
		of[l.session.ID()] = l
	}
	var old []row
	err := h.cfg.Ledger.View(func(r store.Reader) (err error) {
		r.Scan(bucketPresented, nil, func(key, value []byte) bool {
			if len(key) != 32 || len(value) != 8 {
				err = errDamagedCredit
				return false
			}
			if l := of[[32]byte(key)]; l != nil {
				l.presented = binary.BigEndian.Uint64(value)
			} else {
				old = append(old, row{bucketPresented, slices.Clone(key)})
			}
			return true
		})
		if err != nil {
			return err
		}
		r.Scan(bucketCredits, nil, func(key, value []byte) bool {
			if len(key) != 32 && (len(key) != 48 || len(value) != 1) {
				err = errDamagedCredit
				return false
			}
			if l := of[[32]byte(key)]; l == nil || !h.restoreCredit(l, key[32:], value) {
				old = append(old, row{bucketCredits, slices.Clone(key)})
			}
			return true
		})
		return err
	})
	if err == nil {
		h.erase(old)
	}
	return err
}

// restoreCredit has the peer of a session have shown what it had, and reports false if that is of no use any more. A secret may be one that the
// program has yet to publish.
func (h *Home) restoreCredit(l *link, name, kind []byte) bool {
	if len(name) > 0 && kind[0] == byGrant[0] && !h.cfg.Office.Holds([16]byte(name)) {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case len(name) == 0:
		l.withdrew = true
	case kind[0] == spent[0]:
		delete(l.shown, [16]byte(name))
	default:
		l.shown[[16]byte(name)] = struct{}{}
	}
	return true
}

// receive has the peer of a session from before stay for the grant that has let it in; if that is over, and nothing else holds it, the session
// is. If it is good, and not open here any more, the peer is a guest once more; so is one that a secret has let in which is over, as is all else.
func (h *Home) receive(l *link) {
	g := h.grantAtDoor(l.info())
	if g != nil && h.cfg.Office.Holds(nameOf(g.ID())) {
		h.credit(l, nameOf(g.ID()), byGrant)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case l.info().Outbound || !h.unwelcome(l):
	case g != nil && h.cfg.Office.Over(g):
		h.wg.Go(func() { l.session.Close("no longer admitted") })
	default:
		h.guest(l, g)
	}
}

// guest gives a peer that a certificate or a grant has admitted giftFor to withdraw a gift, or to redeem a grant; g is the grant, if it is one.
// Called with mu held.
func (h *Home) guest(l *link, g *grant.Grant) {
	l.stay = time.AfterFunc(giftFor, func() {
		h.mu.Lock()
		over := h.unwelcome(l) && !h.closed
		if over && len(l.awaits) > 0 {
			over = false
			l.stay.Reset(giftFor) // what it waits for comes by then, or not at all
		}
		h.mu.Unlock()
		switch {
		case !over:
		case g != nil && h.cfg.Office.Holds(nameOf(g.ID())): // it was owed from before, and is there now
			h.credit(l, nameOf(g.ID()), byGrant)
		default:
			h.showOut(l)
		}
	})
}
