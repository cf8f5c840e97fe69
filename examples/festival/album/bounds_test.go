package album_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hawser-go/hawser/examples/festival/album"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// Somebody has so many albums, so many grants given, and so many photos with others.
func TestBounds(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Config.Amnesia = false
		w.Restart()
		ctx := t.Context()
		ada, bob := w.open("ada"), w.open("bob")
		var first int
		for i := range album.MaxAlbums / 2 {
			n := w.begin(ada, fmt.Sprint("Album ", i))
			if i == 0 {
				first = n
			}
			w.follow(bob, album.AsContributor, w.invite("ada", n, album.AsContributor, "bob"))
			w.begin(bob, "Mine")
		}
		if _, err := bob.Begin(ctx, "One more"); !isCode(err, album.ErrFull) {
			t.Error(err)
		}
		if _, err := bob.Follow(ctx, album.AsReader, keyOf("another"), "x"); !isCode(err, album.ErrFull) {
			t.Error(err)
		}
		if _, err := bob.Follow(ctx, album.AsContributor, keyOf("x"), strings.Repeat("x", 20_000)); !isCode(err, album.ErrText) {
			t.Error(err)
		}
		path := w.file("photo.png", 1)
		_, others, err := bob.Albums(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 513 {
			_, err := bob.Add(ctx, others[i/32], path, "")
			if full := i == 512; full != isCode(err, album.ErrFull) || !full && err != nil {
				t.Fatal(i, err)
			}
		}
		for i := range 513 {
			g, err := ada.Give(ctx, album.Given{Album: first, Role: album.AsReader, To: "x", Invitation: "y"})
			if full := i == 512; full != isCode(err, album.ErrFull) || !full && (err != nil || g.Number != i+1) {
				t.Fatal(i, g, err)
			}
		}
		if err := ada.Revoked(ctx, 7); err != nil { // then there is room, and it need not be known any more
			t.Fatal(err)
		}
		if g, err := ada.Give(ctx, album.Given{Album: first}); err != nil || g.Number != 513+1-1 {
			t.Error(g, err)
		}
		if all, err := ada.Given(ctx); err != nil || len(all) != 512 || all[6].Number != 8 {
			t.Error(len(all), err)
		}
	})
}

// A machine with as many addresses as a node advertises can serve, too.
func TestManyAddresses(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ada := w.open("ada")
		var all []string
		for i := range 16 {
			all = append(all, fmt.Sprintf("%s%d.example.org:65535", strings.Repeat("long-", 20), i))
		}
		at := sturdyref.Ref{
			Peer:  sturdyref.Peer{Transport: "hawser", Designator: strings.Repeat("a", 52), Hints: map[string]string{"addr": strings.Join(all, ",")}},
			Swiss: sturdyref.NewSwissNum(),
		}
		if _, err := album.OpenPeer(t.Context(), w.Vat("many"), ada.blobs, w, at.URI()); err != nil {
			t.Errorf("%d bytes: %v", len(at.URI()), err)
		}
	})
}

// Nobody does with an album what is not in their role, and is told so before anything is sent.
func TestRoles(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, vera := w.open("ada"), w.open("vera")
		harbour := w.begin(ada, "Harbour")
		w.add(ada, harbour, "choir.png", 10)
		for _, role := range []album.Role{album.AsReader, album.AsKeeper} {
			a := w.follow(vera, role, w.invite("ada", harbour, role, "vera"))
			if _, err := vera.Add(ctx, a.Number, w.file("x.png", 10), ""); !isCode(err, album.ErrMayNot) {
				t.Errorf("%s adds: %v", role, err)
			}
			if err := vera.Remove(ctx, a.Number, 1); !isCode(err, album.ErrMayNot) {
				t.Errorf("%s removes: %v", role, err)
			}
			if err := vera.End(ctx, a.Number); !isCode(err, album.ErrNoAlbum) {
				t.Errorf("%s ends: %v", role, err)
			}
			if err := vera.Call(ctx, a.Number, keyOf("x"), "x"); !isCode(err, album.ErrNoAlbum) {
				t.Errorf("%s calls: %v", role, err)
			}
		}
		if err := ada.Drop(ctx, harbour); !isCode(err, album.ErrNoAlbum) {
			t.Error(err)
		}
		if _, err := ada.Keep(ctx, harbour, 1); !isCode(err, album.ErrNoAlbum) {
			t.Error(err)
		}
	})
}

