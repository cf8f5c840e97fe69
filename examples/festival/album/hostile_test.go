package album_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/examples/festival/album"
	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/vat"
)

// liar is the home of an album that says what it likes.
type liar struct {
	photos func(from int) album.Photos
	sealed func(from int) album.Sealed
	asked  int
}

func (l *liar) Photos(_ context.Context, from int) album.Photos {
	l.asked++
	return l.photos(from)
}

func (l *liar) Sealed(_ context.Context, from int) album.Sealed {
	l.asked++
	return l.sealed(from)
}

func (l *liar) Serve(context.Context, string) {}

type lying interface {
	Photos(ctx context.Context, from int) album.Photos
	Sealed(ctx context.Context, from int) album.Sealed
	Serve(ctx context.Context, shelf string)
}

var lyingFacet = vat.FacetOf[lying]("test.liar")

// goodPhoto returns a photo that could be.
func goodPhoto(t *testing.T, w *world, number int) album.Photo {
	t.Helper()
	b, err := w.people["ada"].blobs.Put(t.Context(), w.file("good.png", 10))
	if err != nil {
		t.Fatal(err)
	}
	b.Number = number
	return b
}

// What cannot be an album's list is not kept, and costs a bounded number of questions; what was known before stays.
func TestHostileOwner(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.open("ada")
		vera := w.open("vera")
		l := new(liar)
		w.opens["album"] = lyingFacet.SpawnIn(w.plain, l)
		good := goodPhoto(t, w, 1)
		say := func(change func(p *album.Photos)) func(int) album.Photos {
			return func(int) album.Photos {
				p := album.Photos{Title: "Harbour", Version: 7, Photos: []album.Photo{good}, Shelves: []album.Where{{Shelf: place("ada")}}}
				change(&p)
				return p
			}
		}
		l.photos = say(func(*album.Photos) {})
		a := w.follow(vera, album.AsReader, "album")
		photo := func(change func(p *album.Photo)) func(int) album.Photos {
			return say(func(all *album.Photos) { change(&all.Photos[0]) })
		}
		version := 0
		for name, lie := range map[string]func(from int) album.Photos{
			"no title":             say(func(p *album.Photos) { p.Title = "" }),
			"a title that moves":   say(func(p *album.Photos) { p.Title = "\x1b[2J" }),
			"a long title":         say(func(p *album.Photos) { p.Title = strings.Repeat("x", album.MaxTitle+1) }),
			"no version":           say(func(p *album.Photos) { p.Version = 0 }),
			"a version too far":    say(func(p *album.Photos) { p.Version = 1 << 60 }),
			"the same twice":       say(func(p *album.Photos) { p.Photos = append(p.Photos, good) }),
			"more without any":     say(func(p *album.Photos) { p.Photos, p.More = nil, true }),
			"the same for ever":    say(func(p *album.Photos) { p.More = true }),
			"a number below one":   photo(func(p *album.Photo) { p.Number = 0 }),
			"a number too far":     photo(func(p *album.Photo) { p.Number = 1 << 60 }),
			"a name that moves":    photo(func(p *album.Photo) { p.Name = "\u202egnp.exe" }),
			"no name":              photo(func(p *album.Photo) { p.Name = "" }),
			"a caption that hides": photo(func(p *album.Photo) { p.Caption = "a\x00b" }),
			"a long caption":       photo(func(p *album.Photo) { p.Caption = strings.Repeat("x", album.MaxCaption+1) }),
			"somebody who moves":   photo(func(p *album.Photo) { p.By = "\x07" }),
			"no size":              photo(func(p *album.Photo) { p.Size = 0 }),
			"a size below nothing": photo(func(p *album.Photo) { p.Size = -1 }),
			"a size too far":       photo(func(p *album.Photo) { p.Size = album.MaxPhoto + 1 }),
			"no key":               photo(func(p *album.Photo) { p.Key = "" }),
			"a key that is none":   photo(func(p *album.Photo) { p.Key = "hawser-blob:x.y" }),
			"another time":         photo(func(p *album.Photo) { p.Taken = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC) }),
			"too many": func(from int) album.Photos {
				p := say(func(p *album.Photos) { p.More, p.Photos = true, nil })(from)
				for i := range 64 {
					each := good
					each.Number = from + i
					p.Photos = append(p.Photos, each)
				}
				return p
			},
			"another each time": func(from int) album.Photos {
				version++
				p := say(func(p *album.Photos) { p.Version, p.More = version, from == 1 })(from)
				p.Photos[0].Number = from
				return p
			},
		} {
			l.photos, l.asked = lie, 0
			now, err := vera.Read(ctx, a.Number)
			if !isCode(err, album.ErrList) || now.Trouble == "" || strings.ContainsAny(now.Trouble, "\x1b\x07\x00") || len(now.Trouble) > 500 {
				t.Errorf("%s: %v, %q", name, err, now.Trouble)
			}
			if now.Version != 7 || len(now.Photos) != 1 || now.Photos[0] != good || now.Title != "Harbour" {
				t.Errorf("%s: it was kept: %+v", name, now)
			}
			if l.asked > 6 {
				t.Errorf("%s: asked %d times", name, l.asked)
			}
		}
		// Shelves that cannot be are left out, and of too many the rest.
		l.photos = say(func(p *album.Photos) {
			p.Shelves = []album.Where{
				{Of: "\x1b", Shelf: place("ada")}, {Shelf: "http://example.com"}, {Shelf: "ocapn://ada.tcp/s/x"}, {Shelf: strings.Repeat("x", 5000)}, {Of: "kit", Shelf: place("kit")},
			}
			for range 1000 {
				p.Shelves = append(p.Shelves, album.Where{Shelf: place("x")})
			}
		})
		if a := vera.read(t, a.Number); len(a.Shelves) != 5 || a.Shelves[0].Of != "kit" {
			t.Errorf("%v", a.Shelves)
		}
		// One that never answers is asked for a while.
		w.opens["album"] = vat.NewVow(nil).Ref()
		began := time.Now()
		if now, err := vera.Read(ctx, a.Number); !isCode(err, album.ErrSilent) || time.Since(began) > time.Minute || len(now.Photos) != 1 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		// One that answers with something else altogether.
		w.opens["album"] = album.ShelfFacet.SpawnIn(w.plain, sourceFunc(nil))
		if now, err := vera.Read(ctx, a.Number); err == nil || len(now.Photos) != 1 {
			t.Errorf("%v, %+v", err, now)
		}
	})
}

