package sockets_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/sockets"
)

var errGone = errors.New("the netlayer is gone")

// Close waits for what has entered, for every pump and every hanging up, in this order: it ends Ctx, hangs up and stops
// listening, waits, releases. Later calls wait for it and say the same.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sockets.NewRoster[int](errGone)
		hung, left := make(chan int, 2), make(chan struct{})
		quit := map[int]chan struct{}{1: make(chan struct{}), 2: make(chan struct{})}
		for c, q := range quit {
			if !r.Add(c, func() { <-q; r.Remove(c) }) {
				t.Fatal("an open roster takes no connection")
			}
		}
		if !r.Enter() {
			t.Fatal("an open roster lets nobody in")
		}
		go func() { <-left; r.Leave() }()
		failed, released := errors.New("stop failed"), false
		results := make(chan error, 2)
		for range 2 {
			go func() {
				results <- r.Close(func(c int) { hung <- c; close(quit[c]) }, func() error { return failed }, func() error {
					released = true
					return nil
				})
			}()
		}
		synctest.Wait()
		if len(hung) != 2 || len(r.Conns()) != 0 || r.Ctx.Err() == nil || released || len(results) != 0 {
			t.Fatalf("while a call is in: %d hung up, %d left, Ctx %v, released %v, %d closed", len(hung), len(r.Conns()), r.Ctx.Err(), released, len(results))
		}
		if r.Enter() || r.Add(3, func() { t.Error("a pump ran") }) {
			t.Fatal("a roster that closes takes more")
		}
		close(left)
		synctest.Wait()
		if len(results) != 2 || !released {
			t.Fatal("Close waits for nothing")
		}
		for range 2 {
			if err := <-results; !errors.Is(err, failed) {
				t.Errorf("Close returned %v", err)
			}
		}
	})
}

// The context of Within says why it has ended.
func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sockets.NewRoster[int](errGone)
		mine := errors.New("mine")
		outer, end := context.WithCancelCause(t.Context())
		slow, cancel := r.Within(t.Context(), time.Second)
		defer cancel()
		ended, cancel := r.Within(outer, time.Hour)
		defer cancel()
		closed, cancel := r.Within(t.Context(), time.Hour)
		defer cancel()
		end(mine)
		time.Sleep(2 * time.Second)
		if closed.Err() != nil {
			t.Fatal("it ended early")
		}
		r.Close(func(int) {}, nil, nil)
		synctest.Wait()
		for _, c := range []struct {
			ctx  context.Context
			want error
		}{{slow, sockets.ErrSlow}, {ended, mine}, {closed, errGone}} {
			if got := context.Cause(c.ctx); !errors.Is(got, c.want) {
				t.Errorf("the cause is %v, expected %v", got, c.want)
			}
		}
	})
}

func TestBudget(t *testing.T) {
	b := sockets.NewBudget(3, 2)
	one, ok := b.Take("a")
	if _, two := b.Take("a"); !ok || !two {
		t.Fatal("a source does not get its share")
	}
	if _, ok := b.Take("a"); ok {
		t.Error("a source gets more than its share")
	}
	if _, ok := b.Take("b"); !ok {
		t.Error("another source gets nothing")
	}
	if _, ok := b.Take("c"); ok {
		t.Error("there are more than all")
	}
	one()
	one() // counts once
	if _, ok := b.Take("c"); !ok {
		t.Error("what was given back cannot be taken")
	}
	if _, ok := b.Take("d"); ok {
		t.Error("what was given back once can be taken twice")
	}
}

// What ended a connection first is what is said of it, and every such error is one of a closed connection.
func TestEnding(t *testing.T) {
	e, cause := sockets.Ending{Netlayer: "test"}, errors.New("the cause")
	if e.Broken() != nil || e.Ended() != nil || e.Failed() != nil {
		t.Error("it has ended before it began")
	}
	e.Fail("cut")
	e.Fail("cut again")
	if err := e.Broken(); err == nil || err.Error() != "test: the connection is closed: cut" || !errors.Is(err, net.ErrClosed) {
		t.Errorf("failed: %v", err)
	}
	if e.Ended() != nil || !e.End("over", cause) || e.End("over again", nil) {
		t.Error("it does not end once")
	}
	if err := e.Broken(); !errors.Is(err, net.ErrClosed) || !errors.Is(err, cause) || err.Error() != "test: the connection is closed: over" || err != error(e.Ended()) {
		t.Errorf("ended: %v", err)
	}
	if e.Failed().Why != "cut" {
		t.Errorf("the writing failed since %q", e.Failed().Why)
	}
}
