package chatroom_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/examples/chat/chatroom"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/vat/caps"
)

// rogue is somebody who speaks the protocol without a Person: what their objects do is the test's to say.
type rogue struct {
	*party
	room    chatroom.RoomRef
	channel chatroom.ChannelRef
	name    func(ctx context.Context) (string, error)
	unseal  func(ctx context.Context, sealed vat.Ref) (any, error)
	sealer  func(ctx context.Context, value any) (vat.Ref, error)
	inbox   func(ctx context.Context, args []any) (any, error)
	sealed  []chatroom.SealedRef // boxes seen
	users   []chatroom.UserRef   // users seen
}

func (w *world) rogue(name string) *rogue {
	w.t.Helper()
	r := &rogue{party: w.party(name, nil)}
	r.room = vat.As[chatroom.RoomRef](r.node.Enliven(w.invite))
	r.name = func(context.Context) (string, error) { return name, nil }
	r.unseal = func(context.Context, vat.Ref) (any, error) { return "whatever", nil }
	r.inbox = func(context.Context, []any) (any, error) { return nil, nil }
	// The seat comes unsealed: who owns the sealer may close a box or not.
	r.sealer = func(_ context.Context, value any) (vat.Ref, error) { return value.(vat.Ref), nil }
	return r
}

// SelfProposedName implements chatroom.User, and so do the other three.
func (r *rogue) SelfProposedName(ctx context.Context) (string, error) { return r.name(ctx) }
func (r *rogue) GetChatSealed() vat.Ref                               { return vat.Ref{} }
func (r *rogue) GetSubscriptionSealer(ctx context.Context) vat.Ref    { return vat.Func(ctx, r.sealer) }

// GetChatUnsealer returns an unsealer that does what r.unseal says at the time.
func (r *rogue) GetChatUnsealer(ctx context.Context) vat.Ref {
	return vat.Func(ctx, func(ctx context.Context, sealed vat.Ref) (any, error) { return r.unseal(ctx, sealed) })
}

type rogueUser interface {
	SelfProposedName(ctx context.Context) (string, error)
	GetChatSealed() vat.Ref
	GetChatUnsealer(ctx context.Context) vat.Ref
	GetSubscriptionSealer(ctx context.Context) vat.Ref
}

var rogueFacet = vat.FacetOf[rogueUser]("test.Rogue", vat.Selectors{
	"SelfProposedName": "self-proposed-name", "GetChatSealed": "get-chat-sealed?", "GetChatUnsealer": "get-chat-unsealer",
	"GetSubscriptionSealer": "get-subscription-sealer",
})

// hear is the rogue's inbox: it takes note, and does what the test wants.
func (r *rogue) hear(ctx context.Context, args []any) (any, error) {
	for _, a := range args[1:] {
		switch fmt.Sprint(args[0]) {
		case "user-joined":
			r.users = append(r.users, chatroom.UserRef{Ref: a.(vat.Ref)})
		case "new-message":
			r.sealed = append(r.sealed, chatroom.SealedRef{Ref: a.(vat.Ref)})
		}
	}
	return r.inbox(ctx, args)
}

// try takes a seat.
func (r *rogue) try() error {
	_, err := vat.Do(r.t.Context(), r.vat, func(ctx context.Context) (any, error) {
		user := chatroom.UserRef{Ref: rogueFacet.Spawn(ctx, rogueUser(r))}
		seat, err := r.room.Subscribe(ctx, user).Await(ctx)
		if err != nil {
			return nil, err
		}
		inbox := chatroom.InboxRef{Ref: vat.SpawnFunc(ctx, r.hear)}
		r.channel, err = chatroom.FinalizerRef(seat).Call(ctx, inbox).Await(ctx)
		return nil, err
	})
	return err
}

func (r *rogue) enter() {
	r.t.Helper()
	if err := r.try(); err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(time.Second)
}

// change looks at the rogue, or changes it, in a turn of its vat.
func (r *rogue) change(fn func()) {
	r.t.Helper()
	do(r.t, r.party, func(context.Context) (any, error) {
		fn()
		return nil, nil
	})
}

// send gives the room something as if it were a box of the rogue's.
func (r *rogue) send(box vat.Ref) (any, error) {
	return r.channel.SendMessage(r.t.Context(), chatroom.SealedRef{Ref: box}).Await(r.t.Context())
}

