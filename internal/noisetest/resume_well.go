package noisetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

var notBefore = time.Unix(1_700_000_000, 0)

// sizes of what is said: none, some, as much as there is room for.
var sizes = []int{0, 1, 255, 256}

func said(n int) []byte { return bytes.Repeat([]byte{7}, n) }

// The second implementation dials.
func (c Carrier) secondDialler(t *testing.T) {
	for _, n := range sizes {
		to := c.host(t, features...)
		infos := decide(t, to, answering(t, said(256-n)))
		static := FreshKey()
		r := c.Hello(t, c.Dial(t, to), static, to.static)
		r.Say(Confirm(said(n), "resume", "z"))
		m, err := Message(r)
		if err != nil || len(m) != 1+258+16 {
			t.Fatalf("the verdict has %d bytes, %v, whatever it says it has 275", len(m), err)
		}
		if verdict, err := r.In.Open(m); err != nil || !bytes.Equal(verdict, Resumed(said(256-n))) {
			t.Fatalf("the verdict holds %x, %v", verdict, err)
		}
		c.sends(r, r.Out, "a frame")
		if err := c.takes(r, r.In, "to a frame"); err != nil {
			t.Errorf("the acceptor's first frame: %v", err)
		}
		all := infos()
		if len(all) != 1 {
			t.Fatalf("%d diallers came", len(all))
		}
		checkInfo(t, all[0], false, sturdyref.Designator([32]byte(static.PublicKey().Bytes())), said(n))
		if all[0].Anonymous {
			t.Error("the acceptor was told that the dialler is anonymous, which the handshake does not say")
		}
	}
}

func checkInfo(t *testing.T, i netlayer.Info, outbound bool, remote string, said []byte) {
	t.Helper()
	if !i.Authenticated || i.Outbound != outbound || i.Remote.Designator != remote || i.Source == "" {
		t.Errorf("the info is %+v, want one of %s", i, remote)
	}
	if i.Resume == nil || !bytes.Equal(i.Resume, said) {
		t.Errorf("the other end has said %x (nil: %t), want %x", i.Resume, i.Resume == nil, said)
	}
	if !slices.Equal(i.Features, []string{"resume"}) {
		t.Errorf("the features of both are %v", i.Features)
	}
	if i.Binding != ([32]byte{}) || i.Identity != nil || i.AdmittedBy != ([16]byte{}) || i.Credential != nil {
		t.Errorf("the info has what belongs to the beginning: %+v", i)
	}
}

