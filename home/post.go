package home

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/mailroom"
	links "github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// Design.
//
// A Post takes letters out of this node's box, and carries the frames of links that last while their peers cannot be reached. The
// netlayer tells it of each such link, for which it keeps a pouch with a goroutine of its own: that alone looks into the link's mail
// (mailbox.Exchange), and may wait for the server. One more goroutine drains the box, opens letters and puts each into its link's pouch;
// another one changes prekeys.
//
// What a peer's drop is, and its keys, comes over the session (Bootstrap, mail-to), once both have one that lasts, or in letters; it is stored under
// the link's name.

// A PostConfig says where a node's mail is. All but the last two are required.
type PostConfig struct {
	// Box is the owner's sturdyref of this node's box on a mailbox server (mailroom.Box).
	Box sturdyref.Ref
	// Identity is the node's.
	Identity sturdyref.Identity
	// Prekeys are the files of its prekeys.
	Prekeys mailbox.Files
	// Store is that of the links.
	Store *store.Store
	// Patience is how long a peer has been out of reach before letters go (default 2 s).
	Patience time.Duration
	Logger   hclog.Logger
}

// A Post is a node's mail. It is made first, given to the netlayers of links (link.Config.Mail) and then to the Home, which closes it.
type Post struct {
	cfg     PostConfig
	log     hclog.Logger
	record  *sturdyref.Record
	prekeys *mailbox.Prekeys
	sealer  *mailbox.Sealer
	opener  *mailbox.Opener
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	bound   chan struct{} // closed when there is a Home

	mu      sync.Mutex
	h       *Home
	closed  bool
	pouches map[[32]byte]*pouch
	// told is what peers have said of their mail whose links do not last yet.
	told map[sturdyref.PeerID]correspondence
	// awaited are the links of earlier processes that have not entered; complete is closed when there are none. A letter about one must not
	// be taken for a stranger's.
	awaited  map[[16]byte]struct{}
	complete chan struct{}
	redrain  context.CancelCauseFunc // ends the Drain under way
	retired  time.Time               // when all prekeys were
}

// entering is how long the links of earlier processes are waited for.
const entering = 30 * time.Second

// maxTold bounds the peers whose word is kept for links that do not last yet.
const maxTold = 4096

var _ links.Mail = (*Post)(nil)

// NewPost reads the prekeys, or makes one, and returns a Post.
func NewPost(c PostConfig) (*Post, error) {
	if c.Patience == 0 {
		c.Patience = 2 * time.Second
	}
	p := &Post{
		cfg: c, log: c.Logger, bound: make(chan struct{}), pouches: make(map[[32]byte]*pouch), told: make(map[sturdyref.PeerID]correspondence),
	}
	if p.log == nil {
		p.log = hclog.NewNullLogger()
	}
	var err error
	if p.record, err = sturdyref.NewRecord(c.Identity, time.Now()); err != nil {
		return nil, fmt.Errorf("home: mail: %w", err)
	}
	if p.prekeys, err = mailbox.OpenPrekeys(mailbox.PrekeysConfig{Identity: c.Identity, Files: c.Prekeys}, time.Now()); err != nil {
		return nil, fmt.Errorf("home: mail: the prekeys: %w", err)
	}
	if err := p.await(); err != nil {
		return nil, fmt.Errorf("home: mail: %w", err)
	}
	p.sealer = &mailbox.Sealer{Identity: c.Identity, Record: p.record, Prekeys: p.prekeys}
	p.opener = &mailbox.Opener{Identity: c.Identity, Prekeys: p.prekeys, Correspondent: p.correspondent}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p, nil
}

// await finds out which links there are from before.
func (p *Post) await() error {
	p.awaited, p.complete = make(map[[16]byte]struct{}), make(chan struct{})
	self := p.cfg.Identity.Public().Static
	err := p.cfg.Store.View(func(r store.Reader) error {
		stored, err := links.StoredLinks(r)
		for _, l := range stored {
			if key, e := sturdyref.DesignatorKey(l.Local.Designator); e == nil && key == self {
				p.awaited[l.Name] = struct{}{}
			}
		}
		return err
	})
	if len(p.awaited) == 0 {
		close(p.complete)
	}
	return err
}

// entered notes that a link from before is there, or is over. It is called with mu held.
func (p *Post) entered(name [16]byte) {
	if _, ok := p.awaited[name]; ok {
		if delete(p.awaited, name); len(p.awaited) == 0 {
			close(p.complete)
		}
	}
}

// bind gives the Post its Home, by which it reaches the server and the peers.
func (p *Post) bind(h *Home) {
	p.mu.Lock()
	p.h = h
	p.mu.Unlock()
	close(p.bound)
	p.spawn(p.drain)
	p.spawn(p.rotate)
}

// shut ends the goroutines.
func (p *Post) shut() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	p.wg.Wait()
}

func (p *Post) spawn(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.wg.Go(fn)
}

// Enter implements link.Mail.
func (p *Post) Enter(l links.Mailed) {
	b, err := p.open(l)
	if err != nil {
		p.log.Error("a session has no mail", "peer", l.Info().Remote.ID().String(), "error", err)
		return
	}
	p.mu.Lock()
	p.pouches[l.ID()] = b
	p.entered(l.Name())
	if c, ok := p.told[b.peer]; ok {
		b.learn(c)
	}
	p.mu.Unlock()
	p.spawn(b.run)
}

// Stir implements link.Mail.
func (p *Post) Stir(l links.Mailed) {
	if b := p.pouch(l.ID()); b != nil {
		b.poke()
	}
}

