package noisetest

import (
	"bytes"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Every byte that the dialler sends counts. What is cut is refused too.
func (c Carrier) changedIn(t *testing.T) {
	to := c.host(t, features...)
	infos := decide(t, to, refuse)
	static := FreshKey()
	first := func(w Wire) []byte {
		return Join([]byte{1}, WithLength(NewIK(static, FreshKey(), to.static, Prologue(c.Label, 1, w.Exporter())).Write1([]byte{1})))
	}
	for at := range 1 + 2 + 97 {
		w := c.Dial(t, to)
		b := first(w)
		b[at] ^= 1
		w.Send(b)
		w.CloseWrite()
		RefusedAtOnce(t, w, "message 1, changed")
	}
	for cut := range 1 + 2 + 97 {
		if cut%7 > 0 && cut > 3 {
			continue
		}
		w := c.Dial(t, to)
		w.Send(first(w)[:cut])
		w.CloseWrite()
		RefusedAtOnce(t, w, "message 1, cut")
	}
	payload := Confirm([]byte("some bytes"), features...)
	for at := range 2 + len(payload) + 16 {
		r := c.Hello(t, c.Dial(t, to), static, to.static)
		b := WithLength(r.Out.Seal(payload))
		b[at] ^= 1
		r.Send(b)
		r.CloseWrite()
		r.Refused(t, "the confirmation, changed")
		if at%29 == 0 {
			r = c.Hello(t, c.Dial(t, to), static, to.static)
			r.Send(WithLength(r.Out.Seal(payload))[:at])
			r.CloseWrite()
			r.Refused(t, "the confirmation, cut")
		}
	}
	if all := infos(); len(all) > 0 {
		t.Errorf("announced was %+v", all)
	}
}

// Every byte that the acceptor sends counts: with any of them changed, or what is sent cut, or of another handshake, the
// dialler has no connection, and says nothing before the second message is right.
func (c Carrier) changedOut(t *testing.T) {
	k := freshIdentity(t)
	own := SecretsOf(t, k)
	from := c.Open(t, freshIdentity(t), features, nil)
	size2 := 2 + 48 + len(Features("resume", "z"))
	if c.Token {
		size2 += 32
	}
	const sizeVerdict = 2 + 1 + 258 + 16
	token := bytes.Repeat([]byte{9}, 32)
	var other atomic.Pointer[[]byte] // a second message of another handshake
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[at] ^= 1; return b }
	}
	type change struct{ second, verdict func([]byte) []byte }
	var changes []change
	for at := range size2 {
		changes = append(changes, change{flip(at), unchanged})
	}
	changes = append(changes, change{func([]byte) []byte { return *other.Load() }, unchanged},
		change{func(b []byte) []byte { return b[:len(b)-1] }, unchanged}, change{func([]byte) []byte { return []byte{255, 255} }, unchanged})
	onlyVerdict := len(changes)
	for at := range sizeVerdict {
		changes = append(changes, change{unchanged, flip(at)})
	}
	for _, v := range []func([]byte) []byte{
		func(b []byte) []byte { return b[:len(b)-1] }, func([]byte) []byte { return nil }, func([]byte) []byte { return WithLength(nil) },
		func([]byte) []byte { return WithLength(token[1:]) },
	} {
		changes = append(changes, change{unchanged, v})
	}
	for i, ch := range changes {
		hints := c.Serve(t, func(w Wire) {
			r, _ := c.Acceptor(t, w, own.Static, token, func(m2 []byte) []byte {
				m2 = ch.second(m2)
				other.Store(&m2)
				return m2
			})
			if r == nil {
				return
			}
			if i < onlyVerdict {
				w.CloseWrite()
				if data, _ := w.Rest(); len(data) > 0 {
					t.Errorf("change %d of the second message: the dialler went on and said %x", i, data)
				}
				return
			}
			if _, err := Message(w); err != nil {
				t.Errorf("change %d: no confirmation: %v", i, err)
				return
			}
			w.Send(ch.verdict(WithLength(r.Out.Seal(Resumed([]byte("answer"))))))
			w.CloseWrite()
			w.Rest()
		})
		d := netlayer.Dial{Peer: k.Public().Peer(), Resume: []byte("x")}
		d.Peer.Hints = hints
		if i < onlyVerdict || c.Token {
			fails(t, from, d, netlayer.ErrUnreachable)
		} else {
			fails(t, from, d, netlayer.ErrUnreachable, netlayer.ErrRefused)
		}
	}
}

