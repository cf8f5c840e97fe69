// Package link makes frames outlive the connections that carry them.
//
// [New] wraps a netlayer. Where both ends of a connection announce [netlayer.FeatureResume], what Connect and
// Incoming.Accept return is a link: a [netlayer.Conn] that goes on, when its connection is lost, with the next one to the
// same peer. With everybody else the connection is handed up as it is.
//
// A link numbers the frames of each direction, keeps those that the peer has not acknowledged, and writes them again after
// a loss. The side that dialled dials again, or the other if it is told where ([netlayer.Reacher]); whoever is dialled tells,
// behind the same proof of identity as ever, how far it has come, after it has stopped reading the connection there was. So every frame arrives once and in order, or the link
// ends: with an error that unwraps to net.ErrClosed, as every connection does.
//
// # What holds
//
//  1. While both processes live, and the peer is reached again within the grace, each frame written is read exactly once
//     and in order, however many connections that takes.
//  2. A frame is acknowledged when it was handed back (netlayer.Frame.Done), not when it arrived. What the peer has not
//     acknowledged is in memory here, at most Config.Buffer bytes of it; then Write waits.
//  3. A link ends for good with Close of either side, with the end of either process, when the grace is over, when what the
//     peer says about its position cannot be, or when this side holds more suspended links than it may. Whatever was
//     written and not acknowledged by then may or may not have been read.
//
// With a Config.Store links may also outlive their process ([netlayer.Lasting]):
//
//   - Frames go out, and the peer's are acknowledged, when the transaction that says so is on the disk. Whoever keeps its own
//     state in those transactions reads each frame exactly once, whichever process is killed whenever.
//   - Instead of the grace there is a lease since the last contact, and Close is no end: the link is there again ([Netlayer.Kept])
//     until it is forgotten.
//   - A directory that is in use twice, and one that was put back to an earlier state, are found out: [ErrIdentityInUse],
//     [ErrRolledBack].
//   - While there is no connection frames may go by mail ([Mail]).
//
// And of all links:
//
//  4. Info is that of the first connection for the link's life, the binding included.
//  5. Whoever takes over a link has proven both the static key that began it and a secret that was said inside its first
//     connection: who steals a static key later resumes nothing, and is resumed with by nobody.
//
// docs/link.md has the frames byte by byte, the states, the limits and the attacks considered.
//
// Resumptions come in by Accept: a node whose peers dial it must keep calling it. That a connection is lost comes out by
// Read: whoever stops reading does not learn.
package link
