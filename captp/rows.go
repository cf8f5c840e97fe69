package captp

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/vat"
)

// What sessions keep in the store, beside what is pinned in the depot under the keys of the rows.
const (
	bucketSessions = "sessions" // name: sessionRecord
	bucketTables   = "tables"   // name, sort, number: a row
	bucketDoomed   = "doomed"   // name: nothing; the session ends when the node is started
)

// sessionRecord is what is stored of a session, but for its tables and its connection.
type sessionRecord struct {
	_                             struct{} `cbor:",toarray"`
	Seed                          []byte   // of this side's key
	Key                           []byte   // the peer's; empty if it has said nothing yet
	Transport, Designator         []byte   // where the peer says that it is
	Hints                         [][2][]byte
	Giveable, Loopback, LinkLocal bool
	CallerTransport, CallerOf     []byte
	Seen                          uint32
}

// exportRow is a position of ours: something pinned, or a resolver.
type exportRow struct {
	_       struct{} `cbor:",toarray"`
	Count   uint64
	Promise bool
	// Sort and Of say what it is the resolver of: a row of that sort; Sort is 0 for what is pinned, rowExport for a resolver that has
	// done its work.
	Sort byte
	Of   uint64
}

// importRow is a position of the peer's.
type importRow struct {
	_       struct{} `cbor:",toarray"`
	Count   uint64
	Promise bool
}

// questionRow is an answer position at the peer.
type questionRow struct {
	_ struct{} `cbor:",toarray"`
}

// answerRow is an answer position of the peer's, whose promise is pinned, or an outcome that the peer wants to be told.
type answerRow struct {
	_       struct{} `cbor:",toarray"`
	Resolve uint64
	Told    bool // it is still to be told
	Asked   bool
}

// waitRow is a wait; its vow is pinned, and the value if it is known. The depot knows which promise leads there.
type waitRow struct {
	_     struct{} `cbor:",toarray"`
	Sort  byte     // of the promise
	Of    uint64
	Res   uint64
	Given bool
	Used  bool
}

// pin is what is to be pinned under the key of a row.
type pin struct {
	key     []byte
	ref     vat.Ref
	awaited bool
}

var rowCodec = func() *detcbor.Codec {
	c, err := detcbor.New(detcbor.Limits{Bytes: 2 * netlayer.MaxFrame}) // what a peer has said in one frame is never too long to be read again
	if err != nil {
		panic(err)
	}
	return c
}()

// put writes a record that always can be encoded.
func put(tx *vat.Tx, bucket string, key []byte, record any) {
	b, err := rowCodec.Marshal(record)
	if err != nil {
		panic(fmt.Sprintf("captp: %T: %v", record, err))
	}
	tx.Batch().Put(bucket, key, b)
}

// writeRow writes a row as it is now, or removes it if it is there no more.
func (l *locked) writeRow(tx *vat.Tx, e entry, stored bool) {
	var row any
	var d *durable
	t := l.t
	switch e.sort {
	case rowExport:
		if x := t.exports.at(e.n); x != nil && e.n != 0 {
			row, d = l.exportRow(e, x), &x.durable
		}
	case rowImport:
		if x := t.imports[e.n]; x != nil {
			row, d = &importRow{Count: x.count, Promise: x.promise}, &x.durable
		}
	case rowQuestion:
		if x := t.questions.at(e.n); x != nil && e.n != 0 {
			row, d = &questionRow{}, &durable{}
			x.stored = true
		}
	case rowAnswer:
		if x := t.answers[e.n]; x != nil {
			row, d = &answerRow{Resolve: x.resolve, Told: x.told && !x.said}, &x.durable
			l.pinOnce(d, e, x.vow.Ref(), false)
		}
	case rowListen:
		if x := t.listens[e.n]; x != nil {
			row, d = &answerRow{Resolve: x.resolve, Told: true, Asked: x.asked}, &x.durable
			l.pinOnce(d, e, x.of, false)
		}
	case rowGiven:
		if x := t.withdrawals[e.n]; x != nil {
			row, d = x.row(), &x.durable
			l.pinOnce(d, e, x.vow.Ref(), true)
		}
	case rowOwed:
		if x := t.owed[e.n]; x != nil {
			row, d = x.row(), &x.durable
			l.pinOnce(d, e, x.ref, false)
		}
	case rowWait:
		if x := t.waits[e.n]; x != nil {
			row, d = l.waitRow(e, x), &x.durable
		}
	}
	key := e.key(l.s.name)
	if row == nil {
		if stored {
			eraseRow(tx, l.s.name, e)
		}
		return
	}
	d.stored = true
	put(tx, bucketTables, key, row)
}

