package noisequic_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"go.uber.org/goleak"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/noisequic"
	"github.com/hawser-go/hawser/sturdyref"
)

// noLeaks fails the test if goroutines begun in it are still there when everything in it has been closed.
func noLeaks(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(before); err != nil {
			t.Errorf("after everything was closed: %v", err)
		}
	})
}

// keeper is a doorkeeper that counts.
type keeper struct {
	mu       sync.Mutex
	locks    map[[16]byte]netlayer.Lock
	closed   bool // to those who show no secret
	admitted []netlayer.Info
}

func (k *keeper) Lock(id [16]byte) (netlayer.Lock, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	l, ok := k.locks[id]
	return l, ok
}

func (k *keeper) Admit(info netlayer.Info) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed && info.AdmittedBy == ([16]byte{}) {
		return netlayer.ErrRefused
	}
	k.admitted = append(k.admitted, info)
	return nil
}

func (k *keeper) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.admitted)
}

func keysOf(t testing.TB, s sturdyref.SwissNum) sturdyref.Keys {
	t.Helper()
	k, err := s.Keys()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// address returns the first address of a netlayer.
func address(n netlayer.Netlayer) string { return n.Location().Hints["addr"] }

// staysWell checks that a netlayer has admitted nobody so far but admits who is entitled.
func staysWell(t *testing.T, n *noisequic.Netlayer, k *keeper, key netlayer.Key) {
	t.Helper()
	if k != nil && k.count() != 0 {
		t.Errorf("somebody was admitted: %+v", k.admitted)
	}
	out, in := connect(t, open(t, noisequic.Config{}), n, netlayer.Dial{Key: key})
	if err := out.Write([][]byte{[]byte("well")}); err != nil {
		t.Fatal(err)
	}
	if f, err := in.Read(); err != nil || string(f.Bytes) != "well" {
		t.Fatalf("read %q, %v", f.Bytes, err)
	}
}

func dialFails(t *testing.T, from netlayer.Netlayer, d netlayer.Dial, want error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := from.Connect(ctx, d)
	if !errors.Is(err, want) || c != nil {
		t.Fatalf("Connect: %v, want one that matches %v", err, want)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q has several lines", err)
	}
	return err
}

// T3: somebody between the two terminates QUIC on both sides with a certificate of their own, which nobody checks, and passes
// on the bytes of the stream. Without the exporter in the prologue the handshake would succeed and they would read all.
func TestManInTheMiddleOfQUIC(t *testing.T) {
	noLeaks(t)
	k := &keeper{}
	to := open(t, noisequic.Config{Doorkeeper: k})
	onward := newTransport(t)
	var seen bytes.Buffer
	var mu sync.Mutex
	middle := rawAcceptor(t, func(w *wire) {
		other := dialWire(t, onward, address(to))
		var both sync.WaitGroup
		both.Go(func() {
			io.Copy(other.s, io.TeeReader(w.s, &locked{&mu, &seen}))
			other.s.Close()
		})
		both.Go(func() {
			io.Copy(w.s, other.s)
			w.s.Close()
		})
		both.Wait()
	})
	d := netlayer.Dial{Peer: to.Location(), Early: func(netlayer.Info, int) [][]byte {
		t.Error("the dial went on to its last message")
		return [][]byte{[]byte("TOPSECRET")}
	}}
	d.Peer.Hints = map[string]string{"addr": middle}
	dialFails(t, open(t, noisequic.Config{}), d, netlayer.ErrUnreachable)
	mu.Lock()
	if seen.Len() == 0 || bytes.Contains(seen.Bytes(), []byte("TOPSECRET")) {
		t.Errorf("the middle saw %d bytes: it must see the handshake and nothing else", seen.Len())
	}
	mu.Unlock()
	staysWell(t, to, k, nil)
}

type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// An impostor at the right address that has the whole sturdyref, secret and public key included, but not the private key.
func TestImpostorWithTheSturdyref(t *testing.T) {
	noLeaks(t)
	owner := identity(t).Public()
	swiss := keysOf(t, sturdyref.NewSwissNum())
	honest := open(t, noisequic.Config{Doorkeeper: &keeper{locks: map[[16]byte]netlayer.Lock{swiss.ID(): swiss.Lock()}}})
	own := freshKey()
	for name, addr := range map[string]string{
		"another node": address(honest),
		"silent":       rawAcceptor(t, func(w *wire) { w.s.Close() }),
		"garbage":      rawAcceptor(t, func(w *wire) { w.send(withLength(bytes.Repeat([]byte{7}, 49))) }),
		"too long":     rawAcceptor(t, func(w *wire) { w.s.Write(bytes.Repeat([]byte{0xff}, 70000)) }),
		"echo":         rawAcceptor(t, func(w *wire) { io.CopyN(w.s, w.s, 50) }),
		// It answers with its own key, as if it were the owner's.
		"own key": rawAcceptor(t, func(w *wire) {
			var clear [1]byte
			io.ReadFull(w.s, clear[:])
			m1 := w.message()
			x := newNoise(own, freshKey(), owner.Static[:], docPrologue(0, w.exp))
			if _, err := x.Read1(m1); err == nil {
				t.Error("the first message can be read without the private key")
			}
			w.send(withLength(x.Write2(docFeatures())))
			w.rest()
		}),
	} {
		d := netlayer.Dial{Peer: owner.Peer(), Key: swiss.Key(), Early: func(netlayer.Info, int) [][]byte {
			t.Errorf("%s: the dial went on to its last message", name)
			return nil
		}}
		d.Peer.Hints = map[string]string{"addr": addr}
		dialFails(t, open(t, noisequic.Config{}), d, netlayer.ErrUnreachable)
	}
}

// shape is all that a dialler can see of how it is turned away.
type shape struct {
	data string
	err  string
}

// T2, T30: whoever has the public key but not the secret is refused, in the same way whatever is wrong: the bytes, their number,
// the code, the reason.
func TestRefusalsHaveOneShape(t *testing.T) {
	noLeaks(t)
	good, revoked, unknown := keysOf(t, sturdyref.NewSwissNum()), keysOf(t, sturdyref.NewSwissNum()), keysOf(t, sturdyref.NewSwissNum())
	capability, err := sturdyref.NewCapability()
	if err != nil {
		t.Fatal(err)
	}
	host := identity(t)
	lock, err := sturdyref.NewCapabilityLock(host, capability.Public())
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{closed: true, locks: map[[16]byte]netlayer.Lock{
		good.ID(): good.Lock(), revoked.ID(): revoked.Lock(), lock.ID(): lock, {1, 2, 3}: sturdyref.SwissLock{},
	}}
	to := open(t, noisequic.Config{Identity: host, Doorkeeper: k})
	acceptor := host.Public().Static
	k.mu.Lock()
	delete(k.locks, revoked.ID())
	k.mu.Unlock()
	goodPSK, revokedPSK, unknownPSK := good.PSK(), revoked.PSK(), unknown.PSK()
	none := docNoSecret(acceptor[:])
	tr := newTransport(t)
	me := secretsOf(t, identity(t))
	shapes := make(map[shape][]string)
	for name, c := range map[string]struct {
		id  [16]byte
		psk []byte
	}{
		"no secret at a closed door": {[16]byte{}, none},
		"no secret, wrong key":       {[16]byte{}, goodPSK[:]},
		"no secret, empty key":       {[16]byte{}, nil},
		"unknown id":                 {unknown.ID(), unknownPSK[:]},
		"unknown id, empty key":      {unknown.ID(), nil},
		"unknown id, public key":     {unknown.ID(), none},
		"unknown id, zero key":       {unknown.ID(), make([]byte, 32)},
		"revoked id":                 {revoked.ID(), revokedPSK[:]},
		"revoked id, empty key":      {revoked.ID(), nil},
		"wrong key":                  {good.ID(), unknownPSK[:]},
		"empty key":                  {good.ID(), nil},
		"zero key":                   {good.ID(), make([]byte, 32)},
		"public key":                 {good.ID(), none},
		"capability, wrong key":      {lock.ID(), unknownPSK[:]},
		"capability, empty key":      {lock.ID(), nil},
		"lock that does not work":    {[16]byte{1, 2, 3}, nil},
	} {
		d := dialWire(t, tr, address(to)).hello(me.Static, acceptor, docHello(c.id))
		d.last(c.psk, docNamed(me, d.binding, 'd', "must not be executed"))
		data, err := d.rest()
		s := shape{string(data), err.Error()}
		shapes[s] = append(shapes[s], name)
		var app *quic.ApplicationError
		if !errors.As(err, &app) || app.ErrorCode != 1 || app.ErrorMessage != "" || len(data) > 0 {
			t.Errorf("%s: refused with %q, %v, want no data, code 1 and no reason", name, data, err)
		}
	}
	if len(shapes) != 1 {
		t.Errorf("refusals can be told apart: %q", shapes)
	}
	// What the package itself makes of it.
	texts := make(map[string]bool)
	for _, key := range []netlayer.Key{nil, unknown.Key(), revoked.Key()} {
		err := dialFails(t, open(t, noisequic.Config{}), netlayer.Dial{Peer: to.Location(), Key: key}, netlayer.ErrRefused)
		texts[err.Error()] = true
	}
	if len(texts) != 1 {
		t.Errorf("refusals read differently: %v", texts)
	}
	staysWell(t, to, k, good.Key())
	k.mu.Lock()
	k.admitted = nil
	k.mu.Unlock()
	staysWell(t, to, k, capability)
}

// An acceptor that has the private key but not the secret: nothing counts as delivered, and it cannot read what was sent.
func TestAcceptorWithoutTheSecret(t *testing.T) {
	noLeaks(t)
	k := identity(t)
	own := secretsOf(t, k)
	swiss := keysOf(t, sturdyref.NewSwissNum())
	for name, answer := range map[string]func(*wire, *noise){
		"verdict without the secret": func(w *wire, x *noise) {
			w.send(withLength(x.SealVerdict(docNamed(own, make([]byte, 32), 'a'))))
		},
		"garbage": func(w *wire, _ *noise) { w.send(withLength(make([]byte, 64))) },
		"empty":   func(w *wire, _ *noise) { w.send(withLength(nil)) },
		"frames":  func(w *wire, _ *noise) { w.send(docFrames("as if all were well")) },
		"tampered": func(w *wire, x *noise) {
			m := x.SealVerdict(docNamed(own, make([]byte, 32), 'a'))
			m[20] ^= 1
			w.send(withLength(m))
		},
		"too short": func(w *wire, _ *noise) { w.send(withLength(make([]byte, 15))) },
	} {
		after := make(chan []byte, 1)
		addr := rawAcceptor(t, func(w *wire) {
			x, m3 := w.answer(own.Static)
			if x == nil {
				return
			}
			if _, payload, err := x.Read3(nil, m3); err == nil {
				t.Errorf("%s: the last message can be read without the secret: %q", name, payload)
			}
			answer(w, x)
			data, _ := w.rest()
			after <- data
		})
		d := netlayer.Dial{Peer: k.Public().Peer(), Key: swiss.Key(), Early: func(netlayer.Info, int) [][]byte {
			return [][]byte{[]byte("for the right one only")}
		}}
		d.Peer.Hints = map[string]string{"addr": addr}
		dialFails(t, open(t, noisequic.Config{}), d, netlayer.ErrRefused)
		if data := <-after; len(data) > 0 {
			t.Errorf("%s: %d bytes were written before or after the verdict", name, len(data))
		}
	}
}

// Between the last message and the verdict the dialler writes nothing, and Connect does not return.
func TestNothingBeforeTheVerdict(t *testing.T) {
	noLeaks(t)
	k := identity(t)
	own := secretsOf(t, k)
	sent := make(chan struct{})
	addr := rawAcceptor(t, func(w *wire) {
		x, m3 := w.answer(own.Static)
		if x == nil {
			return
		}
		pub := k.Public().Static
		static, payload, err := x.Read3(docNoSecret(pub[:]), m3)
		if err != nil || !bytes.HasSuffix(payload, docFrames("early")) {
			t.Errorf("the last message holds %q, %v", payload, err)
			return
		}
		// Everything the dialler may have written by now is in the stream: nothing.
		w.s.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if n, err := w.s.Read(make([]byte, 1)); n != 0 || !isTimeout(err) {
			t.Errorf("%d bytes, %v before the verdict", n, err)
		}
		w.s.SetReadDeadline(time.Time{})
		close(sent)
		// The binding is that of the hash after the second message, which the noise above has left behind: an acceptor of
		// another mind about it is noticed.
		w.send(withLength(x.SealVerdict(docNamed(own, docBinding(x.H, static, pub[:]), 'a'))))
		w.rest()
	})
	d := netlayer.Dial{Peer: k.Public().Peer(), Early: func(netlayer.Info, int) [][]byte { return [][]byte{[]byte("early")} }}
	d.Peer.Hints = map[string]string{"addr": addr}
	dialFails(t, open(t, noisequic.Config{}), d, netlayer.ErrLost)
	<-sent
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// T6: whatever a party says of itself is about the key it has proven, on this session, in its own role, about its own first
// frame; else the session does not come about.
func TestIdentityIsBound(t *testing.T) {
	noLeaks(t)
	k := &keeper{}
	host := identity(t)
	to := open(t, noisequic.Config{Identity: host, Doorkeeper: k})
	acceptor := host.Public().Static
	me, other := secretsOf(t, identity(t)), secretsOf(t, identity(t))
	tr := newTransport(t)
	try := func(payload func(d *rawDialler) []byte) *rawDialler {
		d := dialWire(t, tr, address(to)).hello(me.Static, acceptor, docHello([16]byte{}))
		d.last(docNoSecret(acceptor[:]), payload(d))
		return d
	}
	// The acceptor knows the other's record already, from a session of the other's own.
	go func() {
		if in, err := to.Accept(t.Context()); err == nil {
			in.Refuse(netlayer.ErrRefused)
		}
	}()
	theirs := dialWire(t, tr, address(to)).hello(other.Static, acceptor, docHello([16]byte{}))
	theirs.last(docNoSecret(acceptor[:]), docNamed(other, theirs.binding, 'd'))
	if data, err := theirs.rest(); len(data) > 0 || !isRefusal(err) || k.count() != 1 {
		t.Fatalf("the other one: %q, %v", data, err)
	}
	var captured []byte
	for name, payload := range map[string]func(d *rawDialler) []byte{
		"another's record": func(d *rawDialler) []byte { return docNamed(other, d.binding, 'd', "hello") },
		"another's record, own signature": func(d *rawDialler) []byte {
			mixed := me
			mixed.Record = other.Record
			return docNamed(mixed, d.binding, 'd', "hello")
		},
		"own record, another's signature": func(d *rawDialler) []byte {
			mixed := me
			mixed.Signing = other.Signing
			return docNamed(mixed, d.binding, 'd', "hello")
		},
		"another session": func(d *rawDialler) []byte { return docNamed(me, make([]byte, 32), 'd', "hello") },
		"another role":    func(d *rawDialler) []byte { return docNamed(me, d.binding, 'a', "hello") },
		"another frame": func(d *rawDialler) []byte {
			b := docNamed(me, d.binding, 'd', "hello")
			b[len(b)-1]++
			return b
		},
		"a frame before it": func(d *rawDialler) []byte {
			b := docNamed(me, d.binding, 'd', "hello")
			return join(b[:len(b)-9], docFrames("other"), b[len(b)-9:])
		},
		"replayed": func(d *rawDialler) []byte {
			if captured == nil {
				first := dialWire(t, tr, address(to)).hello(me.Static, acceptor, docHello([16]byte{}))
				captured = docNamed(me, first.binding, 'd', "hello")
			}
			return captured
		},
		"empty":           func(*rawDialler) []byte { return nil },
		"unknown kind":    func(*rawDialler) []byte { return []byte{3} },
		"a verdict":       func(*rawDialler) []byte { return []byte{2} },
		"record cut":      func(d *rawDialler) []byte { return docNamed(me, d.binding, 'd')[:60] },
		"record too long": func(d *rawDialler) []byte { return append([]byte{0, 0xff, 0xff}, make([]byte, 65000)...) },
		"no record": func(d *rawDialler) []byte {
			nobody := me
			nobody.Record = nil
			return docNamed(nobody, d.binding, 'd')
		},
		"frame cut":       func(*rawDialler) []byte { return docAnonymous("hello")[:8] },
		"length cut":      func(*rawDialler) []byte { return docAnonymous("hello")[:3] },
		"frame too large": func(*rawDialler) []byte { return []byte{1, 0, 0x10, 0, 1} },
		"frame of 4 GiB":  func(*rawDialler) []byte { return []byte{1, 0xff, 0xff, 0xff, 0xff} },

		"credential alone":         func(*rawDialler) []byte { return docCredential([]byte("x")) },
		"credential cut":           func(*rawDialler) []byte { return docCredential([]byte("long"))[:5] },
		"credential without bytes": func(*rawDialler) []byte { return join([]byte{3, 0, 0}, docAnonymous("hello")) },
		"credential of a length":   func(*rawDialler) []byte { return []byte{3, 0} },
		"credential too long": func(*rawDialler) []byte {
			return join(docCredential(make([]byte, netlayer.MaxCredential+1)), docAnonymous("hello"))
		},
		"two credentials": func(*rawDialler) []byte {
			return join(docCredential([]byte("x")), docCredential([]byte("y")), docAnonymous("hello"))
		},
		"credential, then a verdict": func(*rawDialler) []byte { return join(docCredential([]byte("x")), []byte{2}) },
		"credential at the end":      func(*rawDialler) []byte { return join(docAnonymous("hello"), docCredential([]byte("x"))) },
	} {
		data, err := try(payload).rest()
		var app *quic.ApplicationError
		if !errors.As(err, &app) || app.ErrorCode != 1 || len(data) > 0 {
			t.Errorf("%s: %q, %v, want code 1 and no data", name, data, err)
		}
	}
	if k.count() != 1 {
		t.Errorf("%d diallers were admitted: %+v", k.count()-1, k.admitted[1:])
	}
	// The same dialler with nothing wrong is let in, so it is not something else that was refused.
	accepted := make(chan netlayer.Info, 1)
	go func() {
		if in, err := to.Accept(t.Context()); err == nil {
			if _, err := in.Accept(nil); err == nil {
				accepted <- in.Info
			}
		}
		close(accepted)
	}()
	d := try(func(d *rawDialler) []byte { return docNamed(me, d.binding, 'd', "hello") })
	if _, err := d.x.OpenVerdict(d.message()); err != nil {
		t.Errorf("the verdict does not decrypt: %v", err)
	}
	info := <-accepted
	if info.Identity == nil || !bytes.Equal(info.Identity.Encoded(), me.Record) || !bytes.Equal(info.Binding[:], d.binding) || info.Anonymous {
		t.Errorf("the acceptor was told %+v", info)
	}
}

// The verdict of an acceptor is bound in the same way.
func TestVerdictIsBound(t *testing.T) {
	noLeaks(t)
	k := identity(t)
	own, other := secretsOf(t, k), secretsOf(t, identity(t))
	pub := k.Public().Static
	var mu sync.Mutex
	var verdict func(binding []byte) []byte
	addr := rawAcceptor(t, func(w *wire) {
		var clear [1]byte
		io.ReadFull(w.s, clear[:])
		x := newNoise(own.Static, freshKey(), pub[:], docPrologue(clear[0], w.exp))
		if _, err := x.Read1(w.message()); err != nil {
			t.Errorf("message 1: %v", err)
			return
		}
		w.send(withLength(x.Write2(docFeatures("b", "c"))))
		h := x.H
		static, payload, err := x.Read3(docNoSecret(pub[:]), w.message())
		if err != nil {
			t.Errorf("message 3: %q, %v", payload, err)
			return
		}
		mu.Lock()
		v := verdict(docBinding(h, static, pub[:]))
		mu.Unlock()
		w.send(withLength(x.SealVerdict(v)))
		w.rest()
	})
	d := netlayer.Dial{Peer: k.Public().Peer()}
	d.Peer.Hints = map[string]string{"addr": addr}
	from := open(t, noisequic.Config{Features: []string{"c", "a", "b"}})
	for name, v := range map[string]func(binding []byte) []byte{
		"another's identity": func(b []byte) []byte { return docNamed(other, b, 'a') },
		"another session":    func([]byte) []byte { return docNamed(own, make([]byte, 32), 'a') },
		"another role":       func(b []byte) []byte { return docNamed(own, b, 'd') },
		"anonymous":          func([]byte) []byte { return docAnonymous() },
		"empty":              func([]byte) []byte { return nil },
		"cut":                func(b []byte) []byte { return docNamed(own, b, 'a', "x")[:100] },
		"crossed and more":   func([]byte) []byte { return []byte{2, 0} },
		"a credential":       func(b []byte) []byte { return join(docCredential([]byte("x")), docNamed(own, b, 'a')) },
	} {
		mu.Lock()
		verdict = v
		mu.Unlock()
		d.Early = nil
		dialFails(t, from, d, netlayer.ErrUnreachable)
		d.Early = func(netlayer.Info, int) [][]byte { return [][]byte{nil} }
		if err := dialFails(t, from, d, netlayer.ErrLost); errors.Is(err, netlayer.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mu.Lock()
	verdict = func(b []byte) []byte { return docNamed(own, b, 'a', "hi", "there") }
	mu.Unlock()
	c, err := from.Connect(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if i := c.Info(); !bytes.Equal(i.Identity.Encoded(), own.Record) || !slices.Equal(i.Features, []string{"b", "c"}) {
		t.Errorf("the dialler was told %+v", i)
	}
	for _, want := range []string{"hi", "there"} {
		if f, err := c.Read(); err != nil || string(f.Bytes) != want {
			t.Errorf("read %q, %v, want %q", f.Bytes, err, want)
		}
	}
	c.Close("")
}

// T5: nothing but the handshake exists before it is over: no second stream, no stream of one direction, no datagram, no frame.
func TestNothingBeforeNoise(t *testing.T) {
	noLeaks(t)
	k := &keeper{}
	host := identity(t)
	to := open(t, noisequic.Config{Identity: host, Doorkeeper: k})
	tr := newTransport(t)
	w := dialWire(t, tr, address(to))
	if _, err := w.quic.OpenStream(); err == nil {
		t.Error("a second stream can be opened")
	}
	if _, err := w.quic.OpenUniStream(); err == nil {
		t.Error("a stream of one direction can be opened")
	}
	if err := w.quic.SendDatagram([]byte("x")); err == nil {
		t.Error("a datagram can be sent")
	}
	acceptor := host.Public().Static
	kind := func(w *wire, clear byte, payload []byte) []byte {
		return join([]byte{clear}, withLength(newNoise(freshKey(), freshKey(), acceptor[:], docPrologue(clear, w.exp)).Write1(payload)))
	}
	hello := func(w *wire, payload []byte) []byte { return kind(w, 0, payload)[1:] }
	for name, send := range map[string]func(*wire) []byte{
		"frames":          func(*wire) []byte { return docFrames("execute", "this") },
		"another kind":    func(w *wire) []byte { return kind(w, 1, docHello([16]byte{})) },
		"kind 255":        func(w *wire) []byte { return kind(w, 255, docHello([16]byte{})) },
		"kind changed":    func(w *wire) []byte { return join([]byte{0}, kind(w, 1, docHello([16]byte{}))[1:]) },
		"other prologue":  func(w *wire) []byte { w.exp[0]++; return join([]byte{0}, hello(w, docHello([16]byte{}))) },
		"empty message":   func(*wire) []byte { return []byte{0, 0, 0} },
		"short message":   func(*wire) []byte { return append([]byte{0, 0, 47}, make([]byte, 47)...) },
		"garbage":         func(*wire) []byte { return append([]byte{0, 0, 80}, bytes.Repeat([]byte{9}, 80)...) },
		"low order":       func(*wire) []byte { return append([]byte{0, 0, 80}, make([]byte, 80)...) },
		"announced 65535": func(*wire) []byte { return []byte{0, 0xff, 0xff} },
		"oversized":       func(*wire) []byte { return append([]byte{0, 0xff, 0xff}, make([]byte, 65535)...) },
		"a megabyte":      func(*wire) []byte { return append([]byte{0, 0, 80}, make([]byte, 1<<17)...) },
		"version 2":       func(w *wire) []byte { b := docHello([16]byte{}); b[0] = 2; return join([]byte{0}, hello(w, b)) },
		"no payload":      func(w *wire) []byte { return join([]byte{0}, hello(w, nil)) },
		"no features":     func(w *wire) []byte { return join([]byte{0}, hello(w, docHello([16]byte{})[:17])) },
		"a byte more":     func(w *wire) []byte { return join([]byte{0}, hello(w, append(docHello([16]byte{}), 0))) },
		"features twice":  func(w *wire) []byte { return join([]byte{0}, hello(w, docHello([16]byte{}, "a", "a"))) },
		"unsorted":        func(w *wire) []byte { return join([]byte{0}, hello(w, docHello([16]byte{}, "b", "a"))) },
		"empty feature":   func(w *wire) []byte { return join([]byte{0}, hello(w, docHello([16]byte{}, ""))) },
		"long feature":    func(w *wire) []byte { return join([]byte{0}, hello(w, docHello([16]byte{}, strings.Repeat("a", 65)))) },
		"odd feature":     func(w *wire) []byte { return join([]byte{0}, hello(w, docHello([16]byte{}, "A b"))) },
		"cut feature":     func(w *wire) []byte { return join([]byte{0}, hello(w, join(make([]byte, 17), []byte{1, 9, 'a'}))) },
	} {
		w := dialWire(t, tr, address(to))
		begin := time.Now()
		w.s.Write(send(w)) // it may fail: the acceptor does not wait for the end of nonsense
		data, err := w.rest()
		if took := time.Since(begin); took > 4*time.Second {
			t.Errorf("%s: was only noticed after %v, when time was up", name, took)
		}
		var app *quic.ApplicationError
		if !errors.As(err, &app) || app.ErrorCode != 1 || app.ErrorMessage != "" || len(data) > 0 {
			t.Errorf("%s: %q, %v, want code 1 and no data", name, data, err)
		}
	}
	// The stream ends within a message.
	for _, cut := range [][]byte{nil, {0}, {0, 0}, {0, 0, 80}, append([]byte{0, 0, 80}, make([]byte, 79)...)} {
		w := dialWire(t, tr, address(to))
		w.s.Write(cut)
		w.s.Close()
		if data, err := w.rest(); len(data) > 0 || !isRefusal(err) {
			t.Errorf("cut after %d bytes: %q, %v", len(cut), data, err)
		}
	}
	// The last message: nonsense, too much, the same again.
	for name, last := range map[string]func(d *rawDialler) []byte{
		"frames":     func(*rawDialler) []byte { return docFrames("execute", "this") },
		"garbage":    func(*rawDialler) []byte { return withLength(make([]byte, 200)) },
		"empty":      func(*rawDialler) []byte { return withLength(nil) },
		"short":      func(*rawDialler) []byte { return withLength(make([]byte, 63)) },
		"largest":    func(*rawDialler) []byte { return withLength(make([]byte, 65535)) },
		"no payload": func(d *rawDialler) []byte { return withLength(d.x.Seal(d.x.S.PublicKey().Bytes())) },
		"own key":    func(d *rawDialler) []byte { return withLength(d.x.Write3(docNoSecret(acceptor[:]), docAnonymous())) },
		// The same key with the unused bit set: it works in X25519 and would be a second name for one party.
		"other spelling": func(d *rawDialler) []byte {
			alias := d.x.S.PublicKey().Bytes()
			alias[31] |= 0x80
			m := d.x.Seal(alias)
			d.x.MixKey(dh(d.x.S, d.x.RE))
			d.x.MixKeyAndHash(docNoSecret(acceptor[:]))
			return withLength(append(m, d.x.Seal(docAnonymous())...))
		},
	} {
		static := freshKey()
		if name == "own key" {
			static = secretsOf(t, host).Static // the acceptor's, stolen or reflected
		}
		d := dialWire(t, tr, address(to)).hello(static, acceptor, docHello([16]byte{}))
		d.s.Write(last(d))
		if data, err := d.rest(); len(data) > 0 || !isRefusal(err) {
			t.Errorf("last message %s: %q, %v", name, data, err)
		}
	}
	staysWell(t, to, k, nil)
}

func isRefusal(err error) bool {
	var app *quic.ApplicationError
	return errors.As(err, &app) && app.Remote && app.ErrorCode == 1 && app.ErrorMessage == ""
}

// T5: a captured handshake is worth nothing on another connection: its prologue is another.
func TestReplay(t *testing.T) {
	noLeaks(t)
	host := identity(t)
	k := &keeper{}
	to := open(t, noisequic.Config{Identity: host, Doorkeeper: k})
	acceptor := host.Public().Static
	tr := newTransport(t)
	me := secretsOf(t, identity(t))
	w := dialWire(t, tr, address(to))
	x := newNoise(me.Static, freshKey(), acceptor[:], docPrologue(0, w.exp))
	m1 := join([]byte{0}, withLength(x.Write1(docHello([16]byte{}))))
	w.send(m1)
	if _, err := x.Read2(w.message()); err != nil {
		t.Fatal(err)
	}
	again := dialWire(t, tr, address(to))
	again.send(m1)
	if data, err := again.rest(); len(data) > 0 || !isRefusal(err) {
		t.Errorf("a first message was accepted twice: %q, %v", data, err)
	}
}

// T1: nothing of two dials for one sturdyref is alike, so nobody in the middle links them or learns what is wanted.
func TestDialsAreUnlinkable(t *testing.T) {
	noLeaks(t)
	swiss := keysOf(t, sturdyref.NewSwissNum())
	owner := identity(t).Public()
	captured := make(chan []byte, 2)
	addr := rawAcceptor(t, func(w *wire) {
		var clear [1]byte
		io.ReadFull(w.s, clear[:])
		captured <- w.message()
	})
	d := netlayer.Dial{Peer: owner.Peer(), Key: swiss.Key()}
	d.Peer.Hints = map[string]string{"addr": addr}
	from := open(t, noisequic.Config{})
	dialFails(t, from, d, netlayer.ErrUnreachable)
	dialFails(t, from, d, netlayer.ErrUnreachable)
	a, b := <-captured, <-captured
	id := swiss.ID()
	for i := 0; i+4 <= len(a); i++ {
		if bytes.Contains(b, a[i:i+4]) {
			t.Errorf("two first messages share %x", a[i:i+4])
		}
	}
	if bytes.Contains(a, id[:4]) {
		t.Error("the first message shows the name of the secret")
	}
	// A dial that shows no secret has a first message of the same length.
	d.Key = nil
	dialFails(t, from, d, netlayer.ErrUnreachable)
	if c := <-captured; len(c) != len(a) {
		t.Errorf("the first message has %d bytes with a secret and %d without", len(a), len(c))
	}
}

// T29: no secret shows up in the log of either side, whatever happens.
func TestLogsHoldNoSecrets(t *testing.T) {
	noLeaks(t)
	var logged bytes.Buffer
	var mu sync.Mutex
	log := testLogger(&locked{&mu, &logged})
	swiss := sturdyref.NewSwissNum()
	keys := keysOf(t, swiss)
	k := &keeper{locks: map[[16]byte]netlayer.Lock{keys.ID(): keys.Lock()}}
	to := open(t, noisequic.Config{Doorkeeper: k, Logger: log})
	from := open(t, noisequic.Config{Logger: log})
	out, in := connect(t, from, to, netlayer.Dial{Key: keys.Key()})
	out.Close("goodbye\nforged: line \x1b[31m")
	in.Read()
	in.Close("")
	dialFails(t, from, netlayer.Dial{Peer: to.Location(), Key: keysOf(t, sturdyref.NewSwissNum()).Key()}, netlayer.ErrRefused)
	from.Close()
	to.Close()
	mu.Lock()
	defer mu.Unlock()
	text := logged.String()
	if !strings.Contains(text, "goodbye") || !strings.Contains(text, "turned away") {
		t.Errorf("the log does not say what happened: %s", text)
	}
	if strings.Contains(text, "\nforged") || strings.Contains(text, "\x1b") {
		t.Errorf("a peer wrote a line into the log: %q", text)
	}
	id, psk := keys.ID(), keys.PSK()
	for name, secret := range map[string][]byte{"swiss number": swiss.Reveal(), "id": id[:], "psk": psk[:]} {
		for _, form := range []string{fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), string(secret), fmt.Sprint(secret)} {
			if strings.Contains(text, form) {
				t.Errorf("the log holds the %s", name)
			}
		}
	}
}

// T32, T4: the certificate says nothing, its key is that of neither static nor signing, tickets are not given, and nobody is asked for a certificate.
func TestTLSSaysNothing(t *testing.T) {
	noLeaks(t)
	id := identity(t)
	to := open(t, noisequic.Config{Identity: id})
	tr := newTransport(t)
	w := dialWire(t, tr, address(to))
	s := w.quic.ConnectionState().TLS
	if s.Version != tls.VersionTLS13 || s.DidResume || len(s.PeerCertificates) != 1 {
		t.Errorf("TLS state %+v", s)
	}
	cert := s.PeerCertificates[0]
	if cert.Subject.String() != "" || len(cert.DNSNames)+len(cert.IPAddresses)+len(cert.URIs) > 0 {
		t.Errorf("the certificate says %v %v %v", cert.Subject, cert.DNSNames, cert.IPAddresses)
	}
	for what, key := range map[string][32]byte{"static": id.Public().Static, "signing": id.Public().Signing} {
		if bytes.Contains(cert.Raw, key[:8]) {
			t.Errorf("the certificate holds the %s key", what)
		}
	}
	_, client := rawTLS(t)
	client.NextProtos, client.ClientSessionCache = []string{"hawser/1"}, noTickets{t}
	q, err := tr.Dial(t.Context(), w.quic.RemoteAddr(), client, nil)
	if err != nil {
		t.Fatal(err)
	}
	// A ticket would come before the answer to this.
	x, err := q.OpenStreamSync(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x.Write([]byte{9})
	io.ReadAll(x)
	if s.CurveID != tls.X25519MLKEM768 {
		t.Errorf("the key exchange is %v, expected the hybrid one", s.CurveID)
	}
}

type noTickets struct{ t *testing.T }

func (noTickets) Get(string) (*tls.ClientSessionState, bool) { return nil, false }

func (n noTickets) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		n.t.Error("a ticket was given")
	}
}
