package home_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/captp"
	"github.com/hawser-go/hawser/home"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// note is a message of the test: who sent it, by which way, its number there, and of how many losses the sender had been
// told. spell is over which session of the live reference it came, from 0: at that instant it may have been lost already, but
// the next takes longer.
type note struct {
	who, way       string
	n, told, spell int
	when           time.Time
}

type notary interface {
	Note(who, way string, n, told int) int
}

var notaryFacet = vat.FacetOf[notary]("test.Notary")

// notebook writes down what comes.
type notebook struct {
	mu     sync.Mutex
	notes  []note
	losses []time.Time
}

func (b *notebook) Note(who, way string, n, told int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notes = append(b.notes, note{who: who, way: way, n: n, told: told, when: time.Now()})
	return n
}

// came returns the notes, with the sessions that they came over.
func (b *notebook) came() []note {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.notes {
		for _, t := range b.losses {
			if t.Before(b.notes[i].when) {
				b.notes[i].spell++
			}
		}
	}
	return b.notes
}

type liveStep struct {
	What, Way string
	Who, N    int
	Pause     int
}

var anyLiveStep = rapid.Custom(func(rt *rapid.T) liveStep {
	return liveStep{
		What:  rapid.SampledFrom([]string{"send", "send", "send", "send", "send", "lose", "lose", "restart", "resolve"}).Draw(rt, "what"),
		Way:   rapid.SampledFrom([]string{"direct", "direct", "caretaker", "promise0", "promise1"}).Draw(rt, "way"),
		Who:   rapid.IntRange(0, 1).Draw(rt, "who"),
		N:     rapid.IntRange(1, 3).Draw(rt, "n"),
		Pause: rapid.SampledFrom([]int{0, 0, 0, 1, 9, 10, 11, 35, 300, 1200}).Draw(rt, "pause"),
	}
})

// TestLiveOrderOverSessions has two vats send to a live reference, directly, through a caretaker and down promises, while its
// sessions are lost at any moment, and its host is restarted.
func TestLiveOrderOverSessions(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(anyLiveStep, 1, 30).Draw(rt, "steps")
		var failure error
		synctest.Test(t, func(t *testing.T) { failure = playLive(t.Context(), steps) })
		if failure != nil {
			rt.Fatal(failure)
		}
	})
}

// quiet is a party without a log.
type quiet struct {
	*home.Home
	vats []*vat.Vat
	host *mem.Host
}

func quietly(n *mem.Network, name string, id sturdyref.Identity, vats int) (q *quiet, err error) {
	q = &quiet{}
	for i := range vats + 1 {
		q.vats = append(q.vats, vat.New(&vat.Config{Name: fmt.Sprint(name, i)}))
	}
	q.Home, err = home.New(home.Config{Identity: id, Vat: q.vats[vats], LazyRelease: true, Logger: hclog.NewNullLogger()},
		func(door netlayer.Doorkeeper) ([]home.Layer, error) {
			q.host = n.Host(mem.HostConfig{
				Addr: name, Static: id.Public().Static, Doorkeeper: door,
				Features: []string{home.FeatureFetchProof, captp.FeatureMovesQueues, captp.FeatureRelaysGifts},
			})
			return []home.Layer{{Netlayer: q.host}}, nil
		})
	return q, err
}

func (q *quiet) leave() error {
	err := q.Close()
	for _, v := range q.vats {
		err = errors.Join(err, v.Close())
	}
	return err
}

func (q *quiet) open(ctx context.Context, b *notebook, swiss sturdyref.SwissNum) (sturdyref.Ref, error) {
	ref, err := vat.Do(ctx, q.vats[0], func(ctx context.Context) (vat.Ref, error) { return notaryFacet.Spawn(ctx, b), nil })
	if err != nil {
		return sturdyref.Ref{}, err
	}
	return q.PublishAs(ctx, "notebook", swiss, ref)
}

