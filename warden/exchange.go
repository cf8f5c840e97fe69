package warden

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
)

// Notices travel from whoever has heard of them to whoever has not: a party asks another, about one home at a time, for the
// digest of what it has, goes down to where the two differ, and asks for the notices that it lacks; and it tells the other of
// those that it has and the other lacks. Neither remembers anything of the other, so what one says is no reason not to ask
// somebody else. All that comes is hostile until it has proven itself, and what an exchange may cost is bounded by what it
// brings.

const (
	// MaxAsked is how many notices are asked for at a time.
	MaxAsked = 64
	// maxAnswer bounds the notices of an answer, in bytes; one of them may be longer.
	maxAnswer = 256 << 10
	// fruitless is how many questions one exchange may ask that bring nothing new: enough to look at every part of a large set,
	// and to ask for something in each.
	fruitless = 600
	// maxTold is how many notices a peer is told of in one exchange. If it lacks more it asks by itself.
	maxTold = 256
)

// Correspondent is somebody with whom notices about one home's grants are exchanged: what it answers may be anything.
type Correspondent interface {
	// List returns an empty byte string if digest is that of what it has at the place with the prefix, else the grant.Listing
	// of it.
	List(ctx context.Context, prefix, digest []byte) ([]byte, error)
	// Get returns notices by their names, 32 bytes each: one at least if it has any of them.
	Get(ctx context.Context, names []byte) ([][]byte, error)
	// Tell tells it of notices, and returns how many of them it has taken in.
	Tell(ctx context.Context, notices [][]byte) (int, error)
}

var (
	errEndless = errors.New("warden: the peer goes on and on about revocations that are not there: ask somebody else")
	errPage    = errors.New("warden: the peer has answered with what was not asked for: ask somebody else")
)

// Exchange asks a peer for the notices about a home's grants that it has and this office has not, and tells it of those that it
// lacks. From now on such notices matter here (see Share). It returns how many were new here: they are verified, on the disk,
// and have taken effect. An error says what has kept the exchange from being complete; what was learned stays. One that matches
// grant.Full says that there was no room for some notices; the others were exchanged. Exchange must not be called in a turn.
func (o *Office) Exchange(ctx context.Context, home grant.Key, with Correspondent) (learned int, err error) {
	o.Share(home)
	x := &exchange{office: o, home: home, set: o.setOf(home), with: with, left: fruitless}
	for range 3 { // a head may have come after what it counts
		before := x.learned
		x.lacking = nil
		if err := x.compare(ctx, nil); err != nil {
			return x.learned, err
		}
		if x.learned == before {
			break
		}
	}
	if err := x.tell(ctx); err != nil {
		return x.learned, err
	}
	return x.learned, x.full
}

// exchange is one of them. It goes through what differs in an order that nobody knows: whoever may make notices in any number, for
// which there is no room here, or there, would otherwise have all questions spent on these, each time, and never on what is behind them.
type exchange struct {
	office  *Office
	home    grant.Key
	set     *grant.Set
	with    Correspondent
	left    int        // how many more questions may bring nothing
	learned int        // how many notices were new
	lacking [][32]byte // what the peer lacks
	full    error      // there was no room for something
}

// ask counts a question.
func (x *exchange) ask() error {
	if x.left--; x.left < 0 {
		return errEndless
	}
	return nil
}

// compare finds out where the peer has something else at the place with the prefix.
func (x *exchange) compare(ctx context.Context, prefix []byte) error {
	if err := x.ask(); err != nil {
		return err
	}
	mine := x.set.Digest(prefix)
	answer, err := x.with.List(ctx, prefix, mine[:])
	if err != nil || len(answer) == 0 {
		return err
	}
	theirs, err := grant.ParseListing(answer, prefix)
	if err != nil {
		return fmt.Errorf("%w: %w", errPage, err)
	}
	for _, i := range rand.Perm(len(theirs.Parts)) {
		at := append(prefix[:len(prefix):len(prefix)], byte(i))
		if x.set.Digest(at) == theirs.Parts[i] {
			continue
		}
		if err := x.compare(ctx, at); err != nil {
			return err
		}
	}
	if theirs.Parts != nil {
		return nil
	}
	x.miss(theirs.Names, prefix)
	var wanted [][32]byte
	for _, name := range theirs.Names {
		if x.set.Named(name) == nil {
			wanted = append(wanted, name)
		}
	}
	return x.get(ctx, wanted)
}

