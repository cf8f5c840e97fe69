package vat_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/vat"
)

// A note in three versions.
type (
	noteV1 struct {
		Text   string
		Author vat.Ref
	}
	noteV2 struct {
		Title   string
		Authors []vat.Ref
	}
	noteV3 struct {
		Title   string
		Authors []TellerRef
		Size    int
	}
)

type Note interface{ Show() string }

func (n *noteV1) Show() string { return n.Text }
func (n *noteV2) Show() string { return fmt.Sprintf("%s by %d", n.Title, len(n.Authors)) }
func (n *noteV3) Show() string { return fmt.Sprintf("%s by %d of %d", n.Title, len(n.Authors), n.Size) }

var NoteFacet = vat.FacetOf[Note]("test.Note")

var (
	kindV1 = vat.KindOf("note", func() *noteV1 { return new(noteV1) }, NoteFacet)
	kindV2 = vat.KindOf("note", func() *noteV2 { return new(noteV2) }, NoteFacet).Upgraded(toV2)
	kindV3 = vat.KindOf("note", func() *noteV3 { return new(noteV3) }, NoteFacet).Upgraded(toV2, toV3)
)

func toV2(s passable.Struct) (passable.Struct, error) {
	text, _ := s.Get("text")
	author, _ := s.Get("author")
	return s.Without("text").Without("author").With("title", text).With("authors", []any{author, author}), nil
}

func toV3(s passable.Struct) (passable.Struct, error) {
	title, _ := s.Get("title")
	return s.With("size", len(title.(string))), nil
}

