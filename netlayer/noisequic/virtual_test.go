package noisequic_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/netlayertest"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/sturdyref"
)

// What takes time is tested on a simulated network in a bubble, where time is virtual and exact.

const oneWay = 25 * time.Millisecond

// air is a simulated network of hosts 10.0.0.1, 10.0.0.2, ...
type air struct {
	t      testing.TB
	router blackHole
	ports  int
}

// blackHole is a network that can be down: it then takes every packet and delivers none.
type blackHole struct {
	simnet.PerfectRouter
	down atomic.Bool
}

func (r *blackHole) SendPacket(p simnet.Packet) error {
	if !r.down.Load() {
		r.PerfectRouter.SendPacket(p) // to nobody: lost
	}
	return nil
}

// socket opens a socket of a host.
func (a *air) socket(host byte, port int) net.PacketConn {
	if port == 0 {
		a.ports++
		port = 40000 + a.ports
	}
	n := &simnet.Simnet{Router: &a.router}
	c := n.NewEndpoint(&net.UDPAddr{IP: net.IP{10, 0, 0, host}, Port: port}, simnet.NodeBiDiLinkSettings{Latency: oneWay})
	if err := n.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { n.Close() })
	return c
}

// on puts a netlayer on a host, at a port if one is given.
func (a *air) on(host byte, port int, cfg noisequic.Config) noisequic.Config {
	noisequic.SetPackets(&cfg, func(string) (net.PacketConn, error) { return a.socket(host, port), nil })
	return cfg
}

func TestNetlayerVirtual(t *testing.T) {
	netlayertest.Run(t, netlayertest.Subject{Bubble: true, Patience: time.Hour, Open: func(t testing.TB) func(netlayertest.Host) netlayer.Netlayer {
		a := &air{t: t}
		hosts := byte(0)
		return func(h netlayertest.Host) netlayer.Netlayer {
			hosts++
			cfg := noisequic.Config{Features: h.Features}
			if !h.Anonymous {
				cfg.Identity, cfg.Doorkeeper = identity(t), h.Doorkeeper
			}
			cfg = a.on(hosts, 0, cfg)
			n, err := noisequic.Open(&cfg)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}})
}

// From nothing to the first answer in three round trips: one of QUIC, one of Noise, one of the verdict.
func TestThreeRoundTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{t: t}
		from, to := open(t, a.on(1, 0, noisequic.Config{})), open(t, a.on(2, 0, noisequic.Config{}))
		go func() {
			in, err := to.Accept(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			c, err := in.Accept([][]byte{[]byte("hello")})
			if err != nil {
				t.Error(err)
				return
			}
			f, err := c.Read()
			if err != nil {
				t.Error(err)
				return
			}
			c.Write([][]byte{append([]byte("answer to "), f.Bytes...)})
		}()
		begin := time.Now()
		c, err := from.Connect(t.Context(), netlayer.Dial{Peer: to.Location(), Early: func(netlayer.Info, int) [][]byte {
			return [][]byte{[]byte("question")}
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"hello", "answer to question"} {
			if f, err := c.Read(); err != nil || string(f.Bytes) != want {
				t.Fatalf("read %q, %v, want %q", f.Bytes, err, want)
			}
		}
		if took := time.Since(begin); took != 6*oneWay {
			t.Errorf("the answer came after %v, want %v", took, 6*oneWay)
		}
	})
}

func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{t: t}
		from, to := open(t, a.on(1, 0, noisequic.Config{})), open(t, a.on(2, 0, noisequic.Config{}))
		for _, asks := range []string{"dialler", "acceptor", "nobody", "nobody any more"} {
			out, in := connect(t, from, to, netlayer.Dial{})
			switch asks {
			case "dialler":
				out.(netlayer.KeepAliver).KeepAlive(true)
				out.(netlayer.KeepAliver).KeepAlive(true)
			case "acceptor":
				in.(netlayer.KeepAliver).KeepAlive(true)
			case "nobody any more":
				for range 3 {
					out.(netlayer.KeepAliver).KeepAlive(true)
					time.Sleep(time.Minute)
					out.(netlayer.KeepAliver).KeepAlive(false)
				}
			}
			time.Sleep(time.Hour)
			if asks == "dialler" || asks == "acceptor" {
				if in.More() || out.More() {
					t.Fatalf("asked for by the %s: pings show up as frames", asks)
				}
				if err := out.Write([][]byte{[]byte("still")}); err != nil {
					t.Fatalf("asked for by the %s: %v", asks, err)
				}
				if f, err := in.Read(); err != nil || string(f.Bytes) != "still" {
					t.Fatalf("asked for by the %s: read %q, %v", asks, f.Bytes, err)
				}
				out.Close("")
				in.Close("")
				continue
			}
			for _, c := range []netlayer.Conn{out, in} {
				if _, err := c.Read(); !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "1m0s") {
					t.Errorf("asked for by %s: Read says %v after an hour of silence", asks, err)
				}
				c.(netlayer.KeepAliver).KeepAlive(true) // too late, and harmless
				c.Close("")
			}
		}
	})
}

