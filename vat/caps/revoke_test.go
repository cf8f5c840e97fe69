package caps_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/caps"
)

// Messages wait on a promise behind caretakers, membranes and forwarders in any order and in few vats, so that some pass
// them on within one turn. One layer is revoked: when the promise settles, with whatever, nothing gets through, and
// every answer breaks for that reason.
func TestRevokedAnywhere(t *testing.T) {
	seeds := uint64(1000)
	if testing.Short() {
		seeds = 100
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) { revokedAnywhere(t, rand.New(rand.NewPCG(seed, 2)), seed) })
		if t.Failed() {
			return
		}
	}
}

func revokedAnywhere(t *testing.T, rnd *rand.Rand, seed uint64) {
	homes := []*vat.Vat{newVat(t), newVat(t)}
	w := vat.NewVow(nil)
	face := w.Ref()
	var story strings.Builder
	var revokes []func(ctx context.Context, cause error)
	for len(revokes) == 0 || rnd.IntN(3) > 0 {
		i := rnd.IntN(2)
		home := homes[i]
		switch rnd.IntN(4) {
		case 0:
			fmt.Fprintf(&story, " membrane in %d;", i)
			m, outer := caps.NewMembrane(home, face)
			face, revokes = outer, append(revokes, m.Revoke)
		case 1:
			fmt.Fprintf(&story, " forwarder in %d;", i)
			face = do(t, home, func(ctx context.Context) (vat.Ref, error) { return caps.NewForwarder(ctx, face).Proxy, nil })
		default:
			fmt.Fprintf(&story, " caretaker in %d;", i)
			outer, revoke := vat.Guard(home, face)
			face, revokes = outer, append(revokes, revoke)
		}
	}
	answers := []promise.Promise[any]{
		vat.Result[any](face.Apply(bg, 1)), vat.Result[any](face.Field(bg, "secret")), vat.Result[any](face.Send(bg, "x")),
	}
	synctest.Wait()
	which := rnd.IntN(len(revokes))
	revokes[which](bg, nil)
	target := &echo{}
	switch rnd.IntN(3) {
	case 0:
		w.Resolve(target.spawn(t, homes[rnd.IntN(2)]))
	case 1:
		w.Resolve(passable.Struct{{Key: "secret", Value: "s"}})
	default:
		w.Break(vat.NewError("test.secret", "a secret"))
	}
	synctest.Wait()
	if len(target.got) > 0 {
		t.Errorf("seed %d: %v got through;%s revoked %d", seed, target.got, &story, which)
	}
	for i, p := range answers {
		if !p.Settled() {
			t.Errorf("seed %d: answer %d is pending;%s revoked %d", seed, i, &story, which)
		} else if v, err := p.Await(bg); !errors.Is(err, vat.ErrRevoked) {
			t.Errorf("seed %d: answer %d: %v, %v;%s revoked %d", seed, i, v, err, &story, which)
		}
	}
}
