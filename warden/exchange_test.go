package warden_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/sturdyref/grant"
	"github.com/hawser-go/hawser/vat"
	"github.com/hawser-go/hawser/warden"
)

// other is somebody who answers out of an office of their own.
type other struct {
	*warden.Office
	about              grant.Key
	lists, gets, bytes int
	told, taken        int
}

func (p *other) List(_ context.Context, prefix, digest []byte) ([]byte, error) {
	p.lists++
	b, err := p.Office.List(p.about, prefix, digest)
	p.bytes += len(b)
	return b, err
}

func (p *other) Get(_ context.Context, names []byte) ([][]byte, error) {
	p.gets++
	all, err := p.Office.Get(p.about, names)
	for _, b := range all {
		p.bytes += len(b)
	}
	return all, err
}

func (p *other) Tell(ctx context.Context, notices [][]byte) (int, error) {
	p.told += len(notices)
	n := 0
	for _, b := range notices {
		if _, err := p.Learn(ctx, b); err == nil {
			n++
		}
	}
	p.taken += n
	return n, nil
}

// visitor is an office that is the home of nothing here, and shares what it hears of the host.
func visitor(n byte) *warden.Office {
	o := warden.New(warden.Config{Signer: someone(n)})
	o.Share(host.key())
	return o
}

// revocations are n notices by the host, of grants that were given to anna.
func revocations(t *testing.T, n int) (notices [][]byte, links []grant.LinkID) {
	t.Helper()
	for range n {
		g := issue(t, "reader", anna)
		b, err := g.Revoke(host, grant.Withdrawal{Link: g.ID()}, grant.Feed{})
		if err != nil {
			t.Fatal(err)
		}
		notices, links = append(notices, b), append(links, g.ID())
	}
	return notices, links
}

