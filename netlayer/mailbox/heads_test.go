package mailbox_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
)

// handmade is what a sender can put into a letter that keeps no rules, signed as it should be.
type handmade struct {
	fields map[int]any
	body   []byte
}

func (h handmade) content(t *testing.T, from *party) []byte {
	t.Helper()
	var pairs []any
	for k := 1; k < 40; k++ {
		if v, ok := h.fields[k]; ok {
			pairs = append(pairs, k, v)
		}
	}
	head := cborMap(pairs...)
	sig, err := sturdyref.Sign(from, "hawser/letter/1", head)
	if err != nil {
		t.Fatal(err)
	}
	return noisetest.Join(u32(len(head)), head, sig[:], make([]byte, 32), h.body, make([]byte, 100))
}

// TestHeads: what a peer signs is looked at like everything else.
func TestHeads(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	bob.knows(alice)
	one := noisetest.Join(u32(3), []byte("abc"))
	to := bob.static()
	base := func() handmade {
		d := sha256.Sum256(one)
		return handmade{map[int]any{
			1: uint64(1), 2: to[:], 3: fill(7, 32), 4: uint64('d'), 5: uint64(0), 6: uint64(0), 7: uint64(1), 8: uint64(0),
			9: uint64(start.Add(day).Unix()), 10: uint64(len(one)), 11: d[:], 20: fill(0, 16), 23: fill(0, 16),
		}, one}
	}
	with := func(changes ...any) handmade {
		h := base()
		for i := 0; i < len(changes); i += 2 {
			h.fields[changes[i].(int)] = changes[i+1]
		}
		return h
	}
	withBody := func(b []byte, count uint64) handmade {
		d := sha256.Sum256(b)
		h := with(7, count, 10, uint64(len(b)), 11, d[:])
		h.body = b
		return h
	}
	if l, err := bob.opener().ReadContent(base().content(t, alice), alice.static(), start); err != nil || string(l.Frames[0]) != "abc" {
		t.Fatalf("%v, %v", l, err)
	}
	forged, err := sturdyref.NewRecord(&thief{newParty(t), bob, alice.static()}, start)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		h    handmade
		want error
	}{
		"version":                  {with(1, uint64(2)), mailbox.ErrMalformed},
		"neither end":              {with(4, uint64('x')), mailbox.ErrMalformed},
		"numbers wrap around":      {with(6, uint64(math.MaxUint64)), mailbox.ErrMalformed},
		"something behind nothing": {with(7, uint64(0), 10, uint64(0)), mailbox.ErrMalformed},
		"many frames":              {with(7, uint64(mailbox.MaxFrames+1)), mailbox.ErrMalformed},
		"more frames than bytes":   {with(7, uint64(2)), mailbox.ErrMalformed},
		"fewer frames than bytes":  {with(7, uint64(0)), mailbox.ErrMalformed},
		"longer than there is":     {with(10, uint64(1000)), mailbox.ErrMalformed},
		"as long as may not be":    {with(10, uint64(math.MaxUint64)), mailbox.ErrMalformed},
		"another hash":             {with(11, fill(1, 32)), mailbox.ErrForged},
		"a short hash":             {with(11, fill(1, 31)), mailbox.ErrMalformed},
		"for ever":                 {with(9, uint64(math.MaxUint64)), mailbox.ErrMalformed},
		"a part of nothing":        {with(12, uint64(1)), mailbox.ErrMalformed},
		"one part":                 {with(13, uint64(1)), mailbox.ErrMalformed},
		"a part too many":          {with(12, uint64(2), 13, uint64(2)), mailbox.ErrMalformed},
		"many parts":               {with(12, uint64(2), 13, uint64(1000)), mailbox.ErrMalformed},
		"parts of two frames":      {with(7, uint64(2), 13, uint64(2)), mailbox.ErrMalformed},
		"a reason for nothing":     {with(16, "x"), mailbox.ErrMalformed},
		"a long reason":            {with(15, true, 16, string(fill('x', 201))), mailbox.ErrMalformed},
		"a long reply":             {with(17, string(fill('x', 1025))), mailbox.ErrMalformed},
		"a field nobody knows":     {with(30, uint64(1)), mailbox.ErrMalformed},
		"a missing field":          {with(8, nil), mailbox.ErrMalformed},
		"a head without end":       {with(17, string(fill('x', 4000))), mailbox.ErrMalformed},
		"a record that is none":    {with(18, fill(1, 100)), mailbox.ErrForged},
		"another's record":         {with(18, bob.record.Encoded()), mailbox.ErrForged},
		"another signing key":      {with(18, forged.Encoded()), mailbox.ErrForged},
		"prekeys of another":       {with(19, bob.prekeys.Bundle().Encoded()), mailbox.ErrMalformed},
		"a frame beyond the end":   {withBody(u32(4), 1), mailbox.ErrMalformed},
		"a frame of half a length": {withBody([]byte{0, 0, 0}, 1), mailbox.ErrMalformed},
		"a frame without end":      {withBody([]byte{255, 255, 255, 255, 1}, 1), mailbox.ErrMalformed},
	} {
		if l, err := bob.opener().ReadContent(c.h.content(t, alice), alice.static(), start); l != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// Forms of CBOR that are not the one.
	content := base().content(t, alice)
	for name, head := range map[string][]byte{
		"long number": noisetest.Join([]byte{0xab, 1, 0x18, 1}, content[4+3:4+binary.BigEndian.Uint32(content)]), "empty": {}, "not a map": {0x80},
	} {
		sig, err := sturdyref.Sign(alice, "hawser/letter/1", head)
		if err != nil {
			t.Fatal(err)
		}
		bad := noisetest.Join(u32(len(head)), head, sig[:], make([]byte, 32), one)
		if l, err := bob.opener().ReadContent(bad, alice.static(), start); l != nil || !errors.Is(err, mailbox.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
	for n := range 110 {
		if l, err := bob.opener().ReadContent(content[:n], alice.static(), start); l != nil || !errors.Is(err, mailbox.ErrMalformed) {
			t.Fatalf("cut to %d bytes: %v, want ErrMalformed", n, err)
		}
	}
	bob.knows(bob)
	if l, err := bob.opener().ReadContent(base().content(t, bob), bob.static(), start); l != nil || !errors.Is(err, mailbox.ErrForged) {
		t.Errorf("a letter from oneself: %v, want ErrForged", err)
	}
	// Without anybody to ask nobody is believed.
	o := bob.opener()
	o.Correspondent = nil
	if l, err := o.ReadContent(content, alice.static(), start); l != nil || !errors.Is(err, mailbox.ErrStranger) {
		t.Errorf("%v, want ErrStranger", err)
	}
}

// TestClaims: bundles that are signed and keep no rules.
func TestClaims(t *testing.T) {
	p, q := newParty(t), newParty(t)
	me, other, pre := p.static(), q.static(), p.prekeys.Bundle().Prekey
	id := p.prekeys.Bundle().ID()
	verify := func(owner []byte, version, from, to uint64, prekey []byte, held ...[]byte) error {
		claim := cborMap(1, version, 2, owner, 3, prekey, 4, from, 5, to, 6, held)
		sig, err := sturdyref.Sign(p, "hawser/prekey/1", claim)
		if err != nil {
			t.Fatal(err)
		}
		_, err = mailbox.VerifyBundle(noisetest.Join([]byte{0x82}, cborHead(2, uint64(len(claim))), claim, cborHead(2, ed25519.SignatureSize), sig[:]), p.Public())
		return err
	}
	if err := verify(me[:], 1, 10, 20, pre[:], id[:]); err != nil {
		t.Fatal(err)
	}
	nine := make([][]byte, 9)
	for i := range nine {
		nine[i] = id[:]
	}
	for name, err := range map[string]error{
		"version":          verify(me[:], 2, 10, 20, pre[:], id[:]),
		"of another":       verify(other[:], 1, 10, 20, pre[:], id[:]),
		"no time":          verify(me[:], 1, 10, 10, pre[:], id[:]),
		"for ever":         verify(me[:], 1, 10, math.MaxUint64, pre[:], id[:]),
		"from never":       verify(me[:], 1, math.MaxUint64-1, math.MaxUint64, pre[:], id[:]),
		"not held":         verify(me[:], 1, 10, 20, pre[:], fill(1, 8)),
		"nothing held":     verify(me[:], 1, 10, 20, pre[:]),
		"very much held":   verify(me[:], 1, 10, 20, pre[:], nine...),
		"not canonical":    verify(me[:], 1, 10, 20, fill(255, 32), id[:]),
		"a short prekey":   verify(me[:], 1, 10, 20, pre[:31], id[:]),
		"a short id":       verify(me[:], 1, 10, 20, pre[:], id[:7]),
		"nothing":          func() error { _, err := mailbox.VerifyBundle(nil, p.Public()); return err }(),
		"more than may be": func() error { _, err := mailbox.VerifyBundle(make([]byte, 400), p.Public()); return err }(),
	} {
		if !errors.Is(err, mailbox.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
}

// TestFewHeld: prekeys that overlap more often than a bundle can say.
func TestFewHeld(t *testing.T) {
	p := newParty(t)
	f := files{}
	k, err := mailbox.OpenPrekeys(mailbox.PrekeysConfig{Identity: p, Files: f, Offer: day, Overlap: 30 * day}, start)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		if _, err := k.Rotate(start.AddDate(0, 0, i+1)); err != nil {
			t.Fatal(err)
		}
		if len(f) > 8 || len(k.Bundle().Held) != len(f) {
			t.Fatalf("%d files, %d held", len(f), len(k.Bundle().Held))
		}
	}
}

// TestEarlyParts: parts of frames that are ahead are bounded like frames.
func TestEarlyParts(t *testing.T) {
	i := mailbox.NewInbox[int](0, 0)
	part := bytes.Repeat([]byte{1}, mailbox.PartSize)
	var err error
	n := uint64(1)
	for ; err == nil && n < 1000; n++ {
		_, err = i.Take(&mailbox.Message{First: n, Frames: [][]byte{part}, Part: 0, Parts: 3}, 0)
	}
	if size, _ := i.Kept(); !errors.Is(err, mailbox.ErrEarly) || size > 8<<20 {
		t.Errorf("%v after %d parts, %d bytes", err, n, size)
	}
	// What is next is always taken.
	whole := make([]byte, netlayer.MaxFrame)
	for k, p := range mailbox.Split(whole) {
		got, err := i.Take(&mailbox.Message{First: 0, Frames: [][]byte{p}, Part: k, Parts: 3}, 0)
		if err != nil || (len(got) == 1) != (k == 2) {
			t.Errorf("part %d: %d frames, %v", k, len(got), err)
		}
	}
	// One that has not heard is told again, whatever was said meanwhile.
	i = mailbox.NewInbox[int](5, 5)
	if _, err := i.Take(message(0, "a"), 0); !errors.Is(err, mailbox.ErrReplayed) {
		t.Fatal(err)
	}
	i.Told(4)
	if n, owes := i.Owes(); n != 5 || !owes {
		t.Error("a peer that repeats itself, and was told less, is not told again")
	}
	if i.Told(5); fmt.Sprint(i.Owes()) != "5 false" {
		t.Error(i.Owes())
	}
}
