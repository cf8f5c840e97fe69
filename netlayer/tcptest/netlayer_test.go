package tcptest_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/netlayertest"
	"github.com/hawser-go/hawser/netlayer/tcptest"
)

// open opens a netlayer on loopback that is closed at the end of the test.
func open(t testing.TB, cfg *tcptest.Config) *tcptest.Netlayer {
	t.Helper()
	if cfg.Linger == 0 {
		cfg.Linger = 500 * time.Millisecond
	}
	n, err := tcptest.Open(cfg)
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
	Authentication: true, Binding: true, Early: false, Credential: true, Verdict: true, Keys: true, Anonymity: true, Features: true, Resume: true,
}

func TestNetlayer(t *testing.T) {
	for _, framing := range []tcptest.Framing{tcptest.Framed, tcptest.Raw} {
		t.Run(framing.String(), func(t *testing.T) {
			netlayertest.Run(t, netlayertest.Subject{Lacks: lacks, Open: func(testing.TB) func(netlayertest.Host) netlayer.Netlayer {
				return func(h netlayertest.Host) netlayer.Netlayer {
					cfg := tcptest.Config{Framing: framing, Doorkeeper: h.Doorkeeper, Linger: 500 * time.Millisecond}
					if framing == tcptest.Raw {
						n, err := tcptest.Open(tcptest.WithMaxFrame(cfg, netlayer.MaxFrame+wrapping))
						if err != nil {
							t.Fatal(err)
						}
						return wrapper{n}
					}
					n, err := tcptest.Open(&cfg)
					if err != nil {
						t.Fatal(err)
					}
					return n
				}
			}})
		})
	}
}

// wrapping is how many bytes more than a frame the record around it may have.
const wrapping = 16

// A wrapper sends each frame of the suite, which may be anything, as a record <f bytes>: only records can be sent raw.
type wrapper struct{ *tcptest.Netlayer }

func wrap(frames [][]byte) ([][]byte, error) {
	var out [][]byte
	for _, f := range frames {
		if len(f) > netlayer.MaxFrame {
			return nil, fmt.Errorf("wrapped: %w", netlayer.ErrFrameTooLarge)
		}
		w := append(strconv.AppendInt([]byte("<1'f"), int64(len(f)), 10), ':')
		out = append(out, append(append(w, f...), '>'))
	}
	return out, nil
}

func unwrap(b []byte) ([]byte, error) {
	n, i := 0, 4
	for ; i < len(b) && b[i] != ':'; i++ {
		n = n*10 + int(b[i]-'0')
	}
	if len(b) != i+1+n+1 || string(b[:4]) != "<1'f" {
		return nil, errors.New("not what was wrapped")
	}
	return b[i+1 : i+1+n], nil
}
