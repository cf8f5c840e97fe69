package mailroom

import (
	"context"
	"time"

	"github.com/hawser-go/hawser/vat"
)

// Letter is a letter in a box, as its owner's subscriber gets it.
type Letter interface {
	// Done has the box forget the letter.
	Done(ctx context.Context) error
}

// Subscriber gets the letters of a box.
type Subscriber interface {
	// Letter is a letter that is in the box until done was called.
	Letter(ctx context.Context, content []byte, done LetterRef) error
	// Replaced says that another subscriber gets the letters from now on.
	Replaced(ctx context.Context)
}

// expiring is a letter as its timer sees it.
type expiring interface {
	Expire(ctx context.Context) error
}

// held is what is in a letter.
type held interface{ Size(ctx context.Context) int }

// LetterFacet and SubscriberFacet are how these are seen.
var (
	LetterFacet     = vat.FacetOf[Letter]("mailroom.Letter")
	SubscriberFacet = vat.FacetOf[Subscriber]("mailroom.Subscriber")

	expiringFacet = vat.FacetOf[expiring]("mailroom.expiring")
	letterKind    = vat.KindOf("mailroom.letter", func() *letter { return new(letter) }, LetterFacet, expiringFacet)

	contentFacet = vat.FacetOf[held]("mailroom.content")
	contentKind  = vat.KindOf("mailroom.content", func() *content { return new(content) }, contentFacet)
)

type expiringRef struct{ vat.Ref }

func (r expiringRef) Expire(ctx context.Context) vat.Ref { return r.Send(ctx, "expire") }

type contentRef struct{ vat.Ref }

// letter is one in the list of a box. It is written when its neighbours change, so what is in it is apart.
type letter struct {
	Box        innerRef // null once it is out of the box
	Drop       DropRef
	Content    contentRef
	Prev, Next LetterRef
	Size       int
	Timer      vat.Timer
}

// content is what is in a letter. It is written once.
type content struct{ Bytes []byte }

func (c *content) Size(context.Context) int { return len(c.Bytes) }

// add puts a letter at the end of the list.
func (b *box) add(ctx context.Context, by DropRef, bytes []byte, keep time.Duration) error {
	l := &letter{Box: b.Inner, Drop: by, Prev: b.Tail, Size: len(bytes)}
	l.Content = vat.As[contentRef](contentFacet.Spawn(ctx, &content{bytes}))
	ref := vat.As[LetterRef](LetterFacet.Spawn(ctx, l))
	l.Timer = vat.After(ctx, keep, vat.As[expiringRef](expiringFacet.Spawn(ctx, l)), expiringRef.Expire)
	if b.Tail.IsNull() {
		b.Head = ref
	} else {
		last, err := near[letter](ctx, b.Tail.Ref)
		if err != nil {
			return err
		}
		last.Next = ref
	}
	b.Tail = ref
	if b.Cursor.IsNull() {
		b.Cursor = ref
	}
	b.Letters++
	b.Bytes += l.Size
	return b.wake(ctx)
}

func (l *letter) Done(ctx context.Context) error   { return l.leave(ctx) }
func (l *letter) Expire(ctx context.Context) error { return l.leave(ctx) }

// leave takes the letter out of its box, once.
func (l *letter) leave(ctx context.Context) error {
	if l.Box.IsNull() {
		return nil
	}
	b, err := near[box](ctx, l.Box.Ref)
	if err != nil {
		return err
	}
	return b.remove(ctx, l)
}

// remove takes a letter out of the list.
func (b *box) remove(ctx context.Context, l *letter) error {
	if !b.Cursor.IsNull() {
		at, err := near[letter](ctx, b.Cursor.Ref)
		if err != nil {
			return err
		}
		if at == l {
			b.Cursor = l.Next
		}
	}
	if l.Prev.IsNull() {
		b.Head = l.Next
	} else {
		p, err := near[letter](ctx, l.Prev.Ref)
		if err != nil {
			return err
		}
		p.Next = l.Next
	}
	if l.Next.IsNull() {
		b.Tail = l.Prev
	} else {
		n, err := near[letter](ctx, l.Next.Ref)
		if err != nil {
			return err
		}
		n.Prev = l.Prev
	}
	d, err := near[chute](ctx, l.Drop.Ref)
	if err != nil {
		return err
	}
	d.Letters--
	d.Bytes -= l.Size
	b.Letters--
	b.Bytes -= l.Size
	l.Timer.Stop(ctx)
	*l = letter{Size: l.Size} // what still names it keeps nothing else
	return nil
}

// clearing is how many letters of a box that is closed go in one turn.
const clearing = 64

// Clear throws away the letters of a box that is closed.
func (b *box) Clear(ctx context.Context) error {
	b.drop(ctx)
	for range clearing {
		if b.Head.IsNull() {
			return nil
		}
		l, err := near[letter](ctx, b.Head.Ref)
		if err != nil {
			return err
		}
		if err := b.remove(ctx, l); err != nil {
			return err
		}
	}
	return b.Inner.SendOnly(ctx, "clear")
}
