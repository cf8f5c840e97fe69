package sturdyref

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/hawser-go/hawser/internal/conceal"
)

// Peer is the locator of a peer: the key or name it goes by on one kind of network, and hints about where it is
// (OCapN draft, "ocapn-peer"). It is a plain value; Hints may be nil and is not copied by assignment.
type Peer struct {
	// Transport names the netlayer, such as "hawser". It holds no dot.
	Transport string
	// Designator names the peer on that netlayer; on "hawser" it is its public key, see [Designator].
	Designator string
	// Hints help to reach the peer ("addr", "addr2", ...). They never decide who it is.
	Hints map[string]string
}

// PeerID is the part of a Peer that says who it is, without hints. It is comparable and fit to be a map key.
type PeerID struct {
	Transport, Designator string
}

// String returns designator and transport with a dot between, escaped as in a locator: one line without spaces, whatever a
// peer chose to be called.
func (id PeerID) String() string {
	var b strings.Builder
	id.write(&b)
	return b.String()
}

func (id PeerID) write(b *strings.Builder) {
	escape(b, id.Designator, "")
	b.WriteByte('.')
	escape(b, id.Transport, "")
}

// secretHints are the hints that open something by themselves and therefore print like secrets.
var secretHints = []string{"door", "mailbox"}

// ID returns who the peer is. Two locators with equal IDs are the same peer, whatever their hints.
func (p Peer) ID() PeerID { return PeerID{p.Transport, p.Designator} }

// IsZero reports whether p names nobody.
func (p Peer) IsZero() bool { return p.Transport == "" && p.Designator == "" && len(p.Hints) == 0 }

// Clone returns a copy of p that shares no map with it.
func (p Peer) Clone() Peer {
	p.Hints = maps.Clone(p.Hints)
	return p
}

// URI returns the locator as text, ocapn://designator.transport?hint=value, hints sorted by name, with every hint in
// clear: a door or mailbox hint in it is a secret. [ParsePeer] reads it back.
func (p Peer) URI() string {
	var b strings.Builder
	p.writeAuthority(&b)
	p.writeHints(&b, false)
	return b.String()
}

// String returns the locator with the values of secret hints replaced.
func (p Peer) String() string {
	var b strings.Builder
	p.writeAuthority(&b)
	p.writeHints(&b, true)
	return b.String()
}

// GoString, Format, LogValue and MarshalText show what String shows.
func (p Peer) GoString() string             { return p.String() }
func (p Peer) Format(s fmt.State, _ rune)   { fmt.Fprint(s, p.String()) }
func (p Peer) LogValue() slog.Value         { return slog.StringValue(p.String()) }
func (p Peer) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// GobEncode always fails: gob would write secret hints in clear.
func (p Peer) GobEncode() ([]byte, error) { return nil, errGob }

func (p Peer) writeAuthority(b *strings.Builder) {
	b.WriteString(scheme)
	p.ID().write(b)
}

func (p Peer) writeHints(b *strings.Builder, redact bool) {
	sep := byte('?')
	for _, name := range slices.Sorted(maps.Keys(p.Hints)) {
		b.WriteByte(sep)
		sep = '&'
		escape(b, name, "")
		b.WriteByte('=')
		if redact && slices.Contains(secretHints, name) {
			b.WriteString(conceal.Redacted)
			continue
		}
		escape(b, p.Hints[name], ":/,@")
	}
}

// errGob refuses an encoding that would take what is in a locator with it, secret hints included, unasked.
var errGob = errors.New("sturdyref: locators are not encoded by gob: write their URI, which reveals the secrets in them on purpose")
