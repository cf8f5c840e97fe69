package captp_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/vat"
)

// A durable object goes on speaking to another over the same session after either's process, or both, were killed.
func TestSessionLasts(t *testing.T) {
	machines(t, func(t *testing.T, a, b *machine) {
		b.root("b")
		x := a.root("a")
		call[any](t, x, "link", a.dial(b, "b"))
		call[any](t, x, "ask", 1)
		time.Sleep(time.Second)
		expectLines(t, x, "told 2")
		expectLines(t, b.root("b"), "1")
		for i, crash := range []func(){a.crash, b.crash, func() { a.crash(); b.crash() }, a.restart, b.restart} {
			crash()
			call[any](t, a.root("a"), "ask", 10*i)
			time.Sleep(time.Minute)
		}
		expectLines(t, a.root("a"), "told 2", "told 1", "told 11", "told 21", "told 31", "told 41")
		expectLines(t, b.root("b"), "1", "0", "10", "20", "30", "40")
	})
}

// The scene: at no time are both on. What was said is done, answered and told, once.
func TestNeverBothOn(t *testing.T) {
	machines(t, func(t *testing.T, a, b *machine) {
		b.root("b")
		call[any](t, a.root("a"), "link", a.dial(b, "b"))
		synctest.Wait()
		b.kill()
		call[any](t, a.root("a"), "ask", 7)
		time.Sleep(time.Second)
		a.crash()
		b.start()
		time.Sleep(time.Minute)
		expectLines(t, b.root("b"), "7")
		expectLines(t, a.root("a"), "told 8")
	})
}

// whole runs a scene between two machines, the way it goes if one of them dies at each of its writes, one run for each, and is started
// again soon after. Then the scene says what is wrong.
func whole(t *testing.T, scene func(a, b *machine), wrong func(a, b *machine) string) {
	for _, who := range []string{"a", "b"} {
		for at := int64(1); ; at++ {
			over := false
			t.Run(fmt.Sprintf("%s dies at %d", who, at), func(t *testing.T) {
				machines(t, func(t *testing.T, a, b *machine) {
					b.root("b")
					x := a.root("a")
					call[any](t, x, "link", a.dial(b, "b"))
					call[any](t, b.root("b"), "link", b.fetch(a, "a"))
					synctest.Wait()
					dies := a
					if who == "b" {
						dies = b
					}
					before := dies.disk.Writes.Load()
					dies.disk.DieAt.Store(before + at)
					scene(a, b)
					time.Sleep(30 * time.Millisecond)
					over = dies.disk.Writes.Load() < before+at
					dies.crash()
					time.Sleep(time.Hour)
					a.root("a")
					b.root("b")
					if bad := wrong(a, b); bad != "" {
						t.Error(bad)
					}
				})
			})
			if over || t.Failed() {
				break
			}
		}
	}
}

// What is sent down a promise that comes back to the sender arrives in the order sent, once, whoever dies when.
func TestTour(t *testing.T) {
	whole(t, func(a, _ *machine) {
		_ = a.root("a").SendOnly(context.Background(), "tour")
	}, func(a, _ *machine) string {
		got, want := lines(a.t, a.root("a")), []string{}
		for n := 100; n <= 112; n++ {
			want = append(want, fmt.Sprint(n))
		}
		if len(got) == 0 { // it has not begun: nobody was told that it would
			return ""
		}
		return differ(got, want)
	})
}

// Calls that go there and back, and whose answers are promises, are answered once, whoever dies when.
func TestThereAndBack(t *testing.T) {
	whole(t, func(a, b *machine) {
		x, y := a.root("a"), b.root("b")
		_ = x.SendOnly(context.Background(), "askSlow", 1)
		_ = y.SendOnly(context.Background(), "askSlow", 10)
		_ = x.SendOnly(context.Background(), "ask", 2)
		_ = x.SendOnly(context.Background(), "pass", 3)
	}, func(a, b *machine) string {
		x, y := lines(a.t, a.root("a")), lines(b.t, b.root("b"))
		count := func(list []string, of string) (n int) {
			for _, line := range list {
				if line == of {
					n++
				}
			}
			return n
		}
		// What a was told of was done, once, and what was begun was told of.
		for _, pair := range [][2]int{{count(x, "1"), count(x, "told 2")}, {count(y, "10"), count(y, "told 11")}, {count(y, "2"), count(x, "told 3")}} {
			if pair[0] != pair[1] || pair[0] > 1 {
				return fmt.Sprintf("a has %q, b has %q", x, y)
			}
		}
		if len(x)+len(y) > 7 || count(y, "3") > 1 {
			return fmt.Sprintf("a has %q, b has %q", x, y)
		}
		return ""
	})
}

