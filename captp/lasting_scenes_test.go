package captp_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/vat"
)

// player is a durable object for scenes.
type player struct {
	Next    vat.Ref
	Held    []vat.Ref
	Log     []string
	Pending []promise.Resolver[int]
}

type playerAPI interface {
	Link(next vat.Ref)
	Lines() []string
	Add(n int) int
	Told(o promise.Outcome[int])
	TellMe(ctx context.Context, r vat.Ref)
	Bag(ctx context.Context) []promise.Promise[int]
	AskBag(ctx context.Context)
	Bagged(ctx context.Context, o promise.Outcome[[]promise.Promise[int]])
	Decide(ctx context.Context)
	Drop()
	Introduce(ctx context.Context)
	Forward(ctx context.Context, who vat.Ref)
	Meet(ctx context.Context, who vat.Ref)
	Work(ctx context.Context, n int)
	Whom() vat.Ref
	Hop(ctx context.Context)
	Hopped(ctx context.Context, n int)
	Promise(ctx context.Context)
	Wait(ctx context.Context, q promise.Promise[int])
	Slow(ctx context.Context, n int) promise.Promise[int]
	Parts(ctx context.Context) parts
	AskParts(ctx context.Context)
}

// parts is an answer of which others take parts before they have it.
type parts struct {
	Who  vat.Ref
	List []int
}

var (
	playerFacet = vat.FacetOf[playerAPI]("player")
	playerKind  = vat.KindOf("player", func() *player { return new(player) }, playerFacet)
)

type playerRef struct{ vat.Ref }

func (r playerRef) Told(ctx context.Context, o promise.Outcome[int]) vat.Ref {
	return r.Send(ctx, "told", o)
}

func (r playerRef) Bagged(ctx context.Context, o promise.Outcome[[]promise.Promise[int]]) vat.Ref {
	return r.Send(ctx, "bagged", o)
}

func (p *player) Link(next vat.Ref) { p.Next = next }
func (p *player) Lines() []string   { return p.Log }
func (p *player) Drop()             { p.Next, p.Held = vat.Ref{}, nil }

func (p *player) Add(n int) int {
	p.Log = append(p.Log, fmt.Sprint(n))
	return n + 1
}

func (p *player) Told(o promise.Outcome[int]) {
	n, err := o.Get()
	if err != nil {
		p.Log = append(p.Log, err.Error())
		return
	}
	p.Log = append(p.Log, fmt.Sprintf("told %d", n))
}

// TellMe waits for what r becomes.
func (p *player) TellMe(ctx context.Context, r vat.Ref) {
	vat.WhenSettled(ctx, vat.Result[int](r), vat.As[playerRef](vat.Self(ctx)), playerRef.Told)
}

// Bag returns a promise in a list; Decide settles it.
func (p *player) Bag(ctx context.Context) []promise.Promise[int] {
	q, r := promise.New[int](ctx)
	p.Pending = append(p.Pending, r)
	vat.After(ctx, 40*time.Millisecond, vat.As[playerRef](vat.Self(ctx)), func(r playerRef, ctx context.Context) vat.Ref {
		return r.Send(ctx, "decide")
	})
	return []promise.Promise[int]{q}
}

func (p *player) Decide(ctx context.Context) {
	for i, r := range p.Pending {
		r.Fulfill(ctx, i+1)
	}
	p.Pending = nil
}

func (p *player) AskBag(ctx context.Context) {
	vat.WhenSettled(ctx, vat.Result[[]promise.Promise[int]](p.Next.Send(ctx, "bag")), vat.As[playerRef](vat.Self(ctx)), playerRef.Bagged)
}

func (p *player) Bagged(ctx context.Context, o promise.Outcome[[]promise.Promise[int]]) {
	list, err := o.Get()
	if err != nil {
		p.Log = append(p.Log, "bagged: "+err.Error())
		return
	}
	for _, q := range list {
		vat.WhenSettled(ctx, q, vat.As[playerRef](vat.Self(ctx)), playerRef.Told)
	}
}

// Introduce has b show this player to c, which asks it.
func (p *player) Introduce(ctx context.Context) {
	_ = p.Next.SendOnly(ctx, "forward", vat.Self(ctx))
}

func (p *player) Forward(ctx context.Context, who vat.Ref) {
	_ = p.Next.SendOnly(ctx, "meet", who)
}

