package vat

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// A MessageID names a message in traces. Space is a vat, or a session and a direction; N counts within it. Both ends of
// a session derive the same ids by counting, so that nothing is added to the wire.
type MessageID struct {
	Space, N uint64
}

// IsZero reports whether nothing was traced.
func (id MessageID) IsZero() bool { return id == MessageID{} }

// String returns the id as it stands in JSON.
func (id MessageID) String() string {
	if id.IsZero() {
		return ""
	}
	return fmt.Sprintf("%016x-%d", id.Space, id.N)
}

// MarshalText returns the same as String.
func (id MessageID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// An Event is one thing a tracer is told.
type Event struct {
	Time time.Time `json:"time"`
	// Kind is "send" (a turn sends a message), "begin" and "end" (of the turn a message got), "wait" and "resume" (the
	// turn is parked in Await, and goes on as a later turn), "wire-send" and "wire-receive" (a session puts a message on
	// the wire, or takes one off it).
	Kind string `json:"kind"`
	// Where is the vat's name, or the session's peer.
	Where string `json:"where,omitempty"`
	// ID is the message's id; Cause the id of the message whose turn sent it, or which this is on the wire.
	ID    MessageID `json:"id,omitzero"`
	Cause MessageID `json:"cause,omitzero"`
	// Turn is the turn's ordinal in its vat.
	Turn   uint64 `json:"turn,omitempty"`
	Object string `json:"object,omitempty"`
	Method string `json:"method,omitempty"`
	Error  string `json:"error,omitempty"`
}

// A Tracer is told of events as they happen, by many goroutines at once; it must be quick and must not call back.
// Arguments and results are never part of an event.
type Tracer interface{ Trace(e Event) }

// NewTraceWriter returns a tracer that writes events to w as JSON, one a line. Errors of w end the trace silently.
func NewTraceWriter(w io.Writer) Tracer { return &traceWriter{enc: json.NewEncoder(w)} }

type traceWriter struct {
	mu     sync.Mutex
	enc    *json.Encoder
	failed bool
}

func (t *traceWriter) Trace(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.failed {
		t.failed = t.enc.Encode(e) != nil
	}
}

// newSpace names a vat in message ids; it tells traces apart and guards nothing.
func newSpace() uint64 { return rand.Uint64() } //nolint:gosec // not a secret

func (v *Vat) traceSend(f *frame, m *Message) {
	if m.ID.IsZero() {
		m.ID = MessageID{v.space, v.messages.Add(1)}
	}
	if m.Cause.IsZero() {
		m.Cause = f.msg.ID
	}
	v.tracer.Trace(Event{
		Time: time.Now(), Kind: "send", Where: v.name, ID: m.ID, Cause: m.Cause, Turn: f.n, Method: clip(string(m.Selector), maxName),
	})
}

func (v *Vat) traceBegin(f *frame) {
	if f.msg.ID.IsZero() {
		f.msg.ID = MessageID{v.space, v.messages.Add(1)}
	}
	v.tracer.Trace(Event{
		Time: time.Now(), Kind: "begin", Where: v.name, ID: f.msg.ID, Cause: f.msg.Cause, Turn: f.n, Object: f.describe(),
		Method: clip(string(f.msg.Selector), maxName),
	})
}

func (v *Vat) traceWait(f *frame, kind string) {
	v.tracer.Trace(Event{Time: time.Now(), Kind: kind, Where: v.name, ID: f.msg.ID, Turn: f.n})
}

func (v *Vat) traceEnd(f *frame, err error) {
	e := Event{Time: time.Now(), Kind: "end", Where: v.name, ID: f.msg.ID, Turn: f.n}
	if err != nil {
		e.Error = brief(err)
	}
	v.tracer.Trace(e)
}
