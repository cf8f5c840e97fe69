package noiselink_test

import (
	"bytes"
	"testing"

	"github.com/hawser-go/hawser/internal/noisehs"
	"github.com/hawser-go/hawser/internal/noiselink"
	"github.com/hawser-go/hawser/internal/noisetest"
	"github.com/hawser-go/hawser/sturdyref"
)

type resumeVector struct {
	Name         string   `json:"name"`
	Dialler      string   `json:"dialler"` // an identity, or empty for an anonymous one
	Anonymous    hexBytes `json:"anonymous_static_private,omitempty"`
	Acceptor     string   `json:"acceptor"`
	DiallerEph   hexBytes `json:"dialler_ephemeral_private"`
	AcceptorEph  hexBytes `json:"acceptor_ephemeral_private"`
	Exporter     hexBytes `json:"exporter,omitempty"`
	Token        hexBytes `json:"token,omitempty"`
	Prologue     hexBytes `json:"prologue"`
	Offered      []string `json:"dialler_features"`
	Answered     []string `json:"acceptor_features"`
	Said         hexBytes `json:"dialler_says"`
	Answer       hexBytes `json:"acceptor_says"`
	Crossed      bool     `json:"crossed"`
	Payload1     hexBytes `json:"payload_1"`
	Payload2     hexBytes `json:"payload_2"`
	Confirmation hexBytes `json:"confirmation_payload"`
	Verdict      hexBytes `json:"verdict_payload"`
	FromDialler  hexBytes `json:"stream_from_dialler"`
	FromAcceptor hexBytes `json:"stream_from_acceptor"`
	Records      []record `json:"records,omitempty"`
}

// resumptions are computed by the second implementation.
func (p page) resumptions(t *testing.T, secret map[string]noisetest.Secrets) (out []resumeVector) {
	for i, v := range []resumeVector{
		{
			Name: "named", Dialler: "ada", Acceptor: "bob", Offered: []string{"fetch-proof", "resume"}, Answered: []string{"resume", "x.y-z"},
			Said: []byte("what ada has"), Answer: []byte("what bob has"),
		},
		{
			Name: "anonymous, all there is room for, no answer", Anonymous: fill(0x99, 32), Acceptor: "bob",
			Offered: []string{"resume"}, Answered: []string{"resume"}, Said: fill(0x5a, 256), Answer: []byte{},
		},
		{
			Name: "nothing said", Dialler: "bob", Acceptor: "ada", Offered: []string{"resume"}, Answered: []string{"resume"}, Said: []byte{}, Answer: fill(0xa5, 256),
		},
		{
			Name: "crossed", Dialler: "bob", Acceptor: "ada", Offered: []string{"resume"}, Answered: []string{"resume"}, Said: []byte("what bob has"), Crossed: true,
		},
	} {
		v.DiallerEph, v.AcceptorEph = fill(0xd8+byte(i), 32), fill(0xe8+byte(i), 32)
		if p.carrier.Bound {
			v.Exporter = fill(0xf8+byte(i), 32)
		} else {
			v.Token = fill(0xf8+byte(i), 32)
		}
		out = append(out, p.resumption(t, v, secret))
	}
	return out
}

func (p page) resumption(t *testing.T, v resumeVector, secret map[string]noisetest.Secrets) resumeVector {
	t.Helper()
	static := secret[v.Dialler].Static
	if v.Dialler == "" {
		static = noisetest.Key(v.Anonymous)
	}
	acceptor := secret[v.Acceptor]
	pub := acceptor.Static.PublicKey().Bytes()
	v.Prologue = noisetest.Prologue(p.carrier.Label, 1, v.Exporter)
	d := noisetest.NewIK(static, noisetest.Key(v.DiallerEph), pub, v.Prologue)
	a := noisetest.NewIK(acceptor.Static, noisetest.Key(v.AcceptorEph), pub, v.Prologue)
	v.Payload1 = []byte{1}
	m1 := d.Write1(v.Payload1)
	if shown, payload, err := a.Read1(m1); err != nil || !bytes.Equal(shown, static.PublicKey().Bytes()) || !bytes.Equal(payload, v.Payload1) {
		t.Fatalf("message 1 holds %x of %x, %v", payload, shown, err)
	}
	v.Payload2 = noisetest.Join(v.Token, noisetest.Features(v.Answered...))
	m2 := a.Write2(v.Payload2)
	if payload, err := d.Read2(m2); err != nil || !bytes.Equal(payload, v.Payload2) {
		t.Fatalf("message 2 holds %x, %v", payload, err)
	}
	fromDialler, fromAcceptor := a.Ciphers()
	v.Confirmation = noisetest.Confirm(v.Said, v.Offered...)
	v.Verdict = []byte{2}
	if !v.Crossed {
		v.Verdict = noisetest.Resumed(v.Answer)
	}
	v.FromDialler = noisetest.Join([]byte{1}, noisetest.WithLength(m1), noisetest.WithLength(fromDialler.Seal(v.Confirmation)))
	v.FromAcceptor = noisetest.Join(noisetest.WithLength(m2), noisetest.WithLength(fromAcceptor.Seal(v.Verdict)))
	if p.carrier.Bound || v.Crossed {
		return v
	}
	for _, r := range []record{
		{"dialler", 1, noisetest.Frames("op:deliver"), nil}, {"acceptor", 1, []byte{3}, nil}, {"dialler", 2, []byte("\x02\x03bye"), nil}, {"acceptor", 2, []byte{2, 0}, nil},
	} {
		c := fromDialler
		if r.From == "acceptor" {
			c = fromAcceptor
		}
		r.Bytes = noisetest.WithLength(c.Seal(r.Content))
		v.Records = append(v.Records, r)
	}
	return v
}

