package netlayertest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"

	"github.com/hawser-go/hawser/netlayer"
)

// resuming is what those announce in the tests below whose connections may be resumed.
var resuming = []string{"another", netlayer.FeatureResume}

// withoutResume checks that a netlayer that cannot resume does not dial as if it could.
func (w *world) withoutResume() bool {
	if w.lacks.Resume {
		a, b := w.hosts()
		w.cannotResume(a, b)
	}
	return w.lacks.Resume
}

func (w *world) cannotResume(a, b netlayer.Netlayer) {
	w.Helper()
	d := dial(b)
	d.Resume = []byte("what was")
	if c, err := a.Connect(w.ctx, d); err == nil {
		c.Close("")
		w.Error("Connect with Resume succeeded on a netlayer that cannot resume")
	}
}

// resume dials with Resume and accepts with an answer, and returns both ends.
func (w *world) resume(from, to netlayer.Netlayer, what, answer []byte, previous netlayer.Conn) (out, in netlayer.Conn) {
	w.Helper()
	d := dial(to)
	d.Resume, d.Previous = what, previous
	d.Early = func(_ netlayer.Info, limit int) [][]byte {
		if limit != 0 {
			w.Errorf("Early was offered %d bytes in a dial with Resume", limit)
		}
		return nil
	}
	d.Credential = func(netlayer.Info) []byte {
		w.Error("Credential was called for a dial with Resume")
		return []byte("credential")
	}
	return w.connect(from, to, d, answer)
}

// continues checks that a resumed connection knows what it is, and carries frames.
func (w *world) continues(out, in netlayer.Conn, what, answer []byte, before netlayer.Info) {
	w.Helper()
	o, i := out.Info(), in.Info()
	if o.Resume == nil || !bytes.Equal(o.Resume, answer) || i.Resume == nil || !bytes.Equal(i.Resume, what) {
		w.Fatalf("Info.Resume is %v at the dialler and %v at the acceptor, want %q and %q", o.Resume, i.Resume, answer, what)
	}
	for _, info := range []netlayer.Info{o, i} {
		if info.Binding != ([32]byte{}) || info.Identity != nil || info.AdmittedBy != ([16]byte{}) || info.Credential != nil {
			w.Errorf("a resumed connection has something of its own: %+v", info)
		}
		if !info.Authenticated || info.Anonymous != (before.Anonymous && info.Outbound) || !slices.Equal(info.Features, before.Features) {
			w.Errorf("a resumed connection is %+v, the first was %+v", info, before)
		}
	}
	if o.Local.ID() != before.Local.ID() || o.Remote.ID() != before.Remote.ID() || i.Remote.ID() != o.Local.ID() || !o.Outbound || i.Outbound {
		w.Errorf("the ends of a resumed connection are %v and %v, and %v and %v", o.Local.ID(), o.Remote.ID(), i.Local.ID(), i.Remote.ID())
	}
	w.write(out, []byte("out"))
	w.write(in, []byte("in"))
	w.expect(out, "in") // and not the answer
	w.expect(in, "out")
}

// resumed resumes a connection that is over, one that is not, as far as the acceptor knows, and one that was itself
// resumed.
func resumed(w *world) {
	if w.withoutResume() {
		return
	}
	doorkeeper := &door{}
	a, b := w.host(Host{Features: resuming}), w.host(Host{Features: resuming, Doorkeeper: doorkeeper})
	out, in := w.connect(a, b, dial(b))
	first := out.Info()
	out.Close("")
	w.ended(in)
	in.Close("")
	doorkeeper.say(netlayer.ErrRefused) // who is not to be asked
	asked := len(doorkeeper.asked())
	for round, what := range [][]byte{[]byte("what was"), bytes.Repeat([]byte{0xff}, netlayer.MaxResume), {}} {
		answer := pattern(round, []int{0, netlayer.MaxResume, 5}[round])
		next, nextIn := w.resume(a, b, what, answer, out)
		w.continues(next, nextIn, what, answer, first)
		out.Close("")
		out = next
	}
	again, againIn := w.resume(a, b, []byte("twice"), []byte("yes"), nil)
	w.continues(again, againIn, []byte("twice"), []byte("yes"), first)
	if n := len(doorkeeper.asked()); n != asked {
		w.Errorf("the doorkeeper was asked about %d who would resume", n-asked)
	}
}

func resumeRefused(w *world) {
	if w.withoutResume() {
		return
	}
	a, b := w.host(Host{Features: resuming}), w.host(Host{Features: resuming})
	out, _ := w.connect(a, b, dial(b))
	for _, want := range []error{netlayer.ErrRefused, netlayer.ErrCrossed} {
		d := dial(b)
		d.Resume, d.Previous = []byte("what was"), out
		failed := make(chan error, 1)
		w.spawn(func() {
			_, err := a.Connect(w.ctx, d)
			failed <- err
		})
		incoming, err := b.Accept(w.ctx)
		if err != nil {
			w.Fatalf("Accept: %v", err)
		}
		incoming.Refuse(want)
		w.mustBe("Connect with Resume that is refused", <-failed, want)
		if c, err := incoming.Accept([][]byte{nil}); err == nil {
			w.ended(c)
		}
	}
	next, in := w.resume(a, b, []byte("what was"), []byte("yes"), out)
	w.continues(next, in, []byte("what was"), []byte("yes"), out.Info())
}

