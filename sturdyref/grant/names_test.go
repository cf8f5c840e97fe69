package grant_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

// noticesOf are n revocations by home, of grants that go on longer the later they come.
func noticesOf(t testing.TB, n int) [][]byte {
	t.Helper()
	all := make([][]byte, n)
	for i := range all {
		terms := terms(anna, 0)
		terms.Expires = start.Add(time.Hour + time.Duration(i)*time.Minute)
		terms.Accept = time.Time{}
		g := mustIssue(t, home, "", terms)
		b, err := g.Revoke(home, grant.Withdrawal{Link: g.ID()}, grant.Feed{})
		if err != nil {
			t.Fatal(err)
		}
		all[i] = b
	}
	return all
}

func nameFor(t testing.TB, notice []byte) [32]byte {
	t.Helper()
	c, err := grant.ConcernOf(notice)
	if err != nil {
		t.Fatal(err)
	}
	return c.Name
}

// What a tree of names looks like follows from what is in it, whatever was in it before, and in whatever order that came and went; and
// what a listing says is what there is.
func TestListing(t *testing.T) {
	const many = grant.MaxNames + 200
	all := noticesOf(t, many)
	forth, back := newSet(t, nil), newSet(t, nil)
	for i := range all {
		if err := forth.Load(all[i], start); err != nil {
			t.Fatal(err)
		}
		if err := back.Load(all[many-1-i], start); err != nil {
			t.Fatal(err)
		}
	}
	same := func(when string) {
		t.Helper()
		if forth.Digest(nil) != back.Digest(nil) || forth.Digest(nil) != forth.List(nil).Digest() {
			t.Errorf("%s: %x and %x", when, forth.Digest(nil), back.Digest(nil))
		}
	}
	same("in another order")
	var names [][32]byte
	for _, b := range all {
		names = append(names, nameFor(t, b))
	}
	sortNames(names)
	if want := treeAt(names, nil).Digest(); forth.Digest(nil) != want {
		t.Errorf("digest %x, made the simple way %x", forth.Digest(nil), want)
	}
	whole := forth.List(nil)
	if len(whole.Parts) != 256 || whole.Names != nil {
		t.Fatalf("%d notices are listed as %d parts and %d names", many, len(whole.Parts), len(whole.Names))
	}
	found := 0
	for i := range whole.Parts {
		prefix := []byte{byte(i)}
		l := forth.List(prefix)
		if l.Digest() != whole.Parts[i] || forth.Digest(prefix) != whole.Parts[i] || back.Digest(prefix) != whole.Parts[i] {
			t.Errorf("part %d: %x, %x", i, l.Digest(), whole.Parts[i])
		}
		again, err := grant.ParseListing(l.Bytes(), prefix)
		if err != nil || again.Digest() != l.Digest() {
			t.Errorf("part %d read again: %v", i, err)
		}
		for _, name := range l.Names {
			found++
			if b := forth.Named(name); nameFor(t, b) != name {
				t.Errorf("no notice %x", name)
			}
			// Below what is listed as names the digests go on.
			one := grant.Listing{Names: [][32]byte{name}}
			if got := forth.Digest(name[:]); got != one.Digest() {
				t.Errorf("the place of one name: %x", got)
			}
		}
	}
	if again, err := grant.ParseListing(whole.Bytes(), nil); err != nil || again.Digest() != whole.Digest() {
		t.Errorf("the parts read again: %v", err)
	}
	if found != many {
		t.Errorf("%d of %d are listed", found, many)
	}
	if grant.MaxListing != len(grant.Listing{Names: make([][32]byte, grant.MaxNames)}.Bytes()) {
		t.Error("MaxListing is not that of the most names")
	}

	// The first 300 lapse in one of the sets, and the other has never had them.
	later := start.Add(time.Hour + 300*time.Minute + grant.DefaultSkew - time.Minute)
	if n := len(forth.Evict(later)); n != 300 {
		t.Fatalf("%d have lapsed", n)
	}
	back = newSet(t, nil)
	for _, b := range all[300:] {
		if err := back.Load(b, later); err != nil {
			t.Fatal(err)
		}
	}
	same("after some have lapsed")
	if l := forth.List(nil); len(l.Names) != many-300 {
		t.Errorf("%d names are left in one list", len(l.Names))
	}
	forth.Evict(start.Add(1000 * day))
	if forth.Digest(nil) != ([32]byte{}) || forth.Tables() != 0 {
		t.Errorf("an empty set has a digest, or %d entries", forth.Tables())
	}
	if forth.Named(nameFor(t, all[0])) != nil {
		t.Error("a notice that was dropped is found")
	}
}

