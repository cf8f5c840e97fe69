package home_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// selector is how a message's method stands among raw arguments.
type selector = passable.Symbol

// weighed counts the frames and bytes that are written to a connection.
type weighed struct {
	netlayer.Conn
	frames, bytes *atomic.Int64
}

func (w weighed) Write(frames [][]byte) error {
	for _, f := range frames {
		w.frames.Add(1)
		w.bytes.Add(int64(len(f)))
	}
	return w.Conn.Write(frames)
}

// T30: for every way in which a fetch can be refused the operations of the one who refuses are counted, and the bytes it
// sends: there is no telling an unknown, a revoked, an unpublished and a wrong secret apart.
func TestRefusalsCostTheSame(t *testing.T) {
	scene(t, func(t *testing.T, n *mem.Network) {
		a, b := identity(t), join(t, n, "b", identity(t), nil)
		defer b.leave()
		var frames, size atomic.Int64
		b.layer.accept = func(first [][]byte, next acceptor) (netlayer.Conn, error) {
			conn, err := next(first)
			return weighed{conn, &frames, &size}, err
		}
		var mu sync.Mutex
		var ops map[string]int
		b.Tally(func(what string) {
			mu.Lock()
			defer mu.Unlock()
			ops[what]++
		})
		ctx := context.Background()
		live, revoked, unpublished := b.publish("live"), b.publish("revoked"), b.publish("unpublished")
		lock, gone := capability(t), capability(t)
		for name, c := range map[string]sturdyref.Capability{"lock": lock, "gone": gone} {
			if _, err := b.PublishKey(ctx, name, c.Public(), b.spawn()); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(b.Revoke(ctx, "revoked"), b.Revoke(ctx, "gone"), b.Unpublish(ctx, "unpublished")); err != nil {
			t.Fatal(err)
		}
		s, info, over := rawSession(t, n, a, b, home.FeatureFetchProof)
		defer over()

		static := b.id.Public().Static
		proof := func(k sturdyref.ProofKey, spoil bool) []byte {
			p, err := k.Fetch(info.Binding, sturdyref.Dialler)
			if err != nil {
				t.Fatal(err)
			}
			if spoil {
				p[len(p)-1] ^= 1
			}
			return p[:]
		}
		number := func(s sturdyref.Ref, spoil bool) []byte {
			keys, err := s.Swiss.Keys()
			if err != nil {
				t.Fatal(err)
			}
			return proof(keys.ProofKey(), spoil)
		}
		key := func(c sturdyref.Capability, challenge [32]byte, spoil bool) []byte {
			k, err := c.ProofKey(static, challenge)
			if err != nil {
				t.Fatal(err)
			}
			return proof(k, spoil)
		}
		unknown := sturdyref.Ref{Swiss: sturdyref.NewSwissNum()}
		compare := func(when, selector string, attempts map[string][]byte) {
			said := map[string][]string{}
			for what, arg := range attempts {
				synctest.Wait()
				mu.Lock()
				ops = map[string]int{}
				mu.Unlock()
				frames.Store(0)
				size.Store(0)
				v, err := vat.Result[any](s.Bootstrap().Send(ctx, selector, arg)).Await(ctx)
				if err == nil && selector == "fetch" {
					t.Errorf("%s, %s: not refused", when, what)
				}
				if mac, ok := v.([]byte); ok {
					v = fmt.Sprint(len(mac), " bytes")
				}
				synctest.Wait()
				mu.Lock()
				seen := fmt.Sprint(v, err, ops, frames.Load(), size.Load())
				mu.Unlock()
				said[seen] = append(said[seen], what)
			}
			if len(said) != 1 {
				t.Errorf("%s: refusals differ: %v", when, said)
			}
		}
		fetches := func(challenge [32]byte) map[string][]byte {
			return map[string][]byte{
				"unknown": number(unknown, false), "revoked": number(revoked, false), "unpublished": number(unpublished, false),
				"wrong": number(live, true), "unknown and wrong": number(unknown, true),
				"an unknown key": key(capability(t), challenge, false), "a revoked key": key(gone, challenge, false),
				"a wrong key": key(lock, challenge, true), "a key to another challenge": key(lock, capability(t).Public(), false),
			}
		}
		compare("before a challenge was asked for", "fetch", fetches(static))
		challenge, err := vat.Result[[32]byte](s.Bootstrap().Send(ctx, "challenge")).Await(ctx)
		if err != nil {
			t.Fatal(err)
		}
		compare("after", "fetch", fetches(challenge))
		works(t, "the right key", s.Bootstrap().Send(ctx, "fetch", key(lock, challenge, false)))
		works(t, "the right number", s.Bootstrap().Send(ctx, "fetch", number(live, false)))

		compare("raw", "fetch", map[string][]byte{
			"unknown": unknown.Swiss.Reveal(), "revoked": revoked.Swiss.Reveal(), "unpublished": unpublished.Swiss.Reveal(),
		})
		name := func(s sturdyref.Ref) []byte {
			keys, _ := s.Swiss.Keys()
			id := keys.ID()
			return id[:]
		}
		lockID, _ := lock.ID(static)
		compare("prove", "prove", map[string][]byte{
			"unknown": name(unknown), "revoked": name(revoked), "unpublished": name(unpublished), "live": name(live), "a key": lockID[:],
		})
		// The answers to two unknown names differ like those to two known ones, and stay the same.
		prove := func(id []byte) []byte {
			mac, err := vat.Result[[]byte](s.Bootstrap().Send(ctx, "prove", id)).Await(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return mac
		}
		if bytes.Equal(prove(name(unknown)), prove(name(revoked))) {
			t.Error("names that are unknown all have one answer, so that a known one can be told")
		}
		if !bytes.Equal(prove(name(unknown)), prove(name(unknown))) {
			t.Error("a name that is unknown has another answer each time, so that a known one can be told")
		}
	})
}

func capability(t *testing.T) sturdyref.Capability {
	t.Helper()
	c, err := sturdyref.NewCapability()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
