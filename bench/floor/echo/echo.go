// Package echo is the floor under any protocol: records of a fixed size that come back as they were sent, over one
// stream, with a writer that gathers. There is no codec; a record begins with the number of its caller's slot.
package echo

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hawser-go/hawser/bench/floor/gather"
)

// Size is the size of a record: a slot number, and about what a small call carries.
const Size = 8 + 48

// Serve sends back what it reads until the stream ends.
func Serve(stream io.ReadWriter) error {
	out := &gather.Writer{W: stream}
	in := bufio.NewReaderSize(stream, 64<<10)
	record := make([]byte, Size)
	add := func(b []byte) []byte { return append(b, record...) }
	for {
		if _, err := io.ReadFull(in, record); err != nil {
			return err
		}
		out.Add(add)
		if in.Buffered() < Size {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
}

// Direct returns a function that sends one record and reads its echo, for one caller and nothing in between.
func Direct(stream io.ReadWriter) func() error {
	sent, got := make([]byte, Size), make([]byte, Size)
	n := uint64(0)
	return func() error {
		n++
		binary.LittleEndian.PutUint64(sent, n)
		if _, err := stream.Write(sent); err != nil {
			return err
		}
		if _, err := io.ReadFull(stream, got); err != nil {
			return err
		}
		if [Size]byte(sent) != [Size]byte(got) {
			return fmt.Errorf("echo: sent %x, got %x", sent, got)
		}
		return nil
	}
}

// A Mux lets many callers share a stream.
type Mux struct {
	out    gather.Writer
	mu     sync.RWMutex
	slots  []*slot
	reader sync.WaitGroup
	err    error
}

type slot struct {
	record [Size]byte
	answer [Size]byte
	ready  chan struct{}
}

// NewMux reads echoes until the stream ends.
func NewMux(stream io.ReadWriter) *Mux {
	m := &Mux{out: gather.Writer{W: stream}}
	m.reader.Go(func() { m.read(stream) })
	return m
}

// Wait returns once the stream has ended.
func (m *Mux) Wait() { m.reader.Wait() }

func (m *Mux) read(stream io.Reader) {
	in := bufio.NewReaderSize(stream, 64<<10)
	var record [Size]byte
	for {
		if _, err := io.ReadFull(in, record[:]); err != nil {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.err = errors.Join(errors.New("echo: the stream ended"), err)
			for _, s := range m.slots {
				close(s.ready)
			}
			return
		}
		m.mu.RLock()
		s := m.slots[binary.LittleEndian.Uint64(record[:])]
		m.mu.RUnlock()
		s.answer = record
		s.ready <- struct{}{}
	}
}

// Caller returns a function that sends a record and waits for its echo, for one goroutine.
func (m *Mux) Caller() func() error {
	s := &slot{ready: make(chan struct{}, 1)}
	m.mu.Lock()
	binary.LittleEndian.PutUint64(s.record[:], uint64(len(m.slots)))
	m.slots = append(m.slots, s)
	m.mu.Unlock()
	add := func(b []byte) []byte { return append(b, s.record[:]...) }
	n := uint64(0)
	return func() error {
		n++
		binary.LittleEndian.PutUint64(s.record[8:], n)
		if err := m.out.Send(add); err != nil {
			return err
		}
		if _, ok := <-s.ready; !ok {
			return m.err
		}
		if s.answer != s.record {
			return fmt.Errorf("echo: sent %x, got %x", s.record, s.answer)
		}
		return nil
	}
}
