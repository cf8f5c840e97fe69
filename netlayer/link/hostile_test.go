package link_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
)

// What frames of a connection begin with, spelt once more than in the package: this is the wire.
const (
	data  = 0
	raw   = 1
	ack   = 2
	over  = 3
	begin = 4
)

func acked(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{ack}, n) }

// rogue is a peer without a link: it says what it likes on the connections.
type rogue struct {
	*mem.Host
	secret []byte
}

// rogueDials has a rogue dial a netlayer of links, which it opens, and returns its connection and the link at the other end.
func (w *world) rogueDials() (r *rogue, conn, victim netlayer.Conn) {
	w.t.Helper()
	r = &rogue{Host: w.net.Host(mem.HostConfig{Name: fmt.Sprint("rogue", time.Now().UnixNano()), Features: []string{netlayer.FeatureResume}})}
	conn, err := r.Connect(context.Background(), netlayer.Dial{Peer: w.b.Location()})
	if err != nil {
		w.t.Fatal(err)
	}
	f, err := conn.Read()
	if err != nil || len(f.Bytes) != 33 || f.Bytes[0] != begin {
		w.t.Fatalf("the link begins with %x, %v", f.Bytes, err)
	}
	r.secret = bytes.Clone(f.Bytes[1:])
	victim = <-w.accepted
	victim.(netlayer.KeepAliver).KeepAlive(true)
	return r, conn, victim
}

// TestBrokenFrames sends what is no frame of a link, and claims that cannot be.
func TestBrokenFrames(t *testing.T) {
	for name, c := range map[string]struct {
		frames [][]byte
		want   error
	}{
		"empty":                 {[][]byte{{}}, link.ErrProtocol},
		"unknown kind":          {[][]byte{{5}}, link.ErrProtocol},
		"high kind":             {[][]byte{{255, 1, 2}}, link.ErrProtocol},
		"count without a count": {[][]byte{{raw}}, link.ErrProtocol},
		"count of none":         {[][]byte{{raw, 0}}, link.ErrProtocol},
		"count too high":        {[][]byte{{raw, 0x81, 0x80, 0x04}}, link.ErrProtocol},
		"count endless":         {[][]byte{append([]byte{raw}, bytes.Repeat([]byte{0xff}, 20)...)}, link.ErrProtocol},
		"count and more":        {[][]byte{{raw, 1, 1}}, link.ErrProtocol},
		"short acknowledgement": {[][]byte{acked(0)[:8]}, link.ErrProtocol},
		"long acknowledgement":  {[][]byte{append(acked(0), 0)}, link.ErrProtocol},
		"acknowledged too much": {[][]byte{acked(2)}, link.ErrPosition},
		"acknowledged for ever": {[][]byte{acked(1 << 63)}, link.ErrPosition},
		"acknowledged all":      {[][]byte{acked(1), acked(^uint64(0))}, link.ErrPosition},
		"a secret of its own":   {[][]byte{append([]byte{begin}, make([]byte, 32)...)}, link.ErrProtocol},
		"a short secret":        {[][]byte{{begin, 1}}, link.ErrProtocol},
		"farewell":              {[][]byte{{over}}, net.ErrClosed},
		"long farewell":         {[][]byte{append([]byte{over}, make([]byte, netlayer.MaxFrame-1)...)}, net.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			scene(t, link.Config{}, func(w *world) {
				r, conn, victim := w.rogueDials()
				w.all.Go(func() { _ = conn.Write(c.frames) })
				within(t, 0, time.Second, c.want, victim)
				if !errors.Is(c.want, link.ErrProtocol) && c.want != link.ErrPosition {
					_, err := victim.Read()
					if len(err.Error()) > 300 || bytes.ContainsRune([]byte(err.Error()), 0) {
						t.Errorf("what the peer says makes a log of %d bytes", len(err.Error()))
					}
				}
				r.Close()
			})
		})
	}
}

