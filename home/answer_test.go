package home_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

func signed(t *testing.T, by ed25519.PrivateKey, g *grant.Grant, seq uint64, method string, args ...any) []byte {
	t.Helper()
	b, err := warden.SignCall(by, g, seq, time.Now(), method, args...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Only who has signed a message is told what comes of it: not who carries it, not with another's presentation, and not with one of another session.
func TestAnswerIsTheAuthors(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		e := grantingAt(t, n, nil)
		defer e.leave()
		ann, bob := newKey(), newKey()
		byMail := func(t *grant.Terms) { t.Accept = t.Expires }
		anns, bobs := e.issue(ann, byMail), e.issue(bob, byMail)
		m := signed(t, ann, anns, 1, "echo", "hush")
		a, b := scripted(t, n, "a", e.Location()), scripted(t, n, "b", e.Location())
		first := e.present(a, anns, ann, 1)
		tell := func(what, want string, s *script, selector string, args ...any) {
			t.Helper()
			if code := s.settled(s.ask(selector, args...)); code != want {
				t.Errorf("%s: %q, want %q", what, code, want)
			}
		}
		refused := "grant.refused"
		tell("who carries it", "", b, "deliver", anns.Bytes(), m)
		tell("with no presentation", refused, b, "answer", anns.Bytes(), []byte{}, m)
		tell("with the holder's, of another session", refused, b, "answer", anns.Bytes(), first, m)
		tell("by another key", refused, b, "answer", anns.Bytes(), e.present(b, bobs, bob, 1), m)
		tell("with another grant", refused, b, "answer", bobs.Bytes(), e.present(b, bobs, bob, 2), m)
		tell("its author", "", a, "answer", anns.Bytes(), first, m)
		tell("with a presentation that was shown", refused, a, "answer", anns.Bytes(), first, m)
		tell("its author again", "", a, "answer", anns.Bytes(), e.present(a, anns, ann, 2), m)
		tell("behind which the grant is redeemed", "", a, "redeem", anns.Bytes(), e.present(a, anns, ann, 3))
		tell("with what is no message", refused, a, "answer", anns.Bytes(), e.present(a, anns, ann, 4), []byte("x"))
		a.hangUp()
		b.hangUp()
	})
}

// In a session that lasts an answer is asked for among other things, and is the same when either process has died.
func TestAnswerInLastingSession(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := newSite(t, n, "a"), newSite(t, n, "b")
		defer a.stop()
		defer b.stop()
		signer := grant.SignerOf(a.id)
		g := b.offering(grant.KeyOf(signer))
		terms := grant.Terms{Audience: g.Holder(), Expires: time.Now().Add(24 * time.Hour), Accept: time.Now().Add(24 * time.Hour)}
		g, err := grant.Issue(grant.SignerOf(b.id), grant.Root{Object: granted, Role: "actor"}, terms)
		if err != nil {
			t.Fatal(err)
		}
		r, err := a.home.Redeem(g, signer, b.home.Location()).Await(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		tell(t, a.actor(), "link", r) // from now on the session lasts
		synctest.Wait()
		var messages [][]byte
		for i := range 4 {
			m, err := warden.SignCall(signer, g, uint64(i+1), time.Now(), "add", i)
			if err != nil {
				t.Fatal(err)
			}
			messages = append(messages, m)
		}
		for i, crash := range []func(){func() {}, a.crash, b.crash, func() { a.crash(); b.crash() }} {
			crash()
			for j, m := range messages[:i+1] {
				answer := a.home.Answer(g, signer, m, b.home.Location())
				redeemed := a.home.Redeem(g, signer, b.home.Location()) // shown after that, and not to overtake it
				if got, err := vat.Result[int](answer).Await(context.Background()); got != j+1 || err != nil {
					t.Errorf("after crash %d: message %d: %d, %v", i, j, got, err)
				}
				if _, err := redeemed.Await(context.Background()); err != nil {
					t.Errorf("after crash %d: %v", i, err)
				}
			}
			if got := fmt.Sprint(b.lines()); got != fmt.Sprint([]int{0, 1, 2, 3}[:i+1]) {
				t.Errorf("after crash %d: %s", i, got)
			}
		}
		// Who waits when the process dies is told when it is there again.
		m, err := warden.SignCall(signer, g, 5, time.Now(), "add", 4)
		if err != nil {
			t.Fatal(err)
		}
		waits := a.home.Answer(g, signer, m, b.home.Location())
		b.crash()
		if got, err := vat.Result[int](waits).Await(context.Background()); err != nil || got != 5 {
			t.Error(got, err)
		}
		if got, err := vat.Result[int](a.home.Answer(g, signer, m, b.home.Location())).Await(context.Background()); got != 5 || err != nil {
			t.Error(got, err)
		}
		if got := len(b.lines()); got != 5 {
			t.Errorf("%d calls were made, want 5", got)
		}
	})
}
