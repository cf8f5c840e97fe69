package hawser_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/netlayer/websocket"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// gated is a netlayer whose Close waits.
type gated struct {
	netlayer.Netlayer
	gate chan struct{}
	err  error
}

func (g *gated) Close() error {
	<-g.gate
	return errors.Join(g.Netlayer.Close(), g.err)
}

// onMem makes nodes listen on a simulated network.
func onMem(n *mem.Network, wrap func(netlayer.Netlayer) netlayer.Netlayer) func(hawser.NetworkConfig) (netlayer.Netlayer, error) {
	return func(c hawser.NetworkConfig) (netlayer.Netlayer, error) {
		h := mem.HostConfig{Features: c.Features, Doorkeeper: c.Doorkeeper, Anonymous: c.Identity == nil}
		if c.Identity != nil {
			h.Static = c.Identity.Public().Static
		}
		var nl netlayer.Netlayer = n.Host(h)
		if wrap != nil {
			nl = wrap(nl)
		}
		return nl, nil
	}
}

// TestEveryCloseWaits closes a node by several goroutines: all return when it is closed, and all say the same.
func TestEveryCloseWaits(t *testing.T) {
	world := mem.New(nil)
	defer world.Close()
	trouble := errors.New("the socket does not close")
	g := &gated{gate: make(chan struct{}), err: trouble}
	cfg := quiet()
	cfg.Network = onMem(world, func(nl netlayer.Netlayer) netlayer.Netlayer {
		if g.Netlayer != nil {
			return nl // of As
		}
		g.Netlayer = nl
		return g
	})
	n, err := hawser.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var closing sync.WaitGroup
	var early atomic.Bool
	early.Store(true)
	for range 4 {
		closing.Go(func() {
			if err := n.Close(); !errors.Is(err, trouble) {
				t.Errorf("Close says %v", err)
			}
			if early.Load() {
				t.Error("Close has returned before the node was closed")
			}
		})
	}
	if _, err := n.As(t.Context(), newIdentity(t)); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Errorf("As while the node closes: %v", err)
	}
	early.Store(false)
	close(g.gate)
	closing.Wait()
}

// TestNodesThatCloseAreForgotten makes and closes many.
func TestNodesThatCloseAreForgotten(t *testing.T) {
	world := mem.New(nil)
	defer world.Close()
	cfg := quiet()
	cfg.Network = onMem(world, nil)
	n := open(t, cfg)
	for range 100 {
		anon, err := n.Anonymous()
		if err != nil {
			t.Fatal(err)
		}
		if err := anon.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := hawser.Descendants(n); got != 1 {
		t.Errorf("%d nodes are remembered, want 1", got)
	}
}

// TestOtherIdentitiesKeepTheDoorShut asks what a stranger can do at a node made by As of one with a closed door.
func TestOtherIdentitiesKeepTheDoorShut(t *testing.T) {
	ctx := t.Context()
	cfg := quiet()
	friend := open(t, quiet())
	cfg.Door = hawser.Door{Closed: true, Secret: sturdyref.NewSwissNum(), Known: []sturdyref.PeerID{friend.Location().ID()}}
	host := open(t, cfg)
	other, err := host.As(ctx, newIdentity(t))
	if err != nil {
		t.Fatal(err)
	}
	invite := publish(t, other, "greeter")
	weak := sturdyref.Ref{Peer: invite.Peer, Swiss: sturdyref.SwissNumOf([]byte("lobby"))}
	if err := greet(open(t, quiet()).Enliven(weak)); !errors.Is(err, netlayer.ErrRefused) {
		t.Errorf("a stranger: %v", err)
	}
	// Who is known to the one identity must not find out that the other is the same node.
	if err := greet(friend.Enliven(weak)); !errors.Is(err, netlayer.ErrRefused) {
		t.Errorf("a friend of the other identity: %v", err)
	}
	if err := greet(friend.Enliven(invite)); err != nil {
		t.Errorf("with the secret: %v", err)
	}
}

// TestBadNodes shows what cannot be opened and what is said.
func TestBadNodes(t *testing.T) {
	ctx := t.Context()
	broken := errors.New("no network here")
	for what, c := range map[string]struct {
		cfg  hawser.Config
		want error
	}{
		"the zero identity":   {hawser.Config{Identity: sturdyref.KeyPair{}}, nil},
		"a negative limit":    {hawser.Config{Door: hawser.Door{MaxAnonymous: -1}}, nil},
		"a negative time":     {hawser.Config{DialTimeout: -1}, nil},
		"a weak door":         {hawser.Config{Door: hawser.Door{Secret: sturdyref.SwissNumOf([]byte("sesame"))}}, sturdyref.ErrWeak},
		"a network of no use": {hawser.Config{Network: func(hawser.NetworkConfig) (netlayer.Netlayer, error) { return nil, nil }}, nil},
		"a broken network":    {hawser.Config{Network: func(hawser.NetworkConfig) (netlayer.Netlayer, error) { return nil, broken }}, broken},
	} {
		n, err := hawser.Open(ctx, &c.cfg)
		if err == nil {
			_ = n.Close()
			t.Errorf("%s: opened", what)
		} else if c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Of several networks one is missing: the others do not stay open.
	inner, err := websocket.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := hawser.Open(ctx, &hawser.Config{Networks: func(hawser.NetworkConfig) ([]hawser.Layer, error) {
		return []hawser.Layer{{Netlayer: inner}, {}}, nil
	}}); err == nil {
		_ = n.Close()
		t.Error("half a network: opened")
	}
	waiting, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	if _, err := inner.Accept(waiting); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a network of a node that could not be opened: %v", err)
		_ = inner.Close()
	}
	n := open(t, quiet())
	for what, id := range map[string]sturdyref.Identity{"none": nil, "the zero": sturdyref.KeyPair{}} {
		if _, err := n.As(ctx, id); err == nil {
			t.Errorf("As %s: made", what)
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := n.As(ended, newIdentity(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("As with a context that ended: %v", err)
	}
	if _, err := hawser.Open(ended, quiet()); !errors.Is(err, context.Canceled) {
		t.Errorf("Open with a context that ended: %v", err)
	}
	for what, r := range map[string]vat.Ref{
		"the empty sturdyref": n.Enliven(sturdyref.Ref{}),
		"a peer without more": n.Enliven(sturdyref.Ref{Peer: n.Location()}),
		"no key":              n.EnlivenKey(n.Location(), sturdyref.Capability{}),
		"another network's":   n.Enliven(sturdyref.Ref{Peer: sturdyref.Peer{Transport: "pigeon", Designator: "coo"}, Swiss: sturdyref.NewSwissNum()}),
	} {
		if _, err := r.Await(ctx); err == nil {
			t.Errorf("%s: enlivened", what)
		} else {
			t.Log(what, ": ", err)
		}
	}
}
