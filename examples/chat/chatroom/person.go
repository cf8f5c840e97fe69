package chatroom

import (
	"context"
	"errors"
	"fmt"

	"github.com/hawser-go/hawser/vat"
)

// A Person acts for one user: it keeps the user object that others get to see, and what is behind it. Its methods are for
// turns of the vat it was made in.
type Person struct {
	nick         string
	messages     sealers[string]       // closes what the user says
	subscription sealers[FinalizerRef] // opens the seats the user was given
	user         UserRef
}

// NewPerson makes a person who goes by nick, in the vat whose turn ctx is.
func NewPerson(ctx context.Context, nick string) *Person {
	p := &Person{nick: CleanNick(nick), messages: newSealers[string](ctx, "message"), subscription: newSealers[FinalizerRef](ctx, "seat")}
	p.user = vat.As[UserRef](UserFacet.Spawn(ctx, userView{p}))
	return p
}

// User returns the person's user object: what to introduce them with.
func (p *Person) User() UserRef { return p.user }

// Nick returns what the person wants to be called.
func (p *Person) Nick() string { return p.nick }

// userView is what others see of a person. It implements User.
type userView struct{ p *Person }

func (u userView) SelfProposedName() string         { return u.p.nick }
func (u userView) GetChatSealed() PredicateRef      { return u.p.messages.isSealed }
func (u userView) GetChatUnsealer() UnsealerRef     { return u.p.messages.unsealer }
func (u userView) GetSubscriptionSealer() SealerRef { return u.p.subscription.sealer }

// ErrNoRoom says that the peer does not have the room, as it says in words of its own.
var ErrNoRoom = errors.New("chatroom: the peer does not have this room")

// Join takes a seat in the room, of which see hears what happens there. It parks the turn for some round trips. The
// stay it returns ends when the person leaves it, or the room or the connection to it does.
func (p *Person) Join(ctx context.Context, room RoomRef, see Observer) (*Stay, error) {
	waiting, cancel := context.WithTimeoutCause(ctx, 2*patience, ErrSilent)
	defer cancel()
	room, err := room.Await(waiting)
	if e, ok := errors.AsType[*vat.Error](err); ok && e.Remote {
		return nil, fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	if err != nil {
		return nil, err
	}
	name := room.SelfProposedName(ctx)
	sealed, err := room.Subscribe(ctx, p.user).Await(waiting)
	if err != nil {
		return nil, err
	}
	// Only here can the seat be unsealed: whoever else came by it has a closed box.
	seat, err := p.subscription.Unseal(ctx, sealed.Ref)
	if err != nil {
		return nil, err
	}
	stay := newStay(ctx, p, room, see)
	if stay.name, err = name.Await(waiting); err != nil {
		return nil, err
	}
	stay.name = Clean(stay.name)
	channel := seat.Call(ctx, vat.As[InboxRef](InboxFacet.Spawn(ctx, inbox{stay})))
	if stay.channel, err = channel.Await(waiting); err != nil {
		stay.over.Set(ctx, true)
		_ = channel.SendOnly(ctx, "leave") // in case the seat is given after all
		return nil, err
	}
	vat.OnSever(ctx, room.Ref, stay.end)
	return stay, nil
}