// box returns an object of the rogue's.
func (r *rogue) box() vat.Ref {
	return do(r.t, r.party, func(ctx context.Context) (vat.Ref, error) { return vat.Func(ctx, func() {}), nil })
}

var errHm = vat.NewError("test.hm", "hm")

func TestNobodySpeaksForAnother(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		ada, bob := w.enter("ada"), w.enter("bob")
		mallory := w.rogue("mallory")
		mallory.enter()
		ada.say("pay bob 1")
		ada.quiet()
		bob.quiet()
		time.Sleep(time.Second)
		var box chatroom.SealedRef
		var users []chatroom.UserRef
		mallory.change(func() { box, users = mallory.sealed[len(mallory.sealed)-1], mallory.users })

		// Ada's box as a message of Mallory's: it is Mallory's unsealer that is asked.
		mallory.change(func() { mallory.unseal = func(context.Context, vat.Ref) (any, error) { return nil, errHm } })
		if _, err := mallory.send(box.Ref); err != nil {
			t.Error(err)
		}
		// Mallory's box, which Ada's unsealer refuses, said to be Ada's: only the room says who speaks.
		var adaUser chatroom.UserRef
		for _, u := range users {
			if n, _ := u.SelfProposedName(t.Context()).Await(t.Context()); n == "ada" {
				adaUser = u
			}
		}
		_, err := adaUser.GetChatUnsealer(t.Context()).Call(t.Context(), chatroom.SealedRef{Ref: mallory.box()}).Await(t.Context())
		wantErr(t, err, caps.ErrNotSealed)
		if ok, err := adaUser.GetChatSealed(t.Context()).Call(t.Context(), chatroom.SealedRef{Ref: mallory.box()}).Await(t.Context()); ok || err != nil {
			t.Error(ok, err)
		}
		if ok, err := adaUser.GetChatSealed(t.Context()).Call(t.Context(), box).Await(t.Context()); !ok || err != nil {
			t.Error(ok, err)
		}
		// A box that Ada's other sealer has closed is none of her messages.
		other, err := adaUser.GetSubscriptionSealer(t.Context()).Call(t.Context(), mallory.box()).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = adaUser.GetChatUnsealer(t.Context()).Call(t.Context(), other).Await(t.Context())
		wantErr(t, err, caps.ErrNotSealed)

		// Nor does a promise make another box of it.
		promised, resolve := promise.New[vat.Ref](t.Context())
		resolve.Fulfill(t.Context(), mallory.box())
		_, err = vat.Result[any](adaUser.GetChatUnsealer(t.Context()).Apply(t.Context(), promised)).Await(t.Context())
		wantErr(t, err, caps.ErrNotSealed)

		bob.expect("mallory unreadable: hm")
		ada.expect("mallory unreadable: hm")
		if got := bob.history(); !slices.Equal(got, []string{"1 ada: pay bob 1"}) {
			t.Errorf("%q", got)
		}
	})
}

func TestNobodyTakesAnothersSeat(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		ada := w.enter("ada")
		mallory := w.rogue("mallory")
		mallory.enter()
		ada.quiet()
		// Mallory knows Ada's user, and asks for a seat for it. The answer is a box that only Ada can open.
		var adaUser chatroom.UserRef
		mallory.change(func() { adaUser = mallory.users[0] })
		seat, err := mallory.room.Subscribe(t.Context(), adaUser).Await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = vat.Do(t.Context(), mallory.vat, func(ctx context.Context) (any, error) {
			inbox := chatroom.InboxRef{Ref: vat.SpawnFunc(ctx, mallory.hear)}
			return chatroom.FinalizerRef(seat).Call(ctx, inbox).Await(ctx)
		})
		wantCode(t, err, vat.ErrNoSuchMethod.Code)
		ada.expect()
		if got := ada.present(); got != "ada (you), mallory" {
			t.Error(got)
		}
	})
}

func TestSeatIsTakenOnce(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		r := w.rogue("r")
		_, err := vat.Do(t.Context(), r.vat, func(ctx context.Context) (any, error) {
			seat, err := r.room.Subscribe(ctx, chatroom.UserRef{Ref: rogueFacet.Spawn(ctx, rogueUser(r))}).Await(ctx)
			if err != nil {
				return nil, err
			}
			inbox := chatroom.InboxRef{Ref: vat.SpawnFunc(ctx, r.hear)}
			if _, err := chatroom.FinalizerRef(seat).Call(ctx, inbox).Await(ctx); err != nil {
				return nil, err
			}
			return chatroom.FinalizerRef(seat).Call(ctx, inbox).Await(ctx)
		})
		wantErr(t, err, chatroom.ErrTaken)
	})
}

