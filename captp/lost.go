package captp

import (
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/vat"
)

// maxLost is how many positions are said to be lost in one message.
const maxLost = 4096

// sayLost tells the peer which objects of ours went with an earlier process, so that both sides know before anybody
// sends there. It is called with mu held, before anything else is said.
func (l *locked) sayLost(lost []msg.Pos) {
	for len(lost) > 0 {
		n := min(len(lost), maxLost)
		list := make([]any, n)
		for i := range list {
			list[i] = int64(lost[i])
		}
		_ = l.t.say(msg.Desc{Kind: msg.Export}, "lost", list)
		lost = lost[n:]
	}
}

// isLost reports whether a message is what sayLost says. It is about positions, and so it is for the session, at its place among what else is
// said of them: a turn would come later, when they may be others'.
func isLost(op *msg.Deliver) bool {
	return op.To == (msg.Desc{Kind: msg.Export}) && op.Selector == "lost" && len(op.Args) == 1 && !op.HasAnswer && !op.HasResolve
}

// lost takes the peer's word that objects at these positions of its went with an earlier process of it: who watches them is told, and
// what is sent there breaks with vat.ErrLost. What is no position of an object that is held here is passed over.
func (s *Session) lost(positions any) {
	list, _ := positions.([]any)
	var fired []*watch
	var refs []vat.Ref
	s.withLock(func(l *locked) {
		if l.state != live {
			return
		}
		gone := make(map[*far]bool)
		for _, x := range list[:min(len(list), maxLost)] {
			pos, ok := x.(int64)
			e := l.t.imports[msg.Pos(pos)]
			if !ok || pos <= 0 || e == nil {
				continue
			}
			ref, ok := e.weak.Ref()
			if !ok {
				continue
			}
			if f, ok := ref.Target().(*far); ok && f.kind == farObject && f.dead == nil {
				f.dead = vat.ErrLost
				gone[f] = true
				refs = append(refs, ref)
			}
		}
		if len(gone) == 0 {
			return
		}
		for w := range l.watches {
			if gone[w.of] {
				fired = append(fired, w)
				delete(l.watches, w)
			}
		}
	})
	for _, w := range fired {
		w.fire(vat.ErrLost)
	}
	if s.cfg.OnLost != nil {
		for _, ref := range refs {
			s.cfg.OnLost(ref)
		}
	}
}
