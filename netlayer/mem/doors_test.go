package mem_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
)

// locks is a doorkeeper that admits those whose key fits, and nobody else.
type locks map[[16]byte]netlayer.Lock

func (l locks) Lock(id [16]byte) (netlayer.Lock, bool) {
	lock, ok := l[id]
	return lock, ok
}

func (l locks) Admit(info netlayer.Info) error {
	if info.AdmittedBy == [16]byte{} {
		return netlayer.ErrRefused
	}
	return nil
}

// TestRealKeys opens doors with the keys that sturdyrefs are made of, computed as on a real netlayer.
func TestRealKeys(t *testing.T) {
	identity, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	swiss, err := sturdyref.NewSwissNum().Keys()
	if err != nil {
		t.Fatal(err)
	}
	capability, err := sturdyref.NewCapability()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := sturdyref.NewCapability()
	if err != nil {
		t.Fatal(err)
	}
	lock, err := sturdyref.NewCapabilityLock(identity, capability.Public())
	if err != nil {
		t.Fatal(err)
	}
	n := mem.New(nil)
	a := n.Host(mem.HostConfig{Name: "a"})
	b := n.Host(mem.HostConfig{
		Static:     identity.Public().Static,
		Doorkeeper: locks{swiss.ID(): swiss.Lock(), lock.ID(): lock},
	})
	if got := b.Location().Designator; got != sturdyref.Designator(identity.Public().Static) {
		t.Errorf("the designator is %q, not the identity's", got)
	}
	var acceptor sync.WaitGroup
	defer acceptor.Wait() // after n.Close, which ends it
	defer n.Close()
	acceptor.Go(func() {
		for {
			incoming, err := b.Accept(t.Context())
			if err != nil {
				return
			}
			if _, err := incoming.Accept(nil); err != nil {
				t.Errorf("Incoming.Accept: %v", err)
			}
		}
	})
	for name, c := range map[string]struct {
		key  netlayer.Key
		want error
	}{
		"swiss number":       {swiss.Key(), nil},
		"capability":         {capability, nil},
		"another capability": {stranger, netlayer.ErrRefused},
		"no key":             {nil, netlayer.ErrRefused},
	} {
		if _, err := a.Connect(t.Context(), netlayer.Dial{Peer: b.Location(), Key: c.key}); !errors.Is(err, c.want) {
			t.Errorf("with %s: %v, want %v", name, err, c.want)
		}
	}
}
