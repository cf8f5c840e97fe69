package link

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/hawser-go/hawser/netlayer"
)

// What stands first in every frame of a connection that carries a link (docs/link.md).
const (
	kindData  = 0 // a frame of the link follows
	kindRaw   = 1 // an unsigned varint n follows: the next n frames of the connection are frames of the link as they are
	kindAck   = 2 // 8 bytes: how many frames have been consumed
	kindClose = 3 // the reason: the link is over
	kindBegin = 4 // the secret of the link: the first frame of all from the side that was dialled
	kindFault = 5 // a fault, 1 byte: the link cannot go on between these two
)

// maxRaw bounds n of kindRaw.
const maxRaw = 1 << 16

// linkable reports whether a connection can begin a link: both ends announce that they resume, and who the other is has been
// proven.
func linkable(info netlayer.Info) bool {
	return info.Authenticated && slices.Contains(info.Features, netlayer.FeatureResume)
}

func appendRaw(b []byte, n int) []byte { return binary.AppendUvarint(append(b, kindRaw), uint64(n)) }

func readRaw(b []byte) (int, error) {
	n, size := binary.Uvarint(b)
	if size != len(b) || n == 0 || n > maxRaw {
		return 0, because(ErrProtocol, "a count of frames that cannot be")
	}
	return int(n), nil
}

func appendAck(b []byte, position uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, kindAck), position)
}

func readAck(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, because(ErrProtocol, fmt.Sprintf("an acknowledgement of %d bytes", len(b)))
	}
	return binary.BigEndian.Uint64(b), nil
}

func closeFrame(reason string) []byte { return append([]byte{kindClose}, oneLine(reason)...) }

// A secret is what the two ends of a link alone know. It is said inside the first connection, and so protected by whatever
// protects that, such as a pre-shared key; who steals a static key later does not have it.
type secret [32]byte

// mac returns the proof of somebody who has the secret.
func (s *secret) mac(who string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, s[:])
	h.Write([]byte("hawser/link/1\x00" + who))
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// Who says something, in proofs.
const (
	byDialler  = "d"
	byAcceptor = "a"
)

// id returns the public name of the link.
func (s *secret) id() [32]byte { return [32]byte(s.mac("i")) }

// A request is what the dialler of a new connection says of the link: Dial.Resume.
type request struct {
	id      [32]byte
	attempt uint64 // of its dials for this link, from 1: a later one replaces an earlier one, whatever order they arrive in
	next    uint64 // the frame it expects next
	over    bool   // it only wants to say that the link is over
	turned  bool   // it is the side that was dialled at the beginning
	from    incarnation
}

// version of the request and of the answer.
const version = 2

const (
	requestSize = 1 + 1 + 32 + 8 + 8 + incarnationSize + sha256.Size
	answerSize  = 1 + 1 + 8 + incarnationSize + sha256.Size
	faultSize   = 1 + 1 + incarnationSize + sha256.Size
)

// encode returns the request with the proof that its sender has the secret.
func (r request) encode(s *secret) []byte {
	b := append(make([]byte, 0, requestSize), version, 0)
	if r.over {
		b[1] |= 1
	}
	if r.turned {
		b[1] |= 2
	}
	b = append(b, r.id[:]...)
	b = binary.BigEndian.AppendUint64(b, r.attempt)
	b = r.from.append(binary.BigEndian.AppendUint64(b, r.next))
	return append(b, s.mac(byDialler, b)...)
}

// readRequest reads a request, whose proof is for proves to check.
func readRequest(b []byte) (r request, ok bool) {
	if len(b) != requestSize || b[0] != version || b[1] > 3 {
		return request{}, false
	}
	r.over, r.turned = b[1]&1 != 0, b[1]&2 != 0
	copy(r.id[:], b[2:])
	r.attempt, r.next = binary.BigEndian.Uint64(b[34:]), binary.BigEndian.Uint64(b[42:])
	r.from, ok = readIncarnation(b[50:])
	return r, ok
}

// proves reports whether whoever sent the request b has the secret.
func (s *secret) proves(b []byte) bool {
	cut := len(b) - sha256.Size
	return cut >= 0 && hmac.Equal(b[cut:], s.mac(byDialler, b[:cut]))
}

// What an answer says.
const (
	sayOn    = 0 // the link goes on
	sayGone  = 1 // there is no such link
	sayLater = 2 // not now: dial again
	sayInUse = 3 // ErrIdentityInUse: a fault
	sayApart = 4 // ErrRolledBack, or ErrPosition: a fault
)

// An answer is what the acceptor says to that: the frame it expects next, or why the link does not go on. Who it is it says with
// either, as the one at fault may be the acceptor.
type answer struct {
	say  byte
	next uint64 // if it goes on
	from incarnation
}

// gone and later are the answers of who has nothing to prove.
var (
	gone  = []byte{version, sayGone}
	later = []byte{version, sayLater}
)

// encode returns the answer to a request, with the proof that its sender has the secret.
func (a answer) encode(s *secret, request []byte) []byte {
	b := append(make([]byte, 0, answerSize), version, a.say)
	if a.say == sayOn {
		b = binary.BigEndian.AppendUint64(b, a.next)
	}
	b = a.from.append(b)
	return append(b, s.mac(byAcceptor, request, b)...)
}

// readAnswer reads the answer to a request; ok is false if it is none, or was not made by somebody who has the secret.
func readAnswer(b []byte, s *secret, request []byte) (a answer, ok bool) {
	if bytes.Equal(b, gone) || bytes.Equal(b, later) {
		return answer{say: b[1]}, true
	}
	if len(b) < faultSize || b[0] != version || !s.provesAnswer(b, request) {
		return answer{}, false
	}
	a.say = b[1]
	switch {
	case a.say == sayOn && len(b) == answerSize:
		a.next = binary.BigEndian.Uint64(b[2:])
		a.from, ok = readIncarnation(b[10:])
		return a, ok
	case (a.say == sayInUse || a.say == sayApart) && len(b) == faultSize:
		a.from, ok = readIncarnation(b[2:])
		return a, ok
	}
	return answer{}, false
}

// provesAnswer reports whether whoever gave the answer b to a request has the secret.
func (s *secret) provesAnswer(b, request []byte) bool {
	cut := len(b) - sha256.Size
	return hmac.Equal(b[cut:], s.mac(byAcceptor, request, b[:cut]))
}

// faultFrame says on a connection that the link cannot go on: sayInUse or sayApart.
func faultFrame(say byte) []byte { return []byte{kindFault, say} }

func readFault(b []byte) (say byte, err error) {
	if len(b) != 1 || b[0] != sayInUse && b[0] != sayApart {
		return 0, because(ErrProtocol, "a fault that is none")
	}
	return b[0], nil
}
