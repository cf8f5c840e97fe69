package mailbox_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// files are Files in memory.
type files map[string][]byte

func (f files) List() ([]string, error) { return slices.Sorted(maps.Keys(f)), nil }

func (f files) Read(name string) ([]byte, error) {
	b, ok := f[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(b), nil
}

func (f files) Create(name string, content []byte) error {
	if f[name] != nil {
		return fs.ErrExist
	}
	f[name] = bytes.Clone(content)
	return nil
}

func (f files) Erase(name string) error {
	if f[name] == nil {
		return fs.ErrNotExist
	}
	delete(f, name)
	return nil
}

// party is somebody with everything that writing and getting mail takes.
type party struct {
	sturdyref.Identity
	record  *sturdyref.Record
	files   files
	prekeys *mailbox.Prekeys
	secrets map[[16]byte]mailbox.Secret
	known   map[[32]byte]mailbox.Correspondent // by static key
	ended   map[[32]byte]bool
	dh      atomic.Int64
}

func newParty(t testing.TB) *party {
	t.Helper()
	id, err := sturdyref.GenerateIdentity(start)
	if err != nil {
		t.Fatal(err)
	}
	return partyOf(t, id)
}

func partyOf(t testing.TB, id sturdyref.Identity) *party {
	t.Helper()
	p := &party{
		Identity: id, files: files{}, secrets: map[[16]byte]mailbox.Secret{},
		known: map[[32]byte]mailbox.Correspondent{}, ended: map[[32]byte]bool{},
	}
	var err error
	if p.record, err = sturdyref.NewRecord(id, start); err != nil {
		t.Fatal(err)
	}
	if p.prekeys, err = mailbox.OpenPrekeys(mailbox.PrekeysConfig{Identity: p, Files: p.files}, start); err != nil {
		t.Fatal(err)
	}
	return p
}

// ECDH counts the uses of the static key.
func (p *party) ECDH(peer [32]byte) ([32]byte, error) {
	p.dh.Add(1)
	return p.Identity.ECDH(peer)
}

func (p *party) static() [32]byte { return p.Public().Static }

func (p *party) sealer() *mailbox.Sealer {
	return &mailbox.Sealer{Identity: p, Record: p.record, Prekeys: p.prekeys}
}

func (p *party) opener() *mailbox.Opener {
	return &mailbox.Opener{
		Identity: p, Prekeys: p.prekeys,
		Secrets: func(id [16]byte) (mailbox.Secret, bool) { s, ok := p.secrets[id]; return s, ok },
		Correspondent: func(e mailbox.Envelope) (mailbox.Correspondent, error) {
			if p.ended[e.Link] {
				return mailbox.Correspondent{}, mailbox.ErrEnded
			}
			return p.known[e.Sender], nil
		},
	}
}

// knows has p know the signing key of others.
func (p *party) knows(others ...*party) {
	for _, o := range others {
		p.known[o.static()] = mailbox.Correspondent{Signing: o.Public().Signing}
	}
}

// publishes gives p a sturdyref, and returns its secret.
func (p *party) publishes(t testing.TB) mailbox.Secret {
	t.Helper()
	s, err := mailbox.SecretOf(sturdyref.NewSwissNum())
	if err != nil {
		t.Fatal(err)
	}
	p.secrets[s.ID()] = s
	return s
}

func message(first uint64, frames ...string) *mailbox.Message {
	m := &mailbox.Message{Link: sha256.Sum256([]byte("a link")), From: sturdyref.Dialler, Life: mailbox.Life{Epoch: 7}, First: first, Next: 3}
	for _, f := range frames {
		m.Frames = append(m.Frames, []byte(f))
	}
	return m
}

func (p *party) seal(t testing.TB, to *party, m *mailbox.Message, now time.Time) []byte {
	t.Helper()
	b, _, err := p.sealer().Seal(to.prekeys.Bundle(), mailbox.Secret{}, m, now)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// refused checks that a letter is not taken, for one of the reasons.
func refused(t testing.TB, what string, p *party, letter []byte, now time.Time, want ...error) {
	t.Helper()
	l, err := p.opener().Open(letter, now)
	if l != nil || !slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }) {
		t.Errorf("%s: got %v, error %v, want %v", what, l, err, want)
	}
}

func sameMessage(got, want *mailbox.Message) string {
	g, w := *got, *want
	if !slices.EqualFunc(g.Frames, w.Frames, bytes.Equal) {
		return fmt.Sprintf("%d frames that are not the %d sent", len(g.Frames), len(w.Frames))
	}
	g.Frames, w.Frames = nil, nil
	g.AcceptBy, w.AcceptBy = time.Time{}, time.Time{}
	if fmt.Sprintf("%+v", g) != fmt.Sprintf("%+v", w) {
		return fmt.Sprintf("%+v, want %+v", g, w)
	}
	return ""
}

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
