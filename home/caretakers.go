package home

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/hawser-go/hawser/vat"
)

// What peers were given of a durable object is there after a restart, as the object is, and so must be what revokes it: the
// caretakers of a publication are pinned in the depot under its secret's hash.

// caretakers are the caretakers of durable objects.
type caretakers struct{ depot *vat.Depot }

// shelf is the beginning of the keys of a publication's caretakers.
func shelf(p *publication) string {
	sum := sha256.Sum256(append([]byte("hawser/publication/1"), p.swiss.Reveal()...))
	return "publication/" + hex.EncodeToString(sum[:16]) + "/"
}

// stores reports whether the caretakers of a publication are stored. Those of capability keys are not, as their publications are not.
func (g *caretakers) stores(p *publication) bool { return g != nil && g.depot != nil && p.lock == nil }

// of returns the stored caretakers of a publication, and the one that stands before ref, null if there is none. It forgets those of
// other objects that nobody has.
func (g *caretakers) of(p *publication, ref vat.Ref) (given []handed, caret vat.Ref, err error) {
	if !g.stores(p) {
		return nil, vat.Ref{}, nil
	}
	pins, err := g.depot.Pinned(shelf(p))
	if err != nil {
		return nil, vat.Ref{}, err
	}
	var unused []string
	for key, pin := range pins {
		inner, revoke, ok := vat.Guarded(pin.Ref)
		if !ok || inner.IsNull() || inner != ref && !pin.Shared {
			unused = append(unused, key)
			continue
		}
		given = append(given, handed{caret: pin.Ref.Weak(), held: pin.Ref, revoke: revoke})
		if inner == ref {
			caret = pin.Ref
		}
	}
	return given, caret, g.forget(unused)
}

// keep stores a caretaker of a publication.
func (g *caretakers) keep(p *publication, caret vat.Ref) error {
	pins, err := g.depot.Pinned(shelf(p))
	if err != nil {
		return err
	}
	key := shelf(p) + "0"
	for n := 1; pins[key] != (vat.Pin{}); n++ {
		key = shelf(p) + strconv.Itoa(n)
	}
	var bad error
	err = g.depot.Update(func(tx *vat.Tx) { bad = tx.Pin(key, caret, false) }, nil)
	if err == nil {
		err = bad
	}
	return err
}

// drop forgets the caretakers of a publication.
func (g *caretakers) drop(p *publication) error {
	if !g.stores(p) {
		return nil
	}
	pins, err := g.depot.Pinned(shelf(p))
	if err != nil {
		return err
	}
	var all []string
	for key := range pins {
		all = append(all, key)
	}
	return g.forget(all)
}

func (g *caretakers) forget(keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	slices.Sort(keys)
	return g.depot.Update(func(tx *vat.Tx) {
		for _, key := range keys {
			tx.Unpin(key)
		}
	}, nil)
}
