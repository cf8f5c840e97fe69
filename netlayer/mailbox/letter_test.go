package mailbox_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
)

func TestLetters(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	bob.knows(alice)
	r := rand.New(rand.NewPCG(1, 2))
	for _, sizes := range [][]int{nil, {0}, {1}, {0, 0, 7}, {300}, {400}, {1000}, {5000, 20, 0}, {60000}, {65535}, {66000}, {100000, 31000}, {400000}, {480 << 10}} {
		m := message(5)
		for _, n := range sizes {
			m.Frames = append(m.Frames, random(r, n))
		}
		if len(sizes) == 1 {
			m.Reply, m.Opens = "ocapn://somewhere/s/x", true
		}
		if sizes == nil {
			m.Over, m.Reason = true, "enough"
		}
		letter, until, err := alice.sealer().Seal(bob.prekeys.Bundle(), mailbox.Secret{}, m, start)
		if err != nil {
			t.Fatalf("%v: %v", sizes, err)
		}
		if want := start.Add(14 * 24 * time.Hour); !until.Equal(want) {
			t.Errorf("%v: accepted until %v, want %v, when the prekey retires", sizes, until, want)
		}
		if err := mailbox.CheckSize(len(letter)); err != nil {
			t.Errorf("%v: %v", sizes, err)
		}
		l, err := bob.opener().Open(letter, start)
		if err != nil {
			t.Fatalf("%v: %v", sizes, err)
		}
		if diff := sameMessage(&l.Message, m); diff != "" || l.Sender != alice.static() || !l.AcceptBy.Equal(until) {
			t.Errorf("%v: %s from %x until %v", sizes, diff, l.Sender, l.AcceptBy)
		}
		if l.Bundle == nil || l.Bundle.ID() != alice.prekeys.Bundle().ID() {
			t.Errorf("%v: the letter brings the prekeys %v", sizes, l.Bundle)
		}
	}
	// An acknowledgement alone is as long as the shortest.
	if n := len(alice.seal(t, bob, message(9), start)); n != mailbox.MinLetter {
		t.Errorf("an acknowledgement has %d bytes, want %d", n, mailbox.MinLetter)
	}
}

// T34: letters of one size say nothing of how much is in them.
func TestSizes(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	sizes := make(map[int]bool)
	for n := 0; n < 480<<10; n = n*9/8 + 1 {
		letter := alice.seal(t, bob, &mailbox.Message{From: sturdyref.Acceptor, Frames: [][]byte{make([]byte, n)}}, start)
		if len(letter) > max(mailbox.MinLetter, 2*(n+1200)) {
			t.Errorf("a frame of %d bytes has a letter of %d", n, len(letter))
		}
		sizes[len(letter)] = true
	}
	if len(sizes) != 10 {
		t.Errorf("letters have %d sizes, want 10", len(sizes))
	}
}

// T34: whoever keeps letters for others sees to which of the recipient's prekeys they are sealed, and their sizes: nothing else of two letters to one
// recipient is alike, whether they are from one sender or from two, and none of it is of a sender or of what is in them.
func TestLettersAreUnlinkable(t *testing.T) {
	alice, bob, carol := newParty(t), newParty(t), newParty(t)
	bob.knows(alice, carol)
	text := bytes.Repeat([]byte("a grant, and a message by it. "), 20)
	m := func() *mailbox.Message { return &mailbox.Message{From: sturdyref.Acceptor, Frames: [][]byte{text}} }
	letters := [][]byte{alice.seal(t, bob, m(), start), alice.seal(t, bob, m(), start), carol.seal(t, bob, m(), start)}
	prekey := bob.prekeys.Bundle().ID()
	for i, a := range letters {
		for name, known := range map[string][]byte{
			"the sender's static key": bytes.Clone(alice.record.Static[:]), "the sender's signing key": bytes.Clone(alice.record.Signing[:]),
			"the other's": bytes.Clone(carol.record.Static[:]), "the content": text,
		} {
			for j := 0; j+8 <= len(known); j++ {
				if bytes.Contains(a, known[j:j+8]) {
					t.Fatalf("a letter shows %s: %x", name, known[j:j+8])
				}
			}
		}
		for _, b := range letters[i+1:] {
			if len(a) != len(b) {
				t.Errorf("letters of one content have %d and %d bytes", len(a), len(b))
			}
			head := 0
			for head < len(a) && a[head] == b[head] {
				head++
			}
			if !bytes.Contains(a[:head], prekey[:8]) || head > len(prekey)+16 {
				t.Errorf("two letters begin with the same %d bytes: %x", head, a[:head])
			}
			for j := head; j+8 <= len(a); j++ {
				if bytes.Contains(b[head:], a[j:j+8]) {
					t.Fatalf("two letters share %x", a[j:j+8])
				}
			}
		}
	}
}

