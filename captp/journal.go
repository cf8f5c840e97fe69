package captp

import (
	"encoding/binary"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/vat"
)

// journal is what the tables of a session that lasts know of their store.
type journal struct {
	// touched are the entries that have changed since they were last written, and whether there is a record of each.
	touched map[entry]bool
	stale   bool // there is something to be written: an entry, a frame, how far the peer's have come
	met     bool // and what the peer has said of itself
}

// entry names a row of the tables.
type entry struct {
	sort byte
	n    uint64 // a position, or a number of ours
}

// The rows there are.
const (
	rowExport   = 'e'
	rowImport   = 'i'
	rowQuestion = 'q'
	rowAnswer   = 'a'
	rowListen   = 'l'
	rowWait     = 'w'
	rowGiven    = 'g'
	rowAsked    = 'p' // what was asked about a rowGiven: a pin only
	rowOwed     = 'd'
	rowValue    = 'v' // what a rowWait leads to: a pin only
)

// durable is what a row knows of its record.
type durable struct {
	stored bool // there is one
	pinned bool // and what it stands for is pinned in the depot
}

// key is what a row is stored as, and pinned under, in the session of that name.
func (e entry) key(name [16]byte) []byte {
	return binary.BigEndian.AppendUint64(append(name[:], e.sort), e.n)
}

func readKey(key []byte) (name [16]byte, e entry, ok bool) {
	if len(key) != 16+1+8 {
		return name, e, false
	}
	return [16]byte(key), entry{key[16], binary.BigEndian.Uint64(key[17:])}, true
}

// touch notes that a row is to be written.
func (t *tables) touch(sort byte, n uint64, stored bool) {
	if t.journal == nil {
		return
	}
	e := entry{sort, n}
	if _, ok := t.journal.touched[e]; !ok { // else another may have had the position before
		t.journal.touched[e] = stored
	}
	t.journal.stale = true
}

func (t *tables) stale() {
	if t.journal != nil {
		t.journal.stale = true
	}
}

// met notes that the peer has said who it is.
func (t *tables) met() {
	if t.journal != nil {
		t.journal.met, t.journal.stale = true, true
	}
}

func (t *tables) touchExport(pos msg.Pos) {
	if t.journal != nil {
		t.touch(rowExport, pos, t.exports.at(pos).stored)
	}
}

func (t *tables) touchQuestion(pos msg.Pos) {
	if t.journal != nil {
		t.touch(rowQuestion, pos, t.questions.at(pos).stored)
	}
}

func (t *tables) touchImport(pos msg.Pos, e *imported) { t.touch(rowImport, pos, e.stored) }

func (t *tables) touchAnswer(a *answer) { t.touch(rowAnswer, a.pos, a.stored) }

// listen keeps a claim that has no position, so that it can be stored.
func (t *tables) listen(c *claim, of vat.Ref) {
	if t.s.cfg.Ledger == nil {
		return
	}
	t.listened++
	c.serial, c.of = t.listened, of
	t.listens[c.serial] = c
	t.touch(rowListen, c.serial, false)
}

// told notes that the peer was told an outcome.
func (t *tables) told(c *claim) {
	c.said = true
	switch {
	case c.named:
		if a := t.answers[c.pos]; a != nil && &a.claim == c {
			t.touchAnswer(a)
		}
	case c.serial != 0:
		t.touch(rowListen, c.serial, c.stored)
		delete(t.listens, c.serial)
		c.of = vat.Ref{}
	}
}
