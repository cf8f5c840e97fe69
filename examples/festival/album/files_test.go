package album_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/examples/festival/album"
	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/store"
)

// Files that are no photos are refused, in words that say what they are, and nothing of them is kept.
func TestFiles(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada := w.open("ada")
		harbour := w.begin(ada, "Harbour")
		large := filepath.Join(w.dir, "large.png")
		f, err := os.Create(large)
		if err == nil {
			err = f.Truncate(album.MaxPhoto + 1)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		moves := filepath.Join(w.dir, "a\u202eb.png")
		if err := os.WriteFile(moves, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]string{
			filepath.Join(w.dir, "none.png"): "there is no file",
			w.dir:                            "is a directory",
			w.file("empty.png", 0):           "is empty",
			large:                            "at most 64 MiB",
			os.DevNull:                       "is no file",
			moves:                            "U+202E",
			"":                               "",
		} {
			if _, err := ada.Add(ctx, harbour, path, ""); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", path, err)
			}
		}
		good := w.file("good.png", 10)
		if _, err := ada.Add(ctx, harbour, good, "\x1b"); !isCode(err, album.ErrText) {
			t.Error(err)
		}
		for _, number := range []int{0, -1, 2, 1 << 40} {
			if _, err := ada.Add(ctx, number, good, ""); !isCode(err, album.ErrNoAlbum) {
				t.Error(number, err)
			}
		}
		mine, err := seal.NewShelf(ada.disk, "mine")
		if err != nil {
			t.Fatal(err)
		}
		if left, err := mine.All(); err != nil || len(left) > 0 {
			t.Errorf("kept: %v, %v", left, err)
		}
		if a := ada.read(t, harbour); len(a.Photos) > 0 {
			t.Errorf("%v", a.Photos)
		}
	})
}

// A file that is there is not written over, and what cannot be had leaves nothing.
func TestFetchingToFiles(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, kit := w.open("ada"), w.open("kit")
		harbour := w.begin(ada, "Harbour")
		w.add(ada, harbour, "choir.png", 100_000)
		dir := t.TempDir()
		there := filepath.Join(dir, "there.png")
		if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]string{
			there: "exists", dir: "exists", filepath.Join(dir, "none", "x.png"): "there is no file", filepath.Join(there, "x.png"): "",
		} {
			if _, err := ada.Fetch(ctx, harbour, 1, path); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", path, err)
			}
		}
		if b, err := os.ReadFile(there); err != nil || string(b) != "mine" {
			t.Errorf("%q, %v", b, err)
		}
		path := filepath.Join(dir, "x.png")
		if _, err := ada.Fetch(ctx, harbour, 7, path); !isCode(err, album.ErrGone) {
			t.Error(err)
		}
		sealed := w.follow(kit, album.AsKeeper, w.invite("ada", harbour, album.AsKeeper, "kit"))
		if _, err := kit.Fetch(ctx, sealed.Number, 1, path); !isCode(err, album.ErrMayNot) {
			t.Error(err)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := ada.Fetch(ended, harbour, 1, path); err == nil {
			t.Error("fetched although it was called off")
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		if got, err := ada.Fetch(ctx, harbour, 1, path); err != nil || !got.Here {
			t.Errorf("%+v, %v", got, err)
		}
		if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, content("choir.png", 100_000)) {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	})
}

// A contributor, or an owner, who lists a photo with another key has made one that nobody can open, and is told so.
func TestWrongKey(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, vera := w.open("ada"), w.open("vera")
		harbour := w.begin(ada, "Harbour")
		one, two := goodPhoto(t, w, 0), goodPhoto(t, w, 0)
		_, key, _ := strings.Cut(string(two.Key), ".")
		one.Key = album.Key("hawser-blob:" + one.Key.Name().String() + "." + key)
		l, err := w.Redeem(w.invite("ada", harbour, album.AsContributor, "eve"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (album.ContributorRef{Ref: l}).Add(ctx, one).Await(ctx); err != nil {
			t.Fatal(err)
		}
		a := w.follow(vera, album.AsReader, w.invite("ada", harbour, album.AsReader, "vera"))
		dir := t.TempDir()
		if _, err := vera.Fetch(ctx, a.Number, 1, filepath.Join(dir, "x")); !isCode(err, album.ErrPhoto) || !strings.Contains(err.Error(), "whoever added it") {
			t.Error(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		// And one that is larger than the list says is not fetched.
		large, err := ada.blobs.Put(ctx, w.file("large.png", 300_000))
		if err != nil {
			t.Fatal(err)
		}
		large.Size = 10
		if _, err := (album.ContributorRef{Ref: l}).Add(ctx, large).Await(ctx); err != nil {
			t.Fatal(err)
		}
		vera.read(t, a.Number)
		if got, err := vera.Fetch(ctx, a.Number, 2, filepath.Join(dir, "x")); !isCode(err, album.ErrNowhere) || len(got.Bad) == 0 || !got.Bad[0].Lied() {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// What a process that was killed has left behind is gone when the next one has opened.
func TestKilled(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada := w.open("ada")
		harbour := w.begin(ada, "Harbour")
		kept := w.add(ada, harbour, "choir.png", 10)
		orphan, err := ada.blobs.Put(ctx, w.file("orphan.png", 10)) // and killed before it was on a list
		if err != nil {
			t.Fatal(err)
		}
		passing, err := seal.NewShelf(ada.disk, "passing")
		if err != nil {
			t.Fatal(err)
		}
		blob, err := passing.Put(ctx, strings.NewReader("half")) // and killed before it was fetched
		if err != nil {
			t.Fatal(err)
		}
		w.crash()
		ada = w.people["ada"]
		if _, err := ada.blobs.Piece(ctx, kept.Key.Name(), 1); err != nil {
			t.Error(err)
		}
		if _, err := ada.blobs.Piece(ctx, orphan.Key.Name(), 0); err == nil {
			t.Error("a photo is there that is on no list")
		}
		if _, err := passing.Piece(ctx, blob.Name(), 0); err == nil {
			t.Error("what was being fetched is still there")
		}
	})
}

// A file that was being written when the process was killed is gone when the next one has opened, and nothing else beside it.
func TestKilledWhileFetching(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ada, vera := w.open("ada"), w.open("vera")
		harbour := w.begin(ada, "Harbour")
		w.add(ada, harbour, "choir.png", 100_000)
		a := w.follow(vera, album.AsReader, w.invite("ada", harbour, album.AsReader, "vera"))
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ".photo-mine"), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		w.away["ada"] = true
		ctx, kill := context.WithCancel(t.Context())
		defer kill()
		var fetching sync.WaitGroup
		fetching.Go(func() { _, _ = vera.Fetch(ctx, a.Number, 1, filepath.Join(dir, "choir.png")) })
		synctest.Wait()
		if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
			t.Fatalf("nothing was being written: %v, %v", left, err)
		}
		w.crash()
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Name() != ".photo-mine" {
			t.Errorf("left behind: %v, %v", left, err)
		}
		kill()
		fetching.Wait()
		w.away["ada"] = false
		w.fetch(w.people["vera"], a.Number, 1)
	})
}

