package link_test

import (
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/store"
)

// beginning is a link from a to b, as one of the two sees it.
func beginning(a, b *node, outbound bool) link.Beginning {
	info := netlayer.Info{
		Local: b.links.Location(), Remote: a.links.Location(), Authenticated: true, Outbound: outbound, Features: []string{netlayer.FeatureResume},
	}
	if outbound {
		info.Local, info.Remote = info.Remote, info.Local
	}
	return link.Beginning{Info: info, ID: [32]byte{1}, Secret: [32]byte{2}, At: time.Unix(7, 0), Note: []byte("a note")}
}

// begin has a link begin at n, which lasts.
func (n *node) begin(b link.Beginning) *actor {
	n.t.Helper()
	c, err := n.links.Begin(b)
	if err != nil {
		n.t.Fatal(err)
	}
	if err := c.Write([][]byte{frame(0, 7)}); err != nil {
		n.t.Fatal(err)
	}
	a := &actor{n: n, conn: c, sent: 1}
	a.run()
	if err := a.last(); err != nil {
		n.t.Fatal(err)
	}
	return a
}

// A link that a letter begins carries frames by mail, whichever side is killed meanwhile, and by the first connection that there is. Until
// the peer was heard it may not know the link.
func TestBegin(t *testing.T) {
	pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
		for _, n := range []*node{a, b} {
			n.stop()
			n.mail = true
			n.start()
		}
		w.Partition(a.host, b.host)
		a.begin(beginning(a, b, true))
		time.Sleep(time.Second)
		restart := func(n *node) *actor {
			t.Helper()
			n.kill()
			n.start()
			if len(n.kept) != 1 {
				t.Fatalf("%d links are kept", len(n.kept))
			}
			time.Sleep(time.Second)
			return n.kept[0]
		}
		out := restart(a)
		w.Heal(a.host, b.host) // a dials, and hears that b does not know the link
		if err := out.write(20); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		letters := a.desk.seal(0)
		if len(letters) != 1 || letters[0].id != ([32]byte{1}) || !letters[0].dialled || len(letters[0].frames) != 20 {
			t.Fatalf("letters: %+v", letters)
		}
		if at, note, ok := a.desk.all()[0].Begun(); !ok || at.Unix() != 7 || string(note) != "a note" {
			t.Errorf("it was begun %v, %q, %v", at, note, ok)
		}
		if !a.desk.all()[0].Info().Posted {
			t.Error("after a restart it is a link that a handshake has begun")
		}
		unheard := func() (yes bool) {
			err := a.store.View(func(r store.Reader) error {
				all, err := link.StoredLinks(r)
				yes = len(all) == 1 && all[0].Unheard
				return err
			})
			if err != nil {
				t.Error(err)
			}
			return yes
		}
		if !unheard() {
			t.Error("in the store the peer was heard")
		}
		w.Partition(a.host, b.host)
		b.begin(beginning(a, b, false))
		time.Sleep(time.Second)
		b.desk.open(letters[0])
		time.Sleep(time.Second)
		in := restart(b)
		if err := in.await(20); err != nil {
			t.Error(err)
		}
		w.Heal(a.host, b.host)
		talk(t, out, in, 400) // over the connection that a finds now
		if unheard() {
			t.Error("in the store the peer was never heard")
		}
	})
}

// What Begin refuses, and what becomes of a link that nobody has last.
func TestBeginRefuses(t *testing.T) {
	pair(t, link.Config{}, func(_ *mem.Network, a, b *node) {
		if _, err := a.links.Begin(beginning(a, b, true)); err == nil {
			t.Error("without mail a link begins by a letter")
		}
		a.stop()
		a.mail = true
		a.start()
		c, err := a.links.Begin(beginning(a, b, true))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.links.Begin(beginning(a, b, true)); err == nil {
			t.Error("one link begins twice")
		}
		time.Sleep(10 * time.Second)
		ended(t, c, link.ErrExpired)
		if all := a.desk.all(); len(all) > 0 {
			t.Error("mail hears of a link that does not last")
		}
	})
}
