package passable

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// Struct is an OCapN Struct: values by string key. Its fields are sorted by key,
// bytewise, and no key occurs twice; NewStruct, Copy and the decoder see to
// that. A Struct is used as a value: With and Without return new ones.
type Struct []Field

// Field is one member of a Struct.
type Field struct {
	Key   string
	Value any
}

// NewStruct returns a Struct of the fields, sorted. It refuses a key that occurs
// twice or is not valid UTF-8. Values are kept as they are.
func NewStruct(fields ...Field) (Struct, error) {
	return sortedStruct(slices.Clone(fields))
}

// Get returns the value under key and whether there is one.
func (s Struct) Get(key string) (any, bool) {
	if i, ok := s.find(key); ok {
		return s[i].Value, true
	}
	return nil, false
}

// With returns a Struct with v under key, replacing what was there. s is
// unchanged.
func (s Struct) With(key string, v any) Struct {
	i, ok := s.find(key)
	out := make(Struct, 0, len(s)+1)
	out = append(out, s[:i]...)
	out = append(out, Field{key, v})
	if ok {
		i++
	}
	return append(out, s[i:]...)
}

// Without returns a Struct with nothing under key. s is unchanged.
func (s Struct) Without(key string) Struct {
	i, ok := s.find(key)
	if !ok {
		return slices.Clone(s)
	}
	return append(slices.Clone(s[:i]), s[i+1:]...)
}

// All yields the fields in order of their keys.
func (s Struct) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, f := range s {
			if !yield(f.Key, f.Value) {
				return
			}
		}
	}
}

func (s Struct) find(key string) (int, bool) {
	return slices.BinarySearchFunc(s, key, func(f Field, k string) int {
		return strings.Compare(f.Key, k)
	})
}

// sortedStruct sorts fields in place and checks their keys.
func sortedStruct(fields []Field) (Struct, error) {
	byKey := func(a, b Field) int { return strings.Compare(a.Key, b.Key) }
	if !slices.IsSortedFunc(fields, byKey) {
		slices.SortFunc(fields, byKey)
	}
	for i, f := range fields {
		if !utf8.ValidString(f.Key) {
			return nil, fail(fmt.Errorf("%w: the key of a member", ErrNotUTF8))
		}
		if i > 0 && f.Key == fields[i-1].Key {
			return nil, fail(fmt.Errorf("key %s occurs twice: keys of a Struct are unique", quoteKey(f.Key)))
		}
	}
	return fields, nil
}
