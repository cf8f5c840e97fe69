package captp_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/promise"
)

// promises are as many promises of a peer's as are asked for, in a list.
func promises(n uint64) (list []any) {
	for i := range n {
		list = append(list, importPromise(1000+i))
	}
	return list
}

// resolvers returns where n promises that were mentioned are to be settled.
func (r *raw) resolvers(n int) (at []uint64) {
	r.t.Helper()
	for range n {
		at = append(at, expect[*msg.Listen](r).Resolve.Pos)
	}
	return at
}

// What promises come to after they have been let in counts for as long as they are held.
func TestPromisedMemory(t *testing.T) {
	for name, hold := range map[string]func(r *raw){
		"in a result that is not released": func(r *raw) { r.call(r.fetch("echo"), "echo", 7, 0, promises(100)) },
		"in a message that waits": func(r *raw) {
			r.call(export(0), "fetch", 7, 0, "never")
			r.send(&msg.Deliver{To: answerAt(7), Args: promises(100)})
		},
		"by an object":           func(r *raw) { r.call(r.fetch("keep"), "", 0, 0, promises(100)) },
		"of resolvers by detour": func(r *raw) { r.call(r.fetch("echo"), "echo", 7, 0, promises(100)) },
	} {
		t.Run(name, func(t *testing.T) {
			scene(t, nil, func(t *testing.T, w *world) {
				n := w.node("n")
				n.limits.MaxPromisedBytes = 1 << 20
				n.promise("never")
				n.echo("echo")
				var kept []any // until the object is gone
				n.serve("keep", func(v []any) { kept = append(kept, v...) })
				r, e := w.peer(n)
				hold(r)
				for _, pos := range r.resolvers(100) {
					if strings.HasPrefix(name, "of resolvers") {
						// The peer hands a resolver back, which makes it an object like any other.
						r.send(&msg.Deliver{To: export(0), Selector: "none", Args: []any{export(pos)}})
					}
					r.send(&msg.Deliver{To: export(pos), Selector: "fulfill", Args: []any{make([]byte, 100_000)}})
				}
				time.Sleep(time.Second)
				r.send(&msg.GCAnswers{})
				if reason, ok := r.abort(); !ok || !strings.Contains(reason, "promises") {
					t.Errorf("not aborted: %q", reason)
				}
				violated(t, e)
			})
		})
	}
}

// A peer may send as much by promises as it likes if nothing holds it.
func TestPromisesThatAreTaken(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n := w.node("n")
		n.limits.MaxPromisedBytes = 1 << 20
		got := 0
		n.serve("take", func(ctx context.Context, p promise.Promise[[]byte]) error {
			b, err := p.Await(ctx)
			got += len(b)
			return err
		})
		r, e := w.peer(n)
		take := r.fetch("take")
		for i := range uint64(200) {
			r.call(take, "", 0, 0, importPromise(1000+i))
			r.send(&msg.Deliver{To: export(r.resolvers(1)[0]), Selector: "fulfill", Args: []any{make([]byte, 100_000)}})
		}
		synctest.Wait()
		if err := e.Err(); err != nil || got != 200*100_000 {
			t.Errorf("%d bytes taken, %v", got, err)
		}
		r.bye()
	})
}
