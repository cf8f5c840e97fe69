package captp

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/vat"
)

// restoring is a session that is being made again.
type restoring struct {
	*dormant
	s *Session
	t *tables
	// questions and promises are those of the peer's that are not to be given back yet, by position.
	questions, promises map[msg.Pos]*far
	before              []msg.Pos // of the questions from before
	claims              []*claim
	waits               []*wait
	cut                 []*wait // whose outcome went by way of a vat when the process ended
	withdrawals         []*Withdrawal
	owed                []*owed   // by this session
	deposits            []gift    // of others, here
	lost                []msg.Pos // of objects that went with an earlier process
}

// restore makes the tables of the session again, and what leads to it.
func (d *dormant) restore(conn netlayer.Lasting, cfg Config) error {
	s := d.session
	if err := s.configure(cfg); err != nil {
		return err
	}
	r := &restoring{
		dormant: d, s: s, t: s.lk.t, questions: make(map[msg.Pos]*far), promises: make(map[msg.Pos]*far),
	}
	info := conn.Info()
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.lk
	l.conn, l.lasting = conn, conn
	r.t.connected(info)
	s.moves.Store(slices.Contains(info.Features, FeatureMovesQueues))
	if g := d.record.greeting(s); g != nil {
		s.greeting.Store(g)
		l.started, l.id, l.seen = true, g.ID, wire.Seen(d.record.Seen)
		r.t.enc.SetDialect(s.dialect.Follow(l.seen))
		l.space = messageSpaces(l.id, info.Outbound)
		s.introduced.Store(true)
	}
	rows := d.sorted()
	for _, step := range []func(entry, []byte) error{r.question, r.export, r.answer, r.wait, r.withdrawal, r.owe} {
		for _, e := range rows {
			if err := step(e, d.rows[e]); err != nil {
				return err
			}
		}
	}
	for i := range r.t.exports.entries {
		if f := r.t.exports.entries[i].v.res; f != nil && f.kind == farFlush && f.wait == nil {
			return fmt.Errorf("%w: nothing waits for what was asked", errDamaged)
		}
	}
	r.t.exports.fill()
	r.t.questions.fill()
	s.budget.used.Add(int64(r.t.questions.len() - 1))
	d.rows = nil
	s.resuming = r
	return nil
}

// sorted returns the rows in order.
func (d *dormant) sorted() []entry {
	list := make([]entry, 0, len(d.rows))
	for e := range d.rows {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b entry) int {
		switch {
		case a.sort != b.sort:
			return int(a.sort) - int(b.sort)
		case a.n < b.n:
			return -1
		}
		return 1
	})
	return list
}

// pinned returns what is pinned for a row, or a reference that is lost.
func (r *restoring) pinned(e entry) vat.Pin {
	if p, ok := r.pins[string(e.key(r.s.name))]; ok {
		return p
	}
	return vat.Pin{Ref: vat.Broken(vat.ErrLost)}
}

// vow returns a promise for what is pinned: the promise itself, if that is pending.
func (r *restoring) vow(e entry) *vat.Vow {
	ref := r.pinned(e).Ref
	if w, ok := ref.Target().(*vat.Vow); ok {
		return w
	}
	w := vat.NewVow(nil)
	w.Resolve(ref)
	return w
}

// maxPosition is more than this side gives out: a damaged record must not take all memory.
const maxPosition = 1 << 24

// mayBe says what is wrong with a position of ours.
func mayBe(pos msg.Pos) error {
	if pos == 0 || pos > maxPosition {
		return fmt.Errorf("%w: position %d", errDamaged, pos)
	}
	return nil
}

func (r *restoring) question(e entry, b []byte) error {
	if e.sort != rowQuestion {
		return nil
	}
	if err := mayBe(e.n); err != nil {
		return err
	}
	r.t.questions.set(e.n, question{stored: true})
	r.before = append(r.before, e.n)
	return decode(b, &questionRow{})
}

