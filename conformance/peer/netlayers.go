package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
	"github.com/hawser-go/hawser/netlayer/tcptest"
	"github.com/hawser-go/hawser/netlayer/websocket"
	"github.com/hawser-go/hawser/sturdyref"
)

// linger is short: who checks a peer opens hundreds of connections, and leaves most of them without a farewell.
const linger = 200 * time.Millisecond

// network is what the flags say about where the peer is.
type network struct {
	kind      string        // tcptest, websocket, noisequic or noisetcp
	listen    string        // host:port
	advertise string        // where others find it, if that is not where it listens; a URL for websocket
	dialect   *wire.Dialect // nil is that of the network
	framed    bool
}

// complete checks what the flags say.
func (n network) complete() (network, error) {
	switch n.kind {
	case "tcptest", "websocket":
		if n.dialect == nil {
			n.dialect = &wire.OCapN10
		}
	case "noisequic", "noisetcp":
	default:
		return n, fmt.Errorf("there is no netlayer %q: use tcptest, websocket, noisequic or noisetcp", n.kind)
	}
	if n.framed && n.kind != "tcptest" {
		return n, fmt.Errorf("-framed is about the byte stream of tcptest: messages are framed on %s in any case", n.kind)
	}
	return n, nil
}

// open opens the netlayer, with keys that are made now and end with it.
func (n network) open(id sturdyref.Identity, door netlayer.Doorkeeper, log hclog.Logger) (home.Layer, error) {
	var advertise []string
	if n.advertise != "" {
		advertise = []string{n.advertise}
	}
	switch n.kind {
	case "websocket":
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			return home.Layer{}, err
		}
		nl, err := websocket.Open(&websocket.Config{Key: key, Listen: n.listen, URL: n.advertise, Doorkeeper: door, Linger: linger, Logger: log})
		return home.Layer{Netlayer: nl, Dialect: n.dialect}, err
	case "noisequic":
		nl, err := noisequic.Open(&noisequic.Config{
			Identity: id, Listen: n.listen, Advertise: advertise, Doorkeeper: door, Linger: linger, Logger: log,
		})
		return home.Layer{Netlayer: nl, Dialect: n.dialect}, err
	case "noisetcp":
		nl, err := noisetcp.Open(&noisetcp.Config{
			Identity: id, Listen: n.listen, Advertise: advertise, Doorkeeper: door, Linger: linger, Logger: log,
		})
		return home.Layer{Netlayer: nl, Dialect: n.dialect}, err
	case "tcptest":
		c := &tcptest.Config{Listen: n.listen, Advertise: n.advertise, Doorkeeper: door, Logger: log}
		if n.framed {
			c.Framing = tcptest.Framed
		}
		nl, err := tcptest.Open(c)
		return home.Layer{Netlayer: nl, Dialect: n.dialect, TrustClaims: true}, err
	}
	return home.Layer{}, errors.ErrUnsupported
}
