package mem

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// An attempt is a dial that has found its peer: what the dialler shows, and what becomes of it.
type attempt struct {
	from, to *Host
	infos    [2]netlayer.Info // the dialler's and the acceptor's
	early    [][]byte

	shows     bool // a key
	psk       [32]byte
	ephemeral *ecdh.PrivateKey // the acceptor's

	verdict chan verdict // gets one
	mu      sync.Mutex
	decided bool
	gone    bool  // the dialler has given up, which the acceptor does not know yet
	conn    *conn // the dialler's end, once accepted
}

// A verdict is the acceptor's answer: a connection or a refusal.
type verdict struct {
	conn netlayer.Conn
	err  error
}

// newAttempt is the dialler's part of the last handshake message.
func (h *Host) newAttempt(to *Host, d netlayer.Dial) (*attempt, error) {
	if d.Resume != nil {
		return h.newResumption(to, d)
	}
	a := &attempt{from: h, to: to, verdict: make(chan verdict, 1)}
	dialler := h.self
	if h.cfg.Anonymous {
		dialler.Designator = sturdyref.Designator(h.net.draw())
		dialler.Hints = nil
	}
	info := netlayer.Info{
		Authenticated: true,
		Anonymous:     h.cfg.Anonymous,
		Binding:       h.net.draw(),
		Features:      intersect(h.cfg.Features, to.cfg.Features),
	}
	if d.Key != nil {
		if err := a.show(d.Key, &info); err != nil {
			return nil, err
		}
	}
	out, in := info, info
	out.Outbound = true
	out.Local, out.Remote = dialler.Clone(), d.Peer.Clone()
	in.Local, in.Remote = to.self.Clone(), sturdyref.Peer{Transport: Transport, Designator: dialler.Designator}
	in.Features = slices.Clone(info.Features)
	in.Source, out.Source = h.addr, to.addr
	if !h.cfg.Anonymous {
		in.Identity = h.cfg.Record
	}
	limit := EarlyLimit
	if d.Credential != nil {
		if credential := d.Credential(out); len(credential) > 0 {
			if len(credential) > netlayer.MaxCredential {
				return nil, fmt.Errorf("mem: Dial.Credential returned %d bytes, at most %d can be carried", len(credential), netlayer.MaxCredential)
			}
			in.Credential = slices.Clone(credential)
			limit -= len(credential)
		}
	}
	if d.Early != nil {
		if err := a.load(d.Early(out, limit), limit); err != nil {
			return nil, err
		}
	}
	out.Identity = to.cfg.Record // comes with the admission
	a.infos = [2]netlayer.Info{out, in}
	return a, nil
}

// show computes the pre-shared key for an ephemeral key of the acceptor.
func (a *attempt) show(key netlayer.Key, info *netlayer.Info) (err error) {
	a.shows = true
	if a.ephemeral, err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
		return fmt.Errorf("mem: making an ephemeral key: %w", err)
	}
	if info.AdmittedBy, err = key.ID(a.to.static); err != nil {
		return fmt.Errorf("mem: the public name of the dialler's key: %w", err)
	}
	if a.psk, err = key.PSK(a.to.static, [32]byte(a.ephemeral.PublicKey().Bytes())); err != nil {
		return fmt.Errorf("mem: the pre-shared key of the dialler's key: %w", err)
	}
	return nil
}

// load copies the early frames, which must keep to the limit.
func (a *attempt) load(frames [][]byte, limit int) error {
	size := 0
	for _, frame := range frames {
		size += len(frame) + 4
		a.early = append(a.early, slices.Clone(frame))
	}
	if size > limit {
		return fmt.Errorf("mem: early frames of %d bytes, at most %d: %w", size, limit, netlayer.ErrFrameTooLarge)
	}
	return nil
}

func intersect(a, b []string) (both []string) {
	for _, f := range a {
		if slices.Contains(b, f) {
			both = append(both, f)
		}
	}
	slices.Sort(both)
	return slices.Compact(both)
}

// knock is what happens when the dialler's last message reaches the acceptor.
func (a *attempt) knock() {
	if err := a.judge(); err != nil {
		a.refuse(err)
		return
	}
	select {
	case a.to.incoming <- a:
	default:
		a.refuse(netlayer.ErrRefused)
	}
}

// judge asks the doorkeeper.
func (a *attempt) judge() error {
	if a.to.refusing.Load() {
		return netlayer.ErrRefused
	}
	if a.resumes() {
		if !slices.Contains(a.infos[1].Features, netlayer.FeatureResume) {
			return netlayer.ErrRefused
		}
		return nil // it is not for the doorkeeper to say
	}
	door := a.to.cfg.Doorkeeper
	if a.shows && (door == nil || !a.fits(door)) {
		return netlayer.ErrRefused
	}
	if door != nil {
		return door.Admit(a.infos[1])
	}
	return nil
}

// fits compares the dialler's pre-shared key with that of the lock it names.
func (a *attempt) fits(door netlayer.Doorkeeper) bool {
	lock, ok := door.Lock(a.infos[1].AdmittedBy)
	if !ok {
		return false
	}
	psk, err := lock.PSK(func(public [32]byte) (secret [32]byte, err error) {
		key, err := ecdh.X25519().NewPublicKey(public[:])
		if err != nil {
			return secret, err
		}
		b, err := a.ephemeral.ECDH(key)
		if err != nil {
			return secret, err
		}
		return [32]byte(b), nil
	})
	return err == nil && subtle.ConstantTimeCompare(psk[:], a.psk[:]) == 1
}

// waiting reports whether nobody has decided yet, the dialler included.
func (a *attempt) waiting() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.decided && !a.gone
}

func (a *attempt) accept(first [][]byte) (netlayer.Conn, error) {
	if err := checkSizes(first); err != nil {
		a.refuse(netlayer.ErrRefused)
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.decided {
		return nil, errDecided
	}
	a.decided = true
	if a.resumes() {
		if err := a.answer(first); err != nil {
			a.verdict <- verdict{err: netlayer.ErrRefused}
			return nil, err
		}
		first = nil
	}
	w := a.from.net.connect(a.from, a.to, a.infos, a.early, first)
	if w == nil {
		a.verdict <- verdict{err: netlayer.ErrUnreachable}
		return nil, errHostClosed
	}
	a.conn = w.ends[0]
	if a.gone {
		// The word of that is still on its way, as it would be on any network.
		a.conn.Close(gaveUp)
	} else {
		a.verdict <- verdict{conn: a.conn}
	}
	return w.ends[1], nil
}

func (a *attempt) refuse(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.decided {
		return
	}
	a.decided = true
	if !errors.Is(err, netlayer.ErrCrossed) {
		err = netlayer.ErrRefused
	} else {
		err = netlayer.ErrCrossed
	}
	a.verdict <- verdict{err: err}
}

// abandon is the dialler giving up: its connection ends, now or as soon as it is accepted.
func (a *attempt) abandon() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone = true
	if a.conn != nil {
		a.conn.Close(gaveUp)
	}
}

const gaveUp = "the dialler gave up"

var errDecided = fmt.Errorf("mem: the dialler gave up, or Accept or Refuse was called before: %w", net.ErrClosed)
