package home_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/vat"
)

var seedFlag = flag.Uint64("handoff-seed", 0, "the seed of TestHandoffTorture's only round; 0 for another each time")

var everyWrite = flag.Bool("every-write", false, "have sites die at each of their writes, not at some")

// dying runs a scene between three sites, the way it goes if one of them dies at each of its writes, and is started again after a while, one
// run for each. Then the scene says what is wrong, and nothing may be left.
func dying(t *testing.T, away time.Duration, scene func(a, b, c *site), wrong func(a, b, c *site) string) {
	t.Helper()
	stride := int64(32)
	if *everyWrite {
		stride = 1
	}
	for who := range 3 {
		for at := 1 + rand.Int64N(stride); ; at += stride {
			over := true // if it is not to be run
			t.Run(fmt.Sprintf("%c dies at %d", 'a'+who, at), func(t *testing.T) {
				sites(t, func(t *testing.T, a, b, c *site) {
					dies := []*site{a, b, c}[who]
					before := dies.disk.Writes.Load()
					dies.disk.DieAt.Store(before + at)
					scene(a, b, c)
					time.Sleep(200 * time.Millisecond)
					over = dies.disk.Writes.Load() < before+at
					dies.kill()
					time.Sleep(away)
					dies.start()
					time.Sleep(time.Hour)
					if bad := wrong(a, b, c); bad != "" {
						t.Error(bad)
					}
					// What a could not fetch while c was away, and b forwards, waits at c until it expires.
					may := func(bucket, row string) bool {
						return dies == c && (bucket == "gifts" || strings.HasPrefix(row, `"gift/`))
					}
					if what := leftBut(may, a, b, c); what != "" {
						t.Error(what)
					}
				})
			})
			if over || t.Failed() {
				break
			}
		}
	}
}

// handed says what is wrong after c was shown to a, unless nothing was.
func handed(a, _, c *site) string {
	if len(a.lines()) == 0 && len(c.lines()) == 0 && a.disk.DieAt.Load() == 0 {
		return "" // nobody was told that it would begin
	}
	bad := c.noted("2", "3", "4", "5", "6", "7")
	if told := a.lines(); !slices.Equal(slices.Sorted(slices.Values(told)), []string{"told 4", "told 6", "told 8"}) {
		bad += fmt.Sprintf("a: %q. ", told) // answers come by two ways, and in no order
	}
	return bad
}

// What b shows a of c is called once for each call, in order, whoever dies when.
func TestHandedWhoeverDies(t *testing.T) {
	for _, away := range []time.Duration{0, time.Second, 3 * 24 * time.Hour} {
		t.Run(away.String(), func(t *testing.T) {
			dying(t, away, func(a, _, _ *site) { _ = a.actor().SendOnly(context.Background(), "ask") }, handed)
		})
	}
}

// A promise of b's that turns out to be c's brings each call once, in order, whoever dies when.
func TestHopWhoeverDies(t *testing.T) {
	for _, away := range []time.Duration{0, 3 * 24 * time.Hour} {
		t.Run(away.String(), func(t *testing.T) {
			dying(t, away, func(a, _, _ *site) { _ = a.actor().SendOnly(context.Background(), "hop") }, handed)
		})
	}
}

// While the three die again and again, at any of their writes, b shows c to a many times, and each time a makes one call: what a was told that it would do is
// done, once, and a is told of it.
func TestHandoffTorture(t *testing.T) {
	rounds := 4
	if *everyWrite {
		rounds = 60
	}
	for round := range rounds {
		seed := rand.Uint64()
		if *seedFlag != 0 {
			seed = *seedFlag
		}
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 0))
			sites(t, func(t *testing.T, a, b, c *site) {
				all := []*site{a, b, c}
				var promised []int
				for n := range 30 {
					ctx, cancel := context.WithTimeout(context.Background(), time.Second)
					if r := a.actor(); !r.IsNull() {
						if _, err := vat.Result[any](r.Send(ctx, "askFor", n)).Await(ctx); err == nil {
							promised = append(promised, n)
						}
					}
					cancel()
					s := all[rng.IntN(3)]
					switch rng.IntN(4) {
					case 0:
						s.disk.DieAt.Store(s.disk.Writes.Load() + 1 + int64(rng.IntN(12)))
						time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond)
						s.crash()
					case 1:
						s.kill()
						time.Sleep(time.Duration(rng.IntN(3)) * time.Minute)
						s.start()
					case 2:
						time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond)
					}
				}
				for _, s := range all {
					s.crash()
				}
				time.Sleep(3 * time.Hour)
				var done, told []int
				for _, line := range c.lines() {
					n, err := strconv.Atoi(line)
					if err != nil {
						t.Errorf("c: %q", line)
					}
					done = append(done, n)
				}
				for _, line := range a.lines() {
					n, err := strconv.Atoi(strings.TrimPrefix(line, "told "))
					if err != nil {
						t.Errorf("a: %q", line)
					}
					told = append(told, n-1)
				}
				slices.Sort(done)
				slices.Sort(told)
				if !slices.Equal(done, told) || len(slices.Compact(slices.Clone(done))) != len(done) {
					t.Errorf("done %v, told %v", done, told)
				}
				for _, n := range promised {
					if !slices.Contains(done, n) {
						t.Errorf("%d was not done of %v", n, done)
					}
				}
				gifts := func(bucket, row string) bool { return bucket == "gifts" || strings.HasPrefix(row, `"gift/`) }
				if what := leftBut(gifts, a, b, c); what != "" {
					t.Error(what)
				}
				for _, row := range c.rows("gifts") {
					t.Log("c has a gift ", row)
				}
			})
		})
	}
}

// What is shown several times is withdrawn as often as it was deposited.
func TestHandedSeveralTimes(t *testing.T) {
	sites(t, func(t *testing.T, a, b, c *site) {
		_ = a.actor().SendOnly(context.Background(), "again", 5)
		time.Sleep(time.Hour)
		_ = a.actor().SendOnly(context.Background(), "again", 3)
		time.Sleep(time.Hour)
		if bad := handed(a, b, c); bad != "" {
			t.Error(bad)
		}
		if n := c.home.Gifts(); n != 0 {
			t.Errorf("%d gifts wait", n)
		}
		if what := left(a, b, c); what != "" {
			t.Error(what)
		}
	})
}

// Nobody dies.
func TestHandedLasting(t *testing.T) {
	for _, scene := range []string{"ask", "hop"} {
		sites(t, func(t *testing.T, a, b, c *site) {
			_ = a.actor().SendOnly(context.Background(), scene)
			time.Sleep(time.Hour)
			if bad := handed(a, b, c); bad != "" {
				t.Error(bad)
			}
			if what := left(a, b, c); what != "" {
				t.Error(what)
			}
		})
	}
}
