package home

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

var (
	// ErrPublished says that a name, or a secret, is in use for something else.
	ErrPublished = errors.New("home: published already")
	// ErrNotPublished says that there is nothing by that name.
	ErrNotPublished = errors.New("home: nothing is published under this name")
)

// registry finds what is published by the public name of its secret, or by the swiss number itself.
type registry struct {
	vat   *vat.Vat // where caretakers of references that are no objects of this process live
	keep  Keeper
	given *caretakers // nil if nothing is stored
	decoy sturdyref.SwissNum
	// file is held while the publications change, so that they are saved in the order they change. closed is guarded by
	// it: a closed Home's storage may be another's already.
	file   sync.Mutex
	closed bool

	mu     sync.Mutex
	byText map[string]*publication // by the name given to Publish
	byID   map[[16]byte]*publication
	// bySwiss is for peers that send the number itself; its key is the number's hash.
	bySwiss map[[32]byte]*publication
	door    sturdyref.Keys // zero if there is no door secret
}

func newRegistry(v *vat.Vat, keep Keeper, given *caretakers, door sturdyref.SwissNum, decoy sturdyref.SwissNum) (*registry, error) {
	r := &registry{
		vat: v, keep: keep, given: given, decoy: decoy, byText: make(map[string]*publication), byID: make(map[[16]byte]*publication),
		bySwiss: make(map[[32]byte]*publication),
	}
	if !door.IsZero() {
		keys, err := door.Keys()
		if err != nil {
			return nil, fmt.Errorf("home: Door.Secret: %w: make one with sturdyref.NewSwissNum", err)
		}
		r.door = keys
	}
	if keep != nil {
		stored, err := keep.Load()
		if err != nil {
			return nil, err
		}
		if err := r.remember(stored); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// remember takes up what was stored.
func (r *registry) remember(stored []Publication) error {
	numbers := make(map[[32]byte]bool)
	for _, s := range stored {
		number := sha256.Sum256(s.Swiss.Reveal())
		if s.Name == "" || s.Swiss.IsZero() || r.byText[s.Name] != nil || numbers[number] {
			return fmt.Errorf("home: the stored publications are damaged: %q stands there twice, or without a secret of its own", s.Name)
		}
		numbers[number] = true
		p, err := newPublication(s.Name, s.Swiss)
		if err != nil {
			return err
		}
		if r.isDoor(p.id) {
			return fmt.Errorf("home: Door.Secret is the swiss number of %q: make another with sturdyref.NewSwissNum", s.Name)
		}
		r.byText[s.Name] = p
	}
	return nil
}

// change runs fn with the publication of a name, nil if there is none, while no other changes.
func (r *registry) change(ctx context.Context, name string, fn func(p *publication) error) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("home: %q: %w", name, err)
	}
	if name == "" {
		return errNoName
	}
	r.file.Lock()
	defer r.file.Unlock()
	if r.closed {
		return errClosed
	}
	r.mu.Lock()
	p := r.byText[name]
	r.mu.Unlock()
	return fn(p)
}

var errNoName = errors.New("home: the name to publish under is empty")

// shut ends changes for good.
func (r *registry) shut() {
	r.file.Lock()
	r.closed = true
	r.file.Unlock()
}

// publish puts ref behind the stored, the given or a new swiss number.
func (r *registry) publish(p *publication, name string, swiss sturdyref.SwissNum, ref vat.Ref) (sturdyref.SwissNum, error) {
	switch {
	case p != nil && p.lock != nil:
		return swiss, fmt.Errorf("%w: %q is opened by a capability key: revoke it first, or choose another name", ErrPublished, name)
	case p != nil && !swiss.IsZero() && !p.swiss.Equal(swiss):
		return swiss, fmt.Errorf("%w: %q has another swiss number: revoke it first, or choose another name", ErrPublished, name)
	case p != nil && p.live && p.ref != ref:
		return swiss, fmt.Errorf("%w: %q is another reference: unpublish it first, or choose another name", ErrPublished, name)
	case p != nil && p.live:
		return p.swiss, nil
	case p == nil:
		if swiss.IsZero() {
			swiss = sturdyref.NewSwissNum()
		} else if other := r.named(swiss); other != nil {
			return swiss, fmt.Errorf("%w: %q has this swiss number", ErrPublished, other.name)
		}
		var err error
		if p, err = newPublication(name, swiss); err != nil {
			return swiss, err
		}
		if r.isDoor(p.id) {
			return swiss, fmt.Errorf("%w: the door's secret is this swiss number", ErrPublished)
		}
		if err := r.save(name, &swiss); err != nil {
			return swiss, err
		}
	}
	return p.swiss, r.open(p, ref)
}

// publishLock puts ref behind a capability key, of which only the public half is here; nothing is stored.
func (r *registry) publishLock(p *publication, name string, lock sturdyref.CapabilityLock, serve sturdyref.ProofKey, ref vat.Ref) error {
	switch {
	case p != nil && (p.lock == nil || p.id != lock.ID()):
		return fmt.Errorf("%w: %q has another secret: revoke it first, or choose another name", ErrPublished, name)
	case p != nil && p.live && p.ref != ref:
		return fmt.Errorf("%w: %q is another reference: unpublish it first, or choose another name", ErrPublished, name)
	case p != nil && p.live:
		return nil
	case p == nil:
		if other := r.holder(lock.ID()); other != nil {
			return fmt.Errorf("%w: %q is opened by this capability key", ErrPublished, other.name)
		}
		p = &publication{name: name, lock: &lock, id: lock.ID(), serve: serve}
	}
	return r.open(p, ref)
}

