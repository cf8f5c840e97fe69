package chatroom_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hawser-go/hawser/examples/chat/chatroom"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// What follows speaks goblin-chat as Goblins and Endo do, written down message by message, without the stubs: selectors are
// symbols, functions take no selector, nothing is pipelined, answers are symbols from the one and strings from the other.

type (
	goblin  = func(ctx context.Context, args []any) (any, error)
	methods map[string]func(ctx context.Context, args []any) (any, error)
)

func (m methods) spawn(ctx context.Context) vat.Ref {
	return vat.SpawnFunc(ctx, func(ctx context.Context, args []any) (any, error) {
		selector, _ := args[0].(passable.Symbol)
		method, ok := m[string(selector)]
		if !ok {
			return nil, fmt.Errorf("no method %v", args[0])
		}
		return method(ctx, args[1:])
	})
}

// triplet makes a sealer, its unsealer and its predicate.
func triplet(ctx context.Context) (sealer, unsealer, sealed vat.Ref) {
	contents := map[vat.Ref]any{}
	return vat.SpawnFunc(ctx, func(ctx context.Context, args []any) (any, error) {
			handle := methods{}.spawn(ctx)
			contents[handle] = args[0]
			return handle, nil
		}), vat.SpawnFunc(ctx, func(_ context.Context, args []any) (any, error) {
			value, ok := contents[args[0].(vat.Ref)]
			if !ok {
				return nil, errors.New("not sealed")
			}
			return value, nil
		}), vat.SpawnFunc(ctx, func(_ context.Context, args []any) (any, error) {
			_, ok := contents[args[0].(vat.Ref)]
			return ok, nil
		})
}

func constant(v any) goblin { return func(context.Context, []any) (any, error) { return v, nil } }

// membership is what a foreign user has of a room.
type membership struct{ channel, sealer vat.Ref }

// enterAsGoblin brings a user into a room. hear is told what its inbox hears, in turns of its vat.
func enterAsGoblin(ctx context.Context, room vat.Ref, hear func(what string)) (membership, error) {
	chatSealer, chatUnsealer, chatSealed := triplet(ctx)
	subscriptionSealer, subscriptionUnsealer, _ := triplet(ctx)
	user := methods{
		"self-proposed-name": constant("goblin"), "get-chat-sealed?": constant(chatSealed),
		"get-chat-unsealer": constant(chatUnsealer), "get-subscription-sealer": constant(subscriptionSealer),
	}.spawn(ctx)
	inbox := methods{
		"user-joined": func(_ context.Context, args []any) (any, error) {
			hear(fmt.Sprint("joined ", args[0].(vat.Ref) == user))
			return true, nil
		},
		"user-left": func(_ context.Context, args []any) (any, error) {
			hear(fmt.Sprint("left ", args[0].(vat.Ref) == user))
			return true, nil
		},
		"new-message": func(ctx context.Context, args []any) (any, error) {
			unsealer, err := args[0].(vat.Ref).Send(ctx, "get-chat-unsealer").Await(ctx)
			if err != nil {
				return nil, err
			}
			text, err := vat.Result[string](unsealer.Apply(ctx, args[1])).Await(ctx)
			hear(text)
			return true, err
		},
		"context": constant(room),
	}.spawn(ctx)
	handle, err := room.Send(ctx, "subscribe", user).Await(ctx)
	if err != nil {
		return membership{}, err
	}
	seat, err := subscriptionUnsealer.Apply(ctx, handle).Await(ctx)
	if err != nil {
		return membership{}, err
	}
	channel, err := seat.Apply(ctx, inbox).Await(ctx)
	return membership{channel, chatSealer}, err
}

// say seals a text and has the room tell everybody. It returns what the room answers.
func (m membership) say(ctx context.Context, text string) (any, error) {
	handle, err := m.sealer.Apply(ctx, text).Await(ctx)
	if err != nil {
		return nil, err
	}
	return vat.Result[any](m.channel.Send(ctx, "send-message", handle)).Await(ctx)
}

