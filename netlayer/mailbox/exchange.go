package mailbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/sturdyref"
)

// ExchangeConfig says whose mail an Exchange is. The zero value of each field means none, or the default.
type ExchangeConfig struct {
	// Link and Role say which end of which link this is.
	Link [32]byte
	Role sturdyref.Role
	// Peer is the static key of the other end, and Known what else is known of it.
	Peer  [32]byte
	Known Known
	// Secret is that of the sturdyref by which a link was opened by mail: with it the dialler makes first contact, and the
	// acceptor answers. Zero for a link that was opened by a handshake.
	Secret Secret
	// Begun is when the link was begun, if that was by mail: until the other end was heard letters are accepted until 30 days after it.
	Begun time.Time
	// Store, Epoch and Base are those of Message, for this side.
	Store       [16]byte
	Epoch, Base uint64
	// Reply is where letters to this side are dropped: a sturdyref, which goes along with each letter. Empty if the other end knows.
	Reply string
	// Sealer seals the letters.
	Sealer *Sealer
	// Frames returns frames of the link in order from the one with the number first on, at least one, and not beyond next. They are
	// not changed.
	Frames func(first, next uint64) ([][]byte, error)
	// AckDelay is how long an acknowledgement alone waits for frames to go with (default 30 s).
	AckDelay time.Duration
}

// Known is what one end of a link knows of the other, to be stored with the link.
type Known struct {
	// Signing is its signing key: zeros if it is not known yet.
	Signing [32]byte
	// Bundle is the newest of its prekeys, nil if none.
	Bundle *Bundle
	// Heard says that it has been heard on this link: in a handshake, or in a letter.
	Heard bool
	// Store, Epoch and Base are what it has said last, of Message; zeros if nothing. End is how many frames it had then, as far as
	// could be seen.
	Store            [16]byte
	Epoch, Base, End uint64
}

// Exchange is the mail of one link, in both directions: what is due goes into letters, what letters bring comes out in order. It
// rests on Outbox and Inbox, and knows what to seal to. It belongs to one goroutine.
//
// T is what the caller has of a letter: see Inbox.
type Exchange[T any] struct {
	// Out and In are the two directions. The link tells them what happens by other ways: Out.Written, Out.Acked, In.Advance,
	// In.Consumed; and asks In.Done.
	Out *Outbox
	In  *Inbox[T]

	c ExchangeConfig
	// known says that the other end has heard this one, and so knows its signing key.
	known bool
	asked time.Time // when the box was last asked for prekeys
	owing time.Time // since when an acknowledgement waits; zero if none does
}

// NewExchange returns the mail of a link that has the two directions given.
func NewExchange[T any](c ExchangeConfig, out *Outbox, in *Inbox[T]) (*Exchange[T], error) {
	if c.Sealer == nil || c.Frames == nil || c.Role != sturdyref.Dialler && c.Role != sturdyref.Acceptor {
		return nil, errors.New("mailbox: an exchange needs a role, a sealer and the frames: set ExchangeConfig.Role, .Sealer and .Frames")
	}
	if c.AckDelay < 0 {
		return nil, fmt.Errorf("mailbox: ExchangeConfig.AckDelay is %v, expected a positive time or 0 for the default", c.AckDelay)
	}
	if !c.Known.Heard && c.Role == sturdyref.Dialler && c.Begun.IsZero() {
		return nil, errors.New("mailbox: an exchange whose other end was not heard yet needs the time at which its link was begun: set ExchangeConfig.Begun")
	}
	if c.AckDelay == 0 {
		c.AckDelay = 30 * time.Second
	}
	return &Exchange[T]{Out: out, In: in, c: c, known: c.Known.Heard && c.Secret.IsZero()}, nil
}

// SetReply says where letters to this side are dropped from now on.
func (x *Exchange[T]) SetReply(uri string) { x.c.Reply = uri }

// Correspondent returns what is known of the other end, for an Opener.
func (x *Exchange[T]) Correspondent() Correspondent {
	return Correspondent{Signing: x.c.Known.Signing, Secret: x.c.Secret}
}

// Known returns what is known of the other end, to be stored.
func (x *Exchange[T]) Known() Known { return x.c.Known }

