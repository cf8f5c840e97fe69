package grant

import (
	"crypto/sha256"
	"time"
)

// DefaultSkew is how far the clocks of two parties may be apart.
const DefaultSkew = 60 * time.Second

// Verifier decides whether a grant is genuine and good now. Its fields are set before its first use and not changed
// afterwards; its methods may then be called by several goroutines at once, as far as the functions in it may.
type Verifier struct {
	// Now is the clock, required: time.Now, or the Now of a [Clock].
	Now func() time.Time
	// Skew is added to either end of every period; 0 is DefaultSkew, less is none.
	Skew time.Duration
	// Revoked reports whether a link was revoked; nil means that none was.
	Revoked func(LinkID) bool
	// Cut returns up to which of its messages the holder of leaf is still heard although link was revoked, or false if
	// not at all; nil means not at all. Only messages ask. A [Set] has both, as its methods Has and Cut.
	Cut func(link, leaf LinkID) (seq uint64, ok bool)
	// Even has revocations looked at behind the signatures, not before: how long a refusal takes tells whoever shows a forged grant,
	// or message, nothing of what was revoked. It is for those who answer strangers.
	Even bool
	// Cache remembers links whose signatures were good; nil means that every signature is checked every time.
	Cache *Cache
	// Checked, if not nil, is called for each signature that is checked, with the id of the link.
	Checked func(LinkID)
}

// Verify returns nil if g is good: within the times of every link, no link revoked, and every link signed by its issuer.
// It does what is cheap first, and signatures from the root on. Otherwise the error matches ErrRefused and is a
// *Refusal. Who uses g is not looked at (see [Grant.CheckPresentation]), nor whether the subject is the right one.
func (v *Verifier) Verify(g *Grant) error {
	if !v.Even {
		if err := v.Current(g); err != nil {
			return err
		}
		return g.checkSignatures(v.Cache, v.Checked)
	}
	if err := v.timely(g); err != nil {
		return err
	}
	if err := g.checkSignatures(v.Cache, v.Checked); err != nil {
		return err
	}
	return v.unrevoked(g)
}

// Current is Verify without the signatures, for a grant that was verified before: it costs next to nothing and is to be
// asked whenever the grant is used.
func (v *Verifier) Current(g *Grant) error {
	if err := v.timely(g); err != nil {
		return err
	}
	return v.unrevoked(g)
}

// timely checks that it is within the period of every link.
func (v *Verifier) timely(g *Grant) error {
	if len(g.links) == 0 {
		return refuse(Malformed, 0, "there is no link in it")
	}
	return v.within(g, v.Now())
}

// unrevoked checks that no link was revoked.
func (v *Verifier) unrevoked(g *Grant) error {
	if v.Revoked == nil {
		return nil
	}
	for i := range g.links {
		if v.Revoked(g.links[i].ID) {
			return refuse(Withdrawn, i+1, "%s was revoked", g.links[i].ID)
		}
	}
	return nil
}

// within checks that t is within the period of every link.
func (v *Verifier) within(g *Grant, t time.Time) error {
	for i := range g.links {
		l := &g.links[i]
		if t.Add(v.skew()).Before(l.NotBefore) {
			return refuse(NotYet, i+1, "it begins %s, it is %s", stamp(l.NotBefore), stamp(t))
		}
		if !t.Add(-v.skew()).Before(l.Expires) {
			return refuse(Expired, i+1, "it has expired %s, it is %s", stamp(l.Expires), stamp(t))
		}
	}
	return nil
}

func (v *Verifier) skew() time.Duration {
	if v.Skew == 0 {
		return DefaultSkew
	}
	return max(v.Skew, 0)
}

// checkSignatures checks those that are not in the cache, and calls checked, if there is one, before each.
func (g *Grant) checkSignatures(cache *Cache, checked func(LinkID)) error {
	if cache.knows(g) {
		return nil
	}
	for i, s := range g.sealed {
		hash := sha256.Sum256(s.bytes)
		if cache.has(hash) {
			continue
		}
		if checked != nil {
			checked(g.links[i].ID)
		}
		if !kindLink.verify(g.links[i].Issuer, s.envelope) {
			return refuse(Forged, i+1, "the signature is not that of %s", g.links[i].Issuer)
		}
		cache.add(hash)
	}
	cache.keep(g)
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
