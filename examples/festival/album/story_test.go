package album_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/examples/festival/album"
	"github.com/hawser-go/hawser/vat"
)

// A reader of two owners' albums loses one of them and nothing else, whatever is restarted.
func TestStory(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, bob, vera, kit := w.open("ada"), w.open("bob"), w.open("vera"), w.open("kit")
		harbour, ferries := w.begin(ada, "Harbour"), w.begin(bob, "Ferries")
		choir := w.add(ada, harbour, "choir.png", 200_000)
		w.add(bob, ferries, "ferry.png", 10)
		line := w.invite("ada", harbour, album.AsReader, "vera")
		first, second := w.follow(vera, album.AsReader, line), w.follow(vera, album.AsReader, w.invite("bob", ferries, album.AsReader, "vera"))
		if first.Title != "Harbour" || len(first.Photos) != 1 || first.Photos[0] != choir || first.Trouble != "" || first.Own() || second.Title != "Ferries" {
			t.Errorf("%+v", first)
		}
		sealed := w.follow(kit, album.AsKeeper, w.invite("ada", harbour, album.AsKeeper, "kit"))
		if len(sealed.Photos) != 0 || sealed.Title != "" || len(sealed.Blobs) != 1 || sealed.Blobs[0].Size != 200_000 {
			t.Errorf("a keeper sees %+v", sealed)
		}
		k, err := kit.Keep(ctx, sealed.Number, 1<<20)
		if err != nil || k.Here != 1 || k.Bytes != 200_000 {
			t.Errorf("%+v, %v", k, err)
		}
		if _, err := vera.Read(ctx, first.Number); err != nil { // and hears of the keeper
			t.Fatal(err)
		}
		w.crash()
		ada, bob, vera, kit = w.people["ada"], w.people["bob"], w.people["vera"], w.people["kit"]
		w.away["ada"] = true
		got, b := w.fetch(vera, first.Number, 1)
		if !bytes.Equal(b, content("choir.png", 200_000)) || got.Here || len(got.Bad) > 0 {
			t.Errorf("%d bytes, %+v", len(b), got)
		}
		if a, err := vera.Read(ctx, first.Number); !album.Away(err) || len(a.Photos) != 1 || a.Trouble == "" {
			t.Errorf("%+v, %v", a, err)
		}
		w.away["ada"] = false
		w.void[line] = true // as a revocation does: package photos has the whole of that
		nets := w.add(ada, harbour, "nets.png", 70_000)
		if nets.Key == choir.Key || nets.Number != 2 {
			t.Errorf("%v", nets)
		}
		a, err := vera.Read(ctx, first.Number)
		if err == nil || album.Away(err) || len(a.Photos) != 1 || a.Photos[0] != choir {
			t.Errorf("%+v, %v", a, err)
		}
		if _, err := vera.Fetch(ctx, first.Number, 2, w.dir+"/nets"); !isCode(err, album.ErrGone) {
			t.Error(err)
		}
		w.add(bob, ferries, "wake.png", 1)
		if a, err := vera.Read(ctx, second.Number); err != nil || len(a.Photos) != 2 || a.Trouble != "" {
			t.Errorf("%+v, %v", a, err)
		}
		if _, b := w.fetch(vera, second.Number, 2); !bytes.Equal(b, content("wake.png", 1)) {
			t.Errorf("%q", b)
		}
		if k, err := kit.Sync(ctx, sealed.Number); err != nil || k.Here != 2 {
			t.Errorf("%+v, %v", k, err)
		}
	})
}

