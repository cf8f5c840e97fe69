package home

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	links "github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref"
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

// A PostConfig says where a node's mail is. All but Public and the last two are required.
type PostConfig struct {
	// Box is the owner's sturdyref of this node's box on a mailbox server (mailroom.Box).
	Box sturdyref.Ref
	// Identity is the node's.
	Identity sturdyref.Identity
	// Public, if set, is a drop of the box for anybody (mailroom.Public). It goes into what is published, and letters of peers that this
	// node has never met are taken.
	Public sturdyref.Ref
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
	opened  *mailbox.Opened
	opening [16]byte // of the store, by chance
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	bound   chan struct{} // closed when there is a Home

	mu      sync.Mutex
	h       *Home
	closed  bool
	pouches map[[32]byte]*pouch
	coming  map[[32]byte]chan *pouch // who waits for the pouch of a link that a letter has opened
	left    *time.Timer              // has letters looked at again that were left in the box, nil if there are none
	// told is what peers have said of their mail whose links do not last yet.
	told map[sturdyref.PeerID]correspondence
	// awaited are the links of earlier processes that have not entered; complete is closed when there are none. A letter about one must not
	// be taken for a stranger's.
	awaited  map[[16]byte]struct{}
	complete chan struct{}
	redrain  context.CancelCauseFunc // ends the Drain under way
	retired  time.Time               // when all prekeys were
}

var _ links.Mail = (*Post)(nil)

// NewPost reads the prekeys, or makes one, and returns a Post.
func NewPost(c PostConfig) (*Post, error) {
	if c.Patience == 0 {
		c.Patience = 2 * time.Second
	}
	p := &Post{
		cfg: c, log: c.Logger, bound: make(chan struct{}), pouches: make(map[[32]byte]*pouch), told: make(map[sturdyref.PeerID]correspondence),
		coming: make(map[[32]byte]chan *pouch), opened: mailbox.NewOpened(c.Store),
	}
	if p.log == nil {
		p.log = hclog.NewNullLogger()
	}
	_, _ = rand.Read(p.opening[:])
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
	if p.left != nil {
		p.left.Stop()
	}
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
	if err == nil {
		err = p.enter(b)
	}
	if err != nil {
		p.log.Error("a session has no mail", "peer", l.Info().Remote.ID().String(), "error", err)
		return
	}
	p.spawn(b.run)
}

// enter takes up a pouch. What letters call a link its peer may have chosen, and only its own: no other can be in the way.
func (p *Post) enter(b *pouch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entered(b.l.Name())
	if p.pouches[b.cfg.Link] != nil {
		b.cancel()
		return errSameName
	}
	p.pouches[b.cfg.Link] = b
	if c, ok := p.told[b.peer]; ok {
		b.learn(c)
	}
	if coming := p.coming[b.cfg.Link]; coming != nil {
		coming <- b
	}
	return nil
}

var errSameName = errors.New("home: another session with the peer goes by the same name in letters")

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
	defer p.mu.Unlock()
	p.entered(l.Name())
	if b := p.pouches[id]; b != nil && b.l.Name() == l.Name() {
		delete(p.pouches, id)
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
		return mailbox.Correspondent{}, p.newcomer(about)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sender, nil
}

// newcomer returns why a letter about a link that is not there does not open one, nil if it does.
func (p *Post) newcomer(about mailbox.Envelope) error {
	if !about.Opens || about.From != sturdyref.Dialler || about.Secret == ([16]byte{}) {
		return mailbox.ErrUnknownLink
	}
	over, err := p.opened.Has(about.Link)
	switch {
	case err != nil:
		return errors.Join(errLeft, err)
	case over:
		return mailbox.ErrEnded
	}
	return nil
}

// life returns which life of the store this is to the peer of a link, who cannot tell from it which others this node writes to.
func (p *Post) life(link [32]byte, base uint64) mailbox.Life {
	l := mailbox.Life{Epoch: p.cfg.Store.Epoch(), Base: base}
	own := p.cfg.Store.ID()
	for _, x := range []struct {
		of   string
		id   [16]byte
		into *[16]byte
	}{{"hawser/mail-store/1", own, &l.Store}, {"hawser/mail-opening/1", p.opening, &l.Opening}} {
		sum := sha256.Sum256(slices.Concat([]byte(x.of), x.id[:], link[:]))
		copy(x.into[:], sum[:])
	}
	return l
}