// An outage shorter than the idle timeout does no harm; NetworkUp makes the connection go on at once.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{t: t}
		from, to := open(t, a.on(1, 0, noisequic.Config{})), open(t, a.on(2, 0, noisequic.Config{}))
		out, in := connect(t, from, to, netlayer.Dial{})
		defer in.Close("")
		defer out.Close("")
		recovery := func(outage time.Duration, kick bool) time.Duration {
			a.router.down.Store(true)
			if err := out.Write([][]byte{[]byte("during")}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(outage)
			a.router.down.Store(false)
			back := time.Now()
			if kick {
				go from.NetworkUp(t.Context())
			}
			if f, err := in.Read(); err != nil || string(f.Bytes) != "during" {
				t.Fatalf("read %q, %v", f.Bytes, err)
			}
			return time.Since(back)
		}
		// Without help it depends on where the outage ends between two of QUIC's tries.
		var slowest time.Duration
		for _, outage := range []time.Duration{8, 10, 12, 14} {
			slowest = max(slowest, recovery(outage*time.Second, false))
			time.Sleep(10 * time.Second)
		}
		if slowest < time.Second {
			t.Errorf("without help it took %v at most: the test shows nothing", slowest)
		}
		for _, outage := range []time.Duration{8, 10, 12, 14} {
			if fast := recovery(outage*time.Second, true); fast > 10*oneWay {
				t.Errorf("with NetworkUp it took %v, want a few round trips of %v", fast, 2*oneWay)
			}
			time.Sleep(10 * time.Second)
		}
		// With nothing to help, and after Close, it does no harm.
		from.NetworkUp(t.Context())
		to.NetworkUp(t.Context())
		a.router.down.Store(true)
		begin := time.Now()
		from.NetworkUp(t.Context())
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("NetworkUp took %v without a network", took)
		}
		a.router.down.Store(false)
	})
}

// A peer that was killed and started again says so at once to those who still believe in their connections.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{t: t}
		k := identity(t)
		from := open(t, a.on(1, 0, noisequic.Config{}))
		var last net.PacketConn
		cfg := noisequic.Config{Identity: k}
		noisequic.SetPackets(&cfg, func(string) (net.PacketConn, error) { last = a.socket(2, 4711); return last, nil })
		to := open(t, cfg)
		out, _ := connect(t, from, to, netlayer.Dial{})
		last.Close() // killed: nothing more is sent
		again := open(t, cfg)
		begin := time.Now()
		if err := out.Write([][]byte{[]byte("are you there?")}); err != nil {
			t.Fatal(err)
		}
		_, err := out.Read()
		if took := time.Since(begin); !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "restarted") || took > 4*oneWay {
			t.Errorf("Read says %v after %v, want that the peer was restarted within a few round trips", err, took)
		}
		out, in := connect(t, from, again, netlayer.Dial{})
		out.Close("")
		in.Close("")
	})
}