func differ(got, want []string) string {
	if slices.Equal(got, want) {
		return ""
	}
	return fmt.Sprintf("%q, want %q", got, want)
}

// What is in no durable vat is lost with its process, and says so; the session goes on.
func TestEphemeralIsLost(t *testing.T) {
	machines(t, func(t *testing.T, a, b *machine) {
		b.root("b")
		x := a.root("a")
		call[any](t, x, "link", a.dial(b, "b"))
		b.show("f", doIn(t, b.lobby, func(ctx context.Context) vat.Ref { return vat.Func(ctx, func(n int) int { return n * 2 }) }))
		call[any](t, x, "keep", a.fetch(b, "f"))
		call[any](t, x, "use", 4)
		call[any](t, x, "watch")
		time.Sleep(time.Second)
		b.crash()
		time.Sleep(time.Minute)
		expectLines(t, x, "told 8", "severed: vat: lost when its process ended")
		call[any](t, x, "use", 5)
		call[any](t, x, "ask", 6)
		time.Sleep(time.Minute)
		expectLines(t, x, "told 8", "severed: vat: lost when its process ended", "vat: lost when its process ended", "told 7")
	})
}

// A question that only code has asked which is gone is given up; what it would have been told is not kept for it.
func TestDeadQuestion(t *testing.T) {
	machines(t, func(t *testing.T, a, b *machine) {
		b.root("b")
		x := a.root("a")
		y := a.dial(b, "b")
		call[any](t, x, "link", y)
		_ = y.Send(context.Background(), "never")
		synctest.Wait()
		if n := b.tables().Answers; n != 1 {
			t.Fatalf("%d answers, want 1", n)
		}
		a.crash()
		time.Sleep(time.Minute)
		if c := b.tables(); c.Answers != 0 {
			t.Errorf("b still has %v", c)
		}
		if c := a.tables(); c.Questions != 0 {
			t.Errorf("a still has %v", c)
		}
		call[any](t, a.root("a"), "ask", 6)
		time.Sleep(time.Second)
		expectLines(t, a.root("a"), "told 7")
	})
}

// A question of a durable object waits for its answer however often either process ends.
func TestAnswerAfterRestarts(t *testing.T) {
	machines(t, func(t *testing.T, a, b *machine) {
		b.root("b")
		call[any](t, a.root("a"), "link", a.dial(b, "b"))
		call[any](t, a.root("a"), "askNever")
		synctest.Wait()
		for range 3 {
			a.crash()
			b.restart()
			a.restart()
			b.crash()
		}
		time.Sleep(time.Minute)
		call[any](t, b.root("b"), "decide", 41)
		time.Sleep(time.Second)
		expectLines(t, a.root("a"), "told 41")
		if c := a.tables(); c.Questions != 0 || c.Resolvers != 0 {
			t.Errorf("a still has %v", c)
		}
	})
}

// A reference is given back when nothing names it any more, also by a process that has not used it.
func TestGivenBackAfterRestart(t *testing.T) {
	for _, crash := range []bool{false, true} {
		machines(t, func(t *testing.T, a, b *machine) {
			b.root("b")
			call[any](t, a.root("a"), "link", a.dial(b, "b"))
			call[any](t, a.root("a"), "ask", 1)
			time.Sleep(time.Second)
			if crash {
				a.crash()
				b.crash()
				time.Sleep(time.Minute)
			}
			a.collect()
			call[any](t, a.root("a"), "ask", 2)
			time.Sleep(time.Second)
			if c := b.tables(); c.Exports != 1 {
				t.Errorf("while it is held: %v", c)
			}
			call[any](t, a.root("a"), "drop")
			for range 10 {
				a.collect()
			}
			if c := b.tables(); c.Exports != 0 {
				t.Errorf("b still exports: %v", c)
			}
			if c := a.tables(); !c.Empty() {
				t.Errorf("a still has %v", c)
			}
			if n := a.rows("tables"); n != 0 {
				t.Errorf("%d rows at a", n)
			}
		})
	}
}

