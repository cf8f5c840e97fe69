package promise

import "context"

// Then returns a promise for what fn makes of p's value. fn runs as a turn of its own in the vat that ctx belongs to,
// once p is fulfilled: its sends are transactional, and its error breaks the promise returned. If p breaks, fn is not
// called and the promise returned breaks for the same reason. Then must be called inside a turn; if that turn fails,
// fn is not called either.
func Then[T, U any](ctx context.Context, p Promise[T], fn func(ctx context.Context, v T) (U, error)) Promise[U] {
	h, ok := hostOf(ctx)
	if !ok {
		panic("promise: Then called outside a turn: its callback needs a vat to run in; use Await, or vat.Do")
	}
	t := &then[T, U]{home: h.Home(), src: p.Cell(), fn: fn}
	t.out.report = h.Reporter()
	h.OnCommit(func() { t.src.Subscribe(t) }, t.Done)
	return Promise[U]{&t.out}
}

// then waits for src, and is then the job that runs fn.
type then[T, U any] struct {
	out    Cell
	home   Home
	src    *Cell
	fn     func(context.Context, T) (U, error)
	result U
}

func (t *then[T, U]) Settled(c *Cell) { t.Relay(c, nil) }

func (t *then[T, U]) Relay(c *Cell, cs *Cascade) {
	if _, err, _ := c.Outcome(); err != nil {
		t.end()
		t.out.Settle(cs, nil, err)
		return
	}
	t.home.Enqueue(t)
}

func (t *then[T, U]) Run(ctx context.Context) error {
	v, err := valueOf[T](t.src)
	if err != nil {
		return err
	}
	t.result, err = t.fn(ctx, v)
	return err
}

func (t *then[T, U]) Done(err error) {
	result := t.result
	t.end()
	if err != nil {
		t.out.Break(err)
		return
	}
	t.out.Fulfill(result, false)
}

// end lets go of what only the waiting needed.
func (t *then[T, U]) end() {
	var none U
	t.home, t.src, t.fn, t.result = nil, nil, nil, none
}