// miss notes what the peer lacks of what there is at a place here, until that is enough.
func (x *exchange) miss(theirs [][32]byte, prefix []byte) {
	has := make(map[[32]byte]bool, len(theirs))
	for _, name := range theirs {
		has[name] = true
	}
	var walk func(prefix []byte)
	walk = func(prefix []byte) {
		mine := x.set.List(prefix)
		for _, i := range rand.Perm(len(mine.Parts)) {
			if len(x.lacking) < maxTold && mine.Parts[i] != ([32]byte{}) {
				walk(append(prefix[:len(prefix):len(prefix)], byte(i)))
			}
		}
		for _, i := range rand.Perm(len(mine.Names)) {
			if len(x.lacking) < maxTold && !has[mine.Names[i]] {
				x.lacking = append(x.lacking, mine.Names[i])
			}
		}
	}
	walk(prefix)
}

// get asks for notices by their names.
func (x *exchange) get(ctx context.Context, names [][32]byte) error {
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for len(names) > 0 {
		if err := x.ask(); err != nil {
			return err
		}
		now := names[:min(len(names), MaxAsked)]
		asked := make(map[[32]byte]bool, len(now))
		b := make([]byte, 0, 32*len(now))
		for i := range now {
			asked[now[i]] = true
			b = append(b, now[i][:]...)
		}
		got, err := x.with.Get(ctx, b)
		if err != nil {
			return err
		}
		if len(got) > len(now) {
			return errPage
		}
		before := len(asked)
		var page [][]byte
		for _, notice := range got {
			if c, err := grant.ConcernOf(notice); err == nil && c.Home == x.home && asked[c.Name] {
				delete(asked, c.Name)
				page = append(page, notice)
			}
		}
		if err := x.learn(ctx, page); err != nil {
			return err
		}
		names = names[len(now):]
		if left := len(asked); left > 0 && left < before { // an answer has only so much room
			for _, name := range now {
				if asked[name] {
					names = append(names, name)
				}
			}
		}
	}
	return nil
}

// learn takes in what the peer has answered, and waits until that has had its effect. What is not good is left out.
func (x *exchange) learn(ctx context.Context, notices [][]byte) error {
	learned := make(chan error, len(notices))
	fresh := 0
	for _, notice := range notices {
		if x.office.learn(notice, x.office.matters, func(_ []byte, err error) { learned <- err }) {
			fresh++
		}
	}
	x.learned += fresh
	x.left += fresh
	var failed error
	for range notices {
		select {
		case err := <-learned:
			switch {
			case errors.Is(err, grant.Full):
				x.full = err
			case err != nil && !errors.Is(err, grant.ErrRefused):
				failed = err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return failed
}

// tell tells the peer of what it lacks.
func (x *exchange) tell(ctx context.Context) error {
	var notices [][]byte
	for _, name := range x.lacking {
		if b := x.set.Named(name); b != nil {
			notices = append(notices, b)
		}
	}
	if len(notices) == 0 {
		return nil
	}
	_, err := x.with.Tell(ctx, notices)
	return err
}

// List answers a peer that asks for the digest of what is known here about a home's grants, as [Correspondent] has it. What
// matters to nobody here is answered like what nothing is known of.
func (o *Office) List(home grant.Key, prefix, digest []byte) ([]byte, error) {
	if len(prefix) > 32 || len(digest) != 32 {
		return nil, vat.ErrBadArgs
	}
	var l grant.Listing
	if set := o.shown(home); set != nil {
		if set.Digest(prefix) == [32]byte(digest) {
			return nil, nil
		}
		l = set.List(prefix)
	} else if [32]byte(digest) == l.Digest() {
		return nil, nil
	}
	return l.Bytes(), nil
}

// Get answers a peer that asks for notices about a home's grants by their names.
func (o *Office) Get(home grant.Key, names []byte) (notices [][]byte, err error) {
	if len(names)%32 != 0 || len(names) > 32*MaxAsked {
		return nil, vat.ErrBadArgs
	}
	set := o.shown(home)
	if set == nil {
		return nil, nil
	}
	room := maxAnswer
	for name := range slices.Chunk(names, 32) {
		b := set.Named([32]byte(name))
		if b == nil {
			continue
		}
		if room -= len(b); room < 0 && notices != nil {
			break
		}
		notices = append(notices, b)
	}
	return notices, nil
}