// Close is bounded in time even if the peer is gone without a word, and ErrLost says that nobody can tell.
func TestPeerVanishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{t: t}
		cfg := noisequic.Config{Linger: 2 * time.Second}
		from, to := open(t, a.on(1, 0, cfg)), open(t, a.on(2, 0, cfg))
		out, in := connect(t, from, to, netlayer.Dial{})
		a.router.down.Store(true)
		out.Write([][]byte{[]byte("never arrives")})
		begin := time.Now()
		out.Close("")
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("Close took %v, want the 2s of Linger", took)
		}
		in.Close("")
		a.router.down.Store(false)

		for _, early := range [][][]byte{nil, {[]byte("executed?")}} {
			want := netlayer.ErrUnreachable
			if early != nil {
				want = netlayer.ErrLost
			}
			failed := make(chan error)
			go func() {
				_, err := from.Connect(t.Context(), netlayer.Dial{Peer: to.Location(), Early: func(netlayer.Info, int) [][]byte { return early }})
				failed <- err
			}()
			incoming, err := to.Accept(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			a.router.down.Store(true)
			accepted, err := incoming.Accept(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := <-failed; !errors.Is(err, want) {
				t.Errorf("with %d early frames Connect says %v, want one that matches %v", len(early), err, want)
			}
			a.router.down.Store(false)
			accepted.Close("")
		}
		// Given up by the caller: both are told.
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			incoming, err := to.Accept(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			cancel()
			synctest.Wait()
			incoming.Refuse(netlayer.ErrRefused)
		}()
		_, err := from.Connect(ctx, netlayer.Dial{Peer: to.Location(), Early: func(netlayer.Info, int) [][]byte { return [][]byte{{}} }})
		if !errors.Is(err, netlayer.ErrLost) || !errors.Is(err, context.Canceled) {
			t.Errorf("Connect says %v, want ErrLost and context.Canceled", err)
		}
	})
}

// Who sends a byte now and then, or nothing, holds a place for the time of a handshake and no longer.
func TestSlowloris(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{t: t}
		k := &keeper{}
		to := open(t, a.on(1, 4711, noisequic.Config{
			Features: []string{"a", netlayer.FeatureResume}, Doorkeeper: k, Limits: noisequic.Limits{Handshakes: 4, HandshakesPerSource: 4},
		}))
		tr := &quic.Transport{Conn: a.socket(2, 0)}
		defer tr.Close()
		for name, drip := range map[string]func(w *wire) error{
			"silence":       func(*wire) error { time.Sleep(100 * time.Millisecond); return nil },
			"byte by byte":  func(w *wire) error { time.Sleep(100 * time.Millisecond); _, err := w.s.Write([]byte{0}); return err },
			"first message": func(*wire) error { time.Sleep(100 * time.Millisecond); return nil },
			"resuming":      func(*wire) error { time.Sleep(100 * time.Millisecond); return nil },
		} {
			begin := time.Now()
			var wires []*wire
			for range 4 {
				w := dialWire(t, tr, "10.0.0.1:4711")
				acceptor := keyOf(t, to)
				switch name {
				case "first message":
					w = w.hello(freshKey(), acceptor, docHello([16]byte{})).wire
				case "resuming":
					carrier().Hello(t, resumeWire{w}, freshKey(), acceptor[:])
				case "byte by byte":
					w.send([]byte{0, 0, 100})
				}
				wires = append(wires, w)
			}
			if _, err := tryWire(t, tr, "10.0.0.1:4711"); err == nil {
				t.Errorf("%s: a fifth dialler has a place", name)
			}
			for slices.ContainsFunc(wires, func(w *wire) bool { return w.quic.Context().Err() == nil }) {
				for _, w := range wires {
					if drip(w) != nil {
						time.Sleep(100 * time.Millisecond)
					}
				}
			}
			if took := time.Since(begin); took > 7*time.Second {
				t.Errorf("%s: the place was held for %v", name, took)
			}
			time.Sleep(time.Second)
		}
		if k.count() > 0 {
			t.Errorf("somebody was admitted")
		}
		from := open(t, a.on(3, 0, noisequic.Config{}))
		out, in := connect(t, from, to, netlayer.Dial{})
		out.Close("")
		in.Close("")
	})
}