// TestAcknowledgementsTwice repeats old ones, which is no crime, a hundred thousand times.
func TestAcknowledgementsTwice(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		r, conn, victim := w.rogueDials()
		w.all.Go(func() {
			for range 1000 {
				flood := make([][]byte, 100)
				for i := range flood {
					flood[i] = acked(uint64(i % 2))
				}
				if err := conn.Write(flood); err != nil {
					t.Error(err)
				}
			}
			_ = conn.Write([][]byte{append([]byte{data}, "after that"...)})
		})
		if f, err := victim.Read(); err != nil || string(f.Bytes) != "after that" {
			t.Errorf("%q, %v", f.Bytes, err)
		}
		r.Close()
	})
}

// TestNeverAcknowledging reads everything and acknowledges nothing: memory is bounded, and so is patience.
func TestNeverAcknowledging(t *testing.T) {
	scene(t, link.Config{Buffer: 1 << 20}, func(w *world) {
		r, conn, victim := w.rogueDials()
		w.listen(conn)
		w.listen(victim)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		begun := time.Now()
		wrote := 0
		var err error
		for f := frame(1, 1000); err == nil; wrote += len(f) {
			err = victim.Write([][]byte{f})
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if !errors.Is(err, link.ErrUnacknowledged) {
			t.Error(err)
		}
		if wrote > 1<<20+2000 || after.HeapAlloc > before.HeapAlloc+4<<20 {
			t.Errorf("%d bytes were taken, and %d of memory", wrote, after.HeapAlloc-before.HeapAlloc)
		}
		if took := time.Since(begun); took < 2*time.Minute || took > 2*time.Minute+time.Second {
			t.Errorf("patience lasted %v", took)
		}
		r.Close()
	})
}

// TestStolenKey has somebody resume who has the peer's static key, and knows everything of the link but its secret.
func TestStolenKey(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		r, conn, victim := w.rogueDials()
		w.listen(conn)
		good := link.Request(r.secret, 1, 1, false)
		for name, claim := range map[string][]byte{
			"no proof":              append(bytes.Clone(good[:len(good)-32]), make([]byte, 32)...),
			"another secret":        sameID(link.Request(make([]byte, 32), 1, 1, false), good),
			"another position":      patched(good, 49, 0),
			"another attempt":       patched(good, 41, 9),
			"another incarnation":   patched(good, 80, 9),
			"over, without proof":   patched(good, 1, 1),
			"the other end's name":  patched(good, 1, 2),
			"an unknown link":       link.Request(bytes.Repeat([]byte{1}, 32), 1, 1, false),
			"an unknown link, over": link.Request(bytes.Repeat([]byte{1}, 32), 1, 1, true),
		} {
			c, err := r.Connect(context.Background(), netlayer.Dial{Peer: w.b.Location(), Resume: claim, Previous: conn})
			if err != nil || !bytes.Equal(c.Info().Resume, link.Gone()) {
				t.Errorf("%s: answered %x, %v", name, c.Info().Resume, err)
			}
		}
		for name, claim := range map[string][]byte{"none": {}, "short": good[:20], "long": append(bytes.Clone(good), 0), "version": patched(good, 0, 1), "flag": patched(good, 1, 4)} {
			if _, err := r.Connect(context.Background(), netlayer.Dial{Peer: w.b.Location(), Resume: claim, Previous: conn}); !errors.Is(err, netlayer.ErrRefused) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// Somebody else who has the secret, and not the key.
		thief := w.net.Host(mem.HostConfig{Name: "thief", Features: []string{netlayer.FeatureResume}})
		c, err := thief.Connect(context.Background(), netlayer.Dial{Peer: w.b.Location(), Resume: good})
		if err != nil || !bytes.Equal(c.Info().Resume, link.Gone()) {
			t.Errorf("a thief of the secret: %v", err)
		}
		// The link has noticed none of them.
		if err := conn.Write([][]byte{append([]byte{data}, "still here"...)}); err != nil {
			t.Error(err)
		}
		if f, err := victim.Read(); err != nil || string(f.Bytes) != "still here" {
			t.Errorf("%q, %v", f.Bytes, err)
		}
		thief.Close()
		r.Close()
	})
}