// What a contributor adds is read by others, also when the contributor is away: the album's home has it by then.
func TestContributor(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, bob, vera := w.open("ada"), w.open("bob"), w.open("vera")
		harbour := w.begin(ada, "Harbour")
		w.add(ada, harbour, "choir.png", 10)
		if err := ada.Call(ctx, harbour, keyOf("bob"), "bob"); err != nil {
			t.Fatal(err)
		}
		theirs := w.follow(bob, album.AsContributor, w.invite("ada", harbour, album.AsContributor, "bob"))
		ferry := w.add(bob, theirs.Number, "ferry.png", 100_000)
		a := w.follow(vera, album.AsReader, w.invite("ada", harbour, album.AsReader, "vera"))
		if len(a.Photos) != 2 || a.Photos[1].By != "bob" || a.Photos[1].Key != ferry.Key || a.Photos[1].Number != ferry.Number {
			t.Fatalf("%+v", a)
		}
		if got, b := w.fetch(vera, a.Number, 2); !bytes.Equal(b, content("ferry.png", 100_000)) || got.Of != "bob" {
			t.Errorf("%+v", got)
		}
		k, err := ada.Sync(ctx, harbour)
		if err != nil || k.Here != 2 || k.Missing != 0 {
			t.Errorf("%+v, %v", k, err)
		}
		w.crash()
		ada, bob, vera = w.people["ada"], w.people["bob"], w.people["vera"]
		w.away["bob"] = true
		if got, b := w.fetch(vera, a.Number, 2); !bytes.Equal(b, content("ferry.png", 100_000)) || got.Of != "" {
			t.Errorf("%+v", got)
		}
		w.away["bob"] = false
		if _, err := bob.Read(ctx, theirs.Number); err != nil {
			t.Fatal(err)
		}
		if err := bob.Remove(ctx, theirs.Number, 1); !isCode(err, album.ErrMayNot) {
			t.Error(err)
		}
		if err := bob.Remove(ctx, theirs.Number, 2); err != nil {
			t.Error(err)
		}
		if k, err := ada.Sync(ctx, harbour); err != nil || k.Here != 1 {
			t.Errorf("%+v, %v", k, err)
		}
		for _, p := range []*person{ada, bob} {
			if _, err := p.blobs.Piece(ctx, ferry.Key.Name(), 0); err == nil {
				t.Error("what was removed is still kept")
			}
		}
	})
}

// An album that has ended is empty to those who had it, and its photos are gone, but for those that are in another.
func TestEnd(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, vera := w.open("ada"), w.open("vera")
		harbour, quay := w.begin(ada, "Harbour"), w.begin(ada, "Quay")
		choir, nets := w.add(ada, harbour, "choir.png", 10), w.add(ada, harbour, "nets.png", 10)
		contributor, err := w.Redeem(w.invite("ada", quay, album.AsContributor, "eve"))
		if err != nil {
			t.Fatal(err)
		}
		eve := vat.As[album.ContributorRef](contributor)
		if _, err := eve.Add(ctx, nets).Await(ctx); err != nil {
			t.Fatal(err)
		}
		a := w.follow(vera, album.AsReader, w.invite("ada", harbour, album.AsReader, "vera"))
		line := w.invite("ada", harbour, album.AsContributor, "eve")
		if contributor, err = w.Redeem(line); err != nil {
			t.Fatal(err)
		}
		if err := ada.End(ctx, harbour); err != nil {
			t.Fatal(err)
		}
		if err := ada.End(ctx, harbour); !isCode(err, album.ErrNoAlbum) {
			t.Error(err)
		}
		eve = vat.As[album.ContributorRef](contributor)
		if _, err := eve.Add(ctx, choir).Await(ctx); !isCode(err, album.ErrNoAlbum) {
			t.Error(err)
		}
		if _, err := eve.Serve(ctx, place("eve")).Await(ctx); !isCode(err, album.ErrNoAlbum) {
			t.Error(err)
		}
		reader := vat.As[album.ReaderRef](contributor)
		if l, err := reader.Photos(ctx, 1).Await(ctx); err != nil || len(l.Photos) > 0 || len(l.Shelves) > 0 {
			t.Errorf("%+v, %v", l, err)
		}
		w.crash()
		ada = w.people["ada"]
		if _, err := ada.blobs.Piece(ctx, choir.Key.Name(), 0); err == nil {
			t.Error("a photo of an album that has ended is there")
		}
		if _, err := ada.blobs.Piece(ctx, nets.Key.Name(), 0); err != nil {
			t.Error("a photo of an album that goes on is gone")
		}
		if len(w.people["vera"].known(t, a.Number).Photos) != 2 {
			t.Error("what was read is unread")
		}
	})
}