// A member that answers nothing costs the others a moment, once, and is shown out in the end.
func TestSilentMember(t *testing.T) {
	inWorld(t, &chatroom.Limits{Patience: 20 * time.Second}, func(t *testing.T, w *world) {
		ada, bob := w.enter("ada"), w.enter("bob")
		never := make(chan struct{})
		defer close(never)
		r := w.rogue("r")
		// Parks its own turns; what it was asked stays open.
		wait := func(ctx context.Context) error {
			_, err := vat.Go(ctx, func(ctx context.Context) (any, error) {
				select {
				case <-never:
				case <-ctx.Done():
				}
				return nil, nil
			}).Await(ctx)
			return err
		}
		r.name = func(ctx context.Context) (string, error) { return "", wait(ctx) }
		r.unseal = func(ctx context.Context, _ vat.Ref) (any, error) { return nil, wait(ctx) }
		r.inbox = func(ctx context.Context, _ []any) (any, error) { return nil, wait(ctx) }
		r.enter()
		ada.quiet()
		bob.quiet()
		if _, err := r.send(r.box()); err != nil {
			t.Error(err)
		}
		began := time.Now()
		ada.say("anybody?")
		if d := time.Since(began); d > 50*time.Millisecond {
			t.Errorf("the room took %v", d)
		}
		bob.expect("ada: anybody?") // within the second that expect waits
		bob.say("yes")
		ada.expect("ada (you): anybody?", "bob: yes")
		if got := ada.present(); got != "ada (you), bob, nameless" {
			t.Error(got)
		}
		bob.quiet()
		// Its inbox has not answered for long enough: it is shown out.
		time.Sleep(30 * time.Second)
		bob.expect("nameless joined", "nameless unreadable: "+chatroom.ErrSilent.Error(), "nameless left")
		if got := ada.present(); got != "ada (you), bob" {
			t.Error(got)
		}
		if answer, err := r.send(r.box()); fmt.Sprint(answer) != string(chatroom.Closed) || err != nil {
			t.Error(answer, err)
		}
	})
}

// An inbox that is none at all, or somebody else's object, gets its owner shown out.
func TestInboxThatIsNone(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		ada := w.enter("ada")
		for i, inbox := range []func(r *rogue) vat.Ref{
			func(r *rogue) vat.Ref { return r.room.Ref },
			func(r *rogue) vat.Ref { return r.box() },
			func(*rogue) vat.Ref { return vat.Ref{} },
		} {
			r := w.rogue(fmt.Sprint("r", i))
			none := inbox(r)
			_, err := vat.Do(t.Context(), r.vat, func(ctx context.Context) (any, error) {
				seat, err := r.room.Subscribe(ctx, chatroom.UserRef{Ref: rogueFacet.Spawn(ctx, rogueUser(r))}).Await(ctx)
				if err != nil {
					return nil, err
				}
				return chatroom.FinalizerRef(seat).Call(ctx, chatroom.InboxRef{Ref: none}).Await(ctx)
			})
			if (err != nil) != none.IsNull() {
				t.Error(i, err)
			}
		}
		time.Sleep(time.Second)
		if got := ada.present(); got != "ada (you)" {
			t.Error(got)
		}
	})
}

func TestFloods(t *testing.T) {
	inWorld(t, &chatroom.Limits{Members: 4, MembersPerPeer: 2, Burst: 10, Rate: 2}, func(t *testing.T, w *world) {
		ada := w.enter("ada")
		r := w.rogue("r")
		r.enter()
		ada.quiet()

		// Messages: a burst, then two a second.
		ok := func(n int) (taken int) {
			for range n {
				if _, err := r.send(r.box()); err == nil {
					taken++
				} else {
					wantErr(t, err, chatroom.ErrTooOften)
				}
			}
			return taken
		}
		if n := ok(50); n < 10 || n > 12 {
			t.Errorf("%d messages of 50 at once were taken, want about 10", n)
		}
		time.Sleep(5 * time.Second)
		if n := ok(50); n != 10 && n != 11 && n != 12 {
			t.Errorf("%d messages of 50 were taken after 5 s, want about 10", n)
		}
		if got := ada.saw(); len(got) < 20 || len(got) > 24 {
			t.Errorf("ada saw %d messages", len(got))
		}

		// Seats: two for each peer, four in all.
		if err := r.try(); err != nil {
			t.Error(err)
		}
		wantErr(t, r.try(), chatroom.ErrFull)
		s := w.rogue("s")
		if err := s.try(); err != nil {
			t.Error(err)
		}
		wantErr(t, s.try(), chatroom.ErrFull)
		wantErr(t, w.rogue("u").try(), chatroom.ErrFull)

		// Asking for seats.
		var errs []error
		for range 20 {
			errs = append(errs, s.try())
		}
		if n := slices.IndexFunc(errs, func(err error) bool { return errors.Is(err, chatroom.ErrTooOften) }); n < 6 || n > 12 {
			t.Errorf("asked %d times before it was too often", n)
		}
	})
}

