package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

const grantShowUsage = `GRANT
       hawser grant show NOTICE
       hawser grant show RECEIPT

Says in words what a grant allows to whom, what a notice revokes, or what a receipt confirms, and whether its signatures were verified. It does
not know what was revoked: hawser grant verify -revoked does. The exit status is 0 if there was something to show, good or not: for scripts there is verify.
`

// show is hawser grant show.
func (c *grantCommand) show(args []string) error {
	got, err := c.parse(args, grantShowUsage, "GRANT, NOTICE or RECEIPT")
	if err != nil {
		return err
	}
	text, from, err := c.text(got[0], "grant", grantPrefix, noticePrefix, receiptPrefix)
	if err != nil {
		return err
	}
	var lines []string
	if strings.HasPrefix(text, noticePrefix) {
		lines, err = c.noticeLines(text, strings.Replace(from, "grant", "notice", 1))
	} else if called, is := isReceipt(text, from); is {
		lines, err = c.receiptLines(text, called)
	} else {
		var g given
		if g, err = readGrant(text, from); err == nil {
			lines = c.grantLines(g)
		}
	}
	if err != nil {
		return err
	}
	for i := range lines {
		lines[i] = showable(lines[i])
	}
	return c.print(strings.Join(lines, "\n") + "\n")
}

// grantLines says what there is to say of a grant.
func (c *grantCommand) grantLines(g given) []string {
	lines := []string{"verified: the signatures are those of the keys named here, and it is in force"}
	if err := (&grant.Verifier{Now: func() time.Time { return c.now }}).Verify(g.Grant); err != nil {
		lines[0] = "NOT VERIFIED, do not rely on it: " + refused("it", err).Error()
	}
	if g.bearer.Signer() != nil {
		lines = append(lines, "a bearer grant: whoever has the text that this was read from can use it")
	}
	role := "the object's default"
	if g.Role() != "" {
		role = g.Role()
	}
	add := func(what, format string, args ...any) {
		lines = append(lines, fmt.Sprintf("%-9s%s", what, fmt.Sprintf(format, args...)))
	}
	add("object", "%s", g.Object())
	add("home", "%s, who says so: it is worth something if that is whom you mean", g.Subject())
	add("role", "%s", role)
	add("for", "%s", g.Holder())
	add("until", "%s (%s)", stamp(g.Expires()), c.distance(g.Expires()))
	if at := g.Accept(); at.IsZero() {
		add("by mail", "no")
	} else {
		add("by mail", "messages written before that are taken until %s (%s)", stamp(at), c.distance(at))
	}
	links := g.Links()
	if !slices.ContainsFunc(links, func(l grant.Link) bool { return l.Methods != nil }) {
		add("methods", "all")
	}
	for i, l := range links {
		if l.Methods != nil {
			add("methods", "%s%s", strings.Join(l.Methods, " "), ofLink(i, links))
		}
		for _, v := range l.Caveats {
			add("if", "%s%s", v, ofLink(i, links))
		}
	}
	if n := links[len(links)-1].Depth; n == 0 {
		add("pass on", "no")
	} else {
		add("pass on", "%s more", times(n))
	}
	lines = append(lines, "", "every line of it has to hold:")
	for i, line := range g.Describe() {
		lines = append(lines, line, "   id "+links[i].ID.String())
	}
	return lines
}

// times says how often.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func ofLink(i int, links []grant.Link) string {
	if len(links) == 1 {
		return ""
	}
	return fmt.Sprintf(" (link %d)", i+1)
}

// distance says how far a moment is.
func (c *grantCommand) distance(t time.Time) string {
	d := t.Sub(c.now)
	form := "in %d %s"
	if d < 0 {
		d, form = -d, "%d %s ago"
	}
	for _, u := range []struct {
		d    time.Duration
		name string
	}{{24 * time.Hour, "days"}, {time.Hour, "hours"}, {time.Minute, "minutes"}} {
		if d >= 2*u.d {
			return fmt.Sprintf(form, d.Round(u.d)/u.d, u.name)
		}
	}
	return fmt.Sprintf(form, d/time.Second, "seconds")
}

// noticeLines says what a notice revokes.
func (c *grantCommand) noticeLines(text, from string) ([]string, error) {
	b, err := grant.ParseNoticeText(text)
	if err != nil {
		return nil, refused(from, err)
	}
	r, err := grant.ParseRevocation(b)
	if err != nil {
		return nil, refused(from, err)
	}
	set, err := grant.NewSet(nil)
	if err != nil {
		return nil, err
	}
	lines := []string{"verified: the signatures are those of the keys named here"}
	switch n, err := set.Add(b, c.now); {
	case err != nil:
		lines[0] = "NOT VERIFIED, do not rely on it: " + refused("it", err).Error()
	case n.Bytes == nil:
		lines[0] = "not verified, since it is of no more use: what it revokes is over"
	}
	add := func(what, format string, args ...any) {
		lines = append(lines, fmt.Sprintf("%-9s%s", what, fmt.Sprintf(format, args...)))
	}
	add("revokes", "link %s, and every grant that it is part of, for good", r.Link)
	add("about", "an object of %s, whose home has to know of it", r.Subject)
	add("by", "%s, number %d of its notices about that home", r.By, r.Seq)
	if r.Reason != "" {
		add("reason", "%q", r.Reason)
	}
	if len(r.Cut) > 0 {
		add("except", "messages of %d grants that were sent before", len(r.Cut))
	}
	add("matters", "until %s (%s)", stamp(r.Until()), c.distance(r.Until()))
	return lines, nil
}
