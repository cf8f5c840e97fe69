package grant

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/hawser-go/hawser/internal/detcbor"
)

// A notice is what issuers say about their links after they are out: a revocation or a head. It travels with a witness,
// the part of a chain up to the link concerned: the keys that may say so are read from there, never from the notice.
const (
	maxRevocation = 4096
	// MaxNotice is the length of the longest notice with its witness, in bytes.
	MaxNotice = maxRevocation + MaxBytes + 16
)

// sealedNotice is a notice as it travels: an array of two byte strings.
type sealedNotice struct {
	_       struct{} `cbor:",toarray"`
	Notice  []byte
	Witness []byte
}

var noticeCodec = func() *detcbor.Codec {
	c, err := detcbor.New(detcbor.Limits{Bytes: MaxNotice, Depth: 4, Elements: 16})
	if err != nil {
		panic(err)
	}
	return c
}()

// signed is a notice of either kind.
type signed struct {
	kind    *kind
	by      Key // known when its claims were read
	env     *envelope
	witness *Grant
	bytes   []byte
}

// sealNotice signs claims of the given kind, with the witness beside them.
func sealNotice(k *kind, signer crypto.Signer, claims any, witness *Grant) ([]byte, error) {
	payload, err := k.codec.Marshal(claims)
	if err != nil {
		return nil, err
	}
	b, err := k.seal(signer, payload)
	if err != nil {
		return nil, err
	}
	return noticeCodec.Marshal(sealedNotice{Notice: b, Witness: witness.bytes})
}

// openNotice reads a notice of either kind. Nothing is verified yet.
func openNotice(b []byte) (*signed, error) {
	var n sealedNotice
	if err := noticeCodec.Unmarshal(b, &n); err != nil {
		return nil, refuse(Malformed, 0, "%v", err)
	}
	s := &signed{bytes: bytes.Clone(b)}
	var err error
	for _, s.kind = range []*kind{kindRevocation, kindHead} {
		if s.env, err = s.kind.open(n.Notice); err == nil {
			break
		}
	}
	if err != nil {
		return nil, refuse(Malformed, 0, "neither a revocation nor a head: %v", err)
	}
	if s.witness, err = Parse(n.Witness); err != nil {
		return nil, err
	}
	return s, nil
}

// Concern is what a notice is about, and who says so.
type Concern struct {
	// Name names the notice by what it says: SHA-256 of the external data of its kind and its claims.
	Name [32]byte
	// Home is the subject of the grants concerned, By who has made the notice.
	Home, By Key
	// Link is the last link of the notice's witness: the one that is revoked, or one that shows why a head matters.
	Link LinkID
	// Revokes tells a revocation from a head.
	Revokes bool
}

// ConcernOf reads what a notice is about, and checks it as [ParseRevocation] does: signatures are for [Set.Add]. Its error matches
// ErrRefused and is a *Refusal.
func ConcernOf(notice []byte) (Concern, error) {
	s, err := openNotice(notice)
	if err != nil {
		return Concern{}, err
	}
	if s.kind == kindRevocation {
		_, err = s.revocation()
	} else {
		_, err = s.head()
	}
	if err != nil {
		return Concern{}, err
	}
	return Concern{Name: s.id(), Home: s.witness.Subject(), By: s.by, Link: s.witness.ID(), Revokes: s.kind == kindRevocation}, nil
}

// until returns when the last link of the witness is of no use anyway: when it has expired, and messages are no longer
// accepted.
func (s *signed) until() time.Time {
	last := s.witness.leaf()
	if last.Accept.After(last.Expires) {
		return last.Accept
	}
	return last.Expires
}

// verify checks the signatures of the witness and that of the notice.
func (s *signed) verify(cache *Cache) error {
	if err := s.witness.checkSignatures(cache, nil); err != nil {
		return err
	}
	if !s.kind.verify(s.by, s.env) {
		return refuse(Forged, 0, "the %s is not signed by %s", s.kind.name, s.by)
	}
	return nil
}

// id names what a notice says, whatever its signature.
func (s *signed) id() [32]byte {
	return sha256.Sum256(slices.Concat(s.kind.aad, s.env.Payload))
}

// witnessOf returns the part of g up to the given link.
func (g *Grant) witnessOf(link LinkID) (*Grant, error) {
	for i := range g.links {
		if g.links[i].ID == link {
			return g.prefix(i + 1)
		}
	}
	return nil, fmt.Errorf("grant: the link %s is not in the grant %s", link, g.ID())
}
