package captp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/vat"
)

// world is a simulated network and the nodes on it. When a test ends it checks that nothing is left of any session.
type world struct {
	t     testing.TB
	net   *mem.Network
	nodes []*node
	ends  []*end
	// hasty says that what is left when the test ends is not looked for.
	hasty bool
	// features are what the hosts announce.
	features []string
	// unaudited says that nobody reads along.
	unaudited bool

	mu       sync.Mutex
	auditors map[[32]byte]*auditor // by the binding of their connections
}

// node is a process: a vat or more, and what its peers can fetch.
type node struct {
	w        *world
	name     string
	host     *mem.Host
	vat      *vat.Vat
	vats     []*vat.Vat
	log      hclog.Logger
	mu       sync.Mutex
	objects  map[string]vat.Ref // guarded by mu
	limits   captp.Limits
	realm    any
	dialect  *wire.Dialect
	tracer   vat.Tracer
	handoffs captp.Handoffs
	patient  bool
	dials    int
	vows     []*vat.Vow
	outcomes chan settled
}

// end is one side of a session.
type end struct {
	*captp.Session
	node *node
}

type openDoor struct{}

func (openDoor) Lock([16]byte) (netlayer.Lock, bool) { return nil, false }
func (openDoor) Admit(netlayer.Info) error           { return nil }

// delay is how long frames take one way where scenes have a delay.
const delay = 50 * time.Millisecond

var networks = []struct {
	name string
	cfg  mem.Config
}{
	{"Immediate", mem.Config{}},
	{"Delay", mem.Config{Delay: delay}},
	{"Jitter", mem.Config{Seed: 1, Jitter: 20 * time.Millisecond}},
	{"Synchronous", mem.Config{Synchronous: true}},
	{"SynchronousDelay", mem.Config{Synchronous: true, Delay: delay}},
}

// scenes runs a test on every kind of network, each in a bubble.
func scenes(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) { scene(t, &n.cfg, fn) })
	}
}

// scene runs a test on one network, in a bubble.
func scene(t *testing.T, cfg *mem.Config, fn func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, cfg)
		fn(t, w)
	})
}

// newWorld makes a network. What is made on it is checked and closed when the test ends.
func newWorld(t testing.TB, cfg *mem.Config) *world {
	w := &world{t: t, net: mem.New(cfg), auditors: make(map[[32]byte]*auditor), features: []string{captp.FeatureMovesQueues}}
	t.Cleanup(w.end)
	return w
}

func (w *world) logger(name string) hclog.Logger {
	out, level := io.Discard, hclog.Warn
	if testing.Verbose() {
		out, level = w.t.Output(), hclog.Debug
	}
	return hclog.New(&hclog.LoggerOptions{Name: name, Output: out, Level: level})
}

// node opens a node.
func (w *world) node(name string) *node {
	n := &node{w: w, name: name, realm: name, objects: make(map[string]vat.Ref), log: w.logger(name)}
	n.host = w.net.Host(mem.HostConfig{Name: name, Doorkeeper: openDoor{}, Features: w.features})
	n.vat = n.another("")
	w.nodes = append(w.nodes, n)
	return n
}

// another returns one more vat of the node.
func (n *node) another(name string) *vat.Vat {
	v := vat.New(&vat.Config{Name: n.name + name, Logger: n.log, Tracer: n.tracer})
	n.vats = append(n.vats, v)
	return v
}

// do runs fn as a turn of the node's first vat.
func (n *node) do(fn func(ctx context.Context) vat.Ref) vat.Ref { return doIn(n.w.t, n.vat, fn) }

func doIn(t testing.TB, v *vat.Vat, fn func(ctx context.Context) vat.Ref) vat.Ref {
	t.Helper()
	ref, err := vat.Do(context.Background(), v, func(ctx context.Context) (vat.Ref, error) { return fn(ctx), nil })
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// serve makes an object of fn, any function, that peers can fetch by name.
func (n *node) serve(name string, fn any) vat.Ref {
	ref := n.do(func(ctx context.Context) vat.Ref { return vat.Func(ctx, fn) })
	n.offer(name, ref)
	return ref
}

// offer lets peers fetch ref by name.
func (n *node) offer(name string, ref vat.Ref) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.objects[name] = ref
}

// object returns what is offered by that name, null for nothing.
func (n *node) object(name string) vat.Ref {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.objects[name]
}

// promise makes a promise that peers can fetch by name, if it has one. If the test does not settle it, its end does.
func (n *node) promise(name string) *vat.Vow {
	v := vat.NewVow(nil)
	n.vows = append(n.vows, v)
	if name != "" {
		n.offer(name, v.Ref())
	}
	return v
}

// boot is the bootstrap object of every session of a node.
type boot interface {
	Fetch(ctx context.Context, name string) (vat.Ref, error)
}

var bootFacet = vat.FacetOf[boot]("test.Boot")

type lobby struct{ n *node }

func (l *lobby) Fetch(_ context.Context, name string) (vat.Ref, error) {
	if r := l.n.object(name); !r.IsNull() {
		return r, nil
	}
	return vat.Ref{}, errNone
}

