// Package home is what a node does for itself: it keeps one session with each peer, lets peers in or turns them away,
// and holds the registry of what is published, which a peer reaches through the bootstrap object with the secret of a
// sturdyref.
//
// Most programs use it through the root package, whose Node opens the directory, the netlayer and a Home over them.
//
// # One session with each peer
//
// A [Home] acts under one identity. All it holds at a peer goes over one session, which is dialled when the first
// sturdyref of that peer is enlivened and dialled again, when it has ended, by the next. Several enlivenings at once
// share a dial if they show the same secret and look for the peer at the same addresses. When two peers dial each other
// at the same moment the connection dialled by the one with the higher static key stays; what was to be sent on the
// other goes out on it, in order, with its proofs made anew. Whoever has waited for the other's connection in vain dials
// again, and is let in. An incoming connection of a peer that has a session already
// takes its place: the peer was restarted.
//
// # What goes out, and to whom
//
// A dial because of a sturdyref succeeds only with a peer that has the sturdyref's secret, too, and everything sent to
// the reference goes with it. Over a session that was opened for another reason, or by the peer, the other side is asked
// to prove the secret first (prove, below), once for each secret and session; until then what is sent to the reference
// waits. So somebody who stole a peer's static key hears no call that was meant for the peer.
//
// A swiss number is never sent to a peer on a netlayer whose sessions have a binding, unless it is too weak to be a key:
// short, or text.
//
// # The bootstrap object
//
// Every session offers at position 0 an object with these methods:
//
//   - fetch(secret): the published object. The secret is a fetch proof bound to the session (package sturdyref); or the
//     swiss number itself, a ByteArray or a String; or the symbol 'admitted, for what the secret shown in this session's
//     handshake by the one who asks stands for.
//   - prove(id): proof that this side, too, knows the secret with that public name: [sturdyref.ProofKey.Serve], with the
//     key of the swiss number, of the door's secret, or, for a capability key, the one that the holder gets with
//     ProofKey(static, static), where static is this side's static key.
//   - challenge(): the key to which proofs of capability keys are bound in this session, made when first asked for.
//   - deposit-gift(id, reference), withdraw-gift(certificate): the exporter's part in handoffs, as in the CapTP
//     Specification. A gift can be withdrawn as often as it was deposited, and a withdrawal may come first. Over sessions
//     that last these are stored with the frames that say them.
//   - relay-gift(id): what the peer was given under that id, by way of this node; for peers that announce
//     captp.FeatureRelaysGifts.
//
// Every refusal of a secret is the same: an unknown, a revoked, an unpublished and a wrong one cannot be told apart,
// neither by the answer nor by the work it takes. The answer of prove for a name that is unknown looks like any other.
//
// # Handoffs
//
// What a peer sends of a third party's comes with a certificate, which the Home takes to that party: it dials it if there
// is no session, where [HandoffPolicy] allows, and gives way to what this node itself wants of the same peer. Messages
// wait meanwhile. What cannot be had so comes by way of the one who sent it, if it announces that; else the reference
// breaks or, if its session lasts, is tried again. A certificate opens a closed door.
//
// # Limits
//
// What others can make a Home hold is bounded: their sessions in all, from one source and without a name ([Door]), those
// of one identity that are coming to their ends, what each may hold (captp.Limits), and the gifts that wait in each. So
// are the dials that certificates cause, and what this side's own Enliven can pile up: dials under way, and enlivenings
// that wait for one.
package home