// What resumes takes as long as what begins, and whoever says nothing has no longer.
func TestResumeTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{t: t}
		hosts := byte(0)
		host := func() byte { hosts++; return hosts }
		c := carrier()
		c.Open = func(t testing.TB, id sturdyref.Identity, features []string, door netlayer.Doorkeeper) netlayer.Netlayer {
			n := host()
			return open(t, a.on(n, 4711, noisequic.Config{Identity: id, Features: features, Doorkeeper: door, Advertise: []string{fmt.Sprintf("10.0.0.%d:4711", n)}}))
		}
		transport := func(port int) *quic.Transport {
			tr := &quic.Transport{Conn: a.socket(host(), port)}
			t.Cleanup(func() { tr.Close() })
			return tr
		}
		c.Dial = func(t testing.TB, to netlayer.Netlayer) noisetest.Wire {
			return resumeWire{dialWire(t, transport(0), address(to))}
		}
		c.Serve = func(t testing.TB, serve func(noisetest.Wire)) map[string]string {
			return map[string]string{"addr": acceptorOn(t, transport(4711), func(w *wire) { serve(resumeWire{w}) })}
		}
		c.ResumeTimes(t)

		from, to := c.Open(t, identity(t), []string{netlayer.FeatureResume}, nil), c.Open(t, identity(t), []string{netlayer.FeatureResume}, nil)
		begin := time.Now()
		out, in := connect(t, from, to, netlayer.Dial{Resume: []byte("x")}, []byte("answer"))
		if took := time.Since(begin); took != 6*oneWay {
			t.Errorf("the answer came after %v, want %v", took, 6*oneWay)
		}
		out.Close("")
		in.Close("")
	})
}

// A guest for whom nobody decides is refused in the end, and cannot be accepted afterwards.
func TestNobodyDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{t: t}
		from, to := open(t, a.on(1, 0, noisequic.Config{})), open(t, a.on(2, 0, noisequic.Config{}))
		begin := time.Now()
		dialFails(t, from, netlayer.Dial{Peer: to.Location()}, netlayer.ErrRefused)
		if took := time.Since(begin); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("nobody called Accept: refused after %v, want 10s", took)
		}
		failed := make(chan error)
		go func() {
			_, err := from.Connect(t.Context(), netlayer.Dial{Peer: to.Location()})
			failed <- err
		}()
		incoming, err := to.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := <-failed; !errors.Is(err, netlayer.ErrRefused) {
			t.Errorf("nobody decided: Connect says %v, want ErrRefused", err)
		}
		if c, err := incoming.Accept(nil); !errors.Is(err, net.ErrClosed) || c != nil {
			t.Errorf("accepted too late: %v, want net.ErrClosed", err)
		}
		incoming.Refuse(netlayer.ErrCrossed)
	})
}

// All addresses of a peer are tried, a little after each other, and the first where the peer itself answers is taken.
func TestManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{t: t}
		from := open(t, a.on(1, 0, noisequic.Config{}))
		open(t, a.on(3, 4711, noisequic.Config{})) // somebody else
		to := open(t, a.on(2, 4711, noisequic.Config{}))
		early := 0
		d := netlayer.Dial{Early: func(netlayer.Info, int) [][]byte { early++; return nil }}
		d.Peer = to.Location()
		d.Peer.Hints = map[string]string{
			"addr": "10.0.0.9:4711", "addr2": "10.0.0.3:4711", "addr3": "nonsense", "addr10": "10.0.0.2:4711", "addr11": "10.0.0.8:1",
			"addr01": "10.0.0.7:1", "address": "10.0.0.7:1", "tcp": "10.0.0.7:1",
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			in, err := to.Accept(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			c, err := in.Accept(nil)
			if err != nil {
				t.Error(err)
				return
			}
			c.Read()
			c.Close("")
		}()
		begin := time.Now()
		c, err := from.Connect(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		// The silent one has its time alone; the stranger turns us away in four trips; then it is the peer's turn.
		if took := time.Since(begin); took > 600*time.Millisecond || early != 1 {
			t.Errorf("connected after %v, Early was called %d times", took, early)
		}
		c.Close("")
		<-done
		d.Peer.Hints = map[string]string{"addr": "10.0.0.9:4711", "addr2": "10.0.0.3:4711", "addr3": "nonsense", "addr4": ":5", "addr5": "10.0.0.9:0"}
		text := dialFails(t, from, d, netlayer.ErrUnreachable).Error()
		for _, want := range []string{"10.0.0.9:4711: nobody answered", "10.0.0.3:4711: whoever is there turned", `"nonsense" is not host:port`, `":5"`, `"10.0.0.9:0"`} {
			if !strings.Contains(text, want) {
				t.Errorf("%q does not say %q", text, want)
			}
		}
	})
}

