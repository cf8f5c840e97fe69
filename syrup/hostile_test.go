package syrup_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/syrup"
)

// TestMalformed gives each kind of refusal its inputs and the offset it names.
func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		text   string
		kind   error
		offset int64
	}{
		{"", syrup.ErrTruncated, 0},
		{"[", syrup.ErrTruncated, 1},
		{"[1+", syrup.ErrTruncated, 3},
		{"1", syrup.ErrTruncated, 1},
		{`5"twin`, syrup.ErrTruncated, 6},
		{"D\x00", syrup.ErrTruncated, 2},
		{"D", syrup.ErrTruncated, 1},
		{"<", syrup.ErrTruncated, 1},
		{"<4'null", syrup.ErrTruncated, 7},
		{"{1\"a", syrup.ErrTruncated, 4},
		{"9999999:", syrup.ErrTruncated, 8},
		{"tt", syrup.ErrTrailing, 1},
		{"t ", syrup.ErrTrailing, 1},
		{"x", syrup.ErrSyntax, 0},
		{"+", syrup.ErrSyntax, 0},
		{`"abc`, syrup.ErrSyntax, 0},
		{"12x", syrup.ErrSyntax, 2},
		{" 1+", syrup.ErrSyntax, 0},
		{"[\xff]", syrup.ErrSyntax, 1},
		{"01+", syrup.ErrNotCanonical, 0},
		{"[00+]", syrup.ErrNotCanonical, 1},
		{"0-", syrup.ErrNotCanonical, 0},
		{"03:abc", syrup.ErrNotCanonical, 0},
		{`{1"bt1"at}`, syrup.ErrNotCanonical, 5},
		{"F\x00\x00\x00\x00", syrup.ErrNotCanonical, 0},
		{"D\x7f\xf8\x00\x00\x00\x00\x00\x01", syrup.ErrNotCanonical, 0},
		{"D\xff\xf8\x00\x00\x00\x00\x00\x00", syrup.ErrNotCanonical, 0},
		{`{1"at1"at}`, syrup.ErrDuplicateKey, 5},
		{"1\"\xff", syrup.ErrUTF8, 2},
		{"3'\xed\xa0\x80", syrup.ErrUTF8, 2}, // a lone surrogate
		{"{1\"\xfft}", syrup.ErrUTF8, 3},
		{"{1'at}", syrup.ErrUnexpected, 1},
		{"{1+t}", syrup.ErrUnexpected, 1},
		{`{1"a}`, syrup.ErrUnexpected, 4},
		{"#1+$", syrup.ErrUnexpected, 0},
		{"]", syrup.ErrUnexpected, 0},
		{"[1+>", syrup.ErrUnexpected, 3},
		{"<>", syrup.ErrUnexpected, 1},
		{`<3"foo>`, syrup.ErrUnexpected, 1},
		{"<4'null1+>", syrup.ErrUnexpected, 7},
		{"<11'desc:tagged>", syrup.ErrUnexpected, 15},
		{"<11'desc:tagged1+1+>", syrup.ErrUnexpected, 15},
		{"<11'desc:tagged1't1+2+>", syrup.ErrUnexpected, 20},
		{"<10'desc:error>", syrup.ErrUnexpected, 14},
		{"<10'desc:error1+>", syrup.ErrUnexpected, 14},
		{`<10'desc:error1"a1"b1"c>`, syrup.ErrUnexpected, 20},
		{"<10'desc:error{5\"cause<11'desc:export0+>}>", syrup.ErrUnknown, 37},
		{"<3'foo1+>", syrup.ErrUnknown, 6},
		{strings.Repeat("9", 5000) + "+", syrup.ErrTooLarge, 0},
		{strings.Repeat("9", 30) + ":", syrup.ErrTooLarge, 0},
		{"99999999:", syrup.ErrTooLarge, 0},
		{"18446744073709551617:", syrup.ErrTooLarge, 0}, // 2^64 + 1
		{strings.Repeat("[", 129), syrup.ErrDepth, 128},
		{strings.Repeat(`{1"a`, 129), syrup.ErrDepth, 512},
		{strings.Repeat("<11'desc:tagged1't", 129), syrup.ErrDepth, 129 * 18},
		{strings.Repeat(`<10'desc:error{1"a`, 130), syrup.ErrDepth, 129*18 + 14},
	} {
		_, err := syrup.Decode([]byte(c.text), nil)
		checkError(t, "bytes", c.text, err, c.kind, c.offset)

		if c.kind == syrup.ErrTrailing {
			continue // a stream has messages one after the other
		}
		for name, wrap := range readers {
			d := syrup.NewDecoder(nil)
			d.ResetReader(wrap(strings.NewReader(c.text)))
			_, err = d.Value()
			checkError(t, name, c.text, err, c.kind, c.offset)
		}
	}
}

