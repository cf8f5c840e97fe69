package noisequic_test

import (
	"testing"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
)

// Each side is told where the other is, in the same form: for limits, and to know whose word to take about a place.
func TestSource(t *testing.T) {
	acceptor, dialler := open(t, noisequic.Config{}), open(t, noisequic.Config{})
	source := make(chan string, 1)
	go func() {
		in, err := acceptor.Accept(t.Context())
		if err != nil {
			source <- err.Error()
			return
		}
		source <- in.Info.Source
		_, _ = in.Accept(nil)
	}()
	conn, err := dialler.Connect(t.Context(), netlayer.Dial{Peer: acceptor.Location()})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := <-source, "127.0.0.1/32"; got != want {
		t.Errorf("the acceptor sees the source %q, want %q", got, want)
	}
	if got, want := conn.Info().Source, "127.0.0.1/32"; got != want {
		t.Errorf("the dialler sees the source %q, want %q", got, want)
	}
}
