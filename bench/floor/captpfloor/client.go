package captpfloor

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hawser-go/hawser/bench/floor/gather"
)

// A Client is the caller's end of a connection.
type Client struct {
	out    gather.Writer
	reader sync.WaitGroup

	mu      sync.Mutex
	pending []*question
	free    []uint64
	err     error
}

// A question waits for its answer. It is used again once it is finished.
type question struct {
	id     uint64
	ready  chan struct{}
	text   string
	number int64
}

// NewClient reads answers until the stream ends.
func NewClient(stream io.ReadWriter) *Client {
	c := &Client{out: gather.Writer{W: stream}}
	c.reader.Go(func() {
		err := c.read(newFrames(stream))
		c.mu.Lock()
		defer c.mu.Unlock()
		c.err = errors.Join(errors.New("captpfloor: the connection ended"), err)
		for _, q := range c.pending {
			close(q.ready)
		}
	})
	return c
}

// Wait returns once the stream has ended.
func (c *Client) Wait() { c.reader.Wait() }

func (c *Client) read(in *frames) error {
	for {
		frame, err := in.next()
		if err != nil {
			return err
		}
		if op := frame.byte(); op != opAnswer {
			return fmt.Errorf("captpfloor: unexpected operation %d", op)
		}
		id, kind := frame.uint(), frame.byte()
		var text []byte
		var number int64
		if kind == isData {
			text, number = frame.bytes(), frame.int()
		}
		if err := frame.done(); err != nil {
			return err
		}
		c.mu.Lock()
		if id >= uint64(len(c.pending)) {
			c.mu.Unlock()
			return fmt.Errorf("captpfloor: answer to question %d, which was not asked", id)
		}
		q := c.pending[id]
		c.mu.Unlock()
		q.text, q.number = string(text), number
		q.ready <- struct{}{}
	}
}

// ask takes a free question.
func (c *Client) ask() (*question, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	if n := len(c.free); n > 0 {
		q := c.pending[c.free[n-1]]
		c.free = c.free[:n-1]
		return q, nil
	}
	q := &question{id: uint64(len(c.pending)), ready: make(chan struct{}, 1)}
	c.pending = append(c.pending, q)
	return q, nil
}

// await waits for the answer to a question and finishes it; the finish goes out with the next call.
func (c *Client) await(q *question) (text string, number int64, err error) {
	if _, ok := <-q.ready; !ok {
		return "", 0, c.err
	}
	text, number, q.text = q.text, q.number, ""
	id := q.id
	c.out.Add(func(b []byte) []byte { return appendFinish(b, id) })
	c.mu.Lock()
	c.free = append(c.free, id)
	c.mu.Unlock()
	return text, number, nil
}

var (
	echo = []byte("echo")
	next = []byte("next")
	tell = []byte("tell")
)

// Echo calls the root object and returns what comes back.
func (c *Client) Echo(text []byte, number int64) (string, int64, error) {
	q, err := c.ask()
	if err != nil {
		return "", 0, err
	}
	m := call{question: q.id, kind: toExport, method: echo, text: text, number: number}
	if err := c.out.Send(func(b []byte) []byte { return appendCall(b, &m) }); err != nil {
		return "", 0, err
	}
	return c.await(q)
}

// Tell sends to the root object and does not ask for an answer. It goes out with the next call or with Flush. Calls made
// after it are answered after it was handled.
func (c *Client) Tell(text []byte, number int64) {
	c.out.Add(func(b []byte) []byte {
		return appendTell(b, &call{kind: toExport, method: tell, text: text, number: number})
	})
}

// Flush writes what Tell left.
func (c *Client) Flush() error { return c.out.Flush() }

// Chain calls next on the root, next on its answer, and so on, and echo on the last: depth calls, none of which waits
// for the one before.
func (c *Client) Chain(depth int, text []byte, number int64) (string, int64, error) {
	asked := make([]*question, depth)
	m := call{kind: toExport}
	for i := range asked {
		q, err := c.ask()
		if err != nil {
			return "", 0, err
		}
		asked[i] = q
		m.question, m.method = q.id, next
		if i > 0 {
			m.kind, m.position = toAnswer, asked[i-1].id
		}
		if i == depth-1 {
			m.method, m.text, m.number = echo, text, number
			if err := c.out.Send(func(b []byte) []byte { return appendCall(b, &m) }); err != nil {
				return "", 0, err
			}
		} else {
			c.out.Add(func(b []byte) []byte { return appendCall(b, &m) })
		}
	}
	for i, q := range asked {
		got, n, err := c.await(q)
		if err != nil || i == depth-1 {
			return got, n, err
		}
	}
	return "", 0, errors.New("captpfloor: a chain of no calls")
}