// open lets p answer with ref from now on. The caretaker is that of before, if the reference is.
func (r *registry) open(p *publication, ref vat.Ref) error {
	caret, given := p.caret, slices.DeleteFunc(slices.Clone(p.given), handed.forgotten)
	same, durable := p.ref == ref, vat.IsDurable(ref) && r.given.stores(p)
	if !same && durable {
		stored, before, err := r.given.of(p, ref)
		if err != nil {
			return err
		}
		for _, g := range stored {
			if !slices.ContainsFunc(given, g.is) {
				given = append(given, g)
			}
		}
		if same = !before.IsNull(); same {
			caret = before
		}
	}
	if !same {
		var g handed
		caret, g.revoke = vat.Guard(r.vat, ref)
		g.caret = caret.Weak()
		_, promised := ref.Target().(*vat.Vow)
		if _, far := captp.RealmOf(ref); far || promised {
			g.held = caret
		}
		if durable {
			if err := r.given.keep(p, caret); err != nil {
				return err
			}
		}
		given = append(given, g)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	next := *p
	next.ref, next.caret, next.given, next.live = ref, caret, given, true
	r.byText[p.name] = &next
	if p.id != ([16]byte{}) {
		r.byID[p.id] = &next
	}
	if p.lock == nil {
		r.bySwiss[sha256.Sum256(p.swiss.Reveal())] = &next
	}
	return nil
}

// shutOut stops answering for p; with forget, its name is free as well.
func (r *registry) shutOut(p *publication, forget bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byID, p.id)
	if p.lock == nil {
		delete(r.bySwiss, sha256.Sum256(p.swiss.Reveal()))
	}
	if forget {
		delete(r.byText, p.name)
		return
	}
	next := *p
	next.live = false
	r.byText[p.name] = &next
}

// unpublish stops answering for p.
func (r *registry) unpublish(p *publication, name string) error {
	if p == nil || !p.live {
		return fmt.Errorf("%w: %q", ErrNotPublished, name)
	}
	r.shutOut(p, false)
	return nil
}

// revoke ends p's secret for good and severs what was fetched by it, now: also when it is called in a turn that fails
// later, since what is stored has changed.
func (r *registry) revoke(p *publication, name string) error {
	if p == nil {
		return fmt.Errorf("%w: %q", ErrNotPublished, name)
	}
	if p.lock == nil {
		if err := r.save(name, nil); err != nil {
			return err
		}
	}
	r.shutOut(p, true)
	stored, _, err := r.given.of(p, p.ref)
	for _, g := range append(stored, p.given...) {
		g.revoke(context.Background(), nil)
	}
	return errors.Join(err, r.given.drop(p))
}

// save stores the publications with name changed to have the swiss number given, or without it. Called with file held.
func (r *registry) save(name string, swiss *sturdyref.SwissNum) error {
	if r.keep == nil {
		return nil
	}
	var all []Publication
	r.mu.Lock()
	for n, p := range r.byText {
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

// named returns the publication with the swiss number given, published at present or not.
func (r *registry) named(swiss sturdyref.SwissNum) *publication {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.byText {
		if p.lock == nil && p.swiss.Equal(swiss) {
			return p
		}
	}
	return nil
}

// isDoor reports whether id is the public name of the door's secret.
func (r *registry) isDoor(id [16]byte) bool { return !r.door.IsZero() && r.door.ID() == id }

// lookup returns what admits a dialler that names a secret.
func (r *registry) lookup(id [16]byte) (netlayer.Lock, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.byID[id]; p != nil {
		if p.lock != nil {
			return p.lock, true
		}
		return p.keys.Lock(), true
	}
	if r.isDoor(id) {
		return r.door.Lock(), true
	}
	return nil, false
}

// number returns the swiss number whose public name is id, zero if there is none; asleep says that it is remembered, and nothing is
// published by it at present.
func (r *registry) number(id [16]byte) (swiss sturdyref.SwissNum, asleep bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.remembered(id)
	switch {
	case p == nil || p.lock != nil:
		return sturdyref.SwissNum{}, false
	case !p.live:
		return sturdyref.SwissNum{}, true
	}
	return p.swiss, false
}

// admits reports whether the secret with the public name id is good for a session, still: it is published, remembered,
// or the door's.
func (r *registry) admits(id [16]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.isDoor(id) || r.remembered(id) != nil
}

// remembered returns the publication whose secret has the public name id, published at present or not. Called with mu held.
func (r *registry) remembered(id [16]byte) *publication {
	if p := r.byID[id]; p != nil {
		return p
	}
	for _, p := range r.byText {
		if p.id == id {
			return p
		}
	}
	return nil
}

// holder returns the publication that has the secret with the public name id, published at present or not.
func (r *registry) holder(id [16]byte) *publication {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.remembered(id)
}

// proofKey returns the key that proves that we have the secret with the public name id.
func (r *registry) proofKey(id [16]byte) (sturdyref.ProofKey, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch p := r.byID[id]; {
	case p != nil:
		return p.serve, true
	case r.isDoor(id):
		return r.door.ProofKey(), true
	}
	return sturdyref.ProofKey{}, false
}

// byName returns the publication whose secret has the public name id.
func (r *registry) byName(id [16]byte) *publication {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byID[id]
}

// byLock returns the publication opened by the capability key with the public name id.
func (r *registry) byLock(id [16]byte) *publication {
	if p := r.byName(id); p != nil && p.lock != nil {
		return p
	}
	return nil
}

// byNumber returns the publication behind a swiss number sent in clear.
func (r *registry) byNumber(swiss []byte) *publication {
	r.mu.Lock()
	p := r.bySwiss[sha256.Sum256(swiss)]
	r.mu.Unlock()
	expected := r.decoy
	if p != nil {
		expected = p.swiss
	}
	if !expected.Equal(sturdyref.SwissNumOf(swiss)) {
		return nil
	}
	return p
}