func learns(t *testing.T, o *warden.Office, notices ...[]byte) {
	t.Helper()
	for _, b := range notices {
		if _, err := o.Learn(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
}

func knows(o *warden.Office, links ...grant.LinkID) (n int) {
	for _, l := range links {
		if o.Heard(host.key()).Has(l) {
			n++
		}
	}
	return n
}

// What one has heard the other has not comes over, both ways, and nothing else does: in one question when there is nothing new.
func TestExchange(t *testing.T) {
	notices, links := revocations(t, 5)
	a, b := visitor(10), visitor(11)
	learns(t, a, notices[0], notices[1])
	learns(t, b, notices[1], notices[2], notices[3], notices[4])
	peer := &other{Office: b, about: host.key()}
	if n, err := a.Exchange(t.Context(), host.key(), peer); n != 3 || err != nil {
		t.Errorf("%d were new, %v", n, err)
	}
	if knows(a, links...) != 5 || knows(b, links...) != 5 || peer.told != 1 || peer.taken != 1 {
		t.Errorf("they know %d and %d; %d were told", knows(a, links...), knows(b, links...), peer.told)
	}
	again := &other{Office: b, about: host.key()}
	if n, err := a.Exchange(t.Context(), host.key(), again); n != 0 || err != nil || again.lists != 1 || again.gets+again.told+again.bytes != 0 {
		t.Errorf("with nothing new: %d, %v, %+v", n, err, again)
	}
	// Somebody who does not share what they hear of that home learns nothing, and has nothing.
	stranger := warden.New(warden.Config{Signer: someone(12)})
	deaf := &other{Office: stranger, about: host.key()}
	if n, err := a.Exchange(t.Context(), host.key(), deaf); n != 0 || err != nil || deaf.taken != 0 || stranger.Homes() != 0 {
		t.Errorf("with a stranger: %d, %v, %+v", n, err, deaf)
	}
	// The home itself hears in the same way what its holders have revoked, and what it has given ends.
	home := warden.New(warden.Config{Signer: host})
	if n, err := home.Exchange(t.Context(), host.key(), peer); n != 5 || err != nil || knows(home, links...) != 5 {
		t.Errorf("the home: %d, %v", n, err)
	}
	for i, l := range links {
		g := issue(t, "reader", anna)
		if g.ID() == l {
			t.Fatal(i)
		}
		if err := a.Verify(g); err != nil {
			t.Errorf("what was not revoked: %v", err)
		}
	}
}

// What was revoked in confidence stays so: an office shows what it is to share, and of the rest not even that it knows it. What it is told of its own
// grants it takes in all the same.
func TestSharedOrNot(t *testing.T) {
	notices, links := revocations(t, 3)
	home, trusting := warden.New(warden.Config{Signer: host}), warden.New(warden.Config{Signer: someone(11)})
	learns(t, home, notices...)
	for _, b := range notices {
		trusting.Trust(b)
	}
	for what, o := range map[string]*warden.Office{"the home": home, "somebody else": trusting} {
		a, peer := visitor(10), &other{Office: o, about: host.key()}
		if n, err := a.Exchange(t.Context(), host.key(), peer); n != 0 || err != nil || peer.bytes != 0 || peer.lists != 1 {
			t.Errorf("%s: %d learned, %d bytes, %v", what, n, peer.bytes, err)
		}
		var names []byte
		for _, name := range o.Heard(host.key()).List(nil).Names {
			names = append(names, name[:]...)
		}
		if all, err := o.Get(host.key(), names); len(names) != 3*32 || len(all) != 0 || err != nil {
			t.Errorf("%s: %d of %d by their names, %v", what, len(all), len(names)/32, err)
		}
		o.Share(host.key())
		if n, err := a.Exchange(t.Context(), host.key(), peer); n != 3 || err != nil || knows(a, links...) != 3 {
			t.Errorf("%s, which shares now: %d learned, %v", what, n, err)
		}
	}
}

// A revoked grant is refused by whoever has heard of that, wherever it is from; others know no better.
func TestVerifyElsewhere(t *testing.T) {
	o := visitor(10)
	g := issue(t, "reader", anna)
	longer := pass(t, g, anna, billie)
	for _, each := range []*grant.Grant{g, longer} {
		if err := o.Verify(each); err != nil {
			t.Error(err)
		}
	}
	b, err := longer.Revoke(billie, grant.Withdrawal{Link: longer.ID()}, grant.Feed{})
	if err != nil {
		t.Fatal(err)
	}
	learns(t, o, b)
	if err := o.Verify(g); err != nil {
		t.Error(err)
	}
	if err := o.Verify(longer); !errors.Is(err, grant.Withdrawn) {
		t.Error(err)
	}
	if err := warden.New(warden.Config{Signer: claire}).Verify(longer); err != nil {
		t.Errorf("nobody has told: %v", err)
	}
	if receipt, err := o.Learn(t.Context(), b); receipt != nil || err != nil {
		t.Errorf("a receipt %x by somebody who is not the home, %v", receipt, err)
	}
}

// Where sets are large and differ in little, little is asked and answered.
func TestExchangeOfLargeSets(t *testing.T) {
	const many, apart = 1500, 7
	notices, links := revocations(t, many)
	a, b := visitor(10), visitor(11)
	load := func(o *warden.Office, notices [][]byte) {
		for _, n := range notices {
			if err := o.Heard(host.key()).Load(n, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	load(a, notices[apart:])
	load(b, notices[:many-apart])
	peer := &other{Office: b, about: host.key()}
	if n, err := a.Exchange(t.Context(), host.key(), peer); n != apart || err != nil {
		t.Errorf("%d were new, %v", n, err)
	}
	if n := knows(a, links...); n != many {
		t.Errorf("%d are known", n)
	}
	if n := knows(b, links...); n != many {
		t.Errorf("the other knows %d", n)
	}
	if asked := peer.lists + peer.gets; asked > 8*apart || peer.bytes > 64<<10 {
		t.Errorf("%d questions, %d bytes answered", asked, peer.bytes)
	}
	t.Logf("%d of %d differ: %d questions, %d bytes answered, %d told", 2*apart, many, peer.lists+peer.gets, peer.bytes, peer.told)

	// Whoever has nothing gets it all, and whoever has it all tells only so much.
	c := visitor(12)
	peer = &other{Office: b, about: host.key()}
	if n, err := c.Exchange(t.Context(), host.key(), peer); n != many || err != nil {
		t.Errorf("%d were new to somebody new, %v", n, err)
	}
	peer = &other{Office: visitor(13), about: host.key()}
	if n, err := c.Exchange(t.Context(), host.key(), peer); n != 0 || err != nil || peer.taken != warden.MaxTold {
		t.Errorf("%d were new, %d told, %v", n, peer.taken, err)
	}
}

// T24, among offices: whoever has what at first, and whoever meets whom, in the end all know the same, what is refused stays
// so, and a head makes what it counts complete.
func TestT24Exchanges(t *testing.T) {
	root := issue(t, "reader", anna)
	longer := pass(t, root, anna, billie)
	said, err := grant.NewSet(nil)
	if err != nil {
		t.Fatal(err)
	}
	var pool [][]byte
	add := func(b []byte, err error) {
		t.Helper()
		if err == nil {
			_, err = said.Add(b, time.Now())
		}
		if err != nil {
			t.Fatal(err)
		}
		pool = append(pool, b)
	}
	for i := range 8 {
		g := pass(t, longer, billie, claire)
		by := []person{host, anna, billie, claire}[i%4]
		add(g.Revoke(by, grant.Withdrawal{Link: g.ID()}, said.Feed(by.key(), host.key())))
	}
	add(said.Head(anna, longer, longer.ID(), time.Now().Add(-2*time.Minute)))
	add(said.Head(anna, longer, longer.ID(), time.Now()))
	rapid.Check(t, func(t *rapid.T) {
		all := make([]*warden.Office, rapid.IntRange(2, 5).Draw(t, "parties"))
		seen := make([]map[grant.LinkID]bool, len(all))
		for i := range all {
			all[i], seen[i] = visitor(byte(20+i)), map[grant.LinkID]bool{}
		}
		for i, b := range pool {
			who := rapid.IntRange(0, len(all)-1).Draw(t, fmt.Sprintf("who hears of %d", i))
			if _, err := all[who].Learn(context.Background(), b); err != nil {
				t.Fatal(err)
			}
		}
		check := func() {
			for i, o := range all {
				for _, b := range pool {
					c, err := grant.ConcernOf(b)
					if err != nil {
						t.Fatal(err)
					}
					has := c.Revokes && o.Heard(host.key()).Has(c.Link)
					if seen[i][c.Link] && !has && c.Revokes {
						t.Fatalf("party %d takes back what was revoked", i)
					}
					seen[i][c.Link] = has
				}
			}
		}
		meet := func(a, b int) {
			if a == b {
				return
			}
			if _, err := all[a].Exchange(context.Background(), host.key(), &other{Office: all[b], about: host.key()}); err != nil {
				t.Fatal(err)
			}
			check()
		}
		party := rapid.IntRange(0, len(all)-1)
		for _, m := range rapid.SliceOfN(rapid.Custom(func(t *rapid.T) [2]int {
			return [2]int{party.Draw(t, "a"), party.Draw(t, "b")}
		}), 0, 6).Draw(t, "meetings") {
			meet(m[0], m[1])
		}
		for i := 1; i < len(all); i++ { // the partition heals
			meet(i-1, i)
		}
		for i := len(all) - 1; i > 0; i-- {
			meet(i, i-1)
		}
		want := all[0].Heard(host.key())
		for i, o := range all {
			got := o.Heard(host.key())
			n, _ := got.Len()
			if got.Digest(nil) != want.Digest(nil) || n != 9 { // one head has taken the other's place
				t.Fatalf("party %d knows %d notices", i, n)
			}
			if got.AsOf(anna.key(), host.key()).IsZero() {
				t.Fatalf("party %d does not know that it knows all of anna's", i)
			}
		}
	})
}

// hostile answers as it likes.
type hostile struct {
	list    func(prefix, digest []byte) []byte
	get     func(names []byte) [][]byte
	asked   int
	stalled bool
}

func (h *hostile) List(ctx context.Context, prefix, digest []byte) ([]byte, error) {
	h.asked++
	if h.stalled {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	return h.list(prefix, digest), nil
}

func (h *hostile) Get(_ context.Context, names []byte) ([][]byte, error) {
	h.asked++
	return h.get(names), nil
}

func (h *hostile) Tell(context.Context, [][]byte) (int, error) { return 0, nil }

// What a peer answers costs only so much, leaves nothing behind that is not good, and is no reason not to ask somebody else.
func TestExchangeWithLiars(t *testing.T) {
	notices, links := revocations(t, 3)
	good, honest := notices[0], visitor(11)
	learns(t, honest, notices...)
	nameOf := func(b []byte) [32]byte {
		c, err := grant.ConcernOf(b)
		if err != nil {
			t.Fatal(err)
		}
		return c.Name
	}
	elsewhere, err := grant.Issue(billie, grant.Root{Object: theFolder, Role: "reader"}, terms(anna))
	if err != nil {
		t.Fatal(err)
	}
	others, err := elsewhere.Revoke(billie, grant.Withdrawal{Link: elsewhere.ID()}, grant.Feed{})
	if err != nil {
		t.Fatal(err)
	}
	forged := slices.Clone(good)
	forged[len(forged)/8] ^= 1
	n := uint64(0)
	random := func(prefix []byte) (name [32]byte) {
		n++
		copy(name[:], prefix)
		for i := range 8 {
			name[31-i] = byte(n >> (8 * i))
		}
		return name
	}
	names := func(prefix []byte, n int) []byte {
		var l grant.Listing
		for range n {
			l.Names = append(l.Names, random(prefix))
		}
		return l.Bytes()
	}
	parts := func() []byte {
		l := grant.Listing{Parts: make([][32]byte, 256)}
		for i := range l.Parts {
			l.Parts[i] = random([]byte{1})
		}
		return l.Bytes()
	}
	nothing := func([]byte) [][]byte { return nil }
	for what, c := range map[string]struct {
		hostile
		fails bool
	}{
		"the same, it says": {hostile{list: func(_, _ []byte) []byte { return nil }}, false},
		"nothing there":     {hostile{list: func(_, _ []byte) []byte { return grant.Listing{}.Bytes() }}, false},
		"no listing":        {hostile{list: func(_, _ []byte) []byte { return []byte("rubbish") }}, true},
		"a huge listing":    {hostile{list: func(_, _ []byte) []byte { return make([]byte, 1<<20) }}, true},
		"parts without end": {hostile{list: func(_, _ []byte) []byte { return parts() }}, true},
		"parts, then names": {hostile{list: func(prefix, _ []byte) []byte {
			return map[bool][]byte{true: parts(), false: names(prefix, 1024)}[len(prefix) < 2]
		}, get: nothing}, true},
		"names out of order": {hostile{list: func(_, _ []byte) []byte { return grant.Listing{Names: [][32]byte{{2}, {1}}}.Bytes() }}, true},
		"names of elsewhere": {hostile{list: func(prefix, _ []byte) []byte {
			if len(prefix) == 0 {
				return parts()
			}
			return names([]byte{prefix[0] + 1}, 3)
		}}, true},
		"no notices":         {hostile{list: func(_, _ []byte) []byte { return names(nil, 1024) }, get: nothing}, false},
		"rubbish":            {hostile{list: func(_, _ []byte) []byte { return names(nil, 1024) }, get: func([]byte) [][]byte { return make([][]byte, warden.MaxAsked) }}, false},
		"long rubbish":       {hostile{list: func(_, _ []byte) []byte { return names(nil, 100) }, get: func([]byte) [][]byte { return [][]byte{make([]byte, 1<<20)} }}, false},
		"too many":           {hostile{list: func(_, _ []byte) []byte { return names(nil, 3) }, get: func([]byte) [][]byte { return make([][]byte, 4) }}, true},
		"another home's":     {hostile{list: func(_, _ []byte) []byte { return names(nil, 3) }, get: func([]byte) [][]byte { return [][]byte{others} }}, false},
		"what was not asked": {hostile{list: func(_, _ []byte) []byte { return names(nil, 3) }, get: func([]byte) [][]byte { return [][]byte{good} }}, false},
		"forged": {hostile{list: func(_, _ []byte) []byte { return grant.Listing{Names: [][32]byte{nameOf(good)}}.Bytes() }, get: func([]byte) [][]byte {
			return [][]byte{forged}
		}}, false},
	} {
		a := visitor(10)
		learned, err := a.Exchange(t.Context(), host.key(), &c.hostile)
		if learned != 0 || (err != nil) != c.fails {
			t.Errorf("%s: %d learned, %v", what, learned, err)
		}
		if known, _ := a.Heard(host.key()).Len(); known != 0 || a.Homes() != 1 || a.Heard(billie.key()) != nil {
			t.Errorf("%s: %d notices were taken in, of %d homes", what, known, a.Homes())
		}
		if c.asked > warden.Fruitless {
			t.Errorf("%s: %d questions", what, c.asked)
		}
		if n, err := a.Exchange(t.Context(), host.key(), &other{Office: honest, about: host.key()}); n != 3 || err != nil || knows(a, links...) != 3 {
			t.Errorf("after %s: %d, %v", what, n, err)
		}
	}

	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errEmpty)
	defer cancel()
	if _, err := visitor(10).Exchange(ctx, host.key(), &hostile{stalled: true}); !errors.Is(err, errEmpty) {
		t.Errorf("a peer that does not answer: %v", err)
	}
}

// mint is somebody with a grant of the host's who makes revocations without end, of what they have passed on to themselves.
type mint struct {
	t     *testing.T
	by    person
	g     *grant.Grant
	made  map[[32]byte][]byte
	asked int
}

func (m *mint) List(context.Context, []byte, []byte) ([]byte, error) {
	m.asked++
	m.made = map[[32]byte][]byte{}
	var l grant.Listing
	for range 200 {
		g := pass(m.t, m.g, m.by, m.by)
		b, err := g.Revoke(m.by, grant.Withdrawal{Link: g.ID(), Reason: fmt.Sprintf("%0200d", 0)}, grant.Feed{})
		if err != nil {
			return nil, err
		}
		c, err := grant.ConcernOf(b)
		if err != nil {
			return nil, err
		}
		m.made[c.Name] = b
		l.Names = append(l.Names, c.Name)
	}
	slices.SortFunc(l.Names, func(a, b [32]byte) int { return slices.Compare(a[:], b[:]) })
	return l.Bytes(), nil
}

func (m *mint) Get(_ context.Context, names []byte) (all [][]byte, err error) {
	m.asked++
	for name := range slices.Chunk(names, 32) {
		all = append(all, m.made[[32]byte(name)])
	}
	return all, nil
}

func (m *mint) Tell(context.Context, [][]byte) (int, error) { return 0, nil }

// T23: good revocations without end, by somebody who may make them, fill the share of those at the same distance from the same
// root; the exchange says so, and what the host revokes is learned all the same.
func TestT23ExchangeWithAMint(t *testing.T) {
	m := &mint{t: t, by: anna, g: issue(t, "reader", anna)}
	a := visitor(10)
	var err error
	for range 20 {
		if _, err = a.Exchange(t.Context(), host.key(), m); err != nil {
			break
		}
	}
	if !errors.Is(err, grant.Full) {
		t.Errorf("%v", err)
	}
	known, bytes := a.Heard(host.key()).Len()
	if bytes > 1<<20 {
		t.Errorf("%d notices take %d bytes", known, bytes)
	}
	b, err := m.g.Revoke(host, grant.Withdrawal{Link: m.g.ID()}, grant.Feed{})
	if err != nil {
		t.Fatal(err)
	}
	learns(t, a, b)
	if err := a.Verify(m.g); !errors.Is(err, grant.Withdrawn) {
		t.Error(err)
	}
	t.Logf("%d notices of %d bytes in %d questions", known, bytes, m.asked)
}

// Questions that are out of bounds are refused, and answers have their bounds.
func TestExchangeQuestions(t *testing.T) {
	notices, _ := revocations(t, warden.MaxAsked)
	o := visitor(10)
	learns(t, o, notices...)
	zero := make([]byte, 32)
	for what, ask := range map[string]func() error{
		"a long prefix":    func() error { _, err := o.List(host.key(), make([]byte, 33), zero); return err },
		"a short digest":   func() error { _, err := o.List(host.key(), nil, zero[1:]); return err },
		"no digest":        func() error { _, err := o.List(host.key(), nil, nil); return err },
		"part of a name":   func() error { _, err := o.Get(host.key(), zero[1:]); return err },
		"names over bound": func() error { _, err := o.Get(host.key(), make([]byte, 32*(warden.MaxAsked+1))); return err },
	} {
		if err := ask(); !errors.Is(err, vat.ErrBadArgs) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if b, err := o.List(billie.key(), nil, zero); len(b) != 0 || err != nil {
		t.Errorf("a home of which nothing is known: %x, %v", b, err)
	}
	if b, err := o.List(billie.key(), []byte{1}, notices[0][:32]); string(b) != "\x00" || err != nil {
		t.Errorf("a home of which nothing is known: %x, %v", b, err)
	}
	if all, err := o.Get(billie.key(), zero); all != nil || err != nil || o.Homes() != 1 {
		t.Errorf("%d notices, %v, %d homes", len(all), err, o.Homes())
	}
	// The longest notices do not all fit into one answer, and come in several.
	long := visitor(11)
	cut := map[grant.LinkID]uint64{}
	for i := range grant.MaxCuts {
		cut[grant.LinkID{byte(i)}] = 1 << 60
	}
	g := issue(t, "reader", anna)
	for range 3 {
		g = pass(t, g, anna, anna)
	}
	for i := range 80 {
		b, err := g.Revoke(anna, grant.Withdrawal{Link: g.ID(), Cut: cut, Reason: fmt.Sprintf("%0200d", i)}, grant.Feed{})
		if err != nil {
			t.Fatal(err)
		}
		learns(t, long, b)
	}
	var names []byte
	for _, name := range long.Heard(host.key()).List(nil).Names[:warden.MaxAsked] {
		names = append(names, name[:]...)
	}
	if all, err := long.Get(host.key(), names); len(all) == 0 || len(all) >= warden.MaxAsked || err != nil {
		t.Errorf("%d in one answer, %v", len(all), err)
	}
	peer := &other{Office: long, about: host.key()}
	if n, err := o.Exchange(t.Context(), host.key(), peer); n != 80 || err != nil || peer.gets > 3 {
		t.Errorf("%d learned in %d answers of %d bytes, %v", n, peer.gets, peer.bytes, err)
	}
}

// T23: what strangers say of homes that do not matter takes no room, however much it is.
func TestT23Strangers(t *testing.T) {
	o := visitor(10)
	for i := range 300 {
		by := someone(byte(i))
		if by.key() == host.key() {
			continue
		}
		g, err := grant.Issue(by, grant.Root{Object: theFolder}, terms(by))
		if err != nil {
			t.Fatal(err)
		}
		b, err := g.Revoke(by, grant.Withdrawal{Link: g.ID()}, grant.Feed{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Learn(t.Context(), b); !errors.Is(err, grant.Misdirected) && by.key() != someone(10).key() {
			t.Errorf("%d: %v", i, err)
		}
		_ = o.Verify(g)
	}
	if o.Homes() != 1 {
		t.Errorf("something is kept of %d homes", o.Homes())
	}
}
