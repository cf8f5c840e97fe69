// Package captp speaks CapTP, the protocol of OCapN: a [Session] is the conversation of one node with one peer, over any
// netlayer. It turns messages to far references into operations, and the peer's operations into messages for the vats of
// this process.
//
// Programs do not use it: package home opens and ends sessions. It is for those who connect vats by other means, and for
// tools that look at the protocol.
//
// # Facts to rely on
//
// Besides those of package vat:
//
//  1. Messages on one reference arrive at the peer in the order sent, also those sent down a promise before and after it
//     settled, and those of other peers that come by way of this node. A promise that has been used is shortened only
//     when nothing can be overtaken: its answer is data; or something of the same peer, which moves a promise's queue
//     before it announces the answer ([FeatureMovesQueues]); or something of this process, when a message there and back
//     has shown that what was sent down the promise has come through. That takes one more round trip before the promise
//     settles. A promise of a peer that does not announce the feature is never shortened once used. One that turns out to be
//     something of a third party, handed off, is asked for once more, behind what was sent down it, before it settles.
//  2. A pipelined call costs no round trip, however deep the chain.
//  3. When the session ends every answer that is due breaks, once, with an [EndError], which unwraps to net.ErrClosed;
//     whether the call ran is not known.
//  4. An object of this process that comes back from the peer is the same reference; a position of the peer's is the same
//     reference for as long as somebody holds it.
//  5. References are given back to the peer with the exact number of its mentions, once nobody holds them; those that no
//     handler ever saw, at once.
//  6. An error crosses as its code and message. An error without a code crosses as a number that is found, with the text,
//     in the log of the side where it happened; when there are very many the log takes ten a second and the others have
//     no number. No error from the peer is equal to one of the runtime's.
//  7. A peer that breaks the protocol, or goes beyond a limit that is its to keep, gets op:abort with the reason; other
//     sessions do not notice. This side beyond its own limits gets vat.ErrOverloaded, and no message after one that was
//     refused and that nobody waits for. What a peer sends through this node to a third never takes more than half of
//     what that session has room for. What waits is counted by the memory it takes ([Limits]).
//  8. A session that lasts ([Ledger]) goes on after a restart of either process, or of both: what one durable object sends to
//     another arrives once, in order, and what it is answered comes to whoever waits for it in a stored way. What is sent to
//     an object of an ephemeral vat arrives at most once; after a restart such objects are lost, and calls on them break with
//     vat.ErrLost.
//  9. References of one identity do not pass over a session of another: [ErrOtherIdentity].
//
// A reference to an object of a third party crosses as a certificate ([Handoffs]), where both sessions have been greeted
// and the receiver can be expected to reach the exporter. Else it is exported like an object of this process, and messages
// to it are forwarded: this node stands between the two for as long as they speak.
//
// Not promised: that what was sent before a session was lost has run, or has not; any order between what travels on
// different references, or between what two peers send by way of a third that does not announce [FeatureMovesQueues];
// that garbage which forms a ring across two nodes is ever collected, or that a promise settles which two nodes resolve
// to each other; that a peer bears any number of messages that want no answer: nothing tells the sender how many still
// wait there, so make a call, and wait for it, now and then.
package captp
