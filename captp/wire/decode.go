package wire

import (
	"io"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/syrup"
)

// Limits bound what one operation may cost. Zero values are defaults.
type Limits = syrup.Limits

// Decoder reads operations, from frames or from a stream. One serves one
// session; it is not for concurrent use.
//
// Every input is taken as hostile: it is bounded by Limits, and what does not
// match is an *Error. An error of the function given for references comes back
// inside one.
type Decoder struct {
	// Envelope, if not nil, maps a signed certificate met in arguments to the
	// value that takes its place; it may keep it. It is called in order of
	// appearance, as the function for descriptors is.
	Envelope func(*msg.SigEnvelope) (any, error)

	s    *syrup.Decoder
	refs func(msg.Desc) (passable.Reference, error) // of the Decode under way
	seen Seen

	// Operations that come often are filled in anew each time.
	deliver   msg.Deliver
	listen    msg.Listen
	get       msg.Get
	index     msg.Index
	untag     msg.Untag
	gcExports msg.GCExports
	gcAnswers msg.GCAnswers
}

// NewDecoder returns a decoder for what comes from a peer. Of the dialect it
// uses KeyOrder and Lenient only; all shapes of operations are understood.
func NewDecoder(d Dialect, limits Limits) *Decoder {
	dec := &Decoder{}
	dec.s = syrup.NewDecoder(&syrup.Config{Limits: limits, KeyOrder: d.KeyOrder, Lenient: d.Lenient, Record: dec.record})
	return dec
}

// Decode reads the operation that is in frame, all of it. refs maps each
// descriptor met in arguments (not in fields of the operation) to a reference,
// in order of appearance, even if an error follows; nil keeps the descriptors,
// and a nil result is null.
//
// The operation belongs to the caller until the next call of the decoder, save
// the arguments of a Deliver and all of a StartSession or an Abort, which are
// the caller's to keep. Nothing aliases frame. Whoever takes the arguments out of
// a Deliver sets its Args to nil, or the decoder keeps them, and the references in
// them, alive while it waits.
func (d *Decoder) Decode(frame []byte, refs func(msg.Desc) (passable.Reference, error)) (msg.Op, error) {
	if err := d.s.Reset(frame); err != nil {
		return nil, &Error{Err: err}
	}
	return d.decode(refs)
}

// ResetReader makes r, a stream of operations without frames, the input of Next.
func (d *Decoder) ResetReader(r io.Reader) { d.s.ResetReader(r) }

// Next reads the next operation of the stream, as Decode does. At the end of the
// stream it returns io.EOF; errors of the reader come back unchanged where they
// come between operations, and inside an *Error otherwise.
func (d *Decoder) Next(refs func(msg.Desc) (passable.Reference, error)) (msg.Op, error) {
	if err := d.s.Next(); err != nil {
		return nil, err
	}
	return d.decode(refs)
}

// Seen returns which shapes other than the newest the peer has used.
func (d *Decoder) Seen() Seen { return d.seen }

func (d *Decoder) decode(refs func(msg.Desc) (passable.Reference, error)) (msg.Op, error) {
	d.refs, d.deliver.Args = refs, nil
	op, err := d.op()
	d.refs = nil
	d.see(d.s.Seen())
	if err != nil {
		return nil, err
	}
	return op, nil
}

func (d *Decoder) see(s syrup.Seen) {
	if s == 0 {
		return
	}
	for from, to := range map[syrup.Seen]Seen{
		syrup.SeenErrorMessage: SeenErrorMessage, syrup.SeenErrorPair: SeenErrorPair,
		syrup.SeenErrorMystery: SeenErrorMystery, syrup.SeenTagString: SeenTagString,
	} {
		if s&from != 0 {
			d.seen |= to
		}
	}
}

