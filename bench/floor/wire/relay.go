package wire

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// A Relay passes datagrams between one client and a server, each a fixed time after it came.
type Relay struct {
	front, back *net.UDPConn
	lines       [2]*line
	client      atomic.Pointer[netip.AddrPort]
	readers     sync.WaitGroup
}

// NewRelay begins to relay to the server's address.
func NewRelay(server string, delay time.Duration) (*Relay, error) {
	to, err := net.ResolveUDPAddr("udp", server)
	if err != nil {
		return nil, err
	}
	r := new(Relay)
	if r.front, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		return nil, err
	}
	if r.back, err = net.DialUDP("udp", nil, to); err != nil {
		r.front.Close()
		return nil, err
	}
	r.lines = [2]*line{newLine(delay), newLine(delay)}
	r.readers.Go(func() {
		read(r.front, func(b []byte, from netip.AddrPort) {
			r.client.Store(&from)
			r.lines[0].send(func() { _, _ = r.back.Write(b) }) // a lost packet is sent again
		})
	})
	r.readers.Go(func() {
		read(r.back, func(b []byte, _ netip.AddrPort) {
			if to := r.client.Load(); to != nil {
				r.lines[1].send(func() { _, _ = r.front.WriteToUDPAddrPort(b, *to) })
			}
		})
	})
	return r, nil
}

// Addr is where the client finds the server.
func (r *Relay) Addr() string { return r.front.LocalAddr().String() }

// Close ends the relay; what is under way is lost.
func (r *Relay) Close() error {
	err := errors.Join(r.front.Close(), r.back.Close())
	for _, l := range r.lines {
		l.close()
	}
	r.readers.Wait()
	return err
}

func read(c *net.UDPConn, pass func(b []byte, from netip.AddrPort)) {
	var buf [64 << 10]byte
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil { // any other is about a packet sent before
			pass(append([]byte(nil), buf[:n]...), from)
		}
	}
}
