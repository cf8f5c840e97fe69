package home

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/hawser-go/hawser/sturdyref"
)

// decoy stands in for secrets that are not there, so that looking for one takes the same work as finding one, and the
// answers have the same look.
type decoy struct {
	secret [32]byte
	number sturdyref.SwissNum
	lock   sturdyref.CapabilityLock
}

func newDecoy() (d decoy, err error) {
	_, _ = rand.Read(d.secret[:])
	d.number = sturdyref.NewSwissNum()
	id, err := sturdyref.GenerateIdentity(time.Unix(0, 0))
	if err != nil {
		return d, err
	}
	key, err := sturdyref.NewCapability()
	if err != nil {
		return d, err
	}
	d.lock, err = sturdyref.NewCapabilityLock(id, key.Public())
	return d, err
}

// proofKey returns the proof key of a name: another for each, and the same for the same, as with names that are known.
func (d *decoy) proofKey(id [16]byte) sturdyref.ProofKey {
	mac := hmac.New(sha256.New, d.secret[:])
	mac.Write(id[:])
	stored := append(id[:], make([]byte, 32)...)
	keys, _ := sturdyref.KeysOf(mac.Sum(stored))
	return keys.ProofKey()
}

// did counts an operation that refusals must have in common; for tests.
func (h *Home) did(what string) {
	if h.tally != nil {
		h.tally(what)
	}
}