func (p *person) known(t *testing.T, number int) album.Album {
	t.Helper()
	a, err := p.Album(t.Context(), number)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// forgetful is the home of an album that does not say whether it has added a photo.
type forgetful struct{ stop chan struct{} }

func (f forgetful) Serve(context.Context, string) {}
func (f forgetful) Add(context.Context, album.Photo) int {
	<-f.stop
	return 1
}

type forgetting interface {
	Serve(ctx context.Context, shelf string)
	Add(ctx context.Context, p album.Photo) int
}

var forgettingFacet = vat.FacetOf[forgetting]("test.forgetful")

// A contributor's photo that the home does not answer for stays, and one that it refuses, or was never asked about, does not.
func TestContributingToSilence(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, bob := w.open("ada"), w.open("bob")
		harbour := w.begin(ada, "Harbour")
		line := w.invite("ada", harbour, album.AsContributor, "bob")
		a := w.follow(bob, album.AsContributor, line)
		w.away["ada"] = true
		p, err := bob.Add(ctx, a.Number, w.file("a.png", 10), "")
		if !album.Away(err) || strings.Contains(err.Error(), "may have taken") {
			t.Fatal(err)
		}
		if _, err := bob.blobs.Piece(ctx, p.Key.Name(), 0); err == nil {
			t.Error("what nobody was asked about is kept")
		}
		v, f := vat.New(nil), forgetful{make(chan struct{})}
		defer v.Close()
		defer close(f.stop)
		w.opens[line] = forgettingFacet.SpawnIn(v, f)
		if p, err = bob.Add(ctx, a.Number, w.file("a.png", 10), ""); !album.Away(err) || !strings.Contains(err.Error(), "may have taken") {
			t.Fatal(err)
		}
		delete(w.opens, line)
		if _, err := bob.blobs.Piece(ctx, p.Key.Name(), 0); err != nil {
			t.Error(err)
		}
		w.away["ada"], w.void[line] = false, true
		refused, err := bob.Add(ctx, a.Number, w.file("b.png", 10), "")
		if err == nil || album.Away(err) {
			t.Fatal(err)
		}
		if _, err := bob.blobs.Piece(ctx, refused.Key.Name(), 0); err == nil {
			t.Error("what was refused is kept")
		}
		w.crash()
		bob = w.people["bob"]
		if _, err := bob.blobs.Piece(ctx, p.Key.Name(), 0); err != nil {
			t.Error(err)
		}
		if err := bob.Drop(ctx, a.Number); err != nil {
			t.Fatal(err)
		}
		if _, err := bob.blobs.Piece(ctx, p.Key.Name(), 0); err == nil {
			t.Error("it is still there when the album was dropped")
		}
	})
}

// A contributor who takes out what they have just added, without having read the album since, has it no more.
func TestContributedAndRemoved(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, bob := w.open("ada"), w.open("bob")
		harbour := w.begin(ada, "Harbour")
		a := w.follow(bob, album.AsContributor, w.invite("ada", harbour, album.AsContributor, "bob"))
		stays, goes := w.add(bob, a.Number, "stays.png", 10), w.add(bob, a.Number, "goes.png", 10)
		w.crash()
		bob = w.people["bob"]
		if err := bob.Remove(ctx, a.Number, goes.Number); err != nil {
			t.Fatal(err)
		}
		if _, err := bob.blobs.Piece(ctx, goes.Key.Name(), 0); err == nil {
			t.Error("what was removed is still served")
		}
		if _, err := bob.blobs.Piece(ctx, stays.Key.Name(), 0); err != nil {
			t.Error(err)
		}
	})
}

// What nobody could have, since there is no room to say where it is, is not added.
func TestContributorWithoutShelf(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, bob := w.open("ada"), w.open("bob")
		harbour := w.begin(ada, "Harbour")
		a := w.follow(bob, album.AsContributor, w.invite("ada", harbour, album.AsContributor, "bob"))
		for i := range album.MaxShelves {
			facet, err := w.Redeem(w.invite("ada", harbour, album.AsKeeper, fmt.Sprint("kit", i)))
			if err == nil {
				_, err = (album.KeeperRef{Ref: facet}).Serve(ctx, place("kit")).Await(ctx)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		p, err := bob.Add(ctx, a.Number, w.file("a.png", 10), "")
		if !isCode(err, album.ErrFull) {
			t.Error(err)
		}
		if all := ada.known(t, harbour).Photos; len(all) != 0 {
			t.Errorf("added: %v", all)
		}
		if _, err := bob.blobs.Piece(ctx, p.Key.Name(), 0); err == nil {
			t.Error("what was refused is kept")
		}
	})
}