func TestFirstContact(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	secret := bob.publishes(t)
	m := message(0, "hello")
	m.Opens, m.Reply = true, "ocapn://box"
	letter, until, err := alice.sealer().SealFirst(bob.static(), secret, m, start)
	if err != nil || !until.Equal(start.Add(30*24*time.Hour)) {
		t.Fatalf("until %v, %v", until, err)
	}
	l, err := bob.opener().Open(letter, start.Add(29*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if diff := sameMessage(&l.Message, m); diff != "" || l.Sender != alice.static() || l.Secret != secret.ID() || l.Record.Public != alice.Public() {
		t.Errorf("%s from %x with %x", diff, l.Sender, l.Secret)
	}
	// The answer proves to Alice, who knows Bob's static key and the secret alone, which signing key is Bob's.
	alice.known[bob.static()] = mailbox.Correspondent{Secret: secret}
	answer := message(0, "hello yourself")
	answer.From = sturdyref.Acceptor
	letter, _, err = bob.sealer().Seal(l.Bundle, secret, answer, start)
	if err != nil {
		t.Fatal(err)
	}
	l, err = alice.opener().Open(letter, start)
	if err != nil || l.Record.Public != bob.Public() || string(l.Frames[0]) != "hello yourself" {
		t.Fatalf("%v, %v", l, err)
	}
	// Without the proof it could be by somebody who has stolen Alice's keys.
	letter, _, err = bob.sealer().Seal(l2(t, bob, alice), mailbox.Secret{}, answer, start)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "no record", alice, letter, start, mailbox.ErrStranger)
	wrong := newParty(t).publishes(t)
	letter, _, err = bob.sealer().Seal(l2(t, bob, alice), wrong, answer, start)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "another secret", alice, letter, start, mailbox.ErrForged)
}

