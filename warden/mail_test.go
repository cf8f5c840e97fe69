package warden_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

func accept(d time.Duration) func(*grant.Terms) {
	return func(t *grant.Terms) { t.Accept = time.Now().Add(d) }
}

func say(t *testing.T, who person, g *grant.Grant, seq uint64, method string, args ...any) []byte {
	t.Helper()
	b, err := warden.SignCall(who, g, seq, time.Now(), method, args...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s *site) deliver(g *grant.Grant, message []byte) error {
	ok, err := vat.Result[bool](s.office.Deliver(g, message)).Await(s.t.Context())
	if err == nil && !ok {
		err = errors.New("false")
	}
	synctest.Wait()
	return err
}

func (s *site) title() string { s.t.Helper(); return must[string](s.t, s.folder, "title") }

// T22, T26: a message is executed once, in whatever order and however often it comes, also after the grant has expired, as long as it was written before, and
// across restarts.
func TestT22T26Messages(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		g := issue(t, "writer", anna, accept(3*time.Hour), methods("add"))
		one, two := say(t, anna, g, 1, "add", "one"), say(t, anna, g, 2, "add", "two")
		late := say(t, anna, g, 3, "add", "three")
		for range 2 {
			for _, m := range [][]byte{two, one, two} {
				if err := s.deliver(g, m); err != nil {
					t.Fatal(err)
				}
			}
			if got := s.title(); got != "2 notes" {
				t.Error(got)
			}
			s.restart(true)
		}
		time.Sleep(2 * time.Hour) // the grant has expired
		if err := s.deliver(g, late); err != nil {
			t.Error("what was written before the end:", err)
		}
		if _, err := warden.SignCall(anna, g, 4, time.Now(), "add", "four"); err == nil {
			t.Error("a message was written after the end")
		}
		if got := s.title(); got != "3 notes" {
			t.Error(got)
		}
		_, err := ask[any](s.office.Open(g), "add", "live")
		want(t, err, warden.ErrRefused)
		time.Sleep(time.Hour + 2*time.Minute)
		synctest.Wait()
		want(t, s.deliver(g, late), warden.ErrRefused)
		if got := s.title(); got != "3 notes" {
			t.Error(got)
		}
	})
}

// T22: a revocation wins over messages that come later, but for those that it makes an exception for.
func TestLateMail(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		g := issue(t, "writer", anna, accept(3*time.Hour))
		var messages [][]byte
		for i := range 4 {
			messages = append(messages, say(t, anna, g, uint64(i+1), "add", fmt.Sprint(i)))
		}
		if err := s.deliver(g, messages[0]); err != nil {
			t.Fatal(err)
		}
		notice, err := g.Revoke(host, grant.Withdrawal{Link: g.ID(), Cut: map[grant.LinkID]uint64{g.ID(): 2}}, s.office.Known().Feed(host.key(), host.key()))
		if err != nil {
			t.Fatal(err)
		}
		s.learn(notice)
		s.restart(true)
		if err := s.deliver(g, messages[1]); err != nil {
			t.Error("a message that was spared:", err)
		}
		want(t, s.deliver(g, messages[2]), warden.ErrRefused)
		if got := s.title(); got != "2 notes" {
			t.Error(got)
		}
	})
}

