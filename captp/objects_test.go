package captp_test

import (
	"context"
	"sync"
	"testing"

	"github.com/hawser-go/hawser/vat"
)

// echo is the object of most tests.
type echo interface {
	Echo(ctx context.Context, v any) (any, error)
	Fail(ctx context.Context) error
	Self(ctx context.Context) vat.Ref
	Call(ctx context.Context, f vat.Ref, v any) vat.Ref
}

var echoFacet = vat.FacetOf[echo]("test.Echo")

type echoer struct{}

func (echoer) Echo(_ context.Context, v any) (any, error) { return v, nil }
func (echoer) Fail(context.Context) error                 { return errNone }
func (echoer) Self(ctx context.Context) vat.Ref           { return vat.Self(ctx) }

// Call applies f to v and answers with the answer.
func (echoer) Call(ctx context.Context, f vat.Ref, v any) vat.Ref { return f.Apply(ctx, v) }

func newEcho(ctx context.Context) vat.Ref { return echoFacet.Spawn(ctx, echoer{}) }

// echo makes an echo object that peers can fetch by name.
func (n *node) echo(name string) vat.Ref {
	ref := n.do(newEcho)
	n.offer(name, ref)
	return ref
}

// sink is an object that remembers what it is sent, for tests of order.
type sink struct {
	mu  sync.Mutex
	got []int
}

func newSink() *sink { return new(sink) }

type sinkFacetMethods interface {
	Add(ctx context.Context, n int)
	Count(ctx context.Context) int
	Self(ctx context.Context) vat.Ref
}

var sinkFacet = vat.FacetOf[sinkFacetMethods]("test.Sink")

func (s *sink) spawn(ctx context.Context) vat.Ref { return sinkFacet.Spawn(ctx, s) }

func (s *sink) Add(_ context.Context, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, n)
}

func (s *sink) Count(context.Context) int        { return s.count() }
func (s *sink) Self(ctx context.Context) vat.Ref { return vat.Self(ctx) }

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

// inOrder fails the test unless the sink got 0 to n-1.
func (s *sink) inOrder(t testing.TB, what string, n int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, v := range s.got {
		if v != i {
			t.Errorf("%s: out of order: %v", what, s.got)
			return
		}
	}
	if len(s.got) != n {
		t.Errorf("%s: %d of %d messages arrived", what, len(s.got), n)
	}
}
