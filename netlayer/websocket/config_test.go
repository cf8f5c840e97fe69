package websocket_test

import (
	"crypto/ed25519"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/websocket"
)

func TestConfigIsChecked(t *testing.T) {
	const l = "127.0.0.1:0"
	for _, c := range []websocket.Config{
		{Listen: l},
		{Key: fixed[:31], Listen: l},
		{Key: fixed, Listen: "nowhere"},
		{Key: fixed, Listen: ":0"},
		{Key: fixed, Listen: "[::]:0"},
		{Key: fixed, Listen: l, URL: "http://x"},
		{Key: fixed, Listen: l, URL: "ws://"},
		{Key: fixed, Listen: l, Origins: []string{"["}},
		{Key: fixed, Listen: l, Linger: -1},
		{Key: fixed, Listen: l, Limits: websocket.Limits{Handshakes: -1}},
		{URL: "ws://x"},
		{TLS: &tls.Config{}},
		{Origins: []string{"x"}},
		{AllowGoblins017: true},
	} {
		n, err := websocket.Open(&c)
		if err == nil {
			n.Close()
			t.Errorf("Open accepts %+v", c)
		} else if !strings.HasPrefix(err.Error(), "websocket: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("the error reads %q", err)
		}
	}
	n := open(t, &websocket.Config{Key: fixed, Listen: "0.0.0.0:0", URL: "wss://example.org/captp"})
	if p := n.Location(); p.Hints["url"] != "wss://example.org/captp" || p.Designator != websocket.Designator(fixed.Public().(ed25519.PublicKey)) {
		t.Errorf("Location is %s", p.URI())
	}
}

// TestPortInUse: who starts a program twice is told so.
func TestPortInUse(t *testing.T) {
	n := open(t, &websocket.Config{})
	second, err := websocket.Open(&websocket.Config{Key: fixed, Listen: n.Addr().String()})
	if err == nil {
		second.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "is already in use") {
		t.Errorf("Open: %v", err)
	}
}

// TestConfigHidesItsKey prints one in every way there is.
func TestConfigHidesItsKey(t *testing.T) {
	c := websocket.Config{Key: fixed, Listen: "127.0.0.1:0"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c, "pointer", &c)
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %s %q %x %d", c, c, c, c, c, c, c), fmt.Sprintf("%+v %#v", &c, &c), log.String(), string(encoded)} {
		for _, secret := range []string{hex.EncodeToString(fixed[:4]), fmt.Sprint([]byte(fixed[:4]))[1:9], "Bwc"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q shows the key", text)
			}
		}
		if !strings.Contains(text, "127.0.0.1:0") {
			t.Errorf("%q says nothing", text)
		}
	}
}

// TestDialOnly: a netlayer that does not listen dials, and has a designator that nobody can dial.
func TestDialOnly(t *testing.T) {
	a, err := websocket.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b := open(t, &websocket.Config{})
	go func() {
		if in, err := b.Accept(within(t)); err == nil {
			in.Accept(nil)
		}
	}()
	c, err := a.Connect(within(t), netlayer.Dial{Peer: b.Location()})
	if err != nil {
		t.Fatal(err)
	}
	if l := a.Location(); len(l.Designator) != 52 || l.Hints != nil || a.Addr() != nil || c.Info().Local.ID() != l.ID() {
		t.Errorf("Location is %s", l.URI())
	}
}
