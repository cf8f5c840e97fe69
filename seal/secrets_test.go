package seal_test

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/seal"
)

// T29: however a secret is printed, alone or inside something else, neither it nor a part of it appears.
func TestSecretsDoNotPrint(t *testing.T) {
	key, blobKey, fileKey := readKey(t), content(32), content(34)[:32]
	blob, err := newShelf(t).PutWith(t.Context(), strings.NewReader("x"), (*[32]byte)(blobKey))
	if err != nil {
		t.Fatal(err)
	}
	sealer := seal.Sealer{Readers: publics(key), Random: io.MultiReader(bytes.NewReader(fileKey), bytes.NewReader(content(64)))}
	var file bytes.Buffer
	w, err := sealer.NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	header := bytes.Clone(file.Bytes()[:file.Len()-32])
	_, body, _ := docKeys(fileKey, header, nil)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	opener := seal.Opener{Key: key}
	r, err := opener.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}

	var secrets []string
	for _, b := range [][]byte{key.Reveal(), blobKey, fileKey, body} {
		secrets = append(secrets, hex.EncodeToString(b[:8]), strings.ToUpper(hex.EncodeToString(b[:8])),
			base64.RawURLEncoding.EncodeToString(b)[:10], base64.StdEncoding.EncodeToString(b)[:10], string(b),
			strings.ToLower(base32.StdEncoding.EncodeToString(b))[:10], strings.Trim(fmt.Sprint(b[:8]), "[]"))
	}
	if _, text, _ := strings.Cut(blob.Reveal(), "."); !strings.Contains(text, secrets[12]) {
		t.Fatalf("%q is not the key: the test shows nothing", secrets[12])
	}
	type hidden struct{ v any }
	type wrapped struct {
		key  seal.ReadKey
		blob seal.Blob
		w    *seal.Writer
		r    *seal.Reader
	}
	for _, v := range []any{
		key, blob, &key, &blob, w, r, *w, *r, opener, &opener,
		[]any{key, blob},
		map[string]any{"x": blob},
		hidden{key},
		hidden{blob},
		wrapped{key, blob, w, r},
		&wrapped{key, blob, w, r},
		struct{ Blob seal.Blob }{blob},
		struct{ W seal.Writer }{*w},
		struct{ r seal.Reader }{*r},
	} {
		var logged bytes.Buffer
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "v", v)
		asJSON, _ := json.Marshal(v)
		_ = gob.NewEncoder(&logged).Encode(v)
		out := logged.String() + string(asJSON)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			out += fmt.Sprintf(verb+"\n", v)
		}
		if g, ok := v.(interface {
			fmt.GoStringer
			fmt.Stringer
		}); ok {
			out += g.String() + g.GoString()
		}
		for _, s := range secrets {
			if strings.Contains(out, s) {
				t.Errorf("%T printed a secret (%.12q)", v, s)
				break
			}
		}
	}
	if s := fmt.Sprint(blob); !strings.Contains(s, blob.Name().String()) {
		t.Errorf("%q does not show the name, which is no secret", s)
	}
}
