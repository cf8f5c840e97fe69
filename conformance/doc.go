// Package conformance finds out which clauses of the OCapN draft a peer keeps.
//
// [Run] points at any peer, over any netlayer, and speaks CapTP with it message
// by message; it does not use this module's own sessions, because a checker has
// to say wrong things on purpose. Every demand of the draft is a [Clause]
// ([Clauses] lists them) that one check or several cover, and a [Report] says
// for each of them:
//
//	pass            what was seen agrees with the clause
//	fail            what was seen contradicts it
//	unsupported     the peer says that it does not have what is asked for
//	not reached     what the check rests on failed, or time was over; no verdict
//	not observable  it cannot be seen from outside, so no check exists
//
// The peer has to offer the objects of the public OCapN test suite under their
// well-known swiss numbers: car factory builder, echo, greeter, promise resolver
// and sturdyref enlivener. Where a check needs a gifter, a receiver or an
// exporter besides the peer, the checker plays them all.
//
// A run ends, whatever the peer does: every check is bounded in time, and so is
// the whole. What the peer sends is taken as hostile; texts of its own appear in
// a report quoted and cut.
package conformance
