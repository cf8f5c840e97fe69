package mailroom_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/mailroom"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/vat"
)

// rogue is a box that does what it likes with its subscriber.
type rogue struct {
	mu sync.Mutex
	to mailroom.SubscriberRef
}

func (r *rogue) Subscribe(_ context.Context, to mailroom.SubscriberRef) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = to
	return 1
}
func (r *rogue) Got(context.Context, int, int, int) {}

type rogueBox interface {
	Subscribe(ctx context.Context, to mailroom.SubscriberRef) int
	Got(ctx context.Context, round, letters, bytes int)
}

var rogueFacet = vat.FacetOf[rogueBox]("test.Rogue")

// TestFlood: a server cannot have its subscriber hold more than it may push.
func TestFlood(t *testing.T) {
	for name, c := range map[string]struct{ letters, bytes, kept int }{
		"many":  {1000, mailbox.MinLetter, 64},
		"large": {100, mailbox.MaxLetter, 16},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, owner := vat.New(nil), vat.New(nil)
				defer func() { _, _ = server.Close(), owner.Close() }()
				r := new(rogue)
				box := vat.As[mailroom.BoxRef](rogueFacet.SpawnIn(server, r))
				over := make(chan error, 1)
				taken := 0
				block := make(chan struct{})
				go func() {
					over <- mailroom.NewDrainer(owner, box).Drain(t.Context(), func(mailbox.Delivery) { taken++; <-block })
				}()
				synctest.Wait()
				for range c.letters {
					_ = r.to.SendOnly(t.Context(), "letter", make([]byte, c.bytes), box.Ref)
				}
				synctest.Wait()
				close(block)
				if err := <-over; err == nil || !strings.Contains(err.Error(), "pushes more than") || taken > c.kept+1 {
					t.Errorf("after %d letters: %v", taken, err)
				}
			})
		})
	}
}

// TestLostServer: a Drain ends when its box cannot be reached any more, and what is dropped then is an error.
func TestLostServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		b := s.box("bob")
		drop := mailroom.NewDropper(s.drop(b, "a", mailroom.Terms{}))
		caret, revoke := vat.Guard(s.outside, b.Ref)
		d := s.drain(vat.As[mailroom.BoxRef](caret))
		d.got()
		revoke(t.Context(), nil)
		<-d.over
		if !errors.Is(d.err, vat.ErrRevoked) {
			t.Errorf("%v, want ErrRevoked", d.err)
		}
		s.Stop()
		if err := drop.Drop(t.Context(), letterOf(1), time.Hour); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v, want net.ErrClosed", err)
		}
		if err := drop.Drop(t.Context(), []byte("short"), time.Hour); !errors.Is(err, mailbox.ErrMalformed) {
			t.Errorf("%v, want ErrMalformed", err)
		}
		if err := mailroom.NewDrainer(s.outside, b).Drain(t.Context(), nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v, want net.ErrClosed", err)
		}
		if err := mailroom.NewDrainer(s.outside, b).Leave(t.Context(), nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v, want net.ErrClosed", err)
		}
	})
}

// TestUnattached: nothing is made that nobody can be told of.
func TestUnattached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		b := s.box("bob")
		if s.Crash(); b.IsNull() {
			t.Fatal("no box")
		}
		host, err := mailroom.Open(t.Context(), s.Vat("mail"))
		if err != nil {
			t.Fatal(err)
		}
		// The publisher of before is lost with its process; what was stored of it answers so.
		if uri, err := host.Office(t.Context()).NewBox(t.Context(), "eve", mailroom.Terms{}).Await(t.Context()); err == nil {
			t.Errorf("a box at %q, which nobody published", uri)
		}
		s.serve()
		s.box("eve")
	})
}