// A verdict that decrypts and is not as it should be, or none, leaves open what the peer has heard: it is as good as out of
// reach. The token, or the code, is a refusal.
func (c Carrier) lost(t *testing.T) {
	k := freshIdentity(t)
	own := SecretsOf(t, k)
	from := c.Open(t, freshIdentity(t), features, nil)
	token := bytes.Repeat([]byte{9}, 32)
	for name, v := range map[string]struct {
		verdict []byte
		want    error
	}{
		"empty":                 {[]byte{}, netlayer.ErrUnreachable},
		"that of a beginning":   {Named(own, make([]byte, 32), 'a'), netlayer.ErrUnreachable},
		"anonymous":             {Anonymous(), netlayer.ErrUnreachable},
		"a byte more":           {Join(Resumed(nil), []byte{0}), netlayer.ErrUnreachable},
		"a byte less":           {Resumed(nil)[:258], netlayer.ErrUnreachable},
		"a length of 257":       {Join([]byte{4, 1, 1}, make([]byte, 256)), netlayer.ErrUnreachable},
		"padding":               {Join(make([]byte, 0), []byte{4}, make([]byte, 257), []byte{1}), netlayer.ErrUnreachable},
		"another first byte":    {Join([]byte{5}, Said(nil)), netlayer.ErrUnreachable},
		"crossed and more":      {Join([]byte{2}, Said(nil)), netlayer.ErrUnreachable},
		"crossed":               {[]byte{2}, netlayer.ErrCrossed},
		"nothing, and the end":  {nil, netlayer.ErrUnreachable},
		"nothing of a frame in": {Frames("frame"), netlayer.ErrUnreachable},
	} {
		hints := c.Serve(t, func(w Wire) {
			r, _ := c.Acceptor(t, w, own.Static, token, unchanged)
			if r == nil {
				return
			}
			if _, err := Message(w); err != nil {
				t.Errorf("%s: no confirmation: %v", name, err)
				return
			}
			if v.verdict != nil {
				w.Send(WithLength(r.Out.Seal(v.verdict)))
			}
			w.CloseWrite()
			w.Rest()
		})
		d := netlayer.Dial{Peer: k.Public().Peer(), Resume: []byte("x")}
		d.Peer.Hints = hints
		fails(t, from, d, v.want)
	}
	if !c.Token {
		return
	}
	hints := c.Serve(t, func(w Wire) {
		if r, _ := c.Acceptor(t, w, own.Static, token, unchanged); r != nil {
			skipMessage(w)
			w.Send(WithLength(token))
		}
	})
	d := netlayer.Dial{Peer: k.Public().Peer(), Resume: []byte("x")}
	d.Peer.Hints = hints
	fails(t, from, d, netlayer.ErrRefused)
}

// Nothing that was said once is worth anything again.
func (c Carrier) replayed(t *testing.T) {
	to := c.host(t, features...)
	accept := func(in *netlayer.Incoming) {
		if conn, err := in.Accept([][]byte{[]byte("answer")}); err == nil {
			if f, err := conn.Read(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("a frame came of a replay: %q, %v", f.Bytes, err)
			}
			conn.Close("")
		}
	}
	infos := decide(t, to, accept)
	static := FreshKey()
	record := func() (w Wire, x *IK, m1 []byte) {
		w = c.Dial(t, to)
		x = NewIK(static, FreshKey(), to.static, Prologue(c.Label, 1, w.Exporter()))
		m1 = Join([]byte{1}, WithLength(x.Write1([]byte{1})))
		w.Send(m1)
		return w, x, m1
	}
	finish := func(x *IK, w Wire, payload []byte) (r *Resumer, confirm []byte) {
		m2, err := Message(w)
		if err != nil {
			t.Fatal(err)
		}
		p2, err := x.Read2(m2)
		if err != nil {
			t.Fatal(err)
		}
		r = &Resumer{Wire: w, X: x}
		if c.Token {
			r.Token = p2[:32]
		}
		r.Out, r.In = x.Ciphers()
		return r, WithLength(r.Out.Seal(payload))
	}
	payload := Confirm([]byte("what is resumed"))
	w, x, m1 := record()
	r, confirm := finish(x, w, payload)

	// The first message on another connection, byte for byte, and what followed it.
	again := c.Dial(t, to)
	again.Send(m1)
	if c.Token {
		m2, err := Message(again)
		if err != nil || len(m2) != 48+32+len(Features(features...)) {
			t.Fatalf("a first message that nobody can tell is old is answered with %x, %v", m2, err)
		}
		again.Send(confirm)
		if data, refused := again.Rest(); !refused || len(data) != 34 {
			t.Errorf("what was recorded, sent again: %x, want a token", data)
		}
	} else {
		RefusedAtOnce(t, again, "a first message on another connection")
	}
	// The first message again on the same connection, in the place of the confirmation.
	w, x, m1 = record()
	s, _ := finish(x, w, payload)
	s.Send(m1)
	s.CloseWrite()
	s.Refused(t, "the first message twice")
	// The confirmation of one handshake in another of the same two.
	w, x, _ = record()
	s, _ = finish(x, w, payload)
	s.Send(confirm)
	s.Refused(t, "the confirmation of another handshake")
	// A confirmation that was meant for this handshake after one that was not.
	w, x, _ = record()
	s, own := finish(x, w, payload)
	s.Send(Join(confirm, own))
	s.Refused(t, "two confirmations")
	if n := len(infos()); n > 0 {
		t.Fatalf("%d were announced", n)
	}
	// The handshake that was recorded goes on, and its confirmation, said twice, is no frame.
	r.Send(confirm)
	m, err := Message(r)
	if err != nil {
		t.Fatal(err)
	}
	if verdict, err := r.In.Open(m); err != nil || !bytes.Equal(verdict, Resumed([]byte("answer"))) {
		t.Errorf("the verdict holds %x, %v", verdict, err)
	}
	r.Send(confirm)
	r.CloseWrite()
	r.Rest()
	if all := infos(); len(all) != 1 || string(all[0].Resume) != "what is resumed" {
		t.Errorf("announced was %+v", all)
	}
}

