package link_test

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
)

// desk is where letters of one process are written and read.
type desk struct {
	t     testing.TB
	mu    sync.Mutex
	links map[[16]byte]link.Mailed
	left  map[[16]byte]bool
	stirs int
}

func (d *desk) Enter(l link.Mailed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.links[l.Name()] != nil || d.left[l.Name()] {
		d.t.Error("a link enters twice")
	}
	d.links[l.Name()] = l
	_ = l.Mail() // no lock is held
}

func (d *desk) Stir(l link.Mailed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.links[l.Name()] == nil {
		d.t.Error("a link stirs that is not there")
	}
	d.stirs++
	_ = l.Mail()
}

func (d *desk) Leave(l link.Mailed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.links[l.Name()] == nil {
		d.t.Error("a link leaves that is not there")
	}
	delete(d.links, l.Name())
	d.left[l.Name()] = true
	_ = l.Mail()
}

// sealed is a letter.
type sealed struct {
	id      [32]byte
	dialled bool // the sender did
	first   uint64
	frames  [][]byte
	acked   uint64
}

func (d *desk) all() (all []link.Mailed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.links {
		all = append(all, l)
	}
	return all
}

// seal writes a letter for each link, which begins some frames after those that were acknowledged.
func (d *desk) seal(skip int) (letters []sealed) {
	for _, l := range d.all() {
		s := l.Mail()
		first := s.Acked + uint64(max(0, skip%4-1))*uint64(skip%7)
		frames, err := l.Frames(first, s.Written)
		if err != nil && l.Mail().Acked <= first && !l.Mail().Connected {
			d.t.Error(err)
		}
		letters = append(letters, sealed{l.ID(), l.Dialled(), first, frames, s.Consumed})
	}
	return letters
}

// open reads a letter.
func (d *desk) open(s sealed) {
	for _, l := range d.all() {
		if l.ID() == s.id && l.Dialled() != s.dialled {
			l.Take(s.first, s.frames)
			if err := l.Acked(s.acked); err != nil && !errors.Is(err, net.ErrClosed) {
				d.t.Error(err)
			}
		}
	}
}

// TestNeverBothThere has two processes of which at most one is there at a time. What they say goes by mail alone.
func TestNeverBothThere(t *testing.T) {
	pair(t, link.Config{Lease: 10 * time.Hour}, func(w *mem.Network, a, b *node) {
		for _, n := range []*node{a, b} {
			n.stop()
			n.mail = true
			n.start()
		}
		meet(t, a, b)
		a.stop()
		b.stop()
		var letters []sealed
		written := map[*node]int{a: 3, b: 3}
		for i := range 12 { // longer than the lease
			n, other := a, b
			if i%2 == 1 {
				n, other = b, a
			}
			n.start()
			if len(n.kept) != 1 {
				t.Fatalf("%d links are kept", len(n.kept))
			}
			time.Sleep(time.Second)
			for _, l := range letters {
				n.desk.open(l)
			}
			if err := n.kept[0].await(written[other]); err != nil {
				t.Fatal(err)
			}
			written[n] += 10
			if err := n.kept[0].write(written[n]); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Hour)
			letters = n.desk.seal(0)
			if s := n.desk.all()[0].Mail(); s.Consumed != uint64(written[other]) || s.Written != uint64(written[n]) || s.Connected {
				t.Errorf("turn %d: %+v", i, s)
			}
			if i%3 == 0 {
				n.kill()
			} else {
				n.stop()
			}
			if len(letters) != 1 || len(n.desk.all()) != 0 {
				t.Fatalf("%d letters, %d links that have not left", len(letters), len(n.desk.all()))
			}
		}
		a.start()
		b.start()
		talk(t, a.kept[0], b.kept[0], 500)
		if held := a.kept[0].conn.Held(); held != 0 {
			t.Errorf("%d bytes are held", held)
		}
	})
}

