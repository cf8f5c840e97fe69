package noisetcp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"sync"

	"github.com/hawser-go/hawser/netlayer"
	"github.com/hawser-go/hawser/sturdyref"
)

// Join makes one netlayer of two of the same identity, one over QUIC and one over TCP, as netlayers of the transport
// "hawser" are: the peer that a session is with does not depend on the way to it. Its Location has the hints of both. It
// dials over QUIC, and over TCP too if that has not reached the peer within 0.3 s, or at once when it cannot; for ten
// minutes after a peer was reached over TCP it waits 0.05 s only. The first that reaches the peer is the one that goes on.
// It accepts whoever comes either way. Both belong to the result, whose Close closes them.
//
// What the dial has to say is asked for once and sent one way: what comes of it stands, be it a refusal or a loss after
// which nobody can tell what the peer has executed. Whoever keeps UDP from us, or holds it up, makes us use TCP, where what
// no secret protects is not safe from the quantum computers of later (docs/noise-tcp.md).
func Join(quic, tcp netlayer.Netlayer) netlayer.Netlayer {
	j := &joined{quic: quic, tcp: tcp, incoming: make(chan *netlayer.Incoming)}
	j.ctx, j.cancel = context.WithCancel(context.Background())
	j.accepting.Go(func() { j.forward(quic) })
	j.accepting.Go(func() { j.forward(tcp) })
	return j
}

type joined struct {
	quic, tcp netlayer.Netlayer
	incoming  chan *netlayer.Incoming
	ctx       context.Context // ends when Close begins
	cancel    context.CancelFunc
	accepting sync.WaitGroup
	past      past

	closing sync.Once
	failure error // of Close
}

// forward hands on who comes in one way.
func (j *joined) forward(n netlayer.Netlayer) {
	for {
		in, err := n.Accept(j.ctx)
		if err != nil {
			return // it is closed
		}
		select {
		case j.incoming <- in:
		case <-j.ctx.Done():
			in.Refuse(netlayer.ErrRefused)
			return
		}
	}
}

// Transport returns that of both, "hawser".
func (j *joined) Transport() string { return j.quic.Transport() }

// Location returns the designator with the hints of both.
func (j *joined) Location() sturdyref.Peer {
	p, other := j.quic.Location(), j.tcp.Location()
	hints := maps.Clone(other.Hints)
	if hints == nil {
		hints = p.Hints
	} else {
		maps.Copy(hints, p.Hints)
	}
	p.Hints = hints
	return p
}

// Accept waits for the next dialler, whichever way it comes.
func (j *joined) Accept(ctx context.Context) (*netlayer.Incoming, error) {
	select {
	case in := <-j.incoming:
		return in, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("noisetcp: accept: %w", ctx.Err())
	case <-j.ctx.Done():
		return nil, fmt.Errorf("noisetcp: the netlayer is closed: %w", net.ErrClosed)
	}
}

// NetworkUp tells those of both that want to know. What was known of UDP may be true no more.
func (j *joined) NetworkUp(ctx context.Context) {
	j.past.forget()
	var each sync.WaitGroup
	for _, n := range []netlayer.Netlayer{j.quic, j.tcp} {
		if up, ok := n.(interface{ NetworkUp(context.Context) }); ok {
			each.Go(func() { up.NetworkUp(ctx) })
		}
	}
	each.Wait()
}

// Close closes both.
func (j *joined) Close() error {
	j.closing.Do(func() {
		j.cancel()
		var errs [2]error
		var both sync.WaitGroup
		both.Go(func() { errs[0] = j.quic.Close() })
		both.Go(func() { errs[1] = j.tcp.Close() })
		both.Wait()
		j.accepting.Wait()
		j.failure = errors.Join(errs[:]...)
	})
	return j.failure
}
