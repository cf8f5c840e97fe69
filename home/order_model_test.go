package home_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/conformance/model"
	"github.com/hawser-go/hawser/conformance/model/live"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// The scenarios of the exhaustive model, played on Homes: references to what a third peer hosts are handed off.

// players are Homes on a simulated network, each with a counter where the others get what it offers.
type players struct {
	net     *mem.Network
	homes   []*home.Home
	hosts   []*mem.Host
	vats    [][]*vat.Vat
	objects []map[string]vat.Ref
	tables  []sturdyref.Ref
	reached map[[2]model.Peer]vat.Ref
	ids     []sturdyref.Identity
}

// cast is who plays: identities are made once.
var cast = func() (ids []sturdyref.Identity) {
	for range 4 {
		id, err := sturdyref.GenerateIdentity(time.Now())
		if err != nil {
			panic(err)
		}
		ids = append(ids, id)
	}
	return ids
}()

// feature says what a peer is able to do; none of them is a peer of another make.
type feature uint8

const (
	moves feature = 1 << iota
	relays
	every = moves | relays
)

func stage(ctx context.Context, net *mem.Network, sc *model.Scenario, able func(model.Peer) feature, log hclog.Logger) (*players, error) {
	p := &players{net: net, reached: make(map[[2]model.Peer]vat.Ref), ids: cast}
	for i := range sc.Peers {
		name := model.Peer(i).String()
		log := log.Named(name)
		var vats []*vat.Vat
		for range 3 {
			vats = append(vats, vat.New(&vat.Config{Name: fmt.Sprint(name, len(vats)), Logger: log}))
		}
		features := []string{home.FeatureFetchProof}
		if able(model.Peer(i))&moves != 0 {
			features = append(features, captp.FeatureMovesQueues)
		}
		if able(model.Peer(i))&relays != 0 {
			features = append(features, captp.FeatureRelaysGifts)
		}
		own := vat.New(&vat.Config{Name: name, Logger: log})
		var host *mem.Host
		h, err := home.New(home.Config{Identity: p.ids[i], Vat: own, LazyRelease: true, Logger: log}, func(door netlayer.Doorkeeper) ([]home.Layer, error) {
			host = net.Host(mem.HostConfig{Addr: name, Static: p.ids[i].Public().Static, Doorkeeper: door, Features: features})
			layer := &counted{Netlayer: host, connect: func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
				if p.apart(sc, model.Peer(i), d.Peer) {
					return nil, netlayer.ErrUnreachable
				}
				return next(ctx, d)
			}}
			return []home.Layer{{Netlayer: layer}}, nil
		})
		if err != nil {
			return p, err
		}
		objects := make(map[string]vat.Ref)
		counter, err := vat.Do(ctx, vats[0], func(ctx context.Context) (vat.Ref, error) {
			return vat.Func(ctx, func(name string) vat.Ref { return objects[name] }), nil
		})
		if err != nil {
			return p, err
		}
		s, err := h.Publish(ctx, "counter", counter)
		if err != nil {
			return p, err
		}
		p.homes, p.hosts, p.vats = append(p.homes, h), append(p.hosts, host), append(p.vats, append(vats, own))
		p.objects, p.tables = append(p.objects, objects), append(p.tables, s)
	}
	return p, nil
}

// apart reports whether the scenario has a peer not reach the one at a location.
func (p *players) apart(sc *model.Scenario, from model.Peer, to sturdyref.Peer) bool {
	for _, pair := range sc.Unreachable {
		if pair[0] == from && p.hosts[pair[1]].Location().ID() == to.ID() {
			return true
		}
	}
	return false
}

func (p *players) Vat(at model.Peer, n int) *vat.Vat { return p.vats[at][n] }

// Offer is called before anything is fetched.
func (p *players) Offer(at model.Peer, name string, ref vat.Ref) { p.objects[at][name] = ref }

func (p *players) Fetch(at, from model.Peer, name string) vat.Ref {
	pair := [2]model.Peer{at, from}
	if p.reached[pair].IsNull() {
		r, err := p.homes[at].Enliven(p.tables[from]).Await(context.Background())
		if err != nil {
			return vat.Broken(err)
		}
		p.reached[pair] = r
	}
	return p.reached[pair].Apply(context.Background(), name)
}

func (p *players) Lose(x, y model.Peer) { p.net.Lose(p.hosts[x], p.hosts[y]) }

func (p *players) SetDelay(from, to model.Peer, d time.Duration) {
	p.net.SetDelay(p.hosts[from], p.hosts[to], d, 0)
}

