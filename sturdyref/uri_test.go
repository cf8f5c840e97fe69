package sturdyref_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hawser-go/hawser/sturdyref"
)

func TestParse(t *testing.T) {
	for uri, want := range map[string]struct {
		peer  sturdyref.Peer
		swiss string
		again string // if the canonical form differs
	}{
		"ocapn://abc.hawser/s/AAEC": {sturdyref.Peer{Transport: "hawser", Designator: "abc"}, "\x00\x01\x02", ""},
		"ocapn://a.b.c.onion/s/AAEC": {
			sturdyref.Peer{Transport: "onion", Designator: "a.b.c"}, "\x00\x01\x02", "",
		},
		"ocapn://a%40b.x/s/AAEC?k=v&a=1": {
			sturdyref.Peer{Transport: "x", Designator: "a@b", Hints: map[string]string{"k": "v", "a": "1"}},
			"\x00\x01\x02", "ocapn://a%40b.x/s/AAEC?a=1&k=v",
		},
		// Endo and Goblins: text, written as base64url.
		"ocapn://q2.websocket/s/Z3JlZXRlcg?url=ws%3A%2F%2F127.0.0.1%3A80": {
			sturdyref.Peer{Transport: "websocket", Designator: "q2", Hints: map[string]string{"url": "ws://127.0.0.1:80"}},
			"greeter", "ocapn://q2.websocket/s/Z3JlZXRlcg?url=ws://127.0.0.1:80",
		},
		// The draft: literal text. The public suite's swiss numbers have a + and are read so.
		"ocapn://p.t/s/JadQ0++RzsD4M+40uLxTWVaVqM10DcBJ": {
			sturdyref.Peer{Transport: "t", Designator: "p"}, "JadQ0++RzsD4M+40uLxTWVaVqM10DcBJ", "ocapn://p.t/s/JadQ0%2B%2BRzsD4M%2B40uLxTWVaVqM10DcBJ",
		},
		"ocapn://p.t/s/my%20room!":  {sturdyref.Peer{Transport: "t", Designator: "p"}, "my room!", "ocapn://p.t/s/my%20room%21"},
		"ocapn://p.t/s/%65cho":      {sturdyref.Peer{Transport: "t", Designator: "p"}, "echo", "ocapn://p.t/s/ZWNobw"},
		"ocapn://p.t/s/echo":        {sturdyref.Peer{Transport: "t", Designator: "p"}, "y\xc8h", "ocapn://p.t/s/echo"},
		"ocapn://p.t/s/hello":       {sturdyref.Peer{Transport: "t", Designator: "p"}, "hello", ""}, // impossible length
		"ocapn://p.t/s/AB":          {sturdyref.Peer{Transport: "t", Designator: "p"}, "AB", ""},    // unused bits set
		"ocapn://p.t/s/%2E%2E":      {sturdyref.Peer{Transport: "t", Designator: "p"}, "..", "ocapn://p.t/s/Li4"},
		"OCAPN://p.t/s/caf%C3%A9":   {sturdyref.Peer{Transport: "t", Designator: "p"}, "café", "ocapn://p.t/s/caf%C3%A9"},
		"ocapn://p.t/s/hello?a=b=c": {sturdyref.Peer{Transport: "t", Designator: "p", Hints: map[string]string{"a": "b=c"}}, "hello", "ocapn://p.t/s/hello?a=b%3Dc"},
		"ocapn://p.t/s/hello?a=":    {sturdyref.Peer{Transport: "t", Designator: "p", Hints: map[string]string{"a": ""}}, "hello", ""},
		"ocapn://p.t/s/hello?addr=%5B::1%5D:40": {
			sturdyref.Peer{Transport: "t", Designator: "p", Hints: map[string]string{"addr": "[::1]:40"}}, "hello", "",
		},
	} {
		ref, err := sturdyref.Parse(uri)
		if err != nil {
			t.Errorf("Parse(%q): %v", uri, err)
			continue
		}
		if !samePeer(ref.Peer, want.peer) {
			t.Errorf("Parse(%q) has peer %v, want %v", uri, ref.Peer, want.peer)
		}
		if string(ref.Swiss.Reveal()) != want.swiss {
			t.Errorf("Parse(%q) has swiss number %q, want %q", uri, ref.Swiss.Reveal(), want.swiss)
		}
		if want.again == "" {
			want.again = uri
		}
		if got := ref.URI(); got != want.again {
			t.Errorf("Parse(%q).URI() is %q, want %q", uri, got, want.again)
		}
	}
}

