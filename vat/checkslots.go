package vat

import (
	"maps"
	"slices"
)

// eachSlot checks what each slot is, by itself.
func (c *checker) eachSlot() {
	c.each(bucketSlots, "slot", func(at place, value []byte) {
		s := &checkedSlot{sort: unreadable}
		c.slots[at.number] = s
		var r slotRecord
		if !c.decode(at, value, &r) {
			c.unread = true
			return
		}
		if r.Sort < slotFacet || r.Sort > slotFar {
			c.find(at, "it is of sort %d", r.Sort)
			c.unread = true
			return
		}
		s.sort, s.count, s.kind, s.facets = 1<<r.Sort, r.Count, r.Kind, r.Facets
		if r.Count == 0 {
			c.contents.Unnamed++
		}
		own := slotRecord{Sort: r.Sort, Count: r.Count}
		switch r.Sort {
		case slotFacet:
			c.contents.Facets++
			own.Body, own.Facet, s.pair = r.Body, r.Facet, r.Body
		case slotLost:
			c.contents.Lost++
		case slotFar:
			c.contents.Far++
			if own.Key = r.Key; len(r.Key) == 0 {
				c.find(at, "a reference to something outside without its key")
			}
		case slotBody:
			own.Vat, own.Kind, own.Facets = r.Vat, r.Kind, r.Facets
			c.object(at, &r)
		case slotCaretaker:
			own.Vat, own.Names, own.Err = r.Vat, r.Names, r.Err
			if c.contents.Caretakers++; len(r.Names) > 1 || len(r.Err) > 1 || len(r.Names) > 0 && len(r.Err) > 0 {
				c.find(at, "a caretaker that names %d slots and has %d errors", len(r.Names), len(r.Err))
			}
			if _, ok := c.vats[r.Vat]; !ok {
				c.find(at, "a caretaker of the vat number %d, which is not there", r.Vat)
			}
		case slotRevoker:
			if own.Names = r.Names; len(r.Names) != 1 {
				c.find(at, "a revoker that names %d slots", len(r.Names))
			}
		case slotResolver:
			c.contents.Resolvers++
			own.Body, s.pair = r.Body, r.Body
		case slotVow:
			s.pair = r.Resolver
			own.Settled, own.When, own.Resolver, own.Names, own.Value, own.Err = r.Settled, r.When, r.Resolver, r.Names, r.Value, r.Err
			if c.contents.Settled++; !r.Settled {
				c.contents.Settled--
				c.contents.Pending++
			}
			if fulfilled, broken := len(r.Value) > 0, len(r.Err) > 0; fulfilled && broken || r.Settled != (fulfilled || broken) || len(r.Err) > 1 {
				c.find(at, "a promise with a value of %d bytes and %d errors, settled: %v", len(r.Value), len(r.Err), r.Settled)
			}
		}
		if b, err := encodeRecord(&own); err != nil || string(b) != string(value) {
			c.find(at, "it has what only slots of another sort have")
		}
	})
}

func (c *checker) object(at place, r *slotRecord) {
	if _, ok := c.vats[r.Vat]; !ok {
		c.find(at, "an object of the vat number %d, which is not there", r.Vat)
	}
	if c.kinds[r.Kind] == nil {
		c.find(at, "an object of the kind number %d, which is not there", r.Kind)
	}
}

// edges checks what slots name.
func (c *checker) edges() {
	c.each(bucketSlots, "slot", func(at place, value []byte) {
		var r slotRecord
		if c.slots[at.number].sort == unreadable || recordCodec.Unmarshal(value, &r) != nil {
			return
		}
		switch r.Sort {
		case slotFacet:
			b := c.count(at, r.Body, 1<<slotBody)
			if b == nil {
				return
			}
			if b.sort != unreadable && !slices.Contains(b.facets, at.number) {
				c.find(at, "it is a facet of object %d, which does not list it", r.Body)
			}
			if k := c.kinds[b.kind]; k != nil && !slices.Contains(k.facets, r.Facet) {
				c.find(at, "it is the facet %q of an object of the kind %q, which has none of that name", clip(r.Facet, maxName), k.Name)
			}
		case slotBody:
			for _, id := range r.Facets {
				if f := c.names(at, id, 1<<slotFacet); f != nil && f.sort != unreadable && f.pair != at.number {
					c.find(at, "its facet, slot %d, is that of object %d", id, f.pair)
				}
			}
		case slotCaretaker:
			for _, id := range r.Names {
				c.count(at, id, references)
			}
		case slotRevoker:
			for _, id := range r.Names {
				c.count(at, id, 1<<slotCaretaker)
			}
		case slotResolver:
			if of := c.count(at, r.Body, 1<<slotVow); of != nil && of.sort != unreadable && of.pair != at.number {
				c.find(at, "it resolves the promise in slot %d, whose resolver is slot %d", r.Body, of.pair)
			}
		case slotVow:
			if r.Resolver != 0 {
				if by := c.names(at, r.Resolver, 1<<slotResolver); by != nil && by.sort != unreadable && by.pair != at.number {
					c.find(at, "its resolver, slot %d, is that of slot %d", r.Resolver, by.pair)
				}
			}
			if len(r.Value) > 0 {
				c.listed(at, r.Names, r.Value, references)
			} else if len(r.Names) > 0 {
				c.find(at, "it lists the slots %d, and has no value", r.Names)
			}
		}
	})
}

// counts compares what slots count with what was found. When not all could be read only too many are a fault of their own.
func (c *checker) counts() {
	for _, id := range slices.Sorted(maps.Keys(c.slots)) {
		s, at := c.slots[id], place{what: "slot", number: id}
		if s.sort == unreadable {
			continue
		}
		if s.named > s.count || s.named < s.count && !c.unread {
			c.find(at, "it counts %d records that name it, and there are %d", s.count, s.named)
		}
		if k := c.kinds[s.kind]; s.sort == 1<<slotBody && !s.state && k != nil {
			c.find(at, "an object of the kind %q without its state", k.Name)
		}
	}
}
