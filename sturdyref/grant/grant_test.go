package grant_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser/sturdyref"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

func TestChain(t *testing.T) {
	root := mustIssue(t, home, "organiser", grant.Terms{
		Audience: anna.key(), Methods: []string{"remove", "add", "add"}, Expires: start.Add(day), Accept: start.Add(3 * day), Depth: 2,
	})
	g := mustDelegate(t, root, anna, grant.Terms{
		Audience: billie.key(), Caveats: []grant.Caveat{grant.ArgPrefix(0, "/main")}, NotBefore: start,
		Expires: start.Add(day / 2), Accept: start.Add(2 * day), Depth: 1,
	})
	g = mustDelegate(t, g, billie, grant.Terms{Audience: claire.key(), Methods: []string{"add", "list"}, Expires: start.Add(2 * day), Accept: start.Add(4 * day)})
	if err := at(start).Verify(g); err != nil {
		t.Fatal(err)
	}
	if g.Subject() != home.key() || g.Holder() != claire.key() || g.Object() != object || g.Role() != "organiser" {
		t.Errorf("subject %s, holder %s, object %s, role %q", g.Subject(), g.Holder(), g.Object(), g.Role())
	}
	if !g.Expires().Equal(start.Add(day/2)) || !g.Accept().Equal(start.Add(2*day)) {
		t.Errorf("expires %s, accepted until %s", g.Expires(), g.Accept())
	}
	links := g.Links()
	if len(links) != 3 || links[2].ID != g.ID() || links[0].ID != root.ID() || links[1].Issuer != anna.key() ||
		strings.Join(links[0].Methods, " ") != "add remove" || links[1].Caveats[0] != grant.ArgPrefix(0, "/main") {
		t.Errorf("the links are %+v", links)
	}
	links[0].Methods[0], links[1].Caveats[0] = "changed", grant.LiveOnly()
	again, err := grant.Parse(g.Bytes())
	if err != nil || !bytes.Equal(again.Bytes(), g.Bytes()) || again.ID() != g.ID() {
		t.Fatalf("read again: %v", err)
	}
	for _, x := range []*grant.Grant{g, again} {
		permits := func(method string, args ...any) bool {
			return x.Permits(grant.Call{Method: method, Args: args, Live: true}, start, nil) == nil
		}
		if !permits("add", "/main/friday") || permits("remove", "/main/friday") || permits("list", "/main/friday") || permits("add", "/tent") || permits("add") {
			t.Error("it does not permit exactly what all links permit")
		}
	}
	text, err := g.MarshalText()
	if err != nil || !strings.HasPrefix(string(text), "hawser-grant:") {
		t.Fatalf("%s, %v", text, err)
	}
	var read grant.Grant
	wrapped := "  " + string(text[:76]) + "\r\n" + string(text[76:]) + "\n"
	if err := read.UnmarshalText([]byte(wrapped)); err != nil || !bytes.Equal(read.Bytes(), g.Bytes()) {
		t.Fatalf("text: %v", err)
	}
	for _, bad := range []string{"", "hawser-grant:", "hawser-grant:!", string(text[1:]), string(text) + "=", string(text[:len(text)-1]), string(text) + strings.Repeat(" ", 1<<20)} {
		refused(t, "text", new(grant.Grant).UnmarshalText([]byte(bad)), grant.Malformed)
	}
	lines := g.Describe()
	if len(lines) != 3 || !strings.Contains(lines[0], "grants organiser of object 0102030") || !strings.Contains(lines[1], `argument 0 is a path below "/main"`) ||
		!strings.Contains(lines[2], "not to be passed on") || !strings.Contains(g.String(), claire.key().String()) {
		t.Errorf("in words:\n%s\n%s", strings.Join(lines, "\n"), g)
	}
}

