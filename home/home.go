package home

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// A Locator finds addresses for a peer whose sturdyref has none that work. What it says is never trusted further than
// that: a wrong hint costs reachability, not authentication.
type Locator interface {
	Locate(ctx context.Context, peer sturdyref.PeerID) (hints map[string]string, err error)
}

// Config says what a Home needs. Netlayer is made by the caller with the Home's doorkeeper: see New.
type Config struct {
	// Identity is whom this Home acts as; nil for an anonymous one, which publishes nothing and lets nobody in.
	Identity sturdyref.Identity
	// Vat is where the Home's own objects live.
	Vat *vat.Vat
	// Keeper stores the names of publications; nil keeps them in memory.
	Keeper  Keeper
	Door    Door
	Locator Locator
	// Handoffs says where certificates of peers may send this Home.
	Handoffs HandoffPolicy
	Limits   captp.Limits
	// Ledger, if set, stores the sessions that something durable depends on. Those it has from before go on.
	Ledger *captp.Ledger
	// Post, if set, is the Home's mail. The Home closes it.
	Post *Post
	// Office, if set, is where grants become references.
	Office *warden.Office
	// Shelf, if set, has this Home's live references be kept by durable objects.
	Shelf *Shelf
	// DialTimeout bounds a dial, all addresses together (default 20 s).
	DialTimeout time.Duration
	// LazyRelease is captp.Config.LazyRelease.
	LazyRelease bool
	Logger      hclog.Logger
	Tracer      vat.Tracer
	// Nudge is captp.Config.Nudge.
	Nudge func()
}

// A Home is a node's presence under one identity. Its methods may be called from any goroutine, inside turns and
// outside.
type Home struct {
	cfg       Config
	log       hclog.Logger
	registry  *registry
	decoy     decoy
	tally     func(what string) // for tests
	presented atomic.Uint64     // the number of the last presentation of a grant

	// open makes the netlayers for an anonymous session; layers are those of a named Home, and selves who it is there.
	open   func() ([]Layer, error)
	layers []Layer
	selves []sturdyref.PeerID

	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	closing sync.Once
	failure error // of Close

	mu     sync.Mutex
	closed bool
	// leaving says that sessions have begun to end only in this process.
	leaving bool
	peers   map[sturdyref.PeerID]*peer
	links   map[*link]struct{} // those that have a connection, or are about to
	dials   int
	// redeeming are those of the dials that peers' certificates have caused, and gifters whose these are.
	redeeming int
	gifters   map[any]*gifter
	crowd     crowd
	// greeted are the sessions that have been greeted, by their ids; gifts is what was deposited in them.
	greeted map[[32]byte]*link
	gifts   gifts
	// lives are the live references by their sturdyrefs, and homecomings those of each peer.
	lives       map[[32]byte]*living
	homecomings map[sturdyref.PeerID]*homecoming
	// retries are the certificates that wait to be tried again, by their exporters, until there is a session.
	retries map[sturdyref.PeerID]map[chan struct{}]struct{}
}

// New returns a Home. open is called with the Home's doorkeeper and returns the netlayers it is reached by and dials with,
// which the Home then owns: one for each transport, the first being where what it publishes is found. An anonymous Home
// calls it again for each session, never listens, and dials by the first only. The doorkeeper may be used before New has
// returned.
func New(cfg Config, open func(netlayer.Doorkeeper) ([]Layer, error)) (*Home, error) {
	if cfg.Vat == nil {
		return nil, errors.New("home: Config.Vat is nil: give the vat the Home's own objects live in")
	}
	if cfg.DialTimeout < 0 {
		return nil, fmt.Errorf("home: Config.DialTimeout is %v: give a positive time, or 0 for 20s", cfg.DialTimeout)
	}
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = 20 * time.Second
	}
	if cfg.Identity == nil {
		// Nobody comes in, and a secret of the named node's would prove who it is.
		cfg.Door, cfg.Keeper, cfg.Shelf = Door{}, nil, nil
	}
	h := &Home{cfg: cfg, log: cfg.Logger, peers: make(map[sturdyref.PeerID]*peer), links: make(map[*link]struct{})}
	h.crowd.sources = make(map[string]int)
	h.greeted, h.gifters = make(map[[32]byte]*link), make(map[any]*gifter)
	h.retries = make(map[sturdyref.PeerID]map[chan struct{}]struct{})
	h.lives, h.homecomings = make(map[[32]byte]*living), make(map[sturdyref.PeerID]*homecoming)
	if h.log == nil {
		h.log = hclog.NewNullLogger()
	}
	var err error
	if h.cfg.Door, err = cfg.Door.validated(); err != nil {
		return nil, err
	}
	if h.cfg.Handoffs, err = cfg.Handoffs.validated(); err != nil {
		return nil, err
	}
	if h.decoy, err = newDecoy(); err != nil {
		return nil, err
	}
	if h.registry, err = newRegistry(cfg.Vat, cfg.Keeper, h.caretakers(), cfg.Door.Secret, h.decoy.number); err != nil {
		return nil, err
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.open = func() ([]Layer, error) {
		layers, err := open(h)
		if err == nil && len(layers) == 0 {
			err = errNoLayer
		}
		return layers, err
	}
	if cfg.Identity == nil {
		return h, nil
	}
	layers, err := h.open()
	if err != nil {
		h.cancel()
		return nil, err
	}
	if cfg.Office != nil {
		cfg.Office.Tell(h.evict)
	}
	h.mu.Lock()
	for _, l := range layers {
		h.selves = append(h.selves, l.Location().ID())
	}
	h.layers = layers
	h.mu.Unlock()
	if err := h.restore(); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	for _, l := range layers {
		h.wg.Add(1)
		go h.accept(l)
	}
	h.cfg.Shelf.use(h)
	if h.cfg.Post != nil {
		h.cfg.Post.bind(h)
	}
	return h, nil
}

