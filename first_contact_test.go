package hawser_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/mailroom"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// strangers are two nodes that have not met, on a simulated network with the server of their boxes. They cannot reach each other.
type strangers struct {
	t          *testing.T
	net        *mem.Network
	host       mailroom.HostRef
	server     *correspondent
	alice, bob *correspondent
	uri        sturdyref.Ref // of Bob's account
	drop       *recorder     // where it says that the first letter goes
}

// recorder is a drop that shows its owner what is dropped.
type recorder struct {
	to      mailroom.DropRef
	mu      sync.Mutex
	letters [][]byte
}

func (r *recorder) Drop(ctx context.Context, letter []byte, days int) vat.Ref {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.letters = append(r.letters, letter)
	return r.to.Send(ctx, "drop", letter, days)
}

func (r *recorder) Bundle(ctx context.Context) vat.Ref { return r.to.Send(ctx, "bundle") }

// again drops all that was dropped before once more.
func (r *recorder) again(ctx context.Context) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.letters {
		_, e := r.to.Drop(ctx, l, 30).Await(ctx)
		err = errors.Join(err, e)
	}
	return len(r.letters), err
}

var recorderFacet = vat.FacetOf[interface {
	Drop(ctx context.Context, letter []byte, days int) vat.Ref
	Bundle(ctx context.Context) vat.Ref
}]("test.Recorder")

// estranged plays a test with strangers; bob is as configured.
func estranged(t *testing.T, cfg hawser.Config, play func(ctx context.Context, s *strangers)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		s := &strangers{t: t, net: mem.New(&mem.Config{Delay: 5 * time.Millisecond, Timeout: time.Second})}
		s.server = onSimulated(t, s.net, hawser.Config{Kinds: mailroom.Kinds()})
		s.host = keepsMail(t, s.server)
		s.alice = withAccount(t, s.net, s.host, "alice")
		owner := s.box("bob")
		public := s.parse(vat.Result[string](s.server.Enliven(owner).Send(ctx, "newDrop", "public", mailroom.Public)).Await(ctx))
		s.drop = &recorder{to: mailroom.DropRef{Ref: s.server.Enliven(public)}}
		var err error
		public, err = s.server.Publish(ctx, "recorder", recorderFacet.SpawnIn(s.server.Vat("recorder"), s.drop))
		if err != nil {
			t.Fatal(err)
		}
		cfg.Kinds, cfg.Mailbox, cfg.PublicDrop = []vat.Kind{accountKind}, owner, public
		s.bob = onSimulated(t, s.net, cfg)
		s.bob.own = durableAccount(t, s.bob.Node)
		s.net.Partition(s.alice.host, s.bob.host)
		s.publish(ctx)
		play(ctx, s)
		for _, c := range []*correspondent{s.alice, s.bob, s.server} {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		s.net.Close()
	})
}

func (s *strangers) box(name string) sturdyref.Ref {
	s.t.Helper()
	return s.parse(s.host.Office(context.Background()).NewBox(context.Background(), name, mailroom.Terms{}).Await(context.Background()))
}

