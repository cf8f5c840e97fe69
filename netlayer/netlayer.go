// Package netlayer is the contract between a CapTP session and whatever carries its frames.
//
// A netlayer gives an identity a place where it can be reached and lets it reach others. What it hands to CapTP is a
// [Conn]: frames, whole, in order, each way, between two parties of which the netlayer says how well it knows them
// ([Info]). Everything a netlayer must do is checked by one suite, package netlayertest; the netlayers of this module
// live in the folders beside it.
//
// Most programs never use this package: the root package opens the netlayers a node needs.
package netlayer

import (
	"context"
	"errors"
	"net/netip"

	"github.com/hawser-go/hawser/sturdyref"
)

// MaxFrame is the largest frame, in bytes, that a netlayer carries. A larger one is refused by Write and ends the
// connection that receives it, before memory is spent on it.
const MaxFrame = 1 << 20

// Refusals and losses every netlayer reports in the same words. Errors returned by a Conn after it ended unwrap to
// net.ErrClosed, whatever ended it.
var (
	// ErrRefused is the one answer to a dial that the other side would not admit: unknown, revoked and wrong secrets,
	// closed doors and unknown keys look alike on purpose.
	ErrRefused = errors.New("netlayer: the peer refused the connection")
	// ErrUnreachable says that nobody answered at any address of the peer.
	ErrUnreachable = errors.New("netlayer: the peer cannot be reached at any of its addresses")
	// ErrFrameTooLarge says that a frame exceeds MaxFrame.
	ErrFrameTooLarge = errors.New("netlayer: frame larger than MaxFrame")
	// ErrCrossed says that the peer dialled us at the same moment and that its connection is the one that stays:
	// wait for it with Accept and say there what was to be said here.
	ErrCrossed = errors.New("netlayer: the peer's own dial wins")
	// ErrLost says that a dial failed after frames of Dial.Early went out, in a way that does not tell whether the peer
	// admitted us and executed them: the network broke, or the dial was given up, before the answer came.
	ErrLost = errors.New("netlayer: the connection was lost before the peer's answer: what was sent with the dial may have been executed")
)

// A Frame is one message as it came in, and the duty that comes with it.
type Frame struct {
	// Bytes is valid until the next Read on the same Conn; the receiver copies what it keeps.
	Bytes []byte
	// OnDone, if set by the netlayer, is told once that the frame has been consumed: see Done.
	OnDone func()
}

// Done hands the frame back: it has been consumed, and a netlayer that repeats unacknowledged frames need not bring it
// again. Consumed it is when its reader has taken it: when what it says has been done, or is in the queue of whoever will
// do it. Nobody waits for that queue, so that who is busy does not keep frames from being acknowledged. Call it exactly once
// for each frame, in the order they were read. It waits for nothing. Of a connection that outlives its process the peer is
// told when what the frame has done is on the disk: see [Lasting].
func (f Frame) Done() {
	if f.OnDone != nil {
		f.OnDone()
	}
}

// Info is what a netlayer knows about a connection. It does not change while the connection lives.
type Info struct {
	// Local and Remote name the two ends. Remote.Designator is proven when Authenticated is true and an unproven claim,
	// or empty, when it is not.
	Local, Remote sturdyref.Peer
	// Authenticated says that the netlayer has proven Remote's designator.
	Authenticated bool
	// Anonymous says that the dialling side used a key made for this session only. Of an incoming connection with Resume it
	// is false: that was said at the beginning.
	Anonymous bool
	// Outbound says that the local side dialled.
	Outbound bool
	// Source is where the other end is, as far as this netlayer can tell: what counts as one origin of diallers, such as an
	// IP address or the /64 of an IPv6 one; empty if it cannot tell. It is for limits, logs and the decision whose word to
	// take about where somebody else is; never for authority, and never shown to the peer.
	Source string
	// Binding is a value both ends share and nobody else can bring about, to which proofs of secrets are bound; zero
	// on a netlayer without one, where raw secrets must not be replaced by proofs.
	Binding [32]byte
	// Features is the intersection of what both ends announced in the handshake; nil where a netlayer announces none.
	Features []string
	// Identity is the peer's verified identity record, or nil.
	Identity *sturdyref.Record
	// AdmittedBy is the public name of the secret the dialler showed in the handshake, zero if none.
	AdmittedBy [16]byte
	// Credential is what Dial.Credential returned on the dialler's side, of an incoming connection; nil if nothing.
	Credential []byte
	// Posted says that no handshake has found this out, but a letter: the two have never had a connection when theirs begins, and may
	// never have one.
	Posted bool
	// Resume is not nil if the connection goes on with something that an earlier one began: what the other end says of that,
	// which is Dial.Resume of an incoming one, and of an outgoing one the frame given to Incoming.Accept. Such a connection
	// has no Binding, Identity, AdmittedBy or Credential of its own: they are those of the beginning.
	Resume []byte
}