// Who has received everything up to the farewell says so by closing; who closes does not wait any longer.
func TestCloseIsAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{t: t}
		from := open(t, a.on(1, 0, noisequic.Config{Linger: time.Minute}))
		to := open(t, a.on(2, 0, noisequic.Config{Linger: time.Minute}))
		for _, dialler := range []bool{true, false} {
			closing, other := connect(t, from, to, netlayer.Dial{})
			if !dialler {
				closing, other = other, closing
			}
			if err := closing.Write([][]byte{[]byte("last words")}); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			closing.Close("")
			if took := time.Since(begin); took > 4*oneWay {
				t.Errorf("Close took %v", took)
			}
			if f, err := other.Read(); err != nil || string(f.Bytes) != "last words" {
				t.Errorf("read %q, %v", f.Bytes, err)
			}
			other.Close("")
		}
	})
}

// Names that nobody answers for cost a while, not the addresses that stand beside them.
func TestSlowNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{t: t}
		cfg := a.on(1, 0, noisequic.Config{})
		noisequic.SetLookup(&cfg, func(ctx context.Context, _ string) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		from, to := open(t, cfg), open(t, a.on(2, 4711, noisequic.Config{}))
		d := netlayer.Dial{Peer: to.Location()}
		d.Peer.Hints = map[string]string{"addr": "slow.example:1", "addr2": "slower.example:1", "addr3": "10.0.0.2:4711"}
		accepted := make(chan netlayer.Conn, 1)
		go func() {
			defer close(accepted)
			if in, err := to.Accept(t.Context()); err == nil {
				c, _ := in.Accept(nil)
				accepted <- c
			}
		}()
		begin := time.Now()
		c, err := from.Connect(t.Context(), d)
		if err != nil {
			to.Close()
			t.Fatalf("after %v: %v", time.Since(begin), err)
		}
		if took := time.Since(begin); took > 4*time.Second {
			t.Errorf("connected after %v", took)
		}
		c.Close("")
		(<-accepted).Close("")
	})
}

// An anonymous netlayer has a socket for each session, gone with it, and cannot be dialled.
func TestAnonymousSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{t: t}
		to := open(t, a.on(1, 0, noisequic.Config{}))
		var opened []*countingConn
		cfg := noisequic.Config{}
		noisequic.SetPackets(&cfg, func(string) (net.PacketConn, error) {
			c := &countingConn{SimConn: a.socket(2, 0).(*simnet.SimConn)}
			opened = append(opened, c)
			return c, nil
		})
		from, err := noisequic.Open(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer from.Close()
		if l := from.Location(); l.Designator != "" || l.Transport != "hawser" || len(l.Hints) > 0 || from.Port() != 0 {
			t.Errorf("an anonymous netlayer is at %v", l)
		}
		first, in1 := connect(t, from, to, netlayer.Dial{})
		second, in2 := connect(t, from, to, netlayer.Dial{})
		if len(opened) != 2 || opened[0].LocalAddr().String() == opened[1].LocalAddr().String() {
			t.Errorf("two sessions have %d sockets", len(opened))
		}
		if in1.Info().Remote.ID() == in2.Info().Remote.ID() || in1.Info().Identity != nil || !in1.Info().Anonymous {
			t.Error("two anonymous sessions can be linked")
		}
		first.Close("")
		in1.Close("")
		if !opened[0].closed.Load() || opened[1].closed.Load() {
			t.Error("a socket must go with its session, and not with another")
		}
		dialFails(t, from, netlayer.Dial{Peer: to.Location(), Key: badKey{}}, errBadKey)
		d := netlayer.Dial{Peer: to.Location()}
		d.Peer.Hints = nil
		dialFails(t, from, d, netlayer.ErrUnreachable)
		if n := len(opened); !opened[n-1].closed.Load() {
			t.Errorf("of %d sockets the last, of a dial that failed, is still open", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := from.Accept(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Accept of an anonymous netlayer: %v", err)
		}
		from.Close()
		if !opened[1].closed.Load() {
			t.Error("the netlayer is closed and a socket is open")
		}
		if _, err := second.Read(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read after the netlayer was closed: %v", err)
		}
	})
}

type countingConn struct {
	*simnet.SimConn
	closed atomic.Bool
}

func (c *countingConn) Close() error {
	c.closed.Store(true)
	return c.SimConn.Close()
}

var errBadKey = errors.New("the token was unplugged")

type badKey struct{}

func (badKey) ID([32]byte) ([16]byte, error)       { return [16]byte{}, errBadKey }
func (badKey) PSK(_, _ [32]byte) ([32]byte, error) { return [32]byte{}, errBadKey }
