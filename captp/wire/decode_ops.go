package wire

import (
	"github.com/hawser-go/hawser/captp/msg"
)

func (d *Decoder) readDeliver(label string, only bool) (msg.Op, error) {
	op := &d.deliver
	*op = msg.Deliver{}
	var err error
	if op.To, err = d.target(); err != nil {
		return nil, in(label, "to-desc", err)
	}
	if err = d.readArgs(op); err != nil {
		return nil, in(label, "args", err)
	}
	if only {
		return op, nil
	}
	none, err := d.s.TryFalse()
	if err == nil && !none {
		op.HasAnswer = true
		op.Answer, err = d.s.Uint()
	}
	if err != nil {
		return nil, in(label, "answer-pos", err)
	}
	none, err = d.s.TryFalse()
	if err == nil && !none {
		op.HasResolve = true
		op.Resolve, err = d.resolver()
	}
	if err != nil {
		return nil, in(label, "resolve-me-desc", err)
	}
	return op, nil
}

func (d *Decoder) readArgs(op *msg.Deliver) error {
	if err := d.s.OpenList(); err != nil {
		return err
	}
	more, err := d.s.More()
	if err != nil {
		return err
	}
	empty := false
	if more {
		symbol, err := d.s.Is('\'')
		if err != nil {
			return err
		}
		if symbol {
			if op.Selector, err = d.s.Symbol(); err != nil {
				return err
			}
			empty = op.Selector == "" // such a symbol stays among the arguments
		}
	}
	if op.Args, err = d.s.Rest(); err == nil && empty {
		op.Args = append([]any{op.Selector}, op.Args...)
	}
	return err
}

func (d *Decoder) readListen() (msg.Op, error) {
	const label = "op:listen"
	op := &d.listen
	*op = msg.Listen{}
	var err error
	if op.To, err = d.target(); err != nil {
		return nil, in(label, "to-desc", err)
	}
	if op.Resolve, err = d.resolver(); err != nil {
		return nil, in(label, "listen-desc", err)
	}
	more, err := d.s.More()
	if err == nil && more {
		d.seen |= SeenListenPartial
		op.WantsPartial, err = d.s.Bool()
	}
	if err != nil {
		return nil, in(label, "wants-partial", err)
	}
	return op, nil
}

// name reads a String or, as some have it, a Symbol.
func (d *Decoder) name() (string, error) {
	symbol, err := d.s.Is('\'')
	if err != nil {
		return "", err
	}
	if symbol {
		s, err := d.s.Symbol()
		return string(s), err
	}
	return d.s.Key()
}

func (d *Decoder) readGet() (msg.Op, error) {
	const label = "op:get"
	op := &d.get
	var err error
	if op.To, err = d.target(); err != nil {
		return nil, in(label, "receiver-desc", err)
	}
	if op.Field, err = d.name(); err != nil {
		return nil, in(label, "field-name", err)
	}
	if op.Answer, err = d.s.Uint(); err != nil {
		return nil, in(label, "new-answer-pos", err)
	}
	return op, nil
}

func (d *Decoder) readIndex() (msg.Op, error) {
	const label = "op:index"
	op := &d.index
	var err error
	if op.To, err = d.target(); err != nil {
		return nil, in(label, "receiver-desc", err)
	}
	if op.Index, err = d.s.Int(); err != nil {
		return nil, in(label, "index", err)
	}
	if op.Answer, err = d.s.Uint(); err != nil {
		return nil, in(label, "new-answer-pos", err)
	}
	return op, nil
}

func (d *Decoder) readUntag() (msg.Op, error) {
	const label = "op:untag"
	op := &d.untag
	var err error
	if op.To, err = d.target(); err != nil {
		return nil, in(label, "receiver-desc", err)
	}
	if op.Tag, err = d.name(); err != nil {
		return nil, in(label, "tag", err)
	}
	if op.Answer, err = d.s.Uint(); err != nil {
		return nil, in(label, "new-answer-pos", err)
	}
	return op, nil
}

func (d *Decoder) readGCExports(label string) (msg.Op, error) {
	op := &d.gcExports
	if label == "op:gc-export" {
		d.seen |= SeenSingularGC
	}
	var err error
	if op.Positions, err = d.integers(op.Positions); err != nil {
		return nil, in(label, "export-pos-list", err)
	}
	if op.Deltas, err = d.integers(op.Deltas); err != nil {
		return nil, in(label, "wire-delta-list", err)
	}
	if len(op.Positions) != len(op.Deltas) {
		return nil, in(label, "", d.wrong("%d positions and %d deltas, want as many of one as of the other", len(op.Positions), len(op.Deltas)))
	}
	return op, nil
}

func (d *Decoder) readGCAnswers(label string) (msg.Op, error) {
	op := &d.gcAnswers
	if label == "op:gc-answer" {
		d.seen |= SeenSingularGC
	}
	var err error
	if op.Positions, err = d.integers(op.Positions); err != nil {
		return nil, in(label, "answer-pos-list", err)
	}
	return op, nil
}

// keptIntegers is the size up to which the slices of gc operations are used again.
const keptIntegers = 1 << 10

// integers reads a list of integers that are not negative, or a single one, into
// list, which is overwritten.
func (d *Decoder) integers(list []uint64) ([]uint64, error) {
	if cap(list) > keptIntegers {
		list = nil
	}
	list = list[:0]
	single, err := d.s.Is('+')
	if err != nil {
		return nil, err
	}
	if single {
		d.seen |= SeenScalarGC
		n, err := d.s.Uint()
		return append(list, n), err
	}
	if err := d.s.OpenList(); err != nil {
		return nil, err
	}
	for {
		more, err := d.s.More()
		if err != nil {
			return nil, err
		}
		if !more {
			return list, d.s.CloseList()
		}
		n, err := d.s.Uint()
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
}

func (d *Decoder) readAbort() (msg.Op, error) {
	symbol, err := d.s.Is('\'')
	if err != nil {
		return nil, in("op:abort", "reason", err)
	}
	var reason string
	if symbol {
		s, e := d.s.Symbol()
		reason, err = string(s), e
	} else {
		reason, err = d.s.String()
	}
	if err != nil {
		return nil, in("op:abort", "reason", err)
	}
	return &msg.Abort{Reason: reason}, nil
}

func (d *Decoder) readStartSession() (msg.Op, error) {
	const label = "op:start-session"
	op := &msg.StartSession{}
	var err error
	if op.Version, err = d.s.String(); err != nil {
		return nil, in(label, "captp-version", err)
	}
	if op.PublicKey, err = d.publicKey(); err != nil {
		return nil, in(label, "session-pubkey", err)
	}
	mark := d.s.Mark()
	if op.Location, err = d.peer(); err != nil {
		return nil, in(label, "acceptable-location", err)
	}
	op.LocationBytes = append([]byte(nil), d.s.Since(mark)...)
	if op.Signature, err = d.signature(); err != nil {
		return nil, in(label, "acceptable-location-sig", err)
	}
	return op, nil
}