// everything returns what the store holds, but for what an opening changes.
func (w *world) everything() string {
	w.t.Helper()
	var all strings.Builder
	s, err := store.Open(process{w.disk, w.dead})
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	if err := s.View(func(r store.Reader) error {
		for _, b := range r.Buckets() {
			r.Scan(b, nil, func(k, v []byte) bool {
				fmt.Fprintf(&all, "%s %x %x\n", b, k, v)
				return true
			})
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return all.String()
}

func TestUpgrade(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind, kindV1)
		a := w.root("a", "a")
		for i := range 3 {
			note, err := vat.Do(context.Background(), w.vat("a"), func(ctx context.Context) (vat.Ref, error) {
				return NoteFacet.Spawn(ctx, &noteV1{strings.Repeat("x", i), a}), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			mustAnswer[any](t, a, "link", note, fmt.Sprint(i))
		}
		show := func() string {
			t.Helper()
			return mustAnswer[string](t, mustAnswer[vat.Ref](t, w.root("a", "a"), "whois", "2"), "show")
		}
		w.close()
		before := w.everything()

		// What does not fit is refused, and nothing is changed.
		boom := errors.New("boom")
		for want, kinds := range map[string][]vat.Kind{
			"boom": {tellerKind, vat.KindOf("note", func() *noteV2 { return new(noteV2) }, NoteFacet).Upgraded(
				func(s passable.Struct) (passable.Struct, error) {
					if text, _ := s.Get("text"); text == "xx" {
						return nil, boom
					}
					return s, nil
				})},
			"panicked": {tellerKind, vat.KindOf("note", func() *noteV2 { return new(noteV2) }, NoteFacet).Upgraded(
				func(passable.Struct) (passable.Struct, error) { panic("oh") })},
			"was not there before": {tellerKind, vat.KindOf("note", func() *noteV2 { return new(noteV2) }, NoteFacet).Upgraded(
				func(s passable.Struct) (passable.Struct, error) { return s.With("author", vat.NewVow(nil).Ref()), nil })},
			"does not match":       {tellerKind, vat.KindOf("note", func() *noteBad { return new(noteBad) }, NoteFacet)},
			`"note"`:               {tellerKind},
			`"teller": list it`:    {kindV1},
			"which vat.KindOf no":  {tellerKind, vat.KindOf("note", func() *noteV1 { return new(noteV1) })},
			"two kinds are called": {tellerKind, kindV1, kindV2},
			"are of vat_test.note": {tellerKind, kindV1, vat.KindOf("other", func() *noteV1 { return new(noteV1) })},
		} {
			w.cfg.Kinds = kinds
			err := w.tryOpen()
			if err == nil {
				t.Fatalf("%q: it was opened", want)
			}
			if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: %v", want, err)
			}
			if errors.Is(err, boom) != (want == "boom") {
				t.Error(err)
			}
			if after := w.everything(); after != before {
				t.Errorf("%q: the store was changed from\n%s to\n%s", want, before, after)
			}
		}

		w.cfg.Kinds = []vat.Kind{tellerKind, kindV3}
		w.open()
		if got := show(); got != "xx by 2 of 2" {
			t.Error(got)
		}
		w.close()
		w.cfg.Kinds = []vat.Kind{tellerKind, kindV2}
		if err := w.tryOpen(); !errors.Is(err, vat.ErrUnknownKind) || !strings.Contains(err.Error(), "version 3") {
			t.Error(err)
		}
		w.cfg.Kinds = []vat.Kind{kindV3, tellerKind}
		w.open()
		if got := show(); got != "xx by 2 of 2" {
			t.Error(got)
		}
		if n := w.size("state-2") + w.size("state-3"); n != 3 {
			t.Errorf("%d notes in the old and the new bucket, want 3", n)
		}
	})
}

type noteBad struct {
	Text   int
	Author vat.Ref
}

func (n *noteBad) Show() string { return "" }

// The process dies at every write of an upgrade: the objects are those of before or of after, all of them.
func TestUpgradeCutShort(t *testing.T) {
	for at := 1; ; at++ {
		whole := false
		bubble(t, func(t *testing.T) {
			w := newWorld(t, tellerKind, kindV1)
			a := w.root("a", "a")
			note, err := vat.Do(context.Background(), w.vat("a"), func(ctx context.Context) (vat.Ref, error) {
				return NoteFacet.Spawn(ctx, &noteV1{"abc", a}), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			mustAnswer[any](t, a, "link", note, "note")
			w.close()
			w.cfg.Kinds = []vat.Kind{tellerKind, kindV3}
			w.disk.dieAt.Store(w.disk.writes.Load() + int64(at))
			whole = w.tryOpen() == nil
			w.kill()
			w.disk.dieAt.Store(0)
			w.open()
			if got := mustAnswer[string](t, mustAnswer[vat.Ref](t, w.root("a", "a"), "whois", "note"), "show"); got != "abc by 2 of 3" {
				t.Errorf("dead at %d: %s", at, got)
			}
		})
		if whole {
			if at < 3 {
				t.Errorf("only %d writes", at)
			}
			return
		}
	}
}

// sweep runs the collector, and what it has found to be done.
func sweep() {
	for range 2 {
		var done atomic.Bool
		runtime.AddCleanup(new([64]byte), func(d *atomic.Bool) { d.Store(true) }, &done)
		for !done.Load() {
			runtime.GC()
		}
	}
}

// Objects that nothing leads to leave the store, with what only they led to.
func TestGarbage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a := w.root("a", "a")
		size := func() string {
			for range 3 {
				sweep()
				mustAnswer[int](t, a, "add", 0)
				synctest.Wait()
			}
			return fmt.Sprintf("%d slots, %d objects, %d messages", w.size("slots"), w.size("state-1"), w.size("messages"))
		}
		before := size()
		for range 5 {
			made := mustAnswer[vat.Ref](t, a, "make")
			mustAnswer[any](t, a, "link", made, "one")
			mustAnswer[any](t, made, "link", mustAnswer[vat.Ref](t, a, "make"), "two")
			mustAnswer[any](t, a, "ask", "add", 1)
			mustAnswer[any](t, a, "ask", "through", 1)
		}
		synctest.Wait()
		if during := size(); during == before {
			t.Errorf("nothing was stored: %s", during)
		}
		mustAnswer[any](t, a, "reset")
		if after := size(); after != before {
			t.Errorf("%s, want %s", after, before)
		}
		// Those that lead to each other are swept.
		for range 3 {
			one, two := mustAnswer[vat.Ref](t, a, "make"), mustAnswer[vat.Ref](t, a, "make")
			mustAnswer[any](t, one, "link", two, "two")
			mustAnswer[any](t, two, "link", one, "one")
			mustAnswer[any](t, two, "link", two, "itself")
			mustAnswer[any](t, two, "link", a, "a")
			mustAnswer[any](t, a, "link", one, "one")
			mustAnswer[any](t, one, "want", two.Send(context.Background(), "open"))
			for range 2 { // first while an object leads to them, then while only this process does
				if _, err := w.depot.Sweep(); err != nil {
					t.Error(err)
				}
				if n := mustAnswer[int](t, two, "add", 1); n < 101 {
					t.Errorf("%d, want more than 100", n)
				}
				if n := mustAnswer[int](t, mustAnswer[vat.Ref](t, two, "whois", "one"), "add", 1); n < 101 {
					t.Errorf("%d, want more than 100", n)
				}
				mustAnswer[any](t, a, "reset")
			}
		}
		if n, err := w.depot.Sweep(); n < 6 || err != nil {
			t.Errorf("%d were swept of two objects, their facets, a promise and its resolver: %v", n, err)
		}
		if after := size(); after != before {
			t.Errorf("after sweeping %s, want %s", after, before)
		}
		// What a process leaves behind is swept by the next one.
		made := mustAnswer[vat.Ref](t, a, "make")
		mustAnswer[any](t, a, "link", made, "one")
		mustAnswer[any](t, a, "reset")
		w.crash()
		a = w.root("a", "a")
		if after := size(); after != before {
			t.Errorf("after a crash %s, want %s", after, before)
		}
	})
}

