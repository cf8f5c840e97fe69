package warden

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/internal/meter"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// A Role is a facet of an object that grants may name. The author of the object says in code what it is; a grant only names it.
type Role struct {
	// Open returns the facet for a holder. It is called in a turn of the object's vat, once for each grant that is redeemed, and once
	// for each by which messages come. The facet is to last as long as the grant: an object of that vat, as a rule. A promise, or a
	// reference to elsewhere, may break, and the grant is of no use from then on.
	Open func(ctx context.Context, h Holder) (vat.Ref, error)
	// Transfer says that what is reached by way of the facet is the holder's for good, as an object is to who has made it: it
	// stays when the grant was revoked, or is over. Otherwise it goes with it. The facet itself is never handed over, also when its
	// methods return it.
	Transfer bool
}

// Holder is who has redeemed a grant.
type Holder struct {
	// Key is the public key that the grant names, of which the holder has proven to have the private half.
	Key grant.Key
	// Grant is what was shown.
	Grant *grant.Grant
}

// Config says what an Office needs.
type Config struct {
	// Signer is the key by which grants name this node, the subject of those that are redeemed here; it signs receipts of what was revoked of
	// them. Required.
	Signer crypto.Signer
	// Now is the clock; nil for time.Now.
	Now func() time.Time
	// Skew is how far the clocks of issuers may be off, as that of a grant.Verifier.
	Skew time.Duration
	// MaxOpen bounds the grants that are open at a time and were passed on by way of one and the same link (default 16384): each costs
	// memory, and room in the store, until it is over, and holders can make as many as they like. It is a quarter for each link further
	// down, so that nobody takes all the room of who has passed a grant on to them.
	MaxOpen int
	// Store opens what notices are kept in where no depot is used (see Use). It is called once, when there is something to keep; nil keeps
	// them in memory.
	Store  func() (*store.Store, error)
	Logger hclog.Logger
}

// Office is where grants become references: it knows which objects are on offer, in which roles, what was given and what was
// revoked. Its methods may be called from any goroutine.
type Office struct {
	cfg      Config
	host     grant.Key
	log      hclog.Logger
	clock    *grant.Clock
	verifier grant.Verifier
	known    *grant.Set // what was revoked of this node's grants
	said     *grant.Set // what this node has revoked of those of others
	signing  sync.Mutex // held while the next notice of a signer is made
	depot    *vat.Depot // nil if nothing is given for good
	store    func() (*store.Store, error)
	warnings meter.Meter

	mu      sync.Mutex
	offers  map[grant.ObjectID]*offer
	given   map[grant.LinkID]*given // by the last link
	names   map[[16]byte]*given     // by the first half of that
	links   map[grant.LinkID]map[*given]struct{}
	heard   map[grant.LinkID]*heard // likewise: where messages are
	hearers map[grant.LinkID]int    // how many of these there are by way of a link
	owed    []asked                 // from before, until the object is offered
	owing   map[grant.LinkID]int    // how many of these, and of the next, there are by way of a link
	unheard []unheard
	// unheardBytes is how long the messages are in that; withdrawn are the objects that were on offer, and are not.
	unheardBytes int
	withdrawn    map[grant.ObjectID]struct{}
	tallies      map[grant.LinkID]tallying // of links that count uses
	homes        map[grant.Key]*elsewhere  // of other nodes
	shared       bool                      // see Share
	ended        func(name [16]byte)
	endings      map[*given][]func(error) // who waits until what is being severed has ended
	begins       []func()                 // what Start does
	started      bool
	alarm        *time.Timer
	next         time.Time // when it goes off
	closed       bool
	running      sync.WaitGroup // what the alarm has set off
}

// offer is an object on offer.
type offer struct {
	vat   *vat.Vat
	roles map[string]Role
}

