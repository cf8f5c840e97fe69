package websocket_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/netlayertest"
	"github.com/hawser-go/hawser/netlayer/websocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// open opens a netlayer on loopback that is closed at the end of the test.
func open(t testing.TB, cfg *websocket.Config) *websocket.Netlayer {
	t.Helper()
	if cfg.Key == nil {
		cfg.Key = newKey(t)
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Linger == 0 {
		cfg.Linger = 500 * time.Millisecond
	}
	n, err := websocket.Open(cfg)
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

var lacks = netlayertest.Lacks{
	DiallerAuthentication: true, Binding: true, Early: true, Credential: true, Keys: true, Anonymity: true, Features: true, Resume: true,
}

func TestNetlayer(t *testing.T) {
	certificate, roots := selfSigned(t)
	for _, secure := range []bool{false, true} {
		name := "ws"
		if secure {
			name = "wss"
		}
		t.Run(name, func(t *testing.T) {
			netlayertest.Run(t, netlayertest.Subject{Lacks: lacks, Open: func(testing.TB) func(netlayertest.Host) netlayer.Netlayer {
				return func(h netlayertest.Host) netlayer.Netlayer {
					cfg := websocket.Config{Key: newKey(t), Listen: "127.0.0.1:0", Doorkeeper: h.Doorkeeper, Linger: 500 * time.Millisecond}
					if secure {
						cfg.TLS, cfg.DialTLS = certificate, roots
					}
					n, err := websocket.Open(&cfg)
					if err != nil {
						t.Fatal(err)
					}
					return n
				}
			}})
		})
	}
}