// checkResumption runs a handshake with the code of the package, but for the carrier.
func (p page) checkResumption(t *testing.T, v resumeVector, pairs map[string]sturdyref.KeyPair) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
	}
	prologue := noiselink.Prologue(p.carrier, 1, v.Exporter)
	same(t, v.Name+": prologue", prologue, v.Prologue)
	acceptor := pairs[v.Acceptor]
	static := noisehs.Static{Public: acceptor.Public().Static, ECDH: acceptor.ECDH}
	a, err := noisehs.NewIKAcceptor(noisehs.Config{Static: static, Prologue: prologue, Random: bytes.NewReader(v.AcceptorEph)})
	must(err)
	mine := noisehs.Static{}
	if k, named := pairs[v.Dialler]; named {
		mine = noisehs.Static{Public: k.Public().Static, ECDH: k.ECDH}
	} else {
		k := noisetest.Key(v.Anonymous)
		mine = noisehs.Static{Public: [32]byte(k.PublicKey().Bytes()), ECDH: func(p [32]byte) ([32]byte, error) { return [32]byte(noisetest.DH(k, p[:])), nil }}
	}
	d, err := noisehs.NewIKDialler(noisehs.Config{Static: mine, Prologue: prologue, Random: bytes.NewReader(v.DiallerEph)}, static.Public)
	must(err)
	m1, err := d.Message1(v.Payload1)
	must(err)
	_, err = a.ReadMessage1(m1)
	must(err)
	m2, err := a.Message2(noisetest.Join(v.Token, noiselink.EncodeFeatures(v.Answered)))
	must(err)
	payload, err := d.ReadMessage2(m2)
	must(err)
	same(t, v.Name+": payload 2", payload, v.Payload2)
	confirmation := noiselink.EncodeConfirm(v.Said, v.Offered)
	same(t, v.Name+": confirmation", confirmation, v.Confirmation)
	m3, fromDialler, err := d.Confirm(confirmation)
	must(err)
	payload, dialler, fromAcceptor, err := a.ReadConfirm(m3)
	must(err)
	same(t, v.Name+": dialler", dialler[:], mine.Public[:])
	again, err := noiselink.ParseConfirm(payload)
	must(err)
	same(t, v.Name+": confirmation, read", again, v.Confirmation)
	verdict := []byte{2}
	if !v.Crossed {
		verdict = noiselink.EncodeResumed(v.Answer)
	}
	same(t, v.Name+": verdict", verdict, v.Verdict)
	m4, err := fromAcceptor.Seal(verdict)
	must(err)
	payload, err = fromDialler.Open(m4)
	must(err)
	again, err = noiselink.ParseResumed(payload)
	must(err)
	same(t, v.Name+": verdict, read", again, v.Verdict)
	same(t, v.Name+": stream from the dialler", noisetest.Join([]byte{1}, noisetest.WithLength(m1), noisetest.WithLength(m3)), v.FromDialler)
	same(t, v.Name+": stream from the acceptor", noisetest.Join(noisetest.WithLength(m2), noisetest.WithLength(m4)), v.FromAcceptor)
	for _, r := range v.Records {
		m, err := map[string]*noisehs.Transport{"dialler": fromDialler, "acceptor": fromAcceptor}[r.From].Seal(r.Content)
		must(err)
		same(t, v.Name+": a record of the "+r.From, noisetest.WithLength(m), r.Bytes)
	}
}
