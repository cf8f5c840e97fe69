package captp_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// onSent is called when a message with that name has been sent.
type onSent struct {
	method string
	fn     func()
}

func (o *onSent) Trace(e vat.Event) {
	if e.Kind == "wire-send" && e.Method == o.method {
		o.fn()
	}
}

// A promise that a peer resolves to itself while messages that waited for it are on their way: its position is given back
// once, or two calls would share it.
func TestCycleIsGivenBackOnce(t *testing.T) {
	scene(t, nil, func(t *testing.T, w *world) {
		n := w.node("n")
		sent := &onSent{method: "again"}
		n.tracer = sent
		r, e := w.peer(n) // of those that do not move queues
		synctest.Wait()
		position := uint64(0)
		sent.fn = func() {
			e.Sweep()
			ask := expect[*msg.Deliver](r)
			itself := expect[*msg.Deliver](r).Args[0].(msg.Desc)
			position = ask.Answer
			r.send(
				&msg.Deliver{To: export(ask.Resolve.Pos), Selector: "fulfill", Args: []any{export(itself.Pos)}},
				&msg.GCExports{Positions: []uint64{ask.Resolve.Pos, itself.Pos}, Deltas: []uint64{1, 1}},
			)
			time.Sleep(time.Second)
		}
		func() {
			later := vat.NewVow(nil)
			answer := later.Ref().Send(context.Background(), "ask")
			_ = answer.SendOnly(context.Background(), "again", answer)
			later.Resolve(e.Bootstrap())
			wantErr(t, answer, promise.ErrCycle)
		}()
		given := make(map[uint64]int)
		read := make(chan struct{})
		go func() {
			defer close(read)
			for op, err := r.next(); err == nil; op, err = r.next() {
				if op, ok := op.(*msg.GCAnswers); ok {
					for _, pos := range op.Positions {
						given[pos]++
					}
				}
			}
		}()
		for range 3 {
			w.sweep()
		}
		if c := e.Tables(); c.Calls != 0 || c.Questions != 0 {
			t.Errorf("held: %s", c)
		}
		_ = r.conn.Close("")
		<-read
		if given[position] != 1 {
			t.Errorf("position %d was given back %d times", position, given[position])
		}
	})
}
