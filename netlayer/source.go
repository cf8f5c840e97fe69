package netlayer

import "net/netip"

// Near says how near the other end of a connection is, by what Info.Source says of it: on this machine, or on a network
// that this machine is on by a link-local address. Both are false of any other place, and of one that is not known. Behind
// a proxy or a tunnel all of its diallers are where that is.
func (i Info) Near() (loopback, linkLocal bool) {
	source, err := netip.ParsePrefix(i.Source)
	if err != nil {
		return false, false
	}
	// What is said of an IPv6 source is its /64: that of the loopback address holds no other host.
	loopback = source.Addr().IsLoopback() || source.Bits() >= 64 && source.Contains(netip.IPv6Loopback())
	return loopback, source.Addr().IsLinkLocalUnicast()
}
