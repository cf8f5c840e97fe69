package noisetcp

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/hawser-go/hawser/internal/noiselink"
	"github.com/hawser-go/hawser/internal/sockets"
)

func (n *Netlayer) acceptLoop() {
	var pause time.Duration
	var told time.Time
	for {
		c, err := n.listener.Accept()
		switch {
		case err == nil:
			pause = 0
			n.welcome(c)
			continue
		case errors.Is(err, net.ErrClosed):
			return
		}
		// The system is short of something, files perhaps. It passes.
		if time.Since(told) > time.Minute {
			told = time.Now()
			n.cfg.Logger.Warn("no connection can be accepted", "why", sockets.OneLine(err.Error(), sockets.MaxLine))
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-n.node.Closing():
			timer.Stop()
			return
		}
	}
}

// welcome begins a handshake, if there is a place for one.
func (n *Netlayer) welcome(c net.Conn) {
	l := newLink(c)
	release, err := n.node.Take(c.RemoteAddr())
	if errors.Is(err, noiselink.ErrFull) && n.unproven.evict() {
		release, err = n.node.Take(c.RemoteAddr())
	}
	if err != nil {
		n.node.TurnedAway(c.RemoteAddr(), err)
		l.End(noiselink.Violation)
		return
	}
	if !n.node.Enter() {
		release()
		l.End(noiselink.Violation)
		return
	}
	forget := n.unproven.add(func() {
		l.End(noiselink.Violation)
		release()
	})
	l.proven = forget
	go func() {
		defer n.node.Leave()
		defer release()
		defer forget()
		ctx, cancel := n.node.Within(context.Background(), noiselink.HandshakeTimeout)
		defer cancel()
		n.node.Serve(ctx, l)
	}()
}

// unproven is who has begun a handshake and has not proven anything, in the order in which they came. A flood of such
// diallers, who may say nothing at all, pushes out its own, and those who are quick get through.
type unproven struct {
	mu  sync.Mutex
	all []*func()
}

// add enters somebody whom end turns away; forget takes them out, and may be called more than once.
func (u *unproven) add(end func()) (forget func()) {
	entry := &end
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all = append(u.all, entry)
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if i := slices.Index(u.all, entry); i >= 0 {
			u.all = slices.Delete(u.all, i, i+1)
		}
	}
}

// evict turns away who has been here longest; it reports whether there was anybody.
func (u *unproven) evict() bool {
	u.mu.Lock()
	if len(u.all) == 0 {
		u.mu.Unlock()
		return false
	}
	end := *u.all[0]
	u.all = slices.Delete(u.all, 0, 1)
	u.mu.Unlock()
	end()
	return true
}
