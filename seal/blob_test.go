package seal_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/bolt"
	"github.com/hawser-go/hawser/store/memory"
)

const bucket = "photos"

func newShelf(t testing.TB) *seal.Shelf {
	t.Helper()
	st := memory.New()
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return shelfIn(t, st)
}

func shelfIn(t testing.TB, st *store.Store) *seal.Shelf {
	t.Helper()
	s, err := seal.NewShelf(st, bucket)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t testing.TB, s *seal.Shelf, b []byte) seal.Blob {
	t.Helper()
	blob, err := s.Put(t.Context(), bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

func get(ctx context.Context, from seal.Source, b seal.Blob) ([]byte, error) {
	var out bytes.Buffer
	n, err := seal.Get(ctx, from, b, &out)
	if n != int64(out.Len()) {
		return nil, errors.New("Get has counted wrongly")
	}
	return out.Bytes(), err
}

// sourceFunc is a source that does as it likes.
type sourceFunc func(ctx context.Context, blob seal.Name, n int) ([]byte, error)

func (f sourceFunc) Piece(ctx context.Context, blob seal.Name, n int) ([]byte, error) {
	return f(ctx, blob, n)
}

func TestBlobs(t *testing.T) {
	mine, theirs := newShelf(t), newShelf(t)
	for _, n := range []int{0, 1, 100, chunk - 1, chunk, chunk + 1, 3 * chunk, 20*chunk + 5} {
		want := content(n)
		b := put(t, mine, want)
		if err := theirs.Keep(t.Context(), mine, b.Name(), int64(n)); err != nil {
			t.Fatal(err)
		}
		for _, s := range []*seal.Shelf{mine, theirs} {
			got, err := get(t.Context(), s, b)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes: got %d, %v", n, len(got), err)
			}
			if size, err := seal.Size(t.Context(), s, b.Name()); err != nil || size != int64(n) {
				t.Errorf("%d bytes: size is %d, %v", n, size, err)
			}
		}
		// What they keep says nothing of what is in it.
		for i := range n/chunk + 2 {
			piece, err := theirs.Piece(t.Context(), b.Name(), i)
			if err != nil && i > 0 && n%chunk == 0 && i == n/chunk+1 && n > 0 {
				continue // there is no short last one
			}
			if err != nil || len(piece) > seal.MaxPiece || n >= 16 && bytes.Contains(piece, want[:16]) {
				t.Errorf("%d bytes: piece %d has %d bytes, %v", n, i, len(piece), err)
			}
		}
		other := put(t, mine, want)
		if other.Name() == b.Name() {
			t.Error("the same content has the same name twice")
		}
	}
	all, err := theirs.All()
	if err != nil || len(all) != 8 {
		t.Fatalf("%d blobs, %v", len(all), err)
	}
	for i, k := range all {
		if !k.Whole || i > 0 && bytes.Compare(all[i-1].Name[:], k.Name[:]) >= 0 {
			t.Errorf("%+v", k)
		}
		if err := theirs.Drop(k.Name); err != nil {
			t.Error(err)
		}
		if _, err := theirs.Piece(t.Context(), k.Name, 0); !errors.Is(err, seal.ErrAbsent) {
			t.Errorf("dropped: %v", err)
		}
	}
	if err := theirs.Drop(all[0].Name); err != nil {
		t.Errorf("dropped again: %v", err)
	}
}

// Whatever a source says: what is written before an error is how the blob begins.
func TestLyingSource(t *testing.T) {
	honest := newShelf(t)
	want := content(10*chunk + 9)
	b, other := put(t, honest, want), put(t, honest, want)
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(0, 11).Draw(t, "at")
		lie := rapid.SampledFrom([]string{"bit", "cut", "longer", "nothing", "another", "of another blob", "absent"}).Draw(t, "lie")
		asked := atomic.Int32{}
		source := sourceFunc(func(ctx context.Context, name seal.Name, n int) ([]byte, error) {
			asked.Add(1)
			piece, err := honest.Piece(ctx, name, n)
			if n != at || err != nil {
				return piece, err
			}
			switch lie {
			case "bit":
				piece[rapid.IntRange(0, len(piece)-1).Draw(t, "byte")] ^= 4
			case "cut":
				piece = piece[:len(piece)-1]
			case "longer":
				piece = append(piece, 0)
			case "nothing":
				piece = nil
			case "another":
				return honest.Piece(ctx, name, (n+1)%12)
			case "of another blob":
				return honest.Piece(ctx, other.Name(), n)
			case "absent":
				return nil, seal.ErrAbsent
			}
			return piece, nil
		})
		wanted := seal.ErrDamaged
		if lie == "absent" {
			wanted = seal.ErrAbsent
		}
		got, err := get(context.Background(), source, b)
		if !errors.Is(err, wanted) {
			t.Fatalf("got %d bytes, %v", len(got), err)
		}
		if good := max(0, at-1) * chunk; !bytes.Equal(got, want[:good]) {
			t.Fatalf("%d bytes were written before the error, want %d", len(got), good)
		}
		if n := asked.Load(); int(n) > at+9 {
			t.Fatalf("%d pieces were asked for although piece %d was bad", n, at)
		}
	})
}

