package album_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hawser-go/hawser/examples/festival/album"
	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/vat"
)

// Keepers that lie are found out at the first piece that is not the photo's, whatever they do, and somebody else is asked; what was good of what
// they gave is not asked for again. When everybody lies nothing is left behind.
func TestLyingKeeper(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, vera, kit, kim := w.open("ada"), w.open("vera"), w.open("kit"), w.open("kim")
		harbour := w.begin(ada, "Harbour")
		w.add(ada, harbour, "choir.png", 200_000) // four pieces
		w.add(ada, harbour, "other.png", 200_000)
		a := w.follow(vera, album.AsReader, w.invite("ada", harbour, album.AsReader, "vera"))
		for name, p := range map[string]*person{"kit": kit, "kim": kim} {
			if err := ada.Call(ctx, harbour, keyOf(name), name); err != nil {
				t.Fatal(err)
			}
			sealed := w.follow(p, album.AsKeeper, w.invite("ada", harbour, album.AsKeeper, name))
			if k, err := p.Keep(ctx, sealed.Number, 1<<20); err != nil || k.Here != 2 {
				t.Fatal(k, err)
			}
		}
		a = vera.read(t, a.Number)
		w.away["ada"] = true
		other := a.Photos[1].Key.Name()
		piece := func(name seal.Name, n int) []byte {
			b, err := kit.blobs.Piece(ctx, name, n)
			if err != nil {
				return nil
			}
			return b
		}
		for name, lie := range map[string]func(name seal.Name, n int) ([]byte, error){
			"a bit in the last piece": func(name seal.Name, n int) ([]byte, error) {
				b := piece(name, n)
				if n == 4 {
					b[len(b)-1] ^= 1
				}
				return b, nil
			},
			"the pieces of another": func(name seal.Name, n int) ([]byte, error) {
				if n > 0 {
					name = other
				}
				return piece(name, n), nil
			},
			"pieces swapped": func(name seal.Name, n int) ([]byte, error) { return piece(name, []int{0, 2, 1, 3, 4}[min(n, 4)]), nil },
			"nothing": func(name seal.Name, n int) ([]byte, error) {
				return piece(name, n)[:min(1-min(n, 1), 1)*len(piece(name, n))], nil
			},
			"too much": func(name seal.Name, n int) ([]byte, error) {
				if n > 0 {
					return make([]byte, 900_000), nil
				}
				return piece(name, n), nil
			},
			"an error": func(name seal.Name, n int) ([]byte, error) {
				if n == 3 {
					return nil, vat.NewError("x", "\x1b[2J")
				}
				return piece(name, n), nil
			},
		} {
			dir := t.TempDir()
			path := filepath.Join(dir, "choir.png")
			asked := make(map[int]bool) // of the honest one
			lied := make(chan struct{})
			w.shelf["kit"] = album.ShelfFacet.SpawnIn(w.plain, sourceFunc(lie))
			w.away["kim"] = true
			got, err := vera.Fetch(ctx, a.Number, 1, path)
			if !isCode(err, album.ErrNowhere) {
				t.Errorf("%s: %v", name, err)
			}
			bad := 0
			for _, f := range got.Bad {
				if f.Of == "kit" {
					bad++
				}
			}
			if bad != 1 {
				t.Errorf("%s: %+v", name, got.Bad)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("%s: left behind: %v, %v", name, left, err)
			}
			if all, err := seal.NewShelf(vera.disk, "passing"); err != nil {
				t.Error(err)
			} else if left, err := all.All(); err != nil || len(left) > 0 {
				t.Errorf("%s: left on the disk: %v, %v", name, left, err)
			}
			// Somebody honest answers, later than the liar has been found out.
			w.away["kim"] = false
			v := vat.New(nil)
			w.shelf["kit"] = album.ShelfFacet.SpawnIn(w.plain, sourceFunc(lie))
			w.shelf["kim"] = album.ShelfFacet.SpawnIn(v, sourceFunc(func(name seal.Name, n int) ([]byte, error) {
				if n == 0 {
					select {
					case <-lied:
					case <-time.After(time.Second): // when nothing else goes on in this world
						close(lied)
					}
				}
				asked[n] = true
				return kim.blobs.Piece(ctx, name, n)
			}))
			got, err = vera.Fetch(ctx, a.Number, 1, path)
			if err != nil || got.Of != "kim" {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
			if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, content("choir.png", 200_000)) {
				t.Errorf("%s: %d bytes, %v", name, len(b), err)
			}
			if name == "a bit in the last piece" && (asked[1] || asked[2] || asked[3] || !asked[4]) {
				t.Errorf("asked for again: %v", asked)
			}
			_ = v.Close()
		}
	})
}

