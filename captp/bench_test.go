package captp_test

import (
	"context"
	"sync"
	"testing"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/vat"
)

// benchPair connects two ends in real time and returns a settled reference to an echo object at the other.
func benchPair(b *testing.B) (vat.Ref, *captp.Session, *captp.Session) {
	n := mem.New(nil)
	b.Cleanup(n.Close)
	var sessions [2]*captp.Session
	var hosts [2]*mem.Host
	for i, name := range []string{"a", "b"} {
		v := vat.New(nil)
		b.Cleanup(func() { v.Close() })
		hosts[i] = n.Host(mem.HostConfig{Name: name, Doorkeeper: openDoor{}, Features: []string{captp.FeatureMovesQueues}})
		ref, err := vat.Do(b.Context(), v, func(ctx context.Context) (vat.Ref, error) { return newEcho(ctx), nil })
		if err != nil {
			b.Fatal(err)
		}
		if sessions[i], err = captp.New(captp.Config{Bootstrap: ref, Location: hosts[i].Location(), Realm: name}); err != nil {
			b.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() {
		in, err := hosts[1].Accept(b.Context())
		if err == nil {
			var c netlayer.Conn
			if c, err = in.Accept(sessions[1].Hello(in.Info)); err == nil {
				err = sessions[1].Start(c)
			}
		}
		done <- err
	}()
	c, err := hosts[0].Connect(b.Context(), netlayer.Dial{Peer: hosts[1].Location(), Early: sessions[0].Early})
	if err == nil {
		err = sessions[0].Start(c)
	}
	if err == nil {
		err = <-done
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { sessions[0].Close("over"); <-sessions[1].Done() })
	r, err := sessions[0].Bootstrap().Send(b.Context(), "self").Await(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return r, sessions[0], sessions[1]
}

const payload = "abcdefghijklmnopqrstuvwxyz012345"

func BenchmarkCall(b *testing.B) {
	r, _, _ := benchPair(b)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if s, err := vat.Result[string](r.Send(ctx, "echo", payload)).Await(ctx); err != nil || s != payload {
			b.Fatal(s, err)
		}
	}
}

func BenchmarkCall256(b *testing.B) {
	r, _, _ := benchPair(b)
	ctx := b.Context()
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i := range 256 {
		n := b.N / 256
		if i < b.N%256 {
			n++
		}
		wg.Go(func() {
			for range n {
				if _, err := vat.Result[string](r.Send(ctx, "echo", payload)).Await(ctx); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkOneWay stops the clock when the last message has been handled.
func BenchmarkOneWay(b *testing.B) {
	r, _, _ := benchPair(b)
	ctx := b.Context()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := r.SendOnly(ctx, "echo", payload); err != nil {
			b.Fatal(err)
		}
		if n++; n%1024 == 0 {
			if _, err := r.Send(ctx, "self").Await(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	if _, err := r.Send(ctx, "self").Await(ctx); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkChain8(b *testing.B) {
	r, _, _ := benchPair(b)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		x := r
		for range 7 {
			x = x.Send(ctx, "self")
		}
		if _, err := vat.Result[string](x.Send(ctx, "echo", payload)).Await(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
