package program

import (
	"context"

	"github.com/hawser-go/hawser/vat"
)

// OpenPeer returns what there is of a festival in a durable vat; it can follow none until it has a facet, see [Peer.Accept]. near is
// an ordinary vat, for what listens, and ring is that of [Kinds].
func OpenPeer(ctx context.Context, v, near *vat.Vat, ring Keyring) (*Peer, error) {
	p := &Peer{Vat: near, durable: v, ring: ring}
	var err error
	if p.Copy, err = OpenCopy(ctx, v); err != nil {
		return nil, err
	}
	view, err := p.Copy.View(ctx).Await(ctx)
	if err != nil {
		return nil, err
	}
	festival, err := p.Copy.Festival(ctx).Await(ctx)
	if err != nil || festival.IsNull() {
		return p, err
	}
	return p, p.use(ctx, festival.Ref, view.Standing, false)
}

// Follows reports whether the peer has a facet of a festival.
func (p *Peer) Follows() bool { return !p.Festival.IsNull() }

// Accept has the peer follow the festival of which it was given a facet, in the place of any before, as whoever the facet was made
// for. It waits until the festival has answered, as long as ctx allows.
func (p *Peer) Accept(ctx context.Context, facet vat.Ref) error {
	festival := vat.As[VisitorRef](facet)
	standing, err := festival.Standing(ctx).Await(ctx)
	if err != nil {
		return err
	}
	if festival, err = festival.Await(ctx); err != nil {
		return err
	}
	if _, err := p.Copy.Use(ctx, festival).Await(ctx); err != nil {
		return err
	}
	return p.use(ctx, festival.Ref, standing, true)
}

// use has the peer act by a facet. Only if it is new is the desk told.
func (p *Peer) use(ctx context.Context, facet vat.Ref, standing Standing, tell bool) (err error) {
	p.Festival, p.Desk, p.Admin = vat.As[VisitorRef](facet), DeskRef{}, AdminRef{}
	switch standing.Role {
	case AsVisitor, AsOwner:
	case AsAdmin:
		p.Admin = vat.As[AdminRef](facet)
	case AsOrganiser:
		if p.Desk, err = OpenDesk(ctx, p.durable, p.ring); err != nil || !tell {
			return err
		}
		_, err = p.Desk.Use(ctx, vat.As[OrganiserRef](facet), standing.Holder).Await(ctx)
	}
	return err
}
