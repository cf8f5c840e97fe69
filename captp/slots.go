package captp

import "github.com/hawser-go/hawser/captp/msg"

// slots is a dense table whose positions are used again.
type slots[T any] struct {
	entries []slot[T]
	unused  []msg.Pos
}

type slot[T any] struct {
	v    T
	used bool
}

func (s *slots[T]) put(v T) msg.Pos {
	if n := len(s.unused); n > 0 {
		pos := s.unused[n-1]
		s.unused = s.unused[:n-1]
		s.entries[pos] = slot[T]{v, true}
		return pos
	}
	s.entries = append(s.entries, slot[T]{v, true})
	return msg.Pos(len(s.entries) - 1)
}

// at returns the entry at pos, nil if there is none. It is valid until the next put.
func (s *slots[T]) at(pos msg.Pos) *T {
	if pos >= msg.Pos(len(s.entries)) || !s.entries[pos].used {
		return nil
	}
	return &s.entries[pos].v
}

func (s *slots[T]) free(pos msg.Pos) {
	s.entries[pos] = slot[T]{}
	s.unused = append(s.unused, pos)
}

// set puts an entry at a position of its own. When all are there fill is called.
func (s *slots[T]) set(pos msg.Pos, v T) {
	for msg.Pos(len(s.entries)) <= pos {
		s.entries = append(s.entries, slot[T]{})
	}
	s.entries[pos] = slot[T]{v, true}
}

// fill finds the positions that are not used.
func (s *slots[T]) fill() {
	s.unused = nil
	for i := range s.entries {
		if !s.entries[i].used {
			s.unused = append(s.unused, msg.Pos(i))
		}
	}
}

func (s *slots[T]) len() int { return len(s.entries) - len(s.unused) }
