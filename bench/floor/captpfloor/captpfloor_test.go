package captpfloor_test

import (
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/hawser-go/hawser/bench/floor/captpfloor"
)

func connect(t *testing.T) *captpfloor.Client {
	t.Helper()
	near, far := net.Pipe()
	var group sync.WaitGroup
	group.Go(func() { captpfloor.Serve(far) }) // ends with the pipe
	c := captpfloor.NewClient(near)
	t.Cleanup(func() {
		near.Close()
		c.Wait()
		group.Wait()
	})
	return c
}

func TestEcho(t *testing.T) {
	c := connect(t)
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			want := strings.Repeat("x", i)
			for n := range int64(200) {
				if text, number, err := c.Echo([]byte(want), n-100); err != nil || text != want || number != n-100 {
					t.Errorf("got %q, %d, %v", text, number, err)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestTell(t *testing.T) {
	c := connect(t)
	for range 100 {
		c.Tell([]byte("x"), 1)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, number, err := c.Echo([]byte("x"), 7); err != nil || number != 7 {
		t.Errorf("got %d, %v", number, err)
	}
}

func TestChain(t *testing.T) {
	c := connect(t)
	for depth := 1; depth < 20; depth++ {
		if text, number, err := c.Chain(depth, []byte("end"), int64(depth)); err != nil || text != "end" || number != int64(depth) {
			t.Errorf("depth %d: got %q, %d, %v", depth, text, number, err)
		}
	}
}

func TestMalformedFramesEndTheConnection(t *testing.T) {
	for _, frame := range []string{"", "\x01", "\x09", "\x01\x00\x00\x05\x04echo\x00\x00", "\x01\x00\x00\x00\x04what\x00\x00", "\x04\x00\x01\x04tell\x00\x00", "\x01\x00\x00\x00\xffecho"} {
		near, far := net.Pipe()
		served := make(chan error, 1)
		go func() { served <- captpfloor.Serve(far) }()
		if _, err := near.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(frame))), frame...)); err != nil {
			t.Fatal(err)
		}
		if err := <-served; err == nil {
			t.Errorf("%q was accepted", frame)
		}
		near.Close()
		far.Close()
	}
}
