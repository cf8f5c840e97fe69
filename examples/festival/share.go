package main

import (
	"context"
	"errors"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// lent is the name under which a guest's copy is on offer, to those with whom the guest shares it.
const lent = "copy"

// offer has grants of the guest's open what the guest has read.
func (g *guest) offer(ctx context.Context, v *vat.Vat) error {
	_, err := g.node.Offer(ctx, lent, v, map[string]hawser.Role{string(program.AsVisitor): {
		Open: func(ctx context.Context, by hawser.Holder) (vat.Ref, error) {
			h := program.Holder{Key: by.Key}
			h.Name = h.Short()
			return program.Lend(g.peer.Copy)(ctx, h)
		},
	}})
	return err
}

var errStranger = errors.New("that invitation is not one of the festival's that you follow: what you have read is not for its owner")

// share gives somebody a grant of the guest's own copy, whom the festival has invited: that takes the festival's public key alone. Only the owner
// of the key that the festival has invited can use it, and has read nothing then that the festival would not have shown.
func (g *guest) share(_ context.Context, line string) (string, error) {
	theirs, err := parseInvitation(line)
	if err != nil {
		return "", err
	}
	mine, err := g.invitation()
	if err != nil {
		return "", err
	}
	if theirs.grant.Links()[0].Issuer != mine.grant.Links()[0].Issuer || theirs.grant.Object() != mine.grant.Object() {
		return "", errStranger
	}
	if err := (&grant.Verifier{Now: time.Now}).Verify(theirs.grant); err != nil {
		return "", err
	}
	own, err := g.node.Issue(lent, string(program.AsVisitor), grant.Terms{Audience: theirs.grant.Holder(), Expires: theirs.grant.Expires()})
	if err != nil {
		return "", err
	}
	if err := g.given.add(own); err != nil {
		return "", err
	}
	return invitation{own, g.node.Location()}.String()
}
