package grant

import "fmt"

// ErrRefused is matched by every error about something that came from somebody else, and is all that somebody else is
// to be told: which check failed is a *[Refusal] for the local log. A Refusal keeps to this by itself when it crosses
// to another vat: only the code and the text of ErrRefused do.
var ErrRefused error = refused{}

type refused struct{}

func (refused) Error() string        { return refusedText }
func (refused) ErrorCode() string    { return refusedCode }
func (refused) ErrorMessage() string { return refusedText }

const (
	refusedCode = "hawser.refused"
	refusedText = "grant: refused"
)

// Reason is the sort of a refusal: errors.Is tells them apart.
type Reason string

// The reasons.
const (
	// Malformed: not what this package writes, or over a limit.
	Malformed Reason = "malformed"
	// WeakKey: a public key that is not the canonical encoding of a point of large order.
	WeakKey Reason = "weak key"
	// Broken: the links do not follow from each other, or the root is not its subject's.
	Broken Reason = "broken chain"
	// NotYet: before a not-before time.
	NotYet Reason = "not yet"
	// Expired: after an expiry or accept-by time.
	Expired Reason = "expired"
	// Withdrawn: a link was revoked.
	Withdrawn Reason = "revoked"
	// Forged: a signature does not verify.
	Forged Reason = "bad signature"
	// Beyond: the call is not within the methods and caveats of every link.
	Beyond Reason = "beyond the grant"
	// Misdirected: meant for another session, host, grant or object.
	Misdirected Reason = "meant for another"
	// Full: there is no room for more.
	Full Reason = "full"
)

// Error returns the reason's text.
func (r Reason) Error() string { return string(r) }

// Refusal says why something was refused. It is for the local log.
type Refusal struct {
	Reason Reason
	// Link is the number of the link concerned, 1 for the root, or 0 for the whole.
	Link int
	// What is one line for people. It names public keys and ids, and no secret.
	What string
}

// Error returns the whole story.
func (r *Refusal) Error() string {
	if r.Link > 0 {
		return fmt.Sprintf("grant: refused, %s: link %d: %s", string(r.Reason), r.Link, r.What)
	}
	return fmt.Sprintf("grant: refused, %s: %s", string(r.Reason), r.What)
}

// Is reports whether target is ErrRefused or the reason.
func (r *Refusal) Is(target error) bool { return target == ErrRefused || target == error(r.Reason) }

// ErrorCode and ErrorMessage are what another vat gets to see of a Refusal: no more than of ErrRefused.
func (r *Refusal) ErrorCode() string    { return refusedCode }
func (r *Refusal) ErrorMessage() string { return refusedText }

func refuse(reason Reason, link int, format string, args ...any) error {
	return &Refusal{reason, link, fmt.Sprintf(format, args...)}
}
