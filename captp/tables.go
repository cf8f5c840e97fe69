package captp

import (
	"slices"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// tables is what the two ends of a connected session know each other's positions by. It belongs to the session's mu.
type tables struct {
	s    *Session
	info netlayer.Info
	enc  *wire.Encoder
	// moves says that the peer announces FeatureMovesQueues: it knows promises that are its own answers in arguments.
	moves bool

	// exports are ours, counted by how often each was mentioned to the peer; position 0 is the bootstrap object. Resolvers
	// of calls under way are exports, too, with a question instead of a reference.
	exports slots[export]
	byRef   map[vat.Ref]msg.Pos
	pending int // exports that are promises
	// imports are the peer's, held weakly; promises counts those that are promises.
	imports  map[msg.Pos]*imported
	promises int
	// questions are the answer positions this side has given out, each with a unit of the budget; answers those the peer
	// has, answerBytes the memory of their results. listens are claims that have no position.
	questions   slots[question]
	answers     map[msg.Pos]*answer
	listens     map[uint64]*claim
	listened    uint64           // how many there were
	waits       map[uint64]*wait // of a session that lasts
	waited      uint64
	withdrawals map[uint64]*Withdrawal
	withdrawn   uint64
	owed        map[uint64]*owed // gifts that certificates were given for and that are not deposited
	owes        uint64
	answerBytes int
	replies     int // outcomes the peer waits for

	// out is what the writer takes next: encoded operations, the ends of each.
	out  []byte
	ends []int
	// Notices that ride on the next write.
	gcExports  []msg.Pos
	gcDeltas   []uint64
	gcAnswers  []msg.Pos
	gcPromised bool // a timer will have them written if nothing else is

	ordinal  uint64    // of the message sent last, for traces
	mentions []msg.Pos // exports mentioned by the operation being encoded, to take back if that fails
	describe func(passable.Reference) (msg.Desc, error)
	deliver  msg.Deliver   // the operation being encoded
	few      [2]any        // its arguments
	gifts    []gift        // references of third parties that it mentions
	due      []gift        // those of operations that have been encoded: to be deposited
	taken    []vat.Message // stored messages that have been encoded: their depot keeps them until these frames are stored
	once     bool          // its gifts are nobody's that were given before
	sequel   sequel        // of the frames that wait

	journal *journal // of a session that lasts
}

// question is a call of ours whose answer has a position at the peer.
type question struct{ stored bool }

// export is something the peer can name.
type export struct {
	ref     vat.Ref
	res     *far   // the question this is the resolver of, nil for anything else
	count   uint64 // mentions the peer has not given back
	promise bool
	durable
}

// imported is a position of the peer's that this side holds.
type imported struct {
	weak    vat.WeakRef
	promise bool
	count   uint64 // mentions not given back
	refused uint64 // those of them no user code saw
	durable
}

func newTables(s *Session, info netlayer.Info) *tables {
	t := emptyTables(s)
	t.connected(info)
	return t
}

// emptyTables makes tables that know no connection yet.
func emptyTables(s *Session) *tables {
	t := &tables{
		s: s, byRef: make(map[vat.Ref]msg.Pos), imports: make(map[msg.Pos]*imported), answers: make(map[msg.Pos]*answer),
		listens: make(map[uint64]*claim), waits: make(map[uint64]*wait),
		withdrawals: make(map[uint64]*Withdrawal), owed: make(map[uint64]*owed),
	}
	t.describe = t.descriptor
	t.questions.put(question{}) // position 0 is not used: some peers take it for false
	return t
}

// connected has the tables be about a connection.
func (t *tables) connected(info netlayer.Info) {
	t.info, t.enc, t.moves = info, wire.NewEncoder(t.s.dialect), slices.Contains(info.Features, FeatureMovesQueues)
	t.enc.Given = func(pos msg.Pos) *msg.SigEnvelope { return t.gifts[pos].env }
	t.exports.set(0, export{ref: t.s.cfg.Bootstrap, count: 1})
	t.byRef[t.s.cfg.Bootstrap] = 0
}

// exportResolver gives the peer a resolver for q.
func (t *tables) exportResolver(q *far) msg.Pos {
	q.res = t.exports.put(export{res: q, count: 1})
	t.touchExport(q.res)
	return q.res
}

// spend keeps the position of a resolver that has done its work, which is the peer's to give back, and lets go of what
// it has settled.
func (t *tables) spend(q *far) {
	if e := t.exports.at(q.res); e != nil && e.res == q {
		e.res = t.s.spent
		t.touchExport(q.res)
	}
}

// unread returns the bytes that wait for the network, release notices among them.
func (t *tables) unread() int { return len(t.out) + 16*len(t.gcExports) + 8*len(t.gcAnswers) }

// takeBack undoes the mentions of an operation that was not sent after all.
func (t *tables) takeBack() {
	for _, pos := range t.mentions {
		t.giveBack(pos, 1)
	}
	t.mentions = t.mentions[:0]
	clear(t.gifts)
	t.gifts = t.gifts[:0]
}

// giveBack takes n mentions off an export and frees it with the last. It reports false if there were not as many.
func (t *tables) giveBack(pos msg.Pos, n uint64) (freed export, ok bool) {
	e := t.exports.at(pos)
	if e == nil || n == 0 || n > e.count {
		return export{}, false
	}
	e.count -= n
	t.touchExport(pos)
	if e.count > 0 {
		return export{}, true
	}
	freed = *e
	if !freed.ref.IsNull() {
		delete(t.byRef, freed.ref)
	}
	if freed.promise {
		t.pending--
	}
	t.exports.free(pos)
	return freed, true
}
