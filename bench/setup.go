package main

import (
	"io"

	"github.com/hawser-go/hawser/bench/floor/echo"
	"github.com/hawser-go/hawser/bench/floor/wire"
)

// quicSetup makes a connection between two sockets that are there, and one echo.
func quicSetup() (work, error) {
	pair, err := wire.NewQUICPair(0)
	if err != nil {
		return work{}, err
	}
	return work{func(n int, t *times) error {
		return repeat(func() error {
			client, server, err := pair.Open()
			if err != nil {
				return err
			}
			served := make(chan struct{})
			go func() {
				defer close(served)
				_ = echo.Serve(server) // ends with the connection
			}()
			err = echo.Direct(client)()
			client.Close()
			<-served
			server.Close()
			return err
		}, n, t)
	}, pair.Close}, nil
}

const blockSize = 64 << 10

// bulk sends 64 KiB at a time one way; the work is done when all has been read.
func bulk(open wire.Opener) opener {
	return func() (work, error) {
		client, server, closeAll, err := open(0)
		if err != nil {
			return work{}, err
		}
		return work{func(n int, _ *times) error {
			sent := make(chan error, 1)
			go func() {
				block := make([]byte, blockSize)
				for range n {
					if _, err := client.Write(block); err != nil {
						sent <- err
						return
					}
				}
				sent <- nil
			}()
			if _, err := io.CopyN(io.Discard, server, int64(n)*blockSize); err != nil {
				return err
			}
			return <-sent
		}, func() error { client.Close(); return closeAll() }}, nil
	}
}