// A head takes the place of the one before, also among the names.
func TestListingOfHeads(t *testing.T) {
	s, g := newSet(t, nil), chainOf(t, home, anna)
	var names [][32]byte
	for i := range 3 {
		at := start.Add(time.Duration(i) * time.Minute)
		b, err := s.Head(home, g, g.ID(), at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Add(b, at); err != nil {
			t.Fatal(err)
		}
		names = append(names, nameFor(t, b))
	}
	if l := s.List(nil); len(l.Names) != 1 || l.Names[0] != names[2] || s.Named(names[0]) != nil {
		t.Errorf("%x are listed", l.Names)
	}
}

// Digests are no sums: who can make as many notices as they like, and so as many names, cannot make up for one that is missing.
func TestDigestIsNoSum(t *testing.T) {
	name := func(i int) [32]byte { return sha256.Sum256([]byte(fmt.Sprint(i))) }
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) grant.Listing {
			picked := map[[32]byte]bool{}
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, 40), 0, 20).Draw(t, label) {
				picked[name(i)] = true
			}
			var l grant.Listing
			for n := range picked {
				l.Names = append(l.Names, n)
			}
			sortNames(l.Names)
			return l
		}
		a, b := draw("a"), draw("b")
		if equal := bytes.Equal(a.Bytes(), b.Bytes()); equal != (a.Digest() == b.Digest()) {
			t.Fatalf("%x and %x: digests %x and %x", a.Names, b.Names, a.Digest(), b.Digest())
		}
	})
	// A list of 256 names and 256 parts with these digests are different things.
	list := make([][32]byte, 256)
	for i := range list {
		list[i] = name(i)
	}
	if (grant.Listing{Names: list}).Digest() == (grant.Listing{Parts: list}).Digest() {
		t.Error("names pass for parts")
	}
}

func TestParseListingRefuses(t *testing.T) {
	a, b := [32]byte{1}, [32]byte{2}
	names := func(list ...[32]byte) []byte { return grant.Listing{Names: list}.Bytes() }
	parts := grant.Listing{Parts: make([][32]byte, 256)}.Bytes()
	for what, c := range map[string]struct{ b, prefix []byte }{
		"nothing":                 {nil, nil},
		"cut short":               {names(a)[:32], nil},
		"too long":                {append(names(a), 0), nil},
		"another sort":            {append([]byte{2}, names(a)[1:]...), nil},
		"out of order":            {names(b, a), nil},
		"twice":                   {names(a, a), nil},
		"of another place":        {names(a), []byte{2}},
		"too many":                {append(names(), make([]byte, 32*(grant.MaxNames+1))...), nil},
		"255 parts":               {parts[:len(parts)-32], nil},
		"257 parts":               {append(bytes.Clone(parts), make([]byte, 32)...), nil},
		"no parts":                {parts[:1], nil},
		"parts of a whole name":   {parts, a[:]},
		"a name behind its place": {names(a), append(a[:], 1)},
	} {
		_, err := grant.ParseListing(c.b, c.prefix)
		refused(t, what, err, grant.Malformed)
	}
	if l, err := grant.ParseListing(names(), nil); err != nil || l.Digest() != ([32]byte{}) {
		t.Errorf("nothing there: %v", err)
	}
}

func FuzzListing(f *testing.F) {
	f.Add([]byte{0}, []byte(nil))
	f.Add(grant.Listing{Names: [][32]byte{{1}, {1, 2}}}.Bytes(), []byte{1})
	f.Add(grant.Listing{Parts: make([][32]byte, 256)}.Bytes(), []byte{})
	f.Fuzz(func(t *testing.T, b, prefix []byte) {
		if l, err := grant.ParseListing(b, prefix); err == nil && !bytes.Equal(l.Bytes(), b) {
			t.Errorf("%x read as %x", b, l.Bytes())
		}
	})
}
