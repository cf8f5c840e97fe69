package grant

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// Window remembers which numbers were taken, so that a message, or a presentation of a session, is taken once: those of
// the 1024 up to the highest taken one by one, and of all before that they are too old. Whoever executes messages keeps
// one for each grant (its ID), and stores it together with the effect, until [Grant.Accept] and the skew are past. The
// zero Window has taken none. It is a value; copies are independent.
type Window struct {
	top  uint64
	bits [windowWords]uint64 // bit n%1024 is number n, for top-1023 to top
}

const (
	// WindowSize is how many numbers, up to the highest taken, a Window remembers.
	WindowSize  = 1024
	windowWords = WindowSize / 64
)

// Take reports whether n was never taken, and notes it. Numbers begin at 1; so old a one that it might have been is
// refused.
func (w *Window) Take(n uint64) bool {
	if n == 0 || w.top >= WindowSize && n <= w.top-WindowSize {
		return false
	}
	if n > w.top {
		if n-w.top >= WindowSize {
			w.bits = [windowWords]uint64{}
		} else {
			for i := w.top + 1; i < n; i++ {
				w.bits[i%WindowSize/64] &^= 1 << (i % 64)
			}
			w.bits[n%WindowSize/64] &^= 1 << (n % 64)
		}
		w.top = n
	}
	word, bit := &w.bits[n%WindowSize/64], uint64(1)<<(n%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// Top returns the highest number taken.
func (w *Window) Top() uint64 { return w.top }

// MarshalBinary returns 136 bytes.
func (w Window) MarshalBinary() ([]byte, error) {
	b := binary.BigEndian.AppendUint64(nil, w.top)
	for _, word := range w.bits {
		b = binary.BigEndian.AppendUint64(b, word)
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote.
func (w *Window) UnmarshalBinary(b []byte) error {
	if len(b) != 8+8*windowWords {
		return errors.New("grant: a stored window has 136 bytes")
	}
	r := Window{top: binary.BigEndian.Uint64(b)}
	set := 0
	for i := range r.bits {
		r.bits[i] = binary.BigEndian.Uint64(b[8+8*i:])
		set += bits.OnesCount64(r.bits[i])
	}
	if top := r.bits[r.top%WindowSize/64]&(1<<(r.top%64)) != 0; (r.top == 0) == top || r.top == 0 && set > 0 {
		return errors.New("grant: a stored window that no window wrote")
	}
	*w = r
	return nil
}
