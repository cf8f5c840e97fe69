// Package noisetcp is the netlayer "hawser" over TCP, for where UDP is blocked: the same parties, keys, secrets and
// refusals as over QUIC, in package noisequic, with Noise protecting the data too.
//
// The handshake is that of noisequic with another prologue, and two additions that TCP makes necessary, because anybody on
// the way can end a TCP connection or write into it: a refusal proves that it is the peer's, and the end of a stream is
// told from its being cut off. The wire format, byte by byte, is docs/noise-tcp.md.
//
// A [Netlayer] is one identity at one TCP port. Without an identity it is anonymous: it only dials. [Join] makes one
// netlayer of one over QUIC and one over TCP.
package noisetcp
