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
// share a dial. When two peers dial each other at the same moment the connection dialled by the one with the higher
// static key stays; what was to be sent on the other goes out on it, in order, with its proofs made anew.
//
// # The bootstrap object
//
// Every session offers at position 0 an object with these methods:
//
//   - fetch(secret): the published object. The secret is a fetch proof bound to the session (package sturdyref), or, from
//     peers that do not make proofs, the swiss number itself, a ByteArray or a String.
//   - prove(id): proof that this side, too, knows the secret with that public name. A caller who awaits it before it
//     says more knows that it speaks to who made the sturdyref, even if that one's static key was stolen.
//   - challenge(): a fresh key to which the proof of a capability key is bound, good for one fetch.
//
// Every refusal is the same: an unknown, a revoked and a wrong secret cannot be told apart.
package home
