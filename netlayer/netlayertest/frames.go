package netlayertest

import (
	"bytes"
	"errors"
	"slices"

	"github.com/hawser-go/hawser/netlayer"
)

// stream sends frames in batches of many sizes and checks at the other end that they come whole and in order. Both run
// until all is through.
func (w *world) stream(from, to netlayer.Conn, seed, frames int) {
	size := func(i int) int { return (i*i*7 + seed) % 1500 }
	w.spawn(func() {
		var batch [][]byte
		for i := range frames {
			batch = append(batch, pattern(seed+i, size(i)))
			if len(batch) > i%37 || i == frames-1 {
				if err := from.Write(batch); err != nil {
					w.Errorf("Write of frame %d: %v", i, err)
					return
				}
				batch = batch[:0]
			}
		}
	})
	w.spawn(func() {
		for i := range frames {
			f, err := to.Read()
			if err != nil {
				w.Errorf("Read of frame %d: %v", i, err)
				return
			}
			if want := pattern(seed+i, size(i)); !bytes.Equal(f.Bytes, want) {
				w.Errorf("frame %d is %s, want %s", i, show(f.Bytes), show(want))
				return
			}
			f.Done()
		}
	})
}

func framesArrive(w *world) {
	out, in := w.pair()
	w.stream(out, in, 1, 3000)
	w.stream(in, out, 2, 3000)
	// The other methods may be called by anybody meanwhile.
	for _, c := range []netlayer.Conn{out, in} {
		info := c.Info()
		w.spawn(func() {
			for range 1000 {
				c.More()
				if c.Info().Binding != info.Binding {
					w.Error("Info changed")
				}
			}
		})
	}
	w.group.Wait()
}

func framesOfEverySize(w *world) {
	out, in := w.pair()
	sizes := []int{0, 1, 0, 0, 2, 255, 256, 65535, 65536, 65537, netlayer.MaxFrame - 1, netlayer.MaxFrame, 0, 3}
	for _, ends := range [][2]netlayer.Conn{{out, in}, {in, out}} {
		w.spawn(func() {
			for i, n := range sizes {
				if err := ends[0].Write([][]byte{pattern(i, n)}); err != nil {
					w.Errorf("Write of %d bytes: %v", n, err)
					return
				}
			}
			var batch [][]byte
			for i, n := range sizes {
				batch = append(batch, pattern(i, n))
			}
			if err := ends[0].Write(batch); err != nil {
				w.Errorf("Write of a batch: %v", err)
			}
			if err := ends[0].Write(nil); err != nil {
				w.Errorf("Write of no frames: %v", err)
			}
		})
		for i, n := range slices.Concat(sizes, sizes) {
			f := w.read(ends[1])
			if !bytes.Equal(f.Bytes, pattern(i%len(sizes), n)) {
				w.Fatalf("frame %d of %d bytes came as %s", i, n, show(f.Bytes))
			}
			f.Done()
		}
	}
	w.group.Wait()
}

func frameTooLarge(w *world) {
	out, in := w.pair()
	for _, c := range []netlayer.Conn{out, in} {
		err := c.Write([][]byte{[]byte("never sent"), make([]byte, netlayer.MaxFrame+1)})
		if !errors.Is(err, netlayer.ErrFrameTooLarge) {
			w.Fatalf("Write of MaxFrame+1 bytes: %v, want ErrFrameTooLarge", err)
		}
	}
	w.write(out, []byte("still"))
	w.expect(in, "still")
	w.write(in, []byte("here"))
	w.expect(out, "here")
}

func writeDoesNotKeep(w *world) {
	out, in := w.pair()
	const frames = 500
	w.spawn(func() {
		buf := make([]byte, 300)
		for i := range frames {
			copy(buf, pattern(i, len(buf)))
			if err := out.Write([][]byte{buf[:100], buf[100:]}); err != nil {
				w.Errorf("Write: %v", err)
				return
			}
		}
	})
	for i := range frames {
		want := pattern(i, 300)
		for _, part := range [][]byte{want[:100], want[100:]} {
			if f := w.read(in); !bytes.Equal(f.Bytes, part) {
				w.Fatalf("frame of write %d is not what was in the slice when it was written", i)
			}
		}
	}
}

func frameIsValid(w *world) {
	out, in := w.pair()
	const frames = 200
	w.spawn(func() {
		for i := range frames {
			if err := out.Write([][]byte{pattern(i, 1000)}); err != nil {
				w.Errorf("Write: %v", err)
				return
			}
		}
	})
	for i := range frames {
		f := w.read(in)
		if i < frames-1 {
			w.eventually("another frame arrives", in.More)
		}
		if !bytes.Equal(f.Bytes, pattern(i, 1000)) {
			w.Fatalf("frame %d changed before the next Read", i)
		}
		f.Done()
	}
}

func moreTellsTheTruth(w *world) {
	out, in := w.pair()
	if in.More() || out.More() {
		w.Fatal("More is true and nothing was sent")
	}
	w.write(out, []byte("a"))
	w.eventually("More is true after a frame was sent", in.More)
	w.expect(in, "a")
	if in.More() {
		w.Fatal("More is true and everything has been read")
	}
	w.write(out, []byte("b"), []byte("c"))
	w.expect(in, "b")
	w.eventually("More is true while a frame of a batch is left", in.More)
	w.expect(in, "c")
	w.spawn(func() { out.Close("") })
	w.eventually("More is true after the end", in.More)
	w.ended(in)
}

func manyConnections(w *world) {
	var hosts []netlayer.Netlayer
	for range 4 {
		hosts = append(hosts, w.host(Host{}))
	}
	var conns []netlayer.Conn
	for i, from := range hosts {
		for j, to := range hosts {
			if i == j {
				continue
			}
			out, in := w.connect(from, to, dial(to))
			w.stream(out, in, 100*i+j, 300)
			w.stream(in, out, 100*i+j+50, 300)
			conns = append(conns, out, in)
		}
	}
	w.group.Wait()
	for _, c := range conns {
		w.spawn(func() { c.Close("") })
	}
	w.group.Wait()
}
