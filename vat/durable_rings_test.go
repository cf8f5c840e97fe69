package vat_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// judge is a durable object that promises a reference, and another that sends on what it was promised.
type judge struct {
	Verdict promise.Resolver[vat.Ref]
	Hope    promise.Promise[vat.Ref]
	Wait    vat.Ref
	Heard   []string
}

type Judge interface {
	Promise(ctx context.Context) promise.Promise[vat.Ref]
	Drop()
	Ask(ctx context.Context, of vat.Ref)
	Told(o promise.Outcome[int])
	Lines() []string
	Guard(ctx context.Context, r vat.Ref)
}

func (j *judge) Promise(ctx context.Context) promise.Promise[vat.Ref] {
	j.Hope, j.Verdict = promise.New[vat.Ref](ctx)
	return j.Hope
}
func (j *judge) Drop()           { *j = judge{} }
func (j *judge) Lines() []string { return j.Heard }
func (j *judge) Ask(ctx context.Context, of vat.Ref) {
	j.Wait = of
	vat.WhenSettled(ctx, vat.Result[int](of.Send(ctx, "add", 1)), vat.As[JudgeRef](vat.Self(ctx)), JudgeRef.Told)
}

func (j *judge) Guard(ctx context.Context, r vat.Ref) {
	j.Wait, _ = vat.Revocable(ctx, r)
	j.Verdict.Fulfill(ctx, j.Wait)
}

func (j *judge) Told(o promise.Outcome[int]) {
	if _, err := o.Get(); errors.Is(err, vat.ErrLost) {
		j.Heard = append(j.Heard, "lost")
	} else {
		j.Heard = append(j.Heard, "something else")
	}
}

type JudgeRef struct{ vat.Ref }

func (r JudgeRef) Told(ctx context.Context, o promise.Outcome[int]) vat.Ref {
	return r.Send(ctx, "told", o)
}

var (
	JudgeFacet = vat.FacetOf[Judge]("test.Judge")
	judgeKind  = vat.KindOf("judge", func() *judge { return new(judge) }, JudgeFacet)
)

// Messages that wait for a promise which nobody will settle, and that nobody else has, do not make the store one that cannot be
// opened any more.
func TestForgottenPromise(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, judgeKind)
		root := func(name string) vat.Ref {
			r, err := vat.Root(context.Background(), w.vat(name), name, func(ctx context.Context) (JudgeRef, error) {
				return vat.As[JudgeRef](JudgeFacet.Spawn(ctx, &judge{})), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return r.Ref
		}
		a, b := root("a"), root("b")
		mustAnswer[any](t, a, "ask", b.Send(context.Background(), "promise"))
		synctest.Wait()
		mustAnswer[any](t, b, "drop") // the resolver is gone
		mustAnswer[any](t, a, "drop") // and the promise
		w.check()
		for range 3 {
			sweep()
			mustAnswer[any](t, a, "drop")
			synctest.Wait()
			w.check()
		}
		w.crash()
		synctest.Wait()
		if got := mustAnswer[[]string](t, root("a"), "lines"); len(got) != 1 || got[0] != "lost" {
			t.Errorf("heard %q, want that it is lost", got)
		}
		if n := w.size("messages"); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	})
}

// A caretaker of a promise that is settled with the caretaker leads nowhere, and does no harm.
func TestCaretakerInARing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, judgeKind)
		root := func() vat.Ref {
			r, err := vat.Root(context.Background(), w.vat("v"), "j", func(ctx context.Context) (JudgeRef, error) {
				return vat.As[JudgeRef](JudgeFacet.Spawn(ctx, &judge{})), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return r.Ref
		}
		r := root()
		mustAnswer[any](t, r, "guard", r.Send(context.Background(), "promise"))
		synctest.Wait()
		w.check()
		w.crash()
		if _, err := answer[[]string](root(), "lines"); err != nil {
			t.Error(err)
		}
	})
}

// echoer is a durable object that answers with what it was promised.
type echoer struct {
	Next vat.Ref
	Hope promise.Promise[int]
}

type Echoer interface {
	Link(next vat.Ref)
	Ask(ctx context.Context)
	Number() promise.Promise[int]
}

func (e *echoer) Link(next vat.Ref)            { e.Next = next }
func (e *echoer) Ask(ctx context.Context)      { e.Hope = vat.Result[int](e.Next.Send(ctx, "number")) }
func (e *echoer) Number() promise.Promise[int] { return e.Hope }

var (
	EchoerFacet = vat.FacetOf[Echoer]("test.Echoer")
	echoerKind  = vat.KindOf("echoer", func() *echoer { return new(echoer) }, EchoerFacet)
)

// Two promises, each settled with the other, break; a store that has them is one that can be opened and used.
func TestPromisesInARing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, echoerKind)
		root := func(name string) vat.Ref {
			r, err := vat.Root(context.Background(), w.vat("v"), name, func(ctx context.Context) (anyRef, error) {
				return anyRef{EchoerFacet.Spawn(ctx, &echoer{})}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return r.Ref
		}
		a, b := root("a"), root("b")
		mustAnswer[any](t, a, "link", b)
		mustAnswer[any](t, b, "link", a)
		_, err := vat.Do(context.Background(), w.vat("v"), func(ctx context.Context) (int, error) { // both before either answers
			return 0, errors.Join(a.SendOnly(ctx, "ask"), b.SendOnly(ctx, "ask"))
		})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.check()
		if _, err := answer[int](a, "number"); !errors.Is(err, promise.ErrCycle) {
			t.Errorf("before: %v", err)
		}
		w.crash()
		if _, err := answer[int](root("a"), "number"); !errors.Is(err, promise.ErrCycle) {
			t.Errorf("after: %v", err)
		}
	})
}

type anyRef struct{ vat.Ref }
