package noiselink

import (
	"context"
	"sync"
	"time"

	"github.com/hawser-go/hawser/internal/sockets"
)

// stagger is how long an address has before the next one is tried beside it.
const stagger = 200 * time.Millisecond

// race tries the candidates, each a little after the one before or at once when that has failed, and returns the first
// attempt that has reached the peer itself; the others are ended and joined. If none does, failures says why, one text
// for each.
func race(ctx context.Context, candidates []candidate, try func(context.Context, candidate) (*attempt, error)) (won *attempt, failures []string) {
	type result struct {
		attempt *attempt
		err     error
		of      candidate
	}
	ctx, cancel := context.WithCancel(ctx)
	results := make(chan result, len(candidates))
	var running sync.WaitGroup
	defer func() {
		cancel()
		running.Wait()
		close(results)
		for r := range results {
			if r.attempt != nil {
				r.attempt.abandon()
			}
		}
	}()
	next := time.NewTimer(0)
	defer next.Stop()
	for begun, over := 0, 0; over < len(candidates); {
		select {
		case <-next.C:
			if begun == len(candidates) {
				continue
			}
			c := candidates[begun]
			begun++
			running.Go(func() {
				a, err := try(ctx, c)
				results <- result{a, err, c}
			})
			next.Reset(stagger)
		case r := <-results:
			over++
			if r.err == nil {
				return r.attempt, nil
			}
			failures = append(failures, sockets.OneLine(r.of.hint, sockets.MaxLine)+": "+r.err.Error())
			next.Reset(0)
		case <-ctx.Done():
			return nil, failures
		}
	}
	return nil, failures
}
