package link

import (
	"time"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref"
)

// Stored says what a store has of a link.
type Stored struct {
	// Name is what it is stored under, Local and Remote are its ends.
	Name          [16]byte
	Local, Remote sturdyref.PeerID
	// Contact is when the peer was connected, or heard by letter, last. Unheard says that it never was: this side has begun the link by a
	// letter, then.
	Contact time.Time
	Unheard bool
	// Frames and Bytes are what waits for the peer.
	Frames, Bytes uint64
}

// StoredLinks reads which links a store has, in the order of their names. What it returns beside an error may not be all.
func StoredLinks(r store.Reader) (all []Stored, err error) {
	n := &Netlayer{}
	r.Scan(bucketLinks, nil, func(id, _ []byte) bool {
		var l *link
		if l, err = n.revive(r, id); err != nil {
			return false
		}
		lk := &l.lk
		all = append(all, Stored{
			Name: lk.id, Local: l.info.Local.ID(), Remote: l.info.Remote.ID(), Contact: lk.contact, Unheard: l.unheard(), Frames: lk.taken - lk.deleted, Bytes: lk.put - lk.freed,
		})
		return true
	})
	return all, err
}
