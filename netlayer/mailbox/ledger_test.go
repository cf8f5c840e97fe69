package mailbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mailbox"
)

func strs(frames [][]byte) (all []string) {
	for _, f := range frames {
		all = append(all, string(f))
	}
	return all
}

func TestInbox(t *testing.T) {
	i := mailbox.NewInbox[string](0, 0)
	take := func(m *mailbox.Message, letter string, want error, ready ...string) {
		t.Helper()
		got, err := i.Take(m, letter)
		if !errors.Is(err, want) || !slices.Equal(strs(got), ready) {
			t.Errorf("%s: got %q, %v, want %q, %v", letter, got, err, ready, want)
		}
	}
	owes := func(want uint64, is bool) {
		t.Helper()
		if n, owes := i.Owes(); n != want || owes != is {
			t.Errorf("owes %d, %v, want %d, %v", n, owes, want, is)
		}
	}
	done := func(want ...string) {
		t.Helper()
		if got := i.Done(); !slices.Equal(got, want) {
			t.Errorf("done: %q, want %q", got, want)
		}
	}
	take(message(2, "c", "d"), "second", nil)
	take(message(3, "d", "e"), "overlapping", nil)
	take(message(3, "D"), "lying", mailbox.ErrEquivocal)
	take(message(9), "ack", nil)
	done("ack")
	take(message(0, "a"), "first", nil, "a")
	i.Consumed(1)
	owes(1, true)
	i.Told(1)
	owes(1, false)
	done("first")
	take(message(0, "a"), "first again", mailbox.ErrReplayed)
	owes(1, true)
	done("first again")
	take(message(0, "a", "b"), "longer", nil, "b", "c", "d", "e")
	take(message(1, "b"), "b again", mailbox.ErrReplayed)
	done()
	i.Consumed(2)
	done("longer", "b again")
	i.Consumed(5)
	done("second", "overlapping")
	i.Told(3)
	owes(5, true)
	i.Told(5)
	owes(5, false)
	// Frames by a connection in between.
	take(message(8, "i"), "early", nil)
	if got := i.Advance(8); !slices.Equal(strs(got), []string{"i"}) || i.Next() != 9 {
		t.Errorf("after a connection: %q, next is %d", got, i.Next())
	}
	if got := i.Advance(3); got != nil || i.Next() != 9 {
		t.Errorf("went back: %q, next is %d", got, i.Next())
	}
	// Bounds.
	take(message(1<<20, "x"), "far ahead", mailbox.ErrEarly)
	take(message(1<<63, "x"), "further", mailbox.ErrEarly)
	var err error
	for n := uint64(100); err == nil; n++ {
		_, err = i.Take(&mailbox.Message{First: n, Frames: [][]byte{make([]byte, 400<<10)}}, "much")
	}
	if size, letters := i.Kept(); !errors.Is(err, mailbox.ErrEarly) || size > 8<<20 || letters > 30 {
		t.Errorf("%v; kept %d bytes, %d letters", err, size, letters)
	}
	i.Advance(500)
	if size, _ := i.Kept(); size != 0 {
		t.Errorf("%d bytes are kept of what has come by another way", size)
	}
	for range 1 << 13 {
		if _, err = i.Take(message(0, "a"), "replay"); !errors.Is(err, mailbox.ErrReplayed) {
			break
		}
	}
	if !errors.Is(err, mailbox.ErrEarly) {
		t.Errorf("letters without end: %v, want ErrEarly", err)
	}
}

