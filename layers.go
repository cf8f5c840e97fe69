package hawser

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref"
)

// A Layer is one network a node is on.
type Layer = home.Layer

// HandoffPolicy says where a peer's certificates may send a node.
type HandoffPolicy = home.HandoffPolicy

var (
	errNoNetlayer   = errors.New("hawser: Config.Network or Networks returned neither a netlayer nor an error")
	errTCPBesides   = errors.New("hawser: Config.TCP is for the network a node has by default: leave Network and Networks nil, or join the two there")
	errTwoNetworks  = errors.New("hawser: Config has both Network and Networks: set one")
	errNetworkKeyAs = errors.New("hawser: a network's key has a name of lower-case letters")
)

// networks makes the layers of a node, or those of one anonymous session. Sessions over those whose peers are of this module
// outlive their connections, and, if there is a store, their processes; what they say while the peer is away goes by mail, if there
// is a post.
func (c *Config) networks(nc NetworkConfig, st *store.Store, post *home.Post) ([]Layer, error) {
	if c.Grace < 0 {
		return c.layers(nc)
	}
	nc.Features = append(slices.Clone(nc.Features), netlayer.FeatureResume)
	if st != nil && nc.Identity != nil {
		nc.Features = append(nc.Features, captp.FeatureLasts)
	}
	layers, err := c.layers(nc)
	if err != nil {
		return nil, err
	}
	known := slices.Clone(c.Door.Known)
	lc := link.Config{
		Grace: c.Grace, Store: st, Allow: c.Handoffs.Allow(), Logger: c.Logger.Named("link"), MaxLastingPerSource: c.Door.MaxLastingPerSource,
		Trust: func(p sturdyref.PeerID) bool { return slices.Contains(known, p) },
	}
	if c.Locator != nil {
		lc.Locate = c.Locator.Locate
	}
	if post != nil {
		lc.Mail = post
	}
	layers = slices.Clone(layers)
	for i, l := range layers {
		if l.Dialect != nil {
			continue
		}
		linked, err := link.New(l.Netlayer, &lc)
		if err != nil {
			return nil, err
		}
		layers[i].Netlayer = linked
		if p, ok := l.Netlayer.(interface{ Port() int }); ok {
			layers[i].Netlayer = &linksAt{linked, p.Port()}
		}
	}
	return layers, nil
}

// linksAt are links over a netlayer that listens at a port which is to be kept.
type linksAt struct {
	*link.Netlayer
	port int
}

// Port returns the port listened at.
func (l *linksAt) Port() int { return l.port }

// layers makes the netlayers that networks is about.
func (c *Config) layers(nc NetworkConfig) ([]Layer, error) {
	if c.Networks != nil {
		layers, err := c.Networks(nc)
		missing := func(l Layer) bool { return l.Netlayer == nil }
		if err != nil || len(layers) > 0 && !slices.ContainsFunc(layers, missing) {
			return layers, err
		}
		for _, l := range slices.DeleteFunc(layers, missing) {
			err = errors.Join(err, l.Close())
		}
		return nil, errors.Join(errNoNetlayer, err)
	}
	nl, err := c.Network(nc)
	if nl == nil {
		return nil, cmp.Or(err, errNoNetlayer)
	}
	return []Layer{{Netlayer: nl}}, err
}

// portOf returns the UDP port the first of the layers listens at, 0 if it has none.
func portOf(layers []Layer) int {
	if l, ok := layers[0].Netlayer.(interface{ Port() int }); ok {
		return l.Port()
	}
	return 0
}

var _ netlayer.Netlayer = Layer{}

var keyName = regexp.MustCompile(`^[a-z]+$`)

// key returns the key of that name kept in the directory, made now if there is none.
func (d *dir) key(name string) (ed25519.PrivateKey, error) {
	if !keyName.MatchString(name) {
		return nil, errNetworkKeyAs
	}
	file := "key-" + name
	seed, err := d.read(file)
	if err != nil {
		return nil, err
	}
	if seed == nil {
		seed = make([]byte, ed25519.SeedSize)
		_, _ = rand.Read(seed)
		if err := d.write(file, seed); err != nil {
			return nil, err
		}
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("hawser: %s is damaged or is no key; nothing was changed", filepath.Join(d.path, file))
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// newKey is dir.key for what keeps nothing.
func newKey(string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}
