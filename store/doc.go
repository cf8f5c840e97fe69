// Package store keeps what has to outlive the process: small values by bucket and key, written in transactions by one
// process at a time.
//
// A [Store] is made for vats that commit a transaction for each turn and go on at once: [Store.Submit] takes a [Batch] and
// returns, a goroutine writes all batches that have gathered in one transaction of the [Backend], and then says so, in the
// order of submission. So many turns share one wait for the disk.
//
// # What holds
//
//  1. A batch is written whole or not at all, and never before one that was submitted earlier: what is there after a crash
//     at any instant is what some beginning of the sequence of batches leaves.
//  2. The function given to Submit is called once. With nil: the batch, and all before it, survive a crash of the machine.
//  3. [Store.Get] sees every batch submitted; [Store.View] sees only what has been written, at one moment.
//  4. When a write fails the store has failed: that batch and all later ones are refused with an error that matches
//     [ErrFailed], and what is on disk is not touched any more. Nothing goes on in memory alone.
//  5. Each opening has an [Store.Epoch] of its own, higher than every earlier one's, which is on disk before Open returns.
//
// Package bolt keeps a store in a file, package memory in memory, for nodes without a directory and for tests; both pass
// the suite in package storetest.
package store
