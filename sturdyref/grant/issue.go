package grant

import (
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hawser-go/hawser/sturdyref"
)

// Issue makes a grant of one link: the owner of signer, who is the object's home, gives t.Audience the right to use the
// object within t. An error says which of the terms is out of range; it comes from no peer and does not match ErrRefused.
func Issue(signer crypto.Signer, of Root, t Terms) (*Grant, error) {
	return issue(signer, of, t, newNonce())
}

// Delegate returns a longer grant, in which the holder, who owns signer, passes on to t.Audience what g allows, and no
// more of it than t allows. It needs nobody else. g stays as it is and need not be valid: who cannot use it has nothing to pass on.
// It fails if signer is not the holder's, if the grant may not be passed on, if it would be too long, or if there is
// plainly no call that both g and t allow.
func (g *Grant) Delegate(signer crypto.Signer, t Terms) (*Grant, error) {
	return g.delegate(signer, t, newNonce())
}

func newNonce() (nonce [16]byte) {
	rand.Read(nonce[:]) // never fails: crypto/rand ends the program instead
	return nonce
}

func issue(signer crypto.Signer, of Root, t Terms, nonce [16]byte) (*Grant, error) {
	key, err := keyOf(signer)
	if err != nil {
		return nil, err
	}
	c, err := t.claims(key, nonce)
	if err != nil {
		return nil, err
	}
	if of.Role != "" && !isName(of.Role) {
		return nil, fmt.Errorf("grant: %.80q is not the name of a role: use up to %d letters, digits, - _ ? ! of ASCII", of.Role, MaxName)
	}
	subject, object := [32]byte(key), [16]byte(of.Object)
	c.Subject, c.Object, c.Role = &subject, &object, of.Role
	return new(Grant).with(signer, c)
}

func (g *Grant) delegate(signer crypto.Signer, t Terms, nonce [16]byte) (*Grant, error) {
	if len(g.links) == 0 {
		return nil, errors.New("grant: the zero Grant cannot be passed on")
	}
	key, err := keyOf(signer)
	if err != nil {
		return nil, err
	}
	last := g.leaf()
	switch {
	case key != last.Audience:
		return nil, fmt.Errorf("grant: the signer is %s, but the grant is for %s, who alone can pass it on", key, last.Audience)
	case last.Depth == 0 || slices.Contains(last.Caveats, NoRegrant()):
		return nil, errors.New("grant: it may not be passed on: ask whoever gave it for one that may")
	case t.Depth >= last.Depth:
		return nil, fmt.Errorf("grant: the depth is %d, it must be less than %d, that of the link before", t.Depth, last.Depth)
	}
	c, err := t.claims(key, nonce)
	if err != nil {
		return nil, err
	}
	parent := [32]byte(last.ID)
	c.Parent = &parent
	return g.with(signer, c)
}

// with returns g and one more link.
func (g *Grant) with(signer crypto.Signer, c *linkClaims) (*Grant, error) {
	payload, err := kindLink.codec.Marshal(c)
	if err != nil {
		return nil, err
	}
	l, err := c.link(payload)
	if err != nil {
		return nil, fmt.Errorf("grant: %w", err)
	}
	if why := (&Grant{links: append(slices.Clip(g.links), l)}).vacuous(); why != "" {
		return nil, fmt.Errorf("grant: it would allow nothing: %s", why)
	}
	sealed, err := kindLink.seal(signer, payload)
	if err != nil {
		return nil, err
	}
	chain := make([][]byte, 0, MaxLinks)
	for _, s := range g.sealed {
		chain = append(chain, s.bytes)
	}
	b, err := chainCodec.Marshal(append(chain, sealed))
	if err != nil {
		return nil, err
	}
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("grant: the grant would have %d bytes, at most %d are possible: use fewer or shorter methods and caveats", len(b), MaxBytes)
	}
	return Parse(b)
}

// claims checks the terms and returns them as they are signed.
func (t *Terms) claims(issuer Key, nonce [16]byte) (*linkClaims, error) {
	if !sturdyref.StrictEd25519(t.Audience) {
		return nil, errors.New("grant: Terms.Audience is not the canonical encoding of an Ed25519 key of large order")
	}
	if t.Methods != nil && len(t.Methods) == 0 {
		return nil, errors.New("grant: Terms.Methods is empty and would allow nothing: name methods, or use nil for all")
	}
	if t.Depth < 0 || t.Depth > MaxLinks-1 {
		return nil, fmt.Errorf("grant: Terms.Depth is %d, expected 0 to %d", t.Depth, MaxLinks-1)
	}
	c := &linkClaims{Version: 1, Issuer: issuer, Audience: t.Audience, Depth: uint64(t.Depth), Nonce: nonce}
	c.Methods = slices.Compact(slices.Sorted(slices.Values(t.Methods)))
	for _, m := range c.Methods {
		if !isName(m) {
			return nil, fmt.Errorf("grant: %.80q is not the name of a method: use up to %d letters, digits, - _ ? ! of ASCII", m, MaxName)
		}
	}
	for i, caveat := range t.Caveats {
		claim, err := caveat.claim()
		if err != nil {
			return nil, fmt.Errorf("grant: Terms.Caveats[%d]: %w", i, err)
		}
		c.Caveats = append(c.Caveats, claim)
	}
	if t.Expires.IsZero() {
		return nil, errors.New("grant: Terms.Expires is required: nothing is granted for ever")
	}
	for _, f := range []struct {
		name string
		t    time.Time
		n    *uint64
	}{{"NotBefore", t.NotBefore, &c.NotBefore}, {"Expires", t.Expires, &c.Expires}, {"Accept", t.Accept, &c.Accept}} {
		if f.t.IsZero() {
			continue
		}
		if u := f.t.Unix(); u <= 0 || u > maxSeconds {
			return nil, fmt.Errorf("grant: Terms.%s is %s, expected a time in the years 1970 to 9999", f.name, f.t)
		}
		*f.n = uint64(f.t.Unix())
	}
	if c.NotBefore >= c.Expires {
		return nil, fmt.Errorf("grant: Terms.NotBefore (%s) is no earlier than Expires (%s)", t.NotBefore, t.Expires)
	}
	if c.Accept != 0 && c.Accept < c.Expires {
		return nil, fmt.Errorf("grant: Terms.Accept (%s) is before Expires (%s)", t.Accept, t.Expires)
	}
	return c, nil
}
