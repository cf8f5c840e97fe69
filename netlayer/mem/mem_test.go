package mem_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
)

// connect dials b from a and returns both ends.
func connect(t testing.TB, a, b *mem.Host) (out, in netlayer.Conn) {
	t.Helper()
	accepted := make(chan netlayer.Conn, 1)
	go func() {
		defer close(accepted)
		incoming, err := b.Accept(t.Context())
		if err != nil {
			t.Errorf("Accept: %v", err)
			return
		}
		c, err := incoming.Accept(nil)
		if err != nil {
			t.Errorf("Incoming.Accept: %v", err)
			return
		}
		accepted <- c
	}()
	out, err := a.Connect(t.Context(), netlayer.Dial{Peer: b.Location()})
	if err != nil {
		t.Fatalf("Connect: %v", err)
	}
	return out, <-accepted
}

func pair(t testing.TB, cfg mem.Config) (n *mem.Network, a, b *mem.Host, out, in netlayer.Conn) {
	t.Helper()
	n = mem.New(&cfg)
	t.Cleanup(n.Close)
	a, b = n.Host(mem.HostConfig{Name: "a"}), n.Host(mem.HostConfig{Name: "b"})
	out, in = connect(t, a, b)
	return n, a, b, out, in
}

func send(t testing.TB, c netlayer.Conn, texts ...string) {
	t.Helper()
	var frames [][]byte
	for _, text := range texts {
		frames = append(frames, []byte(text))
	}
	if err := c.Write(frames); err != nil {
		t.Fatalf("Write: %v", err)
	}
}

func receive(t testing.TB, c netlayer.Conn) string {
	t.Helper()
	f, err := c.Read()
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	f.Done()
	return string(f.Bytes)
}

// rest reads until the connection ends.
func rest(t testing.TB, c netlayer.Conn) (texts []string) {
	t.Helper()
	for {
		f, err := c.Read()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("Read: %v", err)
			}
			return texts
		}
		texts = append(texts, string(f.Bytes))
	}
}

func TestTimeIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		n, a, b, out, in := pair(t, mem.Config{Delay: 50 * time.Millisecond})
		if took := time.Since(begin); took != 200*time.Millisecond {
			t.Errorf("dialling took %v, want two round trips, 200ms", took)
		}
		go func() {
			for {
				f, err := in.Read()
				if err != nil {
					return
				}
				if err := in.Write([][]byte{f.Bytes}); err != nil {
					t.Errorf("Write: %v", err)
				}
			}
		}()
		for range 10 {
			begin = time.Now()
			send(t, out, "ping")
			receive(t, out)
			if took := time.Since(begin); took != 100*time.Millisecond {
				t.Errorf("a ping took %v, want 100ms", took)
			}
		}
		n.SetDelay(b, a, 7*time.Millisecond, 0)
		begin = time.Now()
		send(t, out, "ping")
		receive(t, out)
		if took := time.Since(begin); took != 57*time.Millisecond {
			t.Errorf("a ping with a faster way back took %v, want 57ms", took)
		}
	})
}

func TestPipelineTakesOneDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, _, out, in := pair(t, mem.Config{Delay: 50 * time.Millisecond})
		begin := time.Now()
		for range 100 {
			send(t, out, "x")
			time.Sleep(time.Millisecond)
		}
		out.Close("")
		for range 100 {
			receive(t, in)
		}
		if took := time.Since(begin); took != 149*time.Millisecond {
			t.Errorf("100 frames a millisecond apart took %v, want 99ms + 50ms", took)
		}
	})
}

func TestJitterNeverReorders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, _, out, in := pair(t, mem.Config{Seed: 5, Delay: time.Millisecond, Jitter: time.Second})
		const frames = 1000
		go func() {
			for i := range frames {
				send(t, out, string(rune('0'+i)))
				time.Sleep(time.Millisecond)
			}
		}()
		times := map[time.Time]bool{}
		for i := range frames {
			if got, want := receive(t, in), string(rune('0'+i)); got != want {
				t.Fatalf("frame %d is %q, want %q", i, got, want)
			}
			times[time.Now()] = true
		}
		if len(times) < 5 {
			t.Errorf("%d frames with jitter came at %d moments only", frames, len(times))
		}
	})
}

