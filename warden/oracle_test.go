package warden_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// T30: a refusal costs as many checks of signatures whether a link was revoked, or there is no such object, or no such role; and somebody who has
// forged a link, or a message, learns as little of what was revoked.
func TestT30RefusalsCostTheSame(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		checked := 0
		s.office.Checked(func(grant.LinkID) { checked++ })
		chain := func(object grant.ObjectID, role string) *grant.Grant {
			t.Helper()
			g, err := grant.Issue(host, grant.Root{Object: object, Role: role}, terms(anna, accept(3*time.Hour)))
			if err != nil {
				t.Fatal(err)
			}
			return pass(t, pass(t, g, anna, billie, accept(3*time.Hour)), billie, claire, accept(3*time.Hour))
		}
		revoked := func(link int) *grant.Grant {
			t.Helper()
			g := chain(theFolder, "writer")
			by := []person{host, anna, billie}[link]
			notice, err := g.Revoke(by, grant.Withdrawal{Link: g.Links()[link].ID}, s.office.Known().Feed(by.key(), host.key()))
			if err != nil {
				t.Fatal(err)
			}
			s.learn(notice)
			return g
		}
		parse := func(b []byte, err error) *grant.Grant {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			g, err := grant.Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			return g
		}
		forged := func(g *grant.Grant) *grant.Grant { // its last signature
			b := g.Bytes()
			b[len(b)-1] ^= 1
			return parse(b, nil)
		}
		// Each is shown twice: what is cached must not tell, either.
		open := func(g *grant.Grant) string {
			var how string
			for range 2 {
				checked = 0
				_, err := vat.Result[any](s.office.Open(g).Send(t.Context(), "title")).Await(t.Context())
				how += fmt.Sprintf("%d signatures, %v; ", checked, err)
			}
			return how
		}
		deliver := func(g *grant.Grant, spoil bool) string {
			m := say(t, claire, g, 1, "add", "x")
			if spoil {
				m[len(m)-1] ^= 1
			}
			var how string
			for range 2 {
				checked = 0
				how += fmt.Sprintf("%v, %d signatures; ", s.deliver(g, m), checked)
			}
			return how
		}
		alike := func(what string, all map[string]string) {
			t.Helper()
			by := make(map[string][]string)
			for name, how := range all {
				by[how] = append(by[how], name)
			}
			if len(by) != 1 {
				t.Errorf("%s: refusals can be told apart: %v", what, by)
			}
		}
		alike("redeemed", map[string]string{
			"no such object": open(chain(grant.ObjectID{9}, "writer")), "no such role": open(chain(theFolder, "tsar")),
			"the root was revoked": open(revoked(0)), "a link was": open(revoked(1)), "the last was": open(revoked(2)),
		})
		alike("a forged last link", map[string]string{
			"behind good ones": open(forged(chain(theFolder, "writer"))), "behind one that was revoked": open(forged(revoked(0))),
			"of one that was itself": open(forged(revoked(2))), "of an object that is not": open(forged(chain(grant.ObjectID{9}, "writer"))),
		})
		alike("by message", map[string]string{
			"no such object": deliver(chain(grant.ObjectID{9}, "writer"), false), "no such role": deliver(chain(theFolder, "tsar"), false),
			"the root was revoked": deliver(revoked(0), false), "the last link was": deliver(revoked(2), false),
		})
		alike("by a forged message", map[string]string{
			"good": deliver(chain(theFolder, "writer"), true), "no such object": deliver(chain(grant.ObjectID{9}, "writer"), true),
			"the root was revoked": deliver(revoked(0), true), "a link was": deliver(revoked(1), true),
		})
	})
}
