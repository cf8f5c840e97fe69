package noisetcp_test

import (
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/netlayertest"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
	"github.com/hawser-go/hawser/sturdyref"
)

func identity(t testing.TB) sturdyref.KeyPair {
	t.Helper()
	k, err := sturdyref.GenerateIdentity(time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// open opens a netlayer on loopback that is closed at the end of the test. A nil Identity in cfg is replaced by a fresh
// one.
func open(t testing.TB, cfg noisetcp.Config) *noisetcp.Netlayer {
	t.Helper()
	if cfg.Identity == nil {
		cfg.Identity = identity(t)
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Linger == 0 {
		cfg.Linger = 500 * time.Millisecond
	}
	n, err := noisetcp.Open(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("closing the netlayer: %v", err)
		}
	})
	return n
}

func TestNetlayer(t *testing.T) {
	netlayertest.Run(t, netlayertest.Subject{Open: func(testing.TB) func(netlayertest.Host) netlayer.Netlayer {
		return func(h netlayertest.Host) netlayer.Netlayer {
			cfg := noisetcp.Config{Features: h.Features, Linger: 500 * time.Millisecond}
			if !h.Anonymous {
				cfg.Identity, cfg.Listen, cfg.Doorkeeper = identity(t), "127.0.0.1:0", h.Doorkeeper
			}
			n, err := noisetcp.Open(&cfg)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}})
}
