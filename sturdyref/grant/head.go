package grant

import (
	"crypto"
	"crypto/sha256"
	"fmt"
	"time"
)

// headClaims is what an issuer signs to say that there are no more revocations than these, up to a moment.
type headClaims struct {
	Version uint64    `cbor:"1,keyasint"`
	By      [32]byte  `cbor:"2,keyasint"`
	Subject [32]byte  `cbor:"3,keyasint"`
	Seq     uint64    `cbor:"4,keyasint"`
	Last    *[32]byte `cbor:"5,keyasint,omitempty"`
	AsOf    uint64    `cbor:"6,keyasint"`
	Digest  [32]byte  `cbor:"7,keyasint"`
}

// head is a notice of how far somebody's feed had come at a moment.
type head struct {
	feed   Feed
	asOf   time.Time
	digest [32]byte // of the revocations that had not lapsed by then
}

// Head returns a notice that of the grants with g's subject the owner of signer has revoked, up to now, exactly what is in
// s by them. Who wants [Fresh] links to be usable adds one to the Set and sends it out, again and again. The link is one
// of g that the signer has issued; it shows others that the notice concerns them. s is to hold all of the signer's own
// notices.
func (s *Set) Head(signer crypto.Signer, g *Grant, link LinkID, now time.Time) ([]byte, error) {
	key, err := keyOf(signer)
	if err != nil {
		return nil, err
	}
	witness, err := g.witnessOf(link)
	if err != nil {
		return nil, err
	}
	if witness.leaf().Issuer != key {
		return nil, fmt.Errorf("grant: the signer is %s, who has not issued the link: name one that they have", key)
	}
	asOf := now.Truncate(time.Second)
	if asOf.Unix() <= 0 || asOf.Unix() > maxSeconds {
		return nil, fmt.Errorf("grant: %s is not in the years 1970 to 9999", now)
	}
	s.mu.Lock()
	var feed Feed
	f := s.feeds[feedKey{key, g.Subject()}]
	if f != nil {
		feed = f.last
	}
	digest := f.digest(maxFeed, asOf)
	s.mu.Unlock()
	c := headClaims{Version: 1, By: key, Subject: g.Subject(), Seq: feed.Seq, AsOf: uint64(asOf.Unix()), Digest: digest}
	if feed.Seq > 0 {
		c.Last = &feed.Last
	}
	return sealNotice(kindHead, signer, c, witness)
}

// head reads the claims and checks them against the witness.
func (s *signed) head() (*head, error) {
	var c headClaims
	if err := s.kind.claims(s.env, &c); err != nil {
		return nil, refuse(Malformed, 0, "%v", err)
	}
	switch {
	case c.Version != 1:
		return nil, refuse(Malformed, 0, "version %d of a head, this program knows version 1", c.Version)
	case c.Seq > maxFeed || (c.Seq == 0) != (c.Last == nil):
		return nil, refuse(Malformed, 0, "number %d does not go with what is said of the last one", c.Seq)
	case c.AsOf == 0 || c.AsOf > maxSeconds:
		return nil, refuse(Malformed, 0, "a time that is not within the years 1970 to 9999")
	case Key(c.By) != s.witness.leaf().Issuer || Key(c.Subject) != s.witness.Subject():
		return nil, refuse(Broken, 0, "the witness is of a link by another or about another")
	}
	s.by = c.By
	h := &head{feed: Feed{Seq: c.Seq}, asOf: seconds(c.AsOf), digest: c.Digest}
	if c.Last != nil {
		h.feed.Last = *c.Last
	}
	return h, nil
}

// digestOf is over the names of revocations in ascending order.
func digestOf(ids [][32]byte) [32]byte {
	h := sha256.New()
	h.Write([]byte("hawser/digest/v1"))
	for _, id := range ids {
		h.Write(id[:])
	}
	return [32]byte(h.Sum(nil))
}
