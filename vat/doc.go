// Package vat holds objects and the turns in which they get their messages.
//
// A [Vat] is a home of objects that runs one message at a time, a turn, so that an object is a plain Go struct and
// needs no locks. A [Ref] is a reference to an object or to a promise for one, in this vat, another, or at the far end
// of a session: to hold it is the permission to send it messages, and the only one there is. What a reference lets its
// holder do is a [Facet], a Go interface.
//
//	type Greeter interface{ Greet(ctx context.Context, name string) (string, error) }
//
//	var GreeterFacet = vat.FacetOf[Greeter]("example.Greeter")
//
//	v := vat.New(nil)
//	ref, err := vat.Do(ctx, v, func(ctx context.Context) (vat.Ref, error) {
//		return GreeterFacet.Spawn(ctx, english{}), nil
//	})
//	s, err := vat.Result[string](ref.Send(ctx, "greet", "Ada")).Await(ctx)
//
// A turn is a context: handlers get it as their ctx, and Spawn, Self, Go and the like find the turn in it. They panic,
// with a sentence that says what to do, when called with another.
//
// # A turn is a transaction
//
// What a handler sends leaves when it returns without an error. If it returns one, or panics, nothing is sent, what it
// put in a [Cell] or a [Map] is undone, and the caller's promise breaks, once. A handler that returns [Keep](err) lets
// everything stand and breaks the promise. PLAIN FIELDS OF A STRUCT ARE NOT UNDONE, unless its [Kind] is registered with the
// vat: keep state that must not be half changed in a Cell or a Map, register the kind, or change it last.
//
// [promise.Promise.Await] and [Ref.Await] in a turn COMMIT WHAT IT DID SO FAR AND PARK IT. The vat serves other messages
// meanwhile, so that when Await returns THE STATE OF THE VAT'S OBJECTS MAY HAVE CHANGED: look again. Only the handler's
// own goroutine may wait in its turn, with its own ctx. The vat notices a goroutine that is in no turn, and a ctx whose
// turn waits or has ended, and panics.
//
// Whole or not at all is the wrong thing for news to many members: if the session of one has no room the turn fails, and
// nobody hears. Give each member turns of its own, by way of an object of the vat that sends on to that one; what a member
// has no room for is then logged, and lost to that member alone:
//
//	m.door = vat.SpawnProxy(ctx, func(context.Context) (vat.Ref, error) { return m.ref, nil })
//	...
//	for _, m := range members {
//		_ = m.door.SendOnly(ctx, "news", line)
//	}
//
// # Durable vats
//
// A vat of a [Depot] is durable: its objects, the messages between them, their promises and timers are in a store, and are
// there after a restart or a crash at any instant. A durable object is a struct of a registered [Kind]; its exported fields
// are its state: data, references, promises, resolvers, and maps by string or by reference. At the end of each turn the
// objects that got a message in it, were seen through [Near] or were made are looked at, and what has changed is stored
// together with the message taken and those sent. An object is in memory while it is used; DO NOT KEEP POINTERS TO ITS
// STRUCT outside its own methods and the functions that its turns put off: they may be another one's when it has been
// loaded again. [Root] finds objects after a restart.
//
//	var ListKind = vat.KindOf("example.list", func() *list { return new(list) }, ListFacet)
//
//	d, err := vat.OpenDepot(store, vat.DepotConfig{Kinds: []vat.Kind{ListKind}})
//	v, err := d.Vat("lists")
//	d.Start()
//	ref, err := vat.Root(ctx, v, "shopping", func(ctx context.Context) (ListRef, error) { ... })
//
// Exactly once is promised from durable object to durable object, of one depot or, over a session that outlives its process, of
// two. What goes to any other object arrives at most once, and leaves a durable vat when the turn is on the disk. What [Go] is given, and
// input and output, happen at least once if the turn is to be done again. Nothing can wait in a durable turn: Await returns
// [ErrDurableTurn]; [WhenSettled] and [After] have an object get a message later. Functions — Then, Go, OnSever, SpawnFunc
// and the like — may be used and end with the process: what they would have settled breaks with [ErrLost], as does what is
// sent to objects of other vats of a process that has ended.
//
// # Facts to rely on
//
//  1. A vat runs one turn at a time. Between the start of a handler, or the return of an Await, and the next Await or
//     the handler's return no other code of the vat runs.
//  2. Messages sent from one vat on one reference arrive in the order sent, also when the reference is a promise that
//     settles in between. Messages sent outside turns by one goroutine are ordered likewise.
//  3. Messages of one turn leave together, in order, when it commits, or not at all.
//  4. The messages that wait on a promise are moved to where it leads before anyone is told that it has settled.
//  5. Arguments and results are copied, also between objects of one vat: what a handler receives is its own.
//  6. Every answer settles: if its vat closes or its session is lost it breaks, once, with an error that unwraps to
//     net.ErrClosed.
//  7. The same object, or the same position at the same peer, is the same Ref; a promise is the same Ref wherever it is
//     passed.
//  8. A message between durable objects of one depot takes effect once, also when the process ends at any instant, and in
//     the order of fact 2.
//  9. No message is dropped so that a later one could be taken: what does not fit fails the turn that sends it, or is
//     refused to whoever sends outside turns, or breaks the promise it was sent on for good.
//  10. What a vat sends on a live reference ([Live]) before it is told, by a turn of its own, that what that leads to was lost
//     never reaches what it leads to next. Any other reference, once broken, stays broken.
//
// Not promised: any order between messages on different references, between messages of different vats, or between an
// answer and a message sent by the answering turn on another reference.
//
// # What a vat does not do
//
// It does not keep Go code from opening files, starting goroutines or reading package variables. Objects get only the
// references they are given; the boundary that holds against hostile code is the peer.
package vat