// A session that is closed leaves nothing in either store, and what used it is told.
func TestClosedForGood(t *testing.T) {
	machines(t, func(t *testing.T, a, b *machine) {
		b.root("b")
		call[any](t, a.root("a"), "link", a.dial(b, "b"))
		call[any](t, a.root("a"), "askNever")
		time.Sleep(time.Second)
		a.crash()
		time.Sleep(time.Minute)
		a.sessions[0].Close("no more")
		time.Sleep(time.Second)
		expectLines(t, a.root("a"), "the session it came over has ended")
		for _, m := range []*machine{a, b} {
			for _, bucket := range []string{"sessions", "tables", "links", "pins"} {
				if n := m.rows(bucket); n != 0 {
					t.Errorf("%s has %d of %s", m.name, n, bucket)
				}
			}
		}
		call[any](t, a.root("a"), "ask", 1)
		time.Sleep(time.Second)
		a.restart()
		call[any](t, a.root("a"), "ask", 1)
		time.Sleep(time.Second)
		if got := lines(t, a.root("a")); len(got) != 3 {
			t.Errorf("%q", got)
		}
	})
}

// A peer that has no store ends the session with its process: what is left of it here says so and goes.
func TestPeerForgets(t *testing.T) {
	machines(t, func(t *testing.T, a, b *machine) {
		b.root("b")
		call[any](t, a.root("a"), "link", a.dial(b, "b"))
		call[any](t, a.root("a"), "askNever")
		time.Sleep(time.Second)
		b.kill()
		b.disk.Backend = memory.Backend{}
		b.start()
		time.Sleep(time.Minute)
		expectLines(t, a.root("a"), "the session it came over has ended")
		if n := a.rows("sessions") + a.rows("tables") + a.rows("pins"); n != 0 {
			t.Errorf("%d records are left", n)
		}
	})
}

// What waits for a peer that is away is bounded: a turn that would send more fails, and nothing of it has happened; what was accepted
// arrives, and then there is room again. So it is after a restart in between.
func TestTooMuchForAPeer(t *testing.T) {
	for _, restart := range []bool{false, true} {
		machines(t, func(t *testing.T, a, b *machine) {
			a.limits.MaxUnsent = 20_000
			a.restart()
			b.root("b")
			call[any](t, a.root("a"), "link", a.dial(b, "b"))
			time.Sleep(time.Second)
			b.kill()
			if restart {
				a.crash()
			}
			var want []string
			pass := func(n int) bool {
				_, err := vat.Result[any](a.root("a").Send(context.Background(), "pass", n)).Await(context.Background())
				if err != nil && !errors.Is(err, vat.ErrOverloaded) {
					t.Fatal(err)
				}
				if err == nil {
					want = append(want, fmt.Sprint(n))
				}
				return err == nil
			}
			for n := 0; pass(n); n++ {
				if n > 5000 {
					t.Fatal("a sends without limit to a peer that is away")
				}
			}
			if len(want) < 50 {
				t.Errorf("%d messages fit", len(want))
			}
			if restart {
				a.crash()
				if pass(-1) {
					t.Error("there is room after a restart")
				}
			}
			b.start()
			time.Sleep(10 * time.Minute)
			if !pass(-2) {
				t.Error("there is no room although the peer has all")
			}
			time.Sleep(time.Minute)
			expectLines(t, b.root("b"), want...)
		})
	}
}

// What a turn has sent, and the disk has, is not refused for want of room when the process has died before the session had taken it.
func TestStoredIsNotRefused(t *testing.T) {
	const many = 200
	var want []string
	for n := range many {
		want = append(want, fmt.Sprint(n))
	}
	for at, over, all := int64(1), false, 0; !over; at++ {
		machines(t, func(t *testing.T, a, b *machine) {
			a.limits.MaxUnsent = 1000
			a.restart()
			b.root("b")
			call[any](t, a.root("a"), "link", a.dial(b, "b"))
			time.Sleep(time.Second)
			b.kill()
			before := a.disk.Writes.Load()
			a.disk.DieAt.Store(before + at)
			_ = a.root("a").SendOnly(context.Background(), "burst", many)
			time.Sleep(time.Second)
			over = a.disk.Writes.Load() < before+at
			a.crash()
			time.Sleep(time.Minute)
			b.start()
			time.Sleep(10 * time.Minute)
			if got := lines(t, b.root("b")); len(got) > 0 {
				all++
				expectLines(t, b.root("b"), want...)
			}
		})
		if over && all < 2 {
			t.Errorf("what was sent has come %d times", all)
		}
	}
}

// A peer may say at length where it is, and what is stored of that can be read again.
func TestLongLocation(t *testing.T) {
	for _, n := range []int{100, 100_000, 900_000} {
		machines(t, func(t *testing.T, a, b *machine) {
			b.hint = strings.Repeat("x", n)
			b.root("b")
			call[any](t, a.root("a"), "link", a.dial(b, "b"))
			a.crash()
			time.Sleep(time.Minute)
			call[any](t, a.root("a"), "ask", 1)
			time.Sleep(time.Second)
			expectLines(t, a.root("a"), "told 2")
		})
	}
}

