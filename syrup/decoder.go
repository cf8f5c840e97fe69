package syrup

import (
	"errors"
	"io"

	"github.com/hawser-go/hawser/passable"
)

// Config says how to decode. A nil *Config and the zero Config are the defaults.
type Config struct {
	Limits Limits
	// KeyOrder is the order that the keys of structs must have.
	KeyOrder KeyOrder
	// Lenient accepts what is not canonical and has only one meaning: white
	// space between tokens, leading zeros, 0-, keys in any order, single floats
	// and any NaN. Never use it for what a signature covers.
	Lenient bool
	// Record reads a record that is not a value of the model, after its label:
	// it reads all fields with d and returns the value. The closing bracket is
	// read by the caller. Nil refuses such records, as d.Unknown does.
	Record func(d *Decoder, label passable.Symbol) (any, error)
}

// Decoder reads Syrup from bytes or from a reader, by pulling: the caller says
// what it expects next. Value reads whatever comes. After an error the position is
// unspecified and only Reset and ResetReader help. Not for concurrent use.
type Decoder struct {
	buf   []byte
	pos   int
	start int   // of the current message in buf
	base  int64 // bytes discarded before buf[0]
	r     io.Reader

	cfg    Config
	limits Limits
	depth  int
	values int // that may still come in this message
	names  interner
	stack  []any // elements of the lists that are open
	seen   Seen
}

// Seen says which of several accepted shapes an input has used, as bits.
type Seen uint8

const (
	SeenErrorStruct  Seen = 1 << iota // <desc:error {…}>
	SeenErrorMessage                  // <desc:error message>
	SeenErrorPair                     // <desc:error code message>
	SeenErrorMystery                  // <exn:fail:mystery>
	SeenErrorExtra                    // members of <desc:error {…}> beyond code and message
	SeenTagString                     // <desc:tagged "tag" value>, where the tag is a string
)

// NewDecoder returns a decoder without input. Give it some with Reset or
// ResetReader.
func NewDecoder(cfg *Config) *Decoder {
	d := &Decoder{}
	if cfg != nil {
		d.cfg = *cfg
	}
	d.limits = d.cfg.Limits.withDefaults()
	d.values = d.limits.Values
	return d
}

// Decode returns the only value in b.
func Decode(b []byte, cfg *Config) (any, error) {
	d := NewDecoder(cfg)
	if err := d.Reset(b); err != nil {
		return nil, err
	}
	v, err := d.Value()
	if err != nil {
		return nil, err
	}
	return v, d.End()
}

// Reset makes b, one message, the input. b is not changed and not kept beyond
// the next Reset; results never alias it unless a method says so. The error is
// of kind ErrTooLarge.
func (d *Decoder) Reset(b []byte) error {
	d.r, d.buf, d.pos, d.start, d.base = nil, b, 0, 0, 0
	d.begin()
	if len(b) > d.limits.Bytes {
		return d.fault(0, ErrTooLarge, "a message of %d bytes, at most %d are taken", len(b), d.limits.Bytes)
	}
	return nil
}

// ResetReader makes r, a stream of messages, the input. The decoder reads ahead
// of the message it decodes, but never waits for more than that message needs.
func (d *Decoder) ResetReader(r io.Reader) {
	d.r, d.buf, d.pos, d.start, d.base = r, nil, 0, 0, 0
	d.begin()
}

func (d *Decoder) begin() {
	d.start, d.depth, d.values, d.seen = d.pos, 0, d.limits.Values, 0
	if cap(d.stack) > 1<<12 {
		d.stack = nil // not kept for ever because of one large message
	}
	clear(d.stack) // what an error left behind
	d.stack = d.stack[:0]
}

