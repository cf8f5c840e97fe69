package home_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// party is one Home on a simulated network, and the vat its objects live in.
type party struct {
	*home.Home
	t     *testing.T
	name  string
	id    sturdyref.Identity
	vat   *vat.Vat
	own   *vat.Vat
	layer *counted
	at    *mem.Host // below layer, if something is between them
}

// counted counts the connections a netlayer makes, both ways, and lets a test stand in the way of them.
type counted struct {
	netlayer.Netlayer
	dialled, admitted atomic.Int32

	// What follows is set before anything is dialled. connect stands in for Connect, arrived sees incoming connections
	// before the Home does, accept stands in for Incoming.Accept.
	connect func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error)
	arrived func(in *netlayer.Incoming)
	accept  func(first [][]byte, next acceptor) (netlayer.Conn, error)
	sourced func(*netlayer.Info)
}

type (
	connector func(context.Context, netlayer.Dial) (netlayer.Conn, error)
	acceptor  func([][]byte) (netlayer.Conn, error)
)

func (c *counted) Connect(ctx context.Context, d netlayer.Dial) (conn netlayer.Conn, err error) {
	if c.connect != nil {
		conn, err = c.connect(ctx, d, c.Netlayer.Connect)
	} else {
		conn, err = c.Netlayer.Connect(ctx, d)
	}
	if err == nil {
		c.dialled.Add(1)
	}
	return conn, err
}

func (c *counted) Accept(ctx context.Context) (*netlayer.Incoming, error) {
	in, err := c.Netlayer.Accept(ctx)
	if err != nil {
		return nil, err
	}
	if c.sourced != nil {
		c.sourced(&in.Info)
	}
	accept := in.Accept
	in.Accept = func(first [][]byte) (conn netlayer.Conn, err error) {
		if c.accept != nil {
			conn, err = c.accept(first, accept)
		} else {
			conn, err = accept(first)
		}
		if err == nil {
			c.admitted.Add(1)
		}
		return conn, err
	}
	if c.arrived != nil {
		c.arrived(in)
	}
	return in, nil
}

// host is the simulated host of a party that has one.
func (p *party) host() *mem.Host {
	if p.at != nil {
		return p.at
	}
	return p.layer.Netlayer.(*mem.Host)
}

func identity(t *testing.T) sturdyref.Identity {
	t.Helper()
	id, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// join opens a Home. change, if not nil, alters its configuration; a nil identity makes it anonymous.
func join(t *testing.T, n *mem.Network, name string, id sturdyref.Identity, change func(*home.Config)) *party {
	t.Helper()
	return joinOver(t, n, name, id, change, nil)
}

// joinOver is join with a netlayer made of the simulated host's, which may be nil for that itself.
func joinOver(t *testing.T, n *mem.Network, name string, id sturdyref.Identity, change func(*home.Config), over func(*mem.Host, hclog.Logger) netlayer.Netlayer) *party {
	t.Helper()
	log := hclog.New(&hclog.LoggerOptions{Name: name, Output: t.Output(), Level: hclog.Debug})
	p := &party{t: t, name: name, id: id, vat: vat.New(&vat.Config{Name: name, Logger: log}), own: vat.New(&vat.Config{Name: name + " own", Logger: log})}
	cfg := home.Config{Identity: id, Vat: p.own, LazyRelease: true, Logger: log}
	if change != nil {
		change(&cfg)
	}
	var err error
	var mu sync.Mutex // an anonymous party has layers for each session
	p.Home, err = home.New(cfg, func(door netlayer.Doorkeeper) ([]home.Layer, error) {
		hc := mem.HostConfig{Features: []string{home.FeatureFetchProof, home.FeatureRedeem, captp.FeatureMovesQueues, captp.FeatureRelaysGifts}}
		if id == nil {
			hc.Anonymous = true
		} else {
			hc.Static, hc.Doorkeeper, hc.Addr = id.Public().Static, door, name
		}
		if over != nil {
			hc.Features = append(hc.Features, netlayer.FeatureResume)
		}
		at := n.Host(hc)
		layer := &counted{Netlayer: at}
		if over != nil {
			layer.Netlayer = over(at, log)
		}
		mu.Lock()
		defer mu.Unlock()
		p.at, p.layer = at, layer
		return []home.Layer{{Netlayer: layer}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// leave closes the party; every test does it for all, in the order it likes.
func (p *party) leave() {
	p.t.Helper()
	if err := errors.Join(p.Close(), p.vat.Close(), p.own.Close()); err != nil {
		p.t.Error(p.name, err)
	}
}

type echo interface {
	Echo(ctx context.Context, v any) (any, error)
	Caller(ctx context.Context) (string, error)
}

var echoFacet = vat.FacetOf[echo]("test.Echo")

type echoer struct{}

func (echoer) Echo(_ context.Context, v any) (any, error) { return v, nil }
func (echoer) Caller(ctx context.Context) (string, error) { return vat.CallerOf(ctx).String(), nil }

// publish publishes a fresh echo object.
func (p *party) publish(name string) sturdyref.Ref {
	p.t.Helper()
	s, err := p.Publish(context.Background(), name, p.spawn())
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *party) spawn() vat.Ref {
	p.t.Helper()
	ref, err := vat.Do(context.Background(), p.vat, func(ctx context.Context) (vat.Ref, error) {
		return echoFacet.Spawn(ctx, echoer{}), nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return ref
}

// pair makes two identities, the one with the lower static key first.
func pair(t *testing.T) (lower, higher sturdyref.Identity) {
	t.Helper()
	x, y := identity(t), identity(t)
	px, py := x.Public().Static, y.Public().Static
	if string(px[:]) > string(py[:]) {
		x, y = y, x
	}
	return x, y
}

// call sends echo(v) and waits.
func call(ref vat.Ref, v int) (int, error) {
	return vat.Result[int](ref.Send(context.Background(), "echo", v)).Await(context.Background())
}

// works fails the test unless ref answers.
func works(t *testing.T, what string, ref vat.Ref) {
	t.Helper()
	if v, err := call(ref, 7); v != 7 || err != nil {
		t.Errorf("%s: %v, %v", what, v, err)
	}
}

// refused fails the test unless ref breaks with the one refusal there is, or with one of the netlayer's.
func refused(t *testing.T, what string, ref vat.Ref) {
	t.Helper()
	_, err := call(ref, 7)
	if e, ok := errors.AsType[*vat.Error](err); ok && e.Code == home.ErrRefused.Code || errors.Is(err, netlayer.ErrRefused) {
		return
	}
	t.Errorf("%s: not refused: %v", what, err)
}
