package mailroom

import (
	"context"
	"time"

	"github.com/hawser-go/hawser/vat"
)

// Drop is the permission to put letters into one box.
type Drop interface {
	// Drop leaves a letter there, to be kept for so many days, 1 to 31; fewer are 1 and more are 31. What it refuses breaks with ErrFull,
	// ErrExpired, ErrTooLarge or ErrRevoked. When it has answered the letter is on the disk.
	Drop(ctx context.Context, letter []byte, days int) error
	// Bundle returns the prekeys that the box's owner has left; empty if none.
	Bundle(ctx context.Context) ([]byte, error)
}

// DropFacet is a drop as peers see it.
var DropFacet = vat.FacetOf[Drop]("mailroom.Drop")

var dropKind = vat.KindOf("mailroom.drop", func() *chute { return new(chute) }, DropFacet)

type chute struct {
	Box            innerRef
	Name           string // of its publication
	Terms          Terms
	Letters, Bytes int
	Revoked        bool
}

func (d *chute) Drop(ctx context.Context, letter []byte, days int) error {
	if d.Revoked {
		return ErrRevoked
	}
	now := time.Now()
	if err := d.Terms.admits(d.Letters, d.Bytes, len(letter), now); err != nil {
		return err
	}
	b, err := near[box](ctx, d.Box.Ref)
	if err != nil {
		return err
	}
	if err := b.Terms.admits(b.Letters, b.Bytes, len(letter), now); err != nil {
		return err
	}
	d.Letters++
	d.Bytes += len(letter)
	return b.add(ctx, vat.As[DropRef](vat.Self(ctx)), letter, time.Duration(min(max(days, 1), maxDays))*24*time.Hour)
}

func (d *chute) Bundle(ctx context.Context) ([]byte, error) {
	if d.Revoked {
		return nil, ErrRevoked
	}
	b, err := near[box](ctx, d.Box.Ref)
	if err != nil {
		return nil, err
	}
	return b.Bundle, nil
}