// The right bytes from another are another's; nobody speaks for a key that he does not have, not even by the acceptor's own.
func (c Carrier) otherKeys(t *testing.T) {
	to := c.host(t, features...)
	infos := decide(t, to, refuse)
	victim, thief := FreshKey(), FreshKey()
	r := c.Hello(t, c.Dial(t, to), thief, to.static)
	r.Say(Confirm([]byte("the victim's")))
	r.Refused(t, "another's bytes")
	if all := infos(); len(all) != 1 || all[0].Remote.Designator != sturdyref.Designator([32]byte(thief.PublicKey().Bytes())) {
		t.Errorf("announced was %+v, want the thief", all)
	}
	// The victim's key is shown, and the thief's is used.
	w := c.Dial(t, to)
	x := NewIK(thief, FreshKey(), to.static, Prologue(c.Label, 1, w.Exporter()))
	w.Send(Join([]byte{1}, WithLength(x.Write1As(victim.PublicKey().Bytes(), []byte{1}))))
	RefusedAtOnce(t, w, "a key that is only shown")
	// The thief has the acceptor's key, and computes with it what only the victim could else: this far it works.
	stolen := SecretsOf(t, to.k).Static
	w = c.Dial(t, to)
	x = NewIK(thief, FreshKey(), to.static, Prologue(c.Label, 1, w.Exporter()))
	e := x.e.PublicKey().Bytes()
	x.mixHash(e)
	x.MixKey(DH(x.e, to.static))
	shown := x.Seal(victim.PublicKey().Bytes())
	x.MixKey(DH(stolen, victim.PublicKey().Bytes()))
	w.Send(Join([]byte{1}, WithLength(Join(e, shown, x.Seal([]byte{1})))))
	m2, err := Message(w)
	if err != nil {
		t.Fatalf("%v: the attack does not get as far as it should, the test shows nothing", err)
	}
	if _, err := x.Read2(m2); err == nil {
		t.Error("the second message can be read without the key that was shown")
	}
	out, _ := x.Ciphers()
	w.Send(WithLength(out.Seal(Confirm([]byte("the victim's")))))
	if data, refused := w.Rest(); !refused || c.Token != (len(data) == 34) {
		t.Errorf("one who has stolen the acceptor's key: %x", data)
	}
	// The acceptor's own key, and a second spelling of one: as ever, after the proof.
	r = c.Hello(t, c.Dial(t, to), stolen, to.static)
	r.Say(Confirm(nil))
	r.Refused(t, "the acceptor's own key")
	w = c.Dial(t, to)
	x = NewIK(thief, FreshKey(), to.static, Prologue(c.Label, 1, w.Exporter()))
	alias := thief.PublicKey().Bytes()
	alias[31] |= 0x80
	w.Send(Join([]byte{1}, WithLength(x.Write1As(alias, []byte{1}))))
	if m2, err = Message(w); err != nil {
		t.Fatal(err)
	}
	payload, err := x.Read2(m2)
	if err != nil {
		t.Fatal(err)
	}
	r = &Resumer{Wire: w, X: x}
	if c.Token {
		r.Token = payload[:32]
	}
	r.Out, r.In = x.Ciphers()
	r.Say(Confirm(nil))
	r.Refused(t, "another spelling")
	if all := infos(); len(all) != 1 {
		t.Errorf("announced was %+v", all[1:])
	}
	// An acceptor that has another key is not the peer, and hears nothing.
	own := FreshKey()
	d := to.dial([]byte("secret"))
	d.Peer.Hints = c.Serve(t, func(w Wire) {
		skip(w, 1)
		m1, err := Message(w)
		if err != nil {
			t.Error(err)
			return
		}
		x := NewIK(own, FreshKey(), to.static, Prologue(c.Label, 1, w.Exporter()))
		if static, _, err := x.Read1(m1); err == nil {
			t.Errorf("the first message shows %x to one without the key", static)
		}
		w.Send(WithLength(NewIK(own, FreshKey(), to.static, Prologue(c.Label, 1, w.Exporter())).forge(m1[:32])))
		if data, _ := w.Rest(); len(data) > 0 {
			t.Errorf("an impostor was told %x", data)
		}
	})
	fails(t, c.Open(t, freshIdentity(t), features, nil), d, netlayer.ErrUnreachable)
}

// forge makes a second message that is of the right form and of nobody.
func (x *IK) forge(ephemeral []byte) []byte {
	x.RE = ephemeral
	x.rs = x.S.PublicKey().Bytes()
	return x.Write2(Join(make([]byte, 32), Features()))
}
