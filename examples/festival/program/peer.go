package program

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// A Peer is what somebody has of a festival, for code outside turns that shows it to them. Copy is needed, the others are null if
// they may not do what these are for.
type Peer struct {
	Copy  CopyRef
	Desk  DeskRef
	Admin AdminRef
	// Festival is what the copy reads, or another visitor's facet, to ask what events' homes say now.
	Festival VisitorRef
	// Vat is an ordinary one, where what listens is.
	Vat *vat.Vat
	// Held says what the facets are, and how they came here, for people.
	Held []Held
	// Patience is how long others may take to answer (default 5 s).
	Patience time.Duration

	durable *vat.Vat
	ring    Keyring
}

// Held is one of the facets that somebody has.
type Held struct {
	Role Role
	// From says in one line how it was had.
	From string
}

// State is all there is to show.
type State struct {
	View
	Mine []Mine
	Held []Held
	// MayAdd and MayAdmin say what the peer has the facets for.
	MayAdd, MayAdmin bool
}

// Errors of a peer.
var (
	ErrMayNot = vat.NewError("festival.may-not", "you have no facet that allows this")
	ErrSilent = vat.NewError("festival.silent", "there is no answer yet: whoever is asked cannot be reached at the moment")
)

func (p *Peer) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	patience := p.Patience
	if patience <= 0 {
		patience = 5 * time.Second
	}
	return context.WithTimeoutCause(ctx, patience, ErrSilent)
}

func await[T any](ctx context.Context, p *Peer, ask func(ctx context.Context) promise.Promise[T]) (T, error) {
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	v, err := ask(ctx).Await(ctx)
	if err != nil && errors.Is(context.Cause(ctx), ErrSilent) {
		err = ErrSilent
	}
	return v, err
}

// State returns all there is to show.
func (p *Peer) State(ctx context.Context) (State, error) {
	s := State{Held: p.Held, MayAdd: !p.Desk.IsNull(), MayAdmin: !p.Admin.IsNull()}
	var err error
	if s.View, err = await(ctx, p, p.Copy.View); err != nil {
		return State{}, err
	}
	if s.MayAdd {
		s.Mine, err = await(ctx, p, p.Desk.Mine)
	}
	return s, err
}

// Watch has fn called, in turns of the peer's vat, when there is something new, as long as the process lives. It must not wait.
func (p *Peer) Watch(ctx context.Context, fn func()) error {
	l := vat.As[ListenerRef](ListenerFacet.SpawnIn(p.Vat, listener(fn)))
	_, err := await(ctx, p, func(ctx context.Context) promise.Promise[any] { return p.Copy.Watch(ctx, l) })
	if err == nil && !p.Desk.IsNull() {
		_, err = await(ctx, p, func(ctx context.Context) promise.Promise[any] { return p.Desk.Watch(ctx, l) })
	}
	return err
}

type listener func()

func (l listener) Changed(context.Context, int) { l() }

// Add makes an event at the peer's desk.
func (p *Peer) Add(ctx context.Context, d Details) (ID, error) {
	if p.Desk.IsNull() {
		return ID{}, ErrMayNot
	}
	return await(ctx, p, func(ctx context.Context) promise.Promise[ID] { return p.Desk.Add(ctx, d) })
}

// Edit changes one of the desk's events, if it is still as it was in the version base.
func (p *Peer) Edit(ctx context.Context, id ID, base int, d Details) error {
	if p.Desk.IsNull() {
		return ErrMayNot
	}
	_, err := await(ctx, p, func(ctx context.Context) promise.Promise[Snapshot] { return p.Desk.Owner(ctx, id).Edit(ctx, base, d) })
	return err
}

// Withdraw ends one of the desk's events.
func (p *Peer) Withdraw(ctx context.Context, id ID) error {
	if p.Desk.IsNull() {
		return ErrMayNot
	}
	_, err := await(ctx, p, func(ctx context.Context) promise.Promise[any] { return p.Desk.Owner(ctx, id).Withdraw(ctx) })
	return err
}

// Unlist takes an event off the festival's list.
func (p *Peer) Unlist(ctx context.Context, number int, reason string) error {
	if p.Admin.IsNull() {
		return ErrMayNot
	}
	_, err := await(ctx, p, func(ctx context.Context) promise.Promise[any] { return p.Admin.Unlist(ctx, number, reason) })
	return err
}

// List puts an event back on the list.
func (p *Peer) List(ctx context.Context, number int) error {
	if p.Admin.IsNull() {
		return ErrMayNot
	}
	_, err := await(ctx, p, func(ctx context.Context) promise.Promise[any] { return p.Admin.List(ctx, number) })
	return err
}

// Describe changes what the festival says of itself.
func (p *Peer) Describe(ctx context.Context, info Info) error {
	if p.Admin.IsNull() {
		return ErrMayNot
	}
	_, err := await(ctx, p, func(ctx context.Context) promise.Promise[any] { return p.Admin.Describe(ctx, info) })
	return err
}

// Ask returns what an event's own home says at this moment.
func (p *Peer) Ask(ctx context.Context, number int) (Snapshot, error) {
	view, err := await(ctx, p, p.Copy.View)
	if err != nil {
		return Snapshot{}, err
	}
	i := slices.IndexFunc(view.Entries, func(e Entry) bool { return e.Number == number })
	if i < 0 {
		return Snapshot{}, ErrGone
	}
	said, err := await(ctx, p, func(ctx context.Context) promise.Promise[Snapshot] { return p.Festival.Event(ctx, number).Now(ctx) })
	if err == nil {
		err = said.check()
	}
	if err == nil {
		err = said.Genuine(view.Entries[i].ID, view.Entries[i].By.Key)
	}
	if err != nil {
		return Snapshot{}, err
	}
	return said, nil
}
