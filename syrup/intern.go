package syrup

import (
	"encoding/binary"

	"github.com/hawser-go/hawser/passable"
)

// An interner keeps one copy of the short names that come again and again:
// selectors, labels, keys. It is a direct-mapped cache of fixed size, so a peer
// that sends endless new names costs nothing but the hits it would have had.
type interner struct {
	slots *[internSlots]interned
}

type interned struct {
	text   string
	symbol any // text as a passable.Symbol, boxed once
}

const (
	internBits   = 7
	internSlots  = 1 << internBits
	internLength = 48 // longer names are not kept
)

// lookup returns the kept copy of b, valid UTF-8 for certain, or nil and the
// slot to put it in; the slot is nil for names too long to keep.
func (n *interner) lookup(b []byte) (hit, slot *interned) {
	if len(b) > internLength {
		return nil, nil
	}
	if n.slots == nil {
		n.slots = new([internSlots]interned)
	}
	s := &n.slots[slotOf(b)]
	if s.symbol != nil && s.text == string(b) {
		return s, nil
	}
	return nil, s
}

func (s *interned) fill(text string) *interned {
	s.text, s.symbol = text, passable.Symbol(text)
	return s
}

// slotOf hashes the length and both ends of a name. A peer that makes names
// collide spoils its own cache only.
func slotOf(b []byte) uint64 {
	const odd = 0x9e3779b97f4a7c15
	h := uint64(len(b))
	switch {
	case len(b) >= 8:
		h = (h ^ binary.LittleEndian.Uint64(b)) * odd
		h ^= binary.LittleEndian.Uint64(b[len(b)-8:])
	case len(b) >= 4:
		h ^= uint64(binary.LittleEndian.Uint32(b))<<32 ^ uint64(binary.LittleEndian.Uint32(b[len(b)-4:]))<<8
	default:
		for _, c := range b {
			h = h<<8 ^ uint64(c)
		}
	}
	return h * odd >> (64 - internBits)
}
