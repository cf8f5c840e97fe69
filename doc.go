// Package hawser runs objects that send messages to each other, within a process and between peers, over an encrypted
// connection that needs no server, no certificate authority and no account.
//
// A reference is the permission: an object can be reached by whoever was given a reference to it, and by nobody else. A
// reference becomes text, a sturdyref, by [Node.Publish], and text becomes a reference by [Node.Enliven]. What lies
// between are ordinary Go interfaces, calls that return promises, and calls on those promises, which cost no round trip.
//
//	node, err := hawser.Open(ctx, &hawser.Config{Dir: dir}) // nil keeps everything in memory
//	v := node.Vat("rooms")
//	room, err := vat.Do(ctx, v, func(ctx context.Context) (vat.Ref, error) {
//		return RoomFacet.Spawn(ctx, &room{}), nil
//	})
//	invite, err := node.Publish(ctx, "lobby", room)
//	fmt.Println(invite.URI()) // whoever has this line has the room
//
// and elsewhere
//
//	invite, err := sturdyref.Parse(line)
//	room := node.Enliven(invite) // returns at once, dials behind the scenes
//	topic, err := vat.Result[string](room.Send(ctx, "topic")).Await(ctx)
//
// A reference breaks, for good, when its session is lost: one got by [Node.Live] comes back.
//
// Most programs need this package, package vat for objects and references, package promise for waiting, and package
// sturdyref to read a sturdyref from text. The others are for those who look inside, or build on CapTP themselves.
//
// The protocol is CapTP of OCapN (https://ocapn.org), carried by QUIC under a Noise handshake into which the swiss number
// of the sturdyref is mixed: see docs/noise-quic.md.
package hawser
