package grant_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/modelcbor"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/sturdyref/grant"
)

var bends = flag.Int("bends", 300, "how many vectors TestNode bends, to see whether both implementations notice")

var update = flag.Bool("update", false, "write testdata/vectors.json anew")

const vectorsFile = "testdata/vectors.json"

// vectors are what another implementation has to agree with; docs/grants.md says how to read them.
type vectors struct {
	Comment string            `json:"comment"`
	Keys    map[string]keyPub `json:"keys"`
	Vectors []vector          `json:"vectors"`
}

type keyPub struct {
	Seed   hexBytes `json:"seed"`
	Public hexBytes `json:"public"`
}

// vector is one object and what a reader says of it. All bytes are hexadecimal, all times seconds since 1970.
type vector struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"` // grant, call, presentation, message, revocation, head, receipt, snapshot, listing, tree
	Bytes   hexBytes `json:"bytes,omitempty"`
	Grant   hexBytes `json:"grant,omitempty"`   // that belongs to it
	Now     int64    `json:"now,omitempty"`     // the verifier's clock
	Host    hexBytes `json:"host,omitempty"`    // the verifier's key; of a snapshot, the home's
	Binding hexBytes `json:"binding,omitempty"` // of the session
	// Revoked are links that the verifier knows to be revoked.
	Revoked []hexBytes `json:"revoked,omitempty"`
	// Refused is the reason, missing if it is good.
	Refused string `json:"refused,omitempty"`

	IDs     []hexBytes `json:"ids,omitempty"`     // of a grant's links; of what another object is about; of a snapshot
	Text    string     `json:"text,omitempty"`    // of a grant
	Expires int64      `json:"expires,omitempty"` // of a grant
	Accept  int64      `json:"accept,omitempty"`  // of a grant
	Number  uint64     `json:"number,omitempty"`  // a counter, a sequence number, a version
	By      hexBytes   `json:"by,omitempty"`      // who revokes
	Digest  hexBytes   `json:"digest,omitempty"`  // of a head, a listing, a tree
	Content hexBytes   `json:"content,omitempty"` // of a snapshot
	Notice  hexBytes   `json:"notice,omitempty"`  // that a receipt is to be of
	Prefix  hexBytes   `json:"prefix,omitempty"`  // of a listing

	Method string   `json:"method,omitempty"` // of a call
	Args   hexBytes `json:"args,omitempty"`   // of a call, as a list
	Live   bool     `json:"live,omitempty"`
	Uses   *uint64  `json:"uses,omitempty"`
	AsOf   int64    `json:"asof,omitempty"` // of what the verifier knows; of a receipt
}

