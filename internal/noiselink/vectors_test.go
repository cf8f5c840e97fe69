package noiselink_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/internal/noiselink"
	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/sturdyref"
)

// The vectors belong to docs/noise-quic.md and docs/noise-tcp.md. They are written by the second implementation (-update)
// and checked here against both.

var update = flag.Bool("update", false, "write the files of vectors")

// A page is a document with vectors, and the carrier it is about.
type page struct {
	file, name string
	carrier    noiselink.Carrier
}

var pages = []page{
	{"../../netlayer/noisequic/testdata/vectors.json", "docs/noise-quic.md", noiselink.Carrier{Label: noisetest.QUIC, Bound: true}},
	{"../../netlayer/noisetcp/testdata/vectors.json", "docs/noise-tcp.md", noiselink.Carrier{Label: noisetest.TCP}},
}

// hexBytes prints as hexadecimal.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }
func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

type vectors struct {
	About      string            `json:"about"`
	Identities []identityVector  `json:"identities"`
	Secrets    []secretVector    `json:"secrets,omitempty"`
	Handshakes []handshakeVector `json:"handshakes"`
	Resumed    []resumeVector    `json:"resumptions"`
}

type identityVector struct {
	Name       string   `json:"name"`
	Static     hexBytes `json:"static_private"`
	Public     hexBytes `json:"static_public"`
	Seed       hexBytes `json:"signing_seed"`
	Signing    hexBytes `json:"signing_public"`
	NotBefore  int64    `json:"not_before"`
	Designator string   `json:"designator"`
	Record     hexBytes `json:"record"`
}

type secretVector struct {
	Kind      string   `json:"kind"` // swiss or capability
	Secret    hexBytes `json:"secret"`
	Public    hexBytes `json:"public,omitempty"`    // of a capability
	Acceptor  hexBytes `json:"acceptor,omitempty"`  // static public key the capability is used with
	Ephemeral hexBytes `json:"ephemeral,omitempty"` // private key of the acceptor's ephemeral, or of a challenge
	ID        hexBytes `json:"id"`
	PSK       hexBytes `json:"psk"`
	ProofKey  hexBytes `json:"proof_key"`
	Binding   hexBytes `json:"binding"`
	Fetch     hexBytes `json:"fetch_by_dialler"`
	Serve     hexBytes `json:"serve_by_acceptor"`
}

type handshakeVector struct {
	Name         string     `json:"name"`
	Dialler      string     `json:"dialler"` // an identity, or empty for an anonymous one
	Anonymous    hexBytes   `json:"anonymous_static_private,omitempty"`
	Acceptor     string     `json:"acceptor"`
	DiallerEph   hexBytes   `json:"dialler_ephemeral_private"`
	AcceptorEph  hexBytes   `json:"acceptor_ephemeral_private"`
	Exporter     hexBytes   `json:"exporter,omitempty"`
	Token        hexBytes   `json:"token,omitempty"`
	Prologue     hexBytes   `json:"prologue"`
	SecretID     hexBytes   `json:"secret_id"`
	PSK          hexBytes   `json:"psk"`
	Offered      []string   `json:"dialler_features"`
	Answered     []string   `json:"acceptor_features"`
	Credential   hexBytes   `json:"dialler_credential,omitempty"`
	Early        []hexBytes `json:"dialler_frames"`
	First        []hexBytes `json:"acceptor_frames"`
	Crossed      bool       `json:"crossed"`
	Payload1     hexBytes   `json:"payload_1"`
	Payload2     hexBytes   `json:"payload_2"`
	Payload3     hexBytes   `json:"payload_3"`
	Verdict      hexBytes   `json:"verdict_payload"`
	Hash         hexBytes   `json:"hash_after_message_2"`
	Binding      hexBytes   `json:"binding"`
	FromDialler  hexBytes   `json:"stream_from_dialler"`
	FromAcceptor hexBytes   `json:"stream_from_acceptor"`
	Records      []record   `json:"records,omitempty"`
}