// Who makes a list can make any; its hash is right.
func TestHostileList(t *testing.T) {
	hash := make([]byte, 32)
	for name, list := range map[string][]byte{
		"nothing":               {},
		"no CBOR":               {0xff},
		"another version":       append([]byte{0x83, 2, 0, 0x58, 32}, hash...),
		"no hash for no bytes":  {0x83, 1, 0, 0x40},
		"two hashes for one":    append(append([]byte{0x83, 1, 1, 0x58, 64}, hash...), hash...),
		"a part of a hash":      append([]byte{0x83, 1, 1, 0x58, 31}, hash[1:]...),
		"a length beyond all":   append([]byte{0x83, 1, 0x1b, 255, 255, 255, 255, 255, 255, 255, 255, 0x58, 32}, hash...),
		"too long":              append([]byte{0x83, 1, 0x1a, 8, 0, 0, 1, 0x5a, 0, 1, 0, 32}, make([]byte, 65568)...),
		"a long form of number": append([]byte{0x83, 0x18, 1, 0, 0x58, 32}, hash...),
		"something behind it":   append(append([]byte{0x83, 1, 0, 0x58, 32}, hash...), 0),
		"much":                  make([]byte, 1<<20),
	} {
		sum := seal.Name(sha256.Sum256(list))
		source := sourceFunc(func(context.Context, seal.Name, int) ([]byte, error) { return list, nil })
		if _, err := seal.Size(t.Context(), source, sum); !errors.Is(err, seal.ErrMalformed) && !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		if err := newShelf(t).Keep(t.Context(), source, sum, 0); !errors.Is(err, seal.ErrMalformed) && !errors.Is(err, seal.ErrDamaged) {
			t.Errorf("%s, to be kept: %v", name, err)
		}
	}
	// The longest there is, is taken, and its chunks are asked for.
	list := append([]byte{0x83, 1, 0x1a, 8, 0, 0, 0, 0x5a, 0, 1, 0, 0}, make([]byte, 65536)...)
	source := sourceFunc(func(_ context.Context, _ seal.Name, n int) ([]byte, error) {
		if n == 0 {
			return list, nil
		}
		return make([]byte, seal.MaxPiece), nil
	})
	if size, err := seal.Size(t.Context(), source, sha256.Sum256(list)); err != nil || size != seal.MaxBlob {
		t.Errorf("the longest: %d, %v", size, err)
	}
	if err := newShelf(t).Keep(t.Context(), source, sha256.Sum256(list), 0); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("the longest, with wrong chunks: %v", err)
	}
}

