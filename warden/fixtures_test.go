package warden_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/vattest"
	"github.com/hawser-go/hawser/warden"
)

// person is somebody with a key.
type person struct{ ed25519.PrivateKey }

func someone(n byte) person {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	return person{ed25519.NewKeyFromSeed(seed)}
}

func (p person) key() grant.Key { return grant.Key(p.Public().(ed25519.PublicKey)) }

var (
	host, anna, billie, claire = someone(1), someone(2), someone(3), someone(4)
	theFolder                  = grant.ObjectID{1}
)

// folder is the object that grants are about: it holds notes, which are objects, too.
type folder struct {
	Notes   []vat.Ref
	Readers []vat.Ref
}

type Reader interface {
	List() []vat.Ref
	Find(path string) (vat.Ref, error)
	Title() string
	Soon(ctx context.Context) vat.Ref
	Watch(reader vat.Ref)
	Fail(note vat.Ref) error
}

type Writer interface {
	Reader
	Add(ctx context.Context, text string) vat.Ref
	Remove(note vat.Ref) bool
}

func (f *folder) List() []vat.Ref { return f.Notes }
func (f *folder) Title() string   { return fmt.Sprint(len(f.Notes), " notes") }
func (f *folder) Find(string) (vat.Ref, error) {
	if len(f.Notes) == 0 {
		return vat.Ref{}, errEmpty
	}
	return f.Notes[0], nil
}

func (f *folder) Soon(ctx context.Context) vat.Ref {
	return vat.Self(ctx).Send(ctx, "find", "/")
}
func (f *folder) Watch(reader vat.Ref) { f.Readers = append(f.Readers, reader) }
func (f *folder) Fail(note vat.Ref) error {
	return vat.FromReason(passable.Struct{{Key: "note", Value: note}}, false)
}

func (f *folder) Add(ctx context.Context, text string) vat.Ref {
	n := noteFacet.Spawn(ctx, &note{Text: text})
	f.Notes = append(f.Notes, n)
	for _, r := range f.Readers {
		_ = r.SendOnly(ctx, "added", n)
	}
	return n
}

func (f *folder) Remove(n vat.Ref) bool {
	for i, x := range f.Notes {
		if x == n {
			f.Notes = append(f.Notes[:i:i], f.Notes[i+1:]...)
			return true
		}
	}
	return false
}

// note is what is reached by way of a folder.
type note struct{ Text string }

type Note interface {
	Read() string
	Write(text string)
}

func (n *note) Read() string      { return n.Text }
func (n *note) Write(text string) { n.Text = text }

var (
	errEmpty    = vat.NewError("test.empty", "the folder is empty")
	readerFacet = vat.FacetOf[Reader]("test.Reader")
	writerFacet = vat.FacetOf[Writer]("test.Writer")
	noteFacet   = vat.FacetOf[Note]("test.Note")
	testKinds   = []vat.Kind{
		vat.KindOf("folder", func() *folder { return new(folder) }, readerFacet, writerFacet),
		vat.KindOf("note", func() *note { return new(note) }, noteFacet),
		vat.KindOf("lab", func() *lab { return new(lab) }, labFacet),
	}
)

// site is an office and the vat of the folder, durable or not.
type site struct {
	t      *testing.T
	office *warden.Office
	m      *vattest.Machine // nil if it is not durable
	v      *vat.Vat
	folder vat.Ref
	opened int           // how often a role was
	back   time.Duration // by which the clock was set back
	logger hclog.Logger
}

// each runs fn in a bubble with either sort of vat.
func each(t *testing.T, fn func(t *testing.T, s *site)) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprintf("durable=%v", durable), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &site{t: t, logger: hclog.New(&hclog.LoggerOptions{Output: t.Output()})}
				s.office = s.newOffice()
				if durable {
					s.m = vattest.New(t, append(s.office.Kinds(), testKinds...)...)
					defer s.m.Stop()
					s.begin()
				} else {
					s.v = vat.New(&vat.Config{Name: "folders", Kinds: append(s.office.Kinds(), testKinds...)})
					defer s.v.Close()
					s.office.Start()
					s.offer()
				}
				defer func() { s.office.Close() }()
				fn(t, s)
			})
		})
	}
}

