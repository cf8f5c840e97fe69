package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/examples/festival/invite"
	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

const keepHelp = `festival keep keeps a festival, as its admin. It says what happens, and takes commands, a line each: help lists them.

--name, --days and --stages are for the first time with a --dir; the page changes them later.
`

func keepCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("keep", flag.ContinueOnError)
	var at place
	at.flags(flags)
	name := flags.String("name", "A festival", "what the `festival` is called")
	days := flags.String("days", "2027-07-02,2027-07-03,2027-07-04", "its `days`, with commas between")
	stages := flags.String("stages", "Main stage,Tent", "its `stages`, with commas between")
	you := flags.String("you", "admin", "what to call you")
	if err := parse(flags, args, keepHelp); err != nil {
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
	festival, err := program.OpenFestival(ctx, v, program.Info{Name: *name, Days: split(*days), Stages: split(*stages)})
	if err != nil {
		return err
	}
	h := &host{node: node, festival: festival, given: &grants{file: filepath.Join(at.dir, "given")}}
	if err := h.offer(ctx, v); err != nil {
		return err
	}
	peer, err := program.OpenPeer(ctx, v, node.Vat("page"), at.ring)
	if err == nil && !peer.Follows() {
		err = h.begin(ctx, v, peer, *you)
	}
	if err != nil {
		return err
	}
	peer.Held = []program.Held{{Role: program.AsAdmin, From: "you keep the festival"}}
	talk := &hearsay{
		node: node, file: filepath.Join(at.dir, "met"), heard: func(context.Context) {}, places: func() []sturdyref.Peer { return nil },
		home: func() (grant.Key, bool) { return grant.KeyOf(node.Signer()), true },
	}
	t := &talker{peer: peer, commands: h.commands(), reached: at.reached(node)}
	maps.Copy(t.commands, talk.commands())
	defer at.hears(ctx, talk)()
	return t.run(ctx, at.page)
}

func split(list string) (all []string) {
	for _, each := range strings.Split(list, ",") {
		if each = strings.TrimSpace(each); each != "" {
			all = append(all, each)
		}
	}
	return all
}

// host gives grants of a festival.
type host struct {
	node     *hawser.Node
	festival program.FestivalRef
	given    *grants
}

// offered is the name under which the festival is on offer.
const offered = "festival"

// offer has grants open the roles of the festival.
func (h *host) offer(ctx context.Context, v *vat.Vat) error {
	roles := make(map[string]hawser.Role)
	for role, make := range program.Roles(h.festival) {
		roles[string(role)] = hawser.Role{Open: func(ctx context.Context, by hawser.Holder) (vat.Ref, error) {
			links := by.Grant.Links()
			holder, err := program.HolderOf(ctx, h.festival, by.Key, links[len(links)-1].Issuer)
			if err != nil {
				return vat.Ref{}, err
			}
			return make(ctx, holder)
		}}
	}
	_, err := h.node.Offer(ctx, offered, v, roles)
	return err
}

// begin gives the admin's own peer what it needs, once.
func (h *host) begin(ctx context.Context, v *vat.Vat, peer *program.Peer, name string) error {
	mine, err := vat.Do(ctx, v, func(ctx context.Context) (vat.Ref, error) {
		holder := program.Holder{Key: grant.KeyOf(h.node.Signer()), Name: name}
		return program.Roles(h.festival)[program.AsAdmin](ctx, holder)
	})
	if err != nil {
		return err
	}
	if _, err := h.festival.Name(ctx, grant.KeyOf(h.node.Signer()), name).Await(ctx); err != nil {
		return err
	}
	return peer.Accept(ctx, mine)
}

func (h *host) commands() map[string]command {
	return map[string]command{
		"grant":  {"ROLE KEY NAME", "let the owner of a key be a visitor, organiser or admin: what is printed is no secret", h.grant},
		"given":  {"", "what you have granted", h.given.show},
		"revoke": {"NUMBER REASON", "take back what you have granted, and all that was passed on from it", h.revoke},
	}
}

// How long grants are good for, and how often they may be passed on.
const (
	goodFor = 90 * 24 * time.Hour
	depth   = 2
)

func (h *host) grant(ctx context.Context, rest string) (string, error) {
	role, rest, _ := strings.Cut(rest, " ")
	text, name, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if program.Roles(h.festival)[program.Role(role)] == nil {
		return "", fmt.Errorf("there is no role %q: there are %s, %s and %s", clean(role), program.AsVisitor, program.AsOrganiser, program.AsAdmin)
	}
	key, err := grant.ParseKey(text)
	if err != nil {
		return "", err
	}
	if _, err := h.festival.Name(ctx, key, strings.TrimSpace(name)).Await(ctx); err != nil {
		return "", err
	}
	g, err := h.node.Issue(offered, role, grant.Terms{Audience: key, Expires: time.Now().Add(goodFor), Depth: depth})
	if err != nil {
		return "", err
	}
	if err := h.given.add(g); err != nil {
		return "", err
	}
	return invite.Invitation{Grant: g, At: h.node.Location()}.String(), nil
}

func (h *host) revoke(ctx context.Context, rest string) (string, error) {
	number, why, _ := strings.Cut(rest, " ")
	g, err := h.given.find(number)
	if err != nil {
		return "", err
	}
	if _, _, err := h.node.RevokeGrant(ctx, g, strings.TrimSpace(why)); err != nil {
		return "", err
	}
	return "revoked " + number, nil
}

var errNoGrant = errors.New("there is no such grant: given has their numbers")
