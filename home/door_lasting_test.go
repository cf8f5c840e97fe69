package home_test

import (
	"context"
	"crypto"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// withdraw has a site revoke a grant of its own.
func withdraw(t *testing.T, s *site, g *grant.Grant) {
	t.Helper()
	if _, _, err := s.grants.Revoke(context.Background(), grant.SignerOf(s.id), g, grant.Withdrawal{Link: g.ID()}); err != nil {
		t.Error(err)
	}
}

// A session that a grant has let in at a closed door, and that outlives its host's process, ends with the grant: however that ends, and whether
// the host is there, away, or dying. One whose grant is good goes on.
func TestLastingSessionEndsWithItsGrant(t *testing.T) {
	for what, c := range map[string]struct {
		end  func(t *testing.T, b *site, g *grant.Grant)
		left int
	}{
		"nothing":                   {func(*testing.T, *site, *grant.Grant) {}, 1},
		"a crash":                   {func(_ *testing.T, b *site, _ *grant.Grant) { b.crash() }, 1},
		"two crashes":               {func(_ *testing.T, b *site, _ *grant.Grant) { b.crash(); time.Sleep(time.Minute); b.crash() }, 1},
		"revoked":                   {withdraw, 0},
		"revoked, and a crash":      {func(t *testing.T, b *site, g *grant.Grant) { withdraw(t, b, g); b.crash() }, 0},
		"revoked after a crash":     {func(t *testing.T, b *site, g *grant.Grant) { b.crash(); withdraw(t, b, g) }, 0},
		"revoked after two":         {func(t *testing.T, b *site, g *grant.Grant) { b.crash(); b.crash(); withdraw(t, b, g) }, 0},
		"expired":                   {func(*testing.T, *site, *grant.Grant) { time.Sleep(25 * time.Hour) }, 0},
		"expired after a crash":     {func(_ *testing.T, b *site, _ *grant.Grant) { b.crash(); time.Sleep(25 * time.Hour) }, 0},
		"expired while it was away": {func(_ *testing.T, b *site, _ *grant.Grant) { b.kill(); time.Sleep(25 * time.Hour); b.start() }, 0},
	} {
		t.Run(what, func(t *testing.T) {
			scene(t, func(t *testing.T, n *mem.Network) {
				a, b := newSite(t, n, "a"), newSite(t, n, "b")
				defer a.stop()
				defer b.stop()
				b.door = home.Door{Closed: true}
				signer := grant.SignerOf(a.id)
				g := b.offering(grant.KeyOf(signer))
				r, err := a.home.Redeem(g, signer, b.home.Location()).Await(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				tell(t, a.actor(), "link", r)
				synctest.Wait()
				if len(b.home.Lasting()) != 1 || len(a.home.Lasting()) != 1 {
					t.Fatal("the session does not last")
				}
				c.end(t, b, g)
				time.Sleep(20 * time.Minute) // more than a guest may stay
				synctest.Wait()
				if n := len(b.home.Lasting()); n != c.left {
					t.Errorf("%d sessions last, want %d", n, c.left)
				}
				if n := len(a.home.Lasting()); n != c.left {
					t.Errorf("on the other side %d sessions last, want %d", n, c.left)
				}
				_, err = vat.Result[[]string](r.Send(context.Background(), "lines")).Await(context.Background())
				if over := c.left == 0; over != (err != nil) {
					t.Errorf("the reference: %v", err)
				}
			})
		})
	}
}

// A session that lasts for other reasons is there, after a restart of the host, for what it was there before: not for the grant of something that
// is gone with the process, which its holder is to redeem again.
func TestLastingSessionOfAFleetingGrant(t *testing.T) {
	const ephemeral = "ephemeral"
	type state struct {
		a, b           *site
		fleeting, kept *grant.Grant
		signer         crypto.Signer
	}
	redeem := func(t *testing.T, s *state, g *grant.Grant) {
		t.Helper()
		if _, err := s.a.home.Redeem(g, s.signer, s.b.home.Location()).Await(context.Background()); err != nil {
			t.Error(err)
		}
	}
	for what, c := range map[string]struct {
		before, after func(t *testing.T, s *state)
		soon, late    int
	}{
		"never again":      {soon: 1, late: 0},
		"redeemed again":   {after: func(t *testing.T, s *state) { redeem(t, s, s.fleeting) }, soon: 1, late: 1},
		"another is kept":  {before: func(t *testing.T, s *state) { redeem(t, s, s.kept) }, soon: 1, late: 1},
		"another has been": {before: func(t *testing.T, s *state) { redeem(t, s, s.kept) }, after: func(t *testing.T, s *state) { withdraw(t, s.b, s.kept) }},
		"revoked before": {before: func(t *testing.T, s *state) {
			redeem(t, s, s.kept)
			withdraw(t, s.b, s.kept)
			withdraw(t, s.b, s.fleeting)
		}},
		"a secret besides": {before: func(t *testing.T, s *state) {
			at, err := s.b.home.Publish(context.Background(), ephemeral, s.b.actor())
			if err == nil {
				_, err = s.a.home.Enliven(at).Await(context.Background())
			}
			if err != nil {
				t.Error(err)
			}
		}, soon: 1, late: 1},
	} {
		t.Run(what, func(t *testing.T) {
			scene(t, func(t *testing.T, n *mem.Network) {
				a, b := newSite(t, n, "a"), newSite(t, n, "b")
				defer a.stop()
				defer b.stop()
				b.door = home.Door{Closed: true}
				s := &state{a: a, b: b, signer: grant.SignerOf(a.id)}
				s.kept = b.offering(grant.KeyOf(s.signer))
				durable := b.offer
				b.offer = func(o *warden.Office) {
					durable(o)
					if err := o.Offer(grant.ObjectID{8}, b.lobby, map[string]warden.Role{"echo": {Open: func(ctx context.Context, _ warden.Holder) (vat.Ref, error) {
						return echoFacet.Spawn(ctx, echoer{}), nil
					}}}); err != nil {
						t.Fatal(err)
					}
				}
				b.crash()
				var err error
				terms := grant.Terms{Audience: grant.KeyOf(s.signer), Expires: time.Now().Add(24 * time.Hour)}
				if s.fleeting, err = grant.Issue(grant.SignerOf(b.id), grant.Root{Object: grant.ObjectID{8}, Role: "echo"}, terms); err != nil {
					t.Fatal(err)
				}
				redeem(t, s, s.fleeting)
				at, err := a.home.Publish(context.Background(), "actor", a.actor())
				if err != nil {
					t.Fatal(err)
				}
				r, err := b.home.Enliven(at).Await(context.Background()) // over the session there is
				if err != nil {
					t.Fatal(err)
				}
				tell(t, b.actor(), "link", r)
				if c.before != nil {
					c.before(t, s)
				}
				synctest.Wait()
				b.crash()
				if c.after != nil {
					c.after(t, s)
				}
				time.Sleep(4 * time.Minute)
				synctest.Wait()
				if n := len(b.home.Lasting()); n != c.soon {
					t.Errorf("%d sessions last after four minutes, want %d", n, c.soon)
				}
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if n := len(b.home.Lasting()); n != c.late {
					t.Errorf("%d sessions last after six minutes, want %d", n, c.late)
				}
				if n := len(b.rows("credits")); (n > 0) != (c.late > 0) {
					t.Errorf("%d rows are left, and %d sessions", n, c.late)
				}
			})
		})
	}
}

// A session that a secret has let in, which was revoked, and that a grant holds ends with the grant, after a restart as before it: the secret holds
// it no more, although it is the one that was shown at the door.
func TestLastingSessionAfterItsSecret(t *testing.T) {
	for what, c := range map[string]struct {
		end  func(t *testing.T, b *site, g *grant.Grant)
		left int
	}{
		"the grant stays":                  {func(*testing.T, *site, *grant.Grant) {}, 1},
		"a crash":                          {func(_ *testing.T, b *site, _ *grant.Grant) { b.crash() }, 1},
		"revoked":                          {withdraw, 0},
		"revoked after a crash":            {func(t *testing.T, b *site, g *grant.Grant) { b.crash(); withdraw(t, b, g) }, 0},
		"revoked after two":                {func(t *testing.T, b *site, g *grant.Grant) { b.crash(); b.crash(); withdraw(t, b, g) }, 0},
		"it has expired while it was away": {func(_ *testing.T, b *site, _ *grant.Grant) { b.kill(); time.Sleep(25 * time.Hour); b.start() }, 0},
	} {
		t.Run(what, func(t *testing.T) {
			scene(t, func(t *testing.T, n *mem.Network) {
				a, b := newSite(t, n, "a"), newSite(t, n, "b")
				defer a.stop()
				defer b.stop()
				b.door = home.Door{Closed: true}
				signer := grant.SignerOf(a.id)
				g := b.offering(grant.KeyOf(signer))
				at, err := b.home.Publish(context.Background(), "x", b.actor())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := a.home.Enliven(at).Await(context.Background()); err != nil {
					t.Fatal(err)
				}
				r, err := a.home.Redeem(g, signer, b.home.Location()).Await(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				tell(t, a.actor(), "link", r)
				synctest.Wait()
				if err := b.home.Revoke(context.Background(), "x"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if n := len(b.home.Lasting()); n != 1 {
					t.Fatalf("%d sessions last when the secret was revoked", n)
				}
				c.end(t, b, g)
				time.Sleep(20 * time.Minute)
				synctest.Wait()
				if n := len(b.home.Lasting()); n != c.left {
					t.Errorf("%d sessions last, want %d", n, c.left)
				}
				if n := len(b.rows("credits")); (n > 0) != (c.left > 0) {
					t.Errorf("%d rows are left, and %d sessions", n, c.left)
				}
			})
		})
	}
}

// A grant that is too long to be shown in a handshake opens no closed door, and its holder is told that; where the door is open it is redeemed.
func TestLongGrantAtClosedDoor(t *testing.T) {
	for _, closed := range []bool{false, true} {
		scene(t, func(t *testing.T, n *mem.Network) {
			a, b := newSite(t, n, "a"), newSite(t, n, "b")
			defer a.stop()
			defer b.stop()
			b.door.Closed = closed
			holder := grant.SignerOf(a.id)
			short := b.offering(grant.KeyOf(holder))
			var g *grant.Grant
			signer := grant.SignerOf(b.id)
			for i := range 5 {
				next := crypto.Signer(newKey())
				terms := grant.Terms{Expires: time.Now().Add(time.Hour), Depth: 6 - i}
				for range min(i, 1) * min(i+1, 3) {
					terms.Caveats = append(terms.Caveats, grant.ArgPrefix(10+len(terms.Caveats), "/"+strings.Repeat("x", 250)))
				}
				if i == 4 {
					next = holder
				}
				var err error
				if terms.Audience = grant.KeyOf(next); i == 0 {
					g, err = grant.Issue(signer, grant.Root{Object: granted, Role: "actor"}, terms)
				} else {
					g, err = g.Delegate(signer, terms)
				}
				if err != nil {
					t.Fatal(err)
				}
				signer = next
			}
			_, err := a.home.Redeem(g, holder, b.home.Location()).Await(t.Context())
			switch {
			case !closed && err != nil:
				t.Errorf("%d bytes, at an open door: %v", len(g.Bytes()), err)
			case closed && (!errors.Is(err, home.ErrRefused) || !strings.Contains(err.Error(), "more than 4096 bytes")):
				t.Errorf("%d bytes, at a closed door: %v", len(g.Bytes()), err)
			}
			if _, err := a.home.Redeem(short, holder, b.home.Location()).Await(t.Context()); err != nil {
				t.Errorf("a short one: %v", err)
			}
		})
	}
}

// Rows about what peers have shown that no version has written keep a node from starting, with an error that says so.
func TestDamagedCredits(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		b := newSite(t, n, "b")
		b.stop()
		write := func(bucket string, key, value []byte) {
			batch := new(store.Batch)
			if value == nil {
				batch.Delete(bucket, key)
			} else {
				batch.Put(bucket, key, value)
			}
			if err := b.disk.Apply([]*store.Batch{batch}); err != nil {
				t.Fatal(err)
			}
		}
		for what, c := range map[string]struct {
			bucket     string
			key, value []byte
		}{
			"a short key": {"credits", make([]byte, 31), []byte{0}},
			"a long key":  {"credits", make([]byte, 49), []byte{0}},
			"no kind":     {"credits", make([]byte, 48), []byte{}},
			"no number":   {"presented", make([]byte, 32), []byte{1}},
			"of no id":    {"presented", make([]byte, 8), make([]byte, 8)},
		} {
			write(c.bucket, c.key, c.value)
			if err := b.tryStart(); err == nil || !strings.Contains(err.Error(), "the store is damaged") {
				t.Errorf("%s: %v", what, err)
			}
			b.run.Dead.Store(true)
			_ = errors.Join(b.depot.Close(), b.lobby.Close(), b.store.Close())
			write(c.bucket, c.key, nil)
		}
		b.start()
		defer b.stop()
		write("credits", make([]byte, 48), []byte{0}) // of a session that is over
		write("presented", make([]byte, 32), make([]byte, 8))
		b.crash()
		synctest.Wait()
		if rows := append(b.rows("credits"), b.rows("presented")...); len(rows) > 0 {
			t.Errorf("left: %v", rows)
		}
	})
}
