// Package live plays the scenarios of package model on real nodes, and checks the same of them: what one vat sends on one
// reference arrives in order and without holes, all of it unless a session is lost, and every promise settles.
//
// How fast the connections are, in which order the peers and senders act and what is lost is a [Plan]; a plan is made of
// choices, which may be drawn at random or be gone through one by one ([All]). Play it on a simulated network, in virtual
// time (testing/synctest).
package live

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hawser-go/hawser/conformance/model"
	"github.com/hawser-go/hawser/vat"
)

// Nodes are what a scenario is played on. Between each two of them there is a session, or there will be one as soon as it
// is needed.
type Nodes interface {
	// Vat returns a vat of a peer, the same each time. Objects live in vat 0, senders in vats of their own, from 1.
	Vat(p model.Peer, n int) *vat.Vat
	// Offer lets others fetch ref from p by name.
	Offer(p model.Peer, name string, ref vat.Ref)
	// Fetch returns a promise for what another peer offers.
	Fetch(at, from model.Peer, name string) vat.Ref
	// SetDelay says how long a message takes from one peer to another from now on.
	SetDelay(from, to model.Peer, d time.Duration)
	// Lose ends the session of two peers, with what is on its way.
	Lose(x, y model.Peer)
}

// patience is how long a promise may take to settle when nothing happens any more: longer than anybody keeps a gift, or
// waits for one.
const patience = 10 * time.Minute

// Play plays the scenario and returns what was wrong, nil if nothing was. It leaves the nodes open.
func Play(ctx context.Context, nodes Nodes, sc *model.Scenario, plan Plan) error {
	p := &play{nodes: nodes, sc: sc, got: make([]int, len(sc.Senders)), sent: make([]int, len(sc.Senders))}
	if err := p.set(ctx); err != nil {
		return err
	}
	for pair, d := range plan.Delays {
		nodes.SetDelay(pair[0], pair[1], d)
	}
	for _, st := range plan.Steps {
		p.step(ctx, st)
		time.Sleep(st.Pause)
	}
	p.finish(ctx)
	return errors.Join(p.wrong...)
}

type key struct {
	peer model.Peer
	id   model.ID
}

type play struct {
	nodes Nodes
	sc    *model.Scenario
	vows  map[key]*vat.Vow
	sent  []int
	lost  bool

	mu    sync.Mutex
	refs  map[key]vat.Ref // guarded by mu
	got   []int           // guarded by mu
	wrong []error         // guarded by mu
}

func (p *play) complain(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.wrong) < 10 {
		p.wrong = append(p.wrong, fmt.Errorf(format, args...))
	}
}

func (p *play) ref(k key) vat.Ref {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refs[k]
}

func (p *play) put(k key, r vat.Ref) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refs[k] = r
}

// spawn makes an object of fn in vat 0 of a peer.
func (p *play) spawn(ctx context.Context, at model.Peer, fn any) (vat.Ref, error) {
	return vat.Do(ctx, p.nodes.Vat(at, 0), func(ctx context.Context) (vat.Ref, error) { return vat.Func(ctx, fn), nil })
}