func TestParseErrors(t *testing.T) {
	const secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ"
	for uri, want := range map[string]string{
		"":                                                           "begins with ocapn://",
		"http://x.y/s/" + secret:                                     "begins with ocapn://",
		" ocapn://x.y/s/" + secret:                                   "begins with ocapn://",
		"ocapn://x.y/s/" + secret + " ":                              "byte 42",
		"ocapn://x.y/s/" + secret + "\n":                             "byte 42",
		"ocapn://x.y/s/é":                                            "byte 15",
		"ocapn://xy/s/" + secret:                                     "no dot",
		"ocapn://.y/s/" + secret:                                     "designator (before the last dot) is empty",
		"ocapn://x./s/" + secret:                                     "transport name (after the last dot) is empty",
		"ocapn://x.%2E/s/" + secret:                                  "escaped dot",
		"ocapn://u@x.y/s/" + secret:                                  "must be written %40",
		"ocapn://x.y:80/s/" + secret:                                 "must be written %3A",
		"ocapn://x%zz.y/s/" + secret:                                 "two hexadecimal digits",
		"ocapn://x%4":                                                "no dot",
		"ocapn://x.y%4":                                              "ends within",
		"ocapn://%ff.y/s/" + secret:                                  "UTF-8",
		"ocapn://x.y":                                                "the part /s/... with the swiss number is missing",
		"ocapn://x.y/":                                               "the part /s/... with the swiss number is missing",
		"ocapn://x.y/t/" + secret:                                    "begins otherwise",
		"ocapn://x.y/s/":                                             "not copied whole",
		"ocapn://x.y/s/" + secret + "/x":                             "goes on",
		"ocapn://x.y/s/%00" + secret:                                 "control characters",
		"ocapn://x.y/s/[" + secret:                                   "must be written %5B",
		"ocapn://x.y/s/" + secret + "#f":                             "fragment",
		"ocapn://x.y/s/" + secret + "?":                              "hint 1",
		"ocapn://x.y/s/" + secret + "?a":                             "hint 1",
		"ocapn://x.y/s/" + secret + "?a=1&&b=2":                      "hint 2",
		"ocapn://x.y/s/" + secret + "?=1":                            "hint 1",
		"ocapn://x.y/s/" + secret + "?a=1&%61=2":                     "hint 2 has the name of an earlier one",
		"ocapn://x.y/s/" + secret + "?a=[":                           "must be written %5B",
		"ocapn://" + strings.Repeat("x", 1025) + ".y/s/" + secret:    "designator has 1025 bytes",
		"ocapn://x." + strings.Repeat("y", 129) + "/s/" + secret:     "transport name has 129 bytes",
		"ocapn://x.y/s/" + strings.Repeat("AAAA", 342):               "1026 bytes",
		"ocapn://x.y/s/!" + strings.Repeat("AAAA", 256):              "1025 bytes",
		"ocapn://x.y/s/A" + strings.Repeat("A", 16<<10):              "at most 16384",
		"ocapn://x.y/s/" + secret + "?" + strings.Repeat("a=1&", 65): "",
	} {
		_, err := sturdyref.Parse(uri)
		if !errors.Is(err, sturdyref.ErrURI) {
			t.Errorf("Parse(%.60q): got error %v, want one that matches ErrURI", uri, err)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.60q): error %q does not say %q", uri, err, want)
		}
		if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Parse(%.60q): error %q repeats the secret or has several lines", uri, err)
		}
	}
	var many strings.Builder
	for i := range 65 {
		fmt.Fprintf(&many, "&h%d=", i)
	}
	if _, err := sturdyref.Parse("ocapn://x.y/s/" + secret + "?" + many.String()[1:]); err == nil || !strings.Contains(err.Error(), "more than 64 hints") {
		t.Errorf("65 hints: got error %v", err)
	}
}

func TestParsePeer(t *testing.T) {
	for _, uri := range []string{"ocapn://abc.hawser", "ocapn://abc.hawser?addr=1.2.3.4:5&addr2=%5B::1%5D:5"} {
		p, err := sturdyref.ParsePeer(uri)
		if err != nil || p.URI() != uri {
			t.Errorf("ParsePeer(%q) = %q, %v", uri, p.URI(), err)
		}
	}
	if p, err := sturdyref.ParsePeer("ocapn://abc.hawser/"); err != nil || p.URI() != "ocapn://abc.hawser" {
		t.Errorf("a lone slash: %v, %v", p, err)
	}
	if _, err := sturdyref.ParsePeer("ocapn://abc.hawser/s/AAAA"); !errors.Is(err, sturdyref.ErrURI) {
		t.Errorf("the locator of an object was read as that of a peer: %v", err)
	}
}

func TestPeerIDIgnoresHints(t *testing.T) {
	a := sturdyref.Peer{Transport: "t", Designator: "d", Hints: map[string]string{"addr": "1"}}
	b := a.Clone()
	b.Hints["addr"] = "2"
	if a.ID() != b.ID() || a.Hints["addr"] != "1" {
		t.Fatalf("IDs %v and %v, hints %v: want equal IDs and the clone on its own", a.ID(), b.ID(), a.Hints)
	}
	if a.ID().String() != "d.t" {
		t.Fatalf("ID prints as %q", a.ID())
	}
}

