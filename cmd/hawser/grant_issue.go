package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

const grantIssueUsage = `-dir DIR -object NAME [-role ROLE] -to KEY -for TIME [flags]

Grants the use of an object of the node whose Dir is given, and prints the grant, which is public: send it to whom it is for, or publish it.
Nobody but the owner of KEY can use it. Keep it, too: to revoke it, it is needed.

` + termsUsage

// issue is hawser grant issue.
func (c *grantCommand) issue(args []string) error {
	c.signerFlags()
	t := c.termFlags()
	object := c.flags.String("object", "", "the `name` under which the node offers the object")
	objectID := c.flags.String("object-id", "", "the object's `id`, 32 hexadecimal digits, in place of its name")
	role := c.flags.String("role", "", "what part of the object: the `name` of a role that it has (default: the object's default)")
	if _, err := c.parse(args, grantIssueUsage); err != nil {
		return err
	}
	if (*object == "") == (*objectID == "") {
		return c.misuse("what it is about is said by -object NAME, or by -object-id: give one of them")
	}
	id, err := c.identity()
	if err != nil {
		return err
	}
	signer := grant.SignerOf(id)
	root := grant.Root{Object: hawser.ObjectIDOf(grant.KeyOf(signer), *object), Role: *role}
	if *objectID != "" {
		if root.Object, err = grant.ParseObjectID(*objectID); err != nil {
			return c.misuse("-object-id: %s", plainly(err))
		}
	}
	terms, err := c.terms(t, time.Time{})
	if err != nil {
		return err
	}
	g, b, err := t.make(terms, func(terms grant.Terms) (*grant.Grant, error) { return grant.Issue(signer, root, terms) },
		func(terms grant.Terms) (grant.Bearer, error) { return grant.IssueBearer(signer, root, terms) })
	if err != nil {
		return c.misuse("%s", plainly(err))
	}
	return c.made(t, g, b)
}

const grantDelegateUsage = `-dir DIR | -key FILE  GRANT -to KEY [flags]

Passes on what GRANT allows, or less of it if flags say so, never more, and prints the new grant, which is public. Nobody need be asked, and no
connection is needed. Without -for and -accept its times are those of GRANT. A bearer grant comes with its own key, so neither -dir nor -key is needed.

` + termsUsage

// delegate is hawser grant delegate.
func (c *grantCommand) delegate(args []string) error {
	c.signerFlags()
	t := c.termFlags()
	got, err := c.parse(args, grantDelegateUsage, "GRANT")
	if err != nil {
		return err
	}
	from, err := c.grant(got[0])
	if err != nil {
		return err
	}
	signer, err := c.signer(from)
	if err != nil {
		return err
	}
	terms, err := c.terms(t, from.Expires())
	if err != nil {
		if !from.Expires().After(c.now) {
			return &notGood{fmt.Sprintf("%s is over since %s: ask whoever gave it for a new one", from.from, stamp(from.Expires()))}
		}
		return err
	}
	if t.expire == "" && t.accept == "" {
		terms.Accept = from.Accept()
	}
	links := from.Links()
	last := links[len(links)-1]
	key := grant.KeyOf(signer)
	switch {
	case key != from.Holder():
		return &notGood{fmt.Sprintf("%s is for %s, who alone can pass it on: the key that was to sign is %s", from.from, from.Holder(), key)}
	case last.Depth == 0 || slices.Contains(last.Caveats, grant.NoRegrant()):
		return &notGood{fmt.Sprintf("%s may not be passed on: ask whoever gave it for one that may (-depth)", from.from)}
	case terms.Depth >= last.Depth:
		return &notGood{fmt.Sprintf("%s may be passed on %s, this time included: -depth is at most %d", from.from, times(last.Depth), last.Depth-1)}
	}
	if err := c.genuine(from); err != nil {
		return err
	}
	g, b, err := t.make(terms, func(terms grant.Terms) (*grant.Grant, error) { return from.Delegate(signer, terms) },
		func(terms grant.Terms) (grant.Bearer, error) { return from.DelegateBearer(signer, terms) })
	if err != nil {
		return c.misuse("%s", plainly(err))
	}
	if terms.Expires.After(from.Expires()) {
		fmt.Fprintf(c.stderr, "hawser: note: the grant passed on ends %s, and with it this one\n", stamp(from.Expires()))
	}
	return c.made(t, g, b)
}

// genuine checks that a grant is signed as it says, and has not ended; it may be one that has not begun.
func (c *grantCommand) genuine(g given) error {
	at := c.now
	for _, l := range g.Links() {
		if l.NotBefore.After(at) {
			at = l.NotBefore
		}
	}
	err := (&grant.Verifier{Now: func() time.Time { return at }}).Verify(g.Grant)
	if errors.Is(err, grant.ErrRefused) {
		return refused(g.from, err)
	}
	return err
}
