package grant_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/sturdyref/grant"
)

func mustSign(t testing.TB, by person, g *grant.Grant, m grant.Message) *grant.Message {
	t.Helper()
	b, err := grant.SignMessage(by, g, m)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := grant.ParseMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestMessage(t *testing.T) {
	g := chainOf(t, home, anna, billie)
	m := grant.Message{
		To: home.key(), Seq: 3, ID: [16]byte{9}, Authored: start, AcceptBy: start.Add(time.Hour), Method: "add", Args: []byte{1, 2}, ReplyTo: []byte("billie"),
	}
	got := mustSign(t, billie, g, m)
	if got.To != m.To || got.Seq != 3 || got.ID != m.ID || !got.Authored.Equal(m.Authored) || !got.AcceptBy.Equal(m.AcceptBy) || got.Method != "add" ||
		!bytes.Equal(got.Args, m.Args) || !bytes.Equal(got.ReplyTo, m.ReplyTo) || got.Grant != g.ID() || got.Object != object {
		t.Errorf("it became %+v", got)
	}
	if err := at(start).CheckMessage(g, got, home.key()); err != nil {
		t.Error(err)
	}
	m.ID, m.AcceptBy = [16]byte{}, time.Time{}
	if got := mustSign(t, billie, g, m); got.ID == ([16]byte{}) || !got.AcceptBy.Equal(g.Accept()) {
		t.Errorf("the defaults are %+v", got)
	}
	live := chainOf(t, home, anna)
	noMail := mustIssue(t, home, "", grant.Terms{Audience: anna.key(), Expires: start.Add(day), Depth: 1})
	lasting := mustDelegate(t, noMail, anna, terms(billie, 0))
	for want, c := range map[string]struct {
		by     person
		g      *grant.Grant
		change func(*grant.Message)
	}{
		"the grant is for":       {anna, g, func(*grant.Message) {}},
		"an accept-by time":      {anna, noMail, func(*grant.Message) {}},
		"not every link":         {billie, lasting, func(*grant.Message) {}},
		"Seq is 0":               {billie, g, func(m *grant.Message) { m.Seq = 0 }},
		"do not fit":             {billie, g, func(m *grant.Message) { m.Authored = time.Time{} }},
		"AcceptBy (2030-01-01T1": {billie, g, func(m *grant.Message) { m.AcceptBy = start.Add(-1) }},
		"AcceptBy (2030-01-04T1": {billie, g, func(m *grant.Message) { m.AcceptBy = start.Add(3 * day) }},
		"has expired":            {billie, g, func(m *grant.Message) { m.Authored = start.Add(day) }},
		"257":                    {billie, g, func(m *grant.Message) { m.Method = strings.Repeat("m", 257) }},
		"1025":                   {billie, g, func(m *grant.Message) { m.ReplyTo = make([]byte, 1025) }},
		"at most 524288 bytes":   {billie, g, func(m *grant.Message) { m.Args = make([]byte, grant.MaxMessage) }},
		"live session":           {anna, mustIssue(t, home, "", terms(anna, 0, grant.LiveOnly())), func(*grant.Message) {}},
		"numbered 5 to 9":        {anna, mustIssue(t, home, "", terms(anna, 0, grant.SeqWindow(5, 9))), func(*grant.Message) {}},
	} {
		bad := grant.Message{To: home.key(), Seq: 3, Authored: start, Method: "add"}
		c.change(&bad)
		if b, err := grant.SignMessage(c.by, c.g, bad); b != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error that says %q", err, want)
		}
	}
	refused(t, "nothing read", at(start).CheckMessage(live, &grant.Message{To: home.key()}, home.key()), grant.Malformed)
}

