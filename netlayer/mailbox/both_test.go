package mailbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/sturdyref"
)

// end is one end of a link that has mail alone.
type end struct {
	*party
	*mailbox.Exchange[int]
	t       *rapid.T
	role    sturdyref.Role
	peer    *end
	written []string
	taken   []string
	// box is what has been dropped by this end, for the other.
	box     [][]byte
	refuses error
	left    []byte // prekeys that the peer has left in its box; the newest if nil
	over    bool   // the sender was told so
}

func newEnd(t *rapid.T, p *party, role sturdyref.Role, c mailbox.ExchangeConfig) *end {
	e := &end{party: p, t: t, role: role}
	c.Link, c.Role, c.Sealer = [32]byte{9}, role, p.sealer()
	c.Frames = func(first, next uint64) (all [][]byte, err error) {
		for _, f := range e.written[first:min(next, first+4)] {
			all = append(all, []byte(f))
		}
		return all, nil
	}
	var err error
	if e.Exchange, err = mailbox.NewExchange(c, new(mailbox.Outbox), mailbox.NewInbox[int](0, 0)); err != nil {
		t.Fatal(err)
	}
	return e
}

// Drop and Bundle make it a Dropper to the other end's box.
func (e *end) Drop(_ context.Context, letter []byte, keep time.Duration) error {
	if e.refuses != nil {
		return e.refuses
	}
	if err := mailbox.CheckSize(len(letter)); err != nil || keep <= 0 || keep > mailbox.FirstContact+mailbox.Skew {
		e.t.Fatalf("a letter of %d bytes for %v", len(letter), keep)
	}
	e.box = append(e.box, letter)
	return nil
}

func (e *end) Bundle(context.Context) ([]byte, error) {
	if e.refuses != nil {
		return nil, e.refuses
	}
	if e.left != nil {
		return e.left, nil
	}
	return e.peer.prekeys.Bundle().Encoded(), nil
}

// write sends what is due, and returns the letters.
func (e *end) write(now time.Time) (letters [][]byte) {
	before := len(e.box)
	err := e.Send(context.Background(), e, now)
	if errors.Is(err, mailbox.ErrUnheard) && e.role == sturdyref.Dialler && !now.Before(start.Add(29*day)) {
		e.over = true
		return nil
	}
	if err != nil && !errors.Is(err, mailbox.ErrRetired) && (e.refuses == nil || !errors.Is(err, e.refuses)) {
		e.t.Fatal(err)
	}
	if _, _, due := e.Out.Due(now); due && err == nil {
		e.t.Fatal("something is due that could have been sent")
	}
	return e.box[before:]
}

// read takes a letter, whatever it is, and says why not.
func (e *end) read(b []byte, now time.Time) error {
	e.known[e.peer.static()] = e.Correspondent()
	l, err := e.opener().Open(b, now)
	if err != nil {
		return err
	}
	ready, err := e.Take(l, 0)
	e.taken = append(e.taken, strs(ready)...)
	e.In.Consumed(e.In.Next())
	e.In.Done()
	return err
}

