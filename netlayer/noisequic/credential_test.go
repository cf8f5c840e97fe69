package noisequic_test

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
)

// T34: nobody but an acceptor with the secret reads a credential, and a dial that does not come so far does not make one.
func TestCredentialIsForTheAcceptorAlone(t *testing.T) {
	noLeaks(t)
	k := identity(t)
	own := secretsOf(t, k)
	got := make(chan []byte, 1)
	addr := rawAcceptor(t, func(w *wire) {
		x, m3 := w.answer(own.Static)
		if x == nil {
			return
		}
		if bytes.Contains(m3, []byte("CERTIFICATE")) {
			t.Error("the credential travels in clear")
		}
		pub := k.Public().Static
		_, payload, err := x.Read3(docNoSecret(pub[:]), m3)
		if err != nil {
			t.Errorf("message 3: %v", err)
		}
		got <- payload
	})
	from := open(t, noisequic.Config{})
	d := netlayer.Dial{Peer: k.Public().Peer(), Credential: func(netlayer.Info) []byte { return []byte("CERTIFICATE") }}
	d.Peer.Hints = map[string]string{"addr": addr}
	dialFails(t, from, d, netlayer.ErrUnreachable)
	if payload := <-got; !bytes.HasPrefix(payload, docCredential([]byte("CERTIFICATE"))) {
		t.Errorf("the last message begins %q", payload[:min(20, len(payload))])
	}
	d.Credential = func(netlayer.Info) []byte {
		t.Error("a credential was made for somebody else")
		return nil
	}
	d.Peer = identity(t).Public().Peer()
	d.Peer.Hints = map[string]string{"addr": address(open(t, noisequic.Config{}))}
	dialFails(t, from, d, netlayer.ErrUnreachable)
}

// A dial that was told where not to go sends nothing there, whatever name or spelling led to it.
func TestAllow(t *testing.T) {
	noLeaks(t)
	to := open(t, noisequic.Config{})
	_, port, _ := strings.Cut(address(to), ":")
	var lookups sync.Map
	cfg := noisequic.Config{}
	noisequic.SetLookup(&cfg, func(_ context.Context, host string) ([]netip.Addr, error) {
		lookups.Store(host, true)
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:127.0.0.1"), netip.MustParseAddr("fe80::1%lo")}, nil
	})
	from := open(t, cfg)
	var asked []netip.Addr
	d := netlayer.Dial{Peer: to.Location(), Allow: func(a netip.Addr) bool {
		asked = append(asked, a)
		return false
	}}
	d.Peer.Hints = map[string]string{"addr": "127.0.0.1:" + port, "addr2": "[::ffff:127.0.0.1]:" + port, "addr3": "inside.example:" + port, "addr4": "[::1%lo]:" + port}
	err := dialFails(t, from, d, netlayer.ErrUnreachable)
	if !strings.Contains(err.Error(), "may not go there") {
		t.Errorf("%q does not say that the addresses are not allowed", err)
	}
	want := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("fe80::1"), netip.MustParseAddr("::1")}
	if !slices.Equal(asked, want) {
		t.Errorf("asked about %v, want %v: each address once, as it is dialled, without a zone", asked, want)
	}
	if n := noisequic.Connections(to); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	// What is allowed is dialled.
	d.Allow = func(a netip.Addr) bool { return a.Is4() }
	out, _ := connect(t, from, to, d)
	if out.Info().Source != "127.0.0.1/32" {
		t.Errorf("connected to %q", out.Info().Source)
	}
}
