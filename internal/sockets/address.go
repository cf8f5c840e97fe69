package sockets

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Source is what counts as one source: an IPv4 address, or the /64 that one household gets of IPv6; zero for an address
// that is no IP address.
func Source(addr net.Addr) netip.Prefix {
	a, ok := addr.(interface{ AddrPort() netip.AddrPort })
	if !ok {
		return netip.Prefix{}
	}
	ip := a.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits)
	return p
}

// SourceName is netlayer.Info.Source for an address: empty for one that is no IP address.
func SourceName(addr net.Addr) string {
	if s := Source(addr); s.IsValid() {
		return s.String()
	}
	return ""
}

// A LookupFunc resolves a name.
type LookupFunc = func(ctx context.Context, host string) ([]netip.Addr, error)

// Lookup asks the system.
func Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// Resolve returns the addresses of a host, which is one itself or a name; at least one if there is no error.
func Resolve(ctx context.Context, host string, lookup LookupFunc) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip.Unmap()}, nil
	}
	found, err := lookup(ctx, host)
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("the name %q cannot be resolved", OneLine(host, MaxLine))
	}
	ips := make([]netip.Addr, len(found))
	for i, ip := range found {
		ips[i] = ip.Unmap()
	}
	return ips, nil
}

// SplitAddress takes "host:port" with a host and a port other than 0 apart.
func SplitAddress(a string) (host string, port uint16, err error) {
	host, digits, err := net.SplitHostPort(a)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not host:port", OneLine(a, MaxLine))
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if host == "" || err != nil || n == 0 {
		return "", 0, fmt.Errorf("%q is not host:port with a host and a port from 1 to 65535", OneLine(a, MaxLine))
	}
	return host, uint16(n), nil
}

// Allowed asks netlayer.Dial.Allow about an address: without its zone, since no prefix contains an address with one, so
// that a list of prefixes would not stop it.
func Allowed(allow func(netip.Addr) bool, ip netip.Addr) bool {
	return allow == nil || allow(ip.WithZone(""))
}

// MaxLine is how long a text of a peer's is in a log, in bytes.
const MaxLine = 200

// OneLine makes a text of anybody's fit for a log: printable, one line, at most limit bytes.
func OneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	for len(s) > limit {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