func TestZeroGrant(t *testing.T) {
	var g grant.Grant
	refused(t, "Verify", at(start).Verify(&g), grant.Malformed)
	refused(t, "Permits", g.Permits(grant.Call{}, start, nil), grant.Malformed)
	if _, err := g.Delegate(home, terms(anna, 0)); err == nil {
		t.Error("the zero Grant was passed on")
	}
	if _, err := grant.Present(home, &g, [32]byte{}, home.key(), 1); err == nil {
		t.Error("the zero Grant was presented")
	}
	p, err := grant.Present(anna, chainOf(t, home, anna), [32]byte{}, home.key(), 1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = g.CheckPresentation(p, [32]byte{}, home.key())
	refused(t, "CheckPresentation", err, grant.Malformed)
	if len(g.Links()) != 0 || g.ID() != (grant.LinkID{}) || !g.Holder().IsZero() || !g.Subject().IsZero() || len(g.Describe()) != 0 ||
		g.String() != "no grant" || !g.Expires().IsZero() || !g.Accept().IsZero() || len(g.Bytes()) != 0 {
		t.Error("the zero Grant is not empty")
	}
}

// brokenSigner has a public key that is not the one it signs with.
type brokenSigner struct {
	crypto.Signer
	public crypto.PublicKey
}

func (s brokenSigner) Public() crypto.PublicKey { return s.public }

type mute struct{ person }

func (mute) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the token was removed")
}

// Whoever issues is told what is wrong, before anything is signed.
func TestTerms(t *testing.T) {
	ok := terms(anna, 3)
	with := func(change func(*grant.Terms)) grant.Terms {
		changed := ok
		change(&changed)
		return changed
	}
	var names []string
	for i := range 17 {
		names = append(names, strings.Repeat("m", i+1))
	}
	var nine []grant.Caveat
	for range 9 {
		nine = append(nine, grant.LiveOnly())
	}
	for want, bad := range map[string]grant.Terms{
		"Terms.Audience":     with(func(t *grant.Terms) { t.Audience = grant.Key{} }),
		"would allow none":   with(func(t *grant.Terms) { t.Methods = []string{} }),
		"Terms.Depth is 8":   with(func(t *grant.Terms) { t.Depth = 8 }),
		"Terms.Depth is -1":  with(func(t *grant.Terms) { t.Depth = -1 }),
		"Expires is requi":   with(func(t *grant.Terms) { t.Expires = time.Time{} }),
		"Terms.Expires is":   with(func(t *grant.Terms) { t.Expires = time.Unix(0, 0) }),
		"Terms.Accept is":    with(func(t *grant.Terms) { t.Accept = time.Unix(1<<53, 0) }),
		"Terms.Accept (":     with(func(t *grant.Terms) { t.Accept = start }),
		"Terms.NotBefore (":  with(func(t *grant.Terms) { t.NotBefore = t.Expires }),
		"of a method":        with(func(t *grant.Terms) { t.Methods = []string{"löschen"} }),
		"17 methods":         with(func(t *grant.Terms) { t.Methods = names }),
		"9 caveats":          with(func(t *grant.Terms) { t.Caveats = nine }),
		"no such caveat":     with(func(t *grant.Terms) { t.Caveats = []grant.Caveat{{}} }),
		"at most 1024 bytes": with(func(t *grant.Terms) { t.Caveats = []grant.Caveat{grant.ArgEquals(0, strings.Repeat("x", 900))} }),
		"is not a path":      with(func(t *grant.Terms) { t.Caveats = []grant.Caveat{grant.ArgPrefix(0, "a")} }),
		"plain data":         with(func(t *grant.Terms) { t.Caveats = []grant.Caveat{grant.ArgEquals(0, nil)} }),
		"whole seconds":      with(func(t *grant.Terms) { t.Caveats = []grant.Caveat{grant.Fresh(1500 * time.Millisecond)} }),
		"begin at 1":         with(func(t *grant.Terms) { t.Caveats = []grant.Caveat{grant.SeqWindow(0, 1)} }),
		"bound of 0":         with(func(t *grant.Terms) { t.Caveats = []grant.Caveat{grant.MaxUses(0)} }),
		"from 0 to 255":      with(func(t *grant.Terms) { t.Caveats = []grant.Caveat{grant.ArgEquals(-1, true)} }),
	} {
		g, err := grant.Issue(home, grant.Root{Object: object}, bad)
		if g != nil || err == nil || errors.Is(err, grant.ErrRefused) || want != "would allow none" && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error that says %q", err, want)
		}
	}
	if _, err := grant.Issue(home, grant.Root{Role: "the organiser"}, ok); err == nil || !strings.Contains(err.Error(), "name of a role") {
		t.Errorf("a role of two words: %v", err)
	}
	for name, signer := range map[string]crypto.Signer{
		"none":        nil,
		"another key": brokenSigner{home, anna.Public()},
		"weak key":    brokenSigner{home, ed25519.PublicKey(make([]byte, 32))},
		"no Ed25519":  brokenSigner{home, "a key"},
		"short key":   brokenSigner{home, ed25519.PublicKey{1}},
		"refusing":    mute{home},
	} {
		if g, err := grant.Issue(signer, grant.Root{Object: object}, ok); g != nil || err == nil {
			t.Errorf("a signer that is %s issued a grant", name)
		}
	}
}