// New returns an Office that keeps nothing until Use is called.
func New(cfg Config) *Office {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Skew == 0 {
		cfg.Skew = grant.DefaultSkew
	}
	if cfg.MaxOpen <= 0 {
		cfg.MaxOpen = 16384
	}
	if cfg.Logger == nil {
		cfg.Logger = hclog.NewNullLogger()
	}
	o := &Office{
		host: grant.KeyOf(cfg.Signer), homes: make(map[grant.Key]*elsewhere), endings: make(map[*given][]func(error)),
		cfg: cfg, log: cfg.Logger, offers: make(map[grant.ObjectID]*offer), given: make(map[grant.LinkID]*given), names: make(map[[16]byte]*given),
		links: make(map[grant.LinkID]map[*given]struct{}), heard: make(map[grant.LinkID]*heard), hearers: make(map[grant.LinkID]int),
		owing: make(map[grant.LinkID]int), withdrawn: make(map[grant.ObjectID]struct{}),
		tallies: make(map[grant.LinkID]tallying),
	}
	if cfg.Store != nil {
		o.store = sync.OnceValues(cfg.Store)
	}
	o.clock = grant.NewClock(cfg.Now, time.Time{})
	var err error
	if o.known, err = grant.NewSet(&grant.SetConfig{Skew: cfg.Skew, Wanted: func(subject grant.Key) bool { return subject == o.host }}); err != nil {
		panic(err) // the defaults are not out of range
	}
	if o.said, err = grant.NewSet(&grant.SetConfig{Skew: cfg.Skew}); err != nil {
		panic(err)
	}
	o.verifier = grant.Verifier{
		Now: func() time.Time { return o.clock.Now() }, Skew: cfg.Skew, Revoked: o.known.Has, Cut: o.known.Cut, Even: true, Cache: new(grant.Cache),
	}
	return o
}

// Tell has fn told of each grant that was opened and is over, by the first half of the id of its last link. fn must not block.
func (o *Office) Tell(fn func(name [16]byte)) {
	o.mu.Lock()
	o.ended = fn
	o.mu.Unlock()
}

// Start has the office end by itself what is over, from now on. If it uses a depot that is to have been started.
func (o *Office) Start() {
	o.mu.Lock()
	o.started = true
	var over []*given
	for _, e := range o.given {
		if slices.ContainsFunc(e.links, o.known.Has) {
			over = append(over, e)
		}
	}
	begins := o.begins
	o.begins = nil
	o.mu.Unlock()
	for _, e := range over {
		o.sever(e, func(error) {}) // the process has ended before that was done
	}
	for _, fn := range begins {
		fn()
	}
	o.wind()
}

// Host returns the key by which grants name this node.
func (o *Office) Host() grant.Key { return o.host }

// Parse reads a grant, as [grant.Parse] does, and spares the work for one that was shown before and was good: it still has to be checked
// whether it is.
func (o *Office) Parse(b []byte) (*grant.Grant, error) { return o.verifier.Cache.Parse(b) }

// Check says whether a grant is good, and opens something here: nil, or why not, for the log.
func (o *Office) Check(g *grant.Grant) error {
	_, _, err := o.check(g)
	return err
}

// Over reports whether a grant is no good, or not any more, whatever is on offer here.
func (o *Office) Over(g *grant.Grant) bool {
	return g.Subject() != o.host || o.verifier.Verify(g) != nil
}

// Offer has grants about object open roles of it from now on: in turns of v, the object's vat. Objects that are durable are offered anew
// after each start.
func (o *Office) Offer(object grant.ObjectID, v *vat.Vat, roles map[string]Role) error {
	for name, r := range roles {
		if r.Open == nil {
			return fmt.Errorf("warden: the role %q has no Open: give the function that returns its facet", name)
		}
	}
	now := o.clock.Now()
	o.mu.Lock()
	if o.offers[object] != nil {
		o.mu.Unlock()
		return fmt.Errorf("warden: the object %s is on offer already: withdraw it first", object)
	}
	o.offers[object] = &offer{v, maps.Clone(roles)}
	delete(o.withdrawn, object)
	due, audible := o.due(now), o.audible(now)
	o.mu.Unlock()
	for _, a := range due {
		o.pay(a)
	}
	o.hear(audible)
	return nil
}

// Withdraw ends an offer: grants about the object are refused. What was given stays.
func (o *Office) Withdraw(object grant.ObjectID) {
	o.mu.Lock()
	if o.offers[object] != nil {
		o.withdrawn[object] = struct{}{}
	}
	delete(o.offers, object)
	o.mu.Unlock()
}

// role returns what is on offer.
func (o *Office) role(g *grant.Grant) (*vat.Vat, Role, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if of := o.offers[g.Object()]; of != nil {
		if r, ok := of.roles[g.Role()]; ok {
			return of.vat, r, nil
		}
	}
	return nil, Role{}, fmt.Errorf("%w: no such object is on offer here in that role", grant.ErrRefused)
}

// opened opens the role for the holder of a grant, in a turn of the object's vat: the facet, behind a caretaker.
func (r Role) opened(ctx context.Context, g *grant.Grant) (caret vat.Ref, err error) {
	facet, err := r.Open(ctx, Holder{g.Holder(), g})
	if err != nil {
		return vat.Ref{}, err
	}
	if facet.IsNull() {
		return vat.Ref{}, errNoFacet
	}
	caret, _ = vat.Revocable(ctx, facet)
	return caret, nil
}

var errNoFacet = errors.New("warden: the role's Open returned a null reference and no error")
