package home

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// A Publication is what is stored of a named publication: its name, and the swiss number that keeps its URI the same.
type Publication struct {
	Name  string
	Swiss sturdyref.SwissNum
}

// A Keeper stores the publications of a Home. Save replaces what is stored, whole or not at all.
type Keeper interface {
	Load() ([]Publication, error)
	Save([]Publication) error
}

// ErrPublished says that a name is in use for another reference.
var ErrPublished = errors.New("home: this name is published already: unpublish it first, or choose another")

// ErrNotPublished says that there is nothing by that name.
var ErrNotPublished = errors.New("home: nothing is published under this name")

// ErrRefused is what a fetch breaks with when there is nothing for the secret shown, whatever the reason.
var ErrRefused = vat.NewError("hawser.refused", "home: there is no object for this secret")

// registry finds what is published by the public name of its secret, or by the swiss number itself.
type registry struct {
	vat  *vat.Vat // where caretakers of references that are no objects of this process live
	keep Keeper
	// file is held while the stored publications change, so that they are saved in the order they changed.
	file sync.Mutex

	mu     sync.Mutex
	byName map[string]*publication
	byID   map[[16]byte]*publication
	// bySwiss is for peers that send the number itself; its key is the number's hash.
	bySwiss map[[32]byte]*publication
	door    sturdyref.Keys // zero if there is no door secret
}

// publication is one object in the registry.
type publication struct {
	name   string
	swiss  sturdyref.SwissNum // zero for one that is opened by a capability key
	keys   sturdyref.Keys     // zero for a weak swiss number
	lock   *sturdyref.CapabilityLock
	live   bool // false for a name that is stored but not published at present
	ref    vat.Ref
	caret  vat.Ref
	revoke func(context.Context, error)
}

func newRegistry(v *vat.Vat, keep Keeper, door sturdyref.SwissNum) (*registry, error) {
	r := &registry{
		vat: v, keep: keep, byName: make(map[string]*publication), byID: make(map[[16]byte]*publication),
		bySwiss: make(map[[32]byte]*publication),
	}
	if !door.IsZero() {
		keys, err := door.Keys()
		if err != nil {
			return nil, fmt.Errorf("home: door secret: %w", err)
		}
		r.door = keys
	}
	if keep != nil {
		stored, err := keep.Load()
		if err != nil {
			return nil, err
		}
		for _, s := range stored {
			r.byName[s.Name] = &publication{name: s.Name, swiss: s.Swiss}
		}
	}
	return r, nil
}

// publish puts ref behind the stored, the given or a new swiss number.
func (r *registry) publish(name string, swiss sturdyref.SwissNum, ref vat.Ref) (sturdyref.SwissNum, error) {
	r.file.Lock()
	defer r.file.Unlock()
	r.mu.Lock()
	p := r.byName[name]
	r.mu.Unlock()
	switch {
	case p != nil && p.live && (p.ref != ref || p.lock != nil):
		return sturdyref.SwissNum{}, fmt.Errorf("%w: %q", ErrPublished, name)
	case p != nil && p.live:
		return p.swiss, nil
	case p != nil && swiss.IsZero():
		swiss = p.swiss
	case swiss.IsZero():
		swiss = sturdyref.NewSwissNum()
	}
	next := &publication{name: name, swiss: swiss, live: true, ref: ref}
	if !swiss.Weak() {
		keys, err := swiss.Keys()
		if err != nil {
			return sturdyref.SwissNum{}, err
		}
		next.keys = keys
	}
	if p == nil || !p.swiss.Equal(swiss) {
		if err := r.save(name, &swiss); err != nil {
			return sturdyref.SwissNum{}, err
		}
	}
	next.caret, next.revoke = vat.Guard(r.vat, ref)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byName[name] = next
	r.bySwiss[sha256.Sum256(swiss.Reveal())] = next
	if !next.keys.IsZero() {
		r.byID[next.keys.ID()] = next
	}
	return swiss, nil
}

// publishKey puts ref behind a capability key, of which only the public half is here; nothing is stored.
func (r *registry) publishKey(name string, lock sturdyref.CapabilityLock, ref vat.Ref) error {
	r.file.Lock()
	defer r.file.Unlock()
	p := &publication{name: name, lock: &lock, live: true, ref: ref}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName[name] != nil {
		return fmt.Errorf("%w: %q", ErrPublished, name)
	}
	p.caret, p.revoke = vat.Guard(r.vat, ref)
	r.byName[name], r.byID[lock.ID()] = p, p
	return nil
}

// unpublish stops answering for name; with forget its secret is gone for good and what was fetched by it is severed.
func (r *registry) unpublish(ctx context.Context, name string, forget bool) (*publication, error) {
	r.file.Lock()
	defer r.file.Unlock()
	r.mu.Lock()
	p := r.byName[name]
	if p == nil || !p.live && !forget {
		r.mu.Unlock()
		return nil, fmt.Errorf("%w: %q", ErrNotPublished, name)
	}
	r.mu.Unlock()
	if forget {
		if err := r.save(name, nil); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	if !p.keys.IsZero() {
		delete(r.byID, p.keys.ID())
	}
	if p.lock != nil {
		delete(r.byID, p.lock.ID())
	}
	if !p.swiss.IsZero() {
		delete(r.bySwiss, sha256.Sum256(p.swiss.Reveal()))
	}
	if forget || p.lock != nil {
		delete(r.byName, name)
	} else {
		r.byName[name] = &publication{name: name, swiss: p.swiss}
	}
	r.mu.Unlock()
	if forget && p.revoke != nil {
		p.revoke(ctx, nil)
	}
	return p, nil
}

// save stores the publications with name changed to have the swiss number given, or without it. Called with file held.
func (r *registry) save(name string, swiss *sturdyref.SwissNum) error {
	if r.keep == nil {
		return nil
	}
	var all []Publication
	r.mu.Lock()
	for n, p := range r.byName {
		if n != name && p.lock == nil {
			all = append(all, Publication{n, p.swiss})
		}
	}
	r.mu.Unlock()
	if swiss != nil {
		all = append(all, Publication{name, *swiss})
	}
	return r.keep.Save(all)
}

// Lock implements the first half of netlayer.Doorkeeper.
func (r *registry) Lock(id [16]byte) (netlayer.Lock, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.byID[id]; p != nil {
		if p.lock != nil {
			return p.lock, true
		}
		return p.keys.Lock(), true
	}
	if !r.door.IsZero() && r.door.ID() == id {
		return r.door.Lock(), true
	}
	return nil, false
}

// byPublicName returns the publication whose secret has the public name id.
func (r *registry) byPublicName(id [16]byte) *publication {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byID[id]
}

// byNumber returns the publication behind a swiss number sent in clear.
func (r *registry) byNumber(swiss []byte) *publication {
	r.mu.Lock()
	p := r.bySwiss[sha256.Sum256(swiss)]
	r.mu.Unlock()
	if p == nil || !p.swiss.Equal(sturdyref.SwissNumOf(swiss)) {
		return nil
	}
	return p
}
