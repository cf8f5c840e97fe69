package tcptest_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/tcptest"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/syrup"
)

func whole(left int) int   { return left }
func oneByte(left int) int { return 1 }

// values are complete Syrup values, good ones and some that only a decoder can tell are none.
var values = []string{
	`t`, `f`, `0+`, `7+`, `12345678901234567890123-`, `D@` + strings.Repeat("\x00", 7), `F` + strings.Repeat(">", 4), `0:`, `5:hello`, `0"`, `4"<[{"`, `3'abc`,
	`[]`, `[1+[2+[3+]]]`, `{}`, `{1"a1+1"b[]}`, `<4'null>`, `<11'desc:tagged1't<4'void>>`, `#1+2+$`,
	`<10'op:deliver<11'desc:export0+>[5'hello2:>>]ff>`, "< 1'a 1+\n>",
	`<16'op:start-session3"1.0[10'public-key[3'ecc[5'curve7'Ed25519][5'flags5'eddsa][1'q32:` + strings.Repeat(">", 32) + `]]]<10'ocapn-peer16'tcp-testing-only1"xf>[7'sig-val[5'eddsa[1'r32:` + strings.Repeat("]", 32) + `][1's32:` + strings.Repeat("<", 32) + `]]]>`,
}

func TestScanFindsTheEnd(t *testing.T) {
	for _, v := range values {
		for _, after := range []string{"", "<", "t", ">", "\x00"} {
			in := []byte(v + after)
			for name, cut := range map[string]func(int) int{"whole": whole, "byte by byte": oneByte} {
				n, done, err := tcptest.Scan(in, netlayer.MaxFrame, cut)
				if err != nil || !done || n != len(v) {
					t.Errorf("%q followed by %q, %s: %d bytes, whole %v, error %v, want %d", v, after, name, n, done, err, len(v))
				}
			}
		}
		for i := range len(v) {
			if _, done, err := tcptest.Scan([]byte(v[:i]), netlayer.MaxFrame, whole); done || err != nil {
				t.Errorf("%q cut after %d bytes: whole %v, error %v", v, i, done, err)
			}
		}
	}
}

func TestScanRefuses(t *testing.T) {
	deep := strings.Repeat("[", tcptest.MaxOpen)
	if _, _, err := tcptest.Scan([]byte(deep), netlayer.MaxFrame, whole); err != nil {
		t.Errorf("%d brackets: %v", tcptest.MaxOpen, err)
	}
	for in, want := range map[string]error{
		">": tcptest.ErrSyntax, "[>": tcptest.ErrSyntax, "<]": tcptest.ErrSyntax, "<[>": tcptest.ErrSyntax, "{]": tcptest.ErrSyntax, "#]": tcptest.ErrSyntax,
		"x": tcptest.ErrSyntax, "\x00": tcptest.ErrSyntax, ":": tcptest.ErrSyntax, "1x": tcptest.ErrSyntax, "<1>": tcptest.ErrSyntax, "<+": tcptest.ErrSyntax,
		deep + "[":                         tcptest.ErrDepth,
		"101:":                             netlayer.ErrFrameTooLarge,
		"<99\"":                            netlayer.ErrFrameTooLarge,
		"99999999999999999999999999999'":   netlayer.ErrFrameTooLarge,
		"18446744073709551617:":            netlayer.ErrFrameTooLarge, // 1 beyond 64 bits
		strings.Repeat("1", 101):           netlayer.ErrFrameTooLarge,
		"[" + strings.Repeat("t", 101):     netlayer.ErrFrameTooLarge,
		"<" + strings.Repeat(" ", 101):     netlayer.ErrFrameTooLarge,
		"<2'ab" + strings.Repeat("0+", 50): netlayer.ErrFrameTooLarge,
	} {
		max := 100
		if errors.Is(want, tcptest.ErrDepth) {
			max = netlayer.MaxFrame
		}
		for name, cut := range map[string]func(int) int{"whole": whole, "byte by byte": oneByte} {
			if _, _, err := tcptest.Scan([]byte(in), max, cut); !errors.Is(err, want) {
				t.Errorf("%.40q, %s: error %v, want %v", in, name, err, want)
			}
		}
	}
}

// TestScanIsLinear: a message that comes byte by byte costs no more than its bytes; it hangs otherwise.
func TestScanIsLinear(t *testing.T) {
	in := append(append([]byte("<"), bytes.Repeat([]byte("0+"), netlayer.MaxFrame/2-1)...), '>')
	if n, done, err := tcptest.Scan(in, netlayer.MaxFrame, oneByte); n != len(in) || !done || err != nil {
		t.Fatalf("%d, %v, %v", n, done, err)
	}
}

// anyRecord has the decoder take every record with whatever fields it has.
func anyRecord(d *syrup.Decoder, label passable.Symbol) (any, error) {
	for {
		more, err := d.More()
		if err != nil || !more {
			return label, err
		}
		if _, err := d.Value(); err != nil {
			return nil, err
		}
	}
}

