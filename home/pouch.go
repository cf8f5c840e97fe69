package home

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	links "github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
)

// pouch is the mail of one link. What is not guarded by mu belongs to its goroutine.
type pouch struct {
	post   *Post
	l      links.Mailed
	peer   sturdyref.PeerID
	key    [32]byte // its static key
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{}

	x     *mailbox.Exchange[mailbox.Delivery]
	cfg   mailbox.ExchangeConfig // of x
	rec   pouchRecord
	last  []byte   // rec as it was last stored
	first bool     // a letter has begun the link, or is to
	shown string   // where the sturdyref says that letters are dropped, by which this side has begun it
	held  [][]byte // frames that are in order, and that the link did not take yet
	from  uint64   // the number of the first
	told  bool     // the peer knows our drop
	// server is where the peer's letters are dropped, as far as it has said so in the life of this process, and moved since when.
	server sturdyref.PeerID
	moved  time.Time
	spent  []mailbox.Delivery // letters of which all is taken, if rec is on the disk
	// busy counts how often in a row the server, or the peer, has not done what was asked; until then nothing is asked again.
	busy  int
	until time.Time
	why   error // the last refusal that was logged
	// parting is why the link is over, if the peer is to know.
	parting string
	// waits says that the peer had not acknowledged everything when it was looked at last, acked how much it had, and since is when it was
	// found to have acknowledged more, or something began to wait.
	waits bool
	acked uint64
	since time.Time

	ready atomic.Bool // both sides know where the other's letters are dropped

	mu     sync.Mutex
	sender mailbox.Correspondent
	news   *correspondence // what the peer has said over a session
	in     []opened
}

type opened struct {
	l *mailbox.Letter
	d mailbox.Delivery
}

// open makes the pouch of a link, as it was stored, if it was.
func (p *Post) open(l links.Mailed) (*pouch, error) {
	info := l.Info()
	b := &pouch{post: p, l: l, peer: info.Remote.ID(), wake: make(chan struct{}, 1)}
	var err error
	if b.key, err = sturdyref.DesignatorKey(info.Remote.Designator); err != nil {
		return nil, err
	}
	name := l.Name()
	stored, err := p.cfg.Store.Get(bucketMail, name[:])
	if err != nil {
		return nil, err
	}
	if stored != nil {
		if err := mailCodec.Unmarshal(stored, &b.rec); err != nil {
			return nil, err
		}
		b.last = stored
	}
	st := l.Mail()
	known := mailbox.Known{Heard: true, Life: mailbox.Life{Epoch: b.rec.Epoch, Base: b.rec.Base}, End: b.rec.End}
	copy(known.Signing[:], b.rec.Signing)
	copy(known.Store[:], b.rec.Store)
	copy(known.Opening[:], b.rec.Opening)
	if info.Identity != nil {
		known.Signing = info.Identity.Signing
	}
	if len(b.rec.Bundle) > 0 {
		if known.Bundle, err = mailbox.VerifyBundle(b.rec.Bundle, sturdyref.Public{Static: b.key, Signing: known.Signing}); err != nil {
			return nil, err
		}
	}
	at, note, first := l.Begun()
	var secret mailbox.Secret
	if first {
		b.first, known.Heard = true, b.rec.Heard
		if secret, err = b.begins(note); err != nil {
			return nil, err
		}
	}
	out := new(mailbox.Outbox)
	if len(b.rec.Outbox) > 0 {
		if out, err = mailbox.OutboxOf(b.rec.Outbox, st.Acked, st.Written); err != nil {
			return nil, err
		}
	}
	b.cfg = mailbox.ExchangeConfig{
		Link: l.ID(), Role: sturdyref.RoleOf(l.Dialled()), Peer: b.key, Known: known, Secret: secret, Begun: at, Life: p.life(l.ID(), st.Base),
		Reply: string(b.rec.Own), Sealer: p.sealer, Frames: l.Frames, AckDelay: time.Second,
	}
	b.x, err = mailbox.NewExchange(b.cfg, out, mailbox.NewInbox[mailbox.Delivery](st.Received, st.Consumed))
	if err != nil {
		return nil, err
	}
	b.from, b.sender = st.Received, b.x.Correspondent()
	b.ready.Store(b.isReady())
	b.ctx, b.cancel = context.WithCancel(p.ctx)
	return b, nil
}

