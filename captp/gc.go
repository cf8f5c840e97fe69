package captp

import (
	"sync"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/vat"
)

// releaseDelay is how long release notices wait for something to ride on.
const releaseDelay = 10 * time.Millisecond

// manyNotices is how many wait at the most.
const manyNotices = 256

// nudgeAfter is the number of imports at which the collector is asked to look for unused ones.
const nudgeAfter = 4096

// graveyard takes the collector's findings until the session next looks.
type graveyard struct {
	mu    sync.Mutex
	found []grave
	wake  func() // nil in a session that must not be woken
}

// grave is a position whose reference was collected.
type grave struct {
	pos      msg.Pos
	question bool
	e        *imported
}

// add is called by the collector.
func (g *graveyard) add(x grave) {
	g.mu.Lock()
	g.found = append(g.found, x)
	first := len(g.found) == 1
	g.mu.Unlock()
	if first && g.wake != nil {
		g.wake()
	}
}

func (g *graveyard) take() []grave {
	g.mu.Lock()
	defer g.mu.Unlock()
	found := g.found
	g.found = nil
	return found
}

// watchImport remembers weakly which reference stands for a position. It is called with mu held.
func (s *Session) watchImport(ref vat.Ref, pos msg.Pos, e *imported) {
	e.weak = ref.Weak()
	vat.OnCollect(ref, s.graves.add, grave{pos: pos, e: e})
	if n := len(s.lk.t.imports); n%nudgeAfter == 0 && s.cfg.Nudge != nil {
		s.cfg.Nudge()
	}
}

// collect turns the collector's findings into notices. It is called with mu held.
func (l *locked) collect() {
	for _, g := range l.s.graves.take() {
		if g.question {
			l.t.gcAnswers = append(l.t.gcAnswers, g.pos)
			continue
		}
		// The position may have been given back, or mentioned again and stand for a new reference.
		if e := l.t.imports[g.pos]; e == g.e {
			if _, inUse := e.weak.Ref(); !inUse {
				l.t.bury(g.pos, e)
			}
		}
	}
}

// bury gives back every mention of an import and forgets it.
func (t *tables) bury(pos msg.Pos, e *imported) {
	delete(t.imports, pos)
	t.noticeExport(pos, e.count)
}

func (t *tables) noticeExport(pos msg.Pos, delta uint64) {
	t.gcExports = append(t.gcExports, pos)
	t.gcDeltas = append(t.gcDeltas, delta)
}

// notices encodes the release notices that wait. Answer positions are free for use again behind them, not before.
func (t *tables) notices() {
	if len(t.gcExports) > 0 {
		_ = t.append(&msg.GCExports{Positions: t.gcExports, Deltas: t.gcDeltas})
		t.gcExports, t.gcDeltas = t.gcExports[:0], t.gcDeltas[:0]
	}
	if len(t.gcAnswers) > 0 {
		_ = t.append(&msg.GCAnswers{Positions: t.gcAnswers})
		for _, pos := range t.gcAnswers {
			t.questions.free(pos)
		}
		t.gcAnswers = t.gcAnswers[:0]
	}
}

// releaseSoon has waiting notices written shortly, if nothing else is.
func (s *Session) releaseSoon() {
	now := false
	s.withLock(func(l *locked) {
		if l.state != live {
			return
		}
		l.collect()
		n := len(l.t.gcExports) + len(l.t.gcAnswers)
		switch {
		case n == 0:
		case n >= manyNotices:
			now = true
		case !l.t.gcPromised:
			l.t.gcPromised = true
			if l.release == nil {
				l.release = time.AfterFunc(releaseDelay, s.poke)
			} else {
				l.release.Reset(releaseDelay)
			}
		}
	})
	if now {
		s.poke()
	}
}

// Sweep writes the release notices that wait, and those for what the collector has found, now.
func (s *Session) Sweep() { s.poke() }

// gcExports handles op:gc-exports.
func (s *Session) gcExports(op *msg.GCExports) error {
	if len(op.Positions) != len(op.Deltas) {
		return violation("op:gc-exports", "%d positions with %d deltas", len(op.Positions), len(op.Deltas))
	}
	var err error
	var orphans []*far
	s.withLock(func(l *locked) {
		for i, pos := range op.Positions {
			if pos == 0 {
				continue // the bootstrap object stays
			}
			freed, ok := l.t.giveBack(pos, op.Deltas[i])
			if !ok {
				err = violation("op:gc-exports", "position %d does not have %d mentions to give back", pos, op.Deltas[i])
				return
			}
			if freed.res != nil && !freed.res.settled {
				orphans = append(orphans, freed.res)
			}
		}
	})
	for _, q := range orphans {
		s.settle(q, "break", []any{"the peer let go of the resolver without settling the promise"})
	}
	s.keepAlive()
	return err
}

// gcAnswers handles op:gc-answers.
func (s *Session) gcAnswers(op *msg.GCAnswers) error {
	var err error
	s.withLock(func(l *locked) {
		for _, pos := range op.Positions {
			if l.t.answers[pos] == nil {
				err = violation("op:gc-answers", "there is no answer at position %d", pos)
				return
			}
			delete(l.t.answers, pos)
		}
	})
	s.keepAlive()
	return err
}
