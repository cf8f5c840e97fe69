package websocket

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// WithLookup returns c with another way to resolve names.
func WithLookup(c Config, f func(ctx context.Context, host string) ([]netip.Addr, error)) *Config {
	c.lookup = f
	return &c
}

// The forms of the handshake.
var (
	Hello           = hello
	ParseHello      = parseHello
	Envelope        = envelope
	AppendSignature = appendSignature
	VerifyEnvelope  = verifyEnvelope
	DesignatorKey   = designatorKey
	VerdictOf       = verdictOf
)

// Refusals returns what is signed to refuse, by the code of the close frame, and the reasons.
func Refusals(nonce []byte, key []byte) (signed map[int][]byte, reasons map[int]string) {
	signed, reasons = map[int][]byte{}, map[int]string{}
	for _, v := range verdicts {
		signed[v.code], reasons[v.code] = v.toSign(nonce), v.reason(nonce, key)
	}
	return signed, reasons
}

// WithHandshakeTime returns c for a netlayer that waits no longer for each part of a handshake.
func WithHandshakeTime(c Config, d time.Duration) *Config {
	c.handshake = d
	return &c
}

// WithListener returns c for a netlayer that listens at l.
func WithListener(c Config, l net.Listener) *Config {
	c.listen = func(string, string) (net.Listener, error) { return l, nil }
	return &c
}
