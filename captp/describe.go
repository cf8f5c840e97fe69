package captp

import (
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/vat"
)

// ErrOtherIdentity refuses a reference that was obtained under one identity in a message sent under another: passing it
// on would show the peer that the two belong together.
var ErrOtherIdentity = vat.NewError("hawser.other-identity",
	"captp: the reference was obtained under another identity of this node: enliven its sturdyref under this one")

// descriptor says what a reference in a message is called, counting the mention. A reference into a session with
// another peer is handed off, or else exported like an object of this process, which then passes messages on. Of a live
// reference peers get what it leads to at present: theirs to hold, over a session of their own if they can be handed it, and
// to lose.
func (t *tables) descriptor(r passable.Reference) (msg.Desc, error) {
	ref, ok := r.(vat.Ref)
	if !ok {
		return msg.Desc{}, violation("reference", "a %T is no reference of this process", r)
	}
	ref = settledRef(vat.Present(settledRef(ref)))
	_, promise := ref.Target().(*vat.Vow)
	f, ok := vat.Ahead(ref).(*far)
	switch {
	case !ok:
	case f.session() != t.s:
		if err := t.sameRealm(f); err != nil {
			return msg.Desc{}, err
		}
		if d, ok := t.give(ref, f); ok {
			return d, nil
		}
	case !promise || !f.released && (f.kind == farPromise || f.asked == t && t.moves):
		return f.mention(), nil
	}
	return t.export(ref, promise)
}

// export mentions something of this process.
func (t *tables) export(ref vat.Ref, promise bool) (msg.Desc, error) {
	pos, ok := t.byRef[ref]
	if !ok {
		limits := &t.s.cfg.Limits
		if t.exports.len() >= limits.MaxExports || promise && t.pending >= limits.MaxPromises {
			return msg.Desc{}, vat.ErrOverloaded
		}
		pos = t.exports.put(export{ref: ref, promise: promise})
		t.byRef[ref] = pos
		if promise {
			t.pending++
		}
	}
	t.exports.at(pos).count++
	t.touchExport(pos)
	if vat.IsDurable(ref) {
		t.s.want() // before the peer sees it
	}
	t.mentions = append(t.mentions, pos)
	if promise {
		return msg.Desc{Kind: msg.ImportPromise, Pos: pos}, nil
	}
	return msg.Desc{Kind: msg.ImportObject, Pos: pos}, nil
}

// sameRealm refuses what would link two identities of this process in front of a peer.
func (t *tables) sameRealm(f *far) error {
	if s := f.session(); s.dormant.Load() || s.cfg.Realm != t.s.cfg.Realm {
		return ErrOtherIdentity
	}
	return nil
}

// settledRef returns the reference that a promise has settled to, or else r. Whoever sent to the promise before it
// settled is not overtaken: its queue has been moved.
func settledRef(r vat.Ref) vat.Ref {
	w, ok := r.Target().(*vat.Vow)
	if !ok || !w.Cell().Settled() {
		return r
	}
	if v, _, _ := w.Cell().Outcome(); v != nil {
		if s, ok := v.(vat.Ref); ok && !s.IsNull() {
			return s
		}
	}
	return r
}
