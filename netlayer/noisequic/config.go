package noisequic

import (
	"io"
	"net"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/internal/noiselink"
	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Config says what a Netlayer is. Nil and the zero value are an anonymous one.
type Config struct {
	// Identity is who we are. Nil makes the netlayer anonymous: it dials only, and Listen, Advertise and Doorkeeper must
	// be empty.
	Identity sturdyref.Identity
	// Record is the identity's signed record, shown to peers. Nil makes one that has been valid forever.
	Record *sturdyref.Record
	// Listen is the UDP address to listen at, "host:port", ":port" or "". Without a host it is every interface, without a
	// port the system chooses one.
	Listen string
	// Advertise lists the addresses, "host:port", that Location gives to others. Empty means those of the interfaces
	// that are up, loopback last.
	Advertise []string
	// Doorkeeper decides who comes in. Nil lets in everybody who knows our key and shows no secret.
	Doorkeeper netlayer.Doorkeeper
	// Features are announced to peers: at most 32, each of 1 to 64 lower-case letters, digits and "./-". With
	// netlayer.FeatureResume among them what a connection began can be resumed on another, from both sides.
	Features []string
	// Limits bound what strangers can cost.
	Limits Limits
	// Linger is how long Close waits for the peer to take what was written; 3 s if zero.
	Linger time.Duration
	// Logger is told why dialers were turned away and connections ended. Nil is silent.
	Logger hclog.Logger

	// packets opens a socket in place of the system, for tests.
	packets func(address string) (net.PacketConn, error)
	// lookup resolves names in place of the system, for tests.
	lookup sockets.LookupFunc
	// random makes ephemeral keys in place of crypto/rand, for test vectors.
	random io.Reader
}

// Limits bound what is spent on handshakes with others before they are admitted. A handshake counts from its first packet
// until the dialler is admitted or refused. Zero means the default.
type Limits struct {
	// Handshakes is how many may be in progress; 256.
	Handshakes int
	// HandshakesPerSource is how many of them one source may have, an IPv4 address or an IPv6 /64; 32.
	HandshakesPerSource int
	// RatePerSource is how many one source may begin in a second, in the long run; 100, and twice that at once.
	RatePerSource int
}

// link returns the configuration of what is not particular to QUIC, which also checks it.
func (c *Config) link() noiselink.Config {
	return noiselink.Config{
		Carrier: carrier, Identity: c.Identity, Record: c.Record, Listen: c.Listen, Advertise: c.Advertise,
		Doorkeeper: c.Doorkeeper, Features: c.Features, Limits: noiselink.Limits(c.Limits), Linger: c.Linger,
		Logger: c.Logger, Lookup: c.lookup, Random: c.random,
	}
}
