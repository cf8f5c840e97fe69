package noisehs

import (
	"fmt"
	"io"

	"github.com/flynn/noise"
)

// What the message of a one-way pattern holds beside its payload, in bytes.
const (
	NOverhead = keySize + tagSize                     // e
	KOverhead = keySize + tagSize                     // e
	XOverhead = keySize + keySize + tagSize + tagSize // e, encrypted s
)

// SealN makes the one message of Noise_N_25519_ChaChaPoly_SHA256, from nobody to whoever has the given static key. random
// makes the ephemeral key; nil means crypto/rand.
func SealN(random io.Reader, prologue []byte, recipient [32]byte, payload []byte) ([]byte, error) {
	c, err := newOneWay(Config{Prologue: prologue, Random: random}, noise.HandshakeN, true, nil, recipient[:])
	if err != nil {
		return nil, err
	}
	m, _, err := c.write(0, NOverhead, nil, payload)
	return m, err
}

// OpenN returns the payload of a message that SealN made, for c.Static and with the same prologue, nobody knows by whom.
func OpenN(c Config, message []byte) ([]byte, error) {
	if err := c.present(); err != nil {
		return nil, err
	}
	co, err := newOneWay(c, noise.HandshakeN, false, nil, nil)
	if err != nil {
		return nil, err
	}
	payload, _, err := co.read(0, NOverhead, nil, message)
	return payload, err
}

// SealK makes the one message of Noise_K_25519_ChaChaPoly_SHA256, from c.Static to whoever has the given static key and knows
// whom to expect. Who has the recipient's private key can make such messages from anybody to the recipient.
func SealK(c Config, recipient [32]byte, payload []byte) ([]byte, error) {
	if err := c.present(); err != nil {
		return nil, err
	}
	co, err := newOneWay(c, noise.HandshakeK, true, nil, recipient[:])
	if err != nil {
		return nil, err
	}
	m, _, err := co.write(0, KOverhead, nil, payload)
	return m, err
}

// OpenK returns the payload of a message that SealK made for c.Static, from the sender with the given static key.
func OpenK(c Config, sender [32]byte, message []byte) ([]byte, error) {
	if err := c.present(); err != nil {
		return nil, err
	}
	co, err := newOneWay(c, noise.HandshakeK, false, nil, sender[:])
	if err != nil {
		return nil, err
	}
	payload, _, err := co.read(0, KOverhead, nil, message)
	return payload, err
}

// SealX makes the first message of Noise_X_25519_ChaChaPoly_SHA256, from c.Static to whoever has the given static key, and
// returns the cipher of what follows it, for Seal alone. Who has the recipient's private key can make such messages from
// anybody to the recipient.
func SealX(c Config, recipient [32]byte, payload []byte) ([]byte, *Transport, error) {
	return sealX(c, nil, recipient, payload)
}

// OpenX returns the payload of a message that SealX made for c.Static, the static key that it shows, and the cipher of what
// follows it, for Open alone.
func OpenX(c Config, message []byte) (payload []byte, sender [32]byte, rest *Transport, err error) {
	return openX(c, nil, message)
}

// SealXpsk1 is SealX of Noise_Xpsk1_25519_ChaChaPoly_SHA256: only who has the pre-shared key, too, can read the payload, or
// have made it.
func SealXpsk1(c Config, psk *[32]byte, recipient [32]byte, payload []byte) ([]byte, *Transport, error) {
	return sealX(c, present(psk), recipient, payload)
}

// OpenXpsk1 is OpenX for messages of SealXpsk1. For an unknown secret the caller gives a random pre-shared key, so that the
// refusal looks, and costs, the same.
func OpenXpsk1(c Config, psk *[32]byte, message []byte) (payload []byte, sender [32]byte, rest *Transport, err error) {
	return openX(c, present(psk), message)
}

func sealX(c Config, psk *[32]byte, recipient [32]byte, payload []byte) ([]byte, *Transport, error) {
	if err := c.present(); err != nil {
		return nil, nil, err
	}
	co, err := newOneWay(c, noise.HandshakeX, true, psk, recipient[:])
	if err != nil {
		return nil, nil, err
	}
	return co.write(0, XOverhead, nil, payload)
}

func openX(c Config, psk *[32]byte, message []byte) (payload []byte, sender [32]byte, rest *Transport, err error) {
	if err := c.present(); err != nil {
		return nil, sender, nil, err
	}
	co, err := newOneWay(c, noise.HandshakeX, false, psk, nil)
	if err != nil {
		return nil, sender, nil, err
	}
	payload, rest, err = co.read(0, XOverhead, nil, message)
	if err != nil {
		return nil, sender, nil, err
	}
	return payload, co.peerStatic(), rest, nil
}

// present returns an error if there is no static key.
func (c *Config) present() error {
	if c.Static.ECDH == nil {
		return fmt.Errorf("%w: no static key", ErrMisuse)
	}
	return nil
}

// newOneWay begins a one-way pattern, as the sender or as the recipient. peer is the other's static key, nil if it is not
// known beforehand. A psk is mixed in at the end of the message, which is where the number 1 after its name puts it.
func newOneWay(c Config, pattern noise.HandshakePattern, sends bool, psk *[32]byte, peer []byte) (*core, error) {
	k, nc := c.noise(pattern, sends, peer)
	if psk != nil {
		if *psk == ([32]byte{}) {
			return nil, fmt.Errorf("%w: the pre-shared key is all zeros, as one that was never set is", ErrMisuse)
		}
		// A placement of 1 without the key would be no placement at all.
		nc.PresharedKey, nc.PresharedKeyPlacement = psk[:], 1
	}
	hs, err := noise.NewHandshakeState(nc)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMisuse, err)
	}
	return &core{lk: hs, keys: k}, nil
}
