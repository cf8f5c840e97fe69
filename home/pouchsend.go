package home

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/hawser-go/hawser/mailroom"
	links "github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
)

// introduce has a drop made for the peer, and tells the peer, once in the life of a process. If a letter begins the link each letter says
// it, until there is a connection.
func (b *pouch) introduce() error {
	connected := b.l.Mail().Connected
	if b.told || !connected && !(b.first && len(b.rec.Own) == 0) {
		return nil
	}
	ctx, cancel := context.WithTimeout(b.ctx, mailTimeout)
	defer cancel()
	if len(b.rec.Own) == 0 {
		box, err := b.post.box(ctx)
		if err != nil {
			return err
		}
		uri, err := box.NewDrop(ctx, dropLabel(b.l.Name()), mailroom.Terms{}).Await(ctx)
		if err != nil {
			return err
		}
		b.rec.Own, b.cfg.Reply = []byte(uri), uri
		b.x.SetReply(uri)
	}
	if !connected {
		return nil
	}
	err := b.post.tell(ctx, b.peer, string(b.rec.Own), b.life())
	b.told = err == nil
	return err
}

// dropLabel is what the drop of a link is called at this node's server: nothing that tells whom it is for.
func dropLabel(link [16]byte) string { return "link " + hex.EncodeToString(link[:]) }

// mailTimeout bounds each thing that is asked of a server.
const mailTimeout = 30 * time.Second

// outOfReach returns how long the peer has been: since the connection was lost, or, as long as that looks as if it were there, since the
// peer has acknowledged anything of what waits for it. A peer that was switched off is missed by its connection a minute later.
func (b *pouch) outOfReach(st links.MailState) time.Duration {
	waits := st.Acked < st.Written
	if st.Acked != b.acked || !waits || !b.waits {
		b.acked, b.since = st.Acked, time.Now()
	}
	b.waits = waits
	if st.Connected {
		return time.Since(b.since) - silence
	}
	return time.Since(st.Since)
}

// silence is how long a peer to which there is a connection may acknowledge nothing, before what is sent goes by mail, too.
const silence = 5 * time.Second

// canSend reports whether it is known where the peer's letters are dropped and, if each says it, where this side's are.
func (b *pouch) canSend() bool { return len(b.rec.Drop) > 0 && (!b.first || len(b.rec.Own) > 0) }

// send drops what is due, if the peer is out of reach and has a box.
func (b *pouch) send() error {
	if !b.canSend() || b.outOfReach(b.l.Mail()) < b.post.cfg.Patience {
		return nil
	}
	if _, _, due := b.x.Out.Due(time.Now()); !due {
		if _, owes := b.x.In.Owes(); !owes {
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(b.ctx, mailTimeout)
	defer cancel()
	to, err := b.dropper(ctx)
	if err != nil {
		return err
	}
	return b.x.Send(ctx, to, time.Now())
}

// dropper returns the peer's box, to which there may be no way, and letters with it.
func (b *pouch) dropper(ctx context.Context) (mailbox.Dropper, error) {
	uri, err := sturdyref.Parse(string(b.rec.Drop))
	if err != nil {
		return nil, err
	}
	allow := b.post.h.cfg.Handoffs.Allow()
	switch own := b.post.cfg.Box.Peer; {
	case uri.Peer.ID() == own.ID():
		uri.Peer, allow = own, nil // it is where its owner says, whatever a peer says
	case b.shown != "" && string(b.rec.Drop) == b.shown:
		allow = nil
	}
	ref, err := b.post.server(uri, allow).Await(ctx)
	return mailroom.NewDropper(mailroom.DropRef{Ref: ref}), err
}

// farewell tells the peer that the link is over, if it is and nobody else has.
func (b *pouch) farewell() error {
	if len(b.rec.Drop) == 0 || !b.l.Untold() {
		return nil
	}
	ctx, cancel := context.WithTimeout(b.post.ctx, mailTimeout)
	defer cancel()
	to, err := b.dropper(ctx)
	if err != nil {
		return err
	}
	return b.x.End(ctx, to, b.parting, time.Now())
}

// rest returns how long to wait if nothing happens.
func (b *pouch) rest() time.Duration {
	wait := time.Hour
	switch st := b.l.Mail(); {
	case b.busy > 0:
		wait = min(wait, time.Until(b.until))
	case !b.canSend(), st.Connected && st.Acked == st.Written: // until there is a Stir, or news
	default:
		if left := b.post.cfg.Patience - b.outOfReach(st); left > 0 {
			wait = min(wait, left)
		} else if at, ok := b.x.Wake(time.Now()); ok {
			wait = min(wait, time.Until(at))
		}
	}
	return max(wait, 10*time.Millisecond)
}
