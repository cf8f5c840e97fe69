package main

import (
	"crypto/ed25519"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/conformance"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
	"github.com/hawser-go/hawser/netlayer/tcptest"
	"github.com/hawser-go/hawser/netlayer/websocket"
	"github.com/hawser-go/hawser/sturdyref"
)

// linger is short: a run opens hundreds of connections, and what a peer says at
// their end does not matter any more.
const linger = 100 * time.Millisecond

// network is a kind of network on which peers can be checked.
type network struct {
	name      string // for the flag --netlayer
	transport string // in locators
	hint      string // that a locator needs to be dialled; numbered ones count too
	example   string // a locator
	dialect   *wire.Dialect
	proof     conformance.Proof
	// open opens a party with keys of its own, made for it, to be reached at "host:0".
	open func(listen string, framed bool) (netlayer.Netlayer, error)
}

// networks are all kinds. Of two with one transport the first whose hint a locator
// has is taken.
var networks = []network{
	{
		name: "tcptest", transport: tcptest.Transport, hint: "host", example: "ocapn://NAME.tcp-testing-only?host=HOST&port=PORT",
		dialect: &wire.OCapN10, open: openTCPTest,
	},
	{
		name: "websocket", transport: websocket.Transport, hint: "url", example: "ocapn://KEY.websocket?url=ws://HOST:PORT/PATH",
		dialect: &wire.OCapN10, proof: conformance.ProvesAcceptor, open: openWebSocket,
	},
	{
		name: "noisequic", transport: sturdyref.Transport, hint: "addr", example: "ocapn://KEY.hawser?addr=HOST:PORT",
		dialect: &wire.Hawser, proof: conformance.ProvesBoth, open: openNoiseQUIC,
	},
	{
		name: "noisetcp", transport: sturdyref.Transport, hint: "tcp", example: "ocapn://KEY.hawser?tcp=HOST:PORT",
		dialect: &wire.Hawser, proof: conformance.ProvesBoth, open: openNoiseTCP,
	},
}

func openTCPTest(listen string, framed bool) (netlayer.Netlayer, error) {
	c := &tcptest.Config{Listen: listen, Linger: linger}
	if framed {
		c.Framing = tcptest.Framed
	}
	return tcptest.Open(c)
}

func openWebSocket(listen string, _ bool) (netlayer.Netlayer, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	return websocket.Open(&websocket.Config{Key: key, Listen: listen, Linger: linger})
}

func openNoiseQUIC(listen string, _ bool) (netlayer.Netlayer, error) {
	id, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		return nil, err
	}
	return noisequic.Open(&noisequic.Config{Identity: id, Listen: listen, Linger: linger})
}

func openNoiseTCP(listen string, _ bool) (netlayer.Netlayer, error) {
	id, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		return nil, err
	}
	return noisetcp.Open(&noisetcp.Config{Identity: id, Listen: listen, Linger: linger})
}

// networkOf returns the kind of network on which the checker meets a peer: the one
// of that name, or, if name is empty, the one that the locator speaks of.
func networkOf(peer sturdyref.Peer, name string) (network, error) {
	if name != "" && !slices.ContainsFunc(networks, func(n network) bool { return n.name == name }) {
		return network{}, fmt.Errorf("there is no netlayer %q: want %s", name, listed(networks, func(n network) string { return n.name }))
	}
	var lacking []network
	for _, n := range networks {
		switch {
		case n.transport != peer.Transport || name != "" && n.name != name:
		case n.placed(peer):
			return n, nil
		default:
			lacking = append(lacking, n)
		}
	}
	if len(lacking) > 0 {
		return network{}, fmt.Errorf("the locator does not say where the peer is: want %s", listed(lacking, func(n network) string { return n.example }))
	}
	if name != "" {
		return network{}, fmt.Errorf("the netlayer %s is not for the transport %q of the locator", name, peer.Transport)
	}
	return network{}, fmt.Errorf("no checker for the transport %q: want %s", peer.Transport, listed(networks, func(n network) string { return n.transport }))
}

// placed reports whether a locator has the hint, or a numbered one.
func (n network) placed(peer sturdyref.Peer) bool {
	for name := range peer.Hints {
		if digits, ok := strings.CutPrefix(name, n.hint); ok && strings.Trim(digits, "0123456789") == "" {
			return true
		}
	}
	return false
}

// listed returns what networks have, each once, in words.
func listed(ns []network, what func(network) string) string {
	var all []string
	for _, n := range ns {
		if !slices.Contains(all, what(n)) {
			all = append(all, what(n))
		}
	}
	if len(all) == 1 {
		return all[0]
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

// target is the peer, and parties that open at a host of this machine.
func (n network) target(peer sturdyref.Peer, host string, framed bool) conformance.Target {
	listen := net.JoinHostPort(host, "0")
	return conformance.Target{
		Peer: peer, Proof: n.proof,
		Open: func() (netlayer.Netlayer, error) { return n.open(listen, framed) },
	}
}