// Whose program was started again is asked once more, and not for ever.
func TestLostSessions(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, vera := w.open("ada"), w.open("vera")
		harbour := w.begin(ada, "Harbour")
		w.add(ada, harbour, "choir.png", 300_000)
		line := w.invite("ada", harbour, album.AsReader, "vera")
		a := w.follow(vera, album.AsReader, line)
		gone := vat.New(nil)
		lost := album.ShelfFacet.SpawnIn(gone, sourceFunc(nil))
		_ = gone.Close()
		asked := 0
		w.lost = func(string) (vat.Ref, bool) { asked++; return lost, asked == 1 }
		if got, b := w.fetch(vera, a.Number, 1); got.Of != "" || !bytes.Equal(b, content("choir.png", 300_000)) || asked != 2 {
			t.Errorf("%+v after %d", got, asked)
		}
		asked = 0
		if vera.read(t, a.Number); asked != 2 {
			t.Errorf("asked %d times", asked)
		}
		asked = 0
		w.lost = func(string) (vat.Ref, bool) { asked++; return lost, true }
		if _, err := vera.Fetch(ctx, a.Number, 1, w.dir+"/x"); !isCode(err, album.ErrNowhere) || asked != 2 {
			t.Errorf("%v after %d", err, asked)
		}
		asked = 0
		if a, err := vera.Read(ctx, a.Number); !album.Away(err) || asked != 3 || a.Trouble != "its owner is away" {
			t.Errorf("%v after %d: %q", err, asked, a.Trouble)
		}
	})
}

// The methods of a peer may be called by several goroutines.
func TestAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Config.Amnesia = false
		w.Restart()
		ctx := t.Context()
		ada, vera, kit := w.open("ada"), w.open("vera"), w.open("kit")
		harbour := w.begin(ada, "Harbour")
		w.add(ada, harbour, "choir.png", 200_000)
		a := w.follow(vera, album.AsReader, w.invite("ada", harbour, album.AsReader, "vera"))
		sealed := w.follow(kit, album.AsKeeper, w.invite("ada", harbour, album.AsKeeper, "kit"))
		path, dir := w.file("more.png", 70_000), t.TempDir()
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				p, err := ada.Add(ctx, harbour, path, "")
				if err == nil && i%2 == 0 {
					err = ada.Remove(ctx, harbour, p.Number)
				}
				if err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				if _, err := vera.Fetch(ctx, a.Number, 1, filepath.Join(dir, fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
				if _, err := vera.Read(ctx, a.Number); err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				if _, err := kit.Keep(ctx, sealed.Number, 10<<20); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for i := range 8 {
			if b, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i))); err != nil || !bytes.Equal(b, content("choir.png", 200_000)) {
				t.Errorf("%d: %d bytes, %v", i, len(b), err)
			}
		}
		if k, err := kit.Sync(ctx, sealed.Number); err != nil || k.Here != 5 || k.Missing != 0 {
			t.Errorf("%+v, %v", k, err)
		}
		if all := vera.read(t, a.Number); len(all.Photos) != 5 {
			t.Errorf("%d photos", len(all.Photos))
		}
	})
}

// What others add to an album has room in its home, however much of the owner's own there is.
func TestRoomForContributors(t *testing.T) {
	t.Parallel()
	a := new(album.Album)
	put := func(by string, n int) {
		for range n {
			number := len(a.Photos) + 1
			a.Photos = append(a.Photos, album.Photo{Number: number, Size: album.MaxPhoto, By: by})
			a.Blobs = append(a.Blobs, album.Blob{Number: number, Size: album.MaxPhoto})
		}
	}
	put("", 100)
	put("bob", 15)
	if in, beyond := album.Fits(a); in != 115 || beyond != 0 {
		t.Errorf("%d of an owner's and %d beyond", in, beyond)
	}
	put("bob", 1)
	if in, beyond := album.Fits(a); in != 115 || beyond != 1 {
		t.Errorf("%d of an owner's and %d beyond", in, beyond)
	}
}
