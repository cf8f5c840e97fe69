package vat_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// director is a durable object that has others act.
type director struct{ Scenes int }

type directorAPI interface {
	Keep(ctx context.Context, maker, what vat.Ref)
	Tell(ctx context.Context, who vat.Ref, s string)
}

var (
	directorFacet = vat.FacetOf[directorAPI]("director")
	directorKind  = vat.KindOf("director", func() *director { return new(director) }, directorFacet)
)

func (d *director) Keep(ctx context.Context, maker, what vat.Ref) {
	_ = maker.SendOnly(ctx, "keep", what)
}

func (d *director) Tell(ctx context.Context, who vat.Ref, s string) {
	_ = who.SendOnly(ctx, "tell", s)
}

// scene is a world with a director and a sender, and vats of which some do nothing more before the crash.
type scene struct {
	*world
	director, sender vat.Ref
	curtain          chan struct{}
	held             map[string]bool
}

func newScene(w *world) *scene {
	s := &scene{world: w, curtain: make(chan struct{}), held: make(map[string]bool)}
	dying = func() { <-s.curtain }
	s.director = spawned[directorAPI](w, "director", directorFacet, new(director))
	s.sender = w.root("sender", "sender")
	return s
}

// spawned returns the object that a vat has under the vat's name.
func spawned[I any](w *world, name string, f vat.Facet[I], impl I) vat.Ref {
	w.t.Helper()
	r, err := vat.Root(context.Background(), w.vat(name), name, func(ctx context.Context) (TellerRef, error) {
		return TellerRef{f.Spawn(ctx, impl)}, nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Ref
}

func (s *scene) hold(vatName string) {
	if !s.held[vatName] {
		s.held[vatName] = true
		s.root(vatName, "holder").Send(context.Background(), "die")
		synctest.Wait()
	}
}

// end kills the process.
func (s *scene) end() {
	s.dead.Store(true)
	close(s.curtain)
	s.kill()
}

// What is sent by way of a promise arrives in order when the process has died: what had waited there before, what came when the promise was
// about to settle, and what is sent while messages from before are delivered, whichever of them has the promise settle.
func TestOrderByPromiseAfterCrash(t *testing.T) {
	// w: the sender sends by way of the promise, and that is stored. k: what settles the promise is stored, and has no turn before the crash.
	// l: what has the sender send by way of the promise is stored, and has no turn before the crash.
	for _, script := range []string{"wk", "wwkww", "wkl", "wlk", "wwllkll", "wkwll", "lk", "kl", "kwl", "llkll", "wllk"} {
		t.Run(script, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newScene(newWorld(t, tellerKind, makerKind, directorKind))
				maker := spawned[makerAPI](s.world, "maker", makerFacet, new(maker))
				mustAnswer[any](t, s.sender, "link", maker.Send(t.Context(), "promise"), "later")
				hearer := s.root("hearer", "hearer")
				s.hold("maker")
				var want []string
				for i, step := range script {
					line := fmt.Sprint(i)
					switch step {
					case 'k':
						mustAnswer[any](t, s.director, "keep", maker, hearer)
						continue
					case 'w':
						mustAnswer[any](t, s.sender, "tell", line)
					case 'l':
						s.hold("sender")
						mustAnswer[any](t, s.director, "tell", s.sender, line)
					}
					want = append(want, line)
				}
				s.end()
				s.open()
				synctest.Wait()
				if got := s.lines(s.root("hearer", "hearer")); got != fmt.Sprint(want) {
					t.Errorf("%s arrived, want %s", got, want)
				}
				s.check()
			})
		})
	}
}

// What leaves the depot leaves in order when the process has died: first what had not been taken over, then what a session brings meanwhile and
// what messages from before have sent.
func TestOrderOutsideAfterCrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, tellerKind, directorKind)
		w.withSession().deaf = true
		w.restart()
		s := newScene(w)
		mustAnswer[any](t, s.sender, "link", w.cfg.Outside.(*farSession).far("there"), "far")
		mustAnswer[any](t, s.sender, "tell", "0")
		mustAnswer[any](t, s.sender, "tell", "1")
		s.hold("sender")
		mustAnswer[any](t, s.director, "tell", s.sender, "2")
		mustAnswer[any](t, s.director, "tell", s.sender, "3")
		s.end()
		far := w.withSession()
		far.ready = make(chan struct{})
		w.open()
		far.depot = w.depot
		m := vat.Message{Selector: "say", Args: []any{"from another session"}, From: &vat.Caller{Designator: "peer"}}
		if err := w.depot.Update(func(tx *vat.Tx) {
			if stored, err := tx.Receive(far.far("there"), &m); !stored || err != nil {
				t.Errorf("%v, %v", stored, err)
			}
		}, nil); err != nil {
			t.Fatal(err)
		}
		far.far("there").Post(m)
		close(far.ready)
		const want = "there.say[0]; there.say[1]; there.say[from another session]; there.say[2]; there.say[3]"
		if got := far.lines(); got != want {
			t.Errorf("%s left, want %s", got, want)
		}
		w.check()
	})
}

// A promise that nothing stored settles, and that was stored before it came to follow one that is settled by what is stored, is that one after a
// crash.
func TestFollowingAfterCrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newScene(newWorld(t, tellerKind, makerKind, directorKind))
		m := spawned[makerAPI](s.world, "maker", makerFacet, new(maker))
		later, resolver := promise.New[vat.Ref](t.Context())
		mustAnswer[any](t, s.sender, "link", later, "later")
		synctest.Wait()
		resolver.Follow(t.Context(), vat.Result[vat.Ref](m.Send(t.Context(), "promise")))
		synctest.Wait()
		s.kill()
		s.open()
		mustAnswer[any](t, s.root("sender", "sender"), "tell", "it was not lost")
		mustAnswer[any](t, spawned[makerAPI](s.world, "maker", makerFacet, new(maker)), "keep", s.root("hearer", "hearer"))
		synctest.Wait()
		if got := s.lines(s.root("hearer", "hearer")); got != "[it was not lost]" {
			t.Error(got)
		}
		s.check()
	})
}
