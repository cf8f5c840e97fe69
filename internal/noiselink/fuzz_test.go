package noiselink_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/hawser-go/hawser/internal/noiselink"
	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer"
)

// Payloads: what is accepted has exactly one encoding.
func FuzzPayloads(f *testing.F) {
	me := noisetest.SecretsOf(f, identity(f))
	f.Add(noisetest.Hello([16]byte{1}, "a", "b/1"))
	f.Add(noisetest.Hello([16]byte{}))
	f.Add(noisetest.Named(me, make([]byte, 32), 'd', "one", "", "three"))
	f.Add(noisetest.Anonymous("one"))
	f.Add([]byte{2})
	f.Add(noisetest.Join(noisetest.Credential([]byte("credential")), noisetest.Anonymous("one")))
	f.Add([]byte{3, 0, 0, 1})
	f.Add(noisetest.Confirm([]byte("said"), "a", "b/1"))
	f.Add(noisetest.Confirm(make([]byte, 256)))
	f.Add(noisetest.Resumed([]byte("said")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if again, err := noiselink.ParseLast(b); err == nil && !bytes.Equal(again, b) {
			t.Errorf("the last payload %x is written %x", b, again)
		}
		if again, err := noiselink.ParseHello(b); err == nil && !bytes.Equal(again, b) {
			t.Errorf("hello %x is written %x", b, again)
		}
		if again, err := noiselink.ParseSelf(b); err == nil && !bytes.Equal(again, b) {
			t.Errorf("self %x is written %x", b, again)
		}
		if again, err := noiselink.ParseConfirm(b); err == nil && !bytes.Equal(again, b) || (err == nil) != noisetest.IsConfirm(b) {
			t.Errorf("confirmation %x is written %x, %v", b, again, err)
		}
		resumed := len(b) > 0 && b[0] == 4 && noisetest.IsSaid(b[1:]) || bytes.Equal(b, []byte{2})
		if again, err := noiselink.ParseResumed(b); err == nil && !bytes.Equal(again, b) || (err == nil) != resumed {
			t.Errorf("verdict %x is written %x, %v", b, again, err)
		}
	})
}

// The stream: however it is cut into pieces, the scanner sees the same frames, and the inbox gives them back.
func FuzzStream(f *testing.F) {
	f.Add(noisetest.Join([]byte{1, 1}, noisetest.Frames("a", "", "bcd"), []byte{1}, noiselink.EndMark("bye")), byte(3), false)
	f.Add([]byte{0, 0x10, 0, 1}, byte(1), true)
	f.Add([]byte{0, 0x10, 0, 0, 5}, byte(1), true)
	f.Add([]byte{2, 255}, byte(1), true)
	f.Fuzz(func(t *testing.T, stream []byte, cut byte, answered bool) {
		kept, frames, reason, orderly, err := noiselink.Scan(answered, stream)
		var pieces [][]byte
		for rest := stream; len(rest) > 0; {
			n := min(1+int(cut), len(rest))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		kept2, frames2, reason2, orderly2, err2 := noiselink.Scan(answered, pieces...)
		if err == nil && !bytes.Equal(kept, kept2) || frames != frames2 || reason != reason2 || orderly != orderly2 || (err == nil) != (err2 == nil) {
			t.Fatalf("in one piece %x, %d, %q, %t, %v; in many %x, %d, %q, %t, %v", kept, frames, reason, orderly, err, kept2, frames2, reason2, orderly2, err2)
		}
		if err != nil {
			return
		}
		i := noiselink.NewInbox()
		i.Answered(answered)
		for _, p := range pieces {
			i.Put(bytes.Clone(p))
		}
		for range frames {
			got := i.Next()
			n := binary.BigEndian.Uint32(kept)
			if n > netlayer.MaxFrame || !bytes.Equal(got, kept[4:4+n]) {
				t.Fatalf("frame %x, the stream has %x", got, kept)
			}
			kept = kept[4+n:]
		}
	})
}