func TestDelegateRefuses(t *testing.T) {
	root := mustIssue(t, home, "", terms(anna, 1, grant.ArgPrefix(0, "/a"), grant.SeqWindow(5, 9)))
	for want, c := range map[string]struct {
		by person
		to grant.Terms
	}{
		"who alone can pass it on": {billie, terms(claire, 0)},
		"must be less than 1":      {anna, terms(claire, 1)},
		"path below":               {anna, terms(claire, 0, grant.ArgPrefix(0, "/b"))},
		"is \"/b\"":                {anna, terms(claire, 0, grant.ArgEquals(0, "/b"))},
		"10 to 20":                 {anna, terms(claire, 0, grant.SeqWindow(10, 20))},
		"live session":             {anna, terms(claire, 0, grant.LiveOnly())},
	} {
		if g, err := root.Delegate(c.by, c.to); g != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error that says %q", err, want)
		}
	}
	last := mustDelegate(t, root, anna, terms(claire, 0, grant.ArgEquals(0, "/a/b"), grant.ArgEquals(1, int64(1)), grant.SeqWindow(9, 20)))
	if _, err := last.Delegate(claire, terms(billie, 0)); err == nil || !strings.Contains(err.Error(), "may not be passed on") {
		t.Errorf("the depth is used up: %v", err)
	}
	own := mustIssue(t, home, "", terms(anna, 7, grant.NoRegrant()))
	if _, err := own.Delegate(anna, terms(billie, 0)); err == nil || errors.Is(err, grant.ErrRefused) || !strings.Contains(err.Error(), "may not be passed on") {
		t.Errorf("no-regrant: %v", err)
	}
	methods := grant.Terms{Audience: anna.key(), Methods: []string{"add"}, Expires: start.Add(day), Depth: 7}
	for want, to := range map[string]grant.Terms{
		"no method":        {Audience: claire.key(), Methods: []string{"list"}, Expires: start.Add(day)},
		"one link begins":  {Audience: claire.key(), NotBefore: start.Add(day), Expires: start.Add(2 * day)},
		"argument 0 is 2":  {Audience: claire.key(), Caveats: []grant.Caveat{grant.ArgEquals(0, 1), grant.ArgEquals(0, 2)}, Expires: start.Add(day)},
		"argument 0 is 1;": {Audience: claire.key(), Caveats: []grant.Caveat{grant.ArgEquals(0, 1), grant.ArgEquals(1, 2)}, Expires: start.Add(day)},
	} {
		g, err := mustIssue(t, home, "", methods).Delegate(anna, to)
		if fits := strings.HasSuffix(want, ";"); fits != (err == nil) || !fits && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v, want an error that says %q", g, err, want)
		}
	}
}

// What only looks as if it allowed nothing is no reason to refuse.
func TestNotVacuous(t *testing.T) {
	for _, pair := range [][2]grant.Caveat{
		{grant.ArgPrefix(0, "/a"), grant.ArgPrefix(0, "/a/b")},
		{grant.ArgPrefix(0, "/a"), grant.ArgPrefix(1, "/b")},
		{grant.ArgPrefix(0, "/"), grant.ArgEquals(0, "/b")},
		{grant.ArgPrefix(0, "/a"), grant.ArgEquals(1, "/b")},
		{grant.ArgEquals(0, 1), grant.ArgEquals(0, int64(1))},
		{grant.MaxUses(1), grant.ArgPrefix(1, "/a")},
		{grant.MaxUses(1), grant.ArgEquals(1, "/a")},
		{grant.MaxUses(1), grant.MaxUses(2)},
		{grant.SeqWindow(1, 5), grant.SeqWindow(5, 9)},
		{grant.LiveOnly(), grant.NoRegrant()},
		{grant.Fresh(time.Second), grant.MaxArgBytes(1)},
	} {
		for _, p := range [][2]grant.Caveat{pair, {pair[1], pair[0]}} {
			if _, err := grant.Issue(home, grant.Root{}, terms(anna, 0, p[0], p[1])); err != nil {
				t.Errorf("%s, and %s: %v", p[0], p[1], err)
			}
		}
	}
}