// T27, T28: what is no good message changes nothing.
func TestT27T28BadMessages(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		g := issue(t, "writer", anna, accept(3*time.Hour), methods("add"), caveats(grant.MaxArgBytes(20), grant.SeqWindow(1, 10), grant.MaxUses(2)))
		other := issue(t, "writer", billie, accept(3*time.Hour))
		good := say(t, anna, g, 1, "add", "one")
		forged := append([]byte(nil), good...)
		forged[len(forged)-1] ^= 1
		live := issue(t, "writer", anna, accept(3*time.Hour), caveats(grant.LiveOnly()))
		for what, m := range map[string]struct {
			g *grant.Grant
			b []byte
		}{
			"nothing":             {g, nil},
			"forged":              {g, forged},
			"by another's grant":  {other, good},
			"too long":            {g, say(t, anna, g, 2, "add", "a text that is longer than the grant allows")},
			"no longer by mail":   {issue(t, "writer", anna), good},
			"by a grant for live": {live, good},
		} {
			if err := s.deliver(m.g, m.b); !errors.Is(err, warden.ErrRefused) {
				t.Errorf("%s: %v", what, err)
			}
		}
		for _, bad := range []func() ([]byte, error){
			func() ([]byte, error) { return warden.SignCall(anna, g, 11, time.Now(), "add", "one") },
			func() ([]byte, error) { return warden.SignCall(anna, g, 0, time.Now(), "add", "one") },
			func() ([]byte, error) { return warden.SignCall(billie, g, 1, time.Now(), "add", "one") },
			func() ([]byte, error) { return warden.SignCall(anna, g, 1, time.Now(), "remove", "one") },
			func() ([]byte, error) { return warden.SignCall(anna, g, 1, time.Now(), "add", s.folder) },
			func() ([]byte, error) { return warden.SignCall(anna, live, 1, time.Now(), "add", "one") },
		} {
			if _, err := bad(); err == nil {
				t.Error("what would not be heard was signed")
			}
		}
		if got := s.title(); got != "0 notes" {
			t.Error(got)
		}
		for seq := range uint64(2) {
			if err := s.deliver(g, say(t, anna, g, seq+1, "add", "x")); err != nil {
				t.Error(err)
			}
		}
		s.restart(true)
		want(t, s.deliver(g, say(t, anna, g, 3, "add", "x")), warden.ErrRefused) // used up
		if got := s.title(); got != "2 notes" {
			t.Error(got)
		}
		s.office.Withdraw(theFolder)
		want(t, s.deliver(g, say(t, anna, g, 4, "add", "x")), warden.ErrRefused)
	})
}

// What a role says when it does not open is for the holder, who redeems the grant, and not for whoever carries a message.
func TestCarrierIsNotToldOfRoles(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		for _, role := range []string{"closed", "null"} {
			g := issue(t, role, anna, accept(3*time.Hour))
			for range 2 {
				want(t, s.deliver(g, say(t, anna, g, 1, "add", "x")), warden.ErrRefused)
			}
			_, err := ask[any](s.office.Open(g), "title")
			if errors.Is(err, warden.ErrRefused) {
				t.Errorf("%s: the holder is told %v", role, err)
			}
		}
	})
}

// A message that comes at the last moment, to a vat that is busy until it is too late, leaves nothing behind.
func TestHeardTooLate(t *testing.T) {
	durable(t, func(t *testing.T, s *site) {
		g := issue(t, "writer", anna, accept(2*time.Hour))
		m := say(t, anna, g, 1, "add", "late")
		must[string](t, s.office.Open(issue(t, "reader", billie, until(2*time.Hour+time.Minute))), "title") // the office looks when it is over
		time.Sleep(2*time.Hour - time.Second)
		busy, done := make(chan struct{}), make(chan error, 1)
		go func() {
			_, err := vat.Do(context.Background(), s.v, func(context.Context) (int, error) { <-busy; return 0, nil })
			done <- err
		}()
		synctest.Wait()
		answer := s.office.Deliver(g, m)
		time.Sleep(time.Hour)
		close(busy)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		_, err := vat.Result[bool](answer).Await(t.Context())
		want(t, err, warden.ErrRefused)
		synctest.Wait()
		if pins, err := s.m.Depot().Pinned("heard/"); err != nil || len(pins) != 0 {
			t.Errorf("%d hearers are kept (%v)", len(pins), err)
		}
		if got := s.title(); got != "0 notes" {
			t.Error(got)
		}
	})
}

