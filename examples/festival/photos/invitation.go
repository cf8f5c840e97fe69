package photos

import (
	"errors"
	"fmt"

	"github.com/hawser-go/hawser/examples/festival/album"
	"github.com/hawser-go/hawser/examples/festival/invite"
)

// An Invitation is a grant of an album, and where it can be redeemed.
type Invitation = invite.Invitation

// ErrInvitation says that a line is no invitation.
var ErrInvitation = errors.New("that is no invitation to an album: that is the line that the program of its owner, or of whoever passes it on, has printed")

// ParseInvitation reads what String wrote.
func ParseInvitation(line string) (Invitation, error) {
	i, err := invite.Parse(line)
	if err != nil {
		return Invitation{}, ErrInvitation
	}
	switch album.Role(i.Grant.Role()) {
	case album.AsReader, album.AsKeeper, album.AsContributor:
		return i, nil
	}
	return Invitation{}, fmt.Errorf("%w: as a %q one sees no album", ErrInvitation, i.Grant.Role())
}
