package captp

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/vat"
)

// promised counts the memory of what the peer's promises have come to, for as long as anything here holds them. Whoever
// weighed the message that mentioned a promise, or the result that holds one, could not know.
type promised struct{ bytes atomic.Int64 }

// keep counts what the promise q has come to.
func (p *promised) keep(q *far, args []any) {
	w := int64(weighAll(args))
	p.bytes.Add(w)
	vat.OnCollect(q.vow.Ref(), p.drop, w)
}

// drop is called by the collector.
func (p *promised) drop(w int64) { p.bytes.Add(-w) }

// relieve is called before a message is read. When much may be held it has the collector look how much that is: at most
// once for each time that the limit has come in.
func (r *reader) relieve() error {
	p, limit := r.s.promised, int64(r.s.cfg.Limits.MaxPromisedBytes)
	if p.bytes.Load() <= r.held+limit {
		return nil
	}
	for wait := time.Millisecond; wait < 200*time.Millisecond; wait *= 2 {
		runtime.GC()
		time.Sleep(wait) // what it finds is counted soon after it has run
		if n := p.bytes.Load(); n <= limit {
			r.held = n
			return nil
		}
	}
	return violation("limit", "promises that are held have come to more than %d bytes", limit)
}
