package noisetcp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisetcp"
)

// The handshake, against a netlayer on a real socket: whatever comes in place of a message, sealed as it must be or not,
// nobody is admitted who has not said all he must, and who is refused is answered with the token or with nothing.
func FuzzHandshake(f *testing.F) {
	k := &keeper{}
	to := open(f, noisetcp.Config{Doorkeeper: k, Limits: noisetcp.Limits{RatePerSource: 1e6}})
	admitted := make(chan netlayer.Info, 1)
	accepting := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(accepting)
		for {
			in, err := to.Accept(ctx)
			if err != nil {
				return
			}
			admitted <- in.Info
			in.Refuse(netlayer.ErrRefused)
		}
	}()
	f.Cleanup(func() {
		cancel()
		<-accepting
	})
	acceptor := keyOf(f, to)
	me := noisetest.SecretsOf(f, identity(f))
	f.Add(byte(0), noisetest.Frames("frames"))
	f.Add(byte(0), []byte{0, 0, 80})
	f.Add(byte(1), noisetest.Hello([16]byte{1}, "a"))
	f.Add(byte(2), noisetest.Anonymous("one"))
	f.Add(byte(2), noisetest.Named(me, make([]byte, 32), 'd', "one"))
	f.Add(byte(2), noisetest.Join(noisetest.Credential([]byte("credential")), noisetest.Anonymous("one")))
	f.Add(byte(3), make([]byte, 64))
	f.Fuzz(func(t *testing.T, stage byte, b []byte) {
		if len(b) > 60_000 {
			return
		}
		w := dialWire(t, address(to))
		defer w.conn.Close()
		var want []byte
		wellFormed := false
		switch stage % 4 {
		case 0: // anything at all
			w.conn.Write(b)
			w.conn.CloseWrite()
		case 1: // a first message that decrypts; what is well formed is answered, and then refused for want of a third
			x := noisetest.New(noisetest.FreshKey(), noisetest.FreshKey(), acceptor[:], noisetest.Prologue(noisetest.TCP, 0, nil))
			w.conn.Write(noisetest.Join([]byte{0}, noisetest.WithLength(x.Write1(b))))
			w.conn.CloseWrite()
			if len(b) >= 17 && b[0] == 1 && noisetest.IsFeatures(b[17:]) {
				m2, err := w.message()
				if err != nil {
					t.Fatalf("a well-formed first message %x is not answered: %v", b, err)
				}
				payload, err := x.Read2(m2)
				if err != nil || len(payload) < 32 {
					t.Fatalf("the answer to %x is %x, %v", b, payload, err)
				}
				want = noisetest.WithLength(payload[:32])
			}
		case 2: // a last message that decrypts
			d := w.hello(me.Static, acceptor, noisetest.Hello([16]byte{}))
			d.last(noSecret(acceptor), b)
			wellFormed = noisetest.IsAnonymous(b)
			want = noisetest.WithLength(d.token)
		case 3: // a last message
			d := w.hello(me.Static, acceptor, noisetest.Hello([16]byte{}))
			w.conn.Write(noisetest.WithLength(b))
			w.conn.CloseWrite()
			want = noisetest.WithLength(d.token)
		}
		if data := w.rest(); !bytes.Equal(data, want) {
			t.Fatalf("stage %d, %x: answered with %x, want %x", stage%4, b, data, want)
		}
		select {
		case info := <-admitted:
			if !wellFormed || !info.Anonymous {
				t.Fatalf("stage %d, %x: admitted as %+v", stage%4, b, info)
			}
		default:
			if wellFormed {
				t.Fatalf("%x is well formed and was not announced", b)
			}
		}
	})
}

