package hawser_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// honest fails the test unless the pair still works.
func honest(t *testing.T, guest *hawser.Node, invite sturdyref.Ref) {
	t.Helper()
	if err := greet(guest.Enliven(invite)); err != nil {
		t.Errorf("the honest pair afterwards: %v", err)
	}
}

// at returns the sturdyref with another address in it.
func at(s sturdyref.Ref, address string) sturdyref.Ref {
	s.Peer.Hints = map[string]string{"addr": address}
	return s
}

func newIdentity(t *testing.T) sturdyref.KeyPair {
	t.Helper()
	id, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestAMachineInTheMiddle ends the QUIC connections of both sides and passes on what is inside, so that it has the keys
// of both.
func TestAMachineInTheMiddle(t *testing.T) {
	host, guest := open(t, quiet()), open(t, quiet())
	invite := publish(t, host, "greeter")
	m := stand(t, invite.Peer.Hints["addr"])
	ref := guest.Enliven(at(invite, m.address))
	answer := ref.Send(t.Context(), "greet", "a word that must not be seen")
	if _, err := answer.Await(t.Context()); !errors.Is(err, netlayer.ErrUnreachable) {
		t.Errorf("through the machine: %v", err)
	}
	if len(host.Sessions()) != 0 {
		t.Error("the host has a session")
	}
	seen := m.seen()
	if len(seen) < 64 {
		t.Errorf("the machine has seen %d bytes: it was not asked", len(seen))
	}
	for what, secret := range map[string][]byte{"the swiss number": invite.Swiss.Reveal(), "the call": []byte("a word that")} {
		if bytes.Contains(seen, secret) {
			t.Errorf("the machine has seen %s", what)
		}
	}
	honest(t, guest, invite)
}

// middle is a machine in the middle of QUIC.
type middle struct {
	address string
	mu      sync.Mutex
	heard   bytes.Buffer
}

func (m *middle) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.heard.Write(b)
}

func (m *middle) seen() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.heard.Bytes())
}

func stand(t *testing.T, target string) *middle {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	name := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(rand.Reader, name, name, public, private)
	if err != nil {
		t.Fatal(err)
	}
	conf := &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: private}}, NextProtos: []string{"hawser/1"},
		InsecureSkipVerify: true,
	}
	l, err := quic.ListenAddr("127.0.0.1:0", conf, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := &middle{address: l.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for {
			front, err := l.Accept(ctx)
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = front.CloseWithError(1, "") }()
				back, err := quic.DialAddr(ctx, target, conf, nil)
				if err != nil {
					return
				}
				defer func() { _ = back.CloseWithError(1, "") }()
				in, err := front.AcceptStream(ctx)
				if err != nil {
					return
				}
				out, err := back.OpenStreamSync(ctx)
				if err != nil {
					return
				}
				var both sync.WaitGroup
				both.Go(func() { _, _ = io.Copy(io.MultiWriter(out, m), in); _ = back.CloseWithError(1, "") })
				both.Go(func() { _, _ = io.Copy(io.MultiWriter(in, m), out); _ = front.CloseWithError(1, "") })
				both.Wait()
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		all.Wait()
	})
	return m
}

// TestAnImpostor has the whole sturdyref and another key, and stands at the host's address.
func TestAnImpostor(t *testing.T) {
	host, guest := open(t, quiet()), open(t, quiet())
	invite := publish(t, host, "greeter")
	impostor := rawPeer(t, newIdentity(t), nil)
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	waiting.Go(func() {
		if in, err := impostor.net.Accept(ctx); err == nil {
			t.Errorf("the guest spoke to the impostor: %v", in.Info.Remote)
		}
	})
	err := greet(guest.Enliven(at(invite, impostor.net.Location().Hints["addr"])))
	if !errors.Is(err, netlayer.ErrUnreachable) {
		t.Errorf("at the impostor's: %v", err)
	}
	cancel()
	waiting.Wait()
	honest(t, guest, invite)
}

