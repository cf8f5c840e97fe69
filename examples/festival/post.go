package main

import (
	"context"
	"flag"
	"strings"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/mailroom"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

const postHelp = `festival post keeps mailboxes, for the demo: hawser mailbox serve is for everybody else. A NAME that is typed makes a
box; letters NAME says how much is in it.
`

func postCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("post", flag.ContinueOnError)
	dir := flags.String("dir", "", "keep everything in this `directory`")
	listen := flags.String("listen", "", "UDP `address` to listen at, host:port")
	if err := parse(flags, args, postHelp); err != nil {
		return err
	}
	node, err := hawser.Open(ctx, &hawser.Config{Dir: *dir, Listen: *listen, Kinds: mailroom.Kinds()})
	if err != nil {
		return err
	}
	defer node.Close()
	v, err := node.DurableVat("mailboxes")
	if err != nil {
		return err
	}
	host, err := mailroom.Open(ctx, v)
	if err != nil {
		return err
	}
	publisher := vat.As[mailroom.PublisherRef](mailroom.PublisherFacet.SpawnIn(node.Vat("publisher"), publisher{node}))
	if _, err := host.Attach(ctx, publisher).Await(ctx); err != nil {
		return err
	}
	say("ready")
	for lines := typed(ctx); ; {
		select {
		case <-ctx.Done():
			return nil
		case name, ok := <-lines:
			if !ok || name == "quit" {
				return nil
			}
			if of, ok := strings.CutPrefix(name, "letters "); ok {
				boxes, err := host.Office(ctx).Boxes(ctx).Await(ctx)
				if err != nil {
					return err
				}
				say("letters for %s: %d", of, boxes[of].Letters)
				continue
			}
			owner, err := host.Office(ctx).NewBox(ctx, name, mailroom.Terms{}).Await(ctx)
			if err != nil {
				return err
			}
			box, err := sturdyref.Parse(owner)
			if err != nil {
				return err
			}
			public, err := vat.As[mailroom.BoxRef](node.Enliven(box)).NewDrop(ctx, "public", mailroom.Public).Await(ctx)
			if err != nil {
				return err
			}
			say("owner %s", owner)
			say("public %s", public)
		}
	}
}

// publisher publishes what a mailbox server gives out.
type publisher struct{ node *hawser.Node }

func (p publisher) Publish(ctx context.Context, name string, ref vat.Ref) (string, error) {
	uri, err := p.node.Publish(ctx, name, ref)
	return uri.URI(), err
}

func (p publisher) Revoke(ctx context.Context, name string) error { return p.node.Revoke(ctx, name) }
