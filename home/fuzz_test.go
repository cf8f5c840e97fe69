package home_test

import (
	"bytes"
	"context"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// stranger turns bytes into what a peer may ask a bootstrap object: anything that can be passed, secrets that are good
// among it, and such as are nearly so.
type stranger struct {
	in      []byte
	secrets [][]byte // what proves something, or does not
	ref     any      // a reference
}

func (s *stranger) byte() int {
	if len(s.in) == 0 {
		return 0
	}
	b := s.in[0]
	s.in = s.in[1:]
	return int(b)
}

func (s *stranger) take(n int) []byte {
	b := s.in[:min(n, len(s.in))]
	s.in = s.in[len(b):]
	return bytes.Clone(b)
}

func (s *stranger) text(b []byte) string { return strings.ToValidUTF8(string(b), "?") }

// secret returns a secret, as it is, spoilt, cut short, or longer than it should be.
func (s *stranger) secret() []byte {
	b := bytes.Clone(s.secrets[s.byte()%len(s.secrets)])
	switch at := s.byte() % len(b); s.byte() % 5 {
	case 0:
		b[at] ^= byte(s.byte())
	case 1:
		b = b[:at]
	case 2:
		b = append(b, s.take(at)...)
	}
	return b
}

func (s *stranger) value(depth int) any {
	kind := s.byte() % 20
	if depth == 0 && kind >= 16 {
		kind = 0
	}
	switch kind {
	case 0, 1, 2, 3:
		return s.secret()
	case 4:
		return s.text(s.secret())
	case 5:
		return passable.Symbol(s.text(s.take(s.byte())))
	case 6:
		return passable.Symbol("admitted")
	case 7:
		return s.take(s.byte())
	case 8:
		return s.text(s.take(s.byte()))
	case 9:
		return nil
	case 10:
		return passable.Undefined{}
	case 11:
		return s.byte()%2 == 0
	case 12:
		return int64(s.byte()) - 128
	case 13:
		return new(big.Int).SetBytes(s.take(40))
	case 14:
		return float64(s.byte()) / 3
	case 15:
		return s.ref
	case 16:
		return passable.Tagged{Tag: "t", Value: s.value(depth - 1)}
	case 17:
		return passable.Struct{{Key: "id", Value: s.value(depth - 1)}}
	case 18:
		return passable.Error{Code: home.ErrRefused.Code, Message: "no"}
	default:
		list := []any{}
		for range s.byte() % 4 {
			list = append(list, s.value(depth-1))
		}
		return list
	}
}

// FuzzBootstrap has a peer ask anything of a bootstrap object, many things at once. What is good is answered, and nothing
// else; all that could be a secret and is not is refused in the same words; and the object goes on answering.
func FuzzBootstrap(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x00\x00\x00\x00\x00\x04\x00\x00\x00\x01\x00\x04\x00\x00\x00\x02\x00\x04\x00\x00\x04\x02\x00\x04"))         // good ones
	f.Add([]byte("\x00\x00\x00\x00\x1f\x00\x01\x00\x00\x00\x00\x20\x01\x00\x00\x00\x04\x00\x04\x00\x00\x06\x00\x00\x04\x06")) // not quite
	f.Add([]byte("\x05\x05\x00\x00\x00\x07\x00\x04\x00\x00\x00\x04\x00\x04\x00\x00\x00\x00\x00\x04"))                         // with a challenge
	f.Add([]byte("\x00\x00\x09\x00\x00\x0a\x00\x00\x0f\x00\x00\x10\x00\x00\x00\x04\x00\x00\x13\x02\x06\x06\x00\x05\x00\x06")) // no secrets
	f.Add([]byte("\x04\x00\x00\x05\x00\x04\x04\x00\x07\x10abcdefghijklmnop\x04\x00\x07\x03abc\x06\x05"))                      // prove
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 1<<12 {
			return
		}
		scene(t, func(t *testing.T, n *mem.Network) { askAnything(t, n, in) })
	})
}