func TestWrongKey(t *testing.T) {
	s := newShelf(t)
	for _, n := range []int{0, 5, 3 * chunk} {
		b, other := put(t, s, content(n)), put(t, s, content(n))
		name, _, _ := strings.Cut(b.Reveal(), ".")
		_, key, _ := strings.Cut(other.Reveal(), ".")
		mixed, err := seal.ParseBlob(name + "." + key)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := get(t.Context(), s, mixed); !errors.Is(err, seal.ErrKey) || len(got) > 0 {
			t.Errorf("%d bytes: got %d, %v", n, len(got), err)
		}
	}
	if _, err := get(t.Context(), s, seal.Blob{}); !errors.Is(err, seal.ErrKey) {
		t.Errorf("the zero value: %v", err)
	}
}

// What one source has given is not asked of another; the bad one is left at its first bad piece.
func TestKeepFromSeveral(t *testing.T) {
	honest, mine := newShelf(t), newShelf(t)
	want := content(30 * chunk)
	b := put(t, honest, want)
	var asked [31]atomic.Int32
	liesAt := 20
	source := sourceFunc(func(ctx context.Context, name seal.Name, n int) ([]byte, error) {
		asked[n].Add(1)
		piece, err := honest.Piece(ctx, name, n)
		if n == liesAt {
			piece[7]++
		}
		return piece, err
	})
	if err := mine.Keep(t.Context(), source, b.Name(), 0); !errors.Is(err, seal.ErrDamaged) || !strings.Contains(err.Error(), "piece 20") {
		t.Fatalf("got error %v, want one about piece 20", err)
	}
	if all, err := mine.All(); err != nil || len(all) != 1 || all[0].Whole || all[0].Size != int64(len(want)) {
		t.Errorf("in between there is %+v, %v", all, err)
	}
	if got, err := get(t.Context(), mine, b); !errors.Is(err, seal.ErrAbsent) || !bytes.Equal(got, want[:19*chunk]) {
		t.Errorf("in between %d bytes can be read, %v", len(got), err)
	}
	liesAt = -1
	if err := mine.Keep(t.Context(), source, b.Name(), 0); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 20; n++ {
		if asked[n].Load() != 1 {
			t.Errorf("piece %d was asked for %d times", n, asked[n].Load())
		}
	}
	if got, err := get(t.Context(), mine, b); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	for range 2 { // it is whole already, which is seen without asking for more than the list
		before := asked[5].Load()
		if err := mine.Keep(t.Context(), source, b.Name(), 0); err != nil || asked[5].Load() != before {
			t.Errorf("kept again: %v", err)
		}
	}
	if all, err := mine.All(); err != nil || len(all) != 1 || !all[0].Whole {
		t.Errorf("in the end there is %+v, %v", all, err)
	}
}