func patched(b []byte, at int, to byte) []byte {
	c := bytes.Clone(b)
	c[at] = to
	return c
}

func sameID(b, as []byte) []byte {
	copy(b[2:34], as[2:34])
	return b
}

// TestImpostorAnswers has somebody answer a link's dial who has the acceptor's static key and not the secret. The link
// says nothing to it, and goes on when the true one can be reached.
func TestImpostorAnswers(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		out, in := w.met()
		w.listen(in)
		// From now on another host answers at b's address, under b's name.
		w.bh.Close()
		impostor := w.net.Host(mem.HostConfig{Name: "b", Features: []string{netlayer.FeatureResume}})
		if err := out.Write([][]byte{[]byte("for b's eyes only")}); err != nil {
			t.Fatal(err)
		}
		asked := make(chan []byte, 100)
		ctx, cancel := context.WithCancel(context.Background())
		w.all.Go(func() {
			for i := 0; ; i++ {
				inc, err := impostor.Accept(ctx)
				if err != nil {
					return
				}
				asked <- bytes.Clone(inc.Info.Resume)
				answers := [][]byte{
					link.Answer(make([]byte, 32), inc.Info.Resume, 2),
					append(bytes.Clone(inc.Info.Resume[:10]), inc.Info.Resume[50:]...), // its own proof, reflected
					{2, 0, 0, 0, 0, 0, 0, 0, 0, 2},
					append([]byte{2, 3}, make([]byte, 72)...), // faults, without proof
					append([]byte{2, 4}, make([]byte, 72)...),
					{2, 4},
					{2, 2}, // not now, which needs none
					{},
				}
				c, err := inc.Accept([][]byte{answers[i%len(answers)]})
				if err != nil {
					t.Error(err)
					return
				}
				w.all.Go(func() {
					if f, err := c.Read(); err == nil {
						t.Errorf("the impostor is told %q", f.Bytes)
					}
				})
			}
		})
		go func() {
			time.Sleep(10 * time.Second)
			cancel()
		}()
		within(t, 10*time.Minute-time.Minute, 10*time.Minute+time.Second, link.ErrExpired, out)
		if len(asked) < 4 {
			t.Errorf("the impostor was asked %d times", len(asked))
		}
		seen := map[string]bool{}
		for range len(asked) {
			if a := string(<-asked); seen[a] {
				t.Error("one claim was made twice")
			} else {
				seen[a] = true
			}
		}
		impostor.Close()
	})
}

// TestForgedPositions resumes, with all proofs, where it cannot be.
func TestForgedPositions(t *testing.T) {
	for _, next := range []uint64{0, 4, 1 << 62, ^uint64(0)} {
		scene(t, link.Config{}, func(w *world) {
			r, conn, victim := w.rogueDials()
			w.all.Go(func() { _ = conn.Write([][]byte{acked(1)}) })
			if err := victim.Write([][]byte{frame(1, 1)}); err != nil {
				t.Fatal(err)
			}
			w.listen(conn)
			w.listen(victim)
			time.Sleep(time.Second)
			claim := func() netlayer.Conn {
				c, err := r.Connect(context.Background(), netlayer.Dial{Peer: w.b.Location(), Resume: link.Request(r.secret, 1, next, false), Previous: conn})
				if err != nil || len(c.Info().Resume) != 74 || c.Info().Resume[1] != 4 {
					t.Fatalf("at %d: %v", next, err)
				}
				return c
			}
			// Until it is confirmed it may have been under way for long: nothing happens.
			c := claim()
			if err := c.Write([][]byte{{5, 9}}); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
			if err := victim.Write([][]byte{frame(2, 1)}); err != nil {
				t.Errorf("at %d, not confirmed: %v", next, err)
			}
			c = claim()
			if err := c.Write([][]byte{{5, 4}}); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
			within(t, 0, 0, link.ErrPosition, victim)
			r.Close()
		})
	}
}

