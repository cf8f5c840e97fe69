package hawser

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// A Node is a program's place among peers: an identity, what it publishes, its sessions, and its vats. Its methods may
// be called from any goroutine, inside turns and outside.
type Node struct {
	cfg    Config
	home   *home.Home
	root   *shared
	port   int           // listened at, 0 if there is no such thing
	child  bool          // made by As or Anonymous
	signer crypto.Signer // nil for an anonymous node
}

// shared is what a node has in common with those made from it by As and Anonymous.
type shared struct {
	dir *dir
	own *vat.Vat // where the runtime's objects live

	durables *durables    // nil if there are none
	notices  *store.Store // where these are without durables; guarded by mu
	office   *warden.Office
	kinds    []vat.Kind // the program's, and the runtime's own

	nudge chan struct{}
	stop  chan struct{}
	done  chan struct{}

	closing sync.Once
	failure error // of Close

	mu     sync.Mutex
	closed bool
	vats   map[string]*vat.Vat
	nodes  map[*Node]struct{}
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
		nodes: make(map[*Node]struct{}),
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
		if c.Listen, err = s.dir.listen(c.Listen); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("hawser: open: %w", context.Cause(ctx))
	}
	s.office = warden.New(warden.Config{Signer: grant.SignerOf(id), Store: s.noticeStore(c), Logger: c.Logger.Named("grants")})
	s.kinds = slices.Concat(c.Kinds, s.office.Kinds())
	if err := s.openDurables(c); err != nil {
		return nil, err
	}
	s.own = vat.New(&vat.Config{Name: "hawser", Logger: c.Logger.Named("vat"), Tracer: c.Tracer})
	err = s.learnNotices()
	var n *Node
	if err == nil {
		n, err = s.node(c, id, keep, s.office)
	}
	if err != nil {
		_ = s.own.Close()
		_ = s.durables.stop()
		_ = s.durables.close()
		_ = s.closeNotices()
		return nil, err
	}
	if s.dir != nil && n.port != 0 {
		if err = s.dir.keepPort(n.port); err != nil {
			_ = s.durables.stop()
			_ = n.home.Close()
			_ = s.own.Close()
			_ = s.durables.close()
			_ = s.closeNotices()
			return nil, err
		}
	}
	if s.durables != nil {
		s.durables.depot.Start()
	}
	s.office.Start()
	return n, nil
}

// node makes a node that acts under id, nil for an anonymous one. office is where it takes grants, nil for nowhere.
func (s *shared) node(c Config, id sturdyref.Identity, keep home.Keeper, office *warden.Office) (*Node, error) {
	n := &Node{cfg: c, root: s}
	if id != nil {
		n.signer = grant.SignerOf(id)
	}
	post, err := s.post(c, id, keep)
	if err != nil {
		return nil, err
	}
	var lives *home.Shelf
	if keep != nil {
		lives = s.durables.kept()
	}
	h, err := home.New(home.Config{
		Identity: id, Vat: s.own, Keeper: keep, Door: c.Door, Locator: c.Locator, Limits: c.Limits, DialTimeout: c.DialTimeout,
		Handoffs: c.Handoffs, Ledger: s.durables.book(), Post: post, Shelf: lives, Office: office, LazyRelease: c.LazyRelease, Logger: c.Logger.Named("home"), Tracer: c.Tracer, Nudge: s.poke,
	}, func(door netlayer.Doorkeeper) ([]home.Layer, error) {
		nc := NetworkConfig{Features: features(), Logger: c.Logger.Named("net"), Key: newKey}
		if id != nil {
			nc.Identity, nc.Listen, nc.Advertise, nc.Doorkeeper = id, c.Listen, c.Advertise, door
			if s.dir != nil && keep != nil {
				nc.Key = s.dir.key
			}
		}
		layers, err := c.networks(nc, s.durables.shelf(), post)
		if id != nil && err == nil {
			n.port = portOf(layers)
		}
		return layers, err
	})
	if err != nil {
		return nil, err
	}
	n.home = h
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.nodes[n] = struct{}{}
	}
	s.mu.Unlock()
	if closed {
		_ = h.Close()
		return nil, errNodeClosed
	}
	return n, nil
}