// An owner who says that a keeper's photo is smaller than it is does not get more kept than there is room for.
func TestOwnerWhoFillsDisks(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, kit := w.open("ada"), w.open("kit")
		big, err := ada.blobs.Put(ctx, w.file("big.png", 300_000))
		if err != nil {
			t.Fatal(err)
		}
		l := &liar{sealed: func(int) album.Sealed {
			return album.Sealed{Version: 1, Blobs: []album.Blob{{1, big.Key.Name(), 10}}, Shelves: []album.Where{{Shelf: place("ada")}}}
		}}
		w.opens["album"] = lyingFacet.SpawnIn(w.plain, l)
		a := w.follow(kit, album.AsKeeper, "album")
		k, err := kit.Keep(ctx, a.Number, 100_000)
		if err != nil || k.Here != 0 || k.Missing != 1 || len(k.Bad) != 1 || !k.Bad[0].Lied() {
			t.Errorf("%+v, %v", k, err)
		}
		if _, err := kit.blobs.Piece(ctx, big.Key.Name(), 0); !errors.Is(err, seal.ErrAbsent) {
			t.Errorf("something of it is kept: %v", err)
		}
		name := big.Key.Name()
		for what, blobs := range map[string][]album.Blob{
			"numbers that descend": {{2, name, 10}, {1, name, 10}}, "nothing": {{1, name, 0}}, "less": {{1, name, -1}}, "too much": {{1, name, album.MaxPhoto + 1}},
			"a number too far": {{1 << 60, name, 10}},
		} {
			w.opens["album"] = lyingFacet.SpawnIn(w.plain, &liar{sealed: func(int) album.Sealed { return album.Sealed{Version: 2, Blobs: blobs} }})
			if _, err := kit.Read(ctx, a.Number); !isCode(err, album.ErrList) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// An owner who lists others each time gets no more kept than there is room for, at no moment.
func TestOwnerWhoChangesAlbums(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, kit := w.open("ada"), w.open("kit")
		one, two := goodPhoto(t, w, 1), goodPhoto(t, w, 2)
		list := one
		w.opens["album"] = lyingFacet.SpawnIn(w.plain, &liar{sealed: func(int) album.Sealed {
			return album.Sealed{Version: list.Number, Blobs: []album.Blob{{list.Number, list.Key.Name(), list.Size}}, Shelves: []album.Where{{Shelf: place("ada")}}}
		}})
		w.shelf["ada"] = album.ShelfFacet.SpawnIn(w.plain, sourceFunc(func(name seal.Name, n int) ([]byte, error) {
			if _, err := kit.blobs.Piece(ctx, one.Key.Name(), 0); name != one.Key.Name() && !errors.Is(err, seal.ErrAbsent) {
				t.Errorf("what is listed no more is there while the next is fetched: %v", err)
			}
			return ada.blobs.Piece(ctx, name, n)
		}))
		a := w.follow(kit, album.AsKeeper, "album")
		for _, list = range []album.Photo{one, two} {
			if k, err := kit.Keep(ctx, a.Number, 5000); err != nil || k.Here != 1 {
				t.Errorf("%+v, %v", k, err)
			}
		}
	})
}

