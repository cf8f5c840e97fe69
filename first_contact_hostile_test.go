package hawser_test

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/mailroom"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// stranger writes letters to Bob as it likes.
type stranger struct {
	s      *strangers
	sealer mailbox.Sealer
}

func (s *strangers) stranger() *stranger {
	s.t.Helper()
	id, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	record, err := sturdyref.NewRecord(id, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	return &stranger{s, mailbox.Sealer{Identity: id, Record: record}}
}

// writes drops a letter that opens a link, unless m says otherwise.
func (x *stranger) writes(ctx context.Context, m mailbox.Message) {
	x.s.t.Helper()
	m.From, m.Opens = sturdyref.Dialler, true
	static, err := sturdyref.DesignatorKey(x.s.uri.Peer.Designator)
	if err != nil {
		x.s.t.Fatal(err)
	}
	secret, err := mailbox.SecretOf(x.s.uri.Swiss)
	if err != nil {
		x.s.t.Fatal(err)
	}
	letter, _, err := x.sealer.SealFirst(static, secret, &m, time.Now())
	if err != nil {
		x.s.t.Fatal(err)
	}
	if _, err := x.s.drop.to.Drop(ctx, letter, 30).Await(ctx); err != nil {
		x.s.t.Fatal(err)
	}
}

// watched is a netlayer that notes where it is to dial.
type watched struct {
	netlayer.Netlayer
	mu    sync.Mutex
	dials []netlayer.Dial
}

func (w *watched) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	w.mu.Lock()
	w.dials = append(w.dials, d)
	w.mu.Unlock()
	return w.Netlayer.Connect(ctx, d)
}

// watch notes where Bob is to dial from now on.
func (s *strangers) watch(ctx context.Context) *watched {
	s.t.Helper()
	s.stop(s.bob)
	inner, w := s.bob.cfg.Network, new(watched)
	s.bob.cfg.Network = func(nc hawser.NetworkConfig) (n netlayer.Netlayer, err error) {
		w.Netlayer, err = inner(nc)
		return w, err
	}
	s.resume(s.bob)
	s.publish(ctx)
	return w
}

// elsewhere is the sturdyref of something at a peer that there is not.
func elsewhere(t *testing.T, mailbox string) sturdyref.Ref {
	t.Helper()
	id, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p := sturdyref.Peer{Transport: mem.Transport, Designator: sturdyref.Designator(id.Public().Static), Hints: map[string]string{"addr": "nowhere"}}
	if mailbox != "" {
		p.Hints["mailbox"] = mailbox
	}
	return sturdyref.Ref{Peer: p, Swiss: sturdyref.NewSwissNum()}
}

