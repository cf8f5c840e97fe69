package program

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/hawser-go/hawser/examples/festival/legible"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// A Copy is what a peer keeps of a festival, to read also when the festival cannot be reached, as the peer's own program sees it.
type Copy interface {
	// Use has the copy follow a festival: it listens, and asks for what is new. With another facet it asks for everything.
	Use(ctx context.Context, festival VisitorRef) error
	// Festival returns the facet that the copy follows, null if there is none yet.
	Festival(ctx context.Context) VisitorRef
	// View returns what there is.
	View(ctx context.Context) View
	// Watch has a listener told when there is something new.
	Watch(ctx context.Context, l ListenerRef) error
}

// View is what a peer knows of a festival.
type View struct {
	Standing Standing
	Info     Info
	// Entries are in order of their numbers.
	Entries []Entry
	// Synced is when the festival has last answered; Asking says that it has not yet, since when, and Trouble why it did not.
	Synced  time.Time
	Asking  bool
	Since   time.Time
	Trouble string
}

type copybook struct {
	Seen    View
	From    VisitorRef
	Retries bool // a timer runs, after which everything is asked for again
	After   int  // the change up to which everything is here
	UpTo    int  // the newest change heard of
	Asked   int  // the same when the question was asked that is under way
	Change  int  // of the copy
	// Before is what was known when the festival began to tell everything anew, as long as it does.
	Before []Entry
	// Floor is the change at which an event was last taken away, of which those to whom the copy is lent hear no other way.
	Floor   int
	Lending lendingRef
	Ear     ListenerRef
	Self    copySelfRef
	Bell    bell
	BellRef bellRef
}

type copySelf interface {
	Got(ctx context.Context, from VisitorRef, o promise.Outcome[Changes])
	Stands(ctx context.Context, from VisitorRef, o promise.Outcome[Standing])
	Heard(ctx context.Context, from VisitorRef, o promise.Outcome[any])
	Again(ctx context.Context)
}

var (
	// ListenerFacet is what those see who tell a listener.
	ListenerFacet = vat.FacetOf[Listener]("festival.Listener")
	// CopyFacet is what the peer's program sees.
	CopyFacet = vat.FacetOf[Copy]("festival.Copy")

	copySelfFacet = vat.FacetOf[copySelf]("festival.copy")
	copyKind      = vat.KindOf("festival.copy", func() *copybook { return new(copybook) }, CopyFacet, ListenerFacet, copySelfFacet, bellFacet)
)

type copySelfRef struct{ vat.Ref }

// Got calls copySelf.Got.
func (r copySelfRef) Got(ctx context.Context, from VisitorRef, o promise.Outcome[Changes]) vat.Ref {
	return r.Send(ctx, "got", from, o)
}

// Stands calls copySelf.Stands.
func (r copySelfRef) Stands(ctx context.Context, from VisitorRef, o promise.Outcome[Standing]) vat.Ref {
	return r.Send(ctx, "stands", from, o)
}

// Heard calls copySelf.Heard.
func (r copySelfRef) Heard(ctx context.Context, from VisitorRef, o promise.Outcome[any]) vat.Ref {
	return r.Send(ctx, "heard", from, o)
}

// Again calls copySelf.Again.
func (r copySelfRef) Again(ctx context.Context) vat.Ref { return r.Send(ctx, "again") }

// OpenCopy returns the copy of a durable vat, which is made with the first call.
func OpenCopy(ctx context.Context, v *vat.Vat) (CopyRef, error) {
	return vat.Root(ctx, v, "copy", func(ctx context.Context) (CopyRef, error) {
		c := &copybook{Lending: newLending(ctx)}
		ref := CopyFacet.Spawn(ctx, c)
		c.Ear, c.BellRef = vat.As[ListenerRef](ListenerFacet.Spawn(ctx, c)), vat.As[bellRef](bellFacet.Spawn(ctx, c))
		c.Self = vat.As[copySelfRef](copySelfFacet.Spawn(ctx, c))
		return vat.As[CopyRef](ref), nil
	})
}

func (c *copybook) Use(ctx context.Context, festival VisitorRef) error {
	if festival.IsNull() {
		return ErrNobody
	}
	if c.From == festival && c.Seen.Trouble == "" {
		return nil
	}
	c.From = festival
	c.follow(ctx)
	return nil
}

// follow asks for everything again. What is shown meanwhile is what was known.
func (c *copybook) follow(ctx context.Context) {
	c.After, c.Seen.Asking, c.Seen.Trouble = 0, false, ""
	festival := c.From
	vat.WhenSettled(ctx, festival.Standing(ctx), c.Self, func(r copySelfRef, ctx context.Context, o promise.Outcome[Standing]) vat.Ref {
		return r.Stands(ctx, festival, o)
	})
	vat.WhenSettled(ctx, festival.Watch(ctx, c.Ear), c.Self, func(r copySelfRef, ctx context.Context, o promise.Outcome[any]) vat.Ref {
		return r.Heard(ctx, festival, o)
	})
	c.ask(ctx)
	c.changed(ctx)
}