// begins reads what is kept with a link that a letter has begun.
func (b *pouch) begins(note []byte) (mailbox.Secret, error) {
	var n letterNote
	if err := mailCodec.Unmarshal(note, &n); err != nil {
		return mailbox.Secret{}, err
	}
	if b.last == nil {
		b.rec.Drop = n.Drop
	}
	b.shown = string(n.Drop)
	return mailbox.DecodeSecret(n.Secret)
}

// isReady reports whether both sides know where the other's letters are dropped.
func (b *pouch) isReady() bool {
	return len(b.rec.Drop) > 0 && (b.rec.Told || b.first && b.rec.Heard)
}

func (b *pouch) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// maxIn bounds the letters of a link that wait here.
const maxIn = 32

// put adds a letter, unless too many wait: then it stays in the box.
func (b *pouch) put(l *mailbox.Letter, d mailbox.Delivery) bool {
	b.mu.Lock()
	room := len(b.in) < maxIn
	if room {
		b.in = append(b.in, opened{l, d})
	}
	b.mu.Unlock()
	b.poke()
	return room
}

// learn notes what the peer has said over a session.
func (b *pouch) learn(c correspondence) {
	b.mu.Lock()
	b.news = &c
	b.mu.Unlock()
	b.poke()
}

// run is the pouch's goroutine.
func (b *pouch) run() {
	defer b.cancel()
	select {
	case <-b.post.bound:
	case <-b.ctx.Done():
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-b.wake:
		case <-timer.C:
		case <-b.ctx.Done():
			if err := b.farewell(); err != nil {
				b.post.log.Debug("a peer is not told of the end of a session", "peer", b.peer.String(), "error", err)
			}
			return
		}
		b.step()
		timer.Reset(b.rest())
	}
}

// step does all that there is to do now.
func (b *pouch) step() {
	b.mu.Lock()
	news := b.news
	b.news = nil
	b.mu.Unlock()
	if news != nil {
		b.know(news)
	}
	b.catchUp()
	for o, ok := b.letter(); ok; o, ok = b.letter() {
		b.take(o)
		b.catchUp()
	}
	switch now := time.Now(); {
	case b.x.Unheard(now):
		b.l.Expire(mailbox.ErrUnheard.Error())
	case now.After(b.until):
		b.failed(errors.Join(b.introduce(), b.send()))
	}
	if err := b.save(); err != nil {
		b.post.log.Debug("what letters have said is not on the disk: they stay in the box", "peer", b.peer.String(), "error", err)
		return
	}
	for _, d := range b.spent {
		d.Done()
	}
	b.spent = nil
}

// maxHeld is how many bytes of frames that the link has no room for may wait here before more letters are looked at.
const maxHeld = 4 << 20

// letter returns the next letter that has come, if there is room for what is in it.
func (b *pouch) letter() (o opened, ok bool) {
	size := 0
	for _, f := range b.held {
		size += len(f) + 32
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.in) == 0 || size > maxHeld {
		return o, false
	}
	o, b.in = b.in[0], b.in[1:]
	return o, true
}

// failed notes whether what was asked of others was done.
func (b *pouch) failed(err error) {
	if err == nil {
		b.busy, b.until, b.why = 0, time.Time{}, nil
		return
	}
	b.until = time.Now().Add(backoff(b.busy, serverPause, longestPause))
	b.busy++
	for _, refusal := range []error{mailbox.ErrFull, mailbox.ErrExpired, mailbox.ErrRevoked, mailbox.ErrTooLarge} {
		if errors.Is(err, refusal) && b.why != refusal { //nolint:errorlint // the same one
			b.why = refusal
			b.post.log.Warn("the box of a peer takes no letters: what is for it waits here", "peer", b.peer.String(), "error", err)
		}
	}
	b.post.log.Debug("mail waits", "peer", b.peer.String(), "error", err)
}