// eraseRow removes a row and what is pinned for it.
func eraseRow(tx *vat.Tx, name [16]byte, e entry) {
	tx.Batch().Delete(bucketTables, e.key(name))
	tx.Unpin(string(e.key(name)))
	switch e.sort {
	case rowWait:
		tx.Unpin(string(entry{rowValue, e.n}.key(name)))
	case rowGiven:
		tx.Unpin(string(entry{rowAsked, e.n}.key(name)))
	}
}

// pinOnce has what a row stands for be pinned, unless it is.
func (l *locked) pinOnce(d *durable, e entry, ref vat.Ref, awaited bool) {
	if !d.pinned {
		d.pinned = true
		l.pins = append(l.pins, pin{e.key(l.s.name), ref, awaited})
	}
}

func (l *locked) exportRow(e entry, x *export) *exportRow {
	row := &exportRow{Count: x.count, Promise: x.promise}
	switch q := x.res; {
	case q == nil:
		l.pinOnce(&x.durable, e, x.ref, false)
		return row
	case q == l.s.spent || q.settled:
		row.Sort = rowExport
	default:
		row.Sort, row.Of = rowOf(q)
		l.pinOnce(&x.durable, e, q.vow.Ref(), true)
	}
	return row
}

// rowOf returns the row of a promise of the peer's.
func rowOf(q *far) (sort byte, n uint64) {
	switch q.kind {
	case farQuestion:
		return rowQuestion, q.pos
	case farFlush, farAgain:
		return rowWait, q.wait.serial
	default:
		return rowImport, q.pos
	}
}

func (l *locked) waitRow(e entry, w *wait) *waitRow {
	row := &waitRow{Res: w.res, Given: w.o.given, Used: w.q.used}
	row.Sort, row.Of = rowOf(w.q)
	l.pinOnce(&w.durable, e, w.vow.Ref(), true)
	if ref, ok := w.o.value.(vat.Ref); ok && !w.valued {
		w.valued = true
		l.pins = append(l.pins, pin{entry{rowValue, e.n}.key(l.s.name), ref, false})
	}
	return row
}

// touchAll has every row be written.
func (t *tables) touchAll() {
	for i := range t.exports.entries {
		if t.exports.entries[i].used {
			t.touchExport(msg.Pos(i))
		}
	}
	for i := range t.questions.entries {
		if t.questions.entries[i].used {
			t.touchQuestion(msg.Pos(i))
		}
	}
	for pos, e := range t.imports {
		t.touchImport(pos, e)
	}
	for _, a := range t.answers {
		t.touchAnswer(a)
	}
	for n, c := range t.listens {
		t.touch(rowListen, n, c.stored)
	}
	for n, g := range t.withdrawals {
		t.touch(rowGiven, n, g.stored)
	}
	for n, o := range t.owed {
		t.touch(rowOwed, n, o.stored)
	}
	for n, w := range t.waits {
		t.touch(rowWait, n, w.stored)
	}
}

// writeSession writes what is stored of the session once, or, if that is before the peer has said who it is, once more then.
func (l *locked) writeSession(tx *vat.Tx) {
	s, caller := l.s, l.s.caller.Load()
	r := &sessionRecord{
		Seed: s.key.Seed(), Transport: []byte(caller.Transport), Designator: []byte(caller.Designator), CallerTransport: []byte(caller.Transport),
		CallerOf: []byte(caller.Designator), Seen: uint32(l.seen),
	}
	if g := s.greeting.Load(); g != nil {
		r.meet(g)
	}
	put(tx, bucketSessions, s.name[:], r)
}

// meet takes what the peer has said.
func (r *sessionRecord) meet(g *Greeting) {
	r.Key, r.Transport, r.Designator = g.Key[:], []byte(g.Peer.Transport), []byte(g.Peer.Designator)
	r.Giveable, r.Loopback, r.LinkLocal = g.giveable, g.loopback, g.linkLocal
	if !g.giveable {
		return // the hints are for others, and may be long
	}
	for _, name := range slices.Sorted(maps.Keys(g.Peer.Hints)) {
		r.Hints = append(r.Hints, [2][]byte{[]byte(name), []byte(g.Peer.Hints[name])})
	}
}