func playLive(ctx context.Context, steps []liveStep) error {
	const senders = 2
	n := mem.New(&mem.Config{Delay: 10 * time.Millisecond})
	defer n.Close()
	book := &notebook{}
	a, errA := quietly(n, "a", cast[0], senders+2)
	b, errB := quietly(n, "b", cast[1], 1)
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	s, err := b.open(ctx, book, sturdyref.NewSwissNum())
	if err != nil {
		return err
	}
	live := a.Live(s)
	vows := []*vat.Vow{vat.NewVow(nil), vat.NewVow(nil)}
	ways := map[string]vat.Ref{"direct": live, "promise0": vows[0].Ref(), "promise1": vows[1].Ref()}
	told := make([]int, senders)
	for i := range senders + 1 {
		if _, err = vat.Do(ctx, a.vats[i], func(ctx context.Context) (int, error) {
			if i == senders {
				ways["caretaker"], _ = vat.Revocable(ctx, live)
				vat.OnSever(ctx, live, func(context.Context, error) {
					book.mu.Lock()
					defer book.mu.Unlock()
					book.losses = append(book.losses, time.Now())
				})
				return 0, nil
			}
			vat.OnSever(ctx, live, func(context.Context, error) { told[i]++ })
			return 0, nil
		}); err != nil {
			return err
		}
	}
	var mu sync.Mutex
	sent := make(map[string][]note)
	var calls []vat.Ref
	send := func(sender int, way string, count int) {
		to, who := ways[way], fmt.Sprint("v", sender)
		_, _ = vat.Do(ctx, a.vats[sender], func(ctx context.Context) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			key := who + "/" + way
			for range count {
				m := note{who: who, way: way, n: len(sent[key]) + 1, told: told[sender]}
				sent[key] = append(sent[key], m)
				if m.n%3 == 0 {
					_ = to.SendOnly(ctx, "note", m.who, m.way, m.n, m.told)
					continue
				}
				calls = append(calls, to.Send(ctx, "note", m.who, m.way, m.n, m.told))
			}
			return 0, nil
		})
	}
	for _, x := range steps {
		time.Sleep(time.Duration(x.Pause) * time.Millisecond)
		if x.What == "lose" || x.What == "restart" {
			for range x.N {
				go send(x.Who, x.Way, 1)
				go send(1-x.Who, "direct", 1)
			}
		}
		switch x.What {
		case "send":
			go send(x.Who, x.Way, x.N)
		case "lose":
			n.Lose(a.host, b.host)
		case "restart":
			if err := b.leave(); err != nil {
				return err
			}
			if b, err = quietly(n, "b", cast[1], 1); err != nil {
				return err
			}
			if _, err = b.open(ctx, book, s.Swiss); err != nil {
				return err
			}
		default:
			vows[x.Who].Resolve(live)
		}
	}
	for _, w := range vows {
		w.Resolve(live)
	}
	time.Sleep(10 * time.Minute)
	errs := []error{}
	mu.Lock()
	for i, c := range calls {
		if !c.PromiseCell().Settled() {
			errs = append(errs, fmt.Errorf("call %d has not settled", i))
		}
	}
	mu.Unlock()
	errs = append(errs, a.leave(), b.leave(), inOrder(sent, book.came()))
	return errors.Join(errs...)
}

// inOrder looks at what came, in the order it came.
func inOrder(sent map[string][]note, came []note) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	last := make(map[string]note)
	there := make(map[string]map[int]bool)
	had := make(map[string]map[int]bool)
	for _, m := range came {
		key := m.who + "/" + m.way
		if m.n <= last[key].n {
			fail("%+v came behind %+v", m, last[key])
		}
		last[key] = m
		if there[key] == nil {
			there[key] = make(map[int]bool)
		}
		if had[m.who] == nil {
			had[m.who] = make(map[int]bool)
		}
		there[key][m.n], had[m.who][m.spell] = true, true
		for i := m.told; i < m.spell; i++ {
			if had[m.who][i] {
				fail("%+v came although its sender had had something come over session %d, of whose loss it had not been told", m, i)
			}
		}
	}
	for key, all := range sent {
		missing := make(map[int]note)
		for _, m := range all {
			first, gap := missing[m.told]
			switch {
			case !there[key][m.n] && !gap:
				missing[m.told] = m
			case there[key][m.n] && gap:
				fail("%+v came, and %+v did not", m, first)
			}
		}
	}
	return errors.Join(errs...)
}
