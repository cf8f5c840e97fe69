package passable_test

import (
	"reflect"
	"testing"

	"github.com/hawser-go/hawser/passable"
)

type point struct {
	X, Y int
	Name string
}

var (
	benchArgs = []any{"ada", 1, true, passable.Symbol("join"), newRef("r")}
	anySink   any
)

func BenchmarkCopyArgs(b *testing.B) {
	keep := func(r passable.Reference) (passable.Reference, error) { return r, nil }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := passable.CopyArgs(benchArgs, keep); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCopy(b *testing.B) {
	for name, v := range map[string]any{
		"int64": int64(1 << 40), "string": "hello there", "struct": point{1, 2, "p"}, "bytes": make([]byte, 32), "stub": roomRef{newRef("r")},
		"strings": []string{"a", "b", "c"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if anySink, err = passable.Copy(v, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTo(b *testing.B) {
	s := passable.Struct{{Key: "name", Value: "p"}, {Key: "x", Value: int64(1)}, {Key: "y", Value: int64(2)}}
	b.Run("int", func(b *testing.B) { benchTo[int](b, int64(5)) })
	b.Run("string", func(b *testing.B) { benchTo[string](b, "hello") })
	b.Run("struct", func(b *testing.B) { benchTo[point](b, s) })
	b.Run("stub", func(b *testing.B) { benchTo[roomRef](b, newRef("r")) })
	b.Run("int32", func(b *testing.B) { benchTo[int32](b, int64(5)) })
}

func benchTo[T any](b *testing.B, model any) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := passable.To[T](model); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAssignValue is what a dispatcher does for each parameter: the lookup
// of the plan is part of it.
func BenchmarkAssignValue(b *testing.B) {
	for name, c := range map[string]struct {
		dst   any
		model any
	}{
		"int": {new(int), int64(5)}, "string": {new(string), "hello"}, "any": {new(any), "hello"}, "stub": {new(roomRef), newRef("r")},
	} {
		b.Run(name, func(b *testing.B) {
			dst := reflect.ValueOf(c.dst).Elem()
			b.ReportAllocs()
			for b.Loop() {
				if err := passable.AssignValue(dst, c.model); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