type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }
func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// TestVectors makes the vectors again, compares them with those in testdata, and reads them.
func TestVectors(t *testing.T) {
	made, err := json.MarshalIndent(makeVectors(t), "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	made = append(made, '\n')
	if *update {
		if err := os.WriteFile(vectorsFile, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, stored) {
		t.Errorf("%s is not what is made now: the format has changed, or go test -run TestVectors -update was not run", vectorsFile)
	}
	var all vectors
	if err := json.Unmarshal(stored, &all); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, v := range all.Vectors {
		kinds[v.Kind]++
		err := v.read()
		switch {
		case v.Refused == "" && err != nil:
			t.Errorf("%s: %v", v.Name, err)
		case v.Refused != "":
			refused(t, v.Name, err, grant.Reason(v.Refused))
		}
	}
	if len(kinds) != 10 {
		t.Errorf("the vectors are of %v", kinds)
	}
}

// TestNode lets a second implementation read the vectors.
func TestNode(t *testing.T) {
	const dir = "testdata/node"
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIPPED: no second implementation has read the vectors: install node 20 or newer and npm, then make node")
	}
	if _, err := os.Stat(dir + "/node_modules/@auth0/cose"); err != nil {
		t.Skip("SKIPPED: no second implementation has read the vectors: run make node, which installs what it needs with npm")
	}
	cmd := exec.Command(node, "verify.mjs", "../vectors.json")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	var all vectors
	stored, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(stored, &all); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d of %d vectors agree", len(all.Vectors), len(all.Vectors)); !strings.Contains(string(out), want) {
		t.Errorf("it does not say %q:\n%s", want, out)
	}
	ask := func(v vectors) (said string, err error) {
		t.Helper()
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		file := t.TempDir() + "/vectors.json"
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(node, "verify.mjs", file)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	// Both see the same in what is a little wrong.
	random := rand.New(rand.NewPCG(1, 2))
	var bent vectors
	for i := range *bends {
		v := all.Vectors[random.IntN(len(all.Vectors))]
		if v.Kind == "call" || v.Kind == "listing" || len(v.Bytes) == 0 {
			continue
		}
		v.Name = fmt.Sprintf("%s, bent %d", v.Name, i)
		v.Bytes = bytes.Clone(v.Bytes)
		at := random.IntN(len(v.Bytes))
		switch random.IntN(4) {
		case 0:
			v.Bytes[at] ^= 1 << random.IntN(8)
		case 1:
			v.Bytes[at] = byte(random.Uint32())
		case 2:
			v.Bytes = slices.Delete(v.Bytes, at, at+1)
		case 3:
			v.Bytes = slices.Insert(v.Bytes, at, byte(random.Uint32()))
		}
		bent.Vectors = append(bent.Vectors, v.decided())
	}
	for i := range *bends {
		bent.Vectors = append(bent.Vectors, oddGrant(random, i))
	}
	reasons := map[string]int{}
	for _, v := range bent.Vectors {
		reasons[v.Refused]++
	}
	t.Logf("bent: %v", reasons)
	if out, err := ask(bent); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	// It has to be able to disagree.
	for i := range all.Vectors {
		if v := &all.Vectors[i]; v.Refused == "" {
			v.Refused = "expired"
		} else {
			v.Refused = ""
		}
	}
	if out, err := ask(all); err == nil || !strings.Contains(out, "0 of ") {
		t.Errorf("it agrees with the contrary, too: %v\n%s", err, out)
	}
}

// decided is v with what this implementation says of it.
func (v vector) decided() vector {
	v.Refused = ""
	var r *grant.Refusal
	if err := v.read(); errors.As(err, &r) {
		v.Refused = string(r.Reason)
	}
	return v
}

// oddGrant is a grant that is signed as it should be, with odd claims.
func oddGrant(random *rand.Rand, i int) vector {
	pick := func(from ...any) any { return from[random.IntN(len(from))] }
	var value func(depth int) any
	value = func(depth int) any {
		switch random.IntN(4 + depth) {
		case 0:
			return pick(0, 1, -1, 7, 8, 255, 256, start.Unix(), start.Add(day).Unix(), int64(253402300799), int64(253402300800), uint64(1)<<53, uint64(1)<<63, ^uint64(0))
		case 1:
			return pick("", "add", "a/b", "/", "/a/b", "/a/", "/a//b", "/../a", "\u0430dd", strings.Repeat("m", 64), strings.Repeat("m", 65))
		case 2:
			return pick([]byte{}, make([]byte, 15), make([]byte, 16), make([]byte, 32), keyBytes(home), keyBytes(anna), []byte{0xf6}, []byte{0x18, 1}, []byte{1},
				encode([]any{1, "x", true, -1.5}), encode(map[string]any{"b": 1, "a": []byte{1}}), encode(map[int]int{1: 1}), []byte{0xd9, 0x68, 0x62, 0x61, 'x'}, []byte{0xd9, 0x68, 0x61, 0},
				encode(1e300), encode(float32(0.1)), []byte{0xfb, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{0xf9, 0x7e, 0}, []byte{0xf9, 0x7e, 1}, []byte{0x1b, 0x80, 0, 0, 0, 0, 0, 0, 0})
		case 3:
			return pick(nil, true, false, 1.5, map[int]int{}, map[string]any{"a": 1}, []any{})
		}
		list := make([]any, random.IntN(4))
		for i := range list {
			list[i] = value(depth - 1)
		}
		return list
	}
	caveat := func() any {
		c := []any{pick(0, 1, 1, 1, 2, 2, 2, 3, 4, 4, 5, 6, 7, 8, 9)}
		for range random.IntN(4) {
			c = append(c, value(1))
		}
		return c
	}
	f := rootFields(home, anna)
	for range 1 + random.IntN(2) {
		switch key := uint64(1 + random.IntN(15)); random.IntN(3) {
		case 0:
			delete(f, key)
		case 1:
			f[key] = value(2)
		case 2:
			switch random.IntN(3) {
			case 0:
				f[8] = []any{caveat()}
			case 1:
				f[7] = []any{pick("a", "b", "", 1), pick("a", "b", "c!", []byte("d"))}
			case 2:
				f[pick(uint64(9), uint64(10), uint64(11), uint64(12)).(uint64)] = pick(0, 1, 7, 8, start.Unix(), start.Add(time.Hour).Unix(), start.Add(day).Unix(), int64(253402300799))
			}
		}
	}
	v := vector{Name: fmt.Sprintf("odd %d: %v", i, f), Kind: "grant", Now: start.Unix(), Bytes: array(f.link(home))}
	if g, err := grant.Parse(v.Bytes); err == nil {
		text, _ := g.MarshalText()
		v.IDs, v.Text, v.Expires, v.Accept = idsOf(g), string(text), g.Expires().Unix(), unix(g.Accept())
	}
	return v.decided()
}

func (v *vector) read() error {
	verifier := at(time.Unix(v.Now, 0))
	verifier.Revoked = func(id grant.LinkID) bool {
		for _, r := range v.Revoked {
			if bytes.Equal(r, id[:]) {
				return true
			}
		}
		return false
	}
	of := func() (*grant.Grant, error) { return grant.Parse(v.Grant) }
	switch v.Kind {
	case "grant":
		g, err := grant.Parse(v.Bytes)
		if err != nil {
			return err
		}
		if err := verifier.Verify(g); err != nil {
			return err
		}
		text, err := g.MarshalText()
		if err != nil {
			return err
		}
		return v.agree(vector{IDs: idsOf(g), Text: string(text), Expires: g.Expires().Unix(), Accept: unix(g.Accept())})
	case "call":
		g, err := of()
		if err != nil {
			return err
		}
		args, err := modelcbor.Decode(v.Args, func(uint64) (passable.Reference, error) { return nil, errors.New("no references here") })
		if err != nil {
			return err
		}
		var known grant.State
		if v.Uses != nil || v.AsOf != 0 {
			s := state{asOf: time.Unix(v.AsOf, 0)}
			if v.Uses != nil {
				s.uses = *v.Uses
			}
			known = s
		}
		return g.Permits(grant.Call{Method: v.Method, Args: args.([]any), Live: v.Live, Seq: v.Number}, time.Unix(v.Now, 0), known)
	case "presentation":
		g, err := of()
		if err != nil {
			return err
		}
		n, err := g.CheckPresentation(v.Bytes, [32]byte(v.Binding), grant.Key(v.Host))
		if err != nil {
			return err
		}
		return v.agree(vector{Number: n})
	case "message":
		g, err := of()
		if err != nil {
			return err
		}
		m, err := grant.ParseMessage(v.Bytes)
		if err != nil {
			return err
		}
		if err := verifier.CheckMessage(g, m, grant.Key(v.Host)); err != nil {
			return err
		}
		return v.agree(vector{Number: m.Seq, Method: m.Method, Args: m.Args})
	case "revocation":
		s, err := grant.NewSet(nil)
		if err != nil {
			return err
		}
		if _, err := s.Add(v.Bytes, time.Unix(v.Now, 0)); err != nil {
			return err
		}
		r, err := grant.ParseRevocation(v.Bytes)
		if err != nil {
			return err
		}
		return v.agree(vector{IDs: []hexBytes{r.Link[:]}, By: r.By[:], Number: r.Seq})
	case "head":
		s, err := grant.NewSet(nil)
		if err != nil {
			return err
		}
		if _, err := s.Add(v.Bytes, time.Unix(v.Now, 0)); err != nil {
			return err
		}
		return v.agree(vector{By: v.By, Number: s.Feed(grant.Key(v.By), home.key()).Seq})
	case "receipt":
		r, err := grant.ParseReceipt(v.Bytes)
		if err != nil {
			return err
		}
		of, err := grant.ConcernOf(v.Notice)
		if err != nil {
			return err
		}
		if !r.Confirms(of) {
			return &grant.Refusal{Reason: grant.Misdirected, What: "a receipt of something else"}
		}
		return v.agree(vector{IDs: []hexBytes{r.Link[:]}, AsOf: r.AsOf.Unix()})
	case "listing":
		l, err := grant.ParseListing(v.Bytes, v.Prefix)
		if err != nil {
			return err
		}
		if d := l.Digest(); !bytes.Equal(d[:], v.Digest) {
			return fmt.Errorf("its digest is %x", d)
		}
		return nil
	case "tree":
		if d := treeAt(numbered(int(v.Number)), nil).Digest(); !bytes.Equal(d[:], v.Digest) {
			return fmt.Errorf("its digest is %x", d)
		}
		return nil
	case "snapshot":
		s, err := grant.VerifySnapshot(v.Bytes, grant.Key(v.Host))
		if err != nil {
			return err
		}
		if !s.Holds(v.Content) {
			return errors.New("another content")
		}
		id := s.ID()
		return v.agree(vector{IDs: []hexBytes{id[:]}, Number: s.Version, Content: v.Content})
	}
	return fmt.Errorf("a vector of kind %q", v.Kind)
}

// agree compares what was read with what v says.
func (v *vector) agree(got vector) error {
	got.Kind, got.Bytes, got.Grant, got.Now, got.Host, got.Binding, got.Name, got.Revoked, got.Refused = v.Kind, v.Bytes, v.Grant, v.Now, v.Host, v.Binding, v.Name, v.Revoked, v.Refused
	got.Digest, got.Notice = v.Digest, v.Notice
	a, err := json.Marshal(got)
	if err != nil {
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return fmt.Errorf("read as %s, expected %s", a, b)
	}
	return nil
}

func idsOf(g *grant.Grant) (ids []hexBytes) {
	for _, l := range g.Links() {
		ids = append(ids, l.ID[:])
	}
	return ids
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
