package mailroom_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/mailroom"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/vattest"
)

// directory is a Publisher: what is published under what name, which is its URI, too.
type directory struct {
	mu      sync.Mutex
	refs    map[string]vat.Ref
	revoked []string
}

func (d *directory) Publish(_ context.Context, name string, ref vat.Ref) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if old, ok := d.refs[name]; ok && old != ref {
		return "", fmt.Errorf("%s is published already", name)
	}
	d.refs[name] = ref
	return name, nil
}

func (d *directory) Revoke(_ context.Context, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.refs, name)
	d.revoked = append(d.revoked, name)
	return nil
}

func (d *directory) at(uri string) vat.Ref {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refs[uri]
}

// server is a mailbox server on a machine that can crash.
type server struct {
	*vattest.Machine
	t    *testing.T
	host mailroom.HostRef
	dir  *directory
	// outside is a vat of another process, as it were.
	outside *vat.Vat
}

func newServer(t *testing.T) *server {
	s := &server{Machine: vattest.New(t, mailroom.Kinds()...), t: t, outside: vat.New(nil)}
	t.Cleanup(func() { _ = s.outside.Close() })
	s.serve()
	return s
}

// serve does what the program does at each start.
func (s *server) serve() {
	s.t.Helper()
	ctx := s.t.Context()
	s.dir = &directory{refs: make(map[string]vat.Ref)}
	var err error
	if s.host, err = mailroom.Open(ctx, s.Vat("mail")); err != nil {
		s.t.Fatal(err)
	}
	all := must(s.t, s.host.Publications(ctx))
	for _, p := range all {
		if _, err := s.dir.Publish(ctx, p.Name, p.Ref); err != nil {
			s.t.Fatal(err)
		}
	}
	publisher := mailroom.PublisherFacet.SpawnIn(s.outside, s.dir)
	must(s.t, s.host.Attach(ctx, vat.As[mailroom.PublisherRef](publisher)))
}

func (s *server) crash() {
	s.t.Helper()
	s.Crash()
	s.serve()
}

func must[T any](t testing.TB, p promise.Promise[T]) T {
	t.Helper()
	v, err := p.Await(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (s *server) box(name string) mailroom.BoxRef {
	s.t.Helper()
	uri := must(s.t, s.host.Office(s.t.Context()).NewBox(s.t.Context(), name, mailroom.Terms{}))
	return vat.As[mailroom.BoxRef](s.dir.at(uri))
}

func (s *server) drop(b mailroom.BoxRef, label string, terms mailroom.Terms) mailroom.DropRef {
	s.t.Helper()
	return vat.As[mailroom.DropRef](s.dir.at(must(s.t, b.NewDrop(s.t.Context(), label, terms))))
}

func letterOf(n byte) []byte { return bytes.Repeat([]byte{n}, mailbox.MinLetter) }

// drain takes letters until ctx ends.
type drain struct {
	mu      sync.Mutex
	letters []mailbox.Delivery
	err     error
	over    chan struct{}
	stop    func()
}

func (s *server) drain(b mailroom.BoxRef) *drain {
	ctx, cancel := context.WithCancel(context.Background())
	d := &drain{over: make(chan struct{}), stop: cancel}
	s.t.Cleanup(func() { cancel(); <-d.over })
	go func() {
		defer close(d.over)
		err := mailroom.NewDrainer(s.outside, b).Drain(ctx, func(l mailbox.Delivery) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.letters = append(d.letters, l)
		})
		d.mu.Lock()
		defer d.mu.Unlock()
		d.err = err
	}()
	return d
}

// got returns the letters that have come, by their first byte.
func (d *drain) got() (all []byte) {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.letters {
		all = append(all, l.Letter[0])
	}
	return all
}

func (d *drain) done(from, to int) {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.letters[from:to] {
		l.Done()
	}
}

func up(n int) (all []byte) {
	for i := range n {
		all = append(all, byte(i))
	}
	return all
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		b := s.box("bob")
		alice := mailroom.NewDropper(s.drop(b, "a", mailroom.Terms{}))
		put := func(from, to int) {
			t.Helper()
			for i := from; i < to; i++ {
				if err := alice.Drop(t.Context(), letterOf(byte(i)), time.Hour); err != nil {
					t.Fatal(err)
				}
			}
		}
		put(0, 3)
		d := s.drain(b)
		if got := d.got(); !bytes.Equal(got, up(3)) {
			t.Errorf("what was there: %v", got)
		}
		put(3, 5) // pushed at once
		if got := d.got(); !bytes.Equal(got, up(5)) {
			t.Errorf("what has come: %v", got)
		}
		d.done(1, 4)
		synctest.Wait()
		if u := must(t, b.Usage(t.Context())); u.Letters != 2 || u.Bytes != 2*mailbox.MinLetter {
			t.Errorf("%+v after three of five were done", u)
		}
		// What is not done comes again, to the newest alone.
		again := s.drain(b)
		if got := again.got(); !bytes.Equal(got, []byte{0, 4}) {
			t.Errorf("again: %v", got)
		}
		<-d.over
		if !errors.Is(d.err, mailroom.ErrReplaced) {
			t.Errorf("the earlier drain ends with %v, want ErrReplaced", d.err)
		}
		put(5, 6)
		if got, old := again.got(), d.got(); !bytes.Equal(got, []byte{0, 4, 5}) || len(old) != 5 {
			t.Errorf("the newer has %v, the earlier %v", got, old)
		}
		d.done(0, 5) // twice, and by way of the earlier one
		again.done(0, 3)
		synctest.Wait()
		if u := must(t, b.Usage(t.Context())); u.Letters != 0 || u.Bytes != 0 {
			t.Errorf("%+v when all is done", u)
		}
		again.stop()
		<-again.over
		if !errors.Is(again.err, context.Canceled) {
			t.Errorf("%v, want what ended it", again.err)
		}
		// All come, though none of them is done.
		put(0, 100)
		third := s.drain(b)
		if got := third.got(); !bytes.Equal(got, up(100)) {
			t.Errorf("%d letters, %v", len(got), got)
		}
		third.done(50, 100)
		synctest.Wait()
		if u := must(t, b.Usage(t.Context())); u.Letters != 50 {
			t.Errorf("%+v when half is done", u)
		}
	})
}

