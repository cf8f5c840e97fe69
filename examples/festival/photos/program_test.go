package photos_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/examples/festival/album"
	"github.com/hawser-go/hawser/examples/festival/photos"
	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

// person is somebody with a program, on the loopback interface.
type person struct {
	*photos.Program
	t   *testing.T
	dir string
}

func open(t *testing.T, dir string) *person {
	t.Helper()
	p, err := photos.Open(t.Context(), photos.Config{Dir: dir, Listen: "127.0.0.1:0", Logger: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return &person{p, t, dir}
}

func (p *person) ends() {
	p.t.Helper()
	if err := p.Close(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) begin(title string) int {
	p.t.Helper()
	n, err := p.Begin(p.t.Context(), title)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// add adds a photo of so many random bytes, and returns them.
func (p *person) add(number int, name string, size int) (album.Photo, []byte) {
	p.t.Helper()
	b := make([]byte, size)
	_, _ = rand.Read(b)
	path := filepath.Join(p.t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		p.t.Fatal(err)
	}
	photo, err := p.Add(p.t.Context(), number, path, "")
	if err != nil {
		p.t.Fatal(err)
	}
	return photo, b
}

func (p *person) share(number int, role album.Role, with *person, name string) string {
	p.t.Helper()
	i, err := p.Share(p.t.Context(), number, role, with.Key(), name)
	if err != nil {
		p.t.Fatal(err)
	}
	return i.String()
}

func (p *person) accept(line string) int {
	p.t.Helper()
	n, err := p.Accept(p.t.Context(), line)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// reads reads an album in which there are so many photos.
func (p *person) reads(number, want int) album.Album {
	p.t.Helper()
	a, err := p.Read(p.t.Context(), number)
	if err != nil || len(a.Blobs) != want {
		p.t.Fatalf("%d photos, want %d: %v", len(a.Blobs), want, err)
	}
	return a
}

// refused checks that an album is not to be read any more.
func (p *person) refused(number int) album.Album {
	p.t.Helper()
	a, err := p.Read(p.t.Context(), number)
	if !errors.Is(err, hawser.ErrGrantRefused) && !errors.Is(err, hawser.ErrGrantOver) {
		p.t.Errorf("still a reader: %v", err)
	}
	return a
}

func (p *person) fetches(number, photo int, want []byte) album.Fetched {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), "photo")
	got, err := p.Fetch(p.t.Context(), number, photo, path)
	if err != nil {
		p.t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, want) {
		p.t.Errorf("another photo, %v", err)
	}
	return got
}

// Two owners, and nobody above them. Whoever loses one album, with those who have it from them, loses that one, from then on, and nobody else
// notices; it stays so after restarts of everybody.
func TestFlat(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dirs := make(map[string]string)
	for _, who := range []string{"ada", "bob", "vera", "fred", "walt"} {
		dirs[who] = t.TempDir()
	}
	ada, bob, vera, fred, walt := open(t, dirs["ada"]), open(t, dirs["bob"]), open(t, dirs["vera"]), open(t, dirs["fred"]), open(t, dirs["walt"])
	harbour, quay, ferries := ada.begin("Harbour"), ada.begin("Quay"), bob.begin("Ferries")
	_, choir := ada.add(harbour, "choir.png", 150_000)
	_, stones := ada.add(quay, "stones.png", 1000)
	_, ferry := bob.add(ferries, "ferry.png", 1000)

	hers := []int{vera.accept(ada.share(harbour, album.AsReader, vera, "vera")), vera.accept(ada.share(quay, album.AsReader, vera, "vera")), vera.accept(bob.share(ferries, album.AsReader, vera, "vera"))}
	walts := walt.accept(ada.share(harbour, album.AsReader, walt, "walt"))
	for i, want := range [][]byte{choir, stones, ferry} {
		vera.reads(hers[i], 1)
		vera.fetches(hers[i], 1, want)
	}
	passed, err := vera.Pass(ctx, hers[0], fred.Key())
	if err != nil {
		t.Fatal(err)
	}
	freds := fred.accept(passed.String())
	fred.reads(freds, 1)
	fred.fetches(freds, 1, choir)

	if g, err := ada.Revoke(ctx, 1, "enough"); err != nil || g.Album != harbour || g.To != "vera" {
		t.Fatal(g, err)
	}
	secret, nets := ada.add(harbour, "nets.png", 1000)
	for restarted := range 2 {
		for name, p := range map[string]*person{"vera": vera, "fred": fred} {
			number := map[string]int{"vera": hers[0], "fred": freds}[name]
			a := p.refused(number)
			if len(a.Photos) != 1 || a.Photos[0].Key == secret.Key {
				t.Errorf("%s has %d photos", name, len(a.Photos))
			}
			p.fetches(number, 1, choir) // what was read is not unread
			if _, err := p.Fetch(ctx, number, 2, filepath.Join(t.TempDir(), "x")); err == nil {
				t.Errorf("%s has a photo that was added after", name)
			}
		}
		vera.reads(hers[1], 1)
		vera.reads(hers[2], 1)
		walt.reads(walts, 2)
		walt.fetches(walts, 2, nets)
		if restarted == 1 {
			break
		}
		for _, p := range []*person{ada, bob, vera, fred, walt} {
			p.ends()
		}
		ada, bob, vera, fred, walt = open(t, dirs["ada"]), open(t, dirs["bob"]), open(t, dirs["vera"]), open(t, dirs["fred"]), open(t, dirs["walt"])
	}
	// A new grant is a new grant.
	if n := vera.accept(ada.share(harbour, album.AsReader, vera, "vera")); n != hers[0] {
		t.Errorf("the album has another number: %d", n)
	}
	vera.reads(hers[0], 2)
	// What was passed on is taken back by who has done so, at an owner who has never heard of it.
	passed, err = vera.Pass(ctx, hers[0], fred.Key())
	if err != nil {
		t.Fatal(err)
	}
	fred.accept(passed.String())
	fred.reads(freds, 2)
	if _, err := vera.Revoke(ctx, 2, ""); err != nil {
		t.Fatal(err)
	}
	fred.refused(freds)
	vera.reads(hers[0], 2)
}

// A keeper serves, while the owner is away, what it has nothing to read with.
func TestKeeperIsBlind(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	ada, vera, kit := open(t, t.TempDir()), open(t, t.TempDir()), open(t, t.TempDir())
	harbour := ada.begin("The harbour in the night")
	photo, choir := ada.add(harbour, "choir at the quay.png", 300_000)
	sealed := kit.accept(ada.share(harbour, album.AsKeeper, kit, "kit"))
	if k, err := kit.Keep(ctx, sealed, 1<<20); err != nil || k.Here != 1 {
		t.Fatal(k, err)
	}
	if _, err := kit.Try(ctx, sealed, "photos"); err == nil || !strings.Contains(err.Error(), "no such method") {
		t.Error(err)
	}
	n := vera.accept(ada.share(harbour, album.AsReader, vera, "vera"))
	vera.reads(n, 1)
	ada.ends()
	if got := vera.fetches(n, 1, choir); got.Of != "kit" {
		t.Errorf("%+v", got)
	}
	kit.ends()
	_, secret, _ := strings.Cut(string(photo.Key), ".")
	found := false
	for _, name := range []string{"blobs.db", "store.db"} {
		b, err := os.ReadFile(filepath.Join(kit.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for what, text := range map[string][]byte{"a key": []byte(secret), "a name": []byte("choir at the quay"), "a title": []byte("The harbour in the night"), "the photo": choir[100_000:100_032]} {
			if bytes.Contains(b, text) {
				t.Errorf("a keeper's %s has %s", name, what)
			}
		}
		name := photo.Key.Name()
		found = found || bytes.Contains(b, name[:])
	}
	if !found {
		t.Error("what was looked for is not how things are stored")
	}
}

// Revoking a keeper has readers told of its shelf no more.
func TestKeeperIsRevoked(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	ada, vera, kit := open(t, t.TempDir()), open(t, t.TempDir()), open(t, t.TempDir())
	harbour := ada.begin("Harbour")
	ada.add(harbour, "choir.png", 1000)
	sealed := kit.accept(ada.share(harbour, album.AsKeeper, kit, "kit"))
	if _, err := kit.Keep(ctx, sealed, 1<<20); err != nil {
		t.Fatal(err)
	}
	n := vera.accept(ada.share(harbour, album.AsReader, vera, "vera"))
	if a := vera.reads(n, 1); len(a.Shelves) != 2 || a.Shelves[1].Of != "kit" {
		t.Errorf("%v", a.Shelves)
	}
	if _, err := ada.Revoke(ctx, 1, ""); err != nil {
		t.Fatal(err)
	}
	if a := vera.reads(n, 1); len(a.Shelves) != 1 {
		t.Errorf("%v", a.Shelves)
	}
	kit.refused(sealed)
	if left, err := ada.Still(ctx, 1); err != nil || len(left) != 0 {
		t.Error(left, err)
	}
	kit.accept(ada.share(harbour, album.AsReader, kit, "kit"))
	kit.accept(ada.share(ada.begin("Another"), album.AsReader, kit, "kit"))
	if left, err := ada.Still(ctx, 1); err != nil || !slices.Equal(left, []int{3}) {
		t.Error(left, err)
	}
	if all, err := ada.Given(ctx); err != nil || len(all) != 4 || !all[0].Revoked || all[1].Revoked {
		t.Errorf("%+v, %v", all, err)
	}
	// Of a keeper who is a reader, too, and loses that, they are still told.
	kit.accept(ada.share(harbour, album.AsKeeper, kit, "kit"))
	if _, err := kit.Keep(ctx, sealed, 1<<20); err != nil {
		t.Fatal(err)
	}
	if _, err := ada.Revoke(ctx, 3, ""); err != nil {
		t.Fatal(err)
	}
	if a := vera.reads(n, 1); len(a.Shelves) != 2 {
		t.Errorf("%v", a.Shelves)
	}
}

// What was given of an album can be taken back when that has ended, too.
func TestRevokedAfterEnd(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	ada, vera := open(t, t.TempDir()), open(t, t.TempDir())
	harbour := ada.begin("Harbour")
	for _, role := range []album.Role{album.AsReader, album.AsKeeper} {
		ada.share(harbour, role, vera, "vera")
	}
	if err := ada.End(ctx, harbour); err != nil {
		t.Fatal(err)
	}
	for number := 1; number <= 2; number++ {
		if g, err := ada.Revoke(ctx, number, ""); err != nil || g.To != "vera" {
			t.Error(g, err)
		}
	}
}

// Invitations are for one key, and for what there is.
func TestInvitations(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	ada, vera, eve := open(t, t.TempDir()), open(t, t.TempDir()), open(t, t.TempDir())
	harbour := ada.begin("Harbour")
	line := ada.share(harbour, album.AsReader, vera, "vera")
	words := strings.Fields(line)
	for _, bad := range []string{
		"", "x", "invitation", "invitation x y", words[1], words[1] + " x", words[0] + " " + words[2] + " " + words[1], line + " more",
		strings.Replace(line, words[1], words[1][:len(words[1])-8], 1), strings.Replace(line, ".hawser", ".hawser/s/x", 1),
	} {
		if _, err := vera.Accept(ctx, bad); !errors.Is(err, photos.ErrInvitation) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := eve.Accept(ctx, line); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Error(err)
	}
	for _, role := range []album.Role{"", "king", "owner", "admin"} {
		if _, err := ada.Share(ctx, harbour, role, vera.Key(), "vera"); err == nil {
			t.Errorf("shared as %q", role)
		}
	}
	if _, err := ada.Share(ctx, harbour, album.AsReader, vera.Key(), "ve\x1bra"); err == nil {
		t.Error("shared with somebody who cannot be shown")
	}
	if _, err := ada.Share(ctx, 7, album.AsReader, vera.Key(), "vera"); !errors.Is(err, album.ErrNoAlbum) {
		t.Error(err)
	}
	// A forger changes a bit, an object's owner grants a role that is none: both are for nothing.
	n := vera.accept(line)
	vera.reads(n, 0)
	if _, err := vera.Share(ctx, n, album.AsReader, eve.Key(), "eve"); err == nil {
		t.Error("shared what is somebody else's")
	}
	if _, err := ada.Pass(ctx, harbour, eve.Key()); err == nil {
		t.Error("passed on what is one's own")
	}
	keeper := vera.accept(ada.share(harbour, album.AsKeeper, vera, "vera"))
	if _, err := vera.Pass(ctx, keeper, eve.Key()); err == nil || !strings.Contains(err.Error(), "for you alone") {
		t.Error(err)
	}
	if _, err := ada.Revoke(ctx, 99, ""); err == nil {
		t.Error("revoked what there is not")
	}
	// Eve, whose node has an object of the same name, grants Vera an "album" there: it is none.
	other, err := hawser.Open(ctx, &hawser.Config{Listen: "127.0.0.1:0", Logger: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	g, err := other.Issue("album-x", "reader", grant.Terms{Audience: vera.Key(), Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	none := vera.accept(photos.Invitation{Grant: g, At: other.Location()}.String())
	if a, err := vera.Read(ctx, none); err == nil || a.Trouble == "" {
		t.Errorf("%+v, %v", a, err)
	}
	// And one that leads to somebody else than who has issued it: nobody is shown what is not theirs.
	g, err = other.Issue("album-y", "reader", grant.Terms{Audience: vera.Key(), Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	i, err := photos.ParseInvitation(line)
	if err != nil {
		t.Fatal(err)
	}
	stray := vera.accept(photos.Invitation{Grant: g, At: i.At}.String())
	if a, err := vera.Read(ctx, stray); err == nil || len(a.Photos) > 0 {
		t.Errorf("%+v, %v", a, err)
	}
}

// A directory that is another program's is left as it is.
func TestForeignDirectory(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	node, err := hawser.Open(ctx, &hawser.Config{Dir: dir, Listen: "127.0.0.1:0", Kinds: program.Kinds(nil)})
	if err != nil {
		t.Fatal(err)
	}
	v, err := node.DurableVat("festival")
	if err == nil {
		_, err = program.OpenCopy(ctx, v)
	}
	if err == nil {
		err = node.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := photos.Open(ctx, photos.Config{Dir: dir, Listen: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "give photos one of its own") {
		t.Error(err)
	}
	if _, err := photos.Open(ctx, photos.Config{}); err == nil {
		t.Error("opened in no directory")
	}
	p := open(t, filepath.Join(dir, "own"))
	if _, err := photos.Open(ctx, photos.Config{Dir: p.dir, Listen: "127.0.0.1:0"}); !errors.Is(err, hawser.ErrDirInUse) {
		t.Error(err)
	}
}

// A revocation that the owner has not heard of is said to be one, and can be brought again.
func TestRevokedWhileOwnerIsAway(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dir := t.TempDir()
	ada, vera, fred := open(t, dir), open(t, t.TempDir()), open(t, t.TempDir())
	harbour := ada.begin("Harbour")
	n := vera.accept(ada.share(harbour, album.AsReader, vera, "vera"))
	passed, err := vera.Pass(ctx, n, fred.Key())
	if err != nil {
		t.Fatal(err)
	}
	freds := fred.accept(passed.String())
	fred.reads(freds, 0)
	ada.ends()
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := vera.Revoke(short, 1, ""); !errors.Is(err, photos.ErrUntold) {
		t.Errorf("%v", err)
	}
	open(t, dir)
	if _, err := vera.Revoke(ctx, 1, ""); err != nil {
		t.Fatal(err)
	}
	fred.refused(freds)
	vera.reads(n, 0)
}