// set makes the references of the scenario: what is local first, then what others hold of it.
func (p *play) set(ctx context.Context) error {
	p.vows, p.refs = make(map[key]*vat.Vow), make(map[key]vat.Ref)
	for i := range p.sc.Peers {
		at := model.Peer(i)
		take, err := p.spawn(ctx, at, func(id int, r vat.Ref) { p.put(key{at, model.ID(id)}, r) })
		if err != nil {
			return err
		}
		p.nodes.Offer(at, "take", take)
		for _, r := range p.sc.Refs[i] {
			k := key{at, r.ID}
			switch r.Kind {
			case model.LocalTarget:
				target, err := p.spawn(ctx, at, p.arrived)
				if err != nil {
					return err
				}
				p.put(k, target)
			case model.LocalPromise:
				p.vows[k] = vat.NewVow(nil)
				p.put(k, p.vows[k].Ref())
			default:
				continue
			}
			p.nodes.Offer(at, name(r.ID), p.ref(k))
		}
	}
	for i := range p.sc.Peers {
		for _, r := range p.sc.Refs[i] {
			if r.Kind != model.RemoteTarget && r.Kind != model.RemotePromise {
				continue
			}
			far := p.nodes.Fetch(model.Peer(i), r.Peer, name(r.At))
			if r.Kind == model.RemoteTarget {
				var err error
				if far, err = far.Await(ctx); err != nil {
					return fmt.Errorf("%s cannot have %d: %w", model.Peer(i), r.ID, err)
				}
			}
			p.put(key{model.Peer(i), r.ID}, far)
		}
	}
	for _, e := range p.sc.Events {
		if e.Pass == 0 {
			continue
		}
		take, err := p.nodes.Fetch(e.Peer, e.Whom, "take").Await(ctx)
		if err != nil {
			return err
		}
		p.put(key{e.Peer, -1 - model.ID(e.Whom)}, take)
	}
	return nil
}

func name(id model.ID) string { return fmt.Sprint("reference ", id) }

// arrived is what targets do.
func (p *play) arrived(sender, n int) {
	p.mu.Lock()
	want := p.got[sender] + 1
	p.got[sender] = n
	p.mu.Unlock()
	if n != want {
		p.complain("message %d of %s arrives, want message %d", n, p.sc.Senders[sender], want)
	}
}

func (p *play) step(ctx context.Context, st Step) {
	switch st.Kind {
	case Send:
		p.send(ctx, st.Index)
	case Happen:
		e := p.sc.Events[st.Index]
		if e.Resolve != 0 {
			p.vows[key{e.Peer, e.Resolve}].Resolve(p.ref(key{e.Peer, e.To}))
			break
		}
		_ = p.ref(key{e.Peer, -1 - model.ID(e.Whom)}).ApplyOnly(ctx, int(e.As), p.ref(key{e.Peer, e.Pass}))
	case Lose:
		p.lost = true
		p.nodes.Lose(p.sc.Losses[st.Index][0], p.sc.Losses[st.Index][1])
	}
}

// send sends the next message of a sender in a turn of its vat, if it has the reference yet. Every second one wants an
// answer.
func (p *play) send(ctx context.Context, i int) {
	s := p.sc.Senders[i]
	r := p.ref(key{s.Peer, s.Ref})
	if r.IsNull() {
		return
	}
	p.sent[i]++
	_, err := vat.Do(ctx, p.nodes.Vat(s.Peer, 1+s.Vat), func(ctx context.Context) (int, error) {
		if p.sent[i]%2 == 0 {
			r.Apply(ctx, i, p.sent[i])
			return 0, nil
		}
		return 0, r.ApplyOnly(ctx, i, p.sent[i])
	})
	if err != nil && !p.lost {
		p.complain("message %d of %s is refused: %w", p.sent[i], s, err)
	}
}

// finish sends once more while everything settles, and once it has, and checks what came of it all.
func (p *play) finish(ctx context.Context) {
	for _, pause := range []time.Duration{0, 5 * time.Millisecond, time.Minute} {
		time.Sleep(pause)
		for i := range p.sc.Senders {
			p.send(ctx, i)
		}
	}
	time.Sleep(time.Minute)
	p.mu.Lock()
	refs, got := p.refs, append([]int(nil), p.got...)
	p.mu.Unlock()
	for i, s := range p.sc.Senders {
		if !p.lost && (got[i] != p.sent[i] || got[i] == 0) {
			p.complain("%d of %d messages of %s have arrived", got[i], p.sent[i], s)
		}
		if got[i] > p.sent[i] {
			p.complain("%s has sent %d messages, %d have arrived", s, p.sent[i], got[i])
		}
	}
	soon, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for k, r := range refs {
		if _, err := r.Await(soon); errors.Is(err, context.DeadlineExceeded) {
			p.complain("%s's reference %d never settles", k.peer, k.id)
		} else if err != nil && !p.lost {
			p.complain("%s's reference %d breaks: %w", k.peer, k.id, err)
		}
	}
}
