package mailbox

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/sturdyref"
)

// Skew is how far clocks may be apart: a letter is taken, and a prekey kept, for that much longer than is written.
const Skew = time.Hour

// Files keeps the private halves of prekeys: a few small files, which nobody else may read. It is used by one goroutine at a
// time. [Dir] is one.
type Files interface {
	// List returns the names of the files there are, each as given to Create.
	List() ([]string, error)
	// Read returns a file's content.
	Read(name string) ([]byte, error)
	// Create makes a file, whole or not at all; when it returns nil the file is on the disk. The name is new: letters, digits
	// and dashes.
	Create(name string, content []byte) error
	// Erase destroys the content of a file where it lies on the disk, and then removes the file.
	Erase(name string) error
}

// PrekeysConfig configures Prekeys. The zero value of each field but the first two means the default.
type PrekeysConfig struct {
	// Identity is whose prekeys they are; it signs them.
	Identity sturdyref.Identity
	// Files keeps them.
	Files Files
	// Offer is how long a prekey is the newest before there is another (default 7 days).
	Offer time.Duration
	// Overlap is how long it is kept after that, for letters that are on their way and senders who were away (default 7 days).
	// Offer and Overlap together are what a thief of the disk can read of what has come before.
	Overlap time.Duration
	// Random makes the keys; nil means crypto/rand. Anything else is for test vectors.
	Random io.Reader
}

// Prekeys are the keys of one identity to which letters are sealed: a new one every few days, and the old ones destroyed,
// so that who steals the disk later reads no older letters. It may be used by several goroutines.
type Prekeys struct {
	c  PrekeysConfig
	mu sync.Mutex
	lk []*prekey // the newest last
}

type prekey struct {
	private *ecdh.PrivateKey
	bundle  *Bundle
}

// storedPrekey is the form of a prekey in its file.
type storedPrekey struct {
	Version uint64   `cbor:"1,keyasint"`
	Private [32]byte `cbor:"2,keyasint"`
	Bundle  []byte   `cbor:"3,keyasint"`
}

