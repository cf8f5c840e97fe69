package tcptest

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hawser-go/hawser/internal/sockets"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// decisionTime is how long a dialler waits for Incoming.Accept or Refuse.
const decisionTime = 10 * time.Second

// errTooLate is what Incoming.Accept says when there is nothing left to accept.
var errTooLate = fmt.Errorf("tcptest: the dialler is gone, was refused or has been accepted already: %w", net.ErrClosed)

func (n *Netlayer) acceptLoop() {
	for {
		tcp, err := n.listener.AcceptTCP()
		switch {
		case err == nil && n.roster.Enter():
			go func() {
				defer n.roster.Leave()
				n.serve(tcp)
			}()
		case err == nil:
			tcp.Close()
		case n.roster.Ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		default: // the system has no room for more; it may have some later
			n.cfg.Logger.Warn("no connection can be accepted", "error", err)
			n.pause(50 * time.Millisecond)
		}
	}
}

// serve takes a connection as far as its first message and the decision about it, whichever comes later.
func (n *Netlayer) serve(tcp *net.TCPConn) {
	info := netlayer.Info{
		Local: n.Location(), Remote: sturdyref.Peer{Transport: Transport}, Source: sockets.SourceName(tcp.RemoteAddr()),
	}
	release, ok := n.silent.Take(info.Source)
	if !ok {
		n.cfg.Logger.Debug("dialler turned away", "source", info.Source, "why", "too many that have said nothing")
		tcp.Close()
		return
	}
	defer release()
	c := newConn(n, tcp, info)
	if !n.roster.Add(c, c.pump) {
		tcp.Close()
		return
	}
	err := error(nil)
	if d := n.cfg.Doorkeeper; d != nil {
		err = d.Admit(info)
	}
	if err == nil {
		err = n.announce(c)
	}
	if err != nil {
		n.cfg.Logger.Debug("dialler turned away", "source", info.Source, "why", sockets.OneLine(err.Error(), sockets.MaxLine))
		c.Close("")
		return
	}
	select {
	case <-c.spoke:
	case <-c.over:
	}
}

// announce hands a connection to Netlayer.Accept and waits for the decision. It returns nil if it was accepted, or why not.
func (n *Netlayer) announce(c *conn) error {
	var once sync.Once
	decided := make(chan error, 1)
	decide := func(err error) (first bool) {
		once.Do(func() { first = true; decided <- err })
		return first
	}
	in := &netlayer.Incoming{
		Info: c.info,
		Accept: func(first [][]byte) (netlayer.Conn, error) {
			if !decide(nil) {
				return nil, errTooLate
			}
			if err := c.Write(first); err != nil {
				c.Close("")
				return nil, err
			}
			return c, nil
		},
		Refuse: func(err error) {
			if !errors.Is(err, netlayer.ErrCrossed) {
				err = netlayer.ErrRefused
			}
			decide(err)
		},
	}
	timer := time.NewTimer(decisionTime)
	defer timer.Stop()
	announced, gone := n.incoming, c.over
	for {
		select {
		case announced <- in:
			announced = nil
		case err := <-decided:
			return err
		case <-gone:
			if !c.inbox.Empty() {
				gone = nil // it went, but has left messages
				continue
			}
			decide(errTooLate)
		case <-n.roster.Ctx.Done():
			decide(errClosed)
		case <-timer.C:
			decide(errors.New("nobody has decided about it in time"))
		}
	}
}
