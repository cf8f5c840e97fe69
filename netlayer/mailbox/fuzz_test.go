package mailbox_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
)

// refusals are all that opening may answer.
var refusals = []error{
	mailbox.ErrMalformed, mailbox.ErrSealed, mailbox.ErrPrekey, mailbox.ErrForged, mailbox.ErrMisaddressed, mailbox.ErrLate, mailbox.ErrStranger,
}

func typed(t *testing.T, err error) {
	t.Helper()
	for _, r := range refusals {
		if errors.Is(err, r) {
			return
		}
	}
	t.Fatalf("an error without a type: %v", err)
}

// fuzzParties are Alice and Bob, who has published something, and know each other.
func fuzzParties(t testing.TB) (alice, bob *party, secret mailbox.Secret) {
	alice, bob = newParty(t), newParty(t)
	bob.knows(alice)
	return alice, bob, bob.publishes(t)
}

func FuzzOpen(f *testing.F) {
	alice, bob, secret := fuzzParties(f)
	m := message(3, "frame", "another")
	letter := alice.seal(f, bob, m, start)
	f.Add(letter)
	f.Add(alice.seal(f, bob, &mailbox.Message{From: 'a', Frames: [][]byte{make([]byte, 70_000)}}, start))
	first, _, err := alice.sealer().SealFirst(bob.static(), secret, m, start)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(first)
	f.Add([]byte{})
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		f.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		f.Fatal(err)
	}
	for _, l := range v.Letters {
		f.Add([]byte(l.Letter))
	}
	o := bob.opener()
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		l, err := o.Open(b, start)
		if !bytes.Equal(before, b) {
			t.Fatal("the letter was changed")
		}
		if err != nil {
			typed(t, err)
			return
		}
		if l.Sender != alice.static() {
			t.Fatalf("a letter by nobody: %+v", l)
		}
	})
}

// FuzzContent is what somebody can send who has the key that letters are sealed to, or knows a secret.
func FuzzContent(f *testing.F) {
	alice, bob, _ := fuzzParties(f)
	for _, m := range []*mailbox.Message{message(0), message(3, "frame", ""), {From: sturdyref.Acceptor, Over: true, Reason: "x", Opens: true, Reply: "y"}} {
		b, err := alice.sealer().Content(bob.static(), m, mailbox.Secret{}, start.Add(day))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, true)
		f.Add(b, false)
	}
	o := bob.opener()
	stranger := newParty(f).static()
	f.Fuzz(func(t *testing.T, b []byte, known bool) {
		sender := stranger
		if known {
			sender = alice.static()
		}
		l, err := o.ReadContent(b, sender, start)
		if err != nil {
			typed(t, err)
			return
		}
		if !known || len(l.Frames) > mailbox.MaxFrames {
			t.Fatalf("%+v", l)
		}
	})
}

func FuzzFrames(f *testing.F) {
	f.Add(mailbox.BodyOf([][]byte{{}, {1}, []byte("hello")}), 3)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, 1)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		if n < 0 {
			return
		}
		all, err := mailbox.FramesOf(b, n)
		if err != nil {
			typed(t, err)
			return
		}
		if len(all) != n || !bytes.Equal(mailbox.BodyOf(all), b) {
			t.Fatalf("%d frames that are not %x", len(all), b)
		}
	})
}

func FuzzBundle(f *testing.F) {
	p := newParty(f)
	f.Add(p.prekeys.Bundle().Encoded())
	f.Add([]byte{0x82, 0x40, 0x40})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := mailbox.VerifyBundle(b, p.Public())
		if err != nil {
			typed(t, err)
			return
		}
		if !bytes.Equal(got.Encoded(), b) || !got.NotBefore.Before(got.Retires) {
			t.Fatalf("%+v", got)
		}
	})
}

// FuzzInbox is what a peer can say.
func FuzzInbox(f *testing.F) {
	f.Add([]byte{0, 1, 2, 0, 3, 1, 9, 200, 1})
	f.Fuzz(func(t *testing.T, script []byte) {
		i := mailbox.NewInbox[int](0, 0)
		var taken uint64
		for len(script) >= 3 {
			first, count, kind := uint64(script[0]), int(script[1]%8), script[2]
			script = script[3:]
			m := &mailbox.Message{First: first}
			for k := range count {
				m.Frames = append(m.Frames, []byte{byte(first) + byte(k)})
			}
			switch {
			case kind&0x80 != 0:
				m.Part, m.Parts = int(kind&3), int(kind>>2&3)
				if kind&0x40 != 0 && count > 0 {
					m.Frames = [][]byte{make([]byte, mailbox.PartSize)}
				}
			case kind&0x20 != 0:
				i.Advance(first)
				taken = i.Next()
				continue
			case kind&0x10 != 0:
				i.Consumed(min(first, i.Next()))
				i.Done()
				continue
			}
			ready, err := i.Take(m, 0)
			if err != nil && !errors.Is(err, mailbox.ErrReplayed) && !errors.Is(err, mailbox.ErrEarly) && !errors.Is(err, mailbox.ErrEquivocal) && !errors.Is(err, mailbox.ErrMalformed) {
				t.Fatal(err)
			}
			if taken += uint64(len(ready)); taken != i.Next() {
				t.Fatalf("%d taken, next is %d", taken, i.Next())
			}
			if size, _ := i.Kept(); size < 0 || size > 9<<20 {
				t.Fatalf("%d bytes kept", size)
			}
		}
	})
}
