package noisequic

import (
	"errors"
	"io"

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

// pump is the goroutine of a connection. It takes from the stream what arrives, so that it is there when somebody asks,
// even if the connection is lost meanwhile; and when the connection has ended it releases everything, even if nobody
// closes it.
func (c *conn) pump() {
	defer close(c.done)
	var s scanner
	err := c.receive(&s)
	if errors.Is(err, errFraming) {
		c.n.cfg.Logger.Warn("connection ended: "+err.Error(), "peer", c.info.Remote.ID().String())
		c.ended("the peer broke the rules: " + err.Error())
		c.quic.CloseWithError(codeViolation, "")
	}
	why := "the peer closed it"
	switch reason, orderly := s.farewell(); {
	case !errors.Is(err, io.EOF):
		why = explain(err)
	case !orderly:
		why = "the peer cut it off"
	case reason != "":
		why += ": " + reason
	}
	c.ended(why)
	c.n.cfg.Logger.Debug("connection ended", "peer", c.info.Remote.ID().String(), "why", why)
	close(c.gone)
	// Everything the peer has sent is in memory here, which is what its Close waits to hear.
	c.quic.CloseWithError(codeDone, "")
	c.keep.stop()
	c.n.remove(c)
	if c.release != nil {
		c.release()
	}
}

// receive moves what arrives into the inbox until the stream ends in some way.
func (c *conn) receive(s *scanner) error {
	chunk := make([]byte, firstChunk)
	for {
		n, err := c.stream.Read(chunk)
		kept, frames, bad := s.scan(chunk[:n])
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
	}
}
