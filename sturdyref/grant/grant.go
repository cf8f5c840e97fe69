package grant

import (
	"bytes"
	"slices"
	"time"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/sturdyref"
)

// Grant is a chain of signed links, root first: each is issued by the key that the one before is for. A Grant at hand
// has the right form and its links follow from each other; whether it is genuine, still good, and allows a call is
// what [Verifier.Verify] and [Grant.Permits] say. It holds no secret and may be published. It is immutable; the zero
// Grant is refused everywhere.
type Grant struct {
	bytes  []byte
	links  []Link
	sealed []sealedLink
	object ObjectID
	role   string
	cached [32]byte // what a Cache knows it by, zero if it was not parsed by one
}

// sealedLink is a link as it travels.
type sealedLink struct {
	bytes []byte
	*envelope
}

// chainCodec is for the outer array.
var chainCodec = func() *detcbor.Codec {
	c, err := detcbor.New(detcbor.Limits{Bytes: MaxBytes, Depth: 4, Elements: 16})
	if err != nil {
		panic(err)
	}
	return c
}()

// Parse reads a grant, which it copies. It accepts exactly what [Grant.Bytes] writes and checks no signature and no
// time. Its error matches ErrRefused and is a *Refusal.
func Parse(b []byte) (*Grant, error) {
	var chain [][]byte
	if err := chainCodec.Unmarshal(b, &chain); err != nil {
		return nil, refuse(Malformed, 0, "%v", err)
	}
	if len(chain) == 0 || len(chain) > MaxLinks {
		return nil, refuse(Malformed, 0, "%d links, expected 1 to %d", len(chain), MaxLinks)
	}
	g := &Grant{bytes: bytes.Clone(b)}
	for i, sealed := range chain {
		if err := g.add(sealed); err != nil {
			if r, ok := err.(*Refusal); ok {
				return nil, r
			}
			return nil, refuse(Malformed, i+1, "%v", err)
		}
	}
	// Last, because it is the only check that costs something. Every other issuer is the audience before.
	for i, key := range append([]Key{g.Subject()}, g.audiences()...) {
		if !sturdyref.StrictEd25519(key) {
			return nil, refuse(WeakKey, max(i, 1), "a key is not the canonical encoding of a point of large order")
		}
	}
	return g, nil
}

// add appends a link to g.
func (g *Grant) add(sealed []byte) error {
	e, err := kindLink.open(sealed)
	if err != nil {
		return err
	}
	var c linkClaims
	if err := kindLink.claims(e, &c); err != nil {
		return err
	}
	l, err := c.link(e.Payload)
	if err != nil {
		return err
	}
	if err := g.follows(&c); err != nil {
		return err
	}
	g.links = append(g.links, l)
	g.sealed = append(g.sealed, sealedLink{sealed, e})
	return nil
}

// follows checks that a link with the claims c may be the next one.
func (g *Grant) follows(c *linkClaims) error {
	n := len(g.links) + 1
	if n == 1 {
		switch {
		case c.Parent != nil || c.Subject == nil || c.Object == nil:
			return refuse(Broken, n, "a root names its subject and its object, and no parent")
		case *c.Subject != c.Issuer:
			return refuse(Broken, n, "it is issued by %s and about an object of %s", Key(c.Issuer), Key(*c.Subject))
		}
		g.object, g.role = *c.Object, c.Role
		return nil
	}
	last := &g.links[n-2]
	switch {
	case c.Subject != nil || c.Object != nil || c.Role != "" || c.Parent == nil:
		return refuse(Broken, n, "only a root names a subject, an object and a role, and only a root has no parent")
	case *c.Parent != last.ID:
		return refuse(Broken, n, "its parent is another link than the one before it")
	case Key(c.Issuer) != last.Audience:
		return refuse(Broken, n, "it is issued by %s, the link before is for %s", Key(c.Issuer), last.Audience)
	case int(c.Depth) >= last.Depth:
		return refuse(Broken, n, "its depth is %d, that of the link before %d", c.Depth, last.Depth)
	case slices.Contains(last.Caveats, NoRegrant()):
		return refuse(Broken, n, "the link before may not be passed on")
	}
	return nil
}

// Bytes returns the grant as it travels: deterministic CBOR, an array of COSE_Sign1 in byte strings.
func (g *Grant) Bytes() []byte { return bytes.Clone(g.bytes) }

// Links returns the links, root first. The caller owns the result.
func (g *Grant) Links() []Link {
	links := slices.Clone(g.links)
	for i := range links {
		links[i].Methods, links[i].Caveats = slices.Clone(links[i].Methods), slices.Clone(links[i].Caveats)
	}
	return links
}

// ID returns the id of the last link, which names the whole chain. The zero Grant has the zero id.
func (g *Grant) ID() LinkID {
	if len(g.links) == 0 {
		return LinkID{}
	}
	return g.leaf().ID
}

// Subject returns the key of the object's home, which issued the root.
func (g *Grant) Subject() Key {
	if len(g.links) == 0 {
		return Key{}
	}
	return g.links[0].Issuer
}

// Holder returns the key that the last link is for.
func (g *Grant) Holder() Key {
	if len(g.links) == 0 {
		return Key{}
	}
	return g.leaf().Audience
}

// Object returns the object that the grant is about.
func (g *Grant) Object() ObjectID { return g.object }

// Role returns the facet that the grant is about, or "".
func (g *Grant) Role() string { return g.role }

// Expires returns when the first of the links expires.
func (g *Grant) Expires() time.Time {
	return g.earliest(func(l *Link) time.Time { return l.Expires })
}

// Accept returns until when messages are taken that were written before the grant expired: the earliest of the links'
// times, or the zero time if a link has none and messages are not taken at all.
func (g *Grant) Accept() time.Time {
	return g.earliest(func(l *Link) time.Time { return l.Accept })
}

// earliest returns the first of the links' times; one that is missing is before all others.
func (g *Grant) earliest(of func(*Link) time.Time) (first time.Time) {
	for i := range g.links {
		if t := of(&g.links[i]); i == 0 || t.Before(first) {
			first = t
		}
	}
	return first
}

func (g *Grant) audiences() []Key {
	keys := make([]Key, len(g.links))
	for i := range g.links {
		keys[i] = g.links[i].Audience
	}
	return keys
}

// prefix returns the first n links of g, a grant of their own.
func (g *Grant) prefix(n int) (*Grant, error) {
	if n == len(g.links) {
		return g, nil
	}
	chain := make([][]byte, n)
	for i := range chain {
		chain[i] = g.sealed[i].bytes
	}
	b, err := chainCodec.Marshal(chain)
	if err != nil {
		return nil, err
	}
	return Parse(b)
}

func (g *Grant) leaf() *Link { return &g.links[len(g.links)-1] }
