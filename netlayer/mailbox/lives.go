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
	case m.Epoch == k.Epoch && m.Base != k.Base:
		return ErrIdentityInUse
	case m.Epoch < k.Epoch && end > k.Base:
		return fmt.Errorf("%w: frame %d is from before there were so many", ErrRolledBack, end-1)
	case m.Epoch > k.Epoch && m.Base < k.End:
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
