package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

// FuzzGrantInput gives the commands that read what others wrote anything at all: they end, with one line if not well, show nothing raw,
// and do not repeat the secret of a bearer grant.
func FuzzGrantInput(f *testing.F) {
	id, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		f.Fatal(err)
	}
	signer := grant.SignerOf(id)
	terms := grant.Terms{Audience: grant.KeyOf(signer), Expires: time.Now().Add(24 * time.Hour), Depth: 1}
	g, err := grant.Issue(signer, grant.Root{Role: "organiser"}, terms)
	if err != nil {
		f.Fatal(err)
	}
	notice, err := g.Revoke(signer, grant.Withdrawal{Link: g.ID(), Reason: "\x1b[2J"}, grant.Feed{})
	if err != nil {
		f.Fatal(err)
	}
	terms.Audience = grant.Key{}
	bearer, err := grant.IssueBearer(signer, grant.Root{}, terms)
	if err != nil {
		f.Fatal(err)
	}
	good := filepath.Join(f.TempDir(), "good")
	if err := os.WriteFile(good, []byte(textOf(g)), 0o600); err != nil {
		f.Fatal(err)
	}
	_, secret, _ := strings.Cut(bearer.Reveal(), ".")

	for _, seed := range []string{
		textOf(g), bearer.Reveal(), grant.NoticeText(notice), "# nothing\n\n" + grant.NoticeText(notice) + "\n", "hawser-grant:gUA", "hawser-notice:", "\x1b]0;x\a",
		"arg-equals=0:[1,\"a\"]", "seq-window=1-2", "fresh=1w2d", "2026-12-31T18:00:00Z", "99999999d",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, args := range [][]string{
			{"show", "-"},
			{"verify", "-"},
			{"verify", "-revoked", "-", good},
			{"verify", "-home", "-", good},
			{"delegate", "-", "-reveal-bearer"},
			{"verify", "-at", text, good},
			{"show", text},
			{"issue", "-object", "x", "-key", good, "-for", "1d", "-caveat", text},
		} {
			if slices.Contains(args, text) && strings.ContainsAny(text, "/\\") {
				continue // it could be the name of a file
			}
			var out, bad bytes.Buffer
			status := grants(args, strings.NewReader(text), &out, &bad)
			said := out.String() + bad.String()
			raw := strings.ContainsFunc(said, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) })
			if raw || !utf8.ValidString(said) {
				t.Errorf("%q: shown raw: %q", args, said)
			}
			if status != 0 && (out.Len() > 0 || strings.Count(bad.String(), "\n") != 1) {
				t.Errorf("%q: status %d, and more than one line: %q", args, status, said)
			}
			if strings.Contains(said, secret[:12]) {
				t.Errorf("%q: the secret was told", args)
			}
		}
	})
}
