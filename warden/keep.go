package warden

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// What was given of durable objects is pinned in the depot: the mandate of a grant under the ids of its links, and the count of
// a link whose uses are counted under its id. The key says until when, so that nothing need be loaded to know.

const (
	pinsOfMandates = "grant/"
	pinsOfTallies  = "tally/"
	pinsOfHearers  = "heard/"
)

// tallying is the count of a link's uses, and when nobody can use the link any more.
type tallying struct {
	link  grant.LinkID
	by    vat.Ref
	until time.Time
}

// pin is what is to be pinned under a key.
type pin struct {
	key string
	ref vat.Ref
}

func pinKey(prefix string, until time.Time, ids ...grant.LinkID) string {
	var all []byte
	for _, id := range ids {
		all = append(all, id[:]...)
	}
	return prefix + base64.RawURLEncoding.EncodeToString(all) + "/" + strconv.FormatInt(until.Unix(), 10)
}

// readPin is the reverse of pinKey.
func readPin(prefix, key string) (ids []grant.LinkID, until time.Time, ok bool) {
	names, at, ok := strings.Cut(strings.TrimPrefix(key, prefix), "/")
	b, err := base64.RawURLEncoding.DecodeString(names)
	n, bad := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || bad != nil || len(b) == 0 || len(b)%len(grant.LinkID{}) != 0 {
		return nil, time.Time{}, false
	}
	for id := range slices.Chunk(b, len(grant.LinkID{})) {
		ids = append(ids, grant.LinkID(id))
	}
	return ids, time.Unix(n, 0), true
}

// View reads a store.
type View func(fn func(store.Reader) error) error

// Use has the office keep what it gives and learns in a depot, which is open and whose kinds include those of the office, and beside it in
// the same store, which view reads; and finds what was there before. It is called before anything else.
func (o *Office) Use(d *vat.Depot, view View) error {
	old, err := o.load(view)
	if err != nil {
		return err
	}
	if err := o.recall(view, d); err != nil {
		return err
	}
	for prefix, find := range map[string]func(ids []grant.LinkID, until time.Time, r vat.Ref){
		pinsOfMandates: func(ids []grant.LinkID, until time.Time, r vat.Ref) {
			o.enter(&given{office: o, links: ids, until: until, self: r})
		},
		pinsOfHearers: func(ids []grant.LinkID, until time.Time, r vat.Ref) {
			o.listen(&heard{office: o, links: ids, until: until, self: r})
		},
		pinsOfTallies: func(ids []grant.LinkID, until time.Time, r vat.Ref) {
			o.tallies[ids[0]] = tallying{ids[0], r, until}
		},
	} {
		pins, err := d.Pinned(prefix)
		if err != nil {
			return err
		}
		o.mu.Lock()
		for key, pin := range pins {
			if ids, until, ok := readPin(prefix, key); ok {
				find(ids, until, pin.Ref)
			}
		}
		o.mu.Unlock()
	}
	o.mu.Lock()
	o.depot = d
	o.mu.Unlock()
	if len(old) > 0 {
		o.write(func(b *store.Batch) {
			for _, n := range old {
				b.Delete(n.bucket, n.key)
			}
		}, func(error) {})
	}
	return nil
}

// keeps reports whether objects of a vat are kept.
func (o *Office) keeps(v *vat.Vat) bool { return o.depot != nil && v.Durable() }

// keep stores what a grant has come to, if its vat is durable; tell is called when the disk has it.
func (o *Office) keep(v *vat.Vat, pins []pin, tell func(error)) {
	if !o.keeps(v) {
		tell(nil)
		return
	}
	var bad error
	err := o.depot.Update(func(tx *vat.Tx) {
		for _, pin := range pins {
			if err := tx.Pin(pin.key, pin.ref, false); bad == nil {
				bad = err
			}
		}
	}, func(err error) {
		if err == nil {
			err = bad
		}
		tell(err)
	})
	if err != nil {
		tell(err)
	}
}

// idsOf returns the ids of a grant's links, root first.
func idsOf(g *grant.Grant) (ids []grant.LinkID) {
	for _, l := range g.Links() {
		ids = append(ids, l.ID)
	}
	return ids
}

// talliesOf returns the counts of those links of a grant whose uses are counted, made now in the turn if there are none, and what is to be
// pinned for that. It is called without mu: the depot asks for that with its own held.
func (o *Office) talliesOf(ctx context.Context, g *grant.Grant) (all []tallied, pins []pin) {
	counted := g.Counted()
	var until, accept time.Time
	for i, l := range g.Links() {
		if i == 0 || l.Expires.Before(until) {
			until = l.Expires // nobody uses a link longer than those before it
		}
		if i == 0 || l.Accept.Before(accept) {
			accept = l.Accept // nor writes by it
		}
		if !slices.Contains(counted, l.ID) {
			continue
		}
		o.mu.Lock()
		t, ok := o.tallies[l.ID]
		o.mu.Unlock()
		if !ok {
			t = tallying{l.ID, tallyFacet.Spawn(ctx, &tally{}), until}
			if accept.After(until) {
				t.until = accept
			}
			o.mu.Lock()
			o.tallies[l.ID] = t
			o.mu.Unlock()
		}
		all = append(all, tallied{t.link[:], t.by})
		pins = append(pins, pin{pinKey(pinsOfTallies, t.until, t.link), t.by})
	}
	return all, pins
}

// crowded returns the first of a grant's links by way of which too many others were passed on that are open, as open tells, if there is one.
func (o *Office) crowded(links []grant.LinkID, open func(grant.LinkID) int) (link grant.LinkID, ok bool) {
	most := o.cfg.MaxOpen
	for _, id := range links[:len(links)-1] {
		if open(id) >= most {
			return id, true
		}
		most = max(most/4, 1)
	}
	return grant.LinkID{}, false
}

// enter puts what a grant comes to into the office. It is called with mu held.
func (o *Office) enter(e *given) {
	o.given[e.leaf()], o.names[e.name()] = e, e
	for _, id := range e.links {
		if o.links[id] == nil {
			o.links[id] = make(map[*given]struct{})
		}
		o.links[id][e] = struct{}{}
	}
}

// forget drops what a grant has come to from the office.
func (o *Office) forget(e *given) {
	o.mu.Lock()
	if o.given[e.leaf()] == e {
		delete(o.given, e.leaf())
		delete(o.names, e.name())
		for _, id := range e.links {
			delete(o.links[id], e)
			if len(o.links[id]) == 0 {
				delete(o.links, id)
			}
		}
	}
	ended := o.ended
	o.mu.Unlock()
	if ended != nil {
		ended(e.name())
	}
}

// Holds reports whether a grant is open, by the first half of the id of its last link. A nil Office holds none.
func (o *Office) Holds(name [16]byte) bool {
	if o == nil {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.names[name] != nil
}
