package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Target is the peer under test and the way to it.
type Target struct {
	// Peer is the locator of the peer.
	Peer sturdyref.Peer
	// Open returns a new party on the peer's kind of network, which can dial the
	// peer and be dialled by it. It is called several times in each check, since
	// handoffs need three parties; the run closes what it returns.
	Open func() (netlayer.Netlayer, error)
	// Proof is what the network proves of who is at the ends of a connection; what it
	// proves cannot be tried with lies. Default ProvesNobody.
	Proof Proof
}

// Proof is what a kind of network proves, by itself, of who is at the ends of a
// connection. What it does not prove a peer has from op:start-session alone.
type Proof int

// The kinds of network.
const (
	// ProvesNobody is a network made for tests, such as tcp-testing-only: peers take
	// each other's word, and the rules of the draft about locations can all be tried.
	ProvesNobody Proof = iota
	// ProvesAcceptor is a network such as websocket, which shows a dialler whom it has
	// reached, and the acceptor nothing. A peer need not believe a dialler there.
	ProvesAcceptor
	// ProvesBoth is a network such as hawser, which shows both who the other is, and
	// which of two dials that cross is to stay, before CapTP begins.
	ProvesBoth
)

// Config says how to check. Nil and zero fields are defaults.
type Config struct {
	// Dialect is what the checker writes at first; it follows the peer, feature by
	// feature, where the peer shows what it understands. Default wire.OCapN10.
	Dialect *wire.Dialect
	// Timeout bounds the run. Default 5 minutes.
	Timeout time.Duration
	// Step bounds one check. Default 15 seconds; a peer that collects garbage
	// lazily needs that long to say so.
	Step time.Duration
	// Quiet is how long the checker listens before it takes silence for an answer,
	// where silence is right. Default 400 milliseconds.
	Quiet time.Duration
	// Only, if not empty, holds the IDs of the clauses to check. What they rest on
	// is not checked by itself.
	Only []string
}

func (c *Config) complete() (Config, error) {
	cfg := Config{}
	if c != nil {
		cfg = *c
	}
	if cfg.Timeout < 0 || cfg.Step < 0 || cfg.Quiet < 0 {
		return cfg, errors.New("conformance: a duration of Config is negative: use 0 for the default")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Minute
	}
	if cfg.Step == 0 {
		cfg.Step = 15 * time.Second
	}
	if cfg.Quiet == 0 {
		cfg.Quiet = 400 * time.Millisecond
	}
	dialect := wire.OCapN10
	if cfg.Dialect != nil {
		dialect = *cfg.Dialect
	}
	cfg.Dialect = &dialect
	cfg.Only = slices.Clone(cfg.Only)
	for _, id := range cfg.Only {
		if !slices.ContainsFunc(clauses, func(c Clause) bool { return c.ID == id }) {
			return cfg, fmt.Errorf("conformance: there is no clause %q: Clauses lists them", id)
		}
	}
	return cfg, nil
}

// run is one run over one peer.
type run struct {
	target Target
	cfg    Config
	seen   atomic.Uint32          // wire.Seen: the shapes the peer has used, in any session
	bad    atomic.Pointer[string] // the first message of the peer that could not be read
}

// dialect is what the checker writes at this time.
func (r *run) dialect() wire.Dialect {
	seen := wire.Seen(r.seen.Load())
	d := r.cfg.Dialect.Follow(seen)
	d.PlainKeys = d.PlainKeys || seen&wire.SeenPlainKeys != 0
	return d
}

// Run checks every clause that cfg asks for against the peer, one check after the
// other, each in sessions of its own. The error is about the arguments only: what
// is wrong with the peer, even that it cannot be reached, is in the report. When
// ctx ends, checks that have not been made are not reached.
func Run(ctx context.Context, target Target, cfg *Config) (Report, error) {
	if target.Open == nil || target.Peer.Transport == "" || target.Peer.Designator == "" {
		return Report{}, errors.New("conformance: Target needs the locator of a peer and a function that opens netlayers")
	}
	c, err := cfg.complete()
	if err != nil {
		return Report{}, err
	}
	if target.Proof < ProvesNobody || target.Proof > ProvesBoth {
		return Report{}, fmt.Errorf("conformance: Target.Proof is %d, which is no kind of network", target.Proof)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	r := &run{target: target, cfg: c}
	report := Report{Peer: target.Peer.String(), Dialect: c.Dialect.Name, Draft: Draft, Started: time.Now()}

	reachable := r.do(ctx, check{clause: "session-2", name: "hello", do: checkHello})
	results := map[string][]CheckResult{}
	for _, chk := range checks {
		switch {
		case len(c.Only) > 0 && !slices.Contains(c.Only, chk.clause):
		case chk.clause == "session-2" && chk.name == "hello":
			results[chk.clause] = append(results[chk.clause], reachable)
		case reachable.Verdict != Pass:
			results[chk.clause] = append(results[chk.clause], CheckResult{
				Name: chk.name, Verdict: NotReached, Detail: "the peer opens no session: " + reachable.Detail,
			})
		default:
			results[chk.clause] = append(results[chk.clause], r.do(ctx, chk))
		}
	}
	for _, clause := range clauses {
		if len(c.Only) > 0 && !slices.Contains(c.Only, clause.ID) {
			continue
		}
		report.Results = append(report.Results, summarize(clause, results[clause.ID]))
	}
	report.Took = time.Since(report.Started)
	return report, nil
}

// do makes one check.
func (r *run) do(ctx context.Context, chk check) CheckResult {
	start := time.Now()
	result := CheckResult{Name: chk.name}
	if ctx.Err() != nil {
		result.Verdict, result.Detail = NotReached, "the time of the run was over"
		return result
	}
	step, cancel := context.WithTimeout(ctx, r.cfg.Step)
	defer cancel()
	p := &probe{run: r, ctx: step}
	result.Verdict, result.Detail = p.perform(chk.do)
	if ctx.Err() != nil && result.Verdict == Fail {
		result.Verdict, result.Detail = NotReached, "the time of the run was over: "+result.Detail
	}
	result.Took = time.Since(start)
	return result
}
