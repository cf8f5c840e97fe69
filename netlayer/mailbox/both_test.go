package mailbox_test

import (
	"bytes"
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
	t       *rapid.T
	role    sturdyref.Role
	peer    *end
	out     mailbox.Outbox
	in      *mailbox.Inbox[int]
	written []string
	taken   []string
	bundle  *mailbox.Bundle // of the peer
	secret  mailbox.Secret  // of the first contact
	heard   bool
}

// write makes what is due into letters, and an acknowledgement if one is owed.
func (e *end) write(now time.Time) (letters [][]byte) {
	for {
		first, next, due := e.out.Due(now)
		ack, owes := e.in.Owes()
		if !due && !owes {
			return letters
		}
		m := &mailbox.Message{Link: [32]byte{9}, From: e.role, First: first, Next: ack, Opens: !e.heard}
		if due {
			next = min(next, first+4)
			for _, f := range e.written[first:next] {
				m.Frames = append(m.Frames, []byte(f))
			}
		}
		var b []byte
		var until time.Time
		var err error
		var id mailbox.PrekeyID
		if e.bundle != nil && !e.bundle.Retires.After(now) { // who is away says nothing, so the box has the newest
			left, err := mailbox.VerifyBundle(e.peer.prekeys.Bundle().Encoded(), sturdyref.Public{Static: e.peer.static(), Signing: e.known[e.peer.static()].Signing})
			if err != nil {
				e.t.Fatal(err)
			}
			e.bundle = left
			e.out.Renewed(left)
		}
		switch {
		case e.bundle != nil && e.bundle.Retires.After(now):
			id = e.bundle.ID()
			proof := e.secret
			if e.role == sturdyref.Dialler {
				proof = mailbox.Secret{}
			}
			b, until, err = e.sealer().Seal(e.bundle, proof, m, now)
		case e.role == sturdyref.Dialler:
			b, until, err = e.sealer().SealFirst(e.peer.static(), e.secret, m, now)
		default:
			return letters // waits for a newer bundle
		}
		if err != nil {
			e.t.Fatal(err)
		}
		if due {
			e.out.Sent(first, next, until, id)
		}
		e.in.Told(ack)
		letters = append(letters, b)
	}
}

// read takes a letter, whatever it is, and says why not.
func (e *end) read(b []byte, now time.Time) error {
	l, err := e.opener().Open(b, now)
	if err != nil {
		return err
	}
	if l.From == e.role {
		return mailbox.ErrForged
	}
	e.heard = true
	if l.Record != nil {
		e.known[l.Sender] = mailbox.Correspondent{Signing: l.Record.Signing}
	}
	if l.Bundle != nil && (e.bundle == nil || l.Bundle.NotBefore.After(e.bundle.NotBefore)) {
		e.bundle = l.Bundle
		e.out.Renewed(l.Bundle)
	}
	if err := e.out.Acked(l.Next); err != nil {
		return err
	}
	ready, err := e.in.Take(&l.Message, 0)
	e.taken = append(e.taken, strs(ready)...)
	e.in.Consumed(e.in.Next())
	e.in.Done()
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
	opened := 0
	rapid.Check(t, func(rt *rapid.T) {
		a := &end{party: partyOf(t, ids[0]), t: rt, role: sturdyref.Dialler, in: mailbox.NewInbox[int](0, 0)}
		b := &end{party: partyOf(t, ids[1]), t: rt, role: sturdyref.Acceptor, in: mailbox.NewInbox[int](0, 0)}
		a.peer, b.peer = b, a
		a.secret = b.publishes(t)
		b.secret = a.secret
		a.known[b.static()] = mailbox.Correspondent{Secret: a.secret}
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
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0:
				for range rapid.IntRange(1, 6).Draw(rt, "frames") {
					e.written = append(e.written, fmt.Sprintf("%c %d", e.role, len(e.written)))
				}
				e.out.Written(uint64(len(e.written)))
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
				now = now.Add(time.Duration(rapid.IntRange(0, 12).Draw(rt, "days")) * day)
				for _, e := range ends {
					if _, err := e.prekeys.Rotate(now); err != nil {
						rt.Fatal(err)
					}
				}
			case 5: // a forger who has all of e's private keys
				f := &thief{mallory, e.party, e.peer.static()}
				s := &mailbox.Sealer{Identity: f}
				s.Record, _ = sturdyref.NewRecord(f, start)
				m := &mailbox.Message{Link: [32]byte{9}, From: e.peer.role, First: e.in.Next(), Frames: [][]byte{[]byte("forged")}, Opens: true}
				letter, _, err := s.Seal(e.prekeys.Bundle(), mailbox.Secret{}, m, now)
				if err != nil {
					rt.Fatal(err)
				}
				if err := e.read(letter, now); !errors.Is(err, mailbox.ErrForged) && !errors.Is(err, mailbox.ErrStranger) {
					rt.Fatalf("a forged letter: %v", err)
				}
			}
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
		for _, e := range ends {
			if len(e.taken) != len(e.peer.written) && (e.role == sturdyref.Acceptor || a.heard || len(a.written) > 0) {
				rt.Fatalf("%c has taken %d of %d frames", e.role, len(e.taken), len(e.peer.written))
			}
		}
	})
	if opened < 100 {
		t.Errorf("%d letters were opened", opened)
	}
}

func TestEnded(t *testing.T) {
	s, err := store.Open(new(memory.Backend))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	e := mailbox.NewEnded(s)
	has := func(link byte, want bool) {
		t.Helper()
		if got, err := e.Has([32]byte{link}); err != nil || got != want {
			t.Errorf("link %d is over: %v, %v, want %v", link, got, err, want)
		}
	}
	var tx store.Batch
	e.Add(&tx, [32]byte{1}, start)
	e.Add(&tx, [32]byte{2}, start.Add(day))
	if err := s.Write(&tx); err != nil {
		t.Fatal(err)
	}
	has(1, true)
	has(3, false)
	for _, c := range []struct {
		now      time.Time
		one, two bool
	}{{start, true, true}, {start.Add(time.Hour), false, true}, {start.Add(2 * day), false, false}} {
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
