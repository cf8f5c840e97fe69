package noisetcp_test

import (
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer"
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
