package noisetcp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hawser-go/hawser/netlayer"
)

// A way is one of the two ways to a peer.
type way int

const (
	overQUIC way = iota
	overTCP
)

// errBeaten is how the slower of two dials ends. Nobody sees it.
var errBeaten = errors.New("noisetcp: the peer was reached the other way")

// A race is one dial made both ways. The one on which the peer first proves that it is there claims the dial, before
// the last message of the handshake, and asks the dial what it has to say. The other one never sends that message: until
// then the peer has not been told who dials, or, in a dial that resumes, what is resumed, so that there is one session at
// most and nothing is said twice.
type race struct {
	cancel  [2]context.CancelFunc // by way
	ctx     [2]context.Context
	reached chan struct{} // closed when the dial is claimed

	mu     sync.Mutex
	winner *way // that has claimed the dial
	key    sync.Mutex
}

// An outcome is what Connect has returned.
type outcome struct {
	conn netlayer.Conn
	err  error
}

func newRace(ctx context.Context) *race {
	r := &race{reached: make(chan struct{})}
	for i := range r.ctx {
		r.ctx[i], r.cancel[i] = context.WithCancel(ctx)
	}
	return r
}

// over ends what may be left.
func (r *race) over() {
	for _, cancel := range r.cancel {
		cancel()
	}
}

// claim says that the peer has been reached, and reports whether the dial goes on this way. If it does the other way ends.
func (r *race) claim(by way) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.winner == nil {
		r.winner = &by
		r.cancel[1-by]()
		close(r.reached)
	}
	return *r.winner == by
}

// dial dials one way.
func (r *race) dial(by way, n netlayer.Netlayer, d netlayer.Dial) outcome {
	c, err := n.Connect(r.ctx[by], r.guarded(by, d))
	if err != nil {
		return outcome{err: err}
	}
	if !r.claim(by) { // of a netlayer that does not ask
		_ = c.Close("another connection is used")
		return outcome{err: errBeaten}
	}
	return outcome{conn: c}
}

// guarded is a dial that goes on to its last handshake message only if it claims the race: to one that does not, more is
// given to send than can be sent.
func (r *race) guarded(by way, d netlayer.Dial) netlayer.Dial {
	g := d
	g.Early = func(info netlayer.Info, limit int) [][]byte {
		switch {
		case !r.claim(by):
			return [][]byte{make([]byte, max(limit, 0))} // four bytes too many
		case d.Early == nil:
			return nil
		}
		return d.Early(info, limit)
	}
	if d.Credential != nil {
		g.Credential = func(info netlayer.Info) []byte {
			if !r.claim(by) {
				return make([]byte, netlayer.MaxCredential+1)
			}
			return d.Credential(info)
		}
	}
	if d.Key != nil {
		g.Key = sharedKey{d.Key, &r.key}
	}
	return g
}

// sharedKey is a key that two dials use at a time.
type sharedKey struct {
	netlayer.Key
	mu *sync.Mutex
}

func (k sharedKey) ID(acceptor [32]byte) ([16]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.Key.ID(acceptor)
}

func (k sharedKey) PSK(acceptor, ephemeral [32]byte) ([32]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.Key.PSK(acceptor, ephemeral)
}

// Connect dials over QUIC and, if the peer has not been reached so within a moment, over TCP besides.
func (j *joined) Connect(ctx context.Context, d netlayer.Dial) (netlayer.Conn, error) {
	r := newRace(ctx)
	defer r.over()
	var quic, tcp outcome
	var other sync.WaitGroup
	defer other.Wait()
	over := make(chan struct{}) // the dial over QUIC is
	other.Go(func() {
		defer close(over)
		if quic = r.dial(overQUIC, j.quic, d); !errors.Is(quic.err, netlayer.ErrUnreachable) {
			r.claim(overQUIC) // that is how it ends, unless TCP goes on already
		}
	})
	head := time.NewTimer(j.past.headStart(d.Peer.Designator))
	defer head.Stop()
	select {
	case <-head.C:
	case <-r.reached:
	case <-over:
	}
	goOn := r.ctx[overTCP].Err() == nil
	if goOn {
		tcp = r.dial(overTCP, j.tcp, d)
	}
	other.Wait()
	switch {
	case r.winner != nil && *r.winner == overTCP:
		j.past.note(d.Peer.Designator, overTCP)
		return tcp.conn, tcp.err
	case r.winner != nil:
		j.past.note(d.Peer.Designator, overQUIC)
		return quic.conn, quic.err
	case !goOn:
		return nil, quic.err
	case !errors.Is(tcp.err, netlayer.ErrUnreachable):
		return nil, tcp.err
	}
	return nil, fmt.Errorf("over UDP: %w; over TCP: %w", quic.err, tcp.err)
}
