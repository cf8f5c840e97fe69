package netlayertest

import (
	"bytes"

	"github.com/hawser-go/hawser/netlayer"
)

// dialWith describes a dial with a credential of the given bytes, and counts how often it was asked for.
func (w *world) dialWith(to netlayer.Netlayer, credential []byte, calls *int) netlayer.Dial {
	d := dial(to)
	d.Credential = func(info netlayer.Info) []byte {
		*calls++
		if info.Remote.ID() != to.Location().ID() || !info.Outbound || info.Credential != nil {
			w.Errorf("Credential was told %+v", info)
		}
		return credential
	}
	return d
}

// credentialArrives: what the dialler shows is what the doorkeeper and the acceptor see, and only they.
func credentialArrives(w *world) {
	keeper := &door{}
	a, b := w.host(Host{}), w.host(Host{Doorkeeper: keeper})
	for _, credential := range [][]byte{nil, {}, []byte("a certificate"), bytes.Repeat([]byte{0, 3, 255}, netlayer.MaxCredential)[:netlayer.MaxCredential]} {
		calls := 0
		out, in := w.connect(a, b, w.dialWith(b, credential, &calls))
		o, i := out.Info().Credential, in.Info().Credential
		if w.lacks.Credential {
			if calls != 0 || o != nil || i != nil {
				w.Errorf("a netlayer that carries no credentials asked for one %d times and shows %q and %q", calls, o, i)
			}
			continue
		}
		asked := keeper.asked()
		seen := asked[len(asked)-1].Credential
		if calls != 1 || !bytes.Equal(i, credential) || !bytes.Equal(seen, credential) {
			w.Errorf("a credential of %d bytes was asked for %d times and came as %s, to the doorkeeper as %s", len(credential), calls, show(i), show(seen))
		}
		if len(credential) == 0 && i != nil || o != nil {
			w.Errorf("without a credential Info.Credential is %#v, at the dialler %#v", i, o)
		}
	}
}

// credentialIsRoom: a credential takes of the room that early frames have, is asked for before them, and is never cut.
func credentialIsRoom(w *world) {
	if w.lacks.Credential || w.lacks.Early {
		w.Log("this netlayer has no last message in which both travel; nothing to check")
		return
	}
	a, b := w.hosts()
	limits := make(map[int]int)
	for _, size := range []int{0, 1, netlayer.MaxCredential} {
		calls := 0
		d := w.dialWith(b, pattern(size, size), &calls)
		var early []byte
		d.Early = func(info netlayer.Info, limit int) [][]byte {
			if calls != 1 {
				w.Errorf("Credential had been called %d times when Early was", calls)
			}
			limits[size] = limit
			early = pattern(1, limit-4)
			return [][]byte{early}
		}
		_, in := w.connect(a, b, d)
		if f := w.read(in); !bytes.Equal(f.Bytes, early) {
			w.Fatalf("beside a credential of %d bytes the early frame came as %s", size, show(f.Bytes))
		}
		if !bytes.Equal(in.Info().Credential, pattern(size, size)) {
			w.Errorf("a credential of %d bytes came as %s", size, show(in.Info().Credential))
		}
	}
	if limits[0] < limits[1] || limits[1] < limits[netlayer.MaxCredential]+netlayer.MaxCredential-1 {
		w.Errorf("the limits for early frames, by the size of the credential, are %v", limits)
	}
}

// credentialTooLarge: one that does not fit fails the dial, with nothing sent.
func credentialTooLarge(w *world) {
	if w.lacks.Credential {
		w.Log("this netlayer asks for no credential; CredentialArrives has checked that")
		return
	}
	keeper := &door{}
	a, b := w.host(Host{}), w.host(Host{Doorkeeper: keeper})
	calls := 0
	d := w.dialWith(b, make([]byte, netlayer.MaxCredential+1), &calls)
	d.Early = func(netlayer.Info, int) [][]byte {
		w.Error("Early was called for a dial that cannot go on")
		return nil
	}
	if c, err := a.Connect(w.ctx, d); err == nil || c != nil {
		w.Errorf("Connect with a credential larger than MaxCredential: %v, %v", c, err)
	}
	if n := len(keeper.asked()); n != 0 {
		w.Errorf("the doorkeeper was asked %d times", n)
	}
	w.nextIs(a, b, "the next dial")
}

// credentialDecides: a doorkeeper may let in by it, and keep out without.
func credentialDecides(w *world) {
	if w.lacks.Credential || w.lacks.Doors {
		return
	}
	keeper := &credentialDoor{want: "let me in"}
	a, b := w.host(Host{}), w.host(Host{Doorkeeper: keeper})
	for _, wrong := range []string{"", "let me", "let me in!"} {
		calls := 0
		_, err := a.Connect(w.ctx, w.dialWith(b, []byte(wrong), &calls))
		w.mustBe("Connect with the credential "+wrong, err, netlayer.ErrRefused)
	}
	calls := 0
	out, in := w.connect(a, b, w.dialWith(b, []byte("let me in"), &calls))
	w.write(out, []byte("hello"))
	w.expect(in, "hello")
}

// A credentialDoor is closed to all but those who show one credential.
type credentialDoor struct{ want string }

func (*credentialDoor) Lock([16]byte) (netlayer.Lock, bool) { return nil, false }

func (d *credentialDoor) Admit(info netlayer.Info) error {
	if string(info.Credential) != d.want {
		return netlayer.ErrRefused
	}
	return nil
}
