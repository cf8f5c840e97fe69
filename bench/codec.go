package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/hawser-go/hawser/bench/floor/handcbor"
	"github.com/hawser-go/hawser/syrup"
)

// One small message, about that of a call, encoded into a buffer that is there and decoded from one. What is
// hand-written knows its shape; values are a tree of any.

var (
	small = handcbor.Message{Op: "op:deliver", Pos: 123456, Key: bytes.Repeat([]byte{7}, 32), Numbers: []int64{1, 200, 70000, -5}}
	tree  = []any{small.Op, small.Pos, small.Key, []any{int64(1), int64(200), int64(70000), int64(-5)}}
)

// repeated is work without callers.
func repeated(once func() error) (work, error) {
	return work{func(n int, _ *times) error {
		for range n {
			if err := once(); err != nil {
				return err
			}
		}
		return nil
	}, nothing}, once()
}

// encoded is the work of appending the message to an empty buffer; what comes out must be what the other encoder wrote.
func encoded(add func(b []byte) ([]byte, error), want func() ([]byte, error)) opener {
	return func() (work, error) {
		b, err := add(nil)
		if err != nil {
			return work{}, err
		}
		if w, err := want(); err != nil || !bytes.Equal(b, w) {
			return work{}, fmt.Errorf("encoded %x, want %x: %w", b, w, err)
		}
		return repeated(func() error {
			b, err = add(b[:0])
			return err
		})
	}
}

func appendCBOR(b []byte) ([]byte, error) { return handcbor.Append(b, &small), nil }

func appendSyrup(b []byte) ([]byte, error) {
	b = syrup.AppendString(append(b, syrup.OpenList), small.Op)
	b = syrup.AppendInt(b, small.Pos)
	b = append(syrup.AppendBytes(b, small.Key), syrup.OpenList)
	for _, n := range small.Numbers {
		b = syrup.AppendInt(b, n)
	}
	return append(b, syrup.CloseList, syrup.CloseList), nil
}

func encodeTree() ([]byte, error) { return syrup.Encode(tree) }

func encodeSyrup() (work, error) {
	e := new(syrup.Encoder)
	return encoded(func(b []byte) ([]byte, error) { return e.Append(b, tree) }, encodeTree)()
}

func libraryText() ([]byte, error) {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(&small)
}

func libraryEncode(v any) opener {
	return func() (work, error) {
		mode, err := cbor.CoreDetEncOptions().UserBufferEncMode()
		if err != nil {
			return work{}, err
		}
		var buf bytes.Buffer
		return encoded(func([]byte) ([]byte, error) {
			buf.Reset()
			err := mode.MarshalToBuffer(v, &buf)
			return buf.Bytes(), err
		}, libraryText)()
	}
}

func same(m *handcbor.Message, err error) error {
	if err == nil && (m.Op != small.Op || m.Pos != small.Pos || len(m.Key) != len(small.Key) || !slices.Equal(m.Numbers, small.Numbers)) {
		return fmt.Errorf("decoded %+v", m)
	}
	return err
}

func decodeCBOR() (work, error) {
	var m handcbor.Message
	b := handcbor.Append(nil, &small)
	return repeated(func() error { return same(&m, handcbor.Decode(b, &m)) })
}

func pullSyrup() (work, error) {
	var m handcbor.Message
	d := syrup.NewDecoder(nil)
	b, err := encodeTree()
	if err != nil {
		return work{}, err
	}
	return repeated(func() error {
		if err := d.Reset(b); err != nil {
			return err
		}
		return same(&m, pull(d, &m))
	})
}

func pull(d *syrup.Decoder, m *handcbor.Message) (err error) {
	if err = d.OpenList(); err != nil {
		return err
	}
	if m.Op, err = d.Key(); err != nil {
		return err
	}
	if m.Pos, err = d.Int(); err != nil {
		return err
	}
	if m.Key, err = d.View(); err != nil {
		return err
	}
	if err = d.OpenList(); err != nil {
		return err
	}
	m.Numbers = m.Numbers[:0]
	for {
		more, err := d.More()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		n, err := d.Int()
		if err != nil {
			return err
		}
		m.Numbers = append(m.Numbers, n)
	}
	if err = d.CloseList(); err != nil {
		return err
	}
	if err = d.CloseList(); err != nil {
		return err
	}
	return d.End()
}

var errShort = errors.New("the decoded list has not four elements")

func decodeSyrup() (work, error) {
	d := syrup.NewDecoder(nil)
	b, err := encodeTree()
	if err != nil {
		return work{}, err
	}
	return repeated(func() error {
		if err := d.Reset(b); err != nil {
			return err
		}
		v, err := d.Value()
		if err != nil {
			return err
		}
		if list, ok := v.([]any); !ok || len(list) != len(tree) {
			return errShort
		}
		return d.End()
	})
}

func libraryStruct() (work, error) {
	b, err := libraryText()
	if err != nil {
		return work{}, err
	}
	var m handcbor.Message
	return repeated(func() error { return same(&m, cbor.Unmarshal(b, &m)) })
}

func libraryValues() (work, error) {
	b, err := libraryText()
	if err != nil {
		return work{}, err
	}
	return repeated(func() error {
		var list []any
		if err := cbor.Unmarshal(b, &list); err != nil {
			return err
		}
		if len(list) != len(tree) {
			return errShort
		}
		return nil
	})
}