var errNone = vat.NewError("test.none", "no such object")

// session makes a session of the node's that has no connection.
func (n *node) session() *end {
	ref := n.do(func(ctx context.Context) vat.Ref { return bootFacet.Spawn(ctx, &lobby{n}) })
	s, err := captp.New(captp.Config{
		Bootstrap: ref, Location: n.host.Location(), Realm: n.realm, LazyRelease: true, Limits: n.limits, Logger: n.log, Tracer: n.tracer, Dialect: n.dialect,
		Handoffs: n.handoffs, Patient: n.patient,
	})
	if err != nil {
		n.w.t.Fatal(err)
	}
	e := &end{s, n}
	n.w.ends = append(n.w.ends, e)
	return e
}

// connect dials from a to b with the sessions given.
func (w *world) connect(a, b *end) {
	w.t.Helper()
	done := make(chan error, 1)
	go func() { done <- b.accept() }()
	if err := errors.Join(a.dial(b.node), <-done); err != nil {
		w.t.Fatal(err)
	}
}

func (e *end) accept() error {
	in, err := e.node.host.Accept(context.Background())
	if err != nil {
		return err
	}
	return e.admit(in)
}

func (e *end) admit(in *netlayer.Incoming) error {
	w := e.node.w
	hello := e.Hello(in.Info)
	w.audits(in.Info).said(1, hello)
	c, err := in.Accept(hello)
	if err != nil {
		return err
	}
	return e.Start(w.audit(c))
}

func (e *end) dial(to *node) error {
	w := e.node.w
	c, err := e.node.host.Connect(context.Background(), netlayer.Dial{
		Peer: to.host.Location(),
		Early: func(info netlayer.Info, limit int) [][]byte {
			early := e.Early(info, limit)
			w.audits(info).said(0, early)
			return early
		},
	})
	if err != nil {
		return err
	}
	return e.Start(w.audit(c))
}

// pair is two nodes with a session.
func (w *world) pair() (a, b *end) {
	w.t.Helper()
	return w.meet(w.node("a"), w.node("b"))
}

// meet gives two nodes a session.
func (w *world) meet(a, b *node) (x, y *end) {
	w.t.Helper()
	x, y = a.session(), b.session()
	w.connect(x, y)
	return x, y
}

// fetch returns the object that the peer serves by name, settled.
func (e *end) fetch(name string) vat.Ref {
	e.node.w.t.Helper()
	r, err := e.Bootstrap().Send(context.Background(), "fetch", name).Await(context.Background())
	if err != nil {
		e.node.w.t.Fatal(err)
	}
	return r
}

// end checks that nothing is left and closes everything.
func (w *world) end() {
	t := w.t
	t.Helper()
	if !w.hasty {
		w.settle()
	}
	for _, e := range w.ends {
		e.Close("the test is over")
	}
	for _, e := range w.ends {
		<-e.Done()
		if c := e.Tables(); !c.Empty() {
			t.Errorf("%s: a session that has ended holds %s", e.node.name, c)
		}
	}
	for _, n := range w.nodes {
		for _, v := range n.vats {
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := n.host.Close(); err != nil {
			t.Error(err)
		}
	}
	w.net.Close()
}

// settle drops what nobody uses and fails the test unless the tables of every session become empty: every call
// answered, every promise settled, every reference given back. A node's objects are what a test may keep.
func (w *world) settle() {
	w.t.Helper()
	for _, n := range w.nodes {
		n.mu.Lock()
		clear(n.objects)
		n.mu.Unlock()
		for _, v := range n.vows {
			v.Break(errNone)
		}
		n.vows = nil
	}
	left := ""
	for range 30 {
		w.sweep()
		left = ""
		for _, e := range w.ends {
			if c := e.Tables(); !c.Empty() {
				left += fmt.Sprintf("\n%s: %s", e.node.name, c)
			}
		}
		if left == "" {
			for _, a := range w.auditors {
				a.settled()
			}
			return
		}
	}
	w.t.Errorf("the tables do not become empty:%s", left)
}

// sweep collects garbage, has the sessions tell their peers of it, and waits for what comes of that.
func (w *world) sweep() {
	collect()
	for _, e := range w.ends {
		e.Sweep()
	}
	time.Sleep(time.Second) // virtual
	synctest.Wait()
}

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

// await waits for a reference to settle and fails the test if it breaks.
func await(t testing.TB, r vat.Ref) vat.Ref {
	t.Helper()
	got, err := r.Await(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// result waits for the outcome of a call.
func result[T any](r vat.Ref) (T, error) { return vat.Result[T](r).Await(context.Background()) }

// want fails the test unless r brings v.
func want[T comparable](t testing.TB, r vat.Ref, v T) {
	t.Helper()
	if got, err := result[T](r); got != v || err != nil {
		t.Errorf("got %v, %v, want %v", got, err, v)
	}
}

// wantErr fails the test unless r breaks with target.
func wantErr(t testing.TB, r vat.Ref, target error) {
	t.Helper()
	if v, err := result[any](r); !errors.Is(err, target) {
		t.Errorf("got %v, %v, want an error that is %v", v, err, target)
	}
}