// A chain has a length in bytes, too.
func TestDelegateTooLong(t *testing.T) {
	g := mustIssue(t, home, "", terms(home, 7, grant.ArgEquals(0, strings.Repeat("x", 600))))
	for i := range 7 {
		longer, err := g.Delegate(home, terms(home, 6-i, grant.ArgEquals(0, strings.Repeat("x", 600))))
		if err != nil {
			if !strings.Contains(err.Error(), "at most 4096 are possible") || i < 2 {
				t.Errorf("after %d links: %v", i+1, err)
			}
			return
		}
		g = longer
	}
	t.Errorf("it has %d bytes", len(g.Bytes()))
}

// An identity signs grants and presentations, and no digests.
func TestSignerOf(t *testing.T) {
	id, err := sturdyref.GenerateIdentity(start)
	if err != nil {
		t.Fatal(err)
	}
	signer := grant.SignerOf(id)
	g, err := grant.Issue(signer, grant.Root{Object: object}, terms(anna, 0))
	if err != nil || g.Subject() != grant.Key(id.Public().Signing) {
		t.Fatalf("%v, %v", g, err)
	}
	if _, err := signer.Sign(nil, []byte("hawser/test\x00"), crypto.SHA512); err == nil {
		t.Error("an identity signed a digest")
	}
	if _, err := signer.Sign(nil, []byte("hawser/test\x00"), nil); err != nil {
		t.Error(err)
	}
	if _, err := signer.Sign(nil, []byte("anything"), crypto.Hash(0)); err == nil {
		t.Error("an identity signed something without a domain")
	}
}

func TestNames(t *testing.T) {
	for _, k := range []grant.Key{home.key(), anna.key()} {
		text, _ := k.MarshalText()
		var again grant.Key
		if err := again.UnmarshalText(text); err != nil || again != k {
			t.Errorf("%s: %v", text, err)
		}
	}
	s := home.key().String()
	for _, bad := range []string{"", s[1:], s + "a", strings.ToUpper(s), s[:51] + "z", s + "\n", grant.Key{}.String(), grant.Key{1}.String()} {
		if _, err := grant.ParseKey(bad); err == nil {
			t.Errorf("%q was taken for a key", bad)
		}
	}
	var id, again grant.LinkID
	id[31] = 7
	if text, _ := id.MarshalText(); again.UnmarshalText(text) != nil || again != id {
		t.Errorf("%s became %s", id, again)
	}
	o := grant.NewObjectID()
	var other grant.ObjectID
	if text, _ := o.MarshalText(); other.UnmarshalText(text) != nil || other != o || o == grant.NewObjectID() {
		t.Errorf("%s became %s", o, other)
	}
	for _, bad := range []string{"", o.String()[1:], o.String() + "00", strings.ToUpper(grant.ObjectID{0xab}.String()), strings.Repeat("x", 32)} {
		if _, err := grant.ParseObjectID(bad); err == nil {
			t.Errorf("%q was taken for an object id", bad)
		}
	}
}

// A grant, a verifier and a set may be used by several goroutines at once.
func TestConcurrentUse(t *testing.T) {
	g := chainOf(t, home, anna, billie)
	s := newSet(t, nil)
	v := with(s, start)
	v.Cache = new(grant.Cache)
	p, err := grant.Present(billie, g, [32]byte{}, home.key(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			other := chainOf(t, home, claire, anna)
			for range 20 {
				err1, err2 := v.Verify(g), v.Verify(other)
				_, err3 := g.CheckPresentation(p, [32]byte{}, home.key())
				if err := errors.Join(err1, err2, err3); err != nil {
					t.Error(err)
				}
			}
			b, err := other.Revoke(claire, grant.Withdrawal{Link: other.ID()}, s.Feed(claire.key(), home.key()))
			if err != nil {
				t.Error(err)
			}
			if _, err := s.Add(b, start); err != nil {
				t.Error(err)
			}
			for range s.All() {
				s.AsOf(claire.key(), home.key())
			}
		})
	}
	wg.Wait()
	if n, _ := s.Len(); n != 4 {
		t.Errorf("there are %d notices", n)
	}
}

