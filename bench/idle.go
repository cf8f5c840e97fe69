package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/hawser-go/hawser/bench/floor/minivat"
	"github.com/hawser-go/hawser/bench/floor/wire"
)

const idleName = "idle: memory of one"

// An idleRow is something of which many may wait at once.
type idleRow struct {
	name   string
	number int
	// open prepares what does not count: what is there whether or not there are many of them.
	open func(number int) (idle, error)
	// owes is the heap and stack, in bytes, that one may take; with times set, that many times what the row of that name
	// takes. 0 if it owes nothing.
	owes  float64
	times string
}

// idle is a number of things to be made.
type idle struct {
	// fill makes them, each of which does a little work, and returns what keeps them from the collector.
	fill  func() (keep any, err error)
	close func() error
	// disk, if there is one, returns how many bytes all of them take in a file, and how many of these are their records.
	disk func() (file, records int64, err error)
}

const idleConnection = "QUIC connection with one stream, the same"

func idleRows() []idleRow {
	return []idleRow{
		{name: "object in a map", number: 100_000, open: filling(idleObjects)},
		{name: "hawser, object in a vat", number: 100_000, open: idleSpawned, owes: 150},
		{name: "minimal vat with one object", number: 100_000, open: filling(idleVats)},
		{name: "hawser, vat with one object", number: 20_000, open: idleHawserVats, owes: 400},
		{name: "hawser, durable object, loaded", number: 10_000, open: idleDurables(1 << 40)},
		{name: "hawser, durable object, not in memory", number: 10_000, open: idleDurables(1)},
		{name: "goroutine with a channel of 16", number: 20_000, open: filling(idleGoroutines)},
		{name: "hawser, exported object, with its import", number: 50_000, open: idleExports},
		{name: "hawser, answered call whose answer is kept", number: 20_000, open: idleAnswers},
		{name: "TCP connection, both ends and two readers", number: 100, open: filling(idleTCP)},
		{name: idleConnection, number: 100, open: idleQUIC},
		{name: "hawser, session over noisequic, both ends", number: 100, open: idleSessions, owes: 1.3, times: idleConnection},
	}
}

// filling is for what needs no preparation.
func filling(fill func(number int) (keep any, closeAll func() error, err error)) func(number int) (idle, error) {
	return func(number int) (idle, error) {
		closeAll := nothing
		return idle{fill: func() (keep any, err error) {
			keep, closeAll, err = fill(number)
			return keep, err
		}, close: func() error { return closeAll() }}, nil
	}
}

func printIdle(w io.Writer, rows []idleRow) error {
	fmt.Fprintf(w, "\n%-56s %10s %10s %10s %10s\n", idleName, "number", "heap", "and stack", "goroutines")
	found := make(map[string]float64)
	for _, r := range rows {
		m, err := r.measure()
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		found[r.name] = m.all
		fmt.Fprintf(w, "  %-54s %10d %8.0f B %8.0f B %10.1f%s%s\n", r.name, r.number, m.heap, m.all, m.goroutines, m.stored(), r.verdict(m.all, found))
	}
	return nil
}

// taken is what one takes, in bytes; file and records are 0 without a disk.
type taken struct{ heap, all, goroutines, file, records float64 }

func (m *taken) stored() string {
	if m.file == 0 {
		return ""
	}
	return fmt.Sprintf("  %.0f B of a file, %.0f B of records", m.file, m.records)
}

// measure finds out what one takes.
func (r *idleRow) measure() (m taken, err error) {
	i, err := r.open(r.number)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, i.close()) }()
	before, were := settledMemory(), runtime.NumGoroutine()
	keep, err := i.fill()
	if err != nil {
		return m, err
	}
	after, n := settledMemory(), float64(r.number)
	m.heap = (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / n
	m.all = m.heap + (float64(after.StackInuse)-float64(before.StackInuse))/n
	m.goroutines = float64(runtime.NumGoroutine()-were) / n
	runtime.KeepAlive(keep)
	if i.disk != nil {
		file, records, err := i.disk()
		if err != nil {
			return m, err
		}
		m.file, m.records = float64(file)/n, float64(records)/n
	}
	return m, nil
}

