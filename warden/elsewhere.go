package warden

import (
	"slices"
	"time"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

// A node that is not the home of an object may verify grants about it, to show what it has of the object while the home is
// away, say. Then it matters what was revoked of these, and others who have heard of it pass that on.

// elsewhere is what is known here of another home's grants.
type elsewhere struct {
	shared   bool // see Share
	set      *grant.Set
	verifier *grant.Verifier
}

// maxElsewhere bounds what is known of each other home, in bytes: some 20000 notices. None takes the room of another.
const maxElsewhere = 16 << 20

// Share has the office pass on what it knows about the grants of a home, its own or another, to whoever asks, and take in
// notices about another's from whoever passes them on: from now on, until the process ends. Without it nobody is shown
// anything: notices say who has given what to whom.
func (o *Office) Share(home grant.Key) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if home == o.host {
		o.shared = true
	} else {
		o.elsewhere(home).shared = true
	}
}

// Verify says whether a grant of whatever home is good, as far as is known here: nil, or why not. What was revoked is certain
// at its home.
func (o *Office) Verify(g *grant.Grant) error {
	if g.Subject() == o.host {
		return o.verifier.Verify(g)
	}
	o.mu.Lock()
	e := o.homes[g.Subject()]
	o.mu.Unlock()
	if e != nil {
		return e.verifier.Verify(g)
	}
	return (&grant.Verifier{Now: o.clock.Now, Skew: o.cfg.Skew}).Verify(g)
}

// elsewhere returns what is known of another home's grants. It is called with mu held.
func (o *Office) elsewhere(home grant.Key) *elsewhere {
	e := o.homes[home]
	if e == nil {
		set, err := grant.NewSet(&grant.SetConfig{Bytes: maxElsewhere, Skew: o.cfg.Skew, Wanted: func(subject grant.Key) bool { return subject == home }})
		if err != nil {
			panic(err) // the bounds are not out of range
		}
		e = &elsewhere{set: set, verifier: &grant.Verifier{
			Now: func() time.Time { return o.clock.Now() }, Skew: o.cfg.Skew, Revoked: set.Has, Cut: set.Cut, Cache: new(grant.Cache),
		}}
		o.homes[home] = e
	}
	return e
}

// matters reports whether what others say of a home's grants is taken in.
func (o *Office) matters(home grant.Key) bool {
	if home == o.host {
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.homes[home]
	return e != nil && e.shared
}

// setOf returns the set of what is known about a home's grants, made now if there is none.
func (o *Office) setOf(home grant.Key) *grant.Set {
	if home == o.host {
		return o.known
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.elsewhere(home).set
}

// shown returns the set of what others are shown about a home's grants, nil for nothing.
func (o *Office) shown(home grant.Key) *grant.Set {
	o.mu.Lock()
	defer o.mu.Unlock()
	if home == o.host && o.shared {
		return o.known
	}
	if e := o.homes[home]; e != nil && e.shared {
		return e.set
	}
	return nil
}

// remembers reports whether any notices are known. It is called with mu held.
func (o *Office) remembers() bool {
	if n, _ := o.known.Len(); n > 0 {
		return true
	}
	for _, e := range o.homes {
		if n, _ := e.set.Len(); n > 0 {
			return true
		}
	}
	return false
}

// evictElsewhere drops what is of no more use of what is known about other homes.
func (o *Office) evictElsewhere(now time.Time) (gone [][32]byte) {
	o.mu.Lock()
	var sets []*grant.Set
	for _, e := range o.homes {
		sets = append(sets, e.set)
	}
	o.mu.Unlock()
	for _, s := range sets {
		gone = slices.Concat(gone, s.Evict(now))
	}
	return gone
}