// TestMailAndConnection brings by mail what a connection is about to bring, and acknowledges by mail what it has not brought yet:
// neither end counts wrong.
func TestMailAndConnection(t *testing.T) {
	pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
		for _, n := range []*node{a, b} {
			n.stop()
			n.mail = true
			n.start()
		}
		out, in := meet(t, a, b)
		w.SetDelay(a.host, b.host, 150*time.Millisecond, 0)
		w.SetDelay(b.host, a.host, 150*time.Millisecond, 0)
		for i := 1; i < 20; i++ {
			from := a.desk
			to := b.desk
			if i%2 == 0 {
				from, to = to, from
			}
			if i%5 == 0 {
				w.Lose(a.host, b.host)
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
			}
			for _, c := range []*actor{out, in} {
				if err := c.write(i * 100); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Duration(i*37%11) * 50 * time.Millisecond) // they are under way
			for _, l := range from.seal(0) {
				to.open(l)
			}
			time.Sleep(10 * time.Millisecond)
			for _, l := range to.seal(0) {
				from.open(l)
			}
		}
		talk(t, out, in, 2000)
		time.Sleep(10 * time.Second)
		if x, y := out.conn.Held(), in.conn.Held(); x != 0 || y != 0 {
			t.Errorf("%d and %d bytes are held", x, y)
		}
		if a.desk.stirs == 0 || b.desk.stirs == 0 {
			t.Error("mail hears of nothing")
		}
	})
}

// TestLettersBehindADeadConnection has letters come while the connection looks as if it were there: whoever reads from that reads
// them, and soon: the connection is given up.
func TestLettersBehindADeadConnection(t *testing.T) {
	for _, side := range []int{0, 1} {
		pairAfter(t, time.Minute, link.Config{}, func(w *mem.Network, a, b *node) {
			for _, n := range []*node{a, b} {
				n.stop()
				n.mail = true
				n.start()
			}
			out, in := meet(t, a, b)
			from, to, writer, reader := a, b, out, in
			if side == 1 {
				from, to, writer, reader = b, a, in, out
			}
			w.Partition(a.host, b.host)
			before := time.Now()
			for i := range 3 {
				if err := writer.write(100 + i); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Millisecond) // it is on the disk
				for _, l := range from.desk.seal(0) {
					to.desk.open(l)
				}
				if err := reader.await(100 + i); err != nil {
					t.Fatal(err)
				}
			}
			if waited := time.Since(before); waited > 2*time.Second { // the first waited one, the others none
				t.Errorf("letters waited %v for a dead connection", waited)
			}
			w.Heal(a.host, b.host)
			talk(t, out, in, 500)
		})
	}
}

// TestLettersThatCannotBe opens letters that are forged, as far as a link can tell, or say that it is over.
func TestLettersThatCannotBe(t *testing.T) {
	pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
		a.stop()
		a.mail = true
		a.start()
		out, _ := meet(t, a, b)
		b.kill()
		l := a.desk.all()[0]
		s := l.Mail()
		if n := l.Take(s.Received+1, [][]byte{{1}}); n != 0 {
			t.Errorf("%d frames were taken after a gap", n)
		}
		if n := l.Take(s.Received, [][]byte{make([]byte, 2<<20)}); n != 0 {
			t.Errorf("%d frames were taken that are too large", n)
		}
		if n := l.Take(0, [][]byte{{1}, {2}}); n != 2 || l.Mail().Received != s.Received {
			t.Errorf("%d known frames were taken", n)
		}
		if err := l.Acked(s.Acked - 1); err != nil || l.Mail().Acked != s.Acked {
			t.Errorf("what was acknowledged is not any more: %v", err)
		}
		if f, err := l.Frames(s.Written, s.Written+5); len(f) > 0 || err != nil {
			t.Errorf("%d frames that there are not, %v", len(f), err)
		}
		if err := l.Acked(s.Written + 1); !errors.Is(err, link.ErrRolledBack) {
			t.Errorf("acknowledging what was never written: %v", err)
		}
		out.over(t, link.ErrRolledBack)
		if n := l.Take(s.Received, [][]byte{{1}}); n != 0 {
			t.Errorf("%d frames were taken after the end", n)
		}
		if len(a.desk.all()) != 0 {
			t.Error("it has not left")
		}
		b.start()
		b.kept[0].over(t, net.ErrClosed)

		second := a.dial(b)
		<-b.accepted
		time.Sleep(time.Second)
		last(t, second)
		time.Sleep(time.Second)
		a.desk.all()[0].End("it is over\nfor good")
		second.over(t, net.ErrClosed)
	})
}

