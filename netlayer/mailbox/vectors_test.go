package mailbox_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/detcbor"
	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/netlayer/mailbox"
	"github.com/hawser-go/hawser/sturdyref"
)

// The vectors belong to docs/mailbox.md. They are written (-update) by a second implementation, made from that page with nothing
// of the package under test, and checked here against the package.

var update = flag.Bool("update", false, "write the file of vectors")

const vectorFile = "testdata/vectors.json"

// hexBytes prints as hexadecimal.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }
func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

type vectors struct {
	About   string         `json:"about"`
	Parties []partyVector  `json:"parties"`
	Swiss   hexBytes       `json:"swiss"`
	ID      hexBytes       `json:"swiss_id"`
	Key     hexBytes       `json:"swiss_mail_key"`
	Letters []letterVector `json:"letters"`
	Binding hexBytes       `json:"binding_of_the_link"`
	Proof   hexBytes       `json:"secret_of_the_link"`
}

type partyVector struct {
	Name      string   `json:"name"`
	Static    hexBytes `json:"static_private"`
	Public    hexBytes `json:"static_public"`
	Seed      hexBytes `json:"signing_seed"`
	Record    hexBytes `json:"record"`
	Prekey    hexBytes `json:"prekey_private"`
	PrekeyID  hexBytes `json:"prekey_id"`
	NotBefore int64    `json:"prekey_not_before"`
	Bundle    hexBytes `json:"bundle"`
}

type letterVector struct {
	Name       string     `json:"name"`
	From       string     `json:"from"`
	To         string     `json:"to"`
	Ephemerals hexBytes   `json:"ephemeral_private_keys"`
	ToStatic   bool       `json:"first_contact"`
	Proof      bool       `json:"proves_swiss"`
	Link       hexBytes   `json:"link"`
	Role       string     `json:"role"`
	Store      hexBytes   `json:"store"`
	Opening    hexBytes   `json:"opening"`
	Epoch      uint64     `json:"epoch"`
	Base       uint64     `json:"base"`
	Seen       uint64     `json:"seen"`
	First      uint64     `json:"first"`
	Frames     []hexBytes `json:"frames"`
	Length     int        `json:"frame_length,omitempty"` // of the one frame, if only its first byte is given: all are equal
	Next       uint64     `json:"next"`
	AcceptBy   int64      `json:"accept_by"`
	Opens      bool       `json:"opens"`
	Over       bool       `json:"over"`
	Reason     string     `json:"reason"`
	Reply      string     `json:"reply"`
	Head       hexBytes   `json:"head"`
	Signature  hexBytes   `json:"signature"`
	MAC        hexBytes   `json:"mac"`
	// The letter is long: its hash and how it begins are enough.
	Size   int      `json:"letter_length"`
	SHA256 hexBytes `json:"letter_sha256"`
	Begins hexBytes `json:"letter_begins"`
	Letter hexBytes `json:"letter,omitempty"` // whole, if it has 1024 bytes
}

