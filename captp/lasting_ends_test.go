package captp_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/vat"
)

// Whatever ends a session that lasts, or several things at once, in the midst of calls: nobody who waits waits for ever, what they are told is one
// line, and the store is sound.
func TestEndsUnderWay(t *testing.T) {
	ends := map[string]func(a *machine, s *captp.Session){
		"suspended":       func(a *machine, s *captp.Session) { a.stop() },
		"closed":          func(_ *machine, s *captp.Session) { s.Close("no more") },
		"failed":          func(a *machine, _ *captp.Session) { a.depot.Fail(errors.New("it is in use")) },
		"disk full":       func(a *machine, _ *captp.Session) { a.disk.DieAt.Store(a.disk.Writes.Load() + 1) },
		"closed and full": func(a *machine, s *captp.Session) { a.disk.DieAt.Store(a.disk.Writes.Load() + 2); s.Close("no more") },
		"all at once": func(a *machine, s *captp.Session) {
			var wg sync.WaitGroup
			wg.Go(func() { s.Close("no more") })
			wg.Go(func() { s.Suspend("for now") })
			wg.Go(func() { a.depot.Fail(errors.New("it is in use")) })
			wg.Wait()
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			net := mem.New(nil)
			defer net.Close()
			a, b := newMachine(t, net, "a"), newMachine(t, net, "b")
			b.root("b")
			y := a.dial(b, "b")
			x := a.root("a")
			call[any](t, x, "link", y)
			call[any](t, b.root("b"), "link", b.fetch(a, "a"))
			ctx, cancel := context.WithCancel(context.Background())
			var calling sync.WaitGroup
			begun := make(chan struct{}, 4)
			for _, to := range []vat.Ref{x, y, b.root("b"), y.Send(ctx, "back")} {
				calling.Go(func() {
					for n := 0; ctx.Err() == nil; n++ {
						wait, done := context.WithTimeout(context.Background(), 20*time.Second)
						_ = to.SendOnly(wait, "askSlow", n)
						_, err := vat.Result[int](to.Send(wait, "add", n)).Await(wait)
						done()
						if errors.Is(err, context.DeadlineExceeded) {
							t.Error("a call hangs")
							return
						}
						if err != nil {
							if text := err.Error(); strings.Contains(text, "\n") {
								t.Errorf("more than a line: %q", text)
							}
							time.Sleep(time.Millisecond)
						}
						if n == 20 {
							begun <- struct{}{}
						}
					}
				})
			}
			for range 4 {
				<-begun
			}
			end(a, a.alive()[0])
			time.Sleep(20 * time.Millisecond)
			cancel()
			ended := make(chan struct{})
			go func() {
				calling.Wait()
				a.crash()
				b.crash()
				a.root("a")
				b.root("b")
				close(ended)
			}()
			select {
			case <-ended:
			case <-time.After(30 * time.Second):
				panic("it hangs")
			}
			a.stop()
			b.stop()
		})
	}
}
