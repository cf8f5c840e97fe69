package photos

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hawser-go/hawser/examples/festival/album"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

// An Invitation is a grant of an album, and where it can be redeemed: a line that is no secret, because the owner of the key that the
// grant is for alone can use it.
type Invitation struct {
	Grant *grant.Grant
	At    sturdyref.Peer
}

// String returns the line: invitation hawser-grant:... ocapn://...
func (i Invitation) String() string {
	text, err := i.Grant.MarshalText()
	if err != nil {
		return "no invitation"
	}
	return "invitation " + string(text) + " " + i.At.URI()
}

// ErrInvitation says that a line is no invitation.
var ErrInvitation = errors.New("that is no invitation to an album: that is the line that the program of its owner, or of whoever passes it on, has printed")

// ParseInvitation reads what String wrote.
func ParseInvitation(line string) (Invitation, error) {
	words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "invitation "))
	if len(words) != 2 {
		return Invitation{}, ErrInvitation
	}
	i := Invitation{Grant: new(grant.Grant)}
	if err := i.Grant.UnmarshalText([]byte(words[0])); err != nil {
		return Invitation{}, ErrInvitation
	}
	var err error
	if i.At, err = sturdyref.ParsePeer(words[1]); err != nil {
		return Invitation{}, ErrInvitation
	}
	switch album.Role(i.Grant.Role()) {
	case album.AsReader, album.AsKeeper, album.AsContributor:
		return i, nil
	}
	return Invitation{}, fmt.Errorf("%w: as a %q one sees no album", ErrInvitation, i.Grant.Role())
}
