package websocket

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
)

// Config says what a Netlayer is. Nil and the zero value are one that only dials. It prints without its key.
type Config struct {
	// Key is the private key of the designator. It signs what strangers send and must be used for nothing else. It is
	// required to listen; without it the designator is one that nobody can dial, made by Open.
	Key ed25519.PrivateKey
	// Listen is the TCP address to listen at, "host:port", or "" to dial only.
	Listen string
	// URL is what Location gives to others, "wss://host/path" or "ws://…". Empty means the address listened at; it is
	// needed if that is every interface.
	URL string
	// TLS makes the listener speak TLS itself, which is otherwise the business of a proxy in front of it.
	TLS *tls.Config
	// DialTLS is used for wss URLs of others; nil means the roots of the system.
	DialTLS *tls.Config
	// Origins lists the hosts whose web pages may connect, as patterns of path.Match such as "*.example.org", beside the
	// host in URL. "*" allows all.
	Origins []string
	// AllowGoblins017 answers the challenge of Goblins 0.17 and before, which is to sign any 64 bytes at all.
	AllowGoblins017 bool
	// Doorkeeper decides who comes in; there is nothing it could know about anybody but Info.Source. Nil lets in
	// everybody.
	Doorkeeper netlayer.Doorkeeper
	// Limits bound what strangers can cost.
	Limits Limits
	// Linger is how long Close waits for the peer to take what was written and to say goodbye; 3 s if zero.
	Linger time.Duration
	// Logger is told why diallers were turned away and connections ended. Nil is silent.
	Logger hclog.Logger

	// handshake is handshakeTime, and shorter only in tests.
	handshake time.Duration
	// lookup resolves names and listen listens in place of the system, for tests.
	lookup sockets.LookupFunc
	listen func(network, address string) (net.Listener, error)
}

// Limits bound the incoming connections that have not been admitted yet. Zero means the default.
type Limits struct {
	// Handshakes is how many there may be; 256.
	Handshakes int
	// HandshakesPerSource is how many of them one source may have, an IPv4 address or an IPv6 /64; 32. Behind a proxy all
	// come from one.
	HandshakesPerSource int
}

// String returns what may be seen of the configuration.
func (c Config) String() string {
	key := "none"
	if c.Key != nil {
		key = "(redacted)"
	}
	return fmt.Sprintf("websocket.Config{Key: %s, Listen: %q, URL: %q}", key, c.Listen, c.URL)
}

func (c Config) GoString() string             { return c.String() }
func (c Config) Format(s fmt.State, _ rune)   { fmt.Fprint(s, c.String()) }
func (c Config) LogValue() slog.Value         { return slog.StringValue(c.String()) }
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

func (c *Config) validated() (Config, error) {
	if c == nil {
		c = &Config{}
	}
	v := *c
	if v.Limits.Handshakes < 0 || v.Limits.HandshakesPerSource < 0 {
		return v, errors.New("websocket: Config.Limits has a negative number, expected a positive one or 0 for the default")
	}
	if v.Linger < 0 {
		return v, fmt.Errorf("websocket: Config.Linger is %v, expected a positive time or 0 for the default", v.Linger)
	}
	v.Limits.Handshakes = cmp.Or(v.Limits.Handshakes, 256)
	v.Limits.HandshakesPerSource = cmp.Or(v.Limits.HandshakesPerSource, 32)
	v.Linger = cmp.Or(v.Linger, 3*time.Second)
	v.handshake = cmp.Or(v.handshake, handshakeTime)
	if v.Logger == nil {
		v.Logger = hclog.NewNullLogger()
	}
	if v.lookup == nil {
		v.lookup = sockets.Lookup
	}
	if v.listen == nil {
		v.listen = net.Listen
	}
	v.Origins = append([]string(nil), v.Origins...)
	for _, o := range v.Origins {
		if _, err := path.Match(o, ""); err != nil {
			return v, fmt.Errorf("websocket: Config.Origins has %q, which is no pattern", o)
		}
	}
	if err := v.keys(); err != nil {
		return v, err
	}
	if v.URL != "" {
		if _, err := parseURL(v.URL); err != nil {
			return v, fmt.Errorf("websocket: Config.URL: %w", err)
		}
	}
	return v, v.listening()
}

// keys checks and copies the key, or makes one, and the TLS configurations.
func (c *Config) keys() error {
	switch {
	case c.Key == nil && c.Listen != "":
		return errors.New("websocket: Config.Key is needed to listen: those who dial ask for a proof of it")
	case c.Key == nil:
		c.Key = ed25519.NewKeyFromSeed(randomBytes())
	case len(c.Key) != ed25519.PrivateKeySize:
		return fmt.Errorf("websocket: Config.Key has %d bytes, an Ed25519 private key has %d", len(c.Key), ed25519.PrivateKeySize)
	}
	// The second half of a private key is the public one, which may be wrong; the first is what counts.
	c.Key = ed25519.NewKeyFromSeed(c.Key.Seed())
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
		c.TLS.NextProtos = []string{"http/1.1"}
	}
	if c.DialTLS != nil {
		c.DialTLS = c.DialTLS.Clone()
		c.DialTLS.NextProtos = []string{"http/1.1"}
	}
	return nil
}

// listening checks Listen and what goes with it.
func (c *Config) listening() error {
	if c.Listen == "" {
		if c.URL != "" || c.TLS != nil || c.Doorkeeper != nil || c.Origins != nil || c.AllowGoblins017 {
			return errors.New("websocket: a netlayer that only dials (Config.Listen is empty) has no URL, TLS, Doorkeeper, Origins or AllowGoblins017")
		}
		return nil
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("websocket: Config.Listen is %q, expected host:port", c.Listen)
	}
	ip, err := netip.ParseAddr(host)
	if c.URL == "" && (host == "" || err == nil && ip.IsUnspecified()) {
		return fmt.Errorf("websocket: Config.Listen is every interface, %q: say in Config.URL where others find it", c.Listen)
	}
	return nil
}

// maxURL is how long a URL may be.
const maxURL = 512

// parseURL reads a ws or wss URL.
func parseURL(s string) (*url.URL, error) {
	if len(s) > maxURL {
		return nil, fmt.Errorf("a URL of %d bytes, at most %d are taken", len(s), maxURL)
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return nil, errors.New("not a URL of the form ws://host:port/path or wss://…")
	}
	return u, nil
}

func randomBytes() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}
