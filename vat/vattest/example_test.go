package vattest_test

import (
	"context"
	"fmt"

	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/vattest"
)

// Purse is a durable object: its exported fields are what is kept.
type Purse struct {
	Coins int
}

func (p *Purse) Put(n int) int { p.Coins += n; return p.Coins }

type PurseAPI interface{ Put(n int) int }

var (
	PurseFacet = vat.FacetOf[PurseAPI]("example.Purse")
	PurseKind  = vat.KindOf("example.purse", func() *Purse { return new(Purse) }, PurseFacet)
)

// PurseRef is what others hold.
type PurseRef struct{ vat.Ref }

// openPurse finds the purse, or makes it at the first time.
func openPurse(ctx context.Context, v *vat.Vat) (PurseRef, error) {
	return vat.Root(ctx, v, "purse", func(ctx context.Context) (PurseRef, error) {
		return vat.As[PurseRef](PurseFacet.Spawn(ctx, new(Purse))), nil
	})
}

// What was answered is there after a crash. In a test New gets its t, and the machine stops by itself.
func Example() {
	ctx := context.Background()
	m := vattest.New(nil, PurseKind)
	defer m.Stop()
	for range 3 {
		purse, err := openPurse(ctx, m.Vat("bank"))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(vat.Result[int](purse.Send(ctx, "put", 5)).Await(ctx))
		m.Crash()
	}

	// A disk that fails ends the durable vats: what was not written did not happen.
	purse, err := openPurse(ctx, m.Vat("bank"))
	if err != nil {
		fmt.Println(err)
		return
	}
	m.FailWrite(1)
	_, err = vat.Result[int](purse.Send(ctx, "put", 100)).Await(ctx)
	fmt.Println(err != nil)
	m.Restart()
	if purse, err = openPurse(ctx, m.Vat("bank")); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(vat.Result[int](purse.Send(ctx, "put", 0)).Await(ctx))
	// Output:
	// 5 <nil>
	// 10 <nil>
	// 15 <nil>
	// true
	// 15 <nil>
}
