package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/bolt"
	"github.com/hawser-go/hawser/vat"
)

// clerk is a durable object that makes every sort of record.
type clerk struct {
	Friend vat.Ref
	Word   promise.Promise[int]
	Heard  int
}

type Clerk interface {
	Meet(ctx context.Context, far vat.Ref) error
	Told(o promise.Outcome[int]) error
	Ring(ctx context.Context) error
	One() int
}

func (c *clerk) Meet(ctx context.Context, far vat.Ref) error {
	c.Friend = clerkFacet.Spawn(ctx, &clerk{Friend: far})
	c.Word = vat.Result[int](c.Friend.Send(ctx, "one"))
	self := vat.As[clerkRef](vat.Self(ctx))
	vat.WhenSettled(ctx, c.Word, self, clerkRef.Told)
	vat.WhenSettled(ctx, vat.Result[int](far.Send(ctx, "one")), self, clerkRef.Told)
	vat.After(ctx, time.Hour, self, clerkRef.Ring)
	return nil
}
func (c *clerk) Told(promise.Outcome[int]) error { c.Heard++; return nil }
func (c *clerk) Ring(context.Context) error      { return nil }
func (c *clerk) One() int                        { return 1 }

type clerkRef struct{ vat.Ref }

func (r clerkRef) Told(ctx context.Context, o promise.Outcome[int]) vat.Ref {
	return r.Send(ctx, "told", o)
}
func (r clerkRef) Ring(ctx context.Context) vat.Ref { return r.Send(ctx, "ring") }

var (
	clerkFacet = vat.FacetOf[Clerk]("test.Clerk")
	clerkKind  = vat.KindOf("clerk", func() *clerk { return new(clerk) }, clerkFacet)
)

// work has a node in dir do something, and closes it; meanwhile is called while it runs.
func work(t *testing.T, dir string, meanwhile func()) {
	t.Helper()
	ctx := context.Background()
	node, err := hawser.Open(ctx, &hawser.Config{Dir: dir, Kinds: []vat.Kind{clerkKind}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	}()
	v, err := node.DurableVat("office")
	if err != nil {
		t.Fatal(err)
	}
	r, err := vat.Root(ctx, v, "clerk", func(ctx context.Context) (clerkRef, error) {
		return vat.As[clerkRef](clerkFacet.Spawn(ctx, new(clerk))), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	silent, err := vat.Do(ctx, node.Vat("silent"), func(ctx context.Context) (vat.Ref, error) {
		return vat.SpawnFunc(ctx, func(context.Context, []any) (any, error) { return vat.NewVow(nil).Ref(), nil }), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := vat.Result[any](r.Send(ctx, "meet", silent)).Await(ctx); err != nil {
		t.Fatal(err)
	}
	if meanwhile != nil {
		meanwhile()
	}
}

func TestStoreCheck(t *testing.T) {
	dir, empty := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, storeFile)
	check := func(status int, want string, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		got := run(append([]string{"store"}, args...), &out, &errs)
		if all := out.String() + errs.String(); got != status || !strings.Contains(all, want) {
			t.Errorf("hawser store %q: status %d, want %d and %q:\n%s", args, got, status, want, all)
		}
		return errs.String()
	}
	work(t, dir, func() {
		if said := check(2, store.ErrLocked.Error(), "check", dir); strings.Count(said, "\n") != 1 {
			t.Errorf("more than a line: %q", said)
		}
	})
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check(0, "sound", "check", dir)
	check(0, `2  objects of the kind "clerk", version 1`, "check", dir)
	check(0, "1  vats", "check", dir)
	check(0, "2  messages that wait", "check", dir)
	check(0, path+": closed in order", "check", dir)
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("it was changed: %v", err)
	}
	work(t, dir, nil) // it is left as it can be used
	check(0, "sound", "check", dir)

	check(0, "there is no store", "check", empty)
	check(2, "there is no directory", "check", filepath.Join(empty, "none"))
	check(2, "is no directory: name the Dir of a node", "check", path)
	check(2, "usage: hawser store check DIR", "check")
	check(2, "usage: hawser store check DIR", "check", dir, dir)
	check(2, "usage: hawser store check DIR", "check", "--fast", dir)
	check(2, "usage: hawser store check DIR", "repair", dir)
	check(2, "usage: hawser store check DIR")
	check(0, "usage: hawser store check DIR", "-h")
	check(0, "usage: hawser store check DIR", "check", "-h")

	s, err := bolt.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	b.Drop("state-1")
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(1, `an object of the kind "clerk" without its state`, "check", dir)
	check(1, path+" is damaged: restore it from a backup", "check", dir)
	if err := os.WriteFile(path, before[:6000], 0o600); err != nil {
		t.Fatal(err)
	}
	check(1, store.ErrForeign.Error(), "check", dir)
}
