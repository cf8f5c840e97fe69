package home

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref"
)

// correspondence is what a peer says of its mail.
type correspondence struct {
	drop    string
	signing [32]byte
	bundle  *mailbox.Bundle
	link    [32]byte     // what follows is about this link:
	life    mailbox.Life // which life of the peer's store this is
}

const lifeSize = 32 + 16 + 16 + 8 + 8

// life says which life of this side's store this is, of the pouch's link.
func (b *pouch) life() []byte {
	l := slices.Concat(b.cfg.Link[:], b.cfg.Store[:], b.cfg.Opening[:])
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(l, b.cfg.Epoch), b.cfg.Base)
}

// readLife reads that of the peer, and reports false if it is none.
func (c *correspondence) readLife(b []byte) bool {
	if len(b) != lifeSize {
		return false
	}
	copy(c.link[:], b)
	copy(c.life.Store[:], b[32:])
	copy(c.life.Opening[:], b[48:])
	c.life.Epoch, c.life.Base = binary.BigEndian.Uint64(b[64:]), binary.BigEndian.Uint64(b[72:])
	return c.life.Epoch > 0
}

// maxDropURI bounds the sturdyref of a drop.
const maxDropURI = 1024

// readCorrespondence verifies what a peer that has proven to have a static key says of its mail.
func readCorrespondence(drop string, record, bundle []byte, static [32]byte) (c correspondence, err error) {
	if _, err := sturdyref.Parse(drop); err != nil || len(drop) > maxDropURI {
		return c, errors.Join(err, errLongDrop)
	}
	r, err := sturdyref.VerifyRecord(record, static)
	if err != nil {
		return c, err
	}
	c.drop, c.signing = drop, r.Signing
	c.bundle, err = mailbox.VerifyBundle(bundle, r.Public)
	return c, err
}

var errLongDrop = errors.New("home: what should be the sturdyref of a drop is none")

// bucketMail has, under the name of a link, a pouchRecord.
const bucketMail = "mail"

// pouchRecord is what is stored of a link's mail: what is known of the peer's, and of what is on its way.
type pouchRecord struct {
	_                struct{} `cbor:",toarray"`
	Drop             []byte   // the peer's
	Own              []byte   // ours, for the peer
	Signing, Bundle  []byte
	Heard, Told      bool // the peer has been heard, and was told of Own
	Store, Opening   []byte
	Epoch, Base, End uint64
	Outbox           []byte
}

var mailCodec = func() *detcbor.Codec {
	c, err := detcbor.New(detcbor.Limits{Bytes: 1 << 20})
	if err != nil {
		panic(err)
	}
	return c
}()

// maxOutbox bounds what is stored of what is on its way. Who does not know it sends more than is needed.
const maxOutbox = 512 << 10

// save has what has changed be on the disk.
func (b *pouch) save() error {
	k := b.x.Known()
	b.rec.Heard, b.rec.Epoch, b.rec.Base, b.rec.End = k.Heard, k.Epoch, k.Base, k.End
	if k.Store != [16]byte{} {
		b.rec.Store, b.rec.Opening = k.Store[:], k.Opening[:]
	}
	if k.Signing != [32]byte{} {
		b.rec.Signing = k.Signing[:]
	}
	if k.Bundle != nil {
		b.rec.Bundle = k.Bundle.Encoded()
	}
	b.rec.Told = b.rec.Told || b.told
	var err error
	if b.rec.Outbox, err = b.x.Out.Encode(); err != nil || len(b.rec.Outbox) > maxOutbox {
		b.rec.Outbox = nil
	}
	now, err := mailCodec.Marshal(&b.rec)
	if err != nil || bytes.Equal(now, b.last) {
		return err
	}
	name := b.l.Name()
	tx := new(store.Batch)
	tx.Put(bucketMail, name[:], now)
	if err := b.post.cfg.Store.Write(tx); err != nil {
		return err
	}
	b.last = now
	b.ready.Store(b.isReady())
	return nil
}
