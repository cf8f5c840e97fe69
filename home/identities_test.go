package home_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// recorder is an object that remembers the methods it was asked for.
type recorder struct {
	mu    sync.Mutex
	heard []string
}

func (r *recorder) spawn(t *testing.T, v *vat.Vat) vat.Ref {
	t.Helper()
	ref, err := vat.Do(context.Background(), v, func(ctx context.Context) (vat.Ref, error) {
		return vat.SpawnFunc(ctx, func(_ context.Context, args []any) (any, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.heard = append(r.heard, fmt.Sprint(args...))
			return "done", nil
		}), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// TestNothingPassesBetweenIdentities tries every way in which a reference that one identity of a process holds could be
// used by a peer of another: as an argument, settled or not yet, as a result, by way of a promise that resolves later,
// by messages sent on ahead to such a result, and through an object that is published. The peer gets an error that does
// not say why, and the object behind the reference hears nothing.
func TestNothingPassesBetweenIdentities(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a1, a2 := join(t, n, "a1", identity(t), nil), join(t, n, "a2", identity(t), nil)
		b, c := join(t, n, "b", identity(t), nil), join(t, n, "c", identity(t), nil)
		for _, p := range []*party{a1, a2, b, c} {
			defer p.leave()
		}
		ctx := context.Background()
		secret := &recorder{}
		atC, err := c.Publish(ctx, "secret", secret.spawn(t, c.vat))
		if err != nil {
			t.Fatal(err)
		}
		// The process of a1 and a2 holds the reference under a2 and has an object, published under a1, that returns it.
		held, err := a2.Enliven(atC).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		late := vat.NewVow(nil)
		leaky, err := vat.Do(ctx, a1.vat, func(ctx context.Context) (vat.Ref, error) {
			return vat.SpawnFunc(ctx, func(ctx context.Context, args []any) (any, error) {
				switch args[0] {
				case selector("held"):
					return held, nil
				case selector("within"):
					return []any{1, held}, nil
				case selector("late"):
					return late.Ref(), nil
				case selector("listed"):
					return []any{late.Ref()}, nil // a promise among data goes out as one
				}
				return nil, vat.ErrNoSuchMethod
			}), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		s, err := a1.Publish(ctx, "leaky", leaky)
		if err != nil {
			t.Fatal(err)
		}
		object := b.Enliven(s)
		works(t, "b and a1 know each other", b.Enliven(a1.publish("x")))
		listed, err := vat.Result[[]vat.Ref](object.Send(ctx, "listed")).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		later, err := a1.Publish(ctx, "later", late.Ref()) // what it will be nobody knows yet
		if err != nil {
			t.Fatal(err)
		}
		attempts := map[string]vat.Ref{
			"published before it resolved":     b.Enliven(later).Send(ctx, "tell"),
			"a result":                         object.Send(ctx, "held"),
			"sent on ahead to a result":        object.Send(ctx, "held").Send(ctx, "tell"),
			"within a result":                  object.Send(ctx, "within"),
			"sent on ahead into a result":      object.Send(ctx, "within").Index(ctx, 1).Send(ctx, "tell"),
			"a result that comes later":        object.Send(ctx, "late"),
			"sent on ahead to one":             object.Send(ctx, "late").Send(ctx, "tell"),
			"sent to a promise":                listed[0].Send(ctx, "tell"),
			"sent far ahead through a promise": listed[0].Send(ctx, "tell").Send(ctx, "more"),
		}
		synctest.Wait()
		late.Resolve(held)
		for what, r := range attempts {
			v, err := vat.Result[any](r).Await(ctx)
			if err == nil {
				t.Errorf("%s: passed, and brought %v", what, v)
				continue
			}
			if strings.Contains(err.Error(), "identity") || errors.Is(err, captp.ErrOtherIdentity) {
				t.Errorf("%s: the peer is told of another identity: %v", what, err)
			}
			if e, ok := errors.AsType[*vat.Error](err); ok && strings.Contains(e.Code, "identity") {
				t.Errorf("%s: the peer is told of another identity by a code: %s", what, e.Code)
			}
		}
		if _, err := listed[0].Send(ctx, "tell").Await(ctx); err == nil {
			t.Error("sent to a promise that has resolved: passed")
		}
		// Nothing of it reached the third party, and the other way round it is the same.
		if _, err := a1.Enliven(b.publish("x")).Send(ctx, "echo", held).Await(ctx); !errors.Is(err, captp.ErrOtherIdentity) {
			t.Errorf("as an argument: %v", err)
		}
		synctest.Wait()
		secret.mu.Lock()
		defer secret.mu.Unlock()
		if len(secret.heard) > 0 {
			t.Errorf("the other identity's object has heard %q", secret.heard)
		}
		works(t, "the sessions are none the worse", b.Enliven(a1.publish("y")))
	})
}

// overheard remembers the frames that come in.
type overheard struct {
	netlayer.Conn
	first *[]byte
}

func (o overheard) Read() (netlayer.Frame, error) {
	f, err := o.Conn.Read()
	if err == nil && *o.first == nil {
		*o.first = bytes.Clone(f.Bytes)
	}
	return f, err
}

// TestAnonymousSessionsShareNothing looks at two anonymous sessions of one party with the eyes of the peer it dials, of
// two peers that compare notes, and at all either could compare.
func TestAnonymousSessionsShareNothing(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		b, c := join(t, n, "b", identity(t), nil), join(t, n, "c", identity(t), nil)
		defer b.leave()
		defer c.leave()
		var mu sync.Mutex
		var infos []netlayer.Info
		var hellos []*[]byte
		for _, p := range []*party{b, c} {
			p.layer.accept = func(first [][]byte, next acceptor) (netlayer.Conn, error) {
				conn, err := next(first)
				if err != nil {
					return nil, err
				}
				mu.Lock()
				defer mu.Unlock()
				infos, hellos = append(infos, conn.Info()), append(hellos, new([]byte))
				return overheard{conn, hellos[len(hellos)-1]}, nil
			}
		}
		atB, atC := b.publish("x"), c.publish("x")
		anon := join(t, n, "anon", nil, nil)
		defer anon.leave()
		rb, rc := anon.Enliven(atB), anon.Enliven(atC)
		works(t, "b", rb)
		works(t, "c", rc)
		other := join(t, n, "anon again", nil, nil)
		defer other.leave()
		works(t, "b again", other.Enliven(atB))
		synctest.Wait()
		if len(infos) != 3 || len(hellos) != 3 {
			t.Fatalf("%d sessions, %d greetings", len(infos), len(hellos))
		}
		var starts []*msg.StartSession
		for i, frame := range hellos {
			op, err := wire.NewDecoder(wire.Hawser, wire.Limits{Bytes: netlayer.MaxFrame}).Decode(*frame, func(msg.Desc) (passable.Reference, error) {
				return nil, errors.New("no references here")
			})
			if err != nil {
				t.Fatal(err)
			}
			start, ok := op.(*msg.StartSession)
			if !ok {
				t.Fatalf("session %d begins with %T", i, op)
			}
			copied := *start
			starts = append(starts, &copied)
			info := infos[i]
			if !info.Anonymous || info.Identity != nil || len(info.Remote.Hints) > 0 {
				t.Errorf("session %d: the peer sees %v with the record %v", i, info.Remote, info.Identity)
			}
			if start.Location.Designator != info.Remote.Designator || len(start.Location.Hints) > 0 {
				t.Errorf("session %d states the location %v", i, start.Location)
			}
		}
		for i := range starts {
			for j := range i {
				if starts[i].PublicKey == starts[j].PublicKey || infos[i].Remote.Designator == infos[j].Remote.Designator || infos[i].Binding == infos[j].Binding {
					t.Errorf("sessions %d and %d share a key", i, j)
				}
			}
		}
		// References of one do not pass over another, also within one Home.
		if _, err := rc.Send(context.Background(), "echo", rb).Await(context.Background()); !errors.Is(err, captp.ErrOtherIdentity) {
			t.Errorf("a reference of one anonymous session over another: %v", err)
		}
	})
}

// TestKeysOverAnySession enlivens capability keys, many at once, over sessions opened for another reason, by either side.
func TestKeysOverAnySession(t *testing.T) {
	for _, dialledBy := range []string{"the holder", "the host", "both at once"} {
		t.Run(dialledBy, func(t *testing.T) {
			scene(t, func(t *testing.T, n *mem.Network) {
				low, high := pair(t)
				a, b := join(t, n, "a", low, nil), join(t, n, "b", high, nil)
				defer a.leave()
				defer b.leave()
				ctx := context.Background()
				var keys []sturdyref.Capability
				for i := range 20 {
					keys = append(keys, capability(t))
					if _, err := b.PublishKey(ctx, fmt.Sprint(i), keys[i].Public(), b.spawn()); err != nil {
						t.Fatal(err)
					}
				}
				at := b.Location()
				switch dialledBy {
				case "the holder":
					works(t, "a swiss number", a.Enliven(b.publish("x")))
				case "the host":
					works(t, "a swiss number", b.Enliven(a.publish("x")))
				}
				var refs []vat.Ref
				for _, k := range keys {
					refs = append(refs, a.EnlivenKey(at, k))
				}
				if dialledBy == "both at once" {
					works(t, "the other way", b.Enliven(a.publish("x")))
				}
				for i, r := range refs {
					works(t, fmt.Sprint("key ", i), r)
				}
				for range 40 {
					refused(t, "a key nobody knows", a.EnlivenKey(at, capability(t)))
				}
				works(t, "a good one after many bad ones", a.EnlivenKey(at, keys[0]))
				if len(a.Sessions()) != 1 || len(b.Sessions()) != 1 {
					t.Errorf("sessions: %v, %v", a.Sessions(), b.Sessions())
				}
			})
		})
	}
}

// TestAnAnonymousPartyProvesNothing asks an anonymous dialler to prove that it has the door secret of the node it is of.
func TestAnAnonymousPartyProvesNothing(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		door := sturdyref.NewSwissNum()
		anon := join(t, n, "anon", nil, func(c *home.Config) { c.Door.Secret = door })
		b := join(t, n, "b", identity(t), nil)
		defer anon.leave()
		defer b.leave()
		var asked *captp.Session
		v := vat.New(nil)
		id := identity(t)
		host := n.Host(mem.HostConfig{Static: id.Public().Static, Features: []string{home.FeatureFetchProof}})
		defer func() {
			asked.Close("")
			if err := errors.Join(v.Close(), host.Close()); err != nil {
				t.Error(err)
			}
		}()
		boot, err := vat.Do(context.Background(), v, func(ctx context.Context) (vat.Ref, error) { return echoFacet.Spawn(ctx, echoer{}), nil })
		if err != nil {
			t.Fatal(err)
		}
		if asked, err = captp.New(captp.Config{Bootstrap: boot, Location: host.Location(), LazyRelease: true}); err != nil {
			t.Fatal(err)
		}
		r := anon.Enliven(sturdyref.Ref{Peer: host.Location(), Swiss: sturdyref.SwissNumOf([]byte("lobby"))})
		in, err := host.Accept(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		conn, err := in.Accept(asked.Hello(in.Info))
		if err != nil {
			t.Fatal(err)
		}
		if err := asked.Start(conn); err != nil {
			t.Fatal(err)
		}
		keys, err := door.Keys()
		if err != nil {
			t.Fatal(err)
		}
		name := keys.ID()
		mac, err := vat.Result[[]byte](asked.Bootstrap().Send(context.Background(), "prove", name[:])).Await(context.Background())
		if err != nil || keys.ProofKey().CheckServe(mac, in.Info.Binding, sturdyref.Dialler) {
			t.Errorf("the anonymous party has proven which node it is of (%v)", err)
		}
		_ = settles(t, "what it came for", r)
	})
}