func (p *player) Meet(ctx context.Context, who vat.Ref) {
	p.Held = []vat.Ref{who}
	p.Work(ctx, 1)
}

// Work asks who is held, three times.
func (p *player) Work(ctx context.Context, n int) {
	_ = p.Held[0].SendOnly(ctx, "add", 2*n)
	p.TellMe(ctx, p.Held[0].Send(ctx, "add", 2*n+1))
	if n < 3 {
		vat.After(ctx, 7*time.Millisecond, vat.As[playerRef](vat.Self(ctx)), func(r playerRef, ctx context.Context) vat.Ref {
			return r.Send(ctx, "work", n+1)
		})
	}
}

// Whom returns the next player.
func (p *player) Whom() vat.Ref { return p.Next }

// Hop sends to whom the next player knows, by way of the promise for it.
func (p *player) Hop(ctx context.Context) {
	p.Held = []vat.Ref{p.Next.Send(ctx, "whom")}
	p.Hopped(ctx, 1)
}

func (p *player) Hopped(ctx context.Context, n int) {
	p.TellMe(ctx, p.Held[0].Send(ctx, "add", n))
	if n < 4 {
		vat.After(ctx, 3*time.Millisecond, vat.As[playerRef](vat.Self(ctx)), func(r playerRef, ctx context.Context) vat.Ref {
			return r.Send(ctx, "hopped", n+1)
		})
	}
}

// Promise has the next one wait for what this one decides.
func (p *player) Promise(ctx context.Context) {
	_ = p.Next.SendOnly(ctx, "wait", p.Bag(ctx)[0])
}

func (p *player) Wait(ctx context.Context, q promise.Promise[int]) {
	vat.WhenSettled(ctx, q, vat.As[playerRef](vat.Self(ctx)), playerRef.Told)
}

func (p *player) Slow(ctx context.Context, n int) promise.Promise[int] { return p.Bag(ctx)[0] }

func (p *player) Parts(ctx context.Context) parts {
	return parts{Who: vat.Self(ctx), List: []int{7, 8}}
}

// AskParts takes parts of an answer, and speaks to one.
func (p *player) AskParts(ctx context.Context) {
	all := p.Next.Send(ctx, "parts")
	who := all.Field(ctx, "who")
	p.TellMe(ctx, who.Send(ctx, "add", 1))
	p.TellMe(ctx, all.Field(ctx, "list").Index(ctx, 1))
	p.TellMe(ctx, who.Send(ctx, "add", 2))
}

// player returns the machine's player, which peers can fetch from now on.
func (m *machine) player() vat.Ref {
	m.t.Helper()
	r := m.playerNow()
	if r.IsNull() {
		m.t.Fatal(m.depot.Err())
	}
	return r
}

// playerNow is player, but null when the disk has failed.
func (m *machine) playerNow() vat.Ref {
	v, err := m.depot.Vat("v")
	if err != nil {
		return vat.Ref{}
	}
	r, err := vat.Root(context.Background(), v, "player", func(ctx context.Context) (playerRef, error) {
		return playerRef{playerFacet.Spawn(ctx, new(player))}, nil
	})
	if err != nil {
		return vat.Ref{}
	}
	m.show("player", r.Ref)
	return r.Ref
}

// play runs a scene between three machines, whose players know the next one: a knows b, b knows c, c knows b, the way it goes if one of them dies at each of its writes, one
// run for each. Then the scene says what is wrong, and nothing may be left when the players have let go of each other. Only with more
// -rounds than usual it is each of them, else one of several, that chance chooses.
func play(t *testing.T, scene func(a, b, c *machine), wrong func(a, b, c *machine) string) {
	t.Helper()
	for who := range 3 {
		for at := 1 + rand.Int64N(stride()); ; at += stride() {
			over := false
			t.Run(fmt.Sprintf("%c dies at %d", 'a'+who, at), func(t *testing.T) {
				trio(t, func(a, b, c *machine) {
					dies := []*machine{a, b, c}[who]
					before := dies.disk.Writes.Load()
					dies.disk.DieAt.Store(before + at)
					scene(a, b, c)
					time.Sleep(100 * time.Millisecond)
					over = dies.disk.Writes.Load() < before+at
					dies.crash()
					time.Sleep(time.Hour)
					a.player()
					b.player()
					c.player()
					if bad := wrong(a, b, c); bad != "" {
						t.Error(bad)
					}
					nothingLeft(t, a, b, c)
				})
			})
			if over || t.Failed() {
				break
			}
		}
	}
}

