package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

const grantUsage = `usage: hawser grant COMMAND ...

  key NEWFILE                 makes a key for somebody who is to hold grants, and prints its public half
  issue [flags]               grants the use of an object of a node
  delegate [flags] GRANT      passes a grant on, or less than what it allows
  show GRANT                  says in words what a grant allows, what a notice revokes, or what a receipt confirms
  verify [flags] GRANT        says whether a grant, or a receipt, is good
  revoke [flags] GRANT        makes a notice that a grant, or a link of it, is revoked for good
  notify -at LOCATOR NOTICE   gives a notice to the node whose object it is about

GRANT, NOTICE, RECEIPT and KEY are public text: hawser-grant:..., hawser-notice:..., hawser-receipt:..., 52 letters and digits. Each is given as it is, as the name of a
file that holds it, or as - for standard input. A bearer grant (hawser-bearer:...) is a secret: it is read from a file or standard input only.
-dir names the Dir of a node, running or not, and -key a file made by hawser grant key: whose key signs.
More of a command: hawser grant COMMAND -h

Exit status 0 if all went well, 1 if a grant or notice is not good or does not allow that, 2 for wrong usage or what could not be done.
`

// grantCommand is one run of hawser grant.
type grantCommand struct {
	name   string
	flags  *flag.FlagSet
	stdin  io.Reader // nil once it was read
	stdout io.Writer
	stderr io.Writer
	now    time.Time

	dir, key string
}

// grantCommands are what hawser grant can do.
var grantCommands = map[string]func(c *grantCommand, args []string) error{
	"key": (*grantCommand).makeKey, "issue": (*grantCommand).issue, "delegate": (*grantCommand).delegate, "show": (*grantCommand).show,
	"verify": (*grantCommand).verify, "revoke": (*grantCommand).revoke, "notify": (*grantCommand).notify,
}

// grants is hawser grant.
func grants(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, grantUsage)
		return 2
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, grantUsage)
		return 0
	}
	do := grantCommands[args[0]]
	if do == nil {
		return misused(stderr, "there is no command %.80q: see hawser grant -h", "grant "+args[0])
	}
	c := &grantCommand{name: args[0], stdin: stdin, stdout: stdout, stderr: stderr, now: time.Now()}
	c.flags = flag.NewFlagSet("hawser grant "+c.name, flag.ContinueOnError)
	c.flags.SetOutput(io.Discard) // an error is told once, below
	switch err := do(c, args[1:]); {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, new(*notGood)):
		fmt.Fprintln(stderr, "hawser: "+showable(err.Error()))
		return 1
	default:
		fmt.Fprintln(stderr, "hawser: "+showable(err.Error()))
		return 2
	}
}

// parse parses the flags of a command, between which are exactly so many arguments, and answers -h.
func (c *grantCommand) parse(args []string, usage string, positionals ...string) ([]string, error) {
	got, err := arguments(c.flags, args, len(positionals))
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(c.stdout, "usage: hawser grant %s %s", c.name, usage)
		c.flags.SetOutput(c.stdout)
		c.flags.PrintDefaults()
		return nil, err
	case err != nil:
		return nil, c.misuse("%s", cut(err.Error()))
	case len(got) < len(positionals):
		return nil, c.misuse("%s is missing", positionals[len(got)])
	case len(got) > len(positionals):
		return nil, c.misuse("%q is one argument too many: flags take one value each, and what has spaces in it stands in quotes", shortened(got[len(positionals)]))
	}
	return got, nil
}

// misuse is an error of whoever typed the command.
func (c *grantCommand) misuse(format string, args ...any) error {
	return fmt.Errorf("grant %s: %s: see hawser grant %s -h", c.name, fmt.Sprintf(format, args...), c.name)
}

// notGood is the error that something is not good, or does not allow what was asked: exit status 1.
type notGood struct{ why string }

func (e *notGood) Error() string { return e.why }

// refused returns err as one line about something, of exit status 1 if it is a refusal.
func refused(what string, err error) error {
	var r *grant.Refusal
	if !errors.As(err, &r) {
		return fmt.Errorf("%s: %s", what, plainly(err))
	}
	link := ""
	if r.Link > 0 {
		link = fmt.Sprintf("link %d: ", r.Link)
	}
	return &notGood{fmt.Sprintf("%s is not good (%s): %s%s", what, string(r.Reason), link, r.What)}
}

// plainly returns an error's text without the name of a package before it.
func plainly(err error) string {
	text := err.Error()
	for _, p := range []string{"hawser: ", "grant: ", "sturdyref: "} {
		text = strings.TrimPrefix(text, p)
	}
	return text
}

// showable returns text fit for a terminal and one line: what is neither a letter, a digit, a sign nor a space is spelled out.
func showable(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == unicode.ReplacementChar && !strings.HasPrefix(text[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// cut returns the beginning of what may be long.
func cut(text string) string {
	if r := []rune(text); len(r) > 160 {
		return string(r[:160]) + "…"
	}
	return text
}
