package noisequic

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"

	"github.com/quic-go/quic-go"

	"github.com/hawser-go/hawser/internal/noiselink"
	"github.com/hawser-go/hawser/sturdyref"
)

const (
	alpn = "hawser/1"

	// A stranger can make us hold as much before its handshake is over. The windows grow as a connection is used.
	initialWindow = 128 << 10
)

func quicConfig(acceptor bool) *quic.Config {
	c := &quic.Config{
		HandshakeIdleTimeout:           noiselink.HandshakeTimeout,
		MaxIdleTimeout:                 noiselink.IdleTimeout,
		InitialStreamReceiveWindow:     initialWindow,
		InitialConnectionReceiveWindow: initialWindow,
		MaxIncomingStreams:             -1,
		MaxIncomingUniStreams:          -1,
		RequireStreamCreditRelease:     true,
	}
	if acceptor {
		c.MaxIncomingStreams = 1 // the one stream there is, never another
	}
	return c
}

// serverTLS returns a configuration with a certificate that is made now, signed by itself and believed by nobody.
func serverTLS() (*tls.Config, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	cert, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{SerialNumber: big.NewInt(1)}, public, private)
	if err != nil {
		return nil, fmt.Errorf("noisequic: %w", err)
	}
	c := sharedTLS()
	c.Certificates = []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: private}}
	return c, nil
}

// clientTLS believes any certificate: who is there is for Noise to find out.
func clientTLS() *tls.Config {
	c := sharedTLS()
	c.InsecureSkipVerify = true
	return c
}

func sharedTLS() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{alpn},
		SessionTicketsDisabled: true,
		// Hybrid first: what is secret on the wire stays so after X25519 is broken.
		CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519},
	}
}

// exporter returns the value both ends of this TLS session share and no other session has. It must not be asked for
// before the handshake is complete: quic-go panics in a part of that time.
func exporter(c *quic.Conn) (out [32]byte, err error) {
	select {
	case <-c.HandshakeComplete():
	case <-c.Context().Done():
		return out, c.Context().Err()
	}
	s := c.ConnectionState().TLS
	b, err := s.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, len(out))
	if err != nil {
		return out, err
	}
	return [32]byte(b), nil
}

// resetKey derives the key of stateless resets from the static key, wherever that lives, so that after a restart peers
// learn at once that their connections are gone. Only the holder can compute the Diffie-Hellman of a key with itself.
func resetKey(id sturdyref.Identity) (*quic.StatelessResetKey, error) {
	secret, err := id.ECDH(id.Public().Static)
	if err != nil {
		return nil, fmt.Errorf("noisequic: the identity's static key does not work: %w", err)
	}
	key, err := hkdf.Key(sha256.New, secret[:], nil, "hawser/noise-quic/1 reset", 32)
	if err != nil {
		return nil, fmt.Errorf("noisequic: %w", err)
	}
	k := quic.StatelessResetKey(key)
	return &k, nil
}
