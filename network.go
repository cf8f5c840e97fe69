package hawser

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
)

// noiseQUIC makes the netlayer a node has by default.
func noiseQUIC(c NetworkConfig) (netlayer.Netlayer, error) {
	nl, err := openQUIC(c)
	if err != nil {
		return nil, err
	}
	return nl, nil
}

func openQUIC(c NetworkConfig) (*noisequic.Netlayer, error) {
	return noisequic.Open(&noisequic.Config{
		Identity: c.Identity, Listen: c.Listen, Advertise: c.Advertise, Doorkeeper: c.Doorkeeper, Features: c.Features, Logger: c.Logger,
	})
}

// noiseQUICAndTCP is noiseQUIC and the same over TCP, at the same port.
func noiseQUICAndTCP(c NetworkConfig) (nl netlayer.Netlayer, err error) {
	tries := 8 // a port that the system chooses for UDP may be somebody's over TCP
	if _, port, _ := net.SplitHostPort(c.Listen); port != "" && port != "0" {
		tries = 1
	}
	for range tries {
		if nl, err = bothAtOnePort(c); err == nil {
			return nl, nil
		}
	}
	return nil, err
}

func bothAtOnePort(c NetworkConfig) (netlayer.Netlayer, error) {
	quic, err := openQUIC(c)
	if err != nil {
		return nil, err
	}
	t := &noisetcp.Config{Identity: c.Identity, Advertise: c.Advertise, Doorkeeper: c.Doorkeeper, Features: c.Features, Logger: c.Logger}
	if c.Identity != nil {
		host, _, _ := net.SplitHostPort(c.Listen)
		t.Listen = net.JoinHostPort(host, strconv.Itoa(quic.Port()))
	}
	tcp, err := noisetcp.Open(t)
	if err != nil {
		_ = quic.Close()
		return nil, fmt.Errorf("hawser: over UDP the node could listen, over TCP at the same port it could not: %w", err)
	}
	return &withPort{noisetcp.Join(quic, tcp), quic.Port()}, nil
}

// withPort is a netlayer that says which port is to be kept.
type withPort struct {
	netlayer.Netlayer
	port int
}

// Port returns the port listened at.
func (w *withPort) Port() int { return w.port }

// NetworkUp tells the netlayer that the network may have come back.
func (w *withPort) NetworkUp(ctx context.Context) {
	if up, ok := w.Netlayer.(interface{ NetworkUp(context.Context) }); ok {
		up.NetworkUp(ctx)
	}
}
