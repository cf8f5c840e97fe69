package grant

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"reflect"

	"github.com/veraison/go-cose"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/sturdyref"
)

// A kind is one sort of signed object. Each is a COSE_Sign1 (RFC 9052, section 4.2) whose headers are constant and whose
// external data, signed but not sent, is another for each kind: no object passes for one of another kind.
type kind struct {
	name      string
	aad       []byte
	protected []byte // the content of the protected header's byte string
	headers   cose.Headers
	codec     *detcbor.Codec // for the envelope and the claims
	maxBytes  int
}

// The kinds.
var (
	kindLink         = newKind("grant", "grant", MaxLink)
	kindPresentation = newKind("presentation", "present", 512)
	kindRevocation   = newKind("revocation", "revoke", maxRevocation)
	kindHead         = newKind("head", "head", 512)
	kindMessage      = newKind("message", "msg", MaxMessage)
	kindSnapshot     = newKind("snapshot", "snapshot", 512)
	kindReceipt      = newKind("receipt", "receipt", 512)
)

func newKind(name, domain string, maxBytes int) *kind {
	k := &kind{name: name, aad: []byte("hawser/" + domain + "/v1"), maxBytes: maxBytes}
	content := "application/hawser-" + name + "+cbor"
	// {1: -8 (EdDSA), 16: content}, written by hand because it is compared byte for byte.
	k.protected = append([]byte{0xa2, 0x01, 0x27, 0x10, 0x78, byte(len(content))}, content...)
	k.headers = cose.Headers{
		RawProtected:   append([]byte{0x58, byte(len(k.protected))}, k.protected...),
		RawUnprotected: []byte{0xa0},
		Protected: cose.ProtectedHeader{
			cose.HeaderLabelAlgorithm: cose.AlgorithmEdDSA,
			cose.HeaderLabelType:      content,
		},
		Unprotected: cose.UnprotectedHeader{},
	}
	var err error
	k.codec, err = detcbor.New(detcbor.Limits{
		Bytes: maxBytes, Depth: 4, Elements: MaxCuts,
		Tags: map[uint64]reflect.Type{cose.CBORTagSign1Message: reflect.TypeFor[envelope]()},
	})
	if err != nil {
		panic(err)
	}
	return k
}

// envelope is a COSE_Sign1 as it travels, under tag 18.
type envelope struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected struct{} // exactly an empty map
	Payload     []byte
	Signature   [64]byte
}

// seal signs payload and returns the envelope. It checks the signature it was given.
func (k *kind) seal(signer crypto.Signer, payload []byte) ([]byte, error) {
	key, err := keyOf(signer)
	if err != nil {
		return nil, err
	}
	s, err := cose.NewSigner(cose.AlgorithmEdDSA, signer)
	if err != nil {
		return nil, fmt.Errorf("grant: %w", err)
	}
	m := cose.Sign1Message{Headers: k.headers, Payload: payload}
	if err := m.Sign(rand.Reader, k.aad, s); err != nil {
		return nil, fmt.Errorf("grant: the signer does not sign: %w", err)
	}
	b, err := m.MarshalCBOR()
	if err != nil {
		return nil, fmt.Errorf("grant: %w", err)
	}
	if len(b) > k.maxBytes {
		return nil, fmt.Errorf("grant: a %s has at most %d bytes, this one would have %d: say less in it", k.name, k.maxBytes, len(b))
	}
	e, err := k.open(b)
	if err != nil {
		return nil, err
	}
	if !k.verify(key, e) {
		return nil, fmt.Errorf("grant: the signer made a signature that its public key %s does not verify", key)
	}
	return b, nil
}

// open takes an envelope apart, whose signature nobody has checked yet.
func (k *kind) open(b []byte) (*envelope, error) {
	e := new(envelope)
	if err := k.codec.Unmarshal(b, e); err != nil {
		return nil, fmt.Errorf("the envelope of a %s: %w", k.name, err)
	}
	if !bytes.Equal(e.Protected, k.protected) {
		return nil, fmt.Errorf("the protected header is not that of a %s", k.name)
	}
	return e, nil
}

// claims decodes the payload of e into v, a pointer to a fresh value.
func (k *kind) claims(e *envelope, v any) error {
	if err := k.codec.Unmarshal(e.Payload, v); err != nil {
		return fmt.Errorf("the claims of a %s: %w", k.name, err)
	}
	return nil
}

// verify checks the signature of e, strictly: see sturdyref.Verify. This is the expensive step. The key comes from a
// Grant, or was looked at as Parse does.
func (k *kind) verify(key Key, e *envelope) bool {
	if !sturdyref.StrictEd25519([32]byte(e.Signature[:32])) {
		return false
	}
	v, err := cose.NewVerifier(cose.AlgorithmEdDSA, ed25519.PublicKey(key[:]))
	if err != nil {
		return false
	}
	m := cose.Sign1Message{Headers: k.headers, Payload: e.Payload, Signature: e.Signature[:]}
	return m.Verify(k.aad, v) == nil
}
