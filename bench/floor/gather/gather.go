// Package gather writes for many senders at once: the one that finds no write going on writes for all, after yielding
// once so that others can add to it.
package gather

import (
	"io"
	"runtime"
	"sync"
)

// A Writer gathers messages for w. It is ready once W is set.
type Writer struct {
	W io.Writer

	mu      sync.Mutex
	waiting []byte
	spare   []byte
	writing bool
	err     error
}

// Send appends one message, by a function that appends to a slice, and sees to it that it is written.
func (g *Writer) Send(add func([]byte) []byte) error {
	g.mu.Lock()
	g.waiting = add(g.waiting)
	if g.writing || g.err != nil {
		defer g.mu.Unlock()
		return g.err
	}
	g.writing = true
	g.mu.Unlock()
	return g.flush()
}

// Add appends one message that goes out with the next one sent or with Flush.
func (g *Writer) Add(add func([]byte) []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = add(g.waiting)
}

// Flush writes what has been added, unless somebody is writing already and will.
func (g *Writer) Flush() error {
	g.mu.Lock()
	if g.writing || g.err != nil || len(g.waiting) == 0 {
		defer g.mu.Unlock()
		return g.err
	}
	g.writing = true
	g.mu.Unlock()
	return g.flush()
}

func (g *Writer) flush() error {
	runtime.Gosched()
	g.mu.Lock()
	for len(g.waiting) > 0 && g.err == nil {
		out := g.waiting
		g.waiting = g.spare[:0]
		g.mu.Unlock()
		_, err := g.W.Write(out)
		g.mu.Lock()
		g.spare = out
		if err != nil {
			g.err = err
		}
	}
	g.writing = false
	err := g.err
	g.mu.Unlock()
	return err
}
