package link

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/store"
)

// A Beginning is what a link is made of that begins without a connection, by a letter: what a handshake would have found out.
type Beginning struct {
	// Info says who is at the two ends, and has a binding, the features that both ends have and, of one that the peer has begun, by
	// what it was admitted. Authenticated says that only the peer can read what is in letters, or that it has signed one. Posted is set
	// by Begin. Info.Remote is also where the peer is dialled, if this side begins.
	Info netlayer.Info
	// ID is what letters call the link, and At when it began, as the side that begins it has it.
	ID [32]byte
	At time.Time
	// Secret is what only the two ends know, and what they prove to each other when they have a connection.
	Secret [32]byte
	// Note is kept with the link, for whoever carries its mail.
	Note []byte
	// Also, if not nil, adds to the transaction that stores the link. It must return soon, and not use the link.
	Also func(tx *store.Batch)
}

// opening is what a link has that was begun by a letter. It does not change.
type opening struct {
	id   [32]byte
	at   time.Time
	note []byte
	also func(tx *store.Batch)
}

// begunRecord is that as it is stored.
type begunRecord struct {
	_    struct{} `cbor:",toarray"`
	ID   []byte
	At   int64 // seconds since 1970
	Note []byte
}

var (
	errNoLetters = errors.New("link: a link that begins by a letter wants Config.Store and Config.Mail")
	errBegun     = errors.New("link: there is this link already")
)

// Begin makes a link that has no connection yet: its first frames go by mail, or, once the peer knows of it, by the first connection
// between the two. It does not last before Last is called, which is to be soon: one that does not last ends after some seconds.
//
// If this side begins it, the peer is dialled. As long as nothing was heard of it, that it does not know the link says only that it
// has not had the letter.
func (n *Netlayer) Begin(b Beginning) (netlayer.Lasting, error) {
	if n.cfg.Store == nil || n.cfg.Mail == nil {
		return nil, errNoLetters
	}
	b.Info.Posted = true
	l := newLink(n, b.Info)
	s := secret(b.Secret)
	l.opening = &opening{id: b.ID, at: b.At, note: b.Note, also: b.Also}
	l.name, l.named = name{s.id(), b.Info.Outbound}, true
	l.mu.Lock()
	defer l.mu.Unlock()
	lk := &l.lk
	_, _ = rand.Read(lk.id[:])
	lk.gen, lk.secret = 1, &s
	if b.Info.Outbound {
		lk.to = &target{peer: b.Info.Remote.Clone()}
	}
	n.mu.Lock()
	var err error
	switch {
	case n.closed:
		err = errClosed
	case n.byID[l.name] != nil:
		err = errBegun
	default:
		n.links[l], n.byID[l.name] = struct{}{}, l
	}
	n.mu.Unlock()
	if err != nil {
		return nil, err
	}
	l.suspend()
	return lasting{l}, nil
}

// unheard reports whether the peer may not know of the link. Called with mu held.
func (l *link) unheard() bool {
	return l.opening != nil && l.info.Outbound && l.lk.acked == 0 && l.lk.received == 0
}

// stored returns what is stored of it.
func (b *opening) stored() []byte {
	return stored(begunRecord{ID: b.id[:], At: b.at.Unix(), Note: b.note})
}

// reviveBegun reads that.
func reviveBegun(encoded []byte) (*opening, error) {
	var r begunRecord
	if err := codec.Unmarshal(encoded, &r); err != nil {
		return nil, err
	}
	if len(r.ID) != 32 {
		return nil, fmt.Errorf("a name of %d bytes", len(r.ID))
	}
	return &opening{id: [32]byte(r.ID), at: time.Unix(r.At, 0), note: r.Note}, nil
}
