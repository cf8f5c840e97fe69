package msg

import (
	"bytes"
	"fmt"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
)

// SigEnvelope is a signed certificate (desc:sig-envelope). As an argument one
// around a HandoffGive stands for a reference of a third party, and one around a
// HandoffReceive is what withdraws it. It is a passable.Opaque and immutable.
type SigEnvelope struct {
	Signed    any    // *HandoffGive or *HandoffReceive
	Encoded   []byte // the encoding of Signed as it came or was signed: the signature is over that
	Signature [64]byte
}

// HandoffGive is the gifter's certificate: whoever holds ReceiverKey may have the
// gift (desc:handoff-give).
type HandoffGive struct {
	ReceiverKey [32]byte       // the receiver's key in its session with the gifter
	Exporter    sturdyref.Peer // where the gift is
	Session     [32]byte       // id of the session between gifter and exporter
	GifterSide  [32]byte       // the gifter's public identifier in that session
	GiftID      any            // []byte, 32 random ones; older peers send an integer or a string
}

// HandoffReceive is the receiver's certificate, with the gifter's in it
// (desc:handoff-receive). It is signed with the key that the give names.
type HandoffReceive struct {
	Session [32]byte // id of the session between receiver and exporter
	Side    [32]byte // the receiver's public identifier in that session
	Count   uint64   // not used before in that session
	Give    *SigEnvelope
}

// PassableEqual reports whether other holds the same bytes and signature.
func (e *SigEnvelope) PassableEqual(other passable.Opaque) bool {
	o, ok := other.(*SigEnvelope)
	return ok && o != nil && e != nil && bytes.Equal(e.Encoded, o.Encoded) && e.Signature == o.Signature
}

// Format writes what kind of certificate e is, and no bytes.
func (e *SigEnvelope) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "<desc:sig-envelope %T>", e.Signed)
}

// SturdyRef is a sturdyref as an argument (ocapn-sturdyref). Like the sturdyref
// inside it does not print its secrets.
type SturdyRef struct{ sturdyref.Ref }

// PassableEqual reports whether other is a sturdyref of the same object at the
// same peer, whatever the hints.
func (s SturdyRef) PassableEqual(other passable.Opaque) bool {
	o, ok := other.(SturdyRef)
	return ok && s.Peer.ID() == o.Peer.ID() && s.Swiss.Equal(o.Swiss)
}

// Locator is the locator of a peer as an argument (ocapn-peer).
type Locator struct{ sturdyref.Peer }

// PassableEqual reports whether other locates the same peer, whatever the hints.
func (l Locator) PassableEqual(other passable.Opaque) bool {
	o, ok := other.(Locator)
	return ok && l.ID() == o.ID()
}