// caretakers returns where those of what is published are stored, nil for nowhere.
func (h *Home) caretakers() *caretakers {
	if h.cfg.Ledger == nil || h.cfg.Keeper == nil {
		return nil
	}
	return &caretakers{h.cfg.Ledger.Depot()}
}

// Location returns where peers find this Home, with the hints of now; zero for an anonymous one.
func (h *Home) Location() sturdyref.Peer {
	if !h.named() {
		return sturdyref.Peer{}
	}
	return h.layers[0].Location()
}

// errAnonymous says that there is nobody to publish as.
var errAnonymous = errors.New("home: an anonymous node publishes nothing: open one with an identity")

// Publish makes ref available to whoever has the sturdyref returned, until Unpublish or Revoke. The same name gives the
// same swiss number as long as the Keeper remembers it. What peers get is a caretaker of ref, so that Revoke can sever
// what they have fetched. ErrPublished says that the name stands for another reference. Publish writes to the Keeper:
// it may take the time of a disk. It is not undone if the turn that calls it fails.
func (h *Home) Publish(ctx context.Context, name string, ref vat.Ref) (sturdyref.Ref, error) {
	return h.PublishAs(ctx, name, sturdyref.SwissNum{}, ref)
}

// PublishAs is Publish with a swiss number of the caller's choosing. A weak one — short, or text — works for fetch but
// is never a key: whoever can guess it has the object.
func (h *Home) PublishAs(ctx context.Context, name string, swiss sturdyref.SwissNum, ref vat.Ref) (sturdyref.Ref, error) {
	if err := h.publishable(name, ref); err != nil {
		return sturdyref.Ref{}, err
	}
	err := h.registry.change(ctx, name, func(p *publication) (err error) {
		swiss, err = h.registry.publish(p, name, swiss, ref)
		return err
	})
	if err != nil {
		return sturdyref.Ref{}, err
	}
	h.cfg.Post.published()
	return sturdyref.Ref{Peer: h.withHints(swiss), Swiss: swiss}, nil
}

// publishable says what keeps ref from being published by this Home.
func (h *Home) publishable(name string, ref vat.Ref) error {
	switch {
	case !h.named():
		return errAnonymous
	case ref.IsNull():
		return fmt.Errorf("home: publish %q: the reference is null", name)
	}
	if realm, far := captp.RealmOf(ref); far && realm != any(h) {
		return fmt.Errorf("home: publish %q: %w", name, captp.ErrOtherIdentity)
	}
	return nil
}

// withHints returns the location that goes into a sturdyref: with the door's secret where the swiss number cannot admit, and with where
// a first letter is dropped if either admits.
func (h *Home) withHints(s sturdyref.SwissNum) sturdyref.Peer {
	p, door, hints := h.Location().Clone(), h.cfg.Door.Secret, make(map[string]string)
	if s.Weak() && !door.IsZero() {
		hints["door"] = base64.RawURLEncoding.EncodeToString(door.Reveal())
	}
	if drop := h.cfg.Post.public(); drop != "" && (!s.Weak() || !door.IsZero()) {
		hints["mailbox"] = drop
	}
	if p.Hints == nil && len(hints) > 0 {
		p.Hints = hints
	} else {
		maps.Copy(p.Hints, hints)
	}
	return p
}

