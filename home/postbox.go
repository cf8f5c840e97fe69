package home

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/hawser-go/hawser/mailroom"
	links "github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// entering is how long the links of earlier processes are waited for.
const entering = 30 * time.Second

// Pauses between tries to reach the server.
const (
	serverPause  = time.Second
	longestPause = time.Minute
	// steadyDrain is how long letters must have come for the pauses to begin anew.
	steadyDrain = 10 * time.Second
)

// pause waits, longer each time, and reports whether to go on.
func (p *Post) pause(tries int) bool {
	timer := time.NewTimer(backoff(tries, serverPause, longestPause))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.ctx.Done():
		return false
	}
}

// box returns this node's box.
func (p *Post) box(ctx context.Context) (mailroom.BoxRef, error) {
	ref, err := p.server(p.cfg.Box, nil).Await(ctx)
	return mailroom.BoxRef{Ref: ref}, err
}

// server returns what a mailbox server has, which is dialled: no letter opens a session with it, or whoever writes to this node could have
// it store one after the other.
func (p *Post) server(at sturdyref.Ref, allow func(netip.Addr) bool) vat.Ref {
	at.Peer = withoutMailbox(at.Peer)
	return p.h.enliven(at, allow)
}

// withoutMailbox returns a peer that no first letter goes to.
func withoutMailbox(p sturdyref.Peer) sturdyref.Peer {
	p = p.Clone()
	delete(p.Hints, "mailbox")
	return p
}

// drain takes letters out of the box until the Post is shut.
func (p *Post) drain() {
	timer := time.NewTimer(entering)
	defer timer.Stop()
	select {
	case <-p.complete:
	case <-timer.C:
	case <-p.ctx.Done():
		return
	}
	complained := false
	for tries := 0; ; tries++ {
		since := time.Now()
		err := p.drainOnce()
		if p.ctx.Err() != nil {
			return
		}
		if e, ok := errors.AsType[*vat.Error](err); ok && !errors.Is(err, errRoom) && !complained {
			complained = true // others go away by themselves: the server cannot be reached, say
			p.log.Warn("the mailbox does not do what a box does for its owner: is Config.Mailbox the owner's sturdyref?", "error", e)
		}
		if time.Since(since) > steadyDrain || errors.Is(err, errRoom) {
			tries = 0
		}
		p.log.Debug("the mailbox cannot be drained", "error", err)
		if !p.pause(tries) {
			return
		}
	}
}

func (p *Post) drainOnce() error {
	box, d, err := p.leave()
	if err != nil {
		return err
	}
	if err := p.tidy(box); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	p.mu.Lock()
	p.redrain = cancel
	p.mu.Unlock()
	return d.Drain(ctx, p.deliver)
}

// errRoom ends a Drain after which letters are taken that there was no room for.
var errRoom = errors.New("home: letters were left in the box for want of room")

// later has letters that were not done be brought again.
func (p *Post) later() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.redrain != nil {
		p.redrain(errRoom)
	}
}

// retireAll makes new prekeys in the place of all there are, once a day at the most: perhaps this directory was put back to an earlier
// state, in which there were keys that it had destroyed.
func (p *Post) retireAll() {
	p.mu.Lock()
	again := time.Since(p.retired) < 24*time.Hour
	if !again {
		p.retired = time.Now()
	}
	p.mu.Unlock()
	if again {
		return
	}
	p.spawn(func() {
		err := p.prekeys.RetireAll(time.Now())
		if err == nil {
			_, _, err = p.leave()
		}
		if err != nil {
			p.log.Warn("the keys of letters could not be replaced", "error", err)
		}
	})
}

