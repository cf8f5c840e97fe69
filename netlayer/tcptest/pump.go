package tcptest

import (
	"errors"
	"os"
	"time"
)

const (
	firstChunk = 2 << 10
	maxChunk   = 64 << 10
	// maxDrained is how much is thrown away in the hope that the peer will close; more resets the connection.
	maxDrained = 8 << 20
)

// pump is the goroutine of a connection. It takes what arrives, so that it is there when somebody asks even if the
// connection is lost meanwhile, and when the connection has ended it releases the socket, even if nobody closes it.
func (c *conn) pump() {
	defer close(c.done)
	chunk := make([]byte, firstChunk)
	if !c.info.Outbound {
		_ = c.tcp.SetReadDeadline(time.Now().Add(c.n.cfg.Limits.SilentTime))
	}
	drained := 0
	for drained < maxDrained {
		c.inbox.Room()
		n, err := c.tcp.Read(chunk)
		if n > 0 && c.ending.Ended() == nil {
			c.arrived(chunk[:n])
		}
		if c.ending.Ended() != nil {
			drained += n
		}
		if err != nil {
			c.lost(err)
			break
		}
		if n == len(chunk) && n < maxChunk { // there was more than it could hold
			chunk = make([]byte, 2*n)
		}
	}
	c.n.cfg.Logger.Debug("connection ended", "peer", c.info.Remote.ID().String(), "source", c.info.Source, "why", c.ending.Ended().Why)
	c.tcp.Close()
	c.n.roster.Remove(c)
}

// arrived takes what has come of the peer; what is no message ends the connection.
func (c *conn) arrived(b []byte) {
	isFirst := !c.split.known
	messages, err := c.takeApart(b)
	if isFirst && c.split.known {
		c.framing = c.split.framing
		close(c.first)
	}
	if messages > 0 {
		select {
		case <-c.spoke:
		default:
			close(c.spoke)
			_ = c.tcp.SetReadDeadline(time.Time{})
			if c.ending.Broken() != nil {
				c.bound() // which may have come just before
			}
		}
	}
	if err != nil {
		c.n.cfg.Logger.Warn("connection ended: what came is no message", "source", c.info.Source, "error", err)
		c.ended("what the peer sent is no message: "+err.Error(), err)
		c.farewell()
	}
}

// takeApart puts the messages in b, which follows what came before, into the inbox and counts those that are whole. One
// that is not is completed by what comes later. It moves what belongs to messages together, in the memory of b.
func (c *conn) takeApart(b []byte) (messages int, err error) {
	kept, ends := b[:0], make([]int, 0, 64)
	for len(b) > 0 && err == nil {
		var n int
		var payload []byte
		var whole bool
		if n, payload, whole, err = c.split.next(b); err == nil {
			kept = append(kept, payload...)
			b = b[n:]
		}
		if whole {
			ends = append(ends, len(kept))
		}
	}
	c.inbox.Put(kept, ends)
	return len(ends), err
}

// lost says why nothing more can come, unless it is known already.
func (c *conn) lost(err error) {
	why := explain(err)
	switch failed := c.ending.Failed(); {
	case failed != nil:
		why = failed.Why
	case errors.Is(err, os.ErrDeadlineExceeded):
		why = "no message came for " + c.n.cfg.Limits.SilentTime.String()
	case c.split.within():
		why += " within a message"
	}
	c.ended(why, nil)
}
