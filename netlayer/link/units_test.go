package link

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/store"
	inmemory "github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/sturdyref"
)

// TestWhoHasToGo fills the table of suspended links in an order that is known.
func TestWhoHasToGo(t *testing.T) {
	names := map[*link]string{}
	c := crowd{members: make(map[*link]*place)}
	cfg, err := (&Config{MaxSuspended: 4, MaxSuspendedPerPeer: 2, MaxSuspendedBytes: 1000}).validated()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]*link{}
	join := func(name, peer, source string, bytes int) (gone []string) {
		l := &link{info: netlayer.Info{Remote: sturdyref.Peer{Transport: "mem", Designator: peer}, Anonymous: source != "", Source: source}}
		names[l], at[name] = name, l
		c.join(l, bytes)
		for _, v := range c.excess(&cfg, l) {
			gone = append(gone, names[v])
		}
		return gone
	}
	for i, step := range []struct {
		gone []string
		want string
	}{
		{join("a1", "a", "", 0), "[]"},
		{join("x1", "x", "somewhere", 0), "[]"},
		{join("a2", "a", "", 0), "[]"},
		{join("a3", "a", "", 0), "[a1]"}, // the peer's own
		{join("y1", "y", "somewhere", 0), "[]"},
		{join("z1", "z", "somewhere", 0), "[x1]"}, // the source's own
		{join("b1", "b", "", 0), "[y1]"},          // nobody's first
		{join("c1", "c", "", 900), "[z1]"},
		{join("d1", "d", "", 0), "[a2]"},
		{join("e1", "e", "", 200), "[a3 b1 c1]"}, // until there is room for the bytes
	} {
		if got := fmt.Sprint(step.gone); got != step.want {
			t.Errorf("step %d: %s had to go, want %s", i, got, step.want)
		}
	}
	c.grow(at["e1"], 700)
	if gone := c.excess(&cfg, at["e1"]); len(gone) != 0 || c.bytes != 900 {
		t.Errorf("%d had to go, %d bytes are held", len(gone), c.bytes)
	}
	c.leave(at["e1"])
	c.leave(at["e1"])
	if c.bytes != 0 || len(c.members) != 1 {
		t.Errorf("%d bytes are held by %d", c.bytes, len(c.members))
	}
}

// TestMemoryKeepsFrames compares the queue of frames with a plain list of them.
func TestMemoryKeepsFrames(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := new(memory)
		var all [][]byte
		dropped, sent := 0, 0
		steps := rapid.IntRange(1, 60).Draw(r, "steps")
		for range steps {
			switch rapid.IntRange(0, 3).Draw(r, "step") {
			case 0, 1:
				for range rapid.IntRange(1, 30).Draw(r, "frames") {
					size := rapid.SampledFrom([]int{0, 1, 100, 4090, 4091, 5000, 65530, 65531, 70000}).Draw(r, "size")
					f := bytes.Repeat([]byte{byte(len(all))}, size)
					m.put(f)
					all = append(all, f)
				}
			case 2:
				from := rapid.IntRange(dropped, len(all)).Draw(r, "from")
				if rapid.Bool().Draw(r, "goes on") {
					from = max(sent, dropped)
				}
				vec, next := m.gather(nil, uint64(from), everything)
				if int(next)-from != len(vec) || len(vec) == 0 && from < len(all) {
					r.Fatalf("%d frames from %d to %d, of %d", len(vec), from, next, len(all))
				}
				for i, f := range vec {
					if want := append([]byte{kindData}, all[from+i]...); !bytes.Equal(f, want) {
						r.Fatalf("frame %d has %d bytes, want %d", from+i, len(f), len(want))
					}
				}
				sent = int(next)
			case 3:
				dropped = rapid.IntRange(dropped, len(all)).Draw(r, "dropped")
				m.drop(uint64(dropped))
			}
			held := 0
			for _, f := range all[dropped:] {
				held += header + len(f)
			}
			if m.bytes() < held || m.bytes() > held+2*largeChunk {
				r.Fatalf("%d bytes are held for %d", m.bytes(), held)
			}
		}
		m.free()
		if m.held != 0 || m.head != nil || m.tail != nil {
			r.Fatalf("%d bytes are left", m.held)
		}
	})
}

