package tcptest

import (
	"fmt"
	"strconv"
)

// splitter cuts the stream of a connection into messages as its bytes arrive.
type splitter struct {
	framing Framing
	known   bool // framing is: the first byte has come
	scanner scanner

	// Framed only.
	digits int // of the length that have come
	length int // what they say; once inside, the bytes of the message still to come
	inside bool
}

// next goes on with b, not empty, which follows what it was given before. It consumes n bytes, of which payload, at their
// end, belongs to a message; whole says that the message ends with it.
func (s *splitter) next(b []byte) (n int, payload []byte, whole bool, err error) {
	if !s.known {
		switch c := b[0]; {
		case c == '<':
			s.framing = Raw
		case c-'0' <= 9:
			s.framing = Framed
		default:
			return 0, nil, false, fmt.Errorf("%w: the first byte is %#02x, expected a digit (framed messages) or < (raw ones)", ErrSyntax, c)
		}
		s.known = true
	}
	if s.framing == Raw {
		n, whole, err = s.scanner.scan(b)
		return n, b[:n], whole, err
	}
	if !s.inside {
		if n, err = s.head(b); err != nil || !s.inside {
			return n, nil, false, err
		}
	}
	payload = b[n:min(len(b), n+s.length)]
	s.length -= len(payload)
	if s.length == 0 {
		s.inside, whole = false, true
	}
	return n + len(payload), payload, whole, nil
}

// within reports whether a message has begun and is not whole.
func (s *splitter) within() bool { return s.scanner.size > 0 || s.digits > 0 || s.inside }

// maxLengthDigits is how many digits a length may have; none that a message may have needs more.
const maxLengthDigits = 8

// head reads what it can of the length before a message, and sets inside when it has all.
func (s *splitter) head(b []byte) (n int, err error) {
	for n < len(b) {
		c := b[n]
		n++
		switch {
		case c-'0' <= 9:
			if s.digits++; s.digits > maxLengthDigits || s.digits == 2 && s.length == 0 {
				return n, fmt.Errorf("%w: the length of a message has a leading zero or more than %d digits", ErrSyntax, maxLengthDigits)
			}
			s.length = s.length*10 + int(c-'0')
		case c == ':' && s.digits > 0:
			if s.length > s.scanner.max {
				return n, s.scanner.tooLarge()
			}
			s.digits, s.inside = 0, true
			return n, nil
		default:
			return n, fmt.Errorf("%w: the byte %#02x in the length of a framed message", ErrSyntax, c)
		}
	}
	return n, nil
}

// appendMessage adds a message to dst as it goes over the wire.
func appendMessage(dst []byte, f Framing, message []byte) []byte {
	if f == Framed {
		dst = append(strconv.AppendInt(dst, int64(len(message)), 10), ':')
	}
	return append(dst, message...)
}
