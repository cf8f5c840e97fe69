package hawser

import (
	"errors"
	"path/filepath"

	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
)

// prekeysDir is the name, in Dir, of the directory with the keys that letters are sealed to.
const prekeysDir = "prekeys"

var errNoMail = errors.New("hawser: Config.Mailbox is for a node with a Dir and Kinds: mail is for the sessions of durable objects")

var errNoBox = errors.New("hawser: Config.PublicDrop is a drop of the box in Config.Mailbox, which is not set: set it to the owner's sturdyref")

var errOwnersDrop = errors.New("hawser: Config.PublicDrop is the same as Config.Mailbox, the owner's sturdyref, which is for nobody else: " +
	"set it to what hawser mailbox new calls public")

// Correspondents lists the peers that can get letters of this node and write to it: each side has told the other where its letters are
// dropped. It is empty without a Config.Mailbox.
func (n *Node) Correspondents() []sturdyref.PeerID { return n.home.Correspondents() }

// post returns the mail of the node that Open returns, nil if it has none.
func (s *shared) post(c Config, id sturdyref.Identity, keep home.Keeper) (*home.Post, error) {
	switch {
	case c.Mailbox.IsZero() && !c.PublicDrop.IsZero():
		return nil, errNoBox
	case c.Mailbox.IsZero() || keep == nil && s.durables.book() != nil:
		return nil, nil
	case c.PublicDrop.Swiss.Equal(c.Mailbox.Swiss):
		return nil, errOwnersDrop
	case s.durables.book() == nil:
		return nil, errNoMail
	}
	return home.NewPost(home.PostConfig{
		Box: c.Mailbox, Public: c.PublicDrop, Identity: id, Prekeys: mailbox.Dir(filepath.Join(s.dir.path, prekeysDir)), Store: s.durables.store,
		Logger: c.Logger.Named("mail"),
	})
}
