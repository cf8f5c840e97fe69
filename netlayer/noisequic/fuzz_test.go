package noisequic_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
)

// Payloads: what is accepted has exactly one encoding.
func FuzzPayloads(f *testing.F) {
	me := secretsOf(f, identity(f))
	f.Add(docHello([16]byte{1}, "a", "b/1"))
	f.Add(docHello([16]byte{}))
	f.Add(docNamed(me, make([]byte, 32), 'd', "one", "", "three"))
	f.Add(docAnonymous("one"))
	f.Add([]byte{2})
	f.Add(join(docCredential([]byte("credential")), docAnonymous("one")))
	f.Add([]byte{3, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if again, err := noisequic.ParseLast(b); err == nil && !bytes.Equal(again, b) {
			t.Errorf("the last payload %x is written %x", b, again)
		}
		if again, err := noisequic.ParseHello(b); err == nil && !bytes.Equal(again, b) {
			t.Errorf("hello %x is written %x", b, again)
		}
		if again, err := noisequic.ParseSelf(b); err == nil && !bytes.Equal(again, b) {
			t.Errorf("self %x is written %x", b, again)
		}
	})
}

// The stream: however it is cut into pieces, the scanner sees the same frames, and the inbox gives them back.
func FuzzStream(f *testing.F) {
	f.Add(join([]byte{1, 1}, docFrames("a", "", "bcd"), []byte{1}, noisequic.EndMark("bye")), byte(3))
	f.Add([]byte{0, 0x10, 0, 1}, byte(1))
	f.Add([]byte{0, 0x10, 0, 0, 5}, byte(1))
	f.Add([]byte{2, 255}, byte(1))
	f.Fuzz(func(t *testing.T, stream []byte, cut byte) {
		kept, frames, reason, orderly, err := noisequic.Scan(stream)
		var pieces [][]byte
		for rest := stream; len(rest) > 0; {
			n := min(1+int(cut), len(rest))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		kept2, frames2, reason2, orderly2, err2 := noisequic.Scan(pieces...)
		if err == nil && !bytes.Equal(kept, kept2) || frames != frames2 || reason != reason2 || orderly != orderly2 || (err == nil) != (err2 == nil) {
			t.Fatalf("in one piece %x, %d, %q, %t, %v; in many %x, %d, %q, %t, %v", kept, frames, reason, orderly, err, kept2, frames2, reason2, orderly2, err2)
		}
		if err != nil {
			return
		}
		i := noisequic.NewInbox()
		for _, p := range pieces {
			i.Put(bytes.Clone(p))
		}
		for range frames {
			got := i.Next()
			n := binary.BigEndian.Uint32(kept)
			if n > netlayer.MaxFrame || !bytes.Equal(got, kept[4:4+n]) {
				t.Fatalf("frame %x, the stream has %x", got, kept)
			}
			kept = kept[4+n:]
		}
	})
}

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
			w.s.Write(join([]byte{0}, withLength(newNoise(freshKey(), freshKey(), acceptor[:], docPrologue(0, w.exp)).write1(b))))
			w.s.Close()
			w.message0()
		case 2: // a last message that decrypts
			d := w.hello(me.static, acceptor, docHello([16]byte{}))
			d.s.Write(withLength(d.x.write3(docNoSecret(acceptor[:]), b)))
			again, err := noisequic.ParseLast(b)
			says := bytes.TrimPrefix(again, noisequic.EncodeCredential(noisequic.CredentialOf(b)))
			wellFormed = err == nil && len(says) > 0 && says[0] == 1
		case 3: // a last message
			d := w.hello(me.static, acceptor, docHello([16]byte{}))
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
			x := newNoise(own.static, freshKey(), pub[:], docPrologue(clear[0], w.exp))
			if _, err := x.read1(w.message()); err != nil {
				t.Errorf("message 1: %v", err)
				return
			}
			switch stage % 4 {
			case 0: // anything in place of the second message
				w.s.Write(b)
			case 1: // a second message that decrypts
				w.s.Write(withLength(x.write2(b)))
				w.message0()
			case 2: // anything in place of the verdict
				w.s.Write(withLength(x.write2(docFeatures())))
				w.message()
				w.s.Write(b)
			case 3: // a verdict that decrypts
				w.s.Write(withLength(x.write2(docFeatures())))
				if _, _, err := x.read3(docNoSecret(pub[:]), w.message()); err != nil {
					t.Errorf("message 3: %v", err)
					return
				}
				w.s.Write(withLength(x.sealVerdict(b)))
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
		if early && (stage%4 > 1 || stage%4 == 1 && noisequic.ParseFeatures(b) == nil) {
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
