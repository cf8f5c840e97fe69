package seal_test

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"errors"
	"testing"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/sturdyref"
)

// Reading is not forging: what somebody can make who has a reader's private key, and so every key of a file to that reader,
// and all the author's records. The second implementation plays that one: what the package refuses is right in everything but what
// takes the author's signing key.

func ephemerals(n int) (all []*ecdh.PrivateKey) {
	for range n {
		all = append(all, noisetest.FreshKey())
	}
	return all
}

// forger has the private key of a reader, and wants that reader, or others, to take what he makes for the author's.
type forger struct {
	author  sturdyref.Public
	stolen  *ecdh.PrivateKey
	signing ed25519.PrivateKey // his own
}

// header is one that says that it is from the author: to who has the stolen key Noise proves nothing else.
func (f *forger) header(pattern byte, key []byte, signing []byte) []byte {
	reader := f.stolen.PublicKey().Bytes()
	payload := key
	if pattern == 'X' {
		payload = noisetest.Join(key, signing)
	}
	ss := noisetest.DH(f.stolen, f.author.Static[:]) // the same as by the author's private key
	return docHeader(pattern, docBox(pattern, noisetest.FreshKey(), reader, f.author.Static[:], ss, payload))
}

func TestReadingIsNotForging(t *testing.T) {
	author, alice := identity(t), readKey(t)
	p := author.Public()
	o, anybody := seal.Opener{Key: alice, From: &p}, seal.Opener{Key: alice}
	_, own, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := forger{p, private(alice), own}
	key := content(32)

	// With a signature of his own over everything. That Noise's part is right is seen by what is refused: the author, not the key.
	for _, pattern := range []byte("XK") {
		h := f.header(pattern, key, p.Signing[:])
		refused(t, string(pattern)+", signed by the forger", &o, docSealed(h, key, nil, f.signing, []byte("forged")), seal.ErrAuthor)
		// With zeros in place of a signature.
		commitment, body, _ := docKeys(key, h, nil)
		refused(t, string(pattern)+", not signed", &o,
			noisetest.Join(h, commitment, docAEAD(body, docNonce(0, true), append([]byte("forged"), make([]byte, 64)...), nil)), seal.ErrAuthor)
		refused(t, string(pattern)+", too short for a signature", &o,
			noisetest.Join(h, commitment, docAEAD(body, docNonce(0, true), []byte("forged"), nil)), seal.ErrDamaged)
	}

	// By X he can show the author's static key with his own signing key. Who looks at both is not deceived.
	h := f.header('X', key, own.Public().(ed25519.PublicKey))
	record := docSealed(h, key, nil, own, []byte("forged"))
	refused(t, "X with the forger's signing key", &o, record, seal.ErrAuthor)
	got, from, err := anybody.Open(record)
	if err != nil || string(got) != "forged" || from.Static != p.Static {
		t.Fatalf("%q, %v: the attack does not work as far as it should, the test shows nothing", got, err)
	}
	if from == p {
		t.Error("it passes as the author's")
	}

	// Anonymous files are by nobody, whoever reads them.
	n := docFile('N', nil, key, ephemerals(1), [][]byte{f.stolen.PublicKey().Bytes()}, nil, []byte("forged"))
	refused(t, "N", &o, n, seal.ErrAuthor)
	if _, from, err := anybody.Open(n); err != nil || from != (sturdyref.Public{}) {
		t.Errorf("N is by %x, %v", from, err)
	}
}