// A message that comes when the program has started and not offered its object yet waits for that, if there is room; not for one that was taken
// back, or for a role that there is not.
func TestMessagesWaitForTheirObject(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		g, hers := labGrant(t, anna, accept(3*time.Hour)), labGrant(t, billie, accept(3*time.Hour))
		ups := make([][]byte, 70)
		for i := range ups {
			ups[i] = say(t, anna, g, uint64(i)+1, "up")
		}
		hidden := say(t, billie, hers, 1, "up")
		waits := func(r vat.Ref) bool {
			synctest.Wait()
			_, _, settled := r.PromiseCell().Outcome()
			return !settled
		}
		if s.m == nil {
			want(t, s.deliver(g, ups[0]), warden.ErrRefused)
			return
		}
		var delivered, answers []vat.Ref
		for i, m := range ups {
			if i%2 == 0 {
				delivered = append(delivered, s.office.Deliver(g, m))
			} else {
				answers = append(answers, s.office.Answer(g, m))
			}
		}
		for i, r := range append(delivered[:len(delivered):len(delivered)], answers...) {
			if waits(r) != (i%35 < 32) {
				t.Errorf("%d waits: %t", i, waits(r))
			}
		}
		again := s.office.Answer(hers, hidden)
		if !waits(again) {
			t.Error("there is no room for others")
		}
		inside, _ := s.openLab()
		synctest.Wait()
		for _, r := range delivered[:32] {
			if ok, err := vat.Result[bool](r).Await(t.Context()); !ok || err != nil {
				t.Error(ok, err)
			}
		}
		for i, r := range append(answers[:32:32], again) {
			if n, err := vat.Result[int](r).Await(t.Context()); err != nil || i < 32 && n != 2*i+2 {
				t.Errorf("%d: %d, %v", i, n, err)
			}
		}
		if n := must[int](t, inside, "counted"); n != 65 {
			t.Errorf("%d calls, want 65", n)
		}
		s.office.Withdraw(theLab)
		want(t, s.deliver(g, ups[0]), warden.ErrRefused)

		s.restart(true)
		late, lost := s.office.Deliver(g, ups[69]), say(t, anna, g, 71, "up")
		if !waits(late) {
			t.Error("it does not wait after a restart")
		}
		time.Sleep(4 * time.Hour)
		_, err := vat.Result[bool](late).Await(t.Context())
		want(t, err, warden.ErrRefused)
		want(t, s.deliver(g, lost), warden.ErrRefused)
		g = labGrant(t, anna, accept(3*time.Hour))
		last := s.office.Deliver(g, say(t, anna, g, 1, "up"))
		if !waits(last) {
			t.Error("there is no room when what has waited is over")
		}
		s.office.Close()
		_, err = vat.Result[bool](last).Await(t.Context())
		want(t, err, vat.ErrVatClosed)
	})
}

// Messages that wait take so much memory, and no more, from whoever can pass a grant on.
func TestWaitingMessagesAreBounded(t *testing.T) {
	durable(t, func(t *testing.T, s *site) {
		long := strings.Repeat("x", 500<<10)
		waiting := 0
		for range 40 {
			g := labGrant(t, anna, accept(3*time.Hour))
			r := s.office.Deliver(g, say(t, anna, g, 1, "echo", long))
			synctest.Wait()
			if _, _, settled := r.PromiseCell().Outcome(); !settled {
				waiting++
			}
		}
		if waiting != 32 {
			t.Errorf("%d messages of 500 KiB wait, want 32", waiting)
		}
		s.office.Close()
		s.office = warden.New(warden.Config{Signer: host, MaxOpen: 8})
		s.m.Config.Kinds = append(s.office.Kinds(), testKinds...)
		s.m.Crash()
		if err := s.office.Use(s.m.Depot(), s.m.Store().View); err != nil {
			t.Fatal(err)
		}
		s.office.Start()
		root, waiting := labGrant(t, anna, accept(3*time.Hour)), 0
		for range 20 {
			g := pass(t, root, anna, billie, accept(3*time.Hour))
			r := s.office.Deliver(g, say(t, billie, g, 1, "up"))
			synctest.Wait()
			if _, _, settled := r.PromiseCell().Outcome(); !settled {
				waiting++
			}
		}
		if waiting != 8 {
			t.Errorf("%d messages by way of one link wait, want 8", waiting)
		}
	})
}
