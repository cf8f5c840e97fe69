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
	// Life is this side's.
	Life
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
	// Life is the last one of it, as far as it has said. End is how many frames it had then, as far as could be seen.
	Life
	End uint64
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
	half  *Parcel   // the last of the parts of a frame that were dropped, if some are not
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

// Parcel is a letter that is to be dropped, and what is to be noted when a box has taken it.
type Parcel struct {
	// Letter is for Dropper.Drop, with Keep.
	Letter []byte
	Keep   time.Duration

	first, next uint64 // its frames; equal if it has none
	part, parts int
	ack         uint64
	until       time.Time
	prekey      PrekeyID
}

// Send drops letters until nothing is due. An error says why something still is: the box's refusal, or the network's, or what Next
// returns. What was accepted stays accepted. It waits for the network: a link that does not want to uses Asks, Answer, Next and Dropped.
func (x *Exchange[T]) Send(ctx context.Context, to Dropper, now time.Time) error {
	for {
		if x.Asks(now) {
			if err := x.Answer(to.Bundle(ctx)); err != nil && !x.good(now) {
				return err
			}
		}
		p, err := x.Next(now)
		if p == nil || err != nil {
			return err
		}
		if err := to.Drop(ctx, p.Letter, p.Keep); err != nil {
			return err
		}
		x.Dropped(p)
	}
}

// Next returns the letter that is to be dropped next, nil if nothing is due. The error is ErrRetired if there is nothing that it could
// be sealed to now, ErrTooLong if a frame has to wait until the other end was heard, ErrUnheard if the link is over, or what Frames has said.
func (x *Exchange[T]) Next(now time.Time) (*Parcel, error) {
	first, next, due := x.Out.Due(now)
	if !due && !x.owed(now) {
		return nil, nil
	}
	ack, _ := x.In.Owes()
	m, p := &Message{First: first, Next: ack}, &Parcel{ack: ack, first: first, next: first}
	if due {
		frames, err := x.c.Frames(first, next)
		if err != nil {
			return nil, err
		}
		if n := uint64(len(frames)); n == 0 || n > next-first {
			return nil, fmt.Errorf("mailbox: ExchangeConfig.Frames has returned %d frames, wanted were 1 to %d", n, next-first)
		}
		size := room
		if x.opens() {
			size = openingRoom
		}
		switch fit := fitOf(frames, size); {
		case fit.Frames > 0:
			m.Frames, p.next = frames[:fit.Frames], first+uint64(fit.Frames)
		case x.opens():
			return nil, fmt.Errorf("%w: one of %d bytes waits until the other end was heard", ErrTooLong, len(frames[0]))
		default:
			p.next, p.parts = first+1, fit.Parts
			if x.half != nil && x.half.first == first && x.half.until.After(now) {
				p.part = x.half.part + 1
			}
			m.Frames, m.Part, m.Parts = [][]byte{Split(frames[0])[p.part]}, p.part, p.parts
		}
	}
	if err := x.seal(p, m, now); err != nil {
		return nil, err
	}
	return p, nil
}

// Dropped says that a box has taken what Next returned last.
func (x *Exchange[T]) Dropped(p *Parcel) {
	if p.part > 0 && x.half != nil && x.half.until.Before(p.until) {
		p.until = x.half.until // as long as all parts are accepted
	}
	x.half = nil
	if p.part+1 < p.parts {
		x.half = p
	} else {
		x.Out.Sent(p.first, p.next, p.until, p.prekey)
	}
	x.In.Told(p.ack)
	x.owing = time.Time{}
}

// owed reports whether an acknowledgement is to go alone.
func (x *Exchange[T]) owed(now time.Time) bool {
	_, owes := x.In.Owes()
	if owes && x.owing.IsZero() {
		x.owing = now
	}
	return owes && !now.Before(x.owing.Add(x.c.AckDelay))
}

// End tells the other end that the link is over, if there is something to seal that to.
func (x *Exchange[T]) End(ctx context.Context, to Dropper, reason string, now time.Time) error {
	ack, _ := x.In.Owes()
	var p Parcel
	if err := x.seal(&p, &Message{Next: ack, Over: true, Reason: reason[:min(len(reason), maxReason)]}, now); err != nil {
		return err
	}
	return to.Drop(ctx, p.Letter, p.Keep)
}

