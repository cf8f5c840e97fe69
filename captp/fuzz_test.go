package captp_test

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/passable"
)

// script turns bytes into what a peer might say: mostly operations that could be meant well, at small positions that
// soon are in use, released, or of the wrong kind.
type script struct{ in []byte }

func (s *script) byte() int {
	if len(s.in) == 0 {
		return 0
	}
	b := s.in[0]
	s.in = s.in[1:]
	return int(b)
}

func (s *script) pos() uint64 {
	switch b := s.byte(); {
	case b < 200:
		return uint64(b % 10)
	case b < 250:
		return uint64(b)
	default:
		return -uint64(256 - b)
	}
}

func (s *script) target() msg.Desc {
	if s.byte()%3 == 0 {
		return answerAt(s.pos())
	}
	return export(s.pos())
}

func (s *script) resolver() msg.Desc {
	if s.byte()%8 == 0 {
		return importPromise(s.pos() + 20)
	}
	return importObject(s.pos() + 20)
}

func (s *script) value(depth int) any {
	if depth < 0 {
		return nil
	}
	switch s.byte() % 12 {
	case 0:
		return export(s.pos())
	case 1:
		return answerAt(s.pos())
	case 2:
		return importObject(s.pos())
	case 3:
		return importPromise(s.pos() + 10)
	case 4, 5:
		list := []any{}
		for range s.byte() % 4 {
			list = append(list, s.value(depth-1))
		}
		return list
	case 6:
		return passable.Struct{{Key: "a", Value: s.value(depth - 1)}}
	case 7:
		return passable.Tagged{Tag: "t", Value: s.value(depth - 1)}
	case 8:
		return passable.Error{Code: "hawser.overloaded", Message: "not really"}
	case 9:
		return make([]byte, 16*s.byte())
	case 10:
		return passable.Symbol("fulfill")
	}
	return int64(s.byte())
}

var selectors = []passable.Symbol{"fetch", "fulfill", "break", "echo", "self", "call", ""}

func (s *script) op() msg.Op {
	switch s.byte() % 16 {
	case 0:
		return &msg.Listen{To: s.target(), Resolve: s.resolver()}
	case 1:
		return &msg.Get{To: s.target(), Field: "a", Answer: s.pos()}
	case 2:
		return &msg.Index{To: s.target(), Index: int64(s.byte()) - 2, Answer: s.pos()}
	case 3:
		return &msg.Untag{To: s.target(), Tag: "t", Answer: s.pos()}
	case 4:
		return &msg.GCExports{Positions: []uint64{s.pos()}, Deltas: []uint64{uint64(s.byte() % 3)}}
	case 5:
		return &msg.GCAnswers{Positions: []uint64{s.pos()}}
	case 6:
		return &msg.Deliver{To: export(0), Selector: "fetch", Args: []any{[]string{"echo", "object", "call", "wait", "keep"}[s.byte()%5]}, Answer: s.pos(), HasAnswer: true}
	}
	d := &msg.Deliver{To: s.target(), Selector: selectors[s.byte()%len(selectors)]}
	for range s.byte() % 3 {
		d.Args = append(d.Args, s.value(2))
	}
	if s.byte()%2 == 0 {
		d.HasAnswer, d.Answer = true, s.pos()
	}
	if s.byte()%2 == 0 {
		d.HasResolve, d.Resolve = true, s.resolver()
	}
	return d
}

// FuzzSession has a peer say anything to a live session, and reads nothing of what it hears. Nothing panics, nothing
// hangs, what ends ends with a typed error, and the honest session beside it goes on.
func FuzzSession(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x06\x01\x00\x01\x07\x00\x01\x00\x01\x03\x01\x02\x00\x00\x04"))
	f.Add([]byte("\x06\x00\x01\x06\x01\x02\x06\x02\x03\x08\x00\x01\x06\x01\x03\x05\x00\x02\x00\x03\x05\x01\x05\x01\x04\x03\x01"))
	f.Add([]byte("\x06\x03\x01\x0a\x00\x01\x06\x01\x03\x01\x01\x01\x08\x01\x04\x01\x01\x03\x01\x01\x01"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 1<<12 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, &mem.Config{Buffer: 1 << 16})
			w.hasty = true
			n, honest := w.victim()
			n.limits = captp.Limits{MaxAnswers: 40, MaxPromises: 8, MaxWaiting: 30, MaxWaitingBytes: 1 << 16, MaxAnswerBytes: 1 << 16, MaxUnsent: 1 << 16}
			r, e := w.peer(n, captp.FeatureMovesQueues)
			s := &script{in: in}
			for range 200 {
				if len(s.in) == 0 {
					break
				}
				if s.byte() == 255 {
					k := min(s.byte(), len(s.in))
					r.sendFrame(s.in[:k])
					s.in = s.in[k:]
					continue
				}
				r.send(s.op())
			}
			time.Sleep(time.Second)
			if err := e.Err(); err != nil {
				end, ok := errors.AsType[*captp.EndError](err)
				if !ok || end.Kind != captp.Violated && end.Kind != captp.Aborted || !errors.Is(err, net.ErrClosed) {
					t.Errorf("the session ended with %v", err)
				}
			}
			honest()
			e.Close("enough")
			if c := e.Tables(); c.Calls != 0 {
				t.Errorf("a closed session holds %s", c)
			}
			for range len(n.outcomes) {
				<-n.outcomes
			}
			_ = r.conn.Close("")
		})
	})
}
