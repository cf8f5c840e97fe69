package wire

import (
	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
)

// publicKey reads a key: a gcrypt list or plain bytes.
func (d *Decoder) publicKey() (key [32]byte, err error) {
	plain, err := d.s.Is(':')
	if err != nil {
		return key, err
	}
	if plain {
		d.seen |= SeenPlainKeys
		return key, d.s.BytesInto(key[:])
	}
	err = d.all(
		d.open("public-key"), d.open("ecc"),
		d.pair("curve", "Ed25519"), d.pair("flags", "eddsa"),
		d.bytes("q", key[:]), d.s.CloseList, d.s.CloseList,
	)
	return key, err
}

// signature reads a signature: a gcrypt list or plain bytes.
func (d *Decoder) signature() (sig [64]byte, err error) {
	plain, err := d.s.Is(':')
	if err != nil {
		return sig, err
	}
	if plain {
		d.seen |= SeenPlainKeys
		return sig, d.s.BytesInto(sig[:])
	}
	err = d.all(
		d.open("sig-val"), d.open("eddsa"),
		d.bytes("r", sig[:32]), d.bytes("s", sig[32:]), d.s.CloseList, d.s.CloseList,
	)
	return sig, err
}

// all does one step of reading after the other until one fails.
func (d *Decoder) all(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// open is the step that reads the start of a list and its first element.
func (d *Decoder) open(name passable.Symbol) func() error {
	return func() error {
		if err := d.s.OpenList(); err != nil {
			return err
		}
		got, err := d.s.Symbol()
		if err == nil && got != name {
			err = d.wrong("got the symbol %q, want %q", cut(got), string(name))
		}
		return err
	}
}

// pair is the step that reads a list of two given symbols.
func (d *Decoder) pair(name, value passable.Symbol) func() error {
	return func() error {
		if err := d.open(name)(); err != nil {
			return err
		}
		got, err := d.s.Symbol()
		if err != nil {
			return err
		}
		if got != value {
			return d.wrong("got %s %q, want %q", name, cut(got), string(value))
		}
		return d.s.CloseList()
	}
}

// bytes is the step that reads a list of a given symbol and bytes of a given size.
func (d *Decoder) bytes(name passable.Symbol, into []byte) func() error {
	return func() error {
		return d.all(d.open(name), func() error { return d.s.BytesInto(into) }, d.s.CloseList)
	}
}

// envelopeFields reads the fields of an envelope, around a receive only if the
// place allows that.
func (d *Decoder) envelopeFields(receiveToo bool) (*msg.SigEnvelope, error) {
	env := &msg.SigEnvelope{}
	mark := d.s.Mark()
	label, err := d.s.OpenRecord()
	switch {
	case err != nil:
		return nil, err
	case label == labelGive:
		env.Signed, err = d.give()
	case label == labelReceive && receiveToo:
		env.Signed, err = d.receive()
	default:
		err = d.wrong("a signed %q, want %s", cut(label), labelGive)
	}
	if err != nil {
		return nil, err
	}
	if err := d.s.CloseRecord(); err != nil {
		return nil, err
	}
	env.Encoded = append([]byte(nil), d.s.Since(mark)...)
	env.Signature, err = d.signature()
	return env, err
}

// give reads the fields of a desc:handoff-give.
func (d *Decoder) give() (*msg.HandoffGive, error) {
	g := &msg.HandoffGive{}
	var err error
	if g.ReceiverKey, err = d.publicKey(); err != nil {
		return nil, err
	}
	if g.Exporter, err = d.peer(); err != nil {
		return nil, err
	}
	if err := d.s.BytesInto(g.Session[:]); err != nil {
		return nil, err
	}
	if err := d.s.BytesInto(g.GifterSide[:]); err != nil {
		return nil, err
	}
	if g.GiftID, err = d.s.Value(); err != nil {
		return nil, err
	}
	if !isGiftID(g.GiftID) {
		return nil, d.wrong("the gift-id of a %s is a ByteArray", labelGive)
	}
	return g, nil
}

// receive reads the fields of a desc:handoff-receive.
func (d *Decoder) receive() (*msg.HandoffReceive, error) {
	r := &msg.HandoffReceive{}
	var err error
	if err := d.s.BytesInto(r.Session[:]); err != nil {
		return nil, err
	}
	if err := d.s.BytesInto(r.Side[:]); err != nil {
		return nil, err
	}
	if r.Count, err = d.s.Uint(); err != nil {
		return nil, err
	}
	label, err := d.s.OpenRecord()
	if err != nil {
		return nil, err
	}
	if label != labelEnvelope {
		return nil, d.wrong("got the record %q, want %s", cut(label), labelEnvelope)
	}
	if r.Give, err = d.envelopeFields(false); err != nil {
		return nil, err
	}
	return r, d.s.CloseRecord()
}
