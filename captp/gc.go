package captp

import (
	"sync"
	"time"
	"weak"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/vat"
)

// releaseDelay is how long release notices wait for something to ride on.
const releaseDelay = 10 * time.Millisecond

// manyNotices is how many wait at the most.
const manyNotices = 256

// noticesInOne is how many positions stand in one operation, which has to fit into a frame.
const noticesInOne = 1 << 14

// nudgeAfter is the number of imports at which the collector is asked to look for unused ones.
const nudgeAfter = 4096

// graveyard takes the collector's findings until the session next looks. The collector keeps hold of it for as long as
// there are references to look for, and so it must not keep hold of the session: that would keep the whole node.
type graveyard struct {
	session weak.Pointer[Session] // zero if it must not be woken

	mu    sync.Mutex
	found []grave
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
	first, session := len(g.found) == 1, g.session
	g.mu.Unlock()
	if s := session.Value(); first && s != nil {
		s.releaseFound()
	}
}

// wakes has the session woken by what is found.
func (g *graveyard) wakes(s *Session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.session = weak.Make(s)
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
	if len(s.lk.t.imports)%nudgeAfter == 0 && s.cfg.Nudge != nil {
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
		if e := l.t.imports[g.pos]; e != nil && e == g.e {
			if _, inUse := e.weak.Ref(); !inUse {
				l.t.bury(g.pos, e)
			}
		}
	}
}

// bury gives back every mention of an import and forgets it.
func (t *tables) bury(pos msg.Pos, e *imported) {
	t.touchImport(pos, e)
	delete(t.imports, pos)
	if e.promise {
		t.promises--
	}
	t.noticeExport(pos, e.count)
}

// noticeExport gives mentions back with the next write. The bootstrap object stays: some peers export things of their
// own at its position, and their last mention must not take it along.
func (t *tables) noticeExport(pos msg.Pos, delta uint64) {
	if pos == 0 || delta == 0 {
		return
	}
	t.gcExports = append(t.gcExports, pos)
	t.gcDeltas = append(t.gcDeltas, delta)
}

// notices encodes the release notices that wait. Answer positions are free for use again behind them, not before.
func (t *tables) notices() {
	for i := 0; i < len(t.gcExports); i += noticesInOne {
		end := min(i+noticesInOne, len(t.gcExports))
		_ = t.append(&msg.GCExports{Positions: t.gcExports[i:end], Deltas: t.gcDeltas[i:end]})
	}
	for i := 0; i < len(t.gcAnswers); i += noticesInOne {
		_ = t.append(&msg.GCAnswers{Positions: t.gcAnswers[i:min(i+noticesInOne, len(t.gcAnswers))]})
	}
	for _, pos := range t.gcAnswers {
		t.touchQuestion(pos)
		t.questions.free(pos)
	}
	t.s.budget.Release(len(t.gcAnswers))
	t.gcExports, t.gcDeltas, t.gcAnswers = emptied(t.gcExports), emptied(t.gcDeltas), emptied(t.gcAnswers)
	t.gcPromised = false
}

// emptied returns the list without its elements, and without its array if one burst made that huge.
func emptied(list []uint64) []uint64 {
	if cap(list) > noticesInOne {
		return nil
	}
	return list[:0]
}

// releaseSoon has waiting notices written shortly, if nothing else is. It is called with mu held.
func (l *locked) releaseSoon() {
	if l.state != live {
		return
	}
	n := len(l.t.gcExports) + len(l.t.gcAnswers)
	switch {
	case n == 0:
	case n >= manyNotices:
		l.s.poke()
	case !l.t.gcPromised:
		l.t.gcPromised = true
		if l.release == nil {
			l.release = time.AfterFunc(releaseDelay, l.s.poke)
		} else {
			l.release.Reset(releaseDelay)
		}
	}
}

// releaseFound is how the collector has what it found written.
func (s *Session) releaseFound() {
	s.withLock(func(l *locked) {
		if l.state == live {
			l.collect()
			l.releaseSoon()
		}
	})
}

// Sweep writes the release notices that wait, and those for what the collector has found, now.
func (s *Session) Sweep() { s.poke() }

// gcExports handles op:gc-exports.
func (s *Session) gcExports(op *msg.GCExports) error {
	var err error
	var orphans []*far
	s.withLock(func(l *locked) {
		if l.state != live {
			err = l.ending()
			return
		}
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
		s.settle(q, "break", []any{"the peer let go of the resolver without settling the promise"}, nil, false, nil)
	}
	s.keepAlive()
	return err
}

// gcAnswers handles op:gc-answers.
func (s *Session) gcAnswers(op *msg.GCAnswers) error {
	var err error
	s.withLock(func(l *locked) {
		if l.state != live {
			err = l.ending()
			return
		}
		for _, pos := range op.Positions {
			a := l.t.answers[pos]
			if a == nil {
				err = violation("op:gc-answers", "there is no answer at position %d", pos)
				return
			}
			l.t.answerBytes -= a.weight
			l.t.touchAnswer(a)
			delete(l.t.answers, pos)
			if a.named = false; a.told && !a.said { // the resolver is still to be told, also after a restart
				a.durable = durable{}
				l.t.listen(&a.claim, a.vow.Ref())
			}
		}
	})
	s.keepAlive()
	return err
}