// reader is a Subscriber that says by itself what it has got.
type reader struct {
	mu      sync.Mutex
	letters []mailroom.LetterRef
	got     []byte
}

func (r *reader) Letter(_ context.Context, content []byte, done mailroom.LetterRef) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.letters, r.got = append(r.letters, done), append(r.got, content[0])
	return nil
}
func (r *reader) Replaced(context.Context) {}

// TestWindow: no more is under way than there is room for, whatever happens to letters meanwhile.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		b := s.box("bob")
		ctx := t.Context()
		drop := s.drop(b, "a", mailroom.Terms{Bytes: 1 << 30})
		for i := range 40 {
			days := 9
			if i == 32 || i == 33 || i == 36 {
				days = 1
			}
			must(t, drop.Drop(ctx, letterOf(byte(i)), days))
		}
		old := must(t, b.Subscribe(ctx, vat.As[mailroom.SubscriberRef](mailroom.SubscriberFacet.SpawnIn(s.outside, new(reader)))))
		r := new(reader)
		me := vat.As[mailroom.SubscriberRef](mailroom.SubscriberFacet.SpawnIn(s.outside, r))
		round := must(t, b.Subscribe(ctx, me))
		pushed := func(want ...byte) {
			t.Helper()
			synctest.Wait()
			r.mu.Lock()
			defer r.mu.Unlock()
			if !bytes.Equal(r.got, want) {
				t.Errorf("pushed: %v, want %v", r.got, want)
			}
		}
		pushed(up(32)...)
		time.Sleep(24*time.Hour + time.Minute) // the next letters to be pushed expire
		pushed(up(32)...)
		for _, l := range r.letters[:10] { // done is not got
			l.Done(ctx)
		}
		pushed(up(32)...)
		b.Got(ctx, old, 32, 32<<10) // of an earlier subscription
		b.Got(ctx, round, -5, -5)
		pushed(up(32)...)
		b.Got(ctx, round, 1, 1<<10)
		want := append(up(32), 34)
		pushed(want...)
		b.Got(ctx, round, 1000, 1<<40) // no more than was pushed
		want = append(want, 35, 37, 38, 39)
		pushed(want...)
		for i := range 40 {
			must(t, drop.Drop(ctx, bytes.Repeat([]byte{byte(i)}, mailbox.MaxLetter), 9))
		}
		for n := 0; n < 40; n += 8 { // 4 MiB at a time
			want = append(want, up(40)[n:n+8]...)
			pushed(want...)
			b.Got(ctx, round, 32, 1<<30)
		}
	})
}

