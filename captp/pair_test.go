package captp_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/vat"
)

type openDoor struct{}

func (openDoor) Lock([16]byte) (netlayer.Lock, bool) { return nil, false }
func (openDoor) Admit(netlayer.Info) error           { return nil }

// end is one end of a session under test.
type end struct {
	vat     *vat.Vat
	session *captp.Session
	host    *mem.Host
}

// boot is what each end's peer can reach: whatever was put there.
type boot struct{ objects map[string]vat.Ref }

func (b *boot) Fetch(_ context.Context, name string) (vat.Ref, error) {
	r, ok := b.objects[name]
	if !ok {
		return vat.Ref{}, errNone
	}
	return r, nil
}

var errNone = vat.NewError("test.none", "no such object")

type bootFacet interface {
	Fetch(ctx context.Context, name string) (vat.Ref, error)
}

var facet = vat.FacetOf[bootFacet]("test.Boot")

// pair connects two ends over a simulated network. It must run in a bubble. When the test ends it checks that nothing
// is left in the tables of either.
func pair(t *testing.T, cfg *mem.Config, aObjects, bObjects map[string]func(ctx context.Context) vat.Ref) (a, b *end) {
	t.Helper()
	n := mem.New(cfg)
	make1 := func(name string, objects map[string]func(ctx context.Context) vat.Ref) *end {
		e := &end{vat: vat.New(&vat.Config{Name: name, Logger: hclog.New(&hclog.LoggerOptions{Output: t.Output(), Level: hclog.Debug})})}
		e.host = n.Host(mem.HostConfig{Name: name, Doorkeeper: openDoor{}, Features: []string{captp.FeatureMovesQueues}})
		ref, err := vat.Do(t.Context(), e.vat, func(ctx context.Context) (vat.Ref, error) {
			b := &boot{objects: make(map[string]vat.Ref)}
			for k, f := range objects {
				b.objects[k] = f(ctx)
			}
			return facet.Spawn(ctx, b), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		e.session, err = captp.New(captp.Config{Bootstrap: ref, Location: e.host.Location(), Realm: name, LazyRelease: true,
			Logger: hclog.New(&hclog.LoggerOptions{Output: t.Output(), Level: hclog.Debug})})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	a, b = make1("a", aObjects), make1("b", bObjects)
	done := make(chan error, 1)
	go func() {
		in, err := b.host.Accept(t.Context())
		if err == nil {
			var c netlayer.Conn
			if c, err = in.Accept(b.session.Hello(in.Info)); err == nil {
				err = b.session.Start(c)
			}
		}
		done <- err
	}()
	c, err := a.host.Connect(t.Context(), netlayer.Dial{Peer: b.host.Location(), Early: a.session.Early})
	if err == nil {
		err = a.session.Start(c)
	}
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		settle(t, a, b)
		a.session.Close("test over")
		<-b.session.Done()
		for _, e := range []*end{a, b} {
			if err := e.vat.Close(); err != nil {
				t.Error(err)
			}
			if err := e.host.Close(); err != nil {
				t.Error(err)
			}
		}
		n.Close()
	})
	return a, b
}

// settle drops what is unused and fails the test if the tables of the two ends do not become empty.
func settle(t *testing.T, ends ...*end) {
	t.Helper()
	var left []string
	for range 50 {
		runtime.GC()
		for _, e := range ends {
			e.session.Sweep()
		}
		time.Sleep(time.Second) // virtual
		synctest.Wait()
		left = nil
		for _, e := range ends {
			if s := e.session.Tables(); !s.Empty() {
				left = append(left, s.String())
			}
		}
		if left == nil {
			return
		}
	}
	t.Errorf("tables not empty: %q", left)
}

type echo interface {
	Echo(ctx context.Context, v any) (any, error)
	Fail(ctx context.Context) error
	Self(ctx context.Context) vat.Ref
	Call(ctx context.Context, f vat.Ref, v any) vat.Ref
}

var echoFacet = vat.FacetOf[echo]("test.Echo")

type echoer struct{}

func (echoer) Echo(_ context.Context, v any) (any, error) { return v, nil }
func (echoer) Fail(context.Context) error                 { return errNone }
func (echoer) Self(ctx context.Context) vat.Ref           { return vat.Self(ctx) }
func (echoer) Call(ctx context.Context, f vat.Ref, v any) vat.Ref {
	return f.Apply(ctx, v)
}

func newEcho(ctx context.Context) vat.Ref { return echoFacet.Spawn(ctx, echoer{}) }

func TestCallsAndAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pair(t, &mem.Config{Delay: 50 * time.Millisecond}, nil, map[string]func(context.Context) vat.Ref{"echo": newEcho})
		ctx := t.Context()
		func() {
			e := a.session.Bootstrap().Send(ctx, "fetch", "echo")
			if v, err := vat.Result[int](e.Send(ctx, "echo", 42)).Await(ctx); v != 42 || err != nil {
				t.Fatal(v, err)
			}
			if _, err := e.Send(ctx, "fail").Await(ctx); !errors.Is(err, errNone) {
				t.Fatal(err)
			}
			start := time.Now()
			r := e
			for range 8 {
				r = r.Send(ctx, "self")
			}
			got, err := r.Await(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if d := time.Since(start); d != 100*time.Millisecond {
				t.Errorf("a chain of 8 took %v", d)
			}
			if e2, _ := e.Await(ctx); e2 != got {
				t.Error("not the same reference")
			}
			f, _ := vat.Do(ctx, a.vat, func(ctx context.Context) (vat.Ref, error) {
				return vat.Func(ctx, func(n int) int { return n + 1 }), nil
			})
			if v, err := vat.Result[int](e.Send(ctx, "call", f, 1)).Await(ctx); v != 2 || err != nil {
				t.Fatal(v, err)
			}
			if back, err := e.Send(ctx, "echo", f).Await(ctx); back != f || err != nil {
				t.Fatal("own reference came home different", err)
			}
		}()
	})
}

func TestLostConnectionBreaksEverythingOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, nil, nil, map[string]func(context.Context) vat.Ref{"echo": newEcho})
		ctx := t.Context()
		e, err := a.session.Bootstrap().Send(ctx, "fetch", "echo").Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		b.session.Close("bye")
		<-a.session.Done()
		if _, err := e.Send(ctx, "self").Await(ctx); !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
	})
}
