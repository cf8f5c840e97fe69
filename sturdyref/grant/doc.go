// Package grant holds grants: capabilities that may be published, because only the key they name can use them; that
// are passed on, narrower each time, without their origin being there; and that can be revoked later.
//
// A [Grant] is a chain of signed links. The object's home makes the first with [Issue], each holder may add the next with
// [Grant.Delegate], and what the last holder may do is what all links allow. A host that was shown a grant reads it with
// [Parse], asks a [Verifier] whether it is genuine and good, checks with [Grant.CheckPresentation] that the holder is at the other end
// of this very session, and before each call asks [Verifier.Current] and [Grant.Permits]. Which object and which facet
// of it that is, and what stands between it and the holder, is the host's: this package knows no vat and no network.
//
// What is revoked ([Grant.Revoke]) is held in a [Set], which a Verifier asks; two sets find what one of them lacks by a [Listing] of
// each, and the home of the object signs a [Receipt] when a revocation has taken effect. A [Message] is a call by mail, signed by the
// authority of a grant. A [Bearer] is a grant with the key it is for; a [Snapshot] lets others show what an object looked
// like.
//
// Nothing here reads the wall clock, keeps a table of its own or talks to anybody. What came from somebody else is
// refused with an error that matches [ErrRefused], whatever is wrong with it.
//
// The format is described in docs/grants.md of this module, with test vectors.
package grant
