package captp_test

import (
	"context"

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
