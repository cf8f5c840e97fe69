package vat_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/vat"
)

// farSession is the least that a session must do to last: it numbers what goes out and writes that down with the removal of the
// message, as frames; a restart finds them.
type farSession struct {
	mu    sync.Mutex
	depot *vat.Depot
	fars  map[string]*lasting
	sent  []string
	deaf  bool          // it takes nothing over
	ready chan struct{} // if not nil, it takes nothing over before that is closed
}

type lasting struct {
	vat.Node
	s   *farSession
	key string
}

func (l *lasting) LastingKey() []byte { return []byte(l.key) }

func (l *lasting) Lasts() vat.Lasts {
	if l.key == "" {
		return vat.LastsNot
	}
	return vat.LastsNow
}

func (l *lasting) Last() {}
func (l *lasting) Want() {}

// Deliver takes the message over: what goes out is written with the message's removal.
func (l *lasting) Deliver(m vat.Message) {
	s := l.s
	if s.deaf {
		return
	}
	if s.ready != nil {
		<-s.ready
	}
	line := fmt.Sprintf("%s.%s%v", l.key, m.Selector, m.Args)
	answer := m.Answer
	_ = s.depot.Update(func(t *vat.Tx) {
		stored := m.Stored()
		t.Take(&m)
		t.Batch().Put("frames", []byte(line), nil)
		if answer != nil && stored {
			if err := t.Pin("question "+line, answer.Ref(), true); err != nil {
				panic(err)
			}
		}
	}, func(err error) {
		if err == nil {
			s.mu.Lock()
			s.sent = append(s.sent, line)
			s.mu.Unlock()
		}
	})
}

func (s *farSession) far(key string) vat.Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.fars[key]
	if l == nil {
		l = &lasting{s: s, key: key}
		l.Init(l)
		s.fars[key] = l
	}
	return l.Ref()
}

func (s *farSession) Revive(key []byte) vat.Ref {
	if strings.HasPrefix(string(key), "gone") {
		return vat.Ref{}
	}
	return s.far(string(key))
}

func (s *farSession) lines() string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.sent, "; ")
}

// withSession has the world's depot know a session, which begins anew at each start.
func (w *world) withSession() *farSession {
	s := &farSession{fars: make(map[string]*lasting)}
	w.cfg.Outside = s
	return s
}

// References into a session survive, what is sent on them is stored until the session has it, and what it brings is stored
// until it has had its turn; promises that the session settles wait for it across a restart.
func TestOutside(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		s := w.withSession()
		w.restart()
		s.depot = w.depot
		a := w.root("a", "a")
		mustAnswer[any](t, a, "link", s.far("there"), "far")
		mustAnswer[any](t, a, "ask", "get", 7)
		mustAnswer[any](t, a, "pass", 3)
		if got, want := s.lines(), "there.get[7]; there.add[3]"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if n := w.size("messages"); n != 1 {
			t.Errorf("%d messages are stored, want the one that waits for the answer", n)
		}
		w.check()
		w.kill()
		s = w.withSession()
		w.open()
		s.depot = w.depot
		a = w.root("a", "a")
		if got := w.lines(a); got != "[]" {
			t.Errorf("%s before the answer", got)
		}
		pins, err := w.depot.Pinned("question")
		if err != nil || len(pins) != 1 {
			t.Fatalf("%v, %v", pins, err)
		}
		for key, r := range pins { // the answer comes
			r.Ref.Target().(*vat.Vow).Resolve(int64(42))
			if err := w.depot.Update(func(t *vat.Tx) { t.Unpin(key) }, nil); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		mustAnswer[any](t, a, "pass", 4)
		if got := w.lines(a); got != "[42]" {
			t.Errorf("%s, want [42]", got)
		}
		if got := s.lines(); got != "there.add[4]" {
			t.Error(got)
		}
		w.crash()
		s.depot = w.depot
		if got := w.lines(w.root("a", "a")); got != "[42]" {
			t.Errorf("%s, want [42]", got)
		}
		w.check()
	})
}

