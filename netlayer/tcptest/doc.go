// Package tcptest is the netlayer "tcp-testing-only" of OCapN: CapTP over bare TCP, for conformance tests.
//
// IT IS INSECURE, ON PURPOSE. Nothing is encrypted, nobody is authenticated, and a designator is only what somebody calls
// himself. Whoever can reach the port or see the packets can read, change and invent everything, sturdyrefs included. Use it
// to test implementations against each other, on a machine or a network of your own, and for nothing else. A netlayer for
// every other purpose is package noisequic.
//
// # On the wire
//
// A peer is <ocapn-peer 'tcp-testing-only "designator" {"host": "…", "port": "…"}>, both hints strings. There is no
// handshake: as soon as the TCP connection is there CapTP begins. Messages follow each other in one of two framings:
//
//   - [Raw], the bare Syrup records of the messages. The stream is cut into messages by finding where each record ends.
//   - [Framed], each message as one Syrup byte string: its length in decimal, a colon and its bytes.
//
// Whoever dials chooses, see [Config]. The other side sees which it is by the first byte, a digit or "<", and answers in
// kind; neither changes while the connection lives.
//
// # What it cannot do
//
// As there is no handshake, Connect returns before the other side has decided anything: to be refused is to lose the
// connection, and what was sent with the dial was dropped then. The reason given to Conn.Close stays here, as does any
// Dial.Key: a dial with one fails. A half-closed connection counts as closed.
package tcptest
