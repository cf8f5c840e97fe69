package syrup_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/syrup"
	"pgregory.net/rapid"
)

// TestRoundTrip: what is encoded decodes to an equal value, encodes again to the
// same bytes, and has one encoding however the struct was built.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.SampledFrom([]syrup.KeyOrder{syrup.ByEncoding, syrup.ByUTF16}).Draw(t, "order")
		enc, cfg := &syrup.Encoder{KeyOrder: order}, &syrup.Config{KeyOrder: order}
		v := anyValue().Draw(t, "value")
		b, err := enc.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		back, err := syrup.Decode(b, cfg)
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if !passable.Equal(v, back) {
			t.Fatalf("%q decodes to %#v, was %#v", b, back, v)
		}
		if again, err := enc.Append(nil, back); err != nil || !bytes.Equal(b, again) {
			t.Fatalf("%q encodes again to %q, %v", b, again, err)
		}
	})
}

// TestStream: messages one after the other decode alike, however the bytes
// arrive, and the end of the stream is told from a broken message.
func TestStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(anyValue(), 1, 5).Draw(t, "values")
		var all []byte
		var ends []int
		for _, v := range values {
			b, err := (&syrup.Encoder{}).Append(all, v)
			if err != nil {
				t.Fatal(err)
			}
			all, ends = b, append(ends, len(b))
		}
		d := syrup.NewDecoder(nil)
		var r io.Reader = bytes.NewReader(all)
		if rapid.Bool().Draw(t, "byte a time") {
			r = iotest.OneByteReader(r)
		}
		d.ResetReader(r)
		for i, want := range values {
			if err := d.Next(); err != nil {
				t.Fatal(err)
			}
			mark := d.Mark()
			got, err := d.Value()
			if err != nil || !passable.Equal(got, want) || d.End() != nil {
				t.Fatalf("message %d: %#v, %v, want %#v", i, got, err, want)
			}
			start := 0
			if i > 0 {
				start = ends[i-1]
			}
			if raw := d.Since(mark); !bytes.Equal(raw, all[start:ends[i]]) {
				t.Fatalf("message %d: raw %q, want %q", i, raw, all[start:ends[i]])
			}
			if d.Offset() != int64(ends[i]) {
				t.Fatalf("message %d: offset %d, want %d", i, d.Offset(), ends[i])
			}
		}
		if err := d.Next(); err != io.EOF {
			t.Fatalf("after the last message: %v, want EOF", err)
		}

		cut := rapid.IntRange(0, len(all)-1).Draw(t, "cut")
		d.ResetReader(bytes.NewReader(all[:cut]))
		for whole := 0; ; whole++ {
			if err := d.Next(); err == io.EOF {
				if whole > 0 && ends[whole-1] != cut || whole == 0 && cut != 0 {
					t.Fatalf("cut at %d passes for an end", cut)
				}
				return
			}
			if _, err := d.Value(); err != nil {
				if !errors.Is(err, syrup.ErrTruncated) {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				return
			}
		}
	})
}

// TestReaderErrors: an error of the reader comes through as it is.
func TestReaderErrors(t *testing.T) {
	broken := errors.New("broken")
	d := syrup.NewDecoder(nil)
	d.ResetReader(io.MultiReader(bytes.NewReader([]byte("[1+")), iotest.ErrReader(broken)))
	if _, err := d.Value(); err != broken {
		t.Errorf("got %v", err)
	}
	d.ResetReader(idle{})
	if err := d.Next(); err != io.ErrNoProgress {
		t.Errorf("a reader that gives nothing: %v", err)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// FuzzDecode: no panic, no allocation beyond the budget, the same verdict from a
// stream, and what the strict decoder takes encodes again to the same bytes
// unless it used a shape that is read and not written.
func FuzzDecode(f *testing.F) {
	for _, v := range vectors {
		f.Add([]byte(v.text))
	}
	for _, b := range greedy(600) {
		f.Add(b)
	}
	f.Add([]byte("<10'op:deliver<11'desc:export0+>[5'fetch32:JadQ0++RzsD4M+40uLxTWVaVqM10DcBJ]3+<18'desc:import-object5+>>"))
	d, stream := syrup.NewDecoder(nil), syrup.NewDecoder(nil)
	lenient := syrup.NewDecoder(&syrup.Config{Lenient: true})
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		var err error
		if used := allocated(func() {
			if err = d.Reset(b); err == nil {
				v, err = d.Value()
			}
		}); used > budget(len(b)) {
			t.Errorf("%d bytes of input allocate %d", len(b), used)
		}
		if err == nil {
			err = d.End()
		}
		var e *syrup.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("error %T: %v", err, err)
		}
		if err == nil && d.Seen()&^syrup.SeenErrorStruct == 0 {
			again, err := syrup.Encode(v)
			if err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%q decodes to %#v, which encodes to %q, %v", b, v, again, err)
			}
		}

		stream.ResetReader(iotest.OneByteReader(bytes.NewReader(b)))
		sv, serr := stream.Value()
		switch {
		case err == nil && (serr != nil || !passable.Equal(v, sv)):
			t.Fatalf("%q: from bytes %#v, from a stream %#v, %v", b, v, sv, serr)
		case serr == nil && err != nil && !errors.Is(err, syrup.ErrTrailing):
			t.Fatalf("%q: from bytes %v, from a stream fine", b, err)
		}

		if err2 := lenient.Reset(b); err2 != nil {
			t.Fatal(err2)
		}
		lv, lerr := lenient.Value()
		if err == nil && (lerr != nil || !passable.Equal(v, lv)) {
			t.Fatalf("%q: strict %#v, lenient %#v, %v", b, v, lv, lerr)
		}
	})
}
