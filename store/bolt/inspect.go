package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
)

// bbolt trusts the file that it maps into memory: one that is shorter than it says ends the process, and one without a good
// list of free pages stays locked. So it is looked at first.

// The beginning of a page of bbolt's, and of the two at the head of the file that say how it stands (its format 2).
const (
	pageHeader = 16
	metaSize   = 64
	magic      = 0xED0CDAED
	version    = 2

	freelistPage = 0x10
	noFreelist   = ^uint64(0)
)

// inspect fails if a file is there that bbolt cannot open, or can and must not.
func inspect(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store: cannot open %s: %w", path, cause(err))
	}
	defer f.Close()
	for before := uint64(0); ; {
		tx, err := look(f, path)
		if err == nil || tx == before {
			return err
		}
		before = tx // another process has written meanwhile, perhaps: it is damage if it stays
	}
}

// look fails if the file is damaged as far as its two heads tell, and returns which transaction was the last.
func look(f *os.File, path string) (tx uint64, err error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return 0, fmt.Errorf("store: cannot open %s: %w", path, cause(err))
	case !info.Mode().IsRegular():
		return 0, foreign(path, "it is no file")
	case info.Size() == 0:
		return 0, nil // a process was killed before it wrote anything
	}
	for _, size := range []int64{int64(os.Getpagesize()), 4096, 16384, 65536} {
		newest, ok := newestMeta(f, size)
		if !ok {
			continue
		}
		if newest.end > info.Size() {
			return newest.tx, foreign(path, fmt.Sprintf("it has %d bytes of %d", info.Size(), newest.end))
		}
		if !newest.hasFreelist(f, size) {
			return newest.tx, foreign(path, "its list of free pages is damaged")
		}
		return newest.tx, nil
	}
	return 0, foreign(path, "its head is not that of a store")
}

// state is what one of the two heads says: which transaction was the last, and how long the file is after
// it.
type state struct {
	tx   uint64
	end  int64
	free uint64 // the page of the list of free pages
}

// hasFreelist looks at the head of that page, which says what it is.
func (s state) hasFreelist(f io.ReaderAt, pageSize int64) bool {
	if s.free == noFreelist {
		return true
	}
	b := make([]byte, pageHeader)
	if int64(s.free) < 2 || int64(s.free) >= s.end/pageSize {
		return false
	}
	_, err := f.ReadAt(b, int64(s.free)*pageSize)
	return err == nil && binary.NativeEndian.Uint64(b) == s.free && binary.NativeEndian.Uint16(b[8:]) == freelistPage
}

// newestMeta reads the two heads of a file with that page size; ok is false if neither is good.
func newestMeta(f io.ReaderAt, pageSize int64) (newest state, ok bool) {
	for i := range int64(2) {
		b := make([]byte, metaSize)
		if _, err := f.ReadAt(b, i*pageSize+pageHeader); err != nil {
			continue
		}
		le := binary.NativeEndian
		sum := fnv.New64a()
		sum.Write(b[:56])
		if le.Uint32(b) != magic || le.Uint32(b[4:]) != version || int64(le.Uint32(b[8:])) != pageSize || le.Uint64(b[56:]) != sum.Sum64() {
			continue
		}
		s := state{tx: le.Uint64(b[48:]), end: int64(le.Uint64(b[40:])) * pageSize, free: le.Uint64(b[32:])}
		if !ok || s.tx > newest.tx {
			newest, ok = s, true
		}
	}
	return newest, ok
}

// guard makes what bbolt does about damage, a panic or a fault in the mapped memory, an error: defer what it returns.
func guard(err *error, path string) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		switch r := recover().(type) {
		case nil:
		case string: // an assertion of bbolt's
			*err = foreign(path, r)
		case interface{ Addr() uintptr }:
			*err = foreign(path, "it is shorter than it was, or cannot be read")
		default:
			panic(r)
		}
	}
}
