package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/hawser-go/hawser/examples/festival/invite"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

var errInvitation = errors.New("that is no invitation: it is the line that the admin's program, or that of whoever passes it on, has printed")

func parseInvitation(line string) (invite.Invitation, error) {
	i, err := invite.Parse(line)
	if errors.Is(err, invite.ErrLine) {
		err = errInvitation
	}
	return i, err
}

// grants are those that somebody has given, or has, in a file: a line each.
type grants struct{ file string }

func (g *grants) all() (all []*grant.Grant, err error) {
	lines, err := readGrants(g.file, 1)
	for _, line := range lines {
		all = append(all, line[0])
	}
	return all, err
}

// add appends a grant. It is not lost with the next power cut.
func (g *grants) add(each *grant.Grant) error { return appendGrants(g.file, each) }

// loans are the grants of one's own copy that were given on the strength of the festival's, in a file: a line each, both grants.
type loans struct{ file string }

func (l *loans) all() ([][]*grant.Grant, error) { return readGrants(l.file, 2) }

func (l *loans) add(own, theirs *grant.Grant) error { return appendGrants(l.file, own, theirs) }

// readGrants reads lines with n grants each.
func readGrants(file string, n int) (lines [][]*grant.Grant, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) != n {
			return nil, fmt.Errorf("%s: a line with %d grants, expected %d", file, len(words), n)
		}
		all := make([]*grant.Grant, n)
		for i, word := range words {
			all[i] = new(grant.Grant)
			if err := all[i].UnmarshalText([]byte(word)); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
		lines = append(lines, all)
	}
	return lines, nil
}

func appendGrants(file string, all ...*grant.Grant) error {
	var words []string
	for _, each := range all {
		text, err := each.MarshalText()
		if err != nil {
			return err
		}
		words = append(words, string(text))
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(words, " ") + "\n")
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// find returns a grant by its number in the file, from 1.
func (g *grants) find(number string) (*grant.Grant, error) {
	all, err := g.all()
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(all) {
		return nil, errNoGrant
	}
	return all[n-1], nil
}

// show is the command that says what was given.
func (g *grants) show(context.Context, string) (string, error) {
	all, err := g.all()
	if err != nil || len(all) == 0 {
		return "given nothing", err
	}
	var lines []string
	for i, each := range all {
		words := each.Describe()
		lines = append(lines, fmt.Sprintf("given %d: %s", i+1, words[len(words)-1]))
	}
	return strings.Join(lines, "\n"), nil
}
