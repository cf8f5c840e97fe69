package link

import (
	"errors"
	"net"
	"strings"
	"unicode/utf8"

	"github.com/hawser-go/hawser/netlayer"
)

// How a link ends other than by Close, for errors.Is. All of these unwrap to net.ErrClosed, too.
var (
	// ErrGone says that the peer does not know the link any more: its process was restarted, or has given it up.
	ErrGone = errors.New("link: the peer does not know this session any more")
	// ErrExpired says that the peer was not reached again, or has not come back, in time.
	ErrExpired = errors.New("link: the peer has not come back in time")
	// ErrYoung says that the connection was lost before the peer had said what the session is resumed by.
	ErrYoung = errors.New("link: the connection was lost before the session could be resumed")
	// ErrPosition says that the peer claims to have read what was not sent, or to lack what it has acknowledged.
	ErrPosition = errors.New("link: the peer is at a position where it cannot be")
	// ErrProtocol says that something came that is no frame of a link.
	ErrProtocol = errors.New("link: the peer broke the protocol of links")
	// ErrUnacknowledged says that the peer was connected and acknowledged nothing for Config.Stall, with the buffer full.
	ErrUnacknowledged = errors.New("link: the peer acknowledges nothing")
	// ErrCrowded says that this side has more links without a connection than it may, or as many that outlive their process.
	ErrCrowded = errors.New("link: too many sessions wait for their peers to come back")
	// ErrRolledBack says that the two ends do not agree on what was said, as one of the two has lost something it had stored:
	// its directory was put back to an earlier state.
	ErrRolledBack = errors.New("link: one side of the session was put back to an earlier state")
	// ErrIdentityInUse says that two processes go on with one end of a link, of which one has a copy of the other's directory.
	// The peer stays with the one it knew; the other's link ends. It must not be forgotten there ([netlayer.Lasting.Forget]).
	ErrIdentityInUse error = inUse{}
	// ErrDamaged says that the store does not hold what a link has written there.
	ErrDamaged = errors.New("link: the store is damaged: restore it from a backup, or use a new directory")
	// ErrUnneeded says that the connection was lost while nobody needed it and nothing had passed for long.
	ErrUnneeded = errors.New("link: the connection was lost while nobody needed it")
)

type inUse struct{}

func (inUse) Error() string {
	return "link: a directory is in use twice, copied or put back while its process ran"
}
func (inUse) Unwrap() error { return netlayer.ErrElsewhere }

// An endError says how a link ended.
type endError struct {
	is    error // one of the above, or nil
	text  string
	there bool // the peer has said so
}

func (e *endError) Error() string { return e.text }

func (e *endError) Unwrap() []error {
	if e.is == nil {
		return []error{net.ErrClosed}
	}
	return []error{e.is, net.ErrClosed}
}

var (
	errClosedHere = &endError{text: "link: the connection was closed on this side"}
	errClosed     = &endError{text: "link: the netlayer is closed"}
)

// errInUseHere is ErrIdentityInUse of this side.
var errInUseHere = because(ErrIdentityInUse, "this one, and the peer goes on with the other process")

// because makes an end of one of the kinds above.
func because(is error, why string) *endError {
	if why == "" {
		return &endError{is: is, text: is.Error()}
	}
	return &endError{is: is, text: is.Error() + ": " + why}
}

func closedThere(reason string) *endError {
	if reason == "" {
		return &endError{text: "link: the peer closed the connection", there: true}
	}
	return &endError{text: "link: the peer closed the connection: " + reason, there: true}
}

// isKnownThere reports whether a link has ended with what the peer knows, too.
func isKnownThere(end error) bool {
	var e *endError
	return errors.Is(end, ErrGone) || errors.Is(end, ErrRolledBack) || errors.As(end, &e) && e.there
}

// maxReason is how many bytes of a reason travel.
const maxReason = 200

// oneLine makes of a text what fits into a log: the peer's are not to be trusted with it.
func oneLine(s string) string {
	if len(s) > maxReason {
		s = s[:maxReason]
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "")
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s)
}