// record is one that follows the verdict: number counts the transport messages of its direction.
type record struct {
	From    string   `json:"from"`
	Number  int      `json:"number"`
	Content hexBytes `json:"content"`
	Bytes   hexBytes `json:"bytes"`
}

func fill(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

// generate computes the vectors from fixed inputs with the second implementation alone.
func (p page) generate(t *testing.T) vectors {
	v := vectors{About: "Test vectors of " + p.name + "; bytes are hexadecimal."}
	secret := make(map[string]noisetest.Secrets)
	for i, name := range []string{"ada", "bob"} {
		static, seed := noisetest.Key(fill(0x11+byte(i)*0x11, 32)), fill(0xa1+byte(i), 32)
		signing := ed25519.NewKeyFromSeed(seed)
		notBefore := int64(1_700_000_000 + i)
		claim := docMap(1, uint64(1), static.PublicKey().Bytes(), []byte(signing.Public().(ed25519.PublicKey)), uint64(notBefore))
		sig := ed25519.Sign(signing, noisetest.Join([]byte("hawser/identity/1\x00"), claim))
		record := noisetest.Join([]byte{0x82}, docBytes(claim), docBytes(sig))
		secret[name] = noisetest.Secrets{Static: static, Signing: signing, Record: record}
		v.Identities = append(v.Identities, identityVector{
			Name: name, Static: static.Bytes(), Public: static.PublicKey().Bytes(), Seed: seed,
			Signing: hexBytes(signing.Public().(ed25519.PublicKey)), NotBefore: notBefore,
			Designator: sturdyref.Designator([32]byte(static.PublicKey().Bytes())), Record: record,
		})
	}
	binding := fill(0xbb, 32)
	swiss := fill(0xa5, 32)
	v.Secrets = append(v.Secrets, docSecret(secretVector{Kind: "swiss", Secret: swiss, Binding: binding}, swiss, swiss, "hawser/swiss/1"))
	capability, ephemeral := noisetest.Key(fill(0xc0, 32)), noisetest.Key(fill(0x77, 32))
	bob := secret["bob"].Static.PublicKey().Bytes()
	k := noisetest.DH(capability, bob)
	v.Secrets = append(v.Secrets, docSecret(secretVector{
		Kind: "capability", Secret: capability.Bytes(), Public: capability.PublicKey().Bytes(), Acceptor: bob, Ephemeral: ephemeral.Bytes(), Binding: binding,
	}, k, noisetest.Join(k, noisetest.DH(capability, ephemeral.PublicKey().Bytes())), "hawser/capability/1"))

	for i, h := range []handshakeVector{
		{
			Name: "named, with a swiss number", Dialler: "ada", Acceptor: "bob",
			SecretID: v.Secrets[0].ID, PSK: v.Secrets[0].PSK,
			Offered: []string{"fetch-proof", "link/1"}, Answered: []string{"fetch-proof", "x.y-z"},
			Early: []hexBytes{[]byte("op:start-session of ada"), {}, []byte("op:deliver")}, First: []hexBytes{[]byte("op:start-session of bob")},
		},
		{
			Name: "anonymous, no secret, nothing early", Anonymous: fill(0x99, 32), Acceptor: "bob",
			SecretID: make([]byte, 16), PSK: noisetest.NoSecret(p.carrier.Label, bob), Offered: []string{}, Answered: []string{}, Early: []hexBytes{}, First: []hexBytes{},
		},
		{
			Name: "crossed", Dialler: "bob", Acceptor: "ada", Crossed: true,
			SecretID: make([]byte, 16), PSK: noisetest.NoSecret(p.carrier.Label, secret["ada"].Static.PublicKey().Bytes()),
			Offered: []string{"fetch-proof"}, Answered: []string{}, Early: []hexBytes{[]byte("op:start-session of bob")}, First: []hexBytes{},
		},
		{
			Name: "named, with a credential", Dialler: "ada", Acceptor: "bob",
			SecretID: make([]byte, 16), PSK: noisetest.NoSecret(p.carrier.Label, bob), Offered: []string{}, Answered: []string{},
			Credential: []byte("a certificate"), Early: []hexBytes{[]byte("op:start-session of ada")}, First: []hexBytes{[]byte("op:start-session of bob")},
		},
		{
			Name: "anonymous, with a credential", Anonymous: fill(0x99, 32), Acceptor: "bob",
			SecretID: make([]byte, 16), PSK: noisetest.NoSecret(p.carrier.Label, bob), Offered: []string{}, Answered: []string{},
			Credential: []byte("a certificate"), Early: []hexBytes{}, First: []hexBytes{},
		},
	} {
		h.DiallerEph, h.AcceptorEph = fill(0xd0+byte(i), 32), fill(0xe0+byte(i), 32)
		if p.carrier.Bound {
			h.Exporter = fill(0xf0+byte(i), 32)
		} else {
			h.Token = fill(0xf0+byte(i), 32)
		}
		v.Handshakes = append(v.Handshakes, p.handshake(t, h, secret))
	}
	v.Resumed = p.resumptions(t, secret)
	if !p.carrier.Bound {
		v.Secrets = nil // those of the other page
	}
	return v
}

// docSecret derives what docs/noise-quic.md, "Secrets", says.
func docSecret(v secretVector, forID, forKeys []byte, salt string) secretVector {
	v.ID = noisetest.HKDF(forID, salt, "id")[:16]
	v.PSK, v.ProofKey = noisetest.HKDF(forKeys, salt, "psk"), noisetest.HKDF(forKeys, salt, "proof")
	v.Fetch = noisetest.Join([]byte("ocp-fp1\x00"), v.ID, hmac256(v.ProofKey, v.Binding, []byte("df")))
	v.Serve = hmac256(v.ProofKey, v.Binding, []byte("as"))
	return v
}

func (p page) handshake(t *testing.T, h handshakeVector, secret map[string]noisetest.Secrets) handshakeVector {
	t.Helper()
	text := func(frames []hexBytes) (out []string) {
		for _, f := range frames {
			out = append(out, string(f))
		}
		return out
	}
	static := secret[h.Dialler].Static
	if h.Dialler == "" {
		static = noisetest.Key(h.Anonymous)
	}
	acceptor := secret[h.Acceptor]
	pub := acceptor.Static.PublicKey().Bytes()
	h.Prologue = noisetest.Prologue(p.carrier.Label, 0, h.Exporter)
	d := noisetest.New(static, noisetest.Key(h.DiallerEph), pub, h.Prologue)
	a := noisetest.New(acceptor.Static, noisetest.Key(h.AcceptorEph), pub, h.Prologue)
	must := func(_ []byte, err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	h.Payload1 = noisetest.Hello([16]byte(h.SecretID), h.Offered...)
	m1 := d.Write1(h.Payload1)
	must(a.Read1(m1))
	h.Payload2 = noisetest.Join(h.Token, noisetest.Features(h.Answered...))
	m2 := a.Write2(h.Payload2)
	must(d.Read2(m2))
	h.Hash = bytes.Clone(d.H)
	h.Binding = noisetest.Binding(d.H, static.PublicKey().Bytes(), pub)
	h.Payload3 = noisetest.Anonymous(text(h.Early)...)
	if h.Dialler != "" {
		h.Payload3 = noisetest.Named(secret[h.Dialler], h.Binding, 'd', text(h.Early)...)
	}
	h.Payload3 = noisetest.Join(noisetest.Credential(h.Credential), h.Payload3)
	m3 := d.Write3(h.PSK, h.Payload3)
	if _, _, err := a.Read3(h.PSK, m3); err != nil {
		t.Fatal(err)
	}
	h.Verdict = []byte{2}
	if !h.Crossed {
		h.Verdict = noisetest.Named(acceptor, h.Binding, 'a', text(h.First)...)
	}
	h.FromDialler = noisetest.Join([]byte{0}, noisetest.WithLength(m1), noisetest.WithLength(m3))
	fromDialler, fromAcceptor := a.Ciphers()
	h.FromAcceptor = noisetest.Join(noisetest.WithLength(m2), noisetest.WithLength(fromAcceptor.Seal(h.Verdict)))
	if p.carrier.Bound || h.Crossed {
		return h
	}
	record := func(c *noisetest.Cipher, from string, number int, content []byte) {
		h.Records = append(h.Records, record{from, number, content, noisetest.WithLength(c.Seal(content))})
	}
	record(fromDialler, "dialler", 0, noisetest.Join(noisetest.Frames("op:deliver"), []byte{1}, noisetest.Frames("cut here")[:7]))
	record(fromAcceptor, "acceptor", 1, []byte{3})
	for range noisehs.RekeyAfter - 1 {
		fromDialler.Seal([]byte{1})
	}
	record(fromDialler, "dialler", noisehs.RekeyAfter, noisetest.Frames("cut here")[7:])
	record(fromDialler, "dialler", noisehs.RekeyAfter+1, []byte("\x02\x03bye"))
	record(fromAcceptor, "acceptor", 2, []byte{2, 0})
	return h
}

// docMap is a CBOR map from integers, counting from first, to unsigned integers and byte strings.
func docMap(first byte, values ...any) []byte {
	b := []byte{0xa0 | byte(len(values))}
	for i, v := range values {
		b = append(b, first+byte(i))
		switch v := v.(type) {
		case uint64:
			if v < 24 {
				b = append(b, byte(v))
				continue
			}
			b = append(b, 0x1a, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
		case []byte:
			b = append(b, docBytes(v)...)
		}
	}
	return b
}

// docBytes is a CBOR byte string of 24 to 255 bytes.
func docBytes(b []byte) []byte { return noisetest.Join([]byte{0x58, byte(len(b))}, b) }

func TestVectors(t *testing.T) {
	for _, p := range pages {
		t.Run(p.name, p.check)
	}
}

func (p page) check(t *testing.T) {
	want := p.generate(t)
	b, err := json.MarshalIndent(want, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	if *update {
		if err := os.WriteFile(p.file, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file, b) {
		t.Errorf("%s is not what the second implementation computes", p.file)
	}
	var v vectors
	if err := json.Unmarshal(file, &v); err != nil {
		t.Fatal(err)
	}
	pairs := make(map[string]sturdyref.KeyPair)
	for _, i := range v.Identities {
		pairs[i.Name] = checkIdentity(t, i)
	}
	for _, s := range v.Secrets {
		checkSecret(t, s, pairs["bob"])
	}
	for _, h := range v.Handshakes {
		p.checkHandshake(t, h, pairs)
	}
	for _, r := range v.Resumed {
		p.checkResumption(t, r, pairs)
	}
}

func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s is %x, the vector says %x", what, got, want)
	}
}

func checkIdentity(t *testing.T, v identityVector) sturdyref.KeyPair {
	t.Helper()
	stored, err := detcbor.Marshal(map[int]any{1: uint64(1), 2: []byte(v.Static), 3: []byte(v.Seed), 4: v.NotBefore})
	if err != nil {
		t.Fatal(err)
	}
	k, err := sturdyref.KeyPairOf(stored)
	if err != nil {
		t.Fatal(err)
	}
	pub := k.Public()
	same(t, v.Name+": static public key", pub.Static[:], v.Public)
	same(t, v.Name+": signing public key", pub.Signing[:], v.Signing)
	r, err := sturdyref.NewRecord(k, time.Unix(v.NotBefore, 0))
	if err != nil {
		t.Fatal(err)
	}
	same(t, v.Name+": record", r.Encoded(), v.Record)
	if d := pub.Peer().Designator; d != v.Designator {
		t.Errorf("%s: designator %s, the vector says %s", v.Name, d, v.Designator)
	}
	return k
}

func checkSecret(t *testing.T, v secretVector, host sturdyref.KeyPair) {
	t.Helper()
	var id [16]byte
	var psk [32]byte
	var proof sturdyref.ProofKey
	switch v.Kind {
	case "swiss":
		keys := keysOf(t, sturdyref.SwissNumOf(v.Secret))
		id, psk, proof = keys.ID(), keys.PSK(), keys.ProofKey()
		same(t, "proof key", keys.Reveal()[48:], v.ProofKey)
	case "capability":
		c, err := sturdyref.CapabilityOf(v.Secret)
		if err != nil {
			t.Fatal(err)
		}
		pub, eph := c.Public(), noisetest.Key(v.Ephemeral)
		same(t, "capability public key", pub[:], v.Public)
		acceptor, ephemeral := [32]byte(v.Acceptor), [32]byte(eph.PublicKey().Bytes())
		if id, err = c.ID(acceptor); err != nil {
			t.Fatal(err)
		}
		if psk, err = c.PSK(acceptor, ephemeral); err != nil {
			t.Fatal(err)
		}
		if proof, err = c.ProofKey(acceptor, ephemeral); err != nil {
			t.Fatal(err)
		}
		lock, err := sturdyref.NewCapabilityLock(host, pub)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := lock.PSK(func(p [32]byte) ([32]byte, error) { return [32]byte(noisetest.DH(eph, p[:])), nil })
		if err != nil {
			t.Fatal(err)
		}
		same(t, "the host's key for a capability", theirs[:], v.PSK)
	}
	same(t, v.Kind+": id", id[:], v.ID)
	same(t, v.Kind+": psk", psk[:], v.PSK)
	fetch, err := proof.Fetch([32]byte(v.Binding), sturdyref.Dialler)
	if err != nil {
		t.Fatal(err)
	}
	same(t, v.Kind+": fetch proof", fetch[:], v.Fetch)
	serve, err := proof.Serve([32]byte(v.Binding), sturdyref.Acceptor)
	if err != nil {
		t.Fatal(err)
	}
	same(t, v.Kind+": answer to prove", serve[:], v.Serve)
}

// checkHandshake runs a handshake with the code of the package, but for the carrier.
func (p page) checkHandshake(t *testing.T, v handshakeVector, pairs map[string]sturdyref.KeyPair) {
	t.Helper()
	raw := func(frames []hexBytes) (out [][]byte) {
		for _, f := range frames {
			out = append(out, f)
		}
		return out
	}
	prologue := noiselink.Prologue(p.carrier, 0, v.Exporter)
	same(t, v.Name+": prologue", prologue, v.Prologue)
	acceptor := pairs[v.Acceptor]
	static := noisehs.Static{Public: acceptor.Public().Static, ECDH: acceptor.ECDH}
	a, err := noisehs.NewXKAcceptor(noisehs.Config{Static: static, Prologue: prologue, Random: bytes.NewReader(v.AcceptorEph)})
	if err != nil {
		t.Fatal(err)
	}
	mine := noisehs.Static{}
	if k, named := pairs[v.Dialler]; named {
		mine = noisehs.Static{Public: k.Public().Static, ECDH: k.ECDH}
	} else {
		k := noisetest.Key(v.Anonymous)
		mine = noisehs.Static{Public: [32]byte(k.PublicKey().Bytes()), ECDH: func(p [32]byte) ([32]byte, error) { return [32]byte(noisetest.DH(k, p[:])), nil }}
	}
	d, err := noisehs.NewXKDialler(noisehs.Config{Static: mine, Prologue: prologue, Random: bytes.NewReader(v.DiallerEph)}, static.Public)
	if err != nil {
		t.Fatal(err)
	}
	p1 := noiselink.EncodeHello([16]byte(v.SecretID), v.Offered)
	same(t, v.Name+": payload 1", p1, v.Payload1)
	m1, err := d.Message1(p1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.ReadMessage1(m1); err != nil {
		t.Fatal(err)
	}
	p2 := noisetest.Join(v.Token, noiselink.EncodeFeatures(v.Answered))
	same(t, v.Name+": payload 2", p2, v.Payload2)
	m2, err := a.Message2(p2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.ReadMessage2(m2); err != nil {
		t.Fatal(err)
	}
	h := d.Hash()
	same(t, v.Name+": hash", h[:], v.Hash)
	binding := noiselink.SessionBinding(h, mine.Public, static.Public)
	same(t, v.Name+": binding", binding[:], v.Binding)
	if v.SecretID = bytes.Trim(v.SecretID, "\x00"); len(v.SecretID) == 0 {
		public, err := noiselink.PublicPSK(p.carrier, static.Public)
		if err != nil {
			t.Fatal(err)
		}
		same(t, v.Name+": public psk", public[:], v.PSK)
	}
	self := func(k sturdyref.KeyPair, role sturdyref.Role, frames [][]byte) []byte {
		var first []byte
		if len(frames) > 0 {
			first = frames[0]
		}
		sig, err := sturdyref.Sign(k, sturdyref.DomainSession, noiselink.SessionMessage(binding, role, first))
		if err != nil {
			t.Fatal(err)
		}
		r, err := sturdyref.NewRecord(k, k.NotBefore())
		if err != nil {
			t.Fatal(err)
		}
		return noiselink.EncodeSelf(r.Encoded(), sig, frames...)
	}
	p3 := noiselink.EncodeAnonymous(raw(v.Early)...)
	if k, named := pairs[v.Dialler]; named {
		p3 = self(k, sturdyref.Dialler, raw(v.Early))
	}
	p3 = noisetest.Join(noiselink.EncodeCredential(v.Credential), p3)
	same(t, v.Name+": payload 3", p3, v.Payload3)
	if again, err := noiselink.ParseLast(p3); err != nil || !bytes.Equal(again, p3) {
		t.Errorf("%s: payload 3 is read as %x, %v", v.Name, again, err)
	}
	m3, outgoing, err := d.Message3((*[32]byte)(v.PSK), p3)
	if err != nil {
		t.Fatal(err)
	}
	_, _, ciphers, err := a.ReadMessage3((*[32]byte)(v.PSK), m3)
	if err != nil {
		t.Fatal(err)
	}
	verdict := []byte{2}
	if !v.Crossed {
		verdict = self(acceptor, sturdyref.Acceptor, raw(v.First))
	}
	same(t, v.Name+": verdict", verdict, v.Verdict)
	m4, err := ciphers.Seal(verdict)
	if err != nil {
		t.Fatal(err)
	}
	same(t, v.Name+": stream from the dialler", noisetest.Join([]byte{0}, noisetest.WithLength(m1), noisetest.WithLength(m3)), v.FromDialler)
	same(t, v.Name+": stream from the acceptor", noisetest.Join(noisetest.WithLength(m2), noisetest.WithLength(m4)), v.FromAcceptor)
	sealers := map[string]*noisehs.Transport{"dialler": outgoing, "acceptor": ciphers}
	sealed := map[string]int{"acceptor": 1}
	for _, r := range v.Records {
		for ; sealed[r.From] < r.Number; sealed[r.From]++ {
			if _, err := sealers[r.From].Seal([]byte{1}); err != nil {
				t.Fatal(err)
			}
		}
		sealed[r.From]++
		m, err := sealers[r.From].Seal(r.Content)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("%s: record %d of the %s", v.Name, r.Number, r.From), noisetest.WithLength(m), r.Bytes)
	}
}

func hmac256(key []byte, parts ...[]byte) []byte {
	// Written out, as HMAC-SHA-256 with a key of 32 bytes is.
	inner, outer := fill(0x36, 64), fill(0x5c, 64)
	for i, k := range key {
		inner[i] ^= k
		outer[i] ^= k
	}
	in := sha256.Sum256(noisetest.Join(append([][]byte{inner}, parts...)...))
	out := sha256.Sum256(noisetest.Join(outer, in[:]))
	return out[:]
}