func (d *Decoder) op() (op msg.Op, err error) {
	label, err := d.s.OpenRecord()
	if err != nil {
		return nil, &Error{Err: err}
	}
	switch label {
	case "op:deliver":
		op, err = d.readDeliver("op:deliver", false)
	case "op:deliver-only":
		d.seen |= SeenDeliverOnly
		op, err = d.readDeliver("op:deliver-only", true)
	case "op:listen":
		op, err = d.readListen()
	case "op:get":
		op, err = d.readGet()
	case "op:index":
		op, err = d.readIndex()
	case "op:untag":
		op, err = d.readUntag()
	case "op:gc-exports", "op:gc-export":
		op, err = d.readGCExports(string(label))
	case "op:gc-answers", "op:gc-answer":
		op, err = d.readGCAnswers(string(label))
	case "op:abort":
		op, err = d.readAbort()
	case "op:start-session":
		op, err = d.readStartSession()
	default:
		return nil, unknownOp(label)
	}
	if err != nil {
		return nil, err
	}
	if err := d.s.CloseRecord(); err != nil {
		return nil, in(string(label), "", err)
	}
	if err := d.s.End(); err != nil {
		return nil, in(string(label), "", err)
	}
	return op, nil
}

// desc reads a descriptor. want is for the message.
func (d *Decoder) desc(want string) (msg.Desc, error) {
	label, err := d.s.OpenRecord()
	if err != nil {
		return msg.Desc{}, err
	}
	kind := descKind(label)
	if kind == 0 {
		return msg.Desc{}, d.wrong("got the record %q, want %s", cut(label), want)
	}
	pos, err := d.s.Uint()
	if err != nil {
		return msg.Desc{}, err
	}
	return msg.Desc{Kind: kind, Pos: pos}, d.s.CloseRecord()
}

func descKind(label passable.Symbol) msg.DescKind {
	switch label {
	case "desc:export":
		return msg.Export
	case "desc:answer":
		return msg.Answer
	case "desc:import-object":
		return msg.ImportObject
	case "desc:import-promise":
		return msg.ImportPromise
	}
	return 0
}

// target reads a descriptor of something of ours.
func (d *Decoder) target() (msg.Desc, error) {
	to, err := d.desc(wantTarget)
	if err == nil && to.Kind != msg.Export && to.Kind != msg.Answer {
		err = d.wrong("got %s, want %s", to, wantTarget)
	}
	return to, err
}

// resolver reads a descriptor of something of the peer's.
func (d *Decoder) resolver() (msg.Desc, error) {
	r, err := d.desc(wantImport)
	if err == nil && r.Kind != msg.ImportObject && r.Kind != msg.ImportPromise {
		err = d.wrong("got %s, want %s", r, wantImport)
	}
	return r, err
}

// record is what package syrup calls for a record in arguments.
func (d *Decoder) record(s *syrup.Decoder, label passable.Symbol) (any, error) {
	if kind := descKind(label); kind != 0 {
		pos, err := s.Uint()
		if err != nil {
			return nil, err
		}
		return d.reference(msg.Desc{Kind: kind, Pos: pos})
	}
	switch label {
	case labelEnvelope:
		env, err := d.envelopeFields(true)
		if err != nil {
			return nil, err
		}
		if d.Envelope != nil {
			return d.Envelope(env)
		}
		return env, nil
	case labelSturdyRef:
		r, err := d.sturdyRefFields()
		return msg.SturdyRef{Ref: r}, err
	case labelGive, labelReceive:
		return nil, d.wrong("got the record %q, want it inside a %s", string(label), labelEnvelope)
	}
	if d.isPeer(label) {
		p, err := d.peerFields()
		return msg.Locator{Peer: p}, err
	}
	return nil, s.Unknown(label)
}

func (d *Decoder) reference(desc msg.Desc) (any, error) {
	if d.refs == nil {
		return desc, nil
	}
	r, err := d.refs(desc)
	if err != nil || r == nil {
		return nil, err
	}
	return r, nil
}
