package grant

import (
	"crypto"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/hawser-go/hawser/sturdyref"
)

// Snapshot says what an object looked like, signed by its home: who has one can show the content to others while the
// home is away, and they need not trust whom they have it from. Who may see it is not in it: a peer gives it to whoever
// shows a grant that the home's key verifies.
type Snapshot struct {
	Object ObjectID
	// Version counts from 1.
	Version uint64
	// Previous is the ID of the version before, zero for the first.
	Previous [32]byte
	// AsOf is when the object looked so, whole seconds.
	AsOf time.Time
	// Content is the SHA-256 of the content, which travels beside.
	Content [32]byte

	id [32]byte
}

type snapshotClaims struct {
	Version  uint64    `cbor:"1,keyasint"`
	Object   [16]byte  `cbor:"2,keyasint"`
	Number   uint64    `cbor:"3,keyasint"`
	Previous *[32]byte `cbor:"4,keyasint,omitempty"`
	AsOf     uint64    `cbor:"5,keyasint"`
	Content  [32]byte  `cbor:"6,keyasint"`
}

// SignSnapshot signs s; signer is the home of the object.
func SignSnapshot(signer crypto.Signer, s Snapshot) ([]byte, error) {
	c := snapshotClaims{Version: 1, Object: s.Object, Number: s.Version, AsOf: uint64(max(s.AsOf.Unix(), 0)), Content: s.Content}
	if s.Previous != ([32]byte{}) {
		c.Previous = &s.Previous
	}
	if err := c.check(); err != nil {
		return nil, errors.New("grant: " + err.Error())
	}
	payload, err := kindSnapshot.codec.Marshal(c)
	if err != nil {
		return nil, err
	}
	return kindSnapshot.seal(signer, payload)
}

func (c *snapshotClaims) check() error {
	switch {
	case c.Number == 0 || (c.Number == 1) != (c.Previous == nil):
		return errors.New("the versions of a snapshot count from 1, and all but the first name the one before")
	case c.AsOf == 0 || c.AsOf > maxSeconds:
		return errors.New("a snapshot is of a time within the years 1970 to 9999")
	}
	return nil
}

// VerifySnapshot returns the snapshot that home signed. Its error matches ErrRefused and is a *Refusal.
func VerifySnapshot(b []byte, home Key) (*Snapshot, error) {
	e, err := kindSnapshot.open(b)
	if err != nil {
		return nil, refuse(Malformed, 0, "%v", err)
	}
	var c snapshotClaims
	if err := kindSnapshot.claims(e, &c); err != nil {
		return nil, refuse(Malformed, 0, "%v", err)
	}
	if c.Version != 1 {
		return nil, refuse(Malformed, 0, "version %d of a snapshot, this program knows version 1", c.Version)
	}
	if err := c.check(); err != nil {
		return nil, refuse(Malformed, 0, "%v", err)
	}
	if !sturdyref.StrictEd25519(home) || !kindSnapshot.verify(home, e) {
		return nil, refuse(Forged, 0, "the snapshot is not signed by %s", home)
	}
	s := &Snapshot{Object: c.Object, Version: c.Number, AsOf: seconds(c.AsOf), Content: c.Content}
	if c.Previous != nil {
		s.Previous = *c.Previous
	}
	s.id = sha256.Sum256(append([]byte("hawser/snapshot/v1"), e.Payload...))
	return s, nil
}

// ID names a snapshot that VerifySnapshot returned, for the next one's Previous.
func (s *Snapshot) ID() [32]byte { return s.id }

// Holds reports whether content is what s says.
func (s *Snapshot) Holds(content []byte) bool { return sha256.Sum256(content) == s.Content }

// Follows checks that s is the version right after previous, of the same object. Its error matches ErrRefused and is a
// *Refusal: the home has contradicted itself, or a version between them is missing.
func (s *Snapshot) Follows(previous *Snapshot) error {
	switch {
	case s.Object != previous.Object:
		return refuse(Misdirected, 0, "a snapshot of %s, expected one of %s", s.Object, previous.Object)
	case s.Version != previous.Version+1 || s.Previous != previous.id:
		return refuse(Broken, 0, "version %d does not follow from version %d that is held", s.Version, previous.Version)
	case s.AsOf.Before(previous.AsOf):
		return refuse(Broken, 0, "version %d is older than version %d", s.Version, previous.Version)
	}
	return nil
}
