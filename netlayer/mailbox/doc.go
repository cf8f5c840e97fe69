// Package mailbox is how two peers that are never online together go on with what they have begun: the frames of their link
// travel as letters, which somebody keeps in the meantime and can neither read, forge nor change.
//
// A letter holds frames of one direction of a link, how far the sender has taken the frames of the other, or both. It is
// sealed to a prekey of the recipient ([Prekeys], [Bundle]), or, by who has nothing but a sturdyref, to the recipient's static
// key and the sturdyref's secret ([Secret]); inside it is signed by the sender. [Sealer] makes letters and [Opener] opens them,
// [Outbox] says what is to be sent, and sent again, and [Inbox] puts what comes into order, once each. Where letters wait is
// a [Dropper] to those who send and a [Drainer] to the one who receives; package mailroom has the objects.
//
// docs/mailbox.md says byte by byte what a letter is, what is promised, and how a link uses this package.
//
// Nothing here has a clock: who calls says what time it is. Letters, bundles and what boxes answer may come from anybody;
// they are bounded, and every error about them is typed.
package mailbox