// Next starts a new message: limits count from here. It waits for the first byte
// of one, and returns io.EOF if the input ends before it. Reset and ResetReader
// start the first message, so Next is for those that follow, or to tell the end
// of a stream from a broken message.
func (d *Decoder) Next() error {
	if d.r != nil {
		d.discard()
	}
	d.begin()
	err := d.peekable()
	if err != nil && d.pos == len(d.buf) && errors.Is(err, ErrTruncated) {
		return io.EOF
	}
	return err
}

// discard forgets what has been consumed of a stream.
func (d *Decoder) discard() {
	rest := d.buf[d.pos:]
	d.base += int64(d.pos)
	if cap(d.buf) > 1<<16 && len(rest) < 1<<12 {
		d.buf = append(make([]byte, 0, 1<<12), rest...)
	} else {
		d.buf = d.buf[:copy(d.buf, rest)]
	}
	d.pos = 0
}

// End reports whether the message was complete: with Reset, that nothing follows
// (ErrTrailing otherwise); on a stream, that its size was within the limit.
func (d *Decoder) End() error {
	if d.r != nil {
		if n := d.pos - d.start; n > d.limits.Bytes {
			return d.fault(d.start, ErrTooLarge, "a message of %d bytes, at most %d are taken", n, d.limits.Bytes)
		}
		return nil
	}
	if d.cfg.Lenient {
		d.skipSpace()
	}
	if d.pos != len(d.buf) {
		return d.fault(d.pos, ErrTrailing, "%d of them", len(d.buf)-d.pos)
	}
	return nil
}

// Offset returns how many bytes have been consumed in all.
func (d *Decoder) Offset() int64 { return d.base + int64(d.pos) }

// Seen returns which shapes the current message has used so far.
func (d *Decoder) Seen() Seen { return d.seen }

// Mark returns a mark of the current position, for Since.
func (d *Decoder) Mark() int { return d.pos - d.start }

// Since returns the bytes read since the mark was taken in this message, exactly
// as they came. They are borrowed: valid until the next Next or Reset.
func (d *Decoder) Since(mark int) []byte { return d.buf[d.start+mark : d.pos : d.pos] }

// need makes sure that n bytes follow the position.
func (d *Decoder) need(n int) error {
	if len(d.buf)-d.pos >= n {
		return nil
	}
	return d.fill(n)
}

// fill reads until n bytes follow the position. The buffer grows with what has
// arrived, not with n, which a peer has announced.
func (d *Decoder) fill(n int) error {
	if d.r == nil {
		return d.truncated()
	}
	if n > d.limits.Bytes-(d.pos-d.start) {
		return d.fault(d.start, ErrTooLarge, "the message has more than %d bytes", d.limits.Bytes)
	}
	for idle := 0; len(d.buf)-d.pos < n; {
		if len(d.buf) == cap(d.buf) {
			d.buf = append(make([]byte, 0, max(1<<12, 2*cap(d.buf))), d.buf...)
		}
		m, err := d.r.Read(d.buf[len(d.buf):cap(d.buf)])
		d.buf = d.buf[:len(d.buf)+m]
		if m > 0 {
			idle = 0
			continue // an error comes again when it matters
		}
		if err == io.EOF {
			return d.truncated()
		}
		if err != nil {
			return err
		}
		if idle++; idle > 100 {
			return io.ErrNoProgress
		}
	}
	return nil
}

func (d *Decoder) truncated() error {
	return &Error{Offset: d.base + int64(len(d.buf)), Kind: ErrTruncated}
}

// peekable makes sure that there is a byte at the position, white space skipped
// where that is allowed.
func (d *Decoder) peekable() error {
	if d.pos == len(d.buf) {
		if err := d.fill(1); err != nil {
			return err
		}
	}
	if !d.cfg.Lenient {
		return nil
	}
	for d.skipSpace(); d.pos == len(d.buf); d.skipSpace() {
		if err := d.fill(1); err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoder) skipSpace() {
	for d.pos < len(d.buf) {
		switch d.buf[d.pos] {
		case ' ', '\t', '\r', '\n':
			d.pos++
		default:
			return
		}
	}
}
