package hawser

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// A Node is a program's place among peers: an identity, what it publishes, its sessions, and its vats. Its methods may
// be called from any goroutine, inside turns and outside.
type Node struct {
	cfg  Config
	id   sturdyref.Identity // nil for an anonymous node
	home *home.Home
	root *shared
}

// shared is what a node has in common with those made from it by As and Anonymous.
type shared struct {
	dir   *dir
	own   *vat.Vat // where the runtime's objects live
	nudge chan struct{}
	stop  chan struct{}
	done  chan struct{}

	mu     sync.Mutex
	closed bool
	vats   map[string]*vat.Vat
	nodes  []*Node
}

// Open opens a node: it locks the directory, reads or makes the identity and starts to listen. ctx bounds that, not
// the node's life. Nothing is left behind if it fails.
func Open(ctx context.Context, cfg *Config) (*Node, error) {
	c, err := cfg.validated()
	if err != nil {
		return nil, err
	}
	s := &shared{
		nudge: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}), vats: make(map[string]*vat.Vat),
	}
	if c.Dir != "" {
		if s.dir, err = openDir(c.Dir); err != nil {
			return nil, err
		}
	}
	n, err := s.open(ctx, c)
	if err != nil {
		if s.dir != nil {
			_ = s.dir.close()
		}
		return nil, err
	}
	go s.collect()
	return n, nil
}

