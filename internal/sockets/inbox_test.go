package sockets_test

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/internal/sockets"
)

// Messages come out whole and in order, however they went in, and those that were there before the end come before it.
func TestInbox(t *testing.T) {
	b := sockets.NewInbox()
	b.Put([]byte("fir"), nil)
	if !b.Empty() {
		t.Error("a part counts as a message")
	}
	b.Put([]byte("stthi"), []int{2, 2}) // the rest comes when the reader has taken what was ready
	for _, want := range []string{"first", ""} {
		if m, ok := b.Next(); !ok || string(m) != want {
			t.Fatalf("got %q, %v; expected %q", m, ok, want)
		}
	}
	b.Put([]byte("rdhalf"), []int{2})
	b.End()
	if m, ok := b.Next(); !ok || string(m) != "third" {
		t.Fatalf("got %q, %v; expected the third", m, ok)
	}
	if m, ok := b.Next(); ok || !b.Empty() {
		t.Errorf("behind the end there is %q", m)
	}
}

// Room waits while much is ready, empty messages too, until a reader takes it or nobody wants it any more.
func TestRoom(t *testing.T) {
	for size, least := range map[int]int{0: 1 << 10, 1 << 10: 64} {
		synctest.Test(t, func(t *testing.T) {
			b, message := sockets.NewInbox(), bytes.Repeat([]byte("x"), size)
			put, done := 0, make(chan struct{})
			go func() {
				defer close(done)
				for range 100_000 {
					b.Room()
					b.Put(message, []int{size})
					put++
				}
			}()
			synctest.Wait()
			first := put
			if first < least || first > 100*least {
				t.Fatalf("of messages of %d bytes %d are kept", size, first)
			}
			if _, ok := b.Next(); !ok {
				t.Fatal("there is nothing to read")
			}
			synctest.Wait()
			if put == first || put > 3*first {
				t.Fatalf("when the reader has taken %d, %d more come", first, put-first)
			}
			b.Discard()
			<-done
			read := 1
			for ; !b.Empty(); read++ {
				b.Next()
			}
			if want := put; read > want || read > 3*first {
				t.Errorf("%d were read of %d", read, want)
			}
		})
	}
}

// A reader waits for a whole message, and End wakes it.
func TestWaitingReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, got := sockets.NewInbox(), make(chan string, 2)
		go func() {
			for range 2 {
				m, ok := b.Next()
				got <- fmt.Sprint(string(m), ok)
			}
		}()
		b.Put([]byte("a"), nil)
		synctest.Wait()
		if len(got) != 0 {
			t.Fatalf("part of a message was read: %s", <-got)
		}
		b.Put([]byte("b"), []int{1})
		synctest.Wait()
		b.End()
		synctest.Wait()
		if one, two := <-got, <-got; one != "abtrue" || two != "false" {
			t.Errorf("read %s, then %s", one, two)
		}
	})
}
