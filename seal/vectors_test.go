package seal_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/seal"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/sturdyref"
)

// The vectors belong to docs/seal.md. They are written (-update) by a second implementation, made from that page with nothing of the
// package under test, and checked here against the package.

var update = flag.Bool("update", false, "write the file of vectors")

const vectorFile = "testdata/vectors.json"

// hexBytes prints as hexadecimal.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }
func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

type vectors struct {
	About  string       `json:"about"`
	Author authorVector `json:"author"`
	Files  []fileVector `json:"files"`
	Blobs  []blobVector `json:"blobs"`
}

type authorVector struct {
	Static  hexBytes `json:"static_private"`
	Signing hexBytes `json:"signing_seed"`
}

type fileVector struct {
	Pattern    string     `json:"pattern"`
	Readers    []hexBytes `json:"reader_private_keys"`
	Key        hexBytes   `json:"key"`
	Ephemerals []hexBytes `json:"ephemeral_private_keys"`
	Context    hexBytes   `json:"context"`
	Plaintext  hexBytes   `json:"plaintext,omitempty"`
	Length     int        `json:"plaintext_length"` // all bytes are 61 if plaintext is left out
	Digest     hexBytes   `json:"digest"`
	Commitment hexBytes   `json:"commitment"`
	Body       hexBytes   `json:"body_key"`
	Size       int        `json:"file_length"`
	SHA256     hexBytes   `json:"file_sha256"`
	File       hexBytes   `json:"file,omitempty"` // if it is short
}

type blobVector struct {
	Key       hexBytes `json:"key"`
	Plaintext hexBytes `json:"plaintext,omitempty"`
	Length    int      `json:"plaintext_length"`
	List      hexBytes `json:"list"`
	Name      string   `json:"name"`
	Text      string   `json:"capability"`
	First     hexBytes `json:"chunk_1,omitempty"` // if it is short
}