// export makes a position of ours again.
func (r *restoring) export(e entry, b []byte) error {
	if e.sort != rowExport {
		return nil
	}
	var row exportRow
	if err := errors.Join(mayBe(e.n), decode(b, &row)); err != nil {
		return err
	}
	pos := e.n
	x := export{count: row.Count, promise: row.Promise, durable: durable{stored: true, pinned: true}}
	switch row.Sort {
	case 0:
		// The peer knows it as a promise, or not, whatever has become of it.
		_, vow := r.pinned(e).Ref.Target().(*vat.Vow)
		if x.ref = r.pinned(e).Ref; x.promise {
			x.ref = r.vow(e).Ref()
			r.t.pending++
		}
		switch {
		case vow == x.promise:
			r.t.byRef[x.ref] = pos
		case vow:
			r.lost = append(r.lost, pos)
		}
	case rowExport:
		x.res = r.s.spent
	case rowQuestion, rowImport:
		if r.held(row.Sort)[row.Of] != nil || row.Sort == rowQuestion && r.t.questions.at(row.Of) == nil {
			return fmt.Errorf("%w: a promise has two resolvers, or was not asked for", errDamaged)
		}
		x.res = r.asked(e, row)
		x.res.res = pos
	case rowWait:
		x.res = newFar(r.s, farFlush, nil) // the wait says more
		x.res.res = pos
	default:
		return fmt.Errorf("%w: a resolver of %q", errDamaged, row.Sort)
	}
	r.t.exports.set(pos, x)
	return nil
}

// asked makes a promise of the peer's again whose outcome has not come. If nobody holds it any more but the code that has died, it
// is given back when the session goes on.
func (r *restoring) asked(e entry, row exportRow) *far {
	kind := farQuestion
	if row.Sort == rowImport {
		kind = farPromise
	}
	q := newFar(r.s, kind, r.vow(e))
	q.pos, q.used, q.asked = row.Of, true, r.t
	q.orphan = !r.pinned(e).Shared && kind == farQuestion
	r.held(row.Sort)[q.pos] = q
	if kind == farPromise {
		if x := r.t.imports[q.pos]; x != nil {
			r.s.watchImport(q.vow.Ref(), q.pos, x)
		}
	}
	return q
}

// held returns the promises of a sort that are not to be given back yet, by position.
func (r *restoring) held(sort byte) map[msg.Pos]*far {
	if sort == rowImport {
		return r.promises
	}
	return r.questions
}

func (r *restoring) answer(e entry, b []byte) error {
	if e.sort != rowAnswer && e.sort != rowListen {
		return nil
	}
	var row answerRow
	if err := decode(b, &row); err != nil {
		return err
	}
	c := claim{s: r.s, resolve: row.Resolve, told: row.Told, asked: row.Asked, durable: durable{stored: true, pinned: true}}
	if row.Told {
		r.t.replies++
	}
	if e.sort == rowListen {
		c.serial, c.of = e.n, r.vow(e).Ref()
		r.t.listens[e.n] = &c
		r.t.listened = max(r.t.listened, e.n)
		r.claims = append(r.claims, &c)
		return nil
	}
	c.named, c.pos = true, e.n
	a := &answer{claim: c, vow: r.vow(e)}
	r.t.answers[a.pos] = a
	r.claims = append(r.claims, &a.claim)
	a.of = a.vow.Ref()
	return nil
}

