package program

import (
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// What an event's home says it signs, by the key that the organiser's grant is for: so nobody on the way, the festival included, can
// say something else in its name.

// A Keyring returns what signs for a public key, nil if its private half is not here.
type Keyring func(key [32]byte) crypto.Signer

// maxSigned is more than a signed snapshot has, in bytes.
const maxSigned = 512

// Errors of signatures.
var (
	ErrForged = vat.NewError("festival.forged", "that is not signed by the event's home")
	ErrNoKey  = vat.NewError("festival.no-key", "the key that the event would be signed with is not here")
)

// content returns what is signed of a snapshot besides its version and time.
func (s *Snapshot) content() ([]byte, error) {
	return json.Marshal(struct {
		Details Details
		By      string
	}{s.Details, s.By})
}

// Sign signs a snapshot of an event for its home, whose key signer has: id is the event's, and last is the ID of the version before, zeros for
// the first. It returns the ID of this one. AsOf becomes whole seconds.
func (s *Snapshot) Sign(signer crypto.Signer, id ID, last [32]byte) ([32]byte, error) {
	content, err := s.content()
	if err != nil {
		return last, err
	}
	s.AsOf = s.AsOf.Truncate(time.Second)
	s.Signed, err = grant.SignSnapshot(signer, grant.Snapshot{
		Object: grant.ObjectID(id), Version: uint64(s.Version), Previous: last, AsOf: s.AsOf, Content: sha256.Sum256(content),
	})
	if err != nil {
		return last, err
	}
	signed, err := grant.VerifySnapshot(s.Signed, grant.KeyOf(signer))
	if err != nil {
		return last, err
	}
	return signed.ID(), nil
}

// Genuine returns nil if the home of the event, by its key, has said this, or else ErrForged.
func (s *Snapshot) Genuine(id ID, home [32]byte) error {
	if len(s.Signed) > maxSigned {
		return ErrForged
	}
	signed, err := grant.VerifySnapshot(s.Signed, grant.Key(home))
	if err != nil {
		return ErrForged
	}
	content, err := s.content()
	if err != nil || ID(signed.Object) != id || signed.Version != uint64(s.Version) || !signed.AsOf.Equal(s.AsOf) || !signed.Holds(content) {
		return ErrForged
	}
	return nil
}
