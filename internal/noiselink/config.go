package noiselink

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Config is what the netlayers of every carrier are told by their users, and by themselves.
type Config struct {
	Carrier Carrier

	Identity   sturdyref.Identity // nil for an anonymous netlayer
	Record     *sturdyref.Record
	Listen     string // only looked at for an anonymous netlayer, which must have none
	Advertise  []string
	Doorkeeper netlayer.Doorkeeper
	Features   []string
	Limits     Limits
	Linger     time.Duration
	Logger     hclog.Logger

	// Lookup resolves names; nil asks the system.
	Lookup sockets.LookupFunc
	// Random makes ephemeral keys in place of crypto/rand, for test vectors.
	Random io.Reader
}

// Limits bound what is spent on handshakes with others before they are admitted. Zero means the default.
type Limits struct {
	Handshakes          int // in progress; 256
	HandshakesPerSource int // of one source; 32
	RatePerSource       int // begun in a second by one source, in the long run; 100
}

const (
	maxFeatures      = 32
	maxFeatureLength = 64
	maxAdvertise     = 16
)

func (c *Config) errorf(format string, args ...any) error {
	return fmt.Errorf(c.Carrier.Package+": "+format, args...)
}

func (c Config) validated() (Config, error) {
	for _, n := range []*int{&c.Limits.Handshakes, &c.Limits.HandshakesPerSource, &c.Limits.RatePerSource} {
		if *n < 0 {
			return c, c.errorf("Config.Limits has %d, expected a positive number or 0 for the default", *n)
		}
	}
	c.Limits.Handshakes = cmp.Or(c.Limits.Handshakes, 256)
	c.Limits.HandshakesPerSource = cmp.Or(c.Limits.HandshakesPerSource, 32)
	c.Limits.RatePerSource = cmp.Or(c.Limits.RatePerSource, 100)
	if c.Linger < 0 {
		return c, c.errorf("Config.Linger is %v, expected a positive time or 0 for the default", c.Linger)
	}
	c.Linger = cmp.Or(c.Linger, 3*time.Second)
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	if c.Lookup == nil {
		c.Lookup = sockets.Lookup
	}
	var err error
	if c.Features, err = c.sortedFeatures(); err != nil {
		return c, err
	}
	if c.Identity == nil {
		if c.Listen != "" || len(c.Advertise) > 0 || c.Doorkeeper != nil || c.Record != nil {
			return c, errors.New(c.Carrier.Package + ": an anonymous netlayer (Config.Identity is nil) cannot be dialled: leave Record, Listen, Advertise and Doorkeeper empty")
		}
		return c, nil
	}
	if len(c.Advertise) > maxAdvertise {
		return c, c.errorf("Config.Advertise has %d addresses, at most %d are given to others", len(c.Advertise), maxAdvertise)
	}
	c.Advertise = append([]string(nil), c.Advertise...)
	for _, a := range c.Advertise {
		if _, _, err := sockets.SplitAddress(a); err != nil {
			return c, c.errorf("Config.Advertise: %w", err)
		}
	}
	if c.Record == nil {
		if c.Record, err = sturdyref.NewRecord(c.Identity, time.Unix(0, 0)); err != nil {
			return c, c.errorf("%w", err)
		}
	}
	if c.Record.Public != c.Identity.Public() {
		return c, c.errorf("Config.Record is not that of Config.Identity")
	}
	return c, nil
}
