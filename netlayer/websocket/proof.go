package websocket

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/syrup"
)

// Everything that is signed here. Each form is read by writing it anew and comparing, which Syrup, having one encoding for
// each value, allows.

const (
	nonceSize = 32
	// oldChallenge is the size of what Goblins 0.17 and before wants signed. No record of ours may have it.
	oldChallenge = 64
	// maxHello and maxEnvelope bound the messages before CapTP.
	maxHello    = 128
	maxEnvelope = 512
)

var base32Encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Designator returns the designator of a public key.
func Designator(public ed25519.PublicKey) string { return base32Encoding.EncodeToString(public) }

// designatorKey returns the key that a designator spells. There is one spelling for each.
func designatorKey(designator string) (key [32]byte, err error) {
	b, err := base32Encoding.DecodeString(designator)
	if err != nil || len(b) != len(key) || Designator(b) != designator {
		return key, errors.New("the designator is not an Ed25519 public key in base32, lower case, without padding")
	}
	key = [32]byte(b)
	if !sturdyref.StrictEd25519(key) {
		return key, errors.New("the designator spells no Ed25519 key, or one for which anybody can sign")
	}
	return key, nil
}

// hello returns <init:peer-auth nonce>.
func hello(nonce []byte) []byte {
	return append(syrup.AppendBytes(syrup.AppendLabel(nil, "init:peer-auth"), nonce), syrup.CloseRecord)
}

// parseHello returns the nonce of a hello.
func parseHello(b []byte) (nonce []byte, err error) {
	if end := len(b) - 1; end >= nonceSize {
		nonce = b[end-nonceSize : end]
	}
	if nonce == nil || !bytes.Equal(b, hello(nonce)) {
		return nil, fmt.Errorf("the first message, of %d bytes, is not <init:peer-auth> with %d bytes", len(b), nonceSize)
	}
	return nonce, nil
}

// appendSignature adds the gcrypt s-expression of a signature, as lists of symbols (CapTP Specification, "Cryptography").
func appendSignature(dst, sig []byte) []byte {
	symbol := func(s string) { dst = syrup.AppendSymbol(dst, passable.Symbol(s)) }
	open := func(s string) { dst = append(dst, syrup.OpenList); symbol(s) }
	open("sig-val")
	open("eddsa")
	open("r")
	dst = append(syrup.AppendBytes(dst, sig[:32]), syrup.CloseList)
	open("s")
	dst = append(syrup.AppendBytes(dst, sig[32:]), syrup.CloseList)
	return append(dst, syrup.CloseList, syrup.CloseList)
}

// envelope returns <desc:sig-envelope hello signature>.
func envelope(hello, sig []byte) []byte {
	b := append(syrup.AppendLabel(nil, "desc:sig-envelope"), hello...)
	return append(appendSignature(b, sig), syrup.CloseRecord)
}

// verifyEnvelope checks that b holds the hello that was sent, and its signature with a key.
func verifyEnvelope(b, hello []byte, key [32]byte) error {
	// The two halves of the signature are at places that do not depend on them.
	template := envelope(hello, make([]byte, ed25519.SignatureSize))
	if len(b) != len(template) {
		return fmt.Errorf("the answer has %d bytes, expected <desc:sig-envelope> of %d", len(b), len(template))
	}
	const tail = len("]]]>")
	const between = len("][1's32:")
	s := len(b) - tail - 32
	r := s - between - 32
	sig := append(append([]byte(nil), b[r:r+32]...), b[s:s+32]...)
	if !bytes.Equal(b, envelope(hello, sig)) {
		return errors.New("the answer is not <desc:sig-envelope> around what was sent")
	}
	if !ed25519.Verify(key[:], hello, sig) {
		return errors.New("the answer is not signed with the key of the designator")
	}
	return nil
}

// A verdict is how a server turns a dialler away.
type verdict struct {
	code int
	name passable.Symbol
	err  error
}

var verdicts = []verdict{
	{4403, "refused", netlayer.ErrRefused},
	{4409, "crossed", netlayer.ErrCrossed},
}

// toSign returns <hawser:refuse-peer verdict nonce>.
func (v verdict) toSign(nonce []byte) []byte {
	b := syrup.AppendSymbol(syrup.AppendLabel(nil, "hawser:refuse-peer"), v.name)
	return append(syrup.AppendBytes(b, nonce), syrup.CloseRecord)
}

// reason returns the reason of the close frame.
func (v verdict) reason(nonce []byte, key ed25519.PrivateKey) string {
	return base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, v.toSign(nonce)))
}

// verdictOf returns what a close frame says about a dial, or nil if the server has not said it.
func verdictOf(code int, reason string, nonce []byte, key [32]byte) error {
	for _, v := range verdicts {
		if code != v.code {
			continue
		}
		if sig, err := base64.RawURLEncoding.DecodeString(reason); err == nil && ed25519.Verify(key[:], v.toSign(nonce), sig) {
			return v.err
		}
	}
	return nil
}
