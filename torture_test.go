package hawser_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/bolt"
	"github.com/hawser-go/hawser/vat"
)

var (
	deaths = flag.Int("deaths", 9, "how often TestThreeProcesses has one of its processes end")
	seed   = flag.Uint64("seed", 0, "what TestThreeProcesses draws the ends of its processes from; 0 for any")
)

// Accounts in three processes move money between each other, and objects, over real sockets, while the processes are killed: from outside
// at random, and by themselves before, within and after writes to their stores; and while disks are full. What there is stays
// exact, each transfer is done once, in order, and each that wanted to be told was. Objects are there for as long as somebody holds them.
// Then two of the processes speak by way of the third, about money alone.
func TestThreeProcesses(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Run("each with each", func(t *testing.T) { play(t, *deaths, true) })
	t.Run("by way of one", func(t *testing.T) { play(t, *deaths/3, false) })
}

func play(t *testing.T, deaths int, near bool) {
	t.Logf("seed %d", *seed)
	x := &torture{t: t, random: rand.New(rand.NewPCG(*seed, 0)), ends: make(map[string]int)}
	for range 3 {
		c := &trader{t: t, dir: t.TempDir(), near: near}
		t.Cleanup(c.kill)
		c.start()
		x.all = append(x.all, c)
	}
	if got := x.all[0].tell("meet " + x.all[1].home + " " + x.all[2].home); got != "met" {
		t.Fatal(got)
	}
	for _, c := range x.all { // each speaks to each: what was handed over is there
		c.tell("step")
	}
	balanced(t, x.all)
	for x.died < deaths {
		x.round()
	}
	for _, c := range x.all {
		if c.cmd != nil && c.fate.End != "" {
			x.kill(c)
		}
		if c.cmd == nil {
			c.start()
		}
	}
	balanced(t, x.all)
	for _, c := range x.all {
		c.tell("visit")
	}
	balanced(t, x.all)
	x.summary()
	for _, c := range x.all {
		if got := c.tell("close"); got != "done" {
			t.Errorf("it closed with %s", got)
		}
		if err := c.cmd.Wait(); err != nil {
			t.Error(err)
		}
		c.cmd = nil
		x.sound(c)
	}
}

// torture is a test in progress.
type torture struct {
	t       *testing.T
	all     []*trader
	random  *rand.Rand
	died    int
	ends    map[string]int
	written int // of those that died within a write, how many had written it
}

// round has those that run do something, ends some, and starts others.
func (x *torture) round() {
	for _, c := range x.all {
		if c.cmd != nil {
			x.step(c)
		}
	}
	time.Sleep(time.Duration(x.random.IntN(150)) * time.Millisecond)
	for range x.random.IntN(3) {
		if c := x.all[x.random.IntN(3)]; c.cmd != nil && x.random.IntN(3) == 0 {
			x.kill(c)
		}
	}
	for _, c := range x.all {
		if c.cmd == nil && x.random.IntN(3) > 0 {
			x.start(c)
		}
	}
}

// start starts c, which may not get far.
func (x *torture) start(c *trader) {
	x.t.Helper()
	var f fate
	if x.random.IntN(4) > 0 {
		f = fate{
			End: ends[x.random.IntN(len(ends))], Write: int(math.Exp(x.random.Float64() * math.Log(300))), Slow: x.random.IntN(2) * x.random.IntN(200),
			Share: x.random.Float64(), Mark: uint64(x.random.Uint32()) << 20,
		}
	}
	if err := c.launch(f); err != nil {
		x.ended(c, err)
	}
}

// step has c do something, and finds out if it has come to its end, or its durable vats have.
func (x *torture) step(c *trader) {
	x.t.Helper()
	switch answer, err := c.ask("step"); {
	case err != nil:
		x.ended(c, err)
	case answer == "stopped":
		if x.random.IntN(2) == 0 { // it goes on for a while, with vats that have stopped
			time.Sleep(time.Duration(x.random.IntN(50)) * time.Millisecond)
		}
		if x.random.IntN(2) == 0 {
			if answer := c.tell("close"); !strings.Contains(answer, errDiskFull.Error()) {
				x.t.Errorf("it closed with %s, its disk being full", answer)
			}
		} else {
			_ = c.cmd.Process.Kill()
		}
		x.ended(c, nil)
	case answer != "done":
		x.t.Error(answer)
	}
}

// kill ends c from outside.
func (x *torture) kill(c *trader) {
	c.kill()
	x.count(c, fromOutside)
	x.sound(c)
}

