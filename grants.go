package hawser

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// A Role is a facet of an object that grants may name: see [Node.Offer].
type Role = warden.Role

// Holder is who has redeemed a grant.
type Holder = warden.Holder

// How grants fail their holders, who are told no more than that.
var (
	// ErrGrantRefused breaks a reference that was to be had by a grant that is not good, for whatever reason.
	ErrGrantRefused = warden.ErrRefused
	// ErrBeyondGrant breaks a call that is not within what every link of its grant allows.
	ErrBeyondGrant = warden.ErrBeyond
	// ErrGrantOver breaks calls by way of a grant that has expired or was revoked.
	ErrGrantOver = warden.ErrOver
	// ErrGivenUp breaks calls on what was reached by way of a grant and given up for newer ones: get it again.
	ErrGivenUp = warden.ErrGivenUp
	// ErrAnswerGone breaks the answer to a message that its home does not keep any more, or never has. The message was heard.
	ErrAnswerGone = warden.ErrAnswerGone
	// ErrAnswerUnfit breaks the answer to a message whose call, which was made, has brought references, or too much.
	ErrAnswerUnfit = warden.ErrAnswerUnfit
	// ErrOtherMessage breaks the answer to a message that was not heard, because another with its number was.
	ErrOtherMessage = warden.ErrOtherMessage
	// ErrManyOpen breaks a reference that was to be had by a grant when too many are open that were passed on by way of one link.
	ErrManyOpen = warden.ErrManyOpen
)

var (
	errOfferHere = errors.New("hawser: objects are offered by the node that Open returned, under its identity")
	errSigner    = errors.New("hawser: an anonymous node has no key to sign with")
)

// Offer has grants open roles of an object of this node from now on. v is the object's vat, in whose turns roles are opened;
// the object itself is whatever these return. The id returned, which grants name, is the same for the same name under the same
// identity. If v is durable then so is what was given: it is there after a restart, and so that grants can be redeemed again the
// program offers the object again. What a role opens is an object with methods, to which grants may be narrowed, and no function.
func (n *Node) Offer(ctx context.Context, name string, v *vat.Vat, roles map[string]Role) (grant.ObjectID, error) {
	if err := context.Cause(ctx); err != nil {
		return grant.ObjectID{}, err
	}
	if n.child {
		return grant.ObjectID{}, errOfferHere
	}
	id := n.ObjectID(name)
	if err := n.root.office.Offer(id, v, roles); err != nil {
		return grant.ObjectID{}, fmt.Errorf("hawser: offer %q: %w", name, err)
	}
	return id, nil
}

// Withdraw ends an offer: grants about the object are refused until it is offered again. What was given stays.
func (n *Node) Withdraw(name string) {
	if !n.child {
		n.root.office.Withdraw(n.ObjectID(name))
	}
}

// ObjectID returns the id by which grants name the object that this node offers under a name, offered at present or not. It is
// no secret, and depends on the identity and the name alone.
func (n *Node) ObjectID(name string) grant.ObjectID {
	return ObjectIDOf(n.root.office.Host(), name)
}

// Signer returns the signing key of the node's identity, with which it issues grants about objects of its own, and delegates
// and redeems those that are for it; nil for an anonymous node.
func (n *Node) Signer() crypto.Signer {
	if n.signer == nil {
		return nil
	}
	return n.signer
}

// holder returns the key of a grant's holder: the one given, or else the node's own.
func (n *Node) holder(given crypto.Signer) (crypto.Signer, error) {
	if given != nil {
		return given, nil
	}
	if n.signer == nil {
		return nil, errSigner
	}
	return n.signer, nil
}

// Issue returns a grant about the object that this node offers under a name, in one of its roles. It needs no connection, and
// the object need not be offered yet.
func (n *Node) Issue(name, role string, t grant.Terms) (*grant.Grant, error) {
	if n.child {
		return nil, errOfferHere
	}
	return grant.Issue(n.signer, grant.Root{Object: n.ObjectID(name), Role: role}, t)
}