// Whatever a Ref holds, its URI is read back as the same; a URI that is read and written is stable.
// A peer of a netlayer that proves nothing calls itself what it likes, and that stands in logs.
func TestPeerIDIsOneLine(t *testing.T) {
	for id, want := range map[sturdyref.PeerID]string{
		{Transport: "hawser", Designator: "abc"}:            "abc.hawser",
		{Transport: "onion", Designator: "a.b-c_d~"}:        "a.b-c_d~.onion",
		{Transport: "t", Designator: "x\n[ERROR] y\x1b[0m"}: "x%0A%5BERROR%5D%20y%1B%5B0m.t",
		{Transport: "a b\r", Designator: "\u202e\xff"}:      "%E2%80%AE%FF.a%20b%0D",
	} {
		if got := id.String(); got != want {
			t.Errorf("%#v prints as %q, want %q", id, got, want)
		}
		peer := sturdyref.Peer{Transport: id.Transport, Designator: id.Designator}
		if got := peer.URI(); got != "ocapn://"+want {
			t.Errorf("the locator of %#v is %q", id, got)
		}
	}
}

func TestURIRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z0-9._~!@:/?#% é€-]{1,20}`)
		ref := sturdyref.Ref{
			Peer: sturdyref.Peer{
				Transport:  rapid.StringMatching(`[a-z/?#@%é-]{1,10}`).Draw(t, "transport"),
				Designator: text.Draw(t, "designator"),
				Hints:      rapid.MapOfN(text, rapid.StringMatching(`[ -~]{0,20}`), 1, 5).Draw(t, "hints"),
			},
			Swiss: sturdyref.SwissNumOf(rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "swiss")),
		}
		got, err := sturdyref.Parse(ref.URI())
		if err != nil {
			t.Fatalf("Parse(%q): %v", ref.URI(), err)
		}
		if !samePeer(got.Peer, ref.Peer) || !got.Swiss.Equal(ref.Swiss) || got.URI() != ref.URI() {
			t.Fatalf("%q was read as %q", ref.URI(), got.URI())
		}
		literal := text.Draw(t, "literal")
		uri := "ocapn://d.t/s/" + escapeAll(literal)
		lit, err := sturdyref.Parse(uri)
		if err != nil || string(lit.Swiss.Reveal()) != literal {
			t.Fatalf("Parse(%q) has %q, %v, want %q", uri, lit.Swiss.Reveal(), err, literal)
		}
		again, err := sturdyref.Parse(lit.URI())
		if err != nil || !again.Swiss.Equal(lit.Swiss) || again.URI() != lit.URI() {
			t.Fatalf("%q printed as %q, which reads as %q, %v", uri, lit.URI(), again.Swiss.Reveal(), err)
		}
	})
}

func escapeAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02x", s[i])
	}
	return b.String()
}

func samePeer(a, b sturdyref.Peer) bool {
	return a.ID() == b.ID() && maps.Equal(a.Hints, b.Hints)
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"ocapn://abc.hawser/s/AAEC?addr=1.2.3.4:5&door=" + base64.RawURLEncoding.EncodeToString(make([]byte, 32)),
		"ocapn://a.b.c.onion/s/my%20room!", "ocapn://p.t/s/%65cho", "ocapn://p.t/s/AB", "ocapn://p.t?a=b", "ocapn://%.%", "ocapn://p.t/s/.",
		strings.Repeat("a", 52), strings.Repeat("7", 51) + "q",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := sturdyref.Parse(s); err == nil {
			again, err := sturdyref.Parse(r.URI())
			if err != nil || again.URI() != r.URI() || !again.Swiss.Equal(r.Swiss) || !samePeer(again.Peer, r.Peer) {
				t.Fatalf("%q printed as %q, which reads as %q, %v", s, r.URI(), again.URI(), err)
			}
		} else if !errors.Is(err, sturdyref.ErrURI) || strings.ContainsAny(err.Error(), "\r\n") {
			t.Fatalf("%q: error %q", s, err)
		}
		if p, err := sturdyref.ParsePeer(s); err == nil {
			again, err := sturdyref.ParsePeer(p.URI())
			if err != nil || !samePeer(p, again) {
				t.Fatalf("%q printed as %q, %v", s, p.URI(), err)
			}
		} else if !errors.Is(err, sturdyref.ErrURI) || strings.ContainsAny(err.Error(), "\r\n") {
			t.Fatalf("%q: error %q", s, err)
		}
		if key, err := sturdyref.DesignatorKey(s); err == nil {
			if sturdyref.Designator(key) != s || !sturdyref.CanonicalX25519(key) {
				t.Fatalf("the designator %q is taken for %x", s, key)
			}
		} else if !errors.Is(err, sturdyref.ErrDesignator) {
			t.Fatalf("%q: error %q", s, err)
		}
	})
}
