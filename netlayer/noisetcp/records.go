package noisetcp

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/internal/noiselink"
)

// recordHeader is the length of a record's length.
const recordHeader = 2

// errRecord ends a connection on which something arrives that the peer has not sealed, or not as it must.
var errRecord = errors.New("what arrives is no record of the peer: it was changed on the way, or the peer broke the rules")

// recordReader takes records from a connection and returns what they hold. Its buffer grows as far as the records that
// come need, and holds as many at once as have arrived.
type recordReader struct {
	source  net.Conn
	ciphers *noisehs.Transport

	plain []byte // what the last record held and nobody has read, in the memory of buf
	buf   []byte
	at    int // where in buf the next record begins
}

// Sizes of the buffer.
const (
	firstBuffer = 2 << 10
	maxBuffer   = recordHeader + noisehs.MaxMessage
)

func (r *recordReader) Read(p []byte) (int, error) {
	for len(r.plain) == 0 {
		record, err := r.next()
		if err != nil {
			return 0, err
		}
		if r.plain, err = r.ciphers.OpenInPlace(record); err != nil {
			return 0, errRecord
		}
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}

// next returns the next record without its length. The one before it is gone.
func (r *recordReader) next() ([]byte, error) {
	for {
		have := r.buf[r.at:]
		need := recordHeader
		if len(have) >= recordHeader {
			size := int(binary.BigEndian.Uint16(have))
			if size <= noisehs.TransportOverhead {
				return nil, errRecord // an empty one would cost us and say nothing
			}
			need += size
		}
		if len(have) >= need && need > recordHeader {
			r.at += need
			return have[recordHeader:need], nil
		}
		if err := r.fill(need); err != nil {
			return nil, err
		}
	}
}

// fill reads more, with room for what begins at at to have the size needed.
func (r *recordReader) fill(need int) error {
	switch size := min(max(need, firstBuffer), maxBuffer); {
	case cap(r.buf) < size:
		r.buf = append(make([]byte, 0, min(max(size, 2*cap(r.buf)), maxBuffer)), r.buf[r.at:]...)
		r.at = 0
	case r.at > 0:
		r.buf = r.buf[:copy(r.buf, r.buf[r.at:])]
		r.at = 0
	}
	if err := r.source.SetReadDeadline(time.Now().Add(noiselink.IdleTimeout)); err != nil {
		return err
	}
	n, err := r.source.Read(r.buf[len(r.buf):cap(r.buf)])
	r.buf = r.buf[:len(r.buf)+n]
	switch {
	case n > 0:
		return nil // if there is an error it comes again
	case err == nil:
		return io.ErrNoProgress
	}
	return err
}
