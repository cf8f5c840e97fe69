package captp_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/conformance/model"
	"github.com/hawser-go/hawser/conformance/model/live"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/vat"
)

// The scenarios of the exhaustive model, played on sessions. Nobody hands anything off here: what is a third peer's is
// forwarded. Package home plays them with handoffs.

// players are nodes with a session between each two.
type players struct {
	w     *world
	nodes []*node
	vats  [][]*vat.Vat
	ends  map[[2]model.Peer]*end
}

// stage opens as many nodes as the scenario has. Those of which plain is true are of another make, which does not say
// that it moves queues.
func stage(w *world, sc *model.Scenario, plain func(model.Peer) bool) *players {
	p := &players{w: w, ends: make(map[[2]model.Peer]*end)}
	for i := range sc.Peers {
		w.features = []string{captp.FeatureMovesQueues}
		if plain != nil && plain(model.Peer(i)) {
			w.features = nil
		}
		n := w.node(model.Peer(i).String())
		n.realm = "one"
		p.nodes = append(p.nodes, n)
		vats := []*vat.Vat{n.vat}
		for _, s := range sc.Senders {
			for int(s.Peer) == i && len(vats) < 2+s.Vat {
				vats = append(vats, n.another(fmt.Sprint(len(vats))))
			}
		}
		p.vats = append(p.vats, vats)
		for j := range i {
			x, y := w.meet(n, p.nodes[j])
			p.ends[[2]model.Peer{model.Peer(i), model.Peer(j)}] = x
			p.ends[[2]model.Peer{model.Peer(j), model.Peer(i)}] = y
		}
	}
	return p
}

func (p *players) Vat(at model.Peer, n int) *vat.Vat             { return p.vats[at][n] }
func (p *players) Offer(at model.Peer, name string, ref vat.Ref) { p.nodes[at].offer(name, ref) }
func (p *players) Lose(x, y model.Peer)                          { p.w.net.Lose(p.nodes[x].host, p.nodes[y].host) }

func (p *players) SetDelay(from, to model.Peer, d time.Duration) {
	p.w.net.SetDelay(p.nodes[from].host, p.nodes[to].host, d, 0)
}

func (p *players) Fetch(at, from model.Peer, name string) vat.Ref {
	return p.ends[[2]model.Peer{at, from}].Bootstrap().Send(context.Background(), "fetch", name)
}

// perform plays one plan on fresh nodes, in virtual time.
func perform(t *testing.T, sc *model.Scenario, cfg *mem.Config, plain func(model.Peer) bool, plan live.Plan) (err error) {
	synctest.Test(t, func(t *testing.T) {
		all := &complaints{TB: t}
		w := newWorld(all, cfg)
		w.hasty, w.unaudited = true, true
		err = live.Play(context.Background(), stage(w, sc, plain), sc, plan)
		w.end()
		if err == nil && len(all.list) > 0 {
			err = fmt.Errorf("%q", all.list)
		}
	})
	return err
}

// TestOrderEverySchedule plays small scenarios in every order of sends, resolutions and losses, with every assignment of
// a short or a long delay to each direction of each connection.
func TestOrderEverySchedule(t *testing.T) {
	const a, b, c = model.Peer(0), model.Peer(1), model.Peer(2)
	for _, sc := range []*model.Scenario{
		model.Chain("same vat", 2, a, a, b),
		model.Chain("2 parties", 3, b, a),
		model.Chain("2 parties, promise", 2, b, a, b),
		model.Chain("forwarding", 3, b, c),
		model.Chain("forwarding, home again", 1, b, c, a),
		model.Chain("2 parties", 2, b, a).LosingAny(),
		model.Chain("forwarding", 1, b, c).LosingAny(),
	} {
		t.Run(sc.Name, func(t *testing.T) {
			choices := live.Choices{
				Delays: []time.Duration{time.Millisecond, 10 * time.Millisecond},
				Pauses: []time.Duration{0, 4 * time.Millisecond}, Links: live.Links(sc),
			}
			n := 0
			runs := live.All(func(choose func(int) int) bool {
				plan := choices.Make(sc, choose)
				if n++; raceEnabled && n%8 != 0 {
					return true // the detector takes its time
				}
				err := perform(t, sc, nil, nil, plan)
				if err != nil {
					t.Errorf("%s\n%v", plan, err)
				}
				return err == nil
			})
			t.Logf("%d schedules", runs)
		})
	}
}

// modelScenarios are those that need no handoff to be played.
func modelScenarios() (all []*model.Scenario) {
	all = append(append(append(all, model.Published()...), model.Senders()...), model.Gifts()...)
	for refs := 2; refs <= 4; refs++ {
		all = append(all, model.Topologies(refs, 4, 2)...)
	}
	return all
}

// TestOrderAnySchedule plays any scenario with any delays, in any order; where there are two peers, one or both may be of
// another make.
func TestOrderAnySchedule(t *testing.T) {
	scenarios := modelScenarios()
	rapid.Check(t, func(rt *rapid.T) {
		sc := scenarios[rapid.IntRange(0, len(scenarios)-1).Draw(rt, "scenario")]
		if rapid.IntRange(0, 2).Draw(rt, "whether a session is lost") == 0 {
			sc = sc.LosingAny()
		}
		plain := rapid.IntRange(0, 1<<sc.Peers-1).Draw(rt, "who does not move queues")
		if sc.Peers > 2 || rapid.Bool().Draw(rt, "everybody does") {
			plain = 0 // a peer between such peers tells of shorter ways than its messages take: docs/ordering.md, open
		}
		ms := func(list ...int) (d []time.Duration) {
			for _, n := range list {
				d = append(d, time.Duration(n)*time.Millisecond)
			}
			return d
		}
		choices := live.Choices{Delays: ms(0, 1, 2, 5, 20, 50), Pauses: ms(0, 0, 1, 3, 10, 30, 200), Links: live.AllLinks(sc)}
		plan := choices.Make(sc, func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") })
		cfg := &mem.Config{Seed: rapid.Uint64().Draw(rt, "seed"), Synchronous: rapid.Bool().Draw(rt, "synchronous")}
		if err := perform(t, sc, cfg, func(p model.Peer) bool { return plain&(1<<p) != 0 }, plan); err != nil {
			rt.Fatalf("%s, %+v, %b move no queues\n%s\n%v", sc.Name, *cfg, plain, plan, err)
		}
	})
}
