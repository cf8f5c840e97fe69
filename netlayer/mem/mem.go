// Package mem is a simulated network: hosts in one process whose connections have delay, jitter and bounded buffers,
// and can be lost, cut off and healed at will. What goes wrong, and where, is decided by a seed.
//
// The simulator keeps the promises of package netlayer. Designators are authenticated, since it knows who dials; both
// ends of a connection share a random Binding; doors are real: the pre-shared keys of a [netlayer.Key] and a
// [netlayer.Lock] are computed with fresh X25519 keys and compared. There is no encryption, since there is no wire.
//
// It runs in real time and, exactly, in the virtual time of a testing/synctest bubble; create the [Network] inside the
// bubble then. It has no goroutines: frames wait in the network until their reader asks for them, and dialling happens
// in Connect, which takes two round trips of the simulated network (hello and keys, then proof and admission). What
// blocks, blocks durably, and timers run only while somebody waits for one.
//
// A frame is copied once on its way, and its bytes are cleared at the next Read, so that a receiver which keeps what
// it does not own is found out.
package mem

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Transport is the name of the simulated network in locators.
const Transport = "mem"

// EarlyLimit is the limit given to [netlayer.Dial].Early, less the credential: about what fits into the last message of a
// Noise handshake.
const EarlyLimit = 64000

// Config describes a network. The zero Config is a perfect network without delay.
type Config struct {
	// Seed decides jitter, bindings and where lost connections are cut.
	Seed uint64
	// Delay is the time a frame takes from any host to any other. [Network.SetDelay] changes it for one direction.
	Delay time.Duration
	// Jitter is the most that chance adds to Delay, for each frame anew. A frame never overtakes another of its
	// connection.
	Jitter time.Duration
	// Buffer is how many bytes of frames wait in each direction of a connection before Write waits for the reader;
	// 1 MiB if zero. A frame larger than Buffer travels alone.
	Buffer int
	// Synchronous makes Write return only when the peer's Read has taken the frames.
	Synchronous bool
	// Timeout is how long a dial waits for an answer, and how long a partition lasts before the connections across it
	// are lost; 10 s if zero.
	Timeout time.Duration
	// MaxWaiting is how many dials wait for Accept on one host before others are refused; 128 if zero.
	MaxWaiting int
}

// A Network connects the hosts opened on it. Its methods may be called from any goroutine.
type Network struct {
	cfg   Config
	epoch time.Time

	mu     sync.Mutex
	rng    *rand.ChaCha8
	conns  uint64           // how many connections there have been, for their own seeds
	hosts  map[string]*Host // open hosts by address
	links  map[pair]*link
	cuts   map[pair]*cut
	wires  map[*wire]struct{} // connections of which an end is open
	closed bool
}

// New returns a network; cfg is copied and may be nil. It panics if a field of cfg is negative.
func New(cfg *Config) *Network {
	n := &Network{
		epoch: time.Now(),
		hosts: make(map[string]*Host),
		links: make(map[pair]*link),
		cuts:  make(map[pair]*cut),
		wires: make(map[*wire]struct{}),
	}
	if cfg != nil {
		n.cfg = *cfg
	}
	c := &n.cfg
	if c.Delay < 0 || c.Jitter < 0 || c.Buffer < 0 || c.Timeout < 0 || c.MaxWaiting < 0 {
		panic(fmt.Sprintf("mem: a field of Config is negative: %+v", *c))
	}
	if c.Buffer == 0 {
		c.Buffer = 1 << 20
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.MaxWaiting == 0 {
		c.MaxWaiting = 128
	}
	n.rng = rand.NewChaCha8(seedBytes(c.Seed))
	return n
}

// Close closes every host and ends every partition.
func (n *Network) Close() {
	n.mu.Lock()
	n.closed = true
	var hosts []*Host
	for _, h := range n.hosts {
		hosts = append(hosts, h)
	}
	for key, c := range n.cuts {
		c.end()
		delete(n.cuts, key)
	}
	n.mu.Unlock()
	for _, h := range hosts {
		h.Close()
	}
}

// now is the time since the network was made.
func (n *Network) now() time.Duration { return time.Since(n.epoch) }

// draw returns 32 random bytes of the network's seed.
func (n *Network) draw() (b [32]byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rng.Read(b[:])
	return b
}

func seedBytes(seed uint64) (b [32]byte) {
	for i := range b {
		b[i] = byte(seed >> (8 * (i % 8)))
	}
	return b
}
