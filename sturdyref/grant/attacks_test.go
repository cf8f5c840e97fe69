package grant_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/edwards25519"
	"github.com/fxamacker/cbor/v2"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

// The pitfalls of signed delegation, each by its number in the design.

// weakKeys are the eight points of small order, in their canonical encodings, other spellings of them, and a spelling of a
// good point that is not canonical (y = 2^255-19 + 3).
var weakKeys = []string{
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0200000000000000000000000000000000000000000000000000000000000000", // no point at all
}

// T8: with a key of small order one fixed signature is good for every message.
func TestT08SmallOrderKeys(t *testing.T) {
	for _, text := range weakKeys {
		weak, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		// R is the neutral element and S zero: what plain verification accepts for several of these keys.
		c := coseOf("grant", "grant", encode(rootFields(home, anna).with(2, weak, 4, weak)))
		c.signature = append(append([]byte{1}, make([]byte, 31)...), make([]byte, 32)...)
		for what, b := range map[string][]byte{
			"issuer":   array(c.seal(mallet)),
			"audience": array(rootFields(home, anna).with(3, weak).link(home)),
		} {
			g, err := grant.Parse(b)
			refused(t, what+" "+text, err, grant.WeakKey)
			if g != nil {
				t.Errorf("%s %s: there is a grant", what, text)
			}
		}
		if k := grant.Key(weak); errors.Is(new(grant.Key).UnmarshalText([]byte(k.String())), nil) {
			t.Errorf("%s was taken for a key", text)
		}
		if _, err := grant.Issue(home, grant.Root{Object: object}, grant.Terms{Audience: grant.Key(weak), Expires: start.Add(day)}); err == nil {
			t.Errorf("something was granted to %s", text)
		}
	}
	// A signature with a commitment of small order, made by who has the key: plain verification accepts it.
	c := coseOf("grant", "grant", encode(rootFields(home, anna)))
	c.signature = signatureWith(home, c, edwards25519.NewScalar())
	if !ed25519.Verify(home.Public().(ed25519.PublicKey), c.message(), c.signature) {
		t.Fatal("the test's signature is not what it is meant to be")
	}
	g, err := grant.Parse(array(c.seal(home)))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "commitment", at(start).Verify(g), grant.Forged)
}

// T9: nothing but signature bytes can differ between two envelopes of one link, and the id does not depend on those.
func TestT09EnvelopeMalleability(t *testing.T) {
	payload := encode(rootFields(home, anna))
	good := coseOf("grant", "grant", payload)
	g, err := grant.Parse(array(good.seal(home)))
	if err != nil || at(start).Verify(g) != nil {
		t.Fatalf("made by hand: %v", err)
	}
	change := func(f func(*cose)) []byte {
		c := good
		f(&c)
		return array(c.seal(home))
	}
	for what, b := range map[string][]byte{
		"unprotected":       change(func(c *cose) { c.unprotected = map[any]any{4: []byte("x")} }),
		"text label":        change(func(c *cose) { c.unprotected = map[any]any{"x": 1} }),
		"untagged":          change(func(c *cose) { c.untagged = true }),
		"another algorithm": change(func(c *cose) { c.protected = map[any]any{1: -7, 16: "application/hawser-grant+cbor"} }),
		"new algorithm":     change(func(c *cose) { c.protected = map[any]any{1: -19, 16: "application/hawser-grant+cbor"} }),
		"more protected": change(func(c *cose) {
			c.protected = map[any]any{1: -8, 4: []byte("x"), 16: "application/hawser-grant+cbor"}
		}),
		"no protected":    change(func(c *cose) { c.protected = map[any]any{} }),
		"long signature":  change(func(c *cose) { c.signature = make([]byte, 65) }),
		"short signature": change(func(c *cose) { c.signature = make([]byte, 63) }),
		"no signature":    change(func(c *cose) { c.signature = []byte{} }),
	} {
		_, err := grant.Parse(b)
		refused(t, what, err, grant.Malformed)
	}
	other := good
	other.signature = bytes.Repeat([]byte{9}, 64)
	h, err := grant.Parse(array(other.seal(home)))
	if err != nil || h.ID() != g.ID() {
		t.Fatalf("the id depends on the signature: %v", err)
	}
	refused(t, "another signature", at(start).Verify(h), grant.Forged)
	v := at(start)
	v.Revoked = func(id grant.LinkID) bool { return id == g.ID() }
	refused(t, "revoked", v.Verify(h), grant.Withdrawn)
}

