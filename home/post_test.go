package home_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/link"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/memory"
	"github.com/hawser-go/hawser/sturdyref"
)

// mailed is a link with a peer that is away, without anything under it.
type mailed struct {
	link.Mailed // whatever a test does not reach
	name        byte
	id          [32]byte
	peer        sturdyref.Peer

	mu    sync.Mutex
	state link.MailState
	asked int // how often somebody wanted to know it
}

func (m *mailed) Name() [16]byte                    { return [16]byte{m.name} }
func (m *mailed) ID() [32]byte                      { return m.id }
func (m *mailed) Begun() (time.Time, []byte, bool)  { return time.Time{}, nil, false }
func (m *mailed) Info() netlayer.Info               { return netlayer.Info{Remote: m.peer, Outbound: true} }
func (m *mailed) Dialled() bool                     { return true }
func (m *mailed) Acked(uint64) error                { return nil }
func (m *mailed) Take(uint64, [][]byte) (taken int) { return 0 }
func (m *mailed) Untold() bool                      { return false }

func (m *mailed) Mail() link.MailState {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	return m.state
}

// posted plays a test with a Post whose server is not there.
func posted(t *testing.T, play func(p *home.Post, peer sturdyref.Peer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(new(memory.Backend))
		if err != nil {
			t.Fatal(err)
		}
		peer := func() sturdyref.Peer {
			return sturdyref.Peer{Transport: mem.Transport, Designator: sturdyref.Designator(identity(t).Public().Static)}
		}
		id := identity(t)
		post, err := home.NewPost(home.PostConfig{
			Box: sturdyref.Ref{Peer: peer(), Swiss: sturdyref.NewSwissNum()}, Identity: id, Prekeys: mailbox.Dir(t.TempDir()), Store: s,
		})
		if err != nil {
			t.Fatal(err)
		}
		n := mem.New(&mem.Config{Timeout: time.Second})
		p := join(t, n, "alice", id, func(c *home.Config) { c.Post = post })
		play(post, peer())
		p.leave()
		n.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Frames that wait for a peer that has no box, or for a server that is away, cost next to nothing.
func TestMailThatWaits(t *testing.T) {
	posted(t, func(p *home.Post, peer sturdyref.Peer) {
		m := &mailed{name: 1, peer: peer, state: link.MailState{Written: 5, Since: time.Now()}}
		p.Enter(m)
		time.Sleep(time.Hour)
		m.mu.Lock()
		if m.asked == 0 || m.asked > 100 {
			t.Errorf("within an hour it was looked at %d times", m.asked)
		}
		m.mu.Unlock()
		p.Leave(m)
	})
}

// A peer that has two of its links go by one name in letters has mail for one of them, and when both are over nothing is left.
func TestLinksOfOneName(t *testing.T) {
	posted(t, func(p *home.Post, peer sturdyref.Peer) {
		one, two := &mailed{name: 1, id: [32]byte{7}, peer: peer}, &mailed{name: 2, id: [32]byte{7}, peer: peer}
		p.Enter(one)
		p.Enter(two)
		time.Sleep(time.Minute)
		asked := func(m *mailed) int {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.asked
		}
		before := asked(one)
		p.Leave(two)
		p.Stir(one)
		synctest.Wait()
		if asked(one) == before {
			t.Error("that the second is over has ended the mail of the first")
		}
		p.Leave(one)
		synctest.Wait()
		before = asked(one) + asked(two)
		p.Stir(one)
		p.Stir(two)
		time.Sleep(24 * time.Hour)
		if asked(one)+asked(two) != before {
			t.Error("somebody looks after the mail of a link that is over")
		}
	})
}