// l2 is the bundle of to as by has it.
func l2(t *testing.T, by, to *party) *mailbox.Bundle {
	t.Helper()
	b, err := mailbox.VerifyBundle(to.prekeys.Bundle().Encoded(), to.Public())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// T30: a letter with a secret that is unknown costs and answers what one with a wrong one does.
func TestUnknownLooksLikeWrong(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	secret := bob.publishes(t)
	m := message(0, "hello")
	m.Opens = true
	seal := func() []byte {
		t.Helper()
		b, _, err := alice.sealer().SealFirst(bob.static(), secret, m, start)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	open := func() (string, int64) {
		letter := seal()
		before := bob.dh.Load()
		l, err := bob.opener().Open(letter, start)
		if l != nil {
			return "opened", bob.dh.Load() - before
		}
		return fmt.Sprint(err), bob.dh.Load() - before
	}
	if said, n := open(); said != "opened" || n != 3 {
		t.Errorf("the right secret: %s, %d Diffie-Hellman", said, n)
	}
	bob.secrets[secret.ID()] = newParty(t).publishes(t)
	wrong, n := open()
	delete(bob.secrets, secret.ID())
	unknown, k := open()
	if wrong != unknown || n != k || n != 3 || wrong != mailbox.ErrSealed.Error() {
		t.Errorf("wrong: %s, %d Diffie-Hellman; unknown: %s, %d", wrong, n, unknown, k)
	}
}

func TestTampered(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	secret := bob.publishes(t)
	bob.knows(alice)
	first, _, err := alice.sealer().SealFirst(bob.static(), secret, message(0, "hello"), start)
	if err != nil {
		t.Fatal(err)
	}
	for name, letter := range map[string][]byte{"prekey": alice.seal(t, bob, message(0, "hello"), start), "static": first} {
		if _, err := bob.opener().Open(letter, start); err != nil {
			t.Fatal(err)
		}
		for i := range letter {
			bad := bytes.Clone(letter)
			bad[i] ^= 0x40
			refused(t, fmt.Sprintf("%s: byte %d changed", name, i), bob, bad, start, mailbox.ErrSealed, mailbox.ErrPrekey, mailbox.ErrMalformed)
		}
	}
	// Long letters: each piece counts, none may be missing, come twice or change places.
	long := alice.seal(t, bob, &mailbox.Message{From: sturdyref.Dialler, Frames: [][]byte{make([]byte, 200000)}}, start)
	const piece = 65535
	for i := 100; i < len(long); i += 9973 {
		bad := bytes.Clone(long)
		bad[i] ^= 1
		refused(t, fmt.Sprintf("byte %d of a long letter changed", i), bob, bad, start, mailbox.ErrSealed)
	}
	swapped := bytes.Clone(long)
	a, b := swapped[10+piece:10+2*piece], swapped[10+2*piece:10+3*piece]
	c := bytes.Clone(a)
	copy(a, b)
	copy(b, c)
	refused(t, "two pieces have changed places", bob, swapped, start, mailbox.ErrSealed)
	refused(t, "cut to a shorter size", bob, long[:len(long)/2], start, mailbox.ErrSealed, mailbox.ErrMalformed)
	refused(t, "made longer", bob, append(bytes.Clone(long), long...), start, mailbox.ErrSealed)
	for _, n := range []int{0, 1, 2, 9, 66, 1023, 1025, 1 << 20} {
		refused(t, fmt.Sprintf("%d bytes", n), bob, make([]byte, n), start, mailbox.ErrMalformed)
	}
}

// TestBeforeAnyDH: what has not the form of a letter, or is to a prekey that is not held, costs no Diffie-Hellman.
func TestBeforeAnyDH(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	bob.knows(alice)
	letter := alice.seal(t, bob, message(0, "x"), start)
	before := bob.dh.Load()
	for i, want := range map[int]error{0: mailbox.ErrMalformed, 1: mailbox.ErrMalformed, 2: mailbox.ErrPrekey} {
		bad := bytes.Clone(letter)
		bad[i] ^= 0x80
		refused(t, fmt.Sprintf("byte %d", i), bob, bad, start, want)
	}
	if n := bob.dh.Load(); n != before {
		t.Errorf("%d Diffie-Hellman", n-before)
	}
}

// T28: a letter that was written to one cannot be sealed again to another, by whoever has it.
func TestMisaddressed(t *testing.T) {
	alice, bob, carol := newParty(t), newParty(t), newParty(t)
	bob.knows(alice, carol)
	carol.knows(alice, bob)
	letter := alice.seal(t, bob, message(0, "for Bob"), start)
	refused(t, "a letter to Bob", carol, letter, start, mailbox.ErrPrekey)
	// Bob, who has it, seals what Alice has signed to Carol, in Alice's name as far as he can and in his own.
	content, err := alice.sealer().Content(bob.static(), message(0, "for Bob"), mailbox.Secret{}, start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, sender := range []*party{alice, bob} {
		if l, err := carol.opener().ReadContent(content, sender.static(), start); l != nil || !errors.Is(err, mailbox.ErrMisaddressed) {
			t.Errorf("%v, %v, want ErrMisaddressed", l, err)
		}
	}
	// Sealed by Bob, signed by Alice, to himself: the letter is not from Bob.
	if l, err := bob.opener().ReadContent(content, carol.static(), start); l != nil || !errors.Is(err, mailbox.ErrForged) {
		t.Errorf("%v, %v, want ErrForged", l, err)
	}
	if l, err := bob.opener().ReadContent(content, alice.static(), start); err != nil || string(l.Frames[0]) != "for Bob" {
		t.Errorf("%v, %v", l, err)
	}
	if l, err := bob.opener().ReadContent(content, bob.static(), start); l != nil || !errors.Is(err, mailbox.ErrForged) {
		t.Errorf("a letter from oneself: %v, %v, want ErrForged", l, err)
	}
}

// thief has stolen the private half of a key that letters are sealed to, and so can make Noise messages to it that show anybody's
// static key. He cannot sign as anybody else.
type thief struct {
	*party
	victim *party   // whose keys he has
	as     [32]byte // whom he claims to be
}

func (f *thief) Public() sturdyref.Public {
	p := f.party.Public()
	p.Static = f.as
	return p
}

// ECDH computes what the one he claims to be would have, for the keys he has stolen.
func (f *thief) ECDH(peer [32]byte) ([32]byte, error) {
	if peer == f.victim.static() {
		return f.victim.Identity.ECDH(f.as)
	}
	return f.victim.stolen(peer, f.as)
}

// stolen does a Diffie-Hellman with a prekey of p's that was stolen from its file.
func (p *party) stolen(prekey, peer [32]byte) ([32]byte, error) {
	return stolenPrekey(p.files, prekey, peer)
}

// T27: a thief of the keys that letters are sealed to can seal letters that show anybody's static key, and sign for nobody.
func TestForged(t *testing.T) {
	alice, bob, mallory := newParty(t), newParty(t), newParty(t)
	bob.knows(alice)
	secret := bob.publishes(t)
	f := &thief{mallory, bob, alice.static()}
	sealer := &mailbox.Sealer{Identity: f, Record: mallory.record}
	m := message(0, "give Mallory everything")
	letter, _, err := sealer.Seal(bob.prekeys.Bundle(), mailbox.Secret{}, m, start)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "with the stolen prekey", bob, letter, start, mailbox.ErrForged)
	m.Opens = true
	letter, _, err = sealer.Seal(bob.prekeys.Bundle(), mailbox.Secret{}, m, start)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "a stolen prekey and a record of another", bob, letter, start, mailbox.ErrForged)
	if sealer.Record, err = sturdyref.NewRecord(f, start); err != nil { // says that Alice's static key goes with Mallory's signing key
		t.Fatal(err)
	}
	letter, _, err = sealer.Seal(bob.prekeys.Bundle(), mailbox.Secret{}, m, start)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "a stolen prekey and a record of his own making", bob, letter, start, mailbox.ErrForged)
	letter, _, err = sealer.SealFirst(bob.static(), newParty(t).publishes(t), m, start)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "the stolen static key, without the secret", bob, letter, start, mailbox.ErrSealed)
	// Alice's signing key is not known to Bob: then her static key, which a thief can show, says nothing.
	delete(bob.known, alice.static())
	letter, _, err = sealer.Seal(bob.prekeys.Bundle(), mailbox.Secret{}, m, start)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "a stranger", bob, letter, start, mailbox.ErrStranger)
	// As the other side of a first contact: Mallory has Alice's prekeys and answers as Bob.
	alice.known[bob.static()] = mailbox.Correspondent{Secret: secret}
	f = &thief{mallory, alice, bob.static()}
	sealer = &mailbox.Sealer{Identity: f}
	if sealer.Record, err = sturdyref.NewRecord(f, start); err != nil {
		t.Fatal(err)
	}
	letter, _, err = sealer.Seal(alice.prekeys.Bundle(), newParty(t).publishes(t), m, start)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "an answer in Bob's place", alice, letter, start, mailbox.ErrForged)
	// The attack is a real one: with Alice's signing key known to be Mallory's, the same letter opens.
	bob.known[alice.static()] = mailbox.Correspondent{Signing: mallory.Public().Signing}
	f = &thief{mallory, bob, alice.static()}
	letter, _, err = (&mailbox.Sealer{Identity: f}).Seal(bob.prekeys.Bundle(), mailbox.Secret{}, m, start)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := bob.opener().Open(letter, start); err != nil || l.Sender != alice.static() {
		t.Errorf("the attack this test is about does not work: %v, %v", l, err)
	}
}

