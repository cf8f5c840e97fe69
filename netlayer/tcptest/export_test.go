package tcptest

import (
	"context"
	"net/netip"
)

// WithMaxFrame returns c for messages larger than netlayer.MaxFrame, for tests that wrap what they send.
func WithMaxFrame(c Config, max int) *Config {
	c.maxFrame = max
	return &c
}

// WithLookup returns c with another way to resolve names.
func WithLookup(c Config, f func(ctx context.Context, host string) ([]netip.Addr, error)) *Config {
	c.lookup = f
	return &c
}

// Scan runs the scanner over b in the pieces given by cut, which is called with what is left.
func Scan(b []byte, max int, cut func(left int) int) (n int, whole bool, err error) {
	s := scanner{max: max}
	for n < len(b) && !whole {
		k := cut(len(b) - n)
		var used int
		used, whole, err = s.scan(b[n : n+k])
		if n += used; err != nil {
			return n, false, err
		}
	}
	return n, whole, nil
}

// Split takes a stream apart as a connection does, in pieces as Scan does, and returns the messages before an error.
func Split(b []byte, max int, cut func(left int) int) (messages [][]byte, err error) {
	s := splitter{scanner: scanner{max: max}}
	var message []byte
	for len(b) > 0 {
		piece := b[:cut(len(b))]
		b = b[len(piece):]
		for len(piece) > 0 {
			n, payload, whole, err := s.next(piece)
			if err != nil {
				return messages, err
			}
			piece = piece[n:]
			if message = append(message, payload...); whole {
				messages, message = append(messages, message), nil
			}
		}
	}
	return messages, nil
}

// AppendMessage writes a message as it goes over the wire.
var AppendMessage = appendMessage

// MaxOpen is how many brackets may be open at once.
const MaxOpen = maxOpen

// Count counts the messages in a stream.
func Count(b []byte, max int) (n int, err error) {
	s := splitter{scanner: scanner{max: max}}
	for len(b) > 0 {
		used, _, whole, err := s.next(b)
		if err != nil {
			return n, err
		}
		if b = b[used:]; whole {
			n++
		}
	}
	return n, nil
}
