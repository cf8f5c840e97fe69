// Package warden stands between the holders of grants and the objects that these are about.
//
// A grant (package sturdyref/grant) is a chain of signatures: who holds it may be anywhere, and whoever issued it away. It
// becomes a reference at the object's home, where an [Office] checks it, opens the role that it names, and gives the holder a
// mandate: an object of the object's own vat that passes on what every link permits. What is checked and what is done are one
// turn, so that a revocation has come before a call or after it, and never in between.
//
//   - What is reached by way of a mandate goes with it, unless the role says otherwise ([Role]): references that cross it in
//     arguments and answers are wrapped. Methods, arguments and uses are conditions on calls to the object of the grant
//     itself; time and revocation end what was reached as well. A call that fails is undone and no use: whoever lets others
//     guess counts for themselves (vat.Keep).
//   - When a link is revoked or a grant expires every mandate of it is over: calls break with ErrOver, also those that
//     wait, and what it led to is let go of.
//   - What was revoked an office learns from anybody, since it proves itself, also of grants of other homes if the program verifies
//     those; offices tell each other what they have heard (Office.Exchange), and a home signs a receipt of what has taken effect.
//   - A grant also speaks in messages, calls that its holder has signed and anybody may carry. Each is heard once, and its author
//     alone is told what it has come to (Office.Answer).
//   - In a durable vat mandates are durable: they, what was reached by way of them and how often they were used are there
//     after a restart.
//
// Programs reach all this through the root package; package home brings grants over sessions.
package warden
