package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

const grantRevokeUsage = `-dir DIR | -key FILE  [-link LINK] [-reason TEXT] GRANT

Makes a notice that a grant is revoked, with all that was delegated from it, for good, and prints it. It takes effect where it is known: give it to
the home of the object (hawser grant notify), and to whoever else verifies such grants. Who has issued the link or one before it can revoke it, and
whom it is for, who renounces it.

`

// revoke is hawser grant revoke.
func (c *grantCommand) revoke(args []string) error {
	c.signerFlags()
	link := c.flags.String("link", "", "the link to revoke, by its `number` or id as hawser grant show prints them (default the last)")
	reason := c.flags.String("reason", "", "why, in a line of up to 200 bytes, which is public")
	record := c.flags.String("record", "", "the `file` with the notices that this key has made so far, one a line, to which the new one is added (default FILE.notices beside the key file, notices in DIR)")
	got, err := c.parse(args, grantRevokeUsage, "GRANT")
	if err != nil {
		return err
	}
	if err := c.checkReason(*reason); err != nil {
		return err
	}
	g, err := c.grant(got[0])
	if err != nil {
		return err
	}
	id, n, err := c.linkOf(g, *link)
	if err != nil {
		return err
	}
	signer, err := c.signer(g)
	if err != nil {
		return err
	}
	by := grant.KeyOf(signer)
	if !mayRevoke(g, n, by) {
		return &notGood{fmt.Sprintf("link %d of %s is not yours to revoke: only who issued it or a link before it can, and whom it is for; the key that was to sign is %s", n, g.from, by)}
	}
	path := *record
	switch {
	case path != "":
	case c.dir != "":
		path = filepath.Join(c.dir, "notices")
	case c.key != "":
		path = c.key + ".notices"
	}
	said, err := grant.NewSet(nil)
	if err != nil {
		return err
	}
	if path != "" {
		if err := c.readNotices(path, said, c.now); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if old := said.Has(id); old {
		for each := range said.All() {
			if r, err := grant.ParseRevocation(each.Bytes); err == nil && r.Link == id && r.By == by {
				fmt.Fprintf(c.stderr, "hawser: note: it was revoked before, and this is the notice made then\n")
				return c.print(grant.NoticeText(each.Bytes) + "\n")
			}
		}
	}
	notice, err := g.Revoke(signer, grant.Withdrawal{Link: id, Reason: *reason}, said.Feed(by, g.Subject()))
	if err != nil {
		return errors.New(plainly(err))
	}
	added, err := said.Add(notice, c.now)
	switch {
	case err != nil:
		return refused(g.from, err) // a chain that is not signed as it says: nobody would heed the notice
	case added.Bytes == nil:
		return &notGood{fmt.Sprintf("there is nothing to revoke: link %d of %s is over since %s", n, g.from, stamp(g.Links()[n-1].Expires))}
	}
	if path != "" {
		if err := appendLine(path, grant.NoticeText(notice)); err != nil {
			return err
		}
	}
	if c.dir != "" && *record == "" && by == g.Subject() {
		fmt.Fprint(c.stderr, "hawser: note: the node knows it from its next start on; if it runs, tell it now: hawser grant notify -at LOCATOR, LOCATOR being that of the node\n")
	} else {
		fmt.Fprintf(c.stderr, "hawser: note: it takes effect when the node of %s knows it: hawser grant notify -at LOCATOR, LOCATOR being that of the node\n", g.Subject())
	}
	return c.print(grant.NoticeText(notice) + "\n")
}

// checkReason keeps out what would do harm in a terminal, or could not be read again.
func (c *grantCommand) checkReason(reason string) error {
	switch {
	case len(reason) > grant.MaxReason:
		return c.misuse("-reason has %d bytes, at most %d are possible", len(reason), grant.MaxReason)
	case !utf8.ValidString(reason) || strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) }):
		return c.misuse("-reason is a line of text, without control characters")
	}
	return nil
}

// linkOf returns the id and the number of the link of a grant that somebody has named.
func (c *grantCommand) linkOf(g given, name string) (grant.LinkID, int, error) {
	links := g.Links()
	if name == "" {
		return g.ID(), len(links), nil
	}
	n, _ := strconv.Atoi(name)
	for i, l := range links {
		if i+1 == n || l.ID.String() == name {
			return l.ID, i + 1, nil
		}
	}
	return grant.LinkID{}, 0, c.misuse("-link %q: %s has links 1 to %d, which hawser grant show lists with their ids", shortened(name), g.from, len(links))
}

// mayRevoke reports whether key may revoke link n of g.
func mayRevoke(g given, n int, key grant.Key) bool {
	links := g.Links()[:n]
	for _, l := range links {
		if l.Issuer == key {
			return true
		}
	}
	return links[n-1].Audience == key
}

// appendLine adds a line to a file, on the disk when it returns, or leaves the file as it was.
func appendLine(path, line string) error {
	err := func() error {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err == nil {
			end := make([]byte, 1)
			if n, _ := f.ReadAt(end, info.Size()-1); n == 1 && end[0] != '\n' {
				line = "\n" + line // somebody's editor has left the last line without its end
			}
			if _, err = f.WriteString(line + "\n"); err == nil {
				err = f.Sync()
			}
			if err != nil {
				_ = f.Truncate(info.Size())
			}
		}
		if e := f.Close(); err == nil {
			err = e
		}
		return err
	}()
	if err != nil {
		return fmt.Errorf("the notice could not be added to %q, and is not printed: %w", shortened(path), unpathed(err))
	}
	return nil
}
