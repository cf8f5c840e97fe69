package captp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// step is one thing that happens in a random conversation; what the numbers mean depends on the kind.
type step struct {
	kind    string
	a, b, c int
}

// kinds are what can happen, the frequent ones several times.
var kinds = []string{
	"send", "send", "send", "send", "call", "call", "pass", "pass", "promise", "resolve", "resolve", "break", "echo", "echo", "field", "drop", "collect", "wait", "wait", "burst",
}

func drawSteps(t *rapid.T) []step {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
			a:    rapid.IntRange(0, 1<<16).Draw(t, "a"), b: rapid.IntRange(0, 1<<16).Draw(t, "b"), c: rapid.IntRange(0, 1<<16).Draw(t, "c"),
		}
	}), 1, 80).Draw(t, "steps")
}

// TestConversations has two or three nodes do random things with references and promises on a random network, one of
// whose connections may be lost. However it goes: what one sender sends on one reference arrives in order and without
// gaps; nothing is lost or comes twice while the sessions live; every promise settles; and in the end nothing is left.
func TestConversations(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		nodes := rapid.SampledFrom([]int{2, 3, 3, 3}).Draw(rt, "nodes")
		cfg := mem.Config{
			Seed:        rapid.Uint64().Draw(rt, "seed"),
			Delay:       time.Duration(rapid.IntRange(0, 20).Draw(rt, "delay")) * time.Millisecond,
			Jitter:      time.Duration(rapid.IntRange(0, 20).Draw(rt, "jitter")) * time.Millisecond,
			Synchronous: rapid.Bool().Draw(rt, "synchronous"),
		}
		loss := -1
		if rapid.IntRange(0, 3).Draw(rt, "whether a connection is lost") == 0 {
			loss = rapid.IntRange(0, 80).Draw(rt, "loss")
		}
		steps := drawSteps(rt)
		if wrong := converse(t, nodes, &cfg, loss, steps); len(wrong) > 0 {
			rt.Fatalf("%q", wrong)
		}
	})
}

// complaints is a testing.TB that remembers what is wrong instead of failing, so that rapid can look for the least
// that goes wrong.
type complaints struct {
	testing.TB
	mu   sync.Mutex
	list []string
}

func (c *complaints) add(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.list) < 20 {
		c.list = append(c.list, s)
	}
}

func (c *complaints) Helper()                        {}
func (c *complaints) Cleanup(func())                 {}
func (c *complaints) Error(args ...any)              { c.add(fmt.Sprintln(args...)) }
func (c *complaints) Errorf(format string, a ...any) { c.add(fmt.Sprintf(format, a...)) }
func (c *complaints) Fatal(args ...any)              { c.Error(args...); panic("fatal: " + fmt.Sprint(args...)) }
func (c *complaints) Output() io.Writer              { return io.Discard }

// holding is a reference that a node of the conversation holds.
type holding struct {
	node  int
	ref   vat.Ref
	ready bool // it has arrived
	root  int  // what it leads to: a promise of the conversation, or a ledger if negative
	sent  map[string]int
}

// conversation is the model: who holds what, and where it must lead.
type conversation struct {
	w     *world
	nodes []*node
	vats  [][]*vat.Vat
	takes map[[2]int]vat.Ref // how the first node reaches the second
	book  *ledger
	lost  bool

	mu       sync.Mutex
	holdings []*holding
	promises []*vat.Vow
	maker    []int
	leads    []int // of promises: what they were resolved to, or unsettled
}

const unsettled = 1 << 20

func converse(t *testing.T, nodes int, cfg *mem.Config, loss int, steps []step) (wrong []string) {
	synctest.Test(t, func(t *testing.T) {
		all := &complaints{TB: t}
		defer func() { wrong = all.list }()
		w := newWorld(all, cfg)
		c := &conversation{w: w, takes: make(map[[2]int]vat.Ref), book: newLedger()}
		c.open(nodes)
		for i, s := range steps {
			if i == loss {
				c.lost = true
				w.net.Lose(c.nodes[0].host, c.nodes[1].host)
			}
			c.step(s)
		}
		c.finish()
		w.end()
	})
	return wrong
}

func (c *conversation) open(nodes int) {
	for i := range nodes {
		n := c.w.node(fmt.Sprint("n", i))
		n.realm = "one"
		n.serve("take", func(id int, r vat.Ref) { c.arrived(id, r) })
		n.serve("echo", func(r vat.Ref) vat.Ref { return r })
		n.serve("wrap", func(r vat.Ref) any { return passable.Struct{{Key: "a", Value: r}} })
		c.nodes = append(c.nodes, n)
		c.vats = append(c.vats, []*vat.Vat{n.another("x"), n.another("y")})
		home := doIn(c.w.t, n.another("home"), c.book.spawn)
		c.hold(i, home, -1-i)
	}
	for i := range nodes {
		for j := range i {
			x, y := c.w.meet(c.nodes[i], c.nodes[j])
			for _, what := range []string{"take", "echo", "wrap"} {
				c.nodes[i].offer(fmt.Sprint(what, j), x.fetch(what))
				c.nodes[j].offer(fmt.Sprint(what, i), y.fetch(what))
			}
		}
	}
}

func (c *conversation) hold(node int, r vat.Ref, root int) *holding {
	h := &holding{node: node, ref: r, ready: !r.IsNull(), root: root, sent: make(map[string]int)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holdings = append(c.holdings, h)
	return h
}

// arrived is called in a turn when a reference that was passed arrives.
func (c *conversation) arrived(id int, r vat.Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.holdings[id]; h != nil {
		h.ref, h.ready = r, true
	}
}

// pick returns one of the holdings, nil if it has not arrived or was dropped.
func (c *conversation) pick(i int) (*holding, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.holdings); n > 8 {
		i = n - 1 - i%8 // what came last is most interesting
	} else {
		i %= n
	}
	if h := c.holdings[i]; h != nil && h.ready {
		return h, i
	}
	return nil, 0
}

