package chatroom

import (
	"context"
	"slices"
	"strconv"

	"github.com/hawser-go/hawser/vat"
)

// A Name is what one person calls a user: the nickname the user proposed, and, where several have proposed the same one
// during this stay, a number of the person's own making, by the order in which they were heard of. What tells users apart
// is the reference; the nickname is only what they say.
type Name struct {
	Nick string
	// Number is 0 as long as nobody else goes by the name.
	Number int
	// You is set for the person's own user.
	You bool
}

// IsZero reports whether n is nobody's.
func (n Name) IsZero() bool { return n == Name{} }

// String returns the name as it is shown, such as "ada", "ada#2" or "ada (you)".
func (n Name) String() string {
	s := n.Nick
	if s == "" {
		s = "nameless"
	}
	if n.Number > 0 {
		s += "#" + strconv.Itoa(n.Number)
	}
	if n.You {
		s += " (you)"
	}
	return s
}

// roll is who is in a room, and how a person calls them.
type roll struct {
	present vat.Cell[[]*visitor]
	bearers vat.Map[string, int] // how many users have gone by a name during this stay
}

// visitor is a user who is or was in the room.
type visitor struct {
	user     UserRef
	unsealer UnsealerRef
	late     *strand       // what they have not answered for in time to be shown in the room's order
	unread   vat.Cell[int] // messages that wait to be unsealed
	you      bool

	key    vat.Cell[string]
	nick   vat.Cell[string]
	number vat.Cell[int] // among those of the same name
}

// find returns who in the room is behind the reference, nil if nobody is.
func (r *roll) find(user UserRef) *visitor {
	for _, v := range r.present.Get() {
		if v.user == user {
			return v
		}
	}
	return nil
}

func (r *roll) add(ctx context.Context, v *visitor) {
	v.late = newStrand(ctx)
	r.present.Set(ctx, append(r.present.Get(), v))
}

func (r *roll) remove(ctx context.Context, v *visitor) {
	r.present.Set(ctx, slices.DeleteFunc(slices.Clone(r.present.Get()), func(o *visitor) bool { return o == v }))
}

// call gives the visitor a name. If it is the second to go by that name, it says so and returns the first, if present.
func (r *roll) call(ctx context.Context, v *visitor, nick string) (first *visitor, second bool) {
	v.nick.Set(ctx, nick)
	v.key.Set(ctx, nickKey(nick))
	n, known := r.bearers.Get(v.key.Get())
	if !known && r.bearers.Len() >= 4*maxPresent {
		r.forget(ctx)
	}
	r.bearers.Set(ctx, v.key.Get(), n+1)
	v.number.Set(ctx, n+1)
	for _, o := range r.present.Get() {
		if n == 1 && o != v && o.number.Get() == 1 && o.key.Get() == v.key.Get() {
			first = o
		}
	}
	return first, n == 1
}

// forget forgets the names of those who have left.
func (r *roll) forget(ctx context.Context) {
	for key := range r.bearers.All() {
		if !slices.ContainsFunc(r.present.Get(), func(v *visitor) bool { return v.number.Get() > 0 && v.key.Get() == key }) {
			r.bearers.Delete(ctx, key)
		}
	}
}

// name returns what v is called now.
func (r *roll) name(v *visitor) Name {
	n := Name{Nick: v.nick.Get(), You: v.you}
	if shared, _ := r.bearers.Get(v.key.Get()); shared > 1 {
		n.Number = v.number.Get()
	}
	return n
}
