package hawser_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
)

// tollgate passes TCP connections on to a target and resets all of them when told.
type tollgate struct {
	net.Listener
	all  sync.WaitGroup
	mu   sync.Mutex
	open []*net.TCPConn
	came int
}

func newTollgate(t *testing.T, to string) *tollgate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &tollgate{Listener: l}
	g.all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			ends := []*net.TCPConn{in.(*net.TCPConn), out.(*net.TCPConn)}
			g.mu.Lock()
			g.open = append(g.open, ends...)
			g.came++
			g.mu.Unlock()
			for i := range ends {
				g.all.Go(func() {
					_, _ = io.Copy(ends[i], ends[1-i])
					_ = ends[i].CloseWrite()
				})
			}
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		g.reset()
		g.all.Wait()
	})
	return g
}

func (g *tollgate) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.open {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
	g.open = nil
}

// TestSessionsSurviveResets resets the connections between two nodes again and again. What the guest holds goes on
// working, and no call breaks; with a negative Grace it breaks the first time.
func TestSessionsSurviveResets(t *testing.T) {
	c := quiet()
	c.TCP = true
	host := open(t, c)
	s := publish(t, host, "greeter")
	for _, grace := range []int{0, -1} {
		g := quiet()
		g.TCP = true
		if grace < 0 {
			g.Grace = -1
		}
		guest := open(t, g)
		gate := newTollgate(t, s.Peer.Hints["tcp"])
		through := s
		through.Peer = sturdyref.Peer{Transport: s.Peer.Transport, Designator: s.Peer.Designator, Hints: map[string]string{"tcp": gate.Addr().String()}}
		r := guest.Enliven(through)
		if err := greet(r); err != nil {
			t.Fatal(err)
		}
		if grace < 0 {
			gate.reset()
			if err := greet(r); !errors.Is(err, net.ErrClosed) {
				t.Errorf("without a grace: %v", err)
			}
			continue
		}
		const resets = 20
		for i := range resets {
			gate.reset()
			for range 3 {
				if err := greet(r); err != nil {
					t.Fatalf("after reset %d: %v", i, err)
				}
			}
		}
		gate.mu.Lock()
		if gate.came < resets {
			t.Errorf("%d connections were made for %d resets", gate.came, resets)
		}
		gate.mu.Unlock()
	}
}

// TestGraceIsForThoseWhoCan has a node with peers that announce that they can resume, and with others.
func TestGraceIsForThoseWhoCan(t *testing.T) {
	for _, grace := range []int{0, -1} {
		world := mem.New(nil)
		cfg := quiet()
		var announced []string
		cfg.Network = func(c hawser.NetworkConfig) (netlayer.Netlayer, error) {
			announced = c.Features
			return onMem(world, nil)(c)
		}
		if grace < 0 {
			cfg.Grace = -1
		}
		n := open(t, cfg)
		if has := strings.Contains(strings.Join(announced, " "), netlayer.FeatureResume); has != (grace >= 0) {
			t.Errorf("with grace %d the node announces %q", grace, announced)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		world.Close()
	}
}
