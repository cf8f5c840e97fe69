package noisetest

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Whoever is refused sees the same, whatever the reason: no answer at all, or the token of its own handshake.
func (c Carrier) refusals(t *testing.T) {
	to := c.host(t, features...)
	decisions := make(chan func(*netlayer.Incoming), 1)
	decide(t, to, func(in *netlayer.Incoming) { (<-decisions)(in) })
	from := c.Open(t, freshIdentity(t), features, nil)
	tooMuch := func(first ...[]byte) func(*netlayer.Incoming) {
		return func(in *netlayer.Incoming) {
			if conn, err := in.Accept(first); conn != nil || err == nil {
				t.Errorf("Incoming.Accept of %d frames: %v, %v", len(first), conn, err)
			}
		}
	}
	texts := make(map[string]bool)
	for name, decision := range map[string]func(*netlayer.Incoming){
		"refused":             refuse,
		"for no reason":       func(in *netlayer.Incoming) { in.Refuse(nil) },
		"an answer too long":  tooMuch(make([]byte, netlayer.MaxResume+1)),
		"two frames":          tooMuch(nil, nil),
		"no answer":           tooMuch(),
		"refused, then taken": func(in *netlayer.Incoming) { refuse(in); tooMuch(nil)(in) },
	} {
		decisions <- decision
		r := c.Hello(t, c.Dial(t, to), FreshKey(), to.static)
		r.Say(Confirm([]byte("something"), "resume"))
		r.Refused(t, name)
		decisions <- decision
		texts[fails(t, from, to.dial([]byte("something")), netlayer.ErrRefused)] = true
	}
	if len(texts) != 1 {
		t.Errorf("refusals read differently: %v", texts)
	}
}

func (c Carrier) crossed(t *testing.T) {
	to := c.host(t, features...)
	decide(t, to, func(in *netlayer.Incoming) { in.Refuse(netlayer.ErrCrossed) })
	fails(t, c.Open(t, freshIdentity(t), features, nil), to.dial([]byte("x")), netlayer.ErrCrossed)
	r := c.Hello(t, c.Dial(t, to), FreshKey(), to.static)
	r.Say(Confirm([]byte("x")))
	m, err := Message(r)
	if err != nil {
		t.Fatal(err)
	}
	if verdict, err := r.In.Open(m); err != nil || !bytes.Equal(verdict, []byte{2}) {
		t.Errorf("the verdict holds %x, %v", verdict, err)
	}
	if n, err := r.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Errorf("%d bytes, %v after the verdict, want the end", n, err)
	}
}

// Who was not told to resume knows no such handshake: the first byte is all that is looked at.
func (c Carrier) unannounced(t *testing.T) {
	counting := &counted{KeyPair: freshIdentity(t)}
	door := &shut{t}
	to := c.Open(t, counting, []string{"a", "resume-not", "resumed"}, door)
	counting.n.Store(0)
	infos := decide(t, to, refuse)
	pub := counting.Public().Static
	for _, kind := range []byte{1, 77} {
		w := c.Dial(t, to)
		x := NewIK(FreshKey(), FreshKey(), pub[:], Prologue(c.Label, kind, w.Exporter()))
		w.Send(Join([]byte{kind}, WithLength(x.Write1([]byte{1}))))
		RefusedAtOnce(t, w, "one who resumes")
	}
	d := netlayer.Dial{Peer: to.Location(), Resume: []byte("x")}
	fails(t, c.Open(t, freshIdentity(t), features, nil), d, netlayer.ErrUnreachable)
	if n := counting.n.Load(); n > 0 || len(infos()) > 0 {
		t.Errorf("%d computations for one who resumes, %d announced", n, len(infos()))
	}
}

// counted counts what is computed with the static key.
type counted struct {
	sturdyref.KeyPair
	n      atomic.Int32
	broken atomic.Bool
}

func (c *counted) ECDH(peer [32]byte) ([32]byte, error) {
	if c.n.Add(1); c.broken.Load() {
		return [32]byte{}, errors.New("the key is out of reach")
	}
	return c.KeyPair.ECDH(peer)
}

