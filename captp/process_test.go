package captp_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/storetest"
	"github.com/hawser-go/hawser/vat"
)

// machine is a disk and a process with a durable vat, which speaks to other machines by sessions that may last.
type machine struct {
	t    testing.TB
	net  *mem.Network
	name string
	disk storetest.Disk
	log  hclog.Logger
	hint string // of where it is
	// early, if set, gets sessions from before that do not go on yet.
	early func(*captp.Session)
	// limits are those of sessions from the next start on.
	limits captp.Limits

	// Of the process that runs, or has run last.
	run    *storetest.Process
	store  *store.Store
	depot  *vat.Depot
	ledger *captp.Ledger
	links  *link.Netlayer
	at     *mem.Host
	lobby  *vat.Vat
	all    sync.WaitGroup

	mu       sync.Mutex
	sessions []*captp.Session // guarded by mu
	shown    map[string]vat.Ref
}

// newMachine makes a machine and starts its process.
func newMachine(t testing.TB, net *mem.Network, name string) *machine {
	m := &machine{t: t, net: net, name: name, log: hclog.New(&hclog.LoggerOptions{Name: name, Output: t.Output(), Level: hclog.Debug})}
	m.start()
	return m
}

func (m *machine) start() {
	m.t.Helper()
	if err := m.tryStart(); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) tryStart() (err error) {
	m.run = m.disk.Process()
	if m.store, err = store.Open(m.run); err != nil {
		return err
	}
	if m.ledger, err = captp.OpenLedger(m.store, m.limits); err != nil {
		return err
	}
	cfg := vat.DepotConfig{Kinds: []vat.Kind{tellerKind, purseKind, playerKind}, Outside: m.ledger, Amnesia: true}
	cfg.Vat.Logger = m.log
	if m.depot, err = vat.OpenDepot(m.store, cfg); err != nil {
		return err
	}
	if err := m.ledger.Use(m.depot); err != nil {
		return err
	}
	features := []string{netlayer.FeatureResume, captp.FeatureMovesQueues, captp.FeatureLasts}
	host := m.net.Host(mem.HostConfig{Name: m.name, Doorkeeper: openDoor{}, Features: features})
	m.at = host
	if m.links, err = link.New(host, &link.Config{Store: m.store, Logger: m.log}); err != nil {
		return err
	}
	m.lobby = vat.New(&vat.Config{Name: m.name})
	m.shown = make(map[string]vat.Ref)
	kept, err := m.links.Kept()
	if err != nil {
		return err
	}
	for _, conn := range kept {
		s, err := m.ledger.Restore(conn, m.config())
		if err != nil {
			return err
		}
		if s == nil {
			return errors.New("a connection without a session")
		}
		conn.(netlayer.KeepAliver).KeepAlive(true)
		m.add(s)
		if m.early != nil {
			m.early(s)
		}
		if err := s.Resume(); err != nil {
			return err
		}
	}
	m.depot.Start()
	m.all.Go(m.accept)
	return nil
}

func (m *machine) config() captp.Config {
	l := doIn(m.t, m.lobby, func(ctx context.Context) vat.Ref { return bootFacet.Spawn(ctx, (*counter)(m)) })
	at := m.links.Location()
	if m.hint != "" {
		at.Hints = map[string]string{"long": m.hint}
	}
	return captp.Config{
		Bootstrap: l, Location: at, Realm: m.name, LazyRelease: true, Logger: m.log, Ledger: m.ledger, Limits: m.limits,
	}
}

// counter is the bootstrap object of a machine: it gives out the roots of the durable vat.
type counter machine

func (c *counter) Fetch(_ context.Context, name string) (vat.Ref, error) {
	m := (*machine)(c)
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.shown[name]; ok {
		return r, nil
	}
	return vat.Ref{}, errNone
}

func (m *machine) add(s *captp.Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions = append(m.sessions, s)
}

func (m *machine) accept() {
	for {
		in, err := m.links.Accept(context.Background())
		if err != nil {
			return
		}
		s, err := captp.New(m.config())
		if err != nil {
			in.Refuse(netlayer.ErrRefused)
			continue
		}
		if conn, err := in.Accept(s.Hello(in.Info)); err == nil {
			m.add(s)
			_ = s.Start(conn)
		}
	}
}