// What is signed by whom it may be signed is looked at like everything else.
func TestMessageForgery(t *testing.T) {
	g := chainOf(t, home, anna, billie)
	h, id := home.key(), g.ID()
	f := fields{1: 1, 2: h[:], 3: id[:], 4: 1, 5: make([]byte, 16), 6: start.Unix(), 7: start.Add(day).Unix(), 8: object[:], 9: "add", 10: []byte{}}
	read := func(f fields, by person) (*grant.Message, error) {
		return grant.ParseMessage(coseOf("message", "msg", encode(f)).seal(by))
	}
	m, err := read(f, billie)
	if err != nil || at(start).CheckMessage(g, m, h) != nil {
		t.Fatalf("made by hand: %v", err)
	}
	for what, f := range map[string]fields{
		"version 2":       f.with(1, 2),
		"number 0":        f.with(4, 0),
		"number -1":       f.with(4, -1),
		"written never":   f.with(6, 0),
		"accepted before": f.with(7, start.Unix()-1),
		"accepted always": f.with(7, uint64(math.MaxUint64)),
		"long method":     f.with(9, strings.Repeat("m", 257)),
		"no arguments":    f.with(10, nil),
		"text arguments":  f.with(10, "x"),
		"empty reply":     f.with(11, []byte{}),
		"long reply":      f.with(11, make([]byte, 1025)),
		"more":            f.with(12, 1),
	} {
		m, err := read(f, billie)
		refused(t, what, err, grant.Malformed)
		if m != nil {
			t.Errorf("%s: there is a message", what)
		}
	}
	for what, c := range map[string]struct {
		f    fields
		want grant.Reason
	}{
		"another grant":        {f.with(3, make([]byte, 32)), grant.Misdirected},
		"another object":       {f.with(8, make([]byte, 16)), grant.Misdirected},
		"from the future":      {f.with(6, start.Add(61*time.Second).Unix()), grant.NotYet},
		"accept-by of its own": {f.with(6, start.Add(-2*time.Hour).Unix(), 7, start.Add(-time.Hour).Unix()), grant.Expired},
	} {
		m, err := read(c.f, billie)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		refused(t, what, at(start).CheckMessage(g, m, h), c.want)
	}
}

// T22: what was written in time is accepted late, until accept-by, and only within its window.
func TestT22Late(t *testing.T) {
	g := mustIssue(t, home, "", terms(anna, 1, grant.SeqWindow(2, 9)))
	g = mustDelegate(t, g, anna, grant.Terms{Audience: billie.key(), NotBefore: start, Expires: start.Add(2 * day), Accept: start.Add(3 * day)})
	// Expires after a day, accepted for two.
	last := start.Add(2 * day)
	sign := func(seq uint64, authored time.Time) *grant.Message {
		h, id := home.key(), g.ID()
		f := fields{1: 1, 2: h[:], 3: id[:], 4: seq, 5: make([]byte, 16), 6: authored.Unix(), 7: last.Add(day).Unix(), 8: object[:], 9: "", 10: []byte{}}
		m, err := grant.ParseMessage(coseOf("message", "msg", encode(f)).seal(billie))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct {
		seq           uint64
		authored, now time.Time
		want          grant.Reason
	}{
		{2, start, start, ""},
		{9, start.Add(day - time.Second), last.Add(-time.Second), ""},
		{5, start.Add(day + 59*time.Second), last.Add(59 * time.Second), ""},
		{5, start.Add(day), last.Add(60 * time.Second), grant.Expired},
		{5, start.Add(day + 60*time.Second), last, grant.Expired},
		{5, start.Add(-59 * time.Second), start, ""},
		{5, start.Add(-61 * time.Second), start, grant.NotYet},
		{5, start.Add(59 * time.Second), start, ""},
		{5, start.Add(61 * time.Second), start, grant.NotYet},
		{1, start, start, grant.Beyond},
		{10, start, start, grant.Beyond},
		{math.MaxUint64, start, start, grant.Beyond},
	} {
		err := at(c.now).CheckMessage(g, sign(c.seq, c.authored), home.key())
		if c.want == "" && err != nil {
			t.Errorf("%+v: %v", c, err)
		} else if c.want != "" {
			refused(t, "late", err, c.want)
		}
	}
	live := mustIssue(t, home, "", terms(anna, 0, grant.LiveOnly()))
	h, id := home.key(), live.ID()
	f := fields{1: 1, 2: h[:], 3: id[:], 4: 1, 5: make([]byte, 16), 6: start.Unix(), 7: last.Unix(), 8: object[:], 9: "", 10: []byte{}}
	m, err := grant.ParseMessage(coseOf("message", "msg", encode(f)).seal(anna))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "live-only", at(start).CheckMessage(live, m, h), grant.Beyond)
	methods := mustIssue(t, home, "", grant.Terms{Audience: anna.key(), Methods: []string{"list"}, Expires: start.Add(day), Accept: start.Add(day)})
	id = methods.ID()
	m, err = grant.ParseMessage(coseOf("message", "msg", encode(f.with(3, id[:], 9, "add"))).seal(anna))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "method", at(start).CheckMessage(methods, m, h), grant.Beyond)
	noMail := mustIssue(t, home, "", grant.Terms{Audience: anna.key(), Expires: start.Add(day)})
	id = noMail.ID()
	m, err = grant.ParseMessage(coseOf("message", "msg", encode(f.with(3, id[:]))).seal(anna))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "no accept-by", at(start).CheckMessage(noMail, m, h), grant.Beyond)
	refused(t, "no grant", at(start).CheckMessage(new(grant.Grant), m, h), grant.Malformed)
}

