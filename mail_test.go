package hawser_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/mailroom"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// correspondent is a node on a simulated network, with an account.
type correspondent struct {
	*hawser.Node
	t    *testing.T
	host *mem.Host
	own  accountRef
	cfg  hawser.Config
}

// onSimulated opens a node on a simulated network.
func onSimulated(t *testing.T, net *mem.Network, cfg hawser.Config) *correspondent {
	t.Helper()
	c := &correspondent{t: t}
	cfg.Dir, cfg.LazyRelease, cfg.Network = t.TempDir(), true, c.simulated(net)
	c.cfg = cfg
	var err error
	if c.Node, err = hawser.Open(context.Background(), &cfg); err != nil {
		t.Fatal(err)
	}
	return c
}

// keepsMail is servesMail in a test.
func keepsMail(t *testing.T, server *correspondent) mailroom.HostRef {
	t.Helper()
	host, err := servesMail(context.Background(), server.Node)
	if err != nil {
		t.Fatal(err)
	}
	return host
}

// simulated has the node be on a simulated network.
func (c *correspondent) simulated(net *mem.Network) func(hawser.NetworkConfig) (netlayer.Netlayer, error) {
	return func(nc hawser.NetworkConfig) (netlayer.Netlayer, error) {
		c.host = net.Host(mem.HostConfig{Static: nc.Identity.Public().Static, Doorkeeper: nc.Doorkeeper, Features: nc.Features})
		return c.host, nil
	}
}

// withAccount opens a node that has an account, and its mail in a box of the server's.
func withAccount(t *testing.T, net *mem.Network, host mailroom.HostRef, name string) *correspondent {
	t.Helper()
	uri, err := host.Office(context.Background()).NewBox(context.Background(), name, mailroom.Terms{}).Await(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	box, err := sturdyref.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	c := onSimulated(t, net, hawser.Config{Kinds: []vat.Kind{accountKind}, Mailbox: box})
	c.own = durableAccount(t, c.Node)
	return c
}

func (c *correspondent) report() account {
	c.t.Helper()
	r, err := vat.Result[account](c.own.Send(context.Background(), "report")).Await(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// correspondents returns two nodes that have met, and the server of their boxes.
func correspondents(t *testing.T) (net *mem.Network, server, alice, bob *correspondent) {
	t.Helper()
	ctx := context.Background()
	net = mem.New(&mem.Config{Delay: 5 * time.Millisecond, Timeout: time.Second})
	server = onSimulated(t, net, hawser.Config{Kinds: mailroom.Kinds()})
	host := keepsMail(t, server)
	alice, bob = withAccount(t, net, host, "alice"), withAccount(t, net, host, "bob")
	uri, err := bob.Publish(ctx, "account", bob.own.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := meet(ctx, alice.Node, alice.own, []string{uri.URI()}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute)
	return net, server, alice, bob
}

// Frames move between a connection and mail whenever the one or the other is there: each question is asked once, in order, and
// answered once.
func TestMailAndConnection(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		net, server, alice, bob := correspondents(t)
		if len(alice.Correspondents()) != 1 || len(bob.Correspondents()) != 1 {
			t.Fatal("they do not know where each other's letters are dropped")
		}
		// Two who can never reach each other, but the server: a relay.
		net.Partition(alice.host, bob.host)
		inquire := func(who *correspondent) { _ = who.own.SendOnly(ctx, "inquire") }
		inquire(alice)
		inquire(bob)
		time.Sleep(2 * time.Minute)
		if a, b := alice.report(), bob.report(); a.Told != 1 || b.Told != 1 {
			t.Errorf("by mail alone %d and %d were told, want 1 and 1", a.Told, b.Told)
		}
		pairs := [][2]*mem.Host{{alice.host, bob.host}, {alice.host, server.host}, {bob.host, server.host}}
		asked := int64(2)
		for range 150 {
			pair := pairs[rng.IntN(3)]
			switch rng.IntN(5) {
			case 0:
				net.Partition(pair[0], pair[1])
			case 1, 2:
				net.Heal(pair[0], pair[1])
			case 3:
				net.Lose(pair[0], pair[1])
			}
			for range rng.IntN(3) {
				inquire([]*correspondent{alice, bob}[rng.IntN(2)])
				asked++
			}
			time.Sleep(time.Duration(rng.IntN(8000)) * time.Millisecond)
		}
		for _, pair := range pairs[1:] { // the two themselves never meet again
			net.Heal(pair[0], pair[1])
		}
		net.Partition(alice.host, bob.host)
		time.Sleep(time.Hour)
		a, b := alice.report(), bob.report()
		if a.Asked+b.Asked != asked || a.Told != a.Asked || b.Told != b.Asked || len(a.Wrong)+len(b.Wrong) > 0 {
			t.Errorf("asked %d and %d of %d, told %d and %d, wrong: %q %q", a.Asked, b.Asked, asked, a.Told, b.Told, a.Wrong, b.Wrong)
		}
		for _, c := range []*correspondent{alice, bob, server} {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		net.Close()
	})
}

// A box's owner who gives the URI of something else is told so in the log, and nothing else suffers.
func TestMailboxOfAnotherKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		net := mem.New(&mem.Config{Delay: 5 * time.Millisecond, Timeout: time.Second})
		other := onSimulated(t, net, hawser.Config{Kinds: []vat.Kind{accountKind}})
		uri, err := other.Publish(ctx, "account", durableAccount(t, other.Node).Ref)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		logger := hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Warn})
		c := onSimulated(t, net, hawser.Config{Kinds: []vat.Kind{accountKind}, Mailbox: uri, Logger: logger})
		time.Sleep(10 * time.Minute)
		if err := errors.Join(c.Close(), other.Close()); err != nil {
			t.Error(err)
		}
		if n := strings.Count(log.String(), "is Config.Mailbox the owner's sturdyref?"); n != 1 {
			t.Errorf("said %d times: %s", n, log.String())
		}
		net.Close()
	})
	for _, cfg := range []hawser.Config{{}, {Dir: t.TempDir()}, {Kinds: []vat.Kind{accountKind}}} {
		cfg.Mailbox = sturdyref.Ref{Peer: sturdyref.Peer{Transport: "hawser", Designator: "x"}, Swiss: sturdyref.NewSwissNum()}
		cfg.Listen = "127.0.0.1:0"
		if n, err := hawser.Open(context.Background(), &cfg); err == nil {
			t.Error("a node that stores nothing has mail")
			_ = n.Close()
		} else if !strings.Contains(err.Error(), "Config.Mailbox") {
			t.Error(err)
		}
	}
}