// root returns the durable object of that name, which peers can fetch from now on.
func (m *machine) root(name string) vat.Ref {
	m.t.Helper()
	v, err := m.depot.Vat("v")
	if err != nil {
		m.t.Fatal(err)
	}
	r, err := vat.Root(context.Background(), v, name, func(ctx context.Context) (tellerRef, error) {
		return tellerRef{tellerFacet.Spawn(ctx, new(teller))}, nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.show(name, r.Ref)
	return r.Ref
}

func (m *machine) show(name string, r vat.Ref) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shown[name] = r
}

// dial opens a session with another machine and fetches an object there.
func (m *machine) dial(to *machine, name string) vat.Ref {
	m.t.Helper()
	s, err := captp.New(m.config())
	if err != nil {
		m.t.Fatal(err)
	}
	r := s.Bootstrap().Send(context.Background(), "fetch", name)
	conn, err := m.links.Connect(context.Background(), netlayer.Dial{Peer: to.links.Location(), Early: s.Early})
	if err != nil {
		m.t.Fatal(err)
	}
	m.add(s)
	if err := s.Start(conn); err != nil {
		m.t.Fatal(err)
	}
	r, err = r.Await(context.Background())
	if err != nil {
		m.t.Fatal(err)
	}
	return r
}

// stop ends the process in order.
func (m *machine) stop() {
	m.t.Helper()
	if m.run == nil {
		return
	}
	err := m.depot.Close()
	m.mu.Lock()
	sessions := m.sessions
	m.sessions = nil
	m.mu.Unlock()
	for _, s := range sessions {
		s.Suspend("the machine is stopped")
	}
	err = errors.Join(err, m.links.Close(), m.lobby.Close())
	m.all.Wait()
	err = errors.Join(err, m.store.Close())
	if err != nil && !m.run.Dead.Load() && m.disk.DieAt.Load() == 0 {
		m.t.Error(err)
	}
	m.run = nil
	if err := m.disk.View(func(r store.Reader) error { _, err := vat.CheckDepot(r); return err }); err != nil {
		m.t.Error(err)
	}
}

// kill ends the process: nothing is written from now on.
func (m *machine) kill() {
	m.t.Helper()
	if m.run != nil {
		m.run.Dead.Store(true)
	}
	m.stop()
}

func (m *machine) crash() {
	m.t.Helper()
	m.kill()
	m.start()
}

func (m *machine) restart() {
	m.t.Helper()
	m.stop()
	m.start()
}

// rows counts what a bucket holds.
func (m *machine) rows(bucket string) (n int) {
	_ = m.disk.View(func(r store.Reader) error {
		r.Scan(bucket, nil, func(_, _ []byte) bool { n++; return true })
		return nil
	})
	return n
}

func (m *machine) host() *mem.Host { return m.at }

// purse returns the machine's purse, which peers can fetch from now on.
func (m *machine) purse() vat.Ref {
	m.t.Helper()
	v, err := m.depot.Vat("v")
	if err != nil {
		m.t.Fatal(err)
	}
	r, err := vat.Root(context.Background(), v, "purse", func(ctx context.Context) (purseRef, error) {
		return purseRef{purseFacet.Spawn(ctx, new(purse))}, nil
	})
	if err != nil && m.depot.Err() == nil {
		m.t.Fatal(err)
	}
	m.show("purse", r.Ref)
	return r.Ref
}

// fetch returns what a machine that has a session with this one shows under a name.
func (m *machine) fetch(from *machine, name string) vat.Ref {
	m.t.Helper()
	m.mu.Lock()
	sessions := slices.Clone(m.sessions)
	m.mu.Unlock()
	for _, s := range sessions {
		if g, ok := s.Greeting(); ok && g.Peer.ID() == from.links.Location().ID() && s.Err() == nil {
			r, err := s.Bootstrap().Send(context.Background(), "fetch", name).Await(context.Background())
			if err != nil {
				m.t.Fatal(err)
			}
			return r
		}
	}
	m.t.Fatal("there is no session")
	return vat.Ref{}
}

// tables counts what the machine's sessions hold, of which there is one.
func (m *machine) tables() (c captp.Census) {
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		if s.Err() == nil {
			c = s.Tables()
		}
	}
	return c
}

// collect has what nobody uses given back.
func (m *machine) collect() {
	synctest.Wait()
	runtime.GC()
	runtime.GC()
	_ = m.depot.Update(func(*vat.Tx) {}, nil)
	m.mu.Lock()
	for _, s := range m.sessions {
		s.Sweep()
	}
	m.mu.Unlock()
	time.Sleep(time.Second)
}

// machines runs a test with two machines in a bubble.
func machines(t *testing.T, fn func(t *testing.T, a, b *machine)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		net := mem.New(&mem.Config{Delay: 5 * time.Millisecond, Timeout: time.Second})
		a, b := newMachine(t, net, "a"), newMachine(t, net, "b")
		defer func() {
			a.stop()
			b.stop()
			net.Close()
		}()
		fn(t, a, b)
	})
}

// teller is a durable object that speaks to another.
type teller struct {
	Next    vat.Ref
	Held    []vat.Ref
	Log     []string
	Pending promise.Resolver[int]
}

type tellerAPI interface {
	Link(next vat.Ref)
	Add(n int) int
	Burst(ctx context.Context, n int)
	Pass(ctx context.Context, n int) error
	Ask(ctx context.Context, n int)
	Told(o promise.Outcome[int])
	Lines() []string
	Keep(r vat.Ref)
	Fail() error
	Slow(ctx context.Context, n int) vat.Ref
	Drop()
	AskSlow(ctx context.Context, n int)
	Me(ctx context.Context) vat.Ref
	Back() vat.Ref
	Tour(ctx context.Context)
	Stop(ctx context.Context, n int)
	Never(ctx context.Context) promise.Promise[int]
	Decide(ctx context.Context, n int)
	AskNever(ctx context.Context)
	Use(ctx context.Context, n int)
	Held1() vat.Ref
	Watch(ctx context.Context)
}

