package noiselink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// The payloads of the handshake messages (docs/noise-quic.md, section 5). Every one has exactly one encoding; what
// does not parse whole is refused.

const (
	protocolVersion = 1

	// maxFeatureBlock is a count and the longest features, each with its length.
	maxFeatureBlock = 1 + maxFeatures*(1+maxFeatureLength)
	// maxHello is the longest payload of the first message: version, name of a secret, features.
	maxHello = 1 + 16 + maxFeatureBlock

	frameHeader = 4
)

// errMessage is what is wrong with a payload of a peer; it goes to the local log only.
var errMessage = errors.New("malformed handshake payload")

// hello is the payload of the first message.
type hello struct {
	secret   [16]byte // public name of the secret to be used, zero for none
	features []string
}

func (h hello) encode() []byte {
	b := append(make([]byte, 0, maxHello), protocolVersion)
	b = append(b, h.secret[:]...)
	return appendFeatures(b, h.features)
}

func parseHello(b []byte) (h hello, err error) {
	if len(b) < 1+16 {
		return h, errMessage
	}
	if b[0] != protocolVersion {
		return h, fmt.Errorf("%w: version %d, expected %d", errMessage, b[0], protocolVersion)
	}
	h.secret = [16]byte(b[1:17])
	h.features, err = parseFeatures(b[17:])
	return h, err
}

func appendFeatures(b []byte, features []string) []byte {
	b = append(b, byte(len(features)))
	for _, f := range features {
		b = append(b, byte(len(f)))
		b = append(b, f...)
	}
	return b
}

func parseFeatures(b []byte) ([]string, error) {
	if len(b) == 0 || b[0] > maxFeatures {
		return nil, errMessage
	}
	features := make([]string, 0, b[0])
	n := int(b[0])
	b = b[1:]
	for range n {
		if len(b) == 0 {
			return nil, errMessage
		}
		length := int(b[0]) // as an int: a byte that counts 255 and one more is 0
		if len(b) < 1+length {
			return nil, errMessage
		}
		f := string(b[1 : 1+length])
		if !validFeature(f) || len(features) > 0 && features[len(features)-1] >= f {
			return nil, errMessage
		}
		features = append(features, f)
		b = b[1+len(f):]
	}
	if len(b) > 0 {
		return nil, errMessage
	}
	return features, nil
}

func validFeature(f string) bool {
	return len(f) >= 1 && len(f) <= maxFeatureLength && strings.IndexFunc(f, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '/' && r != '-'
	}) < 0
}

func (c *Config) sortedFeatures() ([]string, error) {
	s := slices.Compact(slices.Sorted(slices.Values(c.Features)))
	if len(s) > maxFeatures {
		return nil, c.errorf("Config.Features has %d, at most %d can be announced", len(s), maxFeatures)
	}
	for _, f := range s {
		if !validFeature(f) {
			return nil, c.errorf("Config.Features has %q, expected 1 to %d lower-case letters, digits and ./-", f, maxFeatureLength)
		}
	}
	return s, nil
}

// intersect returns what both of two sorted lists hold, nil if nothing.
func intersect(a, b []string) (both []string) {
	for _, f := range a {
		if _, ok := slices.BinarySearch(b, f); ok {
			both = append(both, f)
		}
	}
	return both
}

// The first byte of what each side says of itself: of the last handshake message and of the verdict.
const (
	sayNamed     = 0 // record and signature follow, then frames
	sayAnonymous = 1 // frames follow; from a dialler only
	sayCrossed   = 2 // nothing follows; from an acceptor only: the connection it dialled itself stays

	// Before it, in the last handshake message only, may stand a credential: this byte, two bytes of length, the credential.
	sayCredential = 3
)

// appendCredential writes a dialler's credential before what it says of itself; an empty one takes no room.
func appendCredential(b, credential []byte) []byte {
	if len(credential) == 0 {
		return b
	}
	b = append(b, sayCredential)
	b = binary.BigEndian.AppendUint16(b, uint16(len(credential)))
	return append(b, credential...)
}

// cutCredential takes from b what appendCredential wrote: nil if there is none. The result is in memory of its own.
func cutCredential(b *[]byte) ([]byte, error) {
	if len(*b) == 0 || (*b)[0] != sayCredential {
		return nil, nil
	}
	rest := (*b)[1:]
	if len(rest) < 2 {
		return nil, errMessage
	}
	n := int(binary.BigEndian.Uint16(rest))
	if rest = rest[2:]; n == 0 || n > netlayer.MaxCredential || len(rest) < n {
		return nil, errMessage
	}
	*b = rest[n:]
	return bytes.Clone(rest[:n]), nil
}

// proof is what a named party says of itself.
type proof struct {
	record    []byte
	signature [64]byte
}

// proofOverhead is what a message holds beside its frames, at most.
const proofOverhead = 1 + 2 + sturdyref.MaxRecord + 64

// appendSelf writes who we are (nil for anonymous) before the frames.
func appendSelf(b []byte, p *proof) []byte {
	if p == nil {
		return append(b, sayAnonymous)
	}
	b = append(b, sayNamed)
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.record)))
	b = append(b, p.record...)
	return append(b, p.signature[:]...)
}

// parseSelf reads what appendSelf and appendFrame wrote, or the verdict "crossed". The frames are checked to be whole and
// returned as they stand, length by length, in the memory of b.
func parseSelf(b []byte) (says byte, p proof, frames []byte, err error) {
	if len(b) == 0 {
		return 0, p, nil, errMessage
	}
	says, b = b[0], b[1:]
	switch says {
	case sayNamed:
		if len(b) < 2 {
			return 0, p, nil, errMessage
		}
		n := int(binary.BigEndian.Uint16(b))
		if n > sturdyref.MaxRecord || len(b) < 2+n+64 {
			return 0, p, nil, errMessage
		}
		p.record = b[2 : 2+n]
		p.signature = [64]byte(b[2+n:])
		b = b[2+n+64:]
	case sayAnonymous:
	case sayCrossed:
		if len(b) > 0 {
			return 0, p, nil, errMessage
		}
		return says, p, nil, nil
	default:
		return 0, p, nil, errMessage
	}
	for rest := b; len(rest) > 0; {
		f, err := cutFrame(&rest)
		if err != nil || f == nil {
			return 0, p, nil, errMessage
		}
	}
	return says, p, b, nil
}

// appendFrame writes a frame: four bytes of length, big-endian, and the bytes.
func appendFrame(b, frame []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(frame)))
	return append(b, frame...)
}

// cutFrame takes the first frame from b, or returns nil if b holds no whole one. The result is never nil otherwise.
func cutFrame(b *[]byte) ([]byte, error) {
	if len(*b) < frameHeader {
		return nil, nil
	}
	n := binary.BigEndian.Uint32(*b)
	if n > netlayer.MaxFrame {
		return nil, netlayer.ErrFrameTooLarge
	}
	if uint32(len(*b)-frameHeader) < n {
		return nil, nil
	}
	f := (*b)[frameHeader : frameHeader+n : frameHeader+n]
	*b = (*b)[frameHeader+n:]
	return f, nil
}

// firstFrame returns the first of some frames that parseSelf has checked; empty if there is none.
func firstFrame(frames []byte) []byte {
	f, _ := cutFrame(&frames)
	return f
}
