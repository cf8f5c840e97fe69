package captp_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/vat"
)

// leave has a peer pile messages upon the answer of a call and go away; it returns what they still take here.
func leave(w *world, n *node, call func(r *raw), messages, size int) captp.Census {
	r, e := w.peer(n)
	call(r)
	for range messages {
		r.send(&msg.Deliver{To: answerAt(7), Selector: "x", Args: []any{make([]byte, size)}})
	}
	synctest.Wait()
	_ = r.conn.Close("")
	<-e.Done()
	synctest.Wait()
	return e.Tables()
}

// What waits on a promise that never settles is not kept for peers that are gone, however many of them come and go.
func TestWaitingOfTheGone(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n := w.node("n")
		never := n.promise("never")
		fetch := func(r *raw) { r.call(export(0), "fetch", 7, 0, "never") }
		ends := len(w.ends)
		for range 40 {
			leave(w, n, fetch, 100, 10)
		}
		waiting := 0
		for _, e := range w.ends[ends:] {
			waiting += e.Tables().Waiting
		}
		if waiting == 0 || waiting > 1000 {
			t.Errorf("%d messages wait of 4000 by peers that are gone", waiting)
		}
		// The living are not affected.
		r, _ := w.peer(n)
		fetch(r)
		for i := range 1000 {
			r.call(answerAt(7), "x", 0, uint64(100+i))
		}
		synctest.Wait()
		never.Resolve(n.do(newEcho))
		for range 1000 {
			if d := expect[*msg.Deliver](r); d.Selector != "break" && d.Selector != "fulfill" {
				t.Fatal(d)
			}
		}
		r.bye()
	})
}

// Nor is what they wanted to be told of it: who listened, and who called for it.
func TestListeningOfTheGone(t *testing.T) {
	for what, c := range map[string]struct {
		ask   func(r *raw, i uint64)
		times uint64
	}{
		"listeners": {func(r *raw, i uint64) {
			r.send(&msg.Listen{To: answerAt(7), Resolve: msg.Desc{Kind: msg.ImportObject, Pos: i}})
		}, 6000},
		"callers": {func(r *raw, i uint64) { r.call(export(0), "fetch", i, i, "never") }, 2000},
	} {
		t.Run(what, func(t *testing.T) {
			scene(t, nil, func(t *testing.T, w *world) {
				n := w.node("n")
				never := n.promise("never")
				come := func(rounds int) uint64 {
					for range rounds {
						r, e := w.peer(n)
						r.call(export(0), "fetch", 7, 0, "never")
						for i := range c.times {
							c.ask(r, 100+i)
						}
						synctest.Wait()
						_ = r.conn.Close("")
						<-e.Done()
					}
					synctest.Wait()
					for range 3 { // what is only weakly known goes in the second
						runtime.GC()
					}
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					return m.HeapAlloc
				}
				before := come(5)
				after := come(120)
				if after > before+72<<20 { // two thirds of that is what the world remembers of them
					t.Errorf("%d KiB more after 120 peers that asked %d times each", (after-before)>>10, c.times)
				}
				runtime.KeepAlive(never)
			})
		})
	}
}

// A little that a peer has sent before it left is done all the same; a lot upon calls that may never end is not kept.
func TestLeaveBehind(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n := w.node("n")
		release := make(chan struct{})
		n.offer("block", doIn(t, n.another("slow"), func(ctx context.Context) vat.Ref { return vat.Func(ctx, func() { <-release }) }))
		block := func(r *raw) {
			r.call(export(0), "fetch", 6, 0, "block")
			r.call(answerAt(6), "", 7, 0)
		}
		if c := leave(w, n, block, 10, 100); c.Waiting < 10 {
			t.Errorf("of 10 small messages %d wait", c.Waiting)
		}
		if c := leave(w, n, block, 100, 100_000); c.Waiting > 1 {
			t.Errorf("%d large messages, %d bytes, wait for a call that may never end", c.Waiting, c.WaitingBytes)
		}
		close(release)
	})
}

// What waits on promises that may never settle is not kept when it takes much, whatever the promise is called and whatever
// it takes: bytes of its own, or what the promises in it have come to.
func TestLeaveBehindOnPromises(t *testing.T) {
	for _, promised := range []bool{false, true} {
		for _, exported := range []bool{false, true} {
			t.Run(fmt.Sprintf("promised=%v/exported=%v", promised, exported), func(t *testing.T) {
				scene(t, nil, func(t *testing.T, w *world) {
					n := w.node("n")
					never := n.promise("never")
					n.serve("list", func() []vat.Ref { return []vat.Ref{never.Ref()} })
					r, e := w.peer(n)
					to := answerAt(7)
					if exported {
						r.call(r.fetch("list"), "", 8, 8)
						to = export(expect[*msg.Deliver](r).Args[0].([]any)[0].(msg.Desc).Pos)
					} else {
						r.call(export(0), "fetch", 7, 0, "never")
					}
					if promised {
						r.send(&msg.Deliver{To: to, Args: promises(20)})
						for _, pos := range r.resolvers(20) {
							r.send(&msg.Deliver{To: export(pos), Selector: "fulfill", Args: []any{make([]byte, 100_000)}})
						}
					} else {
						for range 20 {
							r.send(&msg.Deliver{To: to, Args: []any{make([]byte, 100_000)}})
						}
					}
					synctest.Wait()
					if c := e.Tables(); c.Waiting == 0 {
						t.Error("nothing waits")
					}
					r.bye()
					if c := e.Tables(); c.Waiting != 0 {
						t.Errorf("%d messages wait, whose sender is gone", c.Waiting)
					}
				})
			})
		}
	}
}