func TestForeignUser(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		ada := w.enter("ada")
		ada.quiet()
		p := w.party("goblin", nil)
		var heard []string
		m := do(t, p, func(ctx context.Context) (membership, error) {
			return enterAsGoblin(ctx, p.node.Enliven(w.invite), func(what string) { heard = append(heard, what) })
		})
		ada.expect("goblin joined")
		ada.say("hello")
		time.Sleep(time.Second) // this inbox asks one thing after the other, and so may hear things in another order
		answer := do(t, p, func(ctx context.Context) (any, error) { return m.say(ctx, "hrm") })
		if answer != passable.Symbol("OK") {
			t.Errorf("send-message answers %#v", answer)
		}
		ada.expect("ada (you): hello", "goblin: hrm")
		ada.leave()
		time.Sleep(time.Second)
		got := do(t, p, func(context.Context) ([]string, error) { return heard, nil })
		if want := []string{"joined false", "joined true", "hello", "hrm", "left false"}; !slices.Equal(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
		if v, err := vat.Result[any](m.channel.Send(t.Context(), "leave")).Await(t.Context()); v != (passable.Undefined{}) && v != nil || err != nil {
			t.Errorf("leave answers %#v, %v", v, err)
		}
		for _, selector := range []string{"leave", "list-users"} {
			if v, _ := vat.Result[any](m.channel.Send(t.Context(), selector)).Await(t.Context()); v != passable.Symbol("CONNECTION-CLOSED") {
				t.Errorf("%s answers %#v after leaving", selector, v)
			}
		}
	})
}

// foreignRoom is a room as Endo has it.
func foreignRoom(ctx context.Context) vat.Ref {
	type seat struct{ user, inbox vat.Ref }
	var seats []seat
	tell := func(ctx context.Context, selector string, args ...any) {
		for _, s := range seats {
			_ = s.inbox.SendOnly(ctx, selector, args...)
		}
	}
	return methods{
		"self-proposed-name": constant("endo"),
		"subscribe": func(ctx context.Context, args []any) (any, error) {
			user := args[0].(vat.Ref)
			sealer, err := user.Send(ctx, "get-subscription-sealer").Await(ctx)
			if err != nil {
				return nil, err
			}
			return sealer.Apply(ctx, vat.SpawnFunc(ctx, func(ctx context.Context, args []any) (any, error) {
				inbox := args[0].(vat.Ref)
				tell(ctx, "user-joined", user)
				seats = append(seats, seat{user, inbox})
				for _, s := range seats {
					_ = inbox.SendOnly(ctx, "user-joined", s.user)
				}
				alive := true
				return methods{
					"send-message": func(ctx context.Context, args []any) (any, error) {
						if !alive {
							return "CONNECTION-CLOSED", nil
						}
						tell(ctx, "new-message", user, args[0])
						return "OK", nil
					},
					"leave": func(ctx context.Context, _ []any) (any, error) {
						if !alive {
							return "CONNECTION-CLOSED", nil
						}
						alive = false
						seats = slices.DeleteFunc(seats, func(s seat) bool { return s.user == user })
						tell(ctx, "user-left", user)
						return passable.Undefined{}, nil
					},
				}.spawn(ctx), nil
			})), nil
		},
	}.spawn(ctx)
}

func TestForeignRoom(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		room := do(t, w.host, func(ctx context.Context) (vat.Ref, error) { return foreignRoom(ctx), nil })
		var err error
		if w.invite, err = w.host.node.Publish(t.Context(), "foreign", room); err != nil {
			t.Fatal(err)
		}
		ada, bob := w.enter("ada"), w.enter("bob")
		ada.say("hello")
		bob.say("hello yourself")
		bob.expect("ada here", "entered", "ada: hello", "bob (you): hello yourself")
		bob.leave()
		ada.expect("entered", "bob joined", "ada (you): hello", "bob: hello yourself", "bob left")
		bob.expect("ended: <nil>")
		wantErr(t, bob.try("one more"), chatroom.ErrLeft)
		_, err = vat.Do(t.Context(), ada.vat, func(ctx context.Context) ([]chatroom.Line, error) { return ada.stay.History(ctx) })
		wantErr(t, err, chatroom.ErrNoHistory)
	})
}
