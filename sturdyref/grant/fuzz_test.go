package grant_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

// seeds adds the vectors of the given kinds, and one of each other kind.
func seeds(f *testing.F, kinds ...string) {
	f.Helper()
	stored, err := os.ReadFile(vectorsFile)
	if err != nil {
		f.Fatal(err)
	}
	var all vectors
	if err := json.Unmarshal(stored, &all); err != nil {
		f.Fatal(err)
	}
	seen := map[string]bool{}
	for _, k := range kinds {
		seen[k] = false
	}
	for _, v := range all.Vectors {
		if done, wanted := seen[v.Kind]; !done || wanted {
			f.Add([]byte(v.Bytes))
			if !wanted {
				seen[v.Kind] = true
			}
		}
	}
}

// same checks that b is the one encoding of what a general decoder makes of it, at every level.
func same(t *testing.T, b []byte) {
	t.Helper()
	var v any
	mode, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden}.DecMode()
	if err != nil {
		t.Fatal(err)
	}
	if err := mode.Unmarshal(b, &v); err != nil {
		t.Fatalf("%x was read, but is no CBOR: %v", b, err)
	}
	if again := encode(v); !bytes.Equal(again, b) {
		t.Fatalf("%x was read, but is %x", b, again)
	}
}

// payloads returns the claims in an array of envelopes.
func payloads(t *testing.T, envelopes ...[]byte) [][]byte {
	t.Helper()
	var out [][]byte
	for _, e := range envelopes {
		same(t, e)
		var parts struct {
			_           struct{} `cbor:",toarray"`
			Protected   []byte
			Unprotected map[int]any
			Payload     []byte
			Signature   []byte
		}
		if err := decode(e[1:], &parts); err != nil {
			t.Fatal(err)
		}
		out = append(out, parts.Payload)
	}
	return out
}

func mustRefuse(t *testing.T, b []byte, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, grant.ErrRefused) {
		t.Fatalf("%x: an error that is no refusal: %v", b, err)
	}
}

// T10: whatever is read as a grant is one in the one form that there is, and is written again the same.
func FuzzParse(f *testing.F) {
	seeds(f, "grant")
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := grant.Parse(b)
		mustRefuse(t, b, err)
		if err != nil {
			return
		}
		same(t, b)
		links := linksOf(t, g)
		for i, p := range payloads(t, links...) {
			same(t, p)
			if g.Links()[i].ID != idOf(p) {
				t.Fatal("the id of a link is another")
			}
		}
		if !bytes.Equal(g.Bytes(), b) || len(b) > grant.MaxBytes || len(links) > grant.MaxLinks {
			t.Fatal("it is not what was read, or too much")
		}
		text, err := g.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var again grant.Grant
		if err := again.UnmarshalText(text); err != nil || !bytes.Equal(again.Bytes(), b) {
			t.Fatalf("its text is not read: %v", err)
		}
		if len(g.Describe()) != len(links) || g.String() == "" {
			t.Fatal("it has no words")
		}
		for _, c := range []grant.Call{{}, {Method: "add", Live: true, Args: []any{"/a"}}, {Seq: 7, Args: []any{int64(1), nil}}} {
			mustRefuse(t, b, g.Permits(c, start, state{uses: 1, asOf: start}))
		}
		mustRefuse(t, b, at(start).Verify(g))
	})
}

func FuzzPresentation(f *testing.F) {
	seeds(f, "presentation")
	g := chainOf(f, home, anna, billie)
	p, err := grant.Present(billie, g, [32]byte{1}, home.key(), 3)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p)
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := g.CheckPresentation(b, [32]byte{1}, home.key())
		mustRefuse(t, b, err)
		if err == nil && (n != 3 || !bytes.Equal(b, p)) {
			t.Fatalf("%x was forged", b)
		}
	})
}

func FuzzMessage(f *testing.F) {
	seeds(f, "message")
	g := chainOf(f, home, anna)
	own, err := grant.SignMessage(anna, g, grant.Message{To: home.key(), Seq: 1, Authored: start, Method: "add", Args: []byte{1}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(own)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := grant.ParseMessage(b)
		mustRefuse(t, b, err)
		if err != nil {
			return
		}
		for _, p := range payloads(t, b) {
			same(t, p)
		}
		err = at(start).CheckMessage(g, m, home.key())
		mustRefuse(t, b, err)
		if err == nil && !bytes.Equal(b, own) {
			t.Fatalf("%x was forged", b)
		}
	})
}

func FuzzNotice(f *testing.F) {
	seeds(f, "revocation", "head")
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := grant.ParseRevocation(b)
		mustRefuse(t, b, err)
		c, cErr := grant.ConcernOf(b)
		mustRefuse(t, b, cErr)
		if err == nil && (cErr != nil || !c.Revokes || c.Link != r.Link || c.By != r.By || c.Home != r.Subject) {
			t.Fatalf("a revocation of %+v concerns %+v, %v", r, c, cErr)
		}
		s, sErr := grant.NewSet(nil)
		if sErr != nil {
			t.Fatal(sErr)
		}
		mustRefuse(t, b, s.Load(b, start))
		if n, _ := s.Len(); err == nil && n == 0 && start.Before(r.Until()) {
			t.Fatalf("%x is a revocation that a set does not take", b)
		}
		for n := range s.All() {
			same(t, n.Bytes)
			var parts [][]byte
			if err := decode(n.Bytes, &parts); err != nil || !bytes.Equal(n.Bytes, b) {
				t.Fatalf("it is held as something else: %v", err)
			}
			for _, p := range payloads(t, parts[0]) {
				same(t, p)
			}
			if _, err := grant.Parse(parts[1]); err != nil {
				t.Fatal(err)
			}
		}
		fresh, _ := grant.NewSet(nil)
		_, err = fresh.Add(b, start)
		mustRefuse(t, b, err)
	})
}

func FuzzSnapshot(f *testing.F) {
	seeds(f, "snapshot")
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := grant.VerifySnapshot(b, home.key())
		mustRefuse(t, b, err)
		if err == nil {
			for _, p := range payloads(t, b) {
				same(t, p)
			}
			_ = s.Follows(s)
		}
	})
}

func FuzzReceipt(f *testing.F) {
	seeds(f, "receipt", "snapshot")
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := grant.ParseReceipt(b)
		mustRefuse(t, b, err)
		if err != nil {
			return
		}
		for _, p := range payloads(t, b) {
			same(t, p)
		}
		if again, err := grant.ParseReceiptText(grant.ReceiptText(b)); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("its text is not read: %v", err)
		}
		if r.Home != home.key() && r.Home != mallet.key() { // of the vectors; nobody else has signed any
			t.Fatalf("%x was forged", b)
		}
	})
}

func FuzzBearer(f *testing.F) {
	b, err := grant.IssueBearer(home, grant.Root{}, grant.Terms{Expires: start.Add(day)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b.Reveal())
	f.Add("hawser-bearer:.")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := grant.ParseBearer(text)
		mustRefuse(t, []byte(text), err)
		if err == nil {
			if again, err := grant.ParseBearer(b.Reveal()); err != nil || again.Reveal() != b.Reveal() {
				t.Fatalf("what it reveals is not read: %v", err)
			}
		}
	})
}
