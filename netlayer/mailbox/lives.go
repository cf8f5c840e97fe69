package mailbox

import "fmt"

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
	case m.Epoch == k.Epoch && m.Life != k.Life:
		return ErrIdentityInUse
	case m.Epoch < k.Epoch && end > k.Base:
		return fmt.Errorf("%w: frame %d is from before there were so many", ErrRolledBack, end-1)
	case m.Epoch > k.Epoch && m.Base < max(k.Base, k.End):
		return fmt.Errorf("%w: the peer begins again with %d frames, and has had %d", ErrRolledBack, m.Base, max(k.Base, k.End))
	}
	if m.Epoch > k.Epoch {
		k.Life = m.Life
	}
	k.End = max(k.End, end)
	return nil
}

// Met says which life of the peer there is, or was, a connection with, as the peer has told. Its errors are those of Take.
func (x *Exchange[T]) Met(l Life) error {
	if err := x.succeeds(&Message{Life: l}); err != nil {
		return err
	}
	x.c.Known.Heard = true
	return nil
}

// Came says that what has come by connections is from openings of the peer's store up to the one with that number, 0 if that is not known
// of any. A link that does not call it, or Met, notices less of a peer that has gone back.
func (x *Exchange[T]) Came(epoch uint64) {
	if k := &x.c.Known; k.Epoch > 0 && epoch <= k.Epoch {
		k.End = max(k.End, x.In.Next())
	}
}
