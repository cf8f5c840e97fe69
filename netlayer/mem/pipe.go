package mem

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/netlayer"
)

// never is a time that does not come: that of frames held back by a partition.
const never = time.Duration(math.MaxInt64)

// A pipe is one direction of a connection. The writer appends to a batch; the reader takes from it, in one go, all that
// has arrived. Frames have a time of arrival and stay where they are until somebody asks.
type pipe struct {
	net  *Network
	link *link

	// The reader's own, touched by no other goroutine but for unread.
	taken  batch
	last   []byte       // what Read returned last, to be cleared by the next
	unread atomic.Int32 // frames in taken

	mu       sync.Mutex
	readable sync.Cond
	writable sync.Cond
	lk       flow
}

// flow is what a pipe's mutex guards.
type flow struct {
	rng                   *rand.Rand
	sent                  batch         // on its way, or arrived and not taken
	latest                time.Duration // arrival of the frame sent last; 0 as long as nothing was ever delayed
	dropped               int           // frames sent that never will be taken
	stalled               bool
	reading               bool // the reader waits
	writing               bool // the writer waits
	readTimer, writeTimer *time.Timer

	lost     error // the connection was lost: set once, ends both sides after what is left in sent
	silent   error // the writer has lost the connection, and the reader does not learn it: nothing arrives any more
	shut     bool  // the writer has closed; the reader learns it at shutAt
	shutAt   time.Duration
	shutSaid error
	deaf     bool // the reader has closed; the writer learns it at deafAt
	deafAt   time.Duration
	deafSaid error
	deafHere error // why the reader is, if it has not closed
}

func newPipe(n *Network, l *link, rng *rand.Rand) *pipe {
	p := &pipe{net: n, link: l}
	p.lk.rng = rng
	p.readable.L = &p.mu
	p.writable.L = &p.mu
	return p
}

// write sends frames and waits for room, and in a synchronous network for the reader.
func (p *pipe) write(frames [][]byte) error {
	if err := checkSizes(frames); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	dropped := p.lk.dropped
	for _, frame := range frames {
		for p.lk.sent.count() > 0 && p.lk.sent.bytes()+len(frame) > p.net.cfg.Buffer {
			if err := p.waitToWrite(); err != nil {
				return err
			}
		}
		if err := p.writeEnd(); err != nil {
			return err
		}
		p.push(frame)
	}
	if len(frames) == 0 || !p.net.cfg.Synchronous {
		p.wakeReader()
		return p.writeEnd()
	}
	for p.lk.sent.count() > 0 || p.lk.dropped != dropped {
		if err := p.waitToWrite(); err != nil {
			return err
		}
	}
	return nil
}

// preload puts frames on their way without waiting; they have arrived already if arrived is set.
func (p *pipe) preload(frames [][]byte, arrived bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, frame := range frames {
		if arrived {
			p.lk.sent.push(frame, 0)
		} else {
			p.push(frame)
		}
	}
}

func checkSizes(frames [][]byte) error {
	for _, frame := range frames {
		if len(frame) > netlayer.MaxFrame {
			return fmt.Errorf("mem: frame of %d bytes, at most %d: %w", len(frame), netlayer.MaxFrame, netlayer.ErrFrameTooLarge)
		}
	}
	return nil
}

// read returns the next frame, which is valid until the next call.
func (p *pipe) read() ([]byte, error) {
	clear(p.last)
	p.last = nil
	if p.unread.Load() == 0 {
		if err := p.fill(); err != nil {
			return nil, err
		}
	}
	p.last = p.taken.pop()
	p.unread.Add(-1)
	return p.last, nil
}

// fill waits for frames and takes all that have arrived; one only in a synchronous network, where taking is reading.
func (p *pipe) fill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if n := p.arrived(); n > 0 {
			if p.net.cfg.Synchronous {
				n = 1
			}
			p.taken.reset()
			p.lk.sent.moveTo(&p.taken, n)
			p.unread.Store(int32(n))
			p.wakeWriter()
			return nil
		}
		if err := p.readEnd(); err != nil {
			return err
		}
		until := never
		if p.lk.sent.count() > 0 {
			until = p.lk.sent.due(0)
		} else if p.lk.shut {
			until = p.lk.shutAt
		}
		p.lk.reading = true
		p.wait(&p.readable, &p.lk.readTimer, until)
		p.lk.reading = false
	}
}

// more reports whether read would return at once.
func (p *pipe) more() bool {
	if p.unread.Load() > 0 {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.arrived() > 0 || p.readEnd() != nil
}

// The methods below are called with the mutex held.

func (p *pipe) push(frame []byte) {
	if p.lk.deaf {
		p.lk.dropped++
		return
	}
	p.lk.sent.push(frame, p.arrival())
}

// arrival is when something sent now arrives.
func (p *pipe) arrival() time.Duration {
	if p.lk.stalled || p.lk.silent != nil {
		return never
	}
	d := p.link.sample(p.lk.rng)
	if d == 0 && p.lk.latest == 0 {
		return 0
	}
	p.lk.latest = max(p.lk.latest, p.net.now()+d)
	return p.lk.latest
}

// arrived counts the frames that the reader can have.
func (p *pipe) arrived() int {
	n := p.lk.sent.count()
	if n == 0 || p.lk.sent.due(n-1) == 0 {
		return n
	}
	now := p.net.now()
	for i := range n {
		if p.lk.sent.due(i) > now {
			return i
		}
	}
	return n
}

// waitToWrite waits for the reader to take something, unless the connection has ended; the caller looks again.
func (p *pipe) waitToWrite() error {
	if err := p.writeEnd(); err != nil {
		return err
	}
	until := never
	if p.lk.deaf {
		until = p.lk.deafAt
	}
	p.wakeReader()
	p.lk.writing = true
	p.wait(&p.writable, &p.lk.writeTimer, until)
	p.lk.writing = false
	return nil
}

// wait waits for a wake-up or a time.
func (p *pipe) wait(c *sync.Cond, timer **time.Timer, until time.Duration) {
	if until == never {
		c.Wait()
		return
	}
	after := until - p.net.now()
	if *timer == nil {
		*timer = time.AfterFunc(after, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			c.Broadcast()
		})
	} else {
		(*timer).Reset(after)
	}
	c.Wait()
	(*timer).Stop()
}

func (p *pipe) wakeReader() {
	if p.lk.reading {
		p.lk.reading = false
		p.readable.Broadcast()
	}
}

func (p *pipe) wakeWriter() {
	if p.lk.writing {
		p.lk.writing = false
		p.writable.Broadcast()
	}
}
