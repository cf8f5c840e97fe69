package home_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// Whoever asks for notices may say anything: it is refused or answered within bounds, and the next is answered.
func TestNoticesAskedFor(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		e := grantingAt(t, n, nil)
		defer e.leave()
		ann := newKey()
		g := e.issue(ann)
		notice, _, err := e.office.Revoke(context.Background(), grant.SignerOf(e.id), g, grant.Withdrawal{Link: g.ID()})
		if err != nil {
			t.Fatal(err)
		}
		s := scripted(t, n, "s", e.Location())
		host, zero := e.office.Host(), make([]byte, 32)
		about := host[:]
		for what, args := range map[string][]any{
			"nothing": nil, "one argument": {about}, "text": {"about", "", ""}, "a short home": {about[1:], []byte{}, zero}, "a long prefix": {about, make([]byte, 33), zero},
			"a short digest": {about, []byte{}, zero[1:]}, "a list for a prefix": {about, []any{}, zero}, "a huge home": {make([]byte, 1<<19), []byte{}, zero},
		} {
			if code := s.settled(s.ask("list-notices", args...)); code != "hawser.bad-args" {
				t.Errorf("list-notices with %s: %q", what, code)
			}
		}
		for what, args := range map[string][]any{
			"nothing": nil, "part of a name": {about, zero[1:]}, "too many": {about, make([]byte, 32*65)}, "a list": {about, []any{zero}}, "a huge text": {about, strings.Repeat("x", 1<<19)},
		} {
			if code := s.settled(s.ask("get-notices", args...)); code != "hawser.bad-args" {
				t.Errorf("get-notices with %s: %q", what, code)
			}
		}
		for i := range 2000 { // a flood, of which nobody waits for the answers
			s.tell("list-notices", about, []byte{byte(i)}, zero)
			s.tell("get-notices", about, bytes.Repeat([]byte{byte(i)}, 32*64))
			s.tell("notify", []byte{byte(i)})
		}
		if code := s.settled(s.ask("notify", []byte("rubbish"))); code != "grant.refused" {
			t.Errorf("notify with rubbish: %q", code)
		}
		if code := s.settled(s.ask("notify", notice)); code != "" {
			t.Errorf("notify with what is known: %q", code)
		}
		s.hangUp()
	})
}

// teller is a peer that answers what it is asked as it likes.
func teller(t *testing.T, n *mem.Network, name string, answers map[passable.Symbol]func(args []any) any) (at *mem.Host, stop func()) {
	t.Helper()
	host := n.Host(mem.HostConfig{Name: name, Features: []string{home.FeatureRedeem}})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			in, err := host.Accept(context.Background())
			if err != nil {
				return
			}
			conn, err := in.Accept(nil)
			if err != nil {
				continue
			}
			s := speak(t, conn, host.Location(), newKey())
			for {
				op := s.next()
				if op == nil {
					break
				}
				d, ok := op.(*msg.Deliver)
				if !ok || !d.HasResolve || answers[d.Selector] == nil {
					continue
				}
				s.send(&msg.Deliver{To: msg.Desc{Kind: msg.Export, Pos: d.Resolve.Pos}, Selector: "fulfill", Args: []any{answers[d.Selector](d.Args)}})
			}
		}
	}()
	return host, func() {
		_ = host.Close()
		<-done
	}
}

// What a peer answers may be anything, too: the exchange ends, within its context, nothing is taken in that does not prove itself, and the next is
// asked as if there had been none.
func TestNoticesAnswered(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		e := grantingAt(t, n, nil)
		defer e.leave()
		g := e.issue(newKey())
		notice, _, err := e.office.Revoke(context.Background(), grant.SignerOf(e.id), g, grant.Withdrawal{Link: g.ID()})
		if err != nil {
			t.Fatal(err)
		}
		of, err := grant.ConcernOf(notice)
		if err != nil {
			t.Fatal(err)
		}
		id := identity(t)
		office := warden.New(warden.Config{Signer: grant.SignerOf(id)})
		a := join(t, n, "a", id, func(c *home.Config) { c.Office = office })
		defer a.leave()
		defer office.Close()
		names := grant.Listing{Names: [][32]byte{of.Name}}.Bytes()
		many := make([]any, 100_000)
		for i := range many {
			many[i] = []byte{}
		}
		forged := bytes.Clone(notice)
		forged[len(forged)/8] ^= 1
		for what, answers := range map[string]map[passable.Symbol]func([]any) any{
			"text":           {"list-notices": func([]any) any { return "the same" }},
			"a number":       {"list-notices": func([]any) any { return int64(1) }},
			"a huge listing": {"list-notices": func([]any) any { return make([]byte, 900_000) }},
			"nothing":        {},
			"no notices":     {"list-notices": func([]any) any { return names }},
			"a text of them": {"list-notices": func([]any) any { return names }, "get-notices": func([]any) any { return "notices" }},
			"numbers":        {"list-notices": func([]any) any { return names }, "get-notices": func([]any) any { return []any{int64(1), int64(2)} }},
			"a great many":   {"list-notices": func([]any) any { return names }, "get-notices": func([]any) any { return many }},
			"a huge one":     {"list-notices": func([]any) any { return names }, "get-notices": func([]any) any { return []any{make([]byte, 900_000)} }},
			"a forged one":   {"list-notices": func([]any) any { return names }, "get-notices": func([]any) any { return []any{forged} }},
			"ever more":      {"list-notices": func([]any) any { return make([]byte, 1+32) }, "get-notices": func([]any) any { return []any{} }},
		} {
			host, stop := teller(t, n, "liar: "+what, answers)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			learned, err := a.ExchangeNotices(ctx, office, of.Home, host.Location())
			cancel()
			if learned != 0 || errors.Is(err, context.DeadlineExceeded) != (answers["list-notices"] == nil || what == "no notices") {
				t.Errorf("%s: %d learned, %v", what, learned, err)
			}
			if err := office.Verify(g); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			stop()
		}
		// A receipt is believed only if it is one, of that notice, by its home.
		other := e.issue(newKey())
		_, receipt, err := e.office.Revoke(context.Background(), grant.SignerOf(e.id), other, grant.Withdrawal{Link: other.ID()})
		if err != nil {
			t.Fatal(err)
		}
		for what, answer := range map[string]any{
			"true": true, "text": "receipt", "rubbish": []byte("rubbish"), "another notice's": receipt, "a notice": notice, "nothing": nil, "a huge one": make([]byte, 900_000),
		} {
			host, stop := teller(t, n, "teller: "+what, map[passable.Symbol]func([]any) any{"notify": func([]any) any { return answer }})
			if b, err := a.Notify(notice, host.Location()).Await(t.Context()); err == nil || errors.Is(err, warden.ErrRefused) {
				t.Errorf("%s passes for a receipt: %x", what, b)
			}
			stop()
		}
		host, stop := teller(t, n, "not the home", map[passable.Symbol]func([]any) any{"notify": func([]any) any { return []byte{} }})
		if b, err := a.Notify(notice, host.Location()).Await(t.Context()); len(b) != 0 || err != nil {
			t.Errorf("somebody who is not the home: %x, %v", b, err)
		}
		stop()
		good, err := vat.Result[[]byte](e.office.Hear(notice)).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		host, stop = teller(t, n, "who has the receipt", map[passable.Symbol]func([]any) any{"notify": func([]any) any { return good }})
		if b, err := a.Notify(notice, host.Location()).Await(t.Context()); !bytes.Equal(b, good) || err != nil {
			t.Errorf("%x, %v", b, err)
		}
		stop()
	})
}