func (s *site) newOffice() *warden.Office {
	return warden.New(warden.Config{Signer: host, Now: func() time.Time { return time.Now().Add(-s.back) }, Logger: s.logger})
}

// begin has the office work with the process that runs.
func (s *site) begin() {
	s.t.Helper()
	if err := s.office.Use(s.m.Depot(), s.m.Store().View); err != nil {
		s.t.Fatal(err)
	}
	s.v = s.m.Vat("folders")
	s.office.Start()
	s.offer()
}

// restart kills the process, or stops it in order, and starts another; nothing happens to what is not durable.
func (s *site) restart(kill bool) {
	s.t.Helper()
	synctest.Wait()
	if s.m == nil {
		return
	}
	s.office.Close()
	if kill {
		s.m.Kill()
	} else {
		s.m.Stop()
	}
	s.office = s.newOffice()
	s.m.Config.Kinds = append(s.office.Kinds(), testKinds...)
	if err := s.m.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.begin()
}

func (s *site) offer() {
	s.t.Helper()
	type ref struct{ vat.Ref }
	r, err := vat.Root(context.Background(), s.v, "folder", func(ctx context.Context) (ref, error) {
		return ref{writerFacet.Spawn(ctx, &folder{})}, nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.folder = r.Ref
	facet := func(make func(ctx context.Context, f *folder) vat.Ref) func(context.Context, warden.Holder) (vat.Ref, error) {
		return func(ctx context.Context, h warden.Holder) (vat.Ref, error) {
			s.opened++
			f, ok := vat.Near[*folder](ctx, s.folder)
			if !ok || h.Key != h.Grant.Holder() {
				return vat.Ref{}, vat.ErrInternal
			}
			return make(ctx, f), nil
		}
	}
	if err := s.office.Offer(theFolder, s.v, map[string]warden.Role{
		"reader": {Open: facet(func(ctx context.Context, f *folder) vat.Ref { return readerFacet.Spawn(ctx, f) })},
		"writer": {Open: facet(func(ctx context.Context, f *folder) vat.Ref { return writerFacet.Spawn(ctx, f) })},
		"owner":  {Transfer: true, Open: facet(func(ctx context.Context, f *folder) vat.Ref { return writerFacet.Spawn(ctx, f) })},
		"closed": {Open: func(context.Context, warden.Holder) (vat.Ref, error) { return vat.Ref{}, errEmpty }},
		"null":   {Open: func(context.Context, warden.Holder) (vat.Ref, error) { return vat.Ref{}, nil }},
	}); err != nil {
		s.t.Fatal(err)
	}
}

// issue returns a grant by the folder's home.
func issue(t *testing.T, role string, to person, more ...func(*grant.Terms)) *grant.Grant {
	t.Helper()
	g, err := grant.Issue(host, grant.Root{Object: theFolder, Role: role}, terms(to, more...))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func pass(t *testing.T, g *grant.Grant, from, to person, more ...func(*grant.Terms)) *grant.Grant {
	t.Helper()
	links := g.Links()
	next, err := g.Delegate(from, terms(to, append(more, func(t *grant.Terms) { t.Depth = links[len(links)-1].Depth - 1 })...))
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func terms(to person, more ...func(*grant.Terms)) grant.Terms {
	t := grant.Terms{Audience: to.key(), Expires: time.Now().Add(time.Hour), Depth: 3}
	for _, m := range more {
		m(&t)
	}
	return t
}

func methods(m ...string) func(*grant.Terms) { return func(t *grant.Terms) { t.Methods = m } }
func caveats(c ...grant.Caveat) func(*grant.Terms) {
	return func(t *grant.Terms) { t.Caveats = append(t.Caveats, c...) }
}

func until(d time.Duration) func(*grant.Terms) {
	return func(t *grant.Terms) { t.Expires = time.Now().Add(d) }
}

func ask[T any](r vat.Ref, selector string, args ...any) (T, error) {
	return vat.Result[T](r.Send(context.Background(), selector, args...)).Await(context.Background())
}

func must[T any](t *testing.T, r vat.Ref, selector string, args ...any) T {
	t.Helper()
	v, err := ask[T](r, selector, args...)
	if err != nil {
		t.Fatalf("%s: %v", selector, err)
	}
	return v
}

func want(t *testing.T, err, want error) {
	t.Helper()
	if !isErr(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
}
