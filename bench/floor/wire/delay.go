package wire

import (
	"io"
	"net"
	"sync"
	"time"
)

// A line hands on what it is given, in order, a fixed time later.
type line struct {
	delay time.Duration
	queue chan parcel
	done  sync.WaitGroup
	once  sync.Once
	stop  chan struct{}
}

type parcel struct {
	due     time.Time
	deliver func()
}

func newLine(delay time.Duration) *line {
	l := &line{delay: delay, queue: make(chan parcel, 1<<14), stop: make(chan struct{})}
	l.done.Go(func() {
		for {
			select {
			case p := <-l.queue:
				time.Sleep(time.Until(p.due))
				p.deliver()
			case <-l.stop:
				return
			}
		}
	})
	return l
}

func (l *line) send(deliver func()) {
	select {
	case l.queue <- parcel{time.Now().Add(l.delay), deliver}:
	case <-l.stop:
	}
}

func (l *line) close() {
	l.once.Do(func() { close(l.stop) })
	l.done.Wait()
}

type stream struct {
	net.Conn
	line *line
}

func delayedStream(c net.Conn, delay time.Duration) io.ReadWriteCloser {
	return &stream{c, newLine(delay)}
}

func (s *stream) Write(b []byte) (int, error) {
	b = append([]byte(nil), b...)
	s.line.send(func() { _, _ = s.Conn.Write(b) }) // a failure shows at the reader
	return len(b), nil
}

func (s *stream) Close() error {
	err := s.Conn.Close()
	s.line.close()
	return err
}

type packets struct {
	net.PacketConn
	line *line
}

func delayedPackets(c net.PacketConn, delay time.Duration) net.PacketConn {
	return &packets{c, newLine(delay)}
}

func (p *packets) WriteTo(b []byte, to net.Addr) (int, error) {
	b = append([]byte(nil), b...)
	p.line.send(func() { _, _ = p.PacketConn.WriteTo(b, to) }) // a lost packet is sent again
	return len(b), nil
}

func (p *packets) Close() error {
	err := p.PacketConn.Close()
	p.line.close()
	return err
}
