package grant

import (
	"crypto"
	"errors"
	"time"

	"github.com/hawser-go/hawser/sturdyref"
)

// Receipt says that the home of an object has learned what a notice says, signed by the home: whoever has revoked a link can
// show when that took effect.
type Receipt struct {
	// Home is who says so: the subject of the grants concerned.
	Home Key
	// Link is the last one of the notice's witness: of a revocation, the link that is revoked.
	Link LinkID
	// Notice is the name of the notice: SHA-256 of the external data of its kind and its claims. See [Concern].
	Notice [32]byte
	// AsOf is when all that was given by a revoked link had ended, by the home's clock, in whole seconds: no call by it has
	// begun since, but those of messages that had been heard before, or that the notice makes an exception for.
	AsOf time.Time
}

type receiptClaims struct {
	Version uint64   `cbor:"1,keyasint"`
	Home    [32]byte `cbor:"2,keyasint"`
	Link    [32]byte `cbor:"3,keyasint"`
	Notice  [32]byte `cbor:"4,keyasint"`
	AsOf    uint64   `cbor:"5,keyasint"`
}

// SignReceipt signs that what a notice says has taken effect at its home, whose key signer is, at the moment given, or the next
// full second. The home is to have verified the notice, stored it, and ended what it revokes.
func SignReceipt(signer crypto.Signer, of Concern, asOf time.Time) ([]byte, error) {
	key, err := keyOf(signer)
	if err != nil {
		return nil, err
	}
	if key != of.Home {
		return nil, errors.New("grant: a receipt is signed by the home of the object that the notice is about")
	}
	asOf = asOf.Add(time.Second - 1) // never before it was so
	c := receiptClaims{Version: 1, Home: of.Home, Link: of.Link, Notice: of.Name, AsOf: uint64(max(asOf.Unix(), 0))}
	if c.AsOf == 0 || c.AsOf > maxSeconds {
		return nil, errors.New("grant: a receipt is of a time within the years 1970 to 9999")
	}
	payload, err := kindReceipt.codec.Marshal(c)
	if err != nil {
		return nil, err
	}
	return kindReceipt.seal(signer, payload)
}

// ParseReceipt reads what SignReceipt wrote and checks that the home that it names has signed it. Whether that is the right
// home, and the right notice, is for the caller to say: see [Receipt.Confirms]. Its error matches ErrRefused and is a *Refusal.
func ParseReceipt(b []byte) (*Receipt, error) {
	e, err := kindReceipt.open(b)
	if err != nil {
		return nil, refuse(Malformed, 0, "%v", err)
	}
	var c receiptClaims
	if err := kindReceipt.claims(e, &c); err != nil {
		return nil, refuse(Malformed, 0, "%v", err)
	}
	switch {
	case c.Version != 1:
		return nil, refuse(Malformed, 0, "version %d of a receipt, this program knows version 1", c.Version)
	case c.AsOf == 0 || c.AsOf > maxSeconds:
		return nil, refuse(Malformed, 0, "a time that is not within the years 1970 to 9999")
	case !sturdyref.StrictEd25519(c.Home) || !kindReceipt.verify(c.Home, e):
		return nil, refuse(Forged, 0, "the receipt is not signed by %s", Key(c.Home))
	}
	return &Receipt{Home: c.Home, Link: c.Link, Notice: c.Notice, AsOf: seconds(c.AsOf)}, nil
}

// Confirms reports whether r is by the home that a notice is about, and of that notice.
func (r *Receipt) Confirms(of Concern) bool {
	return r.Home == of.Home && r.Link == of.Link && r.Notice == of.Name
}