func checkError(t *testing.T, from, text string, err, kind error, offset int64) {
	t.Helper()
	if len(text) > 60 {
		text = text[:60] + "…"
	}
	var e *syrup.Error
	if !errors.As(err, &e) || !errors.Is(err, kind) || e.Offset != offset {
		t.Errorf("%s %q: got %v, want %v at offset %d", from, text, err, kind, offset)
		return
	}
	if msg := err.Error(); !strings.HasPrefix(msg, "syrup: offset ") || strings.Contains(msg, "\n") || !utf8.ValidString(msg) || len(msg) > 200 {
		t.Errorf("%s %q: message %q", from, text, msg)
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		limits  syrup.Limits
		fits    string
		exceeds string
		kind    error
	}{
		{syrup.Limits{Bytes: 5}, `3"abc`, `4"abcd`, syrup.ErrTooLarge},
		{syrup.Limits{Text: 3}, `3"abc`, `4"abcd`, syrup.ErrTooLarge},
		{syrup.Limits{Depth: 2}, "[[t]]", "[[[]]]", syrup.ErrDepth},
		{syrup.Limits{Depth: 1}, `[<10'desc:error{7"message0"}>]`, `[<11'desc:tagged1't1+>]`, syrup.ErrDepth},
		{syrup.Limits{Values: 3}, "[tt]", "[ttt]", syrup.ErrTooLarge},
		{syrup.Limits{Elements: 2}, "[tt]", "[ttt]", syrup.ErrTooLarge},
		{syrup.Limits{Elements: 1}, `{1"at}`, `{1"at1"bt}`, syrup.ErrTooLarge},
		{syrup.Limits{Digits: 2}, "99+", "999+", syrup.ErrTooLarge},
	} {
		cfg := &syrup.Config{Limits: c.limits}
		if _, err := syrup.Decode([]byte(c.fits), cfg); err != nil {
			t.Errorf("%+v: %q: %v", c.limits, c.fits, err)
		}
		if _, err := syrup.Decode([]byte(c.exceeds), cfg); !errors.Is(err, c.kind) {
			t.Errorf("%+v: %q: %v", c.limits, c.exceeds, err)
		}
		for name, wrap := range readers {
			d := syrup.NewDecoder(cfg)
			d.ResetReader(wrap(strings.NewReader(c.fits)))
			if _, err := d.Value(); err != nil || d.End() != nil {
				t.Errorf("%s, %+v: %q: %v, %v", name, c.limits, c.fits, err, d.End())
			}
			d.ResetReader(wrap(strings.NewReader(c.exceeds)))
			_, err := d.Value()
			if err == nil {
				err = d.End()
			}
			if !errors.Is(err, c.kind) {
				t.Errorf("%s, %+v: %q: %v", name, c.limits, c.exceeds, err)
			}
		}
	}
}

// greedy are inputs that try to make a decoder allocate or compute much more
// than they weigh.
func greedy(n int) map[string][]byte {
	pairs := bytes.Buffer{}
	pairs.WriteByte('{')
	for i := range n / 12 {
		fmt.Fprintf(&pairs, "7\"%07d[]", i)
	}
	pairs.WriteByte('}')
	return map[string][]byte{
		"length without data": []byte("16000000:"),
		"text without data":   []byte(`16000000"abc`),
		"booleans":            []byte("[" + strings.Repeat("t", n) + "]"),
		"short lists":         []byte("[" + strings.Repeat("[t]", n/3) + "]"),
		"empty lists":         []byte("[" + strings.Repeat("[]", n/2) + "]"),
		"empty texts":         []byte("[" + strings.Repeat(`0"`, n/2) + "]"),
		"short texts":         []byte("[" + strings.Repeat(`1"a`, n/3) + "]"),
		"integers":            []byte("[" + strings.Repeat("1000+", n/5) + "]"),
		"big integers":        []byte("[" + strings.Repeat("9999999999999999999+", n/20) + "]"),
		"most digits":         []byte("[" + strings.Repeat(strings.Repeat("9", 4096)+"+", n/4097) + "]"),
		"small structs":       []byte("[" + strings.Repeat(`{0"t}`, n/5) + "]"),
		"one struct":          pairs.Bytes(),
		"lists never closed":  []byte(strings.Repeat("[t", 100)),
		"nests":               []byte("[" + strings.Repeat(strings.Repeat("[", 100)+strings.Repeat("]", 100), n/200) + "]"),
		"fresh symbols":       freshSymbols(n),
	}
}

func freshSymbols(n int) []byte {
	var b bytes.Buffer
	b.WriteByte('[')
	for i := range n / 10 {
		fmt.Fprintf(&b, "8'%08d", i)
	}
	b.WriteByte(']')
	return b.Bytes()
}

