package link

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/hawser-go/hawser/netlayer"
)

// A store is filled up by whoever can have links that last, and they stay for as long as the lease, so nobody may have more than a share.
// An identity costs nothing: strangers, who have dialled, or are dialled because somebody said so, are counted by where they are. What else
// this side dials is its own wish.

// ofNetwork is how many times MaxLastingPerSource there may be from a network of many sources: an IPv4 /24, or an IPv6 /48, which
// anybody can have; or from all letters.
const ofNetwork = 4

// shelves counts the links that last. It is guarded by the mu of the Netlayer.
type shelves struct {
	all   map[*link][]share
	taken map[share]int
}

// share is who or what a link is counted with.
type share struct {
	of   byte
	name string
}

// What links are counted with: the peer, where it came from, the network that this is in, and all who have come.
const (
	sharePeer byte = iota
	shareSource
	shareNetwork
	shareStrangers
)

// most returns how many links there may be of a share.
func (c *Config) most(s share) int {
	switch s.of {
	case sharePeer:
		return c.MaxLastingPerPeer
	case shareSource:
		return c.MaxLastingPerSource
	case shareNetwork:
		return ofNetwork * c.MaxLastingPerSource
	default:
		return c.MaxLasting - c.MaxLasting/4 // the rest is for peers that this side has dialled
	}
}

// shares returns what a link is counted with.
func (l *link) shares() []share {
	who, _ := l.who()
	all := []share{{sharePeer, who}}
	i := &l.info
	if i.Outbound && !l.sent() || l.n.cfg.Trust != nil && l.n.cfg.Trust(i.Remote.ID()) {
		return all
	}
	all = append(all, share{of: shareStrangers})
	if i.Source != "" {
		all = append(all, share{shareSource, i.Source})
	}
	if wide := networkOf(i); wide != "" {
		all = append(all, share{shareNetwork, wide})
	}
	return all
}

// sent reports whether this side has dialled because another peer has said so, who may have made the whole peer up: such a dial is guarded.
func (l *link) sent() bool { return l.lk.to != nil && l.lk.to.allow != nil }

// networkOf returns the network of many sources that a peer's is in, "" if it is not known.
func networkOf(i *netlayer.Info) string {
	if strings.HasPrefix(i.Source, netlayer.SourceOfLetters) {
		return "mail"
	}
	source, err := netip.ParsePrefix(i.Source)
	if err != nil {
		return ""
	}
	bits := 48
	if source.Addr().Is4() {
		bits = 24
	}
	return netip.PrefixFrom(source.Addr(), min(bits, source.Bits())).Masked().String()
}

func (s *shelves) enter(l *link, shares []share) {
	s.all[l] = shares
	for _, of := range shares {
		s.taken[of]++
	}
}

func (s *shelves) leave(l *link) {
	for _, of := range s.all[l] {
		if s.taken[of]--; s.taken[of] == 0 {
			delete(s.taken, of)
		}
	}
	delete(s.all, l)
}

// admitLasting counts a link that is to last, or refuses it.
func (n *Netlayer) admitLasting(l *link) error {
	shares := l.shares() // which asks Config.Trust
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return errClosed
	}
	if len(n.lasting.all) >= n.cfg.MaxLasting {
		return fmt.Errorf("%w: %d are stored, forget some", ErrCrowded, n.cfg.MaxLasting)
	}
	for _, s := range shares {
		if most := n.cfg.most(s); n.lasting.taken[s] >= most {
			return fmt.Errorf("%w: %s, forget some", ErrCrowded, s.full(most))
		}
	}
	n.lasting.enter(l, shares)
	return nil
}

// full says that there are as many as there may be.
func (s share) full(most int) string {
	switch s.of {
	case sharePeer:
		return fmt.Sprintf("%d of %s are stored", most, s.name)
	case shareStrangers:
		return fmt.Sprintf("%d of strangers are stored", most)
	default:
		return fmt.Sprintf("%d from %s are stored", most, s.name)
	}
}

// dismissLasting takes out one that was forgotten. If it has ended, those who ask for it are told that it is gone.
func (n *Netlayer) dismissLasting(l *link, ended bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lasting.leave(l)
	if ended && l.named && n.byID[l.name] == l {
		delete(n.byID, l.name)
	}
}
