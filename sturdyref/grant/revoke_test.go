package grant_test

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

func newSet(t testing.TB, c *grant.SetConfig) *grant.Set {
	t.Helper()
	s, err := grant.NewSet(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// revoke adds a revocation of link n of g (from 1) to s and returns it.
func revoke(t testing.TB, s *grant.Set, g *grant.Grant, n int, by crypto.Signer, cut map[grant.LinkID]uint64) []byte {
	t.Helper()
	key := grant.Key(by.Public().(edKey))
	b, err := g.Revoke(by, grant.Withdrawal{Link: g.Links()[n-1].ID, Cut: cut, Reason: "test"}, s.Feed(key, g.Subject()))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Add(b, start); err != nil || n.Bytes == nil {
		t.Fatalf("a revocation was not taken in: %v", err)
	}
	return b
}

func with(s *grant.Set, now time.Time) *grant.Verifier {
	return &grant.Verifier{Now: func() time.Time { return now }, Revoked: s.Has, Cut: s.Cut}
}

// Whoever issued a link, or one before it, may revoke it, and whom it is for renounces it.
func TestRevoke(t *testing.T) {
	g := chainOf(t, home, anna, billie, claire)
	sibling := mustDelegate(t, mustIssue(t, home, "", terms(anna, 2)), anna, terms(billie, 1))
	for _, c := range []struct {
		by   person
		link int
		ok   bool
	}{
		{home, 1, true},
		{home, 2, true},
		{home, 3, true},
		{anna, 1, true},
		{anna, 2, true},
		{anna, 3, true},
		{billie, 1, false},
		{billie, 2, true},
		{billie, 3, true},
		{claire, 1, false},
		{claire, 2, false},
		{claire, 3, true},
		{mallet, 1, false},
		{mallet, 3, false},
	} {
		s := newSet(t, nil)
		name := fmt.Sprintf("%s revokes link %d", c.by.key(), c.link)
		link := g.Links()[c.link-1].ID
		b, err := g.Revoke(c.by, grant.Withdrawal{Link: link, Reason: "lost"}, grant.Feed{})
		if (err == nil) != c.ok {
			t.Errorf("%s: %v, want it to be possible: %t", name, err, c.ok)
		}
		if !c.ok {
			continue
		}
		r, err := grant.ParseRevocation(b)
		if err != nil || r.Link != link || r.By != c.by.key() || r.Subject != home.key() || r.Seq != 1 || r.Reason != "lost" || !r.Until().Equal(start.Add(2*day)) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if n, err := s.Add(b, start); err != nil || !bytes.Equal(n.Bytes, b) {
			t.Errorf("%s: %v", name, err)
		}
		if n, err := s.Add(b, start); err != nil || n.Bytes != nil {
			t.Errorf("%s a second time: %v", name, err)
		}
		// What is known costs no signature: a bad one is not even noticed.
		var parts [][]byte
		if err := decode(b, &parts); err != nil {
			t.Fatal(err)
		}
		parts[0][len(parts[0])-10]++
		if n, err := s.Add(encode(parts), start); err != nil || n.Bytes != nil {
			t.Errorf("%s a third time: %v", name, err)
		}
		refused(t, name, with(s, start).Verify(g), grant.Withdrawn)
		if err := with(s, start).Verify(sibling); err != nil {
			t.Errorf("%s: another grant: %v", name, err)
		}
		before, err := grant.Parse(array(linksOf(t, g)[:c.link]...))
		if err != nil {
			t.Fatal(err)
		}
		refused(t, name, with(s, start).Verify(before), grant.Withdrawn)
	}
	if _, err := g.Revoke(home, grant.Withdrawal{}, grant.Feed{}); err == nil {
		t.Error("a link of another grant was revoked")
	}
	if _, err := g.Revoke(home, grant.Withdrawal{Link: g.ID(), Reason: strings.Repeat("x", grant.MaxReason+1)}, grant.Feed{}); err == nil {
		t.Error("a reason is too long")
	}
	if _, err := g.Revoke(home, grant.Withdrawal{Link: g.ID()}, grant.Feed{Seq: 1 << 53}); err == nil {
		t.Error("the feed went on behind its end")
	}
}

// T9: a link that was revoked stays so under another signature by its issuer.
func TestT09RevokedInAnotherEnvelope(t *testing.T) {
	payload := encode(rootFields(home, anna))
	g, err := grant.Parse(array(coseOf("grant", "grant", payload).seal(home)))
	if err != nil {
		t.Fatal(err)
	}
	s := newSet(t, nil)
	revoke(t, s, g, 1, home, nil)
	c := coseOf("grant", "grant", payload)
	c.signature = otherSignature(home, c)
	again, err := grant.Parse(array(c.seal(home)))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(again.Bytes(), g.Bytes()) || at(start).Verify(again) != nil {
		t.Fatal("it is not another good signature of the same link")
	}
	refused(t, "another signature", with(s, start).Verify(again), grant.Withdrawn)
}

// T11: nothing passes for something of another kind.
func TestT11Confusion(t *testing.T) {
	g := chainOf(t, home, anna)
	s := newSet(t, nil)
	binding := [32]byte{1}
	must := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	objects := map[string][]byte{
		"grant":        g.Bytes(),
		"link":         linksOf(t, g)[0],
		"presentation": must(grant.Present(anna, g, binding, home.key(), 1)),
		"message":      must(grant.SignMessage(anna, g, grant.Message{To: home.key(), Seq: 1, Authored: start})),
		"revocation":   must(g.Revoke(home, grant.Withdrawal{Link: g.ID()}, grant.Feed{})),
		"head":         must(s.Head(home, g, g.ID(), start)),
		"snapshot":     must(grant.SignSnapshot(home, grant.Snapshot{Object: object, Version: 1, AsOf: start})),
	}
	concern, err := grant.ConcernOf(objects["revocation"])
	if err != nil {
		t.Fatal(err)
	}
	objects["receipt"] = must(grant.SignReceipt(home, concern, start))
	readers := map[string]func([]byte) error{
		"grant":        func(b []byte) error { _, err := grant.Parse(b); return err },
		"link":         func(b []byte) error { _, err := grant.Parse(array(b)); return err },
		"presentation": func(b []byte) error { _, err := g.CheckPresentation(b, binding, home.key()); return err },
		"message": func(b []byte) error {
			m, err := grant.ParseMessage(b)
			if err != nil {
				return err
			}
			return at(start).CheckMessage(g, m, home.key())
		},
		"revocation": func(b []byte) error { _, err := grant.ParseRevocation(b); return err },
		"head": func(b []byte) error {
			if _, err := grant.ParseRevocation(b); err == nil {
				return errors.New("a revocation")
			}
			_, err := newSet(t, nil).Add(b, start)
			return err
		},
		"snapshot": func(b []byte) error { _, err := grant.VerifySnapshot(b, home.key()); return err },
		"receipt":  func(b []byte) error { _, err := grant.ParseReceipt(b); return err },
	}
	for name, read := range readers {
		for what, b := range objects {
			if err := read(b); (err == nil) != (name == what) {
				t.Errorf("a %s read as a %s: %v", what, name, err)
			}
		}
	}
	// With the right header and claims, the signature of another kind does not do.
	names := map[string]string{"grant": "grant", "presentation": "present", "message": "msg", "revocation": "revoke", "head": "head", "snapshot": "snapshot", "receipt": "receipt"}
	host, id := home.key(), g.ID()
	claims := encode(fields{1: 1, 2: binding[:], 3: host[:], 4: id[:], 5: 1})
	for name, domain := range names {
		c := coseOf("presentation", "present", claims)
		c.aad = "hawser/" + domain + "/v1"
		if err := readers["presentation"](c.seal(anna)); (err == nil) != (name == "presentation") {
			t.Errorf("signed as a %s: %v", name, err)
		}
	}
}

// T23: who says that a link was revoked is somebody who may; their key is read from the chain.
func TestT23RevocationForgery(t *testing.T) {
	g := chainOf(t, home, anna, billie)
	s := newSet(t, nil)
	h, m, id := home.key(), mallet.key(), g.ID()
	first := g.Links()[0].ID
	f := fields{1: 1, 2: h[:], 3: h[:], 4: id[:], 5: 1}
	notice := func(f fields, by person, witness []byte) []byte {
		return encode([][]byte{coseOf("revocation", "revoke", encode(f)).seal(by), witness})
	}
	if n, err := newSet(t, nil).Add(notice(f, home, g.Bytes()), start); err != nil || n.Bytes == nil {
		t.Fatalf("made by hand: %v", err)
	}
	theirs := chainOf(t, mallet, billie)
	forgedRoot := array(rootFields(home, mallet).link(mallet))
	forgedID := idOf(encode(rootFields(home, mallet)))
	for what, c := range map[string]struct {
		notice []byte
		want   grant.Reason
	}{
		"by a stranger":              {notice(f.with(2, m[:]), mallet, g.Bytes()), grant.Broken},
		"in another's name":          {notice(f, mallet, g.Bytes()), grant.Forged},
		"of another subject":         {notice(f.with(3, m[:]), home, g.Bytes()), grant.Broken},
		"of another link":            {notice(f.with(4, first[:]), home, g.Bytes()), grant.Broken},
		"a witness of their own":     {notice(f.with(2, m[:], 3, m[:]), mallet, theirs.Bytes()), grant.Broken},
		"a forged witness":           {notice(f.with(2, m[:], 4, forgedID[:]), mallet, forgedRoot), grant.Forged},
		"no witness":                 {notice(f, home, nil), grant.Malformed},
		"number 0 with one before":   {notice(f.with(5, 0, 6, id[:]), home, g.Bytes()), grant.Malformed},
		"number 0":                   {notice(f.with(5, 0), home, g.Bytes()), grant.Malformed},
		"number 2 without the first": {notice(f.with(5, 2), home, g.Bytes()), grant.Malformed},
		"number 1 with one before":   {notice(f.with(6, id[:]), home, g.Bytes()), grant.Malformed},
		"number 2^64-1":              {notice(f.with(5, ^uint64(0), 6, id[:]), home, g.Bytes()), grant.Malformed},
		"version 2":                  {notice(f.with(1, 2), home, g.Bytes()), grant.Malformed},
		"empty cut":                  {notice(f.with(7, map[int]int{}), home, g.Bytes()), grant.Malformed},
		"cut by text":                {notice(f.with(7, map[string]int{"x": 1}), home, g.Bytes()), grant.Malformed},
		"long reason":                {notice(f.with(8, string(bytes.Repeat([]byte("x"), 201))), home, g.Bytes()), grant.Malformed},
		"more":                       {notice(f.with(9, 1), home, g.Bytes()), grant.Malformed},
		"three parts":                {encode([][]byte{{}, {}, {}}), grant.Malformed},
		"long":                       {make([]byte, grant.MaxNotice+1), grant.Malformed},
		"nothing":                    {nil, grant.Malformed},
		"a grant":                    {g.Bytes(), grant.Malformed},
	} {
		n, err := s.Add(c.notice, start)
		refused(t, what, err, c.want)
		if n.Bytes != nil {
			t.Errorf("%s: it was taken in", what)
		}
	}
	for what, f := range map[string]fields{"anna's": f.with(2, keyBytes(anna)), "billie's": f.with(2, keyBytes(billie))} {
		_, err := s.Add(notice(f, mallet, g.Bytes()), start)
		refused(t, what+" by another", err, grant.Forged)
	}
	if n, _ := s.Len(); n != 0 || s.Has(id) {
		t.Errorf("%d forged notices were taken in", n)
	}
}

// T23: whoever has keys of their own can make as many good notices as they like, and fills only their own share.
func TestT23RevocationSpam(t *testing.T) {
	const share = 8 << 10
	s := newSet(t, &grant.SetConfig{Bytes: 64 << 10, Share: share, Wanted: func(k grant.Key) bool { return k == home.key() }})
	root := mustIssue(t, home, "", terms(anna, 7))
	var err error
	flood := func(from *grant.Grant, by person) (taken int) {
		t.Helper()
		var notice grant.Notice
		for i := range 1000 {
			k := newPerson(fmt.Sprint("throw-away ", i))
			g := mustDelegate(t, from, by, terms(k, 0))
			b, rErr := g.Revoke(by, grant.Withdrawal{Link: g.ID()}, s.Feed(by.key(), g.Subject()))
			if rErr != nil {
				t.Fatal(rErr)
			}
			if notice, err = s.Add(b, start); err != nil {
				return taken
			}
			if notice.Bytes != nil {
				taken++
			}
		}
		return taken
	}
	under := mustDelegate(t, root, anna, terms(billie, 6))
	if n := flood(under, billie); n == 0 || n > share/400 || !errors.Is(err, grant.Full) {
		t.Errorf("%d notices were taken in, and then %v", n, err)
	}
	// Who stands above can still revoke the link they have it from; and so can the subject, when everybody's share is full.
	revoke(t, s, under, 2, anna, nil)
	revoke(t, s, mustDelegate(t, under, billie, terms(claire, 0)), 3, anna, nil)
	if n := flood(root, anna); n == 0 || n > share/400 || !errors.Is(err, grant.Full) {
		t.Errorf("%d notices were taken in, and then %v", n, err)
	}
	revoke(t, s, root, 1, home, nil)
	if _, used := s.Len(); used > 4*share {
		t.Errorf("%d bytes are used", used)
	}
	// What is no notice, or has no chain that says who may, is not kept: a million of them are as good as none.
	n, used := s.Len()
	junk := make([]byte, 300)
	for i := range 1_000_000 {
		binary.LittleEndian.PutUint64(junk[i%200:], uint64(i))
		if _, err := s.Add(junk[:i%300], start); err == nil {
			t.Fatal("junk was taken in")
		}
	}
	if m, now := s.Len(); m != n || now != used {
		t.Errorf("junk is kept: %d notices of %d bytes, there were %d of %d", m, now, n, used)
	}
	// Grants that do not matter fill nothing at all.
	theirs := chainOf(t, mallet, anna)
	b, rErr := theirs.Revoke(mallet, grant.Withdrawal{Link: theirs.ID()}, grant.Feed{})
	if rErr != nil {
		t.Fatal(rErr)
	}
	_, err = s.Add(b, start)
	refused(t, "another subject", err, grant.Misdirected)
}

// T23: however many holders there are, each with a share of their own, who revoke what is theirs again and again: the subject can still revoke.
func TestT23SpamByManyHolders(t *testing.T) {
	const size = 64 << 10
	s := newSet(t, &grant.SetConfig{Bytes: size})
	var err error
	for i := 0; i < 40; i++ {
		k := newPerson(fmt.Sprint("visitor ", i))
		g := mustIssue(t, home, "", terms(k, 0))
		for n := 0; ; n++ {
			b, rErr := g.Revoke(k, grant.Withdrawal{Link: g.ID(), Reason: fmt.Sprint(n)}, grant.Feed{})
			if rErr != nil {
				t.Fatal(rErr)
			}
			if _, err = s.Add(b, start); err != nil {
				break
			}
		}
		if !errors.Is(err, grant.Full) {
			t.Fatal(err)
		}
	}
	n, used := s.Len()
	if used < size/2 {
		t.Errorf("%d notices take no more than %d bytes", n, used)
	}
	revoke(t, s, mustIssue(t, home, "", terms(anna, 0)), 1, home, nil)
	// In another order they fit, too, as they do when they come from a store.
	again := newSet(t, &grant.SetConfig{Bytes: size})
	for _, notice := range slices.Backward(slices.Collect(s.All())) {
		if err := again.Load(notice.Bytes, start); err != nil {
			t.Fatal(err)
		}
	}
	if m, now := again.Len(); m != n+1 || now <= used {
		t.Errorf("%d of %d notices, %d bytes", m, n+1, now)
	}
	if gone := s.Evict(start.Add(1000 * time.Hour)); len(gone) != n+1 {
		t.Errorf("%d of %d are gone", len(gone), n+1)
	}
}

// A revocation is forgotten when what it revokes is over, not earlier.
func TestEvict(t *testing.T) {
	s := newSet(t, nil)
	g := chainOf(t, home, anna, billie)
	b := revoke(t, s, g, 2, anna, nil)
	last := start.Add(2*day + grant.DefaultSkew)
	if gone := s.Evict(last.Add(-1)); len(gone) != 0 || !s.Has(g.ID()) {
		t.Errorf("%d were dropped before their time", len(gone))
	}
	n, err := s.Add(b, last.Add(-1))
	if err != nil || n.Bytes != nil {
		t.Errorf("known: %v", err)
	}
	gone := s.Evict(last)
	if len(gone) != 1 || s.Has(g.ID()) || s.Tables() != 0 {
		t.Errorf("%d were dropped in time, %d entries are left", len(gone), s.Tables())
	}
	if n, used := s.Len(); n != 0 || used != 0 {
		t.Errorf("there are %d notices of %d bytes left", n, used)
	}
	if n, err := s.Add(b, last); err != nil || n.Bytes != nil || s.Has(g.ID()) {
		t.Errorf("what is over was taken in: %v", err)
	}
	refused(t, "then", with(s, last).Verify(g), grant.Expired)
}

// The skew is the verifier's own.
func TestEvictSkew(t *testing.T) {
	for skew, want := range map[time.Duration]time.Duration{0: grant.DefaultSkew, time.Second: time.Second, -1: 0} {
		s := newSet(t, &grant.SetConfig{Skew: skew})
		revoke(t, s, chainOf(t, home, anna), 1, home, nil)
		if gone := s.Evict(start.Add(2*day + want - 1)); len(gone) != 0 {
			t.Errorf("skew %s: dropped too early", skew)
		}
		if gone := s.Evict(start.Add(2*day + want)); len(gone) != 1 {
			t.Errorf("skew %s: not dropped in time", skew)
		}
	}
}

// Good notices are taken in whatever is among them.
func TestMerge(t *testing.T) {
	from, to := newSet(t, nil), newSet(t, nil)
	for range 3 {
		revoke(t, from, chainOf(t, home, anna), 1, home, nil)
	}
	bad := slices.Repeat([]grant.Notice{{Bytes: []byte{1}}}, 20)
	added, err := to.Merge(slices.Values(slices.Concat(bad, slices.Collect(from.All()), bad)), start)
	if len(added) != 3 || !errors.Is(err, grant.Malformed) || strings.Count(err.Error(), "malformed") != 8 {
		t.Errorf("%d of 3 were new, and %v", len(added), err)
	}
	if added, err := to.Merge(from.All(), start); len(added) != 0 || err != nil {
		t.Errorf("%d are new again, and %v", len(added), err)
	}
}

// What is stored comes back, and goes when it is replaced or has lapsed.
func TestStored(t *testing.T) {
	s := newSet(t, nil)
	disk := map[[32]byte][]byte{}
	add := func(b []byte, now time.Time) {
		t.Helper()
		n, err := s.Add(b, now)
		if err != nil {
			t.Fatal(err)
		}
		disk[n.ID] = n.Bytes
	}
	g := chainOf(t, home, anna, billie)
	for i := range 3 {
		b, err := g.Revoke(anna, grant.Withdrawal{Link: g.ID(), Reason: fmt.Sprint(i)}, s.Feed(anna.key(), home.key()))
		if err != nil {
			t.Fatal(err)
		}
		add(b, start)
		h, err := s.Head(anna, g, g.ID(), start.Add(time.Duration(i)*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		add(h, start.Add(time.Duration(i)*time.Second))
	}
	if len(disk) != 4 {
		t.Errorf("%d are stored, expected three revocations and one head", len(disk))
	}
	again := newSet(t, nil)
	for _, b := range disk {
		if err := again.Load(b, start.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if !again.Has(g.ID()) || again.Feed(anna.key(), home.key()) != s.Feed(anna.key(), home.key()) || again.Feed(anna.key(), home.key()).Seq != 3 ||
		!again.AsOf(anna.key(), home.key()).Equal(start.Add(2*time.Second)) || !again.Gapless(anna.key(), home.key()) {
		t.Error("it is not the same after it was stored")
	}
	n1, used1 := s.Len()
	if n2, used2 := again.Len(); n1 != n2 || used1 != used2 {
		t.Errorf("%d notices of %d bytes became %d of %d", n1, used1, n2, used2)
	}
	var held [][]byte
	for n := range again.All() {
		held = append(held, n.Bytes)
		if !bytes.Equal(disk[n.ID], n.Bytes) {
			t.Error("a notice has another id")
		}
	}
	if len(held) != 4 {
		t.Errorf("%d are held", len(held))
	}
	for _, id := range again.Evict(start.Add(5 * day)) {
		delete(disk, id)
	}
	if len(disk) != 0 {
		t.Errorf("%d are left in the store", len(disk))
	}
	if err := again.Load([]byte{1}, start); !errors.Is(err, grant.Malformed) {
		t.Errorf("a broken store: %v", err)
	}
	for _, c := range []*grant.SetConfig{{Bytes: -1}, {Share: -1}, {Bytes: 10, Share: 11}} {
		if _, err := grant.NewSet(c); err == nil {
			t.Errorf("%+v was accepted", *c)
		}
	}
}

// T25: fresh links work only while it is known that nothing was kept back.
func TestT25Freshness(t *testing.T) {
	minute := time.Minute
	g := mustIssue(t, home, "", terms(anna, 2))
	g = mustDelegate(t, g, anna, terms(billie, 1, grant.Fresh(10*minute)))
	old := mustDelegate(t, mustIssue(t, home, "", terms(anna, 2)), anna, terms(claire, 1))
	mine, theirs := newSet(t, nil), newSet(t, nil) // anna's, and that of the verifier
	now := start
	permits := func() bool {
		return g.Permits(grant.Call{}, now, counted{theirs}) == nil
	}
	head := func() []byte {
		t.Helper()
		b, err := mine.Head(anna, g, g.ID(), now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mine.Add(b, now); err != nil {
			t.Fatal(err)
		}
		return b
	}
	add := func(b []byte) error { _, err := theirs.Add(b, now); return err }
	if permits() {
		t.Error("without a head")
	}
	first := head()
	if err := add(first); err != nil || !permits() {
		t.Fatalf("with a fresh head: %v", err)
	}
	now = start.Add(10 * minute)
	if permits() {
		t.Error("with a stale head")
	}
	one := revoke(t, mine, old, 2, anna, nil)
	two := revoke(t, mine, old, 2, anna, nil)
	second := head()
	if err := add(second); err != nil {
		t.Fatal(err)
	}
	if permits() {
		t.Error("with revocations that a relay keeps back")
	}
	if err := add(two); err != nil || permits() {
		t.Errorf("with one that a relay keeps back: %v", err)
	}
	if err := add(one); err != nil || !permits() || !theirs.Gapless(anna.key(), home.key()) {
		t.Errorf("with everything: %v", err)
	}
	if err := add(first); err != nil || !theirs.AsOf(anna.key(), home.key()).Equal(now) {
		t.Errorf("an old head replaced a new one: %v", err)
	}
	// One that comes after the head does not make it worse.
	now = now.Add(minute)
	three := revoke(t, mine, old, 2, anna, nil)
	if err := add(three); err != nil || !permits() {
		t.Errorf("with more than the head counts: %v", err)
	}
	// Nor one that comes before it.
	late := newSet(t, nil)
	for _, b := range [][]byte{one, two, three, second} {
		if _, err := late.Add(b, now); err != nil {
			t.Fatal(err)
		}
	}
	if late.AsOf(anna.key(), home.key()).IsZero() || !late.Gapless(anna.key(), home.key()) {
		t.Error("more than the head counts came before it")
	}
	behind := newSet(t, nil)
	if _, err := behind.Add(second, now); err != nil {
		t.Fatal(err)
	}
	if behind.Gapless(anna.key(), home.key()) || !behind.Gapless(home.key(), home.key()) {
		t.Error("nothing of what a head counts is here, and that is not noticed")
	}
	if _, err := behind.Add(one, now); err != nil || behind.Gapless(anna.key(), home.key()) {
		t.Errorf("the last that a head counts is not here, and that is not noticed: %v", err)
	}
	gap := newSet(t, nil)
	for _, b := range [][]byte{one, three} {
		if _, err := gap.Add(b, now); err != nil {
			t.Fatal(err)
		}
	}
	if gap.Gapless(anna.key(), home.key()) {
		t.Error("a gap is not noticed")
	}

	forge := func(f fields, by person) []byte {
		return encode([][]byte{coseOf("head", "head", encode(f)).seal(by), g.Bytes()})
	}
	newer := fields{1: 1, 2: keyBytes(anna), 3: keyBytes(home), 4: 3, 5: make([]byte, 32), 6: now.Add(time.Second).Unix(), 7: make([]byte, 32)}
	for what, c := range map[string]struct {
		b    []byte
		want grant.Reason
	}{
		"of the future":        {forge(newer.with(6, now.Add(2*minute).Unix()), anna), grant.NotYet},
		"that goes back":       {forge(newer.with(4, 1), anna), grant.Broken},
		"by who has no say":    {forge(newer.with(2, keyBytes(billie)), billie), grant.Broken},
		"about another":        {forge(newer.with(3, keyBytes(anna)), anna), grant.Broken},
		"signed by another":    {forge(newer, mallet), grant.Forged},
		"of nothing with last": {forge(newer.with(4, 0), anna), grant.Malformed},
		"without a last":       {forge(newer.with(5, nil), anna), grant.Malformed},
		"without a time":       {forge(newer.with(6, 0), anna), grant.Malformed},
		"version 2":            {forge(newer.with(1, 2), anna), grant.Malformed},
		"number 2^53+1":        {forge(newer.with(4, uint64(1)<<53+1), anna), grant.Malformed},
		"of the year 10000":    {forge(newer.with(6, int64(253402300800)), anna), grant.Malformed},
	} {
		refused(t, "a head "+what, add(c.b), c.want)
	}
	if !permits() {
		t.Error("forged heads did something")
	}
	if _, err := mine.Head(billie, g, g.ID(), now); err == nil {
		t.Error("who has not issued the link made a head for it")
	}
	if _, err := mine.Head(anna, g, grant.LinkID{}, now); err == nil {
		t.Error("there is a head for a link that is not there")
	}
	for _, bad := range []time.Time{{}, time.Unix(0, 0), time.Unix(253402300800, 0)} {
		if _, err := mine.Head(anna, g, g.ID(), bad); err == nil {
			t.Errorf("there is a head as of %s", bad)
		}
	}
	// A lapsed revocation is kept as long as a head counts it, and no longer.
	if ids := theirs.Evict(start.Add(3 * day)); len(ids) != 4 {
		t.Errorf("%d of 4 notices lapsed with their links", len(ids))
	}
}

// A revocation that has lapsed is kept as long as a head counts it, so that who comes late can count it, too.
func TestHeadKeeps(t *testing.T) {
	s := newSet(t, nil)
	long := mustIssue(t, home, "", grant.Terms{Audience: anna.key(), Expires: start.Add(10 * day), Depth: 1})
	short := mustIssue(t, home, "", terms(anna, 0)) // until the second day
	revoke(t, s, short, 1, home, nil)
	head := func(now time.Time) {
		t.Helper()
		b, err := s.Head(home, long, long.ID(), now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Add(b, now); err != nil {
			t.Fatal(err)
		}
	}
	head(start)
	later := start.Add(3 * day)
	if gone := s.Evict(later); len(gone) != 0 {
		t.Errorf("%d notices were dropped that a head counts", len(gone))
	}
	late := newSet(t, nil)
	if _, err := late.Merge(s.All(), later); err != nil {
		t.Fatal(err)
	}
	if !late.AsOf(home.key(), home.key()).Equal(start) {
		t.Error("who comes late cannot count what has lapsed")
	}
	head(later)
	if gone := s.Evict(later); len(gone) != 1 || !s.AsOf(home.key(), home.key()).Equal(later) {
		t.Errorf("%d notices were dropped that no head counts any more", len(gone))
	}
	if s.Feed(home.key(), home.key()).Seq != 1 {
		t.Error("the feed begins again although there is a head")
	}
	if gone := s.Evict(start.Add(11 * day)); len(gone) != 1 || s.Tables() != 0 || s.Feed(home.key(), home.key()).Seq != 0 {
		t.Errorf("%d heads were dropped with their links", len(gone))
	}
}

// counted is a State of a Set and no uses.
type counted struct{ *grant.Set }

func (counted) Uses(grant.LinkID) uint64 { return 0 }

// T33: a lost key is renounced by its owner, and a group gives its members new links.
func TestT33KeyLoss(t *testing.T) {
	s := newSet(t, nil)
	group := newPerson("group")
	root := mustIssue(t, home, "", terms(group, 2))
	member := mustDelegate(t, root, group, terms(billie, 1))
	other := mustDelegate(t, root, group, terms(claire, 1))
	revoke(t, s, member, 2, billie, nil) // by whoever has the key, its thief included: that does no harm
	refused(t, "renounced", with(s, start).Verify(member), grant.Withdrawn)
	refused(t, "and passed on", with(s, start).Verify(mustDelegate(t, member, billie, terms(mallet, 0))), grant.Withdrawn)
	again := mustDelegate(t, root, group, terms(newPerson("billie's new key"), 1))
	for what, g := range map[string]*grant.Grant{"another member": other, "the new key": again, "the group": root} {
		if err := with(s, start).Verify(g); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	// The home has a new key: what the old one granted has another subject.
	if moved := chainOf(t, newPerson("home's new key"), anna); moved.Subject() == root.Subject() {
		t.Error("two homes have one subject")
	}
}

func TestCut(t *testing.T) {
	s := newSet(t, nil)
	g := chainOf(t, home, anna, billie)
	other := mustDelegate(t, mustIssue(t, home, "", terms(anna, 1)), anna, terms(billie, 0))
	if _, ok := s.Cut(g.ID(), g.ID()); ok {
		t.Error("there is an exception from no revocation")
	}
	revoke(t, s, g, 2, anna, map[grant.LinkID]uint64{g.ID(): 7, other.ID(): 3})
	if n, ok := s.Cut(g.ID(), g.ID()); !ok || n != 7 {
		t.Errorf("%d, %t", n, ok)
	}
	revoke(t, s, g, 2, home, map[grant.LinkID]uint64{g.ID(): 5})
	if n, ok := s.Cut(g.ID(), g.ID()); !ok || n != 5 {
		t.Errorf("the least of two exceptions is %d, %t", n, ok)
	}
	if _, ok := s.Cut(g.ID(), other.ID()); ok {
		t.Error("an exception that one of two revocations makes counts")
	}
	revoke(t, s, g, 2, billie, nil)
	if _, ok := s.Cut(g.ID(), g.ID()); ok {
		t.Error("an exception that two of three revocations make counts")
	}
	many := map[grant.LinkID]uint64{}
	for i := range grant.MaxCuts + 1 {
		many[grant.LinkID{byte(i)}] = 1
	}
	if _, err := g.Revoke(anna, grant.Withdrawal{Link: g.ID(), Cut: many}, grant.Feed{}); err == nil {
		t.Error("there are too many exceptions")
	}
	delete(many, grant.LinkID{})
	b, err := g.Revoke(anna, grant.Withdrawal{Link: g.ID(), Cut: many}, grant.Feed{})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := grant.ParseRevocation(b); err != nil || len(r.Cut) != grant.MaxCuts {
		t.Errorf("%v", err)
	}
}

func keyBytes(p person) []byte { k := p.key(); return k[:] }

func linksOf(t testing.TB, g *grant.Grant) [][]byte {
	t.Helper()
	var links [][]byte
	if err := decode(g.Bytes(), &links); err != nil {
		t.Fatal(err)
	}
	return slices.Clip(links)
}