// OpenPrekeys reads the prekeys there are, destroys those that have retired and makes one if one is due. A file that is
// damaged is an error that matches ErrMalformed, and nothing is changed then.
func OpenPrekeys(c PrekeysConfig, now time.Time) (*Prekeys, error) {
	if c.Identity == nil || c.Files == nil {
		return nil, errors.New("mailbox: prekeys need an identity and files: set PrekeysConfig.Identity and .Files")
	}
	if c.Offer < 0 || c.Overlap < 0 {
		return nil, fmt.Errorf("mailbox: PrekeysConfig.Offer and .Overlap are %v and %v, expected positive times or 0 for the default", c.Offer, c.Overlap)
	}
	const week = 7 * 24 * time.Hour
	if c.Offer == 0 {
		c.Offer = week
	}
	if c.Overlap == 0 {
		c.Overlap = week
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	p := &Prekeys{c: c}
	names, err := c.Files.List()
	if err != nil {
		return nil, err
	}
	var cut []string
	for _, name := range names {
		if !strings.HasPrefix(name, filePrefix) {
			continue
		}
		b, err := c.Files.Read(name)
		if err != nil {
			return nil, err
		}
		if len(bytes.Trim(b, "\x00")) == 0 { // the process ended while it was being erased
			cut = append(cut, name)
			continue
		}
		k, err := p.stored(name, b)
		if err != nil {
			return nil, err
		}
		p.lk = append(p.lk, k)
	}
	for _, name := range cut {
		if err := c.Files.Erase(name); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(p.lk, func(a, b *prekey) int { return a.bundle.NotBefore.Compare(b.bundle.NotBefore) })
	_, err = p.Rotate(now)
	return p, err
}

const filePrefix = "prekey-"

func (p *Prekeys) stored(name string, b []byte) (*prekey, error) {
	var s storedPrekey
	err := detcbor.Unmarshal(b, &s)
	if err == nil && s.Version != 1 {
		err = fmt.Errorf("version %d, this program knows version 1: use a newer program", s.Version)
	}
	var k prekey
	if err == nil {
		k.bundle, err = VerifyBundle(s.Bundle, p.c.Identity.Public())
	}
	if err == nil {
		k.private, err = ecdh.X25519().NewPrivateKey(s.Private[:])
	}
	if err == nil && ([32]byte(k.private.PublicKey().Bytes()) != k.bundle.Prekey || name != fileName(k.bundle.ID())) {
		err = errors.New("its parts do not belong together")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the file %s is damaged, or of another identity; nothing was changed: %w", ErrMalformed, name, err)
	}
	return &k, nil
}

func fileName(id PrekeyID) string { return filePrefix + hex.EncodeToString(id[:]) }

// Rotate destroys the prekeys that have retired and makes a new one if the newest has been offered for long enough. It returns
// when it is to be called next.
func (p *Prekeys) Rotate(now time.Time) (next time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.erase(func(k *prekey) bool { return !now.Before(k.bundle.Retires.Add(Skew)) }); err != nil {
		return now, err
	}
	if n := len(p.lk); n == 0 || !now.Before(p.lk[n-1].bundle.NotBefore.Add(p.c.Offer)) {
		if n >= maxHeld {
			oldest := p.lk[0]
			if err := p.erase(func(k *prekey) bool { return k == oldest }); err != nil {
				return now, err
			}
		}
		if err := p.make(now); err != nil {
			return now, err
		}
	}
	next = p.lk[len(p.lk)-1].bundle.NotBefore.Add(p.c.Offer)
	for _, k := range p.lk {
		if end := k.bundle.Retires.Add(Skew); end.Before(next) {
			next = end
		}
	}
	return next, nil
}

// RetireAll destroys every prekey and makes a new one: after the directory was restored from a backup, or copied. Letters that
// are on their way are lost, and their senders see from the new bundle that they are to be sealed again.
func (p *Prekeys) RetireAll(now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now = now.Truncate(time.Second)
	if n := len(p.lk); n > 0 && !now.After(p.lk[n-1].bundle.NotBefore) {
		now = p.lk[n-1].bundle.NotBefore.Add(time.Second) // so that the new bundle counts
	}
	if err := p.erase(func(*prekey) bool { return true }); err != nil {
		return err
	}
	return p.make(now)
}

func (p *Prekeys) erase(old func(*prekey) bool) error {
	for i := 0; i < len(p.lk); {
		k := p.lk[i]
		if !old(k) {
			i++
			continue
		}
		p.lk = slices.Delete(p.lk, i, i+1) // not used any more, even if it cannot be erased
		if err := p.c.Files.Erase(fileName(k.bundle.ID())); err != nil {
			return err
		}
	}
	return nil
}

func (p *Prekeys) make(now time.Time) error {
	var b [32]byte
	if _, err := io.ReadFull(p.c.Random, b[:]); err != nil {
		return fmt.Errorf("mailbox: no randomness for a prekey: %w", err)
	}
	private, err := ecdh.X25519().NewPrivateKey(b[:])
	if err != nil {
		return fmt.Errorf("mailbox: %w", err)
	}
	public := [32]byte(private.PublicKey().Bytes())
	var held []PrekeyID
	for _, k := range p.lk {
		held = append(held, k.bundle.ID())
	}
	now = now.Truncate(time.Second)
	bundle, err := newBundle(p.c.Identity, public, now, now.Add(p.c.Offer+p.c.Overlap), append(held, prekeyID(public)))
	if err != nil {
		return err
	}
	content, err := detcbor.Marshal(storedPrekey{1, b, bundle.encoded})
	if err != nil {
		return err
	}
	if err := p.c.Files.Create(fileName(bundle.ID()), content); err != nil {
		return err
	}
	p.lk = append(p.lk, &prekey{private, bundle})
	return nil
}

// Bundle returns the newest prekey, for those who are to write.
func (p *Prekeys) Bundle() *Bundle {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.lk) == 0 {
		return nil
	}
	return p.lk[len(p.lk)-1].bundle
}

// static returns the private half of a prekey as Noise wants it.
func (p *Prekeys) static(id PrekeyID) (noisehs.Static, *Bundle, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.lk {
		if k.bundle.ID() == id {
			return noisehs.Static{Public: k.bundle.Prekey, ECDH: func(peer [32]byte) (out [32]byte, err error) {
				pub, err := ecdh.X25519().NewPublicKey(peer[:])
				if err != nil {
					return out, err
				}
				b, err := k.private.ECDH(pub)
				if err != nil {
					return out, err
				}
				return [32]byte(b), nil
			}}, k.bundle, true
		}
	}
	return noisehs.Static{}, nil, false
}