// budget is what decoding may allocate in all, garbage included. The worst is a
// long list of Booleans: a byte of input is a slot of 16 bytes in the list, and
// up to four more in the stack that grows by doubling.
func budget(input int) uint64 { return 88*uint64(input) + 32<<10 }

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestAllocationIsProportional(t *testing.T) {
	for name, b := range greedy(1 << 19) {
		t.Run(name, func(t *testing.T) {
			for from, feed := range map[string]func(*syrup.Decoder){
				"bytes":  func(d *syrup.Decoder) { _ = d.Reset(b) },
				"stream": func(d *syrup.Decoder) { d.ResetReader(bytes.NewReader(b)) },
			} {
				start := time.Now()
				used := allocated(func() {
					d := syrup.NewDecoder(nil)
					feed(d)
					_, _ = d.Value()
				})
				if used > budget(len(b)) {
					t.Errorf("%s: %d bytes of input allocate %d, more than %d", from, len(b), used, budget(len(b)))
				}
				if took := time.Since(start); took > 10*time.Second {
					t.Errorf("%s: %d bytes of input take %v", from, len(b), took)
				}
			}
		})
	}
}

// endless is a stream that begins with first and goes on with more, far beyond any limit.
type endless struct {
	first, more string
	given       int
}

func (e *endless) Read(b []byte) (int, error) {
	if e.given > 1<<20 {
		return 0, io.EOF // or a decoder without a limit would hang
	}
	n := copy(b, e.first)
	e.first = e.first[n:]
	for n < len(b) {
		b[n] = e.more[(e.given+n)%len(e.more)]
		n++
	}
	e.given += n
	return n, nil
}

// TestStreamStopsAtTheLimit: what is over the limit is not even read.
func TestStreamStopsAtTheLimit(t *testing.T) {
	const limit = 10_000
	for name, r := range map[string]*endless{
		"a list":  {first: "[", more: "t"},
		"a text":  {first: `99999999"`, more: "x"},
		"a label": {first: "<99999999'", more: "x"},
		"texts":   {first: `[000"`, more: `000"`},
		"digits":  {more: "9"},
		"space":   {more: " "},
	} {
		d := syrup.NewDecoder(&syrup.Config{Limits: syrup.Limits{Bytes: limit, Text: 1 << 30, Digits: 1 << 30}, Lenient: true})
		d.ResetReader(r)
		if v, err := d.Value(); !errors.Is(err, syrup.ErrTooLarge) {
			t.Errorf("%s without end: %v, %v, want ErrTooLarge", name, v, err)
		}
		if r.given > 4*limit {
			t.Errorf("%s without end: %d bytes were read, the limit is %d", name, r.given, limit)
		}
	}
}

// TestRecordsInRecords: a hook that reads values brings in no depth of its own, and none is called within an error.
func TestRecordsInRecords(t *testing.T) {
	calls := 0
	cfg := &syrup.Config{Record: func(d *syrup.Decoder, _ passable.Symbol) (any, error) {
		calls++
		return d.Value()
	}}
	nested := func(n int) []byte { return []byte(strings.Repeat("<1'r", n) + "t" + strings.Repeat(">", n)) }
	if v, err := syrup.Decode(nested(passable.MaxDepth+1), cfg); v != true {
		t.Errorf("records as deep as may be: %v, %v", v, err)
	}
	if _, err := syrup.Decode(nested(passable.MaxDepth+2), cfg); !errors.Is(err, syrup.ErrDepth) {
		t.Errorf("records too deep: %v, want ErrDepth", err)
	}
	calls = 0
	if _, err := syrup.Decode([]byte(`<10'desc:error{5"cause[<1'rt>]7"message1"m}>`), cfg); !errors.Is(err, syrup.ErrUnknown) || calls > 0 {
		t.Errorf("a capability in an error: %v, the hook was called %d times; want ErrUnknown", err, calls)
	}
}

// TestInternedNamesAreBounded floods a decoder with new names and looks whether
// it keeps them.
func TestInternedNamesAreBounded(t *testing.T) {
	d := syrup.NewDecoder(nil)
	before := heap()
	for range 20 {
		if err := d.Reset(freshSymbols(1 << 19)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Value(); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Reset(nil); err != nil {
		t.Fatal(err)
	}
	if after := heap(); after > before+256<<10 {
		t.Errorf("the heap grew from %d to %d", before, after)
	}
	runtime.KeepAlive(d)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

var readers = map[string]func(*strings.Reader) reader{
	"whole":       func(r *strings.Reader) reader { return r },
	"byte a time": func(r *strings.Reader) reader { return iotest.OneByteReader(r) },
	"EOF at once": func(r *strings.Reader) reader { return iotest.DataErrReader(r) },
}

type reader interface{ Read([]byte) (int, error) }
