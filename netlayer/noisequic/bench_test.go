package noisequic_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
)

// The floor: quic-go alone, one stream, frames with a length before them, nobody proven.

type link interface {
	send([][]byte) error
	receive() ([]byte, error)
}

type ours struct{ netlayer.Conn }

func (o ours) send(f [][]byte) error { return o.Write(f) }
func (o ours) receive() ([]byte, error) {
	f, err := o.Read()
	return f.Bytes, err
}

type raw struct {
	s       *quic.Stream
	out, in []byte
	at, end int
}

func (r *raw) send(frames [][]byte) error {
	r.out = r.out[:0]
	for _, f := range frames {
		r.out = binary.BigEndian.AppendUint32(r.out, uint32(len(f)))
		r.out = append(r.out, f...)
	}
	_, err := r.s.Write(r.out)
	return err
}

func (r *raw) receive() ([]byte, error) {
	if r.in == nil {
		r.in = make([]byte, 128<<10)
	}
	for {
		if b := r.in[r.at:r.end]; len(b) >= 4 {
			if n := int(binary.BigEndian.Uint32(b)); len(b) >= 4+n {
				r.at += 4 + n
				return b[4 : 4+n], nil
			}
		}
		copy(r.in, r.in[r.at:r.end])
		r.end, r.at = r.end-r.at, 0
		n, err := r.s.Read(r.in[r.end:])
		r.end += n
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

func rawTLS(b testing.TB) (server, client *tls.Config) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	cert, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{SerialNumber: big.NewInt(1)}, pub, priv)
	if err != nil {
		b.Fatal(err)
	}
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: priv}}, NextProtos: []string{"raw"}, SessionTicketsDisabled: true}
	return server, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"raw"}}
}

func rawTransport(b testing.TB) *quic.Transport {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	tr := &quic.Transport{Conn: c, ConnectionIDLength: 8}
	b.Cleanup(func() {
		tr.Close()
		c.Close()
	})
	return tr
}

