package grant

import (
	"crypto"
	"errors"
	"fmt"
	"time"
)

// Limits of a revocation.
const (
	// MaxCuts is how many grants a revocation may make exceptions for.
	MaxCuts = 64
	// MaxReason is the length of the longest reason, in bytes.
	MaxReason = 200
)

// Withdrawal says what to revoke, and how.
type Withdrawal struct {
	// Link is the link to revoke. With it go all grants that it is part of, made yet or not.
	Link LinkID
	// Cut are the exceptions: of the grant whose last link has the id, messages up to the sequence number are still
	// heard if they come later, because they had been sent before. Nil means none.
	Cut map[LinkID]uint64
	// Reason is for people; it is public.
	Reason string
}

// Feed is a position in what one issuer has said about the grants of one subject: how many revocations, and the last
// one's name. The zero Feed is the beginning. See [Set.Feed].
type Feed struct {
	Seq  uint64
	Last [32]byte
}

// revocationClaims is what is signed.
type revocationClaims struct {
	Version  uint64              `cbor:"1,keyasint"`
	By       [32]byte            `cbor:"2,keyasint"`
	Subject  [32]byte            `cbor:"3,keyasint"`
	Link     [32]byte            `cbor:"4,keyasint"`
	Seq      uint64              `cbor:"5,keyasint"`
	Previous *[32]byte           `cbor:"6,keyasint,omitempty"`
	Cut      map[[32]byte]uint64 `cbor:"7,keyasint,omitempty"`
	Reason   string              `cbor:"8,keyasint,omitempty"`
}

// Revoke returns a notice that a link of g is revoked, to be added to a [Set] and sent to whoever may be shown such a
// grant. It is for ever. The owner of signer is the issuer of the link or of one before it, or its audience, who
// renounces it, say because a key was lost. after is the signer's feed about g's subject so far, of which the
// notice is the next: a signer keeps a [Set] with all its notices, which knows.
func (g *Grant) Revoke(signer crypto.Signer, w Withdrawal, after Feed) ([]byte, error) {
	key, err := keyOf(signer)
	if err != nil {
		return nil, err
	}
	witness, err := g.witnessOf(w.Link)
	if err != nil {
		return nil, err
	}
	if !witness.mayRevoke(key) {
		return nil, fmt.Errorf("grant: %s can not revoke the link: only who issued it or a link before it can, and whom it is for", key)
	}
	if len(w.Cut) > MaxCuts || len(w.Reason) > MaxReason {
		return nil, fmt.Errorf("grant: %d exceptions and a reason of %d bytes, at most %d and %d are possible", len(w.Cut), len(w.Reason), MaxCuts, MaxReason)
	}
	if after.Seq == maxFeed {
		return nil, errors.New("grant: the feed is at its end")
	}
	c := revocationClaims{Version: 1, By: key, Subject: g.Subject(), Link: w.Link, Seq: after.Seq + 1, Reason: w.Reason}
	if after.Seq > 0 {
		c.Previous = &after.Last
	}
	for leaf, seq := range w.Cut {
		if c.Cut == nil {
			c.Cut = make(map[[32]byte]uint64, len(w.Cut))
		}
		c.Cut[leaf] = seq
	}
	return sealNotice(kindRevocation, signer, c, witness)
}

// maxFeed is the highest number of a revocation.
const maxFeed = 1 << 53

// mayRevoke reports whether key may revoke the last link of g.
func (g *Grant) mayRevoke(key Key) bool {
	for i := range g.links {
		if g.links[i].Issuer == key {
			return true
		}
	}
	return g.Holder() == key
}

// Revocation is a notice that a link was revoked.
type Revocation struct {
	Withdrawal
	// By is who revoked it, Subject the home of the object.
	By, Subject Key
	// Seq counts the revocations of By about grants of Subject from 1; Previous is the name of the one before, zero for the first.
	Seq      uint64
	Previous [32]byte

	until time.Time
}

// ParseRevocation reads what Revoke wrote. Who says so is somebody who may, according to the witness; whether the
// signatures are theirs is what [Set.Add] checks. Its error matches ErrRefused and is a *Refusal.
func ParseRevocation(b []byte) (*Revocation, error) {
	s, err := openNotice(b)
	if err != nil {
		return nil, err
	}
	if s.kind != kindRevocation {
		return nil, refuse(Malformed, 0, "a %s, expected a revocation", s.kind.name)
	}
	return s.revocation()
}

// Until returns when the revoked link is of no use anyway: when it has expired and messages are no longer accepted.
func (r *Revocation) Until() time.Time { return r.until }

// revocation reads the claims and checks them against the witness.
func (s *signed) revocation() (*Revocation, error) {
	var c revocationClaims
	if err := s.kind.claims(s.env, &c); err != nil {
		return nil, refuse(Malformed, 0, "%v", err)
	}
	switch {
	case c.Version != 1:
		return nil, refuse(Malformed, 0, "version %d of a revocation, this program knows version 1", c.Version)
	case c.Seq == 0 || c.Seq > maxFeed || (c.Seq == 1) != (c.Previous == nil):
		return nil, refuse(Malformed, 0, "number %d does not go with what is said of the one before", c.Seq)
	case len(c.Cut) > MaxCuts || len(c.Reason) > MaxReason:
		return nil, refuse(Malformed, 0, "%d exceptions and a reason of %d bytes, at most %d and %d are possible", len(c.Cut), len(c.Reason), MaxCuts, MaxReason)
	case c.Link != s.witness.ID() || Key(c.Subject) != s.witness.Subject():
		return nil, refuse(Broken, 0, "the witness is of another link")
	case !s.witness.mayRevoke(c.By):
		return nil, refuse(Broken, 0, "%s has no say over the link", Key(c.By))
	}
	r := &Revocation{Withdrawal: Withdrawal{Link: c.Link, Reason: c.Reason}, By: c.By, Subject: c.Subject, Seq: c.Seq, until: s.until()}
	s.by = c.By
	if c.Previous != nil {
		r.Previous = *c.Previous
	}
	for leaf, seq := range c.Cut {
		if r.Cut == nil {
			r.Cut = make(map[LinkID]uint64, len(c.Cut))
		}
		r.Cut[leaf] = seq
	}
	return r, nil
}
