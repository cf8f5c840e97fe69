package noiselink_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/noiselink"
	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

func identity(t testing.TB) sturdyref.KeyPair {
	t.Helper()
	k, err := sturdyref.GenerateIdentity(time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestBudget(t *testing.T) {
	now := time.Unix(1000, 0)
	b := noiselink.NewBudget(noiselink.Limits{Handshakes: 100, HandshakesPerSource: 20, RatePerSource: 10}, func() time.Time { return now })
	addr := func(s string) net.Addr { return net.UDPAddrFromAddrPort(netip.MustParseAddrPort(s)) }
	take := func(s string, n int) (got int, release []func()) {
		for range n {
			r, err := b.Take(addr(s))
			if err != nil {
				if !errors.Is(err, noiselink.ErrBusy) && !errors.Is(err, noiselink.ErrFull) {
					t.Fatal(err)
				}
				continue
			}
			got++
			release = append(release, r)
		}
		return got, release
	}
	const one = "192.0.2.1:1000"
	if b.MustVerify(addr(one)) {
		t.Error("the first packet of a source must be verified though nothing is going on")
	}
	if got, _ := take(one, 5); got != 5 || !b.MustVerify(addr(one)) || b.MustVerify(addr("192.0.2.2:1")) {
		t.Errorf("%d of 5 places; a quarter of the share is used, so this source, and no other, must be verified", got)
	}
	got, release := take("192.0.2.1:2000", 20) // another port, the same source
	if got != 15 {
		t.Errorf("%d more places, want 15 of the share of 20", got)
	}
	for _, r := range release {
		r()
		r()
	}
	if got, _ := take(one, 20); got != 0 {
		t.Errorf("%d more, though 20 were begun within a second and the rate is 10 with 20 at once", got)
	}
	now = now.Add(time.Second)
	if got, r := take(one, 20); got != 10 {
		t.Errorf("%d a second later, want 10", got)
	} else {
		for _, r := range r {
			r()
		}
	}
	// One household of IPv6 is one source, and IPv4 is the same in both spellings.
	if got, _ := take("[2001:db8::1]:1", 15); got != 15 {
		t.Errorf("%d places for IPv6", got)
	}
	if got, _ := take("[2001:db8::ffff:ffff:ffff:ffff]:1", 15); got != 5 {
		t.Errorf("%d places for another address of the same /64, want the 5 that are left", got)
	}
	if got, _ := take("[::ffff:192.0.2.1]:1", 15); got != 0 {
		t.Errorf("%d places for an IPv4 address in the clothes of IPv6", got)
	}
	// Everything together: 5 and 20 are open.
	for i := range 10 {
		take(fmt.Sprintf("198.51.100.%d:1", i), 10)
	}
	if got, _ := take("203.0.113.1:1", 1); got != 0 {
		t.Error("more handshakes than there may be in all")
	}
	if !b.MustVerify(addr("203.0.113.1:1")) {
		t.Error("with everything in use nobody must be verified")
	}
}

// Who begins and ends handshakes fast has few open and must be verified all the same.
func TestFastSourceIsVerified(t *testing.T) {
	now := time.Unix(1000, 0)
	b := noiselink.NewBudget(noiselink.Limits{Handshakes: 100, HandshakesPerSource: 20, RatePerSource: 10}, func() time.Time { return now })
	addr := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:1000"))
	for i := range 16 {
		if b.MustVerify(addr) {
			t.Fatalf("to be verified after %d of 20 handshakes at once", i)
		}
		release, err := b.Take(addr)
		if err != nil {
			t.Fatal(err)
		}
		release()
	}
	if !b.MustVerify(addr) {
		t.Error("not to be verified though 16 of 20 were begun in no time")
	}
	if now = now.Add(time.Second); b.MustVerify(addr) {
		t.Error("to be verified a second later")
	}
}

// The sources that are remembered do not grow without limit.
func TestBudgetForgets(t *testing.T) {
	now := time.Unix(1000, 0)
	b := noiselink.NewBudget(noiselink.Limits{Handshakes: 10, HandshakesPerSource: 5, RatePerSource: 10}, func() time.Time { return now })
	for i := range 100_000 {
		now = now.Add(time.Millisecond)
		r, err := b.Take(net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1)))
		if err != nil {
			t.Fatal(err)
		}
		r()
	}
	if n := b.Sources(); n > 8192 {
		t.Errorf("%d sources are remembered", n)
	}
}

