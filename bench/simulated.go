package main

import (
	"context"
	"io"
	"time"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/netlayer/mem"
)

// overMem is a wire.Opener on the simulated network: what it costs without sockets.
func overMem(delay time.Duration) (client, server io.ReadWriteCloser, closeAll func() error, err error) {
	network := mem.New(&mem.Config{Delay: delay})
	a, b := network.Host(mem.HostConfig{Name: "client"}), network.Host(mem.HostConfig{Name: "server"})
	accepted := make(chan netlayer.Conn, 1)
	go func() {
		defer close(accepted)
		if incoming, err := b.Accept(context.Background()); err == nil {
			if conn, err := incoming.Accept(nil); err == nil {
				accepted <- conn
			}
		}
	}()
	conn, err := a.Connect(context.Background(), netlayer.Dial{Peer: b.Location()})
	if err != nil {
		network.Close()
		return nil, nil, nil, err
	}
	return &framed{conn: conn}, &framed{conn: <-accepted}, func() error { network.Close(); return nil }, nil
}

// framed makes a stream of a connection of frames.
type framed struct {
	conn netlayer.Conn
	one  [1][]byte
	left []byte
}

func (f *framed) Write(b []byte) (int, error) {
	f.one[0] = b
	return len(b), f.conn.Write(f.one[:])
}

func (f *framed) Read(b []byte) (int, error) {
	if len(f.left) == 0 {
		frame, err := f.conn.Read()
		if err != nil {
			return 0, err
		}
		f.left = frame.Bytes
		frame.Done()
	}
	n := copy(b, f.left)
	f.left = f.left[n:]
	return n, nil
}

func (f *framed) Close() error { return f.conn.Close("") }
