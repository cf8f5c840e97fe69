package noisehs

import (
	"fmt"
	"sync"

	"github.com/flynn/noise"
)

// MaxPlaintext is the length of the longest payload of a transport message, in bytes.
const MaxPlaintext = MaxMessage - tagSize

// TransportOverhead is what a transport message holds beside its payload, in bytes.
const TransportOverhead = tagSize

// RekeyAfter is how many messages of a direction have the same key. Then it is replaced (Noise, 11.3, REKEY), on both
// sides; the counter of messages goes on.
const RekeyAfter = 1 << 16

// Transport encrypts and decrypts what follows a handshake, in order, each way. It is safe for concurrent use. After a
// message that does not decrypt it opens no more.
type Transport struct {
	sealing sync.Mutex
	seal    *noise.CipherState

	opening sync.Mutex
	open    *noise.CipherState // nil when it opens no more
}

// Seal returns the next message, with its payload encrypted.
func (t *Transport) Seal(payload []byte) ([]byte, error) {
	return t.AppendSeal(make([]byte, 0, len(payload)+tagSize), payload)
}

// AppendSeal appends the next message, with its payload encrypted, to b. The payload must not overlap what is appended.
func (t *Transport) AppendSeal(b, payload []byte) ([]byte, error) {
	t.sealing.Lock()
	defer t.sealing.Unlock()
	if len(payload) > MaxPlaintext {
		return b, fmt.Errorf("%w: the payload has %d bytes, at most %d fit", ErrMisuse, len(payload), MaxPlaintext)
	}
	m, err := t.seal.Encrypt(b, nil, payload)
	if err != nil {
		return b, fmt.Errorf("%w: %w", ErrMisuse, err)
	}
	rekey(t.seal)
	return m, nil
}

// Open returns the payload of the next message.
func (t *Transport) Open(message []byte) ([]byte, error) {
	return t.openInto(make([]byte, 0, max(0, len(message)-tagSize)), message)
}

// OpenInPlace returns the payload of the next message, in the memory of that message.
func (t *Transport) OpenInPlace(message []byte) ([]byte, error) {
	return t.openInto(message[:0], message)
}

func (t *Transport) openInto(b, message []byte) ([]byte, error) {
	t.opening.Lock()
	defer t.opening.Unlock()
	if t.open == nil || len(message) < tagSize || len(message) > MaxMessage {
		t.open = nil
		return nil, ErrHandshake
	}
	payload, err := t.open.Decrypt(b, nil, message)
	if err != nil {
		t.open = nil
		return nil, ErrHandshake
	}
	rekey(t.open)
	return payload, nil
}

// rekey replaces the key when its messages are used up.
func rekey(c *noise.CipherState) {
	if c.Nonce()%RekeyAfter == 0 {
		c.Rekey()
	}
}
