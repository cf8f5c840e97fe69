package chatroom_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/examples/chat/chatroom"
	"github.com/hawser-go/hawser/vat"
)

func TestTalk(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		ada := w.enter("ada")
		ada.expect("entered")
		bob := w.enter("bob")
		bob.expect("ada here", "entered")
		ada.expect("bob joined")
		ada.say("hello")
		ada.expect("ada (you): hello")
		bob.expect("ada: hello")
		bob.say("hello yourself")
		carol := w.enter("carol")
		carol.expect("ada here", "bob here", "entered")
		if got, want := carol.history(), []string{"1 ada: hello", "2 bob: hello yourself"}; !slices.Equal(got, want) {
			t.Errorf("history: %q, want %q", got, want)
		}
		if got := carol.present(); got != "carol (you), ada, bob" {
			t.Error(got)
		}
		ada.quiet()
		bob.leave()
		bob.expect("bob (you): hello yourself", "carol joined", "ended: <nil>")
		ada.expect("bob left")
		if _, err := vat.Do(t.Context(), bob.vat, func(ctx context.Context) ([]chatroom.Line, error) { return bob.stay.History(ctx) }); err == nil {
			t.Error("bob has left and is still told what is said")
		} else {
			wantErr(t, err, chatroom.ErrLeft)
		}
		ada.say("bye bob")
		bob.expect()
		carol.expect("bob left", "ada: bye bob")
		if got := ada.present(); got != "ada (you), carol" {
			t.Error(got)
		}
	})
}

func TestNamesakes(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		ada := w.enter("ada")
		bob := w.enter("bob")
		bob.expect("ada here", "entered")
		second := w.enter("Ada")
		// To each it is their own order of meeting that counts: the numbers are nobody's but theirs.
		bob.expect("Ada#2 joined", "Ada#2 is another, not ada#1")
		ada.expect("entered", "bob joined", "Ada#2 joined", "Ada#2 is another, not ada#1 (you)")
		second.expect("ada#2 here", "ada#2 is another, not Ada#1 (you)", "bob here", "entered")
		second.say("it is me")
		bob.expect("Ada#2: it is me")
		if got := second.history(); !slices.Equal(got, []string{"3 Ada: it is me"}) {
			t.Errorf("%q", got)
		}
		ada.leave()
		bob.expect("ada#1 left")
		// A number is not given twice: what was said under it stays whose it was.
		third := w.enter("ada")
		bob.expect("ada#3 joined")
		third.leave()
		bob.expect("ada#3 left")
	})
}

func TestNamesakeOfOneWhoLeft(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		bob := w.enter("bob")
		ada := w.enter("ada")
		bob.expect("entered", "ada joined")
		ada.leave()
		bob.expect("ada left")
		w.enter("ada")
		bob.expect("ada#2 joined", "ada#2 is another")
	})
}

func TestNicknamesAreCleaned(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		bob := w.enter("bob")
		w.enter("<b>\x1b[2J ob (you)#1")
		w.enter(strings.Repeat("long", 1000))
		w.enter("")
		bob.expect("entered", "b___2J_ob__you__1 joined", strings.Repeat("long", 6)+" joined", "nameless joined")
	})
}

func TestTextIsCleaned(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		ada := w.enter("ada")
		ada.quiet()
		ada.say("one\n* bob left\x1b[31m\u202egnirts")
		ada.expect("ada (you): one␊* bob left␛[31m\ufffdgnirts")
		if err := ada.try(strings.Repeat("x", chatroom.MaxText+1)); err == nil {
			t.Error("a text that is too long was sent")
		}
	})
}

func TestGuestIsLost(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		ada, bob := w.enter("ada"), w.enter("bob")
		ada.expect("entered", "bob joined")
		w.net.Lose(w.host.mem, bob.mem)
		ada.expect("bob left")
		if got := bob.saw(); len(got) != 3 || !strings.HasPrefix(got[2], "ended: captp: session with") {
			t.Errorf("%q", got)
		}
		bob.join(vat.As[chatroom.RoomRef](bob.node.Enliven(w.invite)))
		bob.expect("ada here", "entered")
		bob.say("back")
		// Nothing tells that it is the same bob, and nothing pretends to.
		ada.expect("bob#2 joined", "bob#2 is another", "bob#2: back")
	})
}

func TestHostIsLost(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		ada := w.enter("ada")
		ada.expect("entered")
		w.host.close()
		if got := ada.saw(); len(got) != 1 || !strings.HasPrefix(got[0], "ended: ") {
			t.Errorf("%q", got)
		}
		if err := ada.try("anybody?"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want an error that unwraps to net.ErrClosed", err)
		}
	})
}

// The same user again takes its seat anew: the old one is void.
func TestSameUserAgain(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		ada, bob := w.enter("ada"), w.enter("bob")
		ada.quiet()
		bob.quiet()
		old := ada.stay
		ada.join(vat.As[chatroom.RoomRef](ada.node.Enliven(w.invite)))
		ada.expect("bob here", "entered")
		bob.expect("ada left", "ada#2 joined", "ada#2 is another")
		_, err := vat.Do(t.Context(), ada.vat, func(ctx context.Context) (any, error) { return nil, old.Say(ctx, "still here") })
		wantErr(t, err, chatroom.ErrLeft)
		if got := bob.present(); got != "bob (you), ada#2" {
			t.Error(got)
		}
	})
}

func TestHistoryIsInOrder(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		ada, bob := w.enter("ada"), w.enter("bob")
		w.net.SetDelay(w.host.mem, bob.mem, 300*time.Millisecond, 0) // what bob is asked takes longer
		said := make(chan error, 1)
		go func() { said <- bob.try("first") }()
		time.Sleep(100 * time.Millisecond)
		ada.say("second")
		if err := <-said; err != nil {
			t.Error(err)
		}
		ada.quiet()
		if got := ada.history(); !slices.Equal(got, []string{"2 bob: first", "1 ada: second"}) {
			t.Errorf("%q", got)
		}
	})
}

func TestHistoryIsBounded(t *testing.T) {
	inWorld(t, &chatroom.Limits{Lines: 3, Bytes: 50, Burst: 1000}, func(t *testing.T, w *world) {
		ada := w.enter("ada")
		for i := range 5 {
			ada.say(fmt.Sprint("line ", i))
		}
		time.Sleep(time.Second)
		if got := ada.history(); !slices.Equal(got, []string{"1 ada: line 2", "1 ada: line 3", "1 ada: line 4"}) {
			t.Errorf("%q", got)
		}
		ada.say(strings.Repeat("x", 45))
		time.Sleep(time.Second)
		if got := ada.history(); len(got) != 1 {
			t.Errorf("%q", got)
		}
		ada.say(strings.Repeat("x", 60))
		time.Sleep(time.Second)
		if got := ada.history(); len(got) != 0 {
			t.Errorf("a line that alone is too much is kept: %q", got)
		}
	})
}

// Members speak to each other, not by way of the host: each has a session with every other.
func TestMembersSpeakToEachOther(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		ada, bob := w.enter("ada"), w.enter("bob")
		ada.expect("entered", "bob joined")
		bob.say("hello")
		ada.expect("bob: hello")
		for _, pair := range [][2]*guest{{ada, bob}, {bob, ada}} {
			if !slices.Contains(pair[0].node.Sessions(), pair[1].node.Location().ID()) {
				t.Errorf("%v has sessions with %v only", pair[0].node, pair[0].node.Sessions())
			}
		}
	})
}
