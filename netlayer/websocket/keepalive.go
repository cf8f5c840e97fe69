package websocket

import (
	"context"
	"sync"
	"time"
)

const (
	// pingInterval is how often a connection that somebody needs says something. Proxies commonly drop those on which
	// nothing was said for a minute.
	pingInterval = 25 * time.Second
	// maxUnheard is after how many pings in a row without anything heard of the peer the connection ends, if the peer has
	// answered one before: some do not. On a slow line a ping can be long behind what was written before it.
	maxUnheard = 4
)

// keepAlive pings the peer while it is on, and ends the connection when the peer has gone without a word. The library
// answers pings of the peer by itself.
type keepAlive struct {
	conn *conn

	mu    sync.Mutex
	on    bool
	over  bool               // the connection is
	timer *time.Timer        // of the next beat; nil if there is none
	leave context.CancelFunc // ends the wait for the answer to the last ping

	heard   int64 // what wire.heard said at the last beat, -1 before the first
	unheard int   // pings since then that nothing has come after
}

// KeepAlive says whether pings are to keep the connection from being dropped by what is in between while nothing is sent,
// and to find out when the peer is gone.
func (c *conn) KeepAlive(on bool) { c.keep.set(on) }

func (k *keepAlive) set(on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.on = on && !k.over; k.on && k.timer == nil {
		k.timer = time.AfterFunc(pingInterval, k.beat)
		k.heard, k.unheard = -1, 0
	}
}

// beat sends a ping if one is still wanted, and has the next one sent later. It does not depend on the answers: while
// nobody reads what has come they are not heard, and the peer still has to hear of us.
func (k *keepAlive) beat() {
	ctx, ok := k.next()
	if !ok {
		return
	}
	defer k.conn.n.roster.Leave()
	_ = k.conn.ws.Ping(ctx)
}

// next returns the context of a ping, which ends with the next one; ok is false if none is to be sent. If one is, the
// roster has been entered.
func (k *keepAlive) next() (ctx context.Context, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forget()
	if k.timer = nil; !k.on {
		return nil, false
	}
	if k.listen(); k.unheard == maxUnheard {
		k.conn.silent()
		return nil, false
	}
	if !k.conn.n.roster.Enter() {
		return nil, false
	}
	ctx, k.leave = context.WithCancel(context.Background())
	k.timer = time.AfterFunc(pingInterval, k.beat)
	return ctx, true
}

// listen counts the pings after which nothing was heard, though somebody listened. It and forget are called with mu held.
func (k *keepAlive) listen() {
	heard, listening := k.conn.wire.heard()
	if k.unheard++; heard != k.heard || !listening || !k.conn.wire.ponged.Load() {
		k.unheard = 0
	}
	k.heard = heard
}

func (k *keepAlive) forget() {
	if k.leave != nil {
		k.leave()
	}
}

// stop is called when the connection has ended.
func (k *keepAlive) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.on, k.over = false, true
	if k.timer != nil {
		k.timer.Stop()
	}
	k.forget()
}
