package hawser

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

// RevokeGrant revokes the last link of a grant, for good, and with it everything that was delegated from it: as its issuer, as
// that of any link before it, or as its holder, who renounces it. If it is about an object of this node then what was given by
// it has ended, and that is on the disk, when RevokeGrant returns; the receipt says so to others (grant.ParseReceipt). Else
// there is none yet. The notice proves itself: the object's home, if that is another node, and whoever else verifies such
// grants, is to be told (see [Node.Notify] and [Node.ExchangeNotices]); until then they know nothing of it.
func (n *Node) RevokeGrant(ctx context.Context, g *grant.Grant, reason string) (notice, receipt []byte, err error) {
	if n.signer == nil {
		return nil, nil, errSigner
	}
	if n.child {
		return nil, nil, errOfferHere
	}
	return n.root.office.Revoke(ctx, n.signer, g, grant.Withdrawal{Link: g.ID(), Reason: reason})
}

// Notify tells the node at a place what was revoked of its grants, or of those of others that matter to it (see
// [Node.ShareNotices]). The promise returned is fulfilled when it has learned that, and its disk has it. If it is the home of
// the object then what was given has ended, too, and the promise brings the receipt that says so, which was checked; from
// another node it brings an empty byte string. It breaks with ErrGrantRefused if the notice is not good or does not matter
// there.
func (n *Node) Notify(notice []byte, at sturdyref.Peer) promise.Promise[[]byte] {
	return n.home.Notify(notice, at)
}

// Learn takes in a notice that somebody else has passed on, as [Node.Notify] has another node do. It refuses one about grants
// of a home that does not matter here.
func (n *Node) Learn(ctx context.Context, notice []byte) (receipt []byte, err error) {
	return n.root.office.Learn(ctx, notice)
}

// ShareNotices has the node pass on what it knows was revoked of a home's grants, to any peer that asks and names that home,
// and take in what others pass on, until Close. The home may be this node, which takes in what concerns it in any case; or
// another, for programs that verify grants whose home they are not, and ask [Node.VerifyGrant]. Nobody is shown anything
// otherwise: notices say who has given what to whom, and who has revoked it. What is known of each other home is bounded, and
// kept in Dir.
func (n *Node) ShareNotices(home grant.Key) { n.root.office.Share(home) }

// ExchangeNotices asks the node at a place what it has heard of revocations of a home's grants, and tells it what it has not.
// So what one has heard gets round among all who share it, the home itself included, in whatever order they meet. It has this
// node share it, too (see [Node.ShareNotices]). It returns how many notices were new here: they have taken effect, and are on
// the disk. An error says that the exchange is not complete; what was learned stays, and to try again costs only what is left.
// It must not be called in a turn. ctx bounds it, and is to have an end: the peer may be slow.
func (n *Node) ExchangeNotices(ctx context.Context, home grant.Key, at sturdyref.Peer) (learned int, err error) {
	return n.home.ExchangeNotices(ctx, n.root.office, home, at)
}

// VerifyGrant says whether a grant of whatever home is good, as far as this node has heard: nil, or an error that matches
// grant.ErrRefused and a grant.Reason. Who shows it is not looked at, and caveats are not. That it was not revoked is certain
// at its home alone.
func (n *Node) VerifyGrant(g *grant.Grant) error { return n.root.office.Verify(g) }

// noticesFile is what hawser grant revoke has written into a node's Dir, perhaps while the node did not run: notices as text,
// one a line. Lines that are empty or begin with # do not matter.
const noticesFile = "notices"

// learnNotices has the node know what the notices in its directory revoke, of its grants and of those of others. It is called
// before anybody can reach the node.
func (s *shared) learnNotices() error {
	if s.dir == nil {
		return nil
	}
	b, err := s.dir.read(noticesFile)
	if err != nil {
		return err
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		notice, err := grant.ParseNoticeText(line)
		if err == nil {
			_, err = grant.ConcernOf(notice)
		}
		if err != nil {
			return fmt.Errorf("hawser: line %d of %s is no notice, and what it revoked is not known: get it again, or remove the line: %w", n, filepath.Join(s.dir.path, noticesFile), err)
		}
		s.office.Trust(notice)
	}
	return nil
}

// noticeStore returns the opener of what notices are kept in if the node has a directory, but no durable vats: their store,
// which is made then.
func (s *shared) noticeStore(c Config) func() (*store.Store, error) {
	if s.dir == nil {
		return nil
	}
	return func() (*store.Store, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return nil, errNodeClosed
		}
		var err error
		s.notices, err = c.openStore(filepath.Join(s.dir.path, storeFile))
		return s.notices, err
	}
}

// closeNotices closes what noticeStore has opened.
func (s *shared) closeNotices() error {
	s.mu.Lock()
	st := s.notices
	s.notices = nil
	s.mu.Unlock()
	if st == nil {
		return nil
	}
	return st.Close()
}
