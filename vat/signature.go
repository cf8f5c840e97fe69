package vat

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/hawser-go/hawser/passable"
)

// signature is how a Go function or method is called with the arguments of a message: worked out once for each type.
type signature struct {
	params   []reflect.Type // without ctx; the last is a slice's element type if variadic
	ctx      bool
	variadic bool
	result   bool
	err      bool
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
				return nil, fmt.Errorf("parameter %d is a context: ctx comes first", i)
			}
			s.ctx = true
			continue
		}
		if s.variadic && i == t.NumIn()-1 {
			in = in.Elem()
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
	return s, nil
}

// call converts args, calls fn and copies its result.
func (s *signature) call(t *turn, fn reflect.Value, args []any) (any, error) {
	fixed := len(s.params)
	if s.variadic {
		fixed--
	}
	if len(args) < fixed || len(args) > fixed && !s.variadic {
		return nil, ErrBadArgs.because(nil, "got %d, want %d", len(args), fixed)
	}
	in := make([]reflect.Value, 0, len(args)+1)
	if s.ctx {
		in = append(in, reflect.ValueOf(t))
	}
	for i, a := range args {
		p := s.params[min(i, len(s.params)-1)]
		v := reflect.New(p).Elem()
		if err := passable.AssignValue(v, a); err != nil {
			return nil, ErrBadArgs.because(nil, "argument %d: %v", i+1, err)
		}
		in = append(in, v)
	}
	out := fn.Call(in)
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