// Mail that comes after a revocation loses, except up to a cut; and cheap checks come before signatures.
func TestMessageAfterRevocation(t *testing.T) {
	g := chainOf(t, home, anna, billie)
	m := func(seq uint64) *grant.Message {
		return mustSign(t, billie, g, grant.Message{To: home.key(), Seq: seq, Authored: start})
	}
	s := newSet(t, nil)
	v := with(s, start)
	checked := 0
	v.Checked = func(grant.LinkID) { checked++ }
	if err := v.CheckMessage(g, m(1), home.key()); err != nil || checked != 2 {
		t.Errorf("before: %v, %d signatures", err, checked)
	}
	revoke(t, s, g, 1, home, map[grant.LinkID]uint64{g.ID(): 4})
	for seq, ok := range map[uint64]bool{1: true, 4: true, 5: false} {
		if err := v.CheckMessage(g, m(seq), home.key()); (err == nil) != ok {
			t.Errorf("message %d: %v, want it to be heard: %t", seq, err, ok)
		}
	}
	refused(t, "a session", v.Verify(g), grant.Withdrawn)
	v.Cut = nil
	refused(t, "who knows no exceptions", v.CheckMessage(g, m(1), home.key()), grant.Withdrawn)
	v.Cut = s.Cut
	revoke(t, s, g, 2, anna, nil)
	checked = 0
	refused(t, "two revocations", v.CheckMessage(g, m(1), home.key()), grant.Withdrawn)
	if checked != 0 {
		t.Errorf("%d signatures were checked of what is refused anyway", checked)
	}
}

// T27: who has stolen a recipient's key can seal mail from anybody, and sign for nobody.
func TestT27SenderSpoof(t *testing.T) {
	g := chainOf(t, home, anna)
	h, id := home.key(), g.ID()
	f := fields{1: 1, 2: h[:], 3: id[:], 4: 1, 5: make([]byte, 16), 6: start.Unix(), 7: start.Add(day).Unix(), 8: object[:], 9: "", 10: []byte{}}
	for name, thief := range map[string]person{"home": home, "mallet": mallet} {
		m, err := grant.ParseMessage(coseOf("message", "msg", encode(f)).seal(thief))
		if err != nil {
			t.Fatal(err)
		}
		refused(t, name, at(start).CheckMessage(g, m, h), grant.Forged)
	}
}

// T28: a message cannot be sealed again to somebody else.
func TestT28SurreptitiousForwarding(t *testing.T) {
	g := chainOf(t, home, anna)
	m := mustSign(t, anna, g, grant.Message{To: home.key(), Seq: 1, Authored: start})
	refused(t, "to another", at(start).CheckMessage(g, m, billie.key()), grant.Misdirected)
	other := mustIssue(t, home, "", terms(anna, 0))
	refused(t, "by another grant", at(start).CheckMessage(other, m, home.key()), grant.Misdirected)
}

// T26: as far as it is here, a number is taken once, in any order, also after the window was stored.
func TestT26Window(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w grant.Window
		taken := map[uint64]bool{}
		var top uint64
		numbers := rapid.OneOf(rapid.Uint64Range(0, 3000), rapid.Uint64Range(5000, 5100), rapid.Uint64(),
			rapid.Custom(func(t *rapid.T) uint64 { return top + rapid.Uint64Range(0, 2100).Draw(t, "ahead") - 1050 }))
		for range rapid.IntRange(1, 200).Draw(t, "count") {
			n := numbers.Draw(t, "n")
			want := n != 0 && !taken[n] && (n > top || top-n < 1024)
			if got := w.Take(n); got != want {
				t.Fatalf("take %d with top %d: %t, want %t", n, top, got, want)
			}
			if want {
				taken[n], top = true, max(top, n)
			}
			if w.Top() != top {
				t.Fatalf("top is %d, want %d", w.Top(), top)
			}
			if rapid.IntRange(0, 9).Draw(t, "store") == 0 {
				b, err := w.MarshalBinary()
				if err != nil {
					t.Fatal(err)
				}
				var again grant.Window
				if err := again.UnmarshalBinary(b); err != nil || again != w {
					t.Fatalf("stored: %v", err)
				}
				w = again
			}
		}
	})
	for what, b := range map[string][]byte{
		"short": make([]byte, 135), "others of nothing": append(make([]byte, 16), bytes.Repeat([]byte{1}, 120)...), "bits of nothing": append(make([]byte, 8), bytes.Repeat([]byte{1}, 128)...), "top not taken": append([]byte{0, 0, 0, 0, 0, 0, 0, 1}, make([]byte, 128)...),
	} {
		if err := new(grant.Window).UnmarshalBinary(b); err == nil {
			t.Errorf("%s was read", what)
		}
	}
}
