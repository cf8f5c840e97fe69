package noisehs

import (
	"fmt"
	"sync"

	"github.com/flynn/noise"
)

// MaxPlaintext is the length of the longest payload of a transport message, in bytes.
const MaxPlaintext = MaxMessage - tagSize

// Transport encrypts and decrypts what follows a handshake, in order, each way. It is safe for concurrent use. After a
// message that does not decrypt it opens no more.
type Transport struct {
	mu         sync.Mutex
	seal, open *noise.CipherState
}

// Seal returns the next message, with its payload encrypted.
func (t *Transport) Seal(payload []byte) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(payload) > MaxPlaintext {
		return nil, fmt.Errorf("%w: the payload has %d bytes, at most %d fit", ErrMisuse, len(payload), MaxPlaintext)
	}
	m, err := t.seal.Encrypt(make([]byte, 0, len(payload)+tagSize), nil, payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMisuse, err)
	}
	return m, nil
}

// Open returns the payload of the next message.
func (t *Transport) Open(message []byte) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil || len(message) < tagSize || len(message) > MaxMessage {
		t.open = nil
		return nil, ErrHandshake
	}
	payload, err := t.open.Decrypt(make([]byte, 0, len(message)-tagSize), nil, message)
	if err != nil {
		t.open = nil
		return nil, ErrHandshake
	}
	return payload, nil
}