// Where a stranger's letter says that answers are dropped this node dials, at most: it opens no session there by letter, and what is said to
// be at its own server, or at another peer's place, changes nothing about where it looks for those.
func TestHostileReply(t *testing.T) {
	estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
		w := s.watch(ctx)
		drop := s.parse(s.uri.Peer.Hints["mailbox"], nil)
		moved := drop
		moved.Peer = moved.Peer.Clone()
		moved.Peer.Hints["addr"] = "the box of Bob"
		carol := onSimulated(t, s.net, hawser.Config{})
		uri, err := carol.Publish(ctx, "anything", s.drop.to.Ref)
		if err == nil {
			_, err = s.bob.Enliven(uri).Await(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
		uri.Peer = uri.Peer.Clone()
		uri.Peer.Hints["addr"] = "the place of Carol"
		for i, reply := range []sturdyref.Ref{elsewhere(t, drop.URI()), moved, uri} {
			s.stranger().writes(ctx, mailbox.Message{Link: [32]byte{byte(i)}, Reply: reply.URI()})
		}
		time.Sleep(10 * time.Minute)
		if n := len(s.bob.Lasting()); n != 3 {
			t.Errorf("%d sessions last, want those that the letters have opened", n)
		}
		s.net.Partition(s.bob.host, s.server.host) // which has it look for both
		s.net.Partition(s.bob.host, carol.host)
		time.Sleep(5 * time.Minute)
		if err := carol.Close(); err != nil {
			t.Error(err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		tried := false
		for _, d := range w.dials {
			tried = tried || d.Peer.Hints["addr"] == "nowhere" && d.Allow != nil
			switch at := d.Peer.Hints["addr"]; {
			case strings.HasPrefix(at, "the "), at == "nowhere" && d.Allow == nil:
				t.Errorf("a stranger has Bob dial %v", d.Peer.Hints)
			}
		}
		if !tried {
			t.Error("nobody has looked for where the answer goes")
		}
	})
}

// A stranger who says in each letter that answers go to another server has this node dial one.
func TestReplyMoves(t *testing.T) {
	estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
		w := s.watch(ctx)
		x := s.stranger()
		for range 5 {
			x.writes(ctx, mailbox.Message{Link: [32]byte{1}, Reply: elsewhere(t, "").URI()})
			time.Sleep(5 * time.Minute)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		places := make(map[string]bool)
		for _, d := range w.dials {
			if d.Peer.Hints["addr"] == "nowhere" {
				places[d.Peer.Designator] = true
			}
		}
		if len(places) != 1 {
			t.Errorf("%d servers were dialled, want one", len(places))
		}
	})
}

// Two strangers write to each other at once, and each has its answer: over two sessions, until either is over.
func TestStrangersAtOnce(t *testing.T) {
	estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
		s.stop(s.alice)
		box := mailroom.BoxRef{Ref: s.server.Enliven(s.alice.cfg.Mailbox)}
		s.alice.cfg.PublicDrop = s.parse(box.NewDrop(ctx, "public", mailroom.Public).Await(ctx))
		s.resume(s.alice)
		uri, err := s.alice.Publish(ctx, "account", s.alice.own.Ref)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []*correspondent{s.alice, s.bob} {
			s.net.Partition(c.host, s.server.host)
		}
		s.begin(ctx)
		ref := s.bob.Enliven(uri)
		time.Sleep(time.Minute)
		if _, err := vat.Result[any](s.bob.own.Send(ctx, "meet", []accountRef{{ref}})).Await(ctx); err != nil {
			t.Fatal(err)
		}
		if err := s.bob.own.SendOnly(ctx, "inquire"); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*correspondent{s.alice, s.bob} {
			s.net.Heal(c.host, s.server.host)
		}
		for i := range int64(4) {
			time.Sleep(time.Hour)
			if a, b := s.alice.report(), s.bob.report(); a.Told != 1+i || b.Told != 1+i || len(a.Wrong)+len(b.Wrong) > 0 {
				t.Errorf("%d: told %d and %d, wrong: %q %q", i, a.Told, b.Told, a.Wrong, b.Wrong)
			}
			s.restart(s.alice)
			s.restart(s.bob)
			if i == 2 {
				s.net.Heal(s.alice.host, s.bob.host)
			}
			s.inquire(ctx)
			_ = s.bob.own.SendOnly(ctx, "inquire")
		}
		if a, b := len(s.alice.Lasting()), len(s.bob.Lasting()); a != 2 || b != 2 {
			t.Errorf("%d and %d sessions last, want 2 each", a, b)
		}
	})
}

// A sturdyref whose hint leads nowhere: it is as one without, if that can be seen, and if not nothing but the one session comes of it.
func TestBadMailboxHint(t *testing.T) {
	estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
		good := s.uri.Peer.Hints["mailbox"]
		self := s.uri
		self.Peer = self.Peer.Clone()
		delete(self.Peer.Hints, "mailbox")
		for _, hint := range []string{"", "garbage", good + "%", self.URI()} {
			uri := s.uri
			uri.Peer = uri.Peer.Clone()
			uri.Peer.Hints["mailbox"] = hint
			if _, err := s.alice.Enliven(uri).Await(ctx); !errors.Is(err, netlayer.ErrUnreachable) {
				t.Errorf("%q: got %v", hint, err)
			}
		}
		if n := len(s.alice.Lasting()); n != 0 {
			t.Errorf("%d sessions last", n)
		}
		s.uri.Peer = s.uri.Peer.Clone()
		s.uri.Peer.Hints["mailbox"] = elsewhere(t, good).URI()
		_ = s.alice.Enliven(s.uri)
		time.Sleep(time.Hour)
		if n := len(s.alice.Lasting()); n != 1 {
			t.Errorf("%d sessions last, want that with Bob", n)
		}
	})
}

