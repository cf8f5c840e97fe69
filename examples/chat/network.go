package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer/websocket"
	"github.com/hawser-go/hawser/sturdyref"
)

// The values of --netlayer.
const (
	noiseQUIC   = "noise-quic"
	webSocket   = "websocket"
	netlayerUse = "`network` to talk over: noise-quic, Hawser's own, or websocket, which Goblins and Endo speak"
)

// network is which network to talk over, and where on it this program is.
type network struct {
	command   string // for errors
	netlayer  string
	listen    string
	advertise string
	url       string
	version   string
}

func (n *network) flags(flags *flag.FlagSet, def string) {
	n.command = flags.Name()
	flags.StringVar(&n.netlayer, "netlayer", def, netlayerUse)
	flags.StringVar(&n.listen, "listen", "", "`address` to listen at, as host:port or :port, UDP for noise-quic and TCP for websocket (without a port, or port 0: the one used last with --dir, or any)")
	flags.StringVar(&n.url, "url", "", "for websocket: the `URL` others find this program at, ws://host:port or wss://…, where that is not the address it listens at")
	flags.StringVar(&n.version, "captp-version", "", "for websocket: the `version` of CapTP to say one speaks, which peers compare: 1.0 (the default), or goblins-0.16")
}

// validate reports what does not go together.
func (n *network) validate() error {
	switch {
	case n.netlayer != noiseQUIC && n.netlayer != webSocket:
		return fmt.Errorf("%s: there is no --netlayer %q, but %s and %s: %w", n.command, n.netlayer, noiseQUIC, webSocket, errUsage)
	case n.netlayer == noiseQUIC && n.url != "":
		return fmt.Errorf("%s: --url is for --netlayer websocket: %w", n.command, errUsage)
	case n.netlayer == noiseQUIC && n.version != "":
		return fmt.Errorf("%s: --captp-version is for --netlayer websocket: %w", n.command, errUsage)
	case n.version != "" && !wire.OCapN10.Accepts(n.version):
		return fmt.Errorf("%s: --captp-version %q is none that is spoken here: there are %s: %w", n.command, n.version, strings.Join(wire.OCapN10.Versions, " and "), errUsage)
	case n.netlayer == webSocket && n.advertise != "":
		return fmt.Errorf("%s: --advertise is for --netlayer noise-quic, websocket has --url: %w", n.command, errUsage)
	case n.netlayer == webSocket && n.url == "" && everywhere(n.listen):
		return fmt.Errorf("%s: --listen %s is every interface: say with --url where others find it, as ws://host:port or wss://…: %w", n.command, n.listen, errUsage)
	}
	return nil
}

// everywhere reports whether an address to listen at is every interface.
func everywhere(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	ip, _ := netip.ParseAddr(host)
	return err == nil && (host == "" || ip.IsUnspecified())
}

// configure has a node use the network. Over WebSockets nothing but the first operation of a session is different from
// what it is over Noise-QUIC, but some operations are spelled otherwise.
func (n *network) configure(cfg *hawser.Config) {
	cfg.Listen = n.listen
	if n.advertise != "" {
		cfg.Advertise = strings.Split(n.advertise, ",")
	}
	if n.netlayer != webSocket {
		return
	}
	cfg.Listen = cmp.Or(n.listen, loopback)
	cfg.Networks = func(nc hawser.NetworkConfig) ([]hawser.Layer, error) {
		key, err := nc.Key(webSocket)
		if err != nil {
			return nil, err
		}
		layer, err := websocket.Open(&websocket.Config{Key: key, Listen: nc.Listen, URL: n.url, Doorkeeper: nc.Doorkeeper, Logger: nc.Logger})
		if err != nil {
			return nil, err
		}
		return []hawser.Layer{{Netlayer: listener{layer}, Dialect: n.dialect()}}, nil
	}
}

// dialect is what Endo and Goblins speak. The version it begins with is the one that is said.
func (n *network) dialect() *wire.Dialect {
	d := wire.OCapN10
	if n.version != "" {
		d.Versions = append([]string{n.version}, d.Versions...)
	}
	return &d
}

// listener tells the node its port, to be kept with --dir.
type listener struct{ *websocket.Netlayer }

func (l listener) Port() int {
	if addr, ok := l.Addr().(*net.TCPAddr); ok {
		return addr.Port
	}
	return 0
}

// publication returns the name under which a room is published: each network has secrets of its own, because over
// ws:// they can be read on the way.
func (n *network) publication(room string) string {
	if n.netlayer == webSocket {
		return "room over websocket " + room
	}
	return "room " + room
}

const loopback = "127.0.0.1:0" // at any port, which is kept with --dir

// fit settles on the network that the sturdyref of a room is for.
func (n *network) fit(ctx context.Context, room sturdyref.Ref) error {
	needed := noiseQUIC
	if room.Peer.Transport == websocket.Transport {
		needed = webSocket
	}
	if n.netlayer == "" {
		n.netlayer = needed
	}
	if err := n.validate(); err != nil {
		return err
	}
	if n.netlayer != needed {
		return fmt.Errorf("%s: the room is to be had over %s, not over %s: leave --netlayer out: %w", n.command, needed, n.netlayer, errUsage)
	}
	if needed == webSocket && n.listen == "" && n.url == "" {
		n.listen = facing(ctx, room)
	}
	return nil
}

// facing returns the address to listen at for those who are where the host is: members of a room speak to each other
// directly. It is the one that this machine would send from, and loopback if the host is on this machine.
func facing(ctx context.Context, room sturdyref.Ref) string {
	u, err := url.Parse(room.Peer.Hints["url"])
	if err != nil {
		return loopback
	}
	// UDP has no connections: nothing is sent.
	c, err := new(net.Dialer).DialContext(ctx, "udp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "443")))
	if err != nil {
		return loopback
	}
	defer c.Close()
	return net.JoinHostPort(c.LocalAddr().(*net.UDPAddr).IP.String(), "0")
}