func (r *idleRow) verdict(all float64, found map[string]float64) string {
	switch {
	case r.owes == 0:
		return ""
	case r.times == "":
		return fmt.Sprintf("  owes %.0f B, %s", r.owes, kept(all <= r.owes))
	}
	ratio := all / found[r.times]
	return fmt.Sprintf("  owes %.2f times the connection, is %.2f, %s", r.owes, ratio, kept(ratio <= r.owes))
}

// settledMemory reads the memory in use once goroutines have gone to sleep and the collector has been by.
func settledMemory() (m runtime.MemStats) {
	for range 3 {
		time.Sleep(20 * time.Millisecond) // a measurement, not a test: what is left to settle is noise
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m
}

type object struct{ state [5]int64 }

func idleObjects(number int) (any, func() error, error) {
	table := make(map[uint64]*object)
	for i := range uint64(number) {
		table[i] = &object{state: [5]int64{int64(i)}}
	}
	return table, nothing, nil
}

func idleVats(number int) (any, func() error, error) {
	vats := make([]*minivat.Vat, number)
	answer := make(mouth, 1)
	for i := range vats {
		vats[i] = new(minivat.Vat)
		vats[i].Send(minivat.Message{To: &adder{}, Reply: answer})
		<-answer
	}
	return vats, nothing, nil
}

func idleGoroutines(number int) (any, func() error, error) {
	channels := make([]chan int64, number)
	answer, done := make(chan int64, 1), make(chan struct{}, number)
	for i := range channels {
		ch := make(chan int64, 16)
		channels[i] = ch
		go func() {
			for v := range ch {
				answer <- v + 1
			}
			done <- struct{}{}
		}()
		ch <- 1
		<-answer
	}
	return channels, func() error {
		for _, ch := range channels {
			close(ch)
			<-done
		}
		return nil
	}, nil
}

// keeping makes a number of things with a close function each.
func keeping[T any](number int, open func() (T, func() error, error)) (keep any, closeAll func() error, err error) {
	var kept []T
	var closers []func() error
	closeAll = func() error {
		var errs []error
		for _, c := range closers {
			errs = append(errs, c())
		}
		return errors.Join(errs...)
	}
	for range number {
		one, c, err := open()
		if err != nil {
			return nil, closeAll, err
		}
		kept, closers = append(kept, one), append(closers, c)
	}
	return kept, closeAll, nil
}

// waiting has a reader wait at each end of a connection.
func waiting(client, server io.ReadWriteCloser) (readers *sync.WaitGroup) {
	readers = new(sync.WaitGroup)
	for _, end := range []io.Reader{client, server} {
		readers.Go(func() { _, _ = end.Read(make([]byte, 1)) }) // ends with the connection
	}
	return readers
}

func idleTCP(number int) (any, func() error, error) {
	return keeping(number, func() (io.Closer, func() error, error) {
		client, server, closeAll, err := wire.TCP(0)
		if err != nil {
			return nil, nil, err
		}
		readers := waiting(client, server)
		return client, func() error { defer readers.Wait(); return closeAll() }, nil
	})
}

// idleQUIC opens connections between one pair of sockets.
func idleQUIC(number int) (idle, error) {
	pair, err := wire.NewQUICPair(0)
	if err != nil {
		return idle{}, err
	}
	closeAll := nothing
	return idle{fill: func() (keep any, err error) {
		keep, closeAll, err = keeping(number, func() (io.Closer, func() error, error) {
			client, server, err := pair.Open()
			if err != nil {
				return nil, nil, err
			}
			readers := waiting(client, server)
			return client, func() error {
				defer readers.Wait()
				server.Close()
				return client.Close()
			}, nil
		})
		return keep, err
	}, close: func() error { return errors.Join(closeAll(), pair.Close()) }}, nil
}