// A message at which the process dies each time is given up, and the others are not.
func TestPoison(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		mustAnswer[any](t, b, "link", a, "a")
		mustAnswer[any](t, a, "link", b, "b")
		dying = func() {
			time.Sleep(time.Millisecond) // until what was sent to it is on the disk
			w.dead.Store(true)
		}
		mustAnswer[any](t, b, "pass", 1)
		time.Sleep(time.Second)
		_ = b.SendOnly(context.Background(), "askDie") // a dies of it
		_ = b.SendOnly(context.Background(), "pass", 1)
		time.Sleep(time.Second)
		for i := range 3 {
			w.crash()
			time.Sleep(time.Second)
			if !w.dead.Load() {
				t.Fatalf("alive after crash %d", i)
			}
		}
		w.crash()
		time.Sleep(time.Second)
		if w.dead.Load() {
			t.Fatal("it has died once more")
		}
		if got := w.lines(w.root("b", "b")); !strings.Contains(got, vat.ErrPoison.Message) {
			t.Error(got)
		}
		if n := mustAnswer[int](t, w.root("a", "a"), "add", 0); n != 2 {
			t.Errorf("%d, want 2", n)
		}
		if !bytes.Contains(w.log.Bytes(), []byte("a message is given up")) {
			t.Errorf("the log says %s", w.log)
		}
	})
}

// A store that fails stops every vat, and nothing is said to be done that is not.
func TestStoreFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind)
		a, b := w.root("a", "a"), w.root("b", "b")
		mustAnswer[any](t, a, "add", 1)
		w.dead.Store(true)
		if _, err := answer[int](a, "add", 1); !errors.Is(err, store.ErrFailed) && !errors.Is(err, vat.ErrTurnFailed) {
			t.Error(err)
		}
		synctest.Wait()
		if _, err := answer[int](b, "add", 1); !errors.Is(err, vat.ErrVatClosed) {
			t.Error(err)
		}
		if _, err := w.depot.Vat("c"); err == nil {
			t.Error("there is a new vat")
		}
		if err := w.depot.Err(); !errors.Is(err, errKilled) {
			t.Error(err)
		}
		if !strings.Contains(w.log.String(), "durable vats have stopped") {
			t.Errorf("the log says %q", w.log)
		}
		w.crash()
		if n := mustAnswer[int](t, w.root("a", "a"), "add", 0); n != 1 {
			t.Errorf("%d, want 1", n)
		}
	})
}
