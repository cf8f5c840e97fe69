package noisequic

import (
	"context"

	"github.com/quic-go/quic-go"

	"github.com/hawser-go/hawser/internal/noiselink"
)

// admitToHandshake is asked by quic-go before it does anything for a new connection.
func (n *Netlayer) admitToHandshake(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	release, err := n.node.Take(info.RemoteAddr)
	if err != nil {
		n.node.TurnedAway(info.RemoteAddr, err)
		return nil, err
	}
	context.AfterFunc(ctx, release)
	return context.WithValue(ctx, releaseKey{}, release), nil
}

// releaseKey is where a connection keeps the function that gives its share of the budget back.
type releaseKey struct{}

func (n *Netlayer) acceptLoop() {
	for {
		q, err := n.listener.Accept(context.Background())
		if err != nil {
			return // the listener is closed, and nothing is left in its queue
		}
		if !n.node.Enter() {
			q.CloseWithError(codeRefused, "")
			continue
		}
		go func() {
			defer n.node.Leave()
			n.serve(q)
		}()
	}
}

// serve takes one dialler from its stream to the decision about it.
func (n *Netlayer) serve(q *quic.Conn) {
	if release, ok := q.Context().Value(releaseKey{}).(func()); ok {
		defer release()
	}
	ctx, cancel := n.node.Within(q.Context(), noiselink.HandshakeTimeout)
	defer cancel()
	l := &link{quic: q}
	var err error
	if l.exported, err = exporter(q); err == nil {
		l.Stream, err = q.AcceptStream(ctx)
	}
	if err != nil {
		n.node.TurnedAway(q.RemoteAddr(), err)
		q.CloseWithError(codeRefused, "")
		return
	}
	n.node.Serve(ctx, l)
}
