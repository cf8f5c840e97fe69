// Package sturdyref holds what names and opens things across the network: locators of peers and objects
// (OCapN draft, "Locators"), swiss numbers and the keys derived from them, capability keys, identities and their
// signed records.
//
// Nothing here talks to a network or keeps a table; these are values. Those that are secrets ([SwissNum], [Keys],
// [Capability], [KeyPair], and a [Ref] as a whole) never print by accident: String, Format, logging and marshalling
// show a placeholder, and a method called Reveal or URI gives the secret on purpose.
package sturdyref
