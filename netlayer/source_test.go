package netlayer_test

import (
	"testing"

	"github.com/hawser-go/hawser/netlayer"
)

func TestNear(t *testing.T) {
	for source, want := range map[string][2]bool{
		"127.0.0.1/32": {true, false}, "127.9.9.9/32": {true, false}, "::/64": {true, false}, "::1/128": {true, false},
		"169.254.7.7/32": {false, true}, "fe80::/64": {false, true},
		"203.0.113.5/32": {}, "192.168.1.1/32": {}, "2001:db8::/64": {}, "::/0": {}, "": {}, "127.0.0.1": {}, "somewhere": {},
	} {
		loopback, linkLocal := netlayer.Info{Source: source}.Near()
		if got := [2]bool{loopback, linkLocal}; got != want {
			t.Errorf("%q: %v, want %v", source, got, want)
		}
	}
}
