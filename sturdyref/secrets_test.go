package sturdyref_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/sturdyref"
)

// T29: however a secret is printed, alone or inside something else, neither it nor a part of it appears.
func TestSecretsDoNotPrint(t *testing.T) {
	swiss := sturdyref.NewSwissNum()
	keys, err := swiss.Keys()
	if err != nil {
		t.Fatal(err)
	}
	capability, err := sturdyref.NewCapability()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := sturdyref.GenerateIdentity(time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := pair.Reveal()
	if err != nil {
		t.Fatal(err)
	}
	lock, err := sturdyref.NewCapabilityLock(pair, capability.Public())
	if err != nil {
		t.Fatal(err)
	}
	door := base64.RawURLEncoding.EncodeToString(sturdyref.NewSwissNum().Reveal())
	peer := sturdyref.Peer{Transport: "hawser", Designator: "abc", Hints: map[string]string{"door": door, "mailbox": "drop-" + door, "addr": "1.2.3.4:5"}}
	ref := sturdyref.Ref{Peer: peer, Swiss: swiss}

	var secrets []string
	for _, b := range [][]byte{swiss.Reveal(), keys.Reveal()[16:48], keys.Reveal()[48:], capability.Reveal(), stored[5:37], stored[len(stored)-40:]} {
		secrets = append(secrets, hex.EncodeToString(b[:8]), strings.ToUpper(hex.EncodeToString(b[:8])),
			base64.RawURLEncoding.EncodeToString(b)[:10], base64.StdEncoding.EncodeToString(b)[:10], string(b),
			strings.Trim(fmt.Sprint(b[:8]), "[]"))
	}
	secrets = append(secrets, door)

	type hidden struct{ v any }
	type wrapped struct{ secret sturdyref.SwissNum }
	type wrappedKeys struct{ keys sturdyref.Keys }
	type wrappedRest struct {
		c sturdyref.Capability
		k sturdyref.KeyPair
		p sturdyref.ProofKey
		l sturdyref.CapabilityLock
		s sturdyref.SwissKey
	}
	for _, v := range []any{
		swiss, keys, keys.ProofKey(), keys.Key(), keys.Lock(), capability, pair, peer, ref, lock,
		&swiss, &ref,
		[]any{ref, swiss},
		map[string]any{"x": ref, "y": keys},
		hidden{swiss},
		wrapped{swiss},
		wrappedKeys{keys},
		struct{ Ref sturdyref.Ref }{ref},
		struct{ Peer *sturdyref.Peer }{&peer},
		wrappedRest{capability, pair, keys.ProofKey(), lock, keys.Key()},
	} {
		var logged bytes.Buffer
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "v", v)
		asJSON, _ := json.Marshal(v)
		_ = gob.NewEncoder(&logged).Encode(v)
		out := logged.String() + string(asJSON)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			out += fmt.Sprintf(verb+"\n", v)
		}
		for _, s := range secrets {
			if strings.Contains(out, s) {
				t.Errorf("%T printed a secret (%.12q): %s", v, s, out)
				break
			}
		}
	}
	if s := peer.String(); !strings.Contains(s, "addr=1.2.3.4:5") {
		t.Errorf("%q does not show the hints that are no secrets", s)
	}
	if !strings.Contains(ref.URI(), door) {
		t.Errorf("URI does not reveal the door")
	}
}

func TestSwissNum(t *testing.T) {
	a, b := sturdyref.NewSwissNum(), sturdyref.NewSwissNum()
	if len(a.Reveal()) != 32 || a.Equal(b) || a.Weak() || !a.Equal(sturdyref.SwissNumOf(a.Reveal())) {
		t.Fatal("two fresh swiss numbers must be 32 strong bytes each, and differ")
	}
	raw := []byte("\xff123456789abcdef")
	s := sturdyref.SwissNumOf(raw)
	raw[0] = 0
	s.Reveal()[1] = 0
	if string(s.Reveal()) != "\xff123456789abcdef" {
		t.Fatal("a swiss number shares memory with its caller")
	}
	var zero sturdyref.SwissNum
	if !zero.IsZero() || !zero.Equal(sturdyref.SwissNumOf(nil)) || zero.Equal(a) || a.Equal(zero) || !zero.Weak() {
		t.Fatal("the zero value is not handled as none")
	}
}

func TestWeakSwissNumbersHaveNoKeys(t *testing.T) {
	for swiss, weak := range map[string]bool{
		"":                                     true,
		"\xff23456789abcde":                    true, // 15 bytes
		"\xff123456789abcdef":                  false,
		"IO58l1laTyhcrgDKbEzFOO32MDd6zE5w":     true, // text, whoever chose it
		"a long sentence that is no secret":    true,
		"une phrase assez connue, à deviner\n": true,
		"0123456789abcdef\x00":                 false,
		"0123456789abcdef\x85":                 false,
		"0123456789abcdef\u0085":               false,
	} {
		s := sturdyref.SwissNumOf([]byte(swiss))
		_, err := s.Keys()
		if s.Weak() != weak || errors.Is(err, sturdyref.ErrWeak) != weak {
			t.Errorf("%q: weak is %t and Keys says %v, want weak to be %t", swiss, s.Weak(), err, weak)
		}
	}
}

func TestRefKey(t *testing.T) {
	door := sturdyref.NewSwissNum()
	doorKeys, err := door.Keys()
	if err != nil {
		t.Fatal(err)
	}
	strong := sturdyref.NewSwissNum()
	strongKeys, err := strong.Keys()
	if err != nil {
		t.Fatal(err)
	}
	hints := map[string]string{"door": base64.RawURLEncoding.EncodeToString(door.Reveal())}
	weak := sturdyref.SwissNumOf([]byte("lobby"))
	for name, c := range map[string]struct {
		ref  sturdyref.Ref
		want [16]byte
		ok   bool
	}{
		"strong":            {sturdyref.Ref{Peer: sturdyref.Peer{Hints: hints}, Swiss: strong}, strongKeys.ID(), true},
		"literal with door": {sturdyref.Ref{Peer: sturdyref.Peer{Hints: hints}, Swiss: weak}, doorKeys.ID(), true},
		"literal, no door":  {sturdyref.Ref{Swiss: weak}, [16]byte{}, false},
		"door of text":      {sturdyref.Ref{Peer: sturdyref.Peer{Hints: map[string]string{"door": "c2VjcmV0LXNlY3JldC1zZWNyZXQ"}}, Swiss: weak}, [16]byte{}, false},
		"broken door":       {sturdyref.Ref{Peer: sturdyref.Peer{Hints: map[string]string{"door": "!"}}, Swiss: weak}, [16]byte{}, false},
	} {
		key, ok := c.ref.Key()
		id, _ := key.ID([32]byte{})
		if ok != c.ok || id != c.want {
			t.Errorf("%s: Key has id %x, ok %t, want %x, %t", name, id, ok, c.want, c.ok)
		}
	}
}
