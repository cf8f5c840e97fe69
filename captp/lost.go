package captp

import (
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/vat"
)

// maxLost is how many positions are said to be lost in one message.
const maxLost = 4096

// sayLost tells the peer's bootstrap object which objects of ours went with an earlier process, so that both sides know before anybody
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

// Lost takes the peer's word that objects at these positions of its went with an earlier process of it: who watches them is told, and
// what is sent there breaks with vat.ErrLost. What is no position of an object that is held here is passed over.
func (s *Session) Lost(positions []int64) {
	var fired []*watch
	var refs []vat.Ref
	s.withLock(func(l *locked) {
		if l.state != live {
			return
		}
		gone := make(map[*far]bool)
		for _, pos := range positions[:min(len(positions), maxLost)] {
			e := l.t.imports[msg.Pos(pos)]
			if e == nil || pos <= 0 {
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
