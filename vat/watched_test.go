package vat_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// undone is a plain struct; its kind is registered with a vat that is not durable.
type undone struct {
	N     int
	Names map[string]int
	List  []int
	cache []int `ocapn:"-"`
}

type Undone interface {
	Change(n int) error
	ChangeAfter(ctx context.Context, p promise.Promise[int]) error
	ChangeNear(ctx context.Context, r vat.Ref) error
}

type Other interface{ Double() error }

var (
	undoneFacet = vat.FacetOf[Undone]("test.Undone")
	otherFacet  = vat.FacetOf[Other]("test.Other")
	undoneKind  = vat.KindOf("undone", func() *undone { return new(undone) }, undoneFacet, otherFacet)
)

func (u *undone) change(n int) {
	u.N += n
	if u.Names == nil {
		u.Names = make(map[string]int)
	}
	u.Names["n"] = n
	u.List = append(u.List, n)
	u.cache = append(u.cache, n)
}

func (u *undone) Change(n int) error {
	u.change(n)
	if n < 0 {
		return errNo
	}
	if n == 0 {
		panic("zero")
	}
	return nil
}

func (u *undone) Double() error {
	u.change(u.N)
	return errNo
}

func (u *undone) ChangeAfter(ctx context.Context, p promise.Promise[int]) error {
	u.change(1)
	n, err := p.Await(ctx)
	if err != nil {
		return err
	}
	u.change(n)
	return errNo
}

func (u *undone) ChangeNear(ctx context.Context, r vat.Ref) error {
	other, _ := vat.Near[Undone](ctx, r)
	other.(*undone).change(5)
	return errNo
}

// What a turn that fails did to objects of registered kinds is undone, in the same structs.
func TestKindsAreUndone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v := newVat(t, &vat.Config{Kinds: []vat.Kind{undoneKind}})
		impl, plain := new(undone), &teller{}
		refs := do(t, v, func(ctx context.Context) ([]vat.Ref, error) {
			return []vat.Ref{undoneFacet.Spawn(ctx, impl), otherFacet.Spawn(ctx, impl), undoneFacet.Spawn(ctx, new(undone)), TellerFacet.Spawn(ctx, plain)}, nil
		})
		state := func() undone {
			return do(t, v, func(context.Context) (undone, error) {
				return undone{N: impl.N, Names: impl.Names, List: impl.List}, nil
			})
		}
		mustAnswer[any](t, refs[0], "change", 3)
		want := undone{N: 3, Names: map[string]int{"n": 3}, List: []int{3}}
		if got := state(); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
		p, r := promise.New[int](context.Background())
		for _, fail := range []func() error{
			func() error { _, err := answer[any](refs[0], "change", -1); return err },
			func() error { _, err := answer[any](refs[1], "double"); return err },
			func() error { _, err := answer[any](refs[2], "changeNear", refs[0]); return err },
		} {
			if err := fail(); !errors.Is(err, errNo) {
				t.Error(err)
			}
		}
		if _, err := answer[any](refs[0], "change", 0); !errors.Is(err, vat.ErrInternal) {
			t.Error(err)
		}
		if got := state(); !reflect.DeepEqual(got, want) {
			t.Errorf("after failing turns %+v, want %+v", got, want)
		}
		if len(impl.cache) < 4 {
			t.Error("what is no state was undone")
		}
		// A turn that waits is two: what the first did stands.
		later := refs[0].Send(context.Background(), "changeAfter", p)
		mustAnswer[any](t, refs[0], "change", 10)
		r.Fulfill(context.Background(), 100)
		if _, err := later.Await(context.Background()); !errors.Is(err, errNo) {
			t.Error(err)
		}
		want = undone{N: 14, Names: map[string]int{"n": 10}, List: []int{3, 1, 10}}
		if got := state(); !reflect.DeepEqual(got, want) {
			t.Errorf("after a turn that waited %+v, want %+v", got, want)
		}
		// Of a kind that is not registered nothing is undone.
		if _, err := answer[any](refs[3], "fail", 4); !errors.Is(err, errNo) || plain.N != 4 {
			t.Errorf("%v, and %d, want 4", err, plain.N)
		}
	})
}
