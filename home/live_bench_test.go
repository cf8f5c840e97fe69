package home_test

import (
	"context"
	"testing"

	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// BenchmarkLive is calls from a goroutine, with 64 under way, over an ordinary reference and over a live one.
func BenchmarkLive(b *testing.B) {
	n := mem.New(nil)
	defer n.Close()
	ctx := context.Background()
	guest, err := quietly(n, "a", cast[0], 1)
	if err != nil {
		b.Fatal(err)
	}
	host, err := quietly(n, "b", cast[1], 1)
	if err != nil {
		b.Fatal(err)
	}
	ref, err := vat.Do(ctx, host.vats[0], func(ctx context.Context) (vat.Ref, error) { return echoFacet.Spawn(ctx, echoer{}), nil })
	if err != nil {
		b.Fatal(err)
	}
	s, err := host.PublishAs(ctx, "x", sturdyref.NewSwissNum(), ref)
	if err != nil {
		b.Fatal(err)
	}
	live := guest.Live(s)
	if _, err := call(live, 1); err != nil {
		b.Fatal(err)
	}
	for name, r := range map[string]vat.Ref{"ordinary": vat.Present(live), "live": live} {
		b.Run(name, func(b *testing.B) {
			var ring [64]vat.Ref
			for i := range ring {
				ring[i] = r.Send(ctx, "echo", 1)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if err := outcome(ring[i]); err != nil {
					b.Fatal(err)
				}
				ring[i] = r.Send(ctx, "echo", 1)
				i = (i + 1) % len(ring)
			}
		})
	}
	if err := guest.leave(); err != nil {
		b.Error(err)
	}
	if err := host.leave(); err != nil {
		b.Error(err)
	}
}
