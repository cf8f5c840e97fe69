package link_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/netlayer/netlayertest"
)

// subject opens hosts of a simulated network whose connections are links.
func subject(cfg mem.Config) netlayertest.Subject {
	return netlayertest.Subject{Lacks: netlayertest.Lacks{Addresses: true, Resume: true}, Open: func(t testing.TB) func(netlayertest.Host) netlayer.Netlayer {
		n := mem.New(&cfg)
		t.Cleanup(n.Close)
		count := byte(0)
		return func(h netlayertest.Host) netlayer.Netlayer {
			count++
			host := mem.HostConfig{Anonymous: h.Anonymous, Doorkeeper: h.Doorkeeper, Features: h.Features}
			if h.Features == nil { // the tests that ask for some are about these
				host.Features = []string{netlayer.FeatureResume}
			}
			if !h.Anonymous {
				host.Name = fmt.Sprintf("host-%d", count)
			}
			return wrap(t, n.Host(host), nil)
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
		{"RealTimeSmallBuffers", false, mem.Config{Buffer: 300}},
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
