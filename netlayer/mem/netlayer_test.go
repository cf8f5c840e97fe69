package mem_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/netlayer/netlayertest"
)

// subject opens hosts of a network for the suite, half of them with keys and half with names.
func subject(cfg mem.Config) netlayertest.Subject {
	return netlayertest.Subject{Lacks: netlayertest.Lacks{Addresses: true}, Open: func(t testing.TB) func(netlayertest.Host) netlayer.Netlayer {
		n := mem.New(&cfg)
		t.Cleanup(n.Close)
		count := byte(0)
		return func(h netlayertest.Host) netlayer.Netlayer {
			host := mem.HostConfig{Anonymous: h.Anonymous, Doorkeeper: h.Doorkeeper, Features: h.Features}
			if count++; count%2 == 0 {
				host.Static = [32]byte{9, count}
			} else {
				host.Name = fmt.Sprintf("host-%d", count)
			}
			return n.Host(host)
		}
	}}
}

func TestNetlayer(t *testing.T) {
	for _, c := range []struct {
		name   string
		bubble bool
		cfg    mem.Config
	}{
		{"RealTime", false, mem.Config{}},
		{"RealTimeSynchronous", false, mem.Config{Synchronous: true}},
		{"RealTimeSmallBuffers", false, mem.Config{Buffer: 1}},
		{"RealTimeDelay", false, mem.Config{Seed: 1, Delay: 200 * time.Microsecond, Jitter: 100 * time.Microsecond}},
		{"Bubble", true, mem.Config{}},
		{"BubbleDelay", true, mem.Config{Seed: 2, Delay: 50 * time.Millisecond, Jitter: 20 * time.Millisecond}},
		{"BubbleSynchronousDelay", true, mem.Config{Seed: 3, Delay: 10 * time.Millisecond, Synchronous: true}},
		{"BubbleJitter", true, mem.Config{Seed: 4, Jitter: 30 * time.Millisecond, Buffer: 4000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := subject(c.cfg)
			s.Bubble = c.bubble
			netlayertest.Run(t, s)
		})
	}
}
