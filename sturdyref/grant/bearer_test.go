package grant_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

func TestBearer(t *testing.T) {
	open := grant.Terms{Expires: start.Add(day), Accept: start.Add(day), Depth: 1}
	b, err := grant.IssueBearer(home, grant.Root{Object: object, Role: "visitor"}, open)
	if err != nil {
		t.Fatal(err)
	}
	got, err := grant.ParseBearer("\n " + b.Reveal() + "\n")
	if err != nil || !bytes.Equal(got.Grant().Bytes(), b.Grant().Bytes()) || got.Reveal() != b.Reveal() {
		t.Fatalf("%v", err)
	}
	if err := at(start).Verify(got.Grant()); err != nil {
		t.Fatal(err)
	}
	p, err := grant.Present(got.Signer(), got.Grant(), [32]byte{}, home.key(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Grant().CheckPresentation(p, [32]byte{}, home.key()); err != nil {
		t.Error(err)
	}
	// It is passed on like another grant: to a key, or to another throw-away one; and renounced.
	if d := mustDelegateBy(t, got, terms(anna, 0)); d.Holder() != anna.key() {
		t.Error("it was passed on to another")
	}
	again, err := got.Grant().DelegateBearer(got.Signer(), grant.Terms{Expires: start.Add(day)})
	if err != nil || len(again.Grant().Links()) != 2 || again.Grant().Holder() == got.Grant().Holder() {
		t.Errorf("%v", err)
	}
	s := newSet(t, nil)
	revoke(t, s, got.Grant(), 1, got.Signer(), nil)
	refused(t, "renounced", with(s, start).Verify(again.Grant()), grant.Withdrawn)

	if _, err := grant.IssueBearer(home, grant.Root{}, terms(anna, 0)); err == nil {
		t.Error("a bearer grant was issued to somebody")
	}
	if _, err := again.Grant().DelegateBearer(again.Signer(), open); err == nil {
		t.Error("a depth of 0 was passed on")
	}
	var zero grant.Bearer
	if zero.Reveal() != "" || zero.Signer() != nil || !zero.Grant().Holder().IsZero() || zero.String() != "no bearer grant" {
		t.Error("the zero Bearer is something")
	}
	text := b.Reveal()
	public, secret, _ := strings.Cut(strings.TrimPrefix(text, "hawser-bearer:"), ".")
	other, _, _ := strings.Cut(strings.TrimPrefix(again.Reveal(), "hawser-bearer:"), ".")
	for what, bad := range map[string]string{
		"empty": "", "no prefix": text[1:], "no secret": "hawser-bearer:" + public, "short secret": text[:len(text)-2], "long": text + strings.Repeat(" ", 1<<16), "padded": text + "=",
		"another grant": "hawser-bearer:" + other + "." + secret, "no grant": "hawser-bearer:." + secret, "swapped": "hawser-bearer:" + secret + "." + public, "twice": text + "." + secret,
	} {
		_, err := grant.ParseBearer(bad)
		refused(t, what, err, grant.Malformed)
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error repeats the secret", what)
		}
	}
}

func mustDelegateBy(t testing.TB, b grant.Bearer, terms grant.Terms) *grant.Grant {
	t.Helper()
	g, err := b.Grant().Delegate(b.Signer(), terms)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// T29: however what holds a secret is printed, alone or inside something else, the secret does not appear.
func TestT29SecretsDoNotPrint(t *testing.T) {
	b, err := grant.IssueBearer(home, grant.Root{Object: object}, grant.Terms{Expires: start.Add(day)})
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(b.Reveal(), ".")
	seed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	for _, part := range [][]byte{seed[:8], seed[8:16], seed[24:]} {
		secrets = append(secrets, hex.EncodeToString(part), strings.ToUpper(hex.EncodeToString(part)), string(part), strings.Trim(fmt.Sprint(part), "[]"))
	}
	secrets = append(secrets, text[:11], text[11:22], base64.StdEncoding.EncodeToString(seed)[:11])
	expanded := ed25519.NewKeyFromSeed(seed)
	if !bytes.Equal(expanded[:32], seed) {
		t.Fatal("the test looks for another secret")
	}

	type hidden struct{ v any }
	type inside struct{ b grant.Bearer }
	type Shown struct{ B grant.Bearer }
	_, delegated := b.Grant().Delegate(b.Signer(), terms(anna, 0))
	for _, v := range []any{
		b, &b, b.Grant(), b.Signer(),
		hidden{b},
		hidden{b.Signer()},
		inside{b},
		&inside{b},
		Shown{b},
		[]any{b},
		[]grant.Bearer{b},
		map[string]any{"x": b},
		delegated, fmt.Errorf("wrapped: %w", delegated),
	} {
		var logged bytes.Buffer
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "v", v)
		hclog.New(&hclog.LoggerOptions{Output: &logged}).Info("x", "v", v)
		hclog.New(&hclog.LoggerOptions{Output: &logged, JSONFormat: true}).Info("x", "v", v)
		asJSON, _ := json.Marshal(v)
		_ = gob.NewEncoder(&logged).Encode(v)
		out := logged.String() + string(asJSON)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			out += fmt.Sprintf(verb+"\n", v)
		}
		for _, s := range secrets {
			if strings.Contains(out, s) {
				t.Errorf("%T printed a secret (%.12q): %s", v, s, out)
				break
			}
		}
	}
	if !strings.Contains(b.Reveal(), text) || !strings.Contains(b.String(), b.Grant().Holder().String()) {
		t.Error("Reveal does not reveal, or String does not say for which key it is")
	}
}
