package conformance_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/conformance"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
)

// rogues are peers that want to keep the checker waiting, or to be the end of it.
var rogues = map[string]func(ctx context.Context, conn netlayer.Conn){
	"says nothing": func(ctx context.Context, _ netlayer.Conn) { <-ctx.Done() },
	"hangs up":     func(context.Context, netlayer.Conn) {},
	"floods": func(_ context.Context, conn netlayer.Conn) {
		for conn.Write([][]byte{[]byte("<13'op:gc-answers[1+]>")}) == nil {
		}
	},
	"floods with large messages": func(_ context.Context, conn netlayer.Conn) {
		frame := fmt.Appendf(nil, "<10'op:deliver<11'desc:export0+>[900000:%900000s]ff>", "")
		for conn.Write([][]byte{frame}) == nil {
		}
	},
	"trickles": func(ctx context.Context, conn netlayer.Conn) {
		for wait(ctx, 700*time.Millisecond) && conn.Write([][]byte{[]byte("<13'op:gc-answers[1+]>")}) == nil {
		}
	},
	"mirrors": func(_ context.Context, conn netlayer.Conn) {
		for {
			frame, err := conn.Read()
			if err != nil || conn.Write([][]byte{frame.Bytes}) != nil {
				return
			}
			frame.Done()
		}
	},
	"raves": func(_ context.Context, conn netlayer.Conn) {
		random := rand.NewChaCha8([32]byte{1})
		for {
			frame := make([]byte, 100)
			_, _ = random.Read(frame)
			if conn.Write([][]byte{frame}) != nil {
				return
			}
		}
	},
	"aborts at great length": func(_ context.Context, conn netlayer.Conn) {
		_ = conn.Write([][]byte{fmt.Appendf(nil, "<8'op:abort500000\"%0500000d>", 0)})
	},
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// TestBounds runs the checker against peers that behave as badly as they can: it
// ends in time, joins all it started, and calls nothing a pass.
func TestBounds(t *testing.T) {
	for name, rogue := range rogues {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { boundless(t, rogue) })
		})
	}
	t.Run("is not there", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { boundless(t, nil) }) })
}

func boundless(t *testing.T, rogue func(context.Context, netlayer.Conn)) {
	const timeout = 40 * time.Second
	start := time.Now()
	report := meet(t, rogue, &conformance.Config{Timeout: timeout, Step: 3 * time.Second})
	if took := time.Since(start); took > timeout+time.Second {
		t.Errorf("the run took %v, and was to end after %v", took, timeout)
	}
	if passes := names(report, conformance.Pass); len(passes) > 0 && (len(passes) > 1 || passes[0] != "hello") {
		t.Errorf("passed: %v", passes)
	}
	for _, result := range report.Results {
		if len(result.Detail) > 600 {
			t.Errorf("%s: %d bytes of detail", result.Clause.ID, len(result.Detail))
		}
	}
}

// meet runs the checker against a rogue, or against nobody if that is nil.
func meet(t *testing.T, rogue func(context.Context, netlayer.Conn), cfg *conformance.Config) conformance.Report {
	network := mem.New(&mem.Config{Buffer: 1 << 16})
	defer network.Close()
	host := network.Host(mem.HostConfig{Name: "rogue"})
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	if rogue != nil {
		work.Go(func() {
			for {
				in, err := host.Accept(ctx)
				if err != nil {
					return
				}
				conn, err := in.Accept(nil)
				if err != nil {
					continue
				}
				work.Go(func() {
					over := context.AfterFunc(ctx, func() { _ = conn.Close("") })
					defer over()
					rogue(ctx, conn)
					_ = conn.Close("enough")
				})
			}
		})
	}
	parties := 0
	target := conformance.Target{Peer: host.Location(), Open: func() (netlayer.Netlayer, error) {
		parties++
		return network.Host(mem.HostConfig{Name: fmt.Sprintf("checker-%d", parties)}), nil
	}}
	report, err := conformance.Run(ctx, target, cfg)
	if err != nil {
		t.Error(err)
	}
	return report
}

// TestCancel ends a run from outside.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.New(nil)
		defer network.Close()
		host := network.Host(mem.HostConfig{Name: "nobody answers"})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		report, err := conformance.Run(ctx, conformance.Target{Peer: host.Location(), Open: func() (netlayer.Netlayer, error) {
			return network.Host(mem.HostConfig{Anonymous: true}), nil
		}}, nil)
		if err != nil || time.Since(start) > 2*time.Second || report.Count(conformance.Pass) != 0 || !report.OK() {
			t.Errorf("%v after %v: %d passes, OK %v; want all not reached", err, time.Since(start), report.Count(conformance.Pass), report.OK())
		}
	})
}
