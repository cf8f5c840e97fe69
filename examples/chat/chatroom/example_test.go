package chatroom_test

import (
	"context"
	"fmt"

	"github.com/hawser-go/hawser/examples/chat/chatroom"
	"github.com/hawser-go/hawser/vat"
)

// A room and the people in it, each in a vat of their own: here in one process, where the reference to the room is just
// passed. Over the network the only difference is that it comes from Node.Enliven.
func Example() {
	ctx := context.Background()
	rooms, people := vat.New(nil), vat.New(nil)
	defer rooms.Close()
	defer people.Close()

	room, _ := vat.Do(ctx, rooms, func(ctx context.Context) (chatroom.RoomRef, error) {
		return chatroom.NewRoom(ctx, "lobby", nil), nil
	})

	seen := make(chan string, 10)
	show := func(_ context.Context, e chatroom.Event) {
		if e.Kind == chatroom.Said {
			seen <- fmt.Sprintf("<%v> %s", e.Who, e.Text)
		}
	}
	join := func(nick string, see chatroom.Observer) (*chatroom.Stay, error) {
		return vat.Do(ctx, people, func(ctx context.Context) (*chatroom.Stay, error) {
			return chatroom.NewPerson(ctx, nick).Join(ctx, room, see)
		})
	}
	ada, err := join("ada", show)
	if err != nil {
		fmt.Println(err)
		return
	}
	bob, err := join("bob", func(context.Context, chatroom.Event) {})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, line := range []struct {
		by   *chatroom.Stay
		text string
	}{{ada, "hello, bob"}, {bob, "hello yourself"}} {
		_, err := vat.Do(ctx, people, func(ctx context.Context) (any, error) { return nil, line.by.Say(ctx, line.text) })
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(<-seen)
	}
	// Output:
	// <ada (you)> hello, bob
	// <bob> hello yourself
}

// Sealed boxes can be passed through anybody's hands: only the unsealer made with the sealer opens them.
func ExampleUserRef() {
	ctx := context.Background()
	people := vat.New(nil)
	defer people.Close()
	ada, _ := vat.Do(ctx, people, func(ctx context.Context) (chatroom.UserRef, error) {
		return chatroom.NewPerson(ctx, "ada").User(), nil
	})

	// What Ada's user gives to everybody: the sealer of her subscriptions, but not the unsealer; and the unsealer of her
	// messages, but not the sealer.
	box, _ := ada.GetSubscriptionSealer(ctx).Call(ctx, ada).Await(ctx)
	_, err := ada.GetChatUnsealer(ctx).Call(ctx, box).Await(ctx)
	fmt.Println(err)
	sealed, _ := ada.GetChatSealed(ctx).Call(ctx, box).Await(ctx)
	fmt.Println(sealed)
	// Output:
	// caps: not sealed by the sealer that belongs to this unsealer
	// false
}
