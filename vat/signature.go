package vat

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/hawser-go/hawser/passable"
)

// signature is how a Go function or method is called with the arguments of a message: worked out once for each.
type signature struct {
	params   []reflect.Type // without ctx; the last is a slice's element type if variadic
	ctx      bool
	variadic bool
	result   bool
	err      bool
	calls    sync.Pool // of *call, for those that are not variadic
}

// call is the room for one call's arguments. A handler that waits in Await keeps its own.
type call struct {
	ctx context.Context // in[0], for a function that takes one
	in  []reflect.Value
}

var errShape = errors.New("must be func([context.Context,] arguments...) [result] [, error]")

var (
	ctxType = reflect.TypeFor[context.Context]()
	errType = reflect.TypeFor[error]()
)

func signatureOf(t reflect.Type) (*signature, error) {
	s := &signature{variadic: t.IsVariadic()}
	for i := range t.NumIn() {
		in := t.In(i)
		if in == ctxType {
			if i != 0 {
				return nil, fmt.Errorf("parameter %d is a context: ctx comes first", i+1)
			}
			s.ctx = true
			continue
		}
		if s.variadic && i == t.NumIn()-1 {
			in = in.Elem()
		}
		if err := passable.Check(in); err != nil {
			return nil, fmt.Errorf("parameter %d: %w", i+1, err)
		}
		s.params = append(s.params, in)
	}
	n := t.NumOut()
	if n > 0 && t.Out(n-1) == errType {
		s.err = true
		n--
	}
	s.result = n == 1
	if n > 1 {
		return nil, errShape
	}
	if s.result {
		if err := passable.Check(t.Out(0)); err != nil {
			return nil, fmt.Errorf("result: %w", err)
		}
	}
	return s, nil
}

// call converts args, calls fn and copies its result.
func (s *signature) call(t *turn, fn reflect.Value, args []any) (any, error) {
	fixed := len(s.params)
	if s.variadic {
		fixed--
	}
	switch {
	case s.variadic && len(args) < fixed:
		return nil, ErrBadArgs.because("got %d, want at least %d", len(args), fixed)
	case !s.variadic:
		if err := Arity(args, fixed); err != nil {
			return nil, err
		}
	}
	c := s.room(len(args))
	skip := 0
	if s.ctx {
		skip = 1
		c.ctx = t
	}
	for i, a := range args {
		if err := assign(c.in[skip+i], a); err != nil {
			return nil, badArg(i, err)
		}
	}
	out := fn.Call(c.in)
	s.giveBack(c)
	if s.err {
		if err, _ := out[len(out)-1].Interface().(error); err != nil {
			return nil, err
		}
	}
	if !s.result {
		return passable.Undefined{}, nil
	}
	return copyResult(out[0].Interface())
}

// assign converts a model value into v, a parameter. The commonest need no plan.
func assign(v reflect.Value, a any) error {
	switch a := a.(type) {
	case int64:
		if v.Type() == intType && int64(int(a)) == a {
			v.SetInt(a)
			return nil
		}
	case string:
		if v.Type() == stringType {
			v.SetString(a)
			return nil
		}
	}
	return passable.AssignValue(v, a)
}

var (
	intType    = reflect.TypeFor[int]()
	stringType = reflect.TypeFor[string]()
)

// room returns values to assign n arguments to.
func (s *signature) room(n int) *call {
	if !s.variadic {
		if c, ok := s.calls.Get().(*call); ok {
			return c
		}
	}
	c := &call{in: make([]reflect.Value, 0, n+1)}
	if s.ctx {
		c.in = append(c.in, reflect.ValueOf(&c.ctx).Elem()) // set without reflection
	}
	for i := range n {
		c.in = append(c.in, reflect.New(s.params[min(i, len(s.params)-1)]).Elem())
	}
	return c
}

// giveBack keeps the room for another call, and nothing that was in it.
func (s *signature) giveBack(c *call) {
	if s.variadic {
		return
	}
	for _, v := range c.in {
		v.SetZero()
	}
	s.calls.Put(c)
}
