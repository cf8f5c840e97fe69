package chatroom_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/examples/chat/chatroom"
	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// world is a simulated network with a host on it. It lives in a synctest bubble.
type world struct {
	t      *testing.T
	net    *mem.Network
	host   *party
	room   chatroom.RoomRef
	invite sturdyref.Ref
	nodes  int
}

// party is one node, and the vat of what the test puts there.
type party struct {
	t    *testing.T
	node *hawser.Node
	mem  *mem.Host
	vat  *vat.Vat
}

// inWorld runs a test in a bubble, with a room whose limits may be given.
func inWorld(t *testing.T, limits *chatroom.Limits, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: mem.New(&mem.Config{Delay: 10 * time.Millisecond})}
		w.host = w.party("host", nil)
		w.open(limits)
		test(t, w)
	})
}

func (w *world) open(limits *chatroom.Limits) {
	w.t.Helper()
	w.room = do(w.t, w.host, func(ctx context.Context) (chatroom.RoomRef, error) {
		return chatroom.NewRoom(ctx, "lobby", limits), nil
	})
	var err error
	if w.invite, err = w.host.node.Publish(w.t.Context(), "lobby", w.room.Ref); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) party(name string, id sturdyref.Identity) *party {
	w.t.Helper()
	p := &party{t: w.t}
	var err error
	p.node, err = hawser.Open(w.t.Context(), &hawser.Config{
		Identity: id, LazyRelease: true,
		Logger: hclog.New(&hclog.LoggerOptions{Name: name, Output: w.t.Output(), Level: hclog.Debug}),
		Grace:  -1, // these are about sessions that are lost
		Network: func(c hawser.NetworkConfig) (netlayer.Netlayer, error) {
			w.nodes++
			p.mem = w.net.Host(mem.HostConfig{Static: c.Identity.Public().Static, Addr: fmt.Sprint(name, w.nodes), Doorkeeper: c.Doorkeeper, Features: c.Features})
			return p.mem, nil
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	p.vat = p.node.Vat(name)
	w.t.Cleanup(p.close)
	return p
}

func (p *party) close() {
	if err := p.node.Close(); err != nil {
		p.t.Error(err)
	}
}

func do[T any](t *testing.T, p *party, fn func(ctx context.Context) (T, error)) T {
	t.Helper()
	v, err := vat.Do(t.Context(), p.vat, fn)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// guest is a person in the room, with what they saw there.
type guest struct {
	*party
	person *chatroom.Person
	stay   *chatroom.Stay

	mu    sync.Mutex
	lines []string
}

// enter brings a person in on a node of its own.
func (w *world) enter(name string) *guest {
	w.t.Helper()
	g := &guest{party: w.party(name, nil)}
	g.person = do(w.t, g.party, func(ctx context.Context) (*chatroom.Person, error) { return chatroom.NewPerson(ctx, name), nil })
	g.join(vat.As[chatroom.RoomRef](g.node.Enliven(w.invite)))
	return g
}

func (g *guest) join(room chatroom.RoomRef) {
	g.t.Helper()
	g.stay = do(g.t, g.party, func(ctx context.Context) (*chatroom.Stay, error) { return g.person.Join(ctx, room, g.see) })
	synctest.Wait()
}

func (g *guest) see(_ context.Context, e chatroom.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lines = append(g.lines, describe(e))
}

func describe(e chatroom.Event) string {
	switch e.Kind {
	case chatroom.Here:
		return fmt.Sprintf("%v here", e.Who)
	case chatroom.Entered:
		return "entered"
	case chatroom.Joined:
		return fmt.Sprintf("%v joined", e.Who)
	case chatroom.Left:
		return fmt.Sprintf("%v left", e.Who)
	case chatroom.Said:
		return fmt.Sprintf("%v: %s", e.Who, e.Text)
	case chatroom.Unreadable:
		return fmt.Sprintf("%v unreadable: %v", e.Who, e.Err)
	case chatroom.Namesake:
		if e.Other.IsZero() {
			return fmt.Sprintf("%v is another", e.Who)
		}
		return fmt.Sprintf("%v is another, not %v", e.Who, e.Other)
	default:
		return fmt.Sprintf("ended: %v", e.Err)
	}
}

// saw returns what the guest has seen since it was asked last, once everything has come to rest.
func (g *guest) saw() []string {
	time.Sleep(time.Second) // of the bubble: everything on its way arrives
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	lines := g.lines
	g.lines = nil
	return lines
}

func (g *guest) expect(want ...string) {
	g.t.Helper()
	if got := g.saw(); !slices.Equal(got, want) {
		g.t.Errorf("%s saw\n  %s\nwant\n  %s", g.person.Nick(), strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// quiet forgets what the guest has seen.
func (g *guest) quiet() { g.saw() }

func (g *guest) try(text string) error {
	_, err := vat.Do(g.t.Context(), g.vat, func(ctx context.Context) (any, error) { return nil, g.stay.Say(ctx, text) })
	return err
}

func (g *guest) say(text string) {
	g.t.Helper()
	if err := g.try(text); err != nil {
		g.t.Error(err)
	}
}

func (g *guest) leave() {
	g.t.Helper()
	do(g.t, g.party, func(ctx context.Context) (any, error) { return nil, g.stay.Leave(ctx) })
}

func (g *guest) present() string {
	return do(g.t, g.party, func(context.Context) (string, error) {
		var names []string
		for _, n := range g.stay.Present() {
			names = append(names, n.String())
		}
		return strings.Join(names, ", "), nil
	})
}

func (g *guest) history() []string {
	g.t.Helper()
	lines := do(g.t, g.party, func(ctx context.Context) ([]chatroom.Line, error) { return g.stay.History(ctx) })
	var out []string
	for _, l := range lines {
		out = append(out, fmt.Sprintf("%d %s: %s", l.Member, l.Nick, l.Text))
	}
	return out
}

func wantErr(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("got %v, want %v", err, target)
	}
}

// wantCode is wantErr for the runtime's own errors, which by errors.Is match only where they happened.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if e, ok := errors.AsType[*vat.Error](err); !ok || e.Code != code {
		t.Errorf("got %v, want an error of code %s", err, code)
	}
}
