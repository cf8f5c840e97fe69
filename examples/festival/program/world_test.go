package program_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/vattest"
)

// world is a machine with the vats of an admin, organisers and visitors, which can be restarted.
type world struct {
	t *testing.T
	*vattest.Machine
	festival program.FestivalRef
}

var info = program.Info{
	Name: "Quayside", About: "Three days by the water.", Days: []string{"2027-07-02", "2027-07-03", "2027-07-04"}, Stages: []string{"Harbour", "Boathouse"},
}

func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, Machine: vattest.New(t, program.Kinds(ring)...)}
		w.open()
		test(t, w)
	})
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.festival, err = program.OpenFestival(w.t.Context(), w.Vat("admin"), info); err != nil {
		w.t.Fatal(err)
	}
}

// crash kills the process and starts it again, at an instant when nothing is under way.
func (w *world) crash() {
	w.t.Helper()
	synctest.Wait()
	w.Crash()
	w.open()
}

// remember has objects stay in memory after their turns, where a test is about much.
func (w *world) remember() {
	w.Config.Amnesia = false
	w.Restart()
	w.open()
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

// signed returns a snapshot as somebody's home says it of an event, its history being a secret.
func signed(by string, id program.ID, s program.Snapshot) program.Snapshot {
	var last [32]byte
	if s.Version > 1 {
		last[0] = 1
	}
	if s.AsOf.IsZero() {
		s.AsOf = time.Now()
	}
	if _, err := s.Sign(signer(by), id, last); err != nil {
		panic(err)
	}
	return s
}

// facet returns somebody's facet of the festival, the same after a restart.
func (w *world) facet(role program.Role, name string) vat.Ref {
	w.t.Helper()
	type ref struct{ vat.Ref }
	r, err := vat.Root(w.t.Context(), w.Vat("admin"), string(role)+" "+name, func(ctx context.Context) (ref, error) {
		r, err := program.Roles(w.festival)[role](ctx, holder(name))
		return ref{r}, err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Ref
}

// peer returns somebody's peer, with a copy, and a desk or an admin's facet if the role has one.
func (w *world) peer(role program.Role, name string) *program.Peer {
	w.t.Helper()
	ctx := w.t.Context()
	facet := w.facet(role, name)
	p := &program.Peer{Festival: vat.As[program.VisitorRef](facet), Vat: vat.New(nil)}
	w.t.Cleanup(func() { _ = p.Vat.Close() })
	var err error
	if p.Copy, err = program.OpenCopy(ctx, w.Vat(name)); err == nil {
		_, err = p.Copy.Use(ctx, p.Festival).Await(ctx)
	}
	if err == nil && role == program.AsOrganiser {
		if p.Desk, err = program.OpenDesk(ctx, w.Vat(name), ring); err == nil {
			_, err = p.Desk.Use(ctx, vat.As[program.OrganiserRef](facet), holder(name)).Await(ctx)
		}
	}
	if role == program.AsAdmin {
		p.Admin = vat.As[program.AdminRef](facet)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
	return p
}

func (w *world) state(p *program.Peer) program.State {
	w.t.Helper()
	synctest.Wait()
	s, err := p.State(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func details(title string) program.Details {
	return program.Details{Title: title, About: "Bring a coat.", Stage: "Harbour", Day: "2027-07-03", Start: 20 * 60, Length: 75}
}

func (w *world) add(p *program.Peer, title string) program.ID {
	w.t.Helper()
	id, err := p.Add(w.t.Context(), details(title))
	if err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait() // the festival has heard of it
	return id
}

func titles(s program.State) (all []string) {
	for _, e := range s.Entries {
		all = append(all, e.Said.Details.Title)
	}
	return all
}

func isCode(err error, want *vat.Error) bool {
	e, ok := errors.AsType[*vat.Error](err)
	return ok && e.Code == want.Code
}

// send sends anything to anybody, as a program that does not care about interfaces does.
func send(ctx context.Context, to vat.Ref, selector string, args ...any) error {
	_, err := vat.Result[any](to.Send(ctx, selector, args...)).Await(ctx)
	return err
}
