package noiselink_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/noiselink"
	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// counts are operations by their kinds. It may be used by several goroutines.
type counts struct {
	mu  sync.Mutex
	all map[string]int
}

func (c *counts) did(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[what]++
}

// take returns what has been counted, as text, and begins anew.
func (c *counts) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer clear(c.all)
	return fmt.Sprint(c.all)
}

// counting is an identity whose operations are counted.
type counting struct {
	sturdyref.Identity
	*counts
}

func (c counting) ECDH(peer [32]byte) ([32]byte, error) {
	c.did("agreement of the static key")
	return c.Identity.ECDH(peer)
}

func (c counting) Sign(b []byte) ([]byte, error) {
	c.did("signature")
	return c.Identity.Sign(b)
}

// doors is a Doorkeeper with locks, of which each look is counted.
type doors struct {
	locks map[[16]byte]netlayer.Lock
	*counts
}

func (d doors) Lock(id [16]byte) (netlayer.Lock, bool) {
	d.did("look")
	l, ok := d.locks[id]
	return l, ok
}

func (d doors) Admit(netlayer.Info) error { return netlayer.ErrRefused }

// broken is a lock that does not work, before or after it has done the work.
type broken struct{ late bool }

func (b broken) PSK(ephemeral func([32]byte) ([32]byte, error)) ([32]byte, error) {
	if b.late {
		_, _ = ephemeral([32]byte{9})
	}
	return [32]byte{}, errors.New("it does not work")
}

// T2, T30: whoever names a secret that is not there, or was revoked, or is there and they do not have it, makes the acceptor do the same work — as many
// Diffie-Hellman with either key, looks, signatures — and is answered in writes of the same sizes, whichever sort of secret it is.
func TestRefusalsCostTheSame(t *testing.T) {
	for _, carrier := range []noiselink.Carrier{{Package: "test", Label: noisetest.QUIC, Bound: true}, {Package: "test", Label: noisetest.TCP}} {
		host := identity(t)
		c := &counts{all: make(map[string]int)}
		d := doors{make(map[[16]byte]netlayer.Lock), c}
		swiss, gone := keys(t), keys(t)
		d.locks[swiss.ID()] = swiss.Lock()
		capability, err := sturdyref.NewCapability()
		if err != nil {
			t.Fatal(err)
		}
		lock, err := sturdyref.NewCapabilityLock(host, capability.Public())
		if err != nil {
			t.Fatal(err)
		}
		d.locks[lock.ID()], d.locks[[16]byte{1}], d.locks[[16]byte{2}] = lock, broken{}, broken{true}
		n, err := noiselink.NewNode(noiselink.Config{Carrier: carrier, Identity: counting{host, c}, Doorkeeper: d})
		if err != nil {
			t.Fatal(err)
		}
		n.Tally(c.did)
		pub := host.Public().Static
		exporter := make([]byte, 0)
		swissPSK, gonePSK := swiss.PSK(), gone.PSK()
		seen := make(map[string][]string)
		for what, dial := range map[string]struct {
			id  [16]byte
			psk []byte
		}{
			"an unknown one":                     {[16]byte{7}, gonePSK[:]},
			"one that was revoked":               {gone.ID(), gonePSK[:]},
			"one that was revoked, and none":     {gone.ID(), nil},
			"a number, and another":              {swiss.ID(), gonePSK[:]},
			"a number, and none":                 {swiss.ID(), nil},
			"a capability, and another":          {lock.ID(), swissPSK[:]},
			"a capability, and none":             {lock.ID(), nil},
			"a capability, and what is public":   {lock.ID(), noisetest.NoSecret(carrier.Label, pub[:])},
			"one that does not work":             {[16]byte{1}, nil},
			"one that does not work in the end":  {[16]byte{2}, gonePSK[:]},
			"a number that another kind's id is": {lock.ID(), gonePSK[:]},
		} {
			near, far := net.Pipe()
			w := &witness{Conn: far, exporter: exporter}
			served := make(chan struct{})
			_ = c.take()
			go func() {
				defer close(served)
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				n.Serve(ctx, w)
			}()
			x := noisetest.New(noisetest.FreshKey(), noisetest.FreshKey(), pub[:], noisetest.Prologue(carrier.Label, 0, exporter))
			near.Write(noisetest.Join([]byte{0}, noisetest.WithLength(x.Write1(noisetest.Hello(dial.id)))))
			m2, err := noisetest.Message(near)
			if err == nil {
				_, err = x.Read2(m2)
			}
			if err != nil {
				t.Fatal(err)
			}
			near.Write(noisetest.WithLength(x.Write3(dial.psk, noisetest.Anonymous())))
			io.Copy(io.Discard, near)
			<-served
			near.Close()
			how := fmt.Sprint(c.take(), w.seen)
			seen[how] = append(seen[how], what)
		}
		if len(seen) != 1 {
			t.Errorf("%s: refusals can be told apart: %q", carrier.Label, seen)
		}
		if err := n.Close(nil, nil); err != nil {
			t.Error(err)
		}
	}
}

// tried is a lock that counts how often a key is tried in it.
type tried struct {
	netlayer.Lock
	*counts
}

func (l tried) PSK(ephemeral func([32]byte) ([32]byte, error)) ([32]byte, error) {
	l.did("try")
	return l.Lock.PSK(ephemeral)
}

// T1: a dialler names the secret, encrypted to the acceptor, so that of ten thousand one is tried, or none: what a dial costs does not grow with
// how many there are.
func TestManySecretsCostAsOne(t *testing.T) {
	carrier := noiselink.Carrier{Package: "test", Label: noisetest.QUIC, Bound: true}
	host := identity(t)
	c := &counts{all: make(map[string]int)}
	d := doors{make(map[[16]byte]netlayer.Lock), c}
	var last sturdyref.Keys
	for range 10_000 {
		last = keys(t)
		d.locks[last.ID()] = tried{last.Lock(), c}
	}
	n, err := noiselink.NewNode(noiselink.Config{Carrier: carrier, Identity: counting{host, c}, Doorkeeper: d})
	if err != nil {
		t.Fatal(err)
	}
	psk := last.PSK()
	pub := host.Public().Static
	for id, want := range map[[16]byte]string{
		last.ID(): "map[agreement of the static key:1 look:1 try:1]", {7}: "map[agreement of the static key:1 look:1]",
	} {
		near, far := net.Pipe()
		w := &witness{Conn: far, exporter: []byte{}}
		served := make(chan struct{})
		_ = c.take()
		go func() {
			defer close(served)
			n.Serve(t.Context(), w)
		}()
		x := noisetest.New(noisetest.FreshKey(), noisetest.FreshKey(), pub[:], noisetest.Prologue(carrier.Label, 0, nil))
		near.Write(noisetest.Join([]byte{0}, noisetest.WithLength(x.Write1(noisetest.Hello(id)))))
		m2, err := noisetest.Message(near)
		if err == nil {
			_, err = x.Read2(m2)
		}
		if err != nil {
			t.Fatal(err)
		}
		near.Write(noisetest.WithLength(x.Write3(psk[:], noisetest.Anonymous())))
		io.Copy(io.Discard, near)
		<-served
		near.Close()
		if got := c.take(); got != want {
			t.Errorf("%x: %s, want %s", id, got, want)
		}
	}
	if err := n.Close(nil, nil); err != nil {
		t.Error(err)
	}
}

func keys(t *testing.T) sturdyref.Keys {
	t.Helper()
	k, err := sturdyref.NewSwissNum().Keys()
	if err != nil {
		t.Fatal(err)
	}
	return k
}