// The other side of it: whatever an acceptor says in place of a message, a dialler gets no connection from it, and says
// which of the failures it was that there are. Refused it was by the token alone.
func FuzzDial(f *testing.F) {
	from := open(f, noisetcp.Config{})
	k := identity(f)
	own, pub := noisetest.SecretsOf(f, k), k.Public().Static
	token := bytes.Repeat([]byte{9}, 32)
	f.Add(byte(0), false, []byte{0, 80})
	f.Add(byte(1), true, noisetest.Join(token, noisetest.Features("a", "b/1")))
	f.Add(byte(1), true, token)
	f.Add(byte(1), false, noisetest.Features())
	f.Add(byte(2), true, noisetest.WithLength(token))
	f.Add(byte(2), false, noisetest.WithLength(token[:31]))
	f.Add(byte(2), true, noisetest.WithLength(make([]byte, 16)))
	f.Add(byte(3), true, noisetest.Named(own, make([]byte, 32), 'a', "one"))
	f.Add(byte(3), false, noisetest.Anonymous("one"))
	f.Add(byte(3), true, []byte{2})
	f.Fuzz(func(t *testing.T, stage byte, early bool, b []byte) {
		if len(b) > 60_000 {
			return
		}
		addr := rawAcceptor(t, func(w *wire) {
			var clear [1]byte
			io.ReadFull(w.conn, clear[:])
			x := noisetest.New(own.Static, noisetest.FreshKey(), pub[:], noisetest.Prologue(noisetest.TCP, clear[0], nil))
			m1, err := w.message()
			if err == nil {
				_, err = x.Read1(m1)
			}
			if err != nil {
				t.Errorf("message 1: %v", err)
				return
			}
			switch stage % 4 {
			case 0: // anything in place of the second message
				w.conn.Write(b)
			case 1: // a second message that decrypts
				w.conn.Write(noisetest.WithLength(x.Write2(b)))
				w.message()
			case 2, 3: // anything in place of the verdict, or one that decrypts
				w.conn.Write(noisetest.WithLength(x.Write2(noisetest.Join(token, noisetest.Features()))))
				m3, err := w.message()
				if err == nil {
					_, _, err = x.Read3(noSecret(pub), m3)
				}
				if err != nil {
					t.Errorf("message 3: %v", err)
					return
				}
				if stage%4 == 3 {
					_, c := x.Ciphers()
					b = noisetest.WithLength(c.Seal(b))
				}
				w.conn.Write(b)
			}
			w.conn.CloseWrite()
			w.rest()
		})
		d := dialAt(k.Public().Peer(), addr)
		want := netlayer.ErrUnreachable
		if early {
			d.Early = func(netlayer.Info, int) [][]byte { return [][]byte{[]byte("early")} }
		}
		if early && (stage%4 > 1 || stage%4 == 1 && len(b) >= 32 && noisetest.IsFeatures(b[32:])) {
			want = netlayer.ErrLost
		}
		switch {
		case stage%4 == 2 && bytes.HasPrefix(b, noisetest.WithLength(token)):
			want = netlayer.ErrRefused
		case stage%4 == 3 && bytes.Equal(b, []byte{2}):
			want = netlayer.ErrCrossed
		}
		c, err := from.Connect(t.Context(), d)
		if c != nil || !errors.Is(err, want) {
			t.Fatalf("stage %d, early %t, %x: %v, %v, want %v", stage%4, early, b, c, err, want)
		}
	})
}

// What follows the verdict: whatever bytes a peer seals, in records of whatever size, and whatever somebody on the way puts
// in the place of one of them, the frames that are read are those that were sent before that.
func FuzzRecords(f *testing.F) {
	to := open(f, noisetcp.Config{Limits: noisetcp.Limits{RatePerSource: 1e6}})
	f.Add(noisetest.Frames("a", "", "bcd"), uint16(3), uint16(0), []byte(nil))
	f.Add(noisetest.Join(noisetest.Frames("a"), []byte{1, 3, 2, 1, 'x'}), uint16(1), uint16(2), []byte{0, 17})
	f.Add([]byte{0, 16, 0, 1}, uint16(9), uint16(1), []byte{255, 255})
	f.Fuzz(func(t *testing.T, stream []byte, size, at uint16, forged []byte) {
		if len(stream) > 20_000 || len(forged) > 70_000 || len(stream)/(int(size)+1) > 200 {
			return
		}
		s, in := admittedWire(t, to)
		defer s.conn.Close()
		honest := stream
		i := uint16(0)
		for rest := stream; len(rest) > 0; i++ {
			part := rest[:min(int(size)+1, len(rest))]
			if i == at && len(forged) > 0 {
				s.conn.Write(forged)
				honest = stream[:len(stream)-len(rest)]
				break
			}
			if _, err := s.conn.Write(noisetest.WithLength(s.out.Seal(part))); err != nil {
				break
			}
			rest = rest[len(part):]
		}
		s.conn.CloseWrite()
		want := framesOf(honest)
		for n := 0; ; n++ {
			fr, err := in.Read()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) || n < len(want) {
					t.Fatalf("%x: ended after %d of %d frames: %v", stream, n, len(want), err)
				}
				break
			}
			if n >= len(want) || !bytes.Equal(fr.Bytes, want[n]) {
				t.Fatalf("%x: frame %d is %x, want %x", stream, n, fr.Bytes, want)
			}
		}
		in.Close("")
	})
}

// framesOf returns the frames that are whole in a stream, up to where it ends or breaks the rules.
func framesOf(b []byte) (frames [][]byte) {
	for len(b) > 0 {
		switch b[0] {
		case 1, 3:
			b = b[1:]
		case 0:
			if len(b) < 4 {
				return frames
			}
			n := binary.BigEndian.Uint32(b)
			if n > netlayer.MaxFrame || uint32(len(b)-4) < n {
				return frames
			}
			frames = append(frames, b[4:4+n])
			b = b[4+n:]
		default:
			return frames
		}
	}
	return frames
}

// The same of those that resume.
func FuzzResume(f *testing.F)     { carrier().FuzzResume(f) }
func FuzzResumeDial(f *testing.F) { carrier().FuzzResumeDial(f) }