// TestOtherFrames: who has the key can put other frames behind what Alice has signed, and is found out.
func TestOtherFrames(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	bob.knows(alice)
	content, err := alice.sealer().Content(bob.static(), message(0, "pay 1"), mailbox.Secret{}, start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(content, []byte("pay 1"))
	content[i+4] = '9'
	if l, err := bob.opener().ReadContent(content, alice.static(), start); l != nil || !errors.Is(err, mailbox.ErrForged) {
		t.Errorf("%v, %v, want ErrForged", l, err)
	}
	content[i+4] = '1'
	content[len(content)-1] = 1
	if l, err := bob.opener().ReadContent(content, alice.static(), start); l != nil || !errors.Is(err, mailbox.ErrMalformed) {
		t.Errorf("something behind the frames: %v, %v, want ErrMalformed", l, err)
	}
}

func TestLate(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	bob.knows(alice)
	secret := bob.publishes(t)
	m := message(0, "x")
	m.AcceptBy = start.Add(time.Hour)
	letter := alice.seal(t, bob, m, start)
	first, until, err := alice.sealer().SealFirst(bob.static(), secret, m, start)
	if err != nil || !until.Equal(m.AcceptBy) {
		t.Fatal(until, err)
	}
	for _, b := range [][]byte{letter, first} {
		if _, err := bob.opener().Open(b, start.Add(time.Hour+mailbox.Skew)); err != nil {
			t.Errorf("in time, as far as clocks agree: %v", err)
		}
		refused(t, "too late", bob, b, start.Add(time.Hour+mailbox.Skew+time.Second), mailbox.ErrLate)
	}
	// A sender does not say that a letter is good for longer than its prekey is, and is not believed if it does.
	m.AcceptBy = start.Add(365 * 24 * time.Hour)
	if _, until, err := alice.sealer().Seal(bob.prekeys.Bundle(), mailbox.Secret{}, m, start); err != nil || !until.Equal(bob.prekeys.Bundle().Retires) {
		t.Errorf("until %v, %v", until, err)
	}
	lying := *bob.prekeys.Bundle()
	lying.Retires = lying.Retires.Add(time.Second)
	letter, _, err = alice.sealer().Seal(&lying, mailbox.Secret{}, m, start)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "accepted for longer than the prekey is kept", bob, letter, start, mailbox.ErrMalformed)
	first, _, err = alice.sealer().SealFirst(bob.static(), secret, m, start.Add(10*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "first contact for more than 30 days", bob, first, start, mailbox.ErrMalformed)
	if _, err := bob.opener().Open(first, start.Add(10*24*time.Hour)); err != nil {
		t.Error(err)
	}
	// What has retired is not sealed to.
	if _, _, err := alice.sealer().Seal(bob.prekeys.Bundle(), mailbox.Secret{}, m, bob.prekeys.Bundle().Retires); !errors.Is(err, mailbox.ErrRetired) {
		t.Errorf("%v, want ErrRetired", err)
	}
}

// TestEndedLink: a late letter that opens a session which is over.
func TestEndedLink(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	secret := bob.publishes(t)
	m := message(0, "x")
	m.Opens = true
	letter, _, err := alice.sealer().SealFirst(bob.static(), secret, m, start)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.opener().Open(letter, start); err != nil {
		t.Fatal(err)
	}
	bob.ended[m.Link] = true
	refused(t, "a letter of a link that is over", bob, letter, start.Add(time.Hour), mailbox.ErrEnded)
}

// T26: what is sealed to a prekey that is gone does not open, and no private half of it is left.
func TestRetired(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	bob.knows(alice)
	old := bob.prekeys.Bundle()
	letter := alice.seal(t, bob, message(0, "x"), start)
	at := start.Add(7 * 24 * time.Hour)
	if _, err := bob.prekeys.Rotate(at); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.opener().Open(letter, at); err != nil {
		t.Errorf("during the overlap: %v", err)
	}
	at = old.Retires.Add(mailbox.Skew)
	if _, err := bob.prekeys.Rotate(at); err != nil {
		t.Fatal(err)
	}
	refused(t, "retired", bob, letter, at, mailbox.ErrPrekey)
	for name := range bob.files {
		if strings.Contains(name, old.ID().String()) {
			t.Errorf("%s is still there", name)
		}
	}
	var o mailbox.Outbox
	o.Written(3)
	o.Sent(0, 2, old.Retires, old.ID())
	o.Sent(2, 3, at.Add(time.Hour), bob.prekeys.Bundle().ID())
	if first, next, ok := o.Due(at); !ok || first != 0 || next != 2 {
		t.Errorf("to be sealed again: %d to %d, %v, want 0 to 2", first, next, ok)
	}
}

func TestTooLong(t *testing.T) {
	alice, bob := newParty(t), newParty(t)
	for what, m := range map[string]*mailbox.Message{
		"frames": {From: sturdyref.Dialler, Frames: [][]byte{make([]byte, mailbox.MaxLetter)}},
		"reply":  {From: sturdyref.Dialler, Reply: strings.Repeat("x", mailbox.MaxReply+1)},
		"reason": {From: sturdyref.Dialler, Over: true, Reason: strings.Repeat("x", mailbox.MaxReason+1)},
		"many":   {From: sturdyref.Dialler, Frames: make([][]byte, mailbox.MaxFrames+1)},
		"nobody": {},
	} {
		if b, _, err := alice.sealer().Seal(bob.prekeys.Bundle(), mailbox.Secret{}, m, start); b != nil || !errors.Is(err, mailbox.ErrTooLong) {
			t.Errorf("%s: %v, want ErrTooLong", what, err)
		}
	}
	// Whatever FitOf says fits does, with the longest of everything else.
	for _, sizes := range [][]int{{1}, {480 << 10}, {100, 510 << 10}, {510 << 10, 1}, {netlayer.MaxFrame}, {250 << 10, 250 << 10, 250 << 10}} {
		var all [][]byte
		for _, n := range sizes {
			all = append(all, make([]byte, n))
		}
		fit := mailbox.FitOf(all)
		m := message(0)
		m.Opens, m.Over, m.Reason, m.Reply = true, true, strings.Repeat("r", mailbox.MaxReason), strings.Repeat("x", mailbox.MaxReply)
		parts := [][][]byte{all[:fit.Frames]}
		if fit.Frames == 0 {
			parts = nil
			for _, p := range mailbox.Split(all[0]) {
				parts = append(parts, [][]byte{p})
			}
			if m.Parts = fit.Parts; len(parts) != fit.Parts {
				t.Errorf("%v: %d parts, want %d", sizes, len(parts), fit.Parts)
			}
		}
		for i, p := range parts {
			m.Frames, m.Part = p, i
			if _, _, err := alice.sealer().SealFirst(bob.static(), bob.publishes(t), m, start); err != nil {
				t.Errorf("%v: %v", sizes, err)
			}
		}
	}
}

func TestBinding(t *testing.T) {
	link, a, b := sha256.Sum256([]byte("link")), [32]byte{1}, [32]byte{2}
	if x := mailbox.Binding(link, a, b); x == mailbox.Binding(link, b, a) || x == mailbox.Binding([32]byte{}, a, b) {
		t.Error("one binding for two sessions")
	}
}

// T29: however the secrets of mail are printed, they do not appear.
func TestSecretsDoNotPrint(t *testing.T) {
	n := sturdyref.SwissNumOf(bytes.Repeat([]byte{0xa5}, 32))
	s, err := mailbox.SecretOf(n)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := n.Keys()
	if err != nil || s.ID() != keys.ID() {
		t.Errorf("the name in mail is %x, elsewhere %x, %v", s.ID(), keys.ID(), err)
	}
	text, _ := s.MarshalText()
	for _, out := range []string{fmt.Sprint(s), fmt.Sprintf("%+v %#v %x %q", s, s, s, &s), s.LogValue().String(), string(text)} {
		if strings.Contains(out, "a5") || !strings.Contains(out, "REDACTED") && !strings.HasPrefix(out, "&") {
			t.Errorf("%q", out)
		}
	}
	if _, err := mailbox.SecretOf(sturdyref.SwissNumOf([]byte("lobby"))); !errors.Is(err, sturdyref.ErrWeak) {
		t.Errorf("a word as a secret: %v, want ErrWeak", err)
	}
	var none mailbox.Secret
	if !none.IsZero() || none.ID() != ([16]byte{}) {
		t.Error("the zero Secret is one")
	}
}
