package sturdyref_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/edwards25519"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/sturdyref"
)

func identity(t testing.TB) sturdyref.KeyPair {
	t.Helper()
	k, err := sturdyref.GenerateIdentity(time.Unix(1_800_000_000, 5))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestIdentityStored(t *testing.T) {
	k := identity(t)
	b, err := k.Reveal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := sturdyref.KeyPairOf(b)
	if err != nil || again.Public() != k.Public() || !again.NotBefore().Equal(time.Unix(1_800_000_000, 0)) {
		t.Fatalf("the stored identity came back as %v, %v, want %v", again, err, k)
	}
	for i := range b {
		if _, err := sturdyref.KeyPairOf(b[:i]); err == nil {
			t.Fatalf("%d of %d bytes were taken for an identity", i, len(b))
		}
	}
	newer := bytes.Clone(b)
	newer[2] = 2
	if _, err := sturdyref.KeyPairOf(newer); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Fatalf("version 2: got error %v", err)
	}
	var zero sturdyref.KeyPair
	if _, err := zero.Reveal(); err == nil {
		t.Fatal("the zero key pair was stored")
	}
	if _, err := zero.ECDH(k.Public().Static); err == nil || !zero.IsZero() || zero.Public() != (sturdyref.Public{}) || !zero.NotBefore().IsZero() {
		t.Fatal("the zero key pair has keys")
	}
	if _, err := sturdyref.NewRecord(zero, time.Unix(1, 0)); err == nil {
		t.Fatal("the zero key pair has a record")
	}
}

func TestDesignator(t *testing.T) {
	k := identity(t).Public().Static
	d := sturdyref.Designator(k)
	got, err := sturdyref.DesignatorKey(d)
	if err != nil || got != k || len(d) != 52 || strings.ToLower(d) != d {
		t.Fatalf("designator %q reads as %x, %v, want %x", d, got, err, k)
	}
	highBit := k
	highBit[31] |= 0x80
	overP := [32]byte{0xed, 31: 0x7f}
	for i := 1; i < 31; i++ {
		overP[i] = 0xff
	}
	below := overP
	below[0] = 0xec
	if !sturdyref.CanonicalX25519(below) {
		t.Error("2^255-20 is canonical")
	}
	for name, bad := range map[string]string{
		"empty":       "",
		"short":       d[:51],
		"long":        d + "a",
		"upper-case":  strings.ToUpper(d),
		"padding":     d[:51] + "=",
		"line end":    d[:51] + "\n",
		"unused bits": d[:51] + "b",
		"digit":       "1" + d[1:],
		"high bit":    sturdyref.Designator(highBit),
		"2^255-19":    sturdyref.Designator(overP),
	} {
		if _, err := sturdyref.DesignatorKey(bad); !errors.Is(err, sturdyref.ErrDesignator) {
			t.Errorf("%s: got error %v, want ErrDesignator", name, err)
		}
	}
	if p := identity(t).Public().Peer(); p.Transport != "hawser" || len(p.Designator) != 52 {
		t.Errorf("the peer of an identity is %v", p)
	}
}

func TestNoSigningOracle(t *testing.T) {
	k := identity(t)
	for _, m := range []string{"", "hello", "\x00hawser/x", "hawser/", "hawser/" + strings.Repeat("x", 100), "hawser/x", "\x85jSignature1"} {
		if _, err := k.Sign([]byte(m)); err == nil {
			t.Errorf("a signature over %q was given", m)
		}
	}
	if _, err := k.Sign([]byte("\x84jSignature1\x40")); err != nil {
		t.Errorf("a COSE structure is refused: %v", err)
	}
	for _, d := range []sturdyref.Domain{"", "hawser", "other/x", "hawser/a\x00b"} {
		if _, err := sturdyref.Sign(k, d, nil); err == nil {
			t.Errorf("%q was taken for a domain", d)
		}
	}
	sig, err := sturdyref.Sign(k, sturdyref.DomainSession, []byte("m"))
	if err != nil {
		t.Fatal(err)
	}
	pub := k.Public().Signing
	if !sturdyref.Verify(pub, sturdyref.DomainSession, []byte("m"), sig[:]) {
		t.Error("a good signature is refused")
	}
	if sturdyref.Verify(pub, sturdyref.DomainRecord, []byte("m"), sig[:]) || sturdyref.Verify(pub, sturdyref.DomainSession, []byte("n"), sig[:]) ||
		sturdyref.Verify(pub, sturdyref.DomainSession, []byte("m"), sig[:63]) || sturdyref.Verify(identity(t).Public().Signing, sturdyref.DomainSession, []byte("m"), sig[:]) {
		t.Error("a signature for something else is accepted")
	}
}

