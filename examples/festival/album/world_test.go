package album_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/examples/festival/album"
	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/vattest"
	"github.com/hawser-go/hawser/warden"
)

// world is a machine with everybody's vats, which can be restarted, and everybody's disks. It is the network between them.
type world struct {
	t *testing.T
	*vattest.Machine
	people map[string]*person
	plain  *vat.Vat           // for what is hostile
	opens  map[string]vat.Ref // what invitations open, beside those that are made here
	void   map[string]bool    // invitations that were revoked
	away   map[string]bool    // people
	shelf  map[string]vat.Ref // in the place of people's own
	// lost, if not nil, has references to what is asked for lead nowhere.
	lost func(what string) (vat.Ref, bool)
	dir  string
}

type person struct {
	*album.Peer
	blobs *album.Blobs
	disk  *store.Store
}

func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			t: t, Machine: vattest.New(t, album.Kinds()...), people: make(map[string]*person), plain: vat.New(nil), dir: dir,
			opens: make(map[string]vat.Ref), void: make(map[string]bool), away: make(map[string]bool), shelf: make(map[string]vat.Ref),
		}
		t.Cleanup(func() {
			for _, p := range w.people {
				_ = p.disk.Close()
			}
			_ = w.plain.Close()
		})
		test(t, w)
	})
}

// place is where somebody's shelf is.
func place(name string) string { return "ocapn://" + name + ".hawser/s/shelf" }

func (w *world) open(name string) *person {
	w.t.Helper()
	p := w.people[name]
	if p == nil {
		p = &person{disk: memory.New()}
		w.people[name] = p
	}
	var err error
	if p.blobs, err = album.OpenBlobs(p.disk); err != nil {
		w.t.Fatal(err)
	}
	if p.Peer, err = album.OpenPeer(w.t.Context(), w.Vat(name), p.blobs, w, place(name)); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// crash kills the process, and starts it again.
func (w *world) crash() {
	w.t.Helper()
	synctest.Wait()
	w.Crash()
	for name := range w.people {
		w.open(name)
	}
}

func keyOf(name string) [32]byte { return sha256.Sum256([]byte(name)) }

// invite makes an invitation; what it opens is the same after a restart.
func (w *world) invite(owner string, number int, role album.Role, to string) string {
	return fmt.Sprintf("%s %d %s %s", owner, number, role, to)
}

// until is how long grants are good here.
const until = 24 * time.Hour

// Redeem implements album.Reach.
func (w *world) Redeem(line string) (vat.Ref, error) {
	if w.lost != nil {
		if ref, ok := w.lost(line); ok {
			return ref, nil
		}
	}
	if ref, ok := w.opens[line]; ok {
		return ref, nil
	}
	var owner, role, to string
	var number int
	if _, err := fmt.Sscan(line, &owner, &number, &role, &to); err != nil {
		return vat.Ref{}, err
	}
	broken := func(err error) (vat.Ref, error) {
		v := vat.NewVow(nil)
		v.Break(err)
		return v.Ref(), nil
	}
	switch {
	case w.away[owner]:
		return vat.NewVow(nil).Ref(), nil
	case w.void[line]:
		return broken(warden.ErrRefused)
	}
	makers, err := w.people[owner].Makers(w.t.Context(), number)
	if err != nil {
		return vat.Ref{}, err
	}
	type ref struct{ vat.Ref }
	r, err := vat.Root(w.t.Context(), w.Vat(owner), line, func(ctx context.Context) (ref, error) {
		r, err := makers[album.Role(role)](ctx, keyOf(to), time.Now().Add(until))
		return ref{r}, err
	})
	return r.Ref, err
}

// Shelf implements album.Reach.
func (w *world) Shelf(at string) (album.ShelfRef, error) {
	if w.lost != nil {
		if ref, ok := w.lost(at); ok {
			return vat.As[album.ShelfRef](ref), nil
		}
	}
	for name, p := range w.people {
		if place(name) != at {
			continue
		}
		if w.away[name] {
			return vat.As[album.ShelfRef](vat.NewVow(nil).Ref()), nil
		}
		if ref, ok := w.shelf[name]; ok {
			return vat.As[album.ShelfRef](ref), nil
		}
		return vat.As[album.ShelfRef](album.Serve(w.plain, p.blobs)), nil
	}
	return album.ShelfRef{}, errors.New("nobody there")
}

// file writes a photo, of so many bytes that nothing else has.
func (w *world) file(name string, size int) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, content(name, size), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func content(name string, size int) []byte {
	b := make([]byte, 0, size+32)
	for sum := sha256.Sum256([]byte(name)); len(b) < size; sum = sha256.Sum256(sum[:]) {
		b = append(b, sum[:]...)
	}
	return b[:size]
}

func (w *world) begin(owner *person, title string) int {
	w.t.Helper()
	n, err := owner.Begin(w.t.Context(), title)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) add(p *person, number int, name string, size int) album.Photo {
	w.t.Helper()
	photo, err := p.Add(w.t.Context(), number, w.file(name, size), "Bring a coat.")
	if err != nil {
		w.t.Fatal(err)
	}
	return photo
}

// follow has somebody note an invitation and read the album.
func (w *world) follow(p *person, role album.Role, line string) album.Album {
	w.t.Helper()
	n, err := p.Follow(w.t.Context(), role, keyOf(line), line)
	if err != nil {
		w.t.Fatal(err)
	}
	a, err := p.Read(w.t.Context(), n)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// fetch has somebody fetch a photo, and returns how, and what is in the file.
func (w *world) fetch(p *person, number, photo int) (album.Fetched, []byte) {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "fetched")
	got, err := p.Fetch(w.t.Context(), number, photo, path)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	return got, b
}

func isCode(err error, want *vat.Error) bool {
	e, ok := errors.AsType[*vat.Error](err)
	return ok && e.Code == want.Code
}

// sourceFunc is a shelf that answers what it likes.
type sourceFunc func(name seal.Name, n int) ([]byte, error)

func (f sourceFunc) Piece(ctx context.Context, name []byte, n int) ([]byte, error) {
	return f(seal.Name(name), n)
}