// PublishKey makes ref available to whoever holds the private half of the capability key whose public half is given:
// nothing that is known here could be passed on. It is not stored: publish it again after a restart.
func (h *Home) PublishKey(ctx context.Context, name string, public [32]byte, ref vat.Ref) (sturdyref.Peer, error) {
	if err := h.publishable(name, ref); err != nil {
		return sturdyref.Peer{}, err
	}
	lock, err := sturdyref.NewCapabilityLock(h.cfg.Identity, public)
	if err != nil {
		return sturdyref.Peer{}, fmt.Errorf("home: publish %q: %w", name, err)
	}
	// In an open session this side proves itself with the two static keys alone; the holder's proof is bound to a
	// challenge besides.
	serve, err := lock.ProofKey(h.cfg.Identity.ECDH)
	if err != nil {
		return sturdyref.Peer{}, fmt.Errorf("home: publish %q: %w", name, err)
	}
	err = h.registry.change(ctx, name, func(p *publication) error { return h.registry.publishLock(p, name, lock, serve, ref) })
	if err != nil {
		return sturdyref.Peer{}, err
	}
	return h.Location(), nil
}

// Unpublish stops answering for name. What peers have fetched stays with them until Revoke, and so do their sessions;
// publishing the name again gives the same sturdyref.
func (h *Home) Unpublish(ctx context.Context, name string) error {
	return h.registry.change(ctx, name, func(p *publication) error { return h.registry.unpublish(p, name) })
}

// Revoke ends name's sturdyref for good, whether it is published at present or not: its keys are gone, and every
// reference fetched by it breaks with vat.ErrRevoked. Sessions stay, unless the door is closed and it was all that
// admitted the peer. Publishing the name again gives a new sturdyref. In a turn, too, it happens at once and for good.
func (h *Home) Revoke(ctx context.Context, name string) error {
	var id [16]byte
	err := h.registry.change(ctx, name, func(p *publication) error {
		if p != nil {
			id = p.id
		}
		return h.registry.revoke(p, name)
	})
	if err == nil {
		h.evict(id)
	}
	return err
}

// Close ends every session in this process, stops listening and returns when every goroutine of the Home has ended. Closing again waits
// for the same.
func (h *Home) Close() error {
	h.closing.Do(func() { h.failure = h.shut() })
	return h.failure
}

func (h *Home) shut() error {
	h.registry.shut()
	h.mu.Lock()
	h.closed = true
	sessions := make([]*captp.Session, 0, len(h.links))
	for l := range h.links {
		sessions = append(sessions, l.session)
	}
	var waiting []*request
	dials := make(map[sturdyref.PeerID]*link)
	for _, p := range h.peers {
		waiting = append(waiting, p.waiting...)
		p.waiting = nil
		if p.dial != nil {
			dials[p.id] = p.dial.link
		}
	}
	h.mu.Unlock()
	h.cancel()
	for _, r := range waiting {
		r.vow.Break(errClosed)
	}
	for id, l := range dials {
		l.session.Fail(id.String(), errClosed)
		h.gone(l)
	}
	var each sync.WaitGroup
	for _, s := range sessions {
		each.Go(func() { s.Suspend("the node is closing") })
	}
	each.Wait()
	err := closeLayers(h.layers)
	if h.cfg.Post != nil {
		h.cfg.Post.shut()
	}
	h.wg.Wait()
	h.mu.Lock()
	if h.gifts.timer != nil {
		h.gifts.timer.Stop()
	}
	h.mu.Unlock()
	return err
}

// errClosed breaks what a closed Home can no longer do.
var errClosed = &closedError{}

type closedError struct{}

func (*closedError) Error() string     { return "home: the node is closed" }
func (*closedError) Unwrap() error     { return net.ErrClosed }
func (*closedError) ErrorCode() string { return "hawser.closed" }

// Sessions lists the peers with which there is a session, in no particular order; an anonymous peer is listed, too.
func (h *Home) Sessions() []sturdyref.PeerID {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]sturdyref.PeerID, 0, len(h.links))
	for l := range h.links {
		if l.started {
			all = append(all, l.peer)
		}
	}
	return all
}

// NetworkUp says that the network may have come back or changed: connections that wait for their next try are tried now, and
// so are the peers of live references.
// It returns when all have been, or ctx ends. Netlayers that have nothing to try do nothing.
func (h *Home) NetworkUp(ctx context.Context) {
	h.mu.Lock()
	layers := slices.Clone(h.layers)
	for l := range h.links {
		layers = append(layers, l.layers...)
	}
	for _, c := range h.homecomings {
		c.hasten()
	}
	h.mu.Unlock()
	var each sync.WaitGroup
	for _, l := range layers {
		if up, ok := l.Netlayer.(interface{ NetworkUp(context.Context) }); ok {
			each.Go(func() { up.NetworkUp(ctx) })
		}
	}
	each.Wait()
}
