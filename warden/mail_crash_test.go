package warden_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// post is a site with messages on their way to two folders: one in the vat where messages by its grant are heard, one in another.
type post struct {
	*site
	mail   []mail
	folder map[grant.ObjectID]vat.Ref
}

type mail struct {
	grant *grant.Grant
	bytes []byte
	about grant.ObjectID
	text  string
	acked bool
}

var afar = grant.ObjectID{2}

// find offers the far folder, whose role is opened in the vat of the near one.
func (p *post) find() {
	p.t.Helper()
	type ref struct{ vat.Ref }
	r, err := vat.Root(context.Background(), p.m.Vat("afar"), "folder", func(ctx context.Context) (ref, error) {
		return ref{writerFacet.Spawn(ctx, &folder{})}, nil
	})
	if err == nil {
		err = p.office.Offer(afar, p.v, map[string]warden.Role{"writer": {Open: func(context.Context, warden.Holder) (vat.Ref, error) { return r.Ref, nil }}})
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.folder = map[grant.ObjectID]vat.Ref{theFolder: p.site.folder, afar: r.Ref}
}

// effects counts what the messages have done.
func (p *post) effects() map[string]int {
	p.t.Helper()
	n := make(map[string]int)
	for _, f := range p.folder {
		notes, err := tell[[]vat.Ref](f, "list")
		for _, note := range notes {
			text, bad := tell[string](note, "read")
			err = errors.Join(err, bad)
			n[text]++
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	return n
}

// check looks that nothing was done twice, and that what was acknowledged was done.
func (p *post) check(when string, n int) {
	p.t.Helper()
	done := p.effects()
	for _, m := range p.mail {
		if c := done[m.text]; c > 1 || m.acked && c == 0 {
			p.t.Errorf("died at write %d: %s: %s was executed %d times (acknowledged: %t)", n, when, m.text, c, m.acked)
		}
		delete(done, m.text)
	}
	if len(done) > 0 {
		p.t.Errorf("died at write %d: %s: there is %v", n, when, done)
	}
}

// T26: a process dies at each write that there is while it hears messages, out of order and some of them again. What a message does is done once at
// most whenever that is, once for certain if the message was acknowledged, and exactly once when all have been delivered again.
func TestT26DiesWhileHearing(t *testing.T) {
	deaths := 0
	for n, died := 1, true; died; n++ {
		synctest.Test(t, func(t *testing.T) {
			p := &post{site: &site{t: t}}
			inBubble(p.site)
			defer p.m.Stop()
			defer func() { p.office.Close() }()
			p.find()
			near := issue(t, "writer", anna, accept(3*time.Hour), methods("add"), caveats(grant.MaxUses(3)))
			root, err := grant.Issue(host, grant.Root{Object: afar, Role: "writer"}, terms(anna, accept(3*time.Hour)))
			if err != nil {
				t.Fatal(err)
			}
			far := pass(t, root, anna, billie, accept(2*time.Hour))
			for _, m := range []struct {
				g    *grant.Grant
				by   person
				at   grant.ObjectID
				seq  uint64
				text string
			}{
				{near, anna, theFolder, 1, "near 1"},
				{near, anna, theFolder, 3, "near 3"},
				{far, billie, afar, 1, "far 1"},
				{near, anna, theFolder, 2, "near 2"},
				{far, billie, afar, 1000, "far 1000"},
				{far, billie, afar, 999, "far 999"},
			} {
				p.mail = append(p.mail, mail{m.g, say(t, m.by, m.g, m.seq, "add", m.text), m.at, m.text, false})
			}
			synctest.Wait()
			p.m.FailWrite(n)
			died = false
			deliver := func(i int) {
				m := &p.mail[i]
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				_, err := vat.Result[bool](p.office.Deliver(m.grant, m.bytes)).Await(ctx)
				synctest.Wait()
				m.acked = m.acked || err == nil
				if p.m.Depot().Err() == nil {
					if err != nil {
						t.Errorf("died at write %d: %s: %v", n, m.text, err)
					}
					return
				}
				died = true
				deaths++
				p.restart(true)
				p.find()
				synctest.Wait()
				p.check("after "+m.text, n)
			}
			for _, i := range []int{0, 1, 0, 2, 3, 4, 2, 5} {
				deliver(i)
			}
			p.m.FailWrite(1 << 30) // no more
			for range 2 {
				for i := range p.mail {
					deliver(len(p.mail) - 1 - i)
				}
				synctest.Wait()
				if done := p.effects(); len(done) != len(p.mail) || slices.ContainsFunc(p.mail, func(m mail) bool { return done[m.text] != 1 || !m.acked }) {
					t.Errorf("died at write %d: in the end there is %v", n, done)
				}
				p.restart(true)
				p.find()
			}
			if t.Failed() {
				died = false
			}
		})
	}
	if deaths < 8 {
		t.Errorf("it died %d times: that is not at each write", deaths)
	}
}