func rawPair(b testing.TB) (out, in link) {
	server, client := rawTLS(b)
	str, ctr := rawTransport(b), rawTransport(b)
	l, err := str.Listen(server, nil)
	if err != nil {
		b.Fatal(err)
	}
	accepted := make(chan *quic.Stream)
	go func() {
		q, err := l.Accept(context.Background())
		if err != nil {
			panic(err)
		}
		s, err := q.AcceptStream(context.Background())
		if err != nil {
			panic(err)
		}
		accepted <- s
	}()
	q, err := ctr.Dial(context.Background(), str.Conn.LocalAddr(), client, nil)
	if err != nil {
		b.Fatal(err)
	}
	s, err := q.OpenStreamSync(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	o := &raw{s: s}
	if err := o.send([][]byte{{}}); err != nil {
		b.Fatal(err)
	}
	i := &raw{s: <-accepted}
	if _, err := i.receive(); err != nil {
		b.Fatal(err)
	}
	return o, i
}

func ourPair(b testing.TB) (out, in link) {
	o, i := connect(b, open(b, noisequic.Config{}), open(b, noisequic.Config{}), netlayer.Dial{})
	return ours{o}, ours{i}
}

// connect dials and accepts, and returns both ends.
func connect(t testing.TB, from, to netlayer.Netlayer, d netlayer.Dial, first ...[]byte) (out, in netlayer.Conn) {
	t.Helper()
	d.Peer = to.Location()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	accepted := make(chan netlayer.Conn, 1)
	go func() {
		defer close(accepted)
		in, err := to.Accept(ctx)
		if err != nil {
			return
		}
		if c, err := in.Accept(first); err == nil {
			accepted <- c
		}
	}()
	out, err := from.Connect(ctx, d)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	if in = <-accepted; in == nil {
		t.Fatal("nobody was accepted")
	}
	return out, in
}

var kinds = []struct {
	name string
	pair func(testing.TB) (out, in link)
}{{"raw", rawPair}, {"noisequic", ourPair}}

// BenchmarkEcho is one frame there and back, one at a time and with 256 on the way; the writers gather.
func BenchmarkEcho(b *testing.B) {
	for _, outstanding := range []int{1, 256} {
		for _, k := range kinds {
			b.Run(k.name+"/"+map[int]string{1: "1", 256: "256"}[outstanding], func(b *testing.B) {
				out, in := k.pair(b)
				go echo(in)
				ping(b, out, outstanding)
			})
		}
	}
}

// gatherer sends what has gathered in one go, as a session does.
type gatherer struct {
	mu     sync.Mutex
	cond   *sync.Cond
	frames [][]byte
}

func (g *gatherer) add(f []byte) {
	g.mu.Lock()
	g.frames = append(g.frames, f)
	g.mu.Unlock()
	g.cond.Signal()
}

func (g *gatherer) run(l link) {
	var batch [][]byte
	for {
		g.mu.Lock()
		for len(g.frames) == 0 {
			g.cond.Wait()
		}
		g.mu.Unlock()
		runtime.Gosched()
		g.mu.Lock()
		batch, g.frames = g.frames, batch[:0]
		g.mu.Unlock()
		if l.send(batch) != nil {
			return
		}
	}
}

var payload = make([]byte, 60)

func echo(l link) {
	g := &gatherer{}
	g.cond = sync.NewCond(&g.mu)
	go g.run(l)
	for {
		if _, err := l.receive(); err != nil {
			g.add(nil)
			return
		}
		g.add(payload)
	}
}

func ping(b *testing.B, l link, outstanding int) {
	g := &gatherer{}
	g.cond = sync.NewCond(&g.mu)
	go g.run(l)
	b.ReportAllocs()
	sent, got := 0, 0
	for b.Loop() {
		for sent < got+outstanding {
			g.add(payload)
			sent++
		}
		if _, err := l.receive(); err != nil {
			b.Fatal(err)
		}
		got++
	}
	for ; got < sent; got++ {
		if _, err := l.receive(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBulk sends frames of 64 KiB one way.
func BenchmarkBulk(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			out, in := k.pair(b)
			frame := make([]byte, 64<<10)
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			done := make(chan int)
			go func() {
				n := 0
				for {
					f, err := in.receive()
					if err != nil || len(f) == 0 {
						done <- n
						return
					}
					n++
				}
			}()
			for b.Loop() {
				if err := out.send([][]byte{frame}); err != nil {
					b.Fatal(err)
				}
			}
			if err := out.send([][]byte{nil}); err != nil {
				b.Fatal(err)
			}
			if n := <-done; n != b.N {
				b.Fatalf("%d of %d frames arrived", n, b.N)
			}
		})
	}
}

// BenchmarkDial is a connection from nothing until the first frame is back, both ends in this process.
func BenchmarkDial(b *testing.B) {
	b.Run("raw", func(b *testing.B) {
		server, client := rawTLS(b)
		str, ctr := rawTransport(b), rawTransport(b)
		l, err := str.Listen(server, nil)
		if err != nil {
			b.Fatal(err)
		}
		go func() {
			for {
				q, err := l.Accept(context.Background())
				if err != nil {
					return
				}
				go func() {
					if s, err := q.AcceptStream(context.Background()); err == nil {
						io.Copy(s, s)
					}
				}()
			}
		}()
		b.ReportAllocs()
		reportCPU(b)
		for b.Loop() {
			q, err := ctr.Dial(context.Background(), str.Conn.LocalAddr(), client, nil)
			if err != nil {
				b.Fatal(err)
			}
			s, err := q.OpenStreamSync(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			s.Write([]byte("x"))
			if _, err := s.Read(make([]byte, 1)); err != nil {
				b.Fatal(err)
			}
			q.CloseWithError(0, "")
		}
	})
	for _, anonymous := range []bool{false, true} {
		b.Run(map[bool]string{false: "noisequic", true: "noisequic-anonymous"}[anonymous], func(b *testing.B) {
			to := open(b, noisequic.Config{Limits: noisequic.Limits{RatePerSource: 1e6}})
			from := netlayer.Netlayer(nil)
			if anonymous {
				n, err := noisequic.Open(nil)
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { n.Close() })
				from = n
			} else {
				from = open(b, noisequic.Config{})
			}
			go func() {
				for {
					in, err := to.Accept(context.Background())
					if err != nil {
						return
					}
					c, err := in.Accept([][]byte{[]byte("y")})
					if err != nil {
						return
					}
					go c.Read()
				}
			}()
			d := netlayer.Dial{Peer: to.Location(), Early: func(netlayer.Info, int) [][]byte { return [][]byte{[]byte("x")} }}
			b.ReportAllocs()
			reportCPU(b)
			for b.Loop() {
				c, err := from.Connect(context.Background(), d)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := c.Read(); err != nil {
					b.Fatal(err)
				}
				c.Close("")
			}
		})
	}
}

// BenchmarkResume is a connection that resumes, from nothing until the first frame is back, as in BenchmarkDial.
func BenchmarkResume(b *testing.B) {
	features := []string{netlayer.FeatureResume}
	to := open(b, noisequic.Config{Features: features, Limits: noisequic.Limits{RatePerSource: 1e6}})
	from := open(b, noisequic.Config{Features: features})
	go func() {
		for {
			in, err := to.Accept(context.Background())
			if err != nil {
				return
			}
			c, err := in.Accept([][]byte{[]byte("answer")})
			if err != nil {
				return
			}
			go func() {
				c.Write([][]byte{[]byte("y")})
				c.Read()
			}()
		}
	}()
	d := netlayer.Dial{Peer: to.Location(), Resume: make([]byte, 100)}
	b.ReportAllocs()
	reportCPU(b)
	for b.Loop() {
		c, err := from.Connect(context.Background(), d)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Read(); err != nil {
			b.Fatal(err)
		}
		c.Close("")
	}
}
