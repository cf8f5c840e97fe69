package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/hawser-go/hawser/bench/floor/gather"
	"github.com/hawser-go/hawser/bench/floor/wire"
	"github.com/hawser-go/hawser/store"
)

// The floor of durable objects on two nodes: what the nodes write to their stores, each hop's batches waited for once, and
// frames of the same length over a stream of QUIC.

// The lengths of frames, and those of records. TestLastingFloor holds them against what nodes write.
const (
	hopFrame               = 46
	askFrame, gotFrame     = 69, 22 // a call; the answer of the call before is done with
	answerFrame, lastFrame = 51, 26 // an answer; where it was to go is done with

	kind = 1 // a link puts before each

	farState, farTaken, farSent   = 30, 78, 17 // an object; a message that came from the peer, and one for it
	askSent, askTaken, replyState = 16, 79, 30
	placeSize                     = 13 // how far the link has come
	framesBucket, placesBucket    = "links-frames-0", "links-places"
	framesKept                    = 1024 // until the peer has acknowledged them
)

var linkName = make([]byte, 16)

// A diary makes batches, the numbers in which go up.
type diary struct{ messages, frames uint64 }

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// further is the place of a link that has come further.
func further(b *store.Batch) *store.Batch {
	b.Put(placesBucket, linkName, make([]byte, placeSize))
	return b
}

// frame is one to be sent, and an earlier one that the peer has.
func (d *diary) frame(b *store.Batch, size int) {
	d.frames++
	b.Put(framesBucket, number(d.frames), make([]byte, size))
	if d.frames > framesKept {
		b.Delete(framesBucket, number(d.frames-framesKept))
	}
}

// message is one that is stored.
func (d *diary) message(b *store.Batch, size int) {
	d.messages++
	b.Put("messages", number(d.messages), make([]byte, size))
}

// taken is a message that is not needed any more.
func (d *diary) taken(b *store.Batch) { b.Delete("messages", number(d.messages)) }

// hop returns the batches of one: a message comes, an object takes it and sends another, and that leaves.
func (d *diary) hop() []*store.Batch {
	come, turn, leave := further(new(store.Batch)), new(store.Batch), further(new(store.Batch))
	d.message(come, farTaken)
	d.taken(turn)
	turn.Put("state-1", object0, make([]byte, farState))
	d.message(turn, farSent)
	d.taken(leave)
	d.frame(leave, hopFrame)
	return []*store.Batch{come, turn, leave}
}

// rowOf is the key of a row of a session, or of what holds on to an object for its sake: the name of the link, a letter and a number.
func rowOf(letter byte) []byte { return append(append(linkName[:16:16], letter), number(1)...) }

// ask returns the batches of an object that asks, and of what it asks leaving.
func (d *diary) ask() []*store.Batch {
	turn, leave := new(store.Batch), further(new(store.Batch))
	turn.Put("state-1", object0, make([]byte, farState))
	d.message(turn, askSent)
	d.taken(leave)
	leave.Put("tables", rowOf('e'), make([]byte, 6))
	leave.Put("tables", rowOf('q'), make([]byte, 1))
	leave.Delete("tables", rowOf('r'))
	leave.Put("pins", rowOf('e'), make([]byte, 5))
	leave.Delete("pins", rowOf('f'))
	d.frame(leave, askFrame)
	d.frame(leave, gotFrame)
	return []*store.Batch{turn, leave}
}

// told returns the batch of the answer that comes.
func (d *diary) told() *store.Batch {
	b := further(new(store.Batch))
	b.Put("tables", rowOf('e'), make([]byte, 6))
	return b
}

// reply returns the batches of who is asked: a message comes, an object takes it, and the answer leaves.
func (d *diary) reply() []*store.Batch {
	come, turn, leave := further(new(store.Batch)), new(store.Batch), further(new(store.Batch))
	come.Put("tables", rowOf('a'), make([]byte, 4))
	come.Put("pins", rowOf('a'), make([]byte, 5))
	d.message(come, askTaken)
	d.taken(turn)
	turn.Put("state-1", object0, make([]byte, replyState))
	leave.Put("tables", rowOf('a'), make([]byte, 4))
	leave.Delete("tables", rowOf('b'))
	leave.Delete("pins", rowOf('b'))
	d.frame(leave, answerFrame)
	d.frame(leave, lastFrame)
	return []*store.Batch{come, turn, leave}
}

// A station is one end of the floor.
type station struct {
	store *store.Store
	diary diary
	out   gather.Writer
	wake  chan struct{} // there is something to write
	mu    sync.Mutex    // guards diary
	all   *stations
}

// stations is both, with a stream between them.
type stations struct {
	ends    [2]station
	left    atomic.Int64
	done    chan error
	served  sync.WaitGroup
	closers []func() error
	streams [2]io.ReadWriteCloser
}

func openStations(open shelf) (s *stations, err error) {
	s = &stations{done: make(chan error, 8)}
	for i := range s.ends {
		end := &s.ends[i]
		end.all, end.wake = s, make(chan struct{}, 1)
		var closeStore func() error
		if end.store, closeStore, err = open(); err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.closers = append(s.closers, closeStore)
	}
	var closeWire func() error
	if s.streams[0], s.streams[1], closeWire, err = wire.QUIC(0); err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.closers = append(s.closers, closeWire)
	for i := range s.ends {
		s.ends[i].out.W = s.streams[i]
	}
	return s, nil
}

