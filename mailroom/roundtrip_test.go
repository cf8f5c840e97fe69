package mailroom_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/mailroom"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// nodePublisher publishes at a node.
type nodePublisher struct{ node *hawser.Node }

func (p nodePublisher) Publish(ctx context.Context, name string, ref vat.Ref) (string, error) {
	r, err := p.node.Publish(ctx, name, ref)
	return r.URI(), err
}

func (p nodePublisher) Revoke(ctx context.Context, name string) error {
	return p.node.Revoke(ctx, name)
}

func openNode(tb testing.TB, cfg hawser.Config) *hawser.Node {
	tb.Helper()
	cfg.Listen, cfg.Logger = "127.0.0.1:0", hclog.New(&hclog.LoggerOptions{Output: io.Discard})
	n, err := hawser.Open(tb.Context(), &cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = n.Close() })
	return n
}

// mailer is a person with a node, who seals and opens letters.
type mailer struct {
	*mailbox.Sealer
	opener  *mailbox.Opener
	node    *hawser.Node
	letters chan mailbox.Delivery
}

func newMailer(tb testing.TB) *mailer {
	tb.Helper()
	now := time.Now()
	id, err := sturdyref.GenerateIdentity(now)
	if err != nil {
		tb.Fatal(err)
	}
	prekeys, err := mailbox.OpenPrekeys(mailbox.PrekeysConfig{Identity: id, Files: mailbox.Dir(tb.TempDir())}, now)
	if err != nil {
		tb.Fatal(err)
	}
	return &mailer{
		Sealer: &mailbox.Sealer{Identity: id, Prekeys: prekeys}, opener: &mailbox.Opener{Identity: id, Prekeys: prekeys},
		node: openNode(tb, hawser.Config{}), letters: make(chan mailbox.Delivery, 100),
	}
}

// BenchmarkRoundTrip is a letter and its answer, between two who cannot dial each other, by way of a server that keeps each on its disk before
// it says so: sealed, dropped over QUIC, pushed, opened, and forgotten.
func BenchmarkRoundTrip(b *testing.B) {
	ctx := b.Context()
	server := openNode(b, hawser.Config{Dir: b.TempDir(), Kinds: mailroom.Kinds()})
	v, err := server.DurableVat("mail")
	if err != nil {
		b.Fatal(err)
	}
	host, err := mailroom.Open(ctx, v)
	if err != nil {
		b.Fatal(err)
	}
	must(b, host.Attach(ctx, vat.As[mailroom.PublisherRef](mailroom.PublisherFacet.SpawnIn(server.Vat("p"), nodePublisher{server}))))
	people := []*mailer{newMailer(b), newMailer(b)}
	drops := make([]mailbox.Dropper, 2)
	reach := func(m *mailer, uri string) vat.Ref {
		r, err := sturdyref.Parse(uri)
		if err != nil {
			b.Fatal(err)
		}
		return m.node.Enliven(r)
	}
	for i, m := range people {
		other := people[1-i]
		m.opener.Correspondent = func(mailbox.Envelope) (mailbox.Correspondent, error) {
			return mailbox.Correspondent{Signing: other.Identity.Public().Signing}, nil
		}
		box := vat.As[mailroom.BoxRef](reach(m, must(b, host.Office(ctx).NewBox(ctx, string(rune('a'+i)), mailroom.Terms{}))))
		drops[1-i] = mailroom.NewDropper(vat.As[mailroom.DropRef](reach(other, must(b, box.NewDrop(ctx, "x", mailroom.Terms{})))))
		over := make(chan struct{})
		draining, stop := context.WithCancel(ctx)
		go func() {
			defer close(over)
			_ = mailroom.NewDrainer(m.node.Vat("mail"), box).Drain(draining, func(d mailbox.Delivery) { m.letters <- d })
		}()
		defer func() { stop(); <-over }()
	}
	n := uint64(0)
	pass := func(from int) {
		m := &mailbox.Message{From: sturdyref.Dialler, First: n, Frames: [][]byte{make([]byte, 200)}}
		letter, until, err := people[from].Seal(people[1-from].Prekeys.Bundle(), mailbox.Secret{}, m, time.Now())
		if err != nil {
			b.Fatal(err)
		}
		if err := drops[from].Drop(ctx, letter, time.Until(until)); err != nil {
			b.Fatal(err)
		}
		d := <-people[1-from].letters
		l, err := people[1-from].opener.Open(d.Letter, time.Now())
		if err != nil || l.First != n {
			b.Fatal(l, err)
		}
		d.Done()
	}
	b.ReportAllocs()
	for b.Loop() {
		pass(0)
		pass(1)
		n++
	}
}
