package hawser_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// warehouse is an object with much in it.
type warehouse interface {
	Weigh(ctx context.Context, load []byte) (int, error)
	Haul(ctx context.Context, size int) ([]byte, error)
	Watch(ctx context.Context, peer vat.Ref)
}

var warehouseFacet = vat.FacetOf[warehouse]("test.Warehouse")

type depot struct {
	calls atomic.Int64
	gone  chan error // why what was to be watched is severed
}

func (d *depot) Weigh(_ context.Context, load []byte) (int, error) {
	d.calls.Add(1)
	return len(load), nil
}

func (d *depot) Haul(_ context.Context, size int) ([]byte, error) {
	d.calls.Add(1)
	return bytes.Repeat([]byte{7}, size), nil
}

func (d *depot) Watch(ctx context.Context, peer vat.Ref) {
	vat.OnSever(ctx, peer, func(_ context.Context, reason error) { d.gone <- reason })
}

func publishDepot(t *testing.T, n *hawser.Node) (sturdyref.Ref, *depot) {
	t.Helper()
	d := &depot{gone: make(chan error, 1)}
	ref, err := vat.Do(t.Context(), n.Vat("depot"), func(ctx context.Context) (vat.Ref, error) {
		return warehouseFacet.Spawn(ctx, d), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := n.Publish(t.Context(), "depot", ref)
	if err != nil {
		t.Fatal(err)
	}
	return s, d
}

// TestWhatIsTooLarge sends and asks for what no session carries. That call breaks and no other, nothing of it reaches
// the far side, and what just fits passes.
func TestWhatIsTooLarge(t *testing.T) {
	ctx := t.Context()
	host, guest := open(t, quiet()), open(t, quiet())
	invite, d := publishDepot(t, host)
	ref := guest.Enliven(invite)
	weigh := func(size int) (int, error) {
		return vat.Result[int](ref.Send(ctx, "weigh", make([]byte, size))).Await(ctx)
	}
	haul := func(size int) (int, error) {
		b, err := vat.Result[[]byte](ref.Send(ctx, "haul", size)).Await(ctx)
		return len(b), err
	}
	for _, size := range []int{0, 1, 70_000, 1_000_000, netlayer.MaxFrame - 200} {
		if n, err := weigh(size); n != size || err != nil {
			t.Errorf("weigh %d: %d, %v", size, n, err)
		}
		if n, err := haul(size); n != size || err != nil {
			t.Errorf("haul %d: %d, %v", size, n, err)
		}
	}
	calls := d.calls.Load()
	for _, size := range []int{netlayer.MaxFrame, netlayer.MaxFrame + 1, 5 << 20} {
		if _, err := weigh(size); err == nil || !strings.Contains(err.Error(), "larger than a session carries") {
			t.Errorf("weigh %d: %v", size, err)
		}
	}
	if d.calls.Load() != calls {
		t.Error("a call that was too large has been made")
	}
	for _, size := range []int{netlayer.MaxFrame, 5 << 20} {
		_, err := haul(size)
		if e, ok := errors.AsType[*vat.Error](err); !ok || !e.Remote {
			t.Errorf("haul %d: %v", size, err)
		}
	}
	if n, err := weigh(3); n != 3 || err != nil {
		t.Errorf("after all that: %d, %v", n, err)
	}
}

// TestAFloodFromOneServesAnother lets one peer send as fast as it can while another makes one call after the other.
func TestAFloodFromOneServesAnother(t *testing.T) {
	cfg := quiet()
	cfg.Limits = captp.Limits{MaxWaiting: 1000}
	host, flooder, guest := open(t, cfg), open(t, quiet()), open(t, quiet())
	invite, d := publishDepot(t, host)
	ctx, cancel := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	started := make(chan struct{})
	flood.Go(func() {
		ref := flooder.Enliven(invite)
		load := make([]byte, 4096)
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := vat.Result[int](ref.Send(ctx, "weigh", load)).Await(ctx); err != nil {
				ref = flooder.Enliven(invite)
			}
			for range 3000 { // nobody waits for these
				_ = ref.SendOnly(ctx, "weigh", load)
			}
			if i == 3 {
				close(started)
			}
		}
	})
	<-started
	ref := guest.Enliven(invite)
	for i := range 300 {
		if n, err := vat.Result[int](ref.Send(t.Context(), "weigh", make([]byte, i))).Await(t.Context()); n != i || err != nil {
			t.Errorf("call %d: %d, %v", i, n, err)
			break
		}
	}
	cancel()
	flood.Wait()
	if d.calls.Load() < 1000 {
		t.Errorf("the flood was %d calls", d.calls.Load())
	}
}

// deaf is a connection whose reader stops after some frames.
type deaf struct {
	netlayer.Conn
	left   int
	closed chan struct{}
	once   sync.Once
}

func (c *deaf) Read() (netlayer.Frame, error) {
	if c.left--; c.left < 0 {
		<-c.closed
		return netlayer.Frame{}, net.ErrClosed
	}
	return c.Conn.Read()
}

func (c *deaf) Close(reason string) error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close(reason)
}

