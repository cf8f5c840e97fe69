package hawser

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/bolt"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// Config configures a node. Nil, and the zero value of each field, mean the defaults; Open copies it.
type Config struct {
	// Dir is where the node keeps its identity, the keys of its networks, the names of what it publishes, its port and its
	// durable vats. It is
	// made if it does not exist, readable by its owner alone, and belongs to one process at a time. Empty keeps everything
	// in memory: a new identity each time.
	Dir string
	// Kinds are the kinds of objects that durable vats hold: nothing else is made of what is stored in Dir. Open fails, and
	// changes nothing, if there are objects in Dir of a kind that is missing here or whose state cannot be brought up to date.
	// In the other vats of the node the state of such objects is put back when a turn fails.
	Kinds []vat.Kind
	// Identity is whom the node acts as. Nil uses the one in Dir, made at the first Open.
	Identity sturdyref.Identity
	// Listen is the UDP address to listen at, "host:port" or ":port"; the default is every interface. Where it names no
	// port, or 0, that is the one kept in Dir, or else one the system chooses. The port in use is kept in Dir for the next
	// time, so that the sturdyrefs given out stay good.
	Listen string
	// Advertise lists the addresses that go into sturdyrefs, "host:port". The default is those of the interfaces that are
	// up, loopback last.
	Advertise []string
	// Door says who may have a session, and how many; the default is whoever knows the public key, within limits.
	Door Door
	// Locator finds addresses for peers whose sturdyref has none that work. Default: nobody.
	Locator Locator
	// Limits bounds what each session holds.
	Limits captp.Limits
	// DialTimeout bounds a dial, all addresses together (default 20 s).
	DialTimeout time.Duration
	// Grace is how long a session whose connection was lost waits for the next one, if the peer is of this module, too: calls
	// under way complete then as if nothing had happened. When it is over they break. The default is 10 minutes, and 2 at
	// most for anonymous sessions; a negative Grace ends sessions with their connections.
	Grace time.Duration
	// TCP has the node listen, at the same port, and dial over TCP too, for where UDP is blocked: peers are the same, and
	// have one session, whichever way. Over TCP nothing but the secret of a sturdyref protects what is said today from
	// somebody who records it for a quantum computer to come.
	TCP bool
	// Network makes the netlayer, in place of Noise-QUIC on UDP: for tests on a simulated network, say.
	Network func(NetworkConfig) (netlayer.Netlayer, error)
	// Networks makes several netlayers, in place of Network: one for each transport, the first being where what is published
	// is found. Each may have a dialect of CapTP, for peers of other implementations.
	Networks func(NetworkConfig) ([]Layer, error)
	// Mailbox is the owner's sturdyref of a box that a mailbox server keeps for this node (hawser mailbox new): what peers send to durable
	// objects of this node while it is away waits there, and what durable objects of this node send to a peer that is away is left in the
	// peer's box, if it has one. So two peers need never be on at the same time. It wants a Dir and Kinds. Default: peers that
	// are away are waited for.
	Mailbox sturdyref.Ref
	// PublicDrop is the sturdyref of a drop of that box for anybody (what hawser mailbox new calls public). It goes into the sturdyrefs
	// of what is published: who has one of these, and a Mailbox, can write to this node without ever having met it. Default: two nodes
	// have to have met once before letters carry what they say.
	PublicDrop sturdyref.Ref
	// Handoffs says where references that peers hand on may send this node.
	Handoffs HandoffPolicy
	// LazyRelease is for programs in a testing/synctest bubble: see captp.Config.
	LazyRelease bool
	// Logger hears of what goes wrong unasked. Default: warnings and errors to standard error.
	Logger hclog.Logger
	// Tracer is told of every message and turn. Default: nobody.
	Tracer vat.Tracer

	openStore func(path string) (*store.Store, error) // bolt.Open; tests have it fail
}

// Door says who may have a session with a node, and how many.
type Door = home.Door

// A Locator finds addresses for a peer.
type Locator = home.Locator

// Errors of Publish, Unpublish and Revoke, and what an enlivened reference breaks with, for errors.Is.
var (
	// ErrPublished says that a name, or a secret, is in use for something else.
	ErrPublished = home.ErrPublished
	// ErrNotPublished says that there is nothing by that name.
	ErrNotPublished = home.ErrNotPublished
	// ErrRefused says that the peer has no object for the secret shown, or does not let us in. Peers do not say which.
	ErrRefused = home.ErrRefused
)

// NetworkConfig is what Config.Network is called with.
type NetworkConfig struct {
	// Identity is whom the netlayer acts as; nil for an anonymous one, which only dials.
	Identity   sturdyref.Identity
	Listen     string
	Advertise  []string
	Doorkeeper netlayer.Doorkeeper
	Features   []string
	Logger     hclog.Logger
	// Key returns an Ed25519 key for networks that want one of their own: the same for the same name, lower-case letters,
	// each time in the same Dir; a new one each time for an anonymous netlayer, and without a Dir.
	Key func(name string) (ed25519.PrivateKey, error)
}

// features is what every session of this version can do.
func features() []string {
	return []string{home.FeatureFetchProof, home.FeatureRedeem, captp.FeatureMovesQueues, captp.FeatureRelaysGifts}
}

var errTilde = errors.New("a leading ~ means your home directory only where a shell has replaced it, and here none has: write that directory out in full")

var errNoKeys = errors.New("hawser: the identity is the zero KeyPair: sturdyref.GenerateIdentity makes one")

func (c *Config) validated() (Config, error) {
	var v Config
	if c != nil {
		v = *c
	}
	if strings.HasPrefix(v.Dir, "~") {
		return v, fmt.Errorf("hawser: Dir %q: %w", v.Dir, errTilde)
	}
	if v.Dir != "" {
		abs, err := filepath.Abs(v.Dir)
		if err != nil {
			return v, fmt.Errorf("hawser: Dir %q: %w", v.Dir, err)
		}
		v.Dir = abs
	}
	if k, ok := v.Identity.(sturdyref.KeyPair); ok && k.IsZero() {
		return v, errNoKeys
	}
	if v.openStore == nil {
		v.openStore = bolt.Open
	}
	v.Advertise, v.Kinds = append([]string(nil), v.Advertise...), append([]vat.Kind(nil), v.Kinds...)
	if v.Logger == nil {
		v.Logger = hclog.New(&hclog.LoggerOptions{Name: "hawser", Level: hclog.Warn, Output: os.Stderr})
	}
	if v.Network != nil && v.Networks != nil {
		return v, errTwoNetworks
	}
	switch {
	case v.TCP && (v.Network != nil || v.Networks != nil):
		return v, errTCPBesides
	case v.TCP:
		v.Network = noiseQUICAndTCP
	case v.Network == nil:
		v.Network = noiseQUIC
	}
	return v, nil
}