// While a promise waits for what was sent down it to come back, the position of its answer is another question's already: that one is answered,
// whoever is killed.
func TestPositionUsedAgain(t *testing.T) {
	machines(t, func(t *testing.T, a, b *machine) {
		b.root("b")
		call[any](t, a.root("a"), "link", a.dial(b, "b"))
		call[any](t, b.root("b"), "link", b.fetch(a, "a"))
		time.Sleep(time.Second)
		b.disk.Slow.Store(int64(100 * time.Millisecond))
		_ = a.root("a").SendOnly(context.Background(), "tour")
		time.Sleep(350 * time.Millisecond) // the outcome is there, and b is asked whether all has come through
		_ = a.root("a").SendOnly(context.Background(), "askNever")
		time.Sleep(20 * time.Millisecond)
		a.crash()
		b.disk.Slow.Store(0)
		time.Sleep(time.Minute)
		call[any](t, b.root("b"), "decide", 41)
		time.Sleep(time.Minute)
		if got := lines(t, a.root("a")); len(got) != 14 || got[13] != "told 41" {
			t.Errorf("%q", got)
		}
	})
}

// What a peer says of a position that was lost is not about what has it next, however busy this side is.
func TestLostPositionUsedAgain(t *testing.T) {
	machines(t, func(t *testing.T, a, b *machine) {
		b.root("b")
		call[any](t, a.root("a"), "link", a.dial(b, "b"))
		times := func(k int) vat.Ref {
			return doIn(t, b.lobby, func(ctx context.Context) vat.Ref { return vat.Func(ctx, func(n int) int { return n * k }) })
		}
		b.show("f", times(2))
		func() {
			if n, err := vat.Result[int](a.fetch(b, "f").Apply(context.Background(), 1)).Await(context.Background()); n != 2 || err != nil {
				t.Fatal(n, err)
			}
		}()
		busy := make(chan struct{})
		go func() {
			defer close(busy)
			doIn(t, a.lobby, func(context.Context) vat.Ref { time.Sleep(time.Minute); return vat.Ref{} })
		}()
		b.crash()
		time.Sleep(time.Second)
		for range 3 {
			a.collect()
		}
		if c := b.tables(); c.Exports != 1 {
			t.Fatalf("what was lost was not given back: %v", c)
		}
		b.show("g", times(3))
		g := a.fetch(b, "g")
		<-busy
		time.Sleep(time.Second)
		if n, err := vat.Result[int](g.Apply(context.Background(), 2)).Await(context.Background()); n != 6 || err != nil {
			t.Error(n, err)
		}
	})
}

// Who was asked by code that is gone tells the resolver that is left of the question, also after a crash of its own: nothing is left then.
func TestDeadQuestionOfTwo(t *testing.T) {
	machines(t, func(t *testing.T, a, b *machine) {
		b.root("b")
		y := a.dial(b, "b")
		call[any](t, a.root("a"), "link", y)
		_ = y.Send(context.Background(), "never")
		synctest.Wait()
		a.crash()
		time.Sleep(time.Minute)
		b.crash()
		time.Sleep(time.Minute)
		call[any](t, b.root("b"), "decide", 1)
		time.Sleep(time.Minute)
		if c := a.tables(); c.Resolvers != 0 {
			t.Errorf("a still has %v", c)
		}
		if c := b.tables(); c.Answers != 0 {
			t.Errorf("b still has %v", c)
		}
	})
}

// What is asked of a session from before that does not go on yet is a question like any other: its position is not given back, and the next start
// finds it.
func TestAskedBeforeItGoesOn(t *testing.T) {
	machines(t, func(t *testing.T, a, b *machine) {
		b.root("b")
		call[any](t, a.root("a"), "link", a.dial(b, "b"))
		time.Sleep(time.Second)
		b.kill()
		var asked vat.Ref
		a.early = func(s *captp.Session) { asked = s.Bootstrap().Send(context.Background(), "fetch", "b") }
		a.crash()
		a.early = nil
		time.Sleep(time.Second)
		if c := a.tables(); c.Questions != 1 || c.Resolvers != 1 {
			t.Errorf("a has %v", c)
		}
		kept := asked
		b.start()
		b.root("b")
		time.Sleep(time.Minute)
		if _, err := kept.Await(context.Background()); err != nil {
			t.Error(err)
		}
		b.kill()
		a.early = func(s *captp.Session) { asked = s.Bootstrap().Send(context.Background(), "fetch", "b") }
		a.crash()
		a.early = nil
		time.Sleep(time.Second)
		a.crash()
		b.start()
	})
}
