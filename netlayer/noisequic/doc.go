// Package noisequic is the netlayer "hawser": QUIC connections between parties that know each other by Noise keys.
//
// QUIC runs with a throw-away certificate and proves nothing. On its one stream a Noise XKpsk3 handshake whose prologue
// holds the TLS exporter value proves both static keys and the knowledge of a shared secret, and that nobody sits between
// the two; from then on QUIC's own encryption protects the frames. Two that resume prove their static keys again, by Noise IK
// and a confirmation. The wire format, byte by byte, is docs/noise-quic.md.
//
// A [Netlayer] is one identity on one UDP socket. Without an identity it is anonymous: it only dials, each time with a key
// and a socket made for that session (the IP address still links them).
package noisequic
