package grant

import (
	"bytes"
	"crypto/sha256"
	"slices"
)

// Two parties find out which notices one of them lacks by comparing digests of the names of what they hold, part by part: as a
// tree whose branches are the bytes of names. What differs between two sets is found with as many questions as there are places
// where they differ, however much they have in common.

const (
	// MaxNames is how many names a [Listing] has at the most: where there are more it has the digests of parts instead.
	MaxNames = 1024
	// MaxListing is the length of the longest Listing, in bytes.
	MaxListing = 1 + 32*MaxNames

	listsNames, listsParts = 0, 1
)

// Listing is what a [Set] holds at one place: of the notices whose names begin with a prefix. A notice's name is SHA-256 of the
// external data of its kind and its claims.
type Listing struct {
	// Names are all of them, ascending, if there are at most MaxNames.
	Names [][32]byte
	// Parts are otherwise the digests of what there is by the byte behind the prefix: 256 of them, zero where there is nothing.
	Parts [][32]byte
}

// Bytes is the listing as it travels: a byte, 0 before names and 1 before parts, and these, 32 bytes each.
func (l Listing) Bytes() []byte {
	sort, list := byte(listsNames), l.Names
	if l.Parts != nil {
		sort, list = listsParts, l.Parts
	}
	b := append(make([]byte, 0, 1+32*len(list)), sort)
	for i := range list {
		b = append(b, list[i][:]...)
	}
	return b
}

// Digest is SHA-256 of "hawser/names/v1" and the listing as it travels, or zero if there is nothing. Two sets with the same
// digest hold the same at that place.
func (l Listing) Digest() [32]byte {
	if len(l.Names)+len(l.Parts) == 0 {
		return [32]byte{}
	}
	h := sha256.New()
	h.Write([]byte("hawser/names/v1"))
	h.Write(l.Bytes())
	return [32]byte(h.Sum(nil))
}

// ParseListing reads what Bytes wrote of the place with the given prefix. Its error matches ErrRefused and is a *Refusal.
func ParseListing(b, prefix []byte) (Listing, error) {
	if len(b) == 0 || len(b)%32 != 1 || len(b) > MaxListing {
		return Listing{}, refuse(Malformed, 0, "a listing of %d bytes, expected one byte and at most %d times 32", len(b), MaxNames)
	}
	list := make([][32]byte, 0, len(b)/32)
	for part := range slices.Chunk(b[1:], 32) {
		list = append(list, [32]byte(part))
	}
	switch {
	case b[0] == listsParts && len(list) == 256 && len(prefix) < 32:
		return Listing{Parts: list}, nil
	case b[0] != listsNames:
		return Listing{}, refuse(Malformed, 0, "a listing that is neither of names nor of 256 parts")
	}
	for i := range list {
		if !bytes.HasPrefix(list[i][:], prefix) || i > 0 && bytes.Compare(list[i-1][:], list[i][:]) >= 0 {
			return Listing{}, refuse(Malformed, 0, "a listing whose names are of another place, or do not ascend")
		}
	}
	return Listing{Names: list}, nil
}

// List returns what s holds at the place with the given prefix, of at most 32 bytes. It is not to be modified.
func (s *Set) List(prefix []byte) Listing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names.list(prefix)
}

// Digest is that of [Set.List], and costs little where nothing was added since it was last asked for.
func (s *Set) Digest(prefix []byte) [32]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names.digestAt(prefix)
}

// Named returns the notice of that name, as it travels, or nil. It is not to be modified.
func (s *Set) Named(name [32]byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.named[name]; r != nil {
		return r.Bytes
	}
	return nil
}

// branch is a place in the tree of names. Its shape follows from what is in it alone, so that its digest does.
type branch struct {
	count   int
	names   [][32]byte   // ascending, while there are at most MaxNames
	parts   *[256]branch // when there are more, by the byte at this depth
	digest  [32]byte
	settled bool // digest is up to date
}

func compareNames(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) }

// add puts in a name that is not there yet, depth bytes of which lead here.
func (t *branch) add(name [32]byte, depth int) {
	t.count++
	t.settled = false
	if t.parts != nil {
		t.parts[name[depth]].add(name, depth+1)
		return
	}
	i, _ := slices.BinarySearchFunc(t.names, name, compareNames)
	t.names = slices.Insert(t.names, i, name)
	if t.count > MaxNames {
		t.parts = new([256]branch)
		for _, n := range t.names {
			t.parts[n[depth]].add(n, depth+1)
		}
		t.names = nil
	}
}

// remove takes out a name that is there.
func (t *branch) remove(name [32]byte, depth int) {
	t.count--
	t.settled = false
	if t.parts == nil {
		i, _ := slices.BinarySearchFunc(t.names, name, compareNames)
		t.names = slices.Delete(t.names, i, i+1)
		return
	}
	t.parts[name[depth]].remove(name, depth+1)
	if t.count <= MaxNames {
		for i := range t.parts {
			t.names = append(t.names, t.parts[i].names...) // each has no more than all of them
		}
		t.parts = nil
	}
}

// find returns the place that prefix leads to from here, or the names of it that are further up.
func (t *branch) find(prefix []byte) (at *branch, names [][32]byte) {
	depth := 0
	for ; depth < len(prefix) && t.parts != nil; depth++ {
		t = &t.parts[prefix[depth]]
	}
	if depth == len(prefix) {
		return t, nil
	}
	begin, _ := slices.BinarySearchFunc(t.names, prefix, func(name [32]byte, prefix []byte) int { return bytes.Compare(name[:], prefix) })
	end := begin
	for end < len(t.names) && bytes.HasPrefix(t.names[end][:], prefix) {
		end++
	}
	return nil, t.names[begin:end]
}

func (t *branch) list(prefix []byte) Listing {
	at, names := t.find(prefix)
	switch {
	case at == nil:
		return Listing{Names: slices.Clone(names)}
	case at.parts == nil:
		return Listing{Names: slices.Clone(at.names)}
	}
	l := Listing{Parts: make([][32]byte, 256)}
	for i := range at.parts {
		l.Parts[i] = at.parts[i].sum()
	}
	return l
}

func (t *branch) digestAt(prefix []byte) [32]byte {
	at, names := t.find(prefix)
	if at == nil {
		return Listing{Names: names}.Digest()
	}
	return at.sum()
}

// sum returns the digest of a place.
func (t *branch) sum() [32]byte {
	if !t.settled {
		t.digest, t.settled = t.list(nil).Digest(), true
	}
	return t.digest
}
