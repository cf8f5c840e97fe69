package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/mailroom"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// The rows of mail: two nodes that never meet again, and the server of their mailboxes, on a simulated network without delay. Each
// has a directory.

// A postOffice is a mailbox server.
type postOffice interface {
	place
	Revoke(ctx context.Context, name string) error
}

// A clerk publishes what a server makes.
type clerk struct{ at postOffice }

func (c clerk) Publish(ctx context.Context, name string, ref vat.Ref) (string, error) {
	uri, err := c.at.Publish(ctx, name, ref)
	return uri.URI(), err
}

func (c clerk) Revoke(ctx context.Context, name string) error { return c.at.Revoke(ctx, name) }

// A town is nodes with directories on a simulated network.
type town struct {
	network *mem.Network
	vat     *vat.Vat // of what is in none of the nodes
	office  mailroom.OfficeRef
	nodes   []*hawser.Node
	hosts   []*mem.Host
	dirs    []string
}

func newTown() *town { return &town{network: mem.New(nil), vat: vat.New(nil)} }

func (t *town) close() error {
	var errs []error
	for _, n := range slices.Backward(t.nodes) {
		errs = append(errs, n.Close())
	}
	for _, d := range t.dirs {
		errs = append(errs, os.RemoveAll(d))
	}
	t.network.Close()
	return errors.Join(append(errs, t.vat.Close())...)
}

// node opens one more node.
func (t *town) node(cfg hawser.Config) (*hawser.Node, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	t.dirs = append(t.dirs, dir)
	cfg.Dir = dir
	cfg.Logger = hclog.NewNullLogger() // nodes that close one after the other have much to say of the others
	cfg.Network = func(c hawser.NetworkConfig) (netlayer.Netlayer, error) {
		host := t.network.Host(mem.HostConfig{Static: c.Identity.Public().Static, Doorkeeper: c.Doorkeeper, Features: c.Features})
		t.hosts = append(t.hosts, host)
		return host, nil
	}
	n, err := hawser.Open(context.Background(), &cfg)
	if err != nil {
		return nil, err
	}
	t.nodes = append(t.nodes, n)
	return n, nil
}

// serve has a node give out mailboxes.
func (t *town) serve(at postOffice) error {
	ctx := context.Background()
	v, err := at.DurableVat("mailboxes")
	if err != nil {
		return err
	}
	host, err := mailroom.Open(ctx, v)
	if err != nil {
		return err
	}
	if _, err := host.Attach(ctx, vat.As[mailroom.PublisherRef](mailroom.PublisherFacet.SpawnIn(t.vat, clerk{at}))).Await(ctx); err != nil {
		return err
	}
	t.office = host.Office(ctx)
	return nil
}

// box makes a mailbox.
func (t *town) box(name string) (sturdyref.Ref, error) {
	uri, err := t.office.NewBox(context.Background(), name, mailroom.Terms{Letters: 1 << 20, Bytes: 1 << 30}).Await(context.Background())
	if err != nil {
		return sturdyref.Ref{}, err
	}
	return sturdyref.Parse(uri)
}

// part makes two nodes with mailboxes, and a durable object each, which has the other's; then it cuts the connection for good. It
// returns one of the objects when that has asked the other by letter, and been answered by letter.
func (t *town) part() (first vat.Ref, err error) {
	var both [2]*hawser.Node
	var places [2]place
	for i := range both {
		box, err := t.box(fmt.Sprint(i))
		if err != nil {
			return first, err
		}
		if both[i], err = t.node(hawser.Config{Kinds: []vat.Kind{travelKind}, Mailbox: box}); err != nil {
			return first, err
		}
		places[i] = both[i]
	}
	refs, _, err := abroad(t.vat, places)
	if err != nil {
		return first, err
	}
	for end := time.Now().Add(30 * time.Second); len(both[0].Correspondents()) == 0 || len(both[1].Correspondents()) == 0; {
		if time.Now().After(end) {
			return first, errors.New("the two have not told each other where to write")
		}
		time.Sleep(time.Millisecond)
	}
	a, b := t.hosts[len(t.hosts)-2], t.hosts[len(t.hosts)-1]
	t.network.Partition(a, b)
	t.network.Lose(a, b)
	return refs[0], askOne(refs[0]) // the nodes wait for a while before they write
}

// openServed opens a town with a mailbox server.
func openServed() (*town, error) {
	t := newTown()
	server, err := t.node(hawser.Config{Kinds: mailroom.Kinds()})
	if err == nil {
		err = t.serve(server)
	}
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// mailedCalls is calls between two durable objects, there and back by letter.
func mailedCalls() (work, error) {
	t, err := openServed()
	if err != nil {
		return work{}, err
	}
	first, err := t.part()
	if err != nil {
		return work{}, errors.Join(err, t.close())
	}
	return work{func(n int, all *times) error {
		return repeat(func() error { return askOne(first) }, n, all)
	}, t.close}, nil
}

// twoDrops leaves a letter in a box, and then another, by a drop that a node has.
func twoDrops() (work, error) {
	t, err := openServed()
	if err != nil {
		return work{}, err
	}
	drop, err := t.drop()
	if err != nil {
		return work{}, errors.Join(err, t.close())
	}
	return work{func(n int, all *times) error {
		return repeat(func() error { return leaveTwo(drop) }, n, all)
	}, t.close}, nil
}

// leaveTwo leaves two letters, each of which is on the server's disk when that has answered. They are as long as those of a call:
// TestMailFloor.
func leaveTwo(drop mailbox.Dropper) error {
	letter := make([]byte, mailbox.MinLetter)
	for range 2 {
		if err := drop.Drop(context.Background(), letter, time.Hour); err != nil {
			return err
		}
	}
	return nil
}

// drop makes a mailbox that nobody empties, and a node that writes to it.
func (t *town) drop() (mailbox.Dropper, error) {
	box, err := t.box("box")
	if err != nil {
		return nil, err
	}
	n, err := t.node(hawser.Config{Kinds: []vat.Kind{travelKind}})
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	uri, err := vat.As[mailroom.BoxRef](n.Enliven(box)).NewDrop(ctx, "drop", mailroom.Terms{Letters: 1 << 20, Bytes: 1 << 30}).Await(ctx)
	if err != nil {
		return nil, err
	}
	at, err := sturdyref.Parse(uri)
	if err != nil {
		return nil, err
	}
	ref, err := n.Enliven(at).Await(ctx)
	return mailroom.NewDropper(mailroom.DropRef{Ref: ref}), err
}

func mailGroups() []group {
	return []group{{name: "durable: a call by mail, one caller", by: byP50, slow: true, rows: []row{
		{name: "two drops of letters as long", open: twoDrops},
		{name: "hawser, there and back by letter", open: mailedCalls},
	}}}
}