// SourceOfLetters is how Info.Source begins of who is known by a letter alone: what follows names the sturdyref that the letter came by.
const SourceOfLetters = "mail "

// A Conn carries frames between two parties. Read is called by one goroutine, Write by one other; the rest may be
// called by any.
type Conn interface {
	// Info says who is at the two ends.
	Info() Info
	// Read returns the next frame, waiting for it. After the connection has ended it returns an error that unwraps to
	// net.ErrClosed, once every frame that arrived before the end has been read.
	Read() (Frame, error)
	// More reports whether Read would return at once; a reader uses it to wake receivers once for a batch.
	More() bool
	// Write sends the frames in order, as few packets as the netlayer can manage, and may wait for the network. It does
	// not keep the slices. After the end it returns an error that unwraps to net.ErrClosed.
	Write(frames [][]byte) error
	// Close ends the connection after everything written has been handed to the network and, where the netlayer can
	// know, to the peer; bounded in time, idempotent. Read and Write in progress return. The reason is for the peer's
	// log: one line without secrets, or empty.
	Close(reason string) error
}

// A KeepAliver is a Conn that ends when nothing is heard of the peer for long, and that can be told that somebody needs
// it. A netlayer whose connections stay without help has no such method.
type KeepAliver interface {
	// KeepAlive says whether the connection is to be kept alive while nothing is sent; it is not, at first. Either end
	// may ask for it. It may be called by any goroutine, at any time.
	KeepAlive(on bool)
}

// A Reacher is a Conn that outlives what carries it, and can be told where its peer may be found besides where it was.
type Reacher interface {
	// Reach has the Conn go on with the peer there, now, if it waits for its peer to come back. allow is that of a Dial. It
	// returns at once and may be called by any goroutine, at any time.
	Reach(peer sturdyref.Peer, allow func(netip.Addr) bool)
}

// A Dial says whom to call and how to be admitted.
type Dial struct {
	// Peer is the party wanted: a connection to anybody else is never returned.
	Peer sturdyref.Peer
	// Key is the secret that admits the dialler, or nil to show none.
	Key Key
	// Early, if not nil, is called at most once for an attempt that goes on to its last handshake message: it returns
	// frames, of at most limit bytes together (each counted with 4 bytes more), that travel with that message. It does
	// not hand them over: if Connect then fails, none of them was executed by the peer, unless the error matches ErrLost.
	Early func(info Info, limit int) [][]byte
	// Credential, if not nil, is called at most once for an attempt that goes on to its last handshake message, before
	// Early: the bytes it returns, at most MaxCredential, travel with that message and are what the doorkeeper is shown as
	// Info.Credential. Netlayers without a handshake of their own do not call it.
	Credential func(info Info) []byte
	// Allow, if not nil, is asked about each IP address of the peer, after names were looked up and before anything is sent
	// there. If it allows none Connect fails with an error that matches ErrUnreachable. It may be called by any goroutine.
	// Netlayers whose addresses are no IP addresses do not call it.
	Allow func(netip.Addr) bool
	// Resume, if not nil, has the dial go on with something that an earlier connection between the same two began: at most
	// MaxResume bytes that only the peer can read, and only from us, now. The other side sees them in Info.Resume, has proven
	// its static key by then as we have, and answers with bytes of its own or refuses. Key and Credential are not used; Early
	// is asked as ever, with a limit of 0, as no frame travels with these bytes. Netlayers that do not announce FeatureResume
	// fail.
	//
	// If whoever was to decide refuses, Connect fails with ErrRefused. ErrLost does not occur: if the answer was lost the error
	// matches ErrUnreachable, as it may if the peer does not announce FeatureResume. Then the same can be said again, perhaps
	// to one that has heard it.
	Resume []byte
	// Previous is, with Resume, the connection that was lost, if this process had it, whichever of the two dialled it and on
	// whichever netlayer of the same transport and identity: an anonymous dialler is the same only by the key that it made for
	// that, and cannot do without.
	Previous Conn
}

