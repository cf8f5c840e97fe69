package noiselink

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hawser-go/hawser/internal/sockets"
)

// budget bounds the handshakes with those who have not been admitted yet, in total and for each source, before any
// cryptography is done for them. When a part of it is used up, new sources must first show (QUIC Retry) that they receive
// at the address they send from: so nobody spends another's share, nor all of it from forged addresses.
type budget struct {
	limits Limits
	now    func() time.Time

	mu      sync.Mutex
	open    int
	sources map[netip.Prefix]*source
	swept   time.Time
}

type source struct {
	open   int
	tokens float64
	filled time.Time
}

// Why a handshake is not begun.
var (
	// ErrBusy says that the source has its share.
	ErrBusy = errors.New("too many handshakes in progress from one source")
	// ErrFull says that all of them together are too many.
	ErrFull = errors.New("too many handshakes in progress")
)

// MustVerify says whether an address has to be verified before work is done for it.
func (n *Node) MustVerify(addr net.Addr) bool { return n.budget.mustVerify(addr) }

// Take begins a handshake with whoever is at an address, or returns ErrBusy or ErrFull. The function returned ends it; it
// may be called more than once.
func (n *Node) Take(addr net.Addr) (release func(), err error) { return n.budget.take(addr) }

func newBudget(l Limits) *budget {
	return &budget{limits: l, now: time.Now, sources: make(map[netip.Prefix]*source)}
}

// mustVerify says whether an address has to be verified before work is done for it.
func (b *budget) mustVerify(addr net.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open >= b.limits.Handshakes/4 {
		return true
	}
	s, ok := b.sources[sockets.Source(addr)]
	if !ok {
		return false
	}
	b.refill(s)
	return s.open >= b.limits.HandshakesPerSource/4 || s.tokens < float64(b.limits.RatePerSource)/2
}

// take begins a handshake, or returns ErrBusy or ErrFull. The function returned ends it; it may be called more than once.
func (b *budget) take(addr net.Addr) (release func(), err error) {
	key := sockets.Source(addr)
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.sources[key]
	if ok {
		if b.refill(s); s.open >= b.limits.HandshakesPerSource || s.tokens < 1 {
			return nil, ErrBusy
		}
	}
	if b.open >= b.limits.Handshakes {
		return nil, ErrFull
	}
	if !ok {
		b.forget()
		s = &source{tokens: b.burst(), filled: b.now()}
		b.sources[key] = s
	}
	s.tokens--
	s.open++
	b.open++
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		s.open--
		b.open--
	}), nil
}

func (b *budget) burst() float64 { return 2 * float64(b.limits.RatePerSource) }

func (b *budget) refill(s *source) {
	now := b.now()
	s.tokens = min(b.burst(), s.tokens+now.Sub(s.filled).Seconds()*float64(b.limits.RatePerSource))
	s.filled = now
}

// forget drops the sources there is nothing to remember of, when there are many: one whose tokens are full again is as
// good as new.
func (b *budget) forget() {
	const many = 4096
	now := b.now()
	if len(b.sources) < many || now.Sub(b.swept) < time.Second {
		return
	}
	b.swept = now
	for key, s := range b.sources {
		if b.refill(s); s.open == 0 && s.tokens >= b.burst() {
			delete(b.sources, key)
		}
	}
}
