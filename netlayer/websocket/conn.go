package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
)

// conn is an admitted connection.
type conn struct {
	n    *Netlayer
	ws   *websocket.Conn
	wire *wire
	info netlayer.Info

	inbox  *sockets.Inbox
	ending sockets.Ending
	done   chan struct{} // closed when the pump is through and everything is released

	writing sync.Mutex // held while something is written
	closing atomic.Bool
	closed  chan struct{} // closed when the first Close is through
	keep    keepAlive
}

var (
	_ netlayer.Conn       = (*conn)(nil)
	_ netlayer.KeepAliver = (*conn)(nil)
)

func newConn(n *Netlayer, ws *websocket.Conn, w *wire, info netlayer.Info) *conn {
	c := &conn{
		n: n, ws: ws, wire: w, info: info, inbox: sockets.NewInbox(), ending: sockets.Ending{Netlayer: "websocket"},
		done: make(chan struct{}), closed: make(chan struct{}),
	}
	c.keep.conn = c
	ws.SetReadLimit(netlayer.MaxFrame)
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

// overhead is more than what a message costs on the wire beside its bytes: its header, and what TLS adds to each record.
const overhead = 14 + netlayer.MaxFrame/64

// Write sends each frame as one binary message.
func (c *conn) Write(frames [][]byte) error {
	largest := 0
	for _, f := range frames {
		if len(f) > netlayer.MaxFrame {
			return fmt.Errorf("websocket: a frame of %d bytes: %w", len(f), netlayer.ErrFrameTooLarge)
		}
		largest = max(largest, len(f))
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.ending.Broken(); err != nil || len(frames) == 0 {
		return err
	}
	c.wire.gather(largest + overhead)
	var err error
	for _, f := range frames {
		if c.wire.gathered() >= maxGathered {
			err = c.wire.flush()
		}
		if err == nil {
			err = c.ws.Write(context.Background(), websocket.MessageBinary, f)
		}
		if err != nil {
			break
		}
	}
	if e := c.wire.spread(); err == nil {
		err = e
	}
	if err == nil {
		return nil
	}
	// Nothing can follow a message that was cut. What the peer has sent before it went can still come.
	c.ending.Fail(explain(err))
	c.wire.SetReadDeadline(time.Now().Add(c.n.cfg.Linger))
	return c.ending.Broken()
}

// silent ends the connection because nothing is heard of the peer.
func (c *conn) silent() {
	c.ending.Fail("nothing was heard of the peer for long")
	c.wire.Close()
}

// pump is the goroutine of a connection. It takes what arrives, so that it is there when somebody asks even if the
// connection is lost meanwhile, and when the connection has ended it releases everything, even if nobody closes it.
func (c *conn) pump() {
	defer close(c.done)
	err := c.receive()
	switch failed := c.ending.Failed(); {
	case errors.Is(err, errText):
		c.ended("the peer broke the rules: "+err.Error(), nil)
		c.goodbye(websocket.StatusUnsupportedData, "only binary messages")
	case errors.Is(err, websocket.ErrMessageTooBig):
		c.ended("the peer broke the rules: a message larger than MaxFrame", netlayer.ErrFrameTooLarge)
	case failed != nil:
		c.ended(failed.Why, nil)
	default:
		c.ended(explain(err), nil)
	}
	c.n.cfg.Logger.Debug("connection ended", "peer", c.info.Remote.ID().String(), "source", c.info.Source, "why", c.ending.Ended().Why)
	if !c.closing.Load() {
		_ = c.ws.CloseNow()
		c.wire.Close()
	}
	c.keep.stop()
	c.n.roster.Remove(c)
}

// errText ends a connection on which a text message comes.
var errText = errors.New("a text message, where all are binary")

// keptScratch is the largest buffer that is kept between messages.
const keptScratch = 64 << 10

// receive moves what arrives into the inbox until the connection ends in some way.
func (c *conn) receive() error {
	scratch := make([]byte, 0, 2<<10)
	for {
		kind, r, err := c.ws.Reader(context.Background())
		if err != nil {
			return err
		}
		if kind != websocket.MessageBinary {
			return errText
		}
		if scratch, err = readAll(r, scratch[:0]); err != nil {
			return err
		}
		c.inbox.Room()
		c.inbox.Put(scratch, []int{len(scratch)})
		if cap(scratch) > keptScratch {
			scratch = make([]byte, 0, 2<<10)
		}
	}
}

// readAll reads a message, whose size the reader bounds, into b, which grows with what has come.
func readAll(r io.Reader, b []byte) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, 2*cap(b)), b...)
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}

// ended records why the connection has ended, if it has not yet.
func (c *conn) ended(why string, cause error) {
	if c.ending.End(why, cause) {
		c.inbox.End()
	}
}

// Close says goodbye behind everything that was written, waits until the peer has done so too, and closes. What had
// arrived before can still be read. A Write in progress has some time to come to its end.
func (c *conn) Close(reason string) error {
	if !c.closing.CompareAndSwap(false, true) {
		<-c.closed
		return nil
	}
	defer close(c.closed)
	c.ended("it was closed here", nil)
	c.inbox.Discard()
	cutting := time.AfterFunc(c.n.cfg.Linger/4, c.wire.cut)
	c.writing.Lock()
	cutting.Stop()
	c.writing.Unlock()
	c.goodbye(websocket.StatusNormalClosure, sockets.OneLine(reason, maxReason))
	c.wire.Close()
	<-c.done
	return nil
}

// goodbye exchanges close frames, within Linger.
func (c *conn) goodbye(code websocket.StatusCode, reason string) {
	goodbye(c.ws, c.wire, c.n.cfg.Linger, code, reason)
}

func goodbye(ws *websocket.Conn, w *wire, patience time.Duration, code websocket.StatusCode, reason string) {
	giveUp := time.AfterFunc(patience, func() { w.Close() })
	defer giveUp.Stop()
	ws.Close(code, reason)
}

// maxReason is how many bytes the reason of a close frame may have (RFC 6455, section 5.5).
const maxReason = 123

// explain says for people how a connection ended.
func explain(err error) string {
	var said websocket.CloseError
	switch {
	case errors.As(err, &said):
		why := "the peer closed it"
		if said.Code != websocket.StatusNormalClosure && said.Code != websocket.StatusNoStatusRcvd {
			why += fmt.Sprintf(" with code %d", said.Code)
		}
		if reason := sockets.OneLine(said.Reason, maxReason); reason != "" {
			why += ": " + reason
		}
		return why
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the peer cut it off"
	}
	return sockets.OneLine(err.Error(), sockets.MaxLine)
}