// An author who does not unseal what they said can only have said so much.
func TestUnreadMessages(t *testing.T) {
	inWorld(t, &chatroom.Limits{Burst: 1000}, func(t *testing.T, w *world) {
		r := w.rogue("r")
		never := make(chan struct{})
		defer close(never)
		r.unseal = func(ctx context.Context, _ vat.Ref) (any, error) {
			return vat.Go(ctx, func(ctx context.Context) (any, error) {
				select {
				case <-never:
				case <-ctx.Done():
				}
				return nil, nil
			}).Await(ctx)
		}
		r.enter()
		taken := 0
		for range 100 {
			if _, err := r.send(r.box()); err != nil {
				wantErr(t, err, chatroom.ErrTooOften)
			} else {
				taken++
			}
		}
		if taken < 32 || taken > 34 {
			t.Errorf("%d messages wait to be unsealed", taken)
		}
	})
}

// A peer whose users do not answer cannot keep many seats half taken.
func TestHalfTakenSeats(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		r := w.rogue("r")
		never := make(chan struct{})
		defer close(never)
		r.sealer = func(ctx context.Context, _ any) (vat.Ref, error) {
			return vat.Go(ctx, func(ctx context.Context) (vat.Ref, error) {
				select {
				case <-never:
				case <-ctx.Done():
				}
				return vat.Ref{}, ctx.Err()
			}).Await(ctx)
		}
		errs := make(chan error, 6)
		for range 6 {
			go func() { errs <- r.try() }()
		}
		count := map[bool]int{}
		for range 6 {
			err := <-errs
			count[errors.Is(err, chatroom.ErrTooOften)]++
			if !errors.Is(err, chatroom.ErrTooOften) {
				wantErr(t, err, chatroom.ErrSilent)
			}
		}
		if count[true] != 2 || count[false] != 4 {
			t.Errorf("%v", count)
		}
		w.enter("ada").expect("entered") // others are not kept out
	})
}

// A member that does not keep up is shown out, and told so.
func TestFallenBehind(t *testing.T) {
	inWorld(t, &chatroom.Limits{Members: 4, Behind: 12, Burst: 100}, func(t *testing.T, w *world) {
		ada, bob := w.enter("ada"), w.enter("bob")
		ada.quiet()
		bob.quiet()
		w.net.SetDelay(w.host.mem, bob.mem, 5*time.Second, 0)
		for i := range 20 {
			ada.say(fmt.Sprint(i))
		}
		ada.quiet()
		if got := ada.present(); got != "ada (you)" {
			t.Error(got)
		}
		time.Sleep(20 * time.Second)
		if got := bob.saw(); len(got) == 0 || got[len(got)-1] != "ended: "+chatroom.ErrLeft.Error() {
			t.Errorf("%q", got)
		}
	})
}

func TestMessageThatIsNoText(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		ada := w.enter("ada")
		r := w.rogue("r")
		r.enter()
		ada.quiet()
		for _, v := range []any{42, nil, []any{"a"}, strings.Repeat("é", 3000)} {
			r.change(func() { r.unseal = func(context.Context, vat.Ref) (any, error) { return v, nil } })
			if _, err := r.send(r.box()); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
		}
		ada.expect("r unreadable: "+chatroom.ErrNotText.Error(), "r unreadable: "+chatroom.ErrNotText.Error(), "r unreadable: "+chatroom.ErrNotText.Error(),
			"r: "+strings.Repeat("é", 2048)+" … (cut)")
	})
}

func TestNobodySubscribes(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		r := w.rogue("r")
		_, err := r.room.Subscribe(t.Context(), chatroom.UserRef{}).Await(t.Context())
		wantErr(t, err, chatroom.ErrNobody)
		_, err = r.room.Subscribe(t.Context(), chatroom.UserRef{Ref: r.box()}).Await(t.Context())
		if err == nil {
			t.Error("a function subscribed")
		}
	})
}