func (s *stations) close() error {
	for _, c := range s.streams {
		if c != nil {
			c.Close()
		}
	}
	s.served.Wait()
	var errs []error
	for _, c := range s.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// failed ends the run that is under way.
func (s *stations) failed(err error) {
	select {
	case s.done <- err:
	default:
	}
}

// pass stores a hop, and when that is on the disk passes on what is left of the chain.
func (s *station) pass(left uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, err := s.submit(s.diary.hop())
	if err != nil {
		return err
	}
	return s.store.Submit(last, func(err error) {
		switch {
		case err != nil:
			s.all.failed(err)
		case left == 0:
			if s.all.left.Add(-1) == 0 {
				s.all.done <- nil
			}
		default:
			s.out.Add(func(b []byte) []byte {
				return append(binary.LittleEndian.AppendUint64(b, left-1), make([]byte, kind+hopFrame-8)...)
			})
			select {
			case s.wake <- struct{}{}:
			default:
			}
		}
	})
}

// serve passes on what comes by a stream, until that ends.
func (s *station) serve(stream io.Reader) {
	var writer sync.WaitGroup
	over := make(chan struct{})
	writer.Go(func() {
		for {
			select {
			case <-s.wake:
			case <-over:
				return
			}
			if err := s.out.Flush(); err != nil {
				return // the reader finds out
			}
		}
	})
	defer func() { close(over); writer.Wait() }()
	in, frame := bufio.NewReaderSize(stream, 64<<10), make([]byte, kind+hopFrame)
	for {
		_, err := io.ReadFull(in, frame)
		if err == nil {
			err = s.pass(binary.LittleEndian.Uint64(frame))
		}
		if err != nil {
			s.all.failed(err)
			return
		}
	}
}

// storedChains is chains of hops to and fro between two stores.
func storedChains(open shelf, chains int) opener {
	return func() (work, error) {
		s, err := openStations(open)
		if err != nil {
			return work{}, err
		}
		for i := range s.ends {
			s.served.Go(func() { s.ends[i].serve(s.streams[i]) })
		}
		return work{func(n int, _ *times) error {
			some := min(n, chains)
			s.left.Store(int64(some))
			for i := range some {
				if err := s.ends[0].pass(uint64(share(n, some, i) - 1)); err != nil {
					return err
				}
			}
			return <-s.done
		}, s.close}, nil
	}
}

// share is how many of n hops the i-th of some chains has.
func share(n, some, i int) int {
	if i < n%some {
		return n/some + 1
	}
	return n / some
}

// submit submits batches but for the last, which it returns.
func (s *station) submit(batches []*store.Batch) (last *store.Batch, err error) {
	n := len(batches) - 1
	for _, b := range batches[:n] {
		if err := s.store.Submit(b, nil); err != nil {
			return nil, err
		}
	}
	return batches[n], nil
}

// write submits batches and waits for the last.
func (s *station) write(batches ...*store.Batch) error {
	last, err := s.submit(batches)
	if err != nil {
		return err
	}
	return s.store.Write(last)
}

// callAndAnswer returns room for the frames of each.
func callAndAnswer() (call, answer []byte) {
	return make([]byte, 2*kind+askFrame+gotFrame), make([]byte, 2*kind+answerFrame+lastFrame)
}

// storedCalls is calls that are stored where they are made, where they are answered, and where the answer comes.
func storedCalls(open shelf) opener {
	return func() (work, error) {
		s, err := openStations(open)
		if err != nil {
			return work{}, err
		}
		asker, asked, to, from := &s.ends[0], &s.ends[1], s.streams[0], s.streams[1]
		s.served.Go(func() {
			defer from.Close()
			call, answer := callAndAnswer()
			for {
				if _, err := io.ReadFull(from, call); err != nil {
					return
				}
				if asked.write(asked.diary.reply()...) != nil {
					return
				}
				if _, err := from.Write(answer); err != nil {
					return
				}
			}
		})
		call, answer := callAndAnswer()
		return work{func(n int, t *times) error {
			return repeat(func() error {
				if err := asker.write(asker.diary.ask()...); err != nil {
					return err
				}
				if _, err := to.Write(call); err != nil {
					return err
				}
				if _, err := io.ReadFull(to, answer); err != nil {
					return err
				}
				return asker.write(asker.diary.told())
			}, n, t)
		}, s.close}, nil
	}
}

func lastingGroups() []group {
	far := func(chains int) group {
		name, what := "durable: chain between two nodes", "hawser, one chain"
		if chains > 1 {
			name, what = fmt.Sprintf("%s, %d at once", name, chains), fmt.Sprintf("hawser, %d chains", chains)
		}
		return group{name: name, rows: []row{
			{name: "two stores and quic-go, batches of 2, 3 and 3 keys", open: storedChains(onDisk, chains)},
			{name: what, open: lastingChains(chains)},
		}}
	}
	return []group{
		far(1), far(64),
		{name: "durable: a call between two nodes, one caller", by: byP50, rows: []row{
			{name: "two stores and quic-go, 1 wait here, 1 there, 1 here", open: storedCalls(onDisk)},
			{name: "hawser, a durable object asks", open: lastingPassed},
			{name: "hawser, a call from outside", open: lastingCaller},
		}},
		{name: "durable: a node opened again, until a call is answered", by: byP50, slow: true, rows: []row{
			{name: "hawser, a fresh session", open: reopenFresh},
			{name: "hawser, a session that goes on", open: reopenResumed(false)},
			{name: "hawser, the same, and NetworkUp", open: reopenResumed(true)},
		}},
	}
}
