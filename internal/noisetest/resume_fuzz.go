package noisetest

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/hawser-go/hawser/netlayer"
)

// FuzzResume puts anything in the place of what a dialler that resumes sends, sealed as it must be or not: nobody is
// announced who has not said all that he must, and who is refused is so in the one way.
func (c Carrier) FuzzResume(f *testing.F) {
	to := c.host(f, features...)
	announced := make(chan netlayer.Info, 1)
	decide(f, to, func(in *netlayer.Incoming) {
		announced <- in.Info
		refuse(in)
	})
	static := FreshKey()
	f.Add(byte(0), []byte{1, 0, 97})
	f.Add(byte(0), Join([]byte{1}, WithLength(make([]byte, 97))))
	f.Add(byte(1), []byte{1})
	f.Add(byte(1), Hello([16]byte{}))
	f.Add(byte(2), Confirm([]byte("said"), features...))
	f.Add(byte(2), Confirm(make([]byte, 256)))
	f.Add(byte(2), Confirm(nil, "b", "a"))
	f.Add(byte(3), make([]byte, 300))
	f.Fuzz(func(t *testing.T, stage byte, b []byte) {
		if len(b) > 60_000 {
			return
		}
		w := c.Dial(t, to)
		wellFormed := false
		switch stage % 4 {
		case 0: // anything at all
			w.Send(Join([]byte{1}, b))
			w.CloseWrite()
			RefusedAtOnce(t, w, "anything")
		case 1: // a first message that decrypts
			w.Send(Join([]byte{1}, WithLength(NewIK(static, FreshKey(), to.static, Prologue(c.Label, 1, w.Exporter())).Write1(b))))
			if bytes.Equal(b, []byte{1}) {
				return // that is how it must be
			}
			w.CloseWrite()
			RefusedAtOnce(t, w, "a first message")
		case 2: // a confirmation that decrypts
			r := c.Hello(t, w, static, to.static)
			wellFormed = IsConfirm(b)
			r.Say(b)
			r.Refused(t, "a confirmation")
		case 3: // anything in the place of the confirmation
			r := c.Hello(t, w, static, to.static)
			r.Send(WithLength(b))
			r.CloseWrite()
			r.Refused(t, "no confirmation")
		}
		select {
		case info := <-announced:
			if !wellFormed || !bytes.Equal(info.Resume, b[2:2+binary.BigEndian.Uint16(b)]) {
				t.Fatalf("stage %d, %x: announced as %+v", stage%4, b, info)
			}
		default:
			if wellFormed {
				t.Fatalf("%x is well formed and was not announced", b)
			}
		}
	})
}

// FuzzResumeDial puts anything in the place of what an acceptor says to one that resumes: a connection comes only of a
// verdict that is as it must be, and everything else is one of the failures that there are.
func (c Carrier) FuzzResumeDial(f *testing.F) {
	from := c.Open(f, freshIdentity(f), features, nil)
	k := freshIdentity(f)
	own := SecretsOf(f, k)
	token := bytes.Repeat([]byte{9}, 32)
	f.Add(byte(0), []byte{0, 80})
	f.Add(byte(1), Join(token, Features("a", "resume")))
	f.Add(byte(1), Features())
	f.Add(byte(2), WithLength(token))
	f.Add(byte(2), WithLength(make([]byte, 16)))
	f.Add(byte(3), Resumed([]byte("answer")))
	f.Add(byte(3), Named(own, make([]byte, 32), 'a'))
	f.Add(byte(3), []byte{2})
	f.Fuzz(func(t *testing.T, stage byte, b []byte) {
		if len(b) > 60_000 {
			return
		}
		d := netlayer.Dial{Peer: k.Public().Peer(), Resume: []byte("x")}
		d.Peer.Hints = c.Serve(t, func(w Wire) {
			skip(w, 1)
			x := NewIK(own.Static, FreshKey(), own.Static.PublicKey().Bytes(), Prologue(c.Label, 1, w.Exporter()))
			m1, err := Message(w)
			if err == nil {
				_, _, err = x.Read1(m1)
			}
			if err != nil {
				t.Errorf("message 1: %v", err)
				return
			}
			well := Features()
			if c.Token {
				well = Join(token, well)
			}
			switch stage % 4 {
			case 0: // anything in the place of the second message
				w.Send(b)
			case 1: // a second message that decrypts
				w.Send(WithLength(x.Write2(b)))
				skipMessage(w)
			case 2: // anything in the place of the verdict
				w.Send(WithLength(x.Write2(well)))
				skipMessage(w)
				w.Send(b)
			case 3: // a verdict that decrypts
				w.Send(WithLength(x.Write2(well)))
				skipMessage(w)
				_, out := x.Ciphers()
				w.Send(WithLength(out.Seal(b)))
			}
			w.CloseWrite()
			w.Rest()
		})
		want := netlayer.ErrUnreachable
		switch {
		case stage%4 == 2 && c.Token && bytes.HasPrefix(b, WithLength(token)):
			want = netlayer.ErrRefused
		case stage%4 == 2 && !c.Token && len(b) >= 2 && len(b)-2 >= int(binary.BigEndian.Uint16(b)):
			want = netlayer.ErrRefused // a message of the peer that does not decrypt
		case stage%4 == 3 && bytes.Equal(b, []byte{2}):
			want = netlayer.ErrCrossed
		case stage%4 == 3 && len(b) == 259 && b[0] == 4 && IsSaid(b[1:]):
			conn, err := from.Connect(t.Context(), d)
			if err != nil || !bytes.Equal(conn.Info().Resume, b[3:3+binary.BigEndian.Uint16(b[1:])]) {
				t.Fatalf("%x: %v", b, err)
			}
			if err := conn.Close(""); err != nil {
				t.Fatal(err)
			}
			return
		}
		fails(t, from, d, want)
	})
}
