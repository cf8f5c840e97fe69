// Package chatroom holds the objects of a chat: a room, its users, and what they hand each other.
//
// They are those of goblin-chat, the chat of Spritely Goblins that Endo speaks too, with the same selectors and the same
// meaning. What Hawser adds is marked; a peer that does not know it notices nothing.
//
//	Room       self-proposed-name → text; subscribe user → a sealed Finalizer; enroll (added)
//	User       self-proposed-name → text; get-chat-sealed? → Predicate; get-chat-unsealer → Unsealer;
//	           get-subscription-sealer → Sealer
//	Finalizer  a function: inbox → Channel, once
//	Channel    send-message sealed → OK; leave; list-users; history (added)
//	Inbox      new-message user sealed; user-joined user; user-left user; context → Room. All but the last are one-way.
//	Sealer     a function: value → Sealed;  Unsealer: Sealed → value;  Predicate: Sealed → bool
//
// # How somebody joins
//
// A person who wants in calls subscribe with their user object. The room asks that user for its subscription sealer and
// answers with a Finalizer that only the person behind the user can unseal. So anybody who has met a user may hand it to
// any room, but only its owner can take the seat. Called with an inbox the Finalizer gives a Channel, the permission to
// speak, and from then on the inbox hears who comes, who goes and what is said.
//
// # How a message proves who wrote it
//
// A message travels as a sealed box. Whoever gets one asks its author's own unsealer what is inside, which works only for
// a box that this author sealed. A member cannot speak in the name of another. The room can, as long as what members send
// each other passes through it: see the README.
//
// # What a program does
//
// A host makes a room, and a way to it:
//
//	room, err := vat.Do(ctx, node.Vat("room"), func(ctx context.Context) (chatroom.RoomRef, error) {
//		return chatroom.NewRoom(ctx, "lobby", nil), nil
//	})
//	invite, err := node.Publish(ctx, "lobby", room.Ref)
//
// and whoever was given that makes a [Person], in a vat of its own, and has it join:
//
//	room := vat.As[chatroom.RoomRef](node.Enliven(invite))
//	stay, err := vat.Do(ctx, node.Vat("person"), func(ctx context.Context) (*chatroom.Stay, error) {
//		return chatroom.NewPerson(ctx, "ada").Join(ctx, room, show)
//	})
//
// after which show is told what happens. What can be done with a [Stay] is done in turns of the same vat:
//
//	_, err = vat.Do(ctx, node.Vat("person"), func(ctx context.Context) (any, error) {
//		return nil, stay.Say(ctx, "hello")
//	})
//
// # What lasts
//
// Nothing above outlives a process. A room with a [Book], an object of a durable vat, has seats besides: who has a [Desk] in a
// durable vat may [RoomRef.Enroll], and gets a [Seat]. What is said in the room goes into the book, and from there, from durable
// object to durable object, to the desks; what is said at a desk goes to the seat, and into the book. So all of that waits where
// it must, for a connection, a letter or a start, and takes effect once and in order, and the protocol has no part in it: in the
// room each seat has a person of the host's, who says what the seat says. See lasting.go, and [NewLasting] for how a host begins.
//
// # What others can cost
//
// Everything a member can make a room keep is bounded by [Limits]. The room tells each member what happens at that member's
// own pace, and shows those out who fall too far behind or do not answer, so that nobody holds up the others. A person
// believes a room nothing either: who is in it and what they have not yet unsealed is bounded, somebody who does not answer
// delays the others by a second at the most, and all text is made safe to print.
package chatroom
