package noiselink

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/sturdyref"
)

// maxCandidates bounds how many addresses of a peer are tried.
const maxCandidates = 16

// hintAddresses returns the values of a hint and its numbered ones, addr, addr2, addr3, ... for example, in the order of
// their numbers.
func hintAddresses(hint string, p sturdyref.Peer) []string {
	type numbered struct {
		n    int
		addr string
	}
	var found []numbered
	for name, value := range p.Hints {
		digits, ok := strings.CutPrefix(name, hint)
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
func addressHints(hint string, addrs []string) map[string]string {
	hints := make(map[string]string, len(addrs))
	for i, a := range addrs {
		name := hint
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
	addr netip.AddrPort
}

// lookupTimeout is how long names may take to resolve; the addresses beside them wait for them.
const lookupTimeout = 3 * time.Second

// resolve turns hints into addresses, in their order. What cannot be resolved is reported in failed, and so is what allow,
// if there is one, does not want to be dialled.
func resolve(ctx context.Context, hints []string, lookup sockets.LookupFunc, allow func(netip.Addr) bool) (found []candidate, failed []string) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addrs, errs := make([][]netip.AddrPort, len(hints)), make([]error, len(hints))
	var looking sync.WaitGroup
	for i, h := range hints {
		looking.Go(func() { addrs[i], errs[i] = resolveHint(ctx, h, lookup) })
	}
	looking.Wait()
	seen := make(map[netip.AddrPort]bool)
	for i, h := range hints {
		if errs[i] != nil {
			failed = append(failed, errs[i].Error())
		}
		for _, ap := range addrs[i] {
			if seen[ap] || len(seen) == maxCandidates {
				continue
			}
			seen[ap] = true
			if !sockets.Allowed(allow, ap.Addr()) {
				failed = append(failed, sockets.OneLine(h, sockets.MaxLine)+": this dial may not go there")
				continue
			}
			found = append(found, candidate{h, ap})
		}
	}
	return found, failed
}

func resolveHint(ctx context.Context, hint string, lookup sockets.LookupFunc) ([]netip.AddrPort, error) {
	host, port, err := sockets.SplitAddress(hint)
	if err != nil {
		return nil, err
	}
	ips, err := sockets.Resolve(ctx, host, lookup)
	if err != nil {
		return nil, err
	}
	addrs := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		addrs[i] = netip.AddrPortFrom(ip, port)
	}
	return addrs, nil
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
