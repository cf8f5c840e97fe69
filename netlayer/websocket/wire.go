package websocket

import (
	"net"
	"sync"
	"time"
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
	return &wire{Conn: c, release: sync.OnceFunc(release)}
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

// budget bounds the incoming connections that have not been admitted, from the moment the system has them.
type budget struct {
	limits Limits

	mu      sync.Mutex
	open    int
	sources map[string]int
}

// take reports whether one more may come from a source. The function returned gives its share back.
func (b *budget) take(source string) (release func(), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open >= b.limits.Handshakes || b.sources[source] >= b.limits.HandshakesPerSource {
		return nil, false
	}
	b.open++
	b.sources[source]++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.open--
		if b.sources[source]--; b.sources[source] == 0 {
			delete(b.sources, source)
		}
	}, true
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
		source := sourceOf(c.RemoteAddr())
		if release, ok := l.n.budget.take(source); ok {
			return newWire(c, release), nil
		}
		l.n.cfg.Logger.Debug("dialler turned away", "source", source, "why", "too many handshakes in progress")
		c.Close()
	}
}

// sourceOf is what counts as one source: an IPv4 address, or the /64 that one household gets of IPv6.
func sourceOf(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return ""
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}
