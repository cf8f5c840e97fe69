package link_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/bolt"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/sturdyref"
)

// ends returns the two ends of a connection, as links or bare: on a simulated network without delay, or over loopback.
func ends(b *testing.B, carrier string, linked bool) (out, in netlayer.Conn, close func()) {
	return endsWith(b, carrier, linked, nil)
}

// endsWith is ends with a store on the dialler's side.
func endsWith(b *testing.B, carrier string, linked bool, s *store.Store) (out, in netlayer.Conn, close func()) {
	b.Helper()
	n := mem.New(nil)
	var features []string
	if linked {
		features = []string{netlayer.FeatureResume}
	}
	var hosts [2]netlayer.Netlayer
	for i := range hosts {
		id, err := sturdyref.GenerateIdentity(time.Now())
		if err != nil {
			b.Fatal(err)
		}
		switch carrier {
		case "mem":
			hosts[i] = n.Host(mem.HostConfig{Static: id.Public().Static, Features: features})
		case "tcp":
			hosts[i], err = noisetcp.Open(&noisetcp.Config{Identity: id, Listen: "127.0.0.1:0", Features: features})
		case "quic":
			hosts[i], err = noisequic.Open(&noisequic.Config{Identity: id, Listen: "127.0.0.1:0", Features: features})
		}
		if err != nil {
			b.Fatal(err)
		}
		if linked {
			cfg := new(link.Config)
			if i == 0 {
				cfg.Store = s
			}
			hosts[i] = wrap(b, hosts[i], cfg)
		}
	}
	accepted := make(chan netlayer.Conn, 1)
	go func() {
		if i, err := hosts[1].Accept(context.Background()); err == nil {
			c, _ := i.Accept(nil)
			accepted <- c
		}
	}()
	out, err := hosts[0].Connect(context.Background(), netlayer.Dial{Peer: hosts[1].Location()})
	if err != nil {
		b.Fatal(err)
	}
	return out, <-accepted, func() {
		_, _ = hosts[0].Close(), hosts[1].Close()
		n.Close()
	}
}

var ways = []struct {
	name   string
	linked bool
}{{"bare", false}, {"link", true}}

// BenchmarkOneWay is one frame of a stream in one direction, batches of 32 per Write.
func BenchmarkOneWay(b *testing.B) {
	for _, r := range []struct {
		carrier string
		size    int
	}{{"mem", 100}, {"mem", 1000}, {"mem", 16 << 10}, {"tcp", 100}, {"tcp", 1000}, {"quic", 100}, {"quic", 1000}} {
		size := r.size
		for _, w := range ways {
			b.Run(fmt.Sprintf("%s/size=%d/%s", r.carrier, size, w.name), func(b *testing.B) {
				out, in, done := ends(b, r.carrier, w.linked)
				defer done()
				const batch = 32
				frames := make([][]byte, batch)
				for i := range frames {
					frames[i] = make([]byte, size)
				}
				var all sync.WaitGroup
				for _, c := range []netlayer.Conn{out, in} {
					all.Go(func() {
						for {
							f, err := c.Read()
							if err != nil {
								return
							}
							f.Done()
						}
					})
				}
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if i%batch == 0 {
						if err := out.Write(frames); err != nil {
							b.Fatal(err)
						}
					}
				}
				b.StopTimer()
				_ = out.Close("")
				_ = in.Close("")
				all.Wait()
			})
		}
	}
}

// BenchmarkPingPong is a frame there and one back.
func BenchmarkPingPong(b *testing.B) {
	for _, w := range ways {
		b.Run(w.name, func(b *testing.B) {
			out, in, done := ends(b, "mem", w.linked)
			defer done()
			frame := [][]byte{make([]byte, 100)}
			var all sync.WaitGroup
			all.Go(func() {
				for {
					f, err := in.Read()
					if err != nil {
						return
					}
					f.Done()
					_ = in.Write(frame)
				}
			})
			b.ReportAllocs()
			for b.Loop() {
				if err := out.Write(frame); err != nil {
					b.Fatal(err)
				}
				f, err := out.Read()
				if err != nil {
					b.Fatal(err)
				}
				f.Done()
			}
			b.StopTimer()
			_ = out.Close("")
			_ = in.Close("")
			all.Wait()
		})
	}
}

// BenchmarkRecord is a frame of a stream in one direction that is in the store before it goes out, with as many to a transaction.
// "write" is the same with a link that ends with its process; "store" is the store without a link: the same writes, and nothing sent.
func BenchmarkRecord(b *testing.B) {
	for _, batch := range []int{1, 32} {
		for _, way := range []string{"write", "record", "store"} {
			for _, disk := range []string{"memory", "bolt"} {
				if way == "write" && disk == "bolt" {
					continue
				}
				b.Run(fmt.Sprintf("batch=%d/%s/%s", batch, disk, way), func(b *testing.B) { record(b, batch, way, disk) })
			}
		}
	}
}