// TestStaleAndDoubleResumptions resumes again and again, out of order: each later attempt takes over, no earlier one does,
// and what came by a connection that was taken away counts for nothing.
func TestStaleAndDoubleResumptions(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		r, conn, victim := w.rogueDials()
		resume := func(attempt uint64, previous netlayer.Conn) (netlayer.Conn, uint64, error) {
			c, err := r.Connect(context.Background(), netlayer.Dial{
				Peer: w.b.Location(), Resume: link.Request(r.secret, attempt, 1, false), Previous: previous,
			})
			if err != nil {
				return nil, 0, err
			}
			return c, binary.BigEndian.Uint64(c.Info().Resume[2:]), nil
		}
		say := func(c netlayer.Conn, text string) { _ = c.Write([][]byte{append([]byte{data}, text...)}) }
		hear := func(want string) {
			t.Helper()
			if f, err := victim.Read(); err != nil || string(f.Bytes) != want {
				t.Fatalf("%q, %v, want %q", f.Bytes, err, want)
			}
		}
		say(conn, "one")
		hear("one")
		second, next, err := resume(5, conn)
		if err != nil || next != 1 {
			t.Fatalf("expects frame %d, %v", next, err)
		}
		say(conn, "too late, on a connection that was taken away")
		for err == nil {
			_, err = conn.Read() // it is closed, too
		}
		say(second, "two")
		hear("two")
		for _, attempt := range []uint64{5, 4, 0} {
			if _, _, err := resume(attempt, conn); !errors.Is(err, netlayer.ErrRefused) {
				t.Errorf("attempt %d: %v", attempt, err)
			}
		}
		third, next, err := resume(6, second)
		if err != nil || next != 2 {
			t.Fatalf("expects frame %d, %v", next, err)
		}
		say(second, "too late again")
		say(third, "three")
		hear("three")
		r.Close()
	})
}

// TestFenceKeepsWhatHasArrived resumes while frames of the old connection have arrived and wait to be read: they are not
// read any more, since the dialler was told to repeat them.
func TestFenceKeepsWhatHasArrived(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		r, conn, victim := w.rogueDials()
		say := func(c netlayer.Conn, texts ...string) {
			for _, text := range texts {
				_ = c.Write([][]byte{append([]byte{data}, text...)})
			}
		}
		say(conn, "one", "two", "three")
		time.Sleep(time.Second)
		f, err := victim.Read()
		if err != nil || string(f.Bytes) != "one" {
			t.Fatalf("%q, %v", f.Bytes, err)
		}
		c, err := r.Connect(context.Background(), netlayer.Dial{Peer: w.b.Location(), Resume: link.Request(r.secret, 1, 1, false), Previous: conn})
		if err != nil {
			t.Fatal(err)
		}
		next := binary.BigEndian.Uint64(c.Info().Resume[2:])
		texts := []string{"one", "two", "three"}[next:]
		say(c, texts...)
		for _, want := range texts {
			if f, err := victim.Read(); err != nil || string(f.Bytes) != want {
				t.Errorf("%q, %v, want %q", f.Bytes, err, want)
			}
		}
		say(c, "four")
		if f, err := victim.Read(); err != nil || string(f.Bytes) != "four" {
			t.Errorf("%q, %v, want four", f.Bytes, err)
		}
		r.Close()
	})
}

// TestResumeStorm has many resumptions at once, of one link and of none.
func TestResumeStorm(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		r, conn, victim := w.rogueDials()
		results := make(chan error, 600)
		for i := range 300 {
			for _, claim := range [][]byte{link.Request(r.secret, uint64(i+1), 1, false), link.Request(make([]byte, 32), 1, 1, false)} {
				w.all.Go(func() {
					c, err := r.Connect(context.Background(), netlayer.Dial{Peer: w.b.Location(), Resume: claim, Previous: conn})
					if err == nil {
						w.listen(c)
					}
					results <- err
				})
			}
		}
		refused := 0
		for range 600 {
			if err := <-results; errors.Is(err, netlayer.ErrRefused) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		t.Logf("%d of 600 were refused", refused)
		last, err := r.Connect(context.Background(), netlayer.Dial{Peer: w.b.Location(), Resume: link.Request(r.secret, 1000, 1, false), Previous: conn})
		if err != nil {
			t.Fatal(err)
		}
		_ = last.Write([][]byte{append([]byte{data}, "after the storm"...)})
		if f, err := victim.Read(); err != nil || string(f.Bytes) != "after the storm" {
			t.Errorf("%q, %v", f.Bytes, err)
		}
		r.Close()
	})
}

