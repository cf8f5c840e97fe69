package grant

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/hawser-go/hawser/internal/conceal"
)

// Bearer is a grant that anybody can use who has it: it is for a throw-away key, which travels with it. It is as secret
// as a sturdyref; but its home stores nothing for it, and it can be narrowed, passed on and revoked as any grant can.
// The zero value is none.
type Bearer struct {
	grant  *Grant
	secret func() *ed25519.PrivateKey // see package conceal
}

// IssueBearer is Issue to a fresh key. t.Audience must be left zero.
func IssueBearer(signer crypto.Signer, of Root, t Terms) (Bearer, error) {
	return newBearer(t, func(t Terms) (*Grant, error) { return Issue(signer, of, t) })
}

// DelegateBearer is Delegate to a fresh key. t.Audience must be left zero.
func (g *Grant) DelegateBearer(signer crypto.Signer, t Terms) (Bearer, error) {
	return newBearer(t, func(t Terms) (*Grant, error) { return g.Delegate(signer, t) })
}

func newBearer(t Terms, issue func(Terms) (*Grant, error)) (Bearer, error) {
	if !t.Audience.IsZero() {
		return Bearer{}, errors.New("grant: the audience of a bearer grant is a fresh key: leave Terms.Audience zero")
	}
	public, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Bearer{}, fmt.Errorf("grant: %w", err)
	}
	t.Audience = Key(public)
	g, err := issue(t)
	if err != nil {
		return Bearer{}, err
	}
	return Bearer{g, conceal.Secret(&secret)}, nil
}

// Grant returns the grant, which is no secret, or the zero Grant.
func (b Bearer) Grant() *Grant {
	if b.grant == nil {
		return new(Grant)
	}
	return b.grant
}

// Signer returns the key of the grant's holder, to present the grant, to pass it on or to revoke it, or nil.
func (b Bearer) Signer() crypto.Signer {
	if b.secret == nil {
		return nil
	}
	return bearerSigner{b.secret}
}

const bearerPrefix = "hawser-bearer:"

// Reveal returns the grant with its secret as text, to be given to whoever is to use it: "hawser-bearer:", the grant in
// base64url, a dot, the 32 bytes of the secret in base64url.
func (b Bearer) Reveal() string {
	if b.secret == nil {
		return ""
	}
	return bearerPrefix + strictBase64.EncodeToString(b.grant.bytes) + "." + strictBase64.EncodeToString((*b.secret()).Seed())
}

// ParseBearer reads what Reveal wrote; white space does not matter. Its error matches ErrRefused, is a *Refusal, and does
// not repeat the text.
func ParseBearer(text string) (Bearer, error) {
	const enough = 4 * MaxBytes
	if len(text) > enough {
		return Bearer{}, refuse(Malformed, 0, "a text of %d bytes, at most %d are accepted", len(text), enough)
	}
	s, ok := strings.CutPrefix(strings.Join(strings.Fields(text), ""), bearerPrefix)
	public, secret, found := strings.Cut(s, ".")
	if !ok || !found {
		return Bearer{}, refuse(Malformed, 0, "the text of a bearer grant begins with %s and has a dot before the secret", bearerPrefix)
	}
	b, err := strictBase64.DecodeString(public)
	seed, err2 := strictBase64.DecodeString(secret)
	if err != nil || err2 != nil || len(seed) != ed25519.SeedSize {
		return Bearer{}, refuse(Malformed, 0, "the text of a bearer grant is base64url without padding, the secret of 32 bytes")
	}
	g, err := Parse(b)
	if err != nil {
		return Bearer{}, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	if Key(key.Public().(ed25519.PublicKey)) != g.Holder() {
		return Bearer{}, refuse(Malformed, 0, "the secret does not belong to the grant")
	}
	return Bearer{g, conceal.Secret(&key)}, nil
}

// bearerSigner is a crypto.Signer that does not print either.
type bearerSigner struct {
	secret func() *ed25519.PrivateKey
}

func (s bearerSigner) Public() crypto.PublicKey { return (*s.secret()).Public() }
func (s bearerSigner) Sign(rand io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return (*s.secret()).Sign(rand, message, opts)
}

// String, GoString, Format, LogValue and MarshalText show the grant in words and a placeholder.
func (b Bearer) String() string {
	if b.secret == nil {
		return "no bearer grant"
	}
	return "bearer " + b.grant.String() + ", secret " + conceal.Redacted
}
func (b Bearer) GoString() string             { return b.String() }
func (b Bearer) Format(f fmt.State, _ rune)   { fmt.Fprint(f, b.String()) }
func (b Bearer) LogValue() slog.Value         { return slog.StringValue(b.String()) }
func (b Bearer) MarshalText() ([]byte, error) { return []byte(b.String()), nil }