// Albums of some hundred photos come in parts, and in order, also when some were taken out.
func TestManyPhotos(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.Config.Amnesia = false
		w.Restart()
		ctx := t.Context()
		ada, vera, kit := w.open("ada"), w.open("vera"), w.open("kit")
		harbour := w.begin(ada, "Harbour")
		path := w.file("photo.png", 1)
		for i := range album.MaxPhotos {
			if _, err := ada.Add(ctx, harbour, path, ""); err != nil {
				t.Fatal(i, err)
			}
		}
		if _, err := ada.Add(ctx, harbour, path, ""); !isCode(err, album.ErrFull) {
			t.Errorf("one more: %v", err)
		}
		if err := ada.Remove(ctx, harbour, 64); err != nil {
			t.Error(err)
		}
		a := w.follow(vera, album.AsReader, w.invite("ada", harbour, album.AsReader, "vera"))
		facet, err := w.Redeem(w.invite("ada", harbour, album.AsReader, "vera"))
		if err != nil {
			t.Fatal(err)
		}
		if l, err := (album.ReaderRef{Ref: facet}).Photos(ctx, 1).Await(ctx); err != nil || len(l.Photos) != 64 || !l.More {
			t.Errorf("%d at once, %v", len(l.Photos), err)
		}
		if len(a.Photos) != album.MaxPhotos-1 || !slices.IsSortedFunc(a.Photos, func(x, y album.Photo) int { return x.Number - y.Number }) {
			t.Errorf("%d photos", len(a.Photos))
		}
		sealed := w.follow(kit, album.AsKeeper, w.invite("ada", harbour, album.AsKeeper, "kit"))
		if !slices.Equal(sealed.Blobs, a.Blobs) {
			t.Errorf("a keeper sees other photos than a reader: %d", len(sealed.Blobs))
		}
		// Small photos are not free.
		if k, err := kit.Keep(ctx, sealed.Number, 50<<10); err != nil || k.Here != 12 || k.Beyond != album.MaxPhotos-1-12 {
			t.Errorf("%+v, %v", k, err)
		}
		if k, err := kit.Keep(ctx, sealed.Number, 0); err != nil || k.Here != 0 {
			t.Errorf("%+v, %v", k, err)
		}
		if _, err := kit.blobs.Piece(ctx, sealed.Blobs[0].Name, 0); err == nil {
			t.Error("it is kept although it need not be")
		}
		if len(w.people["vera"].read(t, a.Number).Shelves) != 1 {
			t.Error("a shelf is told of where nothing is kept")
		}
	})
}

func (p *person) read(t *testing.T, number int) album.Album {
	t.Helper()
	a, err := p.Read(t.Context(), number)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A keeper is told of until its grant is over, or it was revoked.
func TestKeepersGo(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, vera, kit, kim := w.open("ada"), w.open("vera"), w.open("kit"), w.open("kim")
		harbour := w.begin(ada, "Harbour")
		w.add(ada, harbour, "choir.png", 10)
		a := w.follow(vera, album.AsReader, w.invite("ada", harbour, album.AsReader, "vera"))
		for name, p := range map[string]*person{"kit": kit, "kim": kim} {
			sealed := w.follow(p, album.AsKeeper, w.invite("ada", harbour, album.AsKeeper, name))
			for range 3 {
				if _, err := p.Keep(ctx, sealed.Number, 1<<20); err != nil {
					t.Fatal(err)
				}
			}
		}
		if all := vera.read(t, a.Number).Shelves; len(all) != 3 || all[0].Shelf != place("ada") || all[0].Of != "" {
			t.Errorf("%v", all)
		}
		if err := ada.Forget(ctx, harbour, keyOf("kit")); err != nil {
			t.Fatal(err)
		}
		if all := vera.read(t, a.Number).Shelves; len(all) != 2 || all[1].Shelf != place("kim") {
			t.Errorf("%v", all)
		}
		time.Sleep(until)
		if all := vera.read(t, a.Number).Shelves; len(all) != 1 {
			t.Errorf("%v", all)
		}
		for i := range album.MaxShelves { // for whom there is room again
			facet, err := w.Redeem(w.invite("ada", harbour, album.AsKeeper, fmt.Sprint("late", i)))
			if err == nil {
				_, err = (album.KeeperRef{Ref: facet}).Serve(ctx, place("late")).Await(ctx)
			}
			if err != nil {
				t.Error(i, err)
			}
		}
	})
}