// TestLossCutsOnePoint loses a connection with frames on their way both ways: what arrives is a prefix of what was
// sent, the cut depends on the seed, and the same seed cuts at the same point.
func TestLossCutsOnePoint(t *testing.T) {
	lost := func(seed uint64, delay time.Duration) (there, back int) {
		synctest.Test(t, func(t *testing.T) {
			n, a, b, out, in := pair(t, mem.Config{Seed: seed, Delay: delay})
			var sent []string
			for i := range 50 {
				sent = append(sent, strings.Repeat("x", i))
			}
			send(t, out, sent...)
			send(t, in, sent...)
			n.Lose(a, b)
			n.Lose(a, b)
			for _, c := range []netlayer.Conn{out, in} {
				if err := c.Write([][]byte{nil}); !errors.Is(err, net.ErrClosed) {
					t.Errorf("Write after the loss: %v", err)
				}
			}
			got, answered := rest(t, in), rest(t, out)
			for _, texts := range [][]string{got, answered} {
				if !slices.Equal(texts, sent[:len(texts)]) {
					t.Errorf("what arrived is not a prefix of what was sent: %d frames", len(texts))
				}
			}
			there, back = len(got), len(answered)
		})
		return there, back
	}
	for _, delay := range []time.Duration{0, time.Millisecond} {
		cuts := map[int]bool{}
		for seed := range uint64(20) {
			there, back := lost(seed, delay)
			again, backAgain := lost(seed, delay)
			if there != again || back != backAgain {
				t.Errorf("seed %d cut at %d and %d, and the second time at %d and %d", seed, there, back, again, backAgain)
			}
			cuts[there], cuts[back] = true, true
		}
		if len(cuts) < 10 {
			t.Errorf("20 seeds cut at %d points only", len(cuts))
		}
	}
}

func TestPartitionHoldsAndHealSendsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b, out, in := pair(t, mem.Config{Delay: 10 * time.Millisecond, Timeout: time.Minute})
		send(t, out, "arrived")
		time.Sleep(20 * time.Millisecond)
		send(t, out, "on its way")
		n.Partition(a, b)
		n.Partition(b, a)
		send(t, out, "sent meanwhile")
		if got := receive(t, in); got != "arrived" {
			t.Errorf("read %q", got)
		}
		time.Sleep(time.Second)
		if in.More() {
			t.Error("a frame came through a partition")
		}
		begin := time.Now()
		go func() {
			time.Sleep(5 * time.Second)
			n.Heal(b, a)
			n.Heal(a, b)
		}()
		if got := []string{receive(t, in), receive(t, in)}; !slices.Equal(got, []string{"on its way", "sent meanwhile"}) {
			t.Errorf("read %q", got)
		}
		if took := time.Since(begin); took != 5*time.Second+10*time.Millisecond {
			t.Errorf("it took %v, want 5s of partition and 10ms", took)
		}
		send(t, in, "answer")
		if got := receive(t, out); got != "answer" {
			t.Errorf("read %q", got)
		}
	})
}

func TestCloseDuringPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b, out, in := pair(t, mem.Config{Delay: 10 * time.Millisecond, Timeout: time.Minute})
		n.Partition(a, b)
		send(t, out, "last words")
		out.Close("leaving")
		send(t, in, "into the void") // the news has not arrived
		time.Sleep(time.Second)
		n.Heal(a, b)
		if got := receive(t, in); got != "last words" {
			t.Errorf("read %q", got)
		}
		_, err := in.Read()
		if !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "leaving") {
			t.Errorf("Read: %v, want the peer's reason", err)
		}
		if err := in.Write([][]byte{nil}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write: %v", err)
		}
	})
}

func TestLongPartitionLosesConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b, out, in := pair(t, mem.Config{Delay: 10 * time.Millisecond, Timeout: 3 * time.Second})
		begin := time.Now()
		n.Partition(a, b)
		send(t, out, "never arrives")
		if texts := rest(t, in); len(texts) != 0 {
			t.Errorf("read %q through a partition", texts)
		}
		rest(t, out)
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("the connection was lost after %v, want 3s", took)
		}
		_, err := a.Connect(t.Context(), netlayer.Dial{Peer: b.Location()})
		if !errors.Is(err, netlayer.ErrUnreachable) {
			t.Errorf("Connect through a partition: %v", err)
		}
		if took := time.Since(begin); took != 6*time.Second {
			t.Errorf("the dial gave up after %v, want 3s", took-3*time.Second)
		}
		n.Heal(a, b)
		out, in = connect(t, a, b)
		send(t, out, "again")
		if got := receive(t, in); got != "again" {
			t.Errorf("read %q", got)
		}
	})
}

func TestDialWaitsForHeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mem.New(&mem.Config{Delay: 10 * time.Millisecond})
		defer n.Close()
		a, b := n.Host(mem.HostConfig{Name: "a"}), n.Host(mem.HostConfig{Name: "b"})
		n.Partition(a, b)
		time.AfterFunc(time.Second, func() { n.Heal(a, b) })
		begin := time.Now()
		connect(t, a, b)
		if took := time.Since(begin); took != time.Second+40*time.Millisecond {
			t.Errorf("the dial took %v, want 1s of partition and two round trips", took)
		}
	})
}

func TestWriteWaitsForASlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, _, out, in := pair(t, mem.Config{Buffer: 1000})
		written := 0
		go func() {
			for range 100 {
				send(t, out, strings.Repeat("x", 300))
				written++
			}
			out.Close("")
		}()
		synctest.Wait()
		if written != 3 {
			t.Errorf("%d frames of 300 bytes fit into a buffer of 1000", written)
		}
		receive(t, in) // takes all three
		synctest.Wait()
		if written != 6 {
			t.Errorf("%d frames were written after the first was read", written)
		}
		rest(t, in)
		synctest.Wait()
		if written != 100 {
			t.Errorf("%d frames were written", written)
		}
	})
}

func TestSynchronousWriteWaitsForRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, _, out, in := pair(t, mem.Config{Synchronous: true})
		done := 0
		go func() {
			send(t, out, "a")
			done++
			send(t, out, "b", "c")
			done++
		}()
		for i, want := range []int{0, 1, 1, 2} {
			synctest.Wait()
			if done != want {
				t.Errorf("after %d reads %d writes are done, want %d", i, done, want)
			}
			if i < 3 {
				receive(t, in)
			}
		}
	})
}

// TestFramesAreNotShared shows that neither end sees the other's bytes, and that a frame is cleared at the next Read.
func TestFramesAreNotShared(t *testing.T) {
	_, _, _, out, in := pair(t, mem.Config{})
	mine := []byte("mine")
	if err := out.Write([][]byte{mine, []byte("next")}); err != nil {
		t.Fatal(err)
	}
	copy(mine, "????")
	f, err := in.Read()
	if err != nil || string(f.Bytes) != "mine" {
		t.Fatalf("read %q, %v", f.Bytes, err)
	}
	_ = append(f.Bytes, "over"...)
	if got := receive(t, in); got != "next" {
		t.Errorf("appending to a frame changed the next to %q", got)
	}
	if !bytes.Equal(f.Bytes, make([]byte, 4)) {
		t.Errorf("a frame still reads %q after the next Read", f.Bytes)
	}
}

func TestAddresses(t *testing.T) {
	n := mem.New(nil)
	defer n.Close()
	a := n.Host(mem.HostConfig{Name: "a"})
	b := n.Host(mem.HostConfig{Name: "b", Addr: "here"})
	peer := b.Location()
	if peer.Hints["addr"] != "here" {
		t.Fatalf("the location is %v", peer)
	}
	peer.Hints = map[string]string{"addr": "nowhere", "addr2": "a", "addr3": "here", "tcp": "ignored"}
	accepted := make(chan *netlayer.Incoming, 1)
	go func() {
		incoming, err := b.Accept(t.Context())
		if err == nil {
			_, err = incoming.Accept(nil)
		}
		if err != nil {
			t.Errorf("Accept: %v", err)
		}
		accepted <- incoming
	}()
	if _, err := a.Connect(t.Context(), netlayer.Dial{Peer: peer}); err != nil {
		t.Errorf("Connect by the third address: %v", err)
	}
	<-accepted

	// The same identity comes back at the same address, and an old one is gone for good.
	b.Close()
	if _, err := a.Connect(t.Context(), netlayer.Dial{Peer: peer}); !errors.Is(err, netlayer.ErrUnreachable) {
		t.Errorf("Connect to a closed host: %v", err)
	}
	b = n.Host(mem.HostConfig{Name: "b", Addr: "here"})
	connect(t, a, b)
}

