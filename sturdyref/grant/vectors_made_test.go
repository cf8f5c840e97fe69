package grant_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/edwards25519"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

// makeVectors makes them: always the same, from fixed seeds.
func makeVectors(t *testing.T) vectors {
	t.Helper()
	all := vectors{
		Comment: "Vectors of grants: see docs/grants.md. Made by go test ./sturdyref/grant -run TestVectors -update; keys are for tests only.",
		Keys:    map[string]keyPub{},
	}
	for name, p := range map[string]person{"home": home, "anna": anna, "billie": billie, "claire": claire, "mallet": mallet} {
		all.Keys[name] = keyPub{p.Seed(), keyBytes(p)}
	}
	must := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	nonce := byte(0)
	fresh := func() (n [16]byte) {
		nonce++
		return [16]byte(bytes.Repeat([]byte{nonce}, 16))
	}
	issue := func(role string, terms grant.Terms) *grant.Grant {
		t.Helper()
		g, err := grant.IssueWith(home, grant.Root{Object: object, Role: role}, terms, fresh())
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	delegate := func(g *grant.Grant, by person, terms grant.Terms) *grant.Grant {
		t.Helper()
		d, err := g.DelegateWith(by, terms, fresh())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	add := func(v vector) { all.Vectors = append(all.Vectors, v) }
	good := func(name string, g *grant.Grant) {
		text, err := g.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		add(vector{
			Name: name, Kind: "grant", Bytes: g.Bytes(), Now: start.Unix(), IDs: idsOf(g), Text: string(text),
			Expires: g.Expires().Unix(), Accept: unix(g.Accept()),
		})
	}

	root := issue("organiser", grant.Terms{
		Audience: anna.key(), Methods: []string{"add", "list", "remove"}, NotBefore: start.Add(-time.Hour), Expires: start.Add(day), Accept: start.Add(2 * day), Depth: 3,
	})
	two := delegate(root, anna, terms(billie, 2, grant.ArgPrefix(0, "/main")))
	three := delegate(two, billie, grant.Terms{Audience: claire.key(), Methods: []string{"add"}, Expires: start.Add(time.Hour)})
	good("one link", root)
	good("two links", two)
	good("three links", three)
	good("all caveats", issue("", terms(anna, 0,
		grant.ArgEquals(0, map[string]any{"n": 1, "list": []any{true, "x", []byte{1}, 1.5, -1 << 40}}), grant.ArgPrefix(255, "/"), grant.MaxUses(3),
		grant.SeqWindow(1, ^uint64(0)), grant.Fresh(time.Hour), grant.NoRegrant(), grant.MaxArgBytes(1<<20))))
	eight := issue("", terms(home, 7))
	for i := range 7 {
		eight = delegate(eight, home, terms(home, 6-i))
	}
	good("eight links", eight)

	badGrant := func(name string, b []byte, reason grant.Reason) {
		add(vector{Name: name, Kind: "grant", Bytes: b, Now: start.Unix(), Refused: string(reason)})
	}
	links := linksOf(t, three)
	f := rootFields(home, anna)
	payload := encode(f)
	sign := func(payload []byte) []byte { return array(coseOf("grant", "grant", payload).seal(home)) }
	envelope := func(change func(*cose)) []byte {
		c := coseOf("grant", "grant", payload)
		change(&c)
		return array(c.seal(home))
	}
	swapped := childFields(payload, anna, billie, 6)
	unknown := f.with(8, []any{[]any{9, 1}})
	badGrant("nothing", nil, grant.Malformed)
	badGrant("no link", array(), grant.Malformed)
	badGrant("nine links", array(append(linksOf(t, eight), links[2])...), grant.Malformed)
	badGrant("a byte behind", append(root.Bytes(), 0), grant.Malformed)
	badGrant("long form of a number", sign(append([]byte{payload[0], 1, 0x18, 1}, payload[3:]...)), grant.Malformed)
	badGrant("keys not sorted", sign(append(append([]byte{payload[0]}, payload[3:]...), 1, 1)), grant.Malformed)
	badGrant("key twice", sign(append(append([]byte{payload[0] + 1}, 1, 1), payload[1:]...)), grant.Malformed)
	badGrant("indefinite length", sign(append(append([]byte{0xbf}, payload[1:]...), 0xff)), grant.Malformed)
	badGrant("unknown key", sign(encode(f.with(15, 1))), grant.Malformed)
	badGrant("version 2", sign(encode(f.with(1, 2))), grant.Malformed)
	badGrant("no expiry", sign(encode(f.with(10, nil))), grant.Malformed)
	badGrant("no methods at all", sign(encode(f.with(7, []any{}))), grant.Malformed)
	badGrant("methods not sorted", sign(encode(f.with(7, []any{"b", "a"}))), grant.Malformed)
	badGrant("a method in another alphabet", sign(encode(f.with(7, []any{"\u0430dd"}))), grant.Malformed)
	badGrant("an unknown caveat", sign(encode(unknown)), grant.Malformed)
	badGrant("a caveat with a null", sign(encode(f.with(8, []any{[]any{1, 0, []byte{0xf6}}}))), grant.Malformed)
	badGrant("a path with two dots", sign(encode(f.with(8, []any{[]any{2, 0, "/a/.."}}))), grant.Malformed)
	badGrant("a depth of 8", sign(encode(f.with(12, 8))), grant.Malformed)
	badGrant("unprotected header", envelope(func(c *cose) { c.unprotected = map[any]any{4: []byte("x")} }), grant.Malformed)
	badGrant("another algorithm", envelope(func(c *cose) { c.protected = map[any]any{1: -7, 16: "application/hawser-grant+cbor"} }), grant.Malformed)
	badGrant("another type", envelope(func(c *cose) { c.protected = map[any]any{1: -8, 16: "application/hawser-message+cbor"} }), grant.Malformed)
	badGrant("no tag", envelope(func(c *cose) { c.untagged = true }), grant.Malformed)
	for i, text := range weakKeys {
		weak, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		badGrant(fmt.Sprintf("weak audience %d", i+1), sign(encode(f.with(3, weak))), grant.WeakKey)
	}
	badGrant("subject of another", sign(encode(f.with(4, keyBytes(anna)))), grant.Broken)
	badGrant("root without object", sign(encode(f.with(5, nil))), grant.Broken)
	badGrant("a child alone", array(links[1]), grant.Broken)
	badGrant("a link left out", array(links[0], links[2]), grant.Broken)
	badGrant("parent of another chain", array(f.with(14, bytes.Repeat([]byte{7}, 16)).link(home), swapped.link(anna)), grant.Broken)
	badGrant("depth not less", array(f.link(home), swapped.with(12, 7).link(anna)), grant.Broken)
	badGrant("passed on against no-regrant", array(f.with(8, []any{[]any{7}}).link(home), childFields(encode(f.with(8, []any{[]any{7}})), anna, billie, 0).link(anna)), grant.Broken)
	badGrant("signed by another", array(coseOf("grant", "grant", payload).seal(mallet)), grant.Forged)
	badGrant("child signed by another", array(f.link(home), swapped.link(mallet)), grant.Forged)
	badGrant("signed as a message", envelope(func(c *cose) { c.aad = "hawser/msg/v1" }), grant.Forged)
	badGrant("commitment of small order", envelope(func(c *cose) {
		c.signature = signatureWith(home, *c, edwards25519.NewScalar())
	}), grant.Forged)
	for name, c := range map[time.Duration]grant.Reason{time.Hour + 60*time.Second: grant.Expired, time.Hour + 59*time.Second: ""} {
		v := vector{Name: fmt.Sprintf("three links, %s later", name), Kind: "grant", Bytes: three.Bytes(), Now: start.Add(name).Unix(), Refused: string(c)}
		if c == "" {
			text, err := three.MarshalText()
			if err != nil {
				t.Fatal(err)
			}
			v.IDs, v.Text, v.Expires, v.Accept = idsOf(three), string(text), three.Expires().Unix(), unix(three.Accept())
		}
		add(v)
	}
	add(vector{Name: "too early", Kind: "grant", Bytes: root.Bytes(), Now: start.Add(-time.Hour - 61*time.Second).Unix(), Refused: string(grant.NotYet)})
	add(vector{Name: "the middle link revoked", Kind: "grant", Bytes: three.Bytes(), Now: start.Unix(), Revoked: []hexBytes{idsOf(three)[1]}, Refused: string(grant.Withdrawn)})

	uses := func(n uint64) *uint64 { return &n }
	call := func(name string, g *grant.Grant, v vector, args any, permitted bool) {
		v.Name, v.Kind, v.Grant, v.Now, v.Args = name, "call", g.Bytes(), start.Unix(), encode(args)
		if !permitted {
			v.Refused = string(grant.Beyond)
		}
		add(v)
	}
	live := vector{Method: "add", Live: true}
	call("a call within all links", three, live, []any{"/main/friday", 1}, true)
	call("a path beside", three, live, []any{"/mainstage"}, false)
	call("a path up", three, live, []any{"/main/../tent"}, false)
	call("no argument", three, live, []any{}, false)
	call("a method of the root only", three, vector{Method: "list", Live: true}, []any{"/main"}, false)
	equals := issue("", terms(anna, 0, grant.ArgEquals(1, map[string]any{"a": 1, "b": []any{"x"}})))
	call("an equal struct", equals, live, []any{false, map[string]any{"b": []any{"x"}, "a": 1}}, true)
	call("a float for an integer", equals, live, []any{false, map[string]any{"b": []any{"x"}, "a": 1.0}}, false)
	call("nothing to compare", equals, live, []any{false}, false)
	limited := issue("", terms(anna, 0, grant.MaxUses(2), grant.Fresh(time.Minute), grant.LiveOnly(), grant.MaxArgBytes(5)))
	known := vector{Method: "m", Live: true, Uses: uses(1), AsOf: start.Add(-59 * time.Second).Unix()}
	call("all conditions hold", limited, known, []any{"abc"}, true)
	call("four letters", limited, known, []any{"abcd"}, false)
	call("not known to be fresh", limited, vector{Method: "m", Live: true, Uses: uses(1), AsOf: start.Add(-60 * time.Second).Unix()}, []any{}, false)
	call("used up", limited, vector{Method: "m", Live: true, Uses: uses(2), AsOf: start.Unix()}, []any{}, false)
	call("not live", limited, vector{Method: "m", Uses: uses(1), AsOf: start.Unix()}, []any{}, false)
	window := issue("", terms(anna, 0, grant.SeqWindow(3, 4)))
	call("in the window", window, vector{Number: 4}, []any{}, true)
	call("behind the window", window, vector{Number: 5}, []any{}, false)
	call("no number", window, live, []any{}, false)

	binding, other := bytes.Repeat([]byte{0xb1}, 32), bytes.Repeat([]byte{0xb2}, 32)
	presentation := must(grant.Present(billie, two, [32]byte(binding), home.key(), 77))
	shown := vector{Name: "presentation", Kind: "presentation", Bytes: presentation, Grant: two.Bytes(), Binding: binding, Host: keyBytes(home), Number: 77}
	add(shown)
	shown.Number = 0
	for name, change := range map[string]func(*vector){
		"presentation in another session": func(v *vector) { v.Binding, v.Refused = other, string(grant.Misdirected) },
		"presentation to another host":    func(v *vector) { v.Host, v.Refused = keyBytes(mallet), string(grant.Misdirected) },
		"presentation of another grant":   func(v *vector) { v.Grant, v.Refused = root.Bytes(), string(grant.Misdirected) },
		"presentation by another": func(v *vector) {
			host, id := home.key(), two.ID()
			v.Bytes = coseOf("presentation", "present", encode(fields{1: 1, 2: binding, 3: host[:], 4: id[:], 5: 77})).seal(anna)
			v.Refused = string(grant.Forged)
		},
	} {
		v := shown
		v.Name = name
		change(&v)
		add(v)
	}

	args := encode([]any{"/main/friday"})
	message := must(grant.SignMessage(billie, two, grant.Message{
		To: home.key(), Seq: 5, ID: [16]byte{1}, Authored: start, Method: "add", Args: args, ReplyTo: []byte("reply"),
	}))
	mail := vector{Kind: "message", Bytes: message, Grant: two.Bytes(), Host: keyBytes(home), Now: start.Add(2 * day).Unix(), Number: 5, Method: "add", Args: args}
	mail.Name = "message when the grant has expired"
	add(mail)
	mail.Number, mail.Method, mail.Args = 0, "", nil
	for name, change := range map[string]func(*vector){
		"message after accept-by":   func(v *vector) { v.Now, v.Refused = start.Add(2*day+time.Minute).Unix(), string(grant.Expired) },
		"message from the future":   func(v *vector) { v.Now, v.Refused = start.Add(-61*time.Second).Unix(), string(grant.NotYet) },
		"message to another":        func(v *vector) { v.Host, v.Refused = keyBytes(mallet), string(grant.Misdirected) },
		"message by another grant":  func(v *vector) { v.Grant, v.Refused = root.Bytes(), string(grant.Misdirected) },
		"message by a revoked link": func(v *vector) { v.Revoked, v.Refused = idsOf(two)[:1], string(grant.Withdrawn) },
	} {
		v := mail
		v.Name = name
		change(&v)
		add(v)
	}

	id := two.ID()
	revocation := must(two.Revoke(anna, grant.Withdrawal{Link: id, Cut: map[grant.LinkID]uint64{id: 4, three.ID(): 9}, Reason: "sold the stage"}, grant.Feed{}))
	s := newSet(t, nil)
	if _, err := s.Add(revocation, start); err != nil {
		t.Fatal(err)
	}
	next := must(three.Revoke(anna, grant.Withdrawal{Link: three.ID()}, s.Feed(anna.key(), home.key())))
	add(vector{Name: "revocation", Kind: "revocation", Bytes: revocation, Now: start.Unix(), IDs: []hexBytes{id[:]}, By: keyBytes(anna), Number: 1})
	third := three.ID()
	add(vector{Name: "second revocation", Kind: "revocation", Bytes: next, Now: start.Unix(), IDs: []hexBytes{third[:]}, By: keyBytes(anna), Number: 2})
	rf := fields{1: 1, 2: keyBytes(anna), 3: keyBytes(home), 4: id[:], 5: 1}
	notice := func(f fields, by person, witness []byte) []byte {
		return encode([][]byte{coseOf("revocation", "revoke", encode(f)).seal(by), witness})
	}
	add(vector{Name: "revocation in another's name", Kind: "revocation", Bytes: notice(rf, mallet, two.Bytes()), Now: start.Unix(), Refused: string(grant.Forged)})
	add(vector{Name: "revocation by a stranger", Kind: "revocation", Bytes: notice(rf.with(2, keyBytes(mallet)), mallet, two.Bytes()), Now: start.Unix(), Refused: string(grant.Broken)})
	add(vector{Name: "revocation with another witness", Kind: "revocation", Bytes: notice(rf, anna, root.Bytes()), Now: start.Unix(), Refused: string(grant.Broken)})
	add(vector{Name: "second revocation without the first", Kind: "revocation", Bytes: notice(rf.with(5, 2), anna, two.Bytes()), Now: start.Unix(), Refused: string(grant.Malformed)})
	if _, err := s.Add(next, start); err != nil {
		t.Fatal(err)
	}
	head := must(s.Head(anna, two, id, start))
	digest := sha256.New()
	digest.Write([]byte("hawser/digest/v1"))
	names := [][]byte{nameOf(t, revocation), nameOf(t, next)}
	slices.SortFunc(names, bytes.Compare)
	for _, n := range names {
		digest.Write(n)
	}
	add(vector{Name: "head", Kind: "head", Bytes: head, Now: start.Unix(), By: keyBytes(anna), Number: 2, Digest: digest.Sum(nil)})
	add(vector{Name: "head of the future", Kind: "head", Bytes: head, Now: start.Add(-61 * time.Second).Unix(), Refused: string(grant.NotYet)})

	for name, notice := range map[string][]byte{"receipt of a revocation": revocation, "receipt of a head": head} {
		of, err := grant.ConcernOf(notice)
		if err != nil {
			t.Fatal(err)
		}
		receipt := must(grant.SignReceipt(home, of, start))
		add(vector{Name: name, Kind: "receipt", Bytes: receipt, Host: keyBytes(home), IDs: []hexBytes{of.Link[:]}, Notice: notice, AsOf: start.Unix()})
	}
	of, err := grant.ConcernOf(revocation)
	if err != nil {
		t.Fatal(err)
	}
	pf := fields{1: 1, 2: keyBytes(home), 3: of.Link[:], 4: of.Name[:], 5: start.Unix()}
	badReceipt := func(name string, f fields, by person, aad string, reason grant.Reason) {
		add(vector{Name: name, Kind: "receipt", Bytes: coseOf("receipt", aad, encode(f)).seal(by), Host: keyBytes(home), Notice: revocation, Refused: string(reason)})
	}
	badReceipt("receipt by another", pf, mallet, "receipt", grant.Forged)
	badReceipt("receipt signed as a snapshot", pf, home, "snapshot", grant.Forged)
	badReceipt("receipt of another home", pf.with(2, keyBytes(mallet)), mallet, "receipt", grant.Misdirected)
	badReceipt("receipt of another link", pf.with(3, third[:]), home, "receipt", grant.Misdirected)
	badReceipt("receipt of another notice", pf.with(4, third[:]), home, "receipt", grant.Misdirected)
	badReceipt("receipt without a time", pf.with(5, nil), home, "receipt", grant.Malformed)
	badReceipt("receipt of the year 10000", pf.with(5, int64(253402300800)), home, "receipt", grant.Malformed)

	listing := func(name string, b, prefix []byte, reason grant.Reason) {
		v := vector{Name: name, Kind: "listing", Bytes: b, Prefix: prefix, Refused: string(reason)}
		if l, err := grant.ParseListing(b, prefix); err == nil {
			d := l.Digest()
			v.Digest = d[:]
		}
		add(v)
	}
	few, many := numbered(3), numbered(3*grant.MaxNames)
	listing("nothing", []byte{0}, nil, "")
	listing("three names", treeAt(few, nil).Bytes(), nil, "")
	listing("three names with one byte in common", treeAt(many, []byte{7}).Bytes(), []byte{7}, "")
	listing("parts", treeAt(many, nil).Bytes(), nil, "")
	listing("names of another place", treeAt(many, []byte{7}).Bytes(), []byte{8}, grant.Malformed)
	listing("names in another order", append(bytes.Clone(treeAt(few[1:2], nil).Bytes()), few[0][:]...), nil, grant.Malformed)
	listing("two parts", append([]byte{1}, make([]byte, 64)...), nil, grant.Malformed)
	listing("no byte before it", treeAt(few, nil).Bytes()[1:], nil, grant.Malformed)
	for _, n := range []uint64{0, 1, grant.MaxNames, grant.MaxNames + 1, 3 * grant.MaxNames} {
		d := treeAt(numbered(int(n)), nil).Digest()
		add(vector{Name: fmt.Sprintf("tree of %d names, each SHA-256 of its number, 8 bytes, from 0", n), Kind: "tree", Number: n, Digest: d[:]})
	}

	content := []byte("Friday: Fiddlers")
	first := must(grant.SignSnapshot(home, grant.Snapshot{Object: object, Version: 1, AsOf: start, Content: sha256.Sum256(content)}))
	got, err := grant.VerifySnapshot(first, home.key())
	if err != nil {
		t.Fatal(err)
	}
	firstID := got.ID()
	add(vector{Name: "snapshot", Kind: "snapshot", Bytes: first, Host: keyBytes(home), IDs: []hexBytes{firstID[:]}, Number: 1, Content: content})
	second := must(grant.SignSnapshot(home, grant.Snapshot{Object: object, Version: 2, Previous: got.ID(), AsOf: start.Add(day), Content: sha256.Sum256(content)}))
	got, err = grant.VerifySnapshot(second, home.key())
	if err != nil {
		t.Fatal(err)
	}
	secondID := got.ID()
	add(vector{Name: "second snapshot", Kind: "snapshot", Bytes: second, Host: keyBytes(home), IDs: []hexBytes{secondID[:]}, Number: 2, Content: content})
	add(vector{Name: "snapshot by another", Kind: "snapshot", Bytes: first, Host: keyBytes(mallet), Refused: string(grant.Forged)})

	// Maps have no order, files do.
	slices.SortFunc(all.Vectors, func(a, b vector) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	return all
}

// nameOf returns the name that the notice after this one gives it.
func nameOf(t *testing.T, notice []byte) []byte {
	t.Helper()
	var parts [][]byte
	if err := decode(notice, &parts); err != nil {
		t.Fatal(err)
	}
	var envelope struct {
		_         struct{} `cbor:",toarray"`
		Protected []byte
		Rest      map[int]int
		Payload   []byte
		Signature []byte
	}
	if err := decode(parts[0][1:], &envelope); err != nil {
		t.Fatal(err)
	}
	name := sha256.Sum256(append([]byte("hawser/revoke/v1"), envelope.Payload...))
	return name[:]
}

// numbered are n names, ascending.
func numbered(n int) [][32]byte {
	names := make([][32]byte, n)
	for i := range names {
		names[i] = sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	}
	sortNames(names)
	return names
}

// treeAt is the listing of a place, made the simple way.
func treeAt(names [][32]byte, prefix []byte) grant.Listing {
	var here [][32]byte
	for _, n := range names {
		if bytes.HasPrefix(n[:], prefix) {
			here = append(here, n)
		}
	}
	if len(here) <= grant.MaxNames {
		return grant.Listing{Names: here}
	}
	l := grant.Listing{Parts: make([][32]byte, 256)}
	for i := range l.Parts {
		l.Parts[i] = treeAt(here, append(bytes.Clone(prefix), byte(i))).Digest()
	}
	return l
}
