package mem

import (
	"context"
	"crypto/ecdh"
	"crypto/sha256"
	"fmt"
	"net"
	"slices"
	"sync/atomic"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// HostConfig says who a host is. Static or Name is needed, unless the host is anonymous.
type HostConfig struct {
	// Static is the X25519 public key of the identity; the designator spells it.
	Static [32]byte
	// Name is the designator of a host without a key of its own. For doors it has one derived from the name.
	Name string
	// Addr is the host's address, the value of its hint "addr"; the designator if empty.
	Addr string
	// Record is shown to every peer, except by an anonymous host.
	Record *sturdyref.Record
	// Anonymous makes every dial come from a designator of its own. Nobody can dial the host.
	Anonymous bool
	// Doorkeeper decides who comes in; nil admits everybody who shows no key.
	Doorkeeper netlayer.Doorkeeper
	// Features are announced to peers.
	Features []string
}

// A Host is one identity's place on the network. It implements [netlayer.Netlayer].
type Host struct {
	net      *Network
	cfg      HostConfig
	addr     string
	self     sturdyref.Peer
	static   [32]byte
	incoming chan *attempt
	done     chan struct{}
	refusing atomic.Bool
	closed   bool // guarded by the network's mutex
}

var _ netlayer.Netlayer = (*Host)(nil)

// Host opens a host. Once it is closed another may take its address and its identity. It panics if cfg names nobody,
// and if the network is closed or the address is taken.
func (n *Network) Host(cfg HostConfig) *Host {
	h := &Host{
		net:      n,
		cfg:      cfg,
		static:   cfg.Static,
		incoming: make(chan *attempt, n.cfg.MaxWaiting),
		done:     make(chan struct{}),
	}
	h.cfg.Features = slices.Clone(cfg.Features)
	designator := cfg.Name
	switch {
	case cfg.Anonymous:
		h.static = n.draw()
		designator = sturdyref.Designator(h.static)
	case cfg.Static != [32]byte{}:
		designator = sturdyref.Designator(cfg.Static)
	case cfg.Name != "":
		h.static = namedKey(cfg.Name)
	default:
		panic("mem: a host needs a Static key or a Name")
	}
	h.addr = cfg.Addr
	if h.addr == "" {
		h.addr = designator
	}
	h.self = sturdyref.Peer{Transport: Transport, Designator: designator, Hints: map[string]string{"addr": h.addr}}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || n.hosts[h.addr] != nil {
		panic(fmt.Sprintf("mem: address %q is taken by an open host, or the network is closed", h.addr))
	}
	n.hosts[h.addr] = h
	return h
}

// namedKey returns the public key of a host that has only a name. Nobody needs the private one.
func namedKey(name string) [32]byte {
	seed := sha256.Sum256([]byte("mem host " + name))
	key, err := ecdh.X25519().NewPrivateKey(seed[:])
	if err != nil {
		panic(err) // 32 bytes are always a key
	}
	return [32]byte(key.PublicKey().Bytes())
}

// Transport returns "mem".
func (h *Host) Transport() string { return Transport }

// Location returns the designator and address of the host; for an anonymous one, which cannot be dialled, the zero Peer.
func (h *Host) Location() sturdyref.Peer {
	if h.cfg.Anonymous {
		return sturdyref.Peer{}
	}
	return h.self.Clone()
}

// Accept waits for the next dialler.
func (h *Host) Accept(ctx context.Context) (*netlayer.Incoming, error) {
	for {
		select {
		case <-h.done:
			return nil, errHostClosed
		default:
		}
		select {
		case <-h.done:
			return nil, errHostClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		case a := <-h.incoming:
			if a.waiting() {
				return &netlayer.Incoming{Info: a.infos[1], Accept: a.accept, Refuse: a.refuse}, nil
			}
		}
	}
}

// Close ends every connection; the peers learn it after what was sent to them.
func (h *Host) Close() error {
	n := h.net
	n.mu.Lock()
	if h.closed {
		n.mu.Unlock()
		return nil
	}
	h.closed = true
	if n.hosts[h.addr] == h {
		delete(n.hosts, h.addr)
	}
	var ends []*conn
	for w := range n.wires {
		for i, owner := range w.hosts {
			if owner == h {
				ends = append(ends, w.ends[i])
			}
		}
	}
	n.mu.Unlock()
	close(h.done)
	for _, e := range ends {
		e.Close("the netlayer was closed")
	}
	return nil
}

var errHostClosed = fmt.Errorf("mem: this host is closed: %w", net.ErrClosed)