func (s *strangers) parse(uri string, err error) sturdyref.Ref {
	s.t.Helper()
	var ref sturdyref.Ref
	if err == nil {
		ref, err = sturdyref.Parse(uri)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return ref
}

func (s *strangers) publish(ctx context.Context) {
	s.t.Helper()
	var err error
	if s.uri, err = s.bob.Publish(ctx, "account", s.bob.own.Ref); err != nil {
		s.t.Fatal(err)
	}
}

// begin has Alice's account know Bob's, and ask it something.
func (s *strangers) begin(ctx context.Context) vat.Ref {
	s.t.Helper()
	ref := s.alice.Enliven(s.uri)
	for range 600 {
		if len(s.alice.Lasting()) > 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.meet(ctx, ref)
	return ref
}

// meet has Alice's account know another, and ask it something.
func (s *strangers) meet(ctx context.Context, other vat.Ref) {
	s.t.Helper()
	if _, err := vat.Result[any](s.alice.own.Send(ctx, "meet", []accountRef{{other}})).Await(ctx); err != nil {
		s.t.Fatal(err)
	}
	s.inquire(ctx)
}

func (s *strangers) inquire(ctx context.Context) { _ = s.alice.own.SendOnly(ctx, "inquire") }

// restart closes a node and opens it again. Its place on the network is another.
func (s *strangers) restart(c *correspondent) {
	s.t.Helper()
	s.stop(c)
	s.resume(c)
}

func (s *strangers) stop(c *correspondent) {
	s.t.Helper()
	if err := c.Close(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *strangers) resume(c *correspondent) {
	s.t.Helper()
	var err error
	if c.Node, err = hawser.Open(context.Background(), &c.cfg); err != nil {
		s.t.Fatal(err)
	}
	c.own = durableAccount(s.t, c.Node)
	s.net.Partition(s.alice.host, s.bob.host)
}

// told checks that Alice has been told so many answers, and that Bob has been asked as much, in order.
func (s *strangers) told(when string, want int64) {
	s.t.Helper()
	a, b := s.alice.report(), s.bob.report()
	if a.Told != want || b.Seen["account inquires"] != want || len(a.Wrong)+len(b.Wrong) > 0 {
		s.t.Errorf("%s: told %d, asked %d, want %d; wrong: %q %q", when, a.Told, b.Seen["account inquires"], want, a.Wrong, b.Wrong)
	}
}

// A session that a letter opens goes on by letters and by connections, through restarts of either side.
func TestFirstLetter(t *testing.T) {
	estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
		ref := s.begin(ctx)
		time.Sleep(time.Minute)
		s.told("by a first letter", 1)
		if _, err := ref.Await(ctx); err != nil {
			t.Error(err)
		}
		if a, b := len(s.alice.Correspondents()), len(s.bob.Correspondents()); a != 1 || b != 1 {
			t.Errorf("%d and %d correspondents, want 1 and 1", a, b)
		}
		for i := range int64(3) {
			s.restart(s.alice)
			s.inquire(ctx)
			time.Sleep(time.Minute)
			s.told("after Alice's restart", 2+3*i)
			s.inquire(ctx)
			s.restart(s.bob)
			s.publish(ctx)
			time.Sleep(time.Minute)
			s.told("after Bob's restart", 3+3*i)
			s.net.Heal(s.alice.host, s.bob.host)
			time.Sleep(20 * time.Minute)
			s.net.Partition(s.server.host, s.alice.host)
			s.inquire(ctx)
			time.Sleep(time.Minute)
			s.told("by a connection", 4+3*i)
			s.net.Heal(s.server.host, s.alice.host)
			s.net.Partition(s.alice.host, s.bob.host)
			time.Sleep(time.Minute)
		}
		if n := len(s.alice.Sessions()); n != 2 {
			t.Errorf("%d sessions, want one with Bob and one with the server", n)
		}
	})
}

// Who has been written to, and has not looked into its box, can be dialled; what the letter says comes when it does.
func TestDialBesideALetter(t *testing.T) {
	estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
		s.net.Partition(s.bob.host, s.server.host)
		s.begin(ctx)
		time.Sleep(time.Hour)
		s.told("with Bob cut off", 0)
		s.restart(s.alice)
		s.net.Heal(s.alice.host, s.bob.host)
		time.Sleep(time.Hour) // in which the session that the letter is to open learns that Bob does not know it
		other, err := s.alice.Enliven(s.uri).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		s.meet(ctx, other)
		time.Sleep(time.Minute)
		if a := s.alice.report(); a.Told != 1 {
			t.Errorf("by a dial told %d, want 1", a.Told)
		}
		s.net.Heal(s.bob.host, s.server.host)
		time.Sleep(time.Hour)
		if a := s.alice.report(); a.Told != 2 {
			t.Errorf("when the letter has come told %d, want 2", a.Told)
		}
		if n := len(s.alice.Lasting()); n != 2 {
			t.Errorf("%d sessions last, want 2", n)
		}
	})
}

// A letter comes while Bob dials Alice: the session that it opens is beside what comes of that, and ends because of neither.
func TestLetterWhileDialling(t *testing.T) {
	estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
		uri, err := s.alice.Publish(ctx, "account", s.alice.own.Ref)
		if err != nil {
			t.Fatal(err)
		}
		s.net.Partition(s.bob.host, s.server.host)
		s.begin(ctx)
		time.Sleep(time.Minute)
		s.net.Heal(s.bob.host, s.server.host)
		for s.alice.report().Told == 0 { // one dial after another
			_, _ = s.bob.Enliven(uri).Await(ctx)
		}
		if _, err := s.bob.Enliven(uri).Await(ctx); err != nil {
			t.Errorf("nobody is there to be dialled, and there is a session: %v", err)
		}
		s.net.Heal(s.alice.host, s.bob.host)
		if _, err := s.bob.Enliven(uri).Await(ctx); err != nil {
			t.Error(err)
		}
		s.inquire(ctx)
		time.Sleep(time.Hour)
		s.told("over the session of the letter", 2)
	})
}

