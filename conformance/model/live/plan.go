package live

import (
	"fmt"
	"strings"
	"time"

	"github.com/hawser-go/hawser/conformance/model"
)

// StepKind says what a step of a plan is.
type StepKind uint8

// The kinds of steps.
const (
	Send   StepKind = iota // the next message of a sender
	Happen                 // an event
	Lose                   // a loss
)

// Step is something that is done, and how long to wait afterwards. Index counts the scenario's senders, events or losses.
type Step struct {
	Kind  StepKind
	Index int
	Pause time.Duration
}

// Plan is one way in which a scenario can go.
type Plan struct {
	// Delays are how long messages take from one peer to another.
	Delays map[[2]model.Peer]time.Duration
	Steps  []Step
}

// Choices are what plans are made of.
type Choices struct {
	// Delays are those that a connection may have, one for each direction, and Pauses those between two steps.
	Delays, Pauses []time.Duration
	// Links are the directions whose delay is chosen.
	Links [][2]model.Peer
}

// Links are the directions between peers that hold references to each other at the start.
func Links(sc *model.Scenario) (links [][2]model.Peer) {
	return linksWhere(sc, func(x, y model.Peer) bool {
		for _, r := range sc.Refs[x] {
			if (r.Kind == model.RemotePromise || r.Kind == model.RemoteTarget) && r.Peer == y {
				return true
			}
		}
		return false
	})
}

// AllLinks are the directions between any two peers.
func AllLinks(sc *model.Scenario) [][2]model.Peer {
	return linksWhere(sc, func(_, _ model.Peer) bool { return true })
}

func linksWhere(sc *model.Scenario, linked func(x, y model.Peer) bool) (links [][2]model.Peer) {
	for x := range model.Peer(sc.Peers) {
		for y := range x {
			if linked(x, y) || linked(y, x) {
				links = append(links, [2]model.Peer{x, y}, [2]model.Peer{y, x})
			}
		}
	}
	return links
}

// Make makes a plan. choose(n) returns a number below n; with the same numbers the plan is the same.
func (c Choices) Make(sc *model.Scenario, choose func(n int) int) Plan {
	plan := Plan{Delays: make(map[[2]model.Peer]time.Duration)}
	for _, link := range c.Links {
		plan.Delays[link] = c.Delays[choose(len(c.Delays))]
	}
	var left []Step // with Pause as the number of times, until it is done
	for i, s := range sc.Senders {
		left = append(left, Step{Send, i, time.Duration(s.Count)})
	}
	for i := range sc.Events {
		left = append(left, Step{Happen, i, 1})
	}
	if sc.MaxLosses > 0 {
		left = append(left, Step{Lose, choose(len(sc.Losses)), 1})
	}
	for len(left) > 0 {
		i := choose(len(left))
		plan.Steps = append(plan.Steps, Step{left[i].Kind, left[i].Index, 0})
		if left[i].Pause--; left[i].Pause == 0 {
			left = append(left[:i], left[i+1:]...)
		}
		if len(left) > 0 {
			plan.Steps[len(plan.Steps)-1].Pause = c.Pauses[choose(len(c.Pauses))]
		}
	}
	return plan
}

func (p Plan) String() string {
	var b strings.Builder
	for _, st := range p.Steps {
		fmt.Fprintf(&b, "%s %d, wait %v; ", [...]string{"send", "event", "lose"}[st.Kind], st.Index, st.Pause)
	}
	return fmt.Sprintf("%sdelays %v", b.String(), p.Delays)
}

// All calls fn with every sequence of choices there is, until it returns false, and returns how many that were.
func All(fn func(choose func(n int) int) bool) (runs int) {
	var taken, width []int
	for {
		at := 0
		more := fn(func(n int) int {
			if at == len(taken) {
				taken, width = append(taken, 0), append(width, n)
			}
			at++
			return taken[at-1]
		})
		runs++
		taken, width = taken[:at], width[:at]
		for len(taken) > 0 && taken[len(taken)-1] == width[len(width)-1]-1 {
			taken, width = taken[:len(taken)-1], width[:len(width)-1]
		}
		if len(taken) == 0 || !more {
			return runs
		}
		taken[len(taken)-1]++
	}
}