// Before the confirmation nothing is computed but what the first two messages take, which is two Diffie-Hellmans with the
// static key, and nobody is asked anything; after it neither.
func (c Carrier) cost(t *testing.T) {
	counting := &counted{KeyPair: freshIdentity(t)}
	to := c.Open(t, counting, features, &shut{t})
	counting.n.Store(0)
	infos := decide(t, to, refuse)
	pub := counting.Public().Static
	r := c.Hello(t, c.Dial(t, to), FreshKey(), pub[:])
	if n := counting.n.Load(); n != 2 || len(infos()) > 0 {
		t.Errorf("%d computations with the static key before the confirmation, %d announced, want 2 and none", n, len(infos()))
	}
	r.Say(Confirm(nil))
	r.Refused(t, "an honest one")
	if n := counting.n.Load(); n != 2 || len(infos()) != 1 {
		t.Errorf("%d computations with the static key in all, %d announced, want 2 and 1", n, len(infos()))
	}
	w := c.Dial(t, to)
	w.Send(Join([]byte{1}, WithLength(bytes.Repeat([]byte{7}, 97))))
	RefusedAtOnce(t, w, "nonsense")
	if n := counting.n.Load(); n != 3 {
		t.Errorf("%d computations with the static key for nonsense, want 1", n-2)
	}
}

// A static key that is elsewhere, and out of reach, ends the handshake as any mistake does, at either end.
func (c Carrier) outOfReach(t *testing.T) {
	id := &counted{KeyPair: freshIdentity(t)}
	n := c.Open(t, id, features, &shut{t})
	id.broken.Store(true)
	pub := id.Public().Static
	w := c.Dial(t, n)
	w.Send(Join([]byte{1}, WithLength(NewIK(FreshKey(), FreshKey(), pub[:], Prologue(c.Label, 1, w.Exporter())).Write1([]byte{1}))))
	RefusedAtOnce(t, w, "by one without its key")
	to := c.host(t, features...)
	infos := decide(t, to, refuse)
	fails(t, n, to.dial([]byte("x")), netlayer.ErrUnreachable)
	if len(infos()) > 0 {
		t.Error("one without its key was announced")
	}
}

