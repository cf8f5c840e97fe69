package main

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/bolt"
	"github.com/hawser-go/hawser/store/memory"
)

// The floor of durable turns is the store alone: batches of as many keys and bytes as a turn has, submitted one after the
// other, many of them in one transaction of the disk.

// A shelf is where a store is made, and how it is taken away.
type shelf func() (s *store.Store, closeAll func() error, err error)

// onDisk makes a store in a file, in a directory of its own where os.MkdirTemp has it: TMPDIR, which is to be on a disk.
func onDisk() (s *store.Store, closeAll func() error, err error) {
	s, _, closeAll, err = inFile()
	return s, closeAll, err
}

func inFile() (s *store.Store, path string, closeAll func() error, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, "", nil, err
	}
	path = filepath.Join(dir, "store.db")
	if s, err = bolt.Open(path); err != nil {
		return nil, "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, path, func() error { return errors.Join(s.Close(), os.RemoveAll(dir)) }, nil
}

func inMemory() (s *store.Store, closeAll func() error, err error) {
	s = memory.New()
	return s, s.Close, nil
}

// many is how many turns are under way at once.
const many = 4096

// The batches of turns, as long as the records are: TestDurableFloor holds them against what the depot writes.
var (
	turnState, hopState, hopMessage = make([]byte, 11), make([]byte, 32), make([]byte, 18)
	object0                         = binary.BigEndian.AppendUint64(nil, 5)
)

// turnBatch is that of a turn whose message came from outside: the state of its object.
func turnBatch(uint64) *store.Batch {
	b := new(store.Batch)
	b.Put("state-1", object0, turnState)
	return b
}

// hopBatch is that of a turn whose message came from a durable object and that sends one to another.
func hopBatch(i uint64) *store.Batch {
	b := new(store.Batch)
	b.Put("state-1", object0, hopState)
	b.Put("messages", binary.BigEndian.AppendUint64(nil, i+1), hopMessage)
	b.Delete("messages", binary.BigEndian.AppendUint64(nil, i))
	return b
}

// submits submits batches, each burst of which is waited for.
func submits(open shelf, batch func(i uint64) *store.Batch) opener {
	return func() (work, error) {
		s, closeAll, err := open()
		if err != nil {
			return work{}, err
		}
		i := uint64(0)
		return work{func(n int, _ *times) error {
			for n > 0 {
				burst := min(n, many)
				n -= burst
				for range burst - 1 {
					i++
					if err := s.Submit(batch(i), nil); err != nil {
						return err
					}
				}
				i++
				if err := s.Write(batch(i)); err != nil {
					return err
				}
			}
			return nil
		}, closeAll}, nil
	}
}

// writes writes batches one by one.
func writes(open shelf, batch func(i uint64) *store.Batch) opener {
	return func() (work, error) {
		s, closeAll, err := open()
		if err != nil {
			return work{}, err
		}
		i := uint64(0)
		return work{func(n int, t *times) error {
			return repeat(func() error { i++; return s.Write(batch(i)) }, n, t)
		}, closeAll}, nil
	}
}

func durableGroups() []group {
	from := func(name string, open shelf) group {
		return group{name: name, rows: []row{
			{name: "store, batches of 1 key", open: submits(open, turnBatch)},
			{name: "hawser, one way", open: durableTells(open)},
			{name: "hawser, calls and answers", open: durableCalls(open)},
			{name: "hawser, one way to 1 000 objects", open: durableMany(open, 1000)},
		}}
	}
	chain := func(name string, open shelf) group {
		return group{name: name, rows: []row{
			{name: "store, batches of 3 keys", open: submits(open, hopBatch)},
			{name: "hawser, one chain", open: durableChains(open, 1)},
			{name: "hawser, 64 chains", open: durableChains(open, 64)},
		}}
	}
	return []group{
		from("durable: turns, 4 096 outstanding", onDisk),
		from("durable: the same, store in memory", inMemory),
		chain("durable: chain within a store", onDisk),
		chain("durable: the same chain, store in memory", inMemory),
		{name: "durable: one caller", by: byP50, rows: []row{
			{name: "store, a write", open: writes(onDisk, turnBatch)},
			{name: "hawser, a call awaited", open: durableCaller(onDisk)},
			{name: "hawser, a call that is passed on, awaited", open: durablePassed(onDisk)},
		}},
	}
}