// An owner of two albums who says that what is large in one is small in the other gets nothing kept by that when the one is kept no more.
func TestOwnerWhoSaysLess(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, kit := w.open("ada"), w.open("kit")
		big, err := ada.blobs.Put(ctx, w.file("big.png", 300_000))
		if err != nil {
			t.Fatal(err)
		}
		keeps := func(line string, size, room int64) int {
			w.opens[line] = lyingFacet.SpawnIn(w.plain, &liar{sealed: func(int) album.Sealed {
				return album.Sealed{Version: 1, Blobs: []album.Blob{{1, big.Key.Name(), size}}, Shelves: []album.Where{{Shelf: place("ada")}}}
			}})
			a := w.follow(kit, album.AsKeeper, line)
			k, err := kit.Keep(ctx, a.Number, room)
			if want := map[bool]int{true: 1, false: 0}[size == big.Size]; err != nil || k.Here != want || k.Missing != 1-want {
				t.Errorf("%s: %+v, %v", line, k, err)
			}
			return a.Number
		}
		honest := keeps("honest", big.Size, 1<<20)
		keeps("less", 1, 10_000)
		if _, err := kit.blobs.Piece(ctx, big.Key.Name(), 0); err != nil {
			t.Error(err)
		}
		if err := kit.Drop(ctx, honest); err != nil {
			t.Fatal(err)
		}
		if _, err := kit.blobs.Piece(ctx, big.Key.Name(), 0); !errors.Is(err, seal.ErrAbsent) {
			t.Errorf("300 kB are kept where there is room for 10: %v", err)
		}
	})
}

