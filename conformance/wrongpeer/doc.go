// Package wrongpeer is a small OCapN peer that breaks one rule at a time, so that
// a conformance checker can be shown to notice.
//
// It speaks CapTP message by message and shares nothing with package captp. With
// no wrongness it keeps every clause of package conformance; each wrongness has
// the name of the one check that it fails. It is for tests only: it has no limits
// but those of package wire, and trusts its netlayer.
package wrongpeer
