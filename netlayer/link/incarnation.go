package link

import (
	"encoding/binary"
	"fmt"
)

// An incarnation is one life of one end of a link, as it is said to the other: nobody can tell from it which links are
// those of one process.
type incarnation struct {
	store   [16]byte // which store holds the link; zeros if it ends with its process
	epoch   uint64   // how many times that has been opened, 0 without
	process [16]byte // which process has opened it
}

const incarnationSize = 16 + 8 + 16

func (i incarnation) append(b []byte) []byte {
	return append(binary.BigEndian.AppendUint64(append(b, i.store[:]...), i.epoch), i.process[:]...)
}

// readIncarnation reads incarnationSize bytes; ok is false if they are none.
func readIncarnation(b []byte) (i incarnation, ok bool) {
	copy(i.store[:], b)
	i.epoch = binary.BigEndian.Uint64(b[16:])
	copy(i.process[:], b[24:])
	return i, i.process != [16]byte{} && (i.store == [16]byte{}) == (i.epoch == 0)
}

// stored returns what is stored of who the peer was, nothing if it has not said it.
func (i incarnation) stored() []byte {
	if !i.known() {
		return nil
	}
	return i.append(nil)
}

// reviveIncarnation reads that.
func reviveIncarnation(b []byte) (i incarnation, ok bool) {
	if len(b) == 0 {
		return i, true
	}
	if len(b) != incarnationSize {
		return i, false
	}
	return readIncarnation(b)
}

// known reports whether it was ever said.
func (i incarnation) known() bool { return i.process != [16]byte{} }

// succeeds returns why somebody who was i cannot be next now, nil if it can. What was said by i, and by next, is for the positions to
// tell.
func (i incarnation) succeeds(next incarnation) error {
	switch {
	case !i.known():
	case i.store != [16]byte{} && next.store != i.store:
		return because(ErrRolledBack, "the peer has another store than before")
	case next.epoch < i.epoch:
		return because(ErrRolledBack, fmt.Sprintf("the peer says that its store is opened for time %d, after it was for time %d", next.epoch, i.epoch))
	case next.epoch == i.epoch && next.process != i.process:
		return because(ErrIdentityInUse, "the peer's: it is another process than before, of the same opening")
	}
	return nil
}

// self is what this process is to the peer. Called with mu held.
func (l *link) self() incarnation {
	lk := &l.lk
	var i incarnation
	copy(i.process[:], lk.secret.mac("p", l.n.process[:]))
	if !lk.lasts {
		return i
	}
	id := l.n.cfg.Store.ID()
	copy(i.store[:], lk.secret.mac("s", id[:]))
	i.epoch = l.n.cfg.Store.Epoch()
	return i
}

// succeed takes note of who the peer is now. Called with mu held.
func (l *link) succeed(peer incarnation) {
	if l.lk.peer.process != peer.process {
		l.lk.theirs = 0
	}
	l.lk.peer = peer
	l.noteSoon(false)
}
