package album

// This file is what a generator would write for protocol.go.

import (
	"context"

	"github.com/hawser-go/hawser/promise"
	"github.com/hawser-go/hawser/vat"
)

// ReaderRef is a reference to a Reader.
type ReaderRef struct{ vat.Ref }

// Photos calls Reader.Photos.
func (r ReaderRef) Photos(ctx context.Context, from int) promise.Promise[Photos] {
	return vat.Result[Photos](r.Send(ctx, "photos", from))
}

// KeeperRef is a reference to a Keeper.
type KeeperRef struct{ vat.Ref }

// Sealed calls Keeper.Sealed.
func (r KeeperRef) Sealed(ctx context.Context, from int) promise.Promise[Sealed] {
	return vat.Result[Sealed](r.Send(ctx, "sealed", from))
}

// Serve calls Keeper.Serve.
func (r KeeperRef) Serve(ctx context.Context, shelf string) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "serve", shelf))
}

// ContributorRef is a reference to a Contributor.
type ContributorRef struct{ vat.Ref }

// Photos calls Contributor.Photos.
func (r ContributorRef) Photos(ctx context.Context, from int) promise.Promise[Photos] {
	return vat.Result[Photos](r.Send(ctx, "photos", from))
}

// Serve calls Contributor.Serve.
func (r ContributorRef) Serve(ctx context.Context, shelf string) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "serve", shelf))
}

// Add calls Contributor.Add.
func (r ContributorRef) Add(ctx context.Context, p Photo) promise.Promise[int] {
	return vat.Result[int](r.Send(ctx, "add", p))
}

// Remove calls Contributor.Remove.
func (r ContributorRef) Remove(ctx context.Context, number int) promise.Promise[any] {
	return vat.Result[any](r.Send(ctx, "remove", number))
}

// ShelfRef is a reference to a Shelf.
type ShelfRef struct{ vat.Ref }

// Piece calls Shelf.Piece.
func (r ShelfRef) Piece(ctx context.Context, name []byte, n int) promise.Promise[[]byte] {
	return vat.Result[[]byte](r.Send(ctx, "piece", name, n))
}