func TestParts(t *testing.T) {
	frame := make([]byte, netlayer.MaxFrame)
	for i := range frame {
		frame[i] = byte(i / 1000)
	}
	parts := mailbox.Split(frame)
	if f := mailbox.FitOf([][]byte{frame}); f.Frames != 0 || f.Parts != len(parts) {
		t.Fatalf("%+v, %d parts", f, len(parts))
	}
	part := func(n, k int) *mailbox.Message {
		return &mailbox.Message{First: 0, Frames: [][]byte{parts[k]}, Part: k, Parts: len(parts)}
	}
	i := mailbox.NewInbox[int](0, 0)
	for _, k := range []int{2, 0, 2, 1} {
		got, err := i.Take(part(0, k), k)
		if err != nil {
			t.Fatal(err)
		}
		if k == 1 && (len(got) != 1 || !bytes.Equal(got[0], frame)) || k != 1 && got != nil {
			t.Errorf("part %d: %d frames", k, len(got))
		}
	}
	if got := i.Done(); got != nil {
		t.Errorf("%v are done before the frame is consumed", got)
	}
	i.Consumed(1)
	if got := i.Done(); len(got) != 4 {
		t.Errorf("%v are done, want all", got)
	}
	if size, _ := i.Kept(); size != 0 {
		t.Errorf("%d bytes are kept", size)
	}
	// Parts that cannot be, or disagree.
	for name, m := range map[string]*mailbox.Message{
		"short":        {First: 1, Frames: [][]byte{parts[0][1:]}, Part: 0, Parts: 3},
		"empty":        {First: 1, Frames: [][]byte{{}}, Part: 2, Parts: 3},
		"long":         {First: 1, Frames: [][]byte{make([]byte, mailbox.PartSize+1)}, Part: 2, Parts: 3},
		"two":          {First: 1, Frames: [][]byte{parts[0], parts[0]}, Part: 0, Parts: 3},
		"no such part": {First: 1, Frames: [][]byte{parts[0]}, Part: 3, Parts: 3},
		"negative":     {First: 1, Frames: [][]byte{parts[0]}, Part: -1, Parts: 3},
		"too many":     {First: 1, Frames: [][]byte{parts[0]}, Part: 3, Parts: 4000},
	} {
		if got, err := i.Take(m, 0); got != nil || !errors.Is(err, mailbox.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
	if _, err := i.Take(&mailbox.Message{First: 1, Frames: [][]byte{parts[0]}, Part: 0, Parts: 3}, 0); err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*mailbox.Message{
		"another number of parts": {First: 1, Frames: [][]byte{parts[0]}, Part: 0, Parts: 2},
		"another part":            {First: 1, Frames: [][]byte{parts[1]}, Part: 0, Parts: 3},
	} {
		if got, err := i.Take(m, 0); got != nil || !errors.Is(err, mailbox.ErrEquivocal) {
			t.Errorf("%s: %v, want ErrEquivocal", name, err)
		}
	}
	// The same frame whole, in the place of its parts.
	if got, err := i.Take(&mailbox.Message{First: 1, Frames: [][]byte{[]byte("whole")}}, 0); err != nil || len(got) != 1 {
		t.Errorf("%d frames, %v", len(got), err)
	}
	if size, _ := i.Kept(); size != 0 {
		t.Errorf("%d bytes are kept", size)
	}
}

func TestOutbox(t *testing.T) {
	var o mailbox.Outbox
	due := func(now time.Time, first, next uint64, ok bool) {
		t.Helper()
		if f, n, is := o.Due(now); is != ok || ok && (f != first || n != next) {
			t.Errorf("due: %d to %d, %v, want %d to %d, %v", f, n, is, first, next, ok)
		}
	}
	due(start, 0, 0, false)
	o.Written(10)
	due(start, 0, 10, true)
	o.Sent(4, 6, start.Add(2*time.Hour), mailbox.PrekeyID{1})
	due(start, 0, 4, true)
	o.Sent(0, 5, start.Add(time.Hour), mailbox.PrekeyID{2})
	due(start, 6, 10, true)
	o.Sent(6, 10, start.Add(3*time.Hour), mailbox.PrekeyID{})
	due(start, 0, 0, false)
	if at, ok := o.Wake(); !ok || !at.Equal(start.Add(time.Hour)) {
		t.Errorf("wake at %v, %v", at, ok)
	}
	b, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := mailbox.OutboxOf(b, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := again.Due(start); ok {
		t.Error("what is on its way is due after a restart")
	}
	if _, err := mailbox.OutboxOf(b, 0, 9); !errors.Is(err, mailbox.ErrMalformed) {
		t.Errorf("of another link: %v", err)
	}
	if _, err := mailbox.OutboxOf([]byte("x"), 0, 9); !errors.Is(err, mailbox.ErrMalformed) {
		t.Errorf("damaged: %v", err)
	}
	due(start.Add(time.Hour), 0, 4, true)
	if err := o.Acked(5); err != nil {
		t.Fatal(err)
	}
	due(start.Add(time.Hour), 0, 0, false)
	o.Renewed(&mailbox.Bundle{Held: []mailbox.PrekeyID{{2}}}) // the letter with 5 is sealed to 1; that to the static key stays
	due(start.Add(time.Hour), 5, 6, true)
	if err := o.Acked(3); err != nil || o.Unacked() != 5 {
		t.Errorf("%v, %d unacknowledged", err, o.Unacked())
	}
	if err := o.Acked(11); !errors.Is(err, mailbox.ErrRolledBack) {
		t.Errorf("%v, want ErrRolledBack", err)
	}
}

// TestAnyMail: whatever a server does to letters, and whenever either side crashes or there is a connection in between, each
// frame is taken once, in order, and what was not taken is still there at the sender.
func TestAnyMail(t *testing.T) {
	type letter struct {
		m     *mailbox.Message
		until time.Time
		key   mailbox.PrekeyID
		gone  bool // done by the receiver
	}
	rapid.Check(t, func(t *rapid.T) {
		var (
			now     = start
			out     = new(mailbox.Outbox)
			in      = mailbox.NewInbox[*letter](0, 0)
			written []string
			taken   []string // handed out by in
			acked   uint64
			stored  []byte // of out
			box     []*letter
			held    = []mailbox.PrekeyID{{1}}
		)
		take := func(ready [][]byte) {
			taken = append(taken, strs(ready)...)
			if len(taken) > len(written) || !slices.Equal(taken, written[:len(taken)]) || in.Next() != uint64(len(taken)) {
				t.Fatalf("taken %q, next is %d, of %q", taken, in.Next(), written)
			}
		}
		send := func(lossy bool) {
			for first, next, ok := out.Due(now); ok; first, next, ok = out.Due(now) {
				if next-first > 3 {
					next = first + 3
				}
				m := message(first, written[first:next]...)
				l := &letter{m, now.Add(time.Duration(1+len(box)%5) * time.Hour), held[len(held)-1], false}
				if lossy && rapid.IntRange(0, 3).Draw(t, "refused") == 0 {
					return
				}
				out.Sent(first, next, l.until, l.key)
				if !lossy || rapid.IntRange(0, 3).Draw(t, "dropped") > 0 {
					box = append(box, l)
				}
			}
		}
		deliver := func(l *letter) {
			if l.gone || now.After(l.until) || !slices.Contains(held, l.key) {
				return
			}
			ready, err := in.Take(l.m, l)
			if err != nil && !errors.Is(err, mailbox.ErrReplayed) && !errors.Is(err, mailbox.ErrEarly) {
				t.Fatal(err)
			}
			take(ready)
		}
		finish := func() {
			for _, l := range in.Done() {
				if l.gone = true; l.m.First+uint64(len(l.m.Frames)) > in.Next() {
					t.Fatalf("a letter with frames to %d is done at %d", l.m.First+uint64(len(l.m.Frames)), in.Next())
				}
			}
		}
		consumed := func() uint64 { n, _ := in.Owes(); return n }
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 10).Draw(t, "what") {
			case 0, 1:
				for range rapid.IntRange(1, 5).Draw(t, "frames") {
					written = append(written, fmt.Sprint(len(written)))
				}
				out.Written(uint64(len(written)))
			case 2:
				send(true)
			case 3, 4, 5:
				if len(box) > 0 {
					deliver(box[rapid.IntRange(0, len(box)-1).Draw(t, "letter")])
				}
			case 6:
				in.Consumed(uint64(rapid.IntRange(int(consumed()), len(taken)).Draw(t, "consumed")))
				finish()
			case 7: // an acknowledgement that arrives, an old one perhaps
				n, _ := in.Owes()
				if rapid.Bool().Draw(t, "late") {
					n = acked
				} else {
					in.Told(n)
				}
				acked = n
				if err := out.Acked(n); err != nil {
					t.Fatal(err)
				}
			case 8:
				now = now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "minutes")) * time.Minute)
				if rapid.IntRange(0, 5).Draw(t, "rotate") == 0 {
					held = append(held, mailbox.PrekeyID{held[len(held)-1][0] + 1})
					if len(held) > 2 {
						held = held[1:]
					}
					if rapid.Bool().Draw(t, "told") {
						out.Renewed(&mailbox.Bundle{Held: held})
					}
				}
			case 9: // a crash of either
				if rapid.Bool().Draw(t, "receiver") {
					n := consumed()
					taken = taken[:n]
					in = mailbox.NewInbox[*letter](n, n)
				} else {
					var err error
					if stored == nil || rapid.Bool().Draw(t, "stored") {
						if stored, err = out.Encode(); err != nil {
							t.Fatal(err)
						}
					}
					if out, err = mailbox.OutboxOf(stored, acked, uint64(len(written))); err != nil {
						t.Fatal(err)
					}
				}
			case 10: // a connection, by which some frames pass, from where the receiver is
				n := rapid.IntRange(len(taken), len(written)).Draw(t, "live")
				ready := in.Advance(uint64(n))
				taken = append(taken, written[len(taken):n]...)
				take(ready)
			}
			if len(taken) < len(written) && out.Unacked() == 0 {
				t.Fatal("frames that were not taken are not at the sender any more")
			}
		}
		// When the server and the network behave, everything arrives.
		for range 3 {
			now = now.Add(100 * time.Hour)
			out.Renewed(&mailbox.Bundle{Held: held})
			send(false)
			for _, l := range slices.Backward(box) {
				deliver(l)
			}
			in.Consumed(in.Next())
			finish()
			n, _ := in.Owes()
			in.Told(n)
			if err := out.Acked(n); err != nil {
				t.Fatal(err)
			}
		}
		if len(taken) != len(written) || out.Unacked() != 0 {
			t.Fatalf("%d of %d frames were taken, %d are unacknowledged", len(taken), len(written), out.Unacked())
		}
		if size, letters := in.Kept(); size != 0 || letters != 0 {
			t.Fatalf("%d bytes and %d letters are kept", size, letters)
		}
	})
}
