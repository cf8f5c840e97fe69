package noiselink

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/sturdyref"
)

// What both sides of a handshake compute (docs/noise-quic.md, section 5).

// The dialler's first byte on the stream says which handshake follows. It is in the prologue, so nobody can change it.
const (
	clearFresh  = 0 // the two begin something
	clearResume = 1 // the two go on
)

const (
	maxMessage1 = noisehs.XKOverhead1 + maxHello
	// What frames may take in the dialler's last message and in the acceptor's verdict, when the longest proof of identity
	// is there too.
	maxEarly = noisehs.MaxMessage - noisehs.XKOverhead3 - proofOverhead
	maxFirst = noisehs.MaxPlaintext - proofOverhead
)

// maxMessage2 is the length of the longest second message.
func (c Carrier) maxMessage2() int {
	n := noisehs.XKOverhead2 + maxFeatureBlock
	if !c.Bound {
		n += tokenSize
	}
	return n
}

// tokenSize is the length of what proves a refusal where the carrier does not.
const tokenSize = 32

func (c Carrier) prologue(clear byte, exported []byte) []byte {
	b := append([]byte(c.Label), 0, clear)
	return append(b, exported...)
}

// sessionBinding is netlayer.Info.Binding: h is the Noise hash after the second message.
func sessionBinding(h, dialler, acceptor [32]byte) [32]byte {
	b := []byte("hawser/binding/1")
	b = append(b, h[:]...)
	b = append(b, dialler[:]...)
	b = append(b, acceptor[:]...)
	return sha256.Sum256(b)
}

// publicPSK is the pre-shared key of a dialler that shows no secret. Everybody who knows the acceptor can compute it.
func (c Carrier) publicPSK(acceptor [32]byte) ([32]byte, error) {
	key, err := hkdf.Key(sha256.New, acceptor[:], []byte(c.Label), "no secret", 32)
	if err != nil {
		return [32]byte{}, fmt.Errorf("%s: %w", c.Package, err)
	}
	return [32]byte(key), nil
}

// sessionMessage is what an identity signs to say that it is one end of a session, and that the frame given, which is the
// first it sends, is its own: with it op:start-session and the session key therein.
func sessionMessage(binding [32]byte, speaker sturdyref.Role, first []byte) []byte {
	h := sha256.Sum256(first)
	b := append(make([]byte, 0, 65), binding[:]...)
	b = append(b, byte(speaker))
	return append(b, h[:]...)
}

// self is the local party of a session.
type self struct {
	static noisehs.Static
	id     sturdyref.Identity // nil if anonymous
	record []byte
}

// prove returns what a named party says of itself, nil for an anonymous one.
func (s self) prove(binding [32]byte, speaker sturdyref.Role, first []byte) (*proof, error) {
	if s.id == nil {
		return nil, nil
	}
	sig, err := sturdyref.Sign(s.id, sturdyref.DomainSession, sessionMessage(binding, speaker, first))
	if err != nil {
		return nil, err
	}
	return &proof{s.record, sig}, nil
}

// verify checks what a named party says of itself, given the static key that the handshake has proven.
func (n *Node) verify(p proof, proven, binding [32]byte, speaker sturdyref.Role, first []byte) (*sturdyref.Record, error) {
	r, err := n.records.verify(p.record, proven)
	if err != nil {
		return nil, err
	}
	if !sturdyref.Verify(r.Signing, sturdyref.DomainSession, sessionMessage(binding, speaker, first), p.signature[:]) {
		return nil, errors.New("the signature that binds the session to the identity does not verify")
	}
	return r, nil
}

// recordCache remembers records that have been verified: a record changes seldom and peers come back often.
type recordCache struct {
	mu sync.Mutex
	m  map[string]*sturdyref.Record // by encoding
}

const maxRecords = 1024

func (c *recordCache) verify(encoded []byte, proven [32]byte) (*sturdyref.Record, error) {
	c.mu.Lock()
	r, ok := c.m[string(encoded)]
	c.mu.Unlock()
	if ok && r.Static == proven {
		return r, nil
	}
	r, err := sturdyref.VerifyRecord(encoded, proven)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.m) >= maxRecords {
		clear(c.m)
	}
	c.m[string(encoded)] = r
	return r, nil
}

// writeMessage writes a handshake message: after prefix, two bytes of length, big-endian, and the message.
func writeMessage(w io.Writer, prefix []byte, message []byte) error {
	b := make([]byte, 0, len(prefix)+2+len(message))
	b = append(b, prefix...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(message)))
	_, err := w.Write(append(b, message...))
	return err
}

var errTooLong = errors.New("a handshake message is longer than it may be")

// readMessage reads a handshake message of at most limit bytes.
func readMessage(r io.Reader, limit int) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(head[:]))
	if n > limit {
		return nil, errTooLong
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

// OnDone is onDone, for carriers.
func OnDone(ctx context.Context, f func()) (stop func()) { return onDone(ctx, f) }

// onDone calls f in a goroutine when ctx ends. The function returned takes that back; when it returns, f is not running
// and will not run.
func onDone(ctx context.Context, f func()) (stop func()) {
	done := make(chan struct{})
	unregister := context.AfterFunc(ctx, func() {
		defer close(done)
		f()
	})
	return sync.OnceFunc(func() {
		if !unregister() {
			<-done
		}
	})
}
