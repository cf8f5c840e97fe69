package noiselink

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
)

// conn is an admitted connection. Its stream carries frames and some other things, told apart by their first byte, which
// in the length of a frame is always zero (docs/noise-quic.md, section 6).
type conn struct {
	n       *Node
	link    Link
	info    netlayer.Info
	release func() // what else the connection holds; may be nil
	// anonymous is who dialled, if that is known by the key made for this session only: without it nobody could resume it.
	anonymous *self

	writing sync.Mutex // held while something is written to the link
	torn    bool       // a Write was cut within a frame: nothing can follow it; under writing
	said    bool       // the farewell was written; under writing

	inbox inbox
	end   atomic.Pointer[sockets.EndError] // set once, when the connection has ended in any way
	gone  chan struct{}                    // closed when the peer will say no more
	done  chan struct{}                    // closed when the pump is through and everything is released

	closing atomic.Bool
	closed  chan struct{} // closed when the first Close is through
	keep    keepAlive
}

var (
	_ netlayer.Conn       = (*conn)(nil)
	_ netlayer.KeepAliver = (*conn)(nil)
)

// First bytes in the stream other than that of a frame's length.
const (
	tagPing = 1 // one byte, to be ignored, or to be answered where the carrier does not
	tagEnd  = 2 // one byte of length and the reason for the log; the end of the stream follows
	tagPong = 3 // one byte, an answer, where the carrier does not answer
)

const maxReason = 200

// writeChunk is how much is gathered before it is written, as much as one record of a carrier holds; larger frames are
// not copied.
const writeChunk = noisehs.MaxPlaintext

func newConn(n *Node, l Link, info netlayer.Info, arrived []byte, release func()) *conn {
	c := &conn{
		n: n, link: l, info: info, release: release,
		gone: make(chan struct{}), done: make(chan struct{}), closed: make(chan struct{}),
	}
	c.inbox.init(arrived)
	c.keep.conn, c.keep.answer = c, time.Now()
	if !n.cfg.Carrier.Bound {
		c.inbox.full = c.keep.stalled
	}
	return c
}

func (c *conn) Info() netlayer.Info { return c.info }

func (c *conn) Write(frames [][]byte) error {
	for _, f := range frames {
		if len(f) > netlayer.MaxFrame {
			return c.n.cfg.errorf("a frame of %d bytes: %w", len(f), netlayer.ErrFrameTooLarge)
		}
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if end := c.end.Load(); end != nil {
		return end
	}
	buf := writeBuffers.Get().(*[]byte)
	defer writeBuffers.Put(buf)
	out := (*buf)[:0]
	for _, f := range frames {
		if len(out)+frameHeader+len(f) > writeChunk && len(out) > 0 {
			if err := c.flush(out); err != nil {
				return err
			}
			out = out[:0]
		}
		if len(f) > writeChunk/2 {
			out = append(out, byte(len(f)>>24), byte(len(f)>>16), byte(len(f)>>8), byte(len(f)))
			if err := c.flush(out); err != nil {
				return err
			}
			out = out[:0]
			if err := c.flush(f); err != nil {
				return err
			}
			continue
		}
		out = appendFrame(out, f)
	}
	*buf = out
	if len(out) == 0 {
		return nil
	}
	return c.flush(out)
}

// writeBuffers holds what frames are gathered in, so that idle connections have none.
var writeBuffers = sync.Pool{New: func() any { b := make([]byte, 0, writeChunk); return &b }}

func (c *conn) flush(b []byte) error {
	_, err := c.link.Write(b)
	if err == nil {
		return nil
	}
	c.torn = true
	if end := c.end.Load(); end != nil {
		return end
	}
	// The pump finds out too and cleans up. If it is only one direction that the peer has ended, that is the end of all.
	why := c.link.Explain(err)
	c.link.End(Violation)
	c.ended(why)
	return c.end.Load()
}

// ended records why the connection has ended, if it has not yet. A Write in progress is cut short.
func (c *conn) ended(why string) {
	if c.end.CompareAndSwap(nil, &sockets.EndError{Netlayer: c.n.cfg.Carrier.Package, Why: why}) {
		c.link.SetWriteDeadline(time.Unix(1, 0))
		c.inbox.end()
	}
}

// Close says goodbye, waits until the peer has taken everything that was written, and closes. What had arrived before
// can still be read.
func (c *conn) Close(reason string) error {
	if !c.closing.CompareAndSwap(false, true) {
		<-c.closed
		return nil
	}
	defer close(c.closed)
	c.ended("it was closed here")
	c.inbox.discard()
	deadline := time.Now().Add(c.n.cfg.Linger)
	c.farewell(reason, deadline)
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-c.gone:
	case <-timer.C:
	}
	c.link.End(Done)
	<-c.done
	return nil
}

// farewell writes the last thing there is to say, once, and that nothing follows. The connection has been ended.
func (c *conn) farewell(reason string, deadline time.Time) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.said {
		return
	}
	c.said = true
	if !c.torn {
		c.link.SetWriteDeadline(deadline)
		_, _ = c.link.Write(endMark(reason)) // if it fails there is nobody to say goodbye to
	}
	c.link.Finish()
}

// endMark is the last thing on the stream: the reason for the peer's log.
func endMark(reason string) []byte {
	reason = sockets.OneLine(reason, maxReason)
	return append([]byte{tagEnd, byte(len(reason))}, reason...)
}
