package sturdyref

import "time"

// Record is an identity as its owner states it, signed: which Noise key and which signing key belong together, from
// when. Records come from a handshake or from [NewRecord]; a Record at hand has been verified.
type Record struct {
	// Static is the X25519 key, the one the designator spells.
	Static [32]byte
	// Signing is the Ed25519 key.
	Signing [32]byte
	// NotBefore is when this pair came into use, whole seconds. Of two records for one static key the later counts.
	NotBefore time.Time
}