// Leave implements link.Mail.
func (p *Post) Leave(l links.Mailed) {
	id := l.ID()
	p.mu.Lock()
	b := p.pouches[id]
	delete(p.pouches, id)
	p.entered(l.Name())
	p.mu.Unlock()
	if b != nil {
		b.cancel()
	}
}

func (p *Post) pouch(id [32]byte) *pouch {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pouches[id]
}

// correspondent implements mailbox.Opener.Correspondent.
func (p *Post) correspondent(about mailbox.Envelope) (mailbox.Correspondent, error) {
	b := p.pouch(about.Link)
	if b == nil {
		return mailbox.Correspondent{}, mailbox.ErrUnknownLink
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sender, nil
}

// learn takes what a peer says of its mail, over a session.
func (p *Post) learn(peer sturdyref.PeerID, c correspondence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := false
	for _, b := range p.pouches {
		if b.peer == peer {
			known = true
			b.learn(c)
		}
	}
	if !known && len(p.told) < maxTold {
		p.told[peer] = c
	}
}

// Correspondents lists the peers with which letters can be exchanged, in no particular order: each side knows where the other's are
// dropped.
func (p *Post) Correspondents() (all []sturdyref.PeerID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.pouches {
		if b.ready.Load() {
			all = append(all, b.peer)
		}
	}
	return all
}

// Pauses between tries to reach the server.
const (
	serverPause  = time.Second
	longestPause = time.Minute
)

// pause waits, longer each time, and reports whether to go on.
func (p *Post) pause(ctx context.Context, tries int) bool {
	wait := min(serverPause<<min(tries, 6), longestPause)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// box returns this node's box.
func (p *Post) box(ctx context.Context) (mailroom.BoxRef, error) {
	ref, err := p.h.Enliven(p.cfg.Box).Await(ctx)
	return mailroom.BoxRef{Ref: ref}, err
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
	for tries := 0; ; tries++ {
		since := time.Now()
		err := p.drainOnce()
		if p.ctx.Err() != nil {
			return
		}
		if time.Since(since) > longestPause || errors.Is(err, errRoom) {
			tries = 0
		}
		p.log.Debug("the mailbox cannot be drained", "error", err)
		if !p.pause(p.ctx, tries) {
			return
		}
	}
}

func (p *Post) drainOnce() error {
	box, err := p.box(p.ctx)
	if err != nil {
		return err
	}
	d := mailroom.NewDrainer(p.h.cfg.Vat, box)
	if err := d.Leave(p.ctx, p.prekeys.Bundle().Encoded()); err != nil {
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
			err = p.leave()
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

// deliver puts a letter into its link's pouch. One that nobody will ever want is done with.
func (p *Post) deliver(d mailbox.Delivery) {
	l, err := p.opener.Open(d.Letter, time.Now())
	if err == nil {
		if b := p.pouch(l.Link); b != nil {
			if !b.put(l, d) {
				p.later()
			}
			return
		}
		err = mailbox.ErrUnknownLink
	}
	p.log.Debug("a letter is refused", "error", err)
	d.Done()
}

// rotate changes prekeys when it is time, and leaves the newest in the box.
func (p *Post) rotate() {
	for tries := 0; ; {
		next, err := p.prekeys.Rotate(time.Now())
		if err != nil {
			p.log.Error("the prekeys cannot be changed: letters that come later may be lost, and be written again", "error", err)
			next = time.Now().Add(longestPause)
		}
		if err := p.leave(); err != nil {
			if !p.pause(p.ctx, tries) {
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

func (p *Post) leave() error {
	box, err := p.box(p.ctx)
	if err != nil {
		return err
	}
	return mailroom.NewDrainer(p.h.cfg.Vat, box).Leave(p.ctx, p.prekeys.Bundle().Encoded())
}

// MailTo is what a peer says over a session: where its letters are dropped, as a sturdyref, its identity record and its newest prekey.
func (b *lobby) MailTo(_ context.Context, drop string, record, bundle []byte) error {
	p, info := b.h.cfg.Post, b.link.info()
	if p == nil || !info.Authenticated || info.Anonymous {
		return nil // nobody here writes letters
	}
	static, err := sturdyref.DesignatorKey(info.Remote.Designator)
	if err != nil {
		return vat.ErrBadArgs
	}
	c, err := readCorrespondence(drop, record, bundle, static)
	if err != nil {
		return vat.ErrBadArgs
	}
	p.learn(info.Remote.ID(), c)
	return nil
}

// tell tells a peer where letters to this node are dropped.
func (p *Post) tell(ctx context.Context, peer sturdyref.PeerID, drop string) error {
	l := p.h.usableSession(peer)
	if l == nil {
		return errNoSession
	}
	_, err := l.session.Bootstrap().Send(ctx, "mail-to", drop, p.record.Encoded(), p.prekeys.Bundle().Encoded()).Await(ctx)
	if err != nil && !errors.Is(err, vat.ErrNotReference) {
		return err
	}
	return nil
}

var errNoSession = errors.New("home: there is no session with this peer")

// storeID is how the store is called to a peer, who cannot tell from it which others this node writes to.
func (p *Post) storeID(linkID [32]byte) (id [16]byte) {
	own := p.cfg.Store.ID()
	sum := sha256.Sum256(append(append([]byte("hawser/mail-store/1"), own[:]...), linkID[:]...))
	copy(id[:], sum[:])
	return id
}