// Sessions that letters with one secret have opened count for as long as they are remembered: who opens one after the other, each in another
// name, comes to an end, and takes nothing from who has another secret.
func TestManyFirstLetters(t *testing.T) {
	var log bytes.Buffer
	logger := hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Warn})
	estranged(t, hawser.Config{Door: hawser.Door{MaxPerSource: 3}, Logger: logger}, func(ctx context.Context, s *strangers) {
		for i := range byte(6) {
			x := s.stranger()
			x.writes(ctx, mailbox.Message{Link: [32]byte{i}})
			time.Sleep(time.Second)
			for _, peer := range s.bob.Lasting() {
				if err := s.bob.Forget(peer); err != nil {
					t.Error(err)
				}
			}
		}
		s.restart(s.bob)
		s.publish(ctx)
		ref := s.begin(ctx)
		time.Sleep(time.Hour)
		s.told("with one secret", 0)
		if n := strings.Count(log.String(), "letters have opened 3 from mail"); n == 0 {
			t.Errorf("the log says nothing of it: %s", log.String())
		}
		var err error
		if s.uri, err = s.bob.Publish(ctx, "another", s.bob.own.Ref); err != nil {
			t.Fatal(err)
		}
		s.stranger().writes(ctx, mailbox.Message{Link: [32]byte{100}})
		time.Sleep(time.Minute)
		if n := len(s.bob.Lasting()); n != 1 {
			t.Errorf("with another secret %d sessions last, want 1", n)
		}
		_ = ref
	})
}

// A letter that says that its link is over, and of which nobody has heard, opens nothing, and nothing opens the link after it.
func TestOverBeforeItBegins(t *testing.T) {
	estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
		x := s.stranger()
		x.writes(ctx, mailbox.Message{Link: [32]byte{1}, Over: true})
		time.Sleep(time.Minute)
		x.writes(ctx, mailbox.Message{Link: [32]byte{1}})
		time.Sleep(time.Minute)
		if n := len(s.bob.Sessions()); n != 1 {
			t.Errorf("%d sessions, want that with the server", n)
		}
		drops, err := mailroom.BoxRef{Ref: s.server.Enliven(s.bob.cfg.Mailbox)}.Drops(ctx).Await(ctx)
		if err != nil || len(drops) != 1 {
			t.Errorf("%d drops, %v, want the public one", len(drops), err)
		}
	})
}

// The first letter stays in the box, for what is not published. What is written on the link after it, when the two have met besides, stays
// there as well.
func TestLetterBehindOneThatWaits(t *testing.T) {
	estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
		s.stop(s.bob)
		first := s.begin(ctx)
		time.Sleep(time.Minute)
		s.resume(s.bob)
		other, err := s.bob.Publish(ctx, "other", s.bob.own.Ref)
		if err != nil {
			t.Fatal(err)
		}
		s.net.Heal(s.alice.host, s.bob.host)
		ref, err := s.alice.Enliven(other).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		s.meet(ctx, ref)
		time.Sleep(time.Minute)
		if n := len(s.alice.Correspondents()); n == 0 {
			t.Fatal("Alice does not know Bob's prekeys")
		}
		s.net.Partition(s.alice.host, s.bob.host)
		s.meet(ctx, first)
		time.Sleep(time.Minute)
		if a := s.alice.report(); a.Told != 1 {
			t.Errorf("told %d, want what was asked over a connection", a.Told)
		}
		s.publish(ctx)
		time.Sleep(time.Hour)
		if a, b := s.alice.report(), s.bob.report(); a.Told != 3 || b.Seen["account inquires"] != 3 {
			t.Errorf("told %d, seen %d, want 3", a.Told, b.Seen["account inquires"])
		}
	})
}

// Who is not heard is given up also if no server can be reached that would take another letter.
func TestUnheardWithoutServer(t *testing.T) {
	estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
		s.stop(s.bob)
		ref := s.begin(ctx)
		time.Sleep(29 * 24 * time.Hour)
		s.net.Partition(s.alice.host, s.server.host)
		time.Sleep(2 * 24 * time.Hour)
		if !ref.PromiseCell().Settled() {
			t.Fatal("nobody was heard, and Alice is not told")
		}
		if _, err := ref.Await(ctx); !errors.Is(err, link.ErrExpired) {
			t.Errorf("got %v", err)
		}
	})
}

// A peer that was heard by connections alone, as it has no mail any more, was heard.
func TestHeardByConnection(t *testing.T) {
	estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
		s.begin(ctx)
		for s.bob.report().Seen["account inquires"] == 0 {
			time.Sleep(time.Millisecond)
		}
		s.net.Partition(s.bob.host, s.server.host)
		s.bob.cfg.Mailbox, s.bob.cfg.PublicDrop = sturdyref.Ref{}, sturdyref.Ref{}
		s.restart(s.bob)
		s.net.Heal(s.alice.host, s.bob.host)
		time.Sleep(time.Hour)
		s.told("by a connection", 1)
		s.net.Partition(s.alice.host, s.bob.host)
		s.inquire(ctx)
		time.Sleep(31 * 24 * time.Hour)
		s.net.Heal(s.alice.host, s.bob.host)
		time.Sleep(time.Hour)
		s.told("by another", 2)
	})
}