// TestAHostWithoutItsRegistry has the right key and nothing else: a copy that was made of the identity alone, or a thief.
func TestAHostWithoutItsRegistry(t *testing.T) {
	id := newIdentity(t)
	cfg := quiet()
	cfg.Identity = id
	host, guest := open(t, cfg), open(t, quiet())
	invite := publish(t, host, "greeter")
	again := quiet()
	again.Identity = id
	copied := open(t, again)
	err := greet(guest.Enliven(at(invite, copied.Location().Hints["addr"])))
	if !errors.Is(err, hawser.ErrRefused) || !errors.Is(err, netlayer.ErrRefused) {
		t.Errorf("at the copy's: %v", err)
	}
	if len(copied.Sessions()) != 0 {
		t.Error("the copy has a session")
	}
	honest(t, guest, invite)
}

// TestAThiefOfTheKey dials the guest in the host's name, before the guest has spoken to the host.
func TestAThiefOfTheKey(t *testing.T) {
	id := newIdentity(t)
	cfg := quiet()
	cfg.Identity = id
	host, guest := open(t, cfg), open(t, quiet())
	invite := publish(t, host, "greeter")
	key, err := sturdyref.NewCapability()
	if err != nil {
		t.Fatal(err)
	}
	place, err := host.PublishKey(t.Context(), "key", key.Public(), spawnGreeter(t, host))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var heard []string
	thief := rawPeer(t, id, func(ctx context.Context, args []any) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		switch s, _ := args[0].(passable.Symbol); s {
		case "prove", "challenge":
			return make([]byte, 32), nil
		default:
			heard = append(heard, string(s))
		}
		return vat.SpawnFunc(ctx, func(context.Context, []any) (any, error) { return "hello Ada", nil }), nil
	})
	session, _ := thief.dial(t, sturdyref.Ref{Peer: guest.Location()}, nil)
	for what, r := range map[string]vat.Ref{"by swiss number": guest.Enliven(invite), "by key": guest.EnlivenKey(place, key)} {
		if err := greet(r); err == nil {
			t.Errorf("%s: the thief was believed", what)
		}
	}
	mu.Lock()
	if len(heard) > 0 {
		t.Errorf("the thief has heard %s", strings.Join(heard, ", "))
	}
	mu.Unlock()
	session.Close("")
	for greet(guest.Enliven(invite)) != nil { // until the guest has heard that the thief's session is over
	}
	honest(t, guest, invite)
	if err := greet(guest.EnlivenKey(place, key)); err != nil {
		t.Errorf("the honest host, by key: %v", err)
	}
}

// TestGuestsWithoutTheSecret have the key of the host and everything but the right number.
func TestGuestsWithoutTheSecret(t *testing.T) {
	ctx := t.Context()
	cfg := quiet()
	cfg.Door.Closed = true
	host, guest := open(t, cfg), open(t, quiet())
	invite, d := publishDepot(t, host)
	gone := publish(t, host, "gone")
	if err := host.Revoke(ctx, "gone"); err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, s := range []sturdyref.SwissNum{
		sturdyref.NewSwissNum(), gone.Swiss, sturdyref.SwissNumOf(make([]byte, 32)), sturdyref.SwissNumOf(make([]byte, 16)),
		sturdyref.SwissNumOf([]byte("depot")), sturdyref.SwissNumOf(append(invite.Swiss.Reveal(), 0)),
	} {
		_, err := guest.Enliven(sturdyref.Ref{Peer: invite.Peer, Swiss: s}).Send(ctx, "weigh", []byte("x")).Await(ctx)
		if !errors.Is(err, hawser.ErrRefused) {
			t.Error(err)
		} else {
			said[err.Error()] = true
		}
	}
	if len(said) != 1 {
		t.Errorf("refusals differ: %v", said)
	}
	if len(host.Sessions()) != 0 || d.calls.Load() != 0 {
		t.Errorf("the host has %d sessions and %d calls", len(host.Sessions()), d.calls.Load())
	}
	if n, err := vat.Result[int](guest.Enliven(invite).Send(ctx, "weigh", []byte("x"))).Await(ctx); n != 1 || err != nil {
		t.Errorf("the honest pair afterwards: %v, %v", n, err)
	}
	// With the session open it is the same for those who try inside.
	if _, err := guest.Enliven(sturdyref.Ref{Peer: invite.Peer, Swiss: gone.Swiss}).Await(ctx); !errors.Is(err, hawser.ErrRefused) {
		t.Errorf("over the open session: %v", err)
	}
}
