package captp

import (
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

	// exports are ours, counted by how often each was mentioned to the peer; position 0 is the bootstrap object. Resolvers
	// of calls under way are exports, too, with a question instead of a reference.
	exports slots[export]
	byRef   map[vat.Ref]msg.Pos
	// imports are the peer's, held weakly.
	imports map[msg.Pos]*imported
	// questions are the answer positions this side has given out; answers those the peer has.
	questions slots[struct{}]
	answers   map[msg.Pos]*vat.Vow
	replies   int // outcomes the peer waits for

	// out is what the writer takes next: encoded operations, the ends of each.
	out  []byte
	ends []int
	// Notices that ride on the next write.
	gcExports  []msg.Pos
	gcDeltas   []uint64
	gcAnswers  []msg.Pos
	gcPromised bool // a timer will have them written if nothing else is

	mentions []msg.Pos // exports mentioned by the operation being encoded, to take back if that fails
	describe func(passable.Reference) (msg.Desc, error)
}

// export is something the peer can name.
type export struct {
	ref   vat.Ref
	res   *far   // the question this is the resolver of, nil for anything else
	count uint64 // mentions the peer has not given back
}

// imported is a position of the peer's that this side holds.
type imported struct {
	weak    vat.WeakRef
	promise bool
	count   uint64 // mentions not given back
	refused uint64 // those of them no user code saw
}

func newTables(s *Session, info netlayer.Info) *tables {
	t := &tables{
		s: s, info: info, enc: wire.NewEncoder(s.dialect), byRef: make(map[vat.Ref]msg.Pos),
		imports: make(map[msg.Pos]*imported), answers: make(map[msg.Pos]*vat.Vow),
	}
	t.describe = t.descriptor
	t.exports.put(export{ref: s.cfg.Bootstrap, count: 1})
	t.byRef[s.cfg.Bootstrap] = 0
	t.questions.put(struct{}{}) // position 0 is not used: some peers take it for false
	return t
}

// inUse reports whether anything would be lost with the connection.
func (t *tables) inUse() bool {
	return t.exports.len() > 1 || len(t.imports) > 0 || t.questions.len() > 1 || len(t.answers) > 0
}

// descriptor says what a reference in a message is called, counting the mention.
func (t *tables) descriptor(r passable.Reference) (msg.Desc, error) {
	ref, ok := r.(vat.Ref)
	if !ok {
		if d, ok := r.(msg.Desc); ok {
			return d, nil
		}
		return msg.Desc{}, violation("reference", "a %T is no reference of this process", r)
	}
	promise := false
	switch x := ref.Target().(type) {
	case *far:
		if x.session() == t.s {
			return x.mention(), nil
		}
		if err := t.sameRealm(x); err != nil {
			return msg.Desc{}, err
		}
	case *vat.Vow:
		promise = true
		if f, ok := x.Ahead().(*far); ok && f.kind == farPromise && f.vow == x && f.session() == t.s && !f.released {
			return f.mention(), nil
		}
		if f, ok := ahead(ref).(*far); ok {
			if err := t.sameRealm(f); err != nil {
				return msg.Desc{}, err
			}
		}
	}
	pos, ok := t.byRef[ref]
	if !ok {
		if t.exports.len() >= t.s.cfg.Limits.MaxExports {
			return msg.Desc{}, vat.ErrOverloaded
		}
		pos = t.exports.put(export{ref: ref})
		t.byRef[ref] = pos
	}
	t.exports.at(pos).count++
	t.mentions = append(t.mentions, pos)
	if promise {
		return msg.Desc{Kind: msg.ImportPromise, Pos: pos}, nil
	}
	return msg.Desc{Kind: msg.ImportObject, Pos: pos}, nil
}

// sameRealm refuses what would link two identities of this process in front of a peer.
func (t *tables) sameRealm(f *far) error {
	if s := f.session(); s.cfg.Realm != t.s.cfg.Realm {
		return ErrOtherIdentity
	}
	return nil
}

// ErrOtherIdentity refuses a reference that was obtained under one identity in a message sent under another: passing it
// on would show the peer that the two belong together.
var ErrOtherIdentity = vat.NewError("hawser.other-identity",
	"captp: the reference was obtained under another identity of this node: enliven its sturdyref under this one")

// takeBack undoes the mentions of an operation that was not sent after all.
func (t *tables) takeBack() {
	for _, pos := range t.mentions {
		t.giveBack(pos, 1)
	}
	t.mentions = t.mentions[:0]
}

// giveBack takes n mentions off an export and frees it with the last. It reports false if there were not as many.
func (t *tables) giveBack(pos msg.Pos, n uint64) (freed export, ok bool) {
	e := t.exports.at(pos)
	if e == nil || n == 0 || n > e.count {
		return export{}, false
	}
	e.count -= n
	if e.count > 0 {
		return export{}, true
	}
	freed = *e
	if !freed.ref.IsNull() {
		delete(t.byRef, freed.ref)
	}
	t.exports.free(pos)
	return freed, true
}

// slots is a dense table whose positions are used again.
type slots[T any] struct {
	entries []slot[T]
	unused  []msg.Pos
}

type slot[T any] struct {
	v    T
	used bool
}

func (s *slots[T]) put(v T) msg.Pos {
	if n := len(s.unused); n > 0 {
		pos := s.unused[n-1]
		s.unused = s.unused[:n-1]
		s.entries[pos] = slot[T]{v, true}
		return pos
	}
	s.entries = append(s.entries, slot[T]{v, true})
	return msg.Pos(len(s.entries) - 1)
}

// at returns the entry at pos, nil if there is none. It is valid until the next put.
func (s *slots[T]) at(pos msg.Pos) *T {
	if pos >= msg.Pos(len(s.entries)) || !s.entries[pos].used {
		return nil
	}
	return &s.entries[pos].v
}

func (s *slots[T]) free(pos msg.Pos) {
	s.entries[pos] = slot[T]{}
	s.unused = append(s.unused, pos)
}

func (s *slots[T]) len() int { return len(s.entries) - len(s.unused) }
