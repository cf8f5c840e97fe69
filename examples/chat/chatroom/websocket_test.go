package chatroom_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/examples/chat/chatroom"
	"github.com/hawser-go/hawser/netlayer/websocket"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/vat"
)

// What follows runs over real WebSockets in the dialect of Endo and Goblins 0.18, with what those have: no features, no
// codes of errors, and a secret that is shown as it is.

func openWebSocket(t *testing.T, name string) *party {
	t.Helper()
	node, err := hawser.Open(t.Context(), &hawser.Config{
		Logger: hclog.New(&hclog.LoggerOptions{Name: name, Output: t.Output(), Level: hclog.Debug}),
		Networks: func(c hawser.NetworkConfig) ([]hawser.Layer, error) {
			key, err := c.Key("websocket")
			if err != nil {
				return nil, err
			}
			n, err := websocket.Open(&websocket.Config{Key: key, Listen: "127.0.0.1:0", Doorkeeper: c.Doorkeeper, Logger: c.Logger})
			if err != nil {
				return nil, err
			}
			return []hawser.Layer{{Netlayer: n, Dialect: &wire.OCapN10}}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &party{t: t, node: node, vat: node.Vat(name)}
	t.Cleanup(p.close)
	return p
}

// publish returns the sturdyref of what make makes, as whoever is given the URI reads it.
func (p *party) publish(make func(ctx context.Context) vat.Ref) sturdyref.Ref {
	p.t.Helper()
	ref := do(p.t, p, func(ctx context.Context) (vat.Ref, error) { return make(ctx), nil })
	published, err := p.node.Publish(p.t.Context(), "room", ref)
	if err != nil {
		p.t.Fatal(err)
	}
	read, err := sturdyref.Parse(published.URI())
	if err != nil {
		p.t.Fatal(err)
	}
	if read.Peer.Transport != websocket.Transport || read.Peer.Hints["url"] == "" {
		p.t.Fatalf("published at %v, not at a websocket", read.Peer)
	}
	return read
}

// hear returns a channel on which everything is heard that is given to the function.
func hear() (func(what string), <-chan string) {
	heard := make(chan string, 100)
	return func(what string) { heard <- what }, heard
}

// hears waits for exactly this, in this order.
func hears(t *testing.T, heard <-chan string, want ...string) {
	t.Helper()
	var got []string
	for range want {
		select {
		case what := <-heard:
			got = append(got, what)
		case <-time.After(20 * time.Second):
			t.Fatalf("heard %q, want %q", got, want)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("heard %q, want %q", got, want)
	}
}

func (p *party) enter(nick string, room vat.Ref) (*chatroom.Stay, <-chan string) {
	p.t.Helper()
	tell, heard := hear()
	stay := do(p.t, p, func(ctx context.Context) (*chatroom.Stay, error) {
		return chatroom.NewPerson(ctx, nick).Join(ctx, vat.As[chatroom.RoomRef](room), func(_ context.Context, e chatroom.Event) { tell(describe(e)) })
	})
	return stay, heard
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	host, guest := openWebSocket(t, "host"), openWebSocket(t, "guest")
	invite := host.publish(func(ctx context.Context) vat.Ref { return chatroom.NewRoom(ctx, "lobby", nil).Ref })
	ada, adaHears := host.enter("ada", host.node.Enliven(invite))
	hears(t, adaHears, "entered")
	bob, bobHears := guest.enter("bob", guest.node.Enliven(invite))
	hears(t, bobHears, "ada here", "entered")
	hears(t, adaHears, "bob joined")
	if bob.RoomName() != "lobby" {
		t.Errorf("the room's name is %q", bob.RoomName())
	}
	do(t, host, func(ctx context.Context) (any, error) { return nil, ada.Say(ctx, "hello, bob") })
	hears(t, bobHears, "ada: hello, bob")
	do(t, guest, func(ctx context.Context) (any, error) { return nil, bob.Say(ctx, "hello yourself") })
	hears(t, adaHears, "ada (you): hello, bob", "bob: hello yourself")
	history := do(t, guest, func(ctx context.Context) ([]chatroom.Line, error) { return bob.History(ctx) })
	if len(history) != 2 || history[0].Text != "hello, bob" || history[1].Nick != "bob" {
		t.Errorf("the history is %v", history)
	}
	do(t, guest, func(ctx context.Context) (any, error) { return nil, bob.Leave(ctx) })
	hears(t, adaHears, "bob left")
	hears(t, bobHears, "bob (you): hello yourself", "ended: <nil>")
}

// Members that prove nothing to whom they dial reach each other by way of the host, who cannot know where they are.
func TestWebSocketMembers(t *testing.T) {
	t.Parallel()
	host := openWebSocket(t, "host")
	invite := host.publish(func(ctx context.Context) vat.Ref { return chatroom.NewRoom(ctx, "lobby", nil).Ref })
	bobs, carols := openWebSocket(t, "bob"), openWebSocket(t, "carol")
	bob, bobHears := bobs.enter("bob", bobs.node.Enliven(invite))
	hears(t, bobHears, "entered")
	carol, carolHears := carols.enter("carol", carols.node.Enliven(invite))
	hears(t, bobHears, "carol joined")
	hears(t, carolHears, "bob here", "entered")
	for range 3 {
		do(t, bobs, func(ctx context.Context) (any, error) { return nil, bob.Say(ctx, "hello, carol") })
		hears(t, carolHears, "bob: hello, carol")
		do(t, carols, func(ctx context.Context) (any, error) { return nil, carol.Say(ctx, "hello, bob") })
		hears(t, bobHears, "bob (you): hello, carol", "carol: hello, bob")
		hears(t, carolHears, "carol (you): hello, bob")
	}
	for _, p := range []*party{bobs, carols} {
		if all := p.node.Sessions(); len(all) != 1 {
			t.Errorf("a guest has sessions with %v, want one, with the host", all)
		}
	}
	do(t, carols, func(ctx context.Context) (any, error) { return nil, carol.Leave(ctx) })
	hears(t, bobHears, "carol left")
}

func TestWebSocketForeignUser(t *testing.T) {
	t.Parallel()
	host, guest := openWebSocket(t, "host"), openWebSocket(t, "goblin")
	invite := host.publish(func(ctx context.Context) vat.Ref { return chatroom.NewRoom(ctx, "lobby", nil).Ref })
	ada, adaHears := host.enter("ada", host.node.Enliven(invite))
	hears(t, adaHears, "entered")
	tell, goblinHears := hear()
	m := do(t, guest, func(ctx context.Context) (membership, error) {
		return enterAsGoblin(ctx, guest.node.Enliven(invite), tell)
	})
	hears(t, adaHears, "goblin joined")
	hears(t, goblinHears, "joined false", "joined true")
	do(t, host, func(ctx context.Context) (any, error) { return nil, ada.Say(ctx, "hello") })
	hears(t, goblinHears, "hello")
	if answer := do(t, guest, func(ctx context.Context) (any, error) { return m.say(ctx, "hrm") }); answer != passable.Symbol("OK") {
		t.Errorf("send-message answers %#v", answer)
	}
	hears(t, goblinHears, "hrm")
	hears(t, adaHears, "ada (you): hello", "goblin: hrm")
	if err := guest.node.Close(); err != nil {
		t.Error(err)
	}
	hears(t, adaHears, "goblin left") // whoever goes without a word is missed
}

func TestWebSocketForeignRoom(t *testing.T) {
	t.Parallel()
	host, guest := openWebSocket(t, "endo"), openWebSocket(t, "guest")
	invite := host.publish(foreignRoom)
	bob, heard := guest.enter("bob", guest.node.Enliven(invite))
	hears(t, heard, "entered")
	if bob.RoomName() != "endo" {
		t.Errorf("the room's name is %q", bob.RoomName())
	}
	do(t, guest, func(ctx context.Context) (any, error) { return nil, bob.Say(ctx, "hello") })
	hears(t, heard, "bob (you): hello")
	_, err := vat.Do(t.Context(), guest.vat, func(ctx context.Context) ([]chatroom.Line, error) { return bob.History(ctx) })
	wantErr(t, err, chatroom.ErrNoHistory)
	do(t, guest, func(ctx context.Context) (any, error) { return nil, bob.Leave(ctx) })
	hears(t, heard, "ended: <nil>")
	wantErr(t, second(vat.Do(t.Context(), guest.vat, func(ctx context.Context) (any, error) { return nil, bob.Say(ctx, "more") })), chatroom.ErrLeft)
}

func second(_ any, err error) error { return err }

// A number that nobody gave out is refused in the peer's own words, which have no code in this dialect.
func TestWebSocketNoRoom(t *testing.T) {
	t.Parallel()
	host, guest := openWebSocket(t, "host"), openWebSocket(t, "guest")
	invite := host.publish(func(ctx context.Context) vat.Ref { return chatroom.NewRoom(ctx, "lobby", nil).Ref })
	other := openWebSocket(t, "other").publish(foreignRoom)
	invite.Swiss = other.Swiss
	_, err := vat.Do(t.Context(), guest.vat, func(ctx context.Context) (any, error) {
		return chatroom.NewPerson(ctx, "bob").Join(ctx, vat.As[chatroom.RoomRef](guest.node.Enliven(invite)), func(context.Context, chatroom.Event) {})
	})
	wantErr(t, err, chatroom.ErrNoRoom)
}