// stride is how far apart the writes are at which play has a machine die.
func stride() int64 {
	if *rounds > usualRounds {
		return 1
	}
	return 64
}

// trio runs a test with three machines in a bubble.
func trio(t *testing.T, fn func(a, b, c *machine)) {
	synctest.Test(t, func(t *testing.T) {
		net := mem.New(&mem.Config{Delay: 5 * time.Millisecond, Timeout: time.Second})
		a, b, c := newMachine(t, net, "a"), newMachine(t, net, "b"), newMachine(t, net, "c")
		defer func() {
			a.stop()
			b.stop()
			c.stop()
			net.Close()
		}()
		b.player()
		c.player()
		call[any](t, a.player(), "link", a.dial(b, "player"))
		call[any](t, b.player(), "link", b.dial(c, "player"))
		call[any](t, c.player(), "link", c.fetch(b, "player"))
		synctest.Wait()
		fn(a, b, c)
	})
}

// nothingLeft has the players let go, and says what is left of what they have shared.
func nothingLeft(t *testing.T, ms ...*machine) {
	t.Helper()
	for _, m := range ms {
		call[any](t, m.player(), "drop")
	}
	for range 12 { // promises that lead to promises go one after the other
		for _, m := range ms {
			m.collect()
		}
	}
	for _, m := range ms {
		var slots []string
		_ = m.store.View(func(r store.Reader) error {
			r.Scan("tables", nil, func(key, value []byte) bool {
				t.Errorf("%s has a row %c %d: %x", m.name, key[16], key[24], value)
				return true
			})
			r.Scan("slots", nil, func(key, value []byte) bool { slots = append(slots, fmt.Sprintf("%x: %x", key, value)); return true })
			r.Scan("messages", nil, func(key, value []byte) bool { t.Errorf("%s has a message %x: %x", m.name, key, value); return true })
			r.Scan("pins", nil, func(key, _ []byte) bool { t.Errorf("%s has a pin %q", m.name, key); return true })
			return nil
		})
		if len(slots) != 2 { // the player
			t.Errorf("%s has slots %q", m.name, slots)
		}
		for _, s := range m.alive() {
			if c := s.Tables(); !c.Empty() {
				t.Errorf("%s still has %v", m.name, c)
			}
		}
	}
}

// alive returns the machine's sessions that have not ended.
func (m *machine) alive() (all []*captp.Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		if s.Err() == nil {
			all = append(all, s)
		}
	}
	return all
}

// An answer may have promises in it, which settle later.
func TestPromiseInAnswer(t *testing.T) {
	play(t, func(a, _, _ *machine) {
		_ = a.player().SendOnly(context.Background(), "askBag")
	}, func(a, _, _ *machine) string {
		if got := lines(a.t, a.player()); len(got) > 0 {
			return differ(got, []string{"told 1"})
		}
		return ""
	})
}

// shown says what is wrong with what was noted, if anything was: it is to be all of that.
func shown(m *machine, want ...string) string {
	if got := lines(m.t, m.player()); len(got) > 0 {
		return differ(got, want)
	}
	return ""
}

// An object of a's that b shows to c is forwarded by b.
func TestForwarded(t *testing.T) {
	play(t, func(a, _, _ *machine) {
		_ = a.player().SendOnly(context.Background(), "introduce")
	}, func(a, _, c *machine) string {
		bad := shown(a, "2", "3", "4", "5", "6", "7") + shown(c, "told 4", "told 6", "told 8")
		if len(lines(a.t, a.player())) != 2*len(lines(c.t, c.player())) {
			bad += " not all was told"
		}
		return bad
	})
}

// What is sent by a promise that turns out to be somebody else's arrives once, in order.
func TestHop(t *testing.T) {
	play(t, func(a, _, _ *machine) {
		_ = a.player().SendOnly(context.Background(), "hop")
	}, func(a, _, c *machine) string {
		bad := shown(c, "1", "2", "3", "4") +
			shown(a, "told 2", "told 3", "told 4", "told 5")
		if len(lines(a.t, a.player())) != len(lines(c.t, c.player())) {
			bad += " not all was told"
		}
		return bad
	})
}