// TestCrossedDials has the side that was dialled dial while the other does: it is told to wait for that.
func TestCrossedDials(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		h := w.net.Host(mem.HostConfig{Name: "acceptor", Features: []string{netlayer.FeatureResume}})
		s := bytes.Repeat([]byte{7}, 32)
		next := func() *netlayer.Incoming {
			in, err := h.Accept(context.Background())
			if err != nil {
				t.Error(err)
			}
			return in
		}
		resume := func(attempt uint64) error {
			_, err := h.Connect(context.Background(), netlayer.Dial{Peer: w.a.Location(), Resume: link.Turned(s, attempt, 0)})
			return err
		}
		w.all.Go(func() {
			if _, err := next().Accept([][]byte{append([]byte{begin}, s...)}); err != nil {
				t.Error(err)
			}
		})
		c, err := w.a.Connect(context.Background(), netlayer.Dial{Peer: h.Location()})
		if err != nil {
			t.Fatal(err)
		}
		c.(netlayer.KeepAliver).KeepAlive(true)
		w.listen(c)
		time.Sleep(time.Second)
		w.net.Lose(w.ah, h)
		waiting := next() // the dialler's dial is under way, and nobody answers
		if err := resume(1); !errors.Is(err, netlayer.ErrCrossed) {
			t.Errorf("a dial that crosses: %v", err)
		}
		waiting.Refuse(netlayer.ErrRefused)
		var crossed error
		for attempt := uint64(2); attempt < 100; attempt++ { // as soon as the dialler pauses, which may have dialled again
			if crossed = resume(attempt); crossed == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if crossed != nil {
			t.Errorf("a dial that does not cross: %v", crossed)
		}
		h.Close()
	})
}

// TestSecretTwice has a peer say the secret twice, which breaks the rules.
func TestSecretTwice(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		h := w.net.Host(mem.HostConfig{Name: "acceptor", Features: []string{netlayer.FeatureResume}})
		said := append([]byte{begin}, make([]byte, 32)...)
		w.all.Go(func() {
			in, err := h.Accept(context.Background())
			if err == nil {
				_, err = in.Accept([][]byte{said, said})
			}
			if err != nil {
				t.Error(err)
			}
		})
		c, err := w.a.Connect(context.Background(), netlayer.Dial{Peer: h.Location()})
		if err != nil {
			t.Fatal(err)
		}
		within(t, 0, time.Second, link.ErrProtocol, c)
		h.Close()
	})
}

// FuzzFrames gives a link whatever frames there are: it reads them, ends, and leaves nothing behind.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x01\x00"), []byte{raw, 2}, acked(1))
	f.Add([]byte{data, 1, 2}, acked(7), []byte{over, 'x'})
	f.Add(append([]byte{begin}, make([]byte, 32)...), []byte{}, []byte{9})
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, mem.Config{}, link.Config{Grace: time.Minute})
			r, conn, victim := w.rogueDials()
			w.listen(conn)
			w.all.Go(func() {
				_ = conn.Write([][]byte{a, b, c})
				_ = conn.Close("")
			})
			for {
				f, err := victim.Read()
				if err != nil {
					if !errors.Is(err, net.ErrClosed) {
						t.Error(err)
					}
					break
				}
				f.Done()
			}
			r.Close()
			w.close()
		})
	})
}

