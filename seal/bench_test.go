package seal_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/hawser-go/hawser/seal"
)

// BenchmarkFloor is ChaCha20-Poly1305 alone, in chunks of the same length: no sealing is faster.
func BenchmarkFloor(b *testing.B) {
	a, err := chacha20poly1305.New(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	nonce, buf := make([]byte, 12), make([]byte, chunk+16)
	b.SetBytes(chunk)
	b.ReportAllocs()
	for b.Loop() {
		a.Seal(buf[:0], nonce, buf[:chunk], nil)
	}
}

func BenchmarkStream(b *testing.B) {
	const size = 64 * chunk
	author, alice := identity(b), readKey(b)
	data := content(size)
	for i, w := range ways(author, alice) {
		if i == 1 {
			continue // X, as the next
		}
		b.Run(fmt.Sprintf("seal-%c", w.pattern), func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				f, err := w.sealer.NewWriter(io.Discard)
				if err != nil {
					b.Fatal(err)
				}
				f.Write(data)
				if err := f.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
		file := mustSeal(b, &w.sealer, data)
		b.Run(fmt.Sprintf("open-%c", w.pattern), func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				r, err := w.opener.NewReader(bytes.NewReader(file))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRecord(b *testing.B) {
	author, alice := identity(b), readKey(b)
	data := content(200)
	for i, w := range ways(author, alice) {
		if i == 1 {
			continue
		}
		record := mustSeal(b, &w.sealer, data)
		b.Run(fmt.Sprintf("seal-%c", w.pattern), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.sealer.Seal(data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(record)-len(data)), "overhead-B")
		})
		b.Run(fmt.Sprintf("open-%c", w.pattern), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := w.opener.Open(record); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkNotForUs is the most that a record can cost who is none of its readers.
func BenchmarkNotForUs(b *testing.B) {
	author := identity(b)
	many := make([]seal.Key, seal.MaxReaders)
	for i := range many {
		many[i] = readKey(b)
	}
	for i, w := range ways(author, many...) {
		if i == 1 {
			continue
		}
		record := mustSeal(b, &w.sealer, nil)
		w.opener.Key = author
		b.Run(string(w.pattern), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := w.opener.Open(record); err == nil {
					b.Fatal("opened")
				}
			}
		})
	}
}

func BenchmarkBlob(b *testing.B) {
	const size = 64 * chunk
	data := content(size)
	s := newShelf(b)
	b.Run("put", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			blob, err := s.Put(b.Context(), bytes.NewReader(data))
			if err == nil {
				err = s.Drop(blob.Name())
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	blob := put(b, s, data)
	b.Run("get", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := seal.Get(b.Context(), s, blob, io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
}
