package noisetcp_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
	"github.com/hawser-go/hawser/sturdyref"
)

// resumeWire is a wire for what is tested over both carriers.
type resumeWire struct{ *wire }

func (w resumeWire) Read(b []byte) (int, error) {
	w.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	return w.conn.Read(b)
}
func (w resumeWire) Send(b []byte)    { w.conn.Write(b) }
func (w resumeWire) Exporter() []byte { return nil }
func (w resumeWire) CloseWrite()      { w.conn.CloseWrite() }

// Rest has no way to tell a refusal from another end: over TCP there is none.
func (w resumeWire) Rest() (data []byte, refused bool) { return w.rest(), true }

// carrier is TCP for what is tested over both.
func carrier() noisetest.Carrier {
	return noisetest.Carrier{
		Label: noisetest.TCP, Token: true,
		Open: func(t testing.TB, id sturdyref.Identity, features []string, door netlayer.Doorkeeper) netlayer.Netlayer {
			if id != nil {
				return open(t, noisetcp.Config{Identity: id, Features: features, Doorkeeper: door, Limits: noisetcp.Limits{RatePerSource: 1e6}})
			}
			n, err := noisetcp.Open(&noisetcp.Config{Features: features, Linger: 500 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { n.Close() })
			return n
		},
		Dial: func(t testing.TB, to netlayer.Netlayer) noisetest.Wire { return resumeWire{dialWire(t, address(to))} },
		Serve: func(t testing.TB, serve func(noisetest.Wire)) map[string]string {
			return map[string]string{"tcp": rawAcceptor(t, func(w *wire) { serve(resumeWire{w}) })}
		},
	}
}

func TestResume(t *testing.T) {
	noLeaks(t)
	carrier().Resume(t)
}

// pipeWire is a wire on the network without delay.
type pipeWire struct{ net.Conn }

func (w pipeWire) Send(b []byte)    { w.Write(b) }
func (w pipeWire) Exporter() []byte { return nil }
func (w pipeWire) CloseWrite()      {}
func (w pipeWire) Rest() (data []byte, refused bool) {
	data, _ = io.ReadAll(w)
	return data, true
}

// What resumes takes as long as what begins, and whoever says nothing has no longer.
func TestResumeTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &air{}
		hosts := byte(0)
		c := carrier()
		c.Open = func(t testing.TB, id sturdyref.Identity, features []string, door netlayer.Doorkeeper) netlayer.Netlayer {
			hosts++
			return open(t, a.on(hosts, noisetcp.Config{Identity: id, Features: features, Doorkeeper: door}))
		}
		c.Dial = func(t testing.TB, to netlayer.Netlayer) noisetest.Wire {
			hosts++
			conn, err := a.dial(t.Context(), &net.TCPAddr{IP: net.IPv4(10, 0, 0, hosts), Port: 1}, address(to))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			return pipeWire{conn}
		}
		c.Serve = func(t testing.TB, serve func(noisetest.Wire)) map[string]string {
			hosts++
			addr := &net.TCPAddr{IP: net.IPv4(10, 0, 0, hosts), Port: 4711}
			h := &host{addr: addr, calls: make(chan net.Conn), over: make(chan struct{})}
			a.mu.Lock()
			a.hosts[addr.String()] = h
			a.mu.Unlock()
			var serving sync.WaitGroup
			serving.Go(func() {
				for {
					conn, err := h.Accept()
					if err != nil {
						return
					}
					serve(pipeWire{conn})
					conn.Close()
				}
			})
			t.Cleanup(func() {
				h.Close()
				serving.Wait()
			})
			return map[string]string{"tcp": addr.String()}
		}
		c.ResumeTimes(t)
	})
}

// openJoined opens a netlayer of both kinds that resumes; an anonymous one if there is no identity.
func openJoined(t testing.TB, id sturdyref.Identity) netlayer.Netlayer {
	t.Helper()
	features := []string{netlayer.FeatureResume}
	q, c := noisequic.Config{Features: features, Linger: 500 * ms}, noisetcp.Config{Features: features, Linger: 500 * ms}
	if id != nil {
		q.Identity, q.Listen = id, "127.0.0.1:0"
		c.Identity, c.Listen = id, "127.0.0.1:0"
	}
	overQUIC, err := noisequic.Open(&q)
	if err != nil {
		t.Fatal(err)
	}
	overTCP, err := noisetcp.Open(&c)
	if err != nil {
		t.Fatal(err)
	}
	j := noisetcp.Join(overQUIC, overTCP)
	t.Cleanup(func() { j.Close() })
	return j
}

// What began over one carrier goes on over the other, and back, by the same key, an anonymous dialler's too.
func TestJoinedResume(t *testing.T) {
	noLeaks(t)
	for name, id := range map[string]sturdyref.Identity{"named": identity(t), "anonymous": nil} {
		from, to := openJoined(t, id), openJoined(t, identity(t))
		d := netlayer.Dial{Peer: to.Location()}
		begun, in := connect(t, from, to, d)
		first := in.Info().Remote.Designator
		d.Previous = begun
		for i, hint := range []string{"tcp", "addr", "tcp", "both"} {
			d.Peer = to.Location().Clone()
			if hint != "both" {
				d.Peer.Hints = map[string]string{hint: d.Peer.Hints[hint]}
			}
			d.Resume = []byte{byte(i)}
			out, in := connect(t, from, to, d, []byte("answer"))
			if got := in.Info(); got.Remote.Designator != first || !bytes.Equal(got.Resume, d.Resume) {
				t.Errorf("%s, over %s: resumed by %s with %x, want %s", name, hint, got.Remote.Designator, got.Resume, first)
			}
			if err := out.Write([][]byte{[]byte("on")}); err != nil {
				t.Error(err)
			}
			if f, err := in.Read(); err != nil || string(f.Bytes) != "on" {
				t.Errorf("%s, over %s: read %q, %v", name, hint, f.Bytes, err)
			}
			out.Close("")
			d.Previous = out
		}
		begun.Close("")
	}
}

// TestBothAtTheGateResuming has two dials that resume past the second message, at a peer that would take both: it is told
// once.
func TestBothAtTheGateResuming(t *testing.T) {
	noLeaks(t)
	b := openJoined(t, identity(t))
	features := []string{netlayer.FeatureResume}
	quic, err := noisequic.Open(&noisequic.Config{Features: features, Linger: 500 * ms})
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := noisetcp.Open(&noisetcp.Config{Features: features, Linger: 500 * ms})
	if err != nil {
		t.Fatal(err)
	}
	var lost atomic.Int32
	here, there := make(chan struct{}), make(chan struct{})
	a := noisetcp.Join(gated{quic, here, there, &lost}, gated{tcp, there, here, &lost})
	defer a.Close()
	begun, in := connect(t, quic, b, netlayer.Dial{})
	in.Close("")
	out, _ := connect(t, a, b, netlayer.Dial{Resume: []byte("once"), Previous: begun}, []byte("answer"))
	if lost.Load() != 1 {
		t.Errorf("%d of two dials failed, want one", lost.Load())
	}
	if i := out.Info(); string(i.Resume) != "answer" || i.Local.Designator != begun.Info().Local.Designator {
		t.Errorf("the dialler is %+v", i)
	}
	out.Close("")
	begun.Close("")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if second, err := b.Accept(ctx); err == nil {
		second.Refuse(netlayer.ErrRefused)
		t.Error("the peer was told twice")
	}
}