// A message that a session has brought is there after a crash, with who sent it, and is answered to whoever is pinned.
func TestReceive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		w.withSession()
		w.restart()
		a, b := w.root("a", "a"), w.root("b", "b")
		mustAnswer[any](t, a, "link", b, "b")
		answer := vat.NewVow(nil)
		m := vat.Message{Selector: "add", Args: []any{int64(5)}, Answer: answer, From: &vat.Caller{Designator: "peer"}}
		one := m
		one.Answer = nil
		far := object(t, newVat(t, nil), func(context.Context, []any) (any, error) { return nil, nil })
		if err := w.depot.Update(func(tx *vat.Tx) {
			if err := tx.Pin("answer 1", answer.Ref(), false); err != nil {
				t.Error(err)
			}
			if stored, err := tx.Receive(b, &m); !stored || err != nil {
				t.Errorf("%v, %v", stored, err)
			}
			if stored, err := tx.Receive(far, &one); stored || err != nil {
				t.Errorf("a message to a vat that is not durable: %v, %v", stored, err)
			}
			if err := tx.Pin("", answer.Ref(), false); err == nil {
				t.Error("pinned under no name")
			}
		}, nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it is on the disk, and nobody has sent it on
		w.kill()
		w.withSession()
		w.open()
		synctest.Wait()
		if n := mustAnswer[int](t, w.root("b", "b"), "add", 0); n != 5 {
			t.Errorf("%d, want 5", n)
		}
		pins, err := w.depot.Pinned("answer")
		if err != nil || len(pins) != 1 {
			t.Fatal(pins, err)
		}
		if n, err := vat.Result[int](pins["answer 1"].Ref).Await(context.Background()); n != 5 || err != nil {
			t.Errorf("%d, %v, want 5", n, err)
		}
		w.check()
		if err := w.depot.Update(func(tx *vat.Tx) { tx.Unpin("answer 1"); tx.Unpin("answer 2") }, nil); err != nil {
			t.Error(err)
		}
		clear(pins)
		for i := 0; i < 20 && w.size("slots") > 4; i++ {
			sweep()
			mustAnswer[any](t, w.root("b", "b"), "add", 0)
			synctest.Wait()
		}
		if n := w.size("slots"); n != 4 {
			t.Errorf("%d slots, want 4", n)
		}
	})
}

// What was outside and is there no more is lost; what comes to last later is stored as that.
func TestOutsideIsGone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		s := w.withSession()
		w.restart()
		s.depot = w.depot
		a := w.root("a", "a")
		mustAnswer[any](t, a, "link", s.far("gone for good"), "far")
		later := &lasting{s: s}
		b := w.root("b", "b")
		mustAnswer[any](t, b, "link", later.Init(later), "later")
		if err := w.depot.Update(func(tx *vat.Tx) {
			tx.Lasts(later) // too early
			later.key = "now"
			tx.Lasts(later)
		}, nil); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		w.kill()
		s = w.withSession()
		w.open()
		s.depot = w.depot
		if _, err := answer[any](w.root("a", "a").Send(context.Background(), "follow"), "get"); !errors.Is(err, vat.ErrLost) {
			t.Error(err)
		}
		mustAnswer[any](t, w.root("b", "b"), "pass", 1)
		if got := s.lines(); got != "now.add[1]" {
			t.Errorf("%q, want now.add[1]", got)
		}
		w.check()
	})
}

// Whoever changes a depot that has failed or is closed is told.
func TestUpdateTooLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		var told error
		w.dead.Store(true)
		if err := w.depot.Update(func(tx *vat.Tx) { tx.Batch().Put("frames", []byte("1"), nil) }, func(err error) { told = err }); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if !errors.Is(told, store.ErrFailed) {
			t.Errorf("told %v", told)
		}
		d := w.depot
		called := func(*vat.Tx) { t.Error("called") }
		if err := d.Update(called, nil); !errors.Is(err, errKilled) {
			t.Error(err)
		}
		w.crash()
		time.Sleep(time.Second)
		d = w.depot
		w.close()
		if err := d.Update(called, nil); !errors.Is(err, vat.ErrVatClosed) {
			t.Error(err)
		}
	})
}
