package grant_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"filippo.io/edwards25519"
	"github.com/fxamacker/cbor/v2"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

// What an attacker has: keys of their own, and a way to sign whatever they like, made without the package under test.

// person is somebody with a key from a fixed seed.
type person struct {
	ed25519.PrivateKey
}

func newPerson(name string) person {
	seed := sha256.Sum256([]byte("test of grants: " + name))
	return person{ed25519.NewKeyFromSeed(seed[:])}
}

func (p person) key() grant.Key { return grant.Key(p.Public().(ed25519.PublicKey)) }

var (
	home   = newPerson("home")
	anna   = newPerson("anna")
	billie = newPerson("billie")
	claire = newPerson("claire")
	mallet = newPerson("mallet")
)

var (
	start  = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	day    = 24 * time.Hour
	object = grant.ObjectID{1, 2, 3}
)

// terms are good for a day from start.
func terms(to person, depth int, caveats ...grant.Caveat) grant.Terms {
	return grant.Terms{Audience: to.key(), Expires: start.Add(day), Accept: start.Add(2 * day), Depth: depth, Caveats: caveats}
}

func mustIssue(t testing.TB, by person, role string, terms grant.Terms) *grant.Grant {
	t.Helper()
	g, err := grant.Issue(by, grant.Root{Object: object, Role: role}, terms)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func mustDelegate(t testing.TB, g *grant.Grant, by person, terms grant.Terms) *grant.Grant {
	t.Helper()
	d, err := g.Delegate(by, terms)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// chainOf returns a grant that went from hand to hand: the first issues, each delegates to the next.
func chainOf(t testing.TB, people ...person) *grant.Grant {
	t.Helper()
	depth := len(people) - 2
	g := mustIssue(t, people[0], "", terms(people[1], depth))
	for i := 1; i+1 < len(people); i++ {
		g = mustDelegate(t, g, people[i], terms(people[i+1], depth-i))
	}
	return g
}

func at(now time.Time) *grant.Verifier { return &grant.Verifier{Now: func() time.Time { return now }} }

var deterministic = func() cbor.EncMode {
	m, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	return m
}()

func encode(v any) []byte {
	b, err := deterministic.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// cose is a COSE_Sign1 of which everything can be chosen.
type cose struct {
	protected   any
	unprotected map[any]any
	aad         string
	payload     []byte
	signature   []byte // nil: the right one
	untagged    bool
}

func coseOf(name, domain string, payload []byte) cose {
	return cose{protected: map[any]any{1: -8, 16: "application/hawser-" + name + "+cbor"}, aad: "hawser/" + domain + "/v1", payload: payload}
}

func (c cose) seal(by person) []byte {
	protected := encode(c.protected)
	if c.signature == nil {
		c.signature = ed25519.Sign(by.PrivateKey, c.message())
	}
	if c.unprotected == nil {
		c.unprotected = map[any]any{}
	}
	content := []any{protected, c.unprotected, c.payload, c.signature}
	if c.untagged {
		return encode(content)
	}
	return encode(cbor.Tag{Number: 18, Content: content})
}

// fields are the claims of anything, by their numbers.
type fields map[uint64]any

func (f fields) with(pairs ...any) fields {
	f = maps.Clone(f)
	for i := 0; i < len(pairs); i += 2 {
		if n := uint64(pairs[i].(int)); pairs[i+1] == nil {
			delete(f, n)
		} else {
			f[n] = pairs[i+1]
		}
	}
	return f
}

func rootFields(by, to person) fields {
	k, a := by.key(), to.key()
	return fields{
		1: 1, 2: k[:], 3: a[:], 4: k[:], 5: object[:], 10: start.Add(day).Unix(), 11: start.Add(2 * day).Unix(), 12: 7, 14: make([]byte, 16),
	}
}

func childFields(parent []byte, by, to person, depth int) fields {
	k, a, id := by.key(), to.key(), idOf(parent)
	return fields{1: 1, 2: k[:], 3: a[:], 10: start.Add(day).Unix(), 11: start.Add(2 * day).Unix(), 12: depth, 13: id[:], 14: make([]byte, 16)}
}

func idOf(payload []byte) grant.LinkID {
	return sha256.Sum256(append([]byte("hawser/link/v1"), payload...))
}

func (f fields) link(by person) []byte { return coseOf("grant", "grant", encode(f)).seal(by) }

func array(links ...[]byte) []byte { return encode(links) }

// refused checks that err is a refusal for the given reason.
func refused(t testing.TB, what string, err error, reason grant.Reason) {
	t.Helper()
	var r *grant.Refusal
	if !errors.As(err, &r) || !errors.Is(err, grant.ErrRefused) {
		t.Errorf("%s: %v, want a refusal", what, err)
	} else if reason != "" && !errors.Is(err, reason) {
		t.Errorf("%s: %v, want the reason %q", what, err, string(reason))
	}
}

type edKey = ed25519.PublicKey

func decode(b []byte, v any) error { return cbor.Unmarshal(b, v) }

// otherSignature is a good signature by p of what c says that is not the one ed25519.Sign makes: whoever has the key can
// make as many as they like, with another number in place of the one derived from the message.
func otherSignature(p person, c cose) []byte {
	h := sha512.Sum512([]byte("a number of choice"))
	r, err := edwards25519.NewScalar().SetUniformBytes(h[:])
	if err != nil {
		panic(err)
	}
	return signatureWith(p, c, r)
}

// signatureWith is the signature with a given secret number.
func signatureWith(p person, c cose, r *edwards25519.Scalar) []byte {
	h := sha512.Sum512(p.Seed())
	a, err := edwards25519.NewScalar().SetBytesWithClamping(h[:32])
	if err != nil {
		panic(err)
	}
	commitment := new(edwards25519.Point).ScalarBaseMult(r).Bytes()
	k := sha512.Sum512(slices.Concat(commitment, p.Public().(ed25519.PublicKey), c.message()))
	challenge, err := edwards25519.NewScalar().SetUniformBytes(k[:])
	if err != nil {
		panic(err)
	}
	return append(commitment, edwards25519.NewScalar().MultiplyAdd(challenge, a, r).Bytes()...)
}

// message is what is signed.
func (c cose) message() []byte {
	return encode([]any{"Signature1", encode(c.protected), []byte(c.aad), c.payload})
}