// The eight points of small order and their spellings; the plain verification accepts some of them with a signature that
// suits every message.
var smallOrder = []string{
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"0000000000000000000000000000000000000000000000000000000000000000",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	// not canonical
	"0100000000000000000000000000000000000000000000000000000000000080",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
}

// T8: no key of small order, and no second spelling of a key, is one.
func TestSmallOrderSigningKeys(t *testing.T) {
	plain := 0
	for _, s := range smallOrder {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		if sturdyref.StrictEd25519([32]byte(b)) {
			t.Errorf("%s is accepted as a signing key", s)
		}
		m := append([]byte(sturdyref.DomainSession), 0)
		for i := range byte(16) {
			message := append(m[:len(m):len(m)], i)
			sig := append(bytes.Clone(edwards25519.NewIdentityPoint().Bytes()), make([]byte, 32)...)
			if ed25519.Verify(b, message, sig) {
				plain++
			}
			if sturdyref.Verify([32]byte(b), sturdyref.DomainSession, []byte{i}, sig) {
				t.Fatalf("a signature by the small-order key %s is accepted", s)
			}
		}
	}
	if plain == 0 {
		t.Error("the plain verification accepts none of these: the test shows nothing")
	}
	// Spellings of ordinary points that only differ in not being reduced, which the plain verification takes too.
	others := 0
	for y := byte(2); y < 19; y++ {
		b := bytes.Repeat([]byte{0xff}, 32)
		b[0], b[31] = 0xed+y, 0x7f
		p, err := new(edwards25519.Point).SetBytes(b)
		if err != nil || new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) == 1 {
			continue
		}
		others++
		if sturdyref.StrictEd25519([32]byte(b)) {
			t.Errorf("%x is accepted as a signing key", b)
		}
		if canonical := [32]byte(p.Bytes()); !sturdyref.StrictEd25519(canonical) {
			t.Errorf("%x is refused", canonical)
		}
	}
	if others == 0 {
		t.Error("no such spelling was found: the test shows nothing")
	}
	if k := identity(t).Public().Signing; !sturdyref.StrictEd25519(k) {
		t.Errorf("%x is refused", k)
	}
}

func TestRecord(t *testing.T) {
	k := identity(t)
	r, err := sturdyref.NewRecord(k, k.NotBefore())
	if err != nil {
		t.Fatal(err)
	}
	static := k.Public().Static
	got, err := sturdyref.VerifyRecord(r.Encoded(), static)
	if err != nil || got.Public != k.Public() || !got.NotBefore.Equal(k.NotBefore()) || len(r.Encoded()) > sturdyref.MaxRecord {
		t.Fatalf("the record reads as %+v, %v", got, err)
	}
	for i := range r.Encoded() {
		for _, flip := range []byte{1, 0x80} {
			bad := r.Encoded()
			bad[i] ^= flip
			if _, err := sturdyref.VerifyRecord(bad, static); !errors.Is(err, sturdyref.ErrRecord) {
				t.Fatalf("byte %d changed: got error %v, want ErrRecord", i, err)
			}
		}
		if _, err := sturdyref.VerifyRecord(r.Encoded()[:i], static); !errors.Is(err, sturdyref.ErrRecord) {
			t.Fatalf("cut after %d bytes: got error %v, want ErrRecord", i, err)
		}
	}
	if _, err := sturdyref.VerifyRecord(append(r.Encoded(), 0), static); !errors.Is(err, sturdyref.ErrRecord) {
		t.Errorf("a byte more: %v", err)
	}
	if _, err := sturdyref.VerifyRecord(make([]byte, 1<<20), static); !errors.Is(err, sturdyref.ErrRecord) {
		t.Errorf("a megabyte: %v", err)
	}
	// T6: a record is believed only about the key that was proven.
	if _, err := sturdyref.VerifyRecord(r.Encoded(), identity(t).Public().Static); !errors.Is(err, sturdyref.ErrRecord) {
		t.Errorf("somebody else's record was accepted: %v", err)
	}
	early, err := sturdyref.NewRecord(k, time.Unix(-5, 0))
	if err != nil || early.NotBefore.Unix() != 0 {
		t.Errorf("a time before 1970 became %v, %v", early, err)
	}
}

