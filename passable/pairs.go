package passable

import (
	"fmt"
	"reflect"
)

// MapTag is the tag of a map whose keys are references, which no Struct can hold: the value in it is a List of pairs, each a
// List of a key and what is there, in no particular order.
const MapTag = "map"

// keyed reports whether t, the key of a map, is a reference or a stub.
func (b planner) keyed(t reflect.Type) bool {
	p := b.plan(t)
	return p.op == opReference || p.op == opStub
}

func (c *copier) reflectedPairs(p *plan, v reflect.Value, depth int) (any, error) {
	for range 2 { // of the tag and of the list
		if err := open(depth); err != nil {
			return nil, err
		}
		depth++
	}
	if v.Len() > c.left/3 {
		return nil, fail(ErrTooMany)
	}
	pairs := make([]any, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		if err := open(depth); err != nil {
			return nil, err
		}
		if err := c.count(); err != nil { // the pair
			return nil, err
		}
		k, err := c.part(p.key, it.Key(), depth+1)
		if err != nil {
			return nil, under("[]", err)
		}
		x, err := c.part(p.elem, it.Value(), depth+1)
		if err != nil {
			return nil, under("[]", err)
		}
		pairs = append(pairs, []any{k, x})
	}
	return Tagged{MapTag, pairs}, nil
}

func assignPairs(p *plan, dst reflect.Value, model any, depth int) error {
	t, ok := model.(Tagged)
	list, isList := t.Value.([]any)
	switch {
	case absent(model):
		dst.SetZero()
		return nil
	case !ok || t.Tag != MapTag || !isList:
		return mismatch(model, "pairs tagged "+MapTag, p.typ)
	}
	out := reflect.MakeMapWithSize(p.typ, len(list))
	for i, x := range list {
		pair, ok := x.([]any)
		if !ok || len(pair) != 2 {
			return underIndex(i, mismatch(x, "a pair", p.typ))
		}
		key, value := reflect.New(p.key.typ).Elem(), reflect.New(p.elem.typ).Elem()
		if err := assign(p.key, key, pair[0], depth+3); err != nil {
			return underIndex(i, err)
		}
		if err := assign(p.elem, value, pair[1], depth+3); err != nil {
			return underIndex(i, err)
		}
		if out.MapIndex(key).IsValid() {
			return underIndex(i, fail(fmt.Errorf("%w: a map with one key twice", ErrMismatch)))
		}
		out.SetMapIndex(key, value)
	}
	dst.Set(out)
	return nil
}