func TestKeepLimit(t *testing.T) {
	honest, mine := newShelf(t), newShelf(t)
	b := put(t, honest, content(1000))
	if err := mine.Keep(t.Context(), honest, b.Name(), 999); !errors.Is(err, seal.ErrTooLong) {
		t.Errorf("1000 of 999 bytes: %v", err)
	}
	if all, err := mine.All(); err != nil || len(all) != 0 {
		t.Errorf("there is %+v, %v", all, err)
	}
	if err := mine.Keep(t.Context(), honest, seal.Name{}, 0); !errors.Is(err, seal.ErrAbsent) {
		t.Errorf("what is nowhere: %v", err)
	}
	for _, n := range []int{math.MinInt, -1, 2, 2049, math.MaxInt} {
		if _, err := honest.Piece(t.Context(), b.Name(), n); !errors.Is(err, seal.ErrAbsent) {
			t.Errorf("piece %d: %v", n, err)
		}
	}
	if testing.Short() {
		t.Skip("fills 128 MiB")
	}
	if _, err := mine.Put(t.Context(), io.LimitReader(zeros{}, seal.MaxBlob+1)); !errors.Is(err, seal.ErrTooLong) {
		t.Errorf("more than fits: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// What is cut short leaves nothing behind; what was done is there after a restart.
func TestCutShort(t *testing.T) {
	file := filepath.Join(t.TempDir(), "store.db")
	open := func() (*store.Store, *seal.Shelf) {
		st, err := bolt.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		return st, shelfIn(t, st)
	}
	st, s := open()
	want := content(5 * chunk)
	b := put(t, s, want)
	broken := errors.New("broken")
	if _, err := s.Put(t.Context(), io.MultiReader(bytes.NewReader(want), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("a broken reader: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Put(ctx, bytes.NewReader(want)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if n := keysIn(t, st); n != 6 {
		t.Errorf("there are %d keys, want 6", n)
	}
	// As a process that ends within Put leaves it.
	var orphans store.Batch
	orphans.Put(bucket, append(content(32), 0, 0, 0, 1), []byte("orphan"))
	if err := st.Write(&orphans); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	st, s = open()
	defer st.Close()
	if n := keysIn(t, st); n != 6 {
		t.Errorf("after a restart there are %d keys, want 6", n)
	}
	if got, err := get(t.Context(), s, b); err != nil || !bytes.Equal(got, want) {
		t.Errorf("after a restart: %d bytes, %v", len(got), err)
	}
	if err := s.Drop(b.Name()); err != nil {
		t.Fatal(err)
	}
	if n := keysIn(t, st); n != 0 {
		t.Errorf("after Drop there are %d keys", n)
	}
}

func keysIn(t *testing.T, st *store.Store) (n int) {
	t.Helper()
	if err := st.Write(new(store.Batch)); err != nil { // what was submitted before is written
		t.Fatal(err)
	}
	err := st.View(func(r store.Reader) error {
		r.Scan(bucket, nil, func(_, _ []byte) bool { n++; return true })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A disk that changes bytes: noticed by who reads, and healed by who keeps again.
func TestRottenShelf(t *testing.T) {
	honest := newShelf(t)
	want := content(3 * chunk)
	b := put(t, honest, want)
	for _, length := range []int{32, 36} {
		st := memory.New()
		s := shelfIn(t, st)
		if err := s.Keep(t.Context(), honest, b.Name(), 0); err != nil {
			t.Fatal(err)
		}
		var rot store.Batch
		err := st.View(func(r store.Reader) error {
			r.Scan(bucket, nil, func(key, value []byte) bool {
				if len(key) == length {
					bad := bytes.Clone(value)
					bad[len(bad)/2] ^= 1
					rot.Put(bucket, bytes.Clone(key), bad)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Write(&rot); err != nil {
			t.Fatal(err)
		}
		if got, err := get(t.Context(), s, b); !errors.Is(err, seal.ErrDamaged) || len(got) != 0 {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
		if err := s.Keep(t.Context(), honest, b.Name(), 0); err != nil {
			t.Error(err)
		}
		if got, err := get(t.Context(), s, b); err != nil || !bytes.Equal(got, want) {
			t.Errorf("healed: read %d bytes, %v", len(got), err)
		}
		if all, err := s.All(); err != nil || len(all) != 1 || !all[0].Whole {
			t.Errorf("healed: %+v, %v", all, err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A source that never answers is left when the context ends, and nothing is left behind.
func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		honest := newShelf(t)
		b := put(t, honest, content(20*chunk))
		ctx, cancel := context.WithCancel(t.Context())
		source := sourceFunc(func(ctx context.Context, name seal.Name, n int) ([]byte, error) {
			if n < 4 {
				return honest.Piece(ctx, name, n)
			}
			<-ctx.Done()
			return nil, ctx.Err()
		})
		done := make(chan error, 1)
		go func() {
			_, err := get(ctx, source, b)
			done <- err
		}()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatal("it has ended before it was cancelled", err)
		default:
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v", err)
		}
	})
	// So it is when it is the first that is bad, or the writer takes no more: the others are not waited for.
	for _, lies := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			honest := newShelf(t)
			b := put(t, honest, content(20*chunk))
			source := sourceFunc(func(ctx context.Context, name seal.Name, n int) ([]byte, error) {
				if n > 1 {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				piece, err := honest.Piece(ctx, name, n)
				if n == 1 && lies {
					piece[0] ^= 1
				}
				return piece, err
			})
			if _, err := seal.Get(t.Context(), source, b, &failing{err: io.ErrShortWrite}); errors.Is(err, seal.ErrDamaged) != lies || errors.Is(err, io.ErrShortWrite) == lies {
				t.Errorf("got error %v", err)
			}
		})
	}
	// What was written before is counted.
	honest := newShelf(t)
	b := put(t, honest, content(20*chunk))
	full := errors.New("full")
	if n, err := seal.Get(t.Context(), honest, b, &failing{n: 3, err: full}); !errors.Is(err, full) || n != 3*chunk {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// Dropped while it is fetched: there is never a blob that is said to be whole and is not.
func TestDropWhileKept(t *testing.T) {
	honest, mine := newShelf(t), newShelf(t)
	b := put(t, honest, content(20*chunk))
	source := sourceFunc(func(ctx context.Context, name seal.Name, n int) ([]byte, error) {
		if n == 15 {
			if err := mine.Drop(name); err != nil {
				t.Error(err)
			}
		}
		return honest.Piece(ctx, name, n)
	})
	if err := mine.Keep(t.Context(), source, b.Name(), 0); !errors.Is(err, seal.ErrAbsent) {
		t.Errorf("got error %v, want ErrAbsent", err)
	}
	if all, err := mine.All(); err != nil || len(all) != 0 {
		t.Errorf("there is %+v, %v", all, err)
	}
}

// Many at once, for the race detector.
func TestShelfTogether(t *testing.T) {
	honest, mine := newShelf(t), newShelf(t)
	done := make(chan error)
	const n = 6
	for i := range n {
		go func() {
			want := content(3*chunk + i)
			b, err := honest.Put(t.Context(), bytes.NewReader(want))
			if err == nil {
				err = mine.Keep(t.Context(), honest, b.Name(), 0)
			}
			var got []byte
			if err == nil {
				got, err = get(t.Context(), mine, b)
			}
			if err == nil && !bytes.Equal(got, want) {
				err = errors.New("it is another")
			}
			done <- err
		}()
	}
	for range n {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestBlobText(t *testing.T) {
	b := put(t, newShelf(t), []byte("x"))
	text := b.Reveal()
	again, err := seal.ParseBlob(text)
	if err != nil || again.Reveal() != text || again.Name() != b.Name() || len(text) != 117 {
		t.Fatalf("%s came back as %s, %v", text, again.Reveal(), err)
	}
	name, err := seal.ParseName(b.Name().String())
	if err != nil || name != b.Name() {
		t.Errorf("%v, %v", name, err)
	}
	for _, bad := range []string{
		"", "hawser-blob:", text[1:], text + "a", text[:len(text)-1], strings.ToUpper(text), strings.Replace(text, ".", ":", 1),
		text[:len(text)-1] + "\n", text[:len(text)-1] + "b", text + "." + text, "hawser-blob:" + b.Name().String(), strings.Replace(text, "hawser-blob", "blob", 1),
	} {
		if got, err := seal.ParseBlob(bad); err == nil || !got.IsZero() || len(bad) > 20 && strings.Contains(err.Error(), bad[20:]) {
			t.Errorf("%q reads as %s, %v", bad, got.Reveal(), err)
		}
		if _, err := seal.ParseName(bad); err == nil {
			t.Errorf("%q is a name", bad)
		}
	}
	if zero := (seal.Blob{}); !zero.IsZero() || zero.Reveal() != "" || zero.Name() != (seal.Name{}) || b.IsZero() {
		t.Error("the zero value is not handled as none")
	}
}