// resumeByAnother has somebody else say what the dialler would: the acceptor sees who it is.
func resumeByAnother(w *world) {
	if w.withoutResume() {
		return
	}
	a, b, thief := w.host(Host{Features: resuming}), w.host(Host{Features: resuming}), w.host(Host{Features: resuming})
	_, in := w.connect(a, b, dial(b))
	_, stolen := w.resume(thief, b, []byte("what was"), nil, nil)
	if got := stolen.Info().Remote.ID(); got == in.Info().Remote.ID() || got != thief.Location().ID() {
		w.Errorf("a thief is %v to the acceptor, a is %v", got, in.Info().Remote.ID())
	}
}

func resumeAnonymous(w *world) {
	if w.lacks.Anonymity || w.withoutResume() {
		return
	}
	a, b := w.host(Host{Features: resuming, Anonymous: true}), w.host(Host{Features: resuming})
	out, in := w.connect(a, b, dial(b))
	other, _ := w.connect(a, b, dial(b))
	if other.Info().Local.ID() == out.Info().Local.ID() {
		w.Fatal("two anonymous sessions have one designator")
	}
	first := out.Info()
	if in.Info().Remote.ID() != first.Local.ID() {
		w.Errorf("an anonymous dialler is %v to the acceptor and %v to itself", in.Info().Remote.ID(), first.Local.ID())
	}
	for range 2 {
		next, nextIn := w.resume(a, b, []byte("what was"), []byte("yes"), out)
		w.continues(next, nextIn, []byte("what was"), []byte("yes"), first)
		out.Close("")
		out = next
	}
	d := dial(b)
	d.Resume = []byte("what was")
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	w.spawn(func() {
		if in, err := b.Accept(ctx); err == nil {
			w.Errorf("an anonymous dialler without Dial.Previous came as %v", in.Info.Remote.ID())
			in.Refuse(netlayer.ErrRefused)
		}
	})
	if _, err := a.Connect(w.ctx, d); err == nil {
		w.Error("an anonymous dialler resumed without Dial.Previous")
	}
	cancel()
	w.group.Wait()
}

// resumeNotAnnounced: who does not announce the feature neither resumes nor is resumed.
func resumeNotAnnounced(w *world) {
	if w.withoutResume() {
		return
	}
	with, without := w.host(Host{Features: resuming}), w.host(Host{Features: []string{"another"}})
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	for _, n := range []netlayer.Netlayer{with, without} {
		w.spawn(func() {
			if in, err := n.Accept(ctx); err == nil {
				w.Errorf("%q was let through between two of whom one does not announce the feature", in.Info.Resume)
				in.Refuse(netlayer.ErrRefused)
			}
		})
	}
	w.cannotResume(without, with)
	d := dial(without)
	d.Resume = []byte("what was")
	_, err := with.Connect(w.ctx, d)
	w.mustBe("Connect with Resume to one that does not announce it", err, netlayer.ErrRefused, netlayer.ErrUnreachable)
	cancel()
	w.group.Wait()
}

func resumeTooLong(w *world) {
	if w.withoutResume() {
		return
	}
	a, b := w.host(Host{Features: resuming}), w.host(Host{Features: resuming})
	out, _ := w.connect(a, b, dial(b))
	d := dial(b)
	d.Resume, d.Previous = make([]byte, netlayer.MaxResume+1), out
	_, err := a.Connect(w.ctx, d)
	w.mustBe("Connect with a Resume that is too long", err, netlayer.ErrFrameTooLarge)
	for _, answer := range [][][]byte{{make([]byte, netlayer.MaxResume+1)}, {}, {[]byte("two"), []byte("frames")}} {
		d.Resume = []byte("what was")
		failed := make(chan error, 1)
		w.spawn(func() {
			_, err := a.Connect(w.ctx, d)
			failed <- err
		})
		incoming, err := b.Accept(w.ctx)
		if err != nil {
			w.Fatalf("Accept: %v", err)
		}
		if c, err := incoming.Accept(answer); err == nil {
			c.Close("")
			w.Errorf("an answer of %d frames was taken", len(answer))
		}
		incoming.Refuse(netlayer.ErrRefused)
		if err := <-failed; err == nil {
			w.Error("Connect with Resume succeeded without an answer")
		}
	}
	next, in := w.resume(a, b, []byte("what was"), []byte("yes"), out)
	w.continues(next, in, []byte("what was"), []byte("yes"), out.Info())
}

// resumeGivenUp ends a dial with Resume that waits for its answer.
func resumeGivenUp(w *world) {
	if w.withoutResume() {
		return
	}
	a, b := w.host(Host{Features: resuming}), w.host(Host{Features: resuming})
	out, _ := w.connect(a, b, dial(b))
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	failed := make(chan error, 1)
	w.spawn(func() {
		d := dial(b)
		d.Resume, d.Previous = []byte("what was"), out
		_, err := a.Connect(ctx, d)
		failed <- err
	})
	incoming, err := b.Accept(w.ctx)
	if err != nil {
		w.Fatalf("Accept: %v", err)
	}
	cancel()
	w.mustBe("Connect with Resume whose context ends", <-failed, context.Canceled)
	if c, err := incoming.Accept([][]byte{[]byte("yes")}); err == nil {
		w.ended(c)
	} else if !errors.Is(err, net.ErrClosed) {
		w.Errorf("Incoming.Accept after the dialler gave up: %v, want net.ErrClosed", err)
	}
	next, in := w.resume(a, b, []byte("what was"), []byte("yes"), out)
	w.continues(next, in, []byte("what was"), []byte("yes"), out.Info())
}