// seal makes the letter of a parcel.
func (x *Exchange[T]) seal(p *Parcel, m *Message, now time.Time) (err error) {
	k := &x.c.Known
	m.Link, m.From, m.Opens, m.Reply = x.c.Link, x.c.Role, x.opens(), x.c.Reply
	m.Life, m.Seen = x.c.Life, k.Epoch
	if m.Opens {
		// Who takes it remembers the link for as long as a letter may come that would open it again.
		m.AcceptBy = x.c.Begun.Add(FirstContact)
	}
	switch {
	case x.Unheard(now):
		return ErrUnheard
	case m.Opens && x.late(now):
		return fmt.Errorf("%w: the other end was heard by a connection alone, and does not know where to answer", ErrRetired)
	case x.good(now) && (!m.Opens || x.c.Secret.IsZero()): // one that may open the link is sealed with what admits it
		var proof Secret
		if x.c.Role == sturdyref.Acceptor && !x.known {
			proof = x.c.Secret
		}
		p.prekey = k.Bundle.ID()
		p.Letter, p.until, err = x.c.Sealer.Seal(k.Bundle, proof, m, now)
	case x.c.Role == sturdyref.Dialler && !x.c.Secret.IsZero(): // as at first contact
		p.Letter, p.until, err = x.c.Sealer.SealFirst(x.c.Peer, x.c.Secret, m, now)
	default:
		return fmt.Errorf("%w: the other end has left no newer one", ErrRetired)
	}
	p.Keep = p.until.Add(Skew).Sub(now)
	return err
}

const (
	// askAgain is how often the box is asked for newer prekeys.
	askAgain = 24 * time.Hour
	// enough is how long a prekey is to have left for a letter to be sealed to it.
	enough = 2 * time.Hour
)

// opens reports whether a letter may be the one that opens the link.
func (x *Exchange[T]) opens() bool { return !x.c.Known.Heard && x.c.Role == sturdyref.Dialler }

// Unheard reports whether the link is over because the other end was not heard in time: neither in a letter nor by a connection.
func (x *Exchange[T]) Unheard(now time.Time) bool {
	return x.opens() && x.Out.acked == 0 && x.In.Next() == 0 && x.late(now)
}

// late reports whether no letter goes out any more that would open the link.
func (x *Exchange[T]) late(now time.Time) bool {
	return !now.Before(x.c.Begun.Add(FirstContact - enough))
}

// good reports whether there is a prekey to seal to.
func (x *Exchange[T]) good(now time.Time) bool {
	b := x.c.Known.Bundle
	return b != nil && b.Retires.After(now.Add(enough))
}

// Asks reports whether the box is to be asked for the peer's prekeys before Next: something is due, and there is none to seal it to, or
// it is a day since it was asked. The peer may have replaced them while this side heard nothing.
func (x *Exchange[T]) Asks(now time.Time) bool {
	if x.c.Known.Signing == ([32]byte{}) || x.good(now) && now.Sub(x.asked) < askAgain {
		return false
	}
	if _, _, due := x.Out.Due(now); !due && !x.owed(now) {
		return false
	}
	x.asked = now
	return true
}

// Answer is what the box has answered. An error says that it was nothing that could be used.
func (x *Exchange[T]) Answer(bundle []byte, err error) error {
	if err != nil || len(bundle) == 0 {
		return err
	}
	b, err := VerifyBundle(bundle, sturdyref.Public{Static: x.c.Peer, Signing: x.c.Known.Signing})
	if err == nil {
		x.renew(b)
	}
	return err
}

// renew takes a bundle of the other end if it is newer than the one that is known.
func (x *Exchange[T]) renew(b *Bundle) {
	if x.c.Known.Bundle == nil || b.NotBefore.After(x.c.Known.Bundle.NotBefore) {
		x.c.Known.Bundle = b
		x.Out.Renewed(b)
		x.half = nil // it may be sealed to what is gone
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