// A live reference is had by dialling, whatever is written to the peer besides: it must not wait for a letter to be taken.
func TestLiveBesideALetter(t *testing.T) {
	for name, before := range map[string]bool{"that waits for the dial": false, "that finds the dial": true} {
		t.Run(name, func(t *testing.T) {
			estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
				s.net.Partition(s.bob.host, s.server.host)
				other, err := s.bob.Publish(ctx, "other", s.bob.own.Ref)
				if err != nil {
					t.Fatal(err)
				}
				if before {
					_ = s.alice.Enliven(other)
				}
				live := s.alice.Live(other)
				if !before {
					time.Sleep(time.Minute)
					if n := len(s.alice.Lasting()); n != 0 {
						t.Errorf("it has opened %d sessions by letter", n)
					}
					other = s.uri
				}
				_ = s.alice.Enliven(other)
				same := s.alice.Live(other)
				time.Sleep(time.Minute)
				if n := len(s.alice.Lasting()); n != 1 {
					t.Errorf("what was enlivened has opened %d sessions by letter", n)
				}
				s.net.Heal(s.alice.host, s.bob.host)
				time.Sleep(5 * time.Minute)
				for _, ref := range []vat.Ref{live, same} {
					answer := ref.Send(ctx, "report")
					time.Sleep(time.Minute)
					if !answer.PromiseCell().Settled() {
						t.Error("Bob is there, and a live reference waits")
					}
				}
			})
		})
	}
}

// What waits for the dial of something that no letter goes for is written when that has found nobody.
func TestLetterBehindADial(t *testing.T) {
	estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
		_ = s.alice.Live(s.uri)
		time.Sleep(100 * time.Millisecond)
		s.begin(ctx)
		time.Sleep(time.Minute)
		s.told("by a first letter", 1)
	})
}

// What is said over a connection that was quiet for long goes by no letter besides.
func TestQuietConnection(t *testing.T) {
	estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
		s.begin(ctx)
		time.Sleep(time.Minute)
		s.net.Heal(s.alice.host, s.bob.host)
		time.Sleep(20 * time.Minute)
		s.told("by a letter", 1)
		s.net.Partition(s.bob.host, s.server.host)
		time.Sleep(time.Hour)
		s.inquire(ctx)
		time.Sleep(time.Minute)
		s.told("by a connection", 2)
		usage, err := mailroom.BoxRef{Ref: s.server.Enliven(s.bob.cfg.Mailbox)}.Usage(ctx).Await(ctx)
		if err != nil || usage.Letters != 0 {
			t.Errorf("%d letters are in Bob's box, %v", usage.Letters, err)
		}
	})
}

// However much there is to be said before the peer was heard, it goes by the drop for anybody as far as that takes it, and the rest when the peer
// has said where else its letters are dropped.
func TestMuchToBeginWith(t *testing.T) {
	for _, size := range []int{1000, 100_000, 700_000} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			estranged(t, hawser.Config{}, func(ctx context.Context, s *strangers) {
				s.stop(s.bob)
				s.net.Partition(s.alice.host, s.server.host)
				ref, from := s.begin(ctx), strings.Repeat("x", size)
				n := max(3, 500_000/size)
				for i := range n {
					if err := ref.SendOnly(ctx, "take", from, i+1, 0); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Minute)
				s.net.Heal(s.alice.host, s.server.host)
				time.Sleep(time.Hour)
				s.resume(s.bob)
				s.publish(ctx)
				time.Sleep(time.Hour)
				s.told("beside it", 1)
				if got := s.bob.report().Seen[from]; got != int64(n) {
					t.Errorf("%d of %d have come", got, n)
				}
				for _, l := range s.drop.letters {
					if len(l) > mailroom.Public.Longest {
						t.Fatalf("a letter of %d bytes was to go by it", len(l))
					}
				}
			})
		})
	}
}

// The owner's sturdyref of a box must not go into what is published.
func TestPublicDropIsNotTheOwners(t *testing.T) {
	owner := elsewhere(t, "")
	_, err := hawser.Open(context.Background(), &hawser.Config{Dir: t.TempDir(), Mailbox: owner, PublicDrop: owner})
	if err == nil || !strings.Contains(err.Error(), "Config.PublicDrop") {
		t.Errorf("got %v", err)
	}
}
