package sockets_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/internal/sockets"
)

func TestSource(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7:80":               "192.0.2.7/32",
		"[::ffff:192.0.2.7]:80":      "192.0.2.7/32",
		"[2001:db8:1:2:3:4:5:6]:80":  "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":          "fe80::/64",
		"[2001:db8:1:2:ffff::1%1]:1": "2001:db8:1:2::/64",
	} {
		ap := netip.MustParseAddrPort(addr)
		for _, a := range []net.Addr{net.TCPAddrFromAddrPort(ap), net.UDPAddrFromAddrPort(ap)} {
			if got := sockets.SourceName(a); got != want {
				t.Errorf("the source of %v is %q, expected %q", a, got, want)
			}
		}
	}
	if got := sockets.SourceName(&net.UnixAddr{Name: "x"}); got != "" {
		t.Errorf("the source of what is no IP address is %q", got)
	}
}

func TestResolve(t *testing.T) {
	known := func(_ context.Context, host string) ([]netip.Addr, error) {
		switch host {
		case "two":
			return []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, nil
		case "none":
			return nil, nil
		}
		return nil, errors.New("unknown")
	}
	for host, want := range map[string][]string{
		"two": {"192.0.2.1", "2001:db8::1"}, "198.51.100.1": {"198.51.100.1"}, "::ffff:192.0.2.9": {"192.0.2.9"}, "none": nil, "bad\x1b[31m": nil,
	} {
		ips, err := sockets.Resolve(t.Context(), host, known)
		var got []string
		for _, ip := range ips {
			got = append(got, ip.String())
		}
		if !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q is resolved to %v, %v; expected %v", host, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "\x1b") {
			t.Errorf("the error has control characters: %q", err)
		}
	}
}

// What a lookup returns may be its own.
func TestResolveKeepsNothing(t *testing.T) {
	cached := []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.1")}
	ips, err := sockets.Resolve(t.Context(), "cached", func(context.Context, string) ([]netip.Addr, error) { return cached, nil })
	if err != nil || ips[0].String() != "192.0.2.1" || cached[0].Is4() {
		t.Errorf("resolved to %v, %v; the cache has %v", ips, err, cached)
	}
}

func TestSplitAddress(t *testing.T) {
	host, port, err := sockets.SplitAddress("[2001:db8::1]:65535")
	if host != "2001:db8::1" || port != 65535 || err != nil {
		t.Errorf("taken apart as %q, %d, %v", host, port, err)
	}
	for _, bad := range []string{"", ":1", "host", "host:", "host:0", "host:65536", "host:-1", "host:http", "2001:db8::1:80", strings.Repeat("x", 1000), "h:" + strings.Repeat("1", 1000)} {
		if _, _, err := sockets.SplitAddress(bad); err == nil {
			t.Errorf("%q is taken for an address", bad)
		} else if len(err.Error()) > 300 {
			t.Errorf("the error has %d bytes", len(err.Error()))
		}
	}
}

// A list of prefixes must stop an address with a zone as well.
func TestAllowed(t *testing.T) {
	no := func(ip netip.Addr) bool { return !netip.MustParsePrefix("fe80::/10").Contains(ip) }
	if sockets.Allowed(no, netip.MustParseAddr("fe80::1%eth0")) {
		t.Error("an address with a zone came through")
	}
	if !sockets.Allowed(no, netip.MustParseAddr("2001:db8::1")) || !sockets.Allowed(nil, netip.MustParseAddr("fe80::1")) {
		t.Error("an address that is allowed was stopped")
	}
}

func TestOneLine(t *testing.T) {
	for _, c := range []struct {
		in, want string
		limit    int
	}{
		{"plain", "plain", 200},
		{"two\nlines\x1b[31m\u202e", "two lines [31m ", 200},
		{"bro\xffken", "bro?ken", 200},
		{"ééé", "éé", 5},
		{"", "", 0},
	} {
		if got := sockets.OneLine(c.in, c.limit); got != c.want {
			t.Errorf("%q becomes %q, expected %q", c.in, got, c.want)
		}
	}
}
