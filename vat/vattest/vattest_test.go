package vattest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/vattest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tally counts, once as it should and once as it should not.
type tally struct {
	Kept   int
	hidden int `ocapn:"-"`
}

type Tally interface {
	Add(n int) []int
	Later(ctx context.Context) vat.Timer
	Ring(ctx context.Context)
}

func (c *tally) Add(n int) []int {
	c.Kept += n
	c.hidden += n
	return []int{c.Kept, c.hidden}
}

func (c *tally) Later(ctx context.Context) vat.Timer {
	return vat.After(ctx, time.Hour, vat.As[tallyRef](vat.Self(ctx)), tallyRef.Ring)
}
func (c *tally) Ring(context.Context) { c.Kept += 1000 }

type tallyRef struct{ vat.Ref }

func (r tallyRef) Ring(ctx context.Context) vat.Ref { return r.Send(ctx, "ring") }

var (
	tallyFacet = vat.FacetOf[Tally]("test.Tally")
	tallyKind  = vat.KindOf("tally", func() *tally { return new(tally) }, tallyFacet)
)

func root(t *testing.T, m *vattest.Machine) tallyRef {
	t.Helper()
	r, err := vat.Root(t.Context(), m.Vat("v"), "tally", func(ctx context.Context) (tallyRef, error) {
		return vat.As[tallyRef](tallyFacet.Spawn(ctx, new(tally))), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func add(t *testing.T, r tallyRef, n int) (kept, hidden int) {
	t.Helper()
	sums, err := vat.Result[[]int](r.Send(t.Context(), "add", n)).Await(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sums[0], sums[1]
}

// What is kept in a field that is not state is lost after each turn, so that a test notices; without Amnesia only the next
// start shows it.
func TestAmnesia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vattest.New(t, tallyKind)
		for i := range 3 {
			if kept, hidden := add(t, root(t, m), 1); kept != i+1 || hidden != 1 {
				t.Errorf("with amnesia %d, and %d of what is hidden; want %d and 1", kept, hidden, i+1)
			}
		}
		m.Config.Amnesia = false
		m.Restart()
		for i := range 3 {
			if kept, hidden := add(t, root(t, m), 1); kept != i+4 || hidden != i+1 {
				t.Errorf("without amnesia %d, and %d of what is hidden; want %d and %d", kept, hidden, i+4, i+1)
			}
		}
	})
}

// A crash loses what the disk had not, and only that; a restart loses nothing.
func TestCrash(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		crash bool
		want  int
	}{
		{900 * time.Millisecond, true, 0},
		{1100 * time.Millisecond, true, 1},
		{1900 * time.Millisecond, true, 1},
		{2100 * time.Millisecond, true, 11},
		{100 * time.Millisecond, false, 11},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := vattest.New(t, tallyKind)
			r := root(t, m)
			synctest.Wait()
			m.SlowDisk(time.Second)
			before := m.Writes()
			one := r.Send(t.Context(), "add", 1) // is written in the first second
			synctest.Wait()
			ten := r.Send(t.Context(), "add", 10) // in the second
			time.Sleep(c.after)
			synctest.Wait()
			if n := m.Writes() - before; c.crash && n != 1+int(c.after/time.Second) && c.after < 2*time.Second {
				t.Errorf("after %v %d writes", c.after, n)
			}
			m.SlowDisk(0)
			if c.crash {
				m.Crash()
			} else {
				m.Restart()
			}
			if kept, _ := add(t, root(t, m), 0); kept != c.want {
				t.Errorf("after %v (crash: %v) there is %d, want %d", c.after, c.crash, kept, c.want)
			}
			// Who waited has heard of what was written, and of nothing else.
			_, err1 := vat.Result[[]int](one).Await(t.Context())
			_, err2 := vat.Result[[]int](ten).Await(t.Context())
			if (err1 == nil) != (c.want >= 1) || (err2 == nil) != (c.want == 11) {
				t.Errorf("after %v: %v, %v, and %d was written", c.after, err1, err2, c.want)
			}
		})
	}
}

// The n-th write fails and the vats stop; the next process has what was written before.
func TestFailWrite(t *testing.T) {
	for n := 1; n <= 4; n++ {
		synctest.Test(t, func(t *testing.T) {
			m := vattest.New(t, tallyKind)
			r := root(t, m)
			m.FailWrite(n)
			done := 0
			for range 3 {
				if _, err := vat.Result[[]int](r.Send(t.Context(), "add", 1)).Await(t.Context()); err != nil {
					break
				}
				done++
			}
			if want := min(n-1, 3); done != want {
				t.Errorf("the write number %d fails: %d were done, want %d", n, done, want)
			}
			if err := m.Depot().Err(); errors.Is(err, vattest.ErrDisk) != (n <= 3) {
				t.Errorf("the write number %d fails: %v", n, err)
			}
			m.Restart()
			if kept, _ := add(t, root(t, m), 0); kept != done {
				t.Errorf("there is %d, want %d", kept, done)
			}
		})
	}
}

// While no process runs time goes on.
func TestAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vattest.New(t, tallyKind)
		if _, err := vat.Result[vat.Timer](root(t, m).Send(t.Context(), "later")).Await(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.Kill()
		m.Kill()
		m.Stop()
		time.Sleep(2 * time.Hour)
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if kept, _ := add(t, root(t, m), 0); kept != 1000 {
			t.Errorf("there is %d, want 1000: it was due an hour ago", kept)
		}
		if err := m.Start(); err == nil {
			t.Error("it was started twice")
		}
	})
}

// Another version of the program is other Kinds; what it refuses leaves the machine stopped.
func TestUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vattest.New(t, tallyKind)
		add(t, root(t, m), 7)
		m.Stop()
		boom := errors.New("boom")
		m.Config.Kinds = []vat.Kind{tallyKind.Upgraded(func(passable.Struct) (passable.Struct, error) { return nil, boom })}
		if err := m.Start(); !errors.Is(err, vat.ErrUpgrade) || !errors.Is(err, boom) {
			t.Error(err)
		}
		m.Config.Kinds = []vat.Kind{tallyKind.Upgraded(func(s passable.Struct) (passable.Struct, error) { return s.With("kept", int64(70)), nil })}
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
		if kept, _ := add(t, root(t, m), 0); kept != 70 {
			t.Errorf("there is %d, want 70", kept)
		}
	})
}

// A machine without a test says what is wrong by a panic.
func TestWithoutTest(t *testing.T) {
	m := vattest.New(nil, tallyKind)
	m.Stop()
	defer func() {
		if err, _ := recover().(error); err == nil || err.Error() != "vattest: no process runs: call Start" {
			t.Errorf("panicked with %v", err)
		}
	}()
	m.Vat("v")
}
