package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hawser-go/hawser/bench/floor/captpfloor"
	"github.com/hawser-go/hawser/bench/floor/echo"
	"github.com/hawser-go/hawser/bench/floor/wire"
)

// A service is something to call over a network. Every caller gets a function of its own that makes one call, checks
// the answer and is used by one goroutine.
type service struct {
	caller func() func() error
	close  func() error
}

// callers is the work of a number of callers of one service, each waiting for its answers one at a time.
func callers(number int, open func() (service, error)) opener {
	return func() (work, error) {
		s, err := open()
		if err != nil {
			return work{}, err
		}
		calls := make([]func() error, number)
		for i := range calls {
			calls[i] = s.caller()
		}
		return work{func(n int, t *times) error {
			var group sync.WaitGroup
			errs := make([]error, number)
			for i, call := range calls {
				group.Go(func() { errs[i] = repeat(call, (n+number-1)/number, t) })
			}
			group.Wait()
			return errors.Join(errs...)
		}, s.close}, nil
	}
}

// repeat calls and times every call, or with many of them every few.
func repeat(call func() error, n int, t *times) error {
	every := 1 + n/10000
	took := make([]time.Duration, 0, 1+n/every)
	for i := range n {
		if i%every != 0 {
			if err := call(); err != nil {
				return err
			}
			continue
		}
		begin := time.Now()
		if err := call(); err != nil {
			return err
		}
		took = append(took, time.Since(begin))
	}
	t.add(took)
	return nil
}

// serving runs the server's end of a connection until it is closed.
func serving(open wire.Opener, delay time.Duration, serve func(io.ReadWriter) error) (client io.ReadWriteCloser, closeAll func() error, err error) {
	client, server, closeWire, err := open(delay)
	if err != nil {
		return nil, nil, err
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = serve(server) // ends with the connection
	}()
	return client, func() error {
		client.Close()
		<-served
		return closeWire()
	}, nil
}

// direct is one caller on the bare stream.
func direct(open wire.Opener) opener {
	return callers(1, func() (service, error) {
		client, closeAll, err := serving(open, 0, echo.Serve)
		if err != nil {
			return service{}, err
		}
		return service{func() func() error { return echo.Direct(client) }, closeAll}, nil
	})
}

// echoes is records of a fixed size over a stream that callers share.
func echoes(open wire.Opener) func() (service, error) {
	return func() (service, error) {
		client, closeAll, err := serving(open, 0, echo.Serve)
		if err != nil {
			return service{}, err
		}
		mux := echo.NewMux(client)
		return service{mux.Caller, func() error { defer mux.Wait(); return closeAll() }}, nil
	}
}

// What a call carries, there and back.
var (
	text   = []byte(strings.Repeat("call", 8))
	amount = int64(123456789)
)

func checked(got string, n int64, err error) error {
	if err == nil && (got != string(text) || n != amount) {
		return fmt.Errorf("sent %q and %d, got %q and %d", text, amount, got, n)
	}
	return err
}

func floorClient(open wire.Opener, delay time.Duration) (*captpfloor.Client, func() error, error) {
	client, closeAll, err := serving(open, delay, captpfloor.Serve)
	if err != nil {
		return nil, nil, err
	}
	c := captpfloor.NewClient(client)
	return c, func() error { defer c.Wait(); return closeAll() }, nil
}

// floorCalls is calls of an object that answers with its arguments.
func floorCalls(open wire.Opener) func() (service, error) {
	return func() (service, error) {
		c, closeAll, err := floorClient(open, 0)
		return service{func() func() error {
			return func() error { return checked(c.Echo(text, amount)) }
		}, closeAll}, err
	}
}

// floorChains is eight calls, each on the answer to the one before.
func floorChains(open wire.Opener, delay time.Duration) func() (service, error) {
	return func() (service, error) {
		c, closeAll, err := floorClient(open, delay)
		return service{func() func() error {
			return func() error { return checked(c.Chain(8, text, amount)) }
		}, closeAll}, err
	}
}

// floorTells is calls whose answers nobody wants, written sixty-four at a time: a frame is on its way soon, and still the
// writes are few.
func floorTells(open wire.Opener) opener {
	return func() (work, error) {
		c, closeAll, err := floorClient(open, 0)
		if err != nil {
			return work{}, err
		}
		told := 0
		tell := func() error {
			c.Tell(text, 1)
			if told++; told%64 == 0 {
				return c.Flush()
			}
			return nil
		}
		return work{func(n int, _ *times) error {
			return telling(n, tell, func() error { return checked(c.Echo(text, amount)) })
		}, closeAll}, nil
	}
}

func outstanding(what string, n int) string {
	if n == 1 {
		return what + ", one caller"
	}
	return fmt.Sprintf("%s, %d outstanding", what, n)
}
