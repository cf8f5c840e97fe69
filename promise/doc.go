// Package promise holds promises: values that are not there yet.
//
// A [Promise] settles once, fulfilled with a value or broken with an error, and stays so. It is made together with its
// [Resolver] by [New], or comes back from a call. Promises of a vat's calls and promises made here are one thing: both
// can be awaited, combined, and passed as an argument, and travel as a promise.
//
//	p, r := promise.New[int](ctx)
//	r.Fulfill(ctx, 42)
//	n, err := p.Await(ctx)
//
// # Waiting
//
// [Promise.Await] outside a vat blocks the goroutine until the promise settles or ctx ends. Inside a turn — with a ctx
// that descends from the turn's — it COMMITS THE TURN AND PARKS IT: what was sent so far leaves, other messages are
// served meanwhile, and when Await returns, a later turn has begun IN WHICH THE STATE OF THE VAT'S OBJECTS MAY HAVE
// CHANGED. [Then] never parks: its callback is visibly another turn.
//
// # Several promises
//
// [All] waits for all values, [Settled] for all outcomes, [Any] for the first value, [Race] for the first outcome, and
// [Timeout] bounds the time of a promise that is passed on. They need no vat and cost no goroutine.
//
// # Facts to rely on
//
//  1. A promise settles at most once. Later attempts change nothing.
//  2. Whoever waits is told once, in any order, after the promise has settled.
//  3. A promise that is made to follow itself, directly or around a ring, breaks with [ErrCycle].
//  4. A promise that breaks while nobody ever looked at it is reported once to the log of the vat it was made in, when
//     it is collected.
//
// A promise whose resolver is thrown away never settles by itself: bound the wait with ctx.
package promise
