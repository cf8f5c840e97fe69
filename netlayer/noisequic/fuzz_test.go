package noisequic_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
)

// The handshake, against a netlayer on a real socket: whatever comes in place of a message, sealed as it must be or not,
// nobody is admitted who has not said all he must.
func FuzzHandshake(f *testing.F) {
	k := &keeper{}
	to := open(f, noisequic.Config{Doorkeeper: k, Limits: noisequic.Limits{RatePerSource: 1e6}})
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
	me := secretsOf(f, identity(f))
	tr := newTransport(f)
	f.Add(byte(0), docFrames("frames"))
	f.Add(byte(0), []byte{0, 0, 80})
	f.Add(byte(1), docHello([16]byte{1}, "a"))
	f.Add(byte(2), docAnonymous("one"))
	f.Add(byte(2), docNamed(me, make([]byte, 32), 'd', "one"))
	f.Add(byte(2), join(docCredential([]byte("credential")), docAnonymous("one")))
	f.Add(byte(3), make([]byte, 64))
	f.Fuzz(func(t *testing.T, stage byte, b []byte) {
		if len(b) > 60_000 {
			return
		}
		w := dialWire(t, tr, address(to))
		defer w.quic.CloseWithError(0, "")
		var wellFormed bool
		switch stage % 4 {
		case 0: // anything at all
			w.s.Write(b)
			w.s.Close()
		case 1: // a first message that decrypts
			w.s.Write(join([]byte{0}, withLength(newNoise(freshKey(), freshKey(), acceptor[:], docPrologue(0, w.exp)).Write1(b))))
			w.s.Close()
			w.message0()
		case 2: // a last message that decrypts
			d := w.hello(me.Static, acceptor, docHello([16]byte{}))
			d.s.Write(withLength(d.x.Write3(docNoSecret(acceptor[:]), b)))
			wellFormed = noisetest.IsAnonymous(b)
		case 3: // a last message
			d := w.hello(me.Static, acceptor, docHello([16]byte{}))
			d.s.Write(withLength(b))
			d.s.Close()
		}
		if data, err := w.rest(); len(data) > 0 || !isRefusal(err) {
			t.Fatalf("stage %d, %x: answered with %x, %v", stage%4, b, data, err)
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

// The other side of it: whatever an acceptor says in place of a message, sealed as it must be or not, a dialler gets no
// connection from it, and says which of the failures it was that there are.
func FuzzDial(f *testing.F) {
	from := open(f, noisequic.Config{})
	k := identity(f)
	own, pub := secretsOf(f, k), k.Public().Static
	f.Add(byte(0), false, []byte{0, 80})
	f.Add(byte(0), false, withLength(make([]byte, 49)))
	f.Add(byte(1), true, docFeatures("a", "b/1"))
	f.Add(byte(1), false, []byte{1, 255})
	f.Add(byte(2), true, withLength(make([]byte, 16)))
	f.Add(byte(2), false, []byte{255})
	f.Add(byte(3), true, docNamed(own, make([]byte, 32), 'a', "one"))
	f.Add(byte(3), false, docAnonymous("one"))
	f.Add(byte(3), true, []byte{2})
	f.Fuzz(func(t *testing.T, stage byte, early bool, b []byte) {
		if len(b) > 60_000 {
			return
		}
		addr := rawAcceptor(t, func(w *wire) {
			var clear [1]byte
			io.ReadFull(w.s, clear[:])
			x := newNoise(own.Static, freshKey(), pub[:], docPrologue(clear[0], w.exp))
			if _, err := x.Read1(w.message()); err != nil {
				t.Errorf("message 1: %v", err)
				return
			}
			switch stage % 4 {
			case 0: // anything in place of the second message
				w.s.Write(b)
			case 1: // a second message that decrypts
				w.s.Write(withLength(x.Write2(b)))
				w.message0()
			case 2: // anything in place of the verdict
				w.s.Write(withLength(x.Write2(docFeatures())))
				w.message()
				w.s.Write(b)
			case 3: // a verdict that decrypts
				w.s.Write(withLength(x.Write2(docFeatures())))
				if _, _, err := x.Read3(docNoSecret(pub[:]), w.message()); err != nil {
					t.Errorf("message 3: %v", err)
					return
				}
				w.s.Write(withLength(x.SealVerdict(b)))
			}
			w.s.Close()
			w.rest()
		})
		d := netlayer.Dial{Peer: k.Public().Peer()}
		d.Peer.Hints = map[string]string{"addr": addr}
		unclear := netlayer.ErrUnreachable
		if early {
			d.Early = func(netlayer.Info, int) [][]byte { return [][]byte{[]byte("early")} }
		}
		if early && (stage%4 > 1 || stage%4 == 1 && noisetest.IsFeatures(b)) {
			unclear = netlayer.ErrLost
		}
		want := unclear
		switch {
		case stage%4 == 2 && len(b) >= 2 && len(b)-2 >= int(binary.BigEndian.Uint16(b)):
			want = netlayer.ErrRefused // it is the peer, and it does not have the secret
		case stage%4 == 3 && bytes.Equal(b, []byte{2}):
			want = netlayer.ErrCrossed
		}
		c, err := from.Connect(t.Context(), d)
		if c != nil || !errors.Is(err, want) {
			t.Fatalf("stage %d, early %t, %x: %v, %v, want %v", stage%4, early, b, c, err, want)
		}
	})
}

// The same of those that resume.
func FuzzResume(f *testing.F)     { carrier().FuzzResume(f) }
func FuzzResumeDial(f *testing.F) { carrier().FuzzResumeDial(f) }