var (
	tellerFacet = vat.FacetOf[tellerAPI]("teller")
	tellerKind  = vat.KindOf("teller", func() *teller { return new(teller) }, tellerFacet)
)

// tellerRef is how others see a teller.
type tellerRef struct{ vat.Ref }

func (r tellerRef) Told(ctx context.Context, o promise.Outcome[int]) vat.Ref {
	return r.Send(ctx, "told", o)
}

func (t *teller) Link(next vat.Ref) { t.Next = next }
func (t *teller) Keep(r vat.Ref)    { t.Held = append(t.Held, r) }
func (t *teller) Drop()             { t.Next, t.Held = vat.Ref{}, nil }
func (t *teller) Lines() []string   { return t.Log }
func (t *teller) Fail() error       { return errNone }

// Back returns whom this one speaks to: the caller, say.
func (t *teller) Back() vat.Ref { return t.Next }

// Tour sends to a promise that turns out to be an object of the sender's own, before and after it settles.
func (t *teller) Tour(ctx context.Context) {
	r := t.Next.Send(ctx, "back")
	t.Held = append(t.Held, r)
	_ = r.SendOnly(ctx, "add", 100)
	_ = r.SendOnly(ctx, "add", 101)
	t.later(ctx, 102)
}

// Stop is a stop of the tour.
func (t *teller) Stop(ctx context.Context, n int) {
	_ = t.Held[0].SendOnly(ctx, "add", n)
	if n < 112 {
		t.later(ctx, n+1)
	}
}

func (t *teller) later(ctx context.Context, n int) {
	vat.After(ctx, 2*time.Millisecond, vat.As[tellerRef](vat.Self(ctx)), func(r tellerRef, ctx context.Context) vat.Ref {
		return r.Send(ctx, "stop", n)
	})
}

// Never returns a promise that Decide settles.
func (t *teller) Never(ctx context.Context) (p promise.Promise[int]) {
	p, t.Pending = promise.New[int](ctx)
	return p
}

func (t *teller) Decide(ctx context.Context, n int) { t.Pending.Fulfill(ctx, n) }

func (t *teller) AskNever(ctx context.Context) {
	vat.WhenSettled(ctx, vat.Result[int](t.Next.Send(ctx, "never")), vat.As[tellerRef](vat.Self(ctx)), tellerRef.Told)
}

// Use asks what is held.
func (t *teller) Use(ctx context.Context, n int) {
	vat.WhenSettled(ctx, vat.Result[int](t.Held[len(t.Held)-1].Apply(ctx, n)), vat.As[tellerRef](vat.Self(ctx)), tellerRef.Told)
}

// Watch notes when what is held is severed.
func (t *teller) Watch(ctx context.Context) {
	vat.OnSever(ctx, t.Held[0], func(_ context.Context, reason error) { t.Log = append(t.Log, "severed: "+reason.Error()) })
}

func (t *teller) Held1() vat.Ref { return t.Held[len(t.Held)-1] }

func (t *teller) Me(ctx context.Context) vat.Ref { return vat.Self(ctx) }

func (t *teller) Add(n int) int {
	t.Log = append(t.Log, fmt.Sprint(n))
	return n + 1
}

// Burst sends many in one turn.
func (t *teller) Burst(ctx context.Context, n int) {
	for i := range n {
		_ = t.Next.SendOnly(ctx, "add", i)
	}
}

func (t *teller) Pass(ctx context.Context, n int) error { return t.Next.SendOnly(ctx, "add", n) }

// Ask sends and notes the answer.
func (t *teller) Ask(ctx context.Context, n int) {
	vat.WhenSettled(ctx, vat.Result[int](t.Next.Send(ctx, "add", n)), vat.As[tellerRef](vat.Self(ctx)), tellerRef.Told)
}

// Slow returns the answer of another.
func (t *teller) Slow(ctx context.Context, n int) vat.Ref { return t.Next.Send(ctx, "add", n) }

func (t *teller) AskSlow(ctx context.Context, n int) {
	vat.WhenSettled(ctx, vat.Result[int](t.Next.Send(ctx, "slow", n)), vat.As[tellerRef](vat.Self(ctx)), tellerRef.Told)
}

func (t *teller) Told(o promise.Outcome[int]) {
	n, err := o.Get()
	if err != nil {
		t.Log = append(t.Log, err.Error())
		return
	}
	t.Log = append(t.Log, fmt.Sprintf("told %d", n))
}

// call sends a message and returns the answer.
func call[T any](t testing.TB, r vat.Ref, selector string, args ...any) T {
	t.Helper()
	v, err := vat.Result[T](r.Send(context.Background(), selector, args...)).Await(context.Background())
	if err != nil {
		t.Fatalf("%s: %v", selector, err)
	}
	return v
}

func lines(t testing.TB, r vat.Ref) []string { return call[[]string](t, r, "lines") }

func expectLines(t testing.TB, r vat.Ref, want ...string) {
	t.Helper()
	if got := lines(t, r); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