func askAnything(t *testing.T, n *mem.Network, in []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b := join(t, n, "b", identity(t), nil)
	defer b.leave()
	one, gone, word, lock := b.publish("one"), b.publish("gone"), sturdyref.SwissNumOf([]byte("lobby")), capability(t)
	if _, err := b.PublishAs(ctx, "word", word, b.spawn()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PublishKey(ctx, "lock", lock.Public(), b.spawn()); err != nil {
		t.Fatal(err)
	}
	if err := b.Revoke(ctx, "gone"); err != nil {
		t.Fatal(err)
	}
	session, info, over := rawSession(t, n, identity(t), b, home.FeatureFetchProof, captp.FeatureMovesQueues)
	defer over()
	proof := func(key sturdyref.ProofKey, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		p, err := key.Fetch(info.Binding, sturdyref.RoleOf(info.Outbound))
		if err != nil {
			t.Fatal(err)
		}
		return p[:]
	}
	number := func(s sturdyref.Ref) (sturdyref.Keys, []byte) {
		keys, err := s.Swiss.Keys()
		return keys, proof(keys.ProofKey(), err)
	}
	static := b.id.Public().Static
	keys, good := number(one)
	_, revoked := number(gone)
	opening := proof(lock.ProofKey(static, static)) // good for nothing: it is bound to no challenge
	id := keys.ID()
	s := &stranger{in: in, secrets: [][]byte{good, one.Swiss.Reveal(), word.Reveal(), revoked, opening, id[:], gone.Swiss.Reveal()}, ref: session.Bootstrap()}
	fits := [][]byte{good, one.Swiss.Reveal(), word.Reveal()}

	var asked []question
	for range 60 {
		if len(s.in) == 0 {
			break
		}
		q := question{selector: []string{"fetch", "fetch", "fetch", "fetch", "prove", "challenge", "other"}[s.byte()%7]}
		for count := []int{1, 1, 1, 1, 1, 0, 2}[s.byte()%7]; len(q.args) < count; {
			q.args = append(q.args, s.value(2))
		}
		q.answer = session.Bootstrap().Send(ctx, q.selector, q.args...)
		q.fits = slices.Clone(fits)
		asked = append(asked, q)
		if q.selector == "challenge" && len(q.args) == 0 && len(s.secrets) < 8 {
			challenge, err := vat.Result[[]byte](q.answer).Await(ctx)
			if err != nil || len(challenge) != 32 {
				t.Fatalf("challenge: %d bytes, %v", len(challenge), err)
			}
			opens := proof(lock.ProofKey(static, [32]byte(challenge)))
			s.secrets, fits = append(s.secrets, opens), append(fits, opens)
		}
	}
	for _, q := range asked {
		v, err := vat.Result[any](q.answer).Await(ctx)
		if what := q.wrong(v, err); what != "" {
			t.Errorf("%s(%T of %d): %v, %v: want %s", q.selector, q.args, len(q.args), v, err, what)
		}
	}
	works(t, "what is good, after all that", session.Bootstrap().Send(ctx, "fetch", good))
	if err := session.Err(); err != nil {
		t.Errorf("the session has ended: %v", err)
	}
}

// question is what was asked, and the secrets that were good then.
type question struct {
	selector string
	args     []any
	fits     [][]byte
	answer   vat.Ref
}

// wrong says what should have been answered, if it was not.
func (q question) wrong(v any, err error) string {
	var arg any
	if len(q.args) == 1 {
		arg = q.args[0]
	}
	good := func(secret []byte) bool {
		return slices.ContainsFunc(q.fits, func(f []byte) bool { return bytes.Equal(f, secret) })
	}
	want := vat.ErrBadArgs
	switch arg := arg.(type) {
	case []byte:
		switch {
		case q.selector == "prove" && len(arg) == 16:
			want = nil
		case q.selector == "fetch" && good(arg):
			want = nil
		case q.selector == "fetch":
			want = home.ErrRefused
		}
	case string:
		switch {
		case q.selector == "fetch" && good([]byte(arg)):
			want = nil
		case q.selector == "fetch":
			want = home.ErrRefused
		}
	case passable.Symbol:
		if q.selector == "fetch" {
			want = home.ErrRefused
		}
	}
	switch {
	case q.selector == "other":
		want = vat.ErrNoSuchMethod
	case q.selector == "challenge" && len(q.args) == 0:
		want = nil
	}
	if want == nil {
		size := map[string]int{"prove": 32, "challenge": 32}[q.selector]
		if b, _ := v.([]byte); err != nil || len(b) != size {
			return "an answer"
		}
		return ""
	}
	// What a secret is refused with is the same to the letter.
	if e, ok := errors.AsType[*vat.Error](err); !ok || !e.Remote || e.Code != want.Code || want == home.ErrRefused && e.Message != want.Message {
		return want.Error()
	}
	return ""
}