// tidy forgets the mail of links that are over, and has their drops revoked.
func (p *Post) tidy(box mailroom.BoxRef) error {
	var over [][16]byte
	err := p.cfg.Store.View(func(r store.Reader) error {
		stored, err := links.StoredLinks(r)
		there := make(map[[16]byte]bool, len(stored))
		for i := range stored {
			there[stored[i].Name] = true
		}
		r.Scan(bucketMail, nil, func(key, _ []byte) bool {
			if len(key) == 16 && !there[[16]byte(key)] {
				over = append(over, [16]byte(key))
			}
			return true
		})
		return err
	})
	swept := new(store.Batch)
	if e := p.opened.Sweep(swept, time.Now()); e == nil && swept.Size() > 0 {
		err = errors.Join(err, p.cfg.Store.Submit(swept, nil))
	}
	for _, name := range over {
		if _, e := box.RevokeDrop(p.ctx, dropLabel(name)).Await(p.ctx); e != nil && p.ctx.Err() != nil {
			return e // else there is no such drop
		}
		tx := new(store.Batch)
		tx.Delete(bucketMail, name[:])
		if e := p.cfg.Store.Submit(tx, nil); e != nil {
			return e
		}
	}
	return err
}

// deliver puts a letter into its link's pouch, which it may be the first to need. One that nobody will ever want is done with.
func (p *Post) deliver(d mailbox.Delivery) {
	var secret mailbox.Secret // by which a first letter was sealed
	asleep := false
	o := mailbox.Opener{
		Identity: p.cfg.Identity, Prekeys: p.prekeys, Correspondent: p.correspondent,
		Secrets: func(id [16]byte) (mailbox.Secret, bool) {
			secret, asleep = p.h.mailSecret(id)
			return secret, !secret.IsZero()
		},
	}
	l, err := o.Open(d.Letter, time.Now())
	var b *pouch
	if err == nil {
		if b = p.pouch(l.Link); b == nil {
			b, err = p.welcome(l, secret)
		}
	}
	switch {
	case err == nil:
		if !b.put(l, d) {
			p.later()
		}
	case asleep, errors.Is(err, errLeft):
		p.log.Debug("a letter waits in the box for what is not there yet", "error", err)
		p.mu.Lock()
		if p.left == nil && !p.closed {
			p.left = time.AfterFunc(leftFor, p.published)
		}
		p.mu.Unlock()
	default:
		p.log.Debug("a letter is refused", "error", err)
		d.Done()
	}
}

// leftFor is how long a letter that opens a session stays in the box before it is looked at again: there was no room for the session, or what
// it is for was not published.
const leftFor = 10 * time.Minute

// published has letters be brought again that were for what was not published. p may be nil.
func (p *Post) published() {
	if p == nil {
		return
	}
	p.mu.Lock()
	left := p.left
	if p.left = nil; left != nil {
		left.Stop()
	}
	p.mu.Unlock()
	if left != nil {
		p.later()
	}
}

// mailSecret returns what the secret with the public name id is worth in mail, zero if there is none; asleep says that it is remembered, and
// nothing is published by it at present.
func (h *Home) mailSecret(id [16]byte) (s mailbox.Secret, asleep bool) {
	swiss, asleep := h.registry.number(id)
	if h.registry.isDoor(id) {
		swiss = h.cfg.Door.Secret
	}
	s, _ = mailbox.SecretOf(swiss) // zero if there is none
	return s, asleep
}

// rotate changes prekeys when it is time, and leaves the newest in the box.
func (p *Post) rotate() {
	for tries := 0; ; {
		next, err := p.prekeys.Rotate(time.Now())
		if err != nil {
			p.log.Error("the prekeys cannot be changed: letters that come later may be lost, and be written again", "error", err)
			next = time.Now().Add(longestPause)
		}
		if _, _, err := p.leave(); err != nil {
			if !p.pause(tries) {
				return
			}
			tries++
			continue
		}
		tries = 0
		timer := time.NewTimer(time.Until(next))
		select {
		case <-timer.C:
		case <-p.ctx.Done():
			timer.Stop()
			return
		}
	}
}

// leave leaves the newest prekeys in the box, and returns the box and who drains it.
func (p *Post) leave() (mailroom.BoxRef, mailbox.Drainer, error) {
	box, err := p.box(p.ctx)
	if err != nil {
		return box, nil, err
	}
	d := mailroom.NewDrainer(p.h.cfg.Vat, box)
	return box, d, d.Leave(p.ctx, p.prekeys.Bundle().Encoded())
}
