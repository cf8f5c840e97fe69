package sturdyref_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// The values a Key and a Lock must be to serve in a handshake.
var (
	_ netlayer.Key  = sturdyref.SwissKey{}
	_ netlayer.Key  = sturdyref.Capability{}
	_ netlayer.Lock = sturdyref.SwissLock{}
	_ netlayer.Lock = sturdyref.CapabilityLock{}
)

// hkdf32 is RFC 5869 for one block, written out so that the derivations are not checked against themselves.
func hkdf32(salt string, secret []byte, info string) [32]byte {
	mac := func(key, m []byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(m)
		return h.Sum(nil)
	}
	return [32]byte(mac(mac([]byte(salt), secret), append([]byte(info), 1)))
}

func TestSwissDerivations(t *testing.T) {
	secret := bytes.Repeat([]byte{0xa5}, 32)
	keys, err := sturdyref.SwissNumOf(secret).Keys()
	if err != nil {
		t.Fatal(err)
	}
	id := hkdf32("hawser/swiss/1", secret, "id")
	if keys.ID() != [16]byte(id[:16]) {
		t.Errorf("ID is %x, want %x", keys.ID(), id[:16])
	}
	if want := hkdf32("hawser/swiss/1", secret, "psk"); keys.PSK() != want {
		t.Errorf("PSK is %x, want %x", keys.PSK(), want)
	}
	binding := [32]byte{7}
	proof, err := keys.ProofKey().Fetch(binding, sturdyref.Dialler)
	if err != nil {
		t.Fatal(err)
	}
	proofKey := hkdf32("hawser/swiss/1", secret, "proof")
	mac := hmac.New(sha256.New, proofKey[:])
	mac.Write(binding[:])
	mac.Write([]byte("df"))
	want := append([]byte("ocp-fp1\x00"), id[:16]...)
	want = mac.Sum(want)
	if !bytes.Equal(proof[:], want) {
		t.Errorf("the proof is %x, want %x", proof, want)
	}
	again, err := sturdyref.KeysOf(keys.Reveal())
	if err != nil || again.ID() != keys.ID() || again.PSK() != keys.PSK() || again.ProofKey().ID() != keys.ID() ||
		!again.ProofKey().CheckFetch(proof[:], binding, sturdyref.Dialler) {
		t.Errorf("stored keys came back different: %v", err)
	}
	if _, err := sturdyref.KeysOf(make([]byte, 79)); err == nil {
		t.Error("79 bytes were taken for stored keys")
	}
	keyID, err1 := keys.Key().ID([32]byte{1})
	keyPSK, err2 := keys.Key().PSK([32]byte{1}, [32]byte{2})
	lockPSK, err3 := keys.Lock().PSK(nil)
	if keyID != keys.ID() || keyPSK != keys.PSK() || lockPSK != keys.PSK() || err1 != nil || err2 != nil || err3 != nil {
		t.Error("key and lock of a swiss number do not fit")
	}
}

// A proof is worth something only in the session, from the end, and for the purpose it was made for.
func TestProofs(t *testing.T) {
	proofKey := func() sturdyref.ProofKey {
		keys, err := sturdyref.NewSwissNum().Keys()
		if err != nil {
			t.Fatal(err)
		}
		return keys.ProofKey()
	}
	k, other := proofKey(), proofKey()
	binding, elsewhere := [32]byte{1}, [32]byte{2}
	p, err := k.Fetch(binding, sturdyref.Dialler)
	if err != nil {
		t.Fatal(err)
	}
	s, err := k.Serve(binding, sturdyref.Acceptor)
	if err != nil {
		t.Fatal(err)
	}
	if !k.CheckFetch(p[:], binding, sturdyref.Dialler) || !k.CheckServe(s[:], binding, sturdyref.Acceptor) {
		t.Fatal("good proofs are refused")
	}
	if id, ok := sturdyref.ProofID(p[:]); !ok || id != k.ID() {
		t.Fatalf("the proof names %x, %t, want %x", id, ok, k.ID())
	}
	for name, accepted := range map[string]bool{
		"replayed in another session":       k.CheckFetch(p[:], elsewhere, sturdyref.Dialler),
		"reflected":                         k.CheckFetch(p[:], binding, sturdyref.Acceptor),
		"of another secret":                 other.CheckFetch(p[:], binding, sturdyref.Dialler),
		"a fetch for a serve":               k.CheckServe(p[24:], binding, sturdyref.Dialler),
		"a serve for a fetch":               k.CheckFetch(append(p[:24:24], s[:]...), binding, sturdyref.Acceptor),
		"a serve reflected":                 k.CheckServe(s[:], binding, sturdyref.Dialler),
		"short":                             k.CheckFetch(p[:55], binding, sturdyref.Dialler),
		"empty":                             k.CheckFetch(nil, binding, sturdyref.Dialler),
		"empty serve":                       k.CheckServe(nil, binding, sturdyref.Acceptor),
		"checked by the zero key":           sturdyref.ProofKey{}.CheckFetch(p[:], binding, sturdyref.Dialler),
		"checked without a session binding": k.CheckFetch(p[:], [32]byte{}, sturdyref.Dialler),
	} {
		if accepted {
			t.Errorf("a proof %s was accepted", name)
		}
	}
	for i := range p {
		bad := p
		bad[i] ^= 1
		if k.CheckFetch(bad[:], binding, sturdyref.Dialler) {
			t.Fatalf("a proof with byte %d changed was accepted", i)
		}
	}
	if _, err := k.Fetch([32]byte{}, sturdyref.Dialler); !errors.Is(err, sturdyref.ErrUnbound) {
		t.Errorf("a proof was made for a session without a binding: %v", err)
	}
	if _, ok := sturdyref.ProofID([]byte("IO58l1laTyhcrgDKbEzFOO32MDd6zE5w")); ok {
		t.Error("a raw swiss number was taken for a proof")
	}
	if sturdyref.RoleOf(true) != sturdyref.Dialler || sturdyref.Dialler.Other() != sturdyref.Acceptor || sturdyref.Acceptor.Other() != sturdyref.Dialler || sturdyref.RoleOf(false) != sturdyref.Acceptor {
		t.Error("roles are mixed up")
	}
}

