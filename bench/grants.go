package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// grantGroups measures grants beside one plain Ed25519 signature, or its verification, of as many bytes.
func grantGroups() []group {
	verify := []row{{name: "crypto/ed25519, one verification", open: plainVerify}}
	for _, n := range []int{1, 2, 4, 8} {
		verify = append(verify, row{name: fmt.Sprintf("parse and verify, %d links", n), open: verified(n, false)})
	}
	for _, n := range []int{1, 8} {
		verify = append(verify, row{name: fmt.Sprintf("parse and verify, %d links known", n), open: verified(n, true)})
	}
	return []group{
		{name: "grants: issue", by: byCPU, rows: []row{
			{name: "crypto/ed25519, one signature", open: plainSign},
			{name: "issue", open: issued},
			{name: "delegate", open: delegated},
			{name: "present", open: presented},
		}},
		{name: "grants: verify", by: byCPU, rows: append(verify,
			row{name: "check a presentation", open: presentationChecked},
			row{name: "redeem, 1 link known", open: redeemed(1), owes: 1.5},
			row{name: "redeem, 8 links known", open: redeemed(8), owes: 1.5},
			row{name: "revoke and take in, 100 000 known", open: revoked(100_000)},
		)},
		{name: "grants: before each call", by: byCPU, rows: []row{
			{name: "1 link, 1 link known to be revoked", open: used(1, 1)},
			{name: "1 link, 100 000 known", open: used(1, 100_000)},
			{name: "8 links, 100 000 known", open: used(8, 100_000)},
		}},
	}
}

var (
	grantTime  = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	grantHome  = grantKey("home")
	grantHands = []ed25519.PrivateKey{grantKey("anna"), grantKey("billie")}
)

func grantKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("bench: " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func publicKey(signer crypto.Signer) grant.Key { return grant.Key(signer.Public().(ed25519.PublicKey)) }

func grantTerms(to crypto.Signer, depth int) grant.Terms {
	return grant.Terms{
		Audience: publicKey(to), Methods: []string{"add", "list"}, Caveats: []grant.Caveat{grant.ArgPrefix(0, "/main")},
		Expires: grantTime.AddDate(0, 0, 1), Depth: depth,
	}
}

// grantOf returns a chain that goes from hand to hand.
func grantOf(links int) (*grant.Grant, error) {
	g, err := grant.Issue(grantHome, grant.Root{Object: grant.ObjectID{1}, Role: "organiser"}, grantTerms(grantHands[0], links-1))
	for i := 1; i < links && err == nil; i++ {
		g, err = g.Delegate(grantHands[(i-1)%2], grantTerms(grantHands[i%2], links-1-i))
	}
	return g, err
}

func grantVerifier() *grant.Verifier {
	return &grant.Verifier{Now: func() time.Time { return grantTime }}
}

func plainSign() (work, error) {
	message := make([]byte, 300)
	return repeated(func() error {
		if len(ed25519.Sign(grantHome, message)) != ed25519.SignatureSize {
			return errors.New("no signature")
		}
		return nil
	})
}

func plainVerify() (work, error) {
	message := make([]byte, 300)
	signature, public := ed25519.Sign(grantHome, message), grantHome.Public().(ed25519.PublicKey)
	return repeated(func() error {
		if !ed25519.Verify(public, message, signature) {
			return errors.New("it does not verify")
		}
		return nil
	})
}

func issued() (work, error) {
	return repeated(func() error { _, err := grantOf(1); return err })
}

func delegated() (work, error) {
	root, err := grant.Issue(grantHome, grant.Root{Object: grant.ObjectID{1}}, grantTerms(grantHands[0], 1))
	if err != nil {
		return work{}, err
	}
	return repeated(func() error { _, err := root.Delegate(grantHands[0], grantTerms(grantHands[1], 0)); return err })
}

func verified(links int, known bool) opener {
	return func() (work, error) {
		g, err := grantOf(links)
		if err != nil {
			return work{}, err
		}
		b, v := g.Bytes(), grantVerifier()
		if known {
			v.Cache = new(grant.Cache)
		}
		return repeated(func() error {
			g, err := grant.Parse(b)
			if err != nil {
				return err
			}
			return v.Verify(g)
		})
	}
}

func presented() (work, error) {
	g, err := grantOf(1)
	if err != nil {
		return work{}, err
	}
	return repeated(func() error { _, err := grant.Present(grantHands[0], g, [32]byte{1}, g.Subject(), 1); return err })
}

func presentationChecked() (work, error) {
	g, err := grantOf(1)
	if err != nil {
		return work{}, err
	}
	p, err := grant.Present(grantHands[0], g, [32]byte{1}, g.Subject(), 1)
	if err != nil {
		return work{}, err
	}
	return repeated(func() error { _, err := g.CheckPresentation(p, [32]byte{1}, g.Subject()); return err })
}

// redeemed is what the home of an object does when a grant is shown that it knows, but for what carries messages: everything is checked,
// and what the grant stands for is had.
func redeemed(links int) opener {
	return func() (work, error) {
		g, err := grantOf(links)
		if err != nil {
			return work{}, err
		}
		holder := grantHands[(links-1)%2]
		p, err := grant.Present(holder, g, [32]byte{1}, g.Subject(), 1)
		if err != nil {
			return work{}, err
		}
		b := g.Bytes()
		office := warden.New(warden.Config{Signer: grantHome, Now: func() time.Time { return grantTime }})
		v := vat.New(&vat.Config{Name: "home", Kinds: office.Kinds()})
		if err := office.Offer(g.Object(), v, map[string]warden.Role{g.Role(): {Open: func(ctx context.Context, _ warden.Holder) (vat.Ref, error) {
			return spawnBird(ctx), nil
		}}}); err != nil {
			return work{}, err
		}
		w, err := repeated(func() error {
			g, err := office.Parse(b)
			if err == nil {
				_, err = g.CheckPresentation(p, [32]byte{1}, office.Host())
			}
			if err == nil {
				_, err = office.Open(g).Await(context.Background())
			}
			return err
		})
		w.close = func() error {
			office.Close()
			v.Close()
			return nil
		}
		return w, err
	}
}

// revoked makes a revocation and adds it to a set that holds some, which is made once and grows.
func revoked(known int) opener {
	return func() (work, error) {
		s, err := revocations(known)
		if err != nil {
			return work{}, err
		}
		g, err := grantOf(1)
		if err != nil {
			return work{}, err
		}
		feed := grant.Feed{}
		return repeated(func() error {
			b, err := g.Revoke(grantHands[0], grant.Withdrawal{Link: g.ID()}, feed)
			if err != nil {
				return err
			}
			n, err := s.Add(b, grantTime)
			if err != nil {
				if !errors.Is(err, grant.Full) {
					return err
				}
				// The share of this root is used up: another one.
				feed = grant.Feed{}
				g, err = grantOf(1)
				return err
			}
			feed = grant.Feed{Seq: feed.Seq + 1, Last: n.ID}
			return nil
		})
	}
}

func used(links, known int) opener {
	return func() (work, error) {
		s, err := revocations(known)
		if err != nil {
			return work{}, err
		}
		g, err := grantOf(links)
		if err != nil {
			return work{}, err
		}
		v := grantVerifier()
		v.Revoked, v.Cut = s.Has, s.Cut
		call := grant.Call{Method: "add", Args: []any{"/main/friday"}, Live: true}
		return repeated(func() error {
			if err := v.Current(g); err != nil {
				return err
			}
			return g.Permits(call, grantTime, nil)
		})
	}
}

var grantSets = map[int]func() (*grant.Set, error){
	1:       sync.OnceValues(func() (*grant.Set, error) { return makeRevocations(1) }),
	100_000: sync.OnceValues(func() (*grant.Set, error) { return makeRevocations(100_000) }),
}

func revocations(n int) (*grant.Set, error) { return grantSets[n]() }

// makeRevocations returns a set of n revocations that nobody signed, as a host loads them from its store. They are made
// from one, by other nonces and so other ids of its link.
func makeRevocations(n int) (*grant.Set, error) {
	s, err := grant.NewSet(&grant.SetConfig{Bytes: 1 << 30})
	if err != nil {
		return nil, err
	}
	g, err := grantOf(1)
	if err != nil {
		return nil, err
	}
	notice, err := g.Revoke(grantHome, grant.Withdrawal{Link: g.ID()}, grant.Feed{})
	if err != nil {
		return nil, err
	}
	// The nonce is the end of the claims, before the signature; the id is over the claims.
	const signature = 2 + ed25519.SignatureSize
	b, id := g.Bytes(), g.ID()
	claims := b[:len(b)-signature]
	begin := 0
	for begin < len(claims) && sha256.Sum256(append([]byte("hawser/link/v1"), claims[begin:]...)) != id {
		begin++
	}
	nonce := bytes.Clone(claims[len(claims)-16:])
	for i := range n {
		other := bytes.Clone(claims[begin:])
		binary.BigEndian.PutUint64(other[len(other)-16:], uint64(i))
		otherID := sha256.Sum256(append([]byte("hawser/link/v1"), other...))
		changed := bytes.ReplaceAll(bytes.ReplaceAll(notice, id[:], otherID[:]), nonce, other[len(other)-16:])
		if err := s.Load(changed, grantTime); err != nil {
			return nil, err
		}
	}
	if held, _ := s.Len(); held != n {
		return nil, fmt.Errorf("the set holds %d revocations, expected %d", held, n)
	}
	return s, nil
}