// A promise that is passed settles where it was passed to.
func TestPassedPromise(t *testing.T) {
	play(t, func(a, _, _ *machine) {
		_ = a.player().SendOnly(context.Background(), "promise")
	}, func(a, b, _ *machine) string { return shown(b, "told 1") })
}

// What code has asked a durable object may keep.
func TestAskedByCode(t *testing.T) {
	play(t, func(a, _, _ *machine) {
		x := a.player()
		ctx := context.Background()
		_ = x.SendOnly(ctx, "tellMe", a.alive()[0].Bootstrap().Send(ctx, "fetch", "player").Send(ctx, "slow", 1))
	}, func(a, _, _ *machine) string {
		switch got := lines(a.t, a.player()); {
		case len(got) == 1 && (strings.Contains(got[0], "hawser.lost") || strings.Contains(got[0], "test.none")):
			return "" // it had not been asked when one of them died
		}
		return shown(a, "told 1")
	})
}

// Parts of an answer that is not there yet are taken where it will be.
func TestParts(t *testing.T) {
	play(t, func(a, _, _ *machine) {
		_ = a.player().SendOnly(context.Background(), "askParts")
	}, func(a, b, _ *machine) string {
		bad := shown(b, "1", "2")
		if got := lines(a.t, a.player()); len(got) > 0 && (len(got) != 3 || !slices.Contains(got, "told 2") || !slices.Contains(got, "told 3") || !slices.Contains(got, "told 8")) {
			bad += fmt.Sprintf("%q", got)
		}
		return bad
	})
}

// A part of an answer that is there when it is asked for is not lost with the exporter, at whichever of its writes that dies.
func TestPartOfAnAnswer(t *testing.T) {
	for at, over := int64(1), 0; over < 5; at++ { // chance says which writes there are
		trio(t, func(a, b, _ *machine) {
			before := b.disk.Writes.Load()
			b.disk.DieAt.Store(before + at)
			_ = a.player().SendOnly(context.Background(), "askParts")
			time.Sleep(100 * time.Millisecond)
			if b.disk.Writes.Load() < before+at {
				at, over = 0, over+1
			}
			b.crash()
			time.Sleep(time.Hour)
			if got := lines(a.t, a.player()); len(got) != 3 || !slices.Contains(got, "told 8") {
				t.Errorf("b has died at %d: %q", at, got)
			}
		})
	}
}

// Scenes go on one after the other, and at the same time, while the machines die at random writes, of those of their restarts, too: whatever
// became of each, nobody has broken the protocol, no question stays open and nothing is left when the players let go.
func TestScenesTorture(t *testing.T) {
	for round := range (*rounds + 4) / 5 {
		seed := rand.Uint64()
		if *seedFlag != 0 {
			seed = *seedFlag
		}
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 0))
			trio(t, func(a, b, c *machine) {
				sessions := func() (n int) { return a.rows("sessions") + b.rows("sessions") + c.rows("sessions") }
				before := sessions()
				ms := []*machine{a, b, c}
				scenes := []string{"askBag", "introduce", "hop", "promise", "askParts"}
				for range 12 {
					for range rng.IntN(4) {
						if r := ms[rng.IntN(2)].playerNow(); !r.IsNull() {
							_ = r.SendOnly(context.Background(), scenes[rng.IntN(len(scenes))])
						}
					}
					m := ms[rng.IntN(3)]
					m.disk.DieAt.Store(m.disk.Writes.Load() + 1 + int64(rng.IntN(12)))
					time.Sleep(time.Duration(rng.IntN(40)) * time.Millisecond)
					if rng.IntN(2) == 0 {
						m = ms[rng.IntN(3)]
					}
					m.crash()
				}
				for _, m := range ms {
					m.crash()
				}
				time.Sleep(time.Hour)
				if n := sessions(); n != before {
					t.Errorf("%d of %d sessions are left", n, before)
				}
				for _, m := range ms {
					for _, s := range m.alive() {
						if c := s.Tables(); c.Questions != 0 || c.Answers != 0 || c.Resolvers != 0 {
							t.Errorf("%s waits: %v", m.name, c)
						}
					}
				}
				nothingLeft(t, a, b, c)
			})
		})
	}
}
