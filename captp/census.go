package captp

import (
	"fmt"
	"reflect"
	"strings"
)

// A Census counts what a session holds. It is for tests and inspection.
type Census struct {
	// Exports are positions the peer can name, without the bootstrap object; Resolvers those of them that wait for an
	// answer. Imports are the peer's positions in use here.
	Exports, Resolvers, Imports int
	// Questions are answer positions in use at the peer; Answers those the peer uses here; Replies outcomes it waits for.
	Questions, Answers, Replies int
	// Waiting are the peer's messages whose turn has not begun, WaitingBytes their memory. AnswerBytes is the memory of the
	// results in Answers.
	Waiting, WaitingBytes, AnswerBytes int
	// Calls are this side's that take room: of Limits.MaxQuestions.
	Calls int
	// Opening are messages that wait for the connection, Unsent bytes that wait for the network.
	Opening, Unsent int
}

// Empty reports whether nothing is held.
func (c Census) Empty() bool { return c == Census{} }

// String returns the counts that are not zero, "nothing" if all are.
func (c Census) String() string {
	var b strings.Builder
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		if n := v.Field(i).Int(); n != 0 {
			fmt.Fprintf(&b, " %s %d", v.Type().Field(i).Name, n)
		}
	}
	if b.Len() == 0 {
		return "nothing"
	}
	return b.String()[1:]
}

// Tables counts what the session holds.
func (s *Session) Tables() (c Census) {
	s.withLock(func(l *locked) {
		c.Waiting, c.WaitingBytes = int(s.inflow.count.Load()), int(s.inflow.size.Load())
		c.Calls, c.Opening = int(s.budget.used.Load()), len(l.opening)
		t := l.t
		if t == nil || l.state == closed {
			return
		}
		for i := range t.exports.entries {
			if e := &t.exports.entries[i]; e.used && e.v.res != nil {
				c.Resolvers++
			}
		}
		c.Exports, c.Imports = t.exports.len()-1-c.Resolvers, len(t.imports)
		c.Questions, c.Answers, c.Replies = t.questions.len()-1, len(t.answers), t.replies
		c.AnswerBytes, c.Unsent = t.answerBytes, len(t.out)
	})
	return c
}