// T10: there is one encoding of a grant.
func TestT10OneEncoding(t *testing.T) {
	f := rootFields(home, anna)
	payload := encode(f)
	sign := func(payload []byte) []byte { return array(coseOf("grant", "grant", payload).seal(home)) }
	if _, err := grant.Parse(sign(payload)); err != nil {
		t.Fatal(err)
	}
	for what, bad := range map[string][]byte{
		"nothing":           {},
		"version as 18 01":  append([]byte{payload[0], 1, 0x18, 1}, payload[3:]...),
		"indefinite":        append(append([]byte{0xbf}, payload[1:]...), 0xff),
		"a byte behind":     append(slices.Clone(payload), 0),
		"twice the version": append(append([]byte{payload[0] + 1}, 1, 1), payload[1:]...),
		"unsorted":          append(append([]byte{payload[0]}, payload[3:]...), 1, 1),
		"tagged":            append([]byte{0xc0}, payload...),
		"unknown field":     encode(f.with(15, 1)),
		"text field":        append(append([]byte{payload[0] + 1}, payload[1:]...), 0x61, 'x', 1),
		"no version":        encode(f.with(1, nil)),
		"version 2":         encode(f.with(1, 2)),
		"no nonce":          encode(f.with(14, nil)),
		"short nonce":       encode(f.with(14, make([]byte, 15))),
		"long key":          encode(f.with(3, make([]byte, 33))),
		"key as a list":     encode(f.with(3, make([]int, 32))),
		"no expiry":         encode(f.with(10, nil)),
		"expiry 0":          encode(f.with(10, 0)),
		"expiry before":     encode(f.with(10, -1)),
		"float expiry":      encode(f.with(10, 1.5)),
		"null methods":      encode(f.with(7, cbor.RawMessage{0xf6})),
		"nbf 0":             encode(f.with(9, 0)),
		"empty role":        encode(f.with(6, "")),
		"not a map":         encode([]any{1}),
		"role not UTF-8":    append(append([]byte{payload[0] + 1}, payload[1:len(payload)-(19+3+6)]...), 6, 0x61, 0xff),
	} {
		_, err := grant.Parse(sign(bad))
		refused(t, what, err, grant.Malformed)
	}
	link := f.link(home)
	for what, bad := range map[string][]byte{
		"nothing":       {},
		"empty":         {0x80},
		"a byte behind": append(array(link), 0),
		"indefinite":    append(append([]byte{0x9f}, array(link)[1:]...), 0xff),
		"long form":     append([]byte{0x98, 1}, array(link)[1:]...),
		"not bytes":     encode([]any{"x"}),
		"a map":         encode(map[int]any{1: link}),
		"empty link":    array([]byte{}),
	} {
		_, err := grant.Parse(bad)
		refused(t, what, err, grant.Malformed)
	}
	for n := range len(array(link)) {
		if _, err := grant.Parse(array(link)[:n]); !errors.Is(err, grant.ErrRefused) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

// T12: what is too much is refused before any signature is looked at.
func TestT12Bombs(t *testing.T) {
	people := []person{home, anna, billie, claire, home, anna, billie, claire, home}
	eight := chainOf(t, people...)
	if err := at(start).Verify(eight); err != nil || len(eight.Links()) != grant.MaxLinks {
		t.Fatalf("%d links: %v", len(eight.Links()), err)
	}
	if _, err := eight.Delegate(home, terms(anna, 0)); err == nil {
		t.Error("there is a ninth link")
	}
	var chain [][]byte
	if err := cbor.Unmarshal(eight.Bytes(), &chain); err != nil {
		t.Fatal(err)
	}
	many := make([]any, 10000)
	for i := range many {
		many[i] = fmt.Sprintf("m%05d", i)
	}
	deep := any(1)
	for range 200 {
		deep = []any{deep}
	}
	f := rootFields(home, anna)
	for what, b := range map[string][]byte{
		"9 links":         array(append(slices.Clone(chain), chain[7])...),
		"5 KiB":           array(make([]byte, 5<<10)),
		"1 MiB":           make([]byte, 1<<20),
		"a link of 2 KiB": array(f.with(8, []any{[]any{1, 0, make([]byte, 2<<10)}}).link(home)),
		"10k methods":     array(f.with(7, many).link(home)),
		"17 methods":      array(f.with(7, many[:17]).link(home)),
		"9 caveats":       array(f.with(8, slices.Repeat([]any{[]any{6}}, 9)).link(home)),
		"nested caveat":   array(f.with(8, []any{deep}).link(home)),
		"claimed length":  {0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"claimed bytes":   {0x81, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"depth 8":         array(f.with(12, 8).link(home)),
		"depth 2^63":      array(f.with(12, uint64(1)<<63).link(home)),
	} {
		_, err := grant.Parse(b)
		refused(t, what, err, grant.Malformed)
	}
	// A chain is refused for its times and revocations before its signatures cost anything.
	checked := 0
	v := at(start.Add(2 * day))
	v.Checked = func(grant.LinkID) { checked++ }
	refused(t, "expired", v.Verify(eight), grant.Expired)
	v.Now, v.Revoked = func() time.Time { return start }, func(id grant.LinkID) bool { return id == eight.ID() }
	refused(t, "revoked", v.Verify(eight), grant.Withdrawn)
	if checked != 0 {
		t.Errorf("%d signatures were checked of what is refused anyway", checked)
	}
	v.Revoked, v.Cache = nil, new(grant.Cache)
	for _, want := range []int{8, 8} {
		if err := v.Verify(eight); err != nil || checked != want {
			t.Errorf("%v, %d signatures checked so far, want %d", err, checked, want)
		}
	}
}

// T14: what is missing, empty or unknown is refused.
func TestT14FailClosed(t *testing.T) {
	f := rootFields(home, anna)
	for what, caveat := range map[string][]any{
		"no kind": {}, "kind 0": {0}, "kind 9": {9}, "kind -1": {-1}, "text kind": {"1"}, "a huge kind": {uint64(1) << 63},
		"arg-equals without a value": {1, 0}, "with none of the model": {1, 0, []byte{0x60, 0}}, "without bytes": {1, 0, "x"}, "with too much": {1, 0, []byte{1}, 1},
		"null": {1, 0, []byte{0xf6}}, "a reference": {1, 0, []byte{0xd9, 0x68, 0x61, 0}}, "a long number": {1, 0, []byte{0x18, 1}}, "a list of null": {1, 0, []byte{0x81, 0xf6}},
		"index 256": {1, 256, []byte{1}}, "index -1": {1, -1, []byte{1}},
		"arg-prefix without": {2, 0}, "of nothing": {2, 0, ""}, "relative": {2, 0, "a"}, "of an empty segment": {2, 0, "/a//b"}, "up": {2, 0, "/a/.."}, "ending in a slash": {2, 0, "/a/"},
		"max-uses without": {3}, "0 uses": {3, 0}, "-1 uses": {3, -1}, "text uses": {3, "1"},
		"half a window": {4, 1}, "from 0": {4, 0, 1}, "backwards": {4, 2, 1}, "three ends": {4, 1, 2, 3},
		"fresh for 0": {5, 0}, "fresh for ever": {5, uint64(1) << 62}, "live-only with more": {6, 1}, "no-regrant with more": {7, 0}, "0 bytes": {8, 0}, "bytes as a float": {8, 1.5},
	} {
		_, err := grant.Parse(array(f.with(8, []any{caveat}).link(home)))
		refused(t, what, err, grant.Malformed)
	}
	for what, b := range map[string][]byte{
		"empty methods":  array(f.with(7, []any{}).link(home)),
		"empty caveats":  array(f.with(8, []any{}).link(home)),
		"an empty name":  array(f.with(7, []any{""}).link(home)),
		"a number":       array(f.with(7, []any{1}).link(home)),
		"null as caveat": array(f.with(8, []any{nil}).link(home)),
	} {
		_, err := grant.Parse(b)
		refused(t, what, err, grant.Malformed)
	}
	for _, c := range []struct {
		caveat grant.Caveat
		call   grant.Call
		state  grant.State
		want   bool
	}{
		{grant.ArgEquals(1, "x"), grant.Call{Args: []any{"x"}}, nil, false},
		{grant.ArgEquals(1, "x"), grant.Call{Args: []any{"y", "x"}}, nil, true},
		{grant.ArgEquals(0, "x"), grant.Call{Args: []any{passable.Symbol("x")}}, nil, false},
		{grant.ArgEquals(0, "x"), grant.Call{Args: []any{[]byte("x")}}, nil, false},
		{grant.ArgEquals(0, 1), grant.Call{Args: []any{int64(1)}}, nil, true},
		{grant.ArgEquals(0, 1), grant.Call{Args: []any{1.0}}, nil, false},
		{grant.ArgEquals(0, 1), grant.Call{Args: []any{nil}}, nil, false},
		{grant.ArgEquals(0, false), grant.Call{Args: []any{passable.Undefined{}}}, nil, false},
		{grant.ArgEquals(0, map[string]any{"b": []any{1, "2"}, "a": 2.5}), grant.Call{Args: []any{
			passable.Struct{{Key: "a", Value: 2.5}, {Key: "b", Value: []any{int64(1), "2"}}},
		}}, nil, true},
		{grant.ArgEquals(0, []any{}), grant.Call{Args: []any{[]any{nil}}}, nil, false},
		{grant.ArgPrefix(0, "/"), grant.Call{Args: []any{"/anything/at/all"}}, nil, true},
		{grant.ArgPrefix(0, "/"), grant.Call{Args: []any{"anything"}}, nil, false},
		{grant.ArgPrefix(0, "/"), grant.Call{Args: []any{passable.Symbol("/a")}}, nil, false},
		{grant.ArgPrefix(0, "/"), grant.Call{}, nil, false},
		{grant.MaxUses(1), grant.Call{}, nil, false},
		{grant.MaxUses(2), grant.Call{}, state{uses: 1}, true},
		{grant.MaxUses(2), grant.Call{}, state{uses: 2}, false},
		{grant.SeqWindow(3, 4), grant.Call{}, nil, false},
		{grant.SeqWindow(3, 4), grant.Call{Seq: 2}, nil, false},
		{grant.SeqWindow(3, 4), grant.Call{Seq: 3}, nil, true},
		{grant.SeqWindow(3, 4), grant.Call{Seq: 4}, nil, true},
		{grant.SeqWindow(3, 4), grant.Call{Seq: 5}, nil, false},
		{grant.SeqWindow(3, 4), grant.Call{Live: true, Seq: 3}, nil, false},
		{grant.Fresh(time.Minute), grant.Call{}, nil, false},
		{grant.Fresh(time.Minute), grant.Call{}, state{}, false},
		{grant.Fresh(time.Minute), grant.Call{}, state{asOf: start.Add(-time.Minute)}, false},
		{grant.Fresh(time.Minute), grant.Call{}, state{asOf: start.Add(-time.Minute + 1)}, true},
		{grant.LiveOnly(), grant.Call{}, nil, false},
		{grant.LiveOnly(), grant.Call{Live: true}, nil, true},
		{grant.NoRegrant(), grant.Call{}, nil, true},
		{grant.MaxArgBytes(1), grant.Call{}, nil, true},
		{grant.MaxArgBytes(5), grant.Call{Args: []any{"abc"}}, nil, true},
		{grant.MaxArgBytes(4), grant.Call{Args: []any{"abc"}}, nil, false},
		{grant.MaxArgBytes(1 << 20), grant.Call{Args: []any{func() {}}}, nil, false},
	} {
		g, err := grant.Parse(mustIssue(t, home, "", terms(anna, 0, c.caveat)).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if got := g.Links()[0].Caveats[0]; got != c.caveat {
			t.Errorf("%s became %s", c.caveat, got)
		}
		if err := g.Permits(c.call, start, c.state); (err == nil) != c.want {
			t.Errorf("%s: %+v: %v, want it to hold: %t", c.caveat, c.call, err, c.want)
		} else if err != nil {
			refused(t, c.caveat.String(), err, grant.Beyond)
		}
	}
	always, err := grant.Parse(array(f.with(8, []any{[]any{5, int64(253402300799)}}).link(home)))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "nothing known, fresh for 8000 years", always.Permits(grant.Call{}, start, state{}), grant.Beyond)
	if err := always.Permits(grant.Call{}, start, state{asOf: start.Add(-100 * 365 * day)}); err != nil {
		t.Error(err)
	}
	g := mustIssue(t, home, "", terms(anna, 1, grant.MaxUses(3), grant.MaxUses(4)))
	g = mustDelegate(t, g, anna, terms(billie, 0, grant.LiveOnly()))
	if ids := g.Counted(); len(ids) != 1 || ids[0] != g.Links()[0].ID {
		t.Errorf("uses are counted of %v", ids)
	}
}

type state struct {
	uses uint64
	asOf time.Time
}

func (s state) Uses(grant.LinkID) uint64 { return s.uses }
func (s state) AsOf(issuer, subject grant.Key) time.Time {
	if issuer != home.key() || subject != home.key() {
		return start
	}
	return s.asOf
}

// T15: paths are compared by segments, and names are ASCII.
func TestT15PrefixConfusion(t *testing.T) {
	g := mustIssue(t, home, "", terms(anna, 0, grant.ArgPrefix(0, "/crypto")))
	for path, want := range map[string]bool{
		"/crypto": true, "/crypto/a/b": true, "/crypto/..a": true, "/crypto/%2e%2e/x": true,
		"/cryptocurrency": false, "/crypt": false, "crypto": false, "": false, "/": false, "/crypto/": false, "//crypto": false, "/crypto//a": false,
		"/crypto/../etc": false, "/crypto/..": false, "/crypto/.": false, "/./crypto": false, "/x/../crypto": false, "/CRYPTO": false, "/crypto\x00": false,
	} {
		if err := g.Permits(grant.Call{Args: []any{path}}, start, nil); (err == nil) != want {
			t.Errorf("%q: %v, want it to be permitted: %t", path, err, want)
		}
	}
	f := rootFields(home, anna)
	for what, b := range map[string][]byte{
		"a Cyrillic a":     array(f.with(7, []any{"\u0430dd"}).link(home)),
		"two that combine": array(f.with(7, []any{"a\u0308"}).link(home)),
		"a space":          array(f.with(7, []any{"add "}).link(home)),
		"a slash":          array(f.with(7, []any{"a/b"}).link(home)),
		"a zero":           array(f.with(7, []any{"a\x00"}).link(home)),
		"65 letters":       array(f.with(7, []any{strings.Repeat("a", 65)}).link(home)),
		"unsorted":         array(f.with(7, []any{"b", "a"}).link(home)),
		"twice":            array(f.with(7, []any{"a", "a"}).link(home)),
		"a role":           array(f.with(6, "\u0430dmin").link(home)),
	} {
		_, err := grant.Parse(b)
		refused(t, what, err, grant.Malformed)
	}
	if _, err := grant.Parse(array(f.with(6, "admin", 7, []any{"09", "AZ_x9", strings.Repeat("a", 64), "set!", "well-known?", "z"}).link(home))); err != nil {
		t.Error(err)
	}
}

// T17: only an object's own home can begin a chain.
func TestT17RootIsTheSubjects(t *testing.T) {
	h, m := home.key(), mallet.key()
	f := rootFields(home, anna)
	for what, root := range map[string]fields{
		"issued by another":    f.with(2, m[:]),
		"about another's":      f.with(4, m[:]),
		"no subject":           f.with(4, nil),
		"no object":            f.with(5, nil),
		"with a parent":        f.with(13, h[:]),
		"a parent, no subject": f.with(4, nil, 5, nil, 13, make([]byte, 32)),
	} {
		for _, signer := range []person{home, mallet} {
			_, err := grant.Parse(array(root.link(signer)))
			refused(t, what, err, grant.Broken)
		}
	}
	g, err := grant.Parse(array(f.link(mallet)))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "signed by another", at(start).Verify(g), grant.Forged)
}

// T18: links of different chains do not fit together, even if their keys do.
func TestT18Splicing(t *testing.T) {
	rootA := encode(rootFields(home, anna))
	rootB := encode(rootFields(home, anna).with(14, bytes.Repeat([]byte{1}, 16)))
	sign := func(payload []byte, by person) []byte { return coseOf("grant", "grant", payload).seal(by) }
	child := encode(childFields(rootA, anna, billie, 6))
	good, err := grant.Parse(array(sign(rootA, home), sign(child, anna)))
	if err != nil || at(start).Verify(good) != nil {
		t.Fatal(err)
	}
	c := childFields(rootA, anna, billie, 6)
	a := mallet.key()
	for what, links := range map[string][][]byte{
		"another parent":      {sign(rootB, home), sign(child, anna)},
		"a child alone":       {sign(child, anna)},
		"backwards":           {sign(child, anna), sign(rootA, home)},
		"two roots":           {sign(rootA, home), sign(rootB, home)},
		"its own parent":      {sign(rootA, home), c.with(13, idBytes(idOf(child))).link(anna)},
		"a child twice":       {sign(rootA, home), sign(child, anna), sign(child, anna)},
		"another issuer":      {sign(rootA, home), c.with(2, a[:]).link(mallet)},
		"a subject":           {sign(rootA, home), c.with(4, a[:]).link(anna)},
		"an object":           {sign(rootA, home), c.with(5, object[:]).link(anna)},
		"a role":              {sign(rootA, home), c.with(6, "admin").link(anna)},
		"the parent's depth":  {sign(rootA, home), c.with(12, 7).link(anna)},
		"no parent":           {sign(rootA, home), c.with(13, nil).link(anna)},
		"behind a no-regrant": {rootFields(home, anna).with(8, []any{[]any{7}}).link(home), childFields(encode(rootFields(home, anna).with(8, []any{[]any{7}})), anna, billie, 0).link(anna)},
	} {
		_, err := grant.Parse(array(links...))
		refused(t, what, err, grant.Broken)
	}
	forged, err := grant.Parse(array(sign(rootA, home), sign(child, mallet)))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "a child signed by another", at(start).Verify(forged), grant.Forged)
	forged, err = grant.Parse(array(sign(rootA, mallet), sign(child, anna)))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "a root signed by another", at(start).Verify(forged), grant.Forged)
}

func idBytes(id grant.LinkID) []byte { return id[:] }

// T21: clocks may be a minute apart, and do not go back.
func TestT21Clocks(t *testing.T) {
	g := mustIssue(t, home, "", grant.Terms{Audience: anna.key(), NotBefore: start, Expires: start.Add(day), Depth: 1})
	g = mustDelegate(t, g, anna, grant.Terms{Audience: billie.key(), NotBefore: start.Add(time.Hour), Expires: start.Add(2 * day)})
	for _, c := range []struct {
		now  time.Time
		want grant.Reason
	}{
		{start.Add(time.Hour - 61*time.Second), grant.NotYet},
		{start.Add(time.Hour - 59*time.Second), ""},
		{start.Add(day - time.Second), ""},
		{start.Add(day + 59*time.Second), ""},
		{start.Add(day + 60*time.Second), grant.Expired},
		{start.Add(day + 61*time.Second), grant.Expired},
		{time.Unix(1<<53, 0), grant.Expired},
		{time.Unix(1<<62, 0), grant.Expired},
		{time.Time{}, grant.NotYet},
	} {
		if err := at(c.now).Verify(g); c.want == "" && err != nil {
			t.Errorf("at %s: %v", c.now, err)
		} else if c.want != "" {
			refused(t, c.now.String(), err, c.want)
		}
	}
	exact := at(start.Add(day))
	exact.Skew = -1
	refused(t, "without skew", exact.Verify(g), grant.Expired)
	f := rootFields(home, anna)
	for what, bad := range map[string]fields{
		"expiry":        f.with(10, uint64(1)<<53, 11, nil),
		"accept-by":     f.with(11, uint64(1)<<53),
		"2^64-1":        f.with(10, ^uint64(0), 11, nil),
		"never begins":  f.with(9, start.Add(day).Unix()),
		"begins late":   f.with(9, uint64(1)<<53),
		"accept before": f.with(11, start.Add(day).Unix()-1),
	} {
		_, err := grant.Parse(array(bad.link(home)))
		refused(t, what, err, grant.Malformed)
	}

	// A clock that is set back revives nothing, not after a restart either.
	now := start.Add(day + time.Hour)
	clock := grant.NewClock(func() time.Time { return now }, time.Time{})
	v := &grant.Verifier{Now: clock.Now}
	refused(t, "late", v.Verify(g), grant.Expired)
	now = start.Add(2 * time.Hour)
	refused(t, "set back", v.Verify(g), grant.Expired)
	v.Now = grant.NewClock(func() time.Time { return now }, clock.Floor()).Now
	refused(t, "started again", v.Verify(g), grant.Expired)
	v.Now = grant.NewClock(func() time.Time { return now }, time.Time{}).Now
	if err := v.Verify(g); err != nil {
		t.Error(err)
	}
}

// T6, T7: as far as they are here, a presentation is for one session, one host, one grant, and says its number.
func TestT07Presentation(t *testing.T) {
	g, other := chainOf(t, home, anna, billie), chainOf(t, home, billie)
	binding := [32]byte{1}
	p, err := grant.Present(billie, g, binding, home.key(), 7)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := g.CheckPresentation(p, binding, home.key()); err != nil || n != 7 {
		t.Fatalf("%d, %v", n, err)
	}
	check := func(what string, g *grant.Grant, p []byte, binding [32]byte, host grant.Key, want grant.Reason) {
		t.Helper()
		n, err := g.CheckPresentation(p, binding, host)
		refused(t, what, err, want)
		if n != 0 {
			t.Errorf("%s: the counter is %d", what, n)
		}
	}
	check("another session", g, p, [32]byte{2}, home.key(), grant.Misdirected)
	check("another host", g, p, binding, mallet.key(), grant.Misdirected)
	check("another grant", other, p, binding, home.key(), grant.Misdirected)
	if _, err := grant.Present(anna, g, binding, home.key(), 1); err == nil {
		t.Error("a link's audience that passed it on presented the whole")
	}
	host, id := home.key(), g.ID()
	f := fields{1: 1, 2: binding[:], 3: host[:], 4: id[:], 5: 7}
	forge := func(f fields, by person) []byte { return coseOf("presentation", "present", encode(f)).seal(by) }
	if !bytes.Equal(forge(f, billie), p) {
		t.Fatal("made by hand it is another")
	}
	check("another signer", g, forge(f, anna), binding, home.key(), grant.Forged)
	check("version", g, forge(f.with(1, 2), billie), binding, home.key(), grant.Malformed)
	check("no counter", g, forge(f.with(5, nil), billie), binding, home.key(), grant.Malformed)
	check("more", g, forge(f.with(6, 1), billie), binding, home.key(), grant.Malformed)
	check("long", g, make([]byte, 1<<20), binding, home.key(), grant.Malformed)
	for n := range p {
		check("cut", g, p[:n], binding, home.key(), grant.Malformed)
	}
}

// T30: outside, all refusals are the same.
func TestT30OneRefusal(t *testing.T) {
	g := chainOf(t, home, anna)
	_, malformed := grant.Parse([]byte{1})
	_, presented := g.CheckPresentation(nil, [32]byte{}, home.key())
	revoked := at(start)
	revoked.Revoked = func(grant.LinkID) bool { return true }
	live := mustIssue(t, home, "", terms(anna, 0, grant.LiveOnly()))
	for _, err := range []error{malformed, presented, at(start.Add(10 * day)).Verify(g), revoked.Verify(g), live.Permits(grant.Call{}, start, nil)} {
		model, cErr := passable.Copy(err, nil)
		if cErr != nil || model != any(passable.Error{Code: "hawser.refused", Message: "grant: refused"}) {
			t.Errorf("%v crosses as %v", err, model)
		}
		if err.Error() == grant.ErrRefused.Error() {
			t.Errorf("%v says nothing in the local log", err)
		}
	}
}
