package main

import (
	"context"
	"errors"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/examples/festival/invite"
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
			if err := g.welcome(by.Grant); err != nil {
				return vat.Ref{}, err
			}
			h := program.Holder{Key: by.Key}
			h.Name = h.Short()
			return program.Lend(g.peer.Copy)(ctx, h)
		},
	}})
	return err
}

var errStranger = errors.New("that invitation is not one of the festival's that you follow: what you have read is not for its owner")

// share gives somebody a grant of the guest's own copy, whom the festival has invited: that takes the festival's public key, and what was heard
// of revocations. Only the owner
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
	if theirs.Grant.Links()[0].Issuer != mine.Grant.Links()[0].Issuer || theirs.Grant.Object() != mine.Grant.Object() {
		return "", errStranger
	}
	if err := g.node.VerifyGrant(theirs.Grant); err != nil {
		return "", err
	}
	own, err := g.node.Issue(lent, string(program.AsVisitor), grant.Terms{Audience: theirs.Grant.Holder(), Expires: theirs.Grant.Expires()})
	if err != nil {
		return "", err
	}
	if err := g.lent.add(own, theirs.Grant); err != nil {
		return "", err
	}
	if err := g.given.add(own); err != nil {
		return "", err
	}
	return invite.Invitation{Grant: own, At: g.node.Location()}.String(), nil
}

// welcome says whether somebody may have the guest's copy by a grant of the guest's: whether what the festival has given them is good still, as
// far as was heard.
func (g *guest) welcome(own *grant.Grant) error {
	all, err := g.lent.all()
	if err != nil {
		return err
	}
	for _, pair := range all {
		if pair[0].ID() == own.Links()[0].ID { // they may have passed it on
			return g.node.VerifyGrant(pair[1])
		}
	}
	return nil // given by another way
}

// takeBack ends what was shared with those of whom was heard that the festival has revoked what it had given them.
func (g *guest) takeBack(ctx context.Context) {
	all, err := g.lent.all()
	if err != nil {
		return // it was good when the program began; who comes by what is in it is refused
	}
	for _, pair := range all {
		own, theirs := pair[0], pair[1]
		if !errors.Is(g.node.VerifyGrant(theirs), grant.Withdrawn) || errors.Is(g.node.VerifyGrant(own), grant.Withdrawn) || time.Now().After(own.Expires()) {
			continue
		}
		if _, _, err := g.node.RevokeGrant(ctx, own, "the festival has taken back its invitation"); err != nil {
			say("! %s", oneLine(err))
			continue
		}
		say("* taken back what you showed to %s: the festival has revoked their invitation", own.Holder())
	}
}
