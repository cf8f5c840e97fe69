package noiselink

import (
	"sync"
	"time"
)

// keepAlive sends a byte now and then while somebody needs the connection, and answers that of the peer where the carrier
// does not. quic-go can ping by itself, but not on demand.
type keepAlive struct {
	conn *conn

	mu      sync.Mutex
	on      bool // somebody needs the connection
	stall   bool // the pump waits for the reader, so that nothing that the peer says is heard
	stopped bool
	timer   *time.Timer
	armed   bool           // the timer is set, or has fired and ring has not looked yet
	ringing sync.WaitGroup // one while armed, one while ring runs, and one for each answer on its way

	answering bool
	answer    time.Time // when the peer was answered last
}

// Single bytes on the stream.
var (
	pingByte = []byte{tagPing}
	pongByte = []byte{tagPong}
)

// KeepAlive says whether the connection is needed while nothing is sent.
func (c *conn) KeepAlive(on bool) { c.keep.change(func(k *keepAlive) { k.on = on }) }

// stalled says whether the pump waits for the reader. The peer, which cannot be heard meanwhile, hears that we are alive.
func (k *keepAlive) stalled(on bool) { k.change(func(k *keepAlive) { k.stall = on }) }

func (k *keepAlive) change(f func(*keepAlive)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopped {
		return
	}
	if f(k); k.wanted() {
		k.set()
	} else {
		k.unset()
	}
}

// wanted, set and unset are called with the lock held.
func (k *keepAlive) wanted() bool { return k.on || k.stall }

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
	if k.armed && k.timer.Stop() {
		k.armed = false
		k.ringing.Done()
	}
}

func (k *keepAlive) ring() {
	defer k.ringing.Done()
	k.mu.Lock()
	k.armed = false
	wanted := k.wanted()
	k.mu.Unlock()
	if wanted {
		k.conn.say(pingByte)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.wanted() && !k.stopped && k.conn.end.Load() == nil {
		k.set()
	}
}

// say writes a byte, unless a Write stands still: then the peer is alive and slow, or gone, and a byte would change neither.
func (c *conn) say(b []byte) {
	if !c.writing.TryLock() {
		return
	}
	defer c.writing.Unlock()
	if c.end.Load() == nil {
		c.link.TryWrite(b)
	}
}

// How often a peer is answered at most, which has asked or has only sent something.
const (
	answerInterval = time.Second
	noteInterval   = pingInterval
)

// heard is called by the pump when something other than an answer has come.
func (k *keepAlive) heard(asked bool) {
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	interval := noteInterval
	if asked {
		interval = answerInterval
	}
	if k.answering || now.Sub(k.answer) < interval {
		return
	}
	k.answering, k.answer = true, now
	k.ringing.Go(func() {
		k.conn.say(pongByte)
		k.mu.Lock()
		defer k.mu.Unlock()
		k.answering = false
	})
}

// stop ends it for good and waits for what is being said. The pump calls it, when it has heard the last.
func (k *keepAlive) stop() {
	k.mu.Lock()
	k.stopped = true
	k.unset()
	k.mu.Unlock()
	k.ringing.Wait()
}