// TestGap: letters that wait for one that is behind them in the box do not keep it from coming, nor those of others.
func TestGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		b := s.box("bob")
		rogue, other := s.drop(b, "rogue", mailroom.Terms{}), s.drop(b, "other", mailroom.Terms{})
		for range 500 {
			must(t, rogue.Drop(t.Context(), letterOf(1), 9))
		}
		must(t, other.Drop(t.Context(), letterOf(2), 9))
		d := s.drain(b)
		if got := d.got(); len(got) != 501 || got[500] != 2 {
			t.Errorf("%d letters have come", len(got))
		}
	})
}

func TestCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		b := s.box("bob")
		drop := s.drop(b, "a", mailroom.Terms{})
		must(t, b.Leave(t.Context(), []byte("prekeys")))
		for i := range 40 {
			must(t, drop.Drop(t.Context(), letterOf(byte(i)), 1))
		}
		d := s.drain(b)
		d.got()
		d.done(3, 5)
		synctest.Wait()
		s.crash()
		b, drop = s.box("bob"), vat.As[mailroom.DropRef](s.dir.at("mailbox/1/drop/1"))
		if drop.IsNull() {
			t.Fatal("the drop is not published again")
		}
		must(t, drop.Drop(t.Context(), letterOf(40), 1))
		if got := must(t, drop.Bundle(t.Context())); string(got) != "prekeys" {
			t.Errorf("the prekeys are %q", got)
		}
		want := append(up(3), up(41)[5:]...)
		d = s.drain(b)
		if got := d.got(); !bytes.Equal(got, want) {
			t.Errorf("after a crash: %v", got)
		}
		d.done(0, len(want))
		synctest.Wait()
		if u := must(t, b.Usage(t.Context())); u.Letters != 0 || u.Bytes != 0 {
			t.Errorf("%+v when all is done", u)
		}
		// The URI of a label is the same, and so is that of the box.
		if again := must(t, b.NewDrop(t.Context(), "a", mailroom.Terms{})); again != "mailbox/1/drop/1" {
			t.Errorf("the URI of the drop is %s now", again)
		}
	})
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		b := s.box("bob")
		ctx := t.Context()
		refused := func(what string, d mailroom.DropRef, letter []byte, want, code error) {
			t.Helper()
			if err := mailroom.NewDropper(d).Drop(ctx, letter, time.Hour); !errors.Is(err, want) || !errors.Is(err, code) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		few := s.drop(b, "few", mailroom.Terms{Letters: 2})
		for range 2 {
			must(t, few.Drop(ctx, letterOf(1), 1))
		}
		refused("too many", few, letterOf(2), mailbox.ErrFull, mailroom.ErrFull)
		small := s.drop(b, "small", mailroom.Terms{Bytes: 3 << 10, Longest: 2 << 10})
		must(t, small.Drop(ctx, make([]byte, 2<<10), 1))
		refused("too many bytes", small, make([]byte, 2<<10), mailbox.ErrFull, mailroom.ErrFull)
		refused("too long", small, make([]byte, 4<<10), mailbox.ErrTooLarge, mailroom.ErrTooLarge)
		must(t, small.Drop(ctx, letterOf(3), 1))
		for _, n := range []int{0, 1, 1000, 1 << 20} { // past the client, which knows that these are none
			if _, err := small.Drop(ctx, make([]byte, n), 1).Await(ctx); !errors.Is(err, mailroom.ErrTooLarge) {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
		short := s.drop(b, "short", mailroom.Terms{Until: time.Now().Add(time.Minute).Unix()})
		must(t, short.Drop(ctx, letterOf(4), 1))
		time.Sleep(time.Minute)
		refused("over", short, letterOf(5), mailbox.ErrExpired, mailroom.ErrExpired)
		// One full drop leaves room to the others, and what is taken out makes room.
		d := s.drain(b)
		d.done(0, len(d.got()))
		synctest.Wait()
		must(t, few.Drop(ctx, letterOf(6), 1))
		uses := must(t, b.Drops(ctx))
		if len(uses) != 3 || uses[0].Label != "few" || uses[0].Letters != 1 || uses[2].Bytes != 0 {
			t.Errorf("%+v", uses)
		}
		// A box has limits, too.
		must(t, s.host.Office(ctx).NewBox(ctx, "bob", mailroom.Terms{Letters: 1}))
		refused("the box is full", small, letterOf(7), mailbox.ErrFull, mailroom.ErrFull)
		must(t, s.host.Office(ctx).NewBox(ctx, "bob", mailroom.Terms{}))

		must(t, b.RevokeDrop(ctx, "few"))
		refused("revoked", few, letterOf(8), mailbox.ErrRevoked, mailroom.ErrRevoked)
		if _, err := mailroom.NewDropper(few).Bundle(ctx); !errors.Is(err, mailbox.ErrRevoked) {
			t.Errorf("the prekeys for one who is revoked: %v", err)
		}
		s.crash()
		b = s.box("bob")
		refused("revoked before a crash", vat.As[mailroom.DropRef](s.dir.at("mailbox/1/drop/1")), letterOf(8), mailbox.ErrRevoked, mailroom.ErrRevoked)
		if again := s.drop(b, "few", mailroom.Terms{}); again.Ref == s.dir.at("mailbox/1/drop/1") {
			t.Error("a new drop of the same label is the one revoked")
		}
		time.Sleep(32 * 24 * time.Hour)
		synctest.Wait()
		if !slices.Contains(s.dir.revoked, "mailbox/1/drop/1") {
			t.Errorf("the sturdyref of a drop that was revoked a month ago is there: %v", s.dir.revoked)
		}
		s.crash()
		if b = s.box("bob"); !s.dir.at("mailbox/1/drop/1").IsNull() || s.dir.at("mailbox/1/drop/2").IsNull() {
			t.Error("a drop that was revoked a month ago is published again")
		}
		for what, f := range map[string]func() error{
			"no such drop": func() error { _, err := b.RevokeDrop(ctx, "nobody").Await(ctx); return err },
			"no label":     func() error { _, err := b.NewDrop(ctx, "", mailroom.Terms{}).Await(ctx); return err },
			"long label": func() error {
				_, err := b.NewDrop(ctx, strings.Repeat("x", 201), mailroom.Terms{}).Await(ctx)
				return err
			},
			"no name":     func() error { _, err := s.host.Office(ctx).NewBox(ctx, "", mailroom.Terms{}).Await(ctx); return err },
			"no such box": func() error { _, err := s.host.Office(ctx).CloseBox(ctx, "eve").Await(ctx); return err },
		} {
			if err := f(); !errors.Is(err, mailroom.ErrName) {
				t.Errorf("%s: %v, want ErrName", what, err)
			}
		}
		for _, terms := range []mailroom.Terms{{Letters: -1}, {Bytes: -1}, {Longest: -1}, {Longest: 1 << 20}, {Until: -1}} {
			if _, err := b.NewDrop(ctx, "x", terms).Await(ctx); !errors.Is(err, mailroom.ErrTerms) {
				t.Errorf("%+v: %v, want ErrTerms", terms, err)
			}
		}
		if _, err := b.Leave(ctx, make([]byte, 1000)).Await(ctx); !errors.Is(err, mailroom.ErrTooLarge) {
			t.Errorf("long prekeys: %v", err)
		}
	})
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		b := s.box("bob")
		drop := s.drop(b, "a", mailroom.Terms{})
		ctx := t.Context()
		const day = 24 * time.Hour
		for i, keep := range []time.Duration{day, 2*day + 1, time.Minute, 1000 * day, -day} { // 1, 3, 1, 31 and 1 days
			if err := mailroom.NewDropper(drop).Drop(ctx, letterOf(byte(i)), keep); err != nil {
				t.Fatal(err)
			}
		}
		left := func(want ...byte) {
			t.Helper()
			synctest.Wait()
			d := s.drain(b)
			if got := d.got(); !bytes.Equal(got, want) {
				t.Errorf("left are %v, want %v", got, want)
			}
			d.stop()
			<-d.over
			if u := must(t, b.Usage(ctx)); u.Letters != len(want) {
				t.Errorf("%+v, want %d letters", u, len(want))
			}
		}
		time.Sleep(day - time.Minute)
		left(0, 1, 2, 3, 4)
		time.Sleep(2 * time.Minute)
		left(1, 3)
		s.crash()
		b = s.box("bob")
		time.Sleep(day)
		left(1, 3)
		time.Sleep(day)
		left(3)
		s.Stop()
		time.Sleep(40 * day) // while no server runs
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		s.serve()
		b = s.box("bob")
		left()
	})
}

