package tcptest

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
)

// Framing says how messages follow each other in the stream.
type Framing int

const (
	// Raw is bare Syrup records. Every frame written must be one, whole.
	Raw Framing = iota
	// Framed is one Syrup byte string for each message, which may hold anything.
	Framed
)

// String returns "raw" or "framed".
func (f Framing) String() string {
	switch f {
	case Raw:
		return "raw"
	case Framed:
		return "framed"
	}
	return "Framing(" + strconv.Itoa(int(f)) + ")"
}

// Config says what a Netlayer is. Nil and the zero value are one on loopback with a designator of its own.
type Config struct {
	// Listen is the TCP address to listen at, "host:port", ":port" or "". Without a host it is 127.0.0.1: whoever wants
	// to be reached from elsewhere says so. Without a port, or with port 0, the system chooses one.
	Listen string
	// Advertise is the address, "host:port", that Location gives to others; empty means the one listened at. It is needed
	// if that is every interface, as with "0.0.0.0:7000".
	Advertise string
	// Designator is what this peer calls itself, any text of at most 256 bytes; empty means a random one.
	Designator string
	// Framing is how messages are sent to those we dial, and to a dialler who says nothing for a moment while we have
	// something to say.
	Framing Framing
	// Doorkeeper decides who comes in; there is nothing it could know about anybody but Info.Source. Nil lets in
	// everybody.
	Doorkeeper netlayer.Doorkeeper
	// Limits bound what strangers can cost.
	Limits Limits
	// Linger is how long Close waits for the peer to close too, taking what it still sends; 2 s if zero.
	Linger time.Duration
	// Logger is told why diallers were turned away and connections ended. Nil is silent.
	Logger hclog.Logger

	// maxFrame is netlayer.MaxFrame, and more only in tests that wrap what they send.
	maxFrame int
	// lookup resolves names in place of the system, for tests.
	lookup sockets.LookupFunc
}

// Limits bound the incoming connections on which no whole message has come yet, or which wait to be accepted. Zero means
// the default.
type Limits struct {
	// Silent is how many there may be; 256.
	Silent int
	// SilentPerSource is how many of them one source may have, an IPv4 address or an IPv6 /64; 64.
	SilentPerSource int
	// SilentTime is how long one may stay so; 2 min.
	SilentTime time.Duration
}

const maxDesignator = 256

func (c *Config) validated() (Config, error) {
	if c == nil {
		c = &Config{}
	}
	v := *c
	if v.Limits.Silent < 0 || v.Limits.SilentPerSource < 0 || v.Limits.SilentTime < 0 {
		return v, errors.New("tcptest: Config.Limits has a negative number, expected a positive one or 0 for the default")
	}
	if v.Linger < 0 {
		return v, fmt.Errorf("tcptest: Config.Linger is %v, expected a positive time or 0 for the default", v.Linger)
	}
	v.Limits.Silent = cmp.Or(v.Limits.Silent, 256)
	v.Limits.SilentPerSource = cmp.Or(v.Limits.SilentPerSource, 64)
	v.Limits.SilentTime = cmp.Or(v.Limits.SilentTime, 2*time.Minute)
	v.Linger = cmp.Or(v.Linger, 2*time.Second)
	v.maxFrame = cmp.Or(v.maxFrame, netlayer.MaxFrame)
	if v.Logger == nil {
		v.Logger = hclog.NewNullLogger()
	}
	if v.lookup == nil {
		v.lookup = sockets.Lookup
	}
	if v.Framing != Raw && v.Framing != Framed {
		return v, fmt.Errorf("tcptest: Config.Framing is %v, expected Raw or Framed", v.Framing)
	}
	if v.Designator == "" {
		v.Designator = strings.ToLower(rand.Text()) // as some take a designator for the name of a host
	}
	if len(v.Designator) > maxDesignator || !utf8.ValidString(v.Designator) {
		return v, fmt.Errorf("tcptest: Config.Designator is no UTF-8 text of at most %d bytes", maxDesignator)
	}
	return v, v.addresses()
}

// addresses completes Listen and checks Advertise.
func (c *Config) addresses() error {
	if c.Listen == "" {
		c.Listen = ":0"
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("tcptest: Config.Listen is %q, expected host:port", c.Listen)
	}
	if host == "" {
		c.Listen = net.JoinHostPort("127.0.0.1", port)
	}
	if c.Advertise != "" {
		if _, _, err := sockets.SplitAddress(c.Advertise); err != nil {
			return fmt.Errorf("tcptest: Config.Advertise: %w", err)
		}
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		return fmt.Errorf("tcptest: Config.Listen is every interface, %q: say in Config.Advertise where others find it", c.Listen)
	}
	return nil
}
