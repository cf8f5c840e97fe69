package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// world is a simulated network in a synctest bubble, with a host that can go and come back.
type world struct {
	t      *testing.T
	net    *mem.Network
	id     sturdyref.Identity
	dir    string
	invite sturdyref.Ref
	host   *hawser.Node
	place  *mem.Host
}

func newWorld(t *testing.T) *world {
	id, err := sturdyref.GenerateIdentity(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, net: mem.New(&mem.Config{Delay: 10 * time.Millisecond}), id: id, dir: t.TempDir()}
}

func (w *world) node(addr, dir string, id sturdyref.Identity, place **mem.Host) *hawser.Node {
	w.t.Helper()
	n, err := hawser.Open(w.t.Context(), &hawser.Config{
		Dir: dir, Identity: id, LazyRelease: true, Logger: hclog.New(&hclog.LoggerOptions{Name: addr, Output: w.t.Output(), Level: hclog.Info}),
		Grace: -1, // these are about sessions that are lost
		Network: func(c hawser.NetworkConfig) (netlayer.Netlayer, error) {
			*place = w.net.Host(mem.HostConfig{Static: c.Identity.Public().Static, Addr: addr, Doorkeeper: c.Doorkeeper, Features: c.Features})
			return *place, nil
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// open starts the host, whose room has the same sturdyref each time, unless it is not to open the room.
func (w *world) open(publish bool) {
	w.t.Helper()
	w.host = w.node("host", w.dir, w.id, &w.place)
	if !publish {
		return
	}
	room, err := vat.Do(w.t.Context(), w.host.Vat("room"), func(ctx context.Context) (chatroom.RoomRef, error) {
		return chatroom.NewRoom(ctx, "lobby", nil), nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	invite, err := w.host.Publish(w.t.Context(), "room", room.Ref)
	switch {
	case err != nil:
		w.t.Fatal(err)
	case w.invite.IsZero():
		w.invite = invite
	case w.invite.URI() != invite.URI():
		w.t.Fatal("the room's URI has changed")
	}
}

func (w *world) close() {
	w.t.Helper()
	if err := w.host.Close(); err != nil {
		w.t.Error(err)
	}
}

// guest is somebody in the room, whose console writes to a file.
type guest struct {
	*talker
	t     *testing.T
	node  *hawser.Node
	place *mem.Host
	file  *os.File
	kept  chan error
	quit  context.CancelFunc
	read  int
}

func (w *world) guest(nick string) *guest {
	w.t.Helper()
	g := &guest{t: w.t, kept: make(chan error, 1)}
	g.node = w.node(nick, "", nil, &g.place)
	var err error
	if g.file, err = os.Create(filepath.Join(w.t.TempDir(), nick)); err != nil {
		w.t.Fatal(err)
	}
	console := openConsole()
	console.out = g.file
	g.talker, err = newTalker(w.t.Context(), console, g.node.Vat("person"), nick, func() chatroom.RoomRef {
		return vat.As[chatroom.RoomRef](g.node.Enliven(w.invite))
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := g.join(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	ctx, quit := context.WithCancel(w.t.Context())
	g.quit = quit
	go func() { g.kept <- g.keep(ctx) }()
	return g
}

func (g *guest) close() {
	g.quit()
	if err := <-g.kept; err != nil {
		g.t.Error(err)
	}
	g.end()
}

func (g *guest) end() {
	if err := g.node.Close(); err != nil {
		g.t.Error(err)
	}
	g.console.Close()
	g.file.Close()
}

// saw returns the lines written since it was asked last.
func (g *guest) saw() []string {
	g.t.Helper()
	synctest.Wait()
	b, err := os.ReadFile(g.file.Name())
	if err != nil {
		g.t.Fatal(err)
	}
	all := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	defer func() { g.read = len(all) }()
	return all[g.read:]
}

func (g *guest) expect(want ...string) {
	g.t.Helper()
	got := g.saw()
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		g.t.Errorf("saw\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestHostGoesAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.open(true)
		bob, carol := w.guest("bob"), w.guest("carol")
		time.Sleep(time.Second)
		bob.expect(`* you are in "lobby" with nobody else`, "* carol joined")
		for _, away := range []time.Duration{10 * time.Millisecond, 5 * time.Second, time.Hour} {
			w.close()
			time.Sleep(time.Second)
			got := bob.saw()
			if len(got) > 1 && got[0] == "* carol left" {
				got = got[1:] // the host's sessions end one after the other, and he has heard that hers has
			}
			if len(got) != 1 || !strings.HasPrefix(got[0], "* the host is gone") || !strings.HasSuffix(got[0], ": trying to come back") {
				t.Errorf("%q", got)
			}
			bob.heed(t.Context(), "anybody?")
			bob.expect("* not now: you are not in the room")
			time.Sleep(away)
			w.open(true)
			time.Sleep(longPause*3/2 + dialTimeout) // the longest wait between two tries
			// Which of the two is back first is for chance to say.
			if got = bob.saw(); !strings.HasPrefix(got[0], "* the host is back") || !strings.HasPrefix(got[1], "* you are in") ||
				len(got) > 2 != strings.Contains(got[1], "nobody else") || len(got) == 3 && got[2] != "* carol joined" {
				t.Errorf("%q", got)
			}
			bob.heed(t.Context(), "/who")
			bob.expect("* here: bob (you), carol")
			carol.heed(t.Context(), "hi")
			time.Sleep(time.Second)
			bob.expect("<carol> hi")
		}
		bob.close()
		carol.close()
		w.close()
	})
}

func TestConnectionIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.open(true)
		bob, carol := w.guest("bob"), w.guest("carol")
		time.Sleep(time.Second)
		bob.saw()
		w.net.Lose(w.place, carol.place)
		time.Sleep(time.Second)
		bob.expect("* carol left", "* carol#2 joined", "* somebody of that name was here before")
		carol.expect(`* you are in "lobby" with bob`, "* the host is gone (the connection was lost): trying to come back",
			"* the host is back", `* you are in "lobby" with bob`)
		bob.close()
		carol.close()
		w.close()
	})
}

// A host that is there without the room may be about to open it, or may have closed it for good.
func TestRoomIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.open(true)
		bob := w.guest("bob")
		time.Sleep(time.Second)
		bob.saw()
		w.close()
		w.open(false)
		time.Sleep(time.Minute)
		bob.expect("* the host is gone", "* the host is there, but does not let you in")
		select {
		case err := <-bob.kept:
			t.Fatalf("gave up already: %v", err)
		default:
		}
		time.Sleep(giveUp)
		synctest.Wait()
		select {
		case err := <-bob.kept:
			if !refused(err) || !strings.HasPrefix(explain(err), "the host refuses this URI") {
				t.Errorf("%v: %s", err, explain(err))
			}
		default:
			t.Error("has not given up")
		}
		bob.expect()
		bob.quit()
		bob.end()
		w.close()
	})
}
