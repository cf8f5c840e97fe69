package program_test

import (
	"testing"

	"github.com/hawser-go/hawser/examples/festival/program"
	"github.com/hawser-go/hawser/vat"
)

// A peer that has accepted a facet has it after a restart, and is what the facet is; another facet takes its place.
func TestAccept(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		near := vat.New(nil)
		defer near.Close()
		open := func(in string) *program.Peer {
			p, err := program.OpenPeer(ctx, w.Vat(in), near, ring)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		for _, in := range []string{"ada", "admin"} { // that of the festival itself is a vat like any other
			p := open(in)
			if p.Follows() {
				t.Error("a peer follows a festival that it does not have")
			}
			for _, role := range []program.Role{program.AsVisitor, program.AsOrganiser, program.AsAdmin} {
				if err := p.Accept(ctx, w.facet(role, in)); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					s := w.state(p)
					if !p.Follows() || s.Standing.Role != role || s.Standing.Holder != holder(in) || s.Info.Name != info.Name || s.Trouble != "" || s.Asking ||
						s.MayAdd != (role == program.AsOrganiser) || s.MayAdmin != (role == program.AsAdmin) {
						t.Errorf("%s as %s: %+v", in, role, s)
					}
					w.crash()
					p = open(in)
				}
			}
		}
	})
}