func (s *shared) open(ctx context.Context, c Config) (*Node, error) {
	var err error
	id := c.Identity
	switch {
	case id != nil:
	case s.dir != nil:
		if id, err = s.dir.identity(); err != nil {
			return nil, err
		}
	default:
		if id, err = sturdyref.GenerateIdentity(time.Now()); err != nil {
			return nil, err
		}
	}
	var keep home.Keeper
	if s.dir != nil {
		keep = s.dir
		if c.Listen == "" {
			if c.Listen, err = s.dir.listen(); err != nil {
				return nil, err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("hawser: open: %w", context.Cause(ctx))
	}
	s.own = vat.New(&vat.Config{Name: "hawser", Logger: c.Logger.Named("vat"), Tracer: c.Tracer})
	n, err := s.node(c, id, keep)
	if err != nil {
		_ = s.own.Close()
		return nil, err
	}
	if s.dir != nil {
		if err = s.keepPort(n); err != nil {
			_ = n.home.Close()
			_ = s.own.Close()
			return nil, err
		}
	}
	return n, nil
}

// node makes a node that acts under id, nil for an anonymous one.
func (s *shared) node(c Config, id sturdyref.Identity, keep home.Keeper) (*Node, error) {
	n := &Node{cfg: c, id: id, root: s}
	h, err := home.New(home.Config{
		Identity: id, Vat: s.own, Keeper: keep, Door: c.Door, Locator: c.Locator, Limits: c.Limits, DialTimeout: c.DialTimeout,
		LazyRelease: c.LazyRelease, Logger: c.Logger.Named("home"), Tracer: c.Tracer, Nudge: s.poke,
	}, func(door netlayer.Doorkeeper) (netlayer.Netlayer, error) {
		nc := NetworkConfig{Features: features(), Logger: c.Logger.Named("net")}
		if id != nil {
			nc.Identity, nc.Listen, nc.Advertise, nc.Doorkeeper = id, c.Listen, c.Advertise, door
		}
		return c.Network(nc)
	})
	if err != nil {
		return nil, err
	}
	n.home = h
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = h.Close()
		return nil, errNodeClosed
	}
	s.nodes = append(s.nodes, n)
	return n, nil
}

var errNodeClosed = fmt.Errorf("hawser: the node is closed: %w", net.ErrClosed)

// keepPort remembers the port for the next Open.
func (s *shared) keepPort(n *Node) error {
	_, port, err := net.SplitHostPort(n.Location().Hints["addr"])
	if err != nil {
		return nil //nolint:nilerr // a netlayer without ports
	}
	p, err := strconv.Atoi(port)
	if err != nil || len(n.cfg.Advertise) > 0 {
		return nil //nolint:nilerr // not necessarily the port listened at
	}
	return s.dir.keepPort(p)
}

// Vat returns the node's vat of that name, made now if there is none. It closes with the node.
func (n *Node) Vat(name string) *vat.Vat {
	s := n.root
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.vats[name]
	if v == nil {
		v = vat.New(&vat.Config{Name: name, Logger: n.cfg.Logger.Named("vat"), Tracer: n.cfg.Tracer})
		s.vats[name] = v
		if s.closed {
			_ = v.Close()
		}
	}
	return v
}

// Publish makes ref available to whoever is given the sturdyref returned, until Unpublish, Revoke or Close. The same
// name in the same Dir gives the same sturdyref: key, swiss number and, unless configured otherwise, port. Handing its
// URI to someone is handing over the object. Publishing another reference under a name in use is an error that matches
// home.ErrPublished.
func (n *Node) Publish(ctx context.Context, name string, ref vat.Ref) (sturdyref.Ref, error) {
	if err := context.Cause(ctx); err != nil {
		return sturdyref.Ref{}, err
	}
	return n.home.Publish(ctx, name, ref)
}

// PublishKey makes ref available to whoever holds the private half of a capability key (sturdyref.NewCapability), of
// which this node gets and keeps only the public half.
func (n *Node) PublishKey(ctx context.Context, name string, public [32]byte, ref vat.Ref) (sturdyref.Peer, error) {
	if err := context.Cause(ctx); err != nil {
		return sturdyref.Peer{}, err
	}
	return n.home.PublishKey(ctx, name, public, ref)
}

// Unpublish stops answering for name. What was fetched stays; publishing the name again gives the same sturdyref.
func (n *Node) Unpublish(ctx context.Context, name string) error { return n.home.Unpublish(ctx, name) }

// Revoke ends the sturdyref of name for good and breaks every reference fetched by it, with vat.ErrRevoked. Inside a
// turn the breaking happens when the turn commits. Publishing the name again gives a new sturdyref.
func (n *Node) Revoke(ctx context.Context, name string) error { return n.home.Revoke(ctx, name) }

// Enliven returns a reference to the object a sturdyref stands for. It returns at once; messages sent to it go out with
// the connection. A reference that broke stays broken: enliven again to try again.
func (n *Node) Enliven(ref sturdyref.Ref) vat.Ref { return n.home.Enliven(ref) }

// EnlivenKey returns a reference to the object at a peer that a capability key opens.
func (n *Node) EnlivenKey(at sturdyref.Peer, key sturdyref.Capability) vat.Ref {
	return n.home.EnlivenKey(at, key)
}

// Location returns where peers find this node, with the hints of now; zero for an anonymous one.
func (n *Node) Location() sturdyref.Peer { return n.home.Location() }

// As returns a node that acts under another identity, with sessions and publications (in memory) of its own and the
// same vats. Nothing links the two in front of a peer: a reference obtained under one does not pass over a session of
// the other. It closes with n, or earlier.
func (n *Node) As(ctx context.Context, id sturdyref.Identity) (*Node, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if id == nil {
		return nil, errors.New("hawser: As wants an identity: sturdyref.GenerateIdentity makes one; for none at all use Anonymous")
	}
	c := n.cfg
	c.Identity, c.Listen, c.Advertise, c.Door = id, "", nil, home.Door{}
	return n.root.node(c, id, nil)
}

// Anonymous returns a node that dials every peer with a key made for that one session, so that two sessions cannot be
// linked — by their keys; the IP address still links them. It publishes nothing. It has the same vats as n and closes
// with it, or earlier.
func (n *Node) Anonymous() (*Node, error) {
	c := n.cfg
	c.Identity = nil
	return n.root.node(c, nil, nil)
}

// Close ends the node's sessions and, if n is the one that Open returned, closes what was made from it, its vats and its
// directory. It is bounded in time: sessions and vats that do not end are reported.
func (n *Node) Close() error {
	s := n.root
	s.mu.Lock()
	if n != s.nodes[0] {
		s.mu.Unlock()
		return n.home.Close()
	}
	again := s.closed
	s.closed = true
	nodes := s.nodes
	vats := []*vat.Vat{s.own}
	for _, v := range s.vats {
		vats = append(vats, v)
	}
	s.mu.Unlock()
	if again {
		<-s.done
		return nil
	}
	close(s.stop)
	errs := make([]error, 0, len(nodes)+len(vats))
	for i := len(nodes) - 1; i >= 0; i-- {
		errs = append(errs, nodes[i].home.Close())
	}
	for _, v := range vats {
		errs = append(errs, v.Close())
	}
	<-s.done
	if s.dir != nil {
		errs = append(errs, s.dir.close())
	}
	return errors.Join(errs...)
}

// poke asks for the collector to be run.
func (s *shared) poke() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// collect runs the collector when sessions hold much that may be unused, once a second at the most.
func (s *shared) collect() {
	defer close(s.done)
	for {
		select {
		case <-s.nudge:
			runtime.GC()
		case <-s.stop:
			return
		}
		select {
		case <-time.After(time.Second):
		case <-s.stop:
			return
		}
	}
}
