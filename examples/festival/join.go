package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/examples/festival/invite"
	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

const joinHelp = `festival join joins a festival, as whatever one was invited. The first time it prints a key, for whoever invites, and asks for the
invitation, which is made for that key and no secret. After that it is known, and the festival need not be there. It says what
happens, and takes commands, a line each: help lists them.
`

// joinTime is how long a festival may take to answer an invitation.
const joinTime = 30 * time.Second

func joinCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("join", flag.ContinueOnError)
	var at place
	at.flags(flags)
	if err := parse(flags, args, joinHelp); err != nil {
		return err
	}
	node, err := at.open(ctx)
	if err != nil {
		return err
	}
	defer node.Close()
	v, err := node.DurableVat("festival")
	if err != nil {
		return err
	}
	peer, err := program.OpenPeer(ctx, v, node.Vat("page"), at.ring)
	if err != nil {
		return err
	}
	g := &guest{
		node: node, peer: peer, file: filepath.Join(at.dir, "invitation"), given: &grants{file: filepath.Join(at.dir, "given")},
		lent: &loans{file: filepath.Join(at.dir, "lent")},
	}
	if _, err := g.lent.all(); err != nil {
		return err
	}
	talk := &hearsay{node: node, home: g.home, places: g.places, heard: g.takeBack, file: filepath.Join(at.dir, "met")}
	t := &talker{peer: peer, lines: typed(ctx), commands: g.commands(), reached: at.reached(node)}
	maps.Copy(t.commands, talk.commands())
	if !peer.Follows() {
		if err := g.join(ctx, t.lines); err != nil {
			return err
		}
	}
	if err := g.held(); err != nil {
		return err
	}
	if err := g.offer(ctx, v); err != nil {
		return err
	}
	defer at.hears(ctx, talk)()
	return t.run(ctx, at.page)
}

// guest is somebody who has a grant of a festival.
type guest struct {
	node  *hawser.Node
	peer  *program.Peer
	file  string // with the invitation
	given *grants
	lent  *loans
}

// home returns the key of the festival, or of whoever has shown what they have read.
func (g *guest) home() (grant.Key, bool) {
	i, err := g.invitation()
	if err != nil {
		return grant.Key{}, false
	}
	return i.Grant.Subject(), true
}

// places returns where the invitation is from.
func (g *guest) places() []sturdyref.Peer {
	i, err := g.invitation()
	if err != nil {
		return nil
	}
	return []sturdyref.Peer{i.At}
}

// join asks for an invitation, and redeems it.
func (g *guest) join(ctx context.Context, lines <-chan string) error {
	say("key %s", grant.KeyOf(g.node.Signer()))
	say("* give that to whoever invites you, and type the invitation:")
	var line string
	select {
	case line = <-lines:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return g.follow(ctx, line)
}

// follow redeems an invitation.
func (g *guest) follow(ctx context.Context, line string) error {
	i, err := parseInvitation(line)
	if err != nil {
		return err
	}
	if i.Grant.Holder() != grant.KeyOf(g.node.Signer()) {
		return errors.New("that invitation is for somebody else: it names another key")
	}
	waiting, cancel := context.WithTimeoutCause(ctx, joinTime, program.ErrSilent)
	defer cancel()
	if err := g.peer.Accept(waiting, g.node.Redeem(i.Grant, nil, i.At)); err != nil {
		return err
	}
	return os.WriteFile(g.file, []byte(strings.TrimSpace(line)+"\n"), 0o600)
}

func (g *guest) invitation() (invite.Invitation, error) {
	text, err := os.ReadFile(g.file)
	if err != nil {
		return invite.Invitation{}, err
	}
	return parseInvitation(string(text))
}

// held has the page say by which grant the guest is here.
func (g *guest) held() error {
	i, err := g.invitation()
	if errors.Is(err, os.ErrNotExist) {
		return nil // the program ended between the answer and the file
	}
	if err != nil {
		return err
	}
	for _, words := range i.Grant.Describe() {
		g.peer.Held = append(g.peer.Held, program.Held{Role: "grant", From: words})
	}
	return nil
}

func (g *guest) commands() map[string]command {
	return map[string]command{
		"follow": {"INVITATION", "follow the festival by another invitation", func(ctx context.Context, line string) (string, error) {
			return "* followed", g.follow(ctx, line)
		}},
		"share":  {"INVITATION", "show what you have read to somebody, by the invitation that the festival has given them", g.share},
		"pass":   {"KEY", "pass on what you were granted to the owner of a key; the festival need not be there", g.pass},
		"given":  {"", "what you have passed on", g.given.show},
		"revoke": {"NUMBER REASON", "take back what you have passed on", g.revoke},
	}
}

func (g *guest) pass(_ context.Context, text string) (string, error) {
	key, err := grant.ParseKey(text)
	if err != nil {
		return "", err
	}
	i, err := g.invitation()
	if err != nil {
		return "", err
	}
	links := i.Grant.Links()
	longer, err := i.Grant.Delegate(g.node.Signer(), grant.Terms{Audience: key, Expires: i.Grant.Expires(), Depth: max(0, links[len(links)-1].Depth-1)})
	if err != nil {
		return "", err
	}
	if err := g.given.add(longer); err != nil {
		return "", err
	}
	return invite.Invitation{Grant: longer, At: i.At}.String(), nil
}

func (g *guest) revoke(ctx context.Context, rest string) (string, error) {
	number, why, _ := strings.Cut(rest, " ")
	longer, err := g.given.find(number)
	if err != nil {
		return "", err
	}
	i, err := g.invitation()
	if err != nil {
		return "", err
	}
	notice, _, err := g.node.RevokeGrant(ctx, longer, strings.TrimSpace(why))
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, joinTime, program.ErrSilent)
	defer cancel()
	if _, err := g.node.Notify(notice, i.At).Await(ctx); err != nil {
		return "", fmt.Errorf("revoked, but the festival does not know yet: %w", err)
	}
	return "revoked " + number, nil
}
