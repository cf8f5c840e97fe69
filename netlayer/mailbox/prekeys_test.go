package mailbox_test

import (
	"bytes"
	"crypto/ecdh"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
)

// stolenPrekey does a Diffie-Hellman with what is in the file of a prekey.
func stolenPrekey(f files, prekey, peer [32]byte) (out [32]byte, err error) {
	for _, b := range f {
		var s struct {
			Version uint64   `cbor:"1,keyasint"`
			Private [32]byte `cbor:"2,keyasint"`
			Bundle  []byte   `cbor:"3,keyasint"`
		}
		if err := detcbor.Unmarshal(b, &s); err != nil {
			return out, err
		}
		k, err := ecdh.X25519().NewPrivateKey(s.Private[:])
		if err != nil || [32]byte(k.PublicKey().Bytes()) != prekey {
			continue
		}
		p, err := ecdh.X25519().NewPublicKey(peer[:])
		if err != nil {
			return out, err
		}
		secret, err := k.ECDH(p)
		return [32]byte(secret), err
	}
	return out, fs.ErrNotExist
}

const day = 24 * time.Hour

func TestRotation(t *testing.T) {
	p := newParty(t)
	now := start
	seen := map[mailbox.PrekeyID]time.Time{}
	for range 40 {
		next, err := p.prekeys.Rotate(now)
		if err != nil {
			t.Fatal(err)
		}
		b := p.prekeys.Bundle()
		seen[b.ID()] = b.Retires
		if !next.After(now) || next.After(now.Add(7*day)) {
			t.Fatalf("at %v the next rotation is at %v", now, next)
		}
		for id, retires := range seen {
			_, held := p.files["prekey-"+id.String()]
			if held && next.After(retires.Add(mailbox.Skew)) {
				t.Errorf("at %v: the next rotation, at %v, is after a prekey retires, at %v", now, next, retires)
			}
			if want := now.Before(retires.Add(mailbox.Skew)); held != want {
				t.Errorf("at %v: prekey that retires at %v is held: %v", now, retires, held)
			}
		}
		now = next
	}
	if len(seen) < 10 {
		t.Errorf("%d prekeys in %v", len(seen), now.Sub(start))
	}
	// After a long absence nothing old is left, and there is a new one.
	if _, err := p.prekeys.Rotate(now.Add(365 * day)); err != nil {
		t.Fatal(err)
	}
	if len(p.files) != 1 || len(p.prekeys.Bundle().Held) != 1 {
		t.Errorf("%d prekeys after a year, the bundle says %v", len(p.files), p.prekeys.Bundle().Held)
	}
}

// TestRotationAtAnyTime: whatever the clock does, there is one prekey to seal to, and not many.
func TestRotationAtAnyTime(t *testing.T) {
	id, err := sturdyref.GenerateIdentity(start)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		f := files{}
		c := mailbox.PrekeysConfig{Identity: id, Files: f}
		p, err := mailbox.OpenPrekeys(c, start)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			now := start.Add(time.Duration(rapid.Int64Range(int64(-30*day), int64(90*day)).Draw(t, "now")))
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				if p, err = mailbox.OpenPrekeys(c, now); err != nil {
					t.Fatal(err)
				}
			case 1:
				last := p.Bundle().NotBefore
				if err := p.RetireAll(now); err != nil {
					t.Fatal(err)
				}
				if b := p.Bundle(); len(f) != 1 || len(b.Held) != 1 || !b.NotBefore.After(last) {
					t.Fatalf("after all were retired: %d files, %v, not before %v, the one before %v", len(f), b.Held, b.NotBefore, last)
				}
			default:
				if _, err := p.Rotate(now); err != nil {
					t.Fatal(err)
				}
			}
			if b := p.Bundle(); b == nil || len(f) > 8 || f["prekey-"+b.ID().String()] == nil {
				t.Fatalf("%v, %d files", b, len(f))
			}
		}
	})
}

