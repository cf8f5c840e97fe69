package model

import (
	"fmt"
	"strings"
)

// Result is what a search has found.
type Result struct {
	// States is how many different states can be reached, Transitions how many steps between them there are, Depth how many
	// steps the longest of the shortest ways to a state takes, Ends in how many states nothing can happen any more.
	States, Transitions, Depth, Ends int
	// Complete is false when the search stopped early: at a violation, or at its limit.
	Complete bool
	// Violation is the invariant that was broken, with the reason; empty if none was.
	Violation string
	// Trace is what happened on a shortest way to the violation, a line each.
	Trace []string
}

// Invariant is the name of the invariant that was broken, "" if none was.
func (r *Result) Invariant() string {
	name, _, _ := strings.Cut(r.Violation, ":")
	return name
}

func (r *Result) String() string {
	switch {
	case r.Violation != "":
		return fmt.Sprintf("%s after %d steps (%d states, %d transitions)", r.Invariant(), len(r.Trace), r.States, r.Transitions)
	case !r.Complete:
		return fmt.Sprintf("not finished after %d states", r.States)
	}
	return fmt.Sprintf("ok (%d states, %d transitions, depth %d, %d ends)", r.States, r.Transitions, r.Depth, r.Ends)
}

// Check visits every state that the scenario can reach when its peers follow the policy, breadth first, so that a
// counterexample is as short as can be. It visits at most limit states. The order of the search is fixed: the same question
// has the same answer, to the last number.
func Check(scenario *Scenario, policy Policy, limit int) *Result {
	sc := *scenario
	sc.policy = policy
	c := &checker{sc: &sc, seen: make(map[key]int32)}
	res := &c.res
	c.visit(sc.start(), -1, 0)
	var steps []step
	for len(c.queue) > 0 {
		now := c.queue[0]
		c.queue[0] = item{}
		c.queue = c.queue[1:]
		res.Depth = now.depth
		steps = sc.steps(now.s, steps[:0])
		if len(steps) == 0 {
			res.Ends++
			if res.Violation = sc.stuck(now.s); res.Violation != "" {
				res.Trace = c.trace(now.n)
				return res
			}
		}
		for i, st := range steps {
			res.Transitions++
			next := sc.apply(now.s, st)
			if next.bad != "" {
				res.Violation = next.bad
				res.Trace = append(c.trace(now.n), sc.describeStep(now.s, st))
				return res
			}
			to := c.visit(next, now.n, i)
			c.froms, c.tos = append(c.froms, now.n), append(c.tos, to)
			if len(c.came) > limit {
				return res
			}
		}
	}
	if c.circular() {
		res.Violation = "EveryRunEnds: a run can go on for ever"
		return res
	}
	res.Complete = true
	return res
}

type item struct {
	s     *state
	n     int32
	depth int
}

// origin is how a state was first reached.
type origin struct {
	from int32
	step int32
}

type checker struct {
	sc         *Scenario
	res        Result
	seen       map[key]int32
	came       []origin
	queue      []item
	froms, tos []int32
	depths     []int32
	buf        []byte
}

// visit returns the number of a state, and has it looked at if it is new.
func (c *checker) visit(s *state, from int32, step int) int32 {
	var k key
	k, c.buf = s.key(c.buf)
	if n, ok := c.seen[k]; ok {
		return n
	}
	n, depth := int32(len(c.came)), 0
	if from >= 0 {
		depth = int(c.depths[from]) + 1
	}
	c.seen[k] = n
	c.came = append(c.came, origin{from, int32(step)})
	c.depths = append(c.depths, int32(depth))
	c.queue = append(c.queue, item{s, n, depth})
	c.res.States++
	return n
}

// trace goes the way to a state once more and says what happens.
func (c *checker) trace(n int32) []string {
	var way []int32
	for ; c.came[n].from >= 0; n = c.came[n].from {
		way = append(way, c.came[n].step)
	}
	s := c.sc.start()
	var lines []string
	for i := len(way) - 1; i >= 0; i-- {
		st := c.sc.steps(s, nil)[way[i]]
		lines = append(lines, c.sc.describeStep(s, st))
		s = c.sc.apply(s, st)
	}
	return lines
}

// circular reports whether any state can be reached from itself: then a run need not end, and that no end is bad says
// little.
func (c *checker) circular() bool {
	degree := make([]int32, len(c.came))
	start := make([]int32, len(c.came)+1)
	for i := range c.froms {
		degree[c.tos[i]]++
		start[c.froms[i]+1]++
	}
	for i := range c.came {
		start[i+1] += start[i]
	}
	// States are expanded in the order of their numbers, so the transitions are sorted by where they come from.
	free := make([]int32, 0, len(c.came))
	for n := range c.came {
		if degree[n] == 0 {
			free = append(free, int32(n))
		}
	}
	for i := 0; i < len(free); i++ {
		for _, to := range c.tos[start[free[i]]:start[free[i]+1]] {
			if degree[to]--; degree[to] == 0 {
				free = append(free, to)
			}
		}
	}
	return len(free) < len(c.came)
}
