// Package program holds the objects of a festival's programme: what there is when and where, who may say so, and who is told.
//
// Nobody keeps it all. The festival is at home at its admin's peer: what it is called, its days and stages, and EVENTS, the
// list of what there is. An event is at home at its organiser's peer, and what it is, is said there alone; EVENTS keeps a
// reference to it, and what it has last said, with its version and the time. So everybody can read the programme while
// organisers are away, and organisers can change their events while the admin is.
//
//	Visitor    reads: what is new since a change, what an event's home says now; is told when there is something new
//	Organiser  is a visitor who may add events
//	Admin      is a visitor who may take events off the list and put them back, and say what the festival is; not change an event
//	Owner      of an event, changes it, or ends it: at its home, wherever the list is
//	Slot       is what an event's home has of the list: the permission to say what stands there
//
// Each is a facet, made for a holder by a [Maker]: [Roles] has those of a festival, [OwnerOf] that of an event. A visitor is
// led to nothing that could be changed: the references in what it reads are the festival's own readers.
//
// All of them are objects of durable vats. What an organiser says is stored at the organiser's peer until the festival has it, by
// whatever way and after however many restarts of either, and takes effect once; what a listener is told waits likewise, one
// message at the most.
//
// What an event's home says it signs (see [Snapshot.Genuine]). The festival takes nothing else, and readers believe the festival
// nothing else: it can keep an event from them, but not change it.
//
// # What a program does
//
// An admin's has a festival, whose roles it offers for grants:
//
//	f, err := program.OpenFestival(ctx, v, info)
//	visitor := hawser.Role{Open: func(ctx context.Context, h hawser.Holder) (vat.Ref, error) {
//		holder, err := program.HolderOf(ctx, f, h.Key, from)
//		...
//		return program.Roles(f)[program.AsVisitor](ctx, holder)
//	}}
//	id, err := node.Offer(ctx, "festival", v, map[string]hawser.Role{"visitor": visitor})
//
// Everybody's has a [Copy] to read, and an organiser's a [Desk] with its events. [Peer] is these together, for whoever shows them
// to people; it follows the festival of which it [Peer.Accept]s a facet, such as node.Redeem returns.
//
// # What others can cost
//
// 512 events, 64 of one holder; 256 listeners, 8 of one holder, each with one message under way; texts of 2000 bytes. Whoever
// says more is refused, by a code; what does not look like what it is, control characters say, is refused, too. A peer
// believes the festival as little: what does not pass these checks is not kept.
package program

import "github.com/hawser-go/hawser/vat"

// Kinds are the kinds of durable objects of this package, for the node's configuration. ring has the keys by which what is said of
// events that are at home with the node is signed: those that grants of organisers are for. It may be nil where there are none.
func Kinds(ring Keyring) []vat.Kind {
	return []vat.Kind{festivalKind, eventsKind, listingKind, passKind, earKind, eventKind(ring), ownerKind, deskKind(ring), copyKind, loanKind, lendingKind}
}
