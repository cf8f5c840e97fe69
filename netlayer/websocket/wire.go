package websocket

import (
	"net"
	"sync"
	"time"

	"github.com/hawser-go/hawser/internal/sockets"
)

// wire is the TCP connection under a WebSocket. Corked, it gathers what is written, so that the messages of a batch go to
// the system together.
type wire struct {
	net.Conn
	release func() // gives back its share of the budget for handshakes; may be called more than once

	mu  sync.Mutex
	buf *[]byte // what is gathered; nil when not corked
}

// buffers are what is gathered in, so that idle connections have none.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, maxGathered); return &b }}

// maxGathered is how much is gathered before it is written.
const maxGathered = 64 << 10

func newWire(c net.Conn, release func()) *wire {
	return &wire{Conn: c, release: release}
}

func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.buf == nil {
		return w.Conn.Write(b)
	}
	if len(*w.buf)+len(b) > maxGathered {
		if err := w.flush(); err != nil {
			return 0, err
		}
		if len(b) > maxGathered {
			return w.Conn.Write(b)
		}
	}
	*w.buf = append(*w.buf, b...)
	return len(b), nil
}

// cork begins to gather.
func (w *wire) cork() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = buffers.Get().(*[]byte)
}

// uncork writes what was gathered; from then on what is written goes out at once.
func (w *wire) uncork() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.flush()
	buffers.Put(w.buf)
	w.buf = nil
	return err
}

func (w *wire) flush() error {
	if len(*w.buf) == 0 {
		return nil
	}
	_, err := w.Conn.Write(*w.buf)
	*w.buf = (*w.buf)[:0]
	return err
}

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
