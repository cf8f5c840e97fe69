package websocket

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/internal/sockets"
)

// wire is the TCP connection under a WebSocket. While it gathers, what is written to it waits in memory for flush: so the
// messages of a batch go to the system together, and nobody waits for the peer but the one who flushes. The library would
// have whoever answers a ping wait behind a message that the peer is slow to take, and end the connection after 5 s.
type wire struct {
	net.Conn
	release func()       // gives back its share of the budget for handshakes; may be called more than once
	reads   atomic.Int64 // how many have ended
	reading atomic.Bool  // one is in progress
	ponged  atomic.Bool  // the peer has answered a ping

	mu       sync.Mutex
	buf      *[]byte // what is gathered; nil when nothing is
	flushing bool    // buf is being written, and belongs to the one who does
	behind   []byte  // what was written meanwhile: pings and pongs
	err      error   // of a flush: nothing may follow a part of something
}

// buffers are what is gathered in, so that idle connections have none.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, maxGathered); return &b }}

const (
	// maxGathered is how much is gathered before it is flushed, but for the last message.
	maxGathered = 64 << 10
	// maxBehind is how much may wait behind a flush before pings are left unanswered.
	maxBehind = 4 << 10
)

func newWire(c net.Conn, release func()) *wire {
	return &wire{Conn: c, release: release}
}

func (w *wire) Read(b []byte) (int, error) {
	w.reading.Store(true)
	n, err := w.Conn.Read(b)
	w.reads.Add(1)
	w.reading.Store(false)
	return n, err
}

// heard returns how often something has come, and whether somebody listens at the moment.
func (w *wire) heard() (times int64, listening bool) { return w.reads.Load(), w.reading.Load() }

func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return 0, w.err
	case w.buf == nil:
		return w.Conn.Write(b)
	case w.flushing:
		w.behind = append(w.behind, b...)
	default:
		*w.buf = append(*w.buf, b...)
	}
	return len(b), nil
}

// gather has what is written from now on wait, until it is about as much as expected.
func (w *wire) gather(expected int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = buffers.Get().(*[]byte)
	*w.buf = slices.Grow((*w.buf)[:0], expected)
}

// gathered returns how much waits to be flushed.
func (w *wire) gathered() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(*w.buf)
}

// flush writes what was gathered, and waits until the system has taken it.
func (w *wire) flush() error {
	w.mu.Lock()
	w.flushing = true
	w.mu.Unlock()
	_, err := w.Conn.Write(*w.buf)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flushing = false
	*w.buf = append((*w.buf)[:0], w.behind...)
	w.behind = w.behind[:0]
	w.err = err
	return err
}

// spread flushes, after which what is written goes out at once. Its error is that of what was gathered: the pings and
// pongs behind it are nobody's loss.
func (w *wire) spread() error {
	err := w.flush()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && len(*w.buf) > 0 {
		_, w.err = w.Conn.Write(*w.buf)
	}
	buffers.Put(w.buf)
	w.buf = nil
	return err
}

// answers says whether a ping of the peer's is to be answered: not if it goes on pinging while it does not take what is
// written to it, so that its answers cannot fill the memory.
func (w *wire) answers(context.Context, []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.behind) < maxBehind
}

// answered is told of the peer's answers to pings.
func (w *wire) answered(context.Context, []byte) { w.ponged.Store(true) }

// cut makes a write in progress fail, and all that follow.
func (w *wire) cut() { w.SetWriteDeadline(time.Unix(1, 0)) }

func (w *wire) Close() error {
	w.release()
	return w.Conn.Close()
}

// listener hands out connections within the budget, and closes the others.
type listener struct {
	net.Listener
	n *Netlayer
}

func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		source := sockets.SourceName(c.RemoteAddr())
		if release, ok := l.n.greeting.Take(source); ok {
			return newWire(c, release), nil
		}
		l.n.cfg.Logger.Debug("dialler turned away", "source", source, "why", "too many handshakes in progress")
		c.Close()
	}
}