// claim and signed mirror the two layers of a record.
type claim struct {
	Version   uint64 `cbor:"1,keyasint"`
	Static    []byte `cbor:"2,keyasint"`
	Signing   []byte `cbor:"3,keyasint"`
	NotBefore uint64 `cbor:"4,keyasint"`
	Extra     uint64 `cbor:"5,keyasint,omitempty"`
}

type signed struct {
	_         struct{} `cbor:",toarray"`
	Claim     []byte
	Signature []byte
}

// A record that is well signed but says what it must not is refused.
func TestRecordClaims(t *testing.T) {
	k := identity(t)
	pub := k.Public()
	seed := bytes.Repeat([]byte{3}, 32)
	foreign := ed25519.NewKeyFromSeed(seed)
	good := claim{1, pub.Static[:], foreign.Public().(ed25519.PublicKey), 5, 0}
	if _, err := sturdyref.VerifyRecord(signRecord(t, good, foreign), pub.Static); err != nil {
		t.Fatalf("a good record by another program is refused: %v", err)
	}
	for name, change := range map[string]func(*claim){
		"version":        func(c *claim) { c.Version = 2 },
		"unknown field":  func(c *claim) { c.Extra = 1 },
		"year 10000":     func(c *claim) { c.NotBefore = 253402300800 },
		"short static":   func(c *claim) { c.Static = c.Static[:31] },
		"long signing":   func(c *claim) { c.Signing = append(c.Signing[:32:32], 0) },
		"small order":    func(c *claim) { c.Signing = edwards25519.NewIdentityPoint().Bytes() },
		"another's key":  func(c *claim) { c.Signing = pub.Signing[:] },
		"no curve point": func(c *claim) { c.Signing = append([]byte{2}, make([]byte, 31)...) },
	} {
		c := good
		change(&c)
		if _, err := sturdyref.VerifyRecord(signRecord(t, c, foreign), pub.Static); !errors.Is(err, sturdyref.ErrRecord) {
			t.Errorf("%s: got error %v, want ErrRecord", name, err)
		}
	}
}

// signRecord makes the record that says c.
func signRecord(t *testing.T, c claim, key ed25519.PrivateKey) []byte {
	t.Helper()
	payload, err := detcbor.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	b, err := detcbor.Marshal(signed{Claim: payload, Signature: ed25519.Sign(key, append([]byte("hawser/identity/1\x00"), payload...))})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// T32: one key is not for agreement and signatures: the two of an identity are independent, a signature binds them, and a record in which the one is
// the other in another form is refused.
func TestRecordOfOneKeyForBoth(t *testing.T) {
	montgomery := func(b []byte) [32]byte {
		p, err := new(edwards25519.Point).SetBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		return [32]byte(p.BytesMontgomery())
	}
	for range 10 {
		k := identity(t)
		pub := k.Public()
		if montgomery(pub.Signing[:]) == pub.Static {
			t.Fatal("an identity has one key for both")
		}
		secrets, err := k.Reveal()
		if err != nil {
			t.Fatal(err)
		}
		if half := len(secrets) - 32; bytes.Contains(secrets[:half], secrets[half:]) {
			t.Error("an identity has one secret for both")
		}
		record, err := sturdyref.NewRecord(k, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sturdyref.VerifyRecord(record.Encoded(), identity(t).Public().Static); !errors.Is(err, sturdyref.ErrRecord) {
			t.Errorf("the record of another static key: %v", err)
		}
	}
	foreign := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32))
	public := foreign.Public().(ed25519.PublicKey)
	u := montgomery(public)
	if _, err := sturdyref.VerifyRecord(signRecord(t, claim{1, u[:], public, 5, 0}, foreign), u); !errors.Is(err, sturdyref.ErrRecord) {
		t.Errorf("one key for agreement and signatures: got error %v, want ErrRecord", err)
	}
}

