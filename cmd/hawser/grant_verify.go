package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

const grantVerifyUsage = `[-at TIME] [-revoked FILE] [-home KEY] GRANT
       hawser grant verify [-home KEY] [-of NOTICE] RECEIPT

Says whether a grant is good: in form, signed by whom it names, in time, and not revoked as far as FILE knows. Exit status 0 if it is, 1 if it is
not. Anybody can grant what is theirs: say with -home whose object it has to be about. What was revoked is certain at the object's home only.
Of a receipt, which hawser grant notify prints, it says whether its home has signed it, and whether it is one of that notice.

`

// verify is hawser grant verify.
func (c *grantCommand) verify(args []string) error {
	var files []string
	at := c.flags.String("at", "", "whether it is good at this `time` (default now)")
	home := c.flags.String("home", "", "the `KEY` of the node whose object it has to be about")
	c.flags.Func("revoked", "a `file` with notices, one a line, as hawser grant revoke prints them; may be given again", func(s string) error {
		files = append(files, s)
		return nil
	})
	of := c.flags.String("of", "", "the `NOTICE` that the receipt has to be of")
	got, err := c.parse(args, grantVerifyUsage, "GRANT")
	if err != nil {
		return err
	}
	when := c.now
	if *at != "" {
		if when, err = c.moment("at", *at, c.now); err != nil {
			return err
		}
	}
	text, from, err := c.text(got[0], "grant", grantPrefix, receiptPrefix)
	if err != nil {
		return err
	}
	if called, is := isReceipt(text, from); is {
		if *at != "" || files != nil {
			return c.misuse("-at and -revoked are about grants, and this is a receipt")
		}
		return c.verifyReceipt(text, called, *home, *of)
	}
	if *of != "" {
		return c.misuse("-of is about receipts, and this is none")
	}
	g, err := readGrant(text, from)
	if err != nil {
		return err
	}
	if *home != "" {
		key, err := c.publicKey(*home)
		if err != nil {
			return err
		}
		if key != g.Subject() {
			return &notGood{fmt.Sprintf("%s is not good (of another home): it is about an object of %s, expected one of %s", g.from, g.Subject(), key)}
		}
	}
	known, err := grant.NewSet(&grant.SetConfig{Wanted: func(subject grant.Key) bool { return subject == g.Subject() }})
	if err != nil {
		return err
	}
	for _, name := range files {
		if err := c.readNotices(name, known, when); err != nil {
			return err
		}
	}
	v := &grant.Verifier{Now: func() time.Time { return when }, Revoked: known.Has}
	if err := v.Verify(g.Grant); err != nil {
		return &notGood{refused(g.from, err).Error() + why(known, g, err)}
	}
	return c.print(showable(fmt.Sprintf("good: %s, by %s", g.Grant, g.Subject())) + "\n")
}

// why returns who has revoked a grant and why they say they have, if that is what is wrong with it.
func why(known *grant.Set, g given, err error) string {
	if !errors.Is(err, grant.Withdrawn) {
		return ""
	}
	ids := make(map[grant.LinkID]bool)
	for _, l := range g.Links() {
		ids[l.ID] = true
	}
	for n := range known.All() {
		if r, err := grant.ParseRevocation(n.Bytes); err == nil && ids[r.Link] {
			if r.Reason == "" {
				return fmt.Sprintf(" by %s", r.By)
			}
			return fmt.Sprintf(" by %s, who says %q", r.By, r.Reason)
		}
	}
	return ""
}

// readNotices adds the notices in a file, one a line, to a set. Those about other homes, and heads of later than when, are passed
// over; one that is not good is an error, since what follows from it cannot be known.
func (c *grantCommand) readNotices(name string, known *grant.Set, when time.Time) error {
	in := io.Reader(nil)
	if name == "-" {
		if c.stdin == nil {
			return errors.New("the notices cannot be read from standard input as well: only one argument can be -")
		}
		in, c.stdin = c.stdin, nil
	} else {
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("the notices in %q cannot be read: %w", shortened(name), unpathed(err))
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	wrong := func(n int, err error) error {
		return fmt.Errorf("line %d of the notices in %q: %s: remove the line, or get the notice again", n, shortened(name), plainly(err))
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxText)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		b, err := grant.ParseNoticeText(line)
		if err == nil {
			_, err = known.Add(b, when)
		}
		if err != nil && !errors.Is(err, grant.Misdirected) && !errors.Is(err, grant.NotYet) {
			return wrong(n, err)
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return wrong(n+1, fmt.Errorf("more than %d bytes, so no notice", maxText))
	} else if err := lines.Err(); err != nil {
		return fmt.Errorf("the notices in %q cannot be read: %w", shortened(name), unpathed(err))
	}
	return nil
}
