package tcptest

import (
	"errors"
	"fmt"

	"github.com/hawser-go/hawser/netlayer"
)

// Why what a peer sends is no message. Errors of a connection that ended so match one of these or
// netlayer.ErrFrameTooLarge, besides net.ErrClosed.
var (
	// ErrSyntax says that the stream is neither raw Syrup nor framed messages.
	ErrSyntax = errors.New("tcptest: not Syrup")
	// ErrDepth says that a message has more brackets open at once than any message needs.
	ErrDepth = errors.New("tcptest: nested too deep")
)

// maxOpen is how many brackets may be open at once: some more than a decoder lets through, which counts otherwise.
const maxOpen = 512

// scanner finds where a Syrup value ends, in pieces as they come and looking at no byte twice. It only matches brackets
// and counts lengths: whether the value is a good one is for a decoder to say. The zero value but for max is at the
// beginning of a value.
type scanner struct {
	max    int // bytes of a value
	size   int // bytes of this value so far
	state  scanState
	length int    // of a number: what its digits say, at most max+1; of a body: the bytes still to come
	open   []byte // the closing brackets that are to come, innermost last
}

type scanState byte

const (
	atValue  scanState = iota // at the beginning of a value or at a closing bracket
	inNumber                  // behind the first digit
	inBody                    // in bytes that are counted
)

// scan goes on with b, which follows what it was given before. It returns how many bytes of b belong to the value, and
// whether the value is whole, after which the scanner is at the beginning of the next.
func (s *scanner) scan(b []byte) (n int, whole bool, err error) {
	for n < len(b) && !whole && err == nil {
		if s.state == inBody {
			skipped := min(s.length, len(b)-n)
			n += skipped
			if s.length -= skipped; s.length == 0 {
				s.state = atValue
				whole = len(s.open) == 0
			}
			continue
		}
		c := b[n]
		n++
		var over bool
		if s.state == inNumber {
			over, err = s.number(c, s.size+n)
		} else {
			over, err = s.value(c)
		}
		whole = over && len(s.open) == 0
	}
	if err != nil {
		return n, false, err
	}
	if s.size += n; s.size > s.max {
		return n, false, s.tooLarge()
	}
	if whole {
		s.size = 0
	}
	return n, whole, nil
}

// value looks at the first byte of a value, or at what may be in its place. over says that it was the last byte of one.
func (s *scanner) value(c byte) (over bool, err error) {
	switch c {
	case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		s.state, s.length = inNumber, int(c-'0')
	case 't', 'f':
		return true, nil
	case 'D':
		s.state, s.length = inBody, 8
	case 'F':
		s.state, s.length = inBody, 4
	case '<':
		return false, s.push('>')
	case '[':
		return false, s.push(']')
	case '{':
		return false, s.push('}')
	case '#':
		return false, s.push('$')
	case '>', ']', '}', '$':
		top := len(s.open) - 1
		if top < 0 || s.open[top] != c {
			return false, fmt.Errorf("%w: a closing bracket %q that nothing has opened", ErrSyntax, c)
		}
		s.open = s.open[:top]
		return true, nil
	case ' ', '\t', '\r', '\n': // lenient decoders skip it
	default:
		return false, fmt.Errorf("%w: the byte %#02x where a value was expected", ErrSyntax, c)
	}
	return false, nil
}

// number looks at the byte behind some digits; used is how much of the value has come, c included.
func (s *scanner) number(c byte, used int) (over bool, err error) {
	switch {
	case c-'0' <= 9:
		s.length = min(s.length*10+int(c-'0'), s.max+1)
		return false, nil
	case c == '+' || c == '-':
		s.state = atValue
		return true, nil
	case c != ':' && c != '"' && c != '\'':
		return false, fmt.Errorf("%w: the byte %#02x behind digits", ErrSyntax, c)
	case used+s.length > s.max:
		return false, s.tooLarge()
	case s.length == 0:
		s.state = atValue
		return true, nil
	}
	s.state = inBody
	return false, nil
}

func (s *scanner) push(closing byte) error {
	if len(s.open) >= maxOpen {
		return fmt.Errorf("%w: more than %d brackets open at once", ErrDepth, maxOpen)
	}
	s.open = append(s.open, closing)
	return nil
}

func (s *scanner) tooLarge() error {
	return fmt.Errorf("tcptest: a message of more than %d bytes: %w", s.max, netlayer.ErrFrameTooLarge)
}

// isRecord reports whether b is one record, whole, which is what can be sent raw. It forgets what was scanned before.
func (s *scanner) isRecord(b []byte) bool {
	s.size, s.state, s.open = 0, atValue, s.open[:0]
	if len(b) == 0 || b[0] != '<' {
		return false
	}
	n, whole, err := s.scan(b)
	return err == nil && whole && n == len(b)
}
