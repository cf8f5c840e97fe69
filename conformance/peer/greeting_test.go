package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/tcptest"
	"github.com/hawser-go/hawser/sturdyref"
)

// Whoever has been answered with op:start-session is known to the peer from then on: told over another connection to
// enliven something of theirs, it uses the session there is. The public suite relies on that, test_provides_valid_handoff_give
// at the least: a dial that crosses its own session loses it half of the time.
func TestWhoIsAnsweredIsKnown(t *testing.T) {
	d := wire.SuiteBranch
	peer, _ := serve(t, []string{"-dialect", d.Name})
	g := visit(t, d)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	enliven, err := g.fetch(peer, sturdyrefEnlivener).Await(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		other, err := tcptest.Open(&tcptest.Config{Linger: 50 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		var dialled atomic.Bool
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			in, err := other.Accept(ctx)
			if err == nil {
				dialled.Store(true)
				in.Refuse(netlayer.ErrRefused)
			} else if !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		}()
		late := context.AfterFunc(ctx, func() { _ = other.Close() }) // so that no Read waits for ever
		conn, err := other.Connect(ctx, netlayer.Dial{Peer: peer})
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Write([][]byte{hello(t, d, other.Location())}); err != nil {
			t.Fatal(err)
		}
		next := func() []byte {
			f, err := conn.Read()
			if err != nil {
				return []byte(err.Error())
			}
			defer f.Done()
			return bytes.Clone(f.Bytes)
		}
		if first := next(); !bytes.Contains(first, []byte("op:start-session")) {
			t.Fatalf("the peer began with %q", first)
		}
		enliven.Apply(ctx, msg.SturdyRef{Ref: sturdyref.Ref{Peer: other.Location(), Swiss: sturdyref.SwissNumOf([]byte("something"))}})
		second := next()
		late()
		if err := errors.Join(conn.Close(""), other.Close()); err != nil {
			t.Error(err)
		}
		<-ended
		if dialled.Load() || !bytes.Contains(second, []byte("fetch")) {
			t.Fatalf("round %d: dialled by the peer: %v; it said %q, want a fetch", i, dialled.Load(), second)
		}
	}
}

// hello is an op:start-session with a fresh key.
func hello(t *testing.T, d wire.Dialect, at sturdyref.Peer) []byte {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	op := &msg.StartSession{Version: d.Version(), PublicKey: [32]byte(public), Location: at}
	if err := d.SignHello(op, key); err != nil {
		t.Fatal(err)
	}
	b, err := wire.NewEncoder(d).Append(nil, op, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