// Send drops letters until nothing is due. An error says why something still is: the box's refusal, ErrRetired if there is nothing
// that it could be sealed to now, ErrUnheard, or what Frames or the network has said. What was accepted stays accepted.
func (x *Exchange[T]) Send(ctx context.Context, to Dropper, now time.Time) error {
	for {
		first, next, due := x.Out.Due(now)
		ack, owes := x.In.Owes()
		if owes && x.owing.IsZero() {
			x.owing = now
		}
		if !due && (!owes || now.Before(x.owing.Add(x.c.AckDelay))) {
			return nil
		}
		if err := x.refresh(ctx, to, now); err != nil {
			return err
		}
		m := &Message{First: first, Next: ack}
		if !due {
			if _, _, err := x.drop(ctx, to, m, now); err != nil {
				return err
			}
			x.told(ack)
			continue
		}
		frames, err := x.c.Frames(first, next)
		if err != nil {
			return err
		}
		if n := uint64(len(frames)); n == 0 || n > next-first {
			return fmt.Errorf("mailbox: ExchangeConfig.Frames has returned %d frames, wanted were 1 to %d", n, next-first)
		}
		if err := x.sendFrames(ctx, to, m, frames, now); err != nil {
			return err
		}
		x.told(ack)
	}
}

// sendFrames drops as many of the frames as go into one letter, or the first of them in parts.
func (x *Exchange[T]) sendFrames(ctx context.Context, to Dropper, m *Message, frames [][]byte, now time.Time) error {
	fit := FitOf(frames)
	var until time.Time
	var prekey PrekeyID
	if fit.Frames > 0 {
		m.Frames = frames[:fit.Frames]
		var err error
		if until, prekey, err = x.drop(ctx, to, m, now); err != nil {
			return err
		}
		x.Out.Sent(m.First, m.First+uint64(fit.Frames), until, prekey)
		return nil
	}
	m.Parts = fit.Parts
	for i, part := range Split(frames[0]) {
		m.Frames, m.Part = [][]byte{part}, i
		end, key, err := x.drop(ctx, to, m, now)
		if err != nil {
			return err
		}
		if i == 0 || end.Before(until) {
			until = end
		}
		prekey = key
	}
	x.Out.Sent(m.First, m.First+1, until, prekey)
	return nil
}

// End tells the other end that the link is over, if there is something to seal that to.
func (x *Exchange[T]) End(ctx context.Context, to Dropper, reason string, now time.Time) error {
	if err := x.refresh(ctx, to, now); err != nil {
		return err
	}
	ack, _ := x.In.Owes()
	_, _, err := x.drop(ctx, to, &Message{Next: ack, Over: true, Reason: reason[:min(len(reason), maxReason)]}, now)
	return err
}

// drop seals a message and drops it.
func (x *Exchange[T]) drop(ctx context.Context, to Dropper, m *Message, now time.Time) (until time.Time, prekey PrekeyID, err error) {
	m.Link, m.From, m.Opens, m.Reply = x.c.Link, x.c.Role, !x.c.Known.Heard, x.c.Reply
	m.Store, m.Epoch, m.Base, m.Seen = x.c.Store, x.c.Epoch, x.c.Base, x.c.Known.Epoch
	if m.Opens {
		// Who takes it remembers the link for as long as a letter may come that would open it again.
		if m.AcceptBy = x.c.Begun.Add(FirstContact); !now.Before(m.AcceptBy.Add(-enough)) {
			return until, prekey, ErrUnheard
		}
	}
	var letter []byte
	if b := x.c.Known.Bundle; b != nil {
		var proof Secret
		if x.c.Role == sturdyref.Acceptor && !x.known {
			proof = x.c.Secret
		}
		prekey = b.ID()
		letter, until, err = x.c.Sealer.Seal(b, proof, m, now)
	} else {
		letter, until, err = x.c.Sealer.SealFirst(x.c.Peer, x.c.Secret, m, now)
	}
	if err != nil {
		return until, prekey, err
	}
	if err := to.Drop(ctx, letter, until.Add(Skew).Sub(now)); err != nil {
		return until, prekey, err
	}
	return until, prekey, nil
}

func (x *Exchange[T]) told(ack uint64) {
	x.In.Told(ack)
	x.owing = time.Time{}
}

const (
	// askAgain is how often the box is asked for newer prekeys.
	askAgain = 24 * time.Hour
	// enough is how long a prekey is to have left for a letter to be sealed to it.
	enough = 2 * time.Hour
)

// refresh has something that letters can be sealed to: the peer's newest prekey, which is asked for now and then because it may have been
// replaced while this side heard nothing; or nothing but a secret, at first contact.
func (x *Exchange[T]) refresh(ctx context.Context, to Dropper, now time.Time) error {
	last := x.c.Known.Bundle
	good := last != nil && last.Retires.After(now.Add(enough))
	if x.c.Known.Signing != ([32]byte{}) && (!good || now.Sub(x.asked) >= askAgain) {
		x.asked = now
		encoded, err := to.Bundle(ctx)
		if err != nil && !good {
			return err
		}
		if len(encoded) > 0 {
			b, err := VerifyBundle(encoded, sturdyref.Public{Static: x.c.Peer, Signing: x.c.Known.Signing})
			if err != nil && !good {
				return err
			}
			if err == nil {
				x.renew(b)
			}
		}
		good = x.c.Known.Bundle != nil && x.c.Known.Bundle.Retires.After(now.Add(enough))
	}
	switch {
	case good:
	case x.c.Role == sturdyref.Dialler && !x.c.Secret.IsZero():
		x.c.Known.Bundle = nil // as at first contact
	default:
		return fmt.Errorf("%w: the other end has left no newer one", ErrRetired)
	}
	return nil
}

