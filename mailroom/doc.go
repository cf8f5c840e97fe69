// Package mailroom has the objects of a mailbox server: boxes in which letters of netlayer/mailbox wait for their owner.
//
// They are durable objects (list [Kinds] in Config.Kinds), each reached through the references it has given out and by no other
// way:
//
//   - the [Host] is for the program that keeps the objects, and stays in its process;
//   - the [Office] makes boxes and closes them, for who runs the server;
//   - the [Box] is its owner's: it pushes letters to a subscriber until they are done, makes and revokes drops, and keeps the
//     owner's prekeys for those who write;
//   - a [Drop] puts letters into one box, one for each of the owner's peers, within limits of its own. What it refuses it
//     refuses with an error that the peer gets.
//
// [NewDropper] and [NewDrainer] are the other side's view of a drop and of a box.
//
// The server sees sizes of letters (powers of two), when they come and go, by which drop, and how long they are to be kept, in days.
// It does not see what is in them, who has sent them, or in what order they belong. A drop costs the same however much is in the
// box: a letter is an object of its own in a list, and what a turn does not touch is not written.
package mailroom

import "github.com/hawser-go/hawser/vat"

// Kinds returns the kinds of the objects of this package, for hawser.Config or vat.DepotConfig.
func Kinds() []vat.Kind {
	return []vat.Kind{officeKind, boxKind, rosterKind, dropKind, letterKind, contentKind}
}