// TestACallerThatNeverReads asks for much and takes nothing. The host ends that session when too much waits, and keeps
// serving the others.
func TestACallerThatNeverReads(t *testing.T) {
	cfg := quiet()
	cfg.Limits = captp.Limits{MaxUnsent: 4 << 20}
	host, guest := open(t, cfg), open(t, quiet())
	invite, d := publishDepot(t, host)
	bad := rawPeer(t, nil, nil)
	session, conn := bad.dial(t, invite, func(c netlayer.Conn) netlayer.Conn {
		return &deaf{Conn: c, left: 8, closed: make(chan struct{})}
	})
	object := session.Fetch(func(info netlayer.Info) (any, error) {
		keys, err := invite.Swiss.Keys()
		if err != nil {
			return nil, err
		}
		proof, err := keys.ProofKey().Fetch(info.Binding, sturdyref.Dialler)
		return proof[:], err
	})
	ref := guest.Enliven(invite)
	if _, err := object.Send(t.Context(), "watch", bad.boot).Await(t.Context()); !errors.Is(err, vat.ErrNotReference) {
		t.Fatal(err)
	}
	var answers []vat.Ref
	for range 40 {
		answers = append(answers, object.Send(t.Context(), "haul", 500_000))
	}
	for range 40 {
		if n, err := vat.Result[[]byte](ref.Send(t.Context(), "haul", 5000)).Await(t.Context()); len(n) != 5000 || err != nil {
			t.Fatalf("another caller meanwhile: %d, %v", len(n), err)
		}
	}
	select {
	case reason := <-d.gone:
		if _, ok := errors.AsType[*captp.ProtocolError](reason); !ok {
			t.Errorf("the session ended because of %v", reason)
		}
	case <-time.After(time.Minute):
		t.Fatal("the session goes on")
	}
	_ = conn.Close("")
	unread := 0
	for _, a := range answers {
		switch _, err := a.Await(t.Context()); {
		case errors.Is(err, net.ErrClosed):
			unread++
		case !errors.Is(err, vat.ErrNotReference):
			t.Errorf("an answer nobody read: %v", err)
		}
	}
	if unread < 30 {
		t.Errorf("%d of 40 answers were not read", unread)
	}
	if n, err := vat.Result[[]byte](ref.Send(t.Context(), "haul", 5)).Await(t.Context()); len(n) != 5 || err != nil {
		t.Errorf("another caller afterwards: %d, %v", len(n), err)
	}
}

// raw is a party that speaks CapTP over a real socket and nothing else of a node.
type raw struct {
	net *noisequic.Netlayer
	vat *vat.Vat
	// boot answers what it is asked.
	boot vat.Ref
}

// rawPeer opens one, under an identity or anonymously; answer is its bootstrap object, nil for one that knows nothing.
func rawPeer(t *testing.T, id sturdyref.Identity, answer func(ctx context.Context, args []any) (any, error)) *raw {
	t.Helper()
	cfg := &noisequic.Config{Features: []string{home.FeatureFetchProof, captp.FeatureMovesQueues}}
	if id != nil {
		cfg.Identity, cfg.Listen = id, "127.0.0.1:0"
	}
	n, err := noisequic.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &raw{net: n, vat: vat.New(nil)}
	t.Cleanup(func() {
		if err := errors.Join(n.Close(), r.vat.Close()); err != nil {
			t.Error(err)
		}
	})
	if answer == nil {
		answer = func(context.Context, []any) (any, error) { return nil, vat.ErrNoSuchMethod }
	}
	r.boot, err = vat.Do(t.Context(), r.vat, func(ctx context.Context) (vat.Ref, error) { return vat.SpawnFunc(ctx, answer), nil })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// dial opens a session with the peer of a sturdyref, showing its secret.
func (r *raw) dial(t *testing.T, to sturdyref.Ref, wrap func(netlayer.Conn) netlayer.Conn) (*captp.Session, netlayer.Conn) {
	t.Helper()
	s, err := captp.New(captp.Config{Bootstrap: r.boot})
	if err != nil {
		t.Fatal(err)
	}
	d := netlayer.Dial{Peer: to.Peer, Early: s.Early}
	if key, ok := to.Key(); ok {
		d.Key = key
	}
	conn, err := r.net.Connect(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if wrap != nil {
		conn = wrap(conn)
	}
	if err := s.Start(conn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close("") })
	return s, conn
}
