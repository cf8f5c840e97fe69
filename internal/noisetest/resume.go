package noisetest

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// A Wire is one end of a connection of a carrier, without anything of this module.
type Wire interface {
	io.Reader
	// Send writes, and does not mind if the other side is gone.
	Send(b []byte)
	// Exporter is what belongs into the prologue; nil over TCP.
	Exporter() []byte
	// CloseWrite says that nothing more is written.
	CloseWrite()
	// Rest reads until the connection ends and returns what came, and whether it has ended as that of one who is refused.
	Rest() (data []byte, refused bool)
}

// A Carrier is what Resume tests. Both pages have the same handshake, and it is attacked in the same way.
type Carrier struct {
	Label string
	Token bool // refusals show a token
	// Open opens a netlayer that is closed at the end of the test; an anonymous one if there is no identity.
	Open func(t testing.TB, id sturdyref.Identity, features []string, door netlayer.Doorkeeper) netlayer.Netlayer
	// Dial connects to a netlayer.
	Dial func(t testing.TB, to netlayer.Netlayer) Wire
	// Serve listens and hands each connection to serve, in a goroutine that the test joins, and returns the hints of where
	// that is.
	Serve func(t testing.TB, serve func(Wire)) (hints map[string]string)
}

// Resume is the test of everything that resumes, and of whoever is not let in so.
func (c Carrier) Resume(t *testing.T) {
	for name, f := range map[string]func(*testing.T){
		"SecondDialler": c.secondDialler, "SecondAcceptor": c.secondAcceptor, "Both": c.bothReal, "Anonymous": c.anonymous,
		"Mistakes": c.mistakes, "Refusals": c.refusals, "Crossed": c.crossed, "Unannounced": c.unannounced, "Early": c.early,
		"Lost": c.lost, "Malformed": c.malformed, "ChangedOnTheWayIn": c.changedIn, "ChangedOnTheWayOut": c.changedOut,
		"Replayed": c.replayed, "OtherKeys": c.otherKeys, "Cost": c.cost, "CloseInTheMidst": c.closeInTheMidst,
		"Unlinkable": c.unlinkable, "OutOfReach": c.outOfReach,
	} {
		t.Run(name, f)
	}
}

// features are what netlayers announce that resume.
var features = []string{"a", netlayer.FeatureResume}

// host is a netlayer of which the test has the keys.
type host struct {
	netlayer.Netlayer
	k      sturdyref.KeyPair
	static []byte // public
	door   *shut
}

func (c Carrier) host(t testing.TB, features ...string) *host {
	k := freshIdentity(t)
	door := &shut{t: t}
	pub := k.Public().Static
	return &host{c.Open(t, k, features, door), k, pub[:], door}
}

// shut is a door that is closed to everybody who knocks, and those who resume do not.
type shut struct{ t testing.TB }

func (s *shut) Lock([16]byte) (netlayer.Lock, bool) {
	s.t.Error("the doorkeeper was asked for a lock")
	return nil, false
}

func (s *shut) Admit(info netlayer.Info) error {
	s.t.Errorf("the doorkeeper was asked about %+v", info)
	return netlayer.ErrRefused
}

// decide has f decide about everybody who comes, until the netlayer is closed. The infos are all of theirs so far.
func decide(t testing.TB, n netlayer.Netlayer, f func(*netlayer.Incoming)) (infos func() []netlayer.Info) {
	t.Helper()
	var mu sync.Mutex
	var all []netlayer.Info
	ctx, cancel := context.WithCancel(context.Background())
	var deciding sync.WaitGroup
	deciding.Go(func() {
		for {
			in, err := n.Accept(ctx)
			if err != nil {
				return
			}
			mu.Lock()
			all = append(all, in.Info)
			mu.Unlock()
			f(in)
		}
	})
	t.Cleanup(func() {
		cancel()
		deciding.Wait()
	})
	return func() []netlayer.Info {
		mu.Lock()
		defer mu.Unlock()
		return append([]netlayer.Info(nil), all...)
	}
}

func refuse(in *netlayer.Incoming) { in.Refuse(netlayer.ErrRefused) }

// A Resumer is the dialler's end, of the second implementation, past the second message.
type Resumer struct {
	Wire
	X       *IK
	Token   []byte
	Out, In *Cipher
}

// Hello begins the handshake with the acceptor that has the given static key, and says no more.
func (c Carrier) Hello(t testing.TB, w Wire, static *ecdh.PrivateKey, acceptor []byte) *Resumer {
	t.Helper()
	r := &Resumer{Wire: w, X: NewIK(static, FreshKey(), acceptor, Prologue(c.Label, 1, w.Exporter()))}
	m1 := r.X.Write1([]byte{1})
	if len(m1) != 97 {
		t.Fatalf("message 1 has %d bytes", len(m1))
	}
	w.Send(Join([]byte{1}, WithLength(m1)))
	m2, err := Message(w)
	if err != nil {
		t.Fatalf("no second message: %v", err)
	}
	payload, err := r.X.Read2(m2)
	if c.Token && len(payload) > 32 {
		r.Token, payload = payload[:32], payload[32:]
	}
	if err != nil || !bytes.Equal(payload, Features(features...)) {
		t.Fatalf("message 2 holds %x, %v", payload, err)
	}
	r.Out, r.In = r.X.Ciphers()
	return r
}

