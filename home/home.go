package home

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// Door says who may have a session at all. An object needs its secret in any case.
type Door struct {
	// Closed admits only diallers that show a secret of this node — a strong swiss number that is published, a capability
	// key, or Secret — or are in Known. The default admits whoever knows the public key.
	Closed bool
	// Secret, if set, admits by itself; it is part of the sturdyrefs published, where the swiss number cannot be one.
	Secret sturdyref.SwissNum
	// Known are the peers admitted for who they are.
	Known []sturdyref.PeerID
}

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
	Limits  captp.Limits
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
	cfg      Config
	log      hclog.Logger
	registry *registry
	decoy    sturdyref.ProofKey // what proofs for unknown names are checked with

	// layers makes a netlayer for an anonymous session; nl is the one of a named Home.
	layers func() (netlayer.Netlayer, error)
	nl     netlayer.Netlayer

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	peers  map[sturdyref.PeerID]*peer
	links  map[*link]struct{}
}

// New returns a Home. open is called with the Home's doorkeeper and returns the netlayer it is reached by and dials
// with, which the Home then owns; an anonymous Home calls it again for each session, and never listens.
func New(cfg Config, open func(netlayer.Doorkeeper) (netlayer.Netlayer, error)) (*Home, error) {
	if cfg.DialTimeout <= 0 {
		cfg.DialTimeout = 20 * time.Second
	}
	h := &Home{cfg: cfg, log: cfg.Logger, peers: make(map[sturdyref.PeerID]*peer), links: make(map[*link]struct{})}
	if h.log == nil {
		h.log = hclog.NewNullLogger()
	}
	keys, err := sturdyref.NewSwissNum().Keys()
	if err != nil {
		return nil, err
	}
	h.decoy = keys.ProofKey()
	if h.registry, err = newRegistry(cfg.Vat, cfg.Keeper, cfg.Door.Secret); err != nil {
		return nil, err
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.layers = func() (netlayer.Netlayer, error) { return open(h) }
	if cfg.Identity == nil {
		return h, nil
	}
	if h.nl, err = open(h); err != nil {
		h.cancel()
		return nil, err
	}
	h.wg.Add(1)
	go h.accept()
	return h, nil
}

// Location returns where peers find this Home, with the hints of now; zero for an anonymous one.
func (h *Home) Location() sturdyref.Peer {
	if h.nl == nil {
		return sturdyref.Peer{}
	}
	return h.nl.Location()
}

// errAnonymous says that there is nobody to publish as.
var errAnonymous = errors.New("home: an anonymous node publishes nothing: open one with an identity")

// Publish makes ref available to whoever has the sturdyref returned, until Unpublish or Revoke. The same name gives the
// same swiss number as long as the Keeper remembers it. What peers get is a caretaker of ref, so that Revoke can sever
// what they have fetched. ErrPublished says that the name stands for another reference.
func (h *Home) Publish(name string, ref vat.Ref) (sturdyref.Ref, error) {
	return h.PublishAs(name, sturdyref.SwissNum{}, ref)
}

// PublishAs is Publish with a swiss number of the caller's choosing. A weak one — short, or text — works for fetch but
// is never a key: whoever can guess it has the object.
func (h *Home) PublishAs(name string, swiss sturdyref.SwissNum, ref vat.Ref) (sturdyref.Ref, error) {
	switch {
	case h.nl == nil:
		return sturdyref.Ref{}, errAnonymous
	case ref.IsNull():
		return sturdyref.Ref{}, fmt.Errorf("home: publish %q: the reference is null", name)
	}
	s, err := h.registry.publish(name, swiss, ref)
	if err != nil {
		return sturdyref.Ref{}, err
	}
	return sturdyref.Ref{Peer: h.withDoor(s), Swiss: s}, nil
}

// withDoor returns the location that goes into a sturdyref: with the door's secret where the swiss number cannot admit.
func (h *Home) withDoor(s sturdyref.SwissNum) sturdyref.Peer {
	p := h.nl.Location().Clone()
	if s.Weak() && !h.cfg.Door.Secret.IsZero() {
		if p.Hints == nil {
			p.Hints = make(map[string]string)
		}
		p.Hints["door"] = base64.RawURLEncoding.EncodeToString(h.cfg.Door.Secret.Reveal())
	}
	return p
}

// PublishKey makes ref available to whoever holds the private half of the capability key whose public half is given:
// nothing that is stored here could be passed on.
func (h *Home) PublishKey(name string, public [32]byte, ref vat.Ref) (sturdyref.Peer, error) {
	if h.nl == nil {
		return sturdyref.Peer{}, errAnonymous
	}
	lock, err := sturdyref.NewCapabilityLock(h.cfg.Identity, public)
	if err != nil {
		return sturdyref.Peer{}, fmt.Errorf("home: publish %q: %w", name, err)
	}
	if err := h.registry.publishKey(name, lock, ref); err != nil {
		return sturdyref.Peer{}, err
	}
	return h.nl.Location(), nil
}

// Unpublish stops answering for name. What peers have fetched stays with them, and publishing the name again gives the
// same sturdyref.
func (h *Home) Unpublish(ctx context.Context, name string) error {
	_, err := h.registry.unpublish(ctx, name, false)
	return err
}

// Revoke ends name's sturdyref for good: its keys are gone, and every reference fetched by it breaks with
// vat.ErrRevoked. Sessions stay, unless the door is closed and it was what admitted the peer. Publishing the name again
// gives a new sturdyref.
func (h *Home) Revoke(ctx context.Context, name string) error {
	p, err := h.registry.unpublish(ctx, name, true)
	if err != nil {
		return err
	}
	h.evict(p)
	return nil
}

// Close ends every session, stops listening and returns when every goroutine of the Home has ended.
func (h *Home) Close() error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		h.wg.Wait()
		return nil
	}
	h.closed = true
	links := make([]*link, 0, len(h.links))
	for l := range h.links {
		links = append(links, l)
	}
	var waiting []*request
	var dials []*dial
	for _, p := range h.peers {
		waiting = append(waiting, p.waiting...)
		p.waiting = nil
		if p.dial != nil {
			dials = append(dials, p.dial)
		}
	}
	h.mu.Unlock()
	h.cancel()
	for _, r := range waiting {
		r.vow.Break(errClosed)
	}
	for _, d := range dials {
		d.link.session.Fail(d.peer.id.String(), errClosed)
	}
	var each sync.WaitGroup
	for _, l := range links {
		each.Go(func() { l.session.Close("the node is closing") })
	}
	each.Wait()
	var err error
	if h.nl != nil {
		err = h.nl.Close()
	}
	h.wg.Wait()
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
		all = append(all, l.peer)
	}
	return all
}