// know has the exchange know where the peer's letters are dropped, and its keys, which it may have been without.
func (b *pouch) know(c *correspondence) {
	b.answersGo(c.drop)
	known := b.x.Known()
	known.Signing = c.signing
	b.renew(known)
	_ = b.x.Answer(c.bundle.Encoded(), nil) // it was verified
	if c.link == b.cfg.Link {
		b.unbelievable(b.x.Met(c.life))
	}
	b.mu.Lock()
	b.sender = b.x.Correspondent()
	b.mu.Unlock()
}

// moveAgain is how often a peer may have its letters dropped at another server. Each is dialled, and a session with it may live on.
const moveAgain = time.Hour

// answersGo takes the peer's word for where its letters are dropped.
func (b *pouch) answersGo(drop string) {
	uri, err := sturdyref.Parse(drop)
	if err != nil || len(drop) > maxDropURI {
		return
	}
	if at, now := uri.Peer.ID(), time.Now(); at != b.server {
		if now.Sub(b.moved) < moveAgain {
			return
		}
		b.server, b.moved = at, now
	}
	b.rec.Drop = []byte(drop)
}

// renew makes the exchange anew with what is known of the peer; what is on its way stays that.
func (b *pouch) renew(known mailbox.Known) {
	b.cfg.Known = known
	if x, err := mailbox.NewExchange(b.cfg, b.x.Out, b.x.In); err == nil {
		b.x = x
	}
}

// catchUp tells the mail what has come about on the link, and gives the link what has come by mail.
func (b *pouch) catchUp() {
	st := b.l.Mail()
	b.x.Out.Written(st.Written)
	if err := b.x.Out.Acked(st.Acked); err != nil {
		b.l.End(err.Error())
		return
	}
	ready := b.x.In.Advance(st.Received)
	b.x.Came(st.Epoch)
	if first := b.x.In.Next() - uint64(len(ready)); first != b.from+uint64(len(b.held)) {
		b.held, b.from = nil, first // a connection has brought what was held, and more
	}
	if b.held = append(b.held, ready...); len(b.held) > 0 {
		n := b.l.Take(b.from, b.held)
		b.held, b.from = b.held[n:], b.from+uint64(n)
	}
	b.x.In.Consumed(st.Consumed)
	b.spent = append(b.spent, b.x.In.Done()...)
}

// unbelievable ends the link if err says that the peer is not who it was, and reports that; what is only forged ends nothing.
func (b *pouch) unbelievable(err error) bool {
	forged := errors.Is(err, mailbox.ErrForged)
	ends := errors.Is(err, mailbox.ErrRolledBack) || errors.Is(err, mailbox.ErrIdentityInUse) || errors.Is(err, mailbox.ErrEquivocal)
	if forged || ends {
		b.post.log.Warn("a session cannot go on by mail", "peer", b.peer.String(), "error", err)
	}
	if ends {
		b.parting = mailbox.ReasonRolledBack
		b.l.Part(err.Error())
	}
	return forged || ends
}

// take takes a letter.
func (b *pouch) take(o opened) {
	ready, err := b.x.Take(o.l, o.d)
	switch {
	case errors.Is(err, mailbox.ErrReplayed), err == nil:
	case errors.Is(err, mailbox.ErrEarly):
		b.post.log.Debug("a letter comes too early: it stays in the box", "peer", b.peer.String(), "error", err)
		b.post.later()
		return
	case b.unbelievable(err):
		o.d.Done()
		return
	default:
		b.post.log.Debug("a letter is refused", "peer", b.peer.String(), "error", err)
		o.d.Done()
		return
	}
	b.answersGo(o.l.Reply)
	b.held = append(b.held, ready...)
	if err := b.l.Acked(o.l.Next); err != nil {
		return
	}
	if o.l.Over {
		if o.l.Reason == mailbox.ReasonRolledBack {
			b.post.retireAll()
		}
		b.l.End(o.l.Reason)
	}
	b.mu.Lock()
	b.sender = b.x.Correspondent()
	b.mu.Unlock()
}