// The second implementation accepts.
func (c Carrier) secondAcceptor(t *testing.T) {
	k := freshIdentity(t)
	own := SecretsOf(t, k)
	for _, n := range sizes {
		me := freshIdentity(t)
		from := c.Open(t, me, features, nil)
		hints := c.Serve(t, func(w Wire) {
			r, dialler := c.Acceptor(t, w, own.Static, make([]byte, 32), unchanged)
			if r == nil {
				return
			}
			if pub := me.Public().Static; !bytes.Equal(dialler, pub[:]) {
				t.Errorf("the dialler is %x, want %x", dialler, pub)
			}
			m, err := Message(w)
			if err != nil || len(m) != 258+len(Features(features...))+16 {
				t.Errorf("the confirmation has %d bytes, %v", len(m), err)
				return
			}
			if payload, err := r.In.Open(m); err != nil || !bytes.Equal(payload, Confirm(said(n), features...)) {
				t.Errorf("the confirmation holds %x, %v", payload, err)
			}
			w.Send(WithLength(r.Out.Seal(Resumed(said(256 - n)))))
			c.sends(w, r.Out, "first")
			if err := c.takes(w, r.In, "a frame"); err != nil {
				t.Errorf("the dialler's first frame: %v", err)
			}
		})
		d := netlayer.Dial{Peer: k.Public().Peer(), Resume: said(n)}
		d.Peer.Hints = hints
		conn, err := from.Connect(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		checkInfo(t, conn.Info(), true, d.Peer.Designator, said(256-n))
		if f, err := conn.Read(); err != nil || string(f.Bytes) != "first" {
			t.Errorf("read %q, %v: the answer is no frame", f.Bytes, err)
		}
		if err := conn.Write([][]byte{[]byte("a frame")}); err != nil {
			t.Error(err)
		}
		conn.Close("")
	}
}

// Both ends are real, and one of them has been restarted.
func (c Carrier) bothReal(t *testing.T) {
	to := c.host(t, features...)
	infos := decide(t, to, answering(t, []byte("answer")))
	me := freshIdentity(t)
	var before netlayer.Conn
	for i, d := range []netlayer.Dial{to.dial([]byte("one")), to.dial([]byte("two")), to.dial([]byte{})} {
		from := c.Open(t, me, []string{"resume"}, nil)
		if i == 1 {
			d.Previous = before
		}
		d.Key, d.Credential = brokenKey{}, func(netlayer.Info) []byte { t.Error("a credential was asked for"); return nil }
		conn, err := from.Connect(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		checkInfo(t, conn.Info(), true, to.Location().Designator, []byte("answer"))
		if i := conn.Info(); i.Anonymous || i.Local.Designator != from.Location().Designator {
			t.Errorf("the dialler is %+v", i)
		}
		checkInfo(t, infos()[i], false, from.Location().Designator, d.Resume)
		exchange(t, conn)
		conn.Close("")
		before = conn
	}
}

// brokenKey must not be used.
type brokenKey struct{}

func (brokenKey) ID([32]byte) ([16]byte, error) { return [16]byte{}, errors.New("the key was used") }

func (brokenKey) PSK(_, _ [32]byte) ([32]byte, error) {
	return [32]byte{}, errors.New("the key was used")
}

func exchange(t *testing.T, conn netlayer.Conn) {
	t.Helper()
	if err := conn.Write([][]byte{[]byte("frame")}); err != nil {
		t.Fatal(err)
	}
	if f, err := conn.Read(); err != nil || string(f.Bytes) != "to frame" {
		t.Fatalf("read %q, %v", f.Bytes, err)
	}
}

// An anonymous dialler goes on by the key it began with, as often as it likes, and only with whom it knows.
func (c Carrier) anonymous(t *testing.T) {
	k := freshIdentity(t)
	to := c.Open(t, k, features, nil)
	infos := decide(t, to, answering(t, []byte("answer")))
	from := c.Open(t, nil, features, nil)
	d := netlayer.Dial{Peer: to.Location()}
	conn, err := from.Connect(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := conn.Read(); err != nil || string(f.Bytes) != "answer" {
		t.Fatalf("read %q, %v", f.Bytes, err)
	}
	exchange(t, conn)
	first := infos()[0].Remote.Designator
	for i := range 3 {
		conn.Close("")
		d.Resume, d.Previous = fmt.Append(nil, i), conn
		if conn, err = from.Connect(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		exchange(t, conn)
		if got := infos()[i+1]; got.Remote.Designator != first || string(got.Resume) != fmt.Sprint(i) {
			t.Errorf("resumed by %s with %q, want %s with %d", got.Remote.Designator, got.Resume, first, i)
		}
		if i := conn.Info(); !i.Anonymous || i.Local.Designator != first {
			t.Errorf("the dialler is %+v, want %s", i, first)
		}
	}
	conn.Close("")
	// What is begun after that has another key.
	d.Resume, d.Previous = nil, nil
	if conn, err = from.Connect(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if f, err := conn.Read(); err != nil || string(f.Bytes) != "answer" {
		t.Fatalf("read %q, %v", f.Bytes, err)
	}
	exchange(t, conn)
	if again := infos()[4].Remote.Designator; again == first {
		t.Error("two anonymous sessions have one key")
	}
	conn.Close("")
}

// What the caller does wrong is said, and nothing is dialled.
func (c Carrier) mistakes(t *testing.T) {
	to, other := c.host(t, features...), c.host(t, features...)
	infos := decide(t, to, answering(t, nil))
	from, stranger := c.host(t, features...), c.host(t, features...)
	anonymous := c.Open(t, nil, features, nil)
	d := to.dial([]byte("x"))
	mine, err := from.Connect(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, mine)
	mine.Close("")
	withPrevious := func(d netlayer.Dial, p netlayer.Conn) netlayer.Dial { d.Previous = p; return d }
	for name, m := range map[string]struct {
		from netlayer.Netlayer
		d    netlayer.Dial
		says string
	}{
		"a netlayer that does not announce it": {c.Open(t, freshIdentity(t), nil, nil), d, "cannot resume"},
		"too many bytes":                       {from, to.dial(make([]byte, netlayer.MaxResume+1)), "257"},
		"ourselves":                            {from, from.dial([]byte("x")), "local identity"},
		"anonymous, nothing before":            {anonymous, d, "Dial.Previous"},
		"anonymous, another's":                 {anonymous, withPrevious(d, mine), "Dial.Previous"},
		"anonymous, of something else":         {anonymous, withPrevious(d, foreign{mine}), "Dial.Previous"},
		"with another peer":                    {from, withPrevious(other.dial([]byte("x")), mine), "another peer"},
		"of another identity":                  {stranger, withPrevious(d, mine), "another identity"},
	} {
		conn, err := m.from.Connect(t.Context(), m.d)
		if conn != nil || err == nil || !strings.Contains(err.Error(), m.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, %v, want an error that says %q", name, conn, err, m.says)
		}
	}
	if n := len(infos()); n != 1 {
		t.Errorf("%d diallers came, want the first alone", n)
	}
}

// foreign is a connection of another make.
type foreign struct{ netlayer.Conn }

// Early is asked, once, when the dial goes on, and can stop it.
func (c Carrier) early(t *testing.T) {
	to := c.host(t, features...)
	infos := decide(t, to, answering(t, []byte("answer")))
	from := c.Open(t, freshIdentity(t), features, nil)
	asked := 0
	d := to.dial([]byte("x"))
	d.Early = func(info netlayer.Info, limit int) [][]byte {
		asked++
		if limit != 0 || !info.Authenticated || !info.Outbound || info.Remote.Designator != d.Peer.Designator {
			t.Errorf("asked for %d bytes to %+v", limit, info)
		}
		if asked == 1 {
			return [][]byte{nil}
		}
		return nil
	}
	fails(t, from, d, netlayer.ErrFrameTooLarge)
	if len(infos()) > 0 {
		t.Error("the dial went on although there was something that cannot travel")
	}
	conn, err := from.Connect(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, conn)
	conn.Close("")
	if asked != 2 {
		t.Errorf("asked %d times in two dials", asked)
	}
}

// Whoever stands in the way sees nothing alike in two dials that resume the same, nor any of what is said; and of several
// addresses one is told.
func (c Carrier) unlinkable(t *testing.T) {
	k := freshIdentity(t)
	own := SecretsOf(t, k)
	from := c.Open(t, freshIdentity(t), features, nil)
	sent := make(chan []byte, 4)
	secret := []byte("something that nobody else must know")
	serve := func(w Wire) {
		r, _ := c.Acceptor(t, w, own.Static, make([]byte, 32), unchanged)
		if r == nil {
			return
		}
		if m, err := Message(w); err == nil {
			sent <- m
			w.Send(WithLength(r.Out.Seal(Resumed(secret))))
			w.Rest()
		}
	}
	d := netlayer.Dial{Peer: k.Public().Peer(), Resume: secret}
	d.Peer.Hints = map[string]string{}
	for i := range 3 {
		for name, addr := range c.Serve(t, serve) {
			d.Peer.Hints[fmt.Sprint(name, 2+i)] = addr
		}
	}
	for range 2 {
		conn, err := from.Connect(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close("")
	}
	if len(sent) != 2 {
		t.Fatalf("%d confirmations were sent in two dials", len(sent))
	}
	a, b := <-sent, <-sent
	for i := 0; i+4 <= len(a); i++ {
		if bytes.Contains(b, a[i:i+4]) {
			t.Errorf("two confirmations share %x", a[i:i+4])
		}
	}
	if bytes.Contains(a, secret[:8]) {
		t.Error("the confirmation shows what is said")
	}
}