// TestManyLetters has more come by mail than may wait to be read: the rest is taken when there is room.
func TestManyLetters(t *testing.T) {
	pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
		a.stop()
		a.mail = true
		a.start()
		meet(t, a, b)
		b.kill()
		a.stop()
		a.idle = true
		a.start()
		c := a.kept[0].conn
		time.Sleep(time.Second)
		if len(a.desk.all()) != 0 {
			t.Error("it enters before it is read from")
		}
		first := make(chan error, 1)
		go func() { _, err := c.Read(); first <- err }()
		time.Sleep(time.Second)
		l := a.desk.all()[0]
		at := l.Mail().Received
		took := 0
		for range 100 {
			took += l.Take(at+uint64(took), [][]byte{make([]byte, 100<<10)})
		}
		if took < 40 || took > 45 {
			t.Errorf("%d frames of 100 KiB wait", took)
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
		stirs := a.desk.stirs
		for range took - 1 {
			if !c.More() {
				t.Error("More does not see letters")
			}
			f, err := c.Read()
			if err != nil {
				t.Fatal(err)
			}
			f.Done()
		}
		time.Sleep(time.Second)
		if l.Take(at+uint64(took), [][]byte{{1}}) != 1 || a.desk.stirs == stirs {
			t.Error("there is no room, or nobody hears of it")
		}
	})
}

// TestLettersDuringResumptions has letters come at every moment of a resumption, which take no time while connections are slow.
func TestLettersDuringResumptions(t *testing.T) {
	for _, turned := range []bool{false, true} {
		for _, oneWay := range []int{0, 1, 2} {
			pair(t, link.Config{}, func(w *mem.Network, a, b *node) {
				for _, n := range []*node{a, b} {
					n.stop()
					n.mail = true
					if turned && n == a {
						n.over = func(n netlayer.Netlayer) netlayer.Netlayer {
							return &deaf{Netlayer: n}
						}
					}
					n.start()
				}
				out, in := meet(t, a, b)
				w.SetDelay(a.host, b.host, 50*time.Millisecond, 0)
				w.SetDelay(b.host, a.host, 50*time.Millisecond, 0)
				if turned {
					a.links.Netlayer.(*deaf).on.Store(true)
				}
				written := 3
				for range 30 {
					if turned {
						in.conn.(netlayer.Reacher).Reach(a.links.Location(), nil)
					}
					w.Lose(a.host, b.host)
					for range 40 {
						written++
						for _, c := range []*actor{out, in} {
							if err := c.write(written); err != nil {
								t.Fatal(err)
							}
						}
						time.Sleep(10 * time.Millisecond)
						if oneWay != 1 {
							for _, l := range a.desk.seal(0) {
								b.desk.open(l)
							}
						}
						if oneWay != 2 {
							for _, l := range b.desk.seal(0) {
								a.desk.open(l)
							}
						}
						time.Sleep(time.Millisecond)
						if oneWay == 0 {
							for _, l := range a.desk.seal(0) {
								b.desk.open(l)
							}
						}
					}
					time.Sleep(time.Duration(written%7) * 30 * time.Millisecond)
				}
				talk(t, out, in, written+1)
				time.Sleep(10 * time.Second)
				if x, y := out.conn.Held(), in.conn.Held(); x != 0 || y != 0 {
					t.Errorf("%d and %d bytes are held", x, y)
				}
			})
		}
	}
}
