package tcptest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
)

// conn is a TCP connection that carries messages.
type conn struct {
	n    *Netlayer
	tcp  *net.TCPConn
	info netlayer.Info

	first   chan struct{} // closed when the first byte has come; the splitter then knows the framing
	spoke   chan struct{} // closed when the first whole message has come
	inbox   *sockets.Inbox
	split   splitter // the pump's
	framing Framing  // of what the peer sends; valid once first is closed
	ending  sockets.Ending
	over    chan struct{} // closed when it has ended
	done    chan struct{} // closed when the pump is through and the socket closed

	writing sync.Mutex // held while something is written
	writes  Framing    // valid once chosen; under writing
	chosen  bool
	checks  scanner // what is written raw; under writing

	closing atomic.Bool
	closed  chan struct{} // closed when the first Close is through
}

var _ netlayer.Conn = (*conn)(nil)

func newConn(n *Netlayer, tcp *net.TCPConn, info netlayer.Info) *conn {
	c := &conn{
		n: n, tcp: tcp, info: info, inbox: sockets.NewInbox(), ending: sockets.Ending{Netlayer: "tcptest"},
		first: make(chan struct{}), spoke: make(chan struct{}), over: make(chan struct{}),
		done: make(chan struct{}), closed: make(chan struct{}),
	}
	c.split.scanner.max, c.checks.max = n.cfg.maxFrame, n.cfg.maxFrame
	if info.Outbound {
		c.writes, c.chosen = n.cfg.Framing, true
	}
	return c
}

func (c *conn) Info() netlayer.Info { return c.info }

// Read returns the next message. Those that arrived before the end are returned before the error.
func (c *conn) Read() (netlayer.Frame, error) {
	if m, ok := c.inbox.Next(); ok {
		return netlayer.Frame{Bytes: m}, nil
	}
	return netlayer.Frame{}, c.ending.Ended()
}

// More reports whether Read would return at once.
func (c *conn) More() bool { return !c.inbox.Empty() || c.ending.Ended() != nil }

// firstByteTime is how long a Write waits for the dialler's first byte, which says how it wants to be spoken to.
const firstByteTime = 250 * time.Millisecond

// Write sends the frames with one call to the system, so that none of them is cut without need: some peers take what one
// read returns for a message. Raw ones must be whole records; if one is not, nothing is sent.
func (c *conn) Write(frames [][]byte) error {
	size := 0
	for _, f := range frames {
		if len(f) > c.n.cfg.maxFrame {
			return fmt.Errorf("tcptest: a frame of %d bytes: %w", len(f), netlayer.ErrFrameTooLarge)
		}
		size += maxLengthDigits + len(f)
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.ending.Broken(); err != nil {
		return err
	}
	if len(frames) == 0 {
		return nil
	}
	if c.choose(); c.ending.Broken() != nil {
		return c.ending.Broken()
	}
	buf := writeBuffers.Get().(*[]byte)
	defer writeBuffers.Put(buf)
	out := (*buf)[:0]
	if size > cap(out) {
		out = make([]byte, 0, size) // too large to keep
	}
	for i, f := range frames {
		if c.writes == Raw && !c.checks.isRecord(f) {
			return fmt.Errorf("%w: frame %d is not one whole record, and only records can be sent raw", ErrSyntax, i)
		}
		out = appendMessage(out, c.writes, f)
	}
	if _, err := c.tcp.Write(out); err != nil {
		// Something may have been cut, so that nothing can follow it. What the peer has sent before it went can
		// still come.
		c.ending.Fail(explain(err))
		c.bound()
		return c.ending.Broken()
	}
	return nil
}

// bound gives the pump no longer than Linger to go on.
func (c *conn) bound() { _ = c.tcp.SetReadDeadline(time.Now().Add(c.n.cfg.Linger)) }

// writeBuffers holds what frames are gathered in, so that idle connections have none.
var writeBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}

// choose settles the framing of what is written to a dialler, which is asked to speak first.
func (c *conn) choose() {
	if c.chosen {
		return
	}
	c.chosen = true
	timer := time.NewTimer(firstByteTime)
	defer timer.Stop()
	select {
	case <-c.first:
		c.writes = c.framing
	case <-timer.C:
		c.writes = c.n.cfg.Framing
	case <-c.over:
	}
}

// ended records why the connection has ended, if it has not yet. A Write in progress is cut short.
func (c *conn) ended(why string, cause error) {
	if c.ending.End(why, cause) {
		close(c.over)
		_ = c.tcp.SetWriteDeadline(time.Unix(1, 0))
		c.inbox.End()
	}
}

// Close says that nothing more will come, waits until the peer says the same, throwing away what it still sends, and
// closes: so the peer never sees the connection reset, but the end of the stream. What had arrived before can still be
// read. The reason is not sent.
func (c *conn) Close(reason string) error {
	if !c.closing.CompareAndSwap(false, true) {
		<-c.closed
		return nil
	}
	defer close(c.closed)
	why := "it was closed here"
	if reason != "" {
		why += ": " + sockets.OneLine(reason, sockets.MaxLine)
	}
	c.ended(why, nil)
	c.farewell()
	<-c.done
	return nil
}

// farewell closes this half of the connection and bounds how long the pump goes on with the other.
func (c *conn) farewell() {
	c.inbox.Discard()
	c.bound()
	c.writing.Lock() // a Write in progress has been cut
	defer c.writing.Unlock()
	_ = c.tcp.CloseWrite()
}

// explain says for people how a TCP connection ended.
func explain(err error) string {
	switch {
	case errors.Is(err, io.EOF):
		return "the peer closed it"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the peer broke it off"
	case errors.Is(err, syscall.ETIMEDOUT):
		return "nothing was heard of the peer for long"
	}
	return sockets.OneLine(err.Error(), sockets.MaxLine)
}
