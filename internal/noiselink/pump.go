package noiselink

import (
	"errors"
	"io"
	"time"

	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
)

// errFraming ends a connection on which something arrives that is no frame, or too large a one.
var errFraming = errors.New("what the peer sent is no frame, or one larger than MaxFrame")

// Read returns the next frame. Frames that arrived before the end are returned before the error.
func (c *conn) Read() (netlayer.Frame, error) {
	if f := c.inbox.next(); f != nil {
		return netlayer.Frame{Bytes: f}, nil
	}
	return netlayer.Frame{}, c.end.Load()
}

// More reports whether Read would return at once.
func (c *conn) More() bool {
	return c.inbox.whole.Load() > 0 || c.end.Load() != nil
}

const (
	firstChunk = 2 << 10
	maxChunk   = 64 << 10
)

// pump is the goroutine of a connection. It takes from the link what arrives, so that it is there when somebody asks,
// even if the connection is lost meanwhile; and when the connection has ended it releases everything, even if nobody
// closes it.
func (c *conn) pump() {
	defer close(c.done)
	s := scanner{answered: !c.n.cfg.Carrier.Bound}
	err := c.receive(&s)
	if broken := errors.Is(err, errFraming); broken || c.link.IsViolation(err) {
		why := sockets.OneLine(err.Error(), sockets.MaxLine)
		c.n.cfg.Logger.Warn("connection ended: "+why, "peer", c.info.Remote.ID().String())
		if broken {
			why = "the peer broke the rules: " + why
		}
		c.ended(why)
		c.link.End(Violation)
	}
	reason, orderly := s.farewell()
	why := "the peer closed it"
	switch {
	case !errors.Is(err, io.EOF):
		why = c.link.Explain(err)
	case !orderly && s.answered:
		why = "it was cut off, by the peer or on the way"
	case !orderly:
		why = "the peer cut it off"
	case reason != "":
		why += ": " + reason
	}
	c.ended(why)
	c.n.cfg.Logger.Debug("connection ended", "peer", c.info.Remote.ID().String(), "why", why)
	if orderly && s.answered {
		// Everything the peer has sent is in memory here, which is what its Close waits to hear, and nobody else could say so.
		c.farewell("", time.Now().Add(c.n.cfg.Linger))
	}
	close(c.gone)
	// On a carrier that is bound this says the same.
	c.link.End(Done)
	c.keep.stop()
	c.n.Remove(c)
	if c.release != nil {
		c.release()
	}
}

// receive moves what arrives into the inbox until the stream ends in some way.
func (c *conn) receive(s *scanner) error {
	chunk := make([]byte, firstChunk)
	for {
		n, err := c.link.Read(chunk)
		kept, frames, bad := s.scan(chunk[:n])
		if s.answered && (n > s.pongs || s.pings > 0) {
			c.keep.heard(s.pings > 0)
		}
		s.pings, s.pongs = 0, 0
		if len(kept) > 0 {
			size := cap(chunk)
			if n == len(chunk) {
				size = min(2*size, maxChunk) // there was more than it could hold
			}
			if chunk = c.inbox.put(kept, frames); cap(chunk) < size {
				chunk = make([]byte, size)
			}
			chunk = chunk[:min(cap(chunk), maxChunk)]
		}
		if bad != nil {
			return bad
		}
		if err != nil {
			return err
		}
		if s.answered && s.over() {
			return io.EOF // the end that the carrier shows could be anybody's, and need not come
		}
	}
}
