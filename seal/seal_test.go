package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/sturdyref"
)

const chunk = seal.ChunkSize

func TestRecords(t *testing.T) {
	author, alice, bob, eve := identity(t), identity(t), readKey(t), readKey(t)
	for _, n := range []int{0, 1, 100, chunk - 1, chunk, chunk + 1, 2 * chunk, 3*chunk + 7} {
		want := content(n)
		for i, w := range ways(author, alice, bob) {
			record := mustSeal(t, &w.sealer, want)
			for _, k := range []seal.Key{alice, bob} {
				w.opener.Key = k
				got, from, err := w.opener.Open(record)
				if err != nil || !bytes.Equal(got, want) || from != w.from {
					t.Errorf("way %d, %d bytes: got %d bytes by %x, %v", i, n, len(got), from.Signing, err)
				}
				got, from, err = read(&w.opener, record)
				if err != nil || !bytes.Equal(got, want) || from != w.from {
					t.Errorf("way %d, %d bytes, as a stream: got %d bytes by %x, %v", i, n, len(got), from.Signing, err)
				}
			}
			w.opener.Key = eve
			refused(t, fmt.Sprintf("way %d, %d bytes, another key", i, n), &w.opener, record, seal.ErrKey)
			if bytes.Contains(record, want[:min(n, 16)]) && n >= 16 {
				t.Errorf("way %d: the plaintext can be seen", i)
			}
		}
	}
}

// What a Writer writes, however it is written to, is what Seal returns, and a Reader reads it however it comes.
func TestStreams(t *testing.T) {
	author, alice := identity(t), readKey(t)
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.SampledFrom(ways(author, alice)).Draw(t, "way")
		want := content(rapid.SampledFrom([]int{0, 1, 5000, chunk - 1, chunk, chunk + 1, 2 * chunk, 200_000}).Draw(t, "length"))
		random := content(64)
		w.sealer.Random = bytes.NewReader(random)
		record := mustSealRapid(t, &w.sealer, want)
		w.sealer.Random = bytes.NewReader(random)
		var file bytes.Buffer
		f, err := w.sealer.NewWriter(&file)
		if err != nil {
			t.Fatal(err)
		}
		for rest := want; len(rest) > 0; {
			n := min(len(rest), rapid.SampledFrom([]int{0, 1, 777, chunk, chunk + 1, 100_000}).Draw(t, "write"))
			if m, err := f.Write(rest[:n]); err != nil || m != n {
				t.Fatal(m, err)
			}
			rest = rest[n:]
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(file.Bytes(), record) {
			t.Fatal("a file is not like a record")
		}
		from := io.Reader(&file)
		switch rapid.IntRange(0, 2).Draw(t, "reader") {
		case 0:
			from = iotest.HalfReader(from)
		case 1:
			from = iotest.DataErrReader(from)
		}
		r, err := w.opener.NewReader(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(r, want); err != nil {
			t.Fatal(err)
		}
	})
}

func mustSealRapid(t *rapid.T, s *seal.Sealer, plaintext []byte) []byte {
	b, err := s.Seal(plaintext)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestStreamsEnd(t *testing.T) {
	author, alice := identity(t), readKey(t)
	p := author.Public()
	s, o := seal.Sealer{Readers: publics(alice), From: author}, seal.Opener{Key: alice, From: &p}
	var file bytes.Buffer
	w, err := s.NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content(2*chunk + 5)); err != nil {
		t.Fatal(err)
	}
	// Not closed: what has come out can be read, and is seen not to be whole.
	got, _, err := read(&o, file.Bytes())
	if !errors.Is(err, seal.ErrDamaged) || !bytes.Equal(got, content(2*chunk + 5)[:len(got)]) || len(got) != chunk {
		t.Errorf("unfinished: read %d bytes, %v", len(got), err)
	}
	for range 2 {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("written to after Close")
	}
	if got, _, err := read(&o, file.Bytes()); err != nil || !bytes.Equal(got, content(2*chunk+5)) {
		t.Errorf("closed: read %d bytes, %v", len(got), err)
	}
	// Errors of what is read from and written to come through, and stay.
	broken := errors.New("broken")
	if _, err := o.NewReader(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("reading the header: %v", err)
	}
	r, err := o.NewReader(io.MultiReader(bytes.NewReader(file.Bytes()[:file.Len()-chunk]), iotest.ErrReader(broken)))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := io.Copy(io.Discard, r); !errors.Is(err, broken) {
			t.Errorf("reading: %v", err)
		}
	}
	for n := range 4 {
		w, err := s.NewWriter(&failing{n: n, err: broken})
		if err == nil {
			_, err = w.Write(content(3 * chunk))
		}
		if err == nil {
			err = w.Close()
		}
		if !errors.Is(err, broken) {
			t.Errorf("writing, after %d: %v", n, err)
		}
		if w != nil {
			if _, err := w.Write([]byte{1}); !errors.Is(err, broken) {
				t.Errorf("writing on, after %d: %v", n, err)
			}
			if err := w.Close(); !errors.Is(err, broken) {
				t.Errorf("closing, after %d: %v", n, err)
			}
		}
	}
}

