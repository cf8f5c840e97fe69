package hawser_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/store"
	"github.com/hawser-go/hawser/store/bolt"
	"github.com/hawser-go/hawser/vat"
)

// fate is how a process is to end by itself, in one of the writes to its store.
type fate struct {
	End   string
	Write int     // which one, the first that it makes being 1
	Slow  int     // for how many milliseconds nothing comes of the write before that
	Share float64 // of the time that a write takes, after which it dies within one
	Mark  uint64  // what that write writes besides, so that it can be told whether it is on the disk
}

// The ends that a process may come to.
const (
	fromOutside    = "killed by another"
	beforeWrite    = "killed before a write"
	withinWrite    = "killed within a write"
	afterWrite     = "killed when a write was on the disk"
	refusedWrite   = "a write refused"
	refusedWritten = "a write said to be refused and on the disk"
)

var ends = []string{beforeWrite, withinWrite, withinWrite, withinWrite, afterWrite, refusedWrite, refusedWritten}

// What the mark is kept as: the write has it, and a file that is there before.
const (
	markBucket = "test-fate"
	markFile   = "fate"
)

var errDiskFull = errors.New("the disk is full")

// faultyDisk is the file of a store whose process has a fate.
type faultyDisk struct {
	store.Backend
	dir    string
	fate   fate
	writes int
	took   time.Duration // a write, lately
	failed atomic.Bool
}

// diskOf returns what a child's store is kept on.
func diskOf(dir string) *faultyDisk {
	d := &faultyDisk{dir: dir}
	if s := os.Getenv("HAWSER_TEST_FATE"); s != "" {
		if err := json.Unmarshal([]byte(s), &d.fate); err != nil {
			panic(err)
		}
	}
	return d
}

func (d *faultyDisk) open(path string) (s *store.Store, err error) {
	if d.Backend, err = bolt.OpenBackend(path); err != nil {
		return nil, err
	}
	return store.Open(d)
}

// Apply implements store.Backend.
func (d *faultyDisk) Apply(batches []*store.Batch) error {
	if d.writes++; d.fate.End == "" || d.writes < d.fate.Write {
		return d.apply(batches)
	}
	mark := strconv.AppendUint(nil, d.fate.Mark+uint64(d.writes), 10)
	if err := os.WriteFile(filepath.Join(d.dir, markFile), mark, 0o600); err != nil {
		panic(err)
	}
	b := new(store.Batch)
	b.Put(markBucket, []byte(markFile), mark)
	marked := append(batches[:len(batches):len(batches)], b)
	switch time.Sleep(time.Duration(d.fate.Slow) * time.Millisecond); d.fate.End {
	case beforeWrite:
		die()
	case withinWrite:
		dying := time.AfterFunc(time.Duration(d.fate.Share*float64(d.took)), die)
		err := d.apply(marked)
		if !dying.Stop() {
			select {} // nobody hears of it any more
		}
		return err // it was too fast: the next one, then
	case afterWrite:
		_ = d.apply(marked)
		die()
	case refusedWritten:
		_ = d.apply(marked)
	}
	d.failed.Store(true)
	return errDiskFull
}

func (d *faultyDisk) apply(batches []*store.Batch) error {
	begin := time.Now()
	err := d.Backend.Apply(batches)
	d.took = (3*d.took + time.Since(begin)) / 4
	return err
}

// die ends the process as kill -9 does.
func die() {
	p, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {}
}

// parcels counts those that are in the store.
func (d *faultyDisk) parcels() (n int, err error) {
	err = d.View(func(r store.Reader) error {
		c, err := vat.CheckDepot(r)
		n = parcelsIn(&c)
		return err
	})
	return n, err
}

func parcelsIn(c *vat.DepotContents) int {
	for _, k := range c.Kinds {
		if k.Name == "test.parcel" {
			return k.Objects
		}
	}
	return 0
}
