// Package noiselink is what the netlayers "hawser" over QUIC and over TCP have in common, which is everything but the way
// the bytes go: the Noise handshake on a [Link], the decision who comes in, identities, addresses, the budget of
// handshakes, and of an admitted link the connection that carries frames. What the two differ in is in [Carrier] and [Link].
package noiselink

import (
	"io"
	"net"
	"time"

	"github.com/hawser-go/hawser/internal/noisehs"
)

// A Carrier says what is particular to one kind of link.
type Carrier struct {
	// Package begins error messages.
	Package string
	// Label is the domain of the handshake: it begins the prologue and is the salt of the public pre-shared key.
	Label string
	// Hint is the name of the first address in locators; the others have it with a number.
	Hint string
	// Bound says that a link protects its own bytes, that its two ends are those of the handshake, because its exporter is
	// in the prologue, and that nobody on the way can forge how it ends. Where it is false the ciphers of the handshake
	// protect what follows it, a refusal proves itself by a token, and pings and farewells are answered.
	Bound bool
}

// A Link is one connection of a carrier: a stream of bytes each way. Read and Write are called by one goroutine each; the
// rest may be called by any.
type Link interface {
	io.ReadWriter
	SetDeadline(t time.Time) error
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	// RemoteAddr is where the other end is.
	RemoteAddr() net.Addr
	// Exporter returns what the two ends of this link share and no other link has; nil if the carrier is not Bound.
	Exporter() []byte
	// Watch calls gone, in a goroutine, if the other side goes, or says something though it is not its turn. Nothing else
	// reads from the link before stop, after whose return gone is not running and will not run.
	Watch(gone func()) (stop func())
	// Secure begins to protect what is read and written with the ciphers of the handshake, unless the carrier is Bound.
	Secure(ciphers *noisehs.Transport)
	// TryWrite writes a few bytes, if it can do so without tearing what comes after them.
	TryWrite(b []byte)
	// Finish says to the other side that nothing more is written.
	Finish()
	// End ends the link at once. Only the first call counts.
	End(how How)
	// IsRefusal reports whether err, of Read or Write, means that the other side has ended the link with Refused, and
	// nobody else can have. It never does if the carrier is not Bound.
	IsRefusal(err error) bool
	// IsViolation reports whether err, of Read, means that what came is against the rules of the carrier. Its text says so.
	IsViolation(err error) bool
	// Explain says for people, in one line, what err of Read or Write means.
	Explain(err error) string
}

// How says why a link is ended from this side.
type How int

// Why a link is ended.
const (
	Done      How = iota // there is nothing more to say
	Refused              // the other side is not let in
	Violation            // the other side broke the rules
)

// Times that hold for every carrier.
const (
	// HandshakeTimeout bounds a handshake up to its last message.
	HandshakeTimeout = 5 * time.Second
	// IdleTimeout is when a connection on which nothing is heard of the peer ends.
	IdleTimeout = 60 * time.Second

	pingInterval = 20 * time.Second // keeps a connection from the IdleTimeout of the peer
)