// Holder and host derive the same from a capability key, each from what it alone has; nobody derives it from what the
// host stores and the wire shows.
func TestCapability(t *testing.T) {
	host, err := sturdyref.GenerateIdentity(time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	c, err := sturdyref.NewCapability()
	if err != nil {
		t.Fatal(err)
	}
	c, err = sturdyref.CapabilityOf(c.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	lock, err := sturdyref.NewCapabilityLock(host, c.Public())
	if err != nil {
		t.Fatal(err)
	}
	static := host.Public().Static
	eph, err := ecdh.X25519().GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	ephemeral := [32]byte(eph.PublicKey().Bytes())
	dh := func(public [32]byte) ([32]byte, error) {
		p, err := ecdh.X25519().NewPublicKey(public[:])
		if err != nil {
			return [32]byte{}, err
		}
		b, err := eph.ECDH(p)
		if err != nil {
			return [32]byte{}, err
		}
		return [32]byte(b), nil
	}
	id, err := c.ID(static)
	if err != nil || id != lock.ID() {
		t.Fatalf("ids differ: %x, %v and %x", id, err, lock.ID())
	}
	mine, err := c.PSK(static, ephemeral)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := lock.PSK(dh)
	if err != nil || mine != theirs {
		t.Fatalf("pre-shared keys differ: %v", err)
	}
	// The formula, from the outside.
	k, err := host.ECDH(c.Public())
	if err != nil {
		t.Fatal(err)
	}
	f, err := dh(c.Public())
	if err != nil {
		t.Fatal(err)
	}
	if want := hkdf32("hawser/capability/1", append(k[:], f[:]...), "psk"); mine != want {
		t.Fatalf("the pre-shared key is %x, want %x", mine, want)
	}
	if want := hkdf32("hawser/capability/1", k[:], "id"); id != [16]byte(want[:16]) {
		t.Fatalf("the id is %x, want %x", id, want[:16])
	}
	binding := [32]byte{9}
	pk, err := c.ProofKey(static, ephemeral)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := pk.Fetch(binding, sturdyref.Dialler)
	if err != nil {
		t.Fatal(err)
	}
	lk, err := lock.ProofKey(dh)
	if err != nil || !lk.CheckFetch(proof[:], binding, sturdyref.Dialler) {
		t.Fatalf("the host does not accept the proof: %v", err)
	}
	if other, err := c.PSK(static, c.Public()); err != nil || other == mine {
		t.Fatalf("the pre-shared key does not depend on the ephemeral key: %v", err)
	}
	var low [32]byte
	if _, err := c.PSK(static, low); err == nil {
		t.Error("an ephemeral key of low order was accepted")
	}
	if _, err := c.ID(low); err == nil {
		t.Error("a static key of low order was accepted")
	}
	if _, err := sturdyref.NewCapabilityLock(host, low); err == nil {
		t.Error("a capability of low order was accepted")
	}
	if _, err := sturdyref.CapabilityOf(make([]byte, 31)); err == nil {
		t.Error("31 bytes were taken for a capability")
	}
	var zero sturdyref.Capability
	var zeroLock sturdyref.CapabilityLock
	if _, err := zero.ID(static); err == nil || !zero.IsZero() {
		t.Error("the zero capability has an id")
	}
	if _, err := zeroLock.PSK(dh); err == nil {
		t.Error("the zero lock opens")
	}
	var zeroKeys sturdyref.Keys
	if _, err := zeroKeys.Key().PSK(static, ephemeral); err == nil {
		t.Error("zero keys open")
	}
	if _, err := zeroKeys.Lock().PSK(dh); err == nil {
		t.Error("the lock of zero keys opens")
	}
}
