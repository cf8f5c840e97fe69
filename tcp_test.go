package hawser_test

import (
	"strings"
	"testing"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/netlayer"
)

// A node that is on TCP too is reached when its sturdyref has no way over UDP, and has one session with a peer whichever
// way it came about.
func TestTCP(t *testing.T) {
	c := quiet()
	c.TCP, c.Dir = true, t.TempDir()
	host := open(t, c)
	g := quiet()
	g.TCP = true
	guest := open(t, g)
	s := publish(t, host, "greeter")
	if s.Peer.Hints["tcp"] == "" || s.Peer.Hints["addr"] == "" {
		t.Fatalf("the hints are %v", s.Peer.Hints)
	}
	onlyTCP := s
	onlyTCP.Peer = s.Peer.Clone()
	for name := range onlyTCP.Peer.Hints {
		if strings.HasPrefix(name, "addr") {
			delete(onlyTCP.Peer.Hints, name)
		}
	}
	if err := greet(guest.Enliven(onlyTCP)); err != nil {
		t.Fatal(err)
	}
	if err := greet(guest.Enliven(s)); err != nil {
		t.Fatal(err)
	}
	if n := len(guest.Sessions()); n != 1 {
		t.Errorf("%d sessions with one peer", n)
	}
	anonymous, err := guest.Anonymous()
	if err != nil {
		t.Fatal(err)
	}
	if err := greet(anonymous.Enliven(onlyTCP)); err != nil {
		t.Fatal(err)
	}
	// The same sturdyref works after a restart: the port is kept for both.
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
	host = open(t, c)
	if again := publish(t, host, "greeter"); again.URI() != s.URI() {
		t.Errorf("after a restart %v", again)
	}
	if err := greet(guest.Enliven(onlyTCP)); err != nil {
		t.Error(err)
	}
	both := quiet()
	both.TCP = true
	both.Network = func(hawser.NetworkConfig) (netlayer.Netlayer, error) { return nil, nil }
	if n, err := hawser.Open(t.Context(), both); err == nil || !strings.Contains(err.Error(), "Config.TCP") {
		t.Errorf("%v, %v", n, err)
	}
}