// at returns a holding that has arrived and was not dropped, or nil.
func (c *conversation) at(i int) *holding {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.holdings[i]; h != nil && h.ready {
		return h
	}
	return nil
}

// root follows what promises were resolved to.
func (c *conversation) root(r int) int {
	for r >= 0 && r < unsettled && c.leads[r] != unsettled {
		r = c.leads[r]
	}
	return r
}

func (c *conversation) step(s step) {
	ctx := context.Background()
	h, id := c.pick(s.a)
	other := s.b % len(c.nodes)
	switch s.kind {
	case "wait":
		time.Sleep(time.Duration(s.a%30) * time.Millisecond)
		return
	case "burst":
		c.burst(3, time.Duration(s.a%8)*time.Millisecond)
		return
	case "collect":
		collect()
		c.w.sweepOnce()
		return
	case "promise":
		p := vat.NewVow(nil)
		c.promises, c.maker, c.leads = append(c.promises, p), append(c.maker, other), append(c.leads, unsettled)
		c.hold(other, p.Ref(), len(c.promises)-1)
		return
	}
	if h == nil {
		return
	}
	switch s.kind {
	case "send":
		c.send(h, id, s.c%2)
	case "call":
		c.hold(h.node, h.ref.Send(ctx, "self"), h.root)
	case "pass":
		if other != h.node {
			c.mu.Lock()
			to := len(c.holdings)
			c.mu.Unlock()
			c.hold(other, vat.Ref{}, h.root)
			_ = c.nodes[h.node].object(fmt.Sprint("take", other)).ApplyOnly(ctx, to, h.ref)
		}
	case "echo":
		if other != h.node {
			c.hold(h.node, c.nodes[h.node].object(fmt.Sprint("echo", other)).Apply(ctx, h.ref), h.root)
		}
	case "field":
		if other != h.node {
			c.hold(h.node, c.nodes[h.node].object(fmt.Sprint("wrap", other)).Apply(ctx, h.ref).Field(ctx, "a"), h.root)
		}
	case "resolve":
		if len(c.promises) > 0 {
			c.resolve(s.b%len(c.promises), h)
		}
	case "break":
		if p := s.b; len(c.promises) > 0 && s.c%4 == 0 {
			p %= len(c.promises)
			if c.leads[p] == unsettled {
				c.leads[p] = unsettled + 1
				c.promises[p].Break(errUser)
			}
		}
	case "drop":
		if id >= len(c.nodes) {
			c.mu.Lock()
			c.holdings[id] = nil
			c.mu.Unlock()
		}
	}
}

// send sends the next message of one of the node's vats on a holding, in a turn or outside.
func (c *conversation) send(h *holding, id, v int) {
	stream := fmt.Sprintf("%d by %d", id, v)
	n := h.sent[stream]
	h.sent[stream]++
	_, err := vat.Do(context.Background(), c.vats[h.node][v], func(ctx context.Context) (int, error) {
		return 0, h.ref.SendOnly(ctx, "add", stream, n)
	})
	if err != nil {
		c.w.t.Error(err)
	}
}

// burst sends on everything that is held, again and again.
func (c *conversation) burst(rounds int, pause time.Duration) {
	for round := range rounds {
		for id := range c.holdings {
			if h := c.at(id); h != nil {
				c.send(h, id, (id+round)%2)
			}
		}
		time.Sleep(pause)
	}
}

// resolve settles a promise with what its maker holds, unless that would make a ring across the network, which nobody
// can see.
func (c *conversation) resolve(p int, h *holding) {
	if c.leads[p] != unsettled || h.node != c.maker[p] || c.root(h.root) == p {
		return
	}
	c.leads[p] = h.root
	c.promises[p].Resolve(h.ref)
}

// finish settles what has not settled, and checks what came of everything.
func (c *conversation) finish() {
	t := c.w.t
	// Everybody speaks on all they hold while what has not settled does.
	for round := range 4 {
		c.burst(2, 7*time.Millisecond)
		for p, v := range c.promises {
			if c.leads[p] == unsettled && p%4 == round {
				c.leads[p] = -1 - c.maker[p]
				v.Resolve(c.holdings[c.maker[p]].ref)
			}
		}
	}
	c.burst(2, 7*time.Millisecond)
	time.Sleep(time.Minute)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	complete := make(map[string]int)
	for id, h := range c.holdings {
		switch {
		case h == nil:
			continue
		case !h.ready:
			if !c.lost {
				t.Errorf("reference %d was passed and has not arrived", id)
			}
			continue
		}
		r, err := h.ref.Await(ctx)
		root := c.root(h.root)
		switch {
		case err == nil && root < 0:
			if !c.lost {
				for stream, n := range h.sent {
					complete[stream] = n
				}
				if own := c.holdings[-1-root].ref; h.node == -1-root && r != own {
					t.Errorf("reference %d came home as another", id)
				}
			}
		case errors.Is(err, context.DeadlineExceeded):
			t.Errorf("reference %d never settles", id)
		case c.lost:
		case err == nil || !errors.Is(err, errUser):
			t.Errorf("reference %d leads to %d and brought %v, %v", id, root, r, err)
		}
		if err != nil && !errors.Is(err, errUser) && !errors.Is(err, net.ErrClosed) && !isRemote(err, "hawser.session-ended") && !errors.Is(err, promise.ErrCycle) && !c.lost {
			t.Errorf("reference %d broke with %v", id, err)
		}
	}
	c.book.check(t, complete)
	c.holdings, c.promises, c.takes = nil, nil, nil
}
