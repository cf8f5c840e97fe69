package hawser

import (
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// Live returns a reference to the object a sturdyref stands for that comes back by itself: when its session is lost — the
// peer was restarted, or out of reach for longer than Config.Grace — the object is had again, over a new one, as soon as the
// peer can be reached. [Node.Enliven] is for what is wanted now or not at all; Live is for what a program goes on using.
//
// It returns at once. While the reference leads nowhere, at first too, what is sent to it waits: Config.Limits.MaxOpening
// messages at the most, one more is refused with vat.ErrOverloaded. When the session is lost, what was under way breaks as on
// any reference, and so does what a vat sends before it has been told, by a turn of its own; what it sends after that turn
// goes to the object as it is then. No message that was sent before a loss arrives after it, and none after one that was lost
// of which its sender had not heard: see [vat.Live]. vat.OnSever and vat.OnRestore tell a vat of it. Code outside turns
// cannot be told: what it sends goes to what there is. If one message must not arrive without the one before, wait for that
// one's answer, send both in turns, or send them to vat.Present of the reference, which is ordinary, and breaks.
//
// A peer that cannot be reached is tried for as long as anybody holds the reference, after pauses that grow to a minute, at
// all addresses that are known; all live references of a peer come back with one session, and also with one that the peer
// itself begins. The reference breaks for good when the peer refuses the secret, with ErrRefused: at once if it has never
// led anywhere, else when it has been refused for two minutes, since a peer that was restarted may not have published
// everything yet. It breaks with the node's Close. vat.OnSever is called then, too.
//
// Durable objects of the node that Open returned may keep a live reference: with a Dir it is stored as its sturdyref and had
// again after a restart, when it counts as one that has led somewhere. What they send on it arrives at most once.
//
// The same sturdyref gives the same live reference as long as somebody holds it; it is not == to the reference that it leads
// to. Peers are given the latter, which is theirs to lose: what is published in front of a live reference stays broken for
// those who have used it when the session behind it is lost, unless it is an object that sends on by itself, such as a
// [vat.SpawnProxy].
func (n *Node) Live(ref sturdyref.Ref) vat.Ref { return n.home.Live(ref) }