// renew takes a bundle of the other end if it is newer than the one that is known.
func (x *Exchange[T]) renew(b *Bundle) {
	if x.c.Known.Bundle == nil || b.NotBefore.After(x.c.Known.Bundle.NotBefore) {
		x.c.Known.Bundle = b
		x.Out.Renewed(b)
	}
}

// Take takes a letter that an Opener has opened, about this link: frames that are in order now, as Inbox.Take returns them. An
// error that matches ErrForged, ErrRolledBack, ErrIdentityInUse or ErrEquivocal says that the other end does not keep the rules: the link is over. What
// else a letter says, Over, Reply, is for the caller.
func (x *Exchange[T]) Take(l *Letter, letter T) (ready [][]byte, err error) {
	switch {
	case l.Link != x.c.Link:
		return nil, ErrUnknownLink
	case l.From != x.c.Role.Other() || l.Sender != x.c.Peer:
		return nil, fmt.Errorf("%w: it is from an end of the link that its sender is not", ErrForged)
	}
	if err := x.succeeds(&l.Message); err != nil {
		return nil, err
	}
	if l.Record != nil {
		x.c.Known.Signing = l.Record.Signing
	}
	x.c.Known.Heard = true
	x.known = x.known || !l.Opens
	if l.Bundle != nil {
		x.renew(l.Bundle)
	}
	if err := x.Out.Acked(l.Next); err != nil {
		return nil, err
	}
	return x.In.Take(&l.Message, letter)
}

// succeeds takes note of which life of its sender a message is from, or returns why it cannot be: each opening of a store goes on
// where the one before was, and letters of earlier ones may come late.
func (x *Exchange[T]) succeeds(m *Message) error {
	k := &x.c.Known
	end := m.First + uint64(len(m.Frames))
	switch {
	case m.Seen > x.c.Epoch:
		return fmt.Errorf("%w: this side's store is opened for time %d, and the peer has letters of time %d", ErrRolledBack, x.c.Epoch, m.Seen)
	case m.Epoch == 0 && k.Epoch == 0:
		return nil
	case k.Epoch != 0 && m.Store != k.Store:
		return fmt.Errorf("%w: the peer has another store than before", ErrRolledBack)
	case m.Epoch == k.Epoch && m.Base != k.Base:
		return ErrIdentityInUse
	case m.Epoch < k.Epoch && end > k.Base:
		return fmt.Errorf("%w: frame %d is from before there were so many", ErrRolledBack, end-1)
	case m.Epoch > k.Epoch && k.Epoch != 0 && m.Base < k.End:
		return fmt.Errorf("%w: the peer begins again with %d frames, and has had %d", ErrRolledBack, m.Base, k.End)
	}
	if m.Epoch > k.Epoch {
		k.Store, k.Epoch, k.Base = m.Store, m.Epoch, m.Base
	}
	k.End = max(k.End, end)
	return nil
}

// Met says at the beginning and at the end of a connection which life of the peer it is with: what Message has of it, as the two have
// told each other. Its errors are those of Take. A link that does not call it notices less of a peer that has gone back.
func (x *Exchange[T]) Met(store [16]byte, epoch, base uint64) error {
	if err := x.succeeds(&Message{Store: store, Epoch: epoch, Base: base}); err != nil {
		return err
	}
	x.c.Known.Heard = true
	if x.c.Known.Epoch == epoch {
		x.c.Known.End = max(x.c.Known.End, x.In.Next())
	}
	return nil
}

// Wake returns when Send is to be called next, if nothing happens until then; ok is false if it need not be. After an error of Send
// the caller waits as it sees fit.
func (x *Exchange[T]) Wake(now time.Time) (at time.Time, ok bool) {
	at, ok = x.Out.Wake()
	if _, _, due := x.Out.Due(now); due {
		return now, true
	}
	if _, owes := x.In.Owes(); owes {
		ack := now.Add(x.c.AckDelay)
		if !x.owing.IsZero() {
			ack = x.owing.Add(x.c.AckDelay)
		}
		if !ok || ack.Before(at) {
			at, ok = ack, true
		}
	}
	return at, ok
}