func TestRefuse(t *testing.T) {
	n := mem.New(nil)
	defer n.Close()
	a, b := n.Host(mem.HostConfig{Name: "a"}), n.Host(mem.HostConfig{Name: "b"})
	n.Refuse(b, true)
	if _, err := a.Connect(t.Context(), netlayer.Dial{Peer: b.Location()}); !errors.Is(err, netlayer.ErrRefused) {
		t.Errorf("Connect: %v, want ErrRefused", err)
	}
	n.Refuse(b, false)
	connect(t, a, b)
}

// TestGivingUpWhileTheAdmissionTravels ends the dialler's context after it was accepted and before it can know.
func TestGivingUpWhileTheAdmissionTravels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mem.New(&mem.Config{Delay: 10 * time.Millisecond})
		defer n.Close()
		a, b := n.Host(mem.HostConfig{Name: "a"}), n.Host(mem.HostConfig{Name: "b"})
		ctx, cancel := context.WithTimeout(t.Context(), 35*time.Millisecond) // accepted after 30ms, back after 40ms
		defer cancel()
		accepted := make(chan netlayer.Conn, 1)
		go func() {
			incoming, err := b.Accept(t.Context())
			if err != nil {
				t.Errorf("Accept: %v", err)
				return
			}
			c, err := incoming.Accept(nil)
			if err != nil {
				t.Errorf("Incoming.Accept: %v", err)
			}
			accepted <- c
		}()
		if _, err := a.Connect(ctx, netlayer.Dial{Peer: b.Location()}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Connect: %v", err)
		}
		if texts := rest(t, <-accepted); len(texts) != 0 {
			t.Errorf("read %q", texts)
		}
	})
}

func TestFirstReasonCounts(t *testing.T) {
	_, _, _, out, in := pair(t, mem.Config{})
	out.Close("first")
	out.Close("second")
	if _, err := in.Read(); err == nil || !strings.Contains(err.Error(), "first") {
		t.Errorf("Read: %v, want the reason of the first Close", err)
	}
}

func TestOnlySoManyDialsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mem.New(&mem.Config{MaxWaiting: 3, Timeout: time.Second})
		defer n.Close()
		a, b := n.Host(mem.HostConfig{Name: "a"}), n.Host(mem.HostConfig{Name: "b"})
		results := make(chan error, 5)
		for range 5 {
			go func() {
				_, err := a.Connect(t.Context(), netlayer.Dial{Peer: b.Location()})
				results <- err
			}()
		}
		refused, unanswered := 0, 0
		for range 5 {
			switch err := <-results; {
			case errors.Is(err, netlayer.ErrRefused):
				refused++
			case errors.Is(err, netlayer.ErrUnreachable):
				unanswered++
			default:
				t.Errorf("Connect: %v", err)
			}
		}
		if refused != 2 || unanswered != 3 {
			t.Errorf("%d dials were refused and %d not answered, want 2 and 3", refused, unanswered)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.Accept(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Accept returned a dial that had given up: %v", err)
		}
	})
}