// A room that tells whatever it likes costs a person no more than so much, and can be left.
func TestHostileRoom(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world) {
		var inbox, self vat.Ref
		never := make(chan struct{})
		defer close(never)
		silent := func(ctx context.Context, _ []any) (any, error) {
			_, err := vat.Go(ctx, func(ctx context.Context) (any, error) {
				select {
				case <-never:
				case <-ctx.Done():
				}
				return nil, nil
			}).Await(ctx)
			return nil, err
		}
		room := do(t, w.host, func(ctx context.Context) (vat.Ref, error) {
			return methods{
				"self-proposed-name": constant("\x1b]0;x\x07 room"),
				"subscribe": func(ctx context.Context, args []any) (any, error) {
					self = args[0].(vat.Ref)
					sealer, err := self.Send(ctx, "get-subscription-sealer").Await(ctx)
					if err != nil {
						return nil, err
					}
					return sealer.Apply(ctx, vat.SpawnFunc(ctx, func(ctx context.Context, args []any) (any, error) {
						inbox = args[0].(vat.Ref)
						return methods{"send-message": silent, "leave": silent, "history": func(context.Context, []any) (any, error) {
							return slices.Repeat([]chatroom.Line{{Nick: strings.Repeat("\x07", 50), Text: "\x1b[2J"}}, 5000), nil
						}}.spawn(ctx), nil
					})), nil
				},
			}.spawn(ctx), nil
		})
		var err error
		if w.invite, err = w.host.node.Publish(t.Context(), "hostile", room); err != nil {
			t.Fatal(err)
		}
		ada := w.enter("ada")
		if name := do(t, ada.party, func(context.Context) (string, error) { return ada.stay.RoomName(), nil }); name != "␛]0;x␇ room" {
			t.Errorf("the room's name is %q", name)
		}
		tell := func(fn func(ctx context.Context) error) {
			t.Helper()
			do(t, w.host, func(ctx context.Context) (any, error) { return nil, fn(ctx) })
		}
		// One who speaks without being there, then a crowd that does not answer, each with a lot to say.
		var crowd []vat.Ref
		tell(func(ctx context.Context) error {
			box := methods{}.spawn(ctx)
			if err := inbox.SendOnly(ctx, "new-message", methods{}.spawn(ctx), box); err != nil {
				return err
			}
			if err := inbox.SendOnly(ctx, "new-message", nil, box); err != nil {
				return err
			}
			return inbox.SendOnly(ctx, "user-joined", self)
		})
		ada.expect("entered")
		tell(func(ctx context.Context) error {
			for range 1100 {
				crowd = append(crowd, methods{"self-proposed-name": silent, "get-chat-unsealer": silent}.spawn(ctx))
				_ = inbox.SendOnly(ctx, "user-joined", crowd[len(crowd)-1])
			}
			for range 100 {
				_ = inbox.SendOnly(ctx, "new-message", crowd[0], crowd[0])
			}
			return nil
		})
		ada.expect()
		if n := do(t, ada.party, func(context.Context) (int, error) { return len(ada.stay.Present()), nil }); n != 1024 {
			t.Errorf("%d are present", n)
		}
		// What nobody answers for comes to nothing in the end, and is not forgotten.
		time.Sleep(3 * time.Minute)
		count := map[string]int{}
		for _, line := range ada.saw() {
			count[strings.TrimRight(strings.SplitN(line, "#", 2)[0], "0123456789")]++
		}
		if count["nameless"] < 1023+32 || count["nameless"] > 1023+33 {
			t.Errorf("%v", count)
		}
		lines := do(t, ada.party, func(ctx context.Context) ([]chatroom.Line, error) { return ada.stay.History(ctx) })
		if len(lines) != 1000 || lines[0].Nick != "" || lines[0].Text != "␛[2J" {
			t.Errorf("%d lines of history, the first %+v", len(lines), lines[:min(len(lines), 1)])
		}
		wantErr(t, ada.try("anybody?"), chatroom.ErrSilent)
		_, err = vat.Do(t.Context(), ada.vat, func(ctx context.Context) (any, error) { return nil, ada.stay.Leave(ctx) })
		wantErr(t, err, chatroom.ErrSilent)
		ada.expect("ended: <nil>")
	})
}
