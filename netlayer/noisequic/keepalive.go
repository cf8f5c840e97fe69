package noisequic

import (
	"sync"
	"time"
)

// keepAlive sends a byte now and then while somebody needs the connection. quic-go can do so itself, but not on demand.
type keepAlive struct {
	conn *conn

	mu      sync.Mutex
	on      bool
	stopped bool
	timer   *time.Timer
	armed   bool           // the timer is set, or has fired and ring has not looked yet
	ringing sync.WaitGroup // one while armed, and one while ring runs
}

var pingByte = []byte{tagPing}

// KeepAlive says whether the connection is needed while nothing is sent.
func (c *conn) KeepAlive(on bool) {
	k := &c.keep
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.stopped || on == k.on:
	case on:
		k.on = true
		k.set()
	default:
		k.unset()
	}
}

// set and unset are called with the lock held.
func (k *keepAlive) set() {
	if k.armed {
		return
	}
	k.armed = true
	k.ringing.Add(1)
	if k.timer == nil {
		k.timer = time.AfterFunc(pingInterval, k.ring)
		return
	}
	k.timer.Reset(pingInterval)
}

func (k *keepAlive) unset() {
	k.on = false
	if k.armed && k.timer.Stop() {
		k.armed = false
		k.ringing.Done()
	}
}

func (k *keepAlive) ring() {
	defer k.ringing.Done()
	k.mu.Lock()
	k.armed = false
	on := k.on
	k.mu.Unlock()
	c := k.conn
	// If a Write stands still, the peer is alive and slow, or gone: a ping would change neither.
	if on && c.writing.TryLock() {
		if c.end.Load() == nil {
			_ = c.stream.TryWriteAll(pingByte) // no room for it means that something is on its way
		}
		c.writing.Unlock()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.on && c.end.Load() == nil {
		k.set()
	}
}

// stop ends it for good and waits for a ping in progress.
func (k *keepAlive) stop() {
	k.mu.Lock()
	k.stopped = true
	k.unset()
	k.mu.Unlock()
	k.ringing.Wait()
}
