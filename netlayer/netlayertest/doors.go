package netlayertest

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"sync"

	"github.com/hawser-go/hawser/netlayer"
)

// A door is a doorkeeper whose rules are plain to see.
type door struct {
	mu     sync.Mutex
	locks  map[[16]byte]netlayer.Lock
	closed bool            // to those who show no key
	answer error           // to all others
	infos  []netlayer.Info // asked about, in order
}

// say sets the answer to those who come next.
func (d *door) say(answer error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = answer
}

// asked returns what Admit was asked about so far.
func (d *door) asked() []netlayer.Info {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.infos)
}

func (d *door) Lock(id [16]byte) (netlayer.Lock, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok := d.locks[id]
	return l, ok
}

func (d *door) Admit(info netlayer.Info) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.infos = append(d.infos, info)
	if d.closed && info.AdmittedBy == [16]byte{} {
		return netlayer.ErrRefused
	}
	return d.answer
}

// A password is a key and a lock that do not depend on the handshake: a swiss number.
type password struct{ id, psk string }

func (p password) ID([32]byte) (id [16]byte, err error) {
	return [16]byte([]byte(p.id + "................")), nil
}

func (p password) PSK(_, _ [32]byte) ([32]byte, error) { return sha256.Sum256([]byte(p.psk)), nil }

type passwordLock struct{ password }

func (p passwordLock) PSK(func([32]byte) ([32]byte, error)) ([32]byte, error) {
	return p.password.PSK([32]byte{}, [32]byte{})
}

// A privateKey is a capability that is a private key; its lock knows the public one.
type privateKey struct {
	id  [16]byte
	key *ecdh.PrivateKey
}

func (k privateKey) ID([32]byte) ([16]byte, error) { return k.id, nil }

func (k privateKey) PSK(_, ephemeral [32]byte) (psk [32]byte, err error) {
	public, err := ecdh.X25519().NewPublicKey(ephemeral[:])
	if err != nil {
		return psk, err
	}
	secret, err := k.key.ECDH(public)
	if err != nil {
		return psk, err
	}
	return sha256.Sum256(secret), nil
}

type publicKeyLock [32]byte

func (l publicKeyLock) PSK(ephemeral func([32]byte) ([32]byte, error)) ([32]byte, error) {
	secret, err := ephemeral(l)
	return sha256.Sum256(secret[:]), err
}

func newPrivateKey(id byte) (privateKey, publicKeyLock) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // the system has no randomness
	}
	return privateKey{[16]byte{id}, key}, publicKeyLock(key.PublicKey().Bytes())
}

// withoutKeys checks that a netlayer that cannot show a key does not dial with one as if it had.
func (w *world) withoutKeys() bool {
	if !w.lacks.Doors && !w.lacks.Keys {
		return false
	}
	a, b := w.hosts()
	d := dial(b)
	d.Key = password{"id", "secret"}
	if c, err := a.Connect(w.ctx, d); err == nil {
		c.Close("")
		w.Error("Connect with a key succeeded on a netlayer that cannot show one")
	}
	return true
}

func doorkeeperSees(w *world) {
	if w.lacks.Doors {
		w.withoutKeys()
		return
	}
	keeper := &door{}
	a, b := w.host(Host{}), w.host(Host{Doorkeeper: keeper})
	out, in := w.connect(a, b, dial(b))
	all := keeper.asked()
	if len(all) != 1 {
		w.Fatalf("Admit was called %d times for one dial", len(all))
	}
	asked, info := all[0], in.Info()
	if asked.Outbound || asked.Remote.ID() != info.Remote.ID() || asked.Authenticated != info.Authenticated ||
		asked.Binding != out.Info().Binding {
		w.Errorf("Admit was asked about %+v, the connection is %+v", asked, info)
	}
}

func doorkeeperRefuses(w *world) {
	if w.lacks.Doors {
		w.withoutKeys()
		return
	}
	keeper := &door{}
	a, b := w.host(Host{}), w.host(Host{Doorkeeper: keeper})
	for _, answer := range []error{netlayer.ErrRefused, netlayer.ErrCrossed} {
		keeper.say(answer)
		d := dial(b)
		d.Early = func(netlayer.Info, int) [][]byte { return [][]byte{[]byte("must not be executed")} }
		w.refused(a.Connect(w.ctx, d))(answer)
	}
	keeper.say(nil)
	w.nextIs(a, b, "the next dial")
}

func keyOpensLock(w *world) {
	if w.withoutKeys() {
		return
	}
	word := password{"word", "secret"}
	wordID, _ := word.ID([32]byte{})
	private, public := newPrivateKey(7)
	keeper := &door{closed: true, locks: map[[16]byte]netlayer.Lock{wordID: passwordLock{word}, private.id: public}}
	a, b := w.host(Host{}), w.host(Host{Doorkeeper: keeper})
	for _, key := range []netlayer.Key{word, private} {
		d := dial(b)
		d.Key = key
		d.Early = func(netlayer.Info, int) [][]byte { return [][]byte{[]byte("early")} }
		out, in := w.connect(a, b, d)
		id, _ := key.ID([32]byte{})
		all := keeper.asked()
		if in.Info().AdmittedBy != id || out.Info().AdmittedBy != id || all[len(all)-1].AdmittedBy != id {
			w.Errorf("AdmittedBy is %x at the acceptor and %x at the dialler, want %x", in.Info().AdmittedBy, out.Info().AdmittedBy, id)
		}
		if !w.lacks.Early {
			w.expect(in, "early")
		}
		w.write(in, []byte("hello"))
		w.expect(out, "hello")
	}
}

// keysLookAlike is turned away for every reason there is and must not be able to tell them apart.
func keysLookAlike(w *world) {
	if w.withoutKeys() {
		return
	}
	word := password{"word", "secret"}
	wordID, _ := word.ID([32]byte{})
	private, _ := newPrivateKey(7)
	_, another := newPrivateKey(7)
	keeper := &door{closed: true, locks: map[[16]byte]netlayer.Lock{wordID: passwordLock{word}, private.id: another}}
	a, b := w.host(Host{}), w.host(Host{Doorkeeper: keeper})
	var texts []string
	for _, c := range []struct {
		why string
		key netlayer.Key
	}{
		{"no key at a closed door", nil},
		{"an unknown id", password{"nobody's", "secret"}},
		{"a wrong secret", password{"word", "guess"}},
		{"an empty secret", password{"word", ""}},
		{"another private key", private},
	} {
		d := dial(b)
		d.Key = c.key
		d.Early = func(netlayer.Info, int) [][]byte { return [][]byte{[]byte("must not be executed")} }
		conn, err := a.Connect(w.ctx, d)
		w.mustBe("Connect with "+c.why, err, netlayer.ErrRefused)
		if conn != nil {
			w.Errorf("Connect with %s returned a connection and an error", c.why)
		}
		if texts = append(texts, err.Error()); texts[0] != err.Error() {
			w.Errorf("with %s the refusal reads %q, otherwise %q", c.why, err, texts[0])
		}
	}
	d := dial(b)
	d.Key = word
	out, in := w.connect(a, b, d)
	w.write(out, []byte("with the right key"))
	w.expect(in, "with the right key")
}