func fill(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

// plain is the plaintext of a vector: short ones are spelled.
func plain(b hexBytes, n int) []byte {
	if len(b) == 0 {
		return fill(0x61, n)
	}
	return b
}

func writeVectors(t *testing.T) vectors {
	t.Helper()
	v := vectors{About: "docs/seal.md defines these files and blobs. The random bytes of a file are taken in the order key, ephemeral private keys."}
	v.Author = authorVector{fill(0x11, 32), fill(0x12, 32)}
	author := v.Author.secrets(t)
	for i, c := range []struct {
		pattern byte
		readers int
		context string
		plain   string
		length  int
	}{
		{'N', 1, "", "drop this", 0},
		{'N', 3, "row 7", "", 0},
		{'X', 1, "", "I wrote this", 0},
		{'X', 2, "row 8", "to two", 0},
		{'K', 1, "", "you know who", 0},
		{'K', 2, "x", "", 65536},
		{'N', 1, "", "", 65537},
		{'X', 1, "", "", 200000},
	} {
		f := fileVector{Pattern: string(c.pattern), Key: fill(byte(0x20+i), 32), Context: hexBytes(c.context), Plaintext: hexBytes(c.plain), Length: len(c.plain) + c.length}
		var readers, boxes [][]byte
		var ephemerals []*ecdh.PrivateKey
		for k := range c.readers {
			f.Readers = append(f.Readers, fill(byte(0x31+k), 32))
			f.Ephemerals = append(f.Ephemerals, fill(byte(0x41+16*k+i), 32))
			readers = append(readers, noisetest.Key(f.Readers[k]).PublicKey().Bytes())
			ephemerals = append(ephemerals, noisetest.Key(f.Ephemerals[k]))
		}
		a := &author
		if c.pattern == 'N' {
			a = nil
		}
		file := docFile(c.pattern, a, f.Key, ephemerals, readers, f.Context, plain(f.Plaintext, f.Length))
		size := map[byte]int{'N': 80, 'K': 80, 'X': 160}[c.pattern]
		for k := range c.readers {
			boxes = append(boxes, file[15+k*size:][:size])
		}
		f.Commitment, f.Body, f.Digest = docKeys3(f.Key, docHeader(c.pattern, boxes...), f.Context)
		f.Size, f.SHA256 = len(file), docHash(file)
		if len(file) < 2000 {
			f.File = file
		}
		v.Files = append(v.Files, f)
	}
	for i, n := range []int{0, 7, 65536, 65537, 300000} {
		b := blobVector{Key: fill(byte(0x61+i), 32), Length: n}
		if n < 100 {
			b.Plaintext = fill(byte(n), n)
		}
		pieces := docBlob(b.Key, plain(b.Plaintext, n))
		b.List = pieces[0]
		b.Name = sturdyref.Designator([32]byte(docHash(pieces[0]))) // the same base32
		b.Text = "hawser-blob:" + b.Name + "." + sturdyref.Designator([32]byte(b.Key))
		if n < 100 {
			b.First = pieces[1]
		}
		v.Blobs = append(v.Blobs, b)
	}
	return v
}

func docKeys3(key, header, context []byte) (commitment, body, digest hexBytes) {
	c, b, d := docKeys(key, header, context)
	return c, b, d
}

func (a authorVector) secrets(t testing.TB) noisetest.Secrets {
	return noisetest.SecretsOf(t, a.identity(t))
}

func (a authorVector) identity(t testing.TB) sturdyref.KeyPair {
	t.Helper()
	stored, err := detcbor.Marshal(map[int]any{1: 1, 2: []byte(a.Static), 3: []byte(a.Signing), 4: 0})
	if err != nil {
		t.Fatal(err)
	}
	k, err := sturdyref.KeyPairOf(stored)
	if err != nil {
		t.Fatal(err)
	}
	if !k.NotBefore().Equal(time.Unix(0, 0)) {
		t.Fatal("the identity is not as it was written")
	}
	return k
}

func readVectors(t testing.TB) (v vectors) {
	t.Helper()
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVectors(t *testing.T) {
	written, err := json.MarshalIndent(writeVectors(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	written = append(written, '\n')
	if *update {
		if err := os.WriteFile(vectorFile, written, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(vectorFile); err != nil || !bytes.Equal(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), written) {
		t.Errorf("%s is not what the second implementation writes, %v: run with -update if the format was meant to change", vectorFile, err)
	}
	v := readVectors(t)
	author := v.Author.identity(t)
	public := author.Public()
	for i, f := range v.Files {
		s := seal.Sealer{Context: f.Context}
		o := seal.Opener{Context: f.Context}
		if f.Pattern != "N" {
			s.From, s.Known, o.From = author, f.Pattern == "K", &public
		}
		random := []byte(f.Key)
		for k, r := range f.Readers {
			s.Readers = append(s.Readers, [32]byte(noisetest.Key(r).PublicKey().Bytes()))
			random = append(random, f.Ephemerals[k]...)
		}
		s.Random = bytes.NewReader(random)
		plaintext := plain(f.Plaintext, f.Length)
		file := mustSeal(t, &s, plaintext)
		if len(file) != f.Size || !bytes.Equal(docHash(file), f.SHA256) || f.File != nil && !bytes.Equal(file, f.File) {
			t.Errorf("file %d (%s) is another: %d bytes, %x", i, f.Pattern, len(file), docHash(file))
		}
		for _, r := range f.Readers {
			k, err := seal.ReadKeyOf(r)
			if err != nil {
				t.Fatal(err)
			}
			o.Key = k
			got, from, err := o.Open(file)
			if err != nil || !bytes.Equal(got, plaintext) || o.From != nil && from != public {
				t.Errorf("file %d (%s): %d bytes by %x, %v", i, f.Pattern, len(got), from, err)
			}
		}
	}
	for i, b := range v.Blobs {
		shelf, err := seal.NewShelf(memory.New(), "blobs")
		if err != nil {
			t.Fatal(err)
		}
		plaintext := plain(b.Plaintext, b.Length)
		blob, err := shelf.PutWith(t.Context(), bytes.NewReader(plaintext), (*[32]byte)(b.Key))
		if err != nil || blob.Reveal() != b.Text || blob.Name().String() != b.Name {
			t.Errorf("blob %d is %s, %v, want %s", i, blob.Reveal(), err, b.Text)
			continue
		}
		for n, want := range docBlob(b.Key, plaintext) {
			if got, err := shelf.Piece(context.Background(), blob.Name(), n); err != nil || !bytes.Equal(got, want) {
				t.Errorf("blob %d: piece %d is another, %v", i, n, err)
			}
		}
		again, err := seal.ParseBlob(b.Text)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if n, err := seal.Get(t.Context(), shelf, again, &got); err != nil || n != int64(b.Length) || !bytes.Equal(got.Bytes(), plaintext) {
			t.Errorf("blob %d reads as %d bytes, %v", i, n, err)
		}
	}
}