func fill(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

// cborHead is the beginning of a CBOR item.
func cborHead(major byte, n uint64) []byte {
	switch {
	case n < 24:
		return []byte{major<<5 | byte(n)}
	case n < 1<<8:
		return []byte{major<<5 | 24, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{major<<5 | 25}, uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32([]byte{major<<5 | 26}, uint32(n))
	}
	return binary.BigEndian.AppendUint64([]byte{major<<5 | 27}, n)
}

// cborMap is a map of the keys and values given, in order; nil values are left out.
func cborMap(pairs ...any) []byte {
	var b []byte
	n := uint64(0)
	for i := 0; i < len(pairs); i += 2 {
		var v []byte
		switch x := pairs[i+1].(type) {
		case nil:
			continue
		case uint64:
			v = cborHead(0, x)
		case []byte:
			v = append(cborHead(2, uint64(len(x))), x...)
		case string:
			v = append(cborHead(3, uint64(len(x))), x...)
		case bool:
			v = []byte{0xf5}
		case [][]byte:
			v = cborHead(4, uint64(len(x)))
			for _, y := range x {
				v = append(append(v, cborHead(2, uint64(len(y)))...), y...)
			}
		}
		n++
		b = append(append(b, cborHead(0, uint64(pairs[i].(int)))...), v...)
	}
	return append(cborHead(5, n), b...)
}

// signedArray is [claim, signature].
func signedArray(seed []byte, domain string, claim []byte) []byte {
	sig := ed25519.Sign(ed25519.NewKeyFromSeed(seed), noisetest.Join([]byte(domain), []byte{0}, claim))
	return noisetest.Join([]byte{0x82}, cborHead(2, uint64(len(claim))), claim, cborHead(2, 64), sig)
}

func hashOf(parts ...[]byte) []byte {
	h := sha256.Sum256(noisetest.Join(parts...))
	return h[:]
}

func u32(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

func docParty(name string, i byte) partyVector {
	static, seed, prekey := noisetest.Key(fill(0x11*(i+1), 32)), fill(0xa1+i, 32), noisetest.Key(fill(0x51+i, 32))
	public, pre := static.PublicKey().Bytes(), prekey.PublicKey().Bytes()
	p := partyVector{
		Name: name, Static: static.Bytes(), Public: public, Seed: seed, Prekey: prekey.Bytes(), NotBefore: 1_700_000_000 + int64(i),
		PrekeyID: hashOf([]byte("hawser/prekey/1\x00"), pre)[:8],
	}
	signing := []byte(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	p.Record = signedArray(seed, "hawser/identity/1", cborMap(1, uint64(1), 2, public, 3, signing, 4, uint64(1_600_000_000)))
	p.Bundle = signedArray(seed, "hawser/prekey/1", cborMap(
		1, uint64(1), 2, public, 3, pre, 4, uint64(p.NotBefore), 5, uint64(p.NotBefore+14*86400), 6, [][]byte{p.PrekeyID}))
	return p
}

func docNoise(name string, prologue, recipient []byte) *symmetric {
	d := &symmetric{}
	if len(name) <= 32 {
		d.h = append([]byte(name), make([]byte, 32-len(name))...)
	} else {
		d.h = hashOf([]byte(name))
	}
	d.ck = d.h
	d.h = hashOf(d.h, prologue)
	d.h = hashOf(d.h, recipient)
	return d
}

// write fills in what the letter is, from what it says.
func (v *letterVector) write(from, to partyVector, key, id []byte) {
	body := []byte{}
	for _, f := range v.Frames {
		body = noisetest.Join(body, u32(len(f)), f)
	}
	opt := func(is bool, x any) any {
		if is {
			return x
		}
		return nil
	}
	v.Head = cborMap(1, uint64(1), 2, []byte(to.Public), 3, []byte(v.Link), 4, uint64(v.Role[0]), 5, v.Epoch, 6, v.First, 7, uint64(len(v.Frames)),
		8, v.Next, 9, uint64(v.AcceptBy), 10, uint64(len(body)), 11, hashOf(body), 14, opt(v.Opens, true), 15, opt(v.Over, true),
		16, opt(v.Reason != "", v.Reason), 17, opt(v.Reply != "", v.Reply), 18, opt(v.ToStatic || v.Opens || v.Proof, []byte(from.Record)), 19, []byte(from.Bundle),
		20, []byte(v.Store), 21, opt(v.Base > 0, v.Base), 22, opt(v.Seen > 0, v.Seen), 23, []byte(v.Opening))
	v.Signature = ed25519.Sign(ed25519.NewKeyFromSeed(from.Seed), noisetest.Join([]byte("hawser/letter/1\x00"), v.Head))
	v.MAC = make([]byte, 32)
	if v.Proof {
		v.MAC = docHMAC(key, noisetest.Join([]byte("hawser/letter/1\x00"), v.Head))
	}
	content := noisetest.Join(u32(len(v.Head)), v.Head, v.Signature, v.MAC, body)

	static := noisetest.Key(from.Static)
	var header []byte
	var n *symmetric
	var recipient []byte
	if v.ToStatic {
		header = []byte{1, 1}
		recipient = to.Public
		n = docNoise("Noise_N_25519_ChaChaPoly_SHA256", noisetest.Join([]byte("hawser/mail/1\x00"), header), recipient)
		e := noisetest.Key(v.Ephemerals[:32])
		n.mixHash(e.PublicKey().Bytes())
		n.mixKey(noisetest.DH(e, recipient))
		header = noisetest.Join(header, e.PublicKey().Bytes(), n.seal(id))
		n = docNoise("Noise_Xpsk1_25519_ChaChaPoly_SHA256", noisetest.Join([]byte("hawser/mail/1\x00"), header), recipient)
	} else {
		header = noisetest.Join([]byte{1, 0}, to.PrekeyID)
		recipient = noisetest.Key(to.Prekey).PublicKey().Bytes()
		n = docNoise("Noise_X_25519_ChaChaPoly_SHA256", noisetest.Join([]byte("hawser/mail/1\x00"), header), recipient)
	}
	e := noisetest.Key(v.Ephemerals[len(v.Ephemerals)-32:])
	message := e.PublicKey().Bytes()
	n.mixHash(message)
	if v.ToStatic {
		n.mixKey(message)
	}
	n.mixKey(noisetest.DH(e, recipient))
	message = noisetest.Join(message, n.seal(static.PublicKey().Bytes()))
	n.mixKey(noisetest.DH(static, recipient))
	if v.ToStatic {
		n.mixKeyAndHash(key)
	}
	// As long as the shortest letter in which the content has room: pieces of 65535 bytes but for the last.
	for v.Size = 1024; ; v.Size *= 2 {
		rest := v.Size - len(header)
		pieces := (rest + 65534) / 65535
		if room := rest - 96 - 16*(pieces-1); room >= len(content) {
			content = append(content, make([]byte, room-len(content))...)
			break
		}
	}
	letter := noisetest.Join(header, message)
	first := min(len(content), 65535-96)
	letter = append(letter, n.seal(content[:first])...)
	n.split()
	for content = content[first:]; len(content) > 0; {
		k := min(len(content), 65535-16)
		letter = append(letter, n.seal(content[:k])...)
		content = content[k:]
	}
	v.SHA256, v.Begins = hashOf(letter), letter[:100]
	if len(letter) == 1024 {
		v.Letter = letter
	}
}

func generate() vectors {
	v := vectors{
		About:   "Test vectors of docs/mailbox.md; bytes are hexadecimal.",
		Parties: []partyVector{docParty("alice", 0), docParty("bob", 1)}, Swiss: fill(0xa5, 32),
	}
	v.ID, v.Key = noisetest.HKDF(v.Swiss, "hawser/swiss/1", "id")[:16], noisetest.HKDF(v.Swiss, "hawser/swiss/1", "mail")
	link := fill(0x77, 32)
	base := letterVector{From: "alice", To: "bob", Role: "d", Link: link, AcceptBy: 1_700_500_000, Epoch: 3, Store: fill(0x5d, 16), Opening: fill(0x0e, 16)}
	for i, change := range []func(l *letterVector){
		func(l *letterVector) {
			l.Name, l.ToStatic, l.Opens, l.Frames, l.Reply = "first contact", true, true, []hexBytes{[]byte("start"), []byte("fetch")}, "ocapn://box"
			l.Ephemerals, l.AcceptBy = append(fill(0x31, 32), fill(0x32, 32)...), 1_702_000_000
		},
		func(l *letterVector) {
			l.Name, l.From, l.To, l.Role, l.Proof, l.Frames, l.Next = "its answer", "bob", "alice", "a", true, []hexBytes{[]byte("welcome")}, 2
		},
		func(l *letterVector) {
			l.Name, l.First, l.Frames, l.Next, l.Base, l.Seen = "frames", 2, []hexBytes{{}, []byte("x")}, 1, 2, 3
		},
		func(l *letterVector) {
			l.Name, l.From, l.To, l.Role, l.Next = "an acknowledgement", "bob", "alice", "a", 4
		},
		func(l *letterVector) { l.Name, l.First, l.Frames = "long", 4, []hexBytes{fill(0xee, 150_000)} },
		func(l *letterVector) { l.Name, l.Over, l.Reason = "the end", true, "not needed any more" },
	} {
		l := base
		l.Ephemerals = fill(0x41+byte(i), 32)
		change(&l)
		from, to := v.Parties[0], v.Parties[1]
		if l.From == "bob" {
			from, to = to, from
		}
		l.write(from, to, v.Key, v.ID)
		if l.Name == "long" {
			l.Frames[0], l.Length = l.Frames[0][:1], 150_000
		}
		v.Letters = append(v.Letters, l)
	}
	v.Binding = hashOf([]byte("hawser/binding/1"), hashOf([]byte("hawser/mail/1\x00"), link), v.Parties[0].Public, v.Parties[1].Public)
	v.Proof = docHMAC(v.Key, []byte("hawser/mail/1\x00link\x00"), link, v.Parties[0].Public, v.Parties[1].Public)
	return v
}

func TestVectors(t *testing.T) {
	v := generate()
	b, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	if *update {
		if err := os.WriteFile(vectorFile, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if stored, err := os.ReadFile(vectorFile); err != nil || !bytes.Equal(stored, b) {
		t.Errorf("%s is not what the second implementation writes (-update): %v", vectorFile, err)
	}

	parties := map[string]*party{}
	for _, p := range v.Parties {
		stored, err := detcbor.Marshal(map[int]any{1: 1, 2: []byte(p.Static), 3: []byte(p.Seed), 4: 1_600_000_000})
		if err != nil {
			t.Fatal(err)
		}
		id, err := sturdyref.KeyPairOf(stored)
		if err != nil {
			t.Fatal(err)
		}
		x := partyOf(t, id)
		if x.record, err = sturdyref.NewRecord(id, id.NotBefore()); err != nil || !bytes.Equal(x.record.Encoded(), p.Record) {
			t.Errorf("%s: the record is %x, %v", p.Name, x.record.Encoded(), err)
		}
		x.files = files{}
		x.prekeys, err = mailbox.OpenPrekeys(mailbox.PrekeysConfig{Identity: id, Files: x.files, Random: bytes.NewReader(p.Prekey)}, time.Unix(p.NotBefore, 0))
		if err != nil {
			t.Fatal(err)
		}
		if got := x.prekeys.Bundle(); !bytes.Equal(got.Encoded(), p.Bundle) || got.ID() != mailbox.PrekeyID(p.PrekeyID) {
			t.Errorf("%s: the bundle is %x", p.Name, got.Encoded())
		}
		parties[p.Name] = x
	}
	alice, bob := parties["alice"], parties["bob"]
	secret, err := mailbox.SecretOf(sturdyref.SwissNumOf(v.Swiss))
	if err != nil || !bytes.Equal(v.ID, func() []byte { id := secret.ID(); return id[:] }()) {
		t.Fatalf("%v", err)
	}
	bob.secrets[secret.ID()] = secret
	alice.known[bob.static()] = mailbox.Correspondent{Secret: secret}
	now := time.Unix(1_700_000_100, 0)
	for _, l := range v.Letters {
		from, to := parties[l.From], parties[l.To]
		m := &mailbox.Message{
			Link: [32]byte(l.Link), From: sturdyref.Role(l.Role[0]), Seen: l.Seen, Opens: l.Opens, First: l.First, Next: l.Next, Over: l.Over,
			Reason: l.Reason, Reply: l.Reply, AcceptBy: time.Unix(l.AcceptBy, 0),
			Life: mailbox.Life{Store: [16]byte(l.Store), Opening: [16]byte(l.Opening), Epoch: l.Epoch, Base: l.Base},
		}
		for _, f := range l.Frames {
			if l.Length > 0 {
				f = fill(f[0], l.Length)
			}
			m.Frames = append(m.Frames, f)
		}
		s := from.sealer()
		s.Random = bytes.NewReader(l.Ephemerals)
		var letter []byte
		switch {
		case l.ToStatic:
			letter, _, err = s.SealFirst(to.static(), secret, m, now)
		case l.Proof:
			letter, _, err = s.Seal(to.prekeys.Bundle(), secret, m, now)
		default:
			letter, _, err = s.Seal(to.prekeys.Bundle(), mailbox.Secret{}, m, now)
		}
		if err != nil || len(letter) != l.Size || !bytes.Equal(hashOf(letter), l.SHA256) || !bytes.Equal(letter[:100], l.Begins) || l.Letter != nil && !bytes.Equal(letter, l.Letter) {
			t.Fatalf("%s: the letter is another one: %v", l.Name, err)
		}
		got, err := to.opener().Open(letter, now)
		if err != nil {
			t.Fatalf("%s: %v", l.Name, err)
		}
		if diff := sameMessage(&got.Message, m); diff != "" {
			t.Errorf("%s: %s", l.Name, diff)
		}
		if got.Record != nil {
			to.known[got.Sender] = mailbox.Correspondent{Signing: got.Record.Signing}
		}
	}
	if got := mailbox.Binding([32]byte(fill(0x77, 32)), alice.static(), bob.static()); !bytes.Equal(got[:], v.Binding) {
		t.Errorf("the binding is %x", got)
	}
	linkSecret, err := mailbox.SecretOf(sturdyref.SwissNumOf(v.Swiss))
	if err != nil {
		t.Fatal(err)
	}
	if got := linkSecret.Link([32]byte(fill(0x77, 32)), alice.static(), bob.static()); !bytes.Equal(got[:], v.Proof) {
		t.Errorf("the secret of the link is %x", got)
	}
	if stored, err := mailbox.DecodeSecret(linkSecret.Encode()); err != nil || stored.ID() != linkSecret.ID() || !bytes.Equal(stored.Encode(), linkSecret.Encode()) {
		t.Errorf("stored it is another secret: %v", err)
	}
	if _, err := mailbox.DecodeSecret(linkSecret.Encode()[1:]); err == nil {
		t.Error("47 bytes are taken for a secret")
	}
}
