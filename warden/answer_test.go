package warden_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// mailed is a site with a lab to which its holders write.
type mailed struct {
	*site
	inside vat.Ref
}

// eachLab is each, with a lab.
func eachLab(t *testing.T, fn func(t *testing.T, l *mailed)) {
	each(t, func(t *testing.T, s *site) {
		l := &mailed{site: s}
		l.inside, _ = s.openLab()
		fn(t, l)
	})
}

// die is restart, with the lab.
func (l *mailed) die() {
	l.t.Helper()
	if l.restart(true); l.m != nil {
		l.inside, _ = l.openLab()
	}
}

// answer is what the author of a message is told, or that it is still to come.
func (l *mailed) answer(g *grant.Grant, message []byte) string {
	l.t.Helper()
	return l.told(l.office.Answer(g, message))
}

var errNotYet = errors.New("not yet")

func (l *mailed) told(r vat.Ref) string {
	l.t.Helper()
	ctx, cancel := context.WithTimeoutCause(l.t.Context(), time.Second, errNotYet)
	defer cancel()
	v, err := vat.Result[any](r).Await(ctx)
	synctest.Wait()
	if coded, ok := errors.AsType[interface {
		error
		ErrorCode() string
	}](err); ok {
		return coded.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%v", v)
}

func (l *mailed) gives(want string, g *grant.Grant, message []byte) {
	l.t.Helper()
	if got := l.answer(g, message); got != want {
		l.t.Errorf("%.80q, want %.80q", got, want)
	}
}

// The author of a message is told what its call has come to, whoever has brought it and however often, and after a crash; and the call is made once.
func TestAnswers(t *testing.T) {
	eachLab(t, func(t *testing.T, l *mailed) {
		g := labGrant(t, anna, accept(3*time.Hour))
		list := passable.Struct{{Key: "a", Value: []any{int64(1), "b"}}}
		long := strings.Repeat("x", 4096-3) // encoded, the most that is kept
		messages := []struct {
			b    []byte
			want string
		}{
			{say(t, anna, g, 1, "up"), "1"},
			{say(t, anna, g, 2, "up"), "2"},
			{say(t, anna, g, 3, "echo", list), fmt.Sprint(list)},
			{say(t, anna, g, 4, "get", "nothing"), "test.empty"},
			{say(t, anna, g, 5, "put", "a", nil), fmt.Sprint(passable.Undefined{})},
			{say(t, anna, g, 6, "make", 1), "grant.answer-unfit"},
			{say(t, anna, g, 7, "no such method"), "hawser.no-such-method"},
			{say(t, anna, g, 8, "echo", long+"y"), "grant.answer-unfit"},
			{say(t, anna, g, 9, "later", "p"), errNotYet.Error()},
			{say(t, anna, g, 10, "echo", nil), fmt.Sprint(nil)},
			{say(t, anna, g, 11, "refuse", "no"), "test.refused"},
			{say(t, anna, g, 12, "refuse", long+"yyyy"), "grant.answer-unfit"},
		}
		for i, m := range messages {
			if i%2 == 0 {
				if err := l.deliver(g, m.b); err != nil {
					t.Fatal(i, err)
				}
			}
			l.gives(m.want, g, m.b)
		}
		for range 3 {
			l.die()
			for _, m := range messages {
				if err := l.deliver(g, m.b); err != nil {
					t.Error(err)
				}
				l.gives(m.want, g, m.b)
			}
			if n := must[int](t, l.inside, "counted"); n != 2 {
				t.Errorf("%d calls were made, want 2", n)
			}
		}
		whole := say(t, anna, g, 13, "echo", long)
		l.gives(long, g, whole)
		must[any](t, l.inside, "now", "p", "done")
		synctest.Wait()
		l.gives("done", g, messages[8].b)
	})
}

// What a promise comes to is told when it has settled, to all who wait, also when the process has died in between.
func TestAnswerLater(t *testing.T) {
	eachLab(t, func(t *testing.T, l *mailed) {
		g := labGrant(t, anna, accept(3*time.Hour))
		for i, c := range []struct {
			v    any
			want string
		}{{"data", "data"}, {[]any{l.inside}, "grant.answer-unfit"}, {l.inside, "grant.answer-unfit"}} {
			name := fmt.Sprint("p", i)
			m := say(t, anna, g, uint64(i)+1, "later", name)
			l.gives(errNotYet.Error(), g, m)
			l.die()
			l.gives(errNotYet.Error(), g, m)
			one, two := l.office.Answer(g, m), l.office.Answer(g, m)
			synctest.Wait()
			if _, ok := c.v.(vat.Ref); ok {
				c.v = l.inside
			}
			if _, ok := c.v.([]any); ok {
				c.v = []any{l.inside}
			}
			must[any](t, l.inside, "now", name, c.v)
			for _, r := range []vat.Ref{one, two} {
				if got := l.told(r); got != c.want {
					t.Errorf("%d: who waited was told %q, want %q", i, got, c.want)
				}
			}
			l.gives(c.want, g, m)
			l.die()
			l.gives(c.want, g, m)
		}
	})
}

// What a program says of a failure without a code is for its log, and not for the author of a message.
func TestAnswersTellNothingElse(t *testing.T) {
	eachLab(t, func(t *testing.T, l *mailed) {
		var log bytes.Buffer
		l.office.Close()
		l.logger = hclog.New(&hclog.LoggerOptions{Output: &log})
		if l.m == nil {
			l.office = l.newOffice()
			l.inside, _ = l.openLab()
		} else {
			l.die()
		}
		g := labGrant(t, anna, accept(3*time.Hour))
		v, err := vat.Result[any](l.office.Answer(g, say(t, anna, g, 1, "slip"))).Await(t.Context())
		if !errors.Is(err, vat.ErrInternal) || strings.Contains(fmt.Sprint(err), "inner") {
			t.Error(v, err)
		}
		synctest.Wait()
		if got := log.String(); strings.Count(got, "the inner life of a lab") != 1 {
			t.Errorf("%q does not say how it failed", got)
		}
		l.gives("test.empty", g, say(t, anna, g, 2, "get", "nothing"))
		if got := log.String(); strings.Count(got, "failed") != 1 {
			t.Errorf("%q", got)
		}
		v, err = vat.Result[any](l.office.Answer(g, say(t, anna, g, 3, "fail", false))).Await(t.Context()) // with a reference in its reason
		if e, ok := errors.AsType[*vat.Error](err); err == nil || ok && e.Reason != nil {
			t.Errorf("%v, %#v", v, err)
		}
	})
}

// Nobody gets an answer with another's message, or with another grant; and a second message with a number is not taken for the first.
func TestAnswersAreTheAuthors(t *testing.T) {
	eachLab(t, func(t *testing.T, l *mailed) {
		g, hers := labGrant(t, anna, accept(3*time.Hour)), labGrant(t, billie, accept(3*time.Hour))
		passed := pass(t, g, anna, claire, accept(3*time.Hour))
		first, second := say(t, anna, g, 1, "up"), say(t, anna, g, 1, "up")
		l.gives("1", g, first)
		for range 2 {
			l.gives("grant.refused", hers, first)
			l.gives("grant.refused", passed, first)
			l.gives("grant.other-message", g, second)
			if err := l.deliver(g, second); err != nil { // whoever carries it learns nothing
				t.Error(err)
			}
			forged := append([]byte(nil), first...)
			forged[len(forged)-1] ^= 1
			l.gives("grant.refused", g, forged)
			l.gives("grant.refused", g, nil)
			l.gives("1", g, first)
			l.die()
		}
		l.gives("2", hers, say(t, billie, hers, 1, "up"))
		l.gives("3", passed, say(t, claire, passed, 1, "up"))
		l.gives("1", g, first)
	})
}

// Who was revoked is told nothing more, but of the messages that were spared, also if they ask before; and nobody is when it is too late.
func TestAnswersOfTheRevoked(t *testing.T) {
	eachLab(t, func(t *testing.T, l *mailed) {
		g := labGrant(t, anna, accept(3*time.Hour))
		var m [][]byte
		for i := range 6 {
			m = append(m, say(t, anna, g, uint64(i)+1, "later", fmt.Sprint("p", i)))
		}
		for _, i := range []int{0, 1, 2, 3} {
			l.gives(errNotYet.Error(), g, m[i])
		}
		settle := func(i int) {
			t.Helper()
			must[any](t, l.inside, "now", fmt.Sprint("p", i), i)
			synctest.Wait()
		}
		settle(0)
		settle(2)
		spared, waits := l.office.Answer(g, m[1]), l.office.Answer(g, m[3])
		synctest.Wait()
		cut := grant.Withdrawal{Link: g.ID(), Cut: map[grant.LinkID]uint64{g.ID(): 2}}
		notice, err := g.Revoke(host, cut, l.office.Known().Feed(host.key(), host.key()))
		if err != nil {
			t.Fatal(err)
		}
		l.learn(notice)
		settle(1)
		settle(3)
		if got := l.told(spared); got != "1" {
			t.Errorf("who waits for an answer that was spared: %q", got)
		}
		if got := l.told(waits); got != "grant.over" {
			t.Errorf("who waited and was revoked: %q", got)
		}
		for range 2 {
			l.gives("0", g, m[0])
			l.gives("1", g, m[1])
			for _, i := range []int{2, 3, 4} {
				l.gives("grant.refused", g, m[i])
			}
			l.die()
		}
		l.learn(l.revoke(host, g))
		for _, b := range m {
			l.gives("grant.refused", g, b)
		}

		hers := labGrant(t, billie, accept(2*time.Hour))
		late, done := say(t, billie, hers, 1, "later", "late"), say(t, billie, hers, 2, "up")
		l.gives("1", hers, done)
		pending := l.office.Answer(hers, late)
		synctest.Wait()
		time.Sleep(90 * time.Minute) // it has expired; messages are still heard
		l.gives("1", hers, done)
		time.Sleep(40 * time.Minute)
		synctest.Wait()
		if got := l.told(pending); got != "grant.over" {
			t.Errorf("who waits when it is over: %q", got)
		}
		l.gives("grant.refused", hers, done)
		must[any](t, l.inside, "now", "late", "too late")
		synctest.Wait()
		if got := l.told(pending); got != "grant.over" {
			t.Errorf("who waited when it was over: %q", got)
		}
		if l.m != nil {
			if pins, err := l.m.Depot().Pinned("heard/"); err != nil || len(pins) != 1 { // g's
				t.Errorf("%d hearers are kept (%v)", len(pins), err)
			}
		}
	})
}

// Caveats hold for an answer as for its call, but that its use was counted.
func TestAnswersWithinCaveats(t *testing.T) {
	eachLab(t, func(t *testing.T, l *mailed) {
		root := labGrant(t, anna, accept(3*time.Hour))
		g := pass(t, root, anna, billie, accept(3*time.Hour), caveats(grant.Fresh(time.Hour), grant.MaxUses(1)))
		head := func() {
			t.Helper()
			b, err := l.office.Known().Head(anna, g, g.ID(), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			l.learn(b)
		}
		head()
		m := say(t, billie, g, 1, "up")
		for range 2 {
			l.gives("1", g, m)
			l.die()
		}
		l.gives("grant.refused", g, say(t, billie, g, 2, "up"))
		time.Sleep(time.Hour + time.Minute)
		l.gives("grant.refused", g, m) // it may have been revoked meanwhile
		if err := l.deliver(g, m); err != nil {
			t.Error("who carries it learns nothing of that:", err)
		}
		head()
		l.gives("1", g, m)
	})
}

// So much is kept, and no more: the oldest answers give way, and what is still to come does not.
func TestAnswersAreBounded(t *testing.T) {
	eachLab(t, func(t *testing.T, l *mailed) {
		g := labGrant(t, anna, accept(30*time.Hour))
		n := uint64(0)
		next := func(method string, args ...any) []byte {
			n++
			return say(t, anna, g, n, method, args...)
		}
		var all [][]byte
		for range 70 {
			m := next("up")
			if err := l.deliver(g, m); err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		for i, m := range all {
			want := fmt.Sprint(i + 1)
			if i < 6 {
				want = "grant.answer-gone"
			}
			l.gives(want, g, m)
		}
		var waits [][]byte
		for i := range 64 {
			m := next("later", fmt.Sprint("p", i))
			if err := l.deliver(g, m); err != nil {
				t.Fatal(err)
			}
			waits = append(waits, m)
		}
		l.die()
		l.gives("grant.answer-gone", g, all[69])
		l.gives("grant.answer-gone", g, next("up"))
		if got := must[int](t, l.inside, "counted"); got != 71 {
			t.Errorf("%d calls were made, want 71", got)
		}
		// An answer that nobody keeps does no harm when it comes.
		hidden := next("later", "hidden")
		l.gives("grant.answer-gone", g, hidden)
		must[any](t, l.inside, "now", "hidden", "x")
		l.gives("grant.answer-gone", g, hidden)
		must[any](t, l.inside, "now", "p7", "seven")
		synctest.Wait()
		l.gives("seven", g, waits[7])
		l.gives("72", g, next("up"))
		l.gives("grant.answer-gone", g, waits[7])
		l.gives(errNotYet.Error(), g, waits[8])
		for i := range waits {
			must[any](t, l.inside, "now", fmt.Sprint("p", i), i)
		}
		synctest.Wait()
		l.die()
		for i, m := range waits {
			want := fmt.Sprint(i)
			if i == 7 {
				want = "grant.answer-gone"
			}
			l.gives(want, g, m)
		}
	})
}

// When messages are not heard any more nothing is left of them in the store, nor of answers that have given way before.
func TestAnswersAreSwept(t *testing.T) {
	durable(t, func(t *testing.T, s *site) {
		l := &mailed{site: s}
		l.inside, _ = s.openLab()
		contents := func() vat.DepotContents {
			t.Helper()
			for range 2 {
				synctest.Wait()
				if _, err := l.m.Depot().Sweep(); err != nil {
					t.Fatal(err)
				}
				l.die()
			}
			synctest.Wait()
			var c vat.DepotContents
			if err := l.m.Store().View(func(r store.Reader) (err error) { c, err = vat.CheckDepot(r); return err }); err != nil {
				t.Fatal(err)
			}
			return c
		}
		before := contents()
		g := labGrant(t, anna, accept(3*time.Hour))
		for i := range uint64(200) {
			if err := l.deliver(g, say(t, anna, g, i+1, "echo", i)); err != nil {
				t.Fatal(err)
			}
		}
		during := contents()
		if n := during.Objects() - before.Objects(); n != 65 {
			t.Errorf("%d objects for 200 messages, want a hearer and 64 answers", n)
		}
		time.Sleep(4 * time.Hour)
		after := contents()
		if after.Objects() != before.Objects() || after.Facets != before.Facets || after.Pins != before.Pins || after.Messages != before.Messages ||
			after.Pending != before.Pending || after.Settled != before.Settled || after.Resolvers != before.Resolvers || after.Caretakers != before.Caretakers {
			t.Errorf("%+v, had %+v, and meanwhile %+v", after, before, during)
		}
	})
}

// Whenever a process dies, each call by message is made once, and its author is told the same from then on, also if the object is in another vat.
func TestAnswersCrashAtEachWrite(t *testing.T) {
	for _, vats := range []string{"folders", "afar"} {
		deaths := 0
		for n, died := 1, true; died; n++ {
			synctest.Test(t, func(t *testing.T) { died = crashWhileAnswering(t, vats, n) })
			deaths++
		}
		if deaths < 5 {
			t.Errorf("it died %d times: that is not at each write", deaths)
		}
	}
}

func crashWhileAnswering(t *testing.T, name string, n int) (died bool) {
	l := &mailed{site: &site{t: t}}
	inBubble(l.site)
	defer func() { l.m.Stop() }()
	defer func() { l.office.Close() }()
	l.inside, _ = l.openLabIn(l.m.Vat(name))
	die := func() {
		t.Helper()
		died = true
		l.restart(true)
		l.inside, _ = l.openLabIn(l.m.Vat(name))
	}
	g := labGrant(t, anna, accept(3*time.Hour))
	messages := [][]byte{say(t, anna, g, 1, "up"), say(t, anna, g, 2, "later", "p"), say(t, anna, g, 3, "up")}
	synctest.Wait()
	l.m.FailWrite(n)
	seen := make(map[int]string)
	ask := func(i int) {
		t.Helper()
		for range 3 {
			got, alive := l.answer(g, messages[i]), l.m.Depot().Err() == nil
			if alive || got == "1" || got == "2" || got == "later" { // what was told is so, even if the process has died since
				if was, ok := seen[i]; ok && was != got {
					t.Errorf("died at write %d: message %d: %q, and then %q", n, i+1, was, got)
				}
				if got != errNotYet.Error() {
					seen[i] = got
				}
			}
			if alive {
				return
			}
			die()
		}
	}
	for i := range messages {
		ask(i)
	}
	for range 2 {
		_, err := tell[any](l.inside, "now", "p", "later")
		synctest.Wait()
		if err == nil && l.m.Depot().Err() == nil {
			break
		}
		die()
	}
	l.m.FailWrite(1 << 30) // no more
	again := died
	for range 2 {
		for i := range messages {
			ask(i)
		}
		die()
	}
	if got := fmt.Sprint(seen[0], seen[1], seen[2]); got != "1later2" {
		t.Errorf("died at write %d: %s", n, got)
	}
	if got := must[int](t, l.inside, "counted"); got != 2 {
		t.Errorf("died at write %d: %d calls were made, want 2", n, got)
	}
	return again && !t.Failed()
}
