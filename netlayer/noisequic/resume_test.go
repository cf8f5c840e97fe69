package noisequic_test

import (
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/sturdyref"
)

// resumeWire is a wire for what is tested over both carriers.
type resumeWire struct{ *wire }

func (w resumeWire) Read(b []byte) (int, error) { return w.s.Read(b) }
func (w resumeWire) Send(b []byte)              { w.s.Write(b) }
func (w resumeWire) Exporter() []byte           { return w.exp }
func (w resumeWire) CloseWrite()                { w.s.Close() }

func (w resumeWire) Rest() (data []byte, refused bool) {
	data, err := w.rest()
	return data, isRefusal(err)
}

// carrier is QUIC for what is tested over both.
func carrier() noisetest.Carrier {
	return noisetest.Carrier{
		Label: noisetest.QUIC,
		Open: func(t testing.TB, id sturdyref.Identity, features []string, door netlayer.Doorkeeper) netlayer.Netlayer {
			if id != nil {
				return open(t, noisequic.Config{Identity: id, Features: features, Doorkeeper: door, Limits: noisequic.Limits{RatePerSource: 1e6}})
			}
			n, err := noisequic.Open(&noisequic.Config{Features: features, Linger: 500 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { n.Close() })
			return n
		},
		Dial: func(t testing.TB, to netlayer.Netlayer) noisetest.Wire {
			return resumeWire{dialWire(t, newTransport(t), address(to))}
		},
		Serve: func(t testing.TB, serve func(noisetest.Wire)) map[string]string {
			return map[string]string{"addr": rawAcceptor(t, func(w *wire) { serve(resumeWire{w}) })}
		},
	}
}

func TestResume(t *testing.T) {
	noLeaks(t)
	carrier().Resume(t)
}