func record(b *testing.B, batch int, way, disk string) {
	s := memory.New()
	if disk == "bolt" {
		var err error
		if s, err = bolt.Open(filepath.Join(b.TempDir(), "store")); err != nil {
			b.Fatal(err)
		}
	}
	defer s.Close()
	conn, in, done := endsWith(b, "mem", true, s)
	defer done()
	var all sync.WaitGroup
	for _, c := range []netlayer.Conn{conn, in} {
		all.Go(func() {
			for {
				f, err := c.Read()
				if err != nil {
					return
				}
				f.Done()
			}
		})
	}
	frames := make([][]byte, batch)
	for i := range frames {
		frames[i] = make([]byte, 100)
	}
	out := conn.(netlayer.Lasting)
	wake := make(chan struct{}, 1)
	room := make(chan struct{}, 256)
	submit := func(tx *store.Batch, mark uint64) {
		room <- struct{}{}
		err := s.Submit(tx, func(error) {
			<-room
			if mark > 0 {
				out.Recorded(mark)
			}
			select {
			case wake <- struct{}{}:
			default:
			}
		})
		if err != nil {
			b.Error(err)
		}
	}
	if way == "record" {
		tx := new(store.Batch)
		_, mark, err := out.Last(tx)
		if err != nil {
			b.Fatal(err)
		}
		submit(tx, mark)
	}
	stop := make(chan struct{})
	all.Go(func() {
		for {
			select {
			case <-wake:
				_ = out.Flush()
			case <-stop:
				return
			}
		}
	})
	key := 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%batch != 0 {
			continue
		}
		switch way {
		case "write":
			if err := out.Write(frames); err != nil {
				b.Fatal(err)
			}
		case "record":
			for out.Held() > 4<<20 {
				time.Sleep(time.Millisecond)
			}
			tx := new(store.Batch)
			submit(tx, out.Record(tx, frames))
		case "store":
			tx := new(store.Batch)
			for _, f := range frames {
				key++
				tx.Put("x", binary.BigEndian.AppendUint64(nil, uint64(key)), bytes.Clone(f))
				if key > 10000 {
					tx.Delete("x", binary.BigEndian.AppendUint64(nil, uint64(key-10000)))
				}
			}
			submit(tx, 0)
		}
	}
	b.StopTimer()
	_ = out.Close("")
	_ = in.Close("")
	close(stop)
	all.Wait()
}

// BenchmarkRestart is a link that is found in the store, dialled, and has a frame brought each way, with the process that ends.
func BenchmarkRestart(b *testing.B) {
	n := mem.New(nil)
	defer n.Close()
	resume := []string{netlayer.FeatureResume}
	there := wrap(b, n.Host(mem.HostConfig{Name: "b", Features: resume}), nil)
	defer there.Close()
	accepted := make(chan netlayer.Conn, 1)
	go func() {
		for {
			i, err := there.Accept(context.Background())
			if err != nil {
				return
			}
			c, _ := i.Accept(nil)
			accepted <- c
		}
	}()
	dir := new(memory.Backend)
	open := func() (*store.Store, *link.Netlayer) {
		s, err := store.Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		return s, wrap(b, n.Host(mem.HostConfig{Name: "a", Features: resume}), &link.Config{Store: s})
	}
	s, here := open()
	conn, err := here.Connect(context.Background(), netlayer.Dial{Peer: there.Location()})
	if err != nil {
		b.Fatal(err)
	}
	in := <-accepted
	go func() {
		for {
			f, err := in.Read()
			if err != nil {
				return
			}
			f.Done()
			_ = in.Write([][]byte{{2}})
		}
	}()
	out := conn.(netlayer.Lasting)
	tx := new(store.Batch)
	if _, _, err := out.Last(tx); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for first := true; b.Loop(); first = false {
		if !first {
			s, here = open()
			kept, err := here.Kept()
			if err != nil || len(kept) != 1 {
				b.Fatal(len(kept), err)
			}
			out, tx = kept[0], new(store.Batch)
		}
		mark := out.Record(tx, [][]byte{{1}})
		if err := s.Write(tx); err != nil {
			b.Fatal(err)
		}
		out.Recorded(mark)
		_ = out.Flush()
		f, err := out.Read()
		if err != nil {
			b.Fatal(err)
		}
		f.Done()
		tx = new(store.Batch)
		mark = out.Record(tx, nil)
		if err := s.Write(tx); err != nil {
			b.Fatal(err)
		}
		out.Recorded(mark)
		_ = out.Close("")
		_ = here.Close()
		_ = s.Close()
	}
	_ = in.Close("")
}
