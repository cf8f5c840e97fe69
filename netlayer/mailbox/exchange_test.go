package mailbox_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
)

// slot is a Dropper that keeps what is dropped and answers as it is told.
type slot struct {
	letters [][]byte
	refuse  func(n int) error // the n-th letter
	bundle  func() ([]byte, error)
	asked   int
	keep    time.Duration // of the last
}

func (s *slot) Drop(_ context.Context, letter []byte, keep time.Duration) error {
	s.keep = keep
	if s.refuse != nil {
		if err := s.refuse(len(s.letters)); err != nil {
			return err
		}
	}
	s.letters = append(s.letters, letter)
	return nil
}

func (s *slot) Bundle(context.Context) ([]byte, error) {
	s.asked++
	if s.bundle == nil {
		return nil, nil
	}
	return s.bundle()
}

// liveLink is an end of a link that was opened by a handshake: both ends know each other's signing keys, and a prekey.
func liveLink(t *testing.T, p, peer *party, role sturdyref.Role, frames *[][]byte) *mailbox.Exchange[int] {
	t.Helper()
	x, err := mailbox.NewExchange(mailbox.ExchangeConfig{
		Link: [32]byte{5}, Role: role, Peer: peer.static(),
		Known: mailbox.Known{Signing: peer.Public().Signing, Bundle: l2(t, p, peer), Heard: true}, Sealer: p.sealer(),
		Frames: func(first, next uint64) ([][]byte, error) { return (*frames)[first:next], nil },
	}, new(mailbox.Outbox), mailbox.NewInbox[int](0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestExchange(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	ctx, now := t.Context(), start
	var fromA, fromB [][]byte
	a, b := liveLink(t, alice, bob, sturdyref.Dialler, &fromA), liveLink(t, bob, alice, sturdyref.Acceptor, &fromB)
	bob.known[alice.static()], alice.known[bob.static()] = b.Correspondent(), a.Correspondent()
	var toBob, toAlice slot
	take := func(x *mailbox.Exchange[int], p *party, s *slot, want ...[]byte) {
		t.Helper()
		var got [][]byte
		for i, letter := range s.letters {
			l, err := p.opener().Open(letter, now)
			if err != nil {
				t.Fatal(err)
			}
			ready, err := x.Take(l, i)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, ready...)
		}
		s.letters = nil
		if len(got) != len(want) {
			t.Fatalf("%d frames have come, want %d", len(got), len(want))
		}
		for i := range got {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("frame %d is another one", i)
			}
		}
		x.In.Consumed(x.In.Next())
		x.In.Done()
	}
	send := func(x *mailbox.Exchange[int], s *slot, letters int, want error) {
		t.Helper()
		if err := x.Send(ctx, s, now); !errors.Is(err, want) || len(s.letters) != letters {
			t.Fatalf("%d letters, %v, want %d, %v", len(s.letters), err, letters, want)
		}
	}
	send(a, &toBob, 0, nil)
	if _, ok := a.Wake(now); ok {
		t.Error("woken for nothing")
	}

	// Small frames share a letter, and a large one comes in parts, of which a box refuses one.
	fromA = [][]byte{[]byte("one"), {}, bytes.Repeat([]byte("large"), 200_000), []byte("four")}
	a.Out.Written(4)
	if at, ok := a.Wake(now); !ok || !at.Equal(now) {
		t.Errorf("wake at %v, %v, want now", at, ok)
	}
	toBob.refuse = func(n int) error {
		if n == 2 {
			return mailbox.ErrFull
		}
		return nil
	}
	send(a, &toBob, 2, mailbox.ErrFull)
	if first, next, ok := a.Out.Due(now); !ok || first != 2 || next != 4 {
		t.Errorf("due after a refusal: %d to %d, %v", first, next, ok)
	}
	take(b, bob, &toBob, fromA[:2]...)
	toBob.refuse = nil
	send(a, &toBob, 3, nil) // the part that was taken need not go again
	take(b, bob, &toBob, fromA[2:]...)

	// An acknowledgement waits for frames to go with, for a while.
	send(b, &toAlice, 0, nil)
	if at, ok := b.Wake(now); !ok || !at.Equal(now.Add(30*time.Second)) {
		t.Errorf("wake at %v, %v, want in half a minute", at, ok)
	}
	now = now.Add(30 * time.Second)
	send(b, &toAlice, 1, nil)
	if n := len(toAlice.letters[0]); n != mailbox.MinLetter {
		t.Errorf("an acknowledgement has %d bytes", n)
	}
	take(a, alice, &toAlice)
	if n := a.Out.Unacked(); n != 0 {
		t.Errorf("%d frames are unacknowledged", n)
	}
	if _, ok := b.Wake(now); ok {
		t.Error("woken for nothing")
	}
	send(a, &toBob, 0, nil) // an acknowledgement is not acknowledged
	fromB = [][]byte{[]byte("back")}
	b.Out.Written(1)
	send(b, &toAlice, 1, nil)
	take(a, alice, &toAlice, fromB...)

	// What goes with frames is told, and the next acknowledgement waits as long as the first.
	fromA = append(fromA, []byte("more"))
	a.Out.Written(5)
	send(a, &toBob, 1, nil)
	take(b, bob, &toBob, []byte("more"))
	now = now.Add(time.Hour)
	send(a, &toBob, 0, nil)
	send(b, &toAlice, 0, nil)
	if at, ok := b.Wake(now); !ok || !at.Equal(now.Add(30*time.Second)) {
		t.Errorf("wake at %v, %v, want in half a minute, before anything expires", at, ok)
	}
	now = now.Add(30 * time.Second)
	send(b, &toAlice, 1, nil)
	take(a, alice, &toAlice)
	fromB = append(fromB, []byte("again"))
	b.Out.Written(2)
	send(b, &toAlice, 1, nil)
	take(a, alice, &toAlice, []byte("again"))

	// The box is asked for newer prekeys, not too often, and not believed when it shows others.
	send(a, &toBob, 0, nil)
	asked := toBob.asked
	now = now.Add(25 * time.Hour)
	toBob.bundle = func() ([]byte, error) { return alice.prekeys.Bundle().Encoded(), nil }
	send(a, &toBob, 1, nil)
	fromA = append(fromA, []byte("four and a half"))
	a.Out.Written(6)
	send(a, &toBob, 2, nil)
	if toBob.asked != asked+1 {
		t.Errorf("asked %d times", toBob.asked-asked)
	}
	take(b, bob, &toBob, []byte("four and a half"))
	if want := bob.prekeys.Bundle().Retires.Add(mailbox.Skew).Sub(now); toBob.keep != want {
		t.Errorf("to be kept for %v, want %v", toBob.keep, want)
	}
	old := bob.prekeys.Bundle().ID()
	if err := bob.prekeys.RetireAll(now); err != nil { // a restored backup
		t.Fatal(err)
	}
	fromA = append(fromA, []byte("five"))
	a.Out.Written(7)
	send(a, &toBob, 1, nil)
	if l, err := bob.opener().Open(toBob.letters[0], now); !errors.Is(err, mailbox.ErrPrekey) {
		t.Fatalf("%v, %v", l, err)
	}
	toBob = slot{bundle: func() ([]byte, error) { return bob.prekeys.Bundle().Encoded(), nil }}
	now = now.Add(25 * time.Hour)
	send(a, &toBob, 0, nil) // nothing is due, so nothing is asked
	fromA = append(fromA, []byte("six"))
	a.Out.Written(8)
	send(a, &toBob, 1, nil) // with five again, for what that was sealed to is gone
	take(b, bob, &toBob, fromA[6:]...)
	if k := a.Known(); k.Bundle.ID() == old || !k.Heard {
		t.Error("the newer prekey is not known")
	}

	// With nothing to seal to the frames stay.
	now = now.Add(30 * day)
	toBob = slot{}
	fromA = append(fromA, []byte("seven"))
	a.Out.Written(9)
	send(a, &toBob, 0, mailbox.ErrRetired)
	lost := errors.New("no network")
	toBob.bundle = func() ([]byte, error) { return nil, lost }
	send(a, &toBob, 0, lost)
	toBob.bundle = func() ([]byte, error) { return []byte("nonsense"), nil }
	send(a, &toBob, 0, mailbox.ErrMalformed)
	if _, err := bob.prekeys.Rotate(now); err != nil {
		t.Fatal(err)
	}
	toBob.bundle = func() ([]byte, error) { return bob.prekeys.Bundle().Encoded(), nil }
	send(a, &toBob, 1, nil)
	take(b, bob, &toBob, []byte("seven"))

	// The end.
	if err := a.End(ctx, &toBob, "enough of it", now); err != nil {
		t.Fatal(err)
	}
	l, err := bob.opener().Open(toBob.letters[0], now)
	if err != nil || !l.Over || l.Reason != "enough of it" {
		t.Errorf("%+v, %v", l, err)
	}
	// What is not of this link, or from the wrong end, or beyond what was sent.
	for name, c := range map[string]struct {
		change func(l *mailbox.Letter)
		want   error
	}{
		"another link":  {func(l *mailbox.Letter) { l.Link[0]++ }, mailbox.ErrUnknownLink},
		"the other end": {func(l *mailbox.Letter) { l.From = sturdyref.Acceptor }, mailbox.ErrForged},
		"another peer":  {func(l *mailbox.Letter) { l.Sender[0]++ }, mailbox.ErrForged},
		"too much":      {func(l *mailbox.Letter) { l.Next = 100 }, mailbox.ErrRolledBack},
	} {
		bad := *l
		c.change(&bad)
		if _, err := b.Take(&bad, 0); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for _, c := range []mailbox.ExchangeConfig{
		{},
		{Role: 'd', Sealer: alice.sealer()},
		{Role: 'x', Sealer: alice.sealer(), Frames: func(uint64, uint64) ([][]byte, error) { return nil, nil }},
		{Role: 'a', Sealer: alice.sealer(), Frames: func(uint64, uint64) ([][]byte, error) { return nil, nil }, AckDelay: -1},
	} {
		if _, err := mailbox.NewExchange(c, new(mailbox.Outbox), mailbox.NewInbox[int](0, 0)); err == nil {
			t.Errorf("made with %+v", c)
		}
	}
}

// TestExchangeWake: an acknowledgement that waits comes before what expires.
func TestExchangeWake(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	frames := [][]byte{[]byte("x")}
	a := liveLink(t, alice, bob, sturdyref.Dialler, &frames)
	a.Out.Written(1)
	var s slot
	if err := a.Send(t.Context(), &s, start); err != nil {
		t.Fatal(err)
	}
	if at, ok := a.Wake(start); !ok || !at.Equal(bob.prekeys.Bundle().Retires) {
		t.Errorf("wake at %v, %v, want when the prekey retires", at, ok)
	}
	a.In.Advance(1)
	a.In.Consumed(1)
	if at, ok := a.Wake(start); !ok || !at.Equal(start.Add(30*time.Second)) {
		t.Errorf("wake at %v, %v, want when an acknowledgement is to be sent", at, ok)
	}
	if err := a.Send(t.Context(), &s, start); err != nil || len(s.letters) != 1 {
		t.Fatalf("%d letters, %v", len(s.letters), err)
	}
	if at, ok := a.Wake(start.Add(10 * time.Second)); !ok || !at.Equal(start.Add(30*time.Second)) {
		t.Errorf("wake at %v, %v, want half a minute after it was owed", at, ok)
	}
}

// TestExchangeFrames: a link that gives no frames, or too many, is told.
func TestExchangeFrames(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	lost := errors.New("the store has failed")
	for _, c := range []struct {
		frames [][]byte
		err    error
	}{{nil, nil}, {[][]byte{{1}, {2}}, nil}, {nil, lost}} {
		x, err := mailbox.NewExchange(mailbox.ExchangeConfig{
			Role: sturdyref.Dialler, Peer: bob.static(), Known: mailbox.Known{Signing: bob.Public().Signing, Bundle: l2(t, alice, bob), Heard: true}, Sealer: alice.sealer(),
			Frames: func(uint64, uint64) ([][]byte, error) { return c.frames, c.err },
		}, new(mailbox.Outbox), mailbox.NewInbox[int](0, 0))
		if err != nil {
			t.Fatal(err)
		}
		x.Out.Written(1)
		var s slot
		if err := x.Send(t.Context(), &s, start); err == nil || c.err != nil && !errors.Is(err, c.err) || len(s.letters) > 0 {
			t.Errorf("%v, %d letters", err, len(s.letters))
		}
	}
}

// TestExchangeFirstContact: what goes along until both know each other, and what there is to do when prekeys have retired.
func TestExchangeFirstContact(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	secret := bob.publishes(t)
	ctx, now := t.Context(), start
	var written [2][][]byte
	ends := [2]*mailbox.Exchange[int]{}
	people := [2]*party{alice, bob}
	for i, role := range []sturdyref.Role{sturdyref.Dialler, sturdyref.Acceptor} {
		var err error
		ends[i], err = mailbox.NewExchange(mailbox.ExchangeConfig{
			Link: [32]byte{5}, Role: role, Peer: people[1-i].static(), Secret: secret, Sealer: people[i].sealer(), Reply: "ocapn://x", Begun: start,
			Frames: func(first, next uint64) ([][]byte, error) { return written[i][first:next], nil },
		}, new(mailbox.Outbox), mailbox.NewInbox[int](0, 0))
		if err != nil {
			t.Fatal(err)
		}
	}
	var box slot // which has no prekeys
	// say has one end say something to the other, and returns the letter.
	say := func(i int) (letter []byte, l *mailbox.Letter) {
		t.Helper()
		written[i] = append(written[i], []byte("word"))
		ends[i].Out.Written(uint64(len(written[i])))
		if err := ends[i].Send(ctx, &box, now); err != nil || len(box.letters) != 1 {
			t.Fatalf("%d letters, %v", len(box.letters), err)
		}
		letter, box.letters = box.letters[0], nil
		people[1-i].known[people[i].static()] = ends[1-i].Correspondent()
		l, err := people[1-i].opener().Open(letter, now)
		if err != nil {
			t.Fatal(err)
		}
		if ready, err := ends[1-i].Take(l, 0); err != nil || len(ready) != 1 {
			t.Fatalf("%d frames, %v", len(ready), err)
		}
		ends[1-i].In.Consumed(ends[1-i].In.Next())
		return letter, l
	}
	check := func(what string, i int, static, opens, record bool) {
		t.Helper()
		letter, l := say(i)
		if (letter[1] == 1) != static || l.Opens != opens || (l.Record != nil) != record || l.Reply != "ocapn://x" {
			t.Errorf("%s: to the static key %v, opens %v, with a record %v, reply %q", what, letter[1] == 1, l.Opens, l.Record != nil, l.Reply)
		}
	}
	check("first contact", 0, true, true, true)
	check("once more, unheard", 0, true, true, true)
	check("the answer", 1, false, false, true)
	check("once more, without knowing that it was heard", 1, false, false, true)
	check("both know", 0, false, false, false)
	check("both know, back", 1, false, false, false)
	// Bob's prekeys retire, and his box has none: the sturdyref will do. Its old ones are not believed to be newer.
	old := bob.prekeys.Bundle().Encoded()
	now = now.Add(20 * day)
	for _, p := range people {
		if _, err := p.prekeys.Rotate(now); err != nil {
			t.Fatal(err)
		}
	}
	check("no prekey that has not retired", 0, true, false, true)
	box.bundle = func() ([]byte, error) { return old, nil }
	check("an old prekey in the box", 0, true, false, true)
	check("Bob has heard of Alice's new ones", 1, false, false, false)
	box.bundle = func() ([]byte, error) { return old, nil }
	now = now.Add(25 * time.Hour)
	check("Alice has heard of Bob's, whatever the box shows", 0, false, false, false)
	if ends[0].Known().Bundle.ID() != bob.prekeys.Bundle().ID() {
		t.Error("an older prekey has taken the place of a newer one")
	}
}

// TestHalf: parts of a frame that were taken are good as long as all are, and go again when what they are sealed to has gone.
func TestHalf(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	frames := [][]byte{make([]byte, netlayer.MaxFrame), make([]byte, netlayer.MaxFrame)}
	a := liveLink(t, alice, bob, sturdyref.Dialler, &frames)
	a.Out.Written(1)
	part := func(now time.Time, want int) {
		t.Helper()
		p, err := a.Next(now)
		if err != nil {
			t.Fatal(err)
		}
		l, err := (&mailbox.Opener{Identity: bob, Prekeys: bob.prekeys, Correspondent: func(mailbox.Envelope) (mailbox.Correspondent, error) {
			return mailbox.Correspondent{Signing: alice.Public().Signing}, nil
		}}).Open(p.Letter, now)
		if err != nil || l.Parts != 3 || l.Part != want {
			t.Fatalf("part %d of %d, %v, want part %d", l.Part, l.Parts, err, want)
		}
		a.Dropped(p)
	}
	renew := func(now time.Time) {
		t.Helper()
		if err := bob.prekeys.RetireAll(now); err != nil {
			t.Fatal(err)
		}
		if err := a.Answer(bob.prekeys.Bundle().Encoded(), nil); err != nil {
			t.Fatal(err)
		}
	}
	part(start, 0)
	part(start, 1)
	renew(start.Add(day))
	part(start.Add(day), 0)
	part(start.Add(13*day), 1)
	if p, err := a.Next(start.Add(16 * day)); p != nil || !errors.Is(err, mailbox.ErrRetired) {
		t.Errorf("%v, %v, want ErrRetired", p, err)
	}
	renew(start.Add(16 * day))
	for i := range 3 {
		part(start.Add(16*day), i)
	}
	if p, err := a.Next(start.Add(16 * day)); p != nil || err != nil {
		t.Errorf("%v, %v when all is dropped", p, err)
	}
	if at, ok := a.Wake(start.Add(16 * day)); !ok || !at.Equal(bob.prekeys.Bundle().Retires) {
		t.Errorf("wake at %v, %v", at, ok)
	}
	// The frame has come by a connection when some of its parts have gone: the next one begins at its first part.
	a = liveLink(t, alice, bob, sturdyref.Dialler, &frames)
	a.Out.Written(2)
	part(start.Add(16*day), 0)
	part(start.Add(16*day), 1)
	if err := a.Out.Acked(1); err != nil {
		t.Fatal(err)
	}
	part(start.Add(16*day), 0)
}

// TestUnheard: a link by mail that nobody answers is over after 30 days, and no letter of it opens another after that.
func TestUnheard(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	secret := bob.publishes(t)
	for name, known := range map[string]mailbox.Known{"first contact": {}, "a prekey": {Signing: bob.Public().Signing, Bundle: bob.prekeys.Bundle()}} {
		t.Run(name, func(t *testing.T) {
			x, err := mailbox.NewExchange(mailbox.ExchangeConfig{
				Role: sturdyref.Dialler, Peer: bob.static(), Known: known, Secret: secret, Sealer: alice.sealer(), Begun: start,
				Frames: func(first, next uint64) ([][]byte, error) { return make([][]byte, next-first), nil },
			}, new(mailbox.Outbox), mailbox.NewInbox[int](0, 0))
			if err != nil {
				t.Fatal(err)
			}
			bob.knows(alice)
			box := slot{bundle: func() ([]byte, error) { return bob.prekeys.Bundle().Encoded(), nil }}
			for days := range 40 {
				now := start.Add(time.Duration(days) * day)
				if _, err := bob.prekeys.Rotate(now); err != nil {
					t.Fatal(err)
				}
				x.Out.Written(uint64(days + 1))
				err := x.Send(t.Context(), &box, now)
				if over := days >= 30; over != errors.Is(err, mailbox.ErrUnheard) || !over && err != nil {
					t.Fatalf("after %d days: %v", days, err)
				}
				if len(box.letters) == 0 {
					continue
				}
				for _, letter := range box.letters {
					l, err := bob.opener().Open(letter, now)
					if err != nil || l.AcceptBy.After(start.Add(mailbox.FirstContact)) || !l.Opens {
						t.Fatalf("after %d days: %+v, %v", days, l, err)
					}
				}
				box.letters = nil
			}
		})
	}
	if _, err := mailbox.NewExchange(mailbox.ExchangeConfig{
		Role: sturdyref.Dialler, Sealer: alice.sealer(), Frames: func(uint64, uint64) ([][]byte, error) { return nil, nil },
	}, new(mailbox.Outbox), mailbox.NewInbox[int](0, 0)); err == nil {
		t.Error("a link that has no beginning")
	}
}

// TestLives: a peer whose store goes on where it was is one peer, whatever order its letters come in; one that has gone back, or is two, is found out.
func TestLives(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	frames := [][]byte{}
	st := [16]byte{1}
	of := func(store [16]byte, epoch, base uint64) (l mailbox.Life) {
		if l = (mailbox.Life{Store: store, Epoch: epoch, Base: base}); epoch > 0 {
			l.Opening = [16]byte{byte(epoch)}
		}
		return l
	}
	type life struct {
		mailbox.Life
		first, count, seen uint64
		met                bool // by a connection
		want               error
	}
	for name, lives := range map[string][]life{
		"restarts":                            {{of(st, 1, 0), 0, 3, 0, false, nil}, {of(st, 2, 3), 3, 2, 0, false, nil}, {of(st, 4, 5), 5, 1, 0, false, nil}},
		"late letters":                        {{of(st, 2, 3), 3, 2, 0, false, nil}, {of(st, 1, 0), 0, 3, 0, false, nil}, {of(st, 2, 3), 0, 5, 0, false, nil}},
		"not stored":                          {{of([16]byte{}, 0, 0), 0, 3, 0, false, nil}, {of([16]byte{}, 0, 0), 0, 5, 0, false, nil}},
		"another store":                       {{of(st, 1, 0), 0, 3, 0, false, nil}, {of([16]byte{2}, 2, 3), 3, 2, 0, false, mailbox.ErrRolledBack}},
		"a backup, opened often":              {{of(st, 5, 3), 3, 5, 0, false, nil}, {of(st, 6, 4), 4, 1, 0, false, mailbox.ErrRolledBack}},
		"a backup, opened seldom":             {{of(st, 5, 3), 3, 5, 0, false, nil}, {of(st, 4, 1), 1, 4, 0, false, mailbox.ErrRolledBack}},
		"two of one opening":                  {{of(st, 5, 3), 3, 5, 0, false, nil}, {of(st, 5, 4), 4, 1, 0, false, mailbox.ErrIdentityInUse}},
		"we have gone back":                   {{of(st, 5, 3), 3, 5, 8, false, mailbox.ErrRolledBack}},
		"we have not":                         {{of(st, 5, 3), 3, 5, 7, false, nil}},
		"a connection in between":             {{of(st, 1, 0), 0, 1, 0, false, nil}, {of(st, 2, 4), 0, 0, 0, true, nil}, {of(st, 3, 6), 6, 1, 0, false, nil}, {of(st, 2, 4), 3, 1, 0, false, nil}},
		"a backup from before one":            {{of(st, 2, 4), 0, 0, 0, true, nil}, {of(st, 3, 2), 2, 1, 0, false, mailbox.ErrRolledBack}},
		"a backup after a connection":         {{of(st, 2, 1), 0, 0, 0, true, nil}, {of(st, 3, 2), 2, 1, 0, false, mailbox.ErrRolledBack}},
		"a connection with a backup":          {{of(st, 5, 3), 3, 5, 0, false, nil}, {of(st, 6, 4), 0, 0, 0, true, mailbox.ErrRolledBack}},
		"a connection with a stranger":        {{of(st, 5, 3), 3, 5, 0, false, nil}, {of(st, 5, 4), 0, 0, 0, true, mailbox.ErrIdentityInUse}},
		"two of one opening that began alike": {{of(st, 5, 3), 3, 5, 0, false, nil}, {mailbox.Life{Store: st, Opening: [16]byte{9}, Epoch: 5, Base: 3}, 3, 1, 0, false, mailbox.ErrIdentityInUse}},
		"a connection with a copy":            {{of(st, 5, 3), 3, 5, 0, false, nil}, {mailbox.Life{Store: st, Opening: [16]byte{9}, Epoch: 5, Base: 3}, 0, 0, 0, true, mailbox.ErrIdentityInUse}},
	} {
		x, err := mailbox.NewExchange(mailbox.ExchangeConfig{
			Link: [32]byte{5}, Role: sturdyref.Acceptor, Peer: bob.static(), Sealer: alice.sealer(), Life: mailbox.Life{Epoch: 7},
			Frames: func(uint64, uint64) ([][]byte, error) { return frames, nil },
		}, new(mailbox.Outbox), mailbox.NewInbox[int](3, 3))
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range lives {
			var err error
			if s.met {
				if err = x.Met(s.Life); err == nil && !x.Known().Heard {
					t.Errorf("%s: a peer that was met was not heard", name)
				}
				x.Came(s.Epoch + 1) // perhaps a later one: nothing follows
				x.Came(s.Epoch)
			} else {
				_, err = x.Take(&mailbox.Letter{Sender: bob.static(), Message: mailbox.Message{
					Link: [32]byte{5}, From: sturdyref.Dialler, Life: s.Life, Seen: s.seen, First: s.first, Frames: make([][]byte, s.count),
				}}, 0)
			}
			if errors.Is(err, mailbox.ErrReplayed) {
				err = nil
			}
			if !errors.Is(err, s.want) || s.want == nil && err != nil {
				t.Errorf("%s: %d: %v, want %v", name, i, err, s.want)
			}
		}
	}
}