// fail notes why the festival does not tell what is new. It is asked again in a while.
func (c *copybook) fail(ctx context.Context, err error) {
	c.Seen.Trouble = legible.Reason(err, 4*MaxTitle)
	if !c.Retries {
		c.Retries = true
		vat.After(ctx, retryAfter, c.Self, copySelfRef.Again)
	}
	c.changed(ctx)
}

// retryAfter is how long a festival that has refused to tell what is new is left alone.
const retryAfter = 2 * time.Minute

func (c *copybook) Again(ctx context.Context) {
	c.Retries = false
	if c.Seen.Trouble != "" {
		c.follow(ctx)
	}
}

// Changed implements Listener.
func (c *copybook) Changed(ctx context.Context, upTo int) {
	c.UpTo = min(max(c.UpTo, upTo), maxVersion)
	if c.UpTo > c.After {
		c.ask(ctx)
	}
}

// ask asks for what is new, one question at a time.
func (c *copybook) ask(ctx context.Context) {
	if c.Seen.Asking || c.From.IsNull() {
		return
	}
	c.Seen.Asking, c.Seen.Since, c.Asked = true, time.Now(), c.UpTo
	from := c.From
	vat.WhenSettled(ctx, from.Changes(ctx, c.After), c.Self, func(r copySelfRef, ctx context.Context, o promise.Outcome[Changes]) vat.Ref {
		return r.Got(ctx, from, o)
	})
}

// Got is told what is new. Whoever keeps the festival may say anything: what is kept of it is bounded, and safe to show.
func (c *copybook) Got(ctx context.Context, from VisitorRef, o promise.Outcome[Changes]) {
	if from != c.From {
		return
	}
	c.Seen.Asking = false
	news, err := o.Get()
	if err != nil {
		c.fail(ctx, err)
		return
	}
	if news.Reset || c.After == 0 {
		c.Before, c.Seen.Entries = append(c.Before, c.Seen.Entries...), nil
		if over := len(c.Before) - maxEvents; over > 0 {
			c.Before = slices.Clone(c.Before[over:])
		}
	}
	if news.Info != nil && news.Info.Check() == nil {
		c.Seen.Info = *news.Info
	}
	for _, e := range news.Entries[:min(len(news.Entries), maxAtOnce)] {
		c.keep(e)
	}
	if !news.More {
		c.Before = nil
	}
	before := c.After
	c.After, c.Seen.Synced = news.UpTo, time.Now()
	if news.Reset || before == 0 {
		c.Floor = c.After
	}
	// More was heard of, since the question perhaps, which the answer was too early for. Who only says so is asked no more.
	if (news.More || c.UpTo > c.After) && c.After > before || c.UpTo > max(c.After, c.Asked) {
		c.ask(ctx)
	}
	c.changed(ctx)
}

// keep keeps one entry, in the order of their numbers.
func (c *copybook) keep(e Entry) {
	i, found := slices.BinarySearchFunc(c.Seen.Entries, e.Number, func(x Entry, number int) int { return cmp.Compare(x.Number, number) })
	sound := e.State == Listed || e.State == Unlisted
	sound = sound && e.Number > 0 && e.By.check() == nil && e.Said.check() == nil && checkLine("", e.Reason, 0, MaxTitle) == nil &&
		e.Said.Genuine(e.ID, e.By.Key) == nil
	all := slices.Clone(c.Seen.Entries)
	for _, known := range [][]Entry{all, c.Before} {
		j := slices.IndexFunc(known, func(x Entry) bool { return x.ID == e.ID && x.By.Key == e.By.Key })
		if sound && j >= 0 && known[j].Said.Version > e.Said.Version {
			e.Said = known[j].Said // what the home has said since the festival cannot take back
		}
	}
	switch {
	case found && sound:
		if e.State != Listed {
			c.Floor = e.Change
		}
		all[i] = e
	case found:
		c.Floor = e.Change
		all = slices.Delete(all, i, i+1)
	case sound && len(all) < maxEvents:
		all = slices.Insert(all, i, e)
	}
	c.Seen.Entries = all
}

// Stands is told what the facet is.
func (c *copybook) Stands(ctx context.Context, from VisitorRef, o promise.Outcome[Standing]) {
	if s, err := o.Get(); from == c.From && err == nil && s.Holder.check() == nil && checkLine("", string(s.Role), 1, MaxTitle) == nil {
		c.Seen.Standing = s
		c.changed(ctx)
	}
}

// Heard is told whether the festival tells of what is new.
func (c *copybook) Heard(ctx context.Context, from VisitorRef, o promise.Outcome[any]) {
	if _, err := o.Get(); from == c.From && err != nil {
		c.fail(ctx, err)
	}
}

func (c *copybook) Festival(context.Context) VisitorRef { return c.From }

func (c *copybook) View(context.Context) View { return c.Seen }

func (c *copybook) Watch(ctx context.Context, l ListenerRef) error {
	return c.Bell.add(ctx, c.BellRef, Holder{}, l, c.Change)
}

// Forget implements belled.
func (c *copybook) Forget(_ context.Context, ear int) { c.Bell.forget(ear) }

func (c *copybook) changed(ctx context.Context) {
	c.Change++
	c.Bell.ring(ctx, c.Change)
	c.Lending.Ring(ctx, c.After)
}