// A letter for what is not published yet waits.
func TestLetterBeforePublish(t *testing.T) {
	estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
		s.stop(s.bob)
		s.begin(ctx)
		time.Sleep(time.Hour)
		s.resume(s.bob)
		time.Sleep(time.Hour + time.Minute) // the box is looked into every ten minutes, too
		s.told("before it is published", 0)
		s.publish(ctx)
		time.Sleep(time.Minute)
		s.told("when it is", 1)
	})
}

// A secret that was revoked opens nothing, and who has written learns it, late.
func TestLetterWithARevokedSecret(t *testing.T) {
	estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
		if err := s.bob.Revoke(ctx, "account"); err != nil {
			t.Fatal(err)
		}
		ref := s.begin(ctx)
		time.Sleep(29 * 24 * time.Hour)
		if ref.PromiseCell().Settled() {
			_, err := ref.Await(ctx)
			t.Fatalf("too early: %v", err)
		}
		time.Sleep(3 * 24 * time.Hour)
		if !ref.PromiseCell().Settled() {
			t.Fatal("nobody was heard, and Alice is not told")
		}
		if _, err := ref.Await(ctx); !errors.Is(err, link.ErrExpired) {
			t.Errorf("got %v", err)
		}
		if a, b := s.alice.report(), s.bob.report(); len(a.Wrong) != 1 || len(b.Seen) > 0 {
			t.Errorf("what waited at Alice's was told %q; Bob was asked %v", a.Wrong, b.Seen)
		}
		if n := len(s.alice.Lasting()); n != 0 {
			t.Errorf("%d sessions last", n)
		}
	})
}

// A letter that has opened a session opens none again, whoever shows it, and whatever has become of the session.
func TestFirstLetterAgain(t *testing.T) {
	estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
		s.begin(ctx)
		time.Sleep(time.Minute)
		s.told("by a first letter", 1)
		again := func(when string) {
			t.Helper()
			n, err := s.drop.again(ctx)
			if n == 0 || err != nil {
				t.Fatalf("%s: %d letters, %v", when, n, err)
			}
			time.Sleep(time.Minute)
			if b := s.bob.report(); b.Seen["account inquires"] != 1 {
				t.Errorf("%s: asked %d times", when, b.Seen["account inquires"])
			}
		}
		again("shown again")
		s.restart(s.bob)
		s.publish(ctx)
		again("after a restart")
		if err := s.bob.Forget(s.bob.Lasting()[0]); err != nil {
			t.Fatal(err)
		}
		again("when Bob has forgotten the session")
		s.restart(s.bob)
		s.publish(ctx)
		again("and was restarted")
		if n := len(s.bob.Lasting()); n != 0 {
			t.Errorf("%d sessions last", n)
		}
		time.Sleep(40 * 24 * time.Hour)
		again("when nobody remembers")
	})
}

// Letters that open sessions come by the door, as diallers do.
func TestLettersAtTheDoor(t *testing.T) {
	t.Run("closed", func(t *testing.T) {
		estranged(t, hawser.Config{Door: hawser.Door{Closed: true}}, func(ctx context.Context, s *strangers) {
			ref := s.begin(ctx)
			time.Sleep(time.Minute)
			s.told("with a secret", 1)
			if err := s.bob.Revoke(ctx, "account"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if n := len(s.bob.Lasting()); n != 0 {
				t.Errorf("it was all that admitted Alice, and %d sessions last", n)
			}
			_ = ref
		})
	})
	t.Run("full", func(t *testing.T) {
		estranged(t, hawser.Config{Door: hawser.Door{MaxSessions: 1}}, func(ctx context.Context, s *strangers) {
			carol := onSimulated(t, s.net, hawser.Config{})
			if _, err := carol.Enliven(s.uri).Await(ctx); err != nil {
				t.Fatal(err)
			}
			s.begin(ctx)
			time.Sleep(time.Hour)
			s.told("with somebody else inside", 0)
			if err := carol.Close(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			s.told("when that one has left", 1)
		})
	})
}