// Say sends the confirmation with a payload.
func (r *Resumer) Say(payload []byte) { r.Send(WithLength(r.Out.Seal(payload))) }

// Refused checks that the connection ends as it does when somebody is refused after the second message.
func (r *Resumer) Refused(t testing.TB, name string) {
	t.Helper()
	var want []byte
	if r.Token != nil {
		want = WithLength(r.Token)
	}
	if data, refused := r.Rest(); !refused || !bytes.Equal(data, want) {
		t.Errorf("%s: answered with %x, refused: %t, want %x and a refusal", name, data, refused, want)
	}
}

// RefusedAtOnce checks that the connection ends as it does when somebody is refused before the second message.
func RefusedAtOnce(t testing.TB, w Wire, name string) {
	t.Helper()
	if data, refused := w.Rest(); !refused || len(data) > 0 {
		t.Errorf("%s: answered with %x, refused: %t, want nothing and a refusal", name, data, refused)
	}
}

// Message reads a message, or a record.
func Message(r io.Reader) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(head[:]))
	_, err := io.ReadFull(r, b)
	return b, err
}

// sends makes frames go out, in one record where there are records; takes reads as many bytes as frames have.
func (c Carrier) sends(w Wire, out *Cipher, frames ...string) {
	b := Frames(frames...)
	if c.Token {
		b = WithLength(out.Seal(b))
	}
	w.Send(b)
}

func (c Carrier) takes(r io.Reader, in *Cipher, frames ...string) error {
	want := Frames(frames...)
	got := make([]byte, len(want))
	var err error
	if c.Token {
		if got, err = Message(r); err == nil {
			got, err = in.Open(got)
		}
	} else {
		_, err = io.ReadFull(r, got)
	}
	if err == nil && !bytes.Equal(got, want) {
		err = errors.New("other frames came")
	}
	return err
}

// answering accepts with an answer and echoes the first frame.
func answering(t testing.TB, answer []byte) func(*netlayer.Incoming) {
	return func(in *netlayer.Incoming) {
		conn, err := in.Accept([][]byte{answer})
		if err != nil {
			t.Errorf("Incoming.Accept: %v", err)
			return
		}
		f, err := conn.Read()
		if err != nil {
			t.Errorf("Read: %v", err)
			return
		}
		if err := conn.Write([][]byte{append([]byte("to "), f.Bytes...)}); err != nil {
			t.Errorf("Write: %v", err)
		}
	}
}

// Acceptor is the acceptor's end, of the second implementation, that answers the first message.
func (c Carrier) Acceptor(t testing.TB, w Wire, static *ecdh.PrivateKey, token []byte, change func(m2 []byte) []byte) (r *Resumer, dialler []byte) {
	var clear [1]byte
	if _, err := io.ReadFull(w, clear[:]); err != nil || clear[0] != 1 {
		t.Errorf("the first byte is %d, %v", clear[0], err)
	}
	r = &Resumer{Wire: w, X: NewIK(static, FreshKey(), static.PublicKey().Bytes(), Prologue(c.Label, clear[0], w.Exporter()))}
	m1, err := Message(w)
	if err != nil || len(m1) != 97 {
		t.Errorf("message 1 is %x, %v", m1, err)
		return nil, nil
	}
	dialler, payload, err := r.X.Read1(m1)
	if err != nil || !bytes.Equal(payload, []byte{1}) {
		t.Errorf("message 1 holds %x, %v", payload, err)
		return nil, nil
	}
	if !c.Token {
		token = nil
	}
	w.Send(change(WithLength(r.X.Write2(Join(token, Features("resume", "z"))))))
	r.Token = token
	r.In, r.Out = r.X.Ciphers()
	return r, dialler
}

func unchanged(b []byte) []byte { return b }

func freshIdentity(t testing.TB) sturdyref.KeyPair {
	t.Helper()
	k, err := sturdyref.GenerateIdentity(notBefore)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (h *host) dial(said []byte) netlayer.Dial {
	return netlayer.Dial{Peer: h.Location(), Resume: said}
}

// fails dials in vain and returns the text of the error.
func fails(t testing.TB, from netlayer.Netlayer, d netlayer.Dial, want ...error) string {
	t.Helper()
	conn, err := from.Connect(t.Context(), d)
	matches := false
	for _, w := range want {
		matches = matches || errors.Is(err, w)
	}
	if conn != nil || !matches || errors.Is(err, netlayer.ErrLost) {
		t.Fatalf("Connect: %v, %v, want an error that matches one of %v", conn, err, want)
	}
	return err.Error()
}

// skip reads n bytes, and skipMessage a message, if they come.
func skip(r io.Reader, n int) { _, _ = io.CopyN(io.Discard, r, int64(n)) }

func skipMessage(r io.Reader) { _, _ = Message(r) }
