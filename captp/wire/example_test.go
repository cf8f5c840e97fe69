package wire_test

import (
	"fmt"

	"github.com/hawser-go/hawser/captp/msg"
	"github.com/hawser-go/hawser/captp/wire"
	"github.com/hawser-go/hawser/passable"
)

func Example() {
	op := &msg.Deliver{
		To:       msg.Desc{Kind: msg.Export, Pos: 5},
		Selector: "join", Args: []any{"ada", msg.Desc{Kind: msg.ImportObject, Pos: 2}},
		Answer: 3, HasAnswer: true,
	}
	frame, err := wire.NewEncoder(wire.Hawser).Append(nil, op, nil)
	fmt.Printf("%s %v\n", frame, err)

	got, err := wire.NewDecoder(wire.Hawser, wire.Limits{}).Decode(frame, func(d msg.Desc) (passable.Reference, error) {
		fmt.Println("in the arguments:", d)
		return d, nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	d := got.(*msg.Deliver)
	fmt.Println(d.To, d.Selector, d.Args, d.Answer)
	// Output:
	// <10'op:deliver<11'desc:export5+>[4'join3"ada<18'desc:import-object2+>]3+f> <nil>
	// in the arguments: <desc:import-object 2>
	// <desc:export 5> join [ada <desc:import-object 2>] 3
}

func ExampleDialect() {
	listen := &msg.Listen{To: msg.Desc{Kind: msg.Answer, Pos: 1}, Resolve: msg.Desc{Kind: msg.ImportObject, Pos: 2}}
	for _, d := range []wire.Dialect{wire.Hawser, wire.Suite202602} {
		frame, _ := wire.NewEncoder(d).Append(nil, listen, nil)
		fmt.Printf("%s: %s\n", d.Name, frame)
	}
	// Output:
	// hawser: <9'op:listen<11'desc:answer1+><18'desc:import-object2+>>
	// suite-2026-02: <9'op:listen<11'desc:answer1+><18'desc:import-object2+>f>
}

func ExampleDecoder_Decode_mismatch() {
	_, err := wire.NewDecoder(wire.Hawser, wire.Limits{}).Decode([]byte("<9'op:listen<11'desc:answer1+><11'desc:export2+>>"), nil)
	fmt.Println(err)
	// Output: wire: op:listen: listen-desc: syrup: offset 48: another kind of value was expected: got <desc:export 2>, want desc:import-object or desc:import-promise
}