// A shelf that says how a photo begins and then nothing, or drips, is given up.
func TestSlowKeeper(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, vera := w.open("ada"), w.open("vera")
		harbour := w.begin(ada, "Harbour")
		w.add(ada, harbour, "choir.png", 3_000_000)
		a := w.follow(vera, album.AsReader, w.invite("ada", harbour, album.AsReader, "vera"))
		v := vat.New(nil)
		defer v.Close()
		for name, wait := range map[string]time.Duration{"silent": time.Hour, "dripping": 9 * time.Second} {
			stop := make(chan struct{})
			w.shelf["ada"] = album.ShelfFacet.SpawnIn(v, sourceFunc(func(name seal.Name, n int) ([]byte, error) {
				if n > 0 {
					select {
					case <-time.After(wait):
					case <-stop:
					}
				}
				return ada.blobs.Piece(ctx, name, n)
			}))
			dir := t.TempDir()
			began := time.Now()
			_, err := vera.Fetch(ctx, a.Number, 1, filepath.Join(dir, "choir.png"))
			if !isCode(err, album.ErrNowhere) || time.Since(began) > 3*time.Minute {
				t.Errorf("%s: %v after %v", name, err, time.Since(began))
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("%s: left behind: %v, %v", name, left, err)
			}
			close(stop)
		}
	})
}

// Who is away is asked once for a whole album, and not for each of its photos.
func TestKeepingOfTheAway(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, kit := w.open("ada"), w.open("kit")
		harbour := w.begin(ada, "Harbour")
		for range 20 {
			w.add(ada, harbour, "choir.png", 10)
		}
		sealed := w.follow(kit, album.AsKeeper, w.invite("ada", harbour, album.AsKeeper, "kit"))
		w.away["ada"] = true
		began := time.Now()
		if k, err := kit.Keep(ctx, sealed.Number, 1<<20); !album.Away(err) || k.Missing != 20 || time.Since(began) > 30*time.Second {
			t.Errorf("%+v, %v after %v", k, err, time.Since(began))
		}
		w.away["ada"] = false
		if k, err := kit.Sync(ctx, sealed.Number); err != nil || k.Here != 20 {
			t.Errorf("%+v, %v", k, err)
		}
	})
}

// A shelf that is just not too slow to be given up has an album's turn end, so that others have theirs, and what has come is there the next time.
func TestKeepingTakesLong(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, kit := w.open("ada"), w.open("kit")
		harbour := w.begin(ada, "Harbour")
		w.add(ada, harbour, "choir.png", 30<<20)
		w.add(ada, harbour, "nets.png", 10)
		sealed := w.follow(kit, album.AsKeeper, w.invite("ada", harbour, album.AsKeeper, "kit"))
		v, asked := vat.New(nil), 0
		defer v.Close()
		w.shelf["ada"] = album.ShelfFacet.SpawnIn(v, sourceFunc(func(name seal.Name, n int) ([]byte, error) {
			time.Sleep(3 * time.Second)
			asked++
			return ada.blobs.Piece(ctx, name, n)
		}))
		began := time.Now()
		k, err := kit.Keep(ctx, sealed.Number, 100<<20)
		if !isCode(err, album.ErrLong) || k.Missing != 2 || time.Since(began) > 20*time.Minute {
			t.Errorf("%+v, %v after %v", k, err, time.Since(began))
		}
		time.Sleep(time.Minute) // it still has questions to answer that nobody waits for
		if k, err = kit.Sync(ctx, sealed.Number); err != nil || k.Here != 2 || asked > 520 {
			t.Errorf("%+v, %v, asked %d times for 482 pieces", k, err, asked)
		}
	})
}
