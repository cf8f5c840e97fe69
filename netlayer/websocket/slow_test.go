package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	ws "github.com/coder/websocket"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/websocket"
)

// pipes is a listener whose connections hold nothing: what is written waits until it is read.
type pipes struct {
	dialled chan net.Conn
	closed  context.Context
	close   context.CancelFunc
}

func newPipes(t *testing.T) *pipes {
	p := &pipes{dialled: make(chan net.Conn)}
	p.closed, p.close = context.WithCancel(t.Context())
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.dialled:
		return c, nil
	case <-p.closed.Done():
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.close(); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	p.dialled <- there
	return here, nil
}

// slow is a foreign dialler that has been admitted, and reads when the test does.
type slow struct {
	*ws.Conn
	raw          net.Conn
	mute         atomic.Bool  // it does not answer pings; the library could not while it writes
	pings, pongs atomic.Int64 // that it has heard
}

// piped returns both ends of a connection with a slow dialler. The netlayer pings every 25 s, if it is asked to.
func piped(t *testing.T) (*slow, netlayer.Conn) {
	l, f := newPipes(t), &slow{}
	n := open(t, websocket.WithListener(websocket.Config{URL: "ws://pipes.example"}, l))
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		var err error
		f.raw, err = l.dial(ctx, network, address)
		return f.raw, err
	}}
	var err error
	f.Conn, err = foreign(t, n, &ws.DialOptions{
		HTTPClient:     &http.Client{Transport: transport},
		OnPingReceived: func(context.Context, []byte) bool { f.pings.Add(1); return !f.mute.Load() },
		OnPongReceived: func(context.Context, []byte) { f.pongs.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	send(t, f.Conn, ws.MessageBinary, websocket.Hello(make([]byte, 32)))
	accepted := make(chan netlayer.Conn)
	go func() { accepted <- accept(t, n) }()
	receive(t, f.Conn)
	return f, <-accepted
}

// readAll reads until the end. No more than some messages are expected.
func (f *slow) readAll(t *testing.T) <-chan []byte {
	read := make(chan []byte, 10)
	go func() {
		defer close(read)
		for {
			_, b, err := f.Read(t.Context())
			if err != nil {
				return
			}
			read <- b
		}
	}()
	return read
}

// TestSlowPeerThatPings: a peer that takes a minute for what is written to it keeps its connection, whoever pings
// meanwhile, and each ping is answered.
func TestSlowPeerThatPings(t *testing.T) {
	for name, frames := range map[string][][]byte{
		"one message":  {bytes.Repeat([]byte("x"), netlayer.MaxFrame)},
		"many of them": {make([]byte, 100), make([]byte, 100_000), make([]byte, 100_000), make([]byte, 100)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, conn := piped(t)
				written, answered := make(chan error, 1), make(chan error, 1)
				go func() { written <- conn.Write(frames) }()
				synctest.Wait()
				go func() { answered <- f.Ping(t.Context()) }()
				conn.(netlayer.KeepAliver).KeepAlive(true)
				time.Sleep(time.Minute)
				if conn.More() {
					_, err := conn.Read()
					t.Fatalf("the connection has ended: %v", err)
				}
				read := f.readAll(t)
				for i, want := range frames {
					if got := <-read; !bytes.Equal(got, want) {
						t.Fatalf("message %d has %d bytes, expected %d", i, len(got), len(want))
					}
				}
				if err := <-written; err != nil {
					t.Fatal(err)
				}
				if err := <-answered; err != nil {
					t.Errorf("the peer's ping was not answered: %v", err)
				}
				time.Sleep(time.Minute)
				if f.pings.Load() < 3 || len(read) != 0 {
					t.Errorf("there were %d pings in two minutes, expected one of the first and two of the second", f.pings.Load())
				}
				conn.Close("")
				if _, open := <-read; open {
					t.Error("there is another message")
				}
			})
		})
	}
}

// TestPingsAreBounded: a peer that pings without end and reads nothing is owed no more than some answers.
func TestPingsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, conn := piped(t)
		written := make(chan error, 1)
		go func() { written <- conn.Write([][]byte{make([]byte, 100)}) }()
		synctest.Wait()
		ping := append([]byte{0x89, 0x80 | 125}, make([]byte, 4+125)...)
		for range 1000 {
			if _, err := f.raw.Write(ping); err != nil {
				t.Fatal(err)
			}
		}
		read := f.readAll(t)
		<-read
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := f.pongs.Load(); n < 10 || n > 100 {
			t.Errorf("%d pings were answered", n)
		}
		if conn.More() {
			t.Error("the connection has ended")
		}
	})
}

// TestKeepAlive: while a connection is needed the peer is pinged, and at no other time.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, conn := piped(t)
		f.readAll(t)
		keep := conn.(netlayer.KeepAliver).KeepAlive
		for _, c := range []struct {
			on   bool
			want int64
		}{{false, 0}, {true, 4}, {false, 4}, {true, 8}} {
			keep(c.on)
			time.Sleep(101 * time.Second)
			if got := f.pings.Load(); got != c.want {
				t.Errorf("there were %d pings, expected %d", got, c.want)
			}
		}
		conn.Close("")
		keep(true)
	})
}

// TestPeerFallsSilent: where a connection is needed, and the peer does not answer pings any more, it ends; one who has never
// answered any may go on.
func TestPeerFallsSilent(t *testing.T) {
	for _, answered := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f, conn := piped(t)
			f.mute.Store(!answered)
			f.readAll(t)
			conn.(netlayer.KeepAliver).KeepAlive(true)
			time.Sleep(10 * time.Minute)
			if conn.More() {
				_, err := conn.Read()
				t.Fatalf("it has ended: %v", err)
			}
			if !answered {
				return
			}
			f.mute.Store(true)
			began := time.Now()
			_, err := conn.Read()
			if took := time.Since(began); !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "nothing was heard") || took < time.Minute || took > 150*time.Second {
				t.Errorf("after %v: %v", took, err)
			}
		})
	}
}

// TestReaderIsBusy: who does not listen, because nobody reads what has come, does not think that the peer is gone, and goes
// on telling it that there is somebody.
func TestReaderIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, conn := piped(t)
		f.mute.Store(true)
		f.readAll(t)
		conn.(netlayer.KeepAliver).KeepAlive(true)
		sent := make(chan error, 1)
		go func() {
			for range 4 {
				if err := f.Write(t.Context(), ws.MessageBinary, make([]byte, 100_000)); err != nil {
					sent <- err
					return
				}
			}
			sent <- nil
		}()
		for range 5 {
			before := f.pings.Load()
			time.Sleep(time.Minute)
			if f.pings.Load() == before {
				t.Fatal("the peer has heard nothing for a minute")
			}
		}
		conn.(netlayer.KeepAliver).KeepAlive(false)
		if len(sent) > 0 {
			t.Fatalf("the reader is not busy: %v", <-sent)
		}
		for range 4 {
			if m, err := conn.Read(); err != nil || len(m.Bytes) != 100_000 {
				t.Fatalf("Read: %d bytes, %v", len(m.Bytes), err)
			}
		}
	})
}
