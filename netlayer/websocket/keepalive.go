package websocket

import (
	"context"
	"sync"
	"time"
)

// pingInterval is how often a connection that somebody needs says something. Proxies commonly drop those on which nothing
// was said for a minute.
const pingInterval = 25 * time.Second

// keepAlive pings the peer while it is on. The library answers pings of the peer by itself.
type keepAlive struct {
	conn *conn

	mu    sync.Mutex
	on    bool
	over  bool        // the connection is
	timer *time.Timer // of the next ping, or of the one under way; nil if there is none
}

// KeepAlive says whether pings are to keep the connection from being dropped by what is in between while nothing is sent.
// They do not find out whether the peer is alive: TCP does that.
func (c *conn) KeepAlive(on bool) { c.keep.set(on) }

func (k *keepAlive) set(on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.on = on && !k.over; k.on && k.timer == nil {
		k.timer = time.AfterFunc(k.conn.n.cfg.ping, k.beat)
	}
}

// beat sends a ping if one is still wanted, waits for the answer, and has the next one sent later.
func (k *keepAlive) beat() {
	k.mu.Lock()
	wanted := k.on
	if !wanted {
		k.timer = nil
	}
	k.mu.Unlock()
	if !wanted || !k.conn.n.roster.Enter() {
		return
	}
	defer k.conn.n.roster.Leave()
	if k.conn.ws.Ping(context.Background()) != nil {
		return // the connection has ended
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer = nil; k.on {
		k.timer = time.AfterFunc(k.conn.n.cfg.ping, k.beat)
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
}
