package netlayer

import (
	"errors"

	"github.com/hawser-go/hawser/store"
)

// A Lasting connection can be had to outlive its process: what has been sent and not been taken, and how far the peer's
// frames have been taken, is in the node's store then, and the connection is there again after a restart ([Keeper]). It has
// what any Conn has until Last is called.
//
// The store has one writer, and transactions that are submitted one after the other are on the disk one after the other: of
// those that Last, Record and Forget have added to, that order is the order of the calls.
type Lasting interface {
	Conn
	// Name is what the connection is kept under: chosen by chance, and the same after a restart.
	Name() [16]byte
	// Last has the connection outlive its process from now on: tx gets what that takes, how many of the peer's frames have been
	// handed back among it. It returns how many frames Write has taken so far, from the first one on, those that went
	// with the handshake included, and a mark for Recorded. A Write that is waiting, or comes later, takes nothing more and returns
	// ErrLasts: frames it has not taken are for Record. What it has taken, Flush writes.
	//
	// With an error nothing was added to tx, and all is as it was: the connection is over, or this node has as many of them as it keeps.
	Last(tx *store.Batch) (taken, mark uint64, err error)
	// Record adds the next frames to tx, and to what number the peer's frames have been handed back ([Frame.Done]). It copies the frames,
	// waits for nothing and returns a mark for Recorded. After the end of the connection it adds nothing.
	Record(tx *store.Batch, frames [][]byte) (mark uint64)
	// Recorded says that everything up to a mark is on the disk: the frames may go out, and the peer may be told what was
	// consumed. It is called in order and waits for nothing.
	Recorded(mark uint64)
	// Held returns how many bytes of frames the connection holds for a peer that has not acknowledged them, recorded or written.
	Held() int
	// Flush writes what may go out to the network, if there is one. It may wait for the network. An error says that the
	// connection is over.
	Flush() error
	// Forget ends the connection for good, in the store with tx: the peer learns that from Close, or when it comes. It waits for
	// nothing; Close is still to be called. One that has ended by itself is in the store, too, until it is forgotten. Close without
	// Forget leaves in the store what is there, and the peer sees a loss that it waits out.
	Forget(tx *store.Batch)
}

// A Keeper is a Netlayer whose connections are Lasting, and may be there from before.
type Keeper interface {
	Netlayer
	// Kept returns the connections that the store holds from an earlier process. Called once, before Connect and Accept. The
	// peer is not looked for before the first Read, and Last need not be called. Read of one that has ended meanwhile says so.
	Kept() ([]Lasting, error)
}

// ErrElsewhere says that a connection goes on in another process, which has a copy of the store: this one must not go on with what it has
// stored, nor forget the connection.
var ErrElsewhere = errors.New("netlayer: the connection goes on in another process, with a copy of the store")

// ErrLasts says that a connection outlives its process, and that its frames go by Lasting.Record.
var ErrLasts = errors.New("netlayer: the connection outlives its process: its frames are to be recorded")