// TestBothWays: two who are never online together and know each other by a sturdyref alone, with a server that keeps, shows again,
// mixes up, loses and changes what it gets.
func TestBothWays(t *testing.T) {
	ids := make([]sturdyref.KeyPair, 3)
	for i := range ids {
		var err error
		if ids[i], err = sturdyref.GenerateIdentity(start); err != nil {
			t.Fatal(err)
		}
	}
	opened, unheard, all := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		alice, bob := partyOf(t, ids[0]), partyOf(t, ids[1])
		secret := bob.publishes(t)
		a := newEnd(rt, alice, sturdyref.Dialler, mailbox.ExchangeConfig{Peer: bob.static(), Secret: secret, Reply: "ocapn://a", Begun: start})
		b := newEnd(rt, bob, sturdyref.Acceptor, mailbox.ExchangeConfig{Peer: alice.static(), Secret: secret})
		a.peer, b.peer = b, a
		all++
		mallory := partyOf(t, ids[2])
		now := start
		ends := []*end{a, b}
		var letters [][]byte // all there ever were
		check := func(e *end, err error) {
			for _, ok := range []error{
				nil, mailbox.ErrReplayed, mailbox.ErrSealed, mailbox.ErrPrekey, mailbox.ErrLate, mailbox.ErrMalformed, mailbox.ErrForged,
				mailbox.ErrStranger,
			} {
				if errors.Is(err, ok) {
					if err == nil {
						opened++
					}
					if n := len(e.taken); n > len(e.peer.written) || !slices.Equal(e.taken, e.peer.written[:n]) {
						rt.Fatalf("taken %q of %q", e.taken, e.peer.written)
					}
					return
				}
			}
			rt.Fatal(err)
		}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			e := ends[rapid.IntRange(0, 1).Draw(rt, "end")]
			switch rapid.IntRange(0, 6).Draw(rt, "what") {
			case 0:
				for range rapid.IntRange(1, 6).Draw(rt, "frames") {
					e.written = append(e.written, fmt.Sprintf("%c %d", e.role, len(e.written)))
				}
				e.Out.Written(uint64(len(e.written)))
			case 1:
				letters = append(letters, e.write(now)...)
			case 2, 3:
				if len(letters) == 0 {
					continue
				}
				letter := bytes.Clone(letters[rapid.IntRange(0, len(letters)-1).Draw(rt, "letter")])
				if rapid.IntRange(0, 3).Draw(rt, "tamper") == 0 {
					letter[rapid.IntRange(0, len(letter)-1).Draw(rt, "at")] ^= 1
				}
				check(e, e.read(letter, now))
			case 4:
				now = now.Add(time.Duration(rapid.IntRange(0, 4).Draw(rt, "days")) * day)
				for _, e := range ends {
					if _, err := e.prekeys.Rotate(now); err != nil {
						rt.Fatal(err)
					}
				}
			case 6: // the box refuses, or shows old prekeys
				e.refuses, e.left = nil, nil
				switch rapid.IntRange(0, 2).Draw(rt, "how") {
				case 0:
					e.refuses = mailbox.ErrFull
				case 1:
					e.left = e.peer.prekeys.Bundle().Encoded()
				}
			case 5: // a forger who has all of e's private keys
				f := &thief{mallory, e.party, e.peer.static()}
				s := &mailbox.Sealer{Identity: f}
				s.Record, _ = sturdyref.NewRecord(f, start)
				m := &mailbox.Message{Link: [32]byte{9}, From: e.peer.role, First: e.In.Next(), Frames: [][]byte{[]byte("forged")}, Opens: true}
				letter, _, err := s.Seal(e.prekeys.Bundle(), mailbox.Secret{}, m, now)
				if err != nil {
					rt.Fatal(err)
				}
				if err := e.read(letter, now); !errors.Is(err, mailbox.ErrForged) && !errors.Is(err, mailbox.ErrStranger) {
					rt.Fatalf("a forged letter: %v", err)
				}
			}
		}
		for _, e := range ends {
			e.refuses, e.left = nil, nil
		}
		for range 8 { // from now on the server does what it should; the peers rotate, and are away for a while
			now = now.Add(5 * day)
			for _, e := range ends {
				if _, err := e.prekeys.Rotate(now); err != nil {
					rt.Fatal(err)
				}
				for _, l := range e.write(now) {
					check(e.peer, e.peer.read(l, now))
				}
			}
		}
		if a.over {
			unheard++
			return
		}
		for _, e := range ends {
			if len(e.taken) != len(e.peer.written) && (e.role == sturdyref.Acceptor || len(a.written) > 0) {
				rt.Fatalf("%c has taken %d of %d frames", e.role, len(e.taken), len(e.peer.written))
			}
		}
	})
	if opened < 100 || unheard*2 > all {
		t.Errorf("%d letters were opened; %d of %d were not heard in time", opened, unheard, all)
	}
}

func TestOpened(t *testing.T) {
	s, err := store.Open(new(memory.Backend))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	e := mailbox.NewOpened(s)
	has := func(link byte, want bool) {
		t.Helper()
		if got, err := e.Has([32]byte{link}); err != nil || got != want {
			t.Errorf("link %d was opened: %v, %v, want %v", link, got, err, want)
		}
	}
	var tx store.Batch
	e.Add(&tx, [32]byte{1}, [16]byte{7}, start)
	e.Add(&tx, [32]byte{2}, [16]byte{7}, start.Add(day))
	e.Add(&tx, [32]byte{4}, [16]byte{8}, start.Add(day))
	if err := s.Write(&tx); err != nil {
		t.Fatal(err)
	}
	has(1, true)
	has(3, false)
	for at, want := range map[time.Time]int{start: 2, start.Add(mailbox.FirstContact + day/2): 1, start.Add(mailbox.FirstContact + 2*day): 0} {
		if n, err := e.Count([16]byte{7}, at); n != want || err != nil {
			t.Errorf("at %v it was %d links that one secret has opened, %v, want %d", at, n, err, want)
		}
	}
	// The sender's clock may be ahead by Skew, and its letters are taken until Skew after they say.
	last := start.Add(mailbox.FirstContact + 2*mailbox.Skew)
	for _, c := range []struct {
		now      time.Time
		one, two bool
	}{{last, true, true}, {last.Add(time.Hour), false, true}, {last.Add(2 * day), false, false}} {
		var tx store.Batch
		if err := e.Sweep(&tx, c.now); err != nil {
			t.Fatal(err)
		}
		if err := s.Write(&tx); err != nil {
			t.Fatal(err)
		}
		has(1, c.one)
		has(2, c.two)
	}
}
