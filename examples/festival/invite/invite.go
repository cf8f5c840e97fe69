// Package invite has the line by which somebody is invited, to a festival or to an album: a grant, and where it can be redeemed.
package invite

import (
	"errors"
	"strings"

	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

// An Invitation is a grant, and where it can be redeemed: a line that is no secret, because the owner of the key that the grant is for
// alone can use it.
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

// ErrLine says that a line has no grant, or not two words. What it is that was expected is for the program to say.
var ErrLine = errors.New("that is no invitation")

// Parse reads what String wrote. An error is ErrLine, or that of sturdyref.ParsePeer.
func Parse(line string) (Invitation, error) {
	words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "invitation "))
	if len(words) != 2 {
		return Invitation{}, ErrLine
	}
	i := Invitation{Grant: new(grant.Grant)}
	if err := i.Grant.UnmarshalText([]byte(words[0])); err != nil {
		return Invitation{}, ErrLine
	}
	var err error
	i.At, err = sturdyref.ParsePeer(words[1])
	return i, err
}