// A stream takes the memory of a chunk, however long it is.
func TestStreamMemory(t *testing.T) {
	author, alice := identity(t), readKey(t)
	for _, w := range ways(author, alice) {
		taken := func(size int64) uint64 {
			t.Helper()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			from, to := io.Pipe()
			done := make(chan error, 1)
			go func() {
				f, err := w.sealer.NewWriter(to)
				if err == nil {
					_, err = io.CopyN(f, zeros{}, size)
				}
				if err == nil {
					err = f.Close()
				}
				to.CloseWithError(err)
				done <- err
			}()
			r, err := w.opener.NewReader(from)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, r); err != nil || n != size {
				t.Fatalf("read %d of %d bytes, %v", n, size, err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			return after.TotalAlloc - before.TotalAlloc
		}
		if short, long := taken(2*chunk), taken(200*chunk); long > short+8*chunk {
			t.Errorf("%c: 200 chunks took %d bytes in all, 2 took %d", w.pattern, long, short)
		}
	}
}

// failing takes n writes.
type failing struct {
	n   int
	err error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.n--; f.n < 0 {
		return 0, f.err
	}
	return len(p), nil
}

// Whom an Opener lets a file be from.
func TestFrom(t *testing.T) {
	author, other, alice := identity(t), identity(t), identity(t)
	p, q := author.Public(), other.Public()
	mixed, moved := sturdyref.Public{Static: p.Static, Signing: q.Signing}, sturdyref.Public{Static: q.Static, Signing: p.Signing}
	seals := func(s seal.Sealer) []byte {
		s.Readers = publics(alice)
		return mustSeal(t, &s, []byte("hello"))
	}
	n, x, k := seals(seal.Sealer{}), seals(seal.Sealer{From: author}), seals(seal.Sealer{From: author, Known: true})
	for _, c := range []struct {
		what   string
		record []byte
		from   *sturdyref.Public
		want   error
	}{
		{"N from anybody", n, nil, nil},
		{"N from the author", n, &p, seal.ErrAuthor},
		{"X from anybody", x, nil, nil},
		{"X from the author", x, &p, nil},
		{"X from another", x, &q, seal.ErrAuthor},
		{"X from another with this static key", x, &mixed, seal.ErrAuthor},
		{"X from another with this signing key", x, &moved, seal.ErrAuthor},
		{"K from anybody", k, nil, seal.ErrAuthor},
		{"K from the author", k, &p, nil},
		{"K from another", k, &q, seal.ErrKey},
		{"K from another with this static key", k, &mixed, seal.ErrAuthor},
	} {
		o := seal.Opener{Key: alice, From: c.from}
		if c.want != nil {
			refused(t, c.what, &o, c.record, c.want)
			continue
		}
		got, from, err := o.Open(c.record)
		if err != nil || string(got) != "hello" || c.from != nil && from != *c.from {
			t.Errorf("%s: %q by %x, %v", c.what, got, from, err)
		}
	}
	refused(t, "no key", &seal.Opener{}, x, seal.ErrKey)
	refused(t, "the zero key", &seal.Opener{Key: seal.ReadKey{}}, x, seal.ErrKey)
}

// A record passes in its own place only.
func TestContext(t *testing.T) {
	author, alice := identity(t), readKey(t)
	for _, w := range ways(author, alice) {
		w.sealer.Context = []byte("row 7")
		record := mustSeal(t, &w.sealer, []byte("hello"))
		w.opener.Context = []byte("row 7")
		if got, _, err := w.opener.Open(record); err != nil || string(got) != "hello" {
			t.Errorf("%c: %q, %v", w.pattern, got, err)
		}
		for _, context := range []string{"", "row 8", "row 77"} {
			w.opener.Context = []byte(context)
			refused(t, "in "+context, &w.opener, record, seal.ErrDamaged)
		}
	}
}

// Any byte changed, any end cut off, anything appended.
func TestTampered(t *testing.T) {
	author, alice, bob := identity(t), readKey(t), readKey(t)
	for _, w := range ways(author, alice, bob) {
		record := mustSeal(t, &w.sealer, []byte("some words"))
		for i := range record {
			bad := bytes.Clone(record)
			bad[i] ^= 1
			plaintext, _, err := w.opener.Open(bad)
			if err == nil || plaintext != nil {
				t.Fatalf("%c: byte %d of %d changed went unnoticed", w.pattern, i, len(record))
			}
			typed(t, err)
			_, _, err = read(&w.opener, bad)
			typed(t, err)
			_, _, err = w.opener.Open(record[:i])
			typed(t, err)
			_, _, err = read(&w.opener, record[:i])
			typed(t, err)
		}
		refused(t, "a byte appended", &w.opener, append(bytes.Clone(record), 0), seal.ErrDamaged)
		refused(t, "itself appended", &w.opener, append(bytes.Clone(record), record...), seal.ErrDamaged)
		refused(t, "nothing", &w.opener, nil, seal.ErrMalformed)
		for at, values := range map[int][]byte{0: {'H'}, 12: {'2'}, 13: {0, 'M', 'n'}, 14: {0, seal.MaxReaders + 1, 255}} {
			for _, value := range values {
				bad := bytes.Clone(record)
				bad[at] = value
				refused(t, fmt.Sprintf("%d at %d", value, at), &w.opener, bad, seal.ErrMalformed)
			}
		}
	}
}

// Chunks are in order, all there, of this file, and before any of them that is not nothing is missing in what was read.
func TestChunks(t *testing.T) {
	author, alice := identity(t), readKey(t)
	for _, w := range ways(author, alice) {
		want := content(4 * chunk)
		record := mustSeal(t, &w.sealer, want)
		other := mustSeal(t, &w.sealer, want)
		overhead := 16
		if w.pattern != 'N' {
			overhead += 64
		}
		size := chunk + overhead
		head, parts := cutChunks(record, size, 4)
		_, foreign := cutChunks(other, size, 4)
		for name, c := range map[string]struct {
			chunks [][]byte
			good   int
		}{
			"cut off behind a chunk":   {parts[:3], 2},
			"cut off within a chunk":   {[][]byte{parts[0], parts[1][:100]}, 1},
			"no chunk":                 {nil, 0},
			"swapped":                  {[][]byte{parts[0], parts[2], parts[1], parts[3]}, 1},
			"left out":                 {[][]byte{parts[0], parts[2], parts[3]}, 1},
			"doubled":                  {[][]byte{parts[0], parts[0], parts[1], parts[2], parts[3]}, 1},
			"doubled at the end":       {[][]byte{parts[0], parts[1], parts[2], parts[3], parts[3]}, 3},
			"the last alone":           {[][]byte{parts[3]}, 0},
			"of another file":          {[][]byte{parts[0], parts[1], foreign[2], parts[3]}, 2},
			"all of another file":      {foreign, 0},
			"something appended":       {[][]byte{parts[0], parts[1], parts[2], parts[3], {1}}, 3},
			"an empty chunk after all": {[][]byte{parts[0], parts[1], parts[2], parts[3], make([]byte, overhead)}, 3},
		} {
			bad := bytes.Join(append([][]byte{head}, c.chunks...), nil)
			refused(t, fmt.Sprintf("%c, %s", w.pattern, name), &w.opener, bad, seal.ErrDamaged)
			got, _, _ := read(&w.opener, bad)
			if !bytes.Equal(got, want[:c.good*chunk]) {
				t.Errorf("%c, %s: %d bytes were read before the error, want %d of the author's", w.pattern, name, len(got), c.good*chunk)
			}
		}
	}
}

// cutChunks divides a file with so many full chunks.
func cutChunks(file []byte, size, n int) (head []byte, chunks [][]byte) {
	head = file[:len(file)-n*size]
	for i := range n {
		chunks = append(chunks, file[len(head)+i*size:][:size:size])
	}
	return head, chunks
}

// One content has one form: an empty chunk at the end is not another.
func TestEmptyLastChunk(t *testing.T) {
	author, alice := identity(t), readKey(t)
	secrets := noisetest.SecretsOf(t, author)
	reader := private(alice).PublicKey().Bytes()
	p := author.Public()
	for _, from := range []*noisetest.Secrets{nil, &secrets} {
		o, pattern := seal.Opener{Key: alice}, byte('N')
		signing := secrets.Signing
		if from != nil {
			o.From, pattern = &p, 'K'
		} else {
			signing = nil
		}
		key := content(32)
		file := docFile(pattern, from, key, ephemerals(1), [][]byte{reader}, nil, content(chunk))
		if _, _, err := o.Open(file); err != nil {
			t.Fatal(err)
		}
		header := file[:15+80]
		_, body, digest := docKeys(key, header, nil)
		data, empty := content(chunk), []byte(nil)
		if signing != nil {
			data, empty = docSigned(signing, digest, 0, false, data), docSigned(signing, digest, 1, true, empty)
		}
		bad := noisetest.Join(file[:15+80+32], docAEAD(body, docNonce(0, false), data, nil), docAEAD(body, docNonce(1, true), empty, nil))
		refused(t, "an empty chunk at the end", &o, bad, seal.ErrDamaged)
	}
}

func TestMisuse(t *testing.T) {
	author, alice := identity(t), readKey(t)
	many := make([]seal.Key, seal.MaxReaders+1)
	for i := range many {
		many[i] = readKey(t)
	}
	for name, s := range map[string]seal.Sealer{
		"nobody":           {},
		"too many":         {Readers: publics(many...)},
		"another spelling": {Readers: [][32]byte{{0: 9, 31: 0x80}}},
		"a low order key":  {Readers: [][32]byte{{}}},
		"known as nobody":  {Readers: publics(alice), Known: true},
		"the zero author":  {Readers: publics(alice), From: sturdyref.KeyPair{}},
		"no random bytes":  {Readers: publics(alice), Random: iotest.ErrReader(io.ErrClosedPipe)},
		"few random bytes": {Readers: publics(alice), Random: bytes.NewReader(make([]byte, 40))},
	} {
		if b, err := s.Seal(nil); err == nil {
			t.Errorf("%s: sealed as %d bytes", name, len(b))
		}
		if _, err := s.NewWriter(io.Discard); err == nil {
			t.Errorf("%s: a writer was made", name)
		}
	}
	s := seal.Sealer{Readers: publics(many[:seal.MaxReaders]...), From: author}
	record := mustSeal(t, &s, []byte("all"))
	for i, k := range many {
		o := seal.Opener{Key: k}
		if got, _, err := o.Open(record); (err == nil) != (i < seal.MaxReaders) || err == nil && string(got) != "all" {
			t.Errorf("reader %d: %q, %v", i, got, err)
		}
	}
	if _, err := seal.ReadKeyOf(make([]byte, 31)); err == nil {
		t.Error("31 bytes are a key")
	}
	again, err := seal.ReadKeyOf(alice.Reveal())
	if err != nil || again.Public() != alice.Public() || again.IsZero() || !(seal.ReadKey{}).IsZero() || (seal.ReadKey{}).Reveal() != nil {
		t.Errorf("a key does not come back, %v", err)
	}
}