// Other spellings of a static key agree like it does and would be another name for the same party.
func TestRecordOfAnotherSpelling(t *testing.T) {
	k := misspelt{identity(t)}
	if _, err := sturdyref.NewRecord(k, k.NotBefore()); !errors.Is(err, sturdyref.ErrRecord) {
		t.Errorf("got error %v, want ErrRecord", err)
	}
}

// misspelt sets the bit that X25519 does not look at.
type misspelt struct{ sturdyref.KeyPair }

func (m misspelt) Public() sturdyref.Public {
	p := m.KeyPair.Public()
	p.Static[31] |= 0x80
	return p
}

// T8: the holder of an ordinary key can make a signature whose first half is of small order; the plain verification takes it.
func TestSmallOrderCommitment(t *testing.T) {
	seed := bytes.Repeat([]byte{7}, 32)
	key := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	digest := sha512.Sum512(seed)
	private, err := new(edwards25519.Scalar).SetBytesWithClamping(digest[:32])
	if err != nil {
		t.Fatal(err)
	}
	message := append([]byte(sturdyref.DomainSession), 0, 'm')
	first := edwards25519.NewIdentityPoint().Bytes()
	challenge := sha512.Sum512(slices.Concat(first, key, message))
	c, err := new(edwards25519.Scalar).SetUniformBytes(challenge[:])
	if err != nil {
		t.Fatal(err)
	}
	sig := append(first, new(edwards25519.Scalar).Multiply(c, private).Bytes()...)
	if !ed25519.Verify(key, message, sig) {
		t.Fatal("the plain verification refuses it: the test shows nothing")
	}
	if sturdyref.Verify([32]byte(key), sturdyref.DomainSession, []byte("m"), sig) {
		t.Error("it is accepted")
	}
}

type brokenSigner struct{ sturdyref.KeyPair }

func (b brokenSigner) Sign(m []byte) ([]byte, error) {
	s, err := b.KeyPair.Sign(m)
	if err == nil {
		s[5] ^= 1
	}
	return s, err
}

type shortSigner struct{ sturdyref.KeyPair }

func (shortSigner) Sign([]byte) ([]byte, error) { return []byte{1}, nil }

func TestRecordOfBrokenSigner(t *testing.T) {
	k := identity(t)
	if _, err := sturdyref.NewRecord(brokenSigner{k}, k.NotBefore()); err == nil {
		t.Error("a wrong signature went unnoticed")
	}
	if _, err := sturdyref.NewRecord(shortSigner{k}, k.NotBefore()); err == nil {
		t.Error("a short signature went unnoticed")
	}
}

func FuzzRecord(f *testing.F) {
	k := identity(f)
	r, err := sturdyref.NewRecord(k, k.NotBefore())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(r.Encoded())
	f.Add([]byte{0x82, 0x40, 0x40})
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := sturdyref.VerifyRecord(b, k.Public().Static); err == nil {
			if !bytes.Equal(r.Encoded(), b) {
				t.Fatal("a record has two encodings")
			}
		} else if !errors.Is(err, sturdyref.ErrRecord) {
			t.Fatalf("error %v does not match ErrRecord", err)
		}
		if k, err := sturdyref.KeyPairOf(b); err == nil {
			if again, err := k.Reveal(); err != nil || !bytes.Equal(again, b) {
				t.Fatalf("a stored identity has two encodings: %v", err)
			}
		}
	})
}
