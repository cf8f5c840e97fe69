package seal_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/sturdyref"
)

// FuzzOpen opens a hostile record, and a file of the same bytes, to the keys of the vectors: both answer alike, and what opens is
// one of the genuine files.
func FuzzOpen(f *testing.F) {
	v := readVectors(f)
	author := v.Author.identity(f).Public()
	key, err := seal.ReadKeyOf(v.Files[0].Readers[0])
	if err != nil {
		f.Fatal(err)
	}
	genuine := make(map[string]bool)
	for _, file := range v.Files {
		f.Add([]byte(file.File), false, []byte(file.Context))
		f.Add([]byte(file.File), true, []byte(file.Context))
		genuine[string(file.SHA256)] = true
	}
	f.Add([]byte("hawser/seal/1N\x40"), false, []byte{})
	f.Fuzz(func(t *testing.T, b []byte, byAuthor bool, about []byte) {
		o := seal.Opener{Key: key, Context: about}
		if byAuthor {
			o.From = &author
		}
		before := bytes.Clone(b)
		got, from, err := o.Open(b)
		if !bytes.Equal(before, b) {
			t.Fatal("the record was changed")
		}
		streamed, by, failed := read(&o, b)
		if (err == nil) != (failed == nil) || by != from && err == nil {
			t.Fatalf("as a record %v, as a stream %v", err, failed)
		}
		if err != nil {
			typed(t, err)
			typed(t, failed)
			return
		}
		if !bytes.Equal(got, streamed) || !genuine[string(docHash(b))] {
			t.Fatalf("%d bytes were opened that nobody has sealed", len(b))
		}
	})
}

// FuzzBody is what somebody can send who knows all that readers know: nothing of it is the author's, and nothing of it
// breaks anything.
func FuzzBody(f *testing.F) {
	v := readVectors(f)
	identity := v.Author.identity(f)
	author := identity.Public()
	key, err := seal.ReadKeyOf(v.Files[0].Readers[0])
	if err != nil {
		f.Fatal(err)
	}
	forge := forger{author: author, stolen: private(key)}
	f.Add([]byte("forged"), byte(0), true)
	f.Add(make([]byte, 64), byte(1), true)
	f.Add(make([]byte, 65536+64), byte(1), false)
	f.Add(make([]byte, 65536+65), byte(2), true)
	f.Fuzz(func(t *testing.T, plain []byte, pattern byte, last bool) {
		pattern = "NXK"[pattern%3]
		body := content(32)
		var h []byte
		if pattern == 'N' {
			h = docHeader('N', docBox('N', noisetest.FreshKey(), forge.stolen.PublicKey().Bytes(), nil, nil, body))
		} else {
			h = forge.header(pattern, body, author.Signing[:])
		}
		commitment, sealing, _ := docKeys(body, h, nil)
		record := noisetest.Join(h, commitment, docAEAD(sealing, docNonce(0, last), plain, nil))
		o := seal.Opener{Key: key}
		if pattern == 'K' {
			o.From = &author
		}
		got, from, err := o.Open(record)
		if err != nil {
			typed(t, err)
			_, _, err = read(&o, record)
			typed(t, err)
			return
		}
		if from != (sturdyref.Public{}) || !bytes.Equal(got, plain) {
			t.Fatalf("a forgery passes as by %x", from)
		}
	})
}

// FuzzBlob is a hostile list, named by its own hash, and hostile chunks behind it.
func FuzzBlob(f *testing.F) {
	for _, b := range readVectors(f).Blobs {
		f.Add([]byte(b.List), []byte(b.First))
	}
	empty := docHash(nil)
	f.Add(noisetest.Join([]byte{0x83, 1, 0, 0x58, 32}, empty), []byte{})
	f.Add(noisetest.Join([]byte{0x83, 1, 0, 0x58, 32}, docHash(make([]byte, 16))), make([]byte, 16))
	f.Fuzz(func(t *testing.T, list, chunk []byte) {
		name := seal.Name(sha256.Sum256(list))
		source := sourceFunc(func(_ context.Context, _ seal.Name, n int) ([]byte, error) {
			if n == 0 {
				return bytes.Clone(list), nil
			}
			return bytes.Clone(chunk), nil
		})
		b, err := seal.ParseBlob("hawser-blob:" + name.String() + "." + name.String())
		if err != nil {
			t.Fatal(err)
		}
		got, err := get(t.Context(), source, b)
		if err == nil {
			t.Fatal("a blob was read with a key that nobody has")
		}
		if !errors.Is(err, seal.ErrMalformed) && !errors.Is(err, seal.ErrDamaged) && !errors.Is(err, seal.ErrKey) || len(got) > 0 {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		mine := newShelf(t)
		size, sized := seal.Size(t.Context(), source, name)
		kept := mine.Keep(t.Context(), source, name, 1<<20)
		switch {
		case sized != nil:
			if kept == nil {
				t.Fatal("kept without a list")
			}
		case size > 1<<20:
			if !errors.Is(kept, seal.ErrTooLong) {
				t.Fatalf("%d bytes were to be kept: %v", size, kept)
			}
		case kept == nil != errors.Is(err, seal.ErrKey):
			t.Fatalf("kept: %v, but read: %v", kept, err)
		}
	})
}