// Redeem returns a reference to what a grant stands for, at the node that issued its first link, found at the place given. It
// returns at once; messages sent to it go out behind the grant. signer is the key that the grant is for: nil for the node's own.
// It is called with locks held, so one that is slow had better delegate the grant to a key in memory. Nothing is sent to a
// peer that is not the one that has issued it, but it may be shown the grant, which is of no use to it. What keeps the grant
// from being redeemed — it has expired or was revoked, the object is not on offer, the peer does not say which — breaks the
// reference with ErrGrantRefused; when it ends later, calls break with ErrGrantOver. A reference that broke with its session
// stays broken: redeem again.
func (n *Node) Redeem(g *grant.Grant, signer crypto.Signer, at sturdyref.Peer) vat.Ref {
	signer, err := n.holder(signer)
	if err != nil {
		return vat.Broken(err)
	}
	return n.home.Redeem(g, signer, at)
}

// RedeemLive is Redeem for a reference that comes back by itself, as [Node.Live] returns one: it is redeemed again when its
// session was lost, and, at first, as soon as the object's home is reached; until then what is sent to it waits. So a grant
// introduces its holder to an object also while its home is away, where a handoff could not complete. It breaks for good when
// the home refuses the grant, as a live reference does with a secret, and with ErrGrantRefused. The same grant gives the same
// reference. Durable objects do not keep it over a restart.
func (n *Node) RedeemLive(g *grant.Grant, signer crypto.Signer, at sturdyref.Peer) vat.Ref {
	signer, err := n.holder(signer)
	if err != nil {
		return vat.Broken(err)
	}
	return n.home.LiveGrant(g, signer, at)
}

// SignCall returns a message by which the holder of a grant calls a method of what it opens, without a session: somebody brings
// it to the object's home, with the grant ([Node.Deliver]), perhaps long after. signer is the holder's key, nil for the node's
// own. seq counts the messages by that grant, from 1: the same number is heard once. Every link of the grant needs an accept-by
// time. Arguments are data, without references.
func (n *Node) SignCall(g *grant.Grant, signer crypto.Signer, seq uint64, method string, args ...any) ([]byte, error) {
	signer, err := n.holder(signer)
	if err != nil {
		return nil, err
	}
	return warden.SignCall(signer, g, seq, time.Now(), method, args...)
}

// Deliver brings a message by a grant to the object's home, at the place given. Anybody may: it is signed, and whoever carries it
// is told only whether it was taken. The promise is fulfilled when it is certain that the call is made, once, and on the disk if
// the object is durable, however often the message is brought. It breaks with ErrGrantRefused if the message is not good, or
// comes too late: after a revocation that does not spare it, or after the grant's accept-by time. At a home with durable vats that
// has been started and has not offered the object yet, a message waits for that.
func (n *Node) Deliver(g *grant.Grant, message []byte, at sturdyref.Peer) promise.Promise[bool] {
	return n.home.Deliver(g, message, at)
}

// Answer returns a promise for what the call of a message comes to, which SignCall has returned: for its author, who alone is told. The
// message is brought as by Deliver, if nobody has done that yet, and the promise settles as the call does, when it does; the call is
// made once, and what it came to is the same however often one asks, also after a restart of the object's home if the object is
// durable. So a call by message may be made and tried again over any network, and was made once.
//
// What is kept is data: for a call that brings references, or more than 4096 bytes, the promise breaks with ErrAnswerUnfit. It is
// kept as long as the message would be heard, until its accept-by time, of the last 64 messages by the grant; after that it is
// ErrAnswerGone. Who was revoked is told of the messages that the revocation spares, and of no others. The promise breaks with
// ErrGrantRefused if the message is not good, or comes too late; and with the session: ask again. signer is the holder's key, nil
// for the node's own, and is asked as by Redeem.
func (n *Node) Answer(g *grant.Grant, signer crypto.Signer, message []byte, at sturdyref.Peer) vat.Ref {
	signer, err := n.holder(signer)
	if err != nil {
		return vat.Broken(err)
	}
	return n.home.Answer(g, signer, message, at)
}
