package page_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"flag"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hawser-go/hawser/examples/festival/page"
	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/vattest"
)

var screenshots = flag.String("screenshots", "", "write what the browser shows to a `folder`")

// world is a festival, and the peers of those who have facets of it, each with a page: the real objects, in one process.
type world struct {
	t        *testing.T
	machine  *vattest.Machine
	festival program.FestivalRef
}

var info = program.Info{
	Name: "Quayside 2027", About: "Three days by the water: music, talks and fish.", Days: []string{"2027-07-02", "2027-07-03", "2027-07-04"},
	Stages: []string{"Harbour", "Boathouse", "Lantern Room"},
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, machine: vattest.New(t, program.Kinds(ring)...)}
	w.machine.Config.Amnesia = false
	w.machine.Restart()
	var err error
	if w.festival, err = program.OpenFestival(t.Context(), w.machine.Vat("admin"), info); err != nil {
		t.Fatal(err)
	}
	return w
}

func holder(name string) program.Holder {
	h := program.Holder{Name: name, Key: [32]byte(signer(name).Public().(ed25519.PublicKey))}
	keys.Store(h.Key, name)
	return h
}

// signer returns somebody's key.
func signer(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

var keys sync.Map // of those who were somebody's holder, to their names

func ring(key [32]byte) crypto.Signer {
	if name, ok := keys.Load(key); ok {
		return signer(name.(string))
	}
	return nil
}

func (w *world) facet(role program.Role, name string) vat.Ref {
	w.t.Helper()
	ref, err := vat.Do(w.t.Context(), w.machine.Vat("admin"), func(ctx context.Context) (vat.Ref, error) {
		return program.Roles(w.festival)[role](ctx, holder(name))
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return ref
}

// peer returns somebody's peer, with what the role has.
func (w *world) peer(role program.Role, name string) *program.Peer {
	w.t.Helper()
	ctx, facet, v := w.t.Context(), w.facet(role, name), w.machine.Vat(name)
	p := &program.Peer{
		Festival: vat.As[program.VisitorRef](facet), Vat: vat.New(nil), Held: []program.Held{{Role: role, From: "handed to you by the admin"}},
		Patience: 2 * time.Second,
	}
	w.t.Cleanup(func() { _ = p.Vat.Close() })
	var err error
	if p.Copy, err = program.OpenCopy(ctx, v); err == nil {
		_, err = p.Copy.Use(ctx, p.Festival).Await(ctx)
	}
	if err == nil && role == program.AsOrganiser {
		if p.Desk, err = program.OpenDesk(ctx, v, ring); err == nil {
			_, err = p.Desk.Use(ctx, vat.As[program.OrganiserRef](facet), holder(name)).Await(ctx)
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	if role == program.AsAdmin {
		p.Admin = vat.As[program.AdminRef](facet)
	}
	return p
}

// serve serves the page of somebody.
func (w *world) serve(p page.Programme) *page.Server {
	w.t.Helper()
	s, err := page.Open(w.t.Context(), page.Config{Programme: p})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return s
}

func details(title, stage, day string, start, length int) program.Details {
	return program.Details{Title: title, About: "Bring a coat.\nDoors open half an hour before.", Stage: stage, Day: day, Start: start, Length: length}
}

// add adds an event and waits until somebody has read it.
func (w *world) add(by *program.Peer, d program.Details, read *program.Peer) program.ID {
	w.t.Helper()
	id, err := by.Add(w.t.Context(), d)
	if err != nil {
		w.t.Fatal(err)
	}
	w.until(func() bool {
		s, err := read.State(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range s.Entries {
			if e.ID == id && e.Said.Details == d {
				return true
			}
		}
		return false
	})
	return id
}

func (w *world) until(met func() bool) {
	w.t.Helper()
	for began := time.Now(); !met(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > patience {
			w.t.Fatal("it never came to that")
		}
	}
}

// silent is a programme that can be told not to answer, as if everything were far away.
type silent struct {
	*program.Peer
	is atomic.Bool
}

func (s *silent) State(ctx context.Context) (program.State, error) {
	st, err := s.Peer.State(ctx)
	if s.is.Load() {
		st.Asking, st.Since = true, time.Now().Add(-time.Minute)
	}
	return st, err
}
