package hawser_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// quiet is a configuration for tests in which things go wrong on purpose.
func quiet() *hawser.Config {
	return &hawser.Config{Listen: "127.0.0.1:0", Logger: hclog.NewNullLogger()}
}

// greet calls and waits.
func greet(ref vat.Ref) error {
	s, err := vat.Result[string](ref.Send(context.Background(), "greet", "Ada")).Await(context.Background())
	if err == nil && s != "hello Ada" {
		err = fmt.Errorf("answered %q", s)
	}
	return err
}

func publish(t *testing.T, n *hawser.Node, name string) sturdyref.Ref {
	t.Helper()
	s, err := n.Publish(t.Context(), name, spawnGreeter(t, n))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestBothDial lets two nodes enliven each other at the same moment, again and again.
func TestBothDial(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for range rounds {
		a, b := open(t, quiet()), open(t, quiet())
		atA, atB := publish(t, a, "greeter"), publish(t, b, "greeter")
		start := make(chan struct{})
		errs := make(chan error, 8)
		var all sync.WaitGroup
		for _, c := range []struct {
			by *hawser.Node
			of sturdyref.Ref
		}{{a, atB}, {b, atA}} {
			for range 4 {
				all.Go(func() {
					<-start
					r := c.by.Enliven(c.of)
					for range 3 {
						if err := greet(r); err != nil {
							errs <- err
							return
						}
					}
				})
			}
		}
		close(start)
		all.Wait()
		close(errs)
		for err := range errs {
			t.Error(err)
		}
		if err := errors.Join(greet(a.Enliven(atB)), greet(b.Enliven(atA)), a.Close(), b.Close()); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			return
		}
	}
}

// TestTheHostIsKilled kills the host's process and starts it again. What the guest holds breaks, with a type, and its
// next Enliven of the same line of text reaches the new process.
func TestTheHostIsKilled(t *testing.T) {
	dir := t.TempDir()
	guest := open(t, quiet())
	ctx := t.Context()
	host := spawnHost(t, dir)
	first := host.line
	invite, err := sturdyref.Parse(strings.TrimSpace(first))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		g := guest.Enliven(invite)
		if err := greet(g); err != nil {
			t.Fatal(err)
		}
		told := make(chan error, 1)
		if _, err := vat.Do(ctx, guest.Vat("watch"), func(ctx context.Context) (int, error) {
			vat.OnSever(ctx, g, func(_ context.Context, reason error) { told <- reason })
			return 0, nil
		}); err != nil {
			t.Fatal(err)
		}
		pending := g.Send(ctx, "greet", "Ada")
		if err := errors.Join(func() error { _, err := pending.Await(ctx); return err }()); !errors.Is(err, vat.ErrNotReference) {
			t.Fatal(err)
		}
		host.kill()
		host = spawnHost(t, dir)
		if host.line != first {
			t.Fatalf("after a restart the URI is another")
		}
		// The new process knows nothing of the old one's connection and says so when it hears of it.
		if err := greet(g); !errors.Is(err, net.ErrClosed) {
			t.Errorf("what the killed host held: %v", err)
		}
		if err := <-told; !errors.Is(err, net.ErrClosed) {
			t.Errorf("OnSever says %v", err)
		}
		if err := greet(g); !errors.Is(err, net.ErrClosed) {
			t.Errorf("and again: %v", err)
		}
	}
	if err := greet(guest.Enliven(invite)); err != nil {
		t.Error(err)
	}
}

