package warden_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/vattest"
	"github.com/hawser-go/hawser/warden"
)

// What a call costs by way of a mandate that has led to so many objects already.
func BenchmarkCall(b *testing.B) {
	for _, durable := range []bool{false, true} {
		for _, reached := range []int{0, 32, 1024} {
			b.Run(fmt.Sprintf("durable=%v/reached=%d", durable, reached), func(b *testing.B) {
				office := warden.New(warden.Config{Signer: host})
				defer office.Close()
				var v *vat.Vat
				if durable {
					m := vattest.New(b, append(office.Kinds(), testKinds...)...)
					m.Config.Amnesia = false
					m.Restart()
					if err := office.Use(m.Depot(), m.Store().View); err != nil {
						b.Fatal(err)
					}
					v = m.Vat("v")
				} else {
					v = vat.New(&vat.Config{Name: "v", Kinds: append(office.Kinds(), testKinds...)})
					defer v.Close()
				}
				if err := office.Offer(theLab, v, map[string]warden.Role{"all": {Open: func(ctx context.Context, _ warden.Holder) (vat.Ref, error) {
					return labFacet.Spawn(ctx, &lab{}), nil
				}}}); err != nil {
					b.Fatal(err)
				}
				t := new(testing.T)
				r := office.Open(labGrant(t, anna))
				if _, err := ask[any](r, "make", reached); err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := ask[int](r, "counted"); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
