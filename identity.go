package hawser

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

// ErrNoIdentity says that a directory is not there, or not that of a node.
var ErrNoIdentity = errors.New("hawser: there is no identity in the directory: name the Dir of a node that has been opened once")

// IdentityIn returns the identity that is kept in a node's Dir, for programs that sign as the node and are none: a tool that
// issues grants, say (see [grant.SignerOf]). It makes, changes and locks nothing, so a node may have the directory open meanwhile.
// Its error matches ErrNoIdentity if there is no such directory or no identity in it. It does not know of a Config.Identity,
// which a node has elsewhere.
func IdentityIn(path string) (sturdyref.Identity, error) {
	if strings.HasPrefix(path, "~") {
		return nil, fmt.Errorf("hawser: the directory %q: %w", path, errTilde)
	}
	d := dir{path: path}
	b, err := d.read("identity")
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, fmt.Errorf("%w: %q", ErrNoIdentity, path)
	}
	id, err := sturdyref.KeyPairOf(b)
	if err != nil {
		return nil, fmt.Errorf("hawser: %s is damaged or is no identity: %w", filepath.Join(path, "identity"), err)
	}
	return id, nil
}

// ObjectIDOf returns the id by which grants name the object that the node with the given signing key offers under a name: what
// [Node.ObjectID] returns there. It is no secret.
func ObjectIDOf(home grant.Key, name string) grant.ObjectID {
	h := sha256.New()
	_, _ = io.WriteString(h, "hawser/object/1")
	_, _ = h.Write(home[:])
	_, _ = io.WriteString(h, name)
	return grant.ObjectID(h.Sum(nil))
}
