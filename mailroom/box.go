package mailroom

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// Box is a box as its owner has it.
type Box interface {
	// Subscribe has the box push its letters to a [Subscriber], from the oldest on, and those that come: as many at a time as it has
	// room for. They stay until they are done. An earlier subscriber gets no more, and is told. It returns the number of the subscription.
	Subscribe(ctx context.Context, to SubscriberRef) (round int, err error)
	// Got says that the subscriber of that number has room for as many letters more, and as many bytes. It does not say that they are
	// done: a letter may have to wait for one that is behind it in the box.
	Got(ctx context.Context, round, letters, bytes int) error
	// Leave replaces the prekeys that those who drop letters get.
	Leave(ctx context.Context, bundle []byte) error
	// NewDrop makes a drop, for one peer, and returns its URI. If there is one of that label it gets these terms, and the URI is
	// the one it has. The server sees labels: let them not say who the peer is.
	NewDrop(ctx context.Context, label string, t Terms) (promise.Promise[string], error)
	// RevokeDrop has a drop answer ErrRevoked from now on. Letters that have come by it stay.
	RevokeDrop(ctx context.Context, label string) error
	// Drops returns what the drops hold, in order of their labels.
	Drops(ctx context.Context) ([]Usage, error)
	// Usage returns what the box holds.
	Usage(ctx context.Context) Usage
}

// inner is what the objects of this package say to a box.
type inner interface {
	Push(ctx context.Context) error
	Clear(ctx context.Context) error
	Forget(ctx context.Context, name string) error
}

// BoxFacet is a box as its owner sees it.
var BoxFacet = vat.FacetOf[Box]("mailroom.Box")

var (
	innerFacet = vat.FacetOf[inner]("mailroom.inner")
	boxKind    = vat.KindOf("mailroom.box", func() *box { return new(box) }, BoxFacet, innerFacet)

	rosterFacet = vat.FacetOf[rosterView]("mailroom.roster")
	rosterKind  = vat.KindOf("mailroom.roster", func() *roster { return new(roster) }, rosterFacet)
)

type innerRef struct{ vat.Ref }

func (r innerRef) Forget(ctx context.Context, name string) vat.Ref {
	return r.Send(ctx, "forget", name)
}

// box has what a turn of it needs and no more: its state is written whenever a letter comes or goes.
type box struct {
	Office OfficeRef
	Inner  innerRef
	Roster rosterRef
	Number int
	Terms  Terms
	Closed bool
	Bundle []byte
	// Letters and Bytes are what there is; Head and Tail the oldest letter and the newest.
	Letters, Bytes int
	Head, Tail     LetterRef
	// Subscriber gets the letters from Cursor on; Round counts subscriptions, Flying and FlyingBytes what was pushed in this one and
	// was not got.
	Subscriber          SubscriberRef
	Cursor              LetterRef
	Round               int
	Flying, FlyingBytes int
}

// roster has the drops of a box, apart from it because there may be many.
type roster struct {
	Drops map[string]DropRef // by label
	Gone  map[string]DropRef // revoked, by publication
	Count int
}

type rosterView interface{ Size(ctx context.Context) int }

type rosterRef struct{ vat.Ref }

func (r *roster) Size(context.Context) int { return len(r.Drops) }

// all returns every drop, also those that are revoked.
func (r *roster) all() []DropRef {
	var all []DropRef
	for _, m := range []map[string]DropRef{r.Drops, r.Gone} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			all = append(all, m[k])
		}
	}
	return all
}

// publication is the name that the box's sturdyref is kept under.
func (b *box) publication() string { return fmt.Sprintf("mailbox/%d", b.Number) }

func (b *box) Leave(_ context.Context, bundle []byte) error {
	if len(bundle) > mailbox.MaxBundle {
		return fmt.Errorf("%d bytes of prekeys: %w", len(bundle), ErrTooLarge)
	}
	b.Bundle = bundle
	return nil
}

func (b *box) Usage(context.Context) Usage {
	return Usage{Letters: b.Letters, Bytes: b.Bytes, Terms: b.Terms}
}

// publisher returns who publishes.
func (b *box) publisher(ctx context.Context) (PublisherRef, error) {
	o, err := near[office](ctx, b.Office.Ref)
	if err == nil && o.Publisher.IsNull() {
		err = ErrUnattached
	}
	if err != nil {
		return PublisherRef{}, err
	}
	return o.Publisher, nil
}

func (b *box) NewDrop(ctx context.Context, label string, t Terms) (promise.Promise[string], error) {
	var none promise.Promise[string]
	t, err := t.or(dropDefaults)
	if err == nil {
		err = checkName(label)
	}
	if err == nil && b.Closed {
		err = ErrRevoked
	}
	if err != nil {
		return none, err
	}
	p, err := b.publisher(ctx)
	if err != nil {
		return none, err
	}
	r, err := near[roster](ctx, b.Roster.Ref)
	if err != nil {
		return none, err
	}
	ref, known := r.Drops[label]
	if !known {
		if len(r.Drops)+len(r.Gone) >= maxDrops {
			return none, ErrFull
		}
		r.Count++
		ref = vat.As[DropRef](DropFacet.Spawn(ctx, &chute{Box: b.Inner, Name: fmt.Sprintf("%s/drop/%d", b.publication(), r.Count)}))
		if r.Drops == nil {
			r.Drops = make(map[string]DropRef)
		}
		r.Drops[label] = ref
	}
	d, err := near[chute](ctx, ref.Ref)
	if err != nil {
		return none, err
	}
	d.Terms = t
	return p.Publish(ctx, d.Name, ref.Ref), nil
}

// keepRevoked is for how long a drop that was revoked says so: as long as a letter may wait that names it.
const keepRevoked = maxDays * 24 * time.Hour

func (b *box) RevokeDrop(ctx context.Context, label string) error {
	r, err := near[roster](ctx, b.Roster.Ref)
	if err != nil {
		return err
	}
	ref, ok := r.Drops[label]
	if !ok {
		return fmt.Errorf("%q: %w", label, ErrName)
	}
	d, err := near[chute](ctx, ref.Ref)
	if err != nil {
		return err
	}
	d.Revoked = true
	delete(r.Drops, label)
	if r.Gone == nil {
		r.Gone = make(map[string]DropRef)
	}
	name := d.Name
	r.Gone[name] = ref
	vat.After(ctx, keepRevoked, b.Inner, func(i innerRef, ctx context.Context) vat.Ref { return i.Forget(ctx, name) })
	return nil
}

// Forget ends the sturdyref of a drop that was revoked long ago.
func (b *box) Forget(ctx context.Context, name string) error {
	r, err := near[roster](ctx, b.Roster.Ref)
	if err != nil {
		return err
	}
	if p, err := b.publisher(ctx); err == nil { // else it is not published at the next start
		_ = p.SendOnly(ctx, "revoke", name)
	}
	delete(r.Gone, name)
	return nil
}

func (b *box) Drops(ctx context.Context) ([]Usage, error) {
	r, err := near[roster](ctx, b.Roster.Ref)
	if err != nil {
		return nil, err
	}
	var all []Usage
	for _, label := range slices.Sorted(maps.Keys(r.Drops)) {
		d, err := near[chute](ctx, r.Drops[label].Ref)
		if err != nil {
			return nil, err
		}
		all = append(all, Usage{Letters: d.Letters, Bytes: d.Bytes, Terms: d.Terms, Label: label, Revoked: d.Revoked})
	}
	return all, nil
}