// TestTheGuestIsKilled restarts the side that dials, with its identity.
func TestTheGuestIsKilled(t *testing.T) {
	id, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	host := open(t, quiet())
	invite := publish(t, host, "greeter")
	for range 3 {
		cfg := quiet()
		cfg.Identity = id
		guest := open(t, cfg)
		if err := greet(guest.Enliven(invite)); err != nil {
			t.Error(err)
		}
		if err := guest.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestManyIdentities lets one process be many people, who talk to a host and to each other.
func TestManyIdentities(t *testing.T) {
	const many = 8
	host, guest := open(t, quiet()), open(t, quiet())
	invite := publish(t, host, "greeter")
	ctx := t.Context()
	var nodes []*hawser.Node
	var own []sturdyref.Ref
	seen := map[string]bool{}
	for i := range many {
		id, err := sturdyref.GenerateIdentity(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		n, err := guest.As(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		who, err := vat.Result[string](n.Enliven(invite).Send(ctx, "whoAmI")).Await(ctx)
		if want := sturdyref.Designator(id.Public().Static); who != want || err != nil {
			t.Errorf("identity %d is %q to the host, want %q (%v)", i, who, want, err)
		}
		seen[who] = true
		nodes = append(nodes, n)
		own = append(own, publish(t, n, "greeter"))
	}
	if len(seen) != many {
		t.Errorf("%d callers, want %d", len(seen), many)
	}
	var all sync.WaitGroup
	gate := make(chan struct{}, 8)
	for i, n := range nodes {
		for j, s := range own {
			all.Go(func() {
				gate <- struct{}{}
				defer func() { <-gate }()
				if err := greet(n.Enliven(s)); err != nil {
					t.Errorf("identity %d calls %d: %v", i, j, err)
				}
			})
		}
	}
	all.Wait()
	// One leaves, the others stay.
	gone := nodes[1].Enliven(own[0])
	if err := greet(gone); err != nil {
		t.Error(err)
	}
	if err := nodes[0].Close(); err != nil {
		t.Error(err)
	}
	if err := greet(nodes[1].Enliven(own[2])); err != nil {
		t.Error(err)
	}
	if err := greet(gone); !errors.Is(err, net.ErrClosed) {
		t.Errorf("an identity that was closed: %v", err)
	}
}

// TestAnonymousCallers looks at two anonymous sessions of one node with a host's eyes.
func TestAnonymousCallers(t *testing.T) {
	ctx := t.Context()
	relay := listenRelay(t)
	host, guest := open(t, quiet()), open(t, quiet())
	invite := publish(t, host, "greeter")
	relay.target(invite.Peer.Hints["addr"])
	callers, err := vat.Do(ctx, host.Vat("greeters"), func(ctx context.Context) (vat.Ref, error) {
		return vat.SpawnFunc(ctx, func(ctx context.Context, _ []any) (any, error) {
			c := vat.CallerOf(ctx)
			return []any{c.Designator, c.Anonymous, c.Authenticated}, nil
		}), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	probe, err := host.Publish(ctx, "callers", callers)
	if err != nil {
		t.Fatal(err)
	}
	probe.Peer.Hints = map[string]string{"addr": relay.address()}
	var designators []string
	for range 3 {
		anon, err := guest.Anonymous()
		if err != nil {
			t.Fatal(err)
		}
		who, err := vat.Result[[]any](anon.Enliven(probe).Apply(ctx)).Await(ctx)
		if err != nil || len(who) != 3 || who[1] != true || who[2] != true {
			t.Fatal(who, err)
		}
		designators = append(designators, who[0].(string))
		if anon.Location().ID() != (sturdyref.PeerID{}) {
			t.Errorf("an anonymous node is at %v", anon.Location())
		}
		if _, err := anon.Publish(ctx, "x", spawnGreeter(t, guest)); err == nil {
			t.Error("an anonymous node has published")
		}
	}
	slices.Sort(designators)
	if len(slices.Compact(designators)) != 3 || slices.Contains(designators, guest.Location().Designator) {
		t.Error("anonymous sessions share a designator")
	}
	if ports := relay.sources(); len(ports) != 3 || slices.Contains(ports, portOf(guest.Location().Hints["addr"])) {
		t.Errorf("anonymous sessions come from the ports %v; the node listens at %s", ports, guest.Location().Hints["addr"])
	}
}

// TestManyFromOnePlace fills what a host has for one source, which is an IP address here.
func TestManyFromOnePlace(t *testing.T) {
	cfg := quiet()
	cfg.Door.MaxPerSource = 3
	host, guest := open(t, cfg), open(t, quiet())
	invite := publish(t, host, "greeter")
	refs := []vat.Ref{guest.Enliven(invite)}
	var nodes []*hawser.Node
	for i := range 3 {
		if err := greet(refs[i]); err != nil {
			t.Error(err)
		}
		anon, err := guest.Anonymous()
		if err != nil {
			t.Fatal(err)
		}
		nodes, refs = append(nodes, anon), append(refs, anon.Enliven(invite))
	}
	if err := greet(refs[3]); !errors.Is(err, hawser.ErrRefused) {
		t.Errorf("the fourth: %v", err)
	}
	if err := nodes[0].Close(); err != nil {
		t.Error(err)
	}
	for len(host.Sessions()) > 2 { // until the host has heard it
		if err := greet(refs[0]); err != nil {
			t.Fatal(err)
		}
	}
	if err := greet(nodes[2].Enliven(invite)); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// TestTwoHundredSessions closes a node with that many, cleanly and quickly.
func TestTwoHundredSessions(t *testing.T) {
	const many = 200
	host, guest := open(t, quiet()), open(t, quiet())
	invite := publish(t, host, "greeter")
	refs := make([]vat.Ref, many)
	var all sync.WaitGroup
	gate := make(chan struct{}, 8)
	for i := range refs {
		all.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			anon, err := guest.Anonymous()
			if err != nil {
				t.Error(err)
				return
			}
			refs[i] = anon.Enliven(invite)
			if err := greet(refs[i]); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	start := time.Now()
	if err := host.Close(); err != nil {
		t.Error(err)
	}
	// A goodbye takes seconds only where the peer is gone.
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("closing took %v", d)
	}
	for i, r := range refs {
		if err := greet(r); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("session %d: %v", i, err)
		}
	}
	start = time.Now()
	if err := guest.Close(); err != nil {
		t.Error(err)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("closing %d nodes took %v", many, d)
	}
}

// TestCloseDuringDials closes a node that dials many who do not answer.
func TestCloseDuringDials(t *testing.T) {
	n := open(t, quiet())
	deaf, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = deaf.Close() }()
	var refs []vat.Ref
	for range 50 {
		id, err := sturdyref.GenerateIdentity(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		peer := id.Public().Peer()
		peer.Hints = map[string]string{"addr": deaf.LocalAddr().String()}
		for range 3 {
			refs = append(refs, n.Enliven(sturdyref.Ref{Peer: peer, Swiss: sturdyref.NewSwissNum()}))
		}
	}
	if _, _, err := deaf.ReadFrom(make([]byte, 2048)); err != nil { // the dials are under way
		t.Fatal(err)
	}
	start := time.Now()
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("closing took %v", d)
	}
	for _, r := range refs {
		if err := greet(r); !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
	}
}