func TestMisuse(t *testing.T) {
	n := mem.New(nil)
	defer n.Close()
	a := n.Host(mem.HostConfig{Name: "a"})
	for name, misuse := range map[string]func(){
		"negative delay":    func() { mem.New(&mem.Config{Delay: -1}) },
		"negative SetDelay": func() { n.SetDelay(a, a, -1, 0) },
		"nobody":            func() { n.Host(mem.HostConfig{}) },
		"taken address":     func() { n.Host(mem.HostConfig{Name: "b", Addr: "a"}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			misuse()
		}()
	}
}

// TestDialToSelf is not forbidden: the simulator has no opinion.
func TestDialToSelf(t *testing.T) {
	n := mem.New(nil)
	defer n.Close()
	a := n.Host(mem.HostConfig{Name: "a"})
	out, in := connect(t, a, a)
	send(t, out, "me")
	if got := receive(t, in); got != "me" {
		t.Errorf("read %q", got)
	}
	n.Lose(a, a)
	rest(t, out)
	rest(t, in)
}

func BenchmarkOneWay(b *testing.B) {
	_, _, _, out, in := pair(b, mem.Config{})
	frames := [][]byte{make([]byte, 64)}
	done := make(chan struct{})
	b.ReportAllocs()
	total := 0
	go func() {
		defer close(done)
		for {
			if _, err := in.Read(); err != nil {
				return
			}
			total++
		}
	}()
	sent := 0
	for b.Loop() {
		if err := out.Write(frames); err != nil {
			b.Fatal(err)
		}
		sent++
	}
	out.Close("")
	<-done
	if total != sent {
		b.Fatalf("%d of %d frames arrived", total, sent)
	}
}

func BenchmarkPingPong(b *testing.B) {
	_, _, _, out, in := pair(b, mem.Config{})
	go func() {
		frames := make([][]byte, 1)
		for {
			f, err := in.Read()
			if err != nil {
				return
			}
			frames[0] = f.Bytes
			if err := in.Write(frames); err != nil {
				return
			}
		}
	}()
	var counter [8]byte
	frames := [][]byte{counter[:]}
	b.ReportAllocs()
	for n := uint64(0); b.Loop(); n++ {
		binary.LittleEndian.PutUint64(counter[:], n)
		if err := out.Write(frames); err != nil {
			b.Fatal(err)
		}
		f, err := out.Read()
		if err != nil || binary.LittleEndian.Uint64(f.Bytes) != n {
			b.Fatalf("read %x, %v", f.Bytes, err)
		}
	}
}

func BenchmarkDelayedOneWay(b *testing.B) {
	_, _, _, out, in := pair(b, mem.Config{Delay: 100 * time.Microsecond})
	frames := [][]byte{make([]byte, 64)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		rest(b, in)
	}()
	b.ReportAllocs()
	for b.Loop() {
		if err := out.Write(frames); err != nil {
			b.Fatal(err)
		}
	}
	out.Close("")
	<-done
}

// TestSilentLoss loses a connection for one end only.
func TestSilentLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b, out, in := pair(t, mem.Config{Delay: 10 * time.Millisecond, Buffer: 1 << 10})
		send(t, out, "arrived")
		send(t, in, "arrived")
		time.Sleep(20 * time.Millisecond)
		send(t, out, "on its way")
		send(t, in, "on its way")
		n.LoseSilently(a, b)
		if err := out.Write([][]byte{nil}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write of who has lost it: %v", err)
		}
		if got := rest(t, out); !slices.Equal(got, []string{"arrived"}) {
			t.Errorf("who has lost it read %q", got)
		}
		if got := receive(t, in); got != "arrived" {
			t.Errorf("the other read %q", got)
		}
		out.Close("")
		n.Partition(a, b)
		n.Heal(a, b)
		time.Sleep(time.Hour)
		for range 100 {
			send(t, in, strings.Repeat("into the void", 10))
		}
		if in.More() {
			t.Error("the other has learnt something")
		}
		n.Lose(a, b)
		if got := rest(t, in); len(got) != 0 {
			t.Errorf("the other read %q at the end", got)
		}
	})
}

// Who has read that the connection is over finds that it cannot write, either: the two directions end at one instant.
func TestEndsAtOnce(t *testing.T) {
	n := mem.New(nil)
	defer n.Close()
	a, b := n.Host(mem.HostConfig{Name: "a"}), n.Host(mem.HostConfig{Name: "b"})
	for i := range 5000 {
		out, in := connect(t, a, b)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if i%2 == 0 {
				out.Close("")
			} else {
				n.Lose(a, b)
			}
		}()
		if _, err := in.Read(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if err := in.Write([][]byte{[]byte("too late")}); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("end %d: Write after it: %v", i, err)
		}
		<-ended
		out.Close("")
		in.Close("")
	}
}
