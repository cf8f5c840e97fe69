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
	// open makes that many, each of which has done a little work, and returns them, to be kept and then closed.
	open func(number int) (keep any, closeAll func() error, err error)
}

func idleRows() []idleRow {
	return []idleRow{
		{"object in a map", 100_000, idleObjects},
		{"minimal vat with one object", 100_000, idleVats},
		{"goroutine with a channel of 16", 20_000, idleGoroutines},
		{"TCP connection, both ends and two readers", 200, idleTCP},
		{"QUIC connection with one stream, the same", 200, idleQUIC},
	}
}

func printIdle(w io.Writer, rows []idleRow) error {
	fmt.Fprintf(w, "\n%-52s %10s %10s %10s %10s\n", idleName, "number", "heap", "and stack", "goroutines")
	for _, r := range rows {
		before, goroutines := settledMemory(), runtime.NumGoroutine()
		keep, closeAll, err := r.open(r.number)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		after := settledMemory()
		n := float64(r.number)
		fmt.Fprintf(w, "  %-50s %10d %8.0f B %8.0f B %10.1f\n", r.name, r.number,
			(float64(after.HeapAlloc)-float64(before.HeapAlloc))/n,
			(float64(after.HeapAlloc+after.StackInuse)-float64(before.HeapAlloc+before.StackInuse))/n,
			float64(runtime.NumGoroutine()-goroutines)/n)
		runtime.KeepAlive(keep)
		if err := closeAll(); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
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
func keeping[T any](number int, open func() (T, func() error, error)) (any, func() error, error) {
	var kept []T
	var closers []func() error
	closeAll := func() error {
		var errs []error
		for _, c := range closers {
			errs = append(errs, c())
		}
		return errors.Join(errs...)
	}
	for range number {
		one, c, err := open()
		if err != nil {
			return nil, nil, errors.Join(err, closeAll())
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
func idleQUIC(number int) (any, func() error, error) {
	pair, err := wire.NewQUICPair(0)
	if err != nil {
		return nil, nil, err
	}
	keep, closeAll, err := keeping(number, func() (io.Closer, func() error, error) {
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
	if err != nil {
		pair.Close()
		return nil, nil, err
	}
	return keep, func() error {
		defer pair.Close()
		return closeAll()
	}, nil
}