// FuzzScan compares the scanner with the decoder: where the decoder finds a value, the scanner finds its end, at the same
// place and however the bytes come; and where the scanner finds an end the decoder misses none and has none left.
func FuzzScan(f *testing.F) {
	for _, v := range values {
		f.Add([]byte(v), byte(3))
		f.Add([]byte(v+v), byte(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, step byte) {
		const max = 1 << 16
		n, done, err := tcptest.Scan(b, max, whole)
		m, doneToo, errToo := tcptest.Scan(b, max, func(left int) int { return min(left, int(step)%8+1) })
		if done != doneToo || (err == nil) != (errToo == nil) || done && n != m {
			t.Fatalf("at once: %d %v %v; in pieces: %d %v %v", n, done, err, m, doneToo, errToo)
		}
		d := syrup.NewDecoder(&syrup.Config{Lenient: true, Record: anyRecord, Limits: syrup.Limits{Bytes: max}})
		if len(b) > max || d.Reset(b) != nil {
			return
		}
		_, errDecoding := d.Value()
		if errDecoding == nil && (!done || int64(n) != d.Offset()) {
			t.Fatalf("the value ends at %d for the decoder; for the scanner at %d, whole %v, error %v", d.Offset(), n, done, err)
		}
		if done {
			if _, err := syrup.Decode(b[:n], &syrup.Config{Lenient: true, Record: anyRecord}); errors.Is(err, syrup.ErrTruncated) || errors.Is(err, syrup.ErrTrailing) {
				t.Fatalf("the scanner finds an end at %d, the decoder: %v", n, err)
			}
		} else if err == nil && errDecoding != nil && errors.Is(errDecoding, syrup.ErrTrailing) {
			t.Fatalf("the scanner waits for more, the decoder: %v", errDecoding)
		}
	})
}

// FuzzSplit writes messages in both framings and takes the stream apart in pieces; and takes apart what is no such stream.
func FuzzSplit(f *testing.F) {
	for _, v := range values {
		f.Add([]byte(v), []byte("<1'a>"), byte(2))
	}
	f.Add([]byte("5:hello0:11:"), []byte{}, byte(1))
	f.Fuzz(func(t *testing.T, a, b []byte, step byte) {
		const max = 1 << 12
		cut := func(left int) int { return min(left, int(step)%9+1) }
		messages, err := tcptest.Split(a, max, cut)
		atOnce, errAtOnce := tcptest.Split(a, max, whole)
		if fmt.Sprint(messages) != fmt.Sprint(atOnce) || (err == nil) != (errAtOnce == nil) {
			t.Fatalf("in pieces %q, %v; at once %q, %v", messages, err, atOnce, errAtOnce)
		}
		for _, m := range messages {
			if len(m) > max {
				t.Fatalf("a message of %d bytes", len(m))
			}
		}
		if len(a) > max || len(b) > max {
			return
		}
		stream := tcptest.AppendMessage(tcptest.AppendMessage(nil, tcptest.Framed, a), tcptest.Framed, b)
		if got, err := tcptest.Split(stream, max, cut); err != nil || len(got) != 2 || !bytes.Equal(got[0], a) || !bytes.Equal(got[1], b) {
			t.Fatalf("framed messages came as %q, %v", got, err)
		}
	})
}

func TestSplitRefuses(t *testing.T) {
	for in, want := range map[string]error{
		"x": tcptest.ErrSyntax, "[1+]": tcptest.ErrSyntax, "\n<1'a>": tcptest.ErrSyntax, ":": tcptest.ErrSyntax,
		"00:": tcptest.ErrSyntax, "01:a": tcptest.ErrSyntax, "1;a": tcptest.ErrSyntax, "1\"a": tcptest.ErrSyntax,
		"1:a<1'a>":   tcptest.ErrSyntax, // the framing is chosen once
		"<1'a>x":     tcptest.ErrSyntax,
		"101:":       netlayer.ErrFrameTooLarge,
		"99999999:":  netlayer.ErrFrameTooLarge,
		"999999999:": tcptest.ErrSyntax,
		"<101:":      netlayer.ErrFrameTooLarge,
	} {
		for name, cut := range map[string]func(int) int{"whole": whole, "byte by byte": oneByte} {
			if _, err := tcptest.Split([]byte(in), 100, cut); !errors.Is(err, want) {
				t.Errorf("%q, %s: error %v, want %v", in, name, err, want)
			}
		}
	}
	if got, err := tcptest.Split([]byte("<1'a>5:hello<1'b>"), 100, whole); err != nil || len(got) != 3 {
		t.Errorf("raw values of other kinds behind a record: %q, %v", got, err)
	}
	if got, err := tcptest.Split([]byte("0:1:a100:"+strings.Repeat("x", 100)), 100, oneByte); err != nil || len(got) != 3 || len(got[0]) != 0 {
		t.Errorf("framed messages of 0, 1 and 100 bytes: %q, %v", got, err)
	}
}