var errNodeClosed = fmt.Errorf("hawser: the node is closed: %w", net.ErrClosed)

// Vat returns the node's vat of that name, made now if there is none; nodes made by As and Anonymous have the same vats.
// It closes with the node that Open returned; after that every vat is a closed one.
func (n *Node) Vat(name string) *vat.Vat {
	s := n.root
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.vats[name]
	if v == nil {
		v = vat.New(&vat.Config{Name: name, Kinds: s.kinds, Logger: n.cfg.Logger.Named("vat"), Tracer: n.cfg.Tracer})
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
// ErrPublished. With a Dir, Publish takes the time of a disk; it is not undone if it is called in a turn that fails.
func (n *Node) Publish(ctx context.Context, name string, ref vat.Ref) (sturdyref.Ref, error) {
	if err := context.Cause(ctx); err != nil {
		return sturdyref.Ref{}, err
	}
	return n.home.Publish(ctx, name, ref)
}

// PublishKey makes ref available to whoever holds the private half of a capability key (sturdyref.NewCapability), of
// which this node gets only the public half. Nothing of it is stored: publish it again after a restart. It returns where
// the holder finds this node; EnlivenKey wants both.
func (n *Node) PublishKey(ctx context.Context, name string, public [32]byte, ref vat.Ref) (sturdyref.Peer, error) {
	if err := context.Cause(ctx); err != nil {
		return sturdyref.Peer{}, err
	}
	return n.home.PublishKey(ctx, name, public, ref)
}

// Unpublish stops answering for name. What was fetched stays until Revoke; publishing the name again gives the same
// sturdyref. An error that matches ErrNotPublished says that there is nothing by that name.
func (n *Node) Unpublish(ctx context.Context, name string) error { return n.home.Unpublish(ctx, name) }

// Revoke ends the sturdyref of name for good, published at present or not, and breaks every reference fetched by it with
// vat.ErrRevoked, at once, also when it is called in a turn that fails later. Publishing the name again gives a new
// sturdyref. Peers are not told: whoever holds such a reference learns of it when it next sends, so vat.OnSever in another
// process does not fire.
func (n *Node) Revoke(ctx context.Context, name string) error { return n.home.Revoke(ctx, name) }

// Enliven returns a reference to the object a sturdyref stands for. It returns at once; messages sent to it go out with
// the connection, or over the session there is once the peer has proven there that it has the sturdyref's secret, too.
// What keeps the object from being had — ErrRefused, netlayer.ErrUnreachable — breaks the reference and everything sent
// to it. A reference that broke stays broken, also by the loss of its session: enliven again to try again, or have one that
// comes back from [Node.Live]. All of these errors match net.ErrClosed, too, so that a program that tries again asks for
// ErrRefused first.
func (n *Node) Enliven(ref sturdyref.Ref) vat.Ref { return n.home.Enliven(ref) }

// EnlivenKey returns a reference to the object at a peer that a capability key opens, as Enliven does.
func (n *Node) EnlivenKey(at sturdyref.Peer, key sturdyref.Capability) vat.Ref {
	return n.home.EnlivenKey(at, key)
}

// Location returns where peers find this node, with the hints of now; zero for an anonymous one.
func (n *Node) Location() sturdyref.Peer { return n.home.Location() }

// String names the node by its public key.
func (n *Node) String() string {
	if at := n.Location(); !at.IsZero() {
		return "node " + at.ID().String()
	}
	return "anonymous node"
}

// Format shows what String shows, whatever the verb: what a node holds is not for logs.
func (n *Node) Format(f fmt.State, _ rune) { fmt.Fprint(f, n.String()) }

// Sessions lists the peers this node has a session with at the moment, in no particular order; an anonymous peer goes by
// the key of its session.
func (n *Node) Sessions() []sturdyref.PeerID { return n.home.Sessions() }

// Lasting lists the peers with which there is a session that outlives this process, because durable objects use it.
func (n *Node) Lasting() []sturdyref.PeerID { return n.home.Lasting() }

// Forget ends the sessions with a peer for good: references that either side holds of the other break. The peer learns of it when it
// is there. A sturdyref of it is as good as before.
func (n *Node) Forget(peer sturdyref.PeerID) error { return n.home.Forget(peer) }

// NetworkUp tells the node that the network may have come back or changed: an interface is up, the machine has woken.
// Sessions that stood still go on at once instead of when their timers, grown long during an outage, next fire. A
// program that can learn of such events calls it; nothing depends on it. It returns when every connection was tried,
// those of nodes made from this one included, if it is the one that Open returned. A peer that does not answer makes
// that take five seconds, and so can one whose connection was never lost: ctx bounds it.
func (n *Node) NetworkUp(ctx context.Context) {
	if n.child {
		n.home.NetworkUp(ctx)
		return
	}
	var all sync.WaitGroup
	n.root.mu.Lock()
	for each := range n.root.nodes {
		all.Go(func() { each.home.NetworkUp(ctx) })
	}
	n.root.mu.Unlock()
	all.Wait()
}

// As returns a node that acts under another identity, with sessions and publications (in memory) of its own and the
// same vats. Nothing but the IP address links the two in front of a peer: a reference obtained under one does not pass
// over a session of the other, nor can it be published there. It listens at a port of its own. Its door is closed if n's
// is, and has no secret and knows nobody: those would link. It closes with the node that Open returned, or earlier.
func (n *Node) As(ctx context.Context, id sturdyref.Identity) (*Node, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if id == nil {
		return nil, errors.New("hawser: As wants an identity: sturdyref.GenerateIdentity makes one; for none at all use Anonymous")
	}
	if k, ok := id.(sturdyref.KeyPair); ok && k.IsZero() {
		return nil, errNoKeys
	}
	c := n.cfg
	c.Listen, c.Advertise, c.Door.Secret, c.Door.Known = "", nil, sturdyref.SwissNum{}, nil
	return n.root.descend(c, id)
}

// Anonymous returns a node that dials every peer with a key made for that one session, so that two sessions cannot be
// linked — by their keys; the IP address still links them. What is done with one peer over one session is seen to be
// done by one party: to do two things at a peer that are not to be linked, use two nodes. It publishes nothing. It has
// the same vats as n and closes with the node that Open returned, or earlier.
func (n *Node) Anonymous() (*Node, error) { return n.root.descend(n.cfg, nil) }

func (s *shared) descend(c Config, id sturdyref.Identity) (*Node, error) {
	n, err := s.node(c, id, nil, nil)
	if err == nil {
		n.child = true
	}
	return n, err
}

// Close ends the node's sessions and, if n is the one that Open returned, closes what was made from it, its vats and its
// directory. It is bounded in time: what does not end is reported. Closing again waits for the same and returns the
// same. It must not be called in a turn of one of the node's vats: it would wait for that turn.
func (n *Node) Close() error {
	s := n.root
	if n.child {
		err := n.home.Close()
		s.mu.Lock()
		delete(s.nodes, n)
		s.mu.Unlock()
		return err
	}
	s.closing.Do(func() { s.failure = s.close() })
	return s.failure
}

func (s *shared) close() error {
	s.mu.Lock()
	s.closed = true
	homes := make([]func() error, 0, len(s.nodes))
	for n := range s.nodes {
		homes = append(homes, n.home.Close)
	}
	vats := []func() error{s.own.Close}
	for _, v := range s.vats {
		vats = append(vats, v.Close)
	}
	s.mu.Unlock()
	close(s.stop)
	s.office.Close()
	stopped := s.durables.stop()
	err := errors.Join(stopped, atOnce(homes), atOnce(vats))
	if e := s.durables.close(); stopped == nil { // else it is the same failure
		err = errors.Join(err, e)
	}
	err = errors.Join(err, s.closeNotices())
	<-s.done
	if s.dir != nil {
		err = errors.Join(err, s.dir.close())
	}
	return err
}

// atOnce calls all the functions at the same time and waits for them.
func atOnce(fns []func() error) error {
	errs := make([]error, len(fns))
	var all sync.WaitGroup
	for i, fn := range fns {
		all.Go(func() { errs[i] = fn() })
	}
	all.Wait()
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
