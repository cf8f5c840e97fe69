package passable_test

import (
	"fmt"
	"time"

	"github.com/hawser-go/hawser/passable"
)

type Ticket struct {
	Seat   int
	Holder string        `ocapn:"for"`
	Valid  time.Duration `ocapn:"valid-ns,omitempty"`
	Extras []string
}

func ExampleCopy() {
	v, err := passable.Copy(Ticket{Seat: 12, Holder: "ada"}, nil)
	fmt.Println(v, err)
	_, err = passable.Copy(map[string]any{"tickets": []any{Ticket{}, make(chan int)}}, nil)
	fmt.Println(err)
	// Output:
	// [{extras []} {for ada} {seat 12}] <nil>
	// passable: tickets[1]: chan int cannot pass: send data or a reference
}

func ExampleAssign() {
	model, _ := passable.NewStruct(
		passable.Field{Key: "seat", Value: int64(12)},
		passable.Field{Key: "for", Value: "ada"},
		passable.Field{Key: "added-next-year", Value: true}, // unknown: ignored
	)
	var t Ticket
	err := passable.Assign(&t, model)
	fmt.Printf("%+v %v\n", t, err)
	var small struct{ Seat int8 }
	err = passable.Assign(&small, model.With("seat", int64(300)))
	fmt.Println(err)
	// Output:
	// {Seat:12 Holder:ada Valid:0s Extras:[]} <nil>
	// passable: seat: 300 does not fit in int8
}

func ExampleEqual() {
	a, _ := passable.Copy(map[string]any{"x": []int{1, 2}}, nil)
	b, _ := passable.Copy(struct{ X [2]uint8 }{[2]uint8{1, 2}}, nil) // a ByteArray, not a List
	c, _ := passable.Copy(struct{ X []uint16 }{[]uint16{1, 2}}, nil)
	fmt.Println(passable.Equal(a, b), passable.Equal(a, c))
	// Output: false true
}