func TestCloseBox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		ctx := t.Context()
		b, other := s.box("bob"), s.box("eve")
		drop, keeps := s.drop(b, "a", mailroom.Terms{}), s.drop(other, "a", mailroom.Terms{})
		must(t, keeps.Drop(ctx, letterOf(9), 1))
		for range 200 {
			must(t, drop.Drop(ctx, letterOf(1), 1))
		}
		d := s.drain(b)
		d.got()
		must(t, s.host.Office(ctx).CloseBox(ctx, "bob"))
		synctest.Wait()
		<-d.over
		if !errors.Is(d.err, mailroom.ErrReplaced) {
			t.Errorf("%v", d.err)
		}
		if err := mailroom.NewDropper(drop).Drop(ctx, letterOf(1), time.Hour); !errors.Is(err, mailbox.ErrRevoked) {
			t.Errorf("%v, want ErrRevoked", err)
		}
		if u := must(t, b.Usage(ctx)); u.Letters != 0 {
			t.Errorf("%+v in a box that is closed", u)
		}
		if _, err := b.NewDrop(ctx, "b", mailroom.Terms{}).Await(ctx); !errors.Is(err, mailroom.ErrRevoked) {
			t.Errorf("a drop for a box that is closed: %v", err)
		}
		if err := mailroom.NewDrainer(s.outside, b).Drain(ctx, nil); !errors.Is(err, mailbox.ErrRevoked) {
			t.Errorf("draining a box that is closed: %v", err)
		}
		if boxes := must(t, s.host.Office(ctx).Boxes(ctx)); len(boxes) != 1 || boxes["eve"].Letters != 1 {
			t.Errorf("%+v", boxes)
		}
		slices.Sort(s.dir.revoked)
		if !slices.Equal(s.dir.revoked, []string{"mailbox/1", "mailbox/1/drop/1"}) {
			t.Errorf("revoked: %v", s.dir.revoked)
		}
		// Nothing of it stays in the store.
		s.crash()
		if _, err := s.Depot().Sweep(); err != nil {
			t.Fatal(err)
		}
		if u := must(t, s.box("eve").Usage(ctx)); u.Letters != 1 {
			t.Errorf("%+v in another box", u)
		}
	})
}

