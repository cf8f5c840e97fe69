package link_test

import (
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/store/memory"
)

// TestAnyScheduleOfProcesses draws what is written, when links come to outlive their processes, when processes are killed, end
// in order and start again, how slow their disks are, and what the network does meanwhile. At the end both are there
// and the network is whole: everything has arrived once and in order at who has kept the link, or the link has ended.
func TestAnyScheduleOfProcesses(t *testing.T) { anySchedule(t) }

// TestAnyScheduleWithMail is the same with letters that carry frames between the two, or not, late, again, and out of order,
// whether there is a connection or not.
func TestAnyScheduleWithMail(t *testing.T) {
	anySchedule(t, "post", "post", "post", "deliver", "deliver", "deliver", "deliver")
}

func anySchedule(t *testing.T, more ...string) {
	rapid.Check(t, func(r *rapid.T) {
		plan := rapid.SliceOfN(rapid.SampledFrom(append(more,
			"write", "write", "write", "much", "last", "kill", "kill", "stop", "start", "start", "lose", "lose silently", "cut", "heal", "moment", "moment", "second", "slow", "fast",
		)), 5, 60).Draw(r, "plan")
		sides := rapid.SliceOfN(rapid.Bool(), len(plan), len(plan)).Draw(r, "sides")
		counts := rapid.SliceOfN(rapid.IntRange(1, 40), len(plan), len(plan)).Draw(r, "counts")
		first := rapid.SampledFrom([]string{"both", "a", "b", "none"}).Draw(r, "last at first")
		seed := rapid.Uint64().Draw(r, "seed")
		synctest.Test(t, func(t *testing.T) {
			w := mem.New(&mem.Config{Seed: seed, Delay: 3 * time.Millisecond, Jitter: 2 * time.Millisecond, Timeout: time.Second})
			a := &node{t: t, net: w, name: "a", dir: new(memory.Backend)}
			b := &node{t: t, net: w, name: "b", dir: new(memory.Backend)}
			mail := len(more) > 0
			a.mail, b.mail = mail, mail
			letters := map[*node][]sealed{} // to a node
			a.start()
			b.start()
			actors := map[*node]*actor{a: a.dial(b)}
			actors[b] = <-b.accepted
			written := map[*node]int{a: 1, b: 1}
			write := func(n *node, count int) {
				written[n] += count
				if c := actors[n]; c != nil {
					_ = c.write(written[n])
				}
			}
			write(a, 1)
			write(b, 1)
			time.Sleep(time.Second)
			if first == "both" || first == "a" {
				last(t, actors[a])
			}
			if first == "both" || first == "b" {
				last(t, actors[b])
			}
			up := map[*node]bool{a: true, b: true}
			start := func(n *node) {
				if up[n] {
					return
				}
				n.start()
				up[n], actors[n] = true, nil
				if len(n.kept) > 0 {
					actors[n] = n.kept[0]
				}
			}
			for i, step := range plan {
				n, other := a, b
				if sides[i] {
					n, other = b, a
				}
				switch step {
				case "write":
					write(n, counts[i])
				case "much": // more than a link has in memory
					write(n, 10*counts[i])
				case "post":
					if up[n] {
						letters[other] = append(letters[other], n.desk.seal(counts[i])...)
					}
				case "deliver":
					if all := letters[n]; up[n] && len(all) > 0 {
						at := counts[i] % len(all)
						n.desk.open(all[at])
						if counts[i]%5 > 0 {
							letters[n] = slices.Delete(all, at, at+1)
						}
					}
				case "last":
					if c := actors[n]; c != nil && up[n] {
						_ = c.last() // it may have ended
					}
				case "kill", "stop":
					if !up[n] {
						break
					}
					if up[n] = false; step == "kill" {
						n.kill()
					} else {
						n.stop()
					}
				case "start":
					start(n)
				case "lose":
					w.Lose(n.host, other.host)
				case "lose silently":
					w.LoseSilently(n.host, other.host)
				case "cut":
					w.Partition(n.host, other.host)
				case "heal":
					w.Heal(n.host, other.host)
				case "moment":
					time.Sleep(time.Duration(counts[i]) * 300 * time.Microsecond)
				case "second":
					time.Sleep(time.Duration(counts[i]) * 100 * time.Millisecond)
				case "slow":
					n.process.slow.Store(int64(counts[i]) * int64(3*time.Millisecond))
				case "fast":
					n.process.slow.Store(0)
				}
			}
			for _, n := range []*node{a, b} {
				n.process.slow.Store(0)
				start(n)
			}
			w.Heal(a.host, b.host)
			for _, ah := range a.hosts {
				for _, bh := range b.hosts {
					w.Lose(ah, bh) // an end that has not noticed would in time
				}
			}
			for _, n := range []*node{a, b} {
				other := a
				if n == a {
					other = b
				}
				c := actors[n]
				switch {
				case c == nil: // it was not to last, or that was not on the disk
				case actors[other] == nil:
					c.over(t, net.ErrClosed)
				default:
					if err := c.write(written[n]); err != nil {
						t.Error(err)
					}
					if err := actors[other].await(written[n]); err != nil {
						t.Error(err)
					}
				}
			}
			a.stop()
			b.stop()
			w.Close()
		})
		if t.Failed() {
			r.FailNow()
		}
	})
}
