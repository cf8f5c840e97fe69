package noisequic_test

import (
	"testing"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
)

// The acceptor, and only it, is told where a dialler comes from, for its limits.
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
	if got := conn.Info().Source; got != "" {
		t.Errorf("the dialler sees the source %q", got)
	}
}