// ended waits for c, which should have come to its end, and looks at what is left.
func (x *torture) ended(c *trader, why error) {
	x.t.Helper()
	_ = c.cmd.Wait()
	state := c.cmd.ProcessState
	c.kill()
	mark, err := os.ReadFile(filepath.Join(c.dir, markFile))
	if dies := strings.HasPrefix(c.fate.End, "killed"); err != nil || dies && state.Success() || state.ExitCode() > 1 {
		x.t.Fatalf("it ended with %v, %v, and was to be %q: %v", state, why, c.fate.End, err)
	}
	x.count(c, c.fate.End)
	found := x.sound(c)
	if c.fate.End == withinWrite && found == string(mark) {
		x.written++
	}
	if want := c.fate.End == afterWrite || c.fate.End == refusedWritten; c.fate.End != withinWrite && (found == string(mark)) != want {
		x.t.Fatalf("%s: the write is there: %v", c.fate.End, !want)
	}
}

func (x *torture) count(c *trader, end string) {
	x.died++
	x.ends[end]++
	_ = os.Remove(filepath.Join(c.dir, markFile))
}

// summary says what has happened.
func (x *torture) summary() {
	for _, end := range slices.Sorted(maps.Keys(x.ends)) {
		x.t.Logf("%4d %s", x.ends[end], end)
	}
	x.t.Logf("%4d of those within a write had written it", x.written)
	var moved, made int64
	held := 0
	for _, c := range x.all {
		r := c.state()
		made += r.Made
		held += len(r.Parcels)
		for _, n := range r.Sent {
			moved += n
		}
	}
	x.t.Logf("%d transfers, %d objects made, %d held, no other stored", moved, made, held)
}

// sound looks through the store of a process that has ended, and returns the mark of the last write that was to be its end.
func (x *torture) sound(c *trader) (mark string) {
	x.t.Helper()
	if err := bolt.Check(filepath.Join(c.dir, "store.db"), func(r store.Reader) error {
		mark = string(r.Get(markBucket, []byte(markFile)))
		_, err := vat.CheckDepot(r)
		sessions, bad := captp.StoredSessions(r)
		links, worse := link.StoredLinks(r)
		if len(sessions) != len(links) {
			err = errors.Join(err, fmt.Errorf("%d sessions and %d links", len(sessions), len(links)))
		}
		return errors.Join(err, bad, worse)
	}); err != nil {
		x.t.Fatal(err)
	}
	return mark
}

// balanced waits until everything is done.
func balanced(t *testing.T, all []*trader) {
	t.Helper()
	wrong := errors.New("nothing was looked at")
	for end := time.Now().Add(time.Minute); wrong != nil && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		wrong = settled(t, all)
	}
	if wrong != nil {
		t.Fatal(wrong)
	}
}

// settled says what is not as it should be when everything is done.
func settled(t *testing.T, all []*trader) error {
	t.Helper()
	sum, moved := int64(0), int64(0)
	sent, seen := make(map[string]int64), make(map[string]int64)
	stored := make(map[string]int)
	holders := make(map[string]map[string]bool) // of each maker: the parcels that somebody holds
	for _, c := range all {
		holders[c.dir] = make(map[string]bool)
	}
	for _, c := range all {
		r := c.state()
		if len(r.Wrong) > 0 {
			t.Fatalf("%d of %d are wrong, as %q", len(r.Wrong), r.Asked, r.Wrong[:min(len(r.Wrong), 5)])
		}
		if r.Asked != r.Told {
			return fmt.Errorf("asked %d, told %d", r.Asked, r.Told)
		}
		sum += r.Balance
		for name, n := range r.Sent {
			sent[name] += n
			moved += n
		}
		for name, n := range r.Seen {
			seen[name] += n
		}
		for _, name := range r.Parcels {
			maker, _, _ := strings.Cut(name, "#")
			holders[maker][name] = true
		}
		stored[c.dir] = r.Stored
	}
	if sum != 0 || moved == 0 {
		return fmt.Errorf("there are %d more than there were, after %d transfers", sum, moved)
	}
	for name, n := range sent {
		if seen[name] != n {
			return fmt.Errorf("%s: %d sent, %d seen", name, n, seen[name])
		}
	}
	for maker, n := range stored {
		if len(holders[maker]) != n {
			return fmt.Errorf("%s: %d parcels in the store, %d held", maker, n, len(holders[maker]))
		}
	}
	return nil
}

// state returns what a child says of itself.
func (c *trader) state() (r report) {
	c.t.Helper()
	line := c.tell("report")
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		c.t.Fatalf("%s: %v", line, err)
	}
	return r
}