// wait makes a wait again.
func (r *restoring) wait(e entry, b []byte) error {
	if e.sort != rowWait {
		return nil
	}
	var row waitRow
	if err := decode(b, &row); err != nil {
		return err
	}
	w := &wait{
		vow: r.vow(e), serial: e.n, res: row.Res, valued: true, durable: durable{stored: true, pinned: true},
		o: outcome{value: r.pinned(entry{rowValue, e.n}).Ref, given: row.Given},
	}
	own := row.Res == 0 || row.Given // else the position was given back, and may be another's by now
	if own {
		w.q = r.held(row.Sort)[row.Of]
	}
	if w.q == nil { // the frame with its outcome was seen to its end
		kind := farQuestion
		if row.Sort == rowImport {
			kind = farPromise
		}
		w.q = newFar(r.s, kind, nil)
		w.q.pos, w.q.used, w.q.settled, w.q.asked = row.Of, row.Used, true, r.t
		if own { // which gives it back
			r.held(row.Sort)[w.q.pos] = w.q
		}
	}
	if w.q.wait != nil || own && w.q.kind == farQuestion && r.t.questions.at(w.q.pos) == nil {
		return fmt.Errorf("%w: a promise leads to two places, or was not asked for", errDamaged)
	}
	w.q.wait = w
	if row.Res != 0 {
		x := r.t.exports.at(w.res)
		if x != nil && x.res == r.s.spent {
			r.t.waits[e.n], r.cut = w, append(r.cut, w)
			return nil
		}
		if x == nil || x.res == nil || x.res.kind != farFlush || x.res.wait != nil {
			return fmt.Errorf("%w: what a promise waits for was not asked", errDamaged)
		}
		f := x.res
		if f.kind = farFlush; w.o.given {
			f.kind = farAgain
		}
		f.vow, f.wait, f.used = w.vow, w, true
	}
	r.t.waits[e.n] = w
	r.t.waited = max(r.t.waited, e.n)
	r.waits = append(r.waits, w)
	return nil
}

// Resume has a restored session go on with the connection it was restored with.
func (s *Session) Resume() error {
	r := s.resuming
	if r == nil {
		return errors.New("captp: Resume of a session that was not restored")
	}
	s.resuming = nil
	s.parts.Store(3)
	var conn netlayer.Conn
	var refused []refusal
	var due []gift
	s.withLock(func(l *locked) {
		l.state, conn = live, l.conn
		l.deadline = time.AfterFunc(time.Hour, func() {})
		l.deadline.Stop()
		l.sayLost(r.lost)
		refused, due = l.catchUp(0), l.takeDue()
		s.budget.full.Store(l.unsent() > s.cfg.Limits.MaxUnsent)
		s.dormant.Store(false)
	})
	for _, c := range r.claims {
		of := c.of
		if c.named {
			c.of = vat.Ref{} // its answer has it
		}
		of.PromiseCell().Subscribe(c)
	}
	for _, w := range r.waits {
		if w.q.settled && w.res == 0 { // else its outcome comes once more, or that of what was asked
			s.flush(w)
		}
	}
	for _, w := range r.cut {
		w.vow.Break(vat.ErrLost)
		s.giveBack(w.q)
		s.done(w)
	}
	for _, known := range []map[msg.Pos]*far{r.questions, r.promises} {
		for _, q := range known {
			if q.wait == nil && !q.settled {
				q.vow.Route(q)
			}
		}
	}
	refuseAll(refused)
	s.abandonOrphans(r)
	go s.read(conn)
	go s.write(conn)
	s.deposit(due)
	s.deposit(r.deposits)
	s.owes(r.owed)
	for _, w := range r.withdrawals {
		w.again()
	}
	s.trace()
	s.poke()
	s.keepAlive()
	if r.doomed {
		s.fail(&EndError{Peer: s.peer(), Kind: Closed, Reason: "forgotten"})
	}
	return nil
}

// abandonOrphans gives back the answers that only code has asked for which is gone, and objects that nobody holds.
func (s *Session) abandonOrphans(r *restoring) {
	var orphans []*far
	s.withLock(func(l *locked) {
		if l.state != live {
			return
		}
		for _, q := range r.questions {
			if q.orphan && q.wait == nil {
				q.settled = true
				l.t.spend(q)
				orphans = append(orphans, q)
			}
		}
		// What has settled was about to be given back.
		for _, pos := range r.before {
			if r.questions[pos] == nil {
				l.t.gcAnswers = append(l.t.gcAnswers, pos)
			}
		}
		for pos, e := range l.t.imports {
			if _, held := e.weak.Ref(); !held && r.promises[pos] == nil {
				l.t.bury(pos, e)
			}
		}
		l.releaseSoon()
	})
	for _, q := range orphans {
		s.become(q, outcome{err: vat.ErrLost}, q, nil)
	}
	clear(r.pins)
}
