package noisequic

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/quic-go/quic-go"

	"github.com/hawser-go/hawser/netlayer"
)

// conn is an admitted connection. Its stream carries frames and two other things, told apart by their first byte, which
// in the length of a frame is always zero (docs/noise-quic.md, "Frames").
type conn struct {
	n       *Netlayer
	quic    *quic.Conn
	stream  *quic.Stream
	info    netlayer.Info
	release func() // frees the socket of an anonymous session; may be nil

	writing sync.Mutex // held while something is written to the stream
	torn    bool       // a Write was cut within a frame: nothing can follow it; under writing

	inbox inbox
	end   atomic.Pointer[closedError] // set once, when the connection has ended in any way
	gone  chan struct{}               // closed when the peer will say no more
	done  chan struct{}               // closed when the pump is through and everything is released

	closing atomic.Bool
	closed  chan struct{} // closed when the first Close is through
	keep    keepAlive

	transport *quic.Transport // of a connection that was dialled, see NetworkUp
}

var (
	_ netlayer.Conn       = (*conn)(nil)
	_ netlayer.KeepAliver = (*conn)(nil)
)

// First bytes on the stream other than that of a frame's length.
const (
	tagPing = 1 // one byte, to be ignored
	tagEnd  = 2 // one byte of length and the reason for the log; the end of the stream follows
)

const maxReason = 200

// writeChunk is how much is gathered before it is written; larger frames are not copied.
const writeChunk = 64 << 10

// closedError is what Read and Write return after the end.
type closedError struct{ why string }

func (e *closedError) Error() string { return "noisequic: the connection is closed: " + e.why }
func (e *closedError) Unwrap() error { return net.ErrClosed }

func newConn(n *Netlayer, q *quic.Conn, s *quic.Stream, info netlayer.Info, arrived []byte, release func()) *conn {
	c := &conn{
		n: n, quic: q, stream: s, info: info, release: release,
		gone: make(chan struct{}), done: make(chan struct{}), closed: make(chan struct{}),
	}
	c.inbox.init(arrived)
	c.keep.conn = c
	return c
}

func (c *conn) Info() netlayer.Info { return c.info }

func (c *conn) Write(frames [][]byte) error {
	for _, f := range frames {
		if len(f) > netlayer.MaxFrame {
			return fmt.Errorf("noisequic: a frame of %d bytes: %w", len(f), netlayer.ErrFrameTooLarge)
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
	_, err := c.stream.Write(b)
	if err == nil {
		return nil
	}
	c.torn = true
	if end := c.end.Load(); end != nil {
		return end
	}
	// The pump finds out too and cleans up. If it is only the stream that the peer has reset, that is the end of all.
	c.quic.CloseWithError(codeViolation, "")
	c.ended(explain(err))
	return c.end.Load()
}

// ended records why the connection has ended, if it has not yet. A Write in progress is cut short.
func (c *conn) ended(why string) {
	if c.end.CompareAndSwap(nil, &closedError{why}) {
		c.stream.SetWriteDeadline(time.Unix(1, 0))
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
	c.writing.Lock()
	if !c.torn {
		c.stream.SetWriteDeadline(deadline)
		_, _ = c.stream.Write(endMark(reason)) // if it fails there is nobody to say goodbye to
	}
	c.stream.Close()
	c.writing.Unlock()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-c.gone:
	case <-timer.C:
	}
	c.quic.CloseWithError(codeDone, "")
	<-c.done
	return nil
}

// endMark is the last thing on the stream: the reason for the peer's log.
func endMark(reason string) []byte {
	reason = oneLine(reason)
	return append([]byte{tagEnd, byte(len(reason))}, reason...)
}

// oneLine makes a text of anybody's fit for a log: printable, one line, not long.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	for len(s) > maxReason {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// explain says for people how a QUIC connection ended.
func explain(err error) string {
	var (
		app   *quic.ApplicationError
		reset *quic.StatelessResetError
		idle  *quic.IdleTimeoutError
	)
	switch {
	case errors.As(err, &app) && app.Remote && app.ErrorCode == codeDone:
		return "the peer closed it"
	case errors.As(err, &app) && app.Remote:
		return fmt.Sprintf("the peer broke it off with code %d", uint64(app.ErrorCode))
	case errors.As(err, &app):
		return "it was broken off here"
	case errors.As(err, &reset):
		return "the peer was restarted and knows nothing of it"
	case errors.As(err, &idle):
		return "nothing was heard of the peer for " + idleTimeout.String()
	}
	return oneLine(err.Error())
}
