package noisetcp

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/internal/noiselink"
	"github.com/hawser-go/hawser/internal/sockets"
)

// carrier is what noiselink has to know of TCP.
var carrier = noiselink.Carrier{Package: "noisetcp", Label: "hawser/noise-tcp/1", Hint: "tcp"}

// link is a TCP connection: bytes as they are at first, then records, each two bytes of length and a message of the
// handshake's ciphers (docs/noise-tcp.md).
type link struct {
	net.Conn
	proven func()       // told once that the handshake is over, on the acceptor's side; may be nil
	ended  sync.Once    // in End
	reader recordReader // of the one who calls Read

	ciphers *noisehs.Transport // nil as long as the handshake goes on
	torn    bool               // a record was cut: nothing can follow it; of the one who calls Write
}

var _ noiselink.Link = (*link)(nil)

func newLink(c net.Conn) *link { return &link{Conn: c, reader: recordReader{source: c}} }

// Exporter returns nil: there is nothing under the handshake to be bound to.
func (l *link) Exporter() []byte { return nil }

// Watch waits for the dialler to go or to speak out of turn, while the application decides about it.
func (l *link) Watch(gone func()) (stop func()) {
	if l.proven != nil {
		l.proven()
	}
	l.Conn.SetReadDeadline(time.Time{})
	over := make(chan struct{})
	go func() {
		defer close(over)
		var b [1]byte
		n, err := l.Conn.Read(b[:])
		if n > 0 || !isTimeout(err) {
			gone()
		}
	}()
	return sync.OnceFunc(func() {
		l.Conn.SetReadDeadline(time.Unix(1, 0))
		<-over
		l.Conn.SetReadDeadline(time.Time{})
	})
}

// Secure begins with the records.
func (l *link) Secure(ciphers *noisehs.Transport) {
	l.ciphers = ciphers
	l.reader.ciphers = ciphers
}

// Read returns bytes of the handshake, or of records. Of these it waits for the next no longer than a connection may be
// idle.
func (l *link) Read(p []byte) (int, error) {
	if l.ciphers == nil {
		return l.Conn.Read(p)
	}
	return l.reader.Read(p)
}

// Write makes one record of as many bytes as it holds.
func (l *link) Write(b []byte) (written int, err error) {
	if l.ciphers == nil {
		return l.Conn.Write(b)
	}
	if l.torn {
		return 0, errTorn
	}
	buf := recordBuffers.Get().(*[]byte)
	defer recordBuffers.Put(buf)
	for len(b) > 0 {
		part := b[:min(len(b), noisehs.MaxPlaintext)]
		record, err := l.ciphers.AppendSeal((*buf)[:recordHeader], part)
		if err == nil {
			binary.BigEndian.PutUint16(record, uint16(len(record)-recordHeader))
			_, err = l.Conn.Write(record)
		}
		if err != nil {
			l.torn = true
			return written, err
		}
		written += len(part)
		b = b[len(part):]
	}
	return written, nil
}

// recordBuffers holds what records are made in, so that idle connections have none.
var recordBuffers = sync.Pool{New: func() any { b := make([]byte, recordHeader+noisehs.MaxMessage); return &b }}

var errTorn = errors.New("a record was cut")

// TryWrite writes even if that has to wait: the end of the connection cuts it short.
func (l *link) TryWrite(b []byte) { _, _ = l.Write(b) }

func (l *link) Finish() {
	if half, ok := l.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // if it fails there is nothing to finish
	}
}

// End closes the connection. Somebody who breaks the rules, or has none to break, is not sent what is still to be sent.
func (l *link) End(how noiselink.How) {
	l.ended.Do(func() {
		if tcp, ok := l.Conn.(*net.TCPConn); ok && how == noiselink.Violation {
			_ = tcp.SetLinger(0) // if it fails the system sends what it has
		}
		l.Conn.Close()
	})
}

// IsRefusal is always false: anybody on the way could bring about any error there is.
func (l *link) IsRefusal(error) bool { return false }

func (l *link) IsViolation(err error) bool { return errors.Is(err, errRecord) }

func (l *link) Explain(err error) string {
	if l.ciphers != nil && isTimeout(err) {
		return "nothing was heard of the peer for " + noiselink.IdleTimeout.String()
	}
	return explain(err)
}

// explain says for people how a TCP connection ended.
func explain(err error) string {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), broken(err):
		return "it was cut off, by the peer or on the way"
	case nobodyListens(err):
		return "nobody listens there"
	case errors.Is(err, net.ErrClosed):
		return "it was broken off here"
	}
	return sockets.OneLine(err.Error(), sockets.MaxLine)
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