// T28: a reader among several, or a thief of one's key, has the key of the body too. He changes a genuine file for the others,
// or has others take it for one to them.
func TestReaderChangesFile(t *testing.T) {
	author, alice, bob := identity(t), readKey(t), readKey(t)
	secrets, p := noisetest.SecretsOf(t, author), author.Public()
	readers := [][]byte{private(alice).PublicKey().Bytes(), private(bob).PublicKey().Bytes()}
	for _, pattern := range []byte("XK") {
		o := seal.Opener{Key: bob, From: &p}
		size, key := map[byte]int{'X': 160, 'K': 80}[pattern], content(32)
		h := docFile(pattern, &secrets, key, ephemerals(2), readers, nil, nil)[:15+2*size]
		commitment, body, digest := docKeys(key, h, nil)
		// The author's chunks, and signatures as anybody who has read them has them.
		signed := func(n uint64, last bool, data string) []byte {
			return docSigned(secrets.Signing, digest, n, last, append(content(chunk-len(data)), data...))
		}
		zero, one, two := signed(0, false, "first"), signed(1, false, "second"), signed(2, true, "third")
		file := func(plain ...[]byte) []byte {
			out := noisetest.Join(h, commitment)
			for i, b := range plain {
				out = append(out, docAEAD(body, docNonce(uint64(i), i == len(plain)-1), b, nil)...)
			}
			return out
		}
		if _, from, err := o.Open(file(zero, one, two)); err != nil || from != p {
			t.Fatalf("%c: the genuine file does not open: %v", pattern, err)
		}
		changed := append([]byte(nil), one...)
		changed[5] ^= 1
		for name, bad := range map[string][]byte{
			"changed":                   file(zero, changed, two),
			"cut off and ended":         file(zero, one),
			"cut off to nothing":        file(make([]byte, 64)),
			"swapped":                   file(one, zero, two),
			"left out":                  file(zero, two),
			"doubled":                   file(zero, zero, one, two),
			"one of his own at the end": file(zero, one, signed(1, false, "second"), two),
		} {
			refused(t, string(pattern)+", "+name, &o, bad, seal.ErrAuthor)
			got, _, err := read(&o, bad)
			if !errors.Is(err, seal.ErrAuthor) {
				t.Error(err)
			}
			genuine := noisetest.Join(zero[:chunk], one[:chunk], two[:chunk])
			if len(got) > len(genuine) || string(got) != string(genuine[:len(got)]) {
				t.Errorf("%c, %s: what was read before the error is not the author's", pattern, name)
			}
		}

		// What the author has signed for Alice is sealed again for somebody else, under the same key and under another's.
		carol := readKey(t)
		o.Key = carol
		f := forger{p, private(carol), nil} // even if Carol's own key is known
		again := f.header(pattern, key, p.Signing[:])
		commitment2, body2, _ := docKeys(key, again, nil)
		refused(t, string(pattern)+", for somebody else", &o, noisetest.Join(again, commitment2, docAEAD(body2, docNonce(0, true), two, nil)), seal.ErrAuthor)
		refused(t, string(pattern)+", with the chunks as they were", &o, noisetest.Join(again, commitment2, file(zero, one, two)[len(h)+32:]), seal.ErrDamaged)

		// Somebody else shows himself with the author's signatures: X again, by another static key.
		mallory := noisetest.SecretsOf(t, identity(t))
		o = seal.Opener{Key: bob}
		if pattern == 'X' {
			reader := readers[1]
			box := docBox('X', noisetest.FreshKey(), reader, mallory.Static.PublicKey().Bytes(), noisetest.DH(mallory.Static, reader), noisetest.Join(key, p.Signing[:]))
			other := docHeader('X', box)
			c, b, _ := docKeys(key, other, nil)
			refused(t, "X, under another static key", &o, noisetest.Join(other, c, docAEAD(b, docNonce(0, true), two, nil)), seal.ErrAuthor)
		}
	}
}

// The author cannot give two readers different contents in one file: they would have two keys, which the commitment shows.
func TestTwoKeys(t *testing.T) {
	alice, bob := readKey(t), readKey(t)
	one, two := content(32), content(33)[:32]
	h := docHeader('N',
		docBox('N', noisetest.FreshKey(), private(alice).PublicKey().Bytes(), nil, nil, one),
		docBox('N', noisetest.FreshKey(), private(bob).PublicKey().Bytes(), nil, nil, two))
	record := docSealed(h, one, nil, nil, []byte("for Alice"))
	if got, _, err := (&seal.Opener{Key: alice}).Open(record); err != nil || string(got) != "for Alice" {
		t.Fatalf("%q, %v", got, err)
	}
	refused(t, "another key for Bob", &seal.Opener{Key: bob}, record, seal.ErrDamaged)
}

// An author has one name: the other spelling of a static key, which agrees on the same secrets, is nobody's.
func TestOtherSpelling(t *testing.T) {
	author, alice := identity(t), readKey(t)
	secrets, reader, key := noisetest.SecretsOf(t, author), private(alice).PublicKey().Bytes(), content(32)
	p := author.Public()
	static := p.Static
	for _, spelling := range []byte{0, 0x80} {
		static[31] ^= spelling
		box := docBox('X', noisetest.FreshKey(), reader, static[:], noisetest.DH(secrets.Static, reader), noisetest.Join(key, p.Signing[:]))
		record := docSealed(docHeader('X', box), key, nil, secrets.Signing, []byte("hello"))
		o := seal.Opener{Key: alice}
		if spelling != 0 {
			refused(t, "another spelling", &o, record, seal.ErrAuthor)
		} else if _, from, err := o.Open(record); err != nil || from != p {
			t.Fatalf("by %x, %v: the test shows nothing", from, err)
		}
	}
}

// T8: a signing key of small order verifies one signature for every message by the plain rules.
func TestWeakSigningKey(t *testing.T) {
	author, alice := identity(t), readKey(t)
	p := author.Public()
	weak := make([]byte, 32)
	weak[0] = 1 // the neutral element
	f := forger{p, private(alice), nil}
	key := content(32)
	h := f.header('X', key, weak)
	commitment, body, _ := docKeys(key, h, nil)
	signature := append(append([]byte(nil), weak...), make([]byte, 32)...)
	if !ed25519.Verify(weak, []byte("anything"), signature) {
		t.Fatal("the plain verification refuses it: the test shows nothing")
	}
	record := noisetest.Join(h, commitment, docAEAD(body, docNonce(0, true), append([]byte("forged"), signature...), nil))
	refused(t, "a weak signing key", &seal.Opener{Key: alice}, record, seal.ErrAuthor)
}