// FeatureResume is announced by those whose connections may be resumed: see Dial.Resume. A netlayer that was not told to
// announce it refuses who would resume.
const FeatureResume = "resume"

// MaxResume is the longest Dial.Resume, and the longest answer to one, in bytes.
const MaxResume = 256

// MaxCredential is the largest credential a dial carries, in bytes.
const MaxCredential = 4096

// A Key is a secret mixed into a handshake. Its public name tells the acceptor which one to use, encrypted to it.
type Key interface {
	// ID returns the public name for a handshake with the peer whose static key is given.
	ID(acceptor [32]byte) ([16]byte, error)
	// PSK returns the pre-shared key for a handshake with that peer in which its ephemeral key was as given.
	PSK(acceptor, ephemeral [32]byte) ([32]byte, error)
}

// A Lock is the acceptor's side of a Key.
type Lock interface {
	// PSK returns the pre-shared key, given a Diffie-Hellman function of the acceptor's ephemeral key of this handshake.
	PSK(ephemeral func(public [32]byte) ([32]byte, error)) ([32]byte, error)
}

// A Doorkeeper decides who comes in. Its methods are called from the netlayer's goroutines, many at once, and return
// without waiting for anything.
type Doorkeeper interface {
	// Lock finds the secret with the given public name; ok is false for an unknown or revoked one.
	Lock(id [16]byte) (lock Lock, ok bool)
	// Admit is asked once the handshake has proven who dials (info is complete) and before anything is answered. It
	// returns nil to go on to Incoming, or ErrRefused or ErrCrossed to turn the dialler away.
	Admit(info Info) error
}

// Incoming is a dialler that has proven itself and waits to be admitted. Of one that would resume (Info.Resume) the
// Doorkeeper was not asked: whoever knows what is to be resumed decides, by Info.Remote.
type Incoming struct {
	Info Info
	// Accept admits it, sending the frames given with the admission, and returns the connection, whose first frames are
	// those the dialler sent with its handshake. Call either Accept or Refuse, once, soon: the netlayer bounds how long
	// and how many may wait. To one that would resume exactly one frame is given, the answer, at most MaxResume bytes, which
	// the dialler finds in Info.Resume and does not Read.
	Accept func(first [][]byte) (Conn, error)
	// Refuse turns it away with ErrRefused or ErrCrossed.
	Refuse func(err error)
}

// A Netlayer is one identity's place on one kind of network.
type Netlayer interface {
	// Transport is the name this netlayer has in locators, without a dot.
	Transport() string
	// Location is where others find this identity, with the hints of now.
	Location() sturdyref.Peer
	// Connect dials. It returns when the peer has admitted us, with an error that matches ErrRefused, ErrUnreachable,
	// ErrCrossed or ErrLost, or when ctx ends. It never returns a connection to a party whose designator it could not verify,
	// on netlayers that can verify one.
	Connect(ctx context.Context, d Dial) (Conn, error)
	// Accept waits for the next dialler. After Close it returns an error that unwraps to net.ErrClosed.
	Accept(ctx context.Context) (*Incoming, error)
	// Close stops listening, ends every connection and joins every goroutine; bounded in time, idempotent.
	Close() error
}