// A disk that has changed a byte of one's own copy costs nothing but another question.
func TestRottenDisk(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, kit := w.open("ada"), w.open("kit")
		harbour := w.begin(ada, "Harbour")
		p := w.add(ada, harbour, "choir.png", 100_000)
		sealed := w.follow(kit, album.AsKeeper, w.invite("ada", harbour, album.AsKeeper, "kit"))
		if k, err := kit.Keep(ctx, sealed.Number, 1<<20); err != nil || k.Here != 1 {
			t.Fatal(k, err)
		}
		rot(t, ada.disk, "mine")
		got, b := w.fetch(ada, harbour, 1)
		if got.Here || !bytes.Equal(b, content("choir.png", 100_000)) {
			t.Errorf("%+v, %d bytes of %v", got, len(b), p)
		}
	})
}

// A keeper's disk that has changed a byte is noticed when its program has started again, and the piece fetched anew.
func TestRottenKeeper(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, kit := w.open("ada"), w.open("kit")
		harbour := w.begin(ada, "Harbour")
		w.add(ada, harbour, "choir.png", 100_000)
		sealed := w.follow(kit, album.AsKeeper, w.invite("ada", harbour, album.AsKeeper, "kit"))
		if k, err := kit.Keep(ctx, sealed.Number, 1<<20); err != nil || k.Here != 1 {
			t.Fatal(k, err)
		}
		for _, rots := range []bool{false, true, true} {
			if rots {
				rot(t, kit.disk, "kept")
			}
			w.crash()
			ada, kit = w.people["ada"], w.people["kit"]
			w.away["ada"] = true
			want := map[bool]int{true: 0, false: 1}[rots]
			k, err := kit.Sync(ctx, sealed.Number)
			if !album.Away(err) || k.Here != want || k.Missing != 1-want {
				t.Errorf("%+v, %v", k, err)
			}
			for _, f := range k.Bad {
				if f.Lied() {
					t.Error("a keeper has asked itself")
				}
			}
			w.away["ada"] = false
			if k, err := kit.Sync(ctx, sealed.Number); err != nil || k.Here != 1 {
				t.Errorf("%+v, %v", k, err)
			}
		}
		rot(t, ada.disk, "mine")
		if got, b := w.fetch(ada, harbour, 1); got.Here || !bytes.Equal(b, content("choir.png", 100_000)) {
			t.Errorf("%+v", got)
		}
	})
}

// Keys do not print, whatever holds them.
func TestKeysDoNotPrint(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.open("ada")
		p := goodPhoto(t, w, 1)
		_, secret, _ := strings.Cut(string(p.Key), ".")
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "photo", p, "key", p.Key)
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []string{
			fmt.Sprint(p), fmt.Sprintf("%+v", p), fmt.Sprintf("%#v", p), fmt.Sprintf("%q", p.Key), fmt.Sprintf("%x", p.Key), fmt.Sprintf("%v", &p), string(text), log.String(),
			fmt.Sprintf("%v", album.Photos{Photos: []album.Photo{p}}), fmt.Sprintf("%+v", album.Album{Photos: []album.Photo{p}}), fmt.Sprint(album.Fetched{Photo: p}),
		} {
			if strings.Contains(got, secret) || strings.Contains(got, fmt.Sprintf("%x", secret)) {
				t.Errorf("%q has the key", got)
			}
			if !strings.Contains(got, p.Key.Name().String()) {
				t.Errorf("%q does not say which photo it is", got)
			}
		}
	})
}

// rot changes a byte in the middle of the last piece of every photo in a bucket.
func rot(t *testing.T, st *store.Store, bucket string) {
	t.Helper()
	var b store.Batch
	err := st.View(func(r store.Reader) error {
		r.Scan(bucket, nil, func(key, value []byte) bool {
			if len(key) == 36 && len(value) < 60_000 {
				changed := bytes.Clone(value)
				changed[len(changed)/2] ^= 1
				b.Put(bucket, bytes.Clone(key), changed)
			}
			return true
		})
		return nil
	})
	if len(b.Ops()) == 0 {
		t.Fatal("there is nothing to rot")
	}
	if err == nil {
		err = st.Write(&b)
	}
	if err != nil {
		t.Fatal(err)
	}
}
