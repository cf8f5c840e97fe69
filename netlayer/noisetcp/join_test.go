package noisetcp_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/netlayertest"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
	"github.com/hawser-go/hawser/sturdyref"
)

// openBoth opens a netlayer of both kinds for the suite.
func openBoth(t testing.TB, h netlayertest.Host) netlayer.Netlayer {
	t.Helper()
	q := noisequic.Config{Features: h.Features, Linger: 500 * time.Millisecond}
	c := noisetcp.Config{Features: h.Features, Linger: 500 * time.Millisecond}
	if !h.Anonymous {
		k := identity(t)
		q.Identity, q.Listen, q.Doorkeeper = k, "127.0.0.1:0", h.Doorkeeper
		c.Identity, c.Listen, c.Doorkeeper = k, "127.0.0.1:0", h.Doorkeeper
	}
	overQUIC, err := noisequic.Open(&q)
	if err != nil {
		t.Fatal(err)
	}
	overTCP, err := noisetcp.Open(&c)
	if err != nil {
		t.Fatal(err)
	}
	return noisetcp.Join(overQUIC, overTCP)
}

// withoutUDP is a netlayer whose peers learn of its TCP addresses only.
type withoutUDP struct{ netlayer.Netlayer }

func (w withoutUDP) Location() sturdyref.Peer {
	p := w.Netlayer.Location().Clone()
	maps.DeleteFunc(p.Hints, func(name, _ string) bool { return strings.HasPrefix(name, "addr") })
	return p
}

func TestJoined(t *testing.T) {
	t.Run("Both", func(t *testing.T) {
		netlayertest.Run(t, netlayertest.Subject{Open: func(t testing.TB) func(netlayertest.Host) netlayer.Netlayer {
			return func(h netlayertest.Host) netlayer.Netlayer { return openBoth(t, h) }
		}})
	})
	t.Run("WithoutUDP", func(t *testing.T) {
		netlayertest.Run(t, netlayertest.Subject{Open: func(t testing.TB) func(netlayertest.Host) netlayer.Netlayer {
			return func(h netlayertest.Host) netlayer.Netlayer { return withoutUDP{openBoth(t, h)} }
		}})
	})
}

// A peer whose UDP nobody answers is reached over TCP; its location says both.
func TestUDPBlocked(t *testing.T) {
	noLeaks(t)
	silent, err := net.ListenPacket("udp", "127.0.0.1:0") // takes packets and says nothing, as a firewall does
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	a, b := openBoth(t, netlayertest.Host{}), openBoth(t, netlayertest.Host{})
	defer a.Close()
	defer b.Close()
	d := netlayer.Dial{Peer: b.Location()}
	if d.Peer.Hints["addr"] == "" || d.Peer.Hints["tcp"] == "" {
		t.Fatalf("the location is %v", d.Peer)
	}
	d.Peer.Hints["addr"] = silent.LocalAddr().String()
	begin := time.Now()
	out, in := connect(t, a, b, d)
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("it took %v to give up UDP", took)
	}
	if err := out.Write([][]byte{[]byte("over TCP")}); err != nil {
		t.Fatal(err)
	}
	if f, err := in.Read(); err != nil || string(f.Bytes) != "over TCP" {
		t.Errorf("read %q, %v", f.Bytes, err)
	}
}

// stub is a netlayer whose dials end as the test says.
type stub struct {
	netlayer.Netlayer
	dialled int
	err     error
	ask     bool // for what the dial has to say
}

func (s *stub) Connect(_ context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	s.dialled++
	if s.ask && d.Credential != nil {
		d.Credential(netlayer.Info{})
	}
	if s.ask && d.Early != nil {
		d.Early(netlayer.Info{}, 1000)
	}
	return nil, s.err
}

func (s *stub) Accept(ctx context.Context) (*netlayer.Incoming, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (s *stub) Close() error { return nil }

// Only what left everything open is tried again the other way.
func TestWhatGoesOverTCP(t *testing.T) {
	unreachable := fmt.Errorf("%w: one", netlayer.ErrUnreachable)
	for name, c := range map[string]struct {
		first error
		ask   bool
		again bool
	}{
		"unreachable":                          {unreachable, false, true},
		"unreachable after it was asked":       {unreachable, true, false},
		"refused":                              {netlayer.ErrRefused, true, false},
		"refused before it was asked":          {netlayer.ErrRefused, false, false},
		"crossed":                              {netlayer.ErrCrossed, true, false},
		"lost":                                 {netlayer.ErrLost, true, false},
		"something is wrong with the dial":     {errors.New("bad"), false, false},
		"the netlayer was closed in the midst": {net.ErrClosed, false, false},
	} {
		first, second := &stub{err: c.first, ask: c.ask}, &stub{err: netlayer.ErrRefused, ask: true}
		j := noisetcp.Join(first, second)
		asked := 0
		_, err := j.Connect(t.Context(), netlayer.Dial{
			Early:      func(netlayer.Info, int) [][]byte { asked++; return nil },
			Credential: func(netlayer.Info) []byte { asked++; return nil },
		})
		want := c.first
		if c.again {
			want = netlayer.ErrRefused
		}
		if !errors.Is(err, want) || first.dialled != 1 || second.dialled == 0 == c.again || asked > 2 {
			t.Errorf("%s: %v after %d and %d dials, asked %d times", name, err, first.dialled, second.dialled, asked)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
	// With nobody there either way the error says both, in one line.
	j := noisetcp.Join(&stub{err: unreachable}, &stub{err: fmt.Errorf("%w: two", netlayer.ErrUnreachable)})
	defer j.Close()
	_, err := j.Connect(t.Context(), netlayer.Dial{})
	if !errors.Is(err, netlayer.ErrUnreachable) || !strings.Contains(err.Error(), "one") || !strings.Contains(err.Error(), "two") || strings.Contains(err.Error(), "\n") {
		t.Errorf("nobody anywhere: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	second := &stub{err: unreachable}
	ended := noisetcp.Join(&stub{err: unreachable}, second)
	defer ended.Close()
	if _, err := ended.Connect(ctx, netlayer.Dial{}); err == nil || second.dialled != 0 {
		t.Errorf("a dial that was given up goes on over TCP: %v", err)
	}
}

// upStub wants to know when the network is up.
type upStub struct {
	stub
	told int
}

func (u *upStub) NetworkUp(context.Context) { u.told++ }

// Whoever of the two wants to know that the network is back is told.
func TestJoinedNetworkUp(t *testing.T) {
	wants := &upStub{}
	j := noisetcp.Join(wants, &stub{})
	defer j.Close()
	up, ok := j.(interface{ NetworkUp(context.Context) })
	if !ok {
		t.Fatal("the netlayer cannot be told that the network is up")
	}
	if up.NetworkUp(t.Context()); wants.told != 1 {
		t.Errorf("told %d times", wants.told)
	}
}
