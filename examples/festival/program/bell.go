package program

import (
	"context"
	"slices"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// bell is a part of the state of an object that has listeners. Each has an ear, an object that tells it in turns of its own, so
// that one whose session takes no more keeps nobody else from hearing.
type bell struct {
	Ears []earOf
	Last int // number of the newest ear
}

type earOf struct {
	Number int
	Ear    earRef
	To     ListenerRef
	For    Holder
}

// How many listeners an object has, and how many of them for one holder.
const maxEars, maxEarsPerHolder = 256, 8

// ErrFull says that there is no room for more.
var ErrFull = vat.NewError("festival.full", "there is no room for more")

// ErrNobody says that a reference that is needed is null, or leads nowhere yet.
var ErrNobody = vat.NewError("festival.nobody", "there is nobody behind that reference")

// add has a listener told of what comes, and of what there is up to now. of is the object whose bell it is.
func (b *bell) add(ctx context.Context, of bellRef, holder Holder, to ListenerRef, upTo int) error {
	if to.IsNull() {
		return ErrNobody
	}
	mine, oldest := 0, -1
	for i, e := range b.Ears {
		if e.To == to {
			e.Ear.Ring(ctx, upTo)
			return nil
		}
		if e.For == holder {
			if mine++; oldest < 0 {
				oldest = i
			}
		}
	}
	switch {
	case mine >= maxEarsPerHolder:
		b.Ears = slices.Delete(slices.Clone(b.Ears), oldest, oldest+1)
	case len(b.Ears) >= maxEars:
		i := b.silent(ctx)
		if i < 0 {
			return ErrFull
		}
		b.Ears = slices.Delete(slices.Clone(b.Ears), i, i+1)
	}
	b.Last++
	ear := vat.As[earRef](earFacet.Spawn(ctx, &ear{Of: of, Number: b.Last, To: to}))
	b.Ears = append(b.Ears, earOf{b.Last, ear, to, holder})
	ear.Ring(ctx, upTo)
	return nil
}

// silent returns the ear whose listener has not answered for longest, -1 if all have.
func (b *bell) silent(ctx context.Context) int {
	at, since := -1, time.Now()
	for i, each := range b.Ears {
		if e, ok := vat.Near[*ear](ctx, each.Ear.Ref); ok && e.Waiting && e.Since.Before(since) {
			at, since = i, e.Since
		}
	}
	return at
}

func (b *bell) ring(ctx context.Context, upTo int) {
	for _, e := range b.Ears {
		e.Ear.Ring(ctx, upTo)
	}
}

func (b *bell) forget(number int) {
	b.Ears = slices.DeleteFunc(slices.Clone(b.Ears), func(e earOf) bool { return e.Number == number })
}

// belled is the object whose bell it is, as ears see it.
type belled interface {
	Forget(ctx context.Context, ear int)
}

type bellRef struct{ vat.Ref }

// Forget calls belled.Forget and waits for nothing.
func (r bellRef) Forget(ctx context.Context, ear int) { _ = r.SendOnly(ctx, "forget", ear) }

// ear tells one listener. While that has not answered nothing more is sent to it.
type ear struct {
	Of     bellRef
	Number int
	To     ListenerRef
	UpTo   int
	Told   int
	// Waiting says that the listener has not answered, since when.
	Waiting bool
	Since   time.Time
}

type earView interface {
	Ring(ctx context.Context, upTo int)
	Heard(ctx context.Context, o promise.Outcome[any])
}

var (
	bellFacet = vat.FacetOf[belled]("festival.bell")
	earFacet  = vat.FacetOf[earView]("festival.ear")
	earKind   = vat.KindOf("festival.ear", func() *ear { return new(ear) }, earFacet)
)

type earRef struct{ vat.Ref }

// Ring calls earView.Ring and waits for nothing.
func (r earRef) Ring(ctx context.Context, upTo int) { _ = r.SendOnly(ctx, "ring", upTo) }

// Heard calls earView.Heard.
func (r earRef) Heard(ctx context.Context, o promise.Outcome[any]) vat.Ref {
	return r.Send(ctx, "heard", o)
}

func (e *ear) Ring(ctx context.Context, upTo int) {
	e.UpTo = max(e.UpTo, upTo)
	e.tell(ctx)
}

func (e *ear) tell(ctx context.Context) {
	if e.Waiting || e.UpTo <= e.Told {
		return
	}
	e.Waiting, e.Since, e.Told = true, time.Now(), e.UpTo
	vat.WhenSettled(ctx, e.To.Changed(ctx, e.UpTo), vat.As[earRef](vat.Self(ctx)), earRef.Heard)
}

func (e *ear) Heard(ctx context.Context, o promise.Outcome[any]) {
	if _, err := o.Get(); err != nil {
		e.Of.Forget(ctx, e.Number) // and until then, nothing more is sent
		return
	}
	e.Waiting = false
	e.tell(ctx)
}
