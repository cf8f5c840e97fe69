package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/sturdyref"
)

// TestWebSocket has a host and a guest talk over WebSockets, and the host come back at the same URI.
func TestWebSocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	host, uri := open(t, "--netlayer", "websocket", "--dir", dir)
	if !regexp.MustCompile(`^ocapn://[a-z2-7]{52}\.websocket/s/[\w-]{43}\?url=ws://127\.0\.0\.1:\d+$`).MatchString(uri) {
		t.Errorf("the URI is %s", uri)
	}
	fails(t, command(t, "join", tampered(uri)), 1, "the host refuses this URI")

	guest := begin(t, "guest", "join", "--nick", "bob")
	guest.says(strings.Replace(uri, "ws://127.0.0.1:", "ws%3A%2F%2F127.0.0.1%3A", 1)) // as Endo writes it
	guest.sees(`* you are in "lobby" with ada`)
	host.sees("* bob joined")
	host.says("hello, bob")
	guest.sees("<ada> hello, bob")
	guest.says("hello yourself")
	host.sees("<bob> hello yourself")
	guest.says("/history")
	guest.sees("* the room says that at ", " ada said: hello, bob")

	host.says("/quit")
	host.ends(0)
	guest.sees("* the host is gone")
	host, again := open(t, "--netlayer", "websocket", "--dir", dir)
	if again != uri {
		t.Errorf("the URI was %s and is %s", uri, again)
	}
	guest.sees("* the host is back")
	guest.sees(`* you are in "lobby" with ada`)
	host.sees("* bob joined")
	guest.Input.Close()
	guest.ends(0)
	host.sees("* bob left")
	host.Input.Close()
	host.ends(0)

	// What travelled in clear opens nothing elsewhere.
	host, other := open(t, "--dir", dir, "--listen", "127.0.0.1:0")
	if swiss(t, other) == swiss(t, uri) {
		t.Error("the secret is the same over another network")
	}
	host.says("/quit")
	host.ends(0)
}

func swiss(t *testing.T, uri string) string {
	t.Helper()
	ref, err := sturdyref.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	return string(ref.Swiss.Reveal())
}

// The address to listen at is one that those who are where the host is can reach.
func TestFacing(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"ws://127.0.0.1:4433":  "127.0.0.1:0",
		"wss://127.0.0.1/room": "127.0.0.1:0",
		"ws://127.0.0.1:x":     "127.0.0.1:0", // which the netlayer has words for
		"":                     "127.0.0.1:0",
	} {
		room := sturdyref.Ref{Peer: sturdyref.Peer{Transport: "websocket", Hints: map[string]string{"url": url}}}
		if got := facing(t.Context(), room); got != want {
			t.Errorf("facing a host at %q: %s, want %s", url, got, want)
		}
	}
}
