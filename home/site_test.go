package home_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/storetest"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// site is a disk and a process with a Home and a durable vat.
type site struct {
	t    *testing.T
	net  *mem.Network
	name string
	id   sturdyref.Identity
	disk storetest.Disk
	// office, if set, makes the office of each process; its objects are offered when the depot has started.
	office func() *warden.Office
	offer  func(*warden.Office)
	door   home.Door

	// Of the process that runs, or has run last.
	home   *home.Home
	run    *storetest.Process
	store  *store.Store
	depot  *vat.Depot
	ledger *captp.Ledger
	lobby  *vat.Vat
	host   *mem.Host
	grants *warden.Office // nil without office
}

func newSite(t *testing.T, net *mem.Network, name string) *site {
	s := &site{t: t, net: net, name: name, id: identity(t)}
	s.start()
	return s
}

func (s *site) start() {
	s.t.Helper()
	if err := s.tryStart(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) tryStart() (err error) {
	log := hclog.New(&hclog.LoggerOptions{Name: s.name, Output: s.t.Output(), Level: hclog.Debug})
	s.run = s.disk.Process()
	if s.store, err = store.Open(s.run); err != nil {
		return err
	}
	if s.ledger, err = captp.OpenLedger(s.store, captp.Limits{}); err != nil {
		return err
	}
	cfg := vat.DepotConfig{Kinds: []vat.Kind{actorKind}, Outside: s.ledger, Amnesia: true}
	if s.office != nil {
		s.grants = s.office()
		cfg.Kinds = append(s.grants.Kinds(), actorKind)
	}
	cfg.Vat.Logger = log
	if s.depot, err = vat.OpenDepot(s.store, cfg); err != nil {
		return err
	}
	if err = s.ledger.Use(s.depot); err != nil {
		return err
	}
	if s.grants != nil {
		if err = s.grants.Use(s.depot, s.store.View); err != nil {
			return err
		}
	}
	s.lobby = vat.New(&vat.Config{Name: s.name, Logger: log})
	hc := home.Config{Identity: s.id, Vat: s.lobby, LazyRelease: true, Logger: log, Ledger: s.ledger, Office: s.grants, Door: s.door}
	s.home, err = home.New(hc, func(door netlayer.Doorkeeper) ([]home.Layer, error) {
		features := []string{
			netlayer.FeatureResume, home.FeatureFetchProof, captp.FeatureMovesQueues, captp.FeatureLasts, captp.FeatureRelaysGifts,
			home.FeatureRedeem,
		}
		record, err := sturdyref.NewRecord(s.id, time.Now())
		if err != nil {
			return nil, err
		}
		s.host = s.net.Host(mem.HostConfig{Features: features, Static: s.id.Public().Static, Record: record, Doorkeeper: door, Addr: s.name})
		l, err := link.New(s.host, &link.Config{Store: s.store, Logger: log})
		return []home.Layer{{Netlayer: l}}, err
	})
	if err == nil {
		s.depot.Start()
	}
	if err == nil && s.grants != nil {
		s.grants.Start()
		s.offer(s.grants)
	}
	return err
}

// stop ends the process in order.
func (s *site) stop() {
	s.t.Helper()
	if s.run == nil {
		return
	}
	if s.grants != nil {
		s.grants.Close()
	}
	err := errors.Join(s.depot.Close(), s.home.Close(), s.lobby.Close(), s.store.Close())
	if err != nil && !s.run.Dead.Load() && s.disk.DieAt.Load() == 0 {
		s.t.Error(err)
	}
	s.run = nil
	err = s.disk.View(func(r store.Reader) error {
		_, err := vat.CheckDepot(r)
		_, bad := captp.StoredSessions(r)
		_, worse := home.StoredGifts(r)
		return errors.Join(err, bad, worse)
	})
	if err != nil {
		s.t.Error(err)
	}
}

// kill ends the process: nothing is written from now on.
func (s *site) kill() {
	s.t.Helper()
	if s.run != nil {
		s.run.Dead.Store(true)
	}
	s.stop()
}

func (s *site) crash() {
	s.t.Helper()
	s.kill()
	s.start()
}

// rows returns what a bucket holds.
func (s *site) rows(bucket string) (all []string) {
	_ = s.disk.View(func(r store.Reader) error {
		r.Scan(bucket, nil, func(key, value []byte) bool {
			all = append(all, fmt.Sprintf("%q: %x", key, value))
			return true
		})
		return nil
	})
	return all
}

// actor returns the site's durable object, null when the disk has failed.
func (s *site) actor() vat.Ref { return s.root("actor") }

// root returns the durable object of that name, null when the disk has failed.
func (s *site) root(name string) vat.Ref {
	v, err := s.depot.Vat("v")
	if err != nil {
		return vat.Ref{}
	}
	r, err := vat.Root(context.Background(), v, name, func(ctx context.Context) (actorRef, error) {
		return actorRef{actorFacet.Spawn(ctx, new(actor))}, nil
	})
	if err != nil {
		return vat.Ref{}
	}
	return r.Ref
}

// knows has the site's object know another's.
func (s *site) knows(other *site) {
	s.t.Helper()
	at, err := other.home.Publish(context.Background(), "actor", other.actor())
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := s.home.Enliven(at).Await(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	tell(s.t, s.actor(), "link", r)
}

// collect has what nobody uses given back.
func (s *site) collect() {
	synctest.Wait()
	runtime.GC()
	runtime.GC()
	_ = s.depot.Update(func(*vat.Tx) {}, nil)
	s.home.Sweep()
	time.Sleep(time.Second)
}

// tell sends a message and waits until it is done.
func tell(t *testing.T, r vat.Ref, selector string, args ...any) {
	t.Helper()
	if _, err := vat.Result[any](r.Send(context.Background(), selector, args...)).Await(context.Background()); err != nil {
		t.Fatalf("%s: %v", selector, err)
	}
}

func (s *site) lines() []string {
	s.t.Helper()
	all, err := vat.Result[[]string](s.actor().Send(context.Background(), "lines")).Await(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// noted says what is wrong with what the site's object has noted, if anything is: it is to be all of that.
func (s *site) noted(want ...string) string {
	if got := s.lines(); !slices.Equal(got, want) {
		return fmt.Sprintf("%s: %q, want %q. ", s.name, got, want)
	}
	return ""
}

// actor is a durable object for scenes with handoffs.
type actor struct {
	Next vat.Ref
	Held []vat.Ref
	Log  []string
}

type actorAPI interface {
	Link(next vat.Ref)
	Lines() []string
	Add(n int) int
	Told(o promise.Outcome[int])
	Drop()
	Whom() vat.Ref
	Ask(ctx context.Context)
	Show(ctx context.Context, to vat.Ref)
	Meet(ctx context.Context, who vat.Ref)
	Work(ctx context.Context, n int)
	Hop(ctx context.Context)
	Again(ctx context.Context, times int)
	AskFor(ctx context.Context, n int)
	ShowFor(ctx context.Context, to vat.Ref, n int)
	MeetFor(ctx context.Context, who vat.Ref, n int)
}

var (
	actorFacet = vat.FacetOf[actorAPI]("actor")
	actorKind  = vat.KindOf("actor", func() *actor { return new(actor) }, actorFacet)
)

type actorRef struct{ vat.Ref }

func (r actorRef) Told(ctx context.Context, o promise.Outcome[int]) vat.Ref {
	return r.Send(ctx, "told", o)
}

func (a *actor) Link(next vat.Ref) { a.Next = next }
func (a *actor) Lines() []string   { return a.Log }
func (a *actor) Drop()             { a.Next, a.Held = vat.Ref{}, nil }
func (a *actor) Whom() vat.Ref     { return a.Next }

func (a *actor) Add(n int) int {
	a.Log = append(a.Log, fmt.Sprint(n))
	return n + 1
}

func (a *actor) Told(o promise.Outcome[int]) {
	n, err := o.Get()
	if err != nil {
		a.Log = append(a.Log, err.Error())
		return
	}
	a.Log = append(a.Log, fmt.Sprintf("told %d", n))
}

// Ask has the next one show whom it knows to this one.
func (a *actor) Ask(ctx context.Context) { _ = a.Next.SendOnly(ctx, "show", vat.Self(ctx)) }

func (a *actor) Show(ctx context.Context, to vat.Ref) { _ = to.SendOnly(ctx, "meet", a.Next) }

func (a *actor) Meet(ctx context.Context, who vat.Ref) {
	a.Held = append(a.Held, who)
	if len(a.Held) == 1 {
		a.Work(ctx, 1)
	}
}

// Work asks who was met, three times.
func (a *actor) Work(ctx context.Context, n int) {
	_ = a.Held[0].SendOnly(ctx, "add", 2*n)
	vat.WhenSettled(ctx, vat.Result[int](a.Held[0].Send(ctx, "add", 2*n+1)), vat.As[actorRef](vat.Self(ctx)), actorRef.Told)
	if n < 3 {
		vat.After(ctx, 17*time.Millisecond, vat.As[actorRef](vat.Self(ctx)), func(r actorRef, ctx context.Context) vat.Ref {
			return r.Send(ctx, "work", n+1)
		})
	}
}

// Hop asks whom the next one knows, by way of the promise for it.
func (a *actor) Hop(ctx context.Context) {
	a.Held = []vat.Ref{a.Next.Send(ctx, "whom")}
	a.Work(ctx, 1)
}

// Again has the next one show whom it knows several times.
func (a *actor) Again(ctx context.Context, times int) {
	for range times {
		a.Ask(ctx)
	}
}

// AskFor is Ask for one call.
func (a *actor) AskFor(ctx context.Context, n int) {
	_ = a.Next.SendOnly(ctx, "showFor", vat.Self(ctx), n)
}

func (a *actor) ShowFor(ctx context.Context, to vat.Ref, n int) {
	_ = to.SendOnly(ctx, "meetFor", a.Next, n)
}

func (a *actor) MeetFor(ctx context.Context, who vat.Ref, n int) {
	vat.WhenSettled(ctx, vat.Result[int](who.Send(ctx, "add", n)), vat.As[actorRef](vat.Self(ctx)), actorRef.Told)
}

// sites runs a test with three sites in a bubble: a knows b, and b knows c.
func sites(t *testing.T, fn func(t *testing.T, a, b, c *site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		net := mem.New(&mem.Config{Delay: 5 * time.Millisecond, Timeout: time.Second})
		a, b, c := newSite(t, net, "a"), newSite(t, net, "b"), newSite(t, net, "c")
		defer func() {
			a.stop()
			b.stop()
			c.stop()
			net.Close()
		}()
		b.knows(c)
		a.knows(b)
		time.Sleep(time.Second)
		fn(t, a, b, c)
	})
}

// left says what is left of what the sites have shared when their objects let go.
func left(all ...*site) (what string) {
	return leftBut(func(_, _ string) bool { return false }, all...)
}

// leftBut is left, but for rows that may be.
func leftBut(may func(bucket, row string) bool, all ...*site) (what string) {
	for _, s := range all {
		tell(s.t, s.actor(), "drop")
	}
	for range 12 { // promises that lead to promises go one after the other
		for _, s := range all {
			s.collect()
		}
	}
	for _, s := range all {
		for _, bucket := range []string{"tables", "messages", "pins", "gifts"} {
			for _, row := range s.rows(bucket) {
				if may(bucket, row) {
					continue
				}
				what += fmt.Sprintf("%s has in %s %s\n", s.name, bucket, row)
			}
		}
	}
	return what
}
