package noisequic

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/hawser-go/hawser/sturdyref"
)

// maxCandidates bounds how many addresses of a peer are tried.
const maxCandidates = 16

// hintAddresses returns the values of the hints addr, addr2, addr3, ... in the order of their numbers.
func hintAddresses(p sturdyref.Peer) []string {
	type numbered struct {
		n    int
		addr string
	}
	var found []numbered
	for name, value := range p.Hints {
		digits, ok := strings.CutPrefix(name, "addr")
		if !ok {
			continue
		}
		n := 1
		if digits != "" {
			var err error
			if n, err = strconv.Atoi(digits); err != nil || n < 2 || strconv.Itoa(n) != digits {
				continue
			}
		}
		found = append(found, numbered{n, value})
	}
	slices.SortFunc(found, func(a, b numbered) int { return cmp.Compare(a.n, b.n) })
	var out []string
	for _, f := range found[:min(len(found), maxCandidates)] {
		out = append(out, f.addr)
	}
	return out
}

// addressHints writes addresses as hints.
func addressHints(addrs []string) map[string]string {
	hints := make(map[string]string, len(addrs))
	for i, a := range addrs {
		name := "addr"
		if i > 0 {
			name += strconv.Itoa(i + 1)
		}
		hints[name] = a
	}
	return hints
}

// A candidate is an address to try: as the hint has it, and resolved.
type candidate struct {
	hint string
	addr *net.UDPAddr
}

// resolve turns hints into addresses, in their order. What cannot be resolved is reported in failed.
func resolve(ctx context.Context, hints []string) (found []candidate, failed []string) {
	seen := make(map[netip.AddrPort]bool)
	for _, h := range hints {
		if err := checkAddress(h); err != nil {
			failed = append(failed, err.Error())
			continue
		}
		host, port, _ := net.SplitHostPort(h)
		p, _ := strconv.ParseUint(port, 10, 16)
		ips, err := lookup(ctx, host)
		if err != nil {
			failed = append(failed, strconv.Quote(h)+": the name cannot be resolved")
			continue
		}
		for _, ip := range ips {
			ap := netip.AddrPortFrom(ip.Unmap(), uint16(p))
			if !seen[ap] && len(found) < maxCandidates {
				seen[ap] = true
				found = append(found, candidate{h, net.UDPAddrFromAddrPort(ap)})
			}
		}
	}
	return found, failed
}

func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// interfaceAddresses returns where others may find a socket bound to local: itself if it is bound to one address, else
// the addresses of the interfaces that are up, loopback last. Addresses that mean something on one link only are left
// out.
func interfaceAddresses(local netip.AddrPort) []string {
	if !local.Addr().IsUnspecified() {
		return []string{netip.AddrPortFrom(local.Addr().Unmap(), local.Port()).String()}
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var outer, loopback []string
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			ip := prefix.Addr().Unmap()
			if local.Addr().Is4() && !ip.Is4() || ip.IsLinkLocalUnicast() {
				continue
			}
			if s := netip.AddrPortFrom(ip, local.Port()).String(); ip.IsLoopback() {
				loopback = append(loopback, s)
			} else {
				outer = append(outer, s)
			}
		}
	}
	all := append(outer, loopback...)
	return all[:min(len(all), maxAdvertise)]
}