// A cache forgets what was not used for long, and nothing that matters: it is only signatures that are checked again.
func TestCache(t *testing.T) {
	g := chainOf(t, home, anna)
	checked := 0
	v := at(start)
	v.Cache, v.Checked = new(grant.Cache), func(grant.LinkID) { checked++ }
	verify := func(g *grant.Grant, want int) {
		t.Helper()
		if err := v.Verify(g); err != nil || checked != want {
			t.Fatalf("%v, %d signatures were checked, want %d", err, checked, want)
		}
	}
	verify(g, 1)
	verify(g, 1)
	longer := chainOf(t, home, anna, billie, claire)
	verify(longer, 4)
	forged, err := grant.Parse(array(rootFields(home, anna).link(mallet)))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		refused(t, "forged", v.Verify(forged), grant.Forged)
	}
	if checked != 6 {
		t.Errorf("%d signatures were checked, want a bad one to be checked each time", checked)
	}
}

// A grant that was good is not read again, and still not good for ever; one that was not, or is another by a single byte, is.
func TestCacheOfGrants(t *testing.T) {
	c, v := new(grant.Cache), at(start)
	v.Cache = c
	parse := func(b []byte) *grant.Grant {
		t.Helper()
		g, err := c.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	b := chainOf(t, home, anna, billie).Bytes()
	first := parse(b)
	if parse(b) == first {
		t.Error("a grant is remembered before it was verified")
	}
	for range 2 {
		if err := v.Verify(first); err != nil {
			t.Fatal(err)
		}
	}
	if parse(b) != first {
		t.Error("a grant that was verified is read again")
	}
	v.Revoked = func(grant.LinkID) bool { return true }
	refused(t, "revoked since", v.Verify(parse(b)), grant.Withdrawn)
	v.Revoked = nil
	v.Now = func() time.Time { return first.Expires().Add(time.Hour) }
	refused(t, "expired since", v.Verify(parse(b)), grant.Expired)

	v.Now = at(start).Now
	forged := array(rootFields(home, anna).link(mallet))
	for range 3 {
		refused(t, "forged", v.Verify(parse(forged)), grant.Forged)
	}
	for i := range b {
		other := bytes.Clone(b)
		other[i] ^= 1
		if g, err := c.Parse(other); err == nil {
			if g == first || v.Verify(g) == nil {
				t.Fatalf("with another byte %d it is the same grant", i)
			}
		}
	}
	b[0] ^= 1 // what was parsed was copied
	if g := parse(first.Bytes()); g != first {
		t.Error("it is not remembered by what it was")
	}
	for range 600 {
		if err := v.Verify(parse(chainOf(t, home, anna, billie).Bytes())); err != nil {
			t.Fatal(err)
		}
	}
	if n, size := c.Grants(); n < 100 || size > 2*(128<<10+grant.MaxBytes) {
		t.Errorf("%d grants of %d bytes are remembered", n, size)
	}
	if _, err := (*grant.Cache)(nil).Parse(first.Bytes()); err != nil {
		t.Error(err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := new(grant.Cache)
	name := func(i int) (h [32]byte) {
		binary.BigEndian.PutUint64(h[:], uint64(i))
		return h
	}
	for i := range 4 * grant.CacheSize {
		c.Add(name(i))
		if !c.Has(name(0)) {
			t.Fatalf("what is used all the time is forgotten after %d others", i)
		}
		if c.Len() > 2*grant.CacheSize {
			t.Fatalf("it holds %d", c.Len())
		}
		if i >= grant.CacheSize && !c.Has(name(i-grant.CacheSize/4)) {
			t.Fatalf("what was used a short while ago is forgotten after %d", i)
		}
	}
	if c.Has(name(grant.CacheSize)) {
		t.Error("nothing is forgotten")
	}
}
