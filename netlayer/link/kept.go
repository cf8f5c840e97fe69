package link

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/store"
)

var _ netlayer.Keeper = (*Netlayer)(nil)

// Kept returns the links of earlier processes with this netlayer's identity on its transport, in the order of their names. Their
// frames stay in the store until they are needed. Without a Config.Store there are none.
func (n *Netlayer) Kept() ([]netlayer.Lasting, error) {
	if n.cfg.Store == nil {
		return nil, nil
	}
	var all []netlayer.Lasting
	orphans := new(store.Batch)
	self := n.Location().ID()
	err := n.cfg.Store.View(func(r store.Reader) (err error) {
		r.Scan(bucketLinks, nil, func(id, _ []byte) bool {
			var l *link
			if l, err = n.revive(r, id); err == nil && l.info.Local.ID() == self {
				all = append(all, lasting{l})
			}
			return err == nil
		})
		if err == nil {
			sweep(r, orphans)
		}
		return err
	})
	if err == nil && orphans.Size() > 0 {
		err = n.cfg.Store.Submit(orphans, nil)
	}
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		l := c.(lasting).link
		if err := n.keep(l); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// revive reads a link from the store, but for its frames.
func (n *Netlayer) revive(r store.Reader, id []byte) (*link, error) {
	var fixed linkRecord
	var place placeRecord
	var note noteRecord
	for bucket, into := range map[string]any{bucketLinks: &fixed, bucketPlaces: &place, bucketNotes: &note} {
		if err := readRecord(r, bucket, id, into); err != nil {
			return nil, err
		}
	}
	bad := func(what string) (*link, error) { return nil, fmt.Errorf("%w: %s of session %x", ErrDamaged, what, id) }
	info, err := fixed.revive()
	said := note.Secret
	if len(said) == 0 {
		said = place.Secret
	}
	switch {
	case err != nil:
		return bad(err.Error() + ", about the peer")
	case len(id) != 16:
		return bad("the name")
	case note.Deleted > place.Frames || note.Freed > place.Bytes:
		return bad("the position")
	case len(said) != 0 && len(said) != len(secret{}):
		return bad("the secret")
	case len(fixed.To) > 1 || len(note.Elsewhere) > 1 || len(fixed.To) == 0 && info.Outbound:
		return bad("the place")
	}
	peer, ok := reviveIncarnation(note.Peer)
	if !ok {
		return bad("the peer's incarnation")
	}
	l := newLink(n, info)
	if b := r.Get(bucketBegun, id); b != nil {
		if l.opening, err = reviveBegun(bytes.Clone(b)); err != nil {
			return bad(err.Error() + ", of its beginning")
		}
		l.info.Posted = true
	}
	lk := &l.lk
	lk.peer = peer
	lk.id, lk.frames, lk.gen, lk.lasts, lk.asleep = [16]byte(id), framesOf([16]byte(id)), 1, true, true
	lk.base, lk.taken, lk.disk, lk.end, lk.sent = place.Frames, place.Frames, place.Frames, place.Frames, place.Frames
	lk.put, lk.freed, lk.deleted, lk.acked, lk.next = place.Bytes, note.Freed, note.Deleted, note.Deleted, note.Deleted
	lk.saved, lk.received, lk.counted = place.Consumed, place.Consumed, place.Consumed
	lk.mark, lk.heard, lk.contact = 1, true, time.Unix(note.Contact, 0)
	lk.to, lk.also = n.cfg.reviveTarget(fixed.To), n.cfg.reviveTarget(note.Elsewhere)
	if n.cfg.Mail != nil {
		lk.mailed = place.Frames
	}
	l.lasting.Store(true)
	l.consumed.Store(place.Consumed)
	if len(said) > 0 {
		lk.secret, lk.late = (*secret)(said), len(note.Secret) == 0
		l.name, l.named = name{lk.secret.id(), info.Outbound}, true
	}
	if info.Anonymous {
		lk.contact = time.Now() // it has waited for this process, or has not
	}
	switch {
	case lk.secret == nil:
		lk.ended = because(ErrYoung, "this process was restarted")
	case l.lease() <= 0:
		lk.ended = because(ErrExpired, "")
	}
	return l, nil
}

// keep enters a link of an earlier process.
func (n *Netlayer) keep(l *link) error {
	shares := l.shares()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return errClosed
	}
	n.lasting.enter(l, shares)
	if l.lk.ended == nil {
		n.links[l] = struct{}{}
		n.byID[l.name] = l
	}
	return nil
}

// sweep deletes what links have left that are forgotten: what was on its way to the store at that moment.
func sweep(r store.Reader, tx *store.Batch) {
	for _, bucket := range []string{bucketPlaces, bucketNotes, bucketBegun} {
		r.Scan(bucket, nil, func(id, _ []byte) bool {
			if r.Get(bucketLinks, id) == nil {
				tx.Delete(bucket, bytes.Clone(id))
			}
			return true
		})
	}
	for _, bucket := range r.Buckets() {
		if digits, ok := strings.CutPrefix(bucket, bucketFrames+"-"); ok {
			if id, err := hex.DecodeString(digits); err != nil || r.Get(bucketLinks, id) == nil {
				tx.Drop(bucket)
			}
		}
	}
}
