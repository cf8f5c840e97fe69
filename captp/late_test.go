package captp_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/netlayer/mem"
)

// logged is a log that many goroutines write and a test reads.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) contains(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), s)
}

// Frames that are read after this side has ended the session are of no consequence: the positions they name are gone, and
// the peer has broken nothing.
func TestFramesAfterTheEnd(t *testing.T) {
	for i := range 40 {
		scene(t, &mem.Config{Seed: uint64(i)}, func(t *testing.T, w *world) {
			n := w.node("n")
			log := new(logged)
			n.log = hclog.New(&hclog.LoggerOptions{Output: log, Level: hclog.Warn})
			n.echo("echo")
			r, e := w.peer(n)
			f := r.fetch("echo")
			for k := range uint64(100) {
				r.call(f, "echo", 100+k, 0, int64(k))
				r.send(&msg.GCAnswers{Positions: []uint64{100 + k}})
			}
			r.send(&msg.GCExports{Positions: []uint64{f.Pos}, Deltas: []uint64{1}})
			e.Close("over")
			<-e.Done()
			_ = r.conn.Close("")
			if log.contains("broke the protocol") {
				t.Error("the peer was blamed for what was under way when the session ended")
			}
		})
	}
}
