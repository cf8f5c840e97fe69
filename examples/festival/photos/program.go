package photos

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/examples/festival/album"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/bolt"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// Config says where a program keeps what it has, and where it listens.
type Config struct {
	// Dir is required. It is for this program alone.
	Dir string
	// Listen is that of hawser.Config.
	Listen string
	Logger hclog.Logger
}

// A Program is what somebody has of albums. Its methods may be called by several goroutines.
type Program struct {
	*album.Peer
	node  *hawser.Node
	vat   *vat.Vat
	store *store.Store
}

// grace is how long a session waits for a connection that was lost: who is away is asked again when they are wanted.
const grace = 30 * time.Second

// Open opens what is in a directory, or begins there. Close is to be called in the end.
func Open(ctx context.Context, cfg Config) (*Program, error) {
	if cfg.Dir == "" {
		return nil, errors.New("photos: Config.Dir is missing")
	}
	node, err := hawser.Open(ctx, &hawser.Config{Dir: cfg.Dir, Listen: cfg.Listen, Kinds: album.Kinds(), Grace: grace, Logger: cfg.Logger})
	if errors.Is(err, vat.ErrUnknownKind) {
		return nil, fmt.Errorf("photos: %s is another program's directory, or a later version's: give photos one of its own", cfg.Dir)
	}
	if err != nil {
		return nil, err
	}
	p := &Program{node: node}
	if err := p.open(ctx, filepath.Join(cfg.Dir, "blobs.db")); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Program) open(ctx context.Context, file string) (err error) {
	if p.store, err = bolt.Open(file); err != nil {
		return err
	}
	blobs, err := album.OpenBlobs(p.store)
	if err != nil {
		return err
	}
	shelf, err := p.node.Publish(ctx, "shelf", album.Serve(p.node.Vat("shelf"), blobs))
	if err != nil {
		return err
	}
	if p.vat, err = p.node.DurableVat("photos"); err != nil {
		return err
	}
	if p.Peer, err = album.OpenPeer(ctx, p.vat, blobs, reach{p.node}, shelf.URI()); err != nil {
		return err
	}
	mine, _, err := p.Albums(ctx)
	if err != nil {
		return err
	}
	for _, number := range mine {
		if err := p.offer(ctx, number); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the program. What it has is there when it is opened again.
func (p *Program) Close() error {
	err := p.node.Close()
	if p.store != nil {
		err = errors.Join(err, p.store.Close())
	}
	return err
}

// Key returns the key by which others invite this person.
func (p *Program) Key() grant.Key { return grant.KeyOf(p.node.Signer()) }

// reach is how a node gets at others.
type reach struct{ node *hawser.Node }

// Redeem implements album.Reach.
func (r reach) Redeem(line string) (vat.Ref, error) {
	i, err := ParseInvitation(line)
	if err != nil {
		return vat.Ref{}, err
	}
	return r.node.Redeem(i.Grant, nil, i.At), nil
}

// Shelf implements album.Reach.
func (r reach) Shelf(text string) (album.ShelfRef, error) {
	ref, err := sturdyref.Parse(text)
	if err != nil {
		return album.ShelfRef{}, err
	}
	return vat.As[album.ShelfRef](r.node.Enliven(ref)), nil
}

// offered is the name under which an album is on offer.
func offered(id album.ID) string { return "album-" + hex.EncodeToString(id[:]) }

// offer has grants open the roles of one of the program's own albums.
func (p *Program) offer(ctx context.Context, number int) error {
	a, err := p.Album(ctx, number)
	if err != nil {
		return err
	}
	makers, err := p.Makers(ctx, number)
	if err != nil {
		return err
	}
	roles := make(map[string]hawser.Role, len(makers))
	for role, make := range makers {
		roles[string(role)] = hawser.Role{Open: func(ctx context.Context, by hawser.Holder) (vat.Ref, error) {
			return make(ctx, by.Key, by.Grant.Expires())
		}}
	}
	_, err = p.node.Offer(ctx, offered(a.ID), p.vat, roles)
	return err
}

// Begin makes an album, and returns its number.
func (p *Program) Begin(ctx context.Context, title string) (int, error) {
	number, err := p.Peer.Begin(ctx, title)
	if err != nil {
		return 0, err
	}
	return number, p.offer(ctx, number)
}

// How long grants are good for, and how often a reader's may be passed on. The others are for whom they were given to alone: of those there is
// room for a few.
const (
	goodFor = 90 * 24 * time.Hour
	depth   = 2
)

// End ends one of the program's own albums: nobody reads it any more, and its photos are gone from this disk.
func (p *Program) End(ctx context.Context, number int) error {
	a, err := p.Album(ctx, number)
	if err != nil {
		return err
	}
	if err := p.Peer.End(ctx, number); err != nil {
		return err
	}
	p.node.Withdraw(offered(a.ID))
	return nil
}

// Share grants the owner of a key a role in one of the program's own albums, and has it called by a name there.
func (p *Program) Share(ctx context.Context, number int, role album.Role, key grant.Key, name string) (Invitation, error) {
	a, err := p.Album(ctx, number)
	if err != nil {
		return Invitation{}, err
	}
	if !a.Own() {
		return Invitation{}, errors.New("that album is somebody else's: pass gives on what you were granted of it")
	}
	terms := grant.Terms{Audience: key, Expires: time.Now().Add(goodFor)}
	switch role {
	case album.AsReader:
		terms.Depth = depth
	case album.AsKeeper, album.AsContributor:
	default:
		return Invitation{}, fmt.Errorf("there is no role %q: there are %s, %s and %s", string(role), album.AsReader, album.AsContributor, album.AsKeeper)
	}
	if err := p.Call(ctx, number, key, name); err != nil {
		return Invitation{}, err
	}
	g, err := p.node.Issue(offered(a.ID), string(role), terms)
	if err != nil {
		return Invitation{}, err
	}
	return p.give(ctx, number, Invitation{Grant: g, At: p.node.Location()}, name)
}

// give notes what is given.
func (p *Program) give(ctx context.Context, number int, i Invitation, to string) (Invitation, error) {
	_, err := p.Give(ctx, album.Given{Album: number, Role: album.Role(i.Grant.Role()), To: to, Invitation: i.String()})
	return i, err
}

// Pass passes on what this program was granted of somebody else's album: the album's home need not be there, and need not know of it.
func (p *Program) Pass(ctx context.Context, number int, key grant.Key) (Invitation, error) {
	a, err := p.Album(ctx, number)
	if err != nil {
		return Invitation{}, err
	}
	if a.Own() {
		return Invitation{}, errors.New("that album is yours: share invites people to it")
	}
	i, err := ParseInvitation(a.Invitation)
	if err != nil {
		return Invitation{}, err
	}
	links := i.Grant.Links()
	left := links[len(links)-1].Depth
	if left == 0 {
		return Invitation{}, errors.New("what you were granted is for you alone: it may not be passed on")
	}
	g, err := i.Grant.Delegate(p.node.Signer(), grant.Terms{Audience: key, Expires: i.Grant.Expires(), Depth: left - 1})
	if err != nil {
		return Invitation{}, err
	}
	return p.give(ctx, number, Invitation{Grant: g, At: i.At}, key.String())
}

// Accept notes an invitation to somebody else's album, and returns the album's number here. The album's home is not asked yet.
func (p *Program) Accept(ctx context.Context, line string) (int, error) {
	i, err := ParseInvitation(line)
	if err != nil {
		return 0, err
	}
	if i.Grant.Holder() != p.Key() {
		return 0, errors.New("that invitation is for somebody else: it names another key")
	}
	object, subject := i.Grant.Object(), i.Grant.Subject()
	return p.Follow(ctx, album.Role(i.Grant.Role()), sha256.Sum256(slices.Concat(subject[:], object[:])), i.String())
}

// ErrUntold says that something was taken back of which the album's home does not know yet.
var ErrUntold = errors.New("taken back, but the album's home does not know yet: revoke it again when that is there")

// Still returns the numbers of what was given of the same album for the same key as under a number, and not taken back.
func (p *Program) Still(ctx context.Context, number int) (left []int, err error) {
	all, err := p.Given(ctx)
	if err != nil {
		return nil, err
	}
	of, line, err := givenAs(all, number)
	if err != nil {
		return nil, err
	}
	for _, g := range beside(all, of, line.Grant.Holder()) {
		left = append(left, g.Number)
	}
	return left, nil
}

// beside returns what was given of the same album for the same key, and not taken back.
func beside(all []album.Given, of album.Given, key grant.Key) (left []album.Given) {
	for _, g := range all {
		if other, err := ParseInvitation(g.Invitation); err == nil && g.Number != of.Number && !g.Revoked && g.Album == of.Album && other.Grant.Holder() == key {
			left = append(left, g)
		}
	}
	return left
}

// givenAs returns what was given under a number.
func givenAs(all []album.Given, number int) (album.Given, Invitation, error) {
	i := slices.IndexFunc(all, func(g album.Given) bool { return g.Number == number })
	if i < 0 {
		return album.Given{}, Invitation{}, errors.New("there is no such grant: given has their numbers")
	}
	line, err := ParseInvitation(all[i].Invitation)
	return all[i], line, err
}

// Revoke takes back what was given, or passed on, under a number, and all that was passed on from that. It ends at that one album.
func (p *Program) Revoke(ctx context.Context, number int, why string) (album.Given, error) {
	all, err := p.Given(ctx)
	if err != nil {
		return album.Given{}, err
	}
	given, line, err := givenAs(all, number)
	if err != nil {
		return given, err
	}
	notice, _, err := p.node.RevokeGrant(ctx, line.Grant, why)
	if err != nil {
		return given, err
	}
	if err := p.Revoked(ctx, number); err != nil {
		return given, err
	}
	if line.Grant.Subject() == p.Key() {
		if slices.ContainsFunc(beside(all, given, line.Grant.Holder()), func(g album.Given) bool { return g.Role != album.AsReader }) {
			return given, nil // their shelf is told of by that
		}
		if err := p.Forget(ctx, given.Album, line.Grant.Holder()); !errors.Is(err, album.ErrNoAlbum) { // else it has ended
			return given, err
		}
		return given, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, album.ErrSilent)
	defer cancel()
	if _, err := p.node.Notify(notice, line.At).Await(ctx); err != nil {
		return given, fmt.Errorf("%w: %w", ErrUntold, err)
	}
	return given, nil
}

// patience is how long others may take to answer.
const patience = 10 * time.Second

// Try sends what an invitation opens any message without arguments, as a program that does not keep to the rules would.
func (p *Program) Try(ctx context.Context, number int, method string) (any, error) {
	a, err := p.Album(ctx, number)
	if err != nil {
		return nil, err
	}
	if a.Own() {
		return nil, errors.New("that album is yours")
	}
	ref, err := reach{p.node}.Redeem(a.Invitation)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, album.ErrSilent)
	defer cancel()
	return vat.Result[any](ref.Send(ctx, method)).Await(ctx)
}