func (p *players) leave() error {
	var errs []error
	for i, h := range p.homes {
		errs = append(errs, h.Close())
		for _, v := range p.vats[i] {
			errs = append(errs, v.Close())
		}
	}
	p.net.Close()
	return errors.Join(errs...)
}

// perform plays one plan on fresh Homes, in virtual time.
func perform(t *testing.T, sc *model.Scenario, cfg *mem.Config, able func(model.Peer) feature, plan live.Plan) (err error) {
	synctest.Test(t, func(t *testing.T) {
		p, failed := stage(t.Context(), mem.New(cfg), sc, able, hclog.New(&hclog.LoggerOptions{Output: io.Discard, Level: hclog.Off}))
		if err = failed; err == nil {
			err = live.Play(t.Context(), p, sc, plan)
		}
		err = errors.Join(err, p.leave())
	})
	return err
}

func all(model.Peer) feature { return every }

func ms(list ...int) (d []time.Duration) {
	for _, n := range list {
		d = append(d, time.Duration(n)*time.Millisecond)
	}
	return d
}

// TestHandoffEverySchedule plays small scenarios of three peers in every order of sends, resolutions and losses, with
// every assignment of a short or a long delay to each direction of each connection.
func TestHandoffEverySchedule(t *testing.T) {
	const a, b, c = model.Peer(0), model.Peer(1), model.Peer(2)
	for _, sc := range []*model.Scenario{
		model.Chain("handoff", 2, b, c),
		model.Chain("3 parties", 1, b, c, c),
		model.Gifts()[0].With("a gift", func(sc *model.Scenario) {
			sc.Senders = []model.Sender{{Peer: b, Ref: 1, Count: 1}, {Peer: a, Ref: 8, Count: 1}}
		}),
		model.Chain("handoff", 1, b, c).LosingAny(),
	} {
		t.Run(sc.Name, func(t *testing.T) {
			choices := live.Choices{Delays: ms(1, 10), Pauses: ms(0, 4), Links: live.AllLinks(sc)}
			if sc.MaxLosses > 0 {
				choices.Links = live.Links(sc) // the others are not there before the handoff
			}
			number := 0
			runs := live.All(func(choose func(int) int) bool {
				plan := choices.Make(sc, choose)
				if number++; raceEnabled && number%8 != 0 { // all of them without the race detector
					return true
				}
				err := perform(t, sc, nil, all, plan)
				if err != nil {
					t.Errorf("%s\n%v", plan, err)
				}
				return err == nil
			})
			t.Logf("%d schedules", runs)
		})
	}
}

// TestHandoffAnySchedule plays any scenario with any delays, in any order, among peers of which some do not relay gifts, or
// cannot reach each other.
func TestHandoffAnySchedule(t *testing.T) {
	var scenarios []*model.Scenario
	scenarios = append(append(append(scenarios, model.Published()...), model.Senders()...), model.Gifts()...)
	for refs := 2; refs <= 4; refs++ {
		scenarios = append(scenarios, model.Topologies(refs, 4, 2)...)
	}
	for _, sc := range model.Mixed() {
		if len(sc.Unreachable) > 0 {
			scenarios = append(scenarios, sc)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		sc := scenarios[rapid.IntRange(0, len(scenarios)-1).Draw(rt, "scenario")]
		if rapid.IntRange(0, 2).Draw(rt, "whether a session is lost") == 0 {
			sc = sc.LosingAny()
		}
		var abilities [4]feature
		for i := range abilities {
			abilities[i] = rapid.SampledFrom([]feature{every, every, every, moves}).Draw(rt, "abilities")
			if len(sc.Unreachable) > 0 {
				abilities[i] = every // who cannot reach a host has nothing of it otherwise
			}
		}
		choices := live.Choices{Delays: ms(0, 1, 2, 5, 20, 50), Pauses: ms(0, 0, 1, 3, 10, 30, 200), Links: live.AllLinks(sc)}
		plan := choices.Make(sc, func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "choice") })
		cfg := &mem.Config{Seed: rapid.Uint64().Draw(rt, "seed"), Synchronous: rapid.Bool().Draw(rt, "synchronous")}
		if err := perform(t, sc, cfg, func(p model.Peer) feature { return abilities[p] }, plan); err != nil {
			rt.Fatalf("%s, %+v, abilities %v\n%s\n%v", sc.Name, *cfg, abilities, plan, err)
		}
	})
}
