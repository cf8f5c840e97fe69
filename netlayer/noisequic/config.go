package noisequic

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"

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
	// Features are announced to peers: at most 32, each of 1 to 64 lower-case letters, digits and "./-".
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
	lookup lookupFunc
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

const (
	maxFeatures      = 32
	maxFeatureLength = 64
	maxAdvertise     = 16
)

func (c *Config) validated() (Config, error) {
	if c == nil {
		c = &Config{}
	}
	v := *c
	for _, n := range []*int{&v.Limits.Handshakes, &v.Limits.HandshakesPerSource, &v.Limits.RatePerSource} {
		if *n < 0 {
			return v, fmt.Errorf("noisequic: Config.Limits has %d, expected a positive number or 0 for the default", *n)
		}
	}
	v.Limits.Handshakes = orDefault(v.Limits.Handshakes, 256)
	v.Limits.HandshakesPerSource = orDefault(v.Limits.HandshakesPerSource, 32)
	v.Limits.RatePerSource = orDefault(v.Limits.RatePerSource, 100)
	if v.Linger < 0 {
		return v, fmt.Errorf("noisequic: Config.Linger is %v, expected a positive time or 0 for the default", v.Linger)
	}
	v.Linger = orDefault(v.Linger, 3*time.Second)
	if v.Logger == nil {
		v.Logger = hclog.NewNullLogger()
	}
	var err error
	if v.Features, err = sortedFeatures(v.Features); err != nil {
		return v, err
	}
	if v.Identity == nil {
		if v.Listen != "" || len(v.Advertise) > 0 || v.Doorkeeper != nil || v.Record != nil {
			return v, errors.New("noisequic: an anonymous netlayer (Config.Identity is nil) cannot be dialled: leave Record, Listen, Advertise and Doorkeeper empty")
		}
		return v, nil
	}
	if len(v.Advertise) > maxAdvertise {
		return v, fmt.Errorf("noisequic: Config.Advertise has %d addresses, at most %d are given to others", len(v.Advertise), maxAdvertise)
	}
	v.Advertise = append([]string(nil), v.Advertise...)
	for _, a := range v.Advertise {
		if err := checkAddress(a); err != nil {
			return v, fmt.Errorf("noisequic: Config.Advertise: %w", err)
		}
	}
	if v.Record == nil {
		if v.Record, err = sturdyref.NewRecord(v.Identity, time.Unix(0, 0)); err != nil {
			return v, fmt.Errorf("noisequic: %w", err)
		}
	}
	if v.Record.Public != v.Identity.Public() {
		return v, errors.New("noisequic: Config.Record is not that of Config.Identity")
	}
	return v, nil
}

func orDefault[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

// checkAddress accepts "host:port" with a host and a port other than 0.
func checkAddress(a string) error {
	host, port, err := net.SplitHostPort(a)
	if err != nil {
		return fmt.Errorf("%q is not host:port", a)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if host == "" || err != nil || n == 0 {
		return fmt.Errorf("%q is not host:port with a host and a port from 1 to 65535", a)
	}
	return nil
}