// Messages that decrypt and are not as they should be, and messages of the other handshake.
func (c Carrier) malformed(t *testing.T) {
	to := c.host(t, features...)
	infos := decide(t, to, refuse)
	for name, payload := range map[string][]byte{
		"none": nil, "version 0": {0}, "version 2": {2}, "a byte more": {1, 0}, "that of the other": Hello([16]byte{}, "resume"),
	} {
		w := c.Dial(t, to)
		w.Send(Join([]byte{1}, WithLength(NewIK(FreshKey(), FreshKey(), to.static, Prologue(c.Label, 1, w.Exporter())).Write1(payload))))
		RefusedAtOnce(t, w, "payload 1: "+name)
	}
	for name, first := range map[string]func(Wire) []byte{
		"XK as if it were IK": func(w Wire) []byte {
			return Join([]byte{1}, WithLength(New(FreshKey(), FreshKey(), to.static, Prologue(c.Label, 1, w.Exporter())).Write1(Hello([16]byte{}))))
		},
		"IK as if it were XK": func(w Wire) []byte {
			return Join([]byte{0}, WithLength(NewIK(FreshKey(), FreshKey(), to.static, Prologue(c.Label, 0, w.Exporter())).Write1([]byte{1})))
		},
		"the other kind in the prologue": func(w Wire) []byte {
			return Join([]byte{1}, WithLength(NewIK(FreshKey(), FreshKey(), to.static, Prologue(c.Label, 0, w.Exporter())).Write1([]byte{1})))
		},
		"the other label": func(w Wire) []byte {
			return Join([]byte{1}, WithLength(NewIK(FreshKey(), FreshKey(), to.static, Prologue(map[string]string{QUIC: TCP, TCP: QUIC}[c.Label], 1, w.Exporter())).Write1([]byte{1})))
		},
		"announced 98":    func(Wire) []byte { return []byte{1, 0, 98} },
		"announced 65535": func(Wire) []byte { return []byte{1, 255, 255} },
		"empty":           func(Wire) []byte { return []byte{1, 0, 0} },
		"low order":       func(Wire) []byte { return Join([]byte{1}, WithLength(make([]byte, 97))) },
	} {
		w := c.Dial(t, to)
		begin := time.Now()
		w.Send(first(w))
		RefusedAtOnce(t, w, name)
		if took := time.Since(begin); took > 4*time.Second {
			t.Errorf("%s: was only noticed after %v, when time was up", name, took)
		}
	}
	long := Join([]byte{1, 1}, make([]byte, 257))
	for name, payload := range map[string][]byte{
		"none": nil, "no features": Said(nil), "half": Confirm(nil)[:100], "257 bytes": Join(long, Features()), "a length of 257": Join([]byte{1, 1}, make([]byte, 256), Features()),
		"65535 bytes": Join([]byte{255, 255}, make([]byte, 256), Features()), "padding that says something": Join([]byte{0, 1}, bytes.Repeat([]byte{1}, 2), make([]byte, 254), Features()),
		"the last byte of padding": Join(make([]byte, 257), []byte{1}, Features()), "a byte more": Join(Confirm(nil), []byte{0}),
		"features out of order": Confirm(nil, "b", "a"), "not padded": Join([]byte{0, 1, 7}, Features()), "a last message": Anonymous("frame"), "a verdict": Resumed(nil),
		"the longest that fits": Join(Confirm(nil), make([]byte, 258+1+32*65-259)), "too long": make([]byte, 258+1+32*65+1), "as long as there can be": make([]byte, 65519),
	} {
		if IsConfirm(payload) {
			t.Fatalf("%s: %x is well formed", name, payload)
		}
		r := c.Hello(t, c.Dial(t, to), FreshKey(), to.static)
		r.Say(payload)
		r.Refused(t, "confirmation: "+name)
	}
	if all := infos(); len(all) > 0 {
		t.Errorf("announced was %+v", all)
	}
}

// Netlayers close while handshakes stand at every step, on either side.
func (c Carrier) closeInTheMidst(t *testing.T) {
	to := c.host(t, features...)
	arrived := make(chan struct{}, 1)
	decide(t, to, func(*netlayer.Incoming) { arrived <- struct{}{} }) // and nobody decides
	c.Dial(t, to)
	silent := c.Dial(t, to)
	silent.Send([]byte{1})
	half := c.Dial(t, to)
	half.Send([]byte{1, 0, 97, 5})
	c.Hello(t, c.Dial(t, to), FreshKey(), to.static)
	waiting := c.Hello(t, c.Dial(t, to), FreshKey(), to.static)
	waiting.Say(Confirm([]byte("x")))
	<-arrived
	begin := time.Now()
	if err := to.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("the acceptor's Close took %v", took)
	}
	// The dialler: at the first message, and at the confirmation.
	k := freshIdentity(t)
	own := SecretsOf(t, k)
	for step := range 2 {
		from := c.Open(t, freshIdentity(t), features, nil)
		there := make(chan struct{})
		d := netlayer.Dial{Peer: k.Public().Peer(), Resume: []byte("x")}
		d.Peer.Hints = c.Serve(t, func(w Wire) {
			if step == 0 {
				skip(w, 1)
				skipMessage(w)
			} else if r, _ := c.Acceptor(t, w, own.Static, make([]byte, 32), unchanged); r != nil {
				skipMessage(w)
			}
			close(there)
			w.Rest()
		})
		failed := make(chan error, 1)
		go func() {
			conn, err := from.Connect(t.Context(), d)
			if conn != nil {
				t.Error("a connection came of it")
			}
			failed <- err
		}()
		<-there
		begin := time.Now()
		if err := from.Close(); err != nil {
			t.Error(err)
		}
		if err := <-failed; err == nil || errors.Is(err, netlayer.ErrLost) || errors.Is(err, netlayer.ErrRefused) {
			t.Errorf("step %d: Connect says %v", step, err)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("step %d: the dialler's Close took %v", step, took)
		}
	}
}
