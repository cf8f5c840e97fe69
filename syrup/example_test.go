package syrup_test

import (
	"fmt"
	"io"
	"strings"

	"github.com/hawser-go/hawser/passable"
	"github.com/hawser-go/hawser/syrup"
)

func ExampleEncode() {
	v, _ := passable.Copy(map[string]any{"name": "Alice", "age": 30, "alive": true}, nil)
	b, err := syrup.Encode(v)
	fmt.Printf("%s %v\n", b, err)
	// Output: {3"age30+4"name5"Alice5"alivet} <nil>
}

func ExampleDecode() {
	v, err := syrup.Decode([]byte(`[1+5"twine<4'null>]`), nil)
	fmt.Println(v, err)
	_, err = syrup.Decode([]byte(`[1+05"twine]`), nil)
	fmt.Println(err)
	// Output:
	// [1 twine <nil>] <nil>
	// syrup: offset 3: not canonical: a leading zero
}

// A protocol reads its records field by field, from a stream if it likes, and
// builds no tree.
func ExampleDecoder() {
	d := syrup.NewDecoder(nil)
	d.ResetReader(strings.NewReader("<5'point3+4+><5'point5+12+>"))
	for {
		err := d.Next()
		if err == io.EOF {
			return
		}
		label, err := d.OpenRecord()
		if err != nil || label != "point" {
			fmt.Println(label, err)
			return
		}
		x, _ := d.Int()
		y, _ := d.Int()
		fmt.Println(x, y, d.CloseRecord())
	}
	// Output:
	// 3 4 <nil>
	// 5 12 <nil>
}

// References are the business of the protocol: a hook writes them, another reads
// them.
func ExampleEncoder() {
	enc := syrup.Encoder{Ref: func(dst []byte, r passable.Reference) ([]byte, error) {
		dst = syrup.AppendInt(syrup.AppendLabel(dst, "desc:export"), int64(r.(position)))
		return append(dst, syrup.CloseRecord), nil
	}}
	b, err := enc.Append(nil, []any{position(7)})
	fmt.Printf("%s %v\n", b, err)
	v, err := syrup.Decode(b, &syrup.Config{Record: func(d *syrup.Decoder, label passable.Symbol) (any, error) {
		if label != "desc:export" {
			return nil, d.Unknown(label)
		}
		n, err := d.Int()
		return position(n), err
	}})
	fmt.Println(v, err)
	// Output:
	// [<11'desc:export7+>] <nil>
	// [7] <nil>
}

type position int64

func (p position) PassableReference() passable.Reference { return p }
