package main

import (
	"io"
	"testing"

	"github.com/hawser-go/hawser/captp/wire"
)

// The locator says where the peer is, on every netlayer; that it serves there is shown by the checker, in cmd/hawser.
func TestNetlayers(t *testing.T) {
	for _, c := range []struct{ kind, advertise, transport, hint, want string }{
		{"tcptest", "", "tcp-testing-only", "host", "127.0.0.1"},
		{"tcptest", "192.0.2.1:7000", "tcp-testing-only", "port", "7000"},
		{"websocket", "ws://192.0.2.1:7000/ocapn", "websocket", "url", "ws://192.0.2.1:7000/ocapn"},
		{"noisequic", "192.0.2.1:7000", "hawser", "addr", "192.0.2.1:7000"},
		{"noisetcp", "192.0.2.1:7000", "hawser", "tcp", "192.0.2.1:7000"},
	} {
		args := []string{"--netlayer", c.kind}
		if c.advertise != "" {
			args = append(args, "--advertise", c.advertise)
		}
		peer, diagnostics := serve(t, args)
		if peer.Transport != c.transport || peer.Designator == "" || peer.Hints[c.hint] != c.want {
			t.Errorf("%v: the locator is %s", args, peer.URI())
		}
		if said := diagnostics.String(); said != "" {
			t.Errorf("%v: the peer logged %q", args, said)
		}
	}
}

// A network has the dialect that is spoken there, unless another is asked for.
func TestDialectOfNetwork(t *testing.T) {
	for kind, want := range map[string]*wire.Dialect{"tcptest": &wire.OCapN10, "websocket": &wire.OCapN10, "noisequic": nil, "noisetcp": nil} {
		if n, err := (network{kind: kind}).complete(); err != nil || n.dialect != want {
			t.Errorf("%s: %v, %v", kind, n.dialect, err)
		}
		if n, err := (network{kind: kind, dialect: &wire.Hawser}).complete(); err != nil || n.dialect != &wire.Hawser {
			t.Errorf("%s, told hawser: %v, %v", kind, n.dialect, err)
		}
	}
}

func TestNetlayerFlags(t *testing.T) {
	for _, args := range [][]string{
		{"-netlayer", "pigeon"},
		{"-netlayer", "websocket", "-framed"},
		{"-netlayer", "noisetcp", "-listen", "nowhere"},
		{"-netlayer", "noisequic", "-listen", "nowhere"},
		{"-netlayer", "websocket", "-advertise", "http://x"},
		{"websocket"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}
