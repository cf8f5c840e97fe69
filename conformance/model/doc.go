// Package model checks, exhaustively, that messages on one reference keep their order while promises resolve, are
// shortened and are handed off to third parties: a [Scenario] is searched breadth first through every order in which its
// peers, vats and connections can act, under a [Policy] that says how the peers treat promises.
//
// The state is that of the published model of OCapN's promise resolution (kumavis/ocapn-tla-plus): each peer has a table
// of references, which are local or remote, targets or promises; messages wait in promises and on one FIFO channel for each
// ordered pair of peers. A [Turn] sees its own peer only. The policies of that model are here too, so that its results can
// be compared (TestPublished has them cell by cell, and says where and why they differ). What it leaves out is modelled:
// several senders, of one peer and of several; sessions that are lost at any moment; handoffs in every place, with deposit
// and withdrawal in either order, and given again; promises as gifts; peers that cannot reach each other, that only
// forward, or that are of another make.
//
// # Invariants
//
//   - EndToEndRefFIFO: the messages of one vat on one reference arrive in the order sent, whatever became of the reference.
//   - NoHoles: also when sessions are lost, what arrives of them is a beginning of what was sent: no message arrives after
//     one that did not.
//   - NoMessageLost: if no session is lost every message arrives, once, and no promise breaks.
//   - PairingInvariant: a remote reference names one that its host has, or is about to hear of.
//   - GiftOneShot, GiftHasOneRecipient: a gift is deposited and withdrawn at most once, by the peer it is for; one that is
//     given again under the same number is withdrawn at most as often as it is deposited.
//   - WireDescriptorContract: a reference is named as the sender's, the receiver's or a third peer's, and is.
//   - NoDeadlock: when nothing can happen any more nothing waits, in a promise, on a channel or for a gift.
//   - EveryPromiseSettles: then every promise that Hawser peers listen to at Hawser peers has settled or is broken.
//   - EveryRunEnds: no state can be reached from itself, so that what holds at the ends of runs holds for all runs.
//   - KnownMessage: nobody sends what the receiver has no use for.
//   - NoCycle: no reference leads to itself.
//
// # Not modelled
//
// Answers that are data, since nothing can be overtaken there; limits and refusals because of them; garbage collection;
// sessions that come back after a loss otherwise than for a gift; promises that are resolved to each other in a ring;
// certificates and their checks; peers that lie. Within one peer the delivery to a vat is one step: that vats keep the
// order of their inboxes, and that a promise's queue moves in order, is tested on the code itself. Scenarios have at most
// four peers and a few messages: the result is a proof for these, and evidence for the others.
package model