func TestStoredPrekeys(t *testing.T) {
	p := newParty(t)
	c := mailbox.PrekeysConfig{Identity: p, Files: p.files}
	again, err := mailbox.OpenPrekeys(c, start.Add(time.Hour))
	if err != nil || again.Bundle().ID() != p.prekeys.Bundle().ID() {
		t.Fatalf("%v, %v", again, err)
	}
	var name string
	var content []byte
	for name, content = range p.files {
	}
	if strings.Contains(string(content), string(bytes.Repeat([]byte{0}, 32))) {
		t.Fatal("no key")
	}
	for what, b := range map[string][]byte{
		"cut": content[:len(content)-1], "a byte changed": flip(content, 10), "another": flip(content, len(content)-1), "text": []byte("hello"),
	} {
		f := files{name: b}
		if _, err := mailbox.OpenPrekeys(mailbox.PrekeysConfig{Identity: p, Files: f}, start); !errors.Is(err, mailbox.ErrMalformed) || !bytes.Equal(f[name], b) || len(f) != 1 {
			t.Errorf("%s: %v, want ErrMalformed and nothing changed", what, err)
		}
	}
	if _, err := mailbox.OpenPrekeys(mailbox.PrekeysConfig{Identity: newParty(t), Files: p.files}, start); !errors.Is(err, mailbox.ErrMalformed) {
		t.Errorf("of another identity: %v, want ErrMalformed", err)
	}
	if _, err := mailbox.OpenPrekeys(mailbox.PrekeysConfig{Identity: p, Files: files{"prekey-0000000000000000": content}}, start); !errors.Is(err, mailbox.ErrMalformed) {
		t.Errorf("under another name: %v, want ErrMalformed", err)
	}
	// Erased when the process ended.
	f := files{name: make([]byte, len(content)), "lock": nil}
	if p, err := mailbox.OpenPrekeys(mailbox.PrekeysConfig{Identity: p, Files: f}, start); err != nil || p.Bundle() == nil || f[name] != nil {
		t.Errorf("half erased: %v", err)
	}
	for _, c := range []mailbox.PrekeysConfig{{}, {Identity: p}, {Files: f}, {Identity: p, Files: f, Offer: -1}} {
		if _, err := mailbox.OpenPrekeys(c, start); err == nil {
			t.Errorf("opened with %+v", c)
		}
	}
}

func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}

// TestDir: a file is destroyed where it lies, and one that was never finished does not stay.
func TestDir(t *testing.T) {
	p := newParty(t)
	dir := filepath.Join(t.TempDir(), "prekeys")
	c := mailbox.PrekeysConfig{Identity: p, Files: mailbox.Dir(dir)}
	k, err := mailbox.OpenPrekeys(c, start)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "prekey-"+k.Bundle().ID().String())
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Fatalf("%v, %v", info, err)
	}
	same := filepath.Join(dir, "link") // another name of the same bytes on the disk
	if err := os.Link(path, same); err != nil {
		t.Skip("no hard links here:", err)
	}
	left := filepath.Join(dir, "prekey-x.new-123")
	if err := os.WriteFile(left, []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err = mailbox.OpenPrekeys(c, start.Add(30*day)); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{path, left} {
		if _, err := os.Stat(gone); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", gone, err)
		}
	}
	if b, err := os.ReadFile(same); err != nil || len(b) == 0 || len(bytes.Trim(b, "\x00")) > 0 {
		t.Errorf("what was in the file is still on the disk: %x, %v", b, err)
	}
	again, err := mailbox.OpenPrekeys(c, start.Add(31*day))
	if err != nil || again.Bundle().ID() != k.Bundle().ID() {
		t.Errorf("%v, %v", again, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "prekey-long"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := mailbox.OpenPrekeys(c, start); !errors.Is(err, mailbox.ErrMalformed) {
		t.Errorf("%v, want ErrMalformed", err)
	}
}

func TestBundles(t *testing.T) {
	p, q := newParty(t), newParty(t)
	b := p.prekeys.Bundle().Encoded()
	if len(b) > mailbox.MaxBundle {
		t.Errorf("%d bytes", len(b))
	}
	if got, err := mailbox.VerifyBundle(b, p.Public()); err != nil || got.Prekey != p.prekeys.Bundle().Prekey {
		t.Errorf("%v, %v", got, err)
	}
	for i := range b {
		if got, err := mailbox.VerifyBundle(flip(b, i), p.Public()); got != nil || !errors.Is(err, mailbox.ErrMalformed) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	mixed := p.Public()
	mixed.Signing = q.Public().Signing
	for what, owner := range map[string]sturdyref.Public{"another": q.Public(), "another's signature": mixed} {
		if got, err := mailbox.VerifyBundle(b, owner); got != nil || !errors.Is(err, mailbox.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
