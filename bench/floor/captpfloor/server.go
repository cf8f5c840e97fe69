package captpfloor

import (
	"fmt"
	"io"

	"github.com/hawser-go/hawser/bench/floor/gather"
)

// node is the only kind of object there is: it answers echo, and next with another, and keeps what it is told.
type node struct {
	depth int
	last  string
	sum   int64
}

// A server is the callee's end of a connection.
type server struct {
	in      *frames
	out     gather.Writer
	exports []*node
	answers []*node // by question; nil for data and for those finished
}

// Serve answers calls until the stream ends.
func Serve(stream io.ReadWriter) error {
	s := &server{in: newFrames(stream), out: gather.Writer{W: stream}, exports: []*node{{}}}
	for {
		frame, err := s.in.next()
		if err != nil {
			return err
		}
		if err := s.handle(&frame); err != nil {
			return err
		}
		if !s.in.more() {
			if err := s.out.Flush(); err != nil {
				return err
			}
		}
	}
}

func (s *server) handle(frame *cursor) error {
	switch op := frame.byte(); op {
	case opCall:
		c := call{question: frame.uint(), kind: frame.byte(), position: frame.uint(), method: frame.bytes(), text: frame.bytes(), number: frame.int()}
		if err := frame.done(); err != nil {
			return err
		}
		return s.call(&c)
	case opTell:
		c := call{kind: frame.byte(), position: frame.uint(), method: frame.bytes(), text: frame.bytes(), number: frame.int()}
		if err := frame.done(); err != nil {
			return err
		}
		return s.tell(&c)
	case opFinish:
		question := frame.uint()
		if err := frame.done(); err != nil {
			return err
		}
		if question < uint64(len(s.answers)) {
			s.answers[question] = nil
		}
		return nil
	default:
		return fmt.Errorf("captpfloor: unknown operation %d", op)
	}
}

func (s *server) target(c *call) (*node, error) {
	table := s.exports
	if c.kind == toAnswer {
		table = s.answers
	}
	if c.position >= uint64(len(table)) || table[c.position] == nil {
		return nil, fmt.Errorf("captpfloor: no object at %d", c.position)
	}
	return table[c.position], nil
}

func (s *server) tell(c *call) error {
	target, err := s.target(c)
	if err != nil {
		return err
	}
	if string(c.method) != "tell" {
		return fmt.Errorf("captpfloor: no method %q", c.method)
	}
	target.last = string(c.text) // what an object receives is its own
	target.sum += c.number
	return nil
}

func (s *server) call(c *call) error {
	target, err := s.target(c)
	if err != nil {
		return err
	}
	if c.question > maxFrame {
		return fmt.Errorf("captpfloor: no question %d", c.question)
	}
	for uint64(len(s.answers)) <= c.question {
		s.answers = append(s.answers, nil)
	}
	question := c.question
	switch string(c.method) {
	case "echo":
		text, number := string(c.text), c.number // what an object receives is its own
		s.out.Add(func(b []byte) []byte { return appendData(b, question, text, number) })
	case "next":
		s.answers[question] = &node{depth: target.depth + 1}
		s.out.Add(func(b []byte) []byte { return appendObject(b, question) })
	default:
		return fmt.Errorf("captpfloor: no method %q", c.method)
	}
	return nil
}
