package hawser_test

import (
	"net"
	"slices"
	"sync"
	"testing"
)

// relay passes datagrams on between those who dial it and a target, as a machine on the path does.
type relay struct {
	t     *testing.T
	front *net.UDPConn
	all   sync.WaitGroup

	mu    sync.Mutex
	to    *net.UDPAddr
	backs map[string]*net.UDPConn // by the dialler's address
	from  []string                // their ports
	tape  []byte                  // all that has passed, either way
}

// listenRelay opens a relay. Open it before the nodes, so that it is there when they say goodbye.
func listenRelay(t *testing.T) *relay {
	t.Helper()
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, front: front, backs: make(map[string]*net.UDPConn)}
	r.all.Go(r.forward)
	t.Cleanup(func() {
		_ = front.Close()
		r.mu.Lock()
		for _, b := range r.backs {
			_ = b.Close()
		}
		r.mu.Unlock()
		r.all.Wait()
	})
	return r
}

// target says where what comes from now on is passed on to.
func (r *relay) target(address string) {
	r.t.Helper()
	to, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	r.to = to
	r.mu.Unlock()
}

func (r *relay) address() string { return r.front.LocalAddr().String() }

// sources returns the ports that packets came from.
func (r *relay) sources() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.from)
}

func (r *relay) record(b []byte) {
	r.mu.Lock()
	r.tape = append(r.tape, b...)
	r.mu.Unlock()
}

// seen returns all that has passed so far.
func (r *relay) seen() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.tape)
}

func (r *relay) forward() {
	b := make([]byte, 64<<10)
	for {
		n, from, err := r.front.ReadFromUDP(b)
		if err != nil {
			return
		}
		r.record(b[:n])
		if back := r.back(from); back != nil {
			_, _ = back.Write(b[:n])
		}
	}
}

// back returns the socket that stands for a dialler in front of the target.
func (r *relay) back(from *net.UDPAddr) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.backs[from.String()]; b != nil {
		return b
	}
	b, err := net.DialUDP("udp", nil, r.to)
	if err != nil {
		r.t.Error(err)
		return nil
	}
	r.backs[from.String()] = b
	r.from = append(r.from, portOf(from.String()))
	r.all.Go(func() {
		p := make([]byte, 64<<10)
		for {
			n, err := b.Read(p)
			if err != nil {
				return
			}
			r.record(p[:n])
			_, _ = r.front.WriteToUDP(p[:n], from)
		}
	})
	return b
}