// Of many features a peer announces too many; of many peers' records some are forgotten.
func TestBoundsOfStrangers(t *testing.T) {
	var names []string
	for i := range 33 {
		names = append(names, fmt.Sprintf("f%02d", i))
	}
	if _, err := noiselink.ParseHello(noisetest.Hello([16]byte{}, names[:32]...)); err != nil {
		t.Errorf("32 features: %v", err)
	}
	if _, err := noiselink.ParseHello(noisetest.Hello([16]byte{}, names...)); err == nil {
		t.Error("33 features are taken")
	}
	records := make([]*sturdyref.Record, 1100)
	for i := range records {
		k := identity(t)
		r, err := sturdyref.NewRecord(k, k.NotBefore())
		if err != nil {
			t.Fatal(err)
		}
		records[i] = r
	}
	if n, err := noiselink.RecordsKept(records); err != nil || n > 1024 || n == 0 {
		t.Errorf("%d records are kept, %v", n, err)
	}
}

// A name may stand for any number of addresses, some of them again and again.
func TestManyAddressesOfAName(t *testing.T) {
	found := noiselink.Resolve([]string{"10.0.0.1:5", "many.example:5", "10.0.0.9:5"}, func(context.Context, string) (all []netip.Addr, err error) {
		for i := range 100 {
			all = append(all, netip.AddrFrom4([4]byte{10, 0, 0, byte(i / 2)}))
		}
		return all, nil
	})
	slices.Sort(found)
	if len(found) != 16 || len(slices.Compact(found)) != 16 {
		t.Errorf("tried are %q, want 16 addresses, each once", found)
	}
}

// A pump that waits, the inbox being full of the beginning of one frame, goes on when what was before it has been read.
func TestFrameLargerThanTheInbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := noiselink.NewInbox()
		large := bytes.Repeat([]byte{7}, 300<<10)
		i.Put(noisetest.Frames("a", "b"))
		if f := i.Next(); string(f) != "a" {
			t.Fatalf("read %q", f)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for piece := range slices.Chunk(noisetest.Frames(string(large)), 50<<10) {
				i.Put(bytes.Clone(piece))
			}
		}()
		synctest.Wait() // it is full
		if f := i.Next(); string(f) != "b" {
			t.Fatalf("read %q", f)
		}
		if f := i.Next(); !bytes.Equal(f, large) {
			t.Fatalf("read %d bytes", len(f))
		}
		<-done
	})
}

// What a large frame needed is given back.
func TestLargeFramesAreNotKept(t *testing.T) {
	i := noiselink.NewInbox()
	before := heap()
	i.Put(noisetest.Frames(string(make([]byte, netlayer.MaxFrame))))
	i.Next()
	var chunk []byte
	for range 4 {
		chunk = i.Put(append(chunk[:0], noisetest.Frames("small")...))
		i.Next()
	}
	if after := heap(); after > before+512<<10 {
		t.Errorf("the heap grew from %d to %d", before, after)
	}
	runtime.KeepAlive(i)
	runtime.KeepAlive(chunk)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Nothing is allocated for a frame that arrives once the buffers have their size.
func TestReadAllocatesNothing(t *testing.T) {
	i := noiselink.NewInbox()
	batch := noisetest.Frames("one", "two", "", "three")
	chunk := make([]byte, 0, 2048)
	if n := testing.AllocsPerRun(1000, func() {
		chunk = i.Put(append(chunk[:0], batch...))
		for range 4 {
			i.Next()
		}
	}); n > 0 {
		t.Errorf("%v allocations for 4 frames", n)
	}
}

// What we say at the end is fit for the peer's log, and fits.
func TestFarewell(t *testing.T) {
	for reason, want := range map[string]string{
		"":                       "",
		"done":                   "done",
		"two\nlines\x1b[0m\xff":  "two lines [0m?",
		strings.Repeat("é", 150): strings.Repeat("é", 100),
		strings.Repeat("€", 150): strings.Repeat("€", 66),
	} {
		mark := noiselink.EndMark(reason)
		if mark[0] != 2 || int(mark[1]) != len(mark)-2 || string(mark[2:]) != want {
			t.Errorf("%q is said as %q, want %q", reason, mark, want)
		}
		if _, _, got, orderly, err := noiselink.Scan(false, mark); got != want || !orderly || err != nil {
			t.Errorf("%q is heard as %q, %t, %v", reason, got, orderly, err)
		}
	}
}

// Hints are tried in the order of their numbers, and other hints are not addresses.
func TestHintOrder(t *testing.T) {
	peer := sturdyref.Peer{Hints: map[string]string{"addr10": "j", "addr": "a", "addr2": "b", "addr02": "x", "addr1": "x", "addrx": "x", "sign": "x", "tcp": "t", "tcp3": "u"}}
	if got := noiselink.HintAddresses("addr", peer); !slices.Equal(got, []string{"a", "b", "j"}) {
		t.Errorf("hints are tried in the order %q", got)
	}
	if got := noiselink.HintAddresses("tcp", peer); !slices.Equal(got, []string{"t", "u"}) {
		t.Errorf("hints are tried in the order %q", got)
	}
}

func keysOf(t testing.TB, s sturdyref.SwissNum) sturdyref.Keys {
	t.Helper()
	k, err := s.Keys()
	if err != nil {
		t.Fatal(err)
	}
	return k
}
