package captp_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/passable"
)

// auditor reads along on a connection between two sessions and keeps the books that the draft demands of both ends: who
// may mention what, where an answer may be asked for, and how often what was mentioned has been given back.
type auditor struct {
	t testing.TB

	mu     sync.Mutex
	sides  [2]*side // the dialler's and the acceptor's
	closed bool
	off    bool
}

// side is what one end has said and heard.
type side struct {
	who     string
	dec     *wire.Decoder
	hears   *wire.Decoder
	started bool
	aborted bool
	exports map[uint64]*mentioned // by this side, as long as the peer has not given all of it back
	held    map[uint64]uint64     // mentions of the peer's exports that have come and were not given back
	answers map[uint64]bool       // asked for by this side and not released
	asked   map[uint64]bool       // at this side
}

type mentioned struct {
	kind  msg.DescKind
	count uint64
}

func newAuditor(t testing.TB) *auditor {
	a := &auditor{t: t}
	for i, who := range []string{"dialler", "acceptor"} {
		a.sides[i] = &side{
			who: who, dec: wire.NewDecoder(wire.Hawser, wire.Limits{}), hears: wire.NewDecoder(wire.Hawser, wire.Limits{}),
			exports: make(map[uint64]*mentioned), held: make(map[uint64]uint64), answers: make(map[uint64]bool), asked: make(map[uint64]bool),
		}
	}
	return a
}

// audits returns the auditor of a connection.
func (w *world) audits(info netlayer.Info) *auditor {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.auditors[info.Binding]
	if a == nil {
		a = newAuditor(w.t)
		a.off = w.unaudited
		w.auditors[info.Binding] = a
	}
	return a
}

// audited is one end of a connection that is read along.
type audited struct {
	netlayer.Conn
	a *auditor
	i int
}

func (w *world) audit(c netlayer.Conn) netlayer.Conn {
	if w.unaudited {
		return c
	}
	i := 1
	if c.Info().Outbound {
		i = 0
	}
	return &audited{c, w.audits(c.Info()), i}
}

func (c *audited) Write(frames [][]byte) error {
	c.a.said(c.i, frames)
	return c.Conn.Write(frames)
}

func (c *audited) Read() (netlayer.Frame, error) {
	f, err := c.Conn.Read()
	if err == nil {
		c.a.heard(c.i, f.Bytes)
	}
	return f, err
}

func (c *audited) Close(reason string) error {
	c.a.mu.Lock()
	c.a.closed = true
	c.a.mu.Unlock()
	return c.Conn.Close(reason)
}

func (a *auditor) wrong(i int, format string, args ...any) {
	a.t.Errorf("on the wire, the %s: %s", a.sides[i].who, fmt.Sprintf(format, args...))
}

// read decodes a frame and returns the descriptors in its arguments, too.
func (a *auditor) read(dec *wire.Decoder, frame []byte) (op msg.Op, args []msg.Desc) {
	op, err := dec.Decode(frame, func(d msg.Desc) (passable.Reference, error) {
		args = append(args, d)
		return d, nil
	})
	if err != nil {
		a.t.Errorf("on the wire: %v: %q", err, frame)
	}
	return op, args
}

// said enters what a side sends, when it sends it.
func (a *auditor) said(i int, frames [][]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.sides[i]
	if a.off {
		return
	}
	for _, f := range frames {
		op, args := a.read(s.dec, f)
		if s.aborted {
			a.wrong(i, "%T after op:abort", op)
		}
		if _, ok := op.(*msg.StartSession); ok == s.started {
			a.wrong(i, "%T out of place", op)
		}
		s.started = true
		switch op := op.(type) {
		case *msg.Abort:
			s.aborted = true
		case *msg.Deliver:
			a.mentions(i, append(args, op.To)...)
			if op.HasResolve {
				a.mentions(i, op.Resolve)
			}
			if op.HasAnswer {
				a.asks(i, op.Answer)
			}
		case *msg.Listen:
			a.mentions(i, op.To, op.Resolve)
		case *msg.Get:
			a.mentions(i, op.To)
			a.asks(i, op.Answer)
		case *msg.Index:
			a.mentions(i, op.To)
			a.asks(i, op.Answer)
		case *msg.Untag:
			a.mentions(i, op.To)
			a.asks(i, op.Answer)
		case *msg.GCAnswers:
			for _, pos := range op.Positions {
				if !s.answers[pos] {
					a.wrong(i, "releases answer %d, which it has not asked for", pos)
				}
				delete(s.answers, pos)
			}
		case *msg.GCExports:
			for k, pos := range op.Positions {
				if op.Deltas[k] == 0 || op.Deltas[k] > s.held[pos] {
					a.wrong(i, "gives back export %d %d times and holds it %d times", pos, op.Deltas[k], s.held[pos])
				}
				if s.held[pos] -= op.Deltas[k]; s.held[pos] == 0 {
					delete(s.held, pos)
				}
			}
		}
	}
}

// mentions enters the descriptors of what a side sends.
func (a *auditor) mentions(i int, ds ...msg.Desc) {
	s := a.sides[i]
	for _, d := range ds {
		if d.Pos == 0 && d.Kind != msg.Answer {
			continue // the bootstrap objects stay
		}
		switch d.Kind {
		case msg.Export:
			if s.held[d.Pos] == 0 {
				a.wrong(i, "mentions export %d, which it does not hold", d.Pos)
			}
		case msg.Answer:
			if !s.answers[d.Pos] {
				a.wrong(i, "mentions answer %d, which it has not asked for", d.Pos)
			}
		case msg.Given:
			a.wrong(i, "gives away %v, though it takes no part in handoffs", d)
		case msg.ImportObject, msg.ImportPromise:
			e := s.exports[d.Pos]
			if e == nil {
				e = &mentioned{kind: d.Kind}
				s.exports[d.Pos] = e
			}
			if e.kind != d.Kind {
				a.wrong(i, "calls its export %d %s, and before %s", d.Pos, d.Kind, e.kind)
			}
			e.count++
		}
	}
}

func (a *auditor) asks(i int, pos uint64) {
	if a.sides[i].answers[pos] {
		a.wrong(i, "asks for answer %d twice", pos)
	}
	a.sides[i].answers[pos] = true
}

// heard enters what has come to a side.
func (a *auditor) heard(i int, frame []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.sides[i]
	op, got := a.read(s.hears, frame)
	switch op := op.(type) {
	case *msg.Deliver:
		if op.HasResolve {
			got = append(got, op.Resolve)
		}
	case *msg.Listen:
		got = append(got, op.Resolve)
	case *msg.GCExports:
		for k, pos := range op.Positions {
			e := s.exports[pos]
			if e == nil || e.count < op.Deltas[k] {
				a.wrong(i, "is given back more of export %d than it gave", pos)
				continue
			}
			if e.count -= op.Deltas[k]; e.count == 0 {
				delete(s.exports, pos)
			}
		}
	}
	for _, d := range got {
		if d.Pos != 0 && (d.Kind == msg.ImportObject || d.Kind == msg.ImportPromise) {
			s.held[d.Pos]++
		}
	}
}

// settled checks that everything has been given back.
func (a *auditor) settled() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || a.off {
		return
	}
	for i, s := range a.sides {
		if len(s.exports) > 0 || len(s.held) > 0 || len(s.answers) > 0 {
			a.wrong(i, "not given back at the end: exports %v, held %v, answers %v", s.exports, s.held, s.answers)
		}
	}
}
