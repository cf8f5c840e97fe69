package mem

import (
	"net"
	"time"
)

// The methods of this file are called with the mutex held, those that both directions are about with that of the other, too: see wire.both.

// closeWrite ends the pipe after what was sent and returns when the reader will learn of it.
func (p *pipe) closeWrite(said error) time.Duration {
	p.lk.shut, p.lk.shutAt, p.lk.shutSaid = true, p.arrival(), said
	p.wakeReader()
	p.wakeWriter()
	return p.lk.shutAt
}

// closeRead drops what has not arrived and makes the writer's sends fail from the given time on.
func (p *pipe) closeRead(from time.Duration, said error) {
	p.drop(p.arrived())
	p.lk.deaf, p.lk.deafAt, p.lk.deafSaid = true, from, said
	p.wakeReader()
	p.wakeWriter()
}

// lose breaks the pipe: of what was sent and not taken, a part that chance decides is dropped and the rest arrives now.
func (p *pipe) lose(err error) {
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

// fallSilent breaks the pipe for its writer: what has arrived can be read, and then nothing comes.
func (p *pipe) fallSilent(err error) {
	p.drop(p.arrived())
	p.lk.silent = err
	p.wakeWriter()
}

// fallDeaf breaks the pipe for its reader: what has arrived can be read, and what is written goes nowhere.
func (p *pipe) fallDeaf(err error) {
	p.drop(p.arrived())
	p.lk.deaf, p.lk.deafAt, p.lk.deafHere = true, never, err
	p.wakeReader()
}

// stall holds back what has not arrived, and all that is sent, until resume.
func (p *pipe) stall() {
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
	if p.lk.deafHere != nil {
		return // there is nobody to hear from
	}
	p.lk.deafAt = at
	p.wakeWriter()
}

// drop loses all that was sent and not taken but for the first n frames.
func (p *pipe) drop(n int) {
	p.lk.dropped += p.lk.sent.count() - n
	p.lk.sent.truncate(n)
}

// readEnd says why there will be nothing more to read, or nil.
func (p *pipe) readEnd() error {
	switch {
	case p.lk.lost != nil:
		return p.lk.lost
	case p.lk.deafHere != nil:
		return p.lk.deafHere
	case p.lk.deaf:
		return errClosedHere
	case p.lk.shut && p.lk.shutAt <= p.net.now():
		return p.lk.shutSaid
	}
	return nil
}

// writeEnd says why nothing can be written any more, or nil.
func (p *pipe) writeEnd() error {
	switch {
	case p.lk.lost != nil:
		return p.lk.lost
	case p.lk.silent != nil:
		return p.lk.silent
	case p.lk.shut:
		return errClosedHere
	case p.lk.deaf && p.lk.deafAt <= p.net.now():
		return p.lk.deafSaid
	}
	return nil
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