// TestDiskFails: a letter whose drop was answered is there after any crash, once; one whose drop was not is there once or not at all.
func TestDiskFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		b := s.box("bob")
		s.drop(b, "a", mailroom.Terms{})
		var accepted, maybe []byte
		next := byte(0)
		for n := 1; n < 40; n++ {
			drop := vat.As[mailroom.DropRef](s.dir.at("mailbox/1/drop/1"))
			d := s.drain(b)
			d.got()
			s.FailWrite(n)
			for range 6 {
				next++
				if err := mailroom.NewDropper(drop).Drop(t.Context(), letterOf(next), time.Hour); err == nil {
					accepted = append(accepted, next)
				} else {
					maybe = append(maybe, next)
				}
				if len(d.got()) > 4 { // some are taken out meanwhile
					for _, l := range d.letters[:2] {
						l.Done()
						accepted = slices.DeleteFunc(accepted, func(x byte) bool { return x == l.Letter[0] })
						maybe = append(maybe, l.Letter[0])
					}
				}
			}
			d.stop()
			<-d.over
			s.crash()
			b = s.box("bob")
			again := s.drain(b)
			again.got()
			there := again.got()
			u := must(t, b.Usage(t.Context()))
			if len(there) < 32 {
				for i, x := range there {
					if slices.Contains(there[:i], x) || !slices.Contains(accepted, x) && !slices.Contains(maybe, x) {
						t.Fatalf("write %d: letter %d is there twice, or was never sent: %v", n, x, there)
					}
				}
				for _, x := range accepted {
					if !slices.Contains(there, x) {
						t.Fatalf("write %d: letter %d is lost; there are %v, accepted were %v", n, x, there, accepted)
					}
				}
				if u.Letters != len(there) || u.Bytes != len(there)*mailbox.MinLetter {
					t.Fatalf("write %d: %+v, there are %d", n, u, len(there))
				}
			}
			for len(again.got()) > 0 && must(t, b.Usage(t.Context())).Letters > 0 { // begin the next round with few
				again.done(0, len(again.letters))
				again.got()
			}
			accepted, maybe = nil, nil
			again.stop()
			<-again.over
		}
	})
}