// Holders can do what their facet has, within bounds, and nothing else.
func TestHostileHolders(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Config.Amnesia = false
		w.Restart()
		ctx := t.Context()
		ada := w.open("ada")
		harbour := w.begin(ada, "Harbour")
		w.add(ada, harbour, "choir.png", 10)
		facet := func(role album.Role, who string) vat.Ref {
			r, err := w.Redeem(w.invite("ada", harbour, role, who))
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		send := func(to vat.Ref, selector string, args ...any) error {
			_, err := vat.Result[any](to.Send(ctx, selector, args...)).Await(ctx)
			return err
		}
		good := goodPhoto(t, w, 0)
		for role, methods := range map[album.Role][]string{
			album.AsReader: {"add", "remove", "serve", "sealed", "call", "forget"}, album.AsKeeper: {"photos", "add", "remove"}, album.AsContributor: {"sealed", "call", "forget"},
		} {
			for _, m := range methods {
				if err := send(facet(role, "x"), m, good); !errors.Is(err, vat.ErrNoSuchMethod) {
					t.Errorf("%s may %s: %v", role, m, err)
				}
			}
		}
		reader := vat.As[album.ReaderRef](facet(album.AsReader, "vera"))
		for _, from := range []int{-1 << 60, 0, 1 << 60} {
			if _, err := reader.Photos(ctx, from).Await(ctx); err != nil {
				t.Error(from, err)
			}
		}
		// A contributor has so many photos, and changes nobody's.
		bob, eve := vat.As[album.ContributorRef](facet(album.AsContributor, "bob")), vat.As[album.ContributorRef](facet(album.AsContributor, "eve"))
		for name, change := range map[string]func(p *album.Photo){
			"name": func(p *album.Photo) { p.Name = "\x1b" }, "size": func(p *album.Photo) { p.Size = 1 << 40 }, "key": func(p *album.Photo) { p.Key = "x" },
			"caption": func(p *album.Photo) { p.Caption = strings.Repeat("x", 1<<19) },
		} {
			p := good
			change(&p)
			if _, err := bob.Add(ctx, p).Await(ctx); !isCode(err, album.ErrPhoto) && !isCode(err, album.ErrText) {
				t.Errorf("%s: %v", name, err)
			}
		}
		spoof := good
		spoof.By, spoof.Number = "ada", 1
		n, err := bob.Add(ctx, spoof).Await(ctx)
		if err != nil || n != 2 {
			t.Fatal(n, err)
		}
		if l, err := reader.Photos(ctx, 2).Await(ctx); err != nil || l.Photos[0].By == "ada" || l.Photos[0].By == "" {
			t.Errorf("%+v, %v", l, err)
		}
		if _, err := eve.Add(ctx, good).Await(ctx); !isCode(err, album.ErrTwice) {
			t.Error(err)
		}
		if _, err := eve.Remove(ctx, n).Await(ctx); !isCode(err, album.ErrMayNot) {
			t.Error(err)
		}
		if _, err := eve.Remove(ctx, 1).Await(ctx); !isCode(err, album.ErrMayNot) {
			t.Error(err)
		}
		if _, err := eve.Remove(ctx, -1).Await(ctx); !isCode(err, album.ErrGone) {
			t.Error(err)
		}
		for i := range album.MaxContributed {
			_, err := bob.Add(ctx, goodPhoto(t, w, 0)).Await(ctx)
			if full := i == album.MaxContributed-1; full != isCode(err, album.ErrFull) || !full && err != nil {
				t.Fatal(i, err)
			}
		}
		if _, err := eve.Add(ctx, goodPhoto(t, w, 0)).Await(ctx); err != nil {
			t.Errorf("one takes all the room: %v", err)
		}
		before, err := reader.Photos(ctx, 1).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		// There are so many shelves, one of each holder, and what is none is refused.
		for _, shelf := range []string{"x", "http://example.com/", "ocapn://a.tcp/s/x", "ocapn://a.hawser", "ocapn://a.hawser/s/" + strings.Repeat("x", 5000)} {
			if err := send(facet(album.AsKeeper, "kit"), "serve", shelf); !isCode(err, album.ErrText) {
				t.Errorf("%q: %v", shelf[:min(len(shelf), 40)], err)
			}
		}
		for i := range 2 * album.MaxShelves {
			who := string(rune('a' + i))
			for _, at := range []string{"one", "another"} {
				err := send(facet(album.AsKeeper, who), "serve", place(at+who))
				if full := i >= album.MaxShelves; full != isCode(err, album.ErrFull) || !full && err != nil {
					t.Fatal(i, err)
				}
			}
		}
		// A keeper who says another shelf all the time keeps nobody from reading a list whose parts have to have one version.
		if l, err := reader.Photos(ctx, 1).Await(ctx); err != nil || len(l.Shelves) != 1+album.MaxShelves || l.Version != before.Version {
			t.Errorf("%d shelves, version %d after %d, %v", len(l.Shelves), l.Version, before.Version, err)
		}
		// Shelves are asked for anything.
		shelf := vat.As[album.ShelfRef](album.Serve(w.plain, ada.blobs))
		for _, name := range [][]byte{nil, make([]byte, 31), make([]byte, 33), make([]byte, 1<<19)} {
			if _, err := shelf.Piece(ctx, name, 0).Await(ctx); !errors.Is(err, vat.ErrBadArgs) {
				t.Error(len(name), err)
			}
		}
		name := good.Key.Name()
		for _, n := range []int{-1, 2, 1 << 40, -1 << 60} {
			if _, err := shelf.Piece(ctx, name[:], n).Await(ctx); !isCode(err, album.ErrAbsent) {
				t.Error(n, err)
			}
		}
	})
}
