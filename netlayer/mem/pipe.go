package mem

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net"
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
	shut     bool  // the writer has closed; the reader learns it at shutAt
	shutAt   time.Duration
	shutSaid error
	deaf     bool // the reader has closed; the writer learns it at deafAt
	deafAt   time.Duration
	deafSaid error
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

// closeWrite ends the pipe after what was sent and returns when the reader will learn of it.
func (p *pipe) closeWrite(said error) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lk.shut, p.lk.shutAt, p.lk.shutSaid = true, p.arrival(), said
	p.wakeReader()
	p.wakeWriter()
	return p.lk.shutAt
}

// closeRead drops what has not arrived and makes the writer's sends fail from the given time on.
func (p *pipe) closeRead(from time.Duration, said error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(p.arrived())
	p.lk.deaf, p.lk.deafAt, p.lk.deafSaid = true, from, said
	p.wakeReader()
	p.wakeWriter()
}

// lose breaks the pipe: of what was sent and not taken, a part that chance decides is dropped and the rest arrives now.
func (p *pipe) lose(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lk.lost != nil {
		return
	}
	p.lk.lost = err
	free := 0
	for free < p.lk.sent.count() && p.lk.sent.due(free) != never {
		free++
	}
	p.drop(p.lk.rng.IntN(free + 1))
	p.lk.sent.reschedule(func(time.Duration) time.Duration { return 0 })
	p.wakeReader()
	p.wakeWriter()
}

// stall holds back what has not arrived, and all that is sent, until resume.
func (p *pipe) stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.net.now()
	hold := func(due time.Duration) time.Duration {
		if due > now {
			return never
		}
		return due
	}
	p.lk.stalled = true
	p.lk.sent.reschedule(hold)
	p.lk.shutAt, p.lk.deafAt = hold(p.lk.shutAt), hold(p.lk.deafAt)
}

// resume sends on what was held back, as if it were sent now, and returns when the reader learns that it was the last.
func (p *pipe) resume() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lk.stalled = false
	release := func(due time.Duration) time.Duration {
		if due == never {
			return p.arrival()
		}
		return due
	}
	p.lk.sent.reschedule(release)
	p.lk.shutAt = release(p.lk.shutAt)
	p.wakeReader()
	return p.lk.shutAt
}

// hear sets when the writer learns that the reader has closed: when the reader's own pipe ends.
func (p *pipe) hear(at time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lk.deafAt = at
	p.wakeWriter()
}

// The methods below are called with the mutex held.

func (p *pipe) push(frame []byte) {
	if p.lk.deaf {
		p.lk.dropped++
		return
	}
	p.lk.sent.push(frame, p.arrival())
}

// drop loses all that was sent and not taken but for the first n frames.
func (p *pipe) drop(n int) {
	p.lk.dropped += p.lk.sent.count() - n
	p.lk.sent.truncate(n)
}

// arrival is when something sent now arrives.
func (p *pipe) arrival() time.Duration {
	if p.lk.stalled {
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

func (p *pipe) readEnd() error {
	switch {
	case p.lk.lost != nil:
		return p.lk.lost
	case p.lk.deaf:
		return errClosedHere
	case p.lk.shut && p.lk.shutAt <= p.net.now():
		return p.lk.shutSaid
	}
	return nil
}

func (p *pipe) writeEnd() error {
	switch {
	case p.lk.lost != nil:
		return p.lk.lost
	case p.lk.shut:
		return errClosedHere
	case p.lk.deaf && p.lk.deafAt <= p.net.now():
		return p.lk.deafSaid
	}
	return nil
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

// An endError says how a connection ended.
type endError struct{ text string }

func (e *endError) Error() string { return e.text }
func (e *endError) Unwrap() error { return net.ErrClosed }

var (
	errClosedHere = &endError{"mem: the connection was closed on this side"}
	errLost       = &endError{"mem: the connection was lost"}
)

func closedThere(reason string) error {
	if reason == "" {
		return &endError{"mem: the peer closed the connection"}
	}
	return &endError{"mem: the peer closed the connection: " + reason}
}