// TestProofs changes what is proven in every way there is.
func TestProofs(t *testing.T) {
	s, other := newSecret(), newSecret()
	r := request{id: s.id(), attempt: 7, next: 1 << 40, from: rogueProcess}
	b := r.encode(s)
	if got, ok := readRequest(b); !ok || got != r || !s.proves(b) || len(b) > netlayer.MaxResume {
		t.Fatalf("%+v, %v", got, ok)
	}
	if other.proves(b) {
		t.Error("another secret proves it")
	}
	a := answer{next: 99, from: rogueProcess}
	ab := a.encode(s, b)
	if got, ok := readAnswer(ab, s, b); !ok || got != a {
		t.Fatalf("%+v, %v", got, ok)
	}
	for i := range b {
		bad := slices.Clone(b)
		bad[i] ^= 1
		if s.proves(bad) {
			t.Errorf("byte %d of a request can be changed", i)
		}
		if _, ok := readAnswer(ab, s, bad); ok {
			t.Errorf("an answer is good for a request whose byte %d is another", i)
		}
	}
	for i := range ab {
		bad := slices.Clone(ab)
		bad[i] ^= 1
		if got, ok := readAnswer(bad, s, b); ok && got.say != sayGone && got.say != sayLater {
			t.Errorf("byte %d of an answer can be changed", i)
		}
	}
	// The proof of one side is none of the other's, whatever else is made to fit.
	reflected := append(slices.Clone(ab[:len(ab)-32]), s.mac(byDialler, b, ab[:len(ab)-32])...)
	if _, ok := readAnswer(reflected, s, b); ok {
		t.Error("a dialler's proof is taken for an acceptor's")
	}
	if s.proves(ab) || s.proves(nil) {
		t.Error("an answer is taken for a request")
	}
	if _, ok := readAnswer(ab, s, request{id: r.id, attempt: 8, next: r.next, from: rogueProcess}.encode(s)); ok {
		t.Error("an answer is good for another request")
	}
}

func FuzzWire(f *testing.F) {
	s := newSecret()
	f.Add(request{id: s.id(), attempt: 1, next: 2, from: rogueProcess}.encode(s))
	f.Add(request{id: s.id(), over: true, from: rogueProcess}.encode(s))
	f.Add(answer{next: 3, from: rogueProcess}.encode(s, nil))
	f.Add(gone)
	f.Add(answer{say: sayApart, from: rogueProcess}.encode(s, nil))
	f.Add(rogueProcess.append(nil))
	f.Add(appendRaw(nil, maxRaw)[1:])
	f.Add(appendAck(nil, 5)[1:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, ok := readRequest(b); ok {
			if again, ok := readRequest(r.encode(s)); !ok || again != r {
				t.Errorf("%+v became %+v", r, again)
			}
		}
		if a, ok := readAnswer(b, s, nil); ok && a.say != sayGone && a.say != sayLater && !bytes.Equal(a.encode(s, nil), b) {
			t.Errorf("%+v has two spellings", a)
		}
		if a, ok := readAnswer(append(b, s.mac(byAcceptor, nil, b)...), s, nil); ok && !bytes.Equal(a.encode(s, nil)[:len(b)], b) {
			t.Errorf("%+v has two spellings", a)
		}
		if i, ok := reviveIncarnation(b); ok && !bytes.Equal(i.stored(), b) {
			t.Errorf("%+v has two spellings", i)
		}
		if n, err := readRaw(b); err == nil && (n < 1 || n > maxRaw) {
			t.Errorf("a count of %d", n)
		}
		if n, err := readAck(b); err == nil && !bytes.Equal(appendAck(nil, n)[1:], b) {
			t.Errorf("position %d has two spellings", n)
		}
		if line := oneLine(string(b)); len(line) > maxReason {
			t.Errorf("a reason of %d bytes", len(line))
		}
	})
}

// FuzzStored opens what some store says of a link.
func FuzzStored(f *testing.F) {
	host := mem.New(nil).Host(mem.HostConfig{Name: "a"})
	peer := recordOf(sturdyref.Peer{Transport: "mem", Designator: "b", Hints: map[string]string{"addr": "x"}})
	f.Add(
		stored(linkRecord{Local: recordOf(host.Location()), Remote: peer, Outbound: true, Binding: make([]byte, 32), AdmittedBy: make([]byte, 16), To: []targetRecord{{Peer: peer}}}),
		stored(placeRecord{Frames: 9, Bytes: 1000, Consumed: 5}),
		stored(noteRecord{Secret: make([]byte, 32), Contact: 1 << 30, Deleted: 3, Freed: 100, Peer: rogueProcess.append(nil), Elsewhere: []targetRecord{{Peer: peer, Guarded: true}}}),
	)
	f.Fuzz(func(t *testing.T, fixed, place, note []byte) {
		s := inmemory.New()
		defer s.Close()
		tx := new(store.Batch)
		id := make([]byte, 16)
		for bucket, b := range map[string][]byte{bucketLinks: fixed, bucketPlaces: place, bucketNotes: note} {
			tx.Put(bucket, id, b)
		}
		if err := s.Write(tx); err != nil {
			t.Fatal(err)
		}
		n, err := New(host, &Config{Store: s})
		if err != nil {
			t.Fatal(err)
		}
		kept, err := n.Kept()
		if err != nil && (!errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%v", err)
		}
		for _, c := range kept {
			l := c.(lasting)
			again := l.fixed()
			if info, err := again.revive(); err != nil || !reflect.DeepEqual(info, l.info) {
				t.Errorf("%+v became %+v", l.info, info)
			}
			tx := new(store.Batch)
			l.Record(tx, [][]byte{{1}})
			l.Forget(tx)
		}
	})
}
