package wrongpeer

import (
	"context"
	"crypto/rand"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
)

// Peer is one peer. Everything in it happens under one lock, a message at a time.
type Peer struct {
	net     netlayer.Netlayer
	wrong   string
	dialect wire.Dialect
	random  io.Reader
	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup

	mu      sync.Mutex
	conns   map[*conn]bool
	dials   map[sturdyref.PeerID]*dialling
	objects map[string]*local
	gifts   map[giftKey]passable.Reference
	waiting map[giftKey][]*promise
	past    []*conn             // ended, kept by one wrongness
	pairs   map[*local]*promise // resolvers and their promises
	dead    bool
}

// dialling is a dial under way, or its session until that is greeted.
type dialling struct {
	conn  *conn // nil until connected
	ready []func(*conn)
}

// Config says how a peer is. The zero Config is a peer that keeps the rules.
type Config struct {
	// Wrong is the rule that is broken, the name of a check, or of a check and a
	// variant such as "one-receipt/twice"; "" is none.
	Wrong string
	// Dialect is what the peer writes; nil is wire.OCapN10.
	Dialect *wire.Dialect
	// Random is where keys and gift ids come from; nil is crypto/rand.
	Random io.Reader
}

// Start serves the objects of the public suite on n.
func Start(n netlayer.Netlayer, cfg Config) *Peer {
	p := &Peer{
		net: n, wrong: cfg.Wrong, dialect: wire.OCapN10, random: cfg.Random,
		conns: map[*conn]bool{}, dials: map[sturdyref.PeerID]*dialling{},
		gifts: map[giftKey]passable.Reference{}, waiting: map[giftKey][]*promise{}, pairs: map[*local]*promise{},
	}
	if cfg.Dialect != nil {
		p.dialect = *cfg.Dialect
	}
	if p.random == nil {
		p.random = rand.Reader
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.objects = p.suite()
	p.work.Go(p.accept)
	return p
}

// Close ends everything, the netlayer too.
func (p *Peer) Close() {
	p.cancel()
	_ = p.net.Close()
	p.work.Wait()
}

func (p *Peer) is(wrong string) bool { return p.wrong == wrong }

func (p *Peer) accept() {
	for {
		in, err := p.net.Accept(p.ctx)
		if err != nil {
			return
		}
		p.mu.Lock()
		dead := p.dead
		p.mu.Unlock()
		if dead {
			in.Refuse(netlayer.ErrRefused)
			continue
		}
		if nc, err := in.Accept(nil); err == nil {
			p.mu.Lock()
			p.open(nc, false)
			p.mu.Unlock()
		}
	}
}

// die is what hostile input does to a peer that is not robust.
func (p *Peer) die() {
	p.dead = true
	for c := range p.conns {
		c.drop()
	}
}

// dieOf is die, at once or, in one variant, a little later: what came on c is not
// handled any more.
func (p *Peer) dieOf(c *conn) {
	if !strings.HasSuffix(p.wrong, "/later") {
		p.die()
		return
	}
	c.over = true
	p.work.Go(func() {
		select {
		case <-p.ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.die()
	})
}

// reach calls ready with a session with whoever is at a location: one that is
// open, or a new one. ready gets nil if there is none to be had.
func (p *Peer) reach(at sturdyref.Peer, handoff bool, ready func(*conn)) {
	for c := range p.conns {
		same := c.at.ID() == at.ID() && c.greeted && !c.over
		switch {
		case !same,
			c.dialled && !handoff && p.is("own-session-reused"),
			!c.dialled && !handoff && p.is("inbound-session-reused"),
			handoff && p.is("handoffs-share-a-session"),
			len(c.at.Hints) != len(at.Hints) && p.is("hints-do-not-tell-apart"):
			continue
		}
		ready(c)
		return
	}
	if d := p.dials[at.ID()]; d != nil {
		d.ready = append(d.ready, ready)
		return
	}
	d := &dialling{ready: []func(*conn){ready}}
	p.dials[at.ID()] = d
	p.work.Go(func() {
		ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
		defer cancel()
		nc, err := p.net.Connect(ctx, netlayer.Dial{Peer: at})
		p.mu.Lock()
		defer p.mu.Unlock()
		if err != nil {
			p.dialled(at.ID(), nil)
			return
		}
		d.conn = p.open(nc, true)
		d.conn.wanted = at.ID()
	})
}

// dialled ends a dial with a session, or with nil.
func (p *Peer) dialled(id sturdyref.PeerID, c *conn) {
	if d := p.dials[id]; d != nil {
		delete(p.dials, id)
		for _, ready := range d.ready {
			ready(c)
		}
	}
}

// open makes a session of a connection and says hello.
func (p *Peer) open(nc netlayer.Conn, dialled bool) *conn {
	c := newConn(p, nc, dialled)
	p.conns[c] = true
	if p.is("hello-comes-first") {
		c.send(&msg.GCAnswers{})
	}
	if !p.is("hello") {
		c.hello()
	}
	if p.is("silent-connections") {
		silent := 0
		for c := range p.conns {
			if !c.greeted && !c.over {
				silent++
			}
		}
		if silent >= 8 {
			p.die()
		}
	}
	p.work.Go(c.read)
	return c
}

// Location is where the peer is.
func (p *Peer) Location() sturdyref.Peer { return p.net.Location() }
