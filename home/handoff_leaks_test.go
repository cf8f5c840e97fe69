package home_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// collect runs the collector and the cleanups it finds.
func collect() {
	for range 2 {
		var ran atomic.Bool
		runtime.AddCleanup(new([64]byte), func(*atomic.Bool) { ran.Store(true) }, &ran)
		for !ran.Load() {
			runtime.GC()
		}
	}
}

// emptied says what the sessions of Homes still hold when everything they may forget has been forgotten, "" if nothing.
func emptied(all ...*party) (held string) {
	time.Sleep(11 * time.Minute) // gifts expire
	for range 12 {
		collect()
		held = ""
		for _, p := range all {
			for _, c := range p.Sweep() {
				if !c.Empty() {
					held += fmt.Sprintf("%s: %v; ", p.name, c)
				}
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if held == "" {
			return ""
		}
	}
	return held
}

// pocket remembers one reference.
type pocket interface {
	Put(ctx context.Context, ref vat.Ref) error
	Get(ctx context.Context) (vat.Ref, error)
}

var pocketFacet = vat.FacetOf[pocket]("test.Pocket")

type keep struct{ ref vat.Ref }

func (k *keep) Put(_ context.Context, ref vat.Ref) error { k.ref = ref; return nil }
func (k *keep) Get(context.Context) (vat.Ref, error)     { return k.ref, nil }

// An exporter that does not read, and a receiver that asks without end for what lies there, do not fill the gifter.
func TestDepositsAreBounded(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		const most = 64 << 10
		g := join(t, n, "g", identity(t), func(c *home.Config) { c.Limits.MaxUnsent = most })
		defer g.leave()
		obj, err := vat.Do(t.Context(), g.vat, func(ctx context.Context) (vat.Ref, error) { return pocketFacet.Spawn(ctx, &keep{}), nil })
		if err == nil {
			_, err = g.PublishAs(t.Context(), "keeper", sturdyref.SwissNumOf([]byte("pocket")), obj)
		}
		if err != nil {
			t.Fatal(err)
		}
		e, r := scripted(t, n, "exporter", g.Location()), scripted(t, n, "receiver", g.Location())
		at := msg.Desc{Kind: msg.Answer, Pos: 1}
		comesTo(t, "fetched", "", e.settled(e.ask("fetch", []byte("pocket"))))
		comesTo(t, "fetched", "", r.settled(r.ask("fetch", []byte("pocket"))))
		e.send(&msg.Deliver{To: at, Selector: "put", Args: []any{msg.Desc{Kind: msg.ImportObject, Pos: 7}}})
		time.Sleep(time.Second)
		worst, given := 0, 0
		for i := range uint64(16000) {
			r.send(&msg.Deliver{To: at, Selector: "get", Resolve: msg.Desc{Kind: msg.ImportObject, Pos: 1000 + i}, HasResolve: true})
			for answered := false; !answered; {
				switch op := r.next().(type) {
				case nil:
					t.Fatal("the receiver's session has ended")
				case *msg.Deliver:
					answered = true
					if _, ok := op.Args[0].(*msg.SigEnvelope); ok {
						given++
					}
				}
			}
			if i%100 == 0 {
				for _, c := range g.Sweep() {
					worst = max(worst, c.Unsent)
				}
			}
		}
		if worst > most+1000 {
			t.Errorf("%d bytes wait for an exporter that does not read", worst)
		}
		if given == 0 {
			t.Error("nothing was handed off")
		}
	})
}

// factory makes a fresh object at each call.
type factory interface {
	Make(ctx context.Context) (vat.Ref, error)
}

var factoryFacet = vat.FacetOf[factory]("test.Factory")

type maker struct{}

func (maker) Make(ctx context.Context) (vat.Ref, error) { return echoFacet.Spawn(ctx, echoer{}), nil }

// broker is a gifter: it gives away what the exporter's factory makes.
type broker struct{ from vat.Ref }

func (b *broker) Get(ctx context.Context) (vat.Ref, error) { return b.from.Send(ctx, "make"), nil }
func (b *broker) Later(ctx context.Context) (vat.Ref, error) {
	return b.from.Send(ctx, "make"), nil
}

// After any number of handoffs, used, ignored, relayed or pipelined through, nothing is left at any of the three.
func TestHandoffsLeaveNothing(t *testing.T) {
	for _, relayed := range []bool{false, true} {
		t.Run(fmt.Sprint("relayed=", relayed), func(t *testing.T) {
			scene(t, func(t *testing.T, n *mem.Network) {
				g, r, e := join(t, n, "g", identity(t), nil), join(t, n, "r", identity(t), nil), join(t, n, "e", identity(t), nil)
				for _, p := range []*party{g, r, e} {
					defer p.leave()
				}
				func() {
					made, err := vat.Do(t.Context(), e.vat, func(ctx context.Context) (vat.Ref, error) { return factoryFacet.Spawn(ctx, maker{}), nil })
					if err != nil {
						t.Fatal(err)
					}
					s, err := e.Publish(t.Context(), "factory", made)
					if err != nil {
						t.Fatal(err)
					}
					far, err := g.Enliven(s).Await(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					obj, err := vat.Do(t.Context(), g.vat, func(ctx context.Context) (vat.Ref, error) { return shelfFacet.Spawn(ctx, &broker{far}), nil })
					if err != nil {
						t.Fatal(err)
					}
					if s, err = g.Publish(t.Context(), "broker", obj); err != nil {
						t.Fatal(err)
					}
					from, err := r.Enliven(s).Await(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if relayed {
						r.layer.connect = func(ctx context.Context, d netlayer.Dial, next connector) (netlayer.Conn, error) {
							return nil, netlayer.ErrUnreachable
						}
					}
					for i := range 60 {
						ref := from.Send(t.Context(), "get")
						switch i % 3 {
						case 0: // ignored
						case 1:
							works(t, "used at once", ref)
						case 2:
							if ref, err = ref.Await(t.Context()); err != nil {
								t.Fatal(err)
							}
							works(t, "awaited", ref)
						}
					}
				}()
				for _, p := range []*party{g, e} {
					for _, name := range []string{"factory", "broker"} {
						_ = p.Revoke(t.Context(), name)
					}
				}
				before := 0
				for _, c := range append(g.Sweep(), e.Sweep()...) {
					before += c.Exports + c.Imports
				}
				if before == 0 {
					t.Error("nothing was there to be forgotten")
				}
				if held := emptied(g, r, e); held != "" {
					t.Error(held)
				}
				for _, p := range []*party{g, r, e} {
					if _, waiting := p.Redeemed(); waiting != 0 || p.Gifts() != 0 {
						t.Errorf("%s: %d wait, %d gifts", p.name, waiting, p.Gifts())
					}
				}
			})
		})
	}
}
