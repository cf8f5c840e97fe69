package captp_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// gifter is a receiver of handoffs that is given nothing.
type gifter struct{}

func (gifter) Receive(*captp.Withdrawal) (vat.Ref, captp.Redeemer) { return vat.Ref{}, nil }

func (gifter) Errand(*captp.Session, passable.Symbol, []any) captp.Errand { return nil }

// handed takes an answer, and returns the id of the gift if it is a certificate, else the position at which it is forwarded.
func (r *raw) handed() (id []byte, at msg.Desc) {
	r.t.Helper()
	d := expect[*msg.Deliver](r)
	if d.To != export(1000) || d.Selector != "fulfill" {
		r.t.Fatalf("the answer is %v %v", d, d.Args)
	}
	r.send(&msg.GCAnswers{Positions: []uint64{1000}})
	arg := d.Args[0]
	if list, ok := arg.([]any); ok {
		arg = list[0]
	}
	switch arg := arg.(type) {
	case *msg.SigEnvelope:
		return arg.Signed.(*msg.HandoffGive).GiftID.([]byte), msg.Desc{}
	case msg.Desc:
		return nil, export(arg.Pos)
	}
	r.t.Fatalf("the answer is %v", d.Args)
	return nil, msg.Desc{}
}

// thing asks a gifter for what lies there.
func (r *raw) thing() (id []byte, at msg.Desc) {
	r.t.Helper()
	r.call(export(0), "fetch", 1000, 1000, "thing")
	return r.handed()
}

// handing is a gifter, an exporter whose bootstrap object it offers, and a receiver.
func handing(t *testing.T, fn func(w *world, n *node, e, r *raw, toE, toR *end)) {
	t.Helper()
	scene(t, &mem.Config{}, func(t *testing.T, w *world) {
		w.features = append(w.features, captp.FeatureRelaysGifts)
		n := w.node("n")
		n.handoffs = gifter{}
		e, toE := w.peer(n)
		r, toR := w.peer(n, captp.FeatureRelaysGifts)
		synctest.Wait()
		n.offer("thing", toE.Bootstrap())
		fn(w, n, e, r, toE, toR)
		time.Sleep(2 * time.Minute) // gifts are forgotten
		r.bye()
	})
}

// TestRelay has a receiver ask for what it cannot fetch itself: the gifter forwards it, once asked for, and whatever else
// is the exporter's.
func TestRelay(t *testing.T) {
	handing(t, func(w *world, n *node, e, r *raw, toE, toR *end) {
		id, _ := r.thing()
		if ref, ok := toR.Relay(id); !ok || ref != toE.Bootstrap() {
			t.Errorf("relayed as %v, %v", ref, ok)
		}
		if _, ok := toR.Relay(id); ok {
			t.Error("relayed twice")
		}
		id, at := r.thing()
		if id != nil {
			t.Fatal("what cannot be reached is handed off again")
		}
		r.send(&msg.Deliver{To: at, Selector: "hello"})
		for d := expect[*msg.Deliver](e); d.Selector != "hello"; d = expect[*msg.Deliver](e) {
			if d.Selector != "deposit-gift" {
				t.Errorf("the exporter is told %v", d)
			}
		}
		e.bye()
	})
}

// TestRelayOfTheDead: an exporter that is gone has nothing to be forwarded. Whoever asks is told so, and what the exporter
// has when it comes again may be fetched from it.
func TestRelayOfTheDead(t *testing.T) {
	handing(t, func(w *world, n *node, e, r *raw, _, toR *end) {
		id, _ := r.thing()
		e.bye()
		ref, ok := toR.Relay(id)
		_, err := ref.Await(context.Background())
		if end, is := errors.AsType[*captp.EndError](err); !ok || !is || end.Kind != captp.Lost {
			t.Errorf("relayed as %v, %v: %v", ref, ok, err)
		}
		if _, ok := toR.Relay(id); ok {
			t.Error("relayed twice")
		}
		again, toAgain := w.from(e.host, n)
		again.greet()
		synctest.Wait()
		n.offer("thing", toAgain.Bootstrap())
		if id, _ := r.thing(); id == nil {
			t.Error("an exporter that is there again is taken for one that cannot be reached")
		}
		again.bye()
	})
}

// TestRelayOfWhatIsElsewhere: a promise that the exporter was to keep, and that has become something of this process, does
// not end with the exporter.
func TestRelayOfWhatIsElsewhere(t *testing.T) {
	handing(t, func(w *world, n *node, e, r *raw, toE, toR *end) {
		promised := n.promise("")
		promised.Route(toE.Bootstrap().Target())
		n.offer("thing", n.do(func(ctx context.Context) vat.Ref {
			return vat.Func(ctx, func(context.Context) ([]vat.Ref, error) { return []vat.Ref{promised.Ref()}, nil })
		}))
		_, at := r.thing()
		r.call(at, "", 1000, 1000)
		id, _ := r.handed()
		promised.Resolve(n.serve("own", func(_ context.Context, s string) (string, error) { return s, nil }))
		e.bye()
		ref, ok := toR.Relay(id)
		if !ok {
			t.Fatal("not relayed")
		}
		want(t, ref.Apply(context.Background(), "there"), "there")
	})
}

// What could not be reached is tried again after a while, and when there is much else that could not be reached.
func TestUnreachableIsForgotten(t *testing.T) {
	handing(t, func(w *world, n *node, e, r *raw, toE, toR *end) {
		relayed := func() {
			t.Helper()
			if id, _ := r.thing(); id == nil {
				t.Fatal("not handed off")
			} else if _, ok := toR.Relay(id); !ok {
				t.Fatal("not relayed")
			}
		}
		relayed()
		_, at := r.thing()
		r.send(&msg.GCExports{Positions: []uint64{at.Pos}, Deltas: []uint64{1}}) // what it has is not handed off to it
		time.Sleep(time.Hour)
		relayed()
		for range 256 {
			other, toOther := w.peer(n)
			defer other.bye()
			synctest.Wait()
			n.offer("thing", toOther.Bootstrap())
			relayed()
		}
		n.offer("thing", toE.Bootstrap())
		relayed()
	})
}