// TestAcknowledgingAhead resumes far back, and then acknowledges what is still to be repeated: it was sent once, but not to
// who would have it again.
func TestAcknowledgingAhead(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		r, conn, victim := w.rogueDials()
		w.listen(conn)
		for i := 1; i < 3000; i++ {
			if err := victim.Write([][]byte{frame(i, 2000)}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		c, err := r.Connect(context.Background(), netlayer.Dial{Peer: w.b.Location(), Resume: link.Request(r.secret, 1, 0, false), Previous: conn})
		if err != nil || c.Info().Resume[1] != 0 {
			t.Fatal(err)
		}
		// Few frames fit on their way to who reads nothing.
		if err := c.Write([][]byte{acked(2900)}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		w.all.Go(func() {
			for err := error(nil); err == nil; {
				_, err = c.Read()
			}
		})
		within(t, 0, time.Minute, link.ErrPosition, victim)
		r.Close()
	})
}

// TestForgedIncarnations resumes, with all proofs, as somebody who cannot be.
func TestForgedIncarnations(t *testing.T) {
	scene(t, link.Config{}, func(w *world) {
		r, conn, victim := w.rogueDials()
		if err := conn.Write([][]byte{append([]byte{data}, "one"...), append([]byte{data}, "two"...)}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			f, err := victim.Read()
			if err != nil {
				t.Fatal(err)
			}
			f.Done()
		}
		here, there := [16]byte{1}, [16]byte{2}
		claim := func(b []byte, say ...byte) netlayer.Conn {
			t.Helper()
			c, err := r.Connect(context.Background(), netlayer.Dial{Peer: w.b.Location(), Resume: b, Previous: conn})
			if len(say) == 0 {
				if !errors.Is(err, netlayer.ErrRefused) {
					t.Errorf("not refused: %v", err)
				}
				return nil
			}
			if err != nil || c.Info().Resume[1] != say[0] {
				t.Fatalf("want answer %d: %v", say[0], err)
			}
			return c
		}
		at := func(attempt uint64, store [16]byte, epoch uint64, process byte) []byte {
			return link.Claim(r.secret, attempt, 1, store, epoch, process)
		}
		claim(at(1, here, 5, 0))               // no process
		claim(at(1, here, 0, 1))               // no epoch
		claim(at(1, [16]byte{}, 1, 1))         // no store
		current := claim(at(7, here, 5, 1), 0) // the first time
		claim(at(7, here, 5, 1))               // the same again
		claim(at(8, here, 5, 2), 3)            // twice
		claim(at(8, here, 4, 2), 4)            // from before
		claim(at(8, here, 4, 1), 4)            // from before, as the same
		claim(at(8, there, 6, 2), 4)           // another store
		claim(at(8, [16]byte{}, 0, 2), 4)      // none any more
		bad := at(8, here, 6, 2)
		claim(patched(bad, 70, bad[70]+1), 1) // epoch, without proof
		// None of them has done anything.
		if err := current.Write([][]byte{append([]byte{data}, "three"...)}); err != nil {
			t.Error(err)
		}
		if f, err := victim.Read(); err != nil || string(f.Bytes) != "three" {
			t.Fatalf("%q, %v", f.Bytes, err)
		}
		again := claim(at(1, here, 6, 2), 0) // restarted: its dials are counted anew
		claim(at(1, here, 6, 2))
		claim(at(2, here, 6, 2), 0)
		claim(at(3, here, 5, 1), 4)
		time.Sleep(time.Minute) // one at a time is waited for to confirm
		c := claim(at(9, here, 5, 3), 4)
		if err := c.Write([][]byte{{5, 4}}); err != nil { // true
			t.Error(err)
		}
		within(t, 0, time.Second, link.ErrRolledBack, victim)
		_, _ = again, current
		r.Close()
	})
}

// TestFaultFrames says on the connection there is that the link cannot go on.
func TestFaultFrames(t *testing.T) {
	for say, want := range map[string]error{"\x03": link.ErrIdentityInUse, "\x04": link.ErrPosition, "\x00": link.ErrProtocol, "": link.ErrProtocol, "\x04\x04": link.ErrProtocol} {
		scene(t, link.Config{}, func(w *world) {
			r, conn, victim := w.rogueDials()
			w.listen(conn)
			if err := conn.Write([][]byte{append([]byte{5}, say...)}); err != nil {
				t.Fatal(err)
			}
			within(t, 0, time.Second, want, victim)
			r.Close()
		})
	}
}
